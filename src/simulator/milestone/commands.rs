//! Answers what clients say on the WebSocket.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    DropHow, Pace,
    faults::FaultKind,
    filters,
    hub::Core,
    ledger::{Ended, SessionRecord, SubscriptionRecord},
    link::Out,
    session::{Session, Subscription},
    wire::{self, Spelling},
};

/// How many events go between a command and its reply under `interleave`.
pub(super) const BETWEEN: usize = 3;

/// How many events a resume repeats under `duplicates`.
const REPEATS: usize = 5;

/// The commands, as Milestone's samples use them. `resume` is none of them.
const COMMANDS: [&str; 5] = ["authenticate", "startSession", "addSubscription", "removeSubscription", "getState"];

/// What is left to do after a command.
pub(super) enum Outcome {
    Done,
    /// Neither JSON nor a known command: the vendor documents that the connection is closed.
    Malformed,
    /// The reply is to be sent later.
    Later(Duration, Vec<u8>),
    /// The reply waits to be overtaken by a later one.
    Held,
}

/// A reply: its status and its members.
pub(super) type Answer = (u16, Value);

pub(super) fn refused(status: u16, text: impl Into<String>) -> Answer {
    (status, json!({ "error": { "errorText": text.into() } }))
}

impl Core {
    /// Handles one text message of a client.
    pub(super) fn command(&mut self, link: u64, message: &[u8]) -> Outcome {
        let Some((name, command)) = read_command(message) else {
            *self.counters.commands.entry("invalid".to_owned()).or_default() += 1;
            return Outcome::Malformed;
        };
        *self.counters.commands.entry(name.to_owned()).or_default() += 1;
        let command_id = command.get("commandId").cloned().unwrap_or(json!(0));
        let text = |member: &str| command.get(member).and_then(Value::as_str).unwrap_or_default();
        let authorized = self.links.get(&link).is_some_and(|link| link.authorized);
        let answer = match name {
            "authenticate" => self.authenticate(link, text("token")),
            _ if !authorized => refused(401, "The connection is not authenticated."),
            "startSession" => {
                return self.start_session(link, &command_id, text("sessionId"), text("eventId"));
            }
            "addSubscription" => self.add_subscription(link, command.get("filters")),
            "removeSubscription" if self.switches.on(FaultKind::RemoveUnknown) => return Outcome::Malformed,
            "removeSubscription" => self.remove_subscription(link, text("subscriptionId")),
            _ => return self.get_state(link, &command_id),
        };
        let subscribed = name == "addSubscription" && answer.0 == 200;
        let removed = name == "removeSubscription" && answer.0 == 200;
        if (subscribed && self.switches.strikes(FaultKind::SubscribeLost))
            || (removed && self.switches.strikes(FaultKind::RemoveLost))
        {
            self.drop_link(link, DropHow::Fin);
            return Outcome::Done;
        }
        if self.switches.on(FaultKind::Interleave) {
            self.emit(BETWEEN);
        }
        let outcome = self.answer(link, &command_id, answer);
        if subscribed {
            self.after_subscription(link);
        }
        outcome
    }

    fn after_subscription(&mut self, link: u64) {
        if self.switches.on(FaultKind::DropAfterSubscribe) {
            if let Some(link) = self.links.get_mut(&link) {
                link.line.push(Out::End(DropHow::Fin));
            }
        } else if let Some(flood) = self.options.flood {
            let session = self.links.get(&link).and_then(|link| link.session.clone());
            let pace = flood.rate.map(|rate| Pace { rate, begin: SystemTime::now() });
            self.flood(flood.events, flood.per_frame, pace, session.as_deref());
        }
    }

    pub(super) fn spelling(&self) -> Spelling {
        Spelling::of(&self.switches)
    }

    pub(super) fn answer(&mut self, link: u64, command_id: &Value, (status, members): Answer) -> Outcome {
        let text = wire::reply(command_id, status, members, self.spelling()).into_bytes();
        self.reply(link, text)
    }

    pub(super) fn reply(&mut self, link: u64, text: Vec<u8>) -> Outcome {
        let hold = self.switches.on(FaultKind::ReplyOutOfOrder);
        let Some(link) = self.links.get_mut(&link) else {
            return Outcome::Done;
        };
        match (hold, link.held.take()) {
            (true, None) => {
                link.held = Some(text);
                return Outcome::Held;
            }
            (_, earlier) => {
                link.line.text(text);
                earlier.into_iter().for_each(|earlier| link.line.text(earlier));
            }
        }
        Outcome::Done
    }

    /// Sends a reply that was put off.
    pub(super) fn release(&mut self, link: u64, text: Option<Vec<u8>>) {
        let Some(link) = self.links.get_mut(&link) else {
            return;
        };
        if let Some(text) = text.or_else(|| link.held.take()) {
            link.line.text(text);
        }
    }

