//! The auditor: compares what had to be told with the journal, and the journal with what each sink got.
//!
//! It reads what users see and what the simulators say, and knows nothing of the engine.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use watchpost::simulator::milestone::audit::Report;

use crate::durable_support::Line;

/// How many findings of a kind are shown.
const SHOWN: usize = 5;

/// An event that must be in the journal, or lie within a gap.
#[derive(Clone, Debug)]
pub(crate) struct Owed {
    pub(crate) connection: String,
    pub(crate) id: String,
    pub(crate) at: SystemTime,
    /// The item by which gaps of a part of the connection go.
    pub(crate) item: Option<String>,
    /// How far its time and those of a gap may be apart.
    pub(crate) exact: Duration,
}

/// Where gaps of a connection are due.
#[derive(Clone, Debug)]
pub(crate) enum Gaps {
    /// Nowhere: the vendor had everything in the end.
    Never,
    /// A break is one gap: each gap of a break has a socket of its own that was opened within it.
    OnePerSocket(Vec<SystemTime>),
    /// Nobody can say.
    Unjudged,
}

/// What a sink got, in the order of arrival.
pub(crate) struct Got {
    pub(crate) name: &'static str,
    pub(crate) wants: fn(&Line) -> bool,
    /// It is owed what lies behind this sequence, up to the other one.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) lines: Vec<Line>,
}

impl Got {
    pub(crate) const fn of(name: &'static str, wants: fn(&Line) -> bool, lines: Vec<Line>) -> Self {
        Self { name, wants, from: 0, to: u64::MAX, lines }
    }
}

type Key = (String, String, String);

/// Everything that is judged.
#[derive(Default)]
pub(crate) struct Evidence {
    pub(crate) owed: Vec<Owed>,
    /// What the auditor of Milestone says, which knows of sessions.
    pub(crate) milestone: Report,
    pub(crate) journal: Vec<Line>,
    pub(crate) gaps: Vec<(String, Gaps)>,
    /// How everything is, by connection, item and group, and how it is shown.
    pub(crate) truth: BTreeMap<Key, String>,
    pub(crate) shown: BTreeMap<Key, String>,
    pub(crate) sinks: Vec<Got>,
    /// What else is wrong.
    pub(crate) odd: Vec<String>,
}

/// A gap as it was told.
struct Gap {
    connection: String,
    from: SystemTime,
    to: SystemTime,
    reason: String,
    item: Option<String>,
}

impl Gap {
    fn read(line: &Line) -> Option<Self> {
        let json = line.json();
        let time = |name: &str| Some(SystemTime::from(json["data"][name].as_str()?.parse::<Timestamp>().ok()?));
        let text = |name: &str| json["data"][name].as_str().map(str::to_owned);
        Some(Self {
            connection: line.connection.clone(),
            from: time("from")?,
            to: time("to")?,
            reason: text("reason").unwrap_or_default(),
            item: text("item"),
        })
    }

    fn covers(&self, owed: &Owed) -> bool {
        self.connection == owed.connection
            && (self.item.is_none() || self.item == owed.item)
            && self.from <= owed.at + owed.exact
            && owed.at <= self.to + owed.exact
    }
}

/// What came of it.
#[derive(Default, Debug)]
pub(crate) struct Verdict {
    /// By kind.
    pub(crate) findings: BTreeMap<&'static str, Vec<String>>,
    /// What vendors have sent: all of it, what of it is in the journal, and what within gaps.
    pub(crate) sent: u64,
    pub(crate) told: u64,
    pub(crate) in_gaps: u64,
    pub(crate) journalled: u64,
    /// Gaps by connection and reason, and how often connections were held back by the journal.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// By sink: different events, and repeats.
    pub(crate) delivered: BTreeMap<&'static str, (u64, u64)>,
}

