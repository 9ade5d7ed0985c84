//! A plain client for the tests of simulators: HTTP by hand, WebSocket by tokio-tungstenite.
//!
//! It shares no code with what it tests. What a vendor's clients say is in the folder of its tests.
// Each test binary uses a part of it.
#![allow(dead_code)]

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream as StdTcpStream},
    time::{Duration, Instant},
};

use actix_rt::time::timeout;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, handshake::client::Response, protocol::CloseFrame},
};

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Long enough that something would have come.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

/// Polls until something is so.
pub(crate) async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        actix_rt::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 when the connection broke before there was one.
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) bytes: Vec<u8>,
    /// As many bytes came as the head promised.
    pub(crate) whole: bool,
    /// How the connection broke.
    pub(crate) broken: Option<io::Error>,
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
}

/// One HTTP request on a connection of its own, which must bring a text.
pub(crate) fn http(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let answer = try_http(address, method, path, headers, body);
    assert!(answer.status != 0 && answer.broken.is_none(), "no answer: {answer:?}");
    assert!(std::str::from_utf8(&answer.bytes).is_ok(), "no text: {answer:?}");
    answer
}

/// One HTTP request on a connection of its own, which may break.
pub(crate) fn try_http(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut socket = StdTcpStream::connect(address).expect("connects");
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = body.len();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let broken = socket.read_to_end(&mut answer).err();
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Answer { status: 0, headers: Vec::new(), bytes: answer, whole: false, broken };
    };
    let head = String::from_utf8(answer[..end].to_vec()).expect("text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers = lines.map(|line| line.split_once(": ").expect("a header"));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let bytes = answer.split_off(end + 4);
    let promised = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse::<usize>());
    let whole = promised.is_some_and(|promised| promised.unwrap() == bytes.len());
    Answer { status, headers, bytes, whole, broken }
}

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Opens a WebSocket; the error tells a refused upgrade.
pub(crate) async fn upgrade(
    address: SocketAddr,
    path: &str,
    header: Option<(&'static str, &str)>,
) -> Result<(Socket, Response), Error> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let mut request = format!("ws://{address}{path}").into_client_request()?;
    if let Some((name, value)) = header {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    timeout(DEADLINE, client_async(request, tcp)).await.expect("an answer to the upgrade")
}

/// The status of a refused upgrade, and its body.
pub(crate) fn refused<C>(result: Result<C, Error>) -> (u16, String) {
    match result {
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            (response.status().as_u16(), String::from_utf8_lossy(body).into_owned())
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the upgrade was accepted"),
    }
}

/// What a socket may bring.
#[derive(Debug)]
pub(crate) enum Heard {
    Frame(Value),
    /// Text that is not a JSON object.
    Garbage,
    Binary,
    Ping,
    Closed(Option<CloseFrame>),
    Failed(Error),
    /// Nothing came in time.
    Silence,
}

/// What comes next, pongs aside.
pub(crate) async fn hear(socket: &mut Socket, patience: Duration) -> Heard {
    loop {
        let message = match timeout(patience, socket.next()).await {
            Err(_) => return Heard::Silence,
            Ok(None) => return Heard::Closed(None),
            Ok(Some(Err(error))) => return Heard::Failed(error),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            Message::Text(text) => {
                let frame = serde_json::from_str::<Value>(&text).ok().filter(Value::is_object);
                return frame.map_or(Heard::Garbage, Heard::Frame);
            }
            Message::Binary(_) => return Heard::Binary,
            Message::Close(frame) => return Heard::Closed(frame),
            Message::Ping(_) => return Heard::Ping,
            Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}
