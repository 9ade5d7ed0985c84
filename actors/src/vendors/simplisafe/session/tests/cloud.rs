//! A cloud that answers from memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::{Value, json};

use super::{CABIN, HOME, at};
use crate::transport::RestAnswer;

/// What `fromTimestamp` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Older,
    UpTo,
    AtOrAfter,
    Ignored,
}

/// A system as it is.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    pub(super) alarm: &'static str,
    pub(super) alarm_at: i64,
    pub(super) exit_delay: i64,
    pub(super) outage: bool,
    pub(super) offline: bool,
    pub(super) jammed: bool,
    pub(super) temperature: i64,
    /// Serial, type, status and flags.
    pub(super) sensors: Vec<(&'static str, u64, Value, Value)>,
    pub(super) told_at: i64,
    /// In order of time, then number.
    pub(super) history: Vec<Value>,
    pub(super) timeline: Option<i64>,
    pub(super) version: u64,
}

#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) systems: BTreeMap<u64, Truth>,
    pub(super) from: From,
    /// Rows of a page.
    pub(super) page_most: usize,
    /// Systems that no list has.
    pub(super) unlisted: Vec<u64>,
    /// By how much the `Date` of its answers is wrong.
    pub(super) date_off: i64,
    /// Lists come in another order.
    pub(super) reversed: bool,
    /// Answers to whatever has this in its path.
    pub(super) refuses: Vec<(String, u16, String)>,
    /// Tokens that sockets are hung up for.
    pub(super) bad_tokens: Vec<String>,
    /// … or not answered.
    pub(super) is_silent: bool,
    /// Calls with fewer tokens fetched than this are answered 401.
    pub(super) tokens_from: usize,
    pub(super) no_tokens: bool,
    pub(super) no_names: bool,
    /// Answers nothing.
    pub(super) hangs: bool,
    pub(super) unreachable: bool,
    /// The list of locks says this of each, whatever that of the sensors says.
    pub(super) locks_say: Option<u64>,
    /// What it says to an identify.
    pub(super) words: Vec<&'static str>,
    /// By how much its clock is ahead of ours, in seconds.
    pub(super) ahead: i64,
    /// So many calls are answered in a minute at most; then the address is blocked for this long.
    pub(super) calls_most: Option<(usize, Duration)>,
    pub(super) blocked_until: Option<Instant>,
    next: u64,
}

pub(super) fn entry(serial: &'static str, open: bool) -> (&'static str, u64, Value, Value) {
    (serial, 5, json!({"triggered": open}), json!({"offline": false, "lowBattery": false}))
}

pub(super) fn lock(serial: &'static str, state: u64) -> (&'static str, u64, Value, Value) {
    (serial, 16, json!({"lockState": state, "lockJamState": 0}), json!({"offline": false, "lowBattery": false}))
}

impl Truth {
    fn new(ahead: i64) -> Self {
        Self {
            alarm: "OFF",
            alarm_at: at(ahead - 1_000),
            exit_delay: 0,
            outage: false,
            offline: false,
            jammed: false,
            temperature: 67,
            sensors: vec![entry("d1", false), entry("d2", false)],
            told_at: at(ahead - 60),
            history: Vec::new(),
            timeline: Some(604_800),
            version: 3,
        }
    }
}

impl Cloud {
    pub(super) fn new() -> Self {
        Self::ahead(0)
    }

    pub(super) fn ahead(ahead: i64) -> Self {
        let mut cloud = Self {
            systems: [(HOME, Truth::new(ahead)), (CABIN, Truth::new(ahead))].into(),
            from: From::Older,
            page_most: 50,
            unlisted: Vec::new(),
            date_off: 0,
            reversed: false,
            refuses: Vec::new(),
            bad_tokens: Vec::new(),
            is_silent: false,
            tokens_from: 0,
            no_tokens: false,
            no_names: false,
            hangs: false,
            unreachable: false,
            locks_say: None,
            words: vec!["service.hello", "service.registered", "namespace.subscribed"],
            ahead,
            calls_most: None,
            blocked_until: None,
            next: 1_000,
        };
        for sid in [HOME, CABIN] {
            cloud.happen(sid, -3_600, 1602, json!({}));
        }
        cloud
    }

