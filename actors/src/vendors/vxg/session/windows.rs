//! The way of a reading through its windows, and what is told of each.

use super::VxgSession;
use super::calls::Ask;
use super::polls::micros;
use super::reading::{AHEAD, Reading};
use super::telling::NO_CAMERA;
use super::walk::{Row, SECOND, Step, Window};
use crate::model::ids::fingerprint;
use crate::transport::request::RestAnswer;
use crate::vendors::vxg::config::Cameras;
use crate::vendors::vxg::rest;
use crate::vendors::vxg::token::Scheme;
use crate::vendors::vxg::wire::Event;
use crate::vendors::{Action, Now, Todo};

/// So many events are remembered, and told, that are dated more than a day ahead.
const FAR_MOST: usize = 2_000;

impl VxgSession {
    pub(super) fn ask_page(&mut self, now: Now, todo: &mut Todo) {
        let begins = self.polls.reading.as_ref().is_some_and(|reading| reading.group() == 0 && !reading.has_walk());
        if begins {
            // Without a list of cameras to name there is nothing to ask yet: see `channels_listed`.
            let Some(groups) = self.groups() else { return };
            if groups.is_empty() {
                // There are no cameras, and so no events.
                self.polls.settling = self.polls.reading.take();
                return self.ask_evidence(now, todo);
            }
            self.polls.groups = groups;
        }
        self.ask(now, Ask::Page, todo);
    }

    /// The cameras to name in each call; `None` where they have to be named and are not known.
    fn groups(&self) -> Option<Vec<Vec<i64>>> {
        let grant = self.grant.as_ref()?;
        let all = match &self.config.cameras {
            Cameras::Only(ids) if grant.scheme() != Scheme::Acc || grant.camera.is_none() => ids.clone(),
            // What its token opens is one camera. Whether it has to be named is not documented.
            _ if grant.scheme() == Scheme::Acc => grant.camera.into_iter().collect(),
            _ if self.polls.by_ids => {
                let ids = self.channels.ids()?;
                return Some(ids.chunks(self.polls.chunk.max(1)).map(<[i64]>::to_vec).collect());
            }
            _ => Vec::new(),
        };
        if all.is_empty() {
            return Some(vec![Vec::new()]);
        }
        Some(all.chunks(self.polls.chunk.max(1)).map(<[i64]>::to_vec).collect())
    }

    /// Whether a row is of a camera that is followed.
    fn follows(&self, camera: Option<i64>) -> bool {
        let own = self.grant.as_ref().and_then(|grant| grant.camera);
        match (camera, own) {
            (Some(camera), Some(own)) => camera == own,
            (Some(camera), None) => self.config.cameras.contains(camera),
            // Whoever lists it was asked for those that are.
            (None, _) => true,
        }
    }

    /// The same for a camera as it is known by.
    pub(super) fn follows_known(&self, camera: i64) -> bool {
        self.follows((camera != NO_CAMERA).then_some(camera))
    }

