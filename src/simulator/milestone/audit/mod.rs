//! The auditor: compares what the simulated system did with what somebody was told of it.
//!
//! It reads only what users see, event lines and states as JSON, and shares no type with the engine. An event is owed when a session wanted
//! it, or would have wanted it between two sessions of the same client. What is owed must have come under its own id, once, in
//! order, or lie within a `gap`; and in the end every state must be the same on both sides.

mod report;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    StateNow,
    filters::{self, Filter},
    ledger::{Emitted, Ledger, SessionRecord},
};

pub use report::Report;

/// How far the two clocks of an event and of a gap's ends may be apart: an event waits in queues and sockets.
const TOLERANCE: Duration = Duration::from_millis(250);

/// The reason of a gap that belongs to one frame and not to a new session.
const UNREADABLE: &str = "unreadable_frame";

/// What the auditor needs of an event line (a CloudEvent in JSON).
#[derive(Debug, Clone, Deserialize)]
pub struct EventLine {
    /// `<connection>:<id>`.
    pub id: String,
    /// The connection.
    pub connection: String,
    /// `live`, `resumed`, `snapshot`, `engine`, …
    pub origin: String,
    /// `motion.started`, `gap`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened; empty where that is not known.
    #[serde(default)]
    pub time: String,
    /// The vendor's object, or what the engine has to say.
    #[serde(default)]
    pub data: Value,
}

/// What the auditor needs of a state as it is shown to users.
#[derive(Debug, Clone, Deserialize)]
pub struct ShownState {
    /// The connection.
    pub connection: String,
    /// `cameras/<guid>`.
    pub item: String,
    /// The shared value, or `unknown`.
    pub value: String,
    /// GUID of the state group.
    #[serde(rename = "vendorgroup")]
    pub group: String,
    /// GUID of the event type that set it.
    #[serde(rename = "vendorvalue")]
    pub event_type: String,
}

/// Compares what a system did with what was told of it under the name of one connection, of which all its sessions are taken to be.
///
/// Both sides must be at rest: what is still on its way counts as lost. `lines` are in the order in which they were told.
#[must_use]
pub fn audit(
    connection: &str,
    ledger: &Ledger,
    states: &BTreeMap<(String, String), StateNow>,
    lines: &[EventLine],
    shown: &[ShownState],
) -> Report {
    let lines: Vec<&EventLine> = lines.iter().filter(|line| line.connection == connection).collect();
    let audit = Audit { received: Received::read(connection, ledger, &lines), gaps: gaps(&lines), ledger, lines };
    let mut report = Report {
        repeated_ids: audit.repeated(),
        out_of_order: audit.received.out_of_order.clone(),
        strangers: audit.received.strangers.clone(),
        ..Report::default()
    };
    let sessions = audit.sessions();
    audit.events(&sessions, &mut report);
    audit.gaps(&sessions, &mut report);
    let shown = shown.iter().filter(|state| state.connection == connection);
    let dropped = audit.dropped(&sessions);
    report.dropped = dropped.len();
    report.state_differences = sessions.last().map_or(Vec::new(), |last| compare_states(last, states, shown, &dropped));
    report
}

struct Audit<'a> {
    ledger: &'a Ledger,
    lines: Vec<&'a EventLine>,
    received: Received,
    gaps: Vec<GapLine>,
}

/// Which of the ledger's events came.
#[derive(Default)]
struct Received {
    /// Indexes of events that came in any way.
    all: HashSet<u64>,
    /// Indexes of events that came live or when a session was resumed.
    pushed: HashSet<u64>,
    out_of_order: Vec<String>,
    strangers: Vec<String>,
}

struct GapLine {
    from: SystemTime,
    to: SystemTime,
    reason: String,
}

impl GapLine {
    fn covers(&self, at: SystemTime) -> bool {
        self.from <= at + TOLERANCE && at <= self.to + TOLERANCE
    }
}

impl Received {
    fn read(connection: &str, ledger: &Ledger, lines: &[&EventLine]) -> Self {
        // An event without an id is known by its time, which no other event has.
        let name = |event: &Emitted| if event.missing == Some("id") { event.time.clone() } else { event.id.clone() };
        let known: HashMap<String, &Emitted> = ledger.events.iter().map(|event| (name(event), &**event)).collect();
        let mut received = Self::default();
        let mut newest: Option<&Emitted> = None;
        for line in lines.iter().filter(|line| line.origin != "engine") {
            let id = line.id.strip_prefix(connection).and_then(|id| id.strip_prefix(':')).unwrap_or(&line.id);
            let event = known.get(id).or_else(|| id.starts_with('~').then(|| known.get(&line.time)).flatten());
            let pushed = matches!(line.origin.as_str(), "live" | "resumed");
            match event {
                None if pushed && ledger.floods.is_empty() => received.strangers.push(line.id.clone()),
                None => {}
                Some(event) => {
                    received.all.insert(event.index);
                    if pushed {
                        received.pushed.insert(event.index);
                        if let Some(newest) = newest.filter(|newest| newest.index > event.index) {
                            let (late, early) = (event.index, newest.index);
                            received.out_of_order.push(format!("{} (number {late} came after {early})", line.id));
                        }
                        newest = newest.filter(|newest| newest.index > event.index).or(Some(event));
                    }
                }
            }
        }
        received
    }
}

