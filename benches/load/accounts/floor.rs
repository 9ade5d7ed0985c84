//! The floor: for each account one task with one socket, and a map of status words.
//!
//! One thread, tokio-tungstenite with small buffers. A task logs in, switches to its account, lists the devices, opens the socket and subscribes to
//! their statuses, then puts what comes into the map and pings after twenty seconds of silence, as the engine does. When the socket breaks it opens
//! another with the same login at once. It has no journal and no states, tells nobody of anything, remembers no names, and lists devices once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
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
use tokio::sync::{Semaphore, mpsc};
use tokio::task::LocalSet;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::http::Http;
use super::milliseconds;
use super::words::{Cloud, Measured, MemberOrder, MemberWord, Online};
use crate::words::{PATIENCE, USER, patience, say};
use crate::{Outcome, meter};

/// What is read at a time, in bytes: a quiet socket has little to say.
const READ_BUFFER: usize = 4 << 10;
/// Silence after which a socket is pinged.
const PING_AFTER: Duration = Duration::from_secs(20);
/// Logins under way at a time; a server has no room for thousands that wait.
const LOGINS: usize = 64;
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
                MemberOrder::Connect(cloud) => connect(cloud, &table).await?,
                MemberOrder::Measure { changes, length } => measure(changes, length, &table).await?,
                MemberOrder::Recover { lost } => recover(lost, &table).await?,
                MemberOrder::Tell => MemberWord::Known(table.borrow().known()),
            };
            say(&word)?;
        }
        Ok(())
    })
}

/// What all accounts have come to.
#[derive(Default)]
struct Table {
    accounts: usize,
    online: usize,
    /// Sockets that broke.
    lost: usize,
    /// Device to status word.
    words: HashMap<u32, u32>,
    /// Words that were not those before.
    changes: u64,
    /// The first thing that went wrong.
    trouble: Option<String>,
}

impl Table {
    fn put(&mut self, device: u32, word: u32) {
        let before = self.words.insert(device, word);
        self.changes += u64::from(before.is_some_and(|before| before != word));
    }

    fn known(&self) -> super::words::Known {
        self.words.iter().map(|(device, word)| (format!("{device:08x}"), word.to_string())).collect()
    }
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

async fn connect(cloud: Cloud, table: &Rc<RefCell<Table>>) -> Outcome<MemberWord> {
    let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
    let address: SocketAddr = cloud.url.strip_prefix("http://").ok_or("the floor knows only http")?.parse()?;
    let (turns, count) = (Rc::new(Semaphore::new(LOGINS)), cloud.accounts.len());
    table.borrow_mut().accounts = count;
    for account in cloud.accounts {
        let (turns, table) = (Rc::clone(&turns), Rc::clone(table));
        tokio::task::spawn_local(async move {
            if let Err(error) = follow(address, &account, &turns, &table).await {
                table.borrow_mut().trouble.get_or_insert(format!("{account}: {error}"));
            }
        });
    }
    until(began + patience(count as u64 * 100), table, |table| table.online == count).await?;
    let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), meter::cpu_seconds()? - cpu);
    Ok(MemberWord::Online(Online { seconds, cpu_seconds, descriptors: meter::descriptors() }))
}

async fn measure(changes: u64, length: Duration, table: &RefCell<Table>) -> Outcome<MemberWord> {
    sleep(REST).await;
    let (resident, before) = (meter::resident(), table.borrow().changes);
    let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
    say(&MemberWord::Ready)?;
    sleep(length).await;
    until(began + length + PATIENCE, table, |table| table.changes >= before + changes).await?;
    Ok(MemberWord::Measured(Measured {
        cpu_seconds: meter::cpu_seconds()? - cpu,
        seconds: began.elapsed().as_secs_f64(),
        changes: table.borrow().changes - before,
        resident,
        resident_after: meter::resident(),
        peak: meter::peak(),
        gaps: table.borrow().lost as u64,
    }))
}

