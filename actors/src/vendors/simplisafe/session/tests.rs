//! Conversations with a small cloud, and what the lane makes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod breaks;
mod cloud;
mod first;
mod frames;
mod histories;
mod lists;
mod model;
mod polls;
mod tokens;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use self::cloud::Cloud;
use super::*;
use crate::lane::testing::StoringLane;
use crate::model::Cause;
use crate::model::Origin;
use crate::settings::{Heartbeat, Secret};
use crate::transport::request::RestCall;
use crate::transport::{Braked, Fault, RestError};
use crate::vendors::simplisafe::directory::{Catalog, Listed};
use crate::vendors::{CallId, Entries, Order};

/// The first system of the cloud, and the second.
const HOME: u64 = 11;
const CABIN: u64 = 22;

fn begin() -> Timestamp {
    "2026-06-11T10:00:00Z".parse().unwrap()
}

/// Seconds since 1970, so many after the beginning.
fn at(second: i64) -> i64 {
    begin().as_second() + second
}

fn config() -> SimpliSafeConfig {
    SimpliSafeConfig::new(Secret::from("refresh"))
}

/// A session under test, the cloud before it and the lane behind it.
struct Talk {
    session: SimpliSafeSession,
    config: SimpliSafeConfig,
    common: CommonSettings,
    cloud: Cloud,
    now: Now,
    lane: StoringLane,
    todo: VecDeque<Action>,
    /// Calls that nobody has answered yet, each with the number of its token.
    calls: VecDeque<(CallId, RestCall, usize)>,
    /// Each call that was made: when, and its path with query.
    called: Vec<(i64, String)>,
    wake: Option<Instant>,
    life: Duration,
    /// How often the session was told that it is online, asked for another token, and opened a socket.
    onlines: usize,
    tokens: Vec<bool>,
    opened: usize,
    forgot: usize,
    /// What people were told of it.
    warned: Vec<String>,
    end: Option<SessionEnd>,
    /// What was stored: id, type, origin, and the gap's words.
    stored: Vec<Stored>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    id: String,
    kind: String,
    origin: Origin,
    item: String,
    state: Option<String>,
    data: String,
}

impl Talk {
    fn new() -> Self {
        Self::with(config(), |_| ())
    }

    fn with(config: SimpliSafeConfig, change: impl FnOnce(&mut CommonSettings)) -> Self {
        let mut common = CommonSettings::new(Heartbeat::UNHURRIED);
        change(&mut common);
        Self {
            session: SimpliSafeSession::new(config.clone(), &common, Resume::default()),
            config,
            common,
            cloud: Cloud::new(),
            now: Now { instant: Instant::now(), wall: begin() },
            lane: StoringLane::new("home", "simplisafe", Order::Time),
            todo: VecDeque::new(),
            calls: VecDeque::new(),
            called: Vec::new(),
            wake: None,
            life: Duration::from_secs(3_600),
            onlines: 0,
            tokens: Vec::new(),
            opened: 0,
            forgot: 0,
            warned: Vec::new(),
            end: None,
            stored: Vec::new(),
        }
    }

    /// Online, with what the first polls tell; what came of that is forgotten.
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

    fn step(&mut self, input: Input<SimpliSafeSession>) {
        let mut todo = Todo::default();
        self.session.step(self.now, input, &mut todo);
        self.take(todo);
    }

    fn take(&mut self, todo: Todo) {
        self.todo.extend(todo.actions);
        self.store(todo.entries);
    }

    fn store(&mut self, entries: Entries) {
        let commit = self.lane.store(self.now, entries);
        self.stored.extend(commit.events.iter().map(|event| Stored {
            id: event.id.into(),
            kind: event.meaning.kind.to_string(),
            origin: event.origin,
            item: event.item.map_or(String::new(), |item| item.id.to_string()),
            state: event.meaning.state.as_ref().map(|state| format!("{}={}", state.group, state.value)),
            data: event.data.into(),
        }));
    }

