//! What is not to be had any more after an outage. Nobody tells how long the server keeps events: what is known from before the outage, and is not listed any
//! more, tells that it has not kept what came just after.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::VxgSession;
use super::calls::Ask;
use super::cursor::Cursor;
use super::seen::Seen;
use super::telling::{NO_CAMERA, item};
use super::walk::{Row, SECOND};
use crate::transport::request::RestAnswer;
use crate::vendors::vxg::checkpoint::Newest;
use crate::vendors::vxg::rest::{self, CallError};
use crate::vendors::vxg::wire::Event;
use crate::vendors::{Entry, Gap, Now, Todo};

/// So often the server is asked whether it still keeps an event.
const TRIES: u32 = 4;
/// The server's time is known by its `Date`, cut to whole seconds: what was told in the last moment before an outage may seem to have happened after it.
const SLACK: i64 = 2 * SECOND;
/// For longer than this it is not left alone meanwhile: polls wait for it.
const WAIT_MOST: Duration = Duration::from_secs(30);

/// What the first reading after a long outage finds of what was known before it.
#[derive(Debug)]
pub(super) struct Retention {
    /// When the list was last read before the outage.
    until: i64,
    /// What is known from up to then was told before it.
    known_until: i64,
    /// Those of which something was known then.
    cameras: BTreeMap<i64, Kept>,
    /// The first event of any camera after the outage began.
    first: Option<i64>,
    /// Something is listed from before it.
    has_older: bool,
    /// Whether anything was lost, where nothing was known by which to tell, and the server had to be asked.
    told: Option<bool>,
    /// The newest event that came since. Until it is known whether anything was lost, the one from before the outage has to be asked for.
    latest: Option<Newest>,
}

#[derive(Debug, Default)]
struct Kept {
    is_listed: bool,
    first: Option<i64>,
}

impl Retention {
    /// The outage was as long as `away`. What is known from longer before it than that tells nothing: it may be gone, and what came after it be kept.
    /// Nor does what is known of a camera that is not followed any more: it is not asked for.
    pub(super) fn new(cursor: &Cursor, away: i64, is_long: bool, follows: impl Fn(i64) -> bool) -> Self {
        let until = cursor.read_until;
        let since = if is_long { i64::MIN } else { until.saturating_sub(away) };
        let known_until = if is_long { until.saturating_add(SLACK) } else { until };
        let cameras = cursor.seen.cameras(since, known_until).filter(|camera| follows(*camera));
        let cameras = cameras.map(|camera| (camera, Kept::default())).collect();
        Self {
            until,
            known_until,
            cameras,
            first: None,
            has_older: false,
            told: (!is_long).then_some(false),
            latest: None,
        }
    }

    pub(super) fn until(&self) -> i64 {
        self.until
    }

    /// Puts the newest event back to that from before the outage.
    pub(super) fn hold(&mut self, newest: &mut Option<Newest>, before: Option<Newest>) {
        let came = std::mem::replace(newest, before).filter(|came| Some(*came) != before);
        self.latest = [self.latest, came].into_iter().flatten().max_by_key(|newest| newest.at);
    }

    /// Rows that are listed, before they are known.
    pub(super) fn heed(&mut self, rows: &[Row], seen: &Seen) {
        let earlier = |first: Option<i64>, at: i64| Some(first.map_or(at, |first| first.min(at)));
        for row in rows {
            let was_known = || row.at <= self.known_until && seen.contains(row.id);
            let is_older = row.at <= self.until || was_known();
            self.has_older |= is_older;
            let kept = self.cameras.get_mut(&row.camera.unwrap_or(NO_CAMERA));
            if !is_older {
                self.first = earlier(self.first, row.at);
            }
            match kept {
                Some(kept) if is_older => kept.is_listed |= seen.contains(row.id),
                Some(kept) => kept.first = earlier(kept.first, row.at),
                None => {}
            }
        }
    }

    /// Everything up to `reached` is listed: whether that tells all that this is to find out.
    pub(super) fn is_known(&self, reached: i64) -> bool {
        let gone = || self.cameras.values().filter(|kept| !kept.is_listed);
        let are_all_gone = !self.cameras.is_empty() && gone().count() == self.cameras.len();
        let are_ends_known = if are_all_gone { self.first.is_some() } else { gone().all(|kept| kept.first.is_some()) };
        reached > self.known_until && !self.has_to_ask() && are_ends_known
    }

