//! What a client of SimpliSafe says. How it says so is in `plain`.

#[path = "../common/client.rs"]
mod plain;

use std::{net::SocketAddr, time::Duration};

use futures_util::SinkExt;
use plain::Socket;
pub(crate) use plain::{Answer, DEADLINE, Heard, SILENCE, eventually, try_http as http};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};
use watchpost::simulator::simplisafe::{Fault, Options, Simulator};

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

pub(crate) struct Client {
    pub(crate) ws: Socket,
}

pub(crate) async fn open(simulator: &Simulator) -> Result<Client, Error> {
    let (ws, _) = plain::upgrade(simulator.address(), "/", None).await?;
    Ok(Client { ws })
}

/// The status of a refused upgrade.
pub(crate) fn refusal(result: Result<Client, Error>) -> u16 {
    plain::refused(result).0
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
        plain::hear(&mut self.ws, patience).await
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
