//! What was done, and what became of it, in numbers.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{auditor::Verdict, troubles::Tally};

/// One run, or several together.
#[derive(Default)]
pub(crate) struct Table {
    runs: u64,
    faults: BTreeMap<String, u64>,
    others: BTreeMap<&'static str, u64>,
    events: BTreeMap<&'static str, u64>,
    reasons: BTreeMap<String, u64>,
    sinks: BTreeMap<&'static str, (u64, u64)>,
    rest: Duration,
}

impl Table {
    pub(crate) fn of(tally: &Tally, verdict: &Verdict, rest: Duration) -> Self {
        let events = [
            ("1 sent by vendors", verdict.sent),
            ("2 of these journalled", verdict.told),
            ("3 of these within gaps", verdict.in_gaps),
            ("4 in the journal, with differences and the engine's own", verdict.journalled),
        ];
        Self {
            runs: 1,
            faults: tally.faults.clone(),
            others: tally.others.clone(),
            events: events.into(),
            reasons: verdict.reasons.clone(),
            sinks: verdict.delivered.clone(),
            rest,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        for (name, count) in &other.faults {
            *self.faults.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &other.others {
            *self.others.entry(name).or_default() += count;
        }
        for (name, count) in &other.events {
            *self.events.entry(name).or_default() += count;
        }
        for (name, count) in &other.reasons {
            *self.reasons.entry(name.clone()).or_default() += count;
        }
        for (name, (delivered, repeated)) in &other.sinks {
            let sum = self.sinks.entry(name).or_default();
            *sum = (sum.0 + delivered, sum.1 + repeated);
        }
        self.rest = self.rest.max(other.rest);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "runs {}, longest way to rest {:?}", self.runs, self.rest)?;
        writeln!(out, "faults of simulators {}", self.faults.values().sum::<u64>())?;
        let faults: Vec<_> = self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        for some in faults.chunks(6) {
            writeln!(out, "    {}", some.join(", "))?;
        }
        writeln!(out, "other troubles {}", self.others.values().sum::<u64>())?;
        for (name, count) in &self.others {
            writeln!(out, "    {name:<60}{count:>10}")?;
        }
        writeln!(out, "events")?;
        for (name, count) in &self.events {
            writeln!(out, "    {:<60}{count:>10}", &name[2..])?;
        }
        writeln!(out, "told of itself")?;
        for (name, count) in &self.reasons {
            writeln!(out, "    {name:<60}{count:>10}")?;
        }
        writeln!(out, "{:<64}{:>10}{:>10}", "sinks", "delivered", "repeated")?;
        for (name, (delivered, repeated)) in &self.sinks {
            writeln!(out, "    {name:<60}{delivered:>10}{repeated:>10}")?;
        }
        Ok(())
    }
}