impl Audit<'_> {
    fn repeated(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        self.lines.iter().filter(|line| !seen.insert(&line.id)).map(|line| line.id.clone()).collect()
    }

    /// The client's sessions that count: confirmed ones, from the first that the client knew of.
    fn sessions(&self) -> Vec<&SessionRecord> {
        let confirmed: Vec<&SessionRecord> =
            self.ledger.sessions.iter().filter(|session| session.subscribed.is_some()).collect();
        // One whose confirmation never arrived: the client went back to an older one.
        let passed_over = |nth: usize, session: &SessionRecord| {
            let mut older = confirmed.iter().take(nth).flat_map(|older| &older.resumed);
            older.any(|resumed| session.subscribed.is_some_and(|subscribed| *resumed > subscribed))
        };
        let taken: Vec<&SessionRecord> = confirmed
            .iter()
            .enumerate()
            .filter(|(nth, session)| !passed_over(*nth, session))
            .map(|(_, session)| *session)
            .collect();
        // A first start begins with the first session that was told to be online.
        let online = self.lines.iter().find(|line| {
            line.kind == "engine.connection" && line.data.get("new").and_then(Value::as_str) == Some("online")
        });
        let online = online.and_then(|line| instant(&line.time));
        let by_time = online.and_then(|online| {
            taken.iter().rposition(|session| session.subscribed.is_some_and(|subscribed| subscribed <= online))
        });
        // While it had a socket: one that is lost goes on being offered what another session has brought.
        let at: HashMap<u64, SystemTime> = self.ledger.events.iter().map(|event| (event.index, event.at)).collect();
        let held = |session: &SessionRecord, index: &u64| {
            let lost = session.lost.last().filter(|_| session.lost.len() > session.resumed.len());
            lost.is_none_or(|lost| at.get(index).is_some_and(|at| at <= lost))
        };
        let by_event = taken.iter().position(|session| {
            session.offered.iter().any(|index| self.received.pushed.contains(index) && held(session, index))
        });
        let first = by_time.into_iter().chain(by_event).min().unwrap_or(taken.len());
        taken.into_iter().skip(first).collect()
    }

    /// Ids of events that a full buffer threw away and that did not come.
    fn dropped(&self, sessions: &[&SessionRecord]) -> HashSet<&str> {
        let dropped: HashSet<u64> = sessions.iter().flat_map(|session| &session.dropped).copied().collect();
        let gone = |event: &&Arc<Emitted>| dropped.contains(&event.index) && !self.received.all.contains(&event.index);
        self.ledger.events.iter().filter(gone).map(|event| event.id.as_str()).collect()
    }

    fn events(&self, sessions: &[&SessionRecord], report: &mut Report) {
        let offered: HashSet<u64> = sessions.iter().flat_map(|session| &session.offered).copied().collect();
        let dropped: HashSet<u64> = sessions.iter().flat_map(|session| &session.dropped).copied().collect();
        let wanted = wanted_between(sessions);
        let between = |event: &Emitted| {
            let mut wanted = wanted.iter().filter(|(indexes, _)| indexes.contains(&event.index));
            wanted.any(|(_, filters)| filters::wants(filters, &event.source, &event.event_type, false))
        };
        for event in &self.ledger.events {
            let owed = if offered.contains(&event.index) { !dropped.contains(&event.index) } else { between(event) };
            if !owed {
                continue;
            }
            report.sent += 1;
            if self.received.all.contains(&event.index) {
                report.received += 1;
            } else if self.gaps.iter().any(|gap| gap.covers(event.at)) {
                report.in_gaps += 1;
            } else {
                let at = written(event.at);
                report.lost.push(format!("number {} {} of {} at {at}", event.index, event.id, event.source));
            }
        }
    }

    fn gaps(&self, sessions: &[&SessionRecord], report: &mut Report) {
        let (unreadable, gaps): (Vec<_>, Vec<_>) = self.gaps.iter().partition(|gap| gap.reason == UNREADABLE);
        (report.unreadable, report.gaps) = (unreadable.len(), gaps.len());
        let begun: Vec<SystemTime> = sessions.iter().filter_map(|session| session.subscribed).collect();
        let mut told: HashMap<usize, usize> = HashMap::new();
        for gap in &gaps {
            // A gap ends when the next session's subscription is confirmed.
            match begun.iter().rposition(|begun| *begun <= gap.to) {
                Some(nth) if nth > 0 => *told.entry(nth).or_default() += 1,
                _ => report.gap_differences.push(format!("a gap to {} belongs to no session", written(gap.to))),
            }
        }
        for (nth, begun) in begun.iter().enumerate().skip(1) {
            let count = told.get(&nth).copied().unwrap_or_default();
            // Broken again before its states were taken: the same gap goes on.
            let goes_on = gaps.iter().any(|gap| gap.from <= *begun && gap.to > *begun) && count == 0;
            report.expected_gaps += usize::from(!goes_on);
            if count != 1 && !goes_on {
                report.gap_differences.push(format!("the session of {} has {count} gaps", written(*begun)));
            }
        }
    }
}

