//! Conversations with the poll service, from the shapes of EEN's documentation, and what the lane makes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod breaks;
mod first;
mod live;
mod model;
mod refusals;
mod resellers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::*;
use crate::lane::testing::StoringLane;
use crate::model::Origin;
use crate::model::event::Meaning;
use crate::settings::{Heartbeat, Secret};
use crate::transport::OpenError;
use crate::vendors::een::accounts::User;
use crate::vendors::een::config::Accounts;
use crate::vendors::een::devices::DeviceList;
use crate::vendors::een::wire::Resource;
use crate::vendors::{Children, Entries, Entry, Kind, Noted, Order, Others, Scope, WantedChild};

/// Words, worked by hand: see the table of the status decoder.
const ONLINE: u64 = 0x16_0037;
const RECORDING: u64 = 0x1E_003F;
const OFFLINE: u64 = 0x12_0000;
const OFF: u64 = 0x10_0000;
const NO_INTERNET: u64 = 0x02_0000;
const BRIDGE: u64 = 0x12_0001;

const A: &str = "100aaaaa";
const B: &str = "100bbbbb";
const C: &str = "100ccccc";
const CAMERAS: &[(&str, &str)] = &[(A, "camera"), (B, "camera")];

fn config() -> EenConfig {
    let events = ["EMES", "EMEE", "EMEU"].map(|code| code.parse().unwrap()).to_vec();
    EenConfig { events, ..EenConfig::new("ops@example.com", Secret::from("pw")) }
}

