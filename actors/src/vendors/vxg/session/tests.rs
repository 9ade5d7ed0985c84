//! Conversations with a small server, and what the lane makes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod breaks;
mod cameras;
mod clocks;
mod lists;
mod missing;
mod model;
mod server;
mod troubles;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::server::{SECOND, Server, Trouble};
use super::*;
use crate::journal::{Journal, Loaded, Memory};
use crate::lane::Lane;
use crate::model::Origin;
use crate::names::Names;
use crate::settings::{Heartbeat, Secret};
use crate::state_map::ConnectionStates;
use crate::transport::request::RestCall;
use crate::vendors::vxg::config::Cameras;
use crate::vendors::vxg::token::Scheme;
use crate::vendors::{CallId, Entries, Forget, Order};

fn begin() -> Timestamp {
    "2026-06-11T10:00:00.25Z".parse().unwrap()
}

/// A group's token, polled every 5 s.
fn config() -> VxgConfig {
    let mut config = VxgConfig::new(Secret::from("opaque"));
    config.scheme = Some(Scheme::Si);
    config.url = Some("https://vxg.example/".parse().unwrap());
    config
}

/// A session under test, the server before it and the lane behind it.
struct Talk {
    session: VxgSession,
    config: VxgConfig,
    common: CommonSettings,
    server: Server,
    now: Now,
    lane: Lane,
    names: Names,
    journal: Memory,
    todo: VecDeque<Action>,
    calls: VecDeque<(CallId, RestCall, usize)>,
    /// Each call that was made: when, and its path with query.
    called: Vec<(i64, String)>,
    wake: Option<Instant>,
    /// Whether the session was told of refused tokens.
    tokens: Vec<bool>,
    onlines: usize,
    warned: Vec<String>,
    forgot: Vec<Forget>,
    end: Option<SessionEnd>,
    stored: Vec<Stored>,
    /// What is stored along with it.
    kept: Option<Checkpoint>,
    /// The journal takes nothing.
    refuses: bool,
    was_refused: bool,
    /// How long the server takes to answer.
    slowness: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    id: String,
    kind: String,
    name: Option<String>,
    origin: Origin,
    item: String,
    time: String,
    state: Option<String>,
    data: String,
}

impl Talk {
    fn new() -> Self {
        Self::with(config(), |_| ())
    }

    fn with(config: VxgConfig, change: impl FnOnce(&mut CommonSettings)) -> Self {
        let mut common = CommonSettings::new(Heartbeat::UNHURRIED);
        change(&mut common);
        Self {
            session: VxgSession::new(config.clone(), &common, Resume::default()),
            config,
            common,
            server: Server::new(),
            now: Now { instant: Instant::now(), wall: begin() },
            lane: lane(Loaded::default()),
            names: Names::default(),
            journal: Memory::default(),
            todo: VecDeque::new(),
            calls: VecDeque::new(),
            called: Vec::new(),
            wake: None,
            tokens: Vec::new(),
            onlines: 0,
            warned: Vec::new(),
            forgot: Vec::new(),
            end: None,
            stored: Vec::new(),
            kept: None,
            refuses: false,
            was_refused: false,
            slowness: Duration::ZERO,
        }
    }

    /// Online; what came of that is forgotten.
    fn live() -> Self {
        let mut talk = Self::new();
        talk.start();
        talk.forget();
        talk
    }

    fn start(&mut self) {
        self.step(Input::Start);
        self.settle();
    }

    fn forget(&mut self) {
        self.stored.clear();
        self.called.clear();
    }

    /// The second since the beginning.
    fn second(&self) -> i64 {
        self.now.wall.duration_since(begin()).as_secs()
    }

    /// The server's time.
    fn server_now(&self) -> i64 {
        self.now.wall.as_microsecond() + self.server.ahead * SECOND
    }

    fn step(&mut self, input: Input<VxgSession>) {
        let mut todo = Todo::default();
        self.session.step(self.now, input, &mut todo);
        self.todo.extend(todo.actions);
        self.store(todo.entries);
    }

    /// As the state tracker would: entries and checkpoint together, or neither.
    fn store(&mut self, mut entries: Entries) {
        let repeats = self.lane.admit(&mut entries);
        assert_eq!(repeats, 0, "the session itself tells everything once");
        let checkpoint = self.session.checkpoint();
        if self.refuses {
            self.was_refused |= !entries.is_empty() || checkpoint != self.kept;
            self.lane.refused();
            return;
        }
        let known = Lane::recognize(&self.names, self.now.instant, &entries).items;
        let append = self.lane.build(&mut self.names, entries, known, None);
        let states = append.states.clone();
        let commit = self.journal.append(vec![append]).remove(0).unwrap();
        self.lane.committed(&commit, &states, None);
        if checkpoint.is_some() {
            self.kept = checkpoint;
        }
        self.stored.extend(commit.events.iter().map(|event| Stored {
            id: event.id.into(),
            kind: event.meaning.kind.to_string(),
            name: event.meaning.name.as_deref().map(str::to_owned),
            origin: event.origin,
            item: event.item.map_or(String::new(), |item| item.id.to_string()),
            time: event.time.into(),
            state: event.meaning.state.as_ref().map(|state| format!("{}={}", state.group, state.value)),
            data: event.data.into(),
        }));
    }