/// What each subscription of a session would have wanted until the next session has it again, or has any.
fn wanted_between(sessions: &[&SessionRecord]) -> Vec<(Range<u64>, Vec<Filter>)> {
    let of_pair = |pair: &[&SessionRecord]| {
        let (this, next) = (pair.first()?, pair.get(1)?);
        let any = next.subscriptions.first()?.from;
        let wanted = this.subscriptions.iter().filter(|subscription| subscription.until.is_none());
        let wanted = wanted.filter_map(|subscription| {
            let again = next.subscriptions.iter().find(|again| again.filters == subscription.filters);
            let filters = filters::parse(Some(&subscription.filters)).ok()?;
            Some((subscription.from..again.map_or(any, |again| again.from), filters))
        });
        Some(wanted.collect::<Vec<_>>())
    };
    sessions.windows(2).filter_map(of_pair).flatten().collect()
}

fn gaps(lines: &[&EventLine]) -> Vec<GapLine> {
    let text = |line: &EventLine, name: &str| line.data.get(name).and_then(Value::as_str).map(str::to_owned);
    let read = |line: &EventLine| {
        let [from, to] = ["from", "to"].map(|name| text(line, name).and_then(|text| instant(&text)));
        Some(GapLine { from: from?, to: to?, reason: text(line, "reason").unwrap_or_default() })
    };
    lines.iter().filter(|line| line.kind == "gap").filter_map(|line| read(line)).collect()
}

fn compare_states<'a>(
    session: &SessionRecord,
    states: &BTreeMap<(String, String), StateNow>,
    shown: impl Iterator<Item = &'a ShownState>,
    dropped: &HashSet<&str>,
) -> Vec<String> {
    let subscriptions = session.subscriptions.iter().filter(|subscription| subscription.until.is_none());
    let filters: Vec<_> =
        subscriptions.filter_map(|subscription| filters::parse(Some(&subscription.filters)).ok()).collect();
    let wanted = |source: &str, event_type: &str, in_order: bool| {
        filters.iter().any(|filters| filters::wants(filters, source, event_type, in_order))
    };
    let mut shown: HashMap<(String, String), &ShownState> = shown
        .map(|state| ((state.item.clone(), state.group.clone()), state))
        .filter(|(_, state)| state.value != "unknown")
        .collect();
    let mut differences = Vec::new();
    for (key, now) in states {
        let state = shown.remove(key);
        let same = state.is_some_and(|state| state.event_type == now.event_type);
        if !wanted(&key.0, &now.event_type, false) {
            // Known or not, as the gateway took the filters when it last told of it.
            if session.in_order && wanted(&key.0, &now.event_type, true) && (same || state.is_none()) {
                continue;
            }
            let known = state.map(|_| format!("{} group {} is known, but not subscribed to", key.0, key.1));
            differences.extend(known);
            continue;
        }
        if same || dropped.contains(now.id.as_str()) {
            continue;
        }
        let is = state.map_or("unknown", |state| &state.event_type);
        differences.push(format!("{} group {} is {is}, not {} since {}", key.0, key.1, now.event_type, now.time));
    }
    let surplus = shown.keys().map(|(item, group)| format!("{item} group {group} is known, but is no state any more"));
    differences.extend(surplus);
    differences
}

fn instant(text: &str) -> Option<SystemTime> {
    text.parse::<Timestamp>().ok().map(SystemTime::from)
}

fn written(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "some time".to_owned(), |at| at.to_string())
}