    pub(super) fn home(&mut self) -> &mut Truth {
        self.systems.get_mut(&HOME).unwrap()
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = (&u64, &Truth)> {
        self.systems.iter().filter(|(sid, _)| !self.unlisted.contains(sid))
    }

    pub(super) fn refuse(&mut self, part: &str, status: u16, body: &str) {
        self.refuses.push((part.to_owned(), status, body.to_owned()));
    }

    /// Something happens, and stands in the history.
    pub(super) fn happen(&mut self, sid: u64, second: i64, cid: u64, more: Value) -> Value {
        self.next += 1;
        let mut event = json!({
            "eventId": self.next, "eventTimestamp": at(second + self.ahead), "eventCid": cid, "zoneCid": "1", "sensorType": 0,
            "sensorSerial": "", "account": "1234abcd", "userId": 7, "sid": sid, "info": format!("event {cid}"),
            "pinName": "", "sensorName": "", "eventType": "activity", "videoStartedBy": "", "video": {},
        });
        for (member, value) in more.as_object().unwrap() {
            event[member] = value.clone();
        }
        let truth = self.systems.get_mut(&sid).unwrap();
        let order = |event: &Value| (event["eventTimestamp"].as_i64(), event["eventId"].as_u64());
        let place = truth.history.iter().rposition(|before| order(before) < order(&event)).map_or(0, |place| place + 1);
        truth.history.insert(place, event.clone());
        event
    }

    pub(super) fn answer(&self, path: &str, tokens: usize, now: i64) -> RestAnswer {
        let now = now + self.ahead;
        let refusal = self.refuses.iter().find(|(part, ..)| path.contains(&**part));
        let (status, body) = match refusal {
            Some((_, status, body)) => (*status, body.clone()),
            None if tokens < self.tokens_from => (401, r#"{"error":"Unauthorized"}"#.to_owned()),
            None if self.is_strange(path) => (404, r#"{"type":"NotFound"}"#.to_owned()),
            None => (200, self.tell(path, now).to_string()),
        };
        let date = Timestamp::from_second(now + self.date_off).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let headers = vec![("date".to_owned(), rfc2822::to_string(&date).unwrap())];
        RestAnswer { status, headers, body: body.into(), retry_after: None }
    }

    /// Whether it is about a system that the account does not have.
    fn is_strange(&self, path: &str) -> bool {
        let of = path.split_once("/subscriptions/").and_then(|(_, of)| of.split('/').next()?.parse().ok());
        of.is_some_and(|sid| !self.systems.contains_key(&sid))
    }

    fn tell(&self, path: &str, now: i64) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let truth = |sid: &str| &self.systems[&sid.parse().unwrap()];
        match *parts {
            ["v1", "users", "7", "subscriptions"] => {
                let rows: Vec<_> = self.listed().map(|(sid, truth)| subscription(*sid, truth)).collect();
                json!({ "subscriptions": rows })
            }
            ["v1", "ss3", "subscriptions", sid, "sensors"] => {
                let truth = truth(sid);
                let mut rows = sensors(truth);
                if self.reversed {
                    rows.reverse();
                }
                json!({"success": true, "sensors": rows, "lastStatusUpdate": truth.told_at})
            }
            ["v1", "ss3", "subscriptions", sid, "settings", "normal"] => {
                json!({"settings": {"normal": {"exitDelayAway": 45}}, "basestationStatus": {"rfJamming": truth(sid).jammed}})
            }
            ["v1", "doorlock", sid] => {
                let locks = sensors(truth(sid)).into_iter().filter(|row| row["type"] == 16);
                let locks = locks.map(|mut row| {
                    row["status"]["lockState"] = self.locks_say.map_or(row["status"]["lockState"].take(), Value::from);
                    row
                });
                Value::Array(locks.collect())
            }
            ["v1", "subscriptions", sid, "events"] => self.page(truth(sid), query, now),
            _ => panic!("nobody asks for {path}"),
        }
    }

    fn page(&self, truth: &Truth, query: &str, now: i64) -> Value {
        let from = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "fromTimestamp")
            .map(|(_, from)| from.parse::<i64>().unwrap());
        let kept = truth.timeline.map_or(i64::MIN, |age| now - age);
        let rows = truth.history.iter().rev().filter(|event| {
            let at = event["eventTimestamp"].as_i64().unwrap();
            at >= kept
                && from.is_none_or(|from| match self.from {
                    From::Older => at < from,
                    From::UpTo => at <= from,
                    From::AtOrAfter => at >= from,
                    From::Ignored => true,
                })
        });
        let rows: Vec<_> = rows.take(self.page_most).cloned().collect();
        json!({"numEvents": rows.len(), "lastEventTimestamp": rows.last().map(|row| &row["eventTimestamp"]), "events": rows})
    }
}

fn subscription(sid: u64, truth: &Truth) -> Value {
    json!({
        "sid": sid, "sStatus": 20, "status": {"hasBaseStation": true},
        "subscriptionFeatures": {"timeline": {"maxAge": truth.timeline}},
        "location": {"sid": sid, "street1": format!("{sid} Main Street"), "system": {
            "version": truth.version, "alarmState": truth.alarm, "alarmStateTimestamp": 0, "isAlarming": truth.alarm == "ALARM",
            "stateUpdated": truth.alarm_at, "exitDelayRemaining": truth.exit_delay, "isOffline": truth.offline,
            "powerOutage": truth.outage, "connType": "wifi", "temperature": truth.temperature, "cameras": [],
        }},
    })
}

fn sensors(truth: &Truth) -> Vec<Value> {
    let row = |(serial, kind, status, flags): &(&str, u64, Value, Value)| json!({"serial": serial, "type": kind, "name": format!("Sensor {serial}"), "status": status, "flags": flags});
    truth.sensors.iter().map(row).collect()
}
