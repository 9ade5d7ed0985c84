//! What is known of one system's history, and the way through its pages.
//!
//! The history is told newest first, 50 events a page. What `fromTimestamp` means is not known, so a page is judged by where it has led: to older events,
//! or not. The way ends where ten minutes of nothing but known events lie behind it, or where the history does.

use std::collections::{BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::model::ids::fingerprint;
use crate::vendors::simplisafe::checkpoint::{KeptSystem, Stretch};

/// Below the oldest event that was not known, or what was read before, so much is read again: pushes overtake each other by a minute (observed).
const MARGIN: i64 = 600;
/// Ids are remembered for so long below what was read.
const REMEMBERED: i64 = 1_200;
/// … and so many at most; an event takes 16 bytes here and some 40 in a checkpoint.
const KNOWN_MOST: usize = 2_048;
/// Pages of one way.
const PAGES_MOST: u32 = 100;
/// A history whose length is not told reaches back at least so far (a guess; a basic plan has a week).
const TIMELINE: i64 = 86_400;

/// What was read of a system's history.
#[derive(Debug)]
pub(super) struct History {
    /// `None` until the cloud's clock is known.
    bounds: Option<Bounds>,
    /// When it was first looked at, by our clock; what happened so much before it counts too.
    began: Timestamp,
    back: SignedDuration,
    known: BTreeSet<(i64, u64)>,
    /// How far it reaches back, where that was told, in seconds.
    pub(super) timeline: Option<i64>,
    pub(super) stretch: Option<Stretch>,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    floor: i64,
    verified: i64,
}

/// An event that was not known.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) at: i64,
    pub(super) number: i64,
    pub(super) id: Box<str>,
    pub(super) json: Box<str>,
}

/// What of a page's row the way needs.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) at: Option<i64>,
    pub(super) number: i64,
    pub(super) id: &'a str,
    pub(super) json: &'a str,
}

/// A way through the history, from the newest page on.
#[derive(Debug)]
pub(super) struct Walk {
    /// When it began, by the cloud's clock.
    began: Timestamp,
    pages: u32,
    /// The oldest time that was reached.
    reached: Option<i64>,
    /// What the next page is asked from.
    pub(super) from: Option<i64>,
    /// Something in it was known, or older than what concerns us.
    met: bool,
    ids: HashSet<u64>,
    pub(super) rows: Vec<Row>,
}

/// Where a way has led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// To what was known before.
    Known,
    /// To the end of the history; the oldest event there.
    Oldest(Option<i64>),
    /// To here, and no further: pages do not lead on, or there are too many.
    Here(i64),
}

/// What to do after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask for another page.
    Page,
    /// The way is over.
    Over(End),
}

pub(super) fn print(id: &str) -> u64 {
    // The lower half does.
    fingerprint(id) as u64
}

impl History {
    /// One that concerns us from `began` on, and so much before.
    pub(super) fn new(began: Timestamp, back: SignedDuration) -> Self {
        Self { bounds: None, began, back, known: BTreeSet::new(), timeline: None, stretch: None }
    }

    pub(super) fn read(kept: KeptSystem, began: Timestamp) -> Self {
        let KeptSystem { floor, verified, known, timeline, stretch, .. } = kept;
        let bounds = Some(Bounds { floor, verified });
        Self { bounds, began, back: SignedDuration::ZERO, known: known.into_iter().collect(), timeline, stretch }
    }

    /// For the checkpoint; `None` as long as nothing of it is known.
    pub(super) fn keep(&self, sid: u64) -> Option<KeptSystem> {
        let Bounds { floor, verified } = self.bounds?;
        let (known, stretch) = (self.known.iter().copied().collect(), self.stretch.clone());
        Some(KeptSystem { sid, floor, verified, known, timeline: self.timeline, stretch })
    }

    /// The cloud's clock is known, by what it is ahead of ours.
    pub(super) fn set_clock(&mut self, ahead: SignedDuration) {
        if self.bounds.is_none() {
            let began = self.began.checked_add(ahead).unwrap_or(self.began);
            let floor = began.checked_sub(self.back).unwrap_or(Timestamp::UNIX_EPOCH).as_second();
            self.bounds = Some(Bounds { floor, verified: floor });
        }
    }

