//! What somebody else has touched at the broker, and when it is put up again: two who both want a key to be theirs must not keep each other going.

use std::{collections::HashMap, mem, time::Duration};

use tokio::time::Instant;

use super::Place;

/// A key is put up again at most once in this time, however often somebody touches it.
pub(super) const MEND_EVERY: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Mends {
    /// What was put up again for this reason less than [`MEND_EVERY`] ago.
    lately: HashMap<String, Mend>,
    spoilt: Option<Spoilt>,
}

struct Mend {
    place: Place,
    at: Instant,
    /// It was touched once more since.
    is_due: bool,
}

/// What somebody else has touched.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spoilt {
    /// One of the keys.
    pub(super) key: String,
    /// How many times any of them.
    pub(super) times: usize,
}

impl Mends {
    /// Somebody has touched a key of ours. Answers whether it is to be put up again at once; else it is [`due`](Self::due) later.
    pub(super) fn spoilt(&mut self, place: &Place, key: &str, now: Instant) -> bool {
        self.spoilt.get_or_insert_with(|| Spoilt { key: key.to_owned(), times: 0 }).times += 1;
        if let Some(mend) = self.lately.get_mut(key) {
            mend.is_due = true;
            return false;
        }
        self.lately.insert(key.to_owned(), Mend { place: place.clone(), at: now, is_due: false });
        true
    }

    /// What can be put up again now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(Place, String)> {
        let mut due = Vec::new();
        self.lately.retain(|key, mend| {
            if now.saturating_duration_since(mend.at) < MEND_EVERY {
                return true;
            }
            if mend.is_due {
                due.push((mend.place.clone(), key.clone()));
                (mend.at, mend.is_due) = (now, false);
                return true;
            }
            false
        });
        due
    }

    /// What was touched since this was asked last.
    pub(super) fn told(&mut self) -> Option<Spoilt> {
        mem::take(&mut self.spoilt)
    }
}
