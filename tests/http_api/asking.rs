//! Requests over a socket of one's own.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// How long an answer may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn has_header_like(&self, part: &str) -> bool {
        self.head.to_ascii_lowercase().contains(part)
    }

    /// The body, where all went well.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem document, which must be whole.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}\n{}", self.head, String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.head);
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"), "{problem}");
        assert!(!problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
        problem
    }

    /// The items of a list, and where it goes on.
    pub(crate) fn list(&self) -> (Vec<Value>, Option<String>) {
        let list = self.json();
        (list["items"].as_array().unwrap().clone(), list["next"].as_str().map(str::to_owned))
    }
}

/// A socket to a server.
pub(crate) struct Caller(TcpStream);

impl Caller {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    /// Sends bytes; that the server has had enough already is no failure.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.0.write_all(bytes.as_ref());
        self
    }

    /// Reads one answer; none where the server has closed without one.
    pub(crate) fn answer(&mut self, has_body: bool) -> Option<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer for {DEADLINE:?}"),
                _ => return None,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        if has_body && status != 100 {
            let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
            answer.body = vec![0; length];
            self.0.read_exact(&mut answer.body).unwrap();
        }
        Some(answer)
    }

    /// Whether an answer, or the end, comes in this time.
    pub(crate) fn has_something_within(&self, patience: Duration) -> bool {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let something = !matches!(self.0.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
        self.0.set_read_timeout(Some(DEADLINE)).unwrap();
        something
    }

    /// What comes until the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("not closed for {DEADLINE:?}"),
            _ => rest,
        }
    }
}

/// One request as it is, on a socket of its own.
pub(crate) fn raw(address: SocketAddr, request: impl AsRef<[u8]>) -> Option<Answer> {
    Caller::to(address).send(request).answer(true)
}

/// One request with these headers beside the usual ones.
pub(crate) fn ask(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request += &format!("Host: {address}\r\n");
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    Caller::to(address).send(request + "\r\n").answer(method != "HEAD").expect("an answer")
}

pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    ask(address, "GET", target, &[])
}
