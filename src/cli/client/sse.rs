//! Streams of server-sent events (WHATWG HTML, section 9.2), and going on with them where they were cut.

use std::{collections::VecDeque, time::Duration};

use tokio::time::{Instant, sleep_until};
use watchpost::actors::{settings::mistake::shown, transport::Download};

use super::{Client, ClientError, http::Query};

/// How long a server may be silent. It sends a comment now and then, so that this is told apart from having nothing to say.
const IDLE: Duration = Duration::from_secs(60);
/// The first pause before a stream that was cut is opened again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A stream that lived for so long is opened again at once.
const LIVED: Duration = Duration::from_secs(10);
/// The largest event of a stream, in bytes.
const LARGEST: usize = 64 << 20;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Frame {
    /// What to go on behind.
    pub(super) id: Option<String>,
    /// Its kind: `message` where it has none; empty where there is no event at all.
    pub(super) event: String,
    /// What it carries.
    pub(super) data: String,
}

/// Reads the bytes of a stream.
#[derive(Debug, Default)]
struct Parser {
    /// The line that is not whole yet.
    line: Vec<u8>,
    /// The last line has ended with a carriage return, to which a line feed may belong.
    returned: bool,
    begun: bool,
    frame: Frame,
    has_data: bool,
    size: usize,
}

impl Parser {
    /// Takes bytes, and hands over the events that end with them.
    ///
    /// # Errors
    /// What is wrong: the event is too large, or no text.
    fn take(&mut self, bytes: &[u8], frames: &mut VecDeque<Frame>) -> Result<(), String> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if std::mem::take(&mut self.returned) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (line, ended) = rest.split_at(end.unwrap_or(rest.len()));
            self.line.extend_from_slice(line);
            self.size += line.len();
            if self.size > LARGEST {
                return Err(format!("an event of more than {LARGEST} bytes"));
            }
            if let Some(sign) = ended.first() {
                self.returned = *sign == b'\r';
                let line = std::mem::take(&mut self.line);
                let text = std::str::from_utf8(&line).map_err(|_| "a stream that is no UTF-8 text".to_owned())?;
                let text = if self.begun { text } else { text.strip_prefix('\u{feff}').unwrap_or(text) };
                self.begun = true;
                self.line(text, frames);
            }
            rest = ended.get(1..).unwrap_or_default();
        }
        Ok(())
    }

    fn line(&mut self, line: &str, frames: &mut VecDeque<Frame>) {
        if line.is_empty() {
            let mut frame = std::mem::take(&mut self.frame);
            self.size = 0;
            if std::mem::take(&mut self.has_data) {
                if frame.event.is_empty() {
                    frame.event.push_str("message");
                }
                frames.push_back(frame);
            } else if frame.id.is_some() {
                // It is no event, and yet what to go on behind.
                frames.push_back(Frame { id: frame.id, ..Frame::default() });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.frame.event),
            "id" if !value.contains('\0') => self.frame.id = Some(value.to_owned()),
            // Comments keep the connection alive; how long to wait we know ourselves.
            _ => {}
        }
    }
}

/// What is heard of a stream.
#[derive(Debug)]
pub(super) enum Heard {
    /// It was opened, for the first time or again.
    Opened,
    /// An event of it.
    Frame(Frame),
    /// It was cut, and is opened again after a while.
    Cut(ClientError),
}

/// A stream that is opened again wherever it is cut.
pub(super) struct Stream<'a> {
    client: &'a Client,
    path: [&'static str; 2],
    query: Query,
    /// What to go on behind.
    last: Option<String>,
    open: Option<Open>,
    frames: VecDeque<Frame>,
    /// It was open once: whoever answers otherwise now may be on the way.
    was_open: bool,
    pause: Duration,
    /// Not before this.
    paused: Option<Instant>,
}

struct Open {
    download: Download,
    parser: Parser,
    since: Instant,
}