    pub(super) fn paged(&mut self, now: Now, answer: &RestAnswer, todo: &mut Todo) {
        let Some(grant) = self.grant.clone() else { return };
        if self.polls.reading.is_none() {
            // Our clock has been found to be wrong meanwhile.
            return self.read_if_due(now, todo);
        }
        let page = match rest::read_page(&grant, answer) {
            Ok(page) => page,
            Err(error) => return self.failed(now, Ask::Page, &error, todo),
        };
        let only = match self.polls.cameras() {
            [camera] => Some(*camera),
            _ => None,
        };
        let read = page.read_rows(Event::read);
        let mut unreadable = Vec::new();
        for skipped in &read.skipped {
            let print = fingerprint(page.rows.get(skipped.row).map_or("", |row| row.get()));
            unreadable.push(print);
            self.teller.doubt(&skipped.why, print, todo);
        }
        let row = |event: Event<'_>| {
            let (meta, camera) = (event.meta_print().0, event.camera.or(only));
            Row { at: event.time.as_microsecond(), id: event.id, camera, meta, json: event.json.into() }
        };
        let rows = read.rows.into_iter().map(row).collect();
        self.polls.size.taken();
        self.polls.names_none |= self.polls.cameras().is_empty();
        let limit = self.polls.size.rows();
        let Some(reading) = &mut self.polls.reading else { return };
        reading.tries = 0;
        self.polls.busy = 0;
        let can_halve = !reading.is_smallest();
        let walk = reading.walk(limit);
        let window = walk.window();
        match walk.page(&page, rows, &unreadable, can_halve) {
            Step::Page => self.ask(now, Ask::Page, todo),
            Step::Over { to } => {
                if let Some((listed, counted)) = walk.miscounted {
                    self.teller.doubt_count(listed, counted, todo);
                }
                self.window_read(now, to, todo);
            }
            Step::Unstable => {
                // What a poll has not found, a sweep may find yet.
                if reading.is_sweep {
                    let to = window.to.min(self.clock.at(now));
                    // By a clock that was ahead, nothing was told of what comes now.
                    let told = self.polls.unstable_until.filter(|until| *until <= self.clock.at(now));
                    let from = told.map_or(window.from, |until| window.from.max(until.saturating_add(1)));
                    self.polls.unstable_until = told.max(Some(to));
                    self.tell_unread(Window { from, to }, "unstable_list", todo);
                }
                self.window_read(now, window.to, todo);
            }
            Step::TooLarge => {
                self.read_smaller(now, todo);
            }
        }
    }

    fn window_read(&mut self, now: Now, to: i64, todo: &mut Todo) {
        let groups = self.polls.groups.len();
        let Some(reading) = &mut self.polls.reading else { return };
        let Some((_, rows)) = reading.done(to, groups) else { return self.ask(now, Ask::Page, todo) };
        reading.grow();
        self.deliver(now, rows, todo);
        if std::mem::take(&mut self.cursor.is_new)
            && let Some(heard) = self.forgotten.take()
        {
            // Stored with the new beginning, or not at all.
            self.tell_gap(
                None,
                heard.as_microsecond().min(self.polls.began),
                self.polls.began,
                "checkpoint_unreadable",
                todo,
            );
        }
        let least = self.clock.sure(now).min(self.clock.least(now));
        let Some(reading) = &self.polls.reading else { return };
        let (is_over, is_sweep) = (reading.is_over(), reading.is_sweep);
        if is_sweep && !is_over {
            // What is older than what sweeps read is done with.
            let done = reading.reached().min(least.min(reading.asked).saturating_sub(micros(self.config.sweep)));
            if self.polls.retention.as_ref().is_some_and(|retention| retention.is_known(done)) {
                // Another try, if this one is broken off, need not find it out again, nor could it.
                self.tell_retention(done, todo);
                self.cursor.change();
            }
            match &self.polls.retention {
                None => self.cursor.move_horizon(done),
                // What was known before the outage is left to tell of retention, to the next try, too, if this one is broken off.
                Some(retention) => {
                    let from = retention.until().saturating_add(1);
                    self.cursor.pass(Window { from, to: done.saturating_sub(1) });
                }
            }
        }
        // A first start is there once it knows what it begins with.
        if self.cursor.first.is_none() {
            self.go_online(todo);
        }
        if !is_over {
            return self.ask_page(now, todo);
        }
        self.polls.settling = self.polls.reading.take();
        self.ask_evidence(now, todo);
    }

    /// Tells what is new among the rows of a window.
    fn deliver(&mut self, now: Now, mut rows: Vec<Row>, todo: &mut Todo) {
        rows.retain(|row| self.follows(row.camera));
        rows.sort_by_key(|row| (row.at, row.id));
        if let Some(retention) = &mut self.polls.retention {
            retention.heed(&rows, &self.cursor.seen);
        }
        let (server, latest) = (self.clock.at(now), self.clock.most(now));
        self.doubt_clocks(&mut rows, latest, todo);
        let recent = server.saturating_sub(micros(self.config.overlap) + micros(self.polls.interval));
        // What this try has not missed, and what is not older than a poll looks back, is live; later on by the clock that is behind.
        let behind = server.saturating_sub(self.clock.least(now));
        // Dates are cut to whole seconds.
        let behind = if self.polls.is_catching_up || behind == 0 { 0 } else { behind.saturating_add(SECOND) };
        let live_from = recent.max(self.polls.began).saturating_sub(behind);
        // Where the first reading was broken off, what is dated in the future may have come since.
        let history_beyond = if self.polls.is_unbroken { server.saturating_add(SECOND) } else { i64::MAX };
        let newest = self.cursor.newest;
        let has_news = self.teller.tell(&mut self.cursor, &rows, latest, live_from, history_beyond, todo);
        if let Some(retention) = &mut self.polls.retention {
            retention.hold(&mut self.cursor.newest, newest);
        }
        self.cursor.shrink();
        if has_news {
            self.cursor.change();
            if let Some(reading) = &mut self.polls.reading {
                reading.has_news = true;
            }
        }
    }

    /// How far ahead a reading looks.
    pub(super) fn look_ahead(&mut self, reading: &mut Reading) {
        if reading.is_sweep {
            self.polls.ahead_failures = 0;
        }
        // Twice is no accident: the next sweep finds out again.
        if self.polls.ahead_failures > 1 {
            reading.look_no_further();
        } else if self.cursor.seen.count_after(reading.far()) >= FAR_MOST {
            reading.look_less_far();
        }
    }

    /// A camera whose clock is far ahead is doubted, and heard no more once it has been heard so often: all of that has to be known until its time comes.
    fn doubt_clocks(&mut self, rows: &mut Vec<Row>, latest: i64, todo: &mut Todo) {
        let far = latest.saturating_add(AHEAD);
        if rows.last().is_none_or(|row| row.at <= far) {
            return;
        }
        let seen = &self.cursor.seen;
        let mut room = FAR_MOST.saturating_sub(seen.count_after(far));
        rows.retain(|row| {
            if row.at <= far || seen.contains(row.id) {
                return true;
            }
            self.teller.doubt_clock(row.camera, row.at.saturating_sub(latest), todo);
            let has_room = room > 0;
            room = room.saturating_sub(1);
            has_room
        });
        if room == 0
            && let Some(reading) = &mut self.polls.reading
        {
            reading.look_less_far();
        }
    }

    pub(super) fn go_online(&mut self, todo: &mut Todo) {
        if !std::mem::replace(&mut self.is_online, true) {
            todo.act(Action::Online);
        }
    }
}
