//! What is not pushed, asked for over and over; and what is, in case it was lost.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::SimpliSafeSession;
use super::calls::{Ask, Trouble};
use super::opening::begin;
use super::states::{Report, Reported, Source};
use super::systems::{Poll, System, jittered};
use super::telling::is_due;
use crate::model::ids::fingerprint;
use crate::vendors::simplisafe::checkpoint::KeptSystem;
use crate::vendors::simplisafe::directory::Listed;
use crate::vendors::simplisafe::snapshot::{self, Told, system_item};
use crate::vendors::simplisafe::wire::{BodyError, Camera, DeviceType, Sensors, Settings, Subscriptions, locks};
use crate::vendors::{Action, Forget, Now, Todo};

/// So long a change that should have been pushed waits for the history to tell its event.
const WAIT_MOST: Duration = Duration::from_secs(5);
/// The base station's settings are asked for so many times more rarely than the sensors.
const SETTINGS_RARER: u32 = 5;
/// Failures in a row after which nothing that only a poll tells is known any more: the cloud reports errors that are none (Home Assistant).
const FAILURES: u32 = 2;
/// The longest pause after failures, unless the usual one is longer.
const PAUSE_MOST: Duration = Duration::from_secs(600);
/// Where the plan has no remote management.
const NO_PLAN_PAUSE: Duration = Duration::from_secs(3_600);
/// So long a door is open because an event said so, which no list confirms: longer than an entry delay takes (inferred).
const DOOR_MOST: SignedDuration = SignedDuration::from_mins(5);
/// Such doors are looked for so often.
pub(super) const DOORS_AGAIN: Duration = Duration::from_secs(60);
/// So long a system that no list tells of any more is remembered.
const GONE_MOST: SignedDuration = SignedDuration::from_hours(30 * 24);
/// So long a system that no list has is followed all the same, since something of it was pushed last.
const PUSHED_MOST: Duration = Duration::from_secs(24 * 3_600);
/// Behind the end of an exit delay.
const DELAY_SPARE: Duration = Duration::from_secs(3);

impl SimpliSafeSession {
    /// When the list of systems is asked for next: not while any base station must be left alone.
    pub(super) fn next_subscriptions(&self, now: Now) -> Option<Instant> {
        let quiet = self.systems.values().filter_map(|system| system.is_quiet(now.instant)).max();
        let due = self.subscriptions.next()?;
        Some(quiet.map_or(due, |until| due.max(until)))
    }

    /// What was stored may have been armed or disarmed just before the break.
    pub(super) fn leave_alone(&mut self, now: Now) {
        let cloud = self.clock.at(now.wall);
        for system in self.systems.values_mut() {
            if let Some((_, Some(at))) = self.states.get(&system.item, "alarm") {
                system.leave_alone(now.instant, cloud, at);
            }
        }
    }

    /// The history has been read for the first time after a break: what has waited for it need wait no more.
    pub(super) fn hurry_polls(&mut self, now: Now, sid: u64, todo: &mut Todo) {
        // Only now is it known how late it is in the cloud.
        self.leave_alone(now);
        if let Some(system) = self.systems.get_mut(&sid) {
            system.sensors.hurry(now.instant);
            system.settings.hurry(now.instant);
        }
        if self.systems.values().all(|system| system.held.is_none()) {
            self.subscriptions.hurry(now.instant);
        }
        self.poll_if_due(now, todo);
    }

    pub(super) fn poll_if_due(&mut self, now: Now, todo: &mut Todo) {
        let mut asks = Vec::new();
        if self.next_subscriptions(now).is_some_and(|at| at <= now.instant) {
            self.subscriptions.ask();
            asks.push(Ask::Subscriptions);
        }
        for system in self.systems.values_mut() {
            if system.is_quiet(now.instant).is_some() {
                continue;
            }
            let System { sid, sensors, settings, locks, .. } = system;
            let polls = [(sensors, Ask::Sensors(*sid)), (settings, Ask::Settings(*sid)), (locks, Ask::Locks(*sid))];
            for (poll, ask) in polls {
                if poll.next().is_some_and(|at| at <= now.instant) {
                    poll.ask();
                    asks.push(ask);
                }
            }
        }
        for ask in asks {
            self.ask(now, ask, todo);
        }
    }

    fn poll(&mut self, ask: Ask) -> Option<&mut Poll> {
        let (sid, poll): (_, fn(&mut System) -> &mut Poll) = match ask {
            Ask::Subscriptions => return Some(&mut self.subscriptions),
            Ask::Sensors(sid) => (sid, |system| &mut system.sensors),
            Ask::Settings(sid) => (sid, |system| &mut system.settings),
            Ask::Locks(sid) => (sid, |system| &mut system.locks),
            Ask::Events { .. } => return None,
        };
        // One of version 2 is never asked again, though an answer was on its way when that was told.
        self.systems.get_mut(&sid).filter(|system| !system.is_v2).map(poll)
    }

