//! A plain client: HTTP by hand, WebSocket by tokio-tungstenite.

use std::{
    collections::VecDeque,
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
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};
use watchpost::simulator::milestone::{Fault, Options, Simulator};

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) fn start(options: Options) -> Simulator {
    Simulator::start(options).expect("the simulator starts")
}

pub(crate) fn with_faults(faults: &[&str]) -> Simulator {
    start(Options { faults: faults.iter().map(|fault| parse(fault)).collect(), ..Options::default() })
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
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// One HTTP request on a connection of its own.
pub(crate) fn http(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut socket = StdTcpStream::connect(address).expect("connects");
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, body: body.to_owned() }
}

pub(crate) fn get(simulator: &Simulator, path: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    http(simulator.address(), "GET", path, &[("Authorization", &bearer)], "")
}

pub(crate) fn log_in(simulator: &Simulator, path: &str, user: &str, password: &str) -> Answer {
    let form = format!("grant_type=password&client_id=GrantValidatorClient&username={user}&password={password}");
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    http(simulator.address(), "POST", path, &headers, &form)
}

pub(crate) fn token(simulator: &Simulator) -> String {
    let answer = log_in(simulator, "/API/IDP/connect/token", "watchpost", "watchpost");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

/// What a socket may bring.
#[derive(Debug)]
pub(crate) enum Heard {
    Frame(Value),
    /// Text that is not JSON.
    Garbage,
    Closed(Option<CloseFrame>),
    Failed(Error),
    /// Nothing came in time.
    Silence,
}

pub(crate) struct Client {
    pub(crate) ws: WebSocketStream<TcpStream>,
    next_id: u64,
    /// Events that came and were not asked for yet.
    pub(crate) events: VecDeque<Value>,
    /// Sizes of the event frames that came, and frames of no known kind.
    pub(crate) frames: Vec<usize>,
    pub(crate) unknown: Vec<Value>,
}

/// Opens a WebSocket; the error tells a refused upgrade.
pub(crate) async fn open(simulator: &Simulator, path: &str, token: Option<&str>) -> Result<Client, Error> {
    let tcp = TcpStream::connect(simulator.address()).await?;
    tcp.set_nodelay(true)?;
    let mut request = format!("ws://{}{path}", simulator.address()).into_client_request()?;
    if let Some(token) = token {
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("Authorization", bearer);
    }
    let (ws, _) = timeout(DEADLINE, client_async(request, tcp)).await.expect("an answer to the upgrade")?;
    Ok(Client { ws, next_id: 1, events: VecDeque::new(), frames: Vec::new(), unknown: Vec::new() })
}

/// Logs in and opens a WebSocket.
pub(crate) async fn connect(simulator: &Simulator) -> Client {
    let token = token(simulator);
    open(simulator, "/api/ws/events/v1", Some(&token)).await.expect("the upgrade")
}

/// Connects, starts a session, and subscribes to everything.
pub(crate) async fn subscribed(simulator: &Simulator) -> (Client, String) {
    let mut client = connect(simulator).await;
    let session = client.start_session("", "").await;
    assert_eq!(session["status"], 201, "{session}");
    let reply = client.subscribe(everything()).await;
    assert_eq!(reply["status"], 200, "{reply}");
    let id = session["sessionId"].as_str().expect("a session id").to_owned();
    (client, id)
}

/// The status of a refused upgrade, and its body.
pub(crate) fn refusal(result: Result<Client, Error>) -> (u16, String) {
    match result {
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            (response.status().as_u16(), String::from_utf8_lossy(body).into_owned())
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the upgrade was accepted"),
    }
}

pub(crate) fn filter(modifier: &str, resource: &str, source: &str, event_type: &str) -> Value {
    json!({"modifier": modifier, "resourceTypes": [resource], "sourceIds": [source], "eventTypes": [event_type]})
}

pub(crate) fn everything() -> Value {
    json!([filter("include", "*", "*", "*")])
}

pub(crate) fn id_of(event: &Value) -> String {
    event["id"].as_str().expect("an id").to_owned()
}

impl Client {
    pub(crate) async fn send(&mut self, command: &str, members: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let mut message = json!({ "command": command, "commandId": id });
        message.as_object_mut().unwrap().extend(members.as_object().cloned().unwrap_or_default());
        self.ws.send(Message::text(message.to_string())).await.expect("sends");
        id
    }

    /// What comes next, pings and pongs aside.
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
                    return serde_json::from_str(&text).map_or(Heard::Garbage, Heard::Frame);
                }
                Message::Close(frame) => return Heard::Closed(frame),
                _ => {}
            }
        }
    }

    /// The next JSON frame; events are put by as well.
    pub(crate) async fn frame(&mut self) -> Value {
        let frame = match self.hear(DEADLINE).await {
            Heard::Frame(frame) => frame,
            other => panic!("no frame but {other:?}"),
        };
        if let Some(events) = frame.get("events").and_then(Value::as_array) {
            self.frames.push(events.len());
            self.events.extend(events.iter().cloned());
        } else if frame.get("commandId").is_none() {
            self.unknown.push(frame.clone());
        }
        frame
    }

    pub(crate) async fn reply(&mut self) -> Value {
        loop {
            let frame = self.frame().await;
            if frame.get("commandId").is_some() {
                return frame;
            }
        }
    }

    pub(crate) async fn call(&mut self, command: &str, members: Value) -> Value {
        let id = self.send(command, members).await;
        let reply = self.reply().await;
        assert_eq!(reply["commandId"], id, "{reply}");
        reply
    }

    pub(crate) async fn start_session(&mut self, session: &str, event: &str) -> Value {
        self.call("startSession", json!({ "sessionId": session, "eventId": event })).await
    }

    pub(crate) async fn subscribe(&mut self, filters: Value) -> Value {
        self.call("addSubscription", json!({ "filters": filters })).await
    }

    pub(crate) async fn state(&mut self) -> Vec<Value> {
        let reply = self.call("getState", json!({})).await;
        assert_eq!(reply["status"], 200, "{reply}");
        reply["states"].as_array().expect("states").clone()
    }

    /// The next `count` events.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<Value> {
        while self.events.len() < count {
            self.frame().await;
        }
        self.events.drain(..count).collect()
    }

    /// Everything that was sent to this client until now: an answered command is a fence behind it.
    pub(crate) async fn all_events(&mut self) -> Vec<Value> {
        self.call("removeSubscription", json!({ "subscriptionId": "none" })).await;
        self.events.drain(..).collect()
    }

    /// Reads until the connection is no more.
    pub(crate) async fn end(&mut self) -> Heard {
        loop {
            match self.hear(DEADLINE).await {
                Heard::Frame(frame) => {
                    let events = frame.get("events").and_then(Value::as_array).cloned();
                    self.events.extend(events.unwrap_or_default());
                }
                Heard::Garbage => {}
                end => return end,
            }
        }
    }
}