    /// Nothing tells whether anything was lost, but perhaps the server.
    fn has_to_ask(&self) -> bool {
        self.cameras.is_empty() && !self.has_older && self.told.is_none()
    }
}

impl VxgSession {
    /// Asks for what has to be known before a reading is over.
    pub(super) fn ask_evidence(&mut self, now: Now, todo: &mut Todo) {
        let has_to_ask = self.polls.retention.as_ref().is_some_and(Retention::has_to_ask);
        match self.cursor.newest.filter(|newest| has_to_ask && self.follows_known(newest.camera)) {
            Some(newest) => self.ask(now, Ask::Event(newest.id), todo),
            None => self.finish_reading(now, todo),
        }
    }

    /// The newest event from before the outage is still kept, or not.
    pub(super) fn newest_is_kept(&mut self, now: Now, is_kept: bool, todo: &mut Todo) {
        if is_kept {
            return self.evidence(now, false, todo);
        }
        // It may just have been old: if anything is left from before the outage, nothing is missing after that.
        let camera = self.cursor.newest.map_or(NO_CAMERA, |newest| newest.camera);
        self.ask(now, Ask::Oldest(camera), todo);
    }

    pub(super) fn oldest_told(&mut self, now: Now, answer: &RestAnswer, todo: &mut Todo) {
        let Some(grant) = self.grant.clone() else { return };
        let page = match rest::read_page(&grant, answer) {
            Ok(page) => page,
            Err(error) => return self.evidence_failed(now, &error, todo),
        };
        let until = self.polls.retention.as_ref().map_or(i64::MIN, |retention| retention.until);
        let rows = page.read_rows(Event::read).rows;
        let is_older = rows.iter().any(|event| event.time.as_microsecond() <= until);
        self.evidence(now, !is_older, todo);
    }

    /// Whether anything was lost, as far as it can be known.
    pub(super) fn evidence(&mut self, now: Now, is_lost: bool, todo: &mut Todo) {
        if let Some(retention) = &mut self.polls.retention {
            retention.told = Some(is_lost);
        }
        self.finish_reading(now, todo);
    }

    pub(super) fn evidence_failed(&mut self, now: Now, error: &CallError, todo: &mut Todo) {
        let Some(reading) = &mut self.polls.settling else { return };
        reading.tries += 1;
        if reading.tries >= TRIES || !error.is_retryable() {
            self.polls.trouble = format!("whether the server still keeps what it kept before the outage: {error}");
            return self.ask(now, Ask::Edge, todo);
        }
        let pause = Duration::from_secs(1 << (reading.tries - 1).min(3));
        let pause = pause.max(error.not_before().unwrap_or_default().min(WAIT_MOST));
        self.polls.read_again_at(now.instant + pause);
    }

    /// Tells what retention has taken before it was read.
    pub(super) fn tell_retention(&mut self, asked: i64, todo: &mut Todo) {
        let Some(Retention { until, cameras, first, told, latest, .. }) = self.polls.retention.take() else { return };
        self.cursor.newest = latest.or(self.cursor.newest);
        let gone = || cameras.iter().filter(|(_, kept)| !kept.is_listed);
        let to = |first: Option<i64>| first.unwrap_or(asked).max(until);
        if told == Some(true) || (!cameras.is_empty() && gone().count() == cameras.len()) {
            return self.tell_gap(None, until, to(first), "retention", todo);
        }
        for (camera, kept) in gone() {
            self.tell_gap(Some(item(*camera)), until, to(kept.first), "retention", todo);
        }
    }

    pub(super) fn tell_gap(&self, item: Option<String>, from: i64, to: i64, reason: &str, todo: &mut Todo) {
        let time = |at: i64| Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
        let (from, to) = (time(from), time(to.max(from)));
        let gap = Gap {
            item: item.filter(|item| !item.is_empty()),
            from,
            to,
            reason: reason.into(),
            recovered: "later_events",
        };
        todo.enter(Entry::Gap(Box::new(gap)));
    }
}
