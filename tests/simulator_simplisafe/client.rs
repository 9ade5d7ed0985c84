//! A plain client: HTTP by hand, WebSocket by tokio-tungstenite.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream as StdTcpStream},
    time::{Duration, Instant},
};

use actix_rt::time::timeout;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, protocol::CloseFrame},
};
use watchpost::simulator::simplisafe::{Fault, Options, Simulator};

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Long enough that something would have come.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

pub(crate) const CLIENT_ID: &str = "42aBZ5lYrVW12jfOuu3CQROitwxg9sN5";

pub(crate) fn start(options: Options) -> Simulator {
    Simulator::start(options).expect("the simulator starts")
}

/// As usual, without a past and without delays.
pub(crate) fn quick() -> Options {
    Options {
        past: 0,
        exit_delay: Duration::from_millis(100),
        entry_delay: Duration::from_millis(100),
        lock_delay: Duration::from_millis(100),
        ..Options::default()
    }
}

pub(crate) fn with_faults(faults: &[&str]) -> Simulator {
    start(Options { faults: faults.iter().map(|fault| parse(fault)).collect(), ..quick() })
}

pub(crate) fn parse(fault: &str) -> Fault {
    fault.parse().expect("a fault")
}

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
    /// What the head promised came.
    pub(crate) whole: bool,
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

/// One HTTP request on a connection of its own.
pub(crate) fn http(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
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
    let mut piece = [0; 65_536];
    loop {
        match socket.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
        }
    }
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Answer { status: 0, headers: Vec::new(), bytes: answer, whole: false };
    };
    let head = String::from_utf8(answer[..end].to_vec()).expect("text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers = lines.map(|line| line.split_once(": ").expect("a header"));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let bytes = answer[end + 4..].to_vec();
    let promised = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse::<usize>());
    let whole = promised.is_some_and(|promised| promised.unwrap() == bytes.len());
    Answer { status, headers, bytes, whole }
}

/// A user who is logged in.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    pub(crate) uid: u64,
}

/// A request for tokens.
pub(crate) fn token(simulator: &Simulator, body: &Value) -> Answer {
    http(
        simulator.address(),
        "POST",
        "/oauth/token",
        &[("Content-Type", "application/json; charset=utf-8")],
        &body.to_string(),
    )
}

pub(crate) fn refresh(simulator: &Simulator, refresh_token: &str) -> Answer {
    token(simulator, &json!({ "grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": refresh_token }))
}

/// Logs in by the first refresh token.
pub(crate) fn log_in(simulator: &Simulator) -> Caller {
    let answer = refresh(simulator, &simulator.refresh_token());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json()["access_token"].as_str().expect("an access token").to_owned();
    Caller { address: simulator.address(), token, uid: simulator.users()[0] }
}

impl Caller {
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        http(self.address, method, path, &[("Authorization", &bearer), ("Content-Type", "application/json")], body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    pub(crate) fn fetch(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn identify(&self) -> Value {
        identify(&self.token, &format!("uid:{}", self.uid))
    }

    pub(crate) fn sensor(&self, sid: u64, serial: &str, forced: bool) -> Value {
        let sensors = self.fetch(&format!("/v1/ss3/subscriptions/{sid}/sensors?forceUpdate={forced}"));
        let rows = sensors["sensors"].as_array().expect("sensors").clone();
        rows.into_iter().find(|row| row["serial"] == serial).expect("the sensor")
    }

    /// The `system` of a subscription.
    pub(crate) fn system(&self, sid: u64) -> Value {
        self.fetch(&format!("/v1/subscriptions/{sid}/"))["subscription"]["location"]["system"].clone()
    }

    pub(crate) fn events(&self, sid: u64, query: &str) -> Value {
        self.fetch(&format!("/v1/subscriptions/{sid}/events{query}"))
    }
}

/// The ids of a page of the history.
pub(crate) fn ids(page: &Value) -> Vec<u64> {
    page["events"].as_array().expect("events").iter().map(|row| row["eventId"].as_u64().expect("an id")).collect()
}

pub(crate) fn identify(token: &str, join: &str) -> Value {
    json!({
        "datacontenttype": "application/json", "type": "com.simplisafe.connection.identify", "time": "2024-03-02T18:38:11.910Z",
        "id": "ts:1709404691910", "specversion": "1.0", "source": "a test",
        "data": { "auth": { "schema": "bearer", "token": token }, "join": [join] },
    })
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
    Failed(#[allow(dead_code, reason = "a failed test shows it")] Error),
    /// Nothing came in time.
    Silence,
}

pub(crate) struct Client {
    pub(crate) ws: WebSocketStream<TcpStream>,
}

pub(crate) async fn open(simulator: &Simulator) -> Result<Client, Error> {
    let tcp = TcpStream::connect(simulator.address()).await?;
    tcp.set_nodelay(true)?;
    let request = format!("{}/", simulator.socket_url());
    let (ws, _) = timeout(DEADLINE, client_async(request, tcp)).await.expect("an answer to the upgrade")?;
    Ok(Client { ws })
}

/// The status of a refused upgrade.
pub(crate) fn refusal(result: Result<Client, Error>) -> u16 {
    match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the upgrade was accepted"),
    }
}

/// A socket on which events come.
pub(crate) async fn subscribed(simulator: &Simulator) -> (Client, Caller) {
    let caller = log_in(simulator);
    let mut client = open(simulator).await.unwrap();
    client.send(&caller.identify()).await;
    while !client.frame().await["type"].as_str().unwrap().ends_with(".subscribed") {}
    (client, caller)
}

impl Client {
    pub(crate) async fn send(&mut self, message: &Value) {
        self.ws.send(Message::text(message.to_string())).await.expect("sends");
    }

    /// What comes next, pongs aside.
    pub(crate) async fn hear(&mut self, patience: Duration) -> Heard {
        loop {
            let message = match timeout(patience, self.ws.next()).await {
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
                _ => {}
            }
        }
    }

    pub(crate) async fn frame(&mut self) -> Value {
        match self.hear(DEADLINE).await {
            Heard::Frame(frame) => frame,
            other => panic!("no frame but {other:?}"),
        }
    }

    /// The type of the next frame.
    pub(crate) async fn kind(&mut self) -> String {
        let frame = self.frame().await;
        frame["type"].as_str().expect("a type").trim_start_matches("com.simplisafe.").to_owned()
    }

    /// The data of the next event.
    pub(crate) async fn event(&mut self) -> Value {
        let frame = self.frame().await;
        assert_eq!(frame["type"], "com.simplisafe.event.standard", "{frame}");
        frame["data"].clone()
    }

    pub(crate) async fn cid(&mut self) -> i64 {
        self.event().await["eventCid"].as_i64().expect("a code")
    }

    /// Reads until the connection is no more.
    pub(crate) async fn end(&mut self) -> Heard {
        loop {
            match self.hear(DEADLINE).await {
                Heard::Frame(_) | Heard::Garbage | Heard::Ping | Heard::Binary => {}
                end => return end,
            }
        }
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn is_silent(&mut self) -> bool {
        matches!(self.hear(SILENCE).await, Heard::Silence)
    }
}
