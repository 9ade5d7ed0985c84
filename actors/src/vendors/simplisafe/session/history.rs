//! What is known of one system's history, and what each page of it adds.
//!
//! The history is told newest first, 50 events a page. What `fromTimestamp` means is not known, so a page is judged by where it has led: to older events,
//! or not. The way ends where ten minutes of nothing but known events lie behind it, or where the history does.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::walk::{Cut, End, Next, Row, Seen, Walk};
use crate::model::ids::fingerprint;
use crate::vendors::simplisafe::checkpoint::{KeptSystem, Stretch, Unread};

/// Below the oldest event that was not known, or what was read before, so much is read again: pushes overtake each other by a minute (observed).
const MARGIN: i64 = 600;
/// Ids are remembered for so long below what was read.
const REMEMBERED: i64 = 1_200;
/// … and so many at most; an event takes 16 bytes here and some 40 in a checkpoint.
const KNOWN_MOST: usize = 2_048;
/// Pages of one way.
const PAGES_MOST: u32 = 100;
/// So much the cloud's clock may be behind what was taken for it, before that is put right.
const CLOCK_SPARE: i64 = 60;
/// A push may be late by so much (a minute was seen).
const LATE_MOST: i64 = 120;
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
    /// When the newest event happened that the history itself has told.
    told: Option<i64>,
    pub(super) stretch: Option<Stretch>,
    /// An earlier session followed it too, so something may have been missed since.
    pub(super) is_kept: bool,
}

/// By the cloud's clock.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    floor: i64,
    verified: i64,
}

pub(super) fn print(id: &str) -> u64 {
    // The lower half does.
    fingerprint(id) as u64
}

impl History {
    /// One that concerns us from `began` on, and so much before.
    pub(super) fn new(began: Timestamp, back: SignedDuration) -> Self {
        Self {
            bounds: None,
            began,
            back,
            known: BTreeSet::new(),
            timeline: None,
            told: None,
            stretch: None,
            is_kept: false,
        }
    }

    pub(super) fn read(kept: KeptSystem) -> Self {
        let KeptSystem { floor, verified, known, timeline, told, stretch, unread, .. } = kept;
        let bounds = unread.is_none().then_some(Bounds { floor, verified });
        // What it began with counts for one that has never been read alone.
        let Unread { began, back } = unread.unwrap_or(Unread { began: Timestamp::UNIX_EPOCH, back: 0 });
        let (back, known) = (SignedDuration::from_secs(back), known.into_iter().collect());
        Self { bounds, began, back, known, timeline, told, stretch, is_kept: true }
    }

    /// For the checkpoint.
    pub(super) fn keep(&self, sid: u64) -> KeptSystem {
        let unread = Unread { began: self.began, back: self.back.as_secs() };
        let unread = self.bounds.is_none().then_some(unread);
        let Bounds { floor, verified } = self.bounds.unwrap_or(Bounds { floor: 0, verified: 0 });
        let (known, stretch) = (self.known.iter().copied().collect(), self.stretch.clone());
        let (timeline, told) = (self.timeline, self.told);
        KeptSystem { sid, floor, verified, known, timeline, told, stretch, unread, gone: None }
    }

    /// The cloud's clock is known, by what it is ahead of ours.
    pub(super) fn set_clock(&mut self, now: Timestamp, ahead: SignedDuration) {
        let first = shifted(self.began, ahead).checked_sub(self.back).unwrap_or(Timestamp::UNIX_EPOCH).as_second();
        let now = shifted(now, ahead).as_second();
        match &mut self.bounds {
            None => self.bounds = Some(Bounds { floor: first, verified: first }),
            // One of the clocks was wrong when the history was read: nothing that happens until then would be looked for.
            Some(bounds) if bounds.verified > now.saturating_add(CLOCK_SPARE) => {
                let broke = self.stretch.as_ref().map(|stretch| shifted(stretch.from, ahead).as_second());
                let verified = broke.map_or(now, |broke| broke.min(now));
                *bounds = Bounds { floor: verified.saturating_sub(REMEMBERED).max(first), verified };
                self.told = self.told.filter(|told| *told <= now);
            }
            Some(_) => {}
        }
    }

    /// Whether so many more can be known without anything being forgotten.
    pub(super) fn has_room(&self, events: usize) -> bool {
        self.known.len() + events <= KNOWN_MOST
    }