fn grant() -> Grant {
    Grant {
        rest: "https://c001.example/".parse().unwrap(),
        socket: "wss://c001.example/".parse().unwrap(),
        auth_key: SecretString::from("c001~0f".to_owned()),
        api_key: None,
        account: "00004206".parse().unwrap(),
        user: User::read(br#"{"owner_account_id":"00004206"}"#).unwrap(),
    }
}

fn catalog(rows: &[(&str, &str)]) -> Arc<Catalog> {
    let rows: Vec<_> = rows.iter().map(|(esn, kind)| json!(["00004206", esn, esn, kind, [], "ATTD"])).collect();
    let devices = DeviceList::read(json!(rows).to_string().as_bytes()).unwrap();
    Arc::new(Catalog { devices, serial: 1 })
}

fn at(second: i64) -> Timestamp {
    let begin: Timestamp = "2026-06-11T10:00:00Z".parse().unwrap();
    begin + SignedDuration::from_secs(second)
}

/// EEN's way to write it.
fn een(second: i64) -> String {
    crate::vendors::een::wire::een_time::write(at(second))
}

fn event(second: i64, id: i64) -> Value {
    json!({"timestamp":een(second),"cameraid":A,"eventid":id})
}

fn frame(data: Value) -> String {
    json!({"status_code":200,"message":"OK","data":data}).to_string()
}

fn status(esn: &str, word: u64) -> String {
    frame(json!({esn:{"status":word}}))
}

/// One device is refused.
fn refused(esn: &str, code: i64) -> String {
    frame(json!({esn:{"error":[{"status_code":code,"message":"no"}]}}))
}

/// A session under test, the lane behind it, and what both came to.
struct Talk {
    session: EenSession,
    config: EenConfig,
    now: Now,
    lane: StoringLane,
    actions: Vec<Action>,
    /// What the session handed over, in words.
    told: Vec<String>,
    /// Every event that was stored: id, type, origin.
    stored: Vec<(String, String, Origin)>,
}

impl Talk {
    fn new(config: EenConfig) -> Self {
        Self::resumed(config, Resume::default())
    }

    fn resumed(config: EenConfig, resume: Resume) -> Self {
        let common = CommonSettings::new(Heartbeat::UNHURRIED);
        Self {
            session: EenSession::new(config.clone(), &common, resume),
            config,
            now: Now { instant: Instant::now(), wall: at(0) },
            lane: StoringLane::new("stores", "een", Order::Arrival),
            actions: Vec::new(),
            told: Vec::new(),
            stored: Vec::new(),
        }
    }

    /// An open socket of an account with these devices, from nothing.
    fn opened(devices: &[(&str, &str)]) -> Self {
        let mut talk = Self::new(config());
        talk.open(devices);
        talk
    }

    /// The same with two cameras that are online, live.
    fn live() -> Self {
        let mut talk = Self::opened(CAMERAS);
        for esn in [A, B] {
            talk.receive(status(esn, ONLINE));
        }
        assert!(talk.took_online());
        talk.forget();
        talk
    }

    /// The connection was lost, and is tried again a minute later: a fresh value from what is stored.
    fn lose(&mut self) {
        self.lose_with(self.config.clone());
    }

    fn lose_with(&mut self, config: EenConfig) {
        let resume = Resume { checkpoint: self.session.checkpoint(), heard: Some(self.now.wall) };
        let common = CommonSettings::new(Heartbeat::UNHURRIED);
        self.session = EenSession::new(config, &common, resume);
        self.pass(60);
        self.forget();
    }

    fn open(&mut self, devices: &[(&str, &str)]) {
        self.step(Input::Start);
        self.step(Input::Granted(Arc::new(grant())));
        self.step(Input::Prepared(Some(catalog(devices))));
        self.step(Input::Opened);
    }

    /// A break of a minute, and an open socket.
    fn again(&mut self, devices: &[(&str, &str)]) {
        self.lose();
        self.open(devices);
        self.told.clear();
    }

    fn pass(&mut self, seconds: i64) {
        self.now.wall += SignedDuration::from_secs(seconds);
        self.now.instant += Duration::from_secs(seconds.unsigned_abs());
    }

    /// Time goes by, and the session is woken as it asked to be.
    fn wait(&mut self, seconds: i64) {
        self.pass(seconds);
        if self.session.wake.is_some_and(|at| at <= self.now.instant) {
            self.step(Input::Woken);
        }
    }

    fn receive(&mut self, frame: impl Into<String>) {
        self.step(Input::Message(frame.into().into()));
    }

    fn step(&mut self, input: Input<EenSession>) {
        let mut todo = Todo::default();
        self.session.step(self.now, input, &mut todo);
        self.actions.append(&mut todo.actions);
        let words = |entry: &Entry| entry_in_words(&todo.entries, entry);
        self.told.extend(todo.entries.list.iter().map(words));
        self.store(todo.entries);
    }

    fn store(&mut self, entries: Entries) {
        let commit = self.lane.store(self.now, entries);
        let stored = commit.events.iter();
        self.stored.extend(stored.map(|event| (event.id.into(), event.meaning.kind.to_string(), event.origin)));
    }

    /// What has been told and stored up to now is not looked at any more.
    fn forget(&mut self) {
        self.told.clear();
        self.stored.clear();
        self.actions.clear();
    }

    /// Events without the minted ids.
    fn events(&self) -> Vec<(&str, Origin)> {
        self.stored.iter().map(|(_, kind, origin)| (kind.as_str(), *origin)).collect()
    }

    /// The states of an item: `enabled=on connection=online …`.
    fn states(&self, item: &str) -> String {
        let of =
            |meaning: &Meaning| meaning.state.as_ref().map(|state| (state.group.to_string(), state.value.to_string()));
        let entries = self.lane.states(Some(item));
        let states: BTreeMap<_, _> = entries.iter().filter_map(|entry| of(&entry.meaning)).collect();
        let states: Vec<_> = states.iter().map(|(group, value)| format!("{group}={value}")).collect();
        states.join(" ")
    }

    fn took(&mut self, fits: impl Fn(&Action) -> bool) -> bool {
        let found = self.actions.iter().position(fits);
        found.map(|index| self.actions.remove(index)).is_some()
    }

    fn took_online(&mut self) -> bool {
        self.took(|action| matches!(action, Action::Online))
    }

    fn took_listing(&mut self) -> bool {
        self.took(|action| matches!(action, Action::Prepare { anew: true, .. }))
    }

    fn took_new_login(&mut self) -> bool {
        self.took(|action| matches!(action, Action::Authorize { refused: true }))
    }

    /// What the log was told.
    fn warned(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        for action in &self.actions {
            if let Action::Warn(text) = action {
                texts.push(text.as_str());
            }
        }
        texts
    }

    /// The requests that were sent.
    fn sent(&mut self) -> Vec<Value> {
        let texts = self.actions.extract_if(.., |action| matches!(action, Action::Send(_)));
        let text = |action| {
            if let Action::Send(text) = action { serde_json::from_str(text.expose_secret()).ok() } else { None }
        };
        texts.filter_map(text).collect()
    }

    fn end(&self) -> Option<&SessionEnd> {
        self.actions.iter().find_map(|action| if let Action::End(end) = action { Some(end) } else { None })
    }

    fn end_in_words(&self) -> String {
        match self.end() {
            Some(SessionEnd::Retry { why, .. }) => format!("retry: {why}"),
            Some(SessionEnd::Halt(why)) => format!("halt: {why}"),
            None => "it goes on".to_owned(),
        }
    }

    fn children(&mut self) -> Option<Children> {
        let found = self.actions.iter().position(|action| matches!(action, Action::Children(_)))?;
        if let Action::Children(children) = self.actions.remove(found) { Some(children) } else { None }
    }

    fn remembered(&self) -> EenCheckpoint {
        EenCheckpoint::read(&self.session.checkpoint().expect("something is worth storing")).unwrap()
    }
}

fn entry_in_words(entries: &Entries, entry: &Entry) -> String {
    let words = &entries.words;
    let meaning = |noted: &Noted| match words.kinds[noted.kind as usize].told(&words.text) {
        Kind::Known(meaning) => Arc::clone(meaning),
        Kind::Named { .. } => panic!("EEN's types are known"),
    };
    let state = |noted: &Noted| {
        let meaning = meaning(noted);
        meaning.state.as_ref().map_or(String::new(), |state| format!(" {}={}", state.group, state.value))
    };
    match entry {
        Entry::Occurrence(noted) => {
            let item = noted.item.map_or("", |item| words.text.get(words.items[item as usize]));
            format!("{} {item} {}", noted.origin.as_str(), meaning(noted).kind)
        }
        Entry::Snapshot(snapshot) => {
            let Scope::Item(item) = &snapshot.scope else { panic!("each device is told by itself") };
            let states: String = snapshot.states.iter().map(state).collect();
            format!("snapshot {item}{states}")
        }
        Entry::Gap(gap) => {
            let [from, to] = [gap.from, gap.to].map(|time| time.duration_since(at(0)).as_secs());
            format!("gap {} {from}..{to}", gap.reason)
        }
        other => panic!("no session of this vendor enters {other:?}"),
    }
}
