//! The way through one closed window of the list, page after page.
//!
//! Pages are counted by offset, over a list that changes meanwhile: what is listed late shifts rows on, what retention takes shifts them back, unseen. So a page
//! is left by time where that can be: the next one begins at the second of the last row, at offset 0, and reads some rows again. Offsets are left for
//! what happened within a second, and for a server that does not keep to the order or the start that it was asked for.
//!
//! What a page tells of those behind it is believed where all of it fits together. Else it is asked whether there is anything behind it.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::vendors::vxg::wire::{Asked, Page};

pub(super) const SECOND: i64 = 1_000_000;

/// After so many rows a window has been too large, and is left where it stands.
const ROWS: usize = 10_000;
/// … or, where it cannot be left, given up.
const ROWS_MOST: usize = 50_000;
/// Pages of a window, whatever is on them.
const PAGES_MOST: u32 = 1_000;
/// How often a window is read again whose rows do not fit together.
const AGAIN_MOST: u32 = 3;

/// A stretch of time in microseconds since 1970, both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Window {
    pub(super) fn contains(self, at: i64) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

/// A row of the list.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) at: i64,
    pub(super) id: i64,
    pub(super) camera: Option<i64>,
    pub(super) meta: u64,
    pub(super) json: Box<str>,
}

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for the next one: see [`Walk::asked`].
    Page,
    /// Everything is there that happened up to then.
    Over {
        /// The end of the window, or where it was left because it is too large.
        to: i64,
    },
    /// It is too large, and cannot be left where it stands: read the first half of it.
    TooLarge,
    /// Its rows do not fit together, however often it is read: some may be missing.
    Unstable,
}

/// What one query has brought; the next one begins with nothing.
#[derive(Debug, Default)]
struct Query {
    /// In whole seconds since 1970: whether the very moment is among them is not documented, so it is one before that is wanted.
    start: i64,
    offset: u64,
    ids: HashSet<i64, RandomState>,
    /// Of all rows that could be read, each row once.
    times: Vec<i64>,
    last: Option<i64>,
    /// Those that could not, by what they look like.
    unreadable: HashSet<u128, RandomState>,
    total: Option<u64>,
    /// Places of the list that have been read.
    reached: u64,
    /// The row with which the next page should begin.
    joint: Option<i64>,
    /// It did not, so that rows may have been passed over.
    has_drifted: bool,
    /// There were fewer rows on a page than there had been on the one before it, so that some were.
    has_shrunk: bool,
    /// Pages in a row that brought nothing.
    stale: u32,
}

/// The way through one window.
#[derive(Debug)]
pub(super) struct Walk {
    window: Window,
    limit: u32,
    query: Query,
    rows: HashMap<i64, Row, RandomState>,
    by_time: bool,
    /// What there must be at least behind a start that was chosen by time; else the list is in another order.
    expected: Option<u64>,
    pages: u32,
    again: u32,
    /// By how much the count was beyond the rows, the last time that these did not fit.
    misfit: Option<u64>,
    /// The server counts rows that it does not list.
    pub(super) miscounted: Option<(u64, u64)>,
}

