//! The floor: for each session one task with one socket, and nothing else.
//!
//! One thread, tokio-tungstenite with small buffers. A session opens its socket, starts, subscribes and takes its states, then waits for events
//! and pings after five seconds of silence, as the engine does; a deadline is moved and not made anew. Of an event it keeps the id, to be
//! told in the end. It has no journal, leaves out no repeats, knows no names, cannot be read by anyone else, and does not reconnect.

use std::cell::RefCell;
use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::words::{Event, Measured, MemberOrder, MemberWord, Online, Site};
use crate::words::{PATIENCE, patience, say};
use crate::{Outcome, floor, meter};

/// What is read at a time, in bytes: a quiet socket has little to say.
const READ_BUFFER: usize = 4 << 10;
/// Silence after which a session pings.
const PING_AFTER: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);
const REST: Duration = Duration::from_secs(2);

/// Obeys orders until standard input ends.
pub(super) fn run() -> Outcome<()> {
    let (sender, mut orders) = mpsc::unbounded_channel();
    thread::spawn(move || io::stdin().lock().lines().try_for_each(|line| sender.send(line)));
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        say(&MemberWord::Base { resident: meter::resident() })?;
        let table = Rc::new(RefCell::new(Table::default()));
        while let Some(line) = orders.recv().await {
            let word = match serde_json::from_str(&line?)? {
                MemberOrder::Connect(sites) => connect(sites, &table).await?,
                MemberOrder::Measure { events, length } => measure(events, length, &table).await?,
                MemberOrder::Tell => MemberWord::Taken(table.borrow().taken.clone()),
            };
            say(&word)?;
        }
        Ok(())
    })
}

/// What all sessions have come to.
#[derive(Default)]
struct Table {
    online: usize,
    states: usize,
    taken: Vec<Event>,
    /// The first thing that went wrong.
    trouble: Option<String>,
}

/// Looks until it is so.
async fn until(limit: Instant, table: &RefCell<Table>, so: impl Fn(&Table) -> bool) -> Outcome<()> {
    loop {
        {
            let table = table.borrow();
            if let Some(trouble) = &table.trouble {
                return Err(trouble.clone().into());
            }
            if so(&table) {
                return Ok(());
            }
            if Instant::now() > limit {
                return Err(format!("not in time: {} are online", table.online).into());
            }
        }
        sleep(LOOK).await;
    }
}

async fn connect(sites: Vec<Site>, table: &Rc<RefCell<Table>>) -> Outcome<MemberWord> {
    let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
    let (mut sessions, mut states) = (0, 0);
    for site in sites {
        let address: SocketAddr = site.url.strip_prefix("http://").ok_or("the floor knows only http")?.parse()?;
        let bearer: Rc<str> = format!("Bearer {}", floor::token(address)?).into();
        (sessions, states) = (sessions + site.cameras.len(), states + site.states);
        for camera in site.cameras {
            let (bearer, table) = (Rc::clone(&bearer), Rc::clone(table));
            tokio::task::spawn_local(async move {
                let ended = match Session::open(address, &bearer, &camera, &table).await {
                    Ok(session) => session.follow(&camera, &table).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = ended {
                    table.borrow_mut().trouble.get_or_insert(error.to_string());
                }
            });
        }
    }
    let limit = began + patience(sessions as u64 * 100);
    until(limit, table, |table| table.online == sessions && table.states >= states).await?;
    let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), meter::cpu_seconds()? - cpu);
    Ok(MemberWord::Online(Online { seconds, cpu_seconds, descriptors: meter::descriptors() }))
}

async fn measure(events: u64, length: Duration, table: &RefCell<Table>) -> Outcome<MemberWord> {
    sleep(REST).await;
    let (resident, before) = (meter::resident(), table.borrow().taken.len() as u64);
    let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
    say(&MemberWord::Ready)?;
    sleep(length).await;
    until(began + length + PATIENCE, table, |table| table.taken.len() as u64 >= before + events).await?;
    Ok(MemberWord::Measured(Measured {
        seconds: began.elapsed().as_secs_f64(),
        cpu_seconds: meter::cpu_seconds()? - cpu,
        resident,
        resident_after: meter::resident(),
        peak: meter::peak(),
        further_tries: 0,
        gaps: 0,
    }))
}

/// What is looked at of a message.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    events: Vec<Happened<'a>>,
}

#[derive(Deserialize)]
struct Happened<'a> {
    id: &'a str,
}

struct Session(WebSocketStream<TcpStream>);

impl Session {
    async fn open(address: SocketAddr, bearer: &str, camera: &str, table: &RefCell<Table>) -> Outcome<Self> {
        let mut request = format!("ws://{address}/api/ws/events/v1").into_client_request()?;
        request.headers_mut().insert("Authorization", bearer.parse()?);
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
        let (socket, _) = client_async_with_config(request, tcp, Some(config)).await?;
        let mut session = Self(socket);
        session.ask(json!({ "command": "startSession", "commandId": 1, "sessionId": "", "eventId": "" })).await?;
        let filter =
            json!({ "modifier": "include", "resourceTypes": ["cameras"], "sourceIds": [camera], "eventTypes": ["*"] });
        session.ask(json!({ "command": "addSubscription", "commandId": 2, "filters": [filter] })).await?;
        let states = session.ask(json!({ "command": "getState", "commandId": 3 })).await?;
        let mut table = table.borrow_mut();
        table.states += states["states"].as_array().map_or(0, Vec::len);
        table.online += 1;
        Ok(session)
    }

    async fn ask(&mut self, command: Value) -> Outcome<Value> {
        self.0.send(Message::text(command.to_string())).await?;
        while let Some(message) = self.0.next().await {
            let Message::Text(text) = message? else { continue };
            let reply: Value = serde_json::from_str(&text)?;
            if reply["commandId"] == command["commandId"] {
                let success = reply["status"].as_u64().is_some_and(|status| (200..300).contains(&status));
                return if success { Ok(reply) } else { Err(format!("{command} was refused: {reply}").into()) };
            }
        }
        Err("the connection ended before the answer".into())
    }

    /// Takes what comes, and pings where nothing does.
    async fn follow(mut self, camera: &str, table: &RefCell<Table>) -> Outcome<()> {
        let mut quiet = pin!(sleep(PING_AFTER));
        loop {
            match select(self.0.next(), quiet.as_mut()).await {
                Either::Left((Some(message), _)) => {
                    if let Message::Text(text) = message? {
                        let frame: Frame<'_> = serde_json::from_str(&text)?;
                        let camera = || camera.to_owned();
                        let events =
                            frame.events.iter().map(|event| Event { camera: camera(), id: event.id.to_owned() });
                        table.borrow_mut().taken.extend(events);
                    }
                }
                Either::Left((None, _)) => return Err("a connection has ended".into()),
                Either::Right(_) => self.0.send(Message::Ping(Vec::new().into())).await?,
            }
            quiet.as_mut().reset(tokio::time::Instant::now() + PING_AFTER);
        }
    }
}
