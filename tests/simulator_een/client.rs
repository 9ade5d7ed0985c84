//! A plain client: HTTP by hand, WebSocket by tokio-tungstenite.

use std::{
    collections::{BTreeMap, VecDeque},
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
use watchpost::simulator::een::{Fault, Options, Simulator};

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Long enough that something would have come.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

pub(crate) fn start(options: Options) -> Simulator {
    Simulator::start(options).expect("the simulator starts")
}

pub(crate) fn with_faults(faults: &[&str]) -> Simulator {
    start(Options { faults: faults.iter().map(|fault| parse(fault)).collect(), ..quiet() })
}

/// Three sub-accounts of four cameras, and no odd rows.
pub(crate) fn quiet() -> Options {
    Options { oddities: false, ..Options::default() }
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
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The cookies that it sets.
    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        let lines = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        let pairs = lines.map(|(_, line)| line.split(';').next().unwrap().split_once('=').expect("a cookie"));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
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
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers = lines.map(|line| line.split_once(": ").expect("a header"));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    http(address, "POST", path, &[("Content-Type", "application/json")], &body.to_string())
}

pub(crate) fn authenticate(simulator: &Simulator, user: &str, password: &str) -> Answer {
    post(simulator.address(), "/g/aaa/authenticate", &json!({ "username": user, "password": password }))
}

pub(crate) fn token(simulator: &Simulator) -> String {
    let answer = authenticate(simulator, "watchpost", "watchpost");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["token"].as_str().expect("a token").to_owned()
}

pub(crate) fn authorize(simulator: &Simulator, token: &str) -> Answer {
    post(simulator.address(), "/g/aaa/authorize", &json!({ "token": token }))
}

/// A session of a client.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) address: SocketAddr,
    pub(crate) id: String,
}

/// Logs in.
pub(crate) fn log_in(simulator: &Simulator) -> Session {
    let answer = authorize(simulator, &token(simulator));
    assert_eq!(answer.status, 200, "{}", answer.body);
    Session { address: simulator.address(), id: answer.cookies()["auth_key"].clone() }
}

/// Logs in, and switches to the nth sub-account; says which that is.
pub(crate) fn inside(simulator: &Simulator, nth: usize) -> (Session, String) {
    let (session, account) = (log_in(simulator), simulator.holders()[nth].clone());
    assert_eq!(session.switch(&account).status, 200);
    (session, account)
}

impl Session {
    fn cookie(&self) -> String {
        format!("auth_key={}", self.id)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        http(self.address, "GET", path, &[("Cookie", &self.cookie())], "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("Cookie", self.cookie()), ("Content-Type", "application/json".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        http(self.address, "POST", path, &headers, &body.to_string())
    }

    pub(crate) fn switch(&self, account: &str) -> Answer {
        self.post("/g/aaa/switch_account", &json!({ "account_id": account }))
    }

    pub(crate) fn devices(&self) -> Vec<Value> {
        let answer = self.get("/g/device/list");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json().as_array().expect("rows").clone()
    }

    /// Opens a WebSocket for an account; the error tells a refused upgrade.
    pub(crate) async fn open(&self, account: &str) -> Result<Client, Error> {
        let path = format!("/api/v2/Device/{account}/Events");
        open(self.address, &path, Some(&self.cookie())).await
    }
}

pub(crate) async fn open(address: SocketAddr, path: &str, cookie: Option<&str>) -> Result<Client, Error> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let mut request = format!("ws://{address}{path}").into_client_request()?;
    if let Some(cookie) = cookie {
        request.headers_mut().insert("Cookie", cookie.parse().unwrap());
    }
    let (ws, response) = timeout(DEADLINE, client_async(request, tcp)).await.expect("an answer to the upgrade")?;
    let cookie = response.headers().get("set-cookie").and_then(|value| value.to_str().ok());
    let poll_cookie = cookie.unwrap_or_default().to_owned();
    Ok(Client { ws, news: VecDeque::new(), frames: Vec::new(), failures: Vec::new(), poll_cookie })
}

