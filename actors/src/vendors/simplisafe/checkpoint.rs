//! What a connection needs to go on after a break: of each system how far its history is known, and the states as they were last told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Checkpoint;

const VERSION: u32 = 1;

/// What is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimpliSafeCheckpoint {
    version: u32,
    /// When it was first online.
    pub since: Option<Timestamp>,
    /// The systems that are followed.
    pub systems: Vec<KeptSystem>,
    /// The states of each item: what a poll is compared to.
    pub states: Vec<(Box<str>, Vec<KeptState>)>,
    /// Codes that no table has and that were warned about.
    #[serde(default)]
    pub strangers: Vec<Box<str>>,
    /// No list of systems has come yet; there may be more of them.
    #[serde(default)]
    pub no_list: bool,
    /// The numbers of the events behind states: they put those of one second in order.
    #[serde(default)]
    pub numbers: Vec<KeptNumber>,
    /// Prints of the ids under which parts of events were told.
    #[serde(default)]
    pub parts: Vec<u64>,
}

/// What is kept of a system's history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSystem {
    /// Its id.
    pub sid: u64,
    /// What is older is none of our business, or known: in seconds since 1970, as all times here.
    pub floor: i64,
    /// Up to then the history was read without a hole.
    pub verified: i64,
    /// Time and print of the events since the floor that are known, in order.
    pub known: Vec<(i64, u64)>,
    /// How far the history reaches back, where that was told, in seconds.
    pub timeline: Option<i64>,
    /// When the newest event happened that the history has told.
    #[serde(default)]
    pub told: Option<i64>,
    /// A stretch that the history has not filled yet.
    pub stretch: Option<Stretch>,
    /// Its history has not been read for the first time yet: what it is to tell. Then `floor` and `verified` say nothing.
    #[serde(default)]
    pub unread: Option<Unread>,
    /// Since when no list has told of it any more.
    #[serde(default)]
    pub gone: Option<Timestamp>,
}

/// What the history of a system concerns us from, by our own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Since when the system is followed.
    pub began: Timestamp,
    /// What happened so much before that counts too, in seconds.
    pub back: i64,
}

/// A stretch of time in which events may have been missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The last moment at which everything was there.
    pub from: Timestamp,
    /// From when on events come again.
    pub to: Timestamp,
    /// Why: one of the words of `docs/vendors/simplisafe.md`.
    pub reason: Box<str>,
    /// When the history was first asked for it.
    pub asked: Timestamp,
}

/// Item, group, and number of the event behind its state.
pub type KeptNumber = (Box<str>, Box<str>, i64);

/// Group, value (empty where nobody knows it), time, and what told it last.
pub type KeptState = (Box<str>, Box<str>, Box<str>, char);

impl SimpliSafeCheckpoint {
    /// What is to be stored.
    #[must_use]
    pub fn new(
        since: Timestamp,
        systems: Vec<KeptSystem>,
        states: Vec<(Box<str>, Vec<KeptState>)>,
        strangers: Vec<Box<str>>,
    ) -> Self {
        Self {
            version: VERSION,
            since: Some(since),
            systems,
            states,
            strangers,
            no_list: false,
            numbers: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// For the journal.
    #[must_use]
    pub fn write(&self) -> Option<Checkpoint> {
        Some(Checkpoint(serde_json::to_string(self).ok()?.into()))
    }

    /// Reads a stored checkpoint; one of another version or one that cannot be read is as good as none.
    #[must_use]
    pub fn read(checkpoint: &Checkpoint) -> Option<Self> {
        serde_json::from_str(&checkpoint.0).ok().filter(|read: &Self| read.version == VERSION)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_garbage_is_as_good_as_nothing() {
        let now = Timestamp::UNIX_EPOCH;
        let stretch = Stretch { from: now, to: now, reason: "connection_lost".into(), asked: now };
        let known = vec![(1_780_000_000, u64::MAX), (1_780_000_001, 0)];
        let unread = Some(Unread { began: now, back: 60 });
        let stretch = Some(stretch);
        let (timeline, told, gone) = (None, Some(1), Some(now));
        let system = KeptSystem { sid: 12_345, floor: 1, verified: 2, known, timeline, told, stretch, unread, gone };
        let state = ("alarm".into(), "off".into(), "2026-06-11T10:00:00Z".into(), 'e');
        let states = vec![("systems/12345".into(), vec![state])];
        let mut kept = SimpliSafeCheckpoint::new(now, vec![system], states, vec!["9999".into()]);
        (kept.numbers, kept.parts) = (vec![("systems/12345".into(), "alarm".into(), 7)], vec![u64::MAX]);
        let written = kept.write().unwrap();
        assert_eq!(SimpliSafeCheckpoint::read(&written), Some(kept));
        let mut older: serde_json::Value = serde_json::from_str(&written.0).unwrap();
        for member in ["strangers", "numbers", "parts"] {
            older.as_object_mut().unwrap().remove(member).unwrap();
        }
        let older = SimpliSafeCheckpoint::read(&Checkpoint(older.to_string().into())).unwrap();
        assert_eq!((older.strangers, older.numbers, older.parts), (vec![], vec![], vec![]));
        let other = written.0.replace("\"version\":1", "\"version\":2");
        for garbage in ["", "7", "{}", &*other, &written.0.replace("12345,", "-1,")] {
            assert_eq!(SimpliSafeCheckpoint::read(&Checkpoint(garbage.into())), None, "{garbage}");
        }
    }
}