impl Walk {
    pub(super) fn new(window: Window, limit: u32) -> Self {
        Self {
            window,
            limit,
            query: Query { start: before(window.from), ..Query::default() },
            rows: HashMap::default(),
            by_time: true,
            expected: None,
            pages: 0,
            again: 0,
            misfit: None,
            miscounted: None,
        }
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    /// From when on to ask, in seconds since 1970.
    pub(super) fn start(&self) -> i64 {
        self.query.start
    }

    /// Until when to ask, in seconds since 1970.
    pub(super) fn end(&self) -> i64 {
        self.window.to.div_euclid(SECOND) + 1
    }

    /// Which page to ask for.
    pub(super) fn asked(&self) -> Asked {
        Asked { limit: self.limit, offset: self.query.offset }
    }

    pub(super) fn into_rows(self) -> impl Iterator<Item = Row> {
        self.rows.into_values()
    }

    /// Takes in a page. `rows` are those of its rows that could be read, and of the others the prints; a window that cannot be halved is read whatever is in it.
    pub(super) fn page(&mut self, page: &Page<'_>, rows: Vec<Row>, unreadable: &[u128], can_halve: bool) -> Step {
        let (asked, listed) = (self.asked(), page.rows.len());
        self.pages += 1;
        if self.expected.take().zip(page.total_count).is_some_and(|(expected, total)| total < expected) {
            // Rows were passed over: the list is not in the order of time.
            self.by_time = false;
            return self.restart(before(self.window.from));
        }
        let query = &mut self.query;
        let joint = query.joint.take();
        let is_joined = joint.is_some_and(|joint| rows.first().is_some_and(|row| row.id == joint));
        query.has_drifted |= joint.is_some() && !is_joined;
        // Where the pages join, whatever is gone was behind them, or the count is wrong.
        let has_shrunk = query.total.zip(page.total_count).is_some_and(|(before, now)| now < before);
        query.has_shrunk |= has_shrunk && !is_joined;
        query.total = page.total_count.or(query.total);
        query.reached = query.reached.max(asked.offset.saturating_add(listed as u64));
        // A server that has given more than one row gives more than the one that is read again, if there are more, unless it says that it does not.
        let is_joint_alone = is_joined && listed == 1 && page.limit != Some(1);
        let is_proven = listed == 0 || is_joint_alone;
        let floor = query.start.saturating_mul(SECOND);
        let mut last = query.last.unwrap_or(floor);
        let fresh_prints = unreadable.iter().filter(|print| query.unreadable.insert(**print)).count();
        let mut fresh = fresh_prints;
        let last_id = rows.last().map(|row| row.id);
        for row in rows {
            // A server that does not keep to the start has earlier ones, too.
            self.by_time &= row.at >= last && row.at >= floor;
            last = row.at;
            if query.ids.insert(row.id) {
                query.times.push(row.at);
                fresh += 1;
            }
            if self.window.contains(row.at) {
                self.rows.insert(row.id, row);
            }
        }
        query.last = Some(last);
        query.stale = if fresh == 0 { query.stale + 1 } else { 0 };
        if is_proven || page.is_last(asked) || query.stale >= 2 {
            return self.ended(is_proven);
        }
        if self.by_time && last > self.window.to.saturating_add(SECOND) {
            // It does not keep to the end, and whatever is behind is later still.
            return Step::Over { to: self.window.to };
        }
        let is_large = self.rows.len() >= ROWS;
        // Rows that are all of one moment say nothing of the order.
        let rises = self.query.times.first().is_some_and(|first| *first < last);
        let start = before(last);
        // Where it is only doubted that this is the end, the row behind it shows more, for less, than the whole last second.
        let is_look = asked.offset == 0 && !page.is_more_told(asked);
        if self.by_time && !is_look && rises && start > self.query.start {
            let to = last.saturating_sub(1);
            if (is_large || self.pages >= PAGES_MOST) && to >= self.window.from {
                self.rows.retain(|_, row| row.at <= to);
                return Step::Over { to };
            }
            let passed = self.query.times.iter().filter(|at| **at <= start.saturating_mul(SECOND)).count();
            let passed = (passed + self.query.unreadable.len()) as u64;
            self.expected = self.query.total.map(|total| total.saturating_sub(passed));
            self.query = Query { start, ..Query::default() };
            return Step::Page;
        }
        if self.rows.len() >= ROWS_MOST || self.pages >= PAGES_MOST {
            return Step::Unstable;
        }
        if is_large && can_halve {
            return Step::TooLarge;
        }
        // One row is read again: if it is another, rows have shifted.
        let joint = last_id.filter(|_| listed > 1 && unreadable.is_empty());
        self.query.offset = asked.offset.saturating_add(listed as u64 - u64::from(joint.is_some()));
        self.query.joint = joint;
        Step::Page
    }

    /// There is nothing behind this page, by what it says or, where that `is_proven`, by what is there. Whether nothing is missing before it.
    fn ended(&mut self, is_proven: bool) -> Step {
        let listed = (self.query.ids.len() + self.query.unreadable.len()) as u64;
        let told = self.query.total.unwrap_or(listed);
        // Where each place of the list has been read, and held another row, a count of more is wrong.
        let total = if is_proven { self.query.reached } else { told };
        let (is_covered, has_drifted, has_shrunk) = (listed >= total, self.query.has_drifted, self.query.has_shrunk);
        if is_covered && !has_drifted && !has_shrunk {
            self.miscounted = (listed < told).then_some((listed, told));
            return Step::Over { to: self.window.to };
        }
        // Twice the same excess is no accident: it counts what it does not list. Meanwhile rows may have come, in both.
        let excess = total.saturating_sub(listed);
        if !has_drifted && !has_shrunk && self.misfit.replace(excess) == Some(excess) {
            self.miscounted = Some((listed, total));
            return Step::Over { to: self.window.to };
        }
        if self.again >= AGAIN_MOST {
            // Rows of one moment may come in another order each time: where as many are there as are counted, none is missing.
            let is_whole = is_covered && !has_shrunk;
            return if is_whole { Step::Over { to: self.window.to } } else { Step::Unstable };
        }
        self.again += 1;
        self.restart(self.query.start)
    }

    fn restart(&mut self, start: i64) -> Step {
        self.query = Query { start, ..Query::default() };
        Step::Page
    }
}

/// The last whole second before a moment.
fn before(at: i64) -> i64 {
    at.saturating_sub(1).div_euclid(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_counts_too_many_is_found_out_while_rows_arrive() {
        let mut walk = Walk::new(Window { from: 0, to: 100 * SECOND }, 1_000);
        let row = |id: i64| Row { at: id * SECOND, id, camera: None, meta: 0, json: "{}".into() };
        let mut page = |rows: std::ops::RangeInclusive<i64>, counted: u64| {
            let objects = vec!["{}"; rows.clone().count()].join(",");
            let body = format!(r#"{{"meta":{{"next":null,"total_count":{counted}}},"objects":[{objects}]}}"#);
            let page = Page::read(body.as_bytes()).ok()?;
            Some(walk.page(&page, rows.map(row).collect(), &[], true))
        };
        assert_eq!(page(1..=3, 9), Some(Step::Page), "what is counted is looked for");
        assert_eq!(page(3..=3, 8), Some(Step::Page), "behind the last row, too");
        #[expect(clippy::reversed_empty_ranges, reason = "a page without rows")]
        let nothing = page(4..=3, 8);
        assert_eq!(nothing, Some(Step::Over { to: 100 * SECOND }), "there is nothing");
        assert_eq!(walk.miscounted, Some((1, 8)));
    }
}
