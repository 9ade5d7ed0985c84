//! One reading of the list, from a moment up to now, in closed windows, oldest first.

use super::walk::{Row, SECOND, Walk, Window};

/// A reading after a break goes in windows of an hour.
pub(super) const STEP: i64 = 3_600 * SECOND;
/// A window is not made smaller than a minute.
pub(super) const SMALLEST: i64 = 60 * SECOND;
/// Cameras whose clock is ahead by up to a day are seen at once.
pub(super) const AHEAD: i64 = 86_400 * SECOND;
/// … and those by up to a year with the next sweep: each list has all that is dated ahead, and what is so far ahead stays there.
const FAR_AHEAD: i64 = 366 * AHEAD;
/// So many cameras are named in one call: an address of some thousand characters is taken everywhere.
pub(super) const CAMERAS: usize = 200;

/// One reading.
#[derive(Debug)]
pub(super) struct Reading {
    /// It looks for what was listed late, too, and moves the horizon.
    pub(super) is_sweep: bool,
    /// The server's time when it began, as far as that is known: what happened later may not be in it.
    pub(super) asked: i64,
    /// The latest time that it may have been then, by whatever clock: what is dated later is dated ahead.
    latest: i64,
    /// What it steps over.
    passed: Vec<Window>,
    /// From where the next window begins.
    next: i64,
    /// Cameras whose clock is ahead are read up to there.
    end: i64,
    /// How long windows are, and at most; that of a poll has no bound.
    step: i64,
    most: i64,
    /// Which of the cameras' groups the window under way is read for.
    group: usize,
    /// The rows of the groups before it.
    found: Vec<Row>,
    walk: Option<Walk>,
    /// Tries of the call under way that have failed.
    pub(super) tries: u32,
    /// The window under way cannot be read, though others can.
    pub(super) is_at_fault: bool,
    /// The end of one that could not be read as a whole: what is wrong lies before it, or was over.
    fault_until: i64,
    /// Windows in a row that were lost.
    lost: u32,
    /// It does not look ahead: what is dated in the future could not be read.
    pub(super) is_cut: bool,
    /// It has brought something.
    pub(super) has_news: bool,
}

/// What to read in the place of a window that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Smaller {
    /// Half of it, or what of it is not dated in the future.
    Half,
    /// Nothing: all of it is dated in the future, and is left to the next reading.
    Nothing,
    /// It is as small as it gets: this is what is missing.
    Lost(Window),
}

impl Reading {
    pub(super) fn new(is_sweep: bool, from: i64, (asked, latest): (i64, i64), most: i64, passed: Vec<Window>) -> Self {
        let mut reading = Self {
            is_sweep,
            asked,
            latest,
            passed,
            next: from,
            end: latest.saturating_add(if is_sweep { FAR_AHEAD } else { AHEAD }),
            step: most,
            most,
            group: 0,
            found: Vec::new(),
            walk: None,
            tries: 0,
            is_at_fault: false,
            fault_until: i64::MIN,
            lost: 0,
            is_cut: false,
            has_news: false,
        };
        reading.step_over();
        reading
    }

