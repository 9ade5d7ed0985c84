//! A client of a stream.
//!
//! The server sends whole frames in a chunk, so a reader that goes by lines need not undo the chunks: what is between them begins like no field.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Instant,
};

use serde_json::Value;

use crate::common::{DEADLINE, SECOND};

/// What came in one piece.
#[derive(Debug, Default, Clone)]
pub(crate) struct Frame {
    pub(crate) id: Option<u64>,
    pub(crate) event: Option<String>,
    pub(crate) data: Value,
}

impl Frame {
    pub(crate) fn is(&self, event: &str) -> bool {
        self.event.as_deref() == Some(event)
    }
}

pub(crate) struct Sse {
    pub(crate) status: u16,
    pub(crate) headers: String,
    lines: BufReader<TcpStream>,
    /// The last id that came, as a browser keeps it.
    pub(crate) last: Option<u64>,
}

/// Asks, and reads nothing.
pub(crate) fn ask(stream: &mut TcpStream, path: &str, headers: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").as_bytes()).unwrap();
}

/// What is answered to who asks for the head alone.
pub(crate) fn head(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(10 * SECOND)).unwrap();
    let request = format!("HEAD {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    answer
}

impl Sse {
    pub(crate) fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, "")
    }

    pub(crate) fn resume(address: SocketAddr, path: &str, id: u64) -> Self {
        Self::open_with(address, path, &format!("last-event-id: {id:020}\r\n"))
    }

    pub(crate) fn open_with(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        ask(&mut stream, path, headers);
        Self::of(stream)
    }

    /// What comes over a connection by which it was asked for.
    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "an answer: {head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, headers: head.to_ascii_lowercase(), lines, last: None }
    }

    /// Closes the sending side.
    pub(crate) fn send_no_more(&self) {
        self.lines.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    /// What is left of an answer that is no stream.
    pub(crate) fn body(mut self) -> String {
        let length = self.headers.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        self.lines.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }

    /// The next frame that is an event or moves the id; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let (mut frame, mut any) = (Frame::default(), false);
        let until = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < until, "nothing but heartbeats for {DEADLINE:?}");
            let mut line = String::new();
            match self.lines.read_line(&mut line) {
                Ok(0) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                read => read.unwrap(),
            };
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => {
                    assert_eq!(id.len(), 20, "as the event has it");
                    frame.id = Some(id.parse().unwrap());
                    self.last = frame.id;
                    any = true;
                }
                Some(("event", event)) => {
                    frame.event = Some(event.to_owned());
                    any = true;
                }
                Some(("data", data)) => frame.data = serde_json::from_str(data).unwrap(),
                _ if line == "\n" && any => return Some(frame),
                _ => {}
            }
        }
    }

    /// Waits for a heartbeat; whatever comes before it is passed over.
    #[track_caller]
    pub(crate) fn heartbeat(&mut self) {
        let until = Instant::now() + DEADLINE;
        let mut line = String::new();
        while line != ":\n" {
            assert!(Instant::now() < until, "no heartbeat for {DEADLINE:?}");
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the stream goes on");
        }
    }

    /// The next event of a kind.
    #[track_caller]
    pub(crate) fn event(&mut self, kind: &str) -> Frame {
        let until = Instant::now() + DEADLINE;
        loop {
            let frame = self.next().expect("the stream goes on");
            if frame.is(kind) {
                return frame;
            }
            assert!(Instant::now() < until, "in vain for {DEADLINE:?}: {kind}");
        }
    }

    /// Reads to the end, which must come soon.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Vec<Frame> {
        let begun = Instant::now();
        let frames = std::iter::from_fn(|| self.next()).collect();
        assert!(begun.elapsed() < 5 * SECOND, "the end came after {:?}", begun.elapsed());
        frames
    }
}
