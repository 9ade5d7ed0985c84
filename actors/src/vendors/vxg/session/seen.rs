//! The ids that are known of the stretch that sweeps read again, and of what is dated in the future: what is not among them is new.

use std::collections::BTreeMap;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::walk::Window;
use crate::vendors::vxg::checkpoint::{KeptEvent, KeptEvents};

/// More are not remembered: a few megabytes. Beyond it the floor rises, and what is listed late below it is not found any more.
pub(super) const MOST: usize = 200_000;
/// Of so many states of its meta an event remembers that they were told.
const METAS_MOST: usize = 16;

/// What a row is, compared to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The id was not known.
    New,
    /// The id was known, with another meta.
    Updated,
    /// Nothing that was not told.
    Same,
}

/// What is known of an event, beside its time and id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    camera: i64,
    /// The print of the meta that was told first, or silently seen.
    meta: u64,
    /// Those that were told since. Hardly any event has one.
    later: Vec<u64>,
}

/// Events that are known, in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Seen {
    by_time: BTreeMap<(i64, i64), Known>,
    times: HashMap<i64, i64, RandomState>,
}

impl Seen {
    pub(super) fn read(kept: KeptEvents) -> Self {
        let mut seen = Self::default();
        for KeptEvent { at, id, camera, metas } in kept.0 {
            let mut metas = metas.into_iter();
            let known = Known { camera, meta: metas.next().unwrap_or_default(), later: metas.collect() };
            if seen.times.insert(id, at).is_none() {
                seen.by_time.insert((at, id), known);
            }
        }
        seen
    }

    pub(super) fn keep(&self) -> KeptEvents {
        let event = |(&(at, id), known): (&(i64, i64), &Known)| {
            let metas = std::iter::once(known.meta).chain(known.later.iter().copied()).collect();
            KeptEvent { at, id, camera: known.camera, metas }
        };
        KeptEvents(self.by_time.iter().map(event).collect())
    }

    pub(super) fn contains(&self, id: i64) -> bool {
        self.times.contains_key(&id)
    }

    /// Takes in a row of a list.
    pub(super) fn note(&mut self, at: i64, id: i64, camera: i64, meta: u64) -> News {
        match self.times.entry(id) {
            Entry::Vacant(place) => {
                place.insert(at);
                self.by_time.insert((at, id), Known { camera, meta, later: Vec::new() });
                News::New
            }
            Entry::Occupied(mut place) => {
                let was = *place.get();
                if at > was
                    && let Some(known) = self.by_time.remove(&(was, id))
                {
                    // It must be remembered for as long as it is listed.
                    place.insert(at);
                    self.by_time.insert((at, id), known);
                }
                let key = (was.max(at), id);
                let Some(known) = self.by_time.get_mut(&key) else { return News::Same };
                if known.meta == meta || known.later.contains(&meta) {
                    return News::Same;
                }
                if known.later.len() >= METAS_MOST {
                    known.later.remove(0);
                }
                known.later.push(meta);
                News::Updated
            }
        }
    }

    /// Forgets what is older than `horizon`.
    pub(super) fn forget_before(&mut self, horizon: i64) -> bool {
        let kept = self.by_time.split_off(&(horizon, i64::MIN));
        let old = std::mem::replace(&mut self.by_time, kept);
        for (_, id) in old.keys() {
            self.times.remove(id);
        }
        !old.is_empty()
    }

    /// Forgets what happened in that time.
    pub(super) fn forget_within(&mut self, window: Window) {
        let keys: Vec<_> =
            self.by_time.range((window.from, i64::MIN)..=(window.to, i64::MAX)).map(|(key, _)| *key).collect();
        for key in keys {
            self.by_time.remove(&key);
            self.times.remove(&key.1);
        }
    }

    /// Forgets the oldest where there are too many, and says up to which time.
    pub(super) fn shrink(&mut self, most: usize) -> Option<i64> {
        let mut up_to = None;
        while self.by_time.len() > most
            && let Some(((at, id), _)) = self.by_time.pop_first()
        {
            self.times.remove(&id);
            up_to = Some(at);
        }
        up_to
    }

    /// How many are known that happened later.
    pub(super) fn count_after(&self, at: i64) -> usize {
        self.by_time.range((at.saturating_add(1), i64::MIN)..).count()
    }

    /// The cameras of which something is known that happened in that time.
    pub(super) fn cameras(&self, since: i64, until: i64) -> impl Iterator<Item = i64> {
        let range = (since.min(until), i64::MIN)..=(until, i64::MAX);
        self.by_time.range(range).map(|(_, known)| known.camera)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_time.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_and_a_meta_told_once() {
        let mut seen = Seen::default();
        assert_eq!(seen.note(5, 1, 7, 0), News::New);
        assert_eq!(seen.note(5, 1, 7, 0), News::Same);
        assert_eq!(seen.note(5, 1, 7, 9), News::Updated);
        assert_eq!(seen.note(5, 1, 7, 9), News::Same);
        assert_eq!(seen.note(5, 1, 7, 0), News::Same, "it was told before");
        assert_eq!(Seen::read(seen.keep()).note(5, 1, 7, 9), News::Same);
    }

    #[test]
    fn an_id_whose_time_changes_is_known_for_as_long_as_it_is_listed() {
        let mut seen = Seen::default();
        seen.note(5, 1, 7, 0);
        assert_eq!(seen.note(50, 1, 7, 0), News::Same);
        assert!(!seen.forget_before(50) && seen.contains(1));
        assert!(seen.forget_before(51) && !seen.contains(1) && seen.len() == 0);
    }

    #[test]
    fn the_oldest_make_room() {
        let mut seen = Seen::default();
        for at in 0..10 {
            seen.note(at, at * 3, at % 2, 0);
        }
        assert_eq!((seen.shrink(4), seen.shrink(4)), (Some(5), None));
        assert_eq!(seen.cameras(0, 7).collect::<Vec<_>>(), [0, 1]);
    }
}