    /// Puts off what is asked of a base station that must be left alone by now, and says whether it has done so.
    pub(super) fn put_off(&mut self, now: Now, ask: Ask) -> bool {
        let (Ask::Sensors(sid) | Ask::Settings(sid) | Ask::Locks(sid)) = ask else { return false };
        let is_quiet = self.systems.get(&sid).is_some_and(|system| system.is_quiet(now.instant).is_some());
        if let Some(poll) = self.poll(ask).filter(|_| is_quiet) {
            poll.is_asked = false;
            poll.hurry_or(now.instant);
        }
        is_quiet
    }

    fn every(&self, ask: Ask) -> Duration {
        let rarer = if matches!(ask, Ask::Settings(_)) { SETTINGS_RARER } else { 1 };
        self.config.poll_every * rarer
    }

    pub(super) fn polled(&mut self, now: Now, ask: Ask, at: Timestamp, body: &[u8], todo: &mut Todo) {
        let read = match ask {
            Ask::Subscriptions => self.listed(now, at, body, todo),
            Ask::Sensors(sid) => self.sensed(now, sid, at, body, todo),
            Ask::Settings(sid) => self.set_up(now, sid, at, body, todo),
            Ask::Locks(sid) => self.locked(now, sid, at, body, todo),
            Ask::Events { .. } => Ok(()),
        };
        match read {
            Ok(()) => {
                let again = now.instant + jittered(self.every(ask), seed(ask, now));
                if let Some(poll) = self.poll(ask) {
                    poll.succeeded(again);
                }
            }
            Err(error) => self.poll_failed(now, ask, &Trouble::passing(error), todo),
        }
    }

    pub(super) fn poll_failed(&mut self, now: Now, ask: Ask, trouble: &Trouble, todo: &mut Todo) {
        let every = self.every(ask);
        let Some(poll) = self.poll(ask) else { return };
        if let Trouble::Braked(until) = trouble {
            (poll.is_asked, poll.due) = (false, Some(*until));
            return;
        }
        let failures = poll.failed();
        let (pause, not_before) = match trouble {
            Trouble::Passing { not_before, .. } => {
                let pause = match failures {
                    // The first is tried again soon: most errors are over by then.
                    1 => every / 2,
                    _ => every.saturating_mul(1 << (failures - 2).min(10)).min(PAUSE_MOST.max(every)),
                };
                (pause, not_before.unwrap_or_default())
            }
            _ => (NO_PLAN_PAUSE, Duration::ZERO),
        };
        poll.due = Some(now.instant + jittered(pause.max(not_before), seed(ask, now)));
        if failures != FAILURES && !matches!(trouble, Trouble::NotInPlan) {
            return;
        }
        let (source, of) = match ask {
            Ask::Subscriptions => (Source::Subscription, None),
            Ask::Sensors(sid) => (Source::Sensors, Some(sid)),
            Ask::Settings(sid) => (Source::Settings, Some(sid)),
            Ask::Locks(sid) => (Source::Locks, Some(sid)),
            Ask::Events { .. } => return,
        };
        for system in self.systems.values().filter(|system| of.is_none_or(|sid| system.sid == sid)) {
            if self.states.doubt(&system.item, source, &mut todo.entries) {
                self.mark.change();
            }
        }
    }

    /// Where no list tells of a door that an event has opened, nobody knows it for long: systems of version 2 have no such list, others may lack it.
    pub(super) fn doubt_doors_if_due(&mut self, now: Now, todo: &mut Todo) {
        let polls = SignedDuration::try_from(self.config.poll_every * 3).unwrap_or(SignedDuration::MAX);
        let Ok(before) = self.clock.at(now.wall).checked_sub(DOOR_MOST.max(polls)) else { return };
        for system in self.systems.values_mut().filter(|system| is_due(system.doors_at, now)) {
            let (is_changed, is_one_left) = self.states.doubt_doors(&system.item, before, &mut todo.entries);
            system.doors_at = is_one_left.then(|| now.instant + DOORS_AGAIN);
            if is_changed {
                self.mark.change();
            }
        }
    }