impl<'a> Stream<'a> {
    /// One that is not open yet.
    pub(super) fn new(client: &'a Client, path: [&'static str; 2], query: Query) -> Self {
        let (open, frames, was_open) = (None, VecDeque::new(), false);
        Self { client, path, query, last: None, open, frames, was_open, pause: FIRST_PAUSE, paused: None }
    }

    /// What is to be told next. It may be dropped, and asked again.
    ///
    /// # Errors
    /// [`ClientError`] where it cannot be opened at first, or never again.
    pub(super) async fn next(&mut self) -> Result<Heard, ClientError> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                if let Some(id) = &frame.id {
                    self.last = Some(id.clone());
                }
                if frame.event.is_empty() {
                    continue;
                }
                return Ok(Heard::Frame(frame));
            }
            let Some(open) = &mut self.open else {
                match self.open().await {
                    Ok(()) => return Ok(Heard::Opened),
                    Err(error) if self.was_open && error.may_pass() => return Ok(self.cut(error)),
                    Err(error) => return Err(error),
                }
            };
            let target = self.client.target();
            let trouble = match open.download.chunk(IDLE).await {
                Ok(Some(bytes)) => match open.parser.take(&bytes, &mut self.frames) {
                    Ok(()) => continue,
                    Err(why) => ClientError::Elsewhere { at: target.shown(), why },
                },
                Ok(None) => ClientError::Lost(format!("{} has ended the stream", target.shown())),
                Err(error) => ClientError::of_call(target, error),
            };
            if open.since.elapsed() >= LIVED {
                self.pause = FIRST_PAUSE;
            }
            self.open = None;
            // What came whole before is good.
            if self.frames.is_empty() {
                return Ok(self.cut(trouble));
            }
        }
    }

    fn cut(&mut self, why: ClientError) -> Heard {
        // Half of it at random, so that those who were cut together do not come back together.
        self.paused = Some(Instant::now() + self.pause.mul_f64(rand::random_range(0.5..=1.0)));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Heard::Cut(why)
    }

    async fn open(&mut self) -> Result<(), ClientError> {
        if let Some(until) = self.paused {
            sleep_until(until).await;
            self.paused = None;
        }
        let mut headers = vec![("accept", "text/event-stream".to_owned())];
        headers.extend(self.last.clone().map(|last| ("last-event-id", last)));
        let download = self.client.open(&self.path, &self.query, &headers).await?;
        let kind = download.head().header("content-type").unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            let why = format!("content of type \"{}\" in place of a stream", shown(kind));
            return Err(ClientError::Elsewhere { at: self.client.target().shown(), why });
        }
        self.open = Some(Open { download, parser: Parser::default(), since: Instant::now() });
        self.was_open = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn read(parts: &[&[u8]]) -> Vec<Frame> {
        let (mut parser, mut frames) = (Parser::default(), VecDeque::new());
        for part in parts {
            parser.take(part, &mut frames).unwrap();
        }
        frames.into()
    }

    fn frame(id: Option<&str>, event: &str, data: &str) -> Frame {
        Frame { id: id.map(str::to_owned), event: event.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn a_stream_is_read_as_the_standard_says() {
        for (text, expected) in [
            ("data: a\n\n", vec![frame(None, "message", "a")]),
            ("id: 7\nevent: event\ndata: {}\n\n", vec![frame(Some("7"), "event", "{}")]),
            ("\u{feff}data:a\r\ndata: b\r\n\r\n", vec![frame(None, "message", "a\nb")]),
            ("data:  a\rdata\r\r", vec![frame(None, "message", " a\n")]),
            (": still here\n\n:\n\ndata: x\n\n", vec![frame(None, "message", "x")]),
            ("id: 1\nevent: present\n\ndata: x\n\n", vec![frame(Some("1"), "", ""), frame(None, "message", "x")]),
            ("data: whole\n\ndata: cut", vec![frame(None, "message", "whole")]),
            ("retry: 5\nnonsense\ndata: x\n\n", vec![frame(None, "message", "x")]),
        ] {
            assert_eq!(read(&[text.as_bytes()]), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_text_or_without_end_is_refused() {
        let mut parser = Parser::default();
        assert!(parser.take(b"data: \xff\n", &mut VecDeque::new()).unwrap_err().contains("UTF-8"));
        let (mut parser, block) = (Parser::default(), vec![b'x'; 1 << 20]);
        let mut outcome = Ok(());
        for _ in 0..=LARGEST >> 20 {
            outcome = parser.take(&block, &mut VecDeque::new());
        }
        assert!(outcome.unwrap_err().contains("more than"));
    }

    proptest! {
        #[test]
        fn wherever_the_bytes_are_cut_the_events_are_the_same(cuts in prop::collection::vec(0usize..200, 0..8)) {
            let text = "\u{feff}id: 1\r\nevent: event\r\ndata: {\"a\":\"é\"}\r\n\r\n: hush\n\nid: 2\rdata: x\rdata: y\r\rdata: z\n\n";
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&parts), read(&[bytes]));
        }
    }
}