    fn authenticate(&mut self, link: u64, token: &str) -> Answer {
        match self.verify(Some(token)) {
            Ok(()) => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.authorized = true;
                }
                (200, json!({}))
            }
            Err(fault) => refused(401, fault.text()),
        }
    }

    /// Resumes a session, or starts a new one. An unknown, expired or half-named session is no error: it is a new one (201).
    fn start_session(&mut self, link: u64, command_id: &Value, session: &str, event: &str) -> Outcome {
        if let Some(status) = self.switches.status(FaultKind::SessionRefused) {
            return self.answer(link, command_id, refused(status, "The session could not be started."));
        }
        let repeats = if self.switches.on(FaultKind::Duplicates) { REPEATS } else { 0 };
        let now = std::time::Instant::now();
        let replay = match self.sessions.get(session) {
            Some(known)
                if !event.is_empty()
                    && known.doomed.is_none()
                    && !self.is_strange_at(known.gateway, link)
                    && !known.expired(now, self.options.window)
                    && !self.switches.on(FaultKind::ResumeRefused) =>
            {
                known.after(event, repeats)
            }
            _ => None,
        };
        let flooding = self.sessions.get(session).and_then(|known| known.link);
        let flooding = flooding.and_then(|link| self.links.get(&link)).is_some_and(|link| link.flooding);
        let Some(replay) = replay.filter(|_| !flooding) else {
            return self.new_session(link, command_id);
        };
        self.leave_session(link, session);
        // A second socket takes the session over; the first is closed (inferred).
        if let Some(other) = self.sessions.get(session).and_then(|known| known.link)
            && other != link
        {
            self.drop_link(other, DropHow::Close(1000));
        }
        let outcome = self.answer(link, command_id, (200, json!({ "sessionId": session })));
        let gateway = self.links.get(&link).map_or(1, |link| link.gateway);
        if let Some(known) = self.sessions.get_mut(session) {
            known.link = Some(link);
            known.gateway = gateway;
            known.lost = None;
            self.ledger.sessions[known.record].resumed.push(SystemTime::now());
        }
        // The reply must come before what it announces, so it is not held back to be overtaken here.
        self.release(link, None);
        if let Some(link) = self.links.get_mut(&link) {
            link.session = Some(session.to_owned());
            for (serial, event, _) in replay {
                link.tell(event, Some(serial));
            }
        }
        outcome
    }

    fn new_session(&mut self, link: u64, command_id: &Value) -> Outcome {
        self.leave_session(link, "");
        let id = Uuid::new_v4().to_string();
        let record = self.ledger.sessions.len();
        let gateway = self.links.get(&link).map_or(1, |link| link.gateway);
        self.ledger.sessions.push(SessionRecord {
            id: id.clone(),
            opened: SystemTime::now(),
            subscribed: None,
            subscriptions: Vec::new(),
            lost: Vec::new(),
            resumed: Vec::new(),
            offered: Vec::new(),
            dropped: Vec::new(),
            in_order: false,
            ended: None,
        });
        self.sessions.insert(id.clone(), Session::new(link, record, gateway));
        if let Some(link) = self.links.get_mut(&link) {
            link.session = Some(id.clone());
        }
        self.answer(link, command_id, (201, json!({ "sessionId": id })))
    }

    /// Ends the session that a link serves, unless it is the one that it is going to serve.
    fn leave_session(&mut self, link: u64, unless: &str) {
        let current = self.links.get_mut(&link).and_then(|link| link.session.take());
        if let Some(current) = current.filter(|current| current != unless) {
            self.end_session(&current, Ended::Replaced);
        }
    }

    pub(super) fn session_of(&mut self, link: u64) -> Option<&mut Session> {
        let id = self.links.get(&link)?.session.as_deref()?;
        self.sessions.get_mut(id)
    }

    fn add_subscription(&mut self, link: u64, filters: Option<&Value>) -> Answer {
        if let Some(status) = self.switches.status(FaultKind::SubscriptionRefused) {
            return refused(status, "The subscription could not be added.");
        }
        let parsed = match filters::parse(filters) {
            Ok(parsed) => parsed,
            Err(error) => return refused(400, error),
        };
        let id = Uuid::new_v4().to_string();
        let from = self.world.next_index();
        let Some(session) = self.session_of(link) else {
            return refused(400, "No session has been started.");
        };
        session.subscriptions.push(Subscription { id: id.clone(), filters: parsed });
        let record = session.record;
        let record = &mut self.ledger.sessions[record];
        record.subscribed.get_or_insert_with(SystemTime::now);
        record.subscriptions.push(SubscriptionRecord {
            id: id.clone(),
            filters: filters.cloned().unwrap_or_default(),
            from,
            until: None,
        });
        (200, json!({ "subscriptionId": id }))
    }

    fn remove_subscription(&mut self, link: u64, id: &str) -> Answer {
        if let Some(status) = self.switches.status(FaultKind::RemoveRefused) {
            return refused(status, "The subscription could not be removed.");
        }
        let until = self.world.next_index();
        let Some(session) = self.session_of(link) else {
            return refused(400, "No session has been started.");
        };
        let position = session.subscriptions.iter().position(|known| known.id.eq_ignore_ascii_case(id));
        let Some(position) = position else {
            return refused(404, format!("Subscription not found. {id}"));
        };
        let removed = session.subscriptions.remove(position);
        let record = session.record;
        let mut records = self.ledger.sessions[record].subscriptions.iter_mut();
        if let Some(known) = records.find(|known| known.id == removed.id) {
            known.until = Some(until);
        }
        (200, json!({}))
    }
}

/// The name and the members of a command; `None` where it is malformed.
fn read_command(message: &[u8]) -> Option<(&'static str, Value)> {
    let command: Value = serde_json::from_slice(message).ok()?;
    let name = command.get("command")?.as_str()?;
    let name = COMMANDS.iter().find(|known| **known == name)?;
    // An id is an integer made by the client; the server does not check that it is unique.
    let legal = match command.get("commandId") {
        None | Some(Value::Null) => true,
        Some(id) => id.is_i64() || id.is_u64(),
    };
    legal.then_some((*name, command))
}