    fn step_over(&mut self) {
        for passed in self.passed.iter().filter(|passed| passed.to < i64::MAX) {
            if passed.contains(self.next) {
                self.next = passed.to + 1;
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.next > self.end
    }

    /// Where the window under way begins, or the next one.
    pub(super) fn reached(&self) -> i64 {
        self.next
    }

    /// The clock was wrong by so much.
    pub(super) fn shift(&mut self, by: i64) {
        self.asked = self.asked.saturating_add(by);
        self.latest = self.latest.max(self.asked);
        self.end = self.end.saturating_add(by);
    }

    fn window(&self) -> Window {
        let to = self.next.saturating_add(self.step - 1);
        // Up to now, and beyond it.
        let to = if to >= self.asked { self.end.max(self.next) } else { to };
        let passed = self.passed.iter().map(|passed| passed.from).find(|from| *from > self.next);
        Window { from: self.next, to: passed.map_or(to, |passed| to.min(passed - 1)) }
    }

    /// The way through the window under way, which begins if none is.
    pub(super) fn walk(&mut self, limit: u32) -> &mut Walk {
        let window = self.window();
        self.walk.get_or_insert_with(|| Walk::new(window, limit))
    }

    pub(super) fn group(&self) -> usize {
        self.group
    }

    /// One group's window is read up to there: the rows of the whole window once all groups are, with the window.
    pub(super) fn done(&mut self, to: i64, groups: usize) -> Option<(Window, Vec<Row>)> {
        let walk = self.walk.take()?;
        let from = walk.window().from;
        self.found.extend(walk.into_rows());
        self.tries = 0;
        self.group += 1;
        if self.group < groups {
            // The others are read as far as this one was.
            self.walk = None;
            self.step = to.saturating_sub(from).saturating_add(1).min(self.step);
            return None;
        }
        let window = Window { from, to };
        let mut rows = std::mem::take(&mut self.found);
        rows.retain(|row| window.contains(row.at));
        self.next = to.saturating_add(1);
        self.step_over();
        (self.group, self.lost) = (0, 0);
        // The half that could be read is not the one that is at fault: the search goes on where it stands.
        self.is_at_fault = self.next <= self.fault_until;
        Some((window, rows))
    }

    /// After a window that was read in one piece the next may be longer.
    pub(super) fn grow(&mut self) {
        if !self.is_at_fault {
            self.step = self.step.saturating_mul(2).min(self.most);
        }
    }

    /// Begins the window under way anew.
    pub(super) fn again(&mut self) {
        (self.group, self.tries) = (0, 0);
        self.walk = None;
        self.found.clear();
    }

    /// Looks no further ahead than to now.
    pub(super) fn look_no_further(&mut self) {
        self.end = self.end.min(self.asked);
    }

    /// Looks ahead no further than polls do.
    pub(super) fn look_less_far(&mut self) {
        self.end = self.end.min(self.far());
    }

    /// What is dated later is dated far ahead.
    pub(super) fn far(&self) -> i64 {
        self.latest.saturating_add(AHEAD)
    }

    /// Gives the window under way up, for a smaller one.
    pub(super) fn smaller(&mut self) -> Smaller {
        let from = self.next;
        if self.window().to > self.asked {
            // It may be what is dated in the future, and that can wait.
            self.again();
            self.look_no_further();
            self.is_cut = true;
            if self.is_at_fault {
                self.fault_until = self.fault_until.max(self.asked);
            }
            return if from > self.asked { Smaller::Nothing } else { Smaller::Half };
        }
        let to = self.window().to;
        let span = to.saturating_sub(from).saturating_add(1);
        if span > SMALLEST {
            self.again();
            if self.is_at_fault {
                self.fault_until = self.fault_until.max(to);
            }
            self.step = (span / 2).max(SMALLEST);
            return Smaller::Half;
        }
        Smaller::Lost(Window { from, to: from.saturating_add(span.max(1) - 1) })
    }

    pub(super) fn is_smallest(&self) -> bool {
        let to = self.window().to;
        to <= self.asked && to.saturating_sub(self.next) < SMALLEST
    }

    /// Those before it were lost: it is not worth many tries, for what is behind it waits.
    pub(super) fn is_hopeless(&self) -> bool {
        self.lost > 1
    }

    /// Passes over what cannot be read.
    pub(super) fn pass(&mut self, lost: Window) {
        self.again();
        self.lost += 1;
        (self.is_at_fault, self.fault_until) = (self.is_hopeless(), i64::MIN);
        self.next = if lost.to >= self.asked { i64::MAX } else { lost.to.saturating_add(1) };
        self.step_over();
    }

    pub(super) fn has_walk(&self) -> bool {
        self.walk.is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_search_for_what_cannot_be_read_goes_on_where_it_stands() {
        let asked = 10 * STEP;
        let bad = 5 * STEP - 90 * SECOND;
        let mut reading = Reading::new(true, 4 * STEP, (asked, asked), STEP, Vec::new());
        let (mut failures, mut searches) = (0, 0);
        let lost = loop {
            let window = reading.walk(100).window();
            if !window.contains(bad) {
                assert!(reading.done(window.to, 1).is_some());
                reading.grow();
                continue;
            }
            failures += 1;
            // Only the first needs more than one look.
            searches += usize::from(!reading.is_at_fault);
            reading.is_at_fault = true;
            if let Smaller::Lost(lost) = reading.smaller() {
                break lost;
            }
        };
        assert!(lost.contains(bad) && lost.to - lost.from < 2 * SMALLEST, "{lost:?}");
        assert!(failures <= 8 && searches == 1, "{failures} failures, {searches} searches");
        reading.pass(lost);
        assert!(!reading.is_at_fault);
        let first = reading.walk(100).window();
        reading.done(first.to, 1).unwrap();
        reading.grow();
        let next = reading.walk(100).window();
        assert!(next.to - next.from > first.to - first.from, "behind it windows grow again");
    }
}