    /// The list of systems has come.
    fn listed(&mut self, now: Now, at: Timestamp, body: &[u8], todo: &mut Todo) -> Result<(), String> {
        let read = Subscriptions::read(body).map_err(|error| error.to_string())?;
        let mut listed = Vec::new();
        for system in &read.systems {
            let Ok(sid) = system.sid.parse::<u64>() else { continue };
            let cameras = system.cameras.iter().cloned().map(Camera::into_owned).collect();
            let states = snapshot::of_system(system);
            let since = system.state_updated.max(system.alarm_state_timestamp).unwrap_or_default();
            let leaving = states.iter().any(is_exit_delay).then_some(since);
            let Some(of) = self.follow(now.wall, &Listed { sid, is_v2: system.is_v2(), cameras }) else { continue };
            (of.missing, of.pushed_at, of.history.timeline) = (0, None, system.timeline.or(of.history.timeline));
            let is_new = !of.is_begun;
            if !of.is_v2 && of.is_begun && of.sensors.next().is_none() && !of.sensors.is_asked {
                // It was of version 2 before.
                (of.sensors, of.settings) = (Poll::now(now.instant), Poll::now(now.instant));
            }
            let before = std::mem::replace(&mut of.leaving, leaving);
            if is_new {
                begin(of, now);
            }
            listed.push(sid);
            let names = system.cameras.iter().map(|camera| (camera.serial(), camera.name.as_deref()));
            let names = print_names(std::iter::once(("", system.name.as_deref())).chain(names));
            let is_renamed = of.listing.replace(names).is_some_and(|before| before != names) || is_new;
            if is_renamed || !self.has_names {
                self.has_names = true;
                todo.act(Action::Forget(Forget::Item(system_item(&system.sid).into())));
            }
            let left = system.exit_delay_remaining.and_then(|left| u64::try_from(left).ok());
            // Once for each: the cloud may tell for ever that it has just ended.
            let begins = |left: &u64| leaving.is_some() && (before.is_none() || before != leaving && *left > 0);
            if let Some(left) = left.filter(begins) {
                // How it ends may never be told.
                let over = now.instant + Duration::from_secs(left.min(3_600)) + DELAY_SPARE;
                self.subscriptions.hurry(over);
            }
            self.report(now, sid, Source::Subscription, at, states, todo);
        }
        if self.mark.is_first && !read.systems.is_empty() {
            self.mark.is_first = false;
            self.mark.change();
        }
        self.drop_systems(now, &listed, todo);
        self.look_if_due(now, todo);
        self.poll_if_due(now, todo);
        Ok(())
    }

    /// What two lists in a row lack is not there any more.
    fn drop_systems(&mut self, now: Now, listed: &[u64], todo: &mut Todo) {
        for system in self.systems.values_mut().filter(|system| !listed.contains(&system.sid)) {
            system.missing = system.missing.saturating_add(1);
        }
        // What is pushed is there, whatever the lists say: one that is no base station's, or lists that lack some for a while.
        let is_silent = |at: Instant| now.instant.saturating_duration_since(at) >= PUSHED_MOST;
        let is_gone = |system: &&System| system.missing >= 2 && system.pushed_at.is_none_or(is_silent);
        let gone = self.systems.values().filter(is_gone).map(|system| system.sid);
        for sid in gone.collect::<Vec<_>>() {
            self.part(now, sid, todo);
            let Some(system) = self.systems.remove(&sid) else { continue };
            // It may come back.
            self.gone.retain(|_, kept| kept.gone.is_some_and(|gone| now.wall.duration_since(gone) < GONE_MOST));
            self.gone.insert(sid, KeptSystem { gone: system.unlisted.or(Some(now.wall)), ..system.history.keep(sid) });
            self.mark.change();
        }
        let followed: Vec<_> = self.systems.values().map(|system| system.item.clone()).collect();
        let strangers =
            self.states.systems().into_iter().filter(|item| !followed.iter().any(|known| **known == **item));
        for item in strangers.collect::<Vec<_>>() {
            self.states.drop_system(&item, &mut todo.entries);
            self.mark.change();
        }
    }

    fn sensed(&mut self, now: Now, sid: u64, at: Timestamp, body: &[u8], todo: &mut Todo) -> Result<(), String> {
        let read = succeeded(Sensors::read(body))?;
        let Some(system) = self.systems.get_mut(&sid) else { return Ok(()) };
        let had_locks = system.has_locks.replace(read.rows.iter().any(|row| row.kind == Some(DeviceType::LOCK)));
        if system.has_locks == Some(true) && had_locks != Some(true) {
            system.locks = Poll::now(now.instant);
        }
        let names = print_names(read.rows.iter().map(|row| (&*row.serial, row.name.as_deref())));
        // Where the base station was left alone at first, nobody has asked for its names either; and now that it is, nobody may.
        let may_ask = system.is_quiet(now.instant).is_none();
        let is_renamed =
            may_ask && system.names.replace(names).map_or(system.quiet_until.is_some(), |before| before != names);
        if is_renamed && let Some(row) = read.rows.first() {
            let item = snapshot::device_item(&sid.to_string(), &row.serial);
            todo.act(Action::Forget(Forget::Item(item.into())));
        }
        self.report(now, sid, Source::Sensors, at, snapshot::of_sensors(&sid.to_string(), &read), todo);
        self.poll_if_due(now, todo);
        Ok(())
    }