impl Evidence {
    pub(crate) fn judge(&self) -> Verdict {
        let mut verdict = Verdict { journalled: self.journal.len() as u64, ..Verdict::default() };
        let gaps: Vec<Gap> = self.journal.iter().filter(|line| line.kind == "gap").filter_map(Gap::read).collect();
        for gap in &gaps {
            // Accounts below a reseller's are counted together.
            let connection = gap.connection.split('/').next().unwrap_or_default();
            *verdict.reasons.entry(format!("gaps of {connection}: {}", gap.reason)).or_default() += 1;
        }
        let held_back = |line: &&Line| line.kind == "engine.connection" && line.text.contains(r#""reason":"journal"#);
        let held_back = self.journal.iter().filter(held_back).count() as u64;
        verdict.reasons.insert("held back by the journal".to_owned(), held_back);
        self.judge_owed(&gaps, &mut verdict);
        self.judge_milestone(&mut verdict);
        for (connection, due) in &self.gaps {
            let of_it: Vec<&Gap> = gaps.iter().filter(|gap| gap.connection == *connection).collect();
            verdict.find("needless gaps", needless(due, &of_it));
        }
        verdict.find("wrong states", self.wrong_states());
        verdict.find("told twice", repeated(&self.journal));
        for sink in &self.sinks {
            self.judge_sink(sink, &mut verdict);
        }
        verdict.find("otherwise odd", self.odd.clone());
        verdict
    }

    fn judge_owed(&self, gaps: &[Gap], verdict: &mut Verdict) {
        let told: HashSet<&str> = self.journal.iter().map(|line| &*line.id).collect();
        for owed in &self.owed {
            verdict.sent += 1;
            if told.contains(&*owed.id) {
                verdict.told += 1;
            } else if gaps.iter().any(|gap| gap.covers(owed)) {
                verdict.in_gaps += 1;
            } else {
                verdict.find("lost in silence", vec![format!("{} of {}", owed.id, written(owed.at))]);
            }
        }
    }

    fn judge_milestone(&self, verdict: &mut Verdict) {
        let report = &self.milestone;
        verdict.sent += report.sent as u64;
        verdict.told += report.received as u64;
        verdict.in_gaps += report.in_gaps as u64;
        verdict.find("lost in silence", report.lost.clone());
        verdict.find("told twice", report.repeated_ids.clone());
        verdict.find("out of order", report.out_of_order.clone());
        verdict.find("never raised", report.strangers.clone());
        verdict.find("needless gaps", report.gap_differences.clone());
        verdict.find("wrong states", report.state_differences.clone());
    }

    /// What differs between how things are and how they are shown.
    pub(crate) fn wrong_states(&self) -> Vec<String> {
        let wrong = self.truth.iter().filter(|(key, value)| self.shown.get(*key) != Some(value));
        wrong
            .map(|(key, value)| {
                let (connection, item, group) = key;
                format!("{connection} {item} {group} is {:?} and not {value}", self.shown.get(key))
            })
            .collect()
    }

    fn judge_sink(&self, sink: &Got, verdict: &mut Verdict) {
        let name = sink.name;
        let mut first: HashMap<u64, &Line> = HashMap::new();
        let mut newest: HashMap<&str, u64> = HashMap::new();
        let (mut lost, mut swapped, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for line in &sink.lines {
            if let Some(before) = first.get(&line.sequence) {
                if before.text != line.text {
                    changed.push(format!("{name}: {} was {}", line.text, before.text));
                }
                continue;
            }
            first.insert(line.sequence, line);
            let newest = newest.entry(&line.connection).or_default();
            if line.sequence < *newest {
                swapped.push(format!("{name}: {} {} came behind {newest}", line.id, line.sequence));
            }
            *newest = line.sequence.max(*newest);
        }
        let mut known = HashSet::new();
        for line in &self.journal {
            known.insert(line.sequence);
            let is_owed = (sink.wants)(line) && line.sequence > sink.from && line.sequence <= sink.to;
            if !is_owed {
                continue;
            }
            match first.get(&line.sequence) {
                Some(got) if got.text == line.text => {}
                Some(got) => changed.push(format!("{name}: {} is stored as {}", got.text, line.text)),
                None => lost.push(format!("{name}: {} {} {}", line.kind, line.id, line.sequence)),
            }
        }
        let strangers = first.values().filter(|line| !known.contains(&line.sequence) || !(sink.wants)(line));
        verdict.find("not stored, or not wanted", strangers.map(|line| format!("{name}: {}", line.text)).collect());
        verdict.find("not delivered", lost);
        verdict.find("out of order", swapped);
        verdict.find("changed on the way", changed);
        let count = first.len() as u64;
        verdict.delivered.insert(name, (count, sink.lines.len() as u64 - count));
    }
}

fn repeated(journal: &[Line]) -> Vec<String> {
    let mut seen = HashSet::new();
    journal.iter().filter(|line| !seen.insert(&*line.id)).map(|line| line.id.clone()).collect()
}

/// Gaps for which there was no reason.
fn needless(due: &Gaps, gaps: &[&Gap]) -> Vec<String> {
    let told = |gap: &Gap| format!("{} {} {}–{}", gap.connection, gap.reason, written(gap.from), written(gap.to));
    match due {
        Gaps::Unjudged => Vec::new(),
        Gaps::Never => gaps.iter().map(|gap| told(gap)).collect(),
        Gaps::OnePerSocket(opened) => {
            let mut free = opened.clone();
            let of_breaks = gaps.iter().filter(|gap| ["connection_lost", "session_lost"].contains(&&*gap.reason));
            let mut needless = Vec::new();
            for gap in of_breaks {
                // The first socket of all was no break.
                let within = |at: &SystemTime| *at >= gap.from && *at <= gap.to && Some(at) != opened.first();
                match free.iter().position(within) {
                    Some(nth) => drop(free.remove(nth)),
                    None => needless.push(told(gap)),
                }
            }
            needless
        }
    }
}

fn written(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "some time".to_owned(), |at| at.to_string())
}

impl Verdict {
    fn find(&mut self, kind: &'static str, found: Vec<String>) {
        if !found.is_empty() {
            self.findings.entry(kind).or_default().extend(found);
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Every finding.
    pub(crate) fn in_full(&self) -> String {
        let all = self.findings.iter();
        all.map(|(kind, found)| format!("{kind}: {}\n    {}\n", found.len(), found.join("\n    "))).collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, found) in &self.findings {
            writeln!(out, "{kind}: {}", found.len())?;
            for one in found.iter().take(SHOWN) {
                writeln!(out, "    {one}")?;
            }
        }
        Ok(())
    }
}