    /// Whether an event is known already; from now on it is.
    pub(super) fn insert(&mut self, at: i64, id: &str) -> bool {
        let is_new = self.known.insert((at, print(id)));
        if self.known.len() > KNOWN_MOST {
            // What is forgotten must not look new: it is out of bounds from now on.
            while self.known.len() > KNOWN_MOST / 4 * 3 {
                let Some((at, _)) = self.known.pop_first() else { break };
                if let Some(bounds) = &mut self.bounds {
                    bounds.floor = bounds.floor.max(at + 1);
                }
            }
            if let Some(Bounds { floor, .. }) = self.bounds {
                self.known.retain(|(at, _)| *at >= floor);
            }
        }
        is_new
    }

    pub(super) fn is_known(&self, at: i64, id: &str) -> bool {
        self.known.contains(&(at, print(id)))
    }

    /// The same, of an event whose time is not known.
    pub(super) fn has(&self, id: &str) -> bool {
        let print = print(id);
        self.known.iter().any(|(_, known)| *known == print)
    }

    /// Takes in a page of `len` rows.
    pub(super) fn page(&self, walk: &mut Walk, len: usize, full: usize, rows: &[Seen<'_>]) -> Next {
        let Some(Bounds { floor, verified }) = self.bounds else { return Next::Over(End::Known) };
        walk.pages += 1;
        let oldest = rows.iter().filter_map(|row| row.at).min();
        let mut last = walk.reached;
        for row in rows {
            // One without a time stands where it stands.
            let at = row.at.or(last).unwrap_or(verified);
            last = Some(at);
            if at < floor || self.is_known(at, row.id) {
                walk.met = true;
            } else if walk.ids.insert(print(row.id)) {
                let Seen { number, id, json, .. } = *row;
                walk.rows.push(Row { at, number, id: id.into(), json: json.into() });
            }
        }
        let led_on = match (walk.reached, oldest) {
            (Some(reached), Some(oldest)) => oldest < reached,
            (Some(_), None) => true,
            (None, _) => true,
        };
        if let (false, Some(reached)) = (led_on, walk.reached) {
            // Asked for what is older than the second after the oldest: a second may be cut in two by a page. Once more from that second itself.
            if walk.from == Some(reached + 1) {
                walk.from = Some(reached);
                return Next::Page;
            }
            return Next::Over(End::Here(reached));
        }
        walk.reached = oldest.or(walk.reached);
        let new = walk.rows.iter().map(|row| row.at).min().unwrap_or(i64::MAX);
        let goal = floor.max(verified.min(new).saturating_sub(MARGIN));
        match walk.reached {
            Some(reached) if reached < goal => Next::Over(End::Known),
            reached if len < full => Next::Over(End::Oldest(reached)),
            Some(reached) if walk.pages >= PAGES_MOST => Next::Over(End::Here(reached)),
            Some(reached) => {
                walk.from = Some(reached + 1);
                Next::Page
            }
            // Fifty rows, and none with a time.
            None => Next::Over(End::Oldest(None)),
        }
    }

    /// A way is over: what is missing of the stretch, if there is one. Times are in seconds.
    pub(super) fn settle(&mut self, walk: &Walk, end: End) -> Option<(Stretch, i64)> {
        let began = walk.began.as_second();
        if let Some(bounds) = &mut self.bounds {
            bounds.verified = bounds.verified.max(began);
            bounds.floor = bounds.floor.max(bounds.verified - REMEMBERED);
            let floor = bounds.floor;
            self.known = self.known.split_off(&(floor, 0));
        }
        let stretch = self.stretch.take()?;
        let from = stretch.from.as_second();
        let lost_until = match end {
            End::Known => return None,
            End::Oldest(_) if walk.met => return None,
            End::Oldest(oldest) => {
                let horizon = began.saturating_sub(self.timeline.unwrap_or(TIMELINE));
                oldest.map_or(horizon, |oldest| oldest.min(horizon))
            }
            End::Here(reached) => reached,
        };
        (from < lost_until).then_some((stretch, lost_until))
    }
}

impl Walk {
    /// From the newest page on.
    pub(super) fn begin(now: Timestamp) -> Self {
        Self { began: now, pages: 0, reached: None, from: None, met: false, ids: HashSet::new(), rows: Vec::new() }
    }

    pub(super) fn began(&self) -> Timestamp {
        self.began
    }

    /// The oldest time that was reached, in seconds.
    pub(super) fn reached(&self) -> Option<i64> {
        self.reached
    }
}
