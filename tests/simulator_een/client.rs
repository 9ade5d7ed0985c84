//! What a client of Eagle Eye Networks says. How it says so is in `plain`.

#[path = "../common/client.rs"]
mod plain;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use futures_util::SinkExt;
use plain::Socket;
pub(crate) use plain::{Answer, DEADLINE, Heard, SILENCE, eventually, http};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};
use watchpost::simulator::een::{Fault, Options, Simulator};

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

impl Answer {
    /// The cookies that it sets.
    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        let lines = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        let pairs = lines.map(|(_, line)| line.split(';').next().unwrap().split_once('=').expect("a cookie"));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    http(address, "POST", path, &[("Content-Type", "application/json")], &body.to_string())
}

pub(crate) fn authenticate(simulator: &Simulator, user: &str, password: &str) -> Answer {
    post(simulator.address(), "/g/aaa/authenticate", &json!({ "username": user, "password": password }))
}

pub(crate) fn token(simulator: &Simulator) -> String {
    let answer = authenticate(simulator, "watchpost", "watchpost");
    assert_eq!(answer.status, 200, "{}", answer.text());
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
    assert_eq!(answer.status, 200, "{}", answer.text());
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
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json().as_array().expect("rows").clone()
    }

    /// Opens a WebSocket for an account; the error tells a refused upgrade.
    pub(crate) async fn open(&self, account: &str) -> Result<Client, Error> {
        let path = format!("/api/v2/Device/{account}/Events");
        open(self.address, &path, Some(&self.cookie())).await
    }
}

pub(crate) async fn open(address: SocketAddr, path: &str, cookie: Option<&str>) -> Result<Client, Error> {
    let header = cookie.map(|cookie| ("Cookie", cookie));
    let (ws, response) = plain::upgrade(address, path, header).await?;
    let cookie = response.headers().get("set-cookie").and_then(|value| value.to_str().ok());
    let poll_cookie = cookie.unwrap_or_default().to_owned();
    Ok(Client { ws, news: VecDeque::new(), frames: Vec::new(), failures: Vec::new(), poll_cookie })
}

/// The status of a refused upgrade.
pub(crate) fn refusal(result: Result<Client, Error>) -> u16 {
    plain::refused(result).0
}

pub(crate) struct Client {
    pub(crate) ws: Socket,
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
        plain::hear(&mut self.ws, patience).await
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
