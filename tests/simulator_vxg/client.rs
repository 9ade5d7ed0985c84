//! A plain client: HTTP by hand.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};
use watchpost::simulator::vxg::{Fault, Options, Simulator};

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Long enough that something would have come.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

pub(crate) const EVENTS: &str = "/api/v2/storage/events/";

pub(crate) const CAMERA: i64 = 237_863;

/// No ids.
pub(crate) const NONE: [i64; 0] = [];

/// Without a past.
pub(crate) fn quick() -> Options {
    Options { past: 0, trigger_delay: Duration::from_millis(50), ..Options::default() }
}

pub(crate) fn start(options: Options) -> Simulator {
    Simulator::start(options).expect("the simulator starts")
}

pub(crate) fn with_faults(faults: &[&str]) -> Simulator {
    start(Options { faults: faults.iter().map(|fault| parse(fault)).collect(), ..quick() })
}

pub(crate) fn parse(fault: &str) -> Fault {
    fault.parse().expect("a fault")
}

/// Polls until something is so.
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// So many seconds after a fixed moment of 2026.
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000 + seconds)
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 when the connection broke before there was one.
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) bytes: Vec<u8>,
    /// What the head promised came.
    pub(crate) whole: bool,
    /// How reading ended, where it failed.
    pub(crate) error: Option<std::io::ErrorKind>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn detail(&self) -> String {
        let body = self.json();
        assert_eq!(body["status"], self.status);
        body["errorDetail"].as_str().expect("errorDetail").to_owned()
    }
}

/// One HTTP request on a connection of its own.
pub(crate) fn http(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    try_http(address, method, path, headers, body, DEADLINE)
}

pub(crate) fn try_http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
    patience: Duration,
) -> Answer {
    let mut socket = TcpStream::connect(address).expect("connects");
    socket.set_read_timeout(Some(patience)).unwrap();
    let length = body.len();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    socket.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut piece, mut error) = (Vec::new(), [0; 65_536], None);
    loop {
        match socket.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
            Err(failed) => {
                error = Some(failed.kind());
                break;
            }
        }
    }
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Answer { status: 0, headers: Vec::new(), bytes: answer, whole: false, error };
    };
    let head = String::from_utf8(answer[..end].to_vec()).expect("text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers = lines.map(|line| line.split_once(": ").expect("a header"));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let bytes = answer[end + 4..].to_vec();
    let promised = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse::<usize>());
    let whole = promised.map_or(status == 204, |promised| promised.unwrap() == bytes.len());
    Answer { status, headers, bytes, whole, error }
}

/// Somebody with a token.
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    pub(crate) authorization: String,
}

/// With the access token of the first camera.
pub(crate) fn acc(simulator: &Simulator) -> Caller {
    caller(simulator, "Acc", &simulator.token(CAMERA).unwrap())
}

/// With the group token.
pub(crate) fn group(simulator: &Simulator) -> Caller {
    caller(simulator, "SI", &simulator.group_token())
}

/// With the licence key.
pub(crate) fn licence(simulator: &Simulator) -> Caller {
    caller(simulator, "LKey", &simulator.licence_key())
}

pub(crate) fn caller(simulator: &Simulator, scheme: &str, token: &str) -> Caller {
    Caller { address: simulator.address(), authorization: format!("{scheme} {token}") }
}

impl Caller {
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("Authorization", self.authorization.as_str()), ("Content-Type", "application/json")];
        http(self.address, method, path, &headers, &body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &Value::Null)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, &body)
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Answer {
        self.ask("PUT", path, &body)
    }

    /// What is told with 200.
    pub(crate) fn fetch(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn events(&self, query: &str) -> Value {
        self.fetch(&format!("{EVENTS}?{query}"))
    }

    pub(crate) fn ids(&self, query: &str) -> Vec<i64> {
        ids(&self.events(query))
    }

    pub(crate) fn create(&self, name: &str, time: &str) -> Answer {
        self.post(EVENTS, json!({ "camid": CAMERA, "name": name, "time": time }))
    }
}

pub(crate) fn ids(page: &Value) -> Vec<i64> {
    page["objects"].as_array().expect("objects").iter().map(|row| row["id"].as_i64().expect("an id")).collect()
}