    fn set_up(&mut self, now: Now, sid: u64, at: Timestamp, body: &[u8], todo: &mut Todo) -> Result<(), String> {
        let read = Settings::read(body).map_err(|error| error.to_string())?;
        let states = read.base_station.map(|station| snapshot::of_base_station(&sid.to_string(), &station));
        self.report(now, sid, Source::Settings, at, states.unwrap_or_default(), todo);
        Ok(())
    }

    fn locked(&mut self, now: Now, sid: u64, at: Timestamp, body: &[u8], todo: &mut Todo) -> Result<(), String> {
        let read = succeeded(locks(body))?;
        self.report(now, sid, Source::Locks, at, snapshot::of_sensors(&sid.to_string(), &read), todo);
        Ok(())
    }

    /// Takes in what an answer tells of a system, as soon as the history has told what led to it.
    fn report(&mut self, now: Now, sid: u64, source: Source, at: Timestamp, states: Vec<Told<'_>>, todo: &mut Todo) {
        let is_list = matches!(source, Source::Sensors | Source::Locks);
        // All rows of a list have its time.
        let listed = states.first().filter(|_| is_list).and_then(|told| told.time.parse().ok());
        let clock = self.clock;
        let is_to_come = |time: &str| {
            let second = time.parse().ok().map(Timestamp::as_second);
            second.is_some_and(|second| clock.happened(second, now.wall) != second)
        };
        let states = states.into_iter().map(|told| Reported {
            time: if is_list || is_to_come(&told.time) { "" } else { &*told.time }.into(),
            item: told.item.into(),
            meaning: told.meaning,
            data: told.data.into(),
        });
        let report = Report { source, at, came: self.clock.at(now.wall), listed, states: states.collect() };
        let Some(system) = self.systems.get_mut(&sid) else { return };
        if system.held.is_none() && !self.states.tells_missed(&report) {
            if self.states.take(&system.item, &report, &mut todo.entries) {
                self.mark.change();
            }
            return;
        }
        system.waiting.retain(|waiting| waiting.source != source);
        system.waiting.push(report);
        let until = system.held.as_ref().map_or(now.instant + WAIT_MOST, |held| held.until);
        system.wait_until.get_or_insert(until);
        if system.walk.is_none() && system.tries == 0 {
            self.look(now, sid, todo);
        }
    }

    /// Takes in what has waited for a look at the history that began then, or has waited long enough.
    pub(super) fn take_waiting(&mut self, now: Now, sid: u64, looked: Option<Timestamp>, todo: &mut Todo) {
        let Some(system) = self.systems.get_mut(&sid) else { return };
        let mut kept = Vec::new();
        for report in std::mem::take(&mut system.waiting) {
            let is_explained = looked.is_none_or(|began| began >= report.came) || !self.states.tells_missed(&report);
            if is_explained {
                if self.states.take(&system.item, &report, &mut todo.entries) {
                    self.mark.change();
                }
            } else {
                kept.push(report);
            }
        }
        system.wait_until = system.wait_until.filter(|_| !kept.is_empty());
        let looks_again = !kept.is_empty() && system.walk.is_none() && system.tries == 0;
        system.waiting = kept;
        if looks_again {
            self.look(now, sid, todo);
        }
    }
}

fn succeeded(read: Result<Sensors<'_>, BodyError>) -> Result<Sensors<'_>, String> {
    let read = read.map_err(|error| error.to_string())?;
    if read.success == Some(false) { Err("the base station did not tell".to_owned()) } else { Ok(read) }
}

fn is_exit_delay(told: &Told<'_>) -> bool {
    told.meaning.state.as_ref().is_some_and(|state| state.value.starts_with("exit_delay"))
}

fn print_names<'a>(names: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> u64 {
    let mut text = String::new();
    // The order of rows is nobody's promise.
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    for (id, name) in names {
        text.extend([id, "\n", name.unwrap_or_default(), "\n"]);
    }
    fingerprint(&text) as u64
}

/// Sets the calls of many apart.
fn seed(ask: Ask, now: Now) -> u64 {
    let of = match ask {
        Ask::Subscriptions => 0,
        Ask::Sensors(sid) => sid.wrapping_mul(3),
        Ask::Settings(sid) => sid.wrapping_mul(5),
        Ask::Locks(sid) => sid.wrapping_mul(7),
        Ask::Events { sid, .. } => sid,
    };
    of.wrapping_add(now.wall.as_millisecond().unsigned_abs())
}
