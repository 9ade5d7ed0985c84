//! What a client of the Events and State API says. How it says so is in `plain`.

#[path = "../common/client.rs"]
mod plain;

use std::{collections::VecDeque, time::Duration};

use futures_util::SinkExt;
use plain::Socket;
pub(crate) use plain::{Answer, DEADLINE, Heard, SILENCE, eventually, http, refused as refusal, try_http};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};
use watchpost::simulator::milestone::{Fault, Options, Simulator};

pub(crate) fn start(options: Options) -> Simulator {
    Simulator::start(options).expect("the simulator starts")
}

pub(crate) fn with_faults(faults: &[&str]) -> Simulator {
    start(Options { faults: faults.iter().map(|fault| parse(fault)).collect(), ..Options::default() })
}

pub(crate) fn parse(fault: &str) -> Fault {
    fault.parse().expect("a fault")
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
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

pub(crate) struct Client {
    pub(crate) ws: Socket,
    next_id: u64,
    /// Events that came and were not asked for yet.
    pub(crate) events: VecDeque<Value>,
    /// Sizes of the event frames that came, and frames of no known kind.
    pub(crate) frames: Vec<usize>,
    pub(crate) unknown: Vec<Value>,
}

/// Opens a WebSocket; the error tells a refused upgrade.
pub(crate) async fn open(simulator: &Simulator, path: &str, token: Option<&str>) -> Result<Client, Error> {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let header = bearer.as_deref().map(|bearer| ("Authorization", bearer));
    let (ws, _) = plain::upgrade(simulator.address(), path, header).await?;
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
            match plain::hear(&mut self.ws, patience).await {
                Heard::Ping | Heard::Binary => {}
                heard => return heard,
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