    /// Whether an event is known already; from now on it is.
    pub(super) fn insert(&mut self, at: i64, id: &str) -> bool {
        let is_new = self.known.insert((at, print(id)));
        if self.known.len() > KNOWN_MOST {
            // What is forgotten must not look new: it is out of bounds from now on.
            while self.known.len() > KNOWN_MOST / 4 * 3 {
                let Some((at, _)) = self.known.pop_first() else { break };
                if let Some(bounds) = &mut self.bounds {
                    bounds.floor = bounds.floor.max(at.saturating_add(1));
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

    /// Takes in a page of `len` rows, at `now` by the cloud's clock, in seconds.
    pub(super) fn page(&self, walk: &mut Walk, now: i64, len: usize, full: usize, rows: &[Seen<'_>]) -> Next {
        walk.newest = walk.newest.max(rows.iter().filter_map(|row| row.at.filter(|at| *at <= now)).max());
        let Some(Bounds { floor, verified }) = self.bounds else { return Next::Over(End::Known) };
        walk.pages += 1;
        let oldest = rows.iter().filter_map(|row| row.at).min();
        let mut last = walk.reached;
        for row in rows {
            // One without a time stands where it stands.
            let at = row.at.or(last).unwrap_or(verified);
            last = Some(at);
            if walk.ids.contains(&print(row.id)) {
                continue;
            }
            if at < floor || self.is_known(at, row.id) {
                // What was pushed after a break is known too, and tells nothing of the time before it.
                walk.met |= at <= verified;
            } else {
                walk.ids.insert(print(row.id));
                let Seen { number, id, json, .. } = *row;
                walk.new = Some(walk.new.map_or(at, |new| new.min(at)));
                walk.rows.push(Row { at, number, id: id.into(), json: json.into() });
            }
        }
        let leads_on = match (walk.reached, oldest) {
            (Some(reached), Some(oldest)) => oldest < reached,
            // Nothing, asked for what is older than the second after one that is there: the cursor does not mean that.
            (Some(_), None) => false,
            (None, _) => true,
        };
        if let Some(cut) = walk.cut.take().filter(|cut| leads_on || cut.is_full) {
            walk.holes.push(cut);
        }
        if let (false, Some(reached)) = (leads_on, walk.reached) {
            // Asked for what is older than the second after the oldest: a second may be cut in two by a page. Once more from that second itself.
            if walk.from == Some(reached.saturating_add(1)) {
                let is_it = |row: &Seen<'_>| row.at.is_none_or(|at| at == reached);
                let is_new = rows.iter().any(|row| walk.ids.contains(&print(row.id)));
                let cut = Cut { second: reached, is_full: len >= full, is_new };
                walk.cut = (!rows.is_empty() && rows.iter().all(is_it)).then_some(cut);
                walk.from = Some(reached);
                return Next::Page;
            }
            // A page that is not full has all that there is, if it holds what it was asked for.
            let is_up_to = len < full && rows.iter().all(|row| row.at.is_none_or(|at| at <= reached));
            return Next::Over(if is_up_to || walk.is_short { End::Oldest(Some(reached)) } else { End::Here(reached) });
        }
        (walk.reached, walk.is_short) = (oldest.or(walk.reached), len < full);
        let new = walk.new.unwrap_or(i64::MAX);
        let goal = floor.max(verified.min(new).saturating_sub(MARGIN));
        match walk.reached {
            Some(reached) if reached < goal => Next::Over(End::Known),
            Some(reached) if walk.is_short && walk.met => Next::Over(End::Oldest(Some(reached))),
            Some(reached) if walk.pages >= PAGES_MOST => Next::Over(End::Here(reached)),
            // Also behind a page that is not full, as long as it has met nothing: pages may be shorter than is known.
            Some(reached) => {
                walk.from = Some(reached.saturating_add(1));
                Next::Page
            }
            // No rows, or none with a time.
            None => Next::Over(End::Oldest(None)),
        }
    }

    /// A way is over: what is missing of the stretch, if there is one, or since the history was read last.
    pub(super) fn settle(&mut self, walk: &Walk, now: Timestamp, ahead: SignedDuration, end: End) -> Vec<Missing> {
        // Our clock may have been set back meanwhile.
        let began = shifted(walk.began.min(now), ahead).as_second();
        self.told = self.told.max(walk.newest);
        let lost_from = self.lost_from(walk, ahead, began);
        let Bounds { floor, verified } = self.bounds.unwrap_or(Bounds { floor: 0, verified: 0 });
        if let Some(bounds) = &mut self.bounds {
            bounds.verified = bounds.verified.max(began);
            bounds.floor = bounds.floor.max(bounds.verified.saturating_sub(REMEMBERED));
            // If a clock is wrong, what is known is still needed.
            let newest = self.known.last().map_or(i64::MAX, |(at, _)| *at);
            self.known = self.known.split_off(&(bounds.floor.min(newest.saturating_sub(REMEMBERED)), 0));
        }
        let lost_until = match end {
            // So much was pushed meanwhile that what is older had to be forgotten.
            End::Known if floor > verified => Some(floor),
            End::Known => None,
            End::Oldest(_) if walk.met => None,
            End::Oldest(oldest) => {
                let horizon = began.saturating_sub(self.timeline.unwrap_or(TIMELINE));
                Some(oldest.map_or(horizon, |oldest| oldest.min(horizon)))
            }
            // The page may have cut that second short.
            End::Here(reached) => Some(reached.saturating_add(1)),
        };
        let stretch = self.stretch.take();
        // What was missed since it began is for the next way to find.
        let rest = stretch.clone().filter(|stretch| stretch.to > walk.began);
        self.stretch = rest.map(|rest| Stretch {
            from: rest.from.max(walk.began.min(now)),
            asked: rest.to.max(rest.asked),
            ..rest
        });
        let span = lost_from.zip(lost_until).filter(|(from, until)| from < until).map(|(from, until)| {
            let to = stretch.as_ref().map_or(until, |stretch| until.min(second_after(stretch.to, ahead)));
            (from, to)
        });
        missing(walk, ahead, stretch, span)
    }

    /// The history tells no more: what is missing of the stretch, if there is one.
    pub(super) fn give_up(&mut self, walk: &Walk, ahead: SignedDuration) -> Vec<Missing> {
        let from = self.lost_from(walk, ahead, shifted(walk.began, ahead).as_second());
        let stretch = self.stretch.take();
        // What no break is known of is looked for again.
        let is_left = |(_, from): &(&Stretch, i64)| walk.reached.is_none_or(|reached| reached >= *from);
        let span = stretch.as_ref().zip(from).filter(is_left).map(|(stretch, from)| {
            let to = second_after(stretch.to, ahead);
            // The page may have cut that second short.
            (from, walk.reached.map_or(to, |reached| reached.saturating_add(1).min(to)))
        });
        missing(walk, ahead, stretch, span)
    }

    /// Whether the history has told of events before that should still be there, and are not: then that is not its end.
    pub(super) fn contradicts(&self, end: End, now: i64) -> bool {
        let End::Oldest(oldest) = end else { return false };
        let surely = self.timeline.unwrap_or(TIMELINE) / 10 * 9;
        self.told.is_some_and(|told| oldest.is_none_or(|oldest| oldest > told) && now.saturating_sub(told) < surely)
    }

    /// What a way has found is told before it is over: whatever it shows to be lost besides must not be forgotten along with it.
    pub(super) fn owe(&mut self, walk: &Walk, now: Timestamp, ahead: SignedDuration) {
        if self.stretch.is_some() {
            return;
        }
        let from = self.lost_from(walk, ahead, shifted(walk.began, ahead).as_second());
        let from = from.and_then(|from| Timestamp::from_second(from).ok()?.checked_sub(ahead).ok());
        let stretch = |from| Stretch { from, to: walk.began, reason: "lost_pushes".into(), asked: now };
        self.stretch = from.filter(|from| *from < walk.began).map(stretch);
    }

    /// From when on events may be missing: since the break, or, where there are some older ones that were not pushed and may never be, since the history
    /// was read last.
    fn lost_from(&self, walk: &Walk, ahead: SignedDuration, began: i64) -> Option<i64> {
        let broke = self.stretch.as_ref().map(|stretch| shifted(stretch.from, ahead).as_second());
        let lost = walk.reached.unwrap_or(i64::MIN).max(broke.unwrap_or(began.saturating_sub(LATE_MOST)));
        if walk.new.is_none_or(|new| new > lost) {
            return broke;
        }
        // What it was to tell of the time before it was followed is not missing.
        let read = self.bounds.map(|bounds| bounds.verified.max(shifted(self.began, ahead).as_second()));
        read.map(|read| broke.map_or(read, |broke| broke.min(read))).or(broke)
    }
}

/// A span of which nothing is known, and the seconds behind it of which not all is.
fn missing(walk: &Walk, ahead: SignedDuration, stretch: Option<Stretch>, span: Option<(i64, i64)>) -> Vec<Missing> {
    let broke = stretch.as_ref().map(|stretch| [stretch.from, stretch.to].map(|end| shifted(end, ahead).as_second()));
    let reason: Box<str> = stretch.map_or_else(|| "lost_pushes".into(), |stretch| stretch.reason);
    let mut missing: Vec<_> = span.map(|(from, to)| Missing { from, to, reason: reason.clone() }).into_iter().collect();
    for &Cut { second, is_new, .. } in walk.holes.iter().rev() {
        let is_lost = is_new || broke.is_some_and(|[from, to]| from <= second && second <= to);
        let until = second.saturating_add(1);
        match missing.last_mut() {
            _ if !is_lost => {}
            Some(before) if second <= before.to => before.to = before.to.max(until),
            _ => missing.push(Missing { from: second, to: until, reason: reason.clone() }),
        }
    }
    missing
}

/// The second behind that of a moment of ours, by the cloud's clock: a span up to there has the moment in it.
fn second_after(ours: Timestamp, ahead: SignedDuration) -> i64 {
    shifted(ours, ahead).as_second().saturating_add(1)
}

/// A stretch of which the history does not tell, in seconds by the cloud's clock.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) reason: Box<str>,
}

/// By the cloud's clock, which is so much ahead of ours.
pub(super) fn shifted(ours: Timestamp, ahead: SignedDuration) -> Timestamp {
    ours.checked_add(ahead).unwrap_or(ours)
}
