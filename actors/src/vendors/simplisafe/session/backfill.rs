//! Looking at the histories: after each break, once more two minutes later, and every five minutes against pushes that were lost.

use std::time::Duration;

use jiff::Timestamp;

use super::SimpliSafeSession;
use super::calls::{Ask, Trouble};
use super::history::{Missing, shifted};
use super::systems::{Happening, LOOK_PAUSE, System, jittered};
use super::telling::is_due;
use super::walk::{Next, Row, Seen, Walk};
use crate::vendors::simplisafe::checkpoint::Stretch;
use crate::vendors::simplisafe::rest::MOST_EVENTS;
use crate::vendors::simplisafe::wire::EventsPage;
use crate::vendors::{Entry, Gap, Now, Todo};

/// Once more after a break: pushes and the history itself lag.
const AGAIN_AFTER: Duration = Duration::from_secs(120);
/// Against lost pushes.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// A history that cannot be read is asked again after this, doubled each time, up to …
const RETRY: Duration = Duration::from_secs(2);
/// … this. With so many …
const RETRY_MOST: Duration = Duration::from_secs(300);
/// … tries in a row, …
const TRIES_MOST: u32 = 10;
/// … or after so long, what may be missing is told.
const LATE: Duration = Duration::from_secs(3_600);
/// Where the plan has no history.
const NO_PLAN_PAUSE: Duration = Duration::from_secs(3_600);

impl SimpliSafeSession {
    pub(super) fn look_if_due(&mut self, now: Now, todo: &mut Todo) {
        let is_due = |system: &&System| !system.is_looking() && is_due(system.look_at, now);
        let due: Vec<_> = self.systems.values().filter(is_due).map(|system| system.sid).collect();
        for sid in due {
            self.look(now, sid, todo);
        }
    }

    /// Begins the way through a history, or goes on with it where it was held up.
    pub(super) fn look(&mut self, now: Now, sid: u64, todo: &mut Todo) {
        let Some(system) = self.systems.get_mut(&sid).filter(|system| !system.is_looking()) else { return };
        (system.look_at, system.looked_at) = (None, Some(now.instant));
        let pace = &mut self.pace;
        let walk = system.walk.get_or_insert_with(|| {
            // The first page never waits.
            pace.wait(now.instant);
            Walk::begin(now.wall)
        });
        walk.is_asked = true;
        let from = walk.from;
        self.ask(now, Ask::Events { sid, from }, todo);
    }

    /// A page has come.
    pub(super) fn paged(&mut self, now: Now, sid: u64, body: &[u8], todo: &mut Todo) {
        let page = match EventsPage::read(body) {
            Ok(page) => page,
            Err(error) => return self.page_failed(now, sid, Trouble::passing(error.to_string()), todo),
        };
        let ahead = self.clock.ahead();
        let Some(system) = self.systems.get_mut(&sid) else { return };
        let Some(mut walk) = system.walk.take_if(|walk| walk.is_asked) else { return };
        system.history.set_clock(now.wall, ahead);
        let cloud = shifted(now.wall, ahead).as_second();
        let ids: Vec<_> = page.events.iter().map(|event| event.id("")).collect();
        let rows = page.events.iter().zip(&ids).map(|(event, id)| Seen {
            at: event.timestamp,
            number: event.number().unwrap_or(i64::MAX),
            id,
            json: event.json,
        });
        let rows: Vec<_> = rows.collect();
        let len = rows.len() + page.skipped.len();
        match system.history.page(&mut walk, cloud, len, MOST_EVENTS as usize, &rows) {
            Next::Page => {
                system.tries = if walk.is_doubted { system.tries } else { 0 };
                walk.is_asked = false;
                system.look_at = Some(now.instant + self.pace.wait(now.instant));
                system.walk = Some(walk);
                self.look_if_due(now, todo);
            }
            Next::Over(end) if system.history.contradicts(end, cloud) => {
                walk.begin_again();
                system.walk = Some(walk);
                let trouble = Trouble::passing("it lacks events that it has told before");
                self.page_failed(now, sid, trouble, todo);
            }
            Next::Over(end) => {
                (system.tries, system.unlisted) = (0, None);
                system.look_again |= walk.is_held_up;
                system.read_at = Some(walk.began());
                for missing in system.history.settle(&walk, now.wall, ahead, end) {
                    tell_gap(&system.item, &missing, "later_events", todo);
                }
                // Something unreadable came while it was read.
                let soon = system.history.stretch.as_ref().map(|_| system.look_at.unwrap_or(now.instant + LOOK_PAUSE));
                let next = next_look(system, &self.config, now);
                system.look_at = Some(soon.map_or(next, |soon| soon.min(next)));
                self.recovered(now, sid, walk, todo);
            }
        }
        self.mark.change();
    }

