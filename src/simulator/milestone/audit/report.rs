//! What an audit found, in numbers and in words.

use std::fmt;

/// How many findings of one kind are shown in full.
const SHOWN: usize = 5;

/// What came of an audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Events that are owed.
    pub sent: usize,
    /// Those among them that came.
    pub received: usize,
    /// Those among them that did not come and lie within a gap.
    pub in_gaps: usize,
    /// Events that a gateway with a full buffer threw away and that did not come. Nobody can know of them: such a loss looks like
    /// a good resume. So they are not owed, and neither is a state that one of them has set.
    pub dropped: usize,
    /// Ids that came more than once.
    pub repeated_ids: Vec<String>,
    /// Events that are owed, did not come, and lie in no gap.
    pub lost: Vec<String>,
    /// Events that came after a later one.
    pub out_of_order: Vec<String>,
    /// Live events that the system never raised; floods are in no ledger, so after a flood this is not looked at.
    pub strangers: Vec<String>,
    /// Gaps that were told, but for those of single unreadable frames.
    pub gaps: usize,
    /// Gaps that had to be told: one for each session after the first whose states were taken.
    pub expected_gaps: usize,
    /// Gaps that belong to no such session, and sessions without their gap.
    pub gap_differences: Vec<String>,
    /// Gaps of single unreadable frames.
    pub unreadable: usize,
    /// States that differ.
    pub state_differences: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings().iter().all(|(_, found)| found.is_empty())
    }

    fn findings(&self) -> [(&'static str, &[String]); 6] {
        [
            ("lost without a gap", &self.lost),
            ("repeated", &self.repeated_ids),
            ("out of order", &self.out_of_order),
            ("never raised", &self.strangers),
            ("wrong gaps", &self.gap_differences),
            ("wrong states", &self.state_differences),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in [
            ("sent", self.sent),
            ("received", self.received),
            ("in a gap", self.in_gaps),
            ("dropped by gateway", self.dropped),
            ("gaps", self.gaps),
            ("gaps expected", self.expected_gaps),
            ("unreadable", self.unreadable),
        ] {
            writeln!(out, "{name:<20}{count:>8}")?;
        }
        for (name, found) in self.findings() {
            writeln!(out, "{name:<20}{:>8}", found.len())?;
            for one in found.iter().take(SHOWN) {
                writeln!(out, "    {one}")?;
            }
            if found.len() > SHOWN {
                writeln!(out, "    … and {} more", found.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}