async fn recover(lost: usize, table: &RefCell<Table>) -> Outcome<MemberWord> {
    let back = |table: &Table| table.lost >= lost && table.online == table.accounts;
    until(Instant::now() + PATIENCE, table, back).await?;
    Ok(MemberWord::Back { at: milliseconds(), gaps: table.borrow().lost as u64 })
}

/// Follows an account for ever.
async fn follow(address: SocketAddr, account: &str, turns: &Semaphore, table: &RefCell<Table>) -> Outcome<()> {
    let turn = turns.acquire().await?;
    let (cookie, devices) = login(address, account).await?;
    let mut first = Some(turn);
    loop {
        let mut socket = open(address, account, &cookie).await?;
        let wanted: serde_json::Map<_, _> =
            devices.iter().map(|device| (device.clone(), json!({ "resource": ["status"] }))).collect();
        socket.send(Message::text(json!({ "cameras": wanted }).to_string())).await?;
        drop(wanted);
        first.take();
        let mut awaited = devices.iter().map(|device| number(device)).collect::<Outcome<HashSet<u32>>>()?;
        take(&mut socket, &mut awaited, table).await?;
        let mut table = table.borrow_mut();
        table.lost += 1;
        table.online -= usize::from(awaited.is_empty());
    }
}

/// A session's cookie, and the devices of the account.
async fn login(address: SocketAddr, account: &str) -> Outcome<(String, Vec<String>)> {
    let mut http = Http::open(address).await?;
    let name = json!({ "username": USER, "password": USER }).to_string();
    let token: Value = serde_json::from_slice(&http.ask("POST", "/g/aaa/authenticate", &name).await?)?;
    http.ask("POST", "/g/aaa/authorize", &json!({ "token": token["token"] }).to_string()).await?;
    http.ask("POST", "/g/aaa/switch_account", &json!({ "account_id": account }).to_string()).await?;
    let rows: Vec<Value> = serde_json::from_slice(&http.ask("GET", "/g/device/list", "").await?)?;
    let devices = rows.iter().filter_map(|row| row[1].as_str().map(str::to_owned)).collect();
    Ok((http.cookie.ok_or("the login gave no cookie")?, devices))
}

async fn open(address: SocketAddr, account: &str, cookie: &str) -> Outcome<WebSocketStream<TcpStream>> {
    let mut request = format!("ws://{address}/api/v2/Device/{account}/Events").into_client_request()?;
    request.headers_mut().insert("Cookie", cookie.parse()?);
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
    Ok(client_async_with_config(request, tcp, Some(config)).await?.0)
}

fn number(device: &str) -> Outcome<u32> {
    Ok(u32::from_str_radix(device, 16)?)
}

/// What is looked at of a frame.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    data: HashMap<&'a str, Answer>,
}

#[derive(Deserialize)]
struct Answer {
    status: u32,
}

/// Takes what comes until the socket breaks, and pings where nothing does.
async fn take(
    socket: &mut WebSocketStream<TcpStream>,
    awaited: &mut HashSet<u32>,
    table: &RefCell<Table>,
) -> Outcome<()> {
    let mut quiet = pin!(sleep(PING_AFTER));
    loop {
        match select(socket.next(), quiet.as_mut()).await {
            Either::Left((Some(Ok(Message::Text(text))), _)) => {
                let frame: Frame<'_> = serde_json::from_str(&text)?;
                let mut table = table.borrow_mut();
                for (device, Answer { status }) in frame.data {
                    let device = number(device)?;
                    table.put(device, status);
                    if awaited.remove(&device) && awaited.is_empty() {
                        *awaited = HashSet::new();
                        table.online += 1;
                    }
                }
            }
            Either::Left((Some(Ok(_)), _)) => {}
            Either::Left((None | Some(Err(Error::Io(_) | Error::Protocol(_))), _)) => return Ok(()),
            Either::Left((Some(Err(error)), _)) => return Err(error.into()),
            Either::Right(_) => socket.send(Message::Ping(Vec::new().into())).await?,
        }
        quiet.as_mut().reset(tokio::time::Instant::now() + PING_AFTER);
    }
}
