//! A server as small as can be, which is as odd as is wanted.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::{Value, json};

use crate::transport::request::{RestAnswer, RestCall};
use crate::transport::{Fault, RestError};
use crate::vendors::vxg::session::telling::NO_CAMERA;

pub(super) const SECOND: i64 = 1_000_000;

/// An event that the server has.
#[derive(Debug, Clone)]
pub(super) struct Happening {
    pub(super) id: i64,
    pub(super) camera: i64,
    /// In microseconds since 1970, as all times here.
    pub(super) at: i64,
    pub(super) name: String,
    pub(super) meta: Value,
}

/// In which order rows are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    AsAsked,
    Newest,
    ById,
}

/// What becomes of the next calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    Status(u16),
    Busy(Option<u64>),
    Html,
    Timeout,
    Nulls,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) events: Vec<Happening>,
    pub(super) channels: BTreeMap<i64, (String, Option<String>)>,
    pub(super) last_id: i64,
    /// Rows of a page at most, whatever is asked for.
    pub(super) limit: usize,
    /// More than `limit` is answered with 400.
    pub(super) refuses_more: bool,
    pub(super) start_is_in: bool,
    pub(super) end_is_in: bool,
    pub(super) order: Order,
    pub(super) heeds_start: bool,
    pub(super) heeds_end: bool,
    pub(super) tells_total: bool,
    pub(super) tells_next: bool,
    pub(super) tells_date: bool,
    /// Without `camid` it answers 400.
    pub(super) wants_cameras: bool,
    /// Times have whole seconds.
    pub(super) whole_seconds: bool,
    /// By how much its clock is ahead of ours, in seconds.
    pub(super) ahead: i64,
    /// The dates of its next answers are off by so many seconds more.
    pub(super) dates: VecDeque<i64>,
    /// … and those of all the others by so many.
    pub(super) date_off: i64,
    /// Its dates never move.
    pub(super) date_stands: Option<i64>,
    /// How long it keeps events, in seconds.
    pub(super) keeps: Option<i64>,
    /// Lists that have something of this stretch in them cannot be had.
    pub(super) poison: Option<(i64, i64)>,
    /// With this status, and with a pause that it wants.
    pub(super) poisoned: (u16, Option<u64>),
    /// What is answered where it is asked whether an event is still kept.
    pub(super) hides: Option<u16>,
    pub(super) troubles: VecDeque<Trouble>,
    /// That of all calls.
    pub(super) down: Option<Trouble>,
    pub(super) channels_down: Option<Trouble>,
    /// Tokens are good from this one on.
    pub(super) tokens_from: usize,
    /// `total_count` is so much more than there is, or less.
    pub(super) overcounts: i64,
    /// `total_count` is one more with each page.
    pub(super) counts_on: bool,
    /// Whether there is another page is said so, whatever is true.
    pub(super) next_is: Option<bool>,
    /// Pages have no `meta`.
    pub(super) tells_nothing: bool,
    pages: Cell<i64>,
    /// Each list takes one event away that has been listed before, the oldest.
    pub(super) deletes: usize,
    /// What is answered to the next lists of events.
    pub(super) bodies: VecDeque<String>,
}

impl Server {
    pub(super) fn new() -> Self {
        let channel = |name: &str| (name.to_owned(), Some("active".to_owned()));
        Self {
            events: Vec::new(),
            channels: BTreeMap::from([(7, channel("Gate")), (8, channel("Yard"))]),
            last_id: 33_000_000,
            limit: 1_000,
            refuses_more: false,
            start_is_in: true,
            end_is_in: true,
            order: Order::AsAsked,
            heeds_start: true,
            heeds_end: true,
            tells_total: true,
            tells_next: true,
            tells_date: true,
            wants_cameras: false,
            whole_seconds: false,
            ahead: 0,
            dates: VecDeque::new(),
            date_off: 0,
            date_stands: None,
            keeps: None,
            poison: None,
            poisoned: (500, None),
            hides: None,
            troubles: VecDeque::new(),
            down: None,
            channels_down: None,
            tokens_from: 0,
            overcounts: 0,
            counts_on: false,
            next_is: None,
            tells_nothing: false,
            pages: Cell::default(),
            deletes: 0,
            bodies: VecDeque::new(),
        }
    }