    /// Does all that the session wants done, and lets the cloud answer, until nothing more is wanted.
    fn settle(&mut self) {
        loop {
            while let Some(action) = self.todo.pop_front() {
                self.act(action);
            }
            if self.cloud.hangs {
                return;
            }
            let Some((id, call, token)) = self.calls.pop_front() else { return };
            let answer = self.answer(&call, token);
            self.step(Input::Answer(id, answer));
        }
    }

    fn answer(&mut self, call: &RestCall, token: usize) -> Result<crate::transport::RestAnswer, RestError> {
        let path = path(call);
        if let Some(until) = self.cloud.blocked_until.filter(|until| *until > self.now.instant) {
            // As the engine's brake does.
            return Err(RestError::Braked(Braked { service: "SimpliSafe".to_owned(), until, at: self.now.wall }));
        }
        if let Some((most, pause)) = self.cloud.calls_most {
            let minute = self.called.iter().filter(|(second, _)| *second > self.second() - 60).count();
            self.cloud.blocked_until = (minute > most).then(|| self.now.instant + pause);
        }
        if self.cloud.unreachable {
            let fault = Fault::Timeout(Duration::from_secs(1));
            return Err(RestError::Failed { at: call.shown(), fault });
        }
        Ok(self.cloud.answer(&path, token, self.now.wall.as_second()))
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Authorize { refused } => {
                self.tokens.push(refused);
                if self.cloud.no_tokens {
                    let mut todo = Todo::default();
                    let goes_on = self.session.unauthorized(self.now, &mut todo);
                    self.take(todo);
                    if !goes_on {
                        self.end = Some(SessionEnd::retry(Cause::Login, "no token"));
                    }
                    return;
                }
                let good_until = self.now.instant + self.life;
                let grant = Grant {
                    api: "https://api.example/".parse().unwrap(),
                    socket: "wss://socket.example/".parse().unwrap(),
                    access_token: SecretString::from(format!("token-{}", self.tokens.len())),
                    user_id: 7,
                    good_until,
                    renew_at: good_until - self.life / 4,
                };
                self.step(Input::Granted(Arc::new(grant)));
            }
            Action::Prepare { .. } => {
                let listed = self.cloud.listed().map(|(sid, truth)| Listed {
                    sid: *sid,
                    is_v2: truth.version == 2,
                    cameras: Vec::new(),
                });
                let catalog = (!self.cloud.no_names).then(|| Arc::new(Catalog { systems: listed.collect() }));
                self.step(Input::Prepared(catalog));
            }
            Action::Open(request) => {
                assert!(request.headers.is_empty(), "nothing is shown to the upgrade");
                self.opened += 1;
                self.step(Input::Opened);
            }
            Action::Send(text) => self.identified(&serde_json::from_str(text.expose_secret()).unwrap()),
            Action::Call(id, call) => {
                self.called.push((self.second(), path(&call)));
                self.calls.push_back((id, call, self.tokens.len()));
            }
            Action::Wake(at) => self.wake = at,
            Action::Online => self.onlines += 1,
            Action::Forget(_) => self.forgot += 1,
            Action::Warn(what) => self.warned.push(what),
            Action::End(end) => self.end = Some(end),
            other => panic!("no session of this vendor wants {other:?}"),
        }
    }

    fn identified(&mut self, message: &Value) {
        assert_eq!(message["data"]["join"][0], "uid:7");
        let token = message["data"]["auth"]["token"].as_str().unwrap();
        if self.cloud.bad_tokens.contains(&token.to_owned()) {
            if self.cloud.is_silent {
                return;
            }
            let mut todo = Todo::default();
            let goes_on = self.session.dropped(self.now, &mut todo);
            self.take(todo);
            if !goes_on {
                self.end = Some(SessionEnd::retry(Cause::Closed, "dropped"));
            }
            return;
        }
        for kind in self.cloud.words.clone() {
            self.receive(&format!(r#"{{"id":"ts:1","type":"com.simplisafe.{kind}","data":{{"namespace":"uid:7"}}}}"#));
        }
    }

    fn receive(&mut self, text: &str) {
        self.step(Input::Message(text.into()));
    }

    /// An event comes over the socket.
    fn push(&mut self, event: &Value) {
        let id = &event["eventId"];
        let frame = serde_json::json!({
            "type": "com.simplisafe.event.standard", "id": format!("id:{id}"), "source": "messagequeue", "data": event,
        });
        self.receive(&frame.to_string());
        self.settle();
    }

    /// Something happens now in a system, and is pushed at once.
    fn happen(&mut self, sid: u64, cid: u64, more: Value) -> Value {
        let event = self.cloud.happen(sid, self.second(), cid, more);
        self.push(&event);
        event
    }

    /// Something happens of which only the history tells.
    fn miss(&mut self, sid: u64, cid: u64, more: Value) -> String {
        id(&self.cloud.happen(sid, self.second(), cid, more))
    }

    fn pass(&mut self, time: Duration) {
        self.now.wall += SignedDuration::try_from(time).unwrap();
        self.now.instant += time;
    }

    /// Time goes by, and the session is woken whenever it asked to be.
    fn wait(&mut self, seconds: u64) {
        let until = self.now.instant + Duration::from_secs(seconds);
        let mut wakes = 0;
        while let Some(at) = self.wake.filter(|at| *at <= until && self.end.is_none()) {
            self.pass(at.saturating_duration_since(self.now.instant));
            self.wake = None;
            self.step(Input::Woken);
            self.settle();
            wakes += 1;
            assert!(wakes < 20_000, "it is woken over and over");
        }
        self.pass(until.saturating_duration_since(self.now.instant));
    }

    /// The connection is lost: a fresh session goes on from what is stored, so many seconds later.
    fn lose(&mut self, seconds: u64) {
        let heard = self.session.is_caught_up().then_some(self.now.wall).or(self.session.heard);
        let resume = Resume { checkpoint: self.session.checkpoint(), heard };
        self.session = SimpliSafeSession::new(self.config.clone(), &self.common, resume);
        (self.wake, self.end) = (None, None);
        self.calls.clear();
        self.todo.clear();
        self.pass(Duration::from_secs(seconds));
    }

    fn again(&mut self, seconds: u64) {
        self.lose(seconds);
        self.start();
    }

    /// Ids and origins of what was stored, without the engine's own and without differences.
    fn told(&self) -> Vec<(&str, Origin)> {
        let events = self.stored.iter().filter(|event| matches!(event.origin, Origin::Live | Origin::Backfill));
        events.map(|event| (&*event.id, event.origin)).collect()
    }

    fn ids(&self) -> Vec<&str> {
        self.told().into_iter().map(|(id, _)| id).collect()
    }

    /// Differences that polls have told: item and state.
    fn differences(&self) -> Vec<(&str, &str)> {
        let differences = self.stored.iter().filter(|event| event.origin == Origin::Snapshot);
        differences.map(|event| (&*event.item, event.state.as_deref().unwrap())).collect()
    }

    fn gaps(&self) -> Vec<Value> {
        let gaps = self.stored.iter().filter(|event| event.kind == "gap");
        gaps.map(|event| serde_json::from_str(&event.data).unwrap()).collect()
    }

    fn value(&self, item: &str, group: &str) -> Option<String> {
        let entries = self.lane.states(Some(item));
        let mut states = entries.iter().filter_map(|entry| entry.meaning.state.as_ref());
        states.find(|state| *state.group == *group).map(|state| state.value.to_string())
    }

    fn calls_to(&self, part: &str) -> Vec<i64> {
        self.called.iter().filter(|(_, path)| path.contains(part)).map(|(second, _)| *second).collect()
    }

    /// All states, as users see them.
    fn states(&self) -> BTreeMap<(String, String), String> {
        let entries = self.lane.states(None);
        let of = entries.iter().filter_map(|entry| {
            let state = entry.meaning.state.as_ref()?;
            Some(((entry.item.id.to_string(), state.group.to_string()), state.value.to_string()))
        });
        of.collect()
    }
}

fn path(call: &RestCall) -> String {
    let query = call.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", call.url.path())
}

fn id(event: &Value) -> String {
    event["eventId"].to_string()
}

fn system(sid: u64) -> String {
    format!("systems/{sid}")
}

fn device(sid: u64, serial: &str) -> String {
    format!("systems/{sid}/devices/{serial}")
}
