//! The floor: the least that a consumer can do with the same bytes and be of any use.
//!
//! One thread, one socket (or several of both, each socket with all that is its own), tokio-tungstenite; each frame is taken apart in place (no text is copied, the ones that are not used either), and
//! the type is put down as the state of its source and group in a map with a fast hash, of which a key is copied only the first time. No
//! names, no repeats left out, no cursor, no journal, no other reader, no reconnecting.

use std::collections::HashMap;
use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use foldhash::fast::RandomState;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::meter::Meter;
use crate::words::{MOTION, PATIENCE, States, USER, Word, patience, say};
use crate::{Outcome, Task};

/// As much as the engine reads at most at a time in a flood, in bytes.
const READ_BUFFER: usize = 256 << 10;

/// Takes a warm-up and the measured flood, and tells what it took.
pub(crate) fn run(task: &Task) -> Outcome<()> {
    let threads = task.arbiters.unwrap_or(1).min(task.connections);
    let (done, wait) = mpsc::channel();
    let threads: Vec<_> = (0..threads)
        .map(|number| {
            let (task, done) = (task.clone(), done.clone());
            let sockets = (number..task.connections).step_by(threads).count();
            thread::spawn(move || {
                let consumed = run_sockets(&task, sockets, &done);
                // Whoever waits has gone if another thread has failed.
                consumed.unwrap_or_else(|error| drop(done.send(Err(error.to_string()))));
            })
        })
        .collect();
    // The harness begins the next flood when it is told that one is counted, so no thread runs ahead.
    let all = || threads.iter().map(|_| wait.recv()?.map_err(Into::into)).collect::<Outcome<Vec<_>>>();
    all()?;
    say(&Word::Ready)?;

    all()?;
    let meter = Meter::start()?;
    say(&Word::Counted)?;

    all()?;
    let mut taken = meter.stop(task.events)?;
    say(&Word::Counted)?;

    let mut each = all()?.into_iter().flatten();
    taken.motion = each.next().unwrap_or_default();
    if !each.all(|motion| motion == taken.motion) {
        return Err("the sockets end with different states".into());
    }
    say(&Word::Taken(taken))
}

/// One thread's part: tells when its sockets are subscribed, when they have had the warm-up, and the flood; and at last the motion states of each.
fn run_sockets(task: &Task, sockets: usize, done: &mpsc::Sender<Result<Vec<States>, String>>) -> Outcome<()> {
    let local = LocalSet::new();
    local.block_on(&tokio::runtime::Builder::new_current_thread().enable_all().build()?, async {
        let mut floors = Vec::with_capacity(sockets);
        for _ in 0..sockets {
            floors.push(
                timeout(PATIENCE, Floor::subscribe(&task.url))
                    .await
                    .map_err(|_| format!("the floor has not subscribed within {PATIENCE:?}"))??,
            );
        }
        done.send(Ok(Vec::new()))?;
        let all = task.warm_up + task.events;
        for target in [task.warm_up, all] {
            floors = count_to(floors, target, patience(target * task.connections as u64)).await?;
            done.send(Ok(Vec::new()))?;
        }
        if let Some(floor) = floors.iter().find(|floor| floor.table.counted != all) {
            return Err(format!("{all} events should have come, and {} did", floor.table.counted).into());
        }
        Ok(done.send(Ok(floors.iter().map(Floor::motion).collect()))?)
    })
}

/// Lets each count on its own, so that none is looked at that has nothing to read.
async fn count_to(floors: Vec<Floor>, target: u64, limit: Duration) -> Outcome<Vec<Floor>> {
    let counting = floors.into_iter().map(|mut floor| {
        spawn_local(async move {
            let counted = floor.count_to(target, limit).await.map_err(|error| error.to_string());
            counted.map(|()| floor)
        })
    });
    let mut floors = Vec::new();
    for counted in counting.collect::<Vec<_>>() {
        floors.push(counted.await??);
    }
    Ok(floors)
}

/// Everything that an event says is taken out, as in the engine.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "id")]
    _id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "time")]
    _time: &'a str,
    #[serde(rename = "stategroupid")]
    group: Option<&'a str>,
}

/// What has come of the flood.
#[derive(Default)]
struct Table {
    counted: u64,
    /// Source, a space, group; and the type that was last.
    states: HashMap<String, String, RandomState>,
    key: String,
}