    /// A page cannot be had. What was read before it is told where nothing more is to be expected soon.
    pub(super) fn page_failed(&mut self, now: Now, sid: u64, trouble: Trouble, todo: &mut Todo) {
        let ahead = self.clock.ahead();
        let Some(system) = self.systems.get_mut(&sid) else { return };
        let Some(mut walk) = system.walk.take_if(|walk| walk.is_asked) else { return };
        // Nobody was asked, or sooner than after the try before: that is none.
        let is_try = !matches!(trouble, Trouble::Braked(_));
        let is_early = system.retry_at.filter(|at| *at > now.instant && system.tries > 0);
        system.tries += u32::from(is_try && is_early.is_none());
        let pause = match &trouble {
            Trouble::NotInPlan | Trouble::Braked(_) => NO_PLAN_PAUSE,
            Trouble::Passing { not_before, .. } => {
                let pause = RETRY.saturating_mul(1 << (system.tries - 1).min(16)).min(RETRY_MOST);
                is_early.map_or(pause, |at| at - now.instant).max(not_before.unwrap_or_default())
            }
        };
        let next = match &trouble {
            // What may be missing is told in time all the same.
            Trouble::Braked(until) => (*until).min(now.instant + LATE),
            _ => now.instant + jittered(pause, (u64::from(system.tries) * 331).wrapping_add(sid)),
        };
        (system.look_at, system.retry_at) = (Some(next), Some(next));
        system.rest_until = match &trouble {
            Trouble::Passing { not_before, .. } => not_before.map(|rest| now.instant + rest),
            _ => None,
        };
        let is_late = |stretch: &Stretch| now.wall.duration_since(stretch.asked).unsigned_abs() >= LATE;
        let gives_up = matches!(trouble, Trouble::NotInPlan)
            || system.tries >= TRIES_MOST
            || system.history.stretch.as_ref().is_some_and(is_late);
        if !gives_up {
            // The pages that were read need not be read again.
            (walk.is_asked, walk.is_held_up) = (false, true);
            system.walk = Some(walk);
            if system.held.is_none() {
                self.hand_over(now, sid, todo);
            }
            return;
        }
        // What the last page may have cut short was to be seen on the next one.
        let cut = walk.cut.take().filter(|cut| cut.is_full);
        walk.holes.extend(cut);
        for missing in system.history.give_up(&walk, ahead) {
            tell_gap(&system.item, &missing, "latest_states", todo);
        }
        self.mark.change();
        self.recovered(now, sid, walk, todo);
    }

    /// Tells what there is of a system that is not followed any more, and what may be missing.
    pub(super) fn part(&mut self, now: Now, sid: u64, todo: &mut Todo) {
        let ahead = self.clock.ahead();
        let Some(system) = self.systems.get_mut(&sid) else { return };
        let mut walk = system.walk.take().unwrap_or_else(|| Walk::begin(now.wall));
        // What the last page may have cut short was to be seen on the next one.
        let cut = walk.cut.take().filter(|cut| cut.is_full);
        walk.holes.extend(cut);
        for missing in system.history.give_up(&walk, ahead) {
            tell_gap(&system.item, &missing, "latest_states", todo);
        }
        self.recovered(now, sid, walk, todo);
    }