    /// Takes an event in that happened at `at`.
    pub(super) fn accept(&mut self, at: i64, camera: i64, name: &str, meta: Value) -> i64 {
        self.last_id += 1;
        let at = if self.whole_seconds { at.div_euclid(SECOND) * SECOND } else { at };
        let (id, name) = (self.last_id, name.to_owned());
        self.events.push(Happening { id, camera, at, name, meta });
        id
    }

    fn has(&self, event: &Happening, now: i64) -> bool {
        self.keeps.is_none_or(|keeps| event.at >= now - keeps * SECOND)
    }

    /// What it lists at a moment by its own clock.
    pub(super) fn listed(&self, now: i64) -> impl Iterator<Item = &Happening> {
        self.events.iter().filter(move |event| self.has(event, now))
    }

    pub(super) fn answer(&mut self, call: &RestCall, token: usize, ours: Timestamp) -> Result<RestAnswer, RestError> {
        let now = ours.as_microsecond() + self.ahead * SECOND;
        let query: Vec<(String, String)> = call.url.query_pairs().into_owned().collect();
        let get = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
        assert!(call.url.path().ends_with('/'), "{}", call.url);
        assert!(get("token").is_none(), "the token is in the address");
        let path: Vec<_> = call.url.path().trim_matches('/').split('/').collect();
        let is_channels = path.ends_with(&["channels"]);
        let next = if is_channels { self.channels_down.clone() } else { self.troubles.pop_front() };
        let trouble = self.down.clone().or(next);
        let off = self.dates.pop_front().unwrap_or(self.date_off);
        let reply = |status: u16, body: String, retry_after: Option<u64>| {
            let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            if self.tells_date {
                let date = Timestamp::from_second(self.date_stands.unwrap_or(now).div_euclid(SECOND) + off).unwrap();
                headers.push(("Date".to_owned(), rfc2822::to_string(&date.to_zoned(jiff::tz::TimeZone::UTC)).unwrap()));
            }
            Ok(RestAnswer { status, headers, body: body.into(), retry_after: retry_after.map(Duration::from_secs) })
        };
        let refusal = |status: u16| json!({"status": status, "errorDetail": "no"}).to_string();
        match trouble {
            Some(Trouble::Timeout) => {
                return Err(RestError::Failed { at: call.shown(), fault: Fault::Timeout(Duration::from_secs(20)) });
            }
            Some(Trouble::Html) => return reply(200, "<html>".to_owned(), None),
            Some(Trouble::Nulls) => return reply(200, r#"{"meta":null,"objects":null}"#.to_owned(), None),
            Some(Trouble::Busy(after)) => return reply(429, refusal(429), after),
            Some(Trouble::Status(status)) => return reply(status, refusal(status), None),
            None => {}
        }
        if token < self.tokens_from {
            return reply(401, refusal(401), None);
        }
        let number = |name: &str| get(name).map(|text| text.parse::<usize>().unwrap());
        if self.refuses_more && number("limit").is_some_and(|limit| limit > self.limit) {
            return reply(400, json!({"status": 400, "errorDetail": "limit is too large"}).to_string(), None);
        }
        let (limit, offset) = (number("limit").unwrap_or(20).min(self.limit), number("offset").unwrap_or(0));
        if is_channels {
            let rows: Vec<Value> = self.channels.iter().map(|(id, (name, status))| {
                json!({"id": id, "name": name, "status": status, "token": "secret-1", "access_tokens": {"all": "secret-2"}, "recording": true})
            }).collect();
            return reply(200, self.page(&rows, limit, offset), None);
        }
        if let Some(status) = self.hides.filter(|_| !is_channels && get("start").is_none()) {
            return reply(status, refusal(status), None);
        }
        if let [.., "events", id] = path[..] {
            let id: i64 = id.parse().unwrap();
            return match self.listed(now).find(|event| event.id == id) {
                Some(event) => reply(200, row(event).to_string(), None),
                None => reply(404, refusal(404), None),
            };
        }
        assert!(path.ends_with(&["v2", "storage", "events"]), "{}", call.url);
        assert_eq!((get("order_by"), get("include_meta")), (Some("time"), Some("true")));
        if let Some(body) = self.bodies.pop_front() {
            return reply(200, body, None);
        }
        let cameras: Option<Vec<i64>> = get("camid").map(|ids| ids.split(',').map(|id| id.parse().unwrap()).collect());
        if self.wants_cameras && cameras.is_none() {
            return reply(400, json!({"status": 400, "errorDetail": "camid is needed"}).to_string(), None);
        }
        let micros = |text: &str| format!("{text}Z").parse::<Timestamp>().unwrap().as_microsecond();
        let start = get("start").map(micros).filter(|_| self.heeds_start);
        let end = get("end").map(micros).filter(|_| self.heeds_end);
        if self.poison.zip(start).zip(end).is_some_and(|(((from, to), start), end)| start <= to && end >= from) {
            let (status, after) = self.poisoned;
            return reply(status, refusal(status), after);
        }
        let inside = |event: &&Happening| {
            start.is_none_or(|start| event.at > start || self.start_is_in && event.at == start)
                && end.is_none_or(|end| event.at < end || self.end_is_in && event.at == end)
                && cameras.as_ref().is_none_or(|ids| ids.contains(&event.camera))
        };
        let mut rows: Vec<&Happening> = self.listed(now).filter(inside).collect();
        match self.order {
            Order::AsAsked => rows.sort_by_key(|event| (event.at, event.id)),
            Order::Newest => rows.sort_by_key(|event| std::cmp::Reverse((event.at, event.id))),
            Order::ById => rows.sort_by_key(|event| event.id),
        }
        let oldest = rows.iter().map(|event| event.id).min();
        let rows: Vec<Value> = rows.into_iter().map(row).collect();
        let body = self.page(&rows, limit, offset);
        let answer = reply(200, body, None);
        if self.deletes > 0 {
            self.deletes -= 1;
            self.events.retain(|event| Some(event.id) != oldest);
        }
        answer
    }

    fn page(&self, rows: &[Value], limit: usize, offset: usize) -> String {
        let page: Vec<_> = rows.iter().skip(offset).take(limit).collect();
        self.pages.set(self.pages.get() + 1);
        if self.tells_nothing {
            return json!({"objects": page}).to_string();
        }
        let mut meta = json!({"limit": limit, "offset": offset, "previous": null});
        if self.tells_total {
            let more = self.overcounts + if self.counts_on { self.pages.get() } else { 0 };
            meta["total_count"] = (rows.len() as i64 + more).max(0).into();
        }
        if self.tells_next {
            // Without the flags that it was asked with.
            let is_more = self.next_is.unwrap_or(offset + page.len() < rows.len());
            let next = format!("/api/v2/storage/events/?limit={limit}&offset={}", offset + limit);
            meta["next"] = if is_more { next.into() } else { Value::Null };
        }
        json!({"meta": meta, "objects": page}).to_string()
    }
}

fn row(event: &Happening) -> Value {
    let Happening { id, camera, at, name, meta, .. } = event;
    let time = Timestamp::from_microsecond(*at).unwrap().to_string();
    let camera = Some(*camera).filter(|camera| *camera != NO_CAMERA);
    json!({"id": id, "camid": camera, "name": name, "time": time.trim_end_matches('Z'), "meta": meta,
        "thumb": {"url": "https://x.example/1.jpg?token=abc"}})
}