/// The status of a refused upgrade.
pub(crate) fn refusal(result: Result<Client, Error>) -> u16 {
    match result {
        Err(Error::Http(response)) => response.status().as_u16(),
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
    Ping,
    Closed(Option<CloseFrame>),
    Failed(Error),
    /// Nothing came in time.
    Silence,
}

pub(crate) struct Client {
    pub(crate) ws: WebSocketStream<TcpStream>,
    /// What was told of entities and not asked for yet.
    news: VecDeque<(String, Value)>,
    /// How many entities were in each frame.
    pub(crate) frames: Vec<usize>,
    /// Messages about no entity.
    pub(crate) failures: Vec<Value>,
    pub(crate) poll_cookie: String,
}

/// Asks for the statuses of these.
pub(crate) fn statuses_of<'a>(esns: impl IntoIterator<Item = &'a String>) -> Value {
    request(esns, &json!({ "resource": ["status"] }))
}

/// Asks for the same of all of these.
pub(crate) fn request<'a>(esns: impl IntoIterator<Item = &'a String>, wanted: &Value) -> Value {
    let cameras: serde_json::Map<String, Value> = esns.into_iter().map(|esn| (esn.clone(), wanted.clone())).collect();
    json!({ "cameras": cameras })
}

/// A camera's events of these codes.
pub(crate) fn events(codes: &[&str]) -> Value {
    json!({ "resource": ["event"], "event": codes })
}

impl Client {
    pub(crate) async fn send(&mut self, message: &Value) {
        self.say(&message.to_string()).await;
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.ws.send(Message::text(text)).await.expect("sends");
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
                Message::Close(frame) => return Heard::Closed(frame),
                Message::Ping(_) => return Heard::Ping,
                _ => {}
            }
        }
    }

    fn sort(&mut self, frame: Value) {
        match frame["data"].as_object().filter(|data| !data.is_empty()) {
            Some(data) => {
                assert_eq!(frame["status_code"], 200, "{frame}");
                self.frames.push(data.len());
                self.news.extend(data.iter().map(|(esn, told)| (esn.clone(), told.clone())));
            }
            None => self.failures.push(frame),
        }
    }

    /// What is told of an entity next.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        while self.news.is_empty() {
            match self.hear(DEADLINE).await {
                Heard::Frame(frame) => self.sort(frame),
                Heard::Garbage | Heard::Ping => {}
                other => panic!("no frame but {other:?}"),
            }
        }
        self.news.pop_front().unwrap()
    }

    /// The next message about no entity.
    pub(crate) async fn failure(&mut self) -> Value {
        while self.failures.is_empty() {
            match self.hear(DEADLINE).await {
                Heard::Frame(frame) => self.sort(frame),
                other => panic!("no frame but {other:?}"),
            }
        }
        self.failures.remove(0)
    }

    /// What is told of the next so many entities, by entity.
    pub(crate) async fn firsts(&mut self, count: usize) -> BTreeMap<String, Value> {
        let mut firsts = BTreeMap::new();
        for _ in 0..count {
            let (esn, told) = self.next().await;
            assert!(firsts.insert(esn, told).is_none(), "told twice");
        }
        firsts
    }

    /// Subscribes and takes the first answers.
    pub(crate) async fn subscribe(&mut self, request: &Value) -> BTreeMap<String, Value> {
        self.send(request).await;
        self.firsts(request["cameras"].as_object().expect("cameras").len()).await
    }

    /// Everything that was sent to this client until now: an answered message is a fence behind it.
    pub(crate) async fn all(&mut self) -> Vec<(String, Value)> {
        self.say("fence").await;
        let failure = self.failure().await;
        assert_eq!(failure["status_code"], 400, "{failure}");
        self.news.drain(..).collect()
    }

    /// Reads until the connection is no more.
    pub(crate) async fn end(&mut self) -> Heard {
        loop {
            match self.hear(DEADLINE).await {
                Heard::Frame(frame) => self.sort(frame),
                Heard::Garbage | Heard::Ping => {}
                end => return end,
            }
        }
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn is_silent(&mut self) -> bool {
        self.news.is_empty() && matches!(self.hear(SILENCE).await, Heard::Silence)
    }
}

/// The integers that a member of what was told has, in order.
pub(crate) fn numbers(told: &[(String, Value)], esn: &str, member: &str) -> Vec<u64> {
    told.iter().filter(|(known, _)| known == esn).filter_map(|(_, told)| told[member].as_u64()).collect()
}