impl Table {
    fn put(&mut self, event: &Event<'_>) {
        self.counted += 1;
        let Some(group) = event.group else { return };
        self.key.clear();
        self.key.push_str(event.source);
        self.key.push(' ');
        self.key.push_str(group);
        match self.states.get_mut(&self.key) {
            Some(kind) => {
                kind.clear();
                kind.push_str(event.kind);
            }
            None => drop(self.states.insert(self.key.clone(), event.kind.to_owned())),
        }
    }
}

/// Takes a frame apart straight into the table; a list of its events in between costs about a tenth more.
struct Frame<'t>(&'t mut Table);

impl<'de> Visitor<'de> for Frame<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a frame")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<&str>()? {
            if name == "events" {
                members.next_value_seed(Events(self.0))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Events<'t>(&'t mut Table);

impl<'de> DeserializeSeed<'de> for Events<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<(), D::Error> {
        list.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(event) = events.next_element()? {
            self.0.put(&event);
        }
        Ok(())
    }
}

pub(crate) struct Floor {
    pub(crate) socket: WebSocketStream<TcpStream>,
    table: Table,
}

impl Floor {
    /// Logs in, connects, begins a session, and subscribes to everything.
    pub(crate) async fn subscribe(url: &str) -> Outcome<Self> {
        let address: SocketAddr = url.strip_prefix("http://").ok_or("the address must begin with http://")?.parse()?;
        let bearer = format!("Bearer {}", token(address)?);
        let mut request = format!("ws://{address}/api/ws/events/v1").into_client_request()?;
        request.headers_mut().insert("Authorization", bearer.parse()?);
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let (socket, _) = client_async_with_config(request, tcp, Some(config)).await?;
        let mut floor = Self { socket, table: Table::default() };
        floor.command(json!({ "command": "startSession", "commandId": 1, "sessionId": "", "eventId": "" })).await?;
        let everything =
            json!({ "modifier": "include", "resourceTypes": ["*"], "sourceIds": ["*"], "eventTypes": ["*"] });
        floor.command(json!({ "command": "addSubscription", "commandId": 2, "filters": [everything] })).await?;
        Ok(floor)
    }

    async fn command(&mut self, command: Value) -> Outcome<()> {
        self.socket.send(Message::text(command.to_string())).await?;
        while let Some(message) = self.socket.next().await {
            let Message::Text(text) = message? else { continue };
            let reply: Value = serde_json::from_str(&text)?;
            if reply["commandId"] == command["commandId"] {
                let success = reply["status"].as_u64().is_some_and(|status| (200..300).contains(&status));
                return if success { Ok(()) } else { Err(format!("{command} was refused: {reply}").into()) };
            }
        }
        Err("the connection ended before the answer".into())
    }

    async fn count_to(&mut self, target: u64, limit: Duration) -> Outcome<()> {
        // One timer for the whole, not one for each frame.
        let done = timeout(limit, self.count(target)).await;
        done.unwrap_or_else(|_| Err(format!("{} of {target} events came within {limit:?}", self.table.counted).into()))
    }

    async fn count(&mut self, target: u64) -> Outcome<()> {
        while self.table.counted < target {
            match self.socket.next().await {
                Some(message) => {
                    if let Message::Text(text) = message? {
                        self.take(&text)?;
                    }
                }
                None => {
                    return Err(format!("the connection ended after {} of {target} events", self.table.counted).into());
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, text: &str) -> Outcome<()> {
        let mut json = serde_json::Deserializer::from_str(text);
        json.deserialize_map(Frame(&mut self.table))?;
        Ok(json.end()?)
    }

    fn motion(&self) -> States {
        let states = self.table.states.iter().filter_map(|(key, kind)| {
            let (source, group) = key.split_once(' ')?;
            (group == MOTION).then(|| (source.to_owned(), kind.clone()))
        });
        states.collect()
    }
}

/// An access token, by one HTTP request on a connection of its own.
pub(crate) fn token(address: SocketAddr) -> Outcome<String> {
    let form = format!("grant_type=password&client_id=GrantValidatorClient&username={USER}&password={USER}");
    let mut socket = StdTcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    write!(
        socket,
        "POST /API/IDP/connect/token HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("the identity provider's answer is not HTTP")?;
    let body: Value = serde_json::from_str(body)?;
    Ok(body["access_token"].as_str().ok_or_else(|| format!("the login was refused: {body}"))?.to_owned())
}
