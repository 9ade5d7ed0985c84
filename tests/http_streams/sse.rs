//! A client of a stream.
//!
//! The server sends whole frames in a chunk, so a reader that goes by lines need not undo the chunks: what is between them begins like no field.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
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

impl Sse {
    pub(crate) fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, "")
    }

    pub(crate) fn resume(address: SocketAddr, path: &str, id: u64) -> Self {
        Self::open_with(address, path, &format!("last-event-id: {id:020}\r\n"))
    }

    pub(crate) fn open_with(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        ask(&mut stream, path, headers);
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "an answer: {head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, headers: head.to_ascii_lowercase(), lines, last: None }
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