    /// Tells what a way has found, along with what came meanwhile, in the order in which it happened.
    fn recovered(&mut self, now: Now, sid: u64, walk: Walk, todo: &mut Todo) {
        let Some(system) = self.systems.get_mut(&sid) else { return };
        let held = system.held.take();
        let is_first = held.is_some();
        let mut events = held.map_or(Vec::new(), |held| held.events);
        let (began, rows) = (self.clock.at(walk.began()), walk.rows);
        // Behind what was pushed: that has more in it, and came first.
        events.extend(rows.into_iter().map(happened));
        self.tell_in_order(now, sid, events, todo);
        self.take_waiting(now, sid, Some(began), todo);
        self.tell_doubtful(now, todo);
        if is_first {
            self.hurry_polls(now, sid, todo);
        }
    }

    /// Tells what was held back, and what there is of a way that may take long yet: an alarm in it must not wait for what is older.
    fn hand_over(&mut self, now: Now, sid: u64, todo: &mut Todo) {
        let ahead = self.clock.ahead();
        let Some(System { held, walk, history, .. }) = self.systems.get_mut(&sid) else { return };
        let mut events = held.take().map_or(Vec::new(), |held| held.events);
        if let Some(walk) = walk.as_mut().filter(|walk| walk.is_held_up && history.has_room(walk.rows.len())) {
            history.owe(walk, now.wall, ahead);
            events.extend(walk.rows.drain(..).map(happened));
            self.mark.change();
        }
        self.tell_in_order(now, sid, events, todo);
    }

    /// Tells events of a system that have not been told. Only now are they known: what a checkpoint knows must be stored along with it.
    pub(super) fn tell_in_order(&mut self, now: Now, sid: u64, mut events: Vec<Happening>, todo: &mut Todo) {
        let Some(system) = self.systems.get_mut(&sid) else { return };
        events.retain(|event| system.history.insert(event.at, &event.id));
        events.sort_by(|one, other| (one.at, one.number, &one.id).cmp(&(other.at, other.number, &other.id)));
        for event in &events {
            self.tell(now, Some(sid), event, todo);
        }
    }

    /// Lets go of what has been held back long enough.
    pub(super) fn release_if_due(&mut self, now: Now, todo: &mut Todo) {
        self.tell_doubtful(now, todo);
        let sids: Vec<_> = self.systems.keys().copied().collect();
        for sid in sids {
            let Some(system) = self.systems.get_mut(&sid) else { continue };
            if system.held.as_ref().is_some_and(|held| held.is_over(now.instant)) {
                self.hand_over(now, sid, todo);
            }
            let Some(system) = self.systems.get(&sid) else { continue };
            if is_due(system.wait_until, now) {
                self.take_waiting(now, sid, None, todo);
            }
        }
    }
}

fn happened(row: Row) -> Happening {
    let Row { at, number, id, json } = row;
    Happening { at, number, id, json, is_pushed: false }
}

/// When to look next, after a look that has led somewhere.
fn next_look(system: &mut System, config: &super::SimpliSafeConfig, now: Now) -> std::time::Instant {
    let again = std::mem::take(&mut system.look_again);
    system.bad_frames = if again { system.bad_frames } else { 0 };
    // Who polls faster wants to know sooner.
    let every = if again { AGAIN_AFTER.min(config.poll_every * 2) } else { LOOK_EVERY.min(config.poll_every * 5) };
    now.instant + jittered(every, system.sid.wrapping_mul(97).wrapping_add(now.wall.as_second().unsigned_abs()))
}

fn tell_gap(item: &str, missing: &Missing, recovered: &'static str, todo: &mut Todo) {
    let Missing { from, to, reason } = missing;
    let time = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
    let (from, to) = (time(*from), time((*to).max(*from)));
    todo.enter(Entry::Gap(Box::new(Gap { item: Some(item.into()), from, to, reason: reason.to_string(), recovered })));
}
