//! The way through the pages of a history, and where it has led.

use std::collections::HashSet;
use std::mem::take;

use jiff::Timestamp;

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
    /// When it began, by our clock: the first answer of a session is what tells the cloud's.
    pub(super) began: Timestamp,
    /// A page is on its way.
    pub(super) is_asked: bool,
    /// It was held up by a page that could not be had.
    pub(super) is_held_up: bool,
    pub(super) pages: u32,
    /// The oldest time that was reached.
    pub(super) reached: Option<i64>,
    /// What the next page is asked from.
    pub(super) from: Option<i64>,
    /// Something in it was known, or older than what concerns us.
    pub(super) met: bool,
    /// The last page that has led to older events was not full.
    pub(super) is_short: bool,
    /// It has ended before what the history had told already.
    pub(super) is_doubted: bool,
    /// The newest event in it that is not in the future.
    pub(super) newest: Option<i64>,
    /// The second that the last page was full of, although it was asked for what is older too.
    pub(super) cut: Option<Cut>,
    /// Seconds of which more happened than a page holds.
    pub(super) holes: Vec<Cut>,
    /// The oldest that was not known.
    pub(super) new: Option<i64>,
    pub(super) ids: HashSet<u64>,
    pub(super) rows: Vec<Row>,
}

/// A second that a page may have cut short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) second: i64,
    /// Nothing else would have fitted into the page.
    pub(super) is_full: bool,
    /// Something of it was not known.
    pub(super) is_new: bool,
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

impl Walk {
    /// From the newest page on.
    pub(super) fn begin(now: Timestamp) -> Self {
        Self {
            began: now,
            is_asked: true,
            is_held_up: false,
            pages: 0,
            reached: None,
            from: None,
            met: false,
            is_short: false,
            is_doubted: false,
            newest: None,
            cut: None,
            holes: Vec::new(),
            new: None,
            ids: HashSet::new(),
            rows: Vec::new(),
        }
    }

    /// Once more from the newest page on: it cannot have led to the end.
    pub(super) fn begin_again(&mut self) {
        let (ids, rows, holes) = (take(&mut self.ids), take(&mut self.rows), take(&mut self.holes));
        *self = Self { new: self.new, is_doubted: true, is_held_up: true, ids, rows, holes, ..Self::begin(self.began) };
    }

    pub(super) fn began(&self) -> Timestamp {
        self.began
    }
}