    /// Does all that the session wants done, and lets the server answer, until nothing more is wanted.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            while let Some(action) = self.todo.pop_front() {
                self.act(action);
            }
            let Some((id, call, token)) = self.calls.pop_front() else { return };
            if self.end.is_some() {
                continue;
            }
            let answer = self.server.answer(&call, token, self.now.wall);
            self.pass(self.slowness);
            self.step(Input::Answer(id, answer));
        }
        panic!("it asks on and on: {:?}", self.called.last());
    }

    fn act(&mut self, action: Action) {
        if self.end.is_some() {
            return;
        }
        match action {
            Action::Authorize { refused } => {
                self.tokens.push(refused);
                self.step(Input::Granted(Arc::new(self.config.grant().unwrap())));
            }
            Action::Prepare { .. } => self.step(Input::Prepared(None)),
            Action::Call(id, call) => {
                let query = call.url.query().map(|query| format!("?{query}")).unwrap_or_default();
                self.called.push((self.second(), format!("{}{query}", call.url.path())));
                let events = |path: &str| path.contains("storage/events");
                let open = self.calls.iter().filter(|(_, call, _)| events(call.url.path())).count();
                assert!(open == 0 || !events(call.url.path()), "two polls at a time");
                self.calls.push_back((id, call, self.tokens.len()));
            }
            Action::Wake(at) => self.wake = at,
            Action::Online => self.onlines += 1,
            Action::Warn(what) => self.warned.push(what),
            Action::Forget(what) => self.forgot.push(what),
            Action::End(end) => self.end = Some(end),
            other => panic!("no session of this vendor wants {other:?}"),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.wall += SignedDuration::try_from(time).unwrap();
        self.now.instant += time;
    }

    /// Time goes by, and the session is woken whenever it asked to be.
    fn wait(&mut self, seconds: u64) {
        let until = self.now.instant + Duration::from_secs(seconds);
        let mut wakes = 0;
        while let Some(at) = self.wake.filter(|at| *at <= until && self.end.is_none() && !self.was_refused) {
            self.pass(at.saturating_duration_since(self.now.instant));
            self.wake = None;
            self.step(Input::Woken);
            self.settle();
            wakes += 1;
            assert!(wakes < 50_000, "it is woken over and over");
        }
        self.pass(until.saturating_duration_since(self.now.instant));
    }

    /// The process ends, and another goes on from what is stored, so many seconds later.
    fn lose(&mut self, seconds: u64) {
        let resume = Resume { checkpoint: self.kept.clone(), heard: None };
        self.session = VxgSession::new(self.config.clone(), &self.common, resume);
        (self.wake, self.end, self.refuses, self.was_refused) = (None, None, false, false);
        self.calls.clear();
        self.todo.clear();
        self.pass(Duration::from_secs(seconds));
    }

    fn again(&mut self, seconds: u64) {
        self.lose(seconds);
        self.start();
    }

    /// An event arrives that happened so many seconds ago.
    fn late(&mut self, ago: i64, camera: i64) -> i64 {
        let now = self.server_now();
        self.server.accept(now - ago * SECOND, camera, "motion", Value::Null)
    }

    fn happen(&mut self, camera: i64) -> i64 {
        self.late(0, camera)
    }

    /// Ids and origins of what was stored, without the engine's own and without states.
    fn told(&self) -> Vec<(&str, Origin)> {
        let events = self.stored.iter().filter(|event| event.kind.starts_with("vxg."));
        events.map(|event| (&*event.id, event.origin)).collect()
    }

    fn ids(&self) -> Vec<i64> {
        self.told().into_iter().map(|(id, _)| id.parse().unwrap()).collect()
    }

    /// The reason, item and length in seconds of each gap.
    fn gaps(&self) -> Vec<(String, String, i64)> {
        let gaps = self.stored.iter().filter(|event| event.kind == "gap");
        gaps.map(|event| {
            let data: Value = serde_json::from_str(&event.data).unwrap();
            let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
            let time = |name: &str| text(name).parse::<Timestamp>().unwrap();
            (text("reason"), text("item"), time("to").duration_since(time("from")).as_secs())
        })
        .collect()
    }

    fn value(&self, item: &str) -> Option<String> {
        let entries = self.lane.states.entries(Some(item));
        entries.iter().find_map(|entry| Some(entry.meaning.state.as_ref()?.value.to_string()))
    }

    fn calls_to(&self, part: &str) -> Vec<i64> {
        self.called.iter().filter(|(_, path)| path.contains(part)).map(|(second, _)| *second).collect()
    }
}

fn lane(loaded: Loaded) -> Lane {
    let name = crate::model::ids::ConnectionName::new("yard").unwrap();
    let states = Arc::new(ConnectionStates::new(name.clone(), "vxg"));
    Lane::new(name, "vxg", Order::Arrival, states, loaded)
}
