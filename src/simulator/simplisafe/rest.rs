//! What the API answers to a user.

use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use super::{
    answer::{Answer, Body},
    codes::Bolt,
    faults::FaultKind,
    gateway::{Asked, Endpoint},
    hub::Core,
    ledger::Shown,
    stamp,
    world::{COMPLAINS, KNOWN_BY, Part, Place, Record, kind},
};

/// The most events in a page (a capture of a live account, 2026).
const PAGE: usize = 50;

impl Core {
    /// What is not about one system.
    pub(super) fn of_user(&mut self, endpoint: &Endpoint, asked: &Asked, user: Place) -> Answer {
        let uid = self.world.users[user].uid;
        match endpoint {
            Endpoint::AuthCheck => {
                let mut body = json!({ "userId": uid, "isAdmin": false });
                self.add_unknown(&mut body);
                Answer::json(200, body)
            }
            Endpoint::Subscriptions(of) if *of == uid => Answer::json(200, self.subscriptions(user)),
            Endpoint::Media(kind, clip) => self.media(*kind, *clip, asked),
            _ => Answer::failure(404),
        }
    }

    /// What is about a system of the user.
    pub(super) fn of_system(&mut self, endpoint: &Endpoint, asked: &Asked, place: Place) -> Answer {
        match endpoint {
            Endpoint::Subscription(_) => {
                Answer::json(200, json!({ "subscription": self.subscription(&self.world.systems[place]) }))
            }
            Endpoint::Sensors(_) => {
                self.disturb(place);
                let forced = asked.query("forceUpdate") == Some("true");
                Answer::json(200, self.sensors(place, forced))
            }
            Endpoint::Settings(_) => {
                self.disturb(place);
                Answer::json(200, self.settings(place))
            }
            // What is set is not kept; the answer is that to a question.
            Endpoint::SetSettings(_) | Endpoint::Pins(_) => Answer::json(200, self.settings(place)),
            Endpoint::Events(_) => self.page(asked, place),
            Endpoint::State(_, state) => self.set_state(place, state),
            Endpoint::Locks(_) => {
                self.disturb(place);
                Answer::json(200, self.locks(place))
            }
            Endpoint::Lock(_, serial) => self.set_lock(asked, place, serial),
            Endpoint::Messages(_) => Answer::json(200, json!({ "success": true })),
            _ => Answer::failure(404),
        }
    }

    /// A base station that is asked for its devices right after it was armed or disarmed takes a lock for broken, and says so aloud.
    fn disturb(&mut self, place: Place) {
        let system = &self.world.systems[place];
        let Some(armed) = system.armed_at.filter(|_| system.has_locks()) else { return };
        if armed.elapsed() < COMPLAINS {
            self.counters.complaints += 1;
            self.counters.avoidable_complaints += u64::from(armed.elapsed() >= KNOWN_BY);
        }
    }

    /// A page of the history, newest first.
    fn page(&mut self, asked: &Asked, place: Place) -> Answer {
        let count = match asked.query("numEvents").map(str::parse) {
            None => PAGE,
            Some(Ok(count @ 1..=PAGE)) => count,
            Some(_) => return Answer::invalid("numEvents"),
        };
        let from: Option<i64> = match asked.query("fromTimestamp").map(str::parse) {
            None => None,
            Some(Ok(from)) => Some(from),
            Some(Err(_)) => return Answer::invalid("fromTimestamp"),
        };
        let from = from.filter(|_| !self.switches.on(FaultKind::FromIgnored));
        let (older, up_to) = (self.switches.on(FaultKind::FromOlder), self.switches.on(FaultKind::FromUpTo));
        let meant = |record: &Record| match from {
            None => true,
            Some(from) if older => record.time < from,
            Some(from) if up_to => record.time <= from,
            Some(from) => record.time >= from,
        };
        let (now, oldest) = (Instant::now(), self.oldest());
        let shown = Shown { at: SystemTime::now(), socket: None };
        let mut rows: Vec<Value> = Vec::new();
        let (mut first, mut last) = (0, 0);
        for record in self.world.systems[place].history.iter_mut().rev() {
            if rows.len() >= count || record.time < oldest {
                break;
            }
            if record.told_from.is_none_or(|from| from > now) || !meant(record) {
                continue;
            }
            record.shown.push(shown.clone());
            if rows.is_empty() {
                first = record.time;
            }
            last = record.time;
            rows.push(record.row.clone());
        }
        for row in &mut rows {
            self.add_unknown(row);
        }
        let told = if self.switches.on(FaultKind::LastIsNewest) { first } else { last };
        let mut body = json!({ "numEvents": rows.len(), "events": rows });
        if last > 0 {
            body["lastEventTimestamp"] = json!(told);
        }
        Answer::json(200, body)
    }

    /// Nothing older is in the history.
    pub(super) fn oldest(&self) -> stamp::Seconds {
        stamp::now() - i64::try_from(self.options.timeline.as_secs()).unwrap_or(i64::MAX / 2)
    }

    fn set_state(&mut self, place: Place, state: &str) -> Answer {
        let exit_delay = match state {
            "off" => {
                self.disarm(place, false);
                0
            }
            "home" | "away" => {
                self.arm(place, state == "away", false);
                self.options.exit_delay.as_secs()
            }
            _ => return Answer::invalid("state"),
        };
        let body = json!({
            "success": true, "reason": null, "state": state.to_uppercase(), "lastUpdated": stamp::now(), "exitDelay": exit_delay,
        });
        Answer::json(200, body)
    }

    fn set_lock(&mut self, asked: &Asked, place: Place, serial: &str) -> Answer {
        let part = match self.world.systems[place].part(serial) {
            Some(Part::Sensor(sensor)) if self.world.systems[place].sensors[sensor].kind == kind::LOCK => {
                Part::Sensor(sensor)
            }
            _ => return Answer::failure(404),
        };
        let wanted = asked.body.as_ref().and_then(|body| body["state"].as_str());
        let bolt = match wanted {
            Some("lock") => Bolt::Locked,
            Some("unlock") => Bolt::Unlocked,
            _ => return Answer::invalid("state"),
        };
        self.move_bolt(place, part, bolt);
        Answer::of(200, Body::None)
    }
}
