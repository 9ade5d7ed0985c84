//! What happens in a system: events with what they do, and the changes that nobody pushes.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use serde_json::{Value, json};

use super::{
    codes::{Alarm, Bolt, Effect, find},
    faults::FaultKind,
    hub::{Core, Timer},
    ledger::Happening,
    link::{Out, Push},
    rows::{Written, envelope},
    stamp::{self, Seconds},
    world::{Part, Place, Record, Sensor, kind},
};

/// An event that is to happen; what is not said follows from its code.
#[derive(Debug, Clone, Default)]
pub(super) struct Occurrence {
    pub(super) cid: i64,
    pub(super) part: Option<Part>,
    pub(super) info: Option<String>,
    pub(super) event_type: Option<&'static str>,
    pub(super) zone: Option<&'static str>,
    pub(super) pin: &'static str,
    /// It happened then, in place of now, and does nothing any more.
    pub(super) past: Option<Seconds>,
}

/// Codes that come with a clip of a camera.
const WITH_CLIP: [i64; 3] = [1170, 1458, 1609];

impl Core {
    /// Lets something happen to a system: its state changes, its history grows, and whoever listens is told. Says the event's id.
    pub(super) fn occur(&mut self, place: Place, what: Occurrence) -> u64 {
        let code = find(what.cid);
        let system = &self.world.systems[place];
        let name = what.part.map_or("", |part| system.name_of(part));
        let info = what.info.clone().unwrap_or_else(|| code.info.replace("{}", name).trim().to_owned());
        let event_type = what.event_type.unwrap_or(code.event_type);
        let id = if what.past.is_some() { self.world.past_id() } else { self.world.next_id() };
        let time = what.past.unwrap_or_else(stamp::now);
        if what.past.is_none() {
            self.take_effect(place, &what, code.effect, time);
        }
        let zone = what.zone.unwrap_or("0");
        let clip = WITH_CLIP.contains(&what.cid);
        let written =
            Written { id, time, cid: what.cid, part: what.part, info: &info, event_type, zone, pin: what.pin, clip };
        let row = self.event_row(place, written);
        self.counters.happened += 1;
        let now = Instant::now();
        let lag = self.switches.duration(FaultKind::HistoryLag).filter(|_| what.past.is_none());
        let told_from = Some(lag.map_or(now, |lag| now + lag));
        let data = what.past.is_none().then(|| self.push_data(&row));
        self.remember(
            place,
            Record { id, time, at: SystemTime::now(), cid: what.cid, row, told_from, shown: Vec::new() },
        );
        if let Some(data) = data {
            self.happened(place, &info, Some(what.cid));
            self.publish(place, id, time, data);
        }
        id
    }

    /// Several things that one clock second brings, or that lie in the past, keep the order of their ids.
    pub(super) fn remember(&mut self, place: Place, record: Record) {
        self.world.systems[place].remember(record, self.options.history);
    }

    fn take_effect(&mut self, place: Place, what: &Occurrence, effect: Effect, now: Seconds) {
        match effect {
            Effect::Nothing => {}
            Effect::Alarm(alarm) => self.set_alarm(place, alarm, what.part, now),
            Effect::Power(mains) => {
                let system = &mut self.world.systems[place];
                system.mains = mains;
                if !mains {
                    system.last_outage = now;
                }
            }
            Effect::Wifi(wifi) => {
                let system = &mut self.world.systems[place];
                system.wifi = wifi;
                system.last_wifi = now;
            }
            Effect::Rf(jammed) => self.world.systems[place].jammed = jammed,
            Effect::Reach(online) => match what.part {
                Some(Part::Sensor(_)) => self.change_sensor(place, what.part, |sensor| sensor.offline = !online),
                Some(Part::Camera(camera)) => self.world.systems[place].cameras[camera].online = online,
                None => {}
            },
            Effect::Lock(bolt) => self.change_sensor(place, what.part, |sensor| sensor.bolt = bolt),
            Effect::Suspicion => {
                let suspicious = what.zone == Some("1");
                self.change_sensor(place, what.part, |sensor| sensor.suspicious = suspicious);
            }
        }
    }

    fn set_alarm(&mut self, place: Place, alarm: Alarm, part: Option<Part>, now: Seconds) {
        let exit = Instant::now() + self.options.exit_delay;
        let system = &mut self.world.systems[place];
        system.alarm = alarm;
        system.alarm_since = now;
        system.alarm_round += 1;
        system.countdown = matches!(alarm, Alarm::ExitHome | Alarm::ExitAway).then_some(exit);
        if !matches!(alarm, Alarm::Entry | Alarm::Alarming) {
            system.armed_at = Some(Instant::now());
        }
        match (alarm, part) {
            (Alarm::Alarming, Some(Part::Sensor(sensor))) => system.sensors[sensor].memory = true,
            (Alarm::Alarming, Some(Part::Camera(camera))) => system.cameras[camera].memory = true,
            (Alarm::Off, _) => {
                system.sensors.iter_mut().for_each(|sensor| sensor.memory = false);
                system.cameras.iter_mut().for_each(|camera| camera.memory = false);
            }
            _ => {}
        }
        if let (Alarm::Entry, Some(Part::Sensor(_))) = (alarm, part) {
            self.change_sensor(place, part, |sensor| sensor.triggered |= sensor.kind == kind::ENTRY);
        }
    }

    /// Changes a sensor, and lets the cloud know after a while.
    pub(super) fn change_sensor(&mut self, place: Place, part: Option<Part>, change: impl FnOnce(&mut Sensor)) {
        let Some(Part::Sensor(sensor)) = part else { return };
        change(&mut self.world.systems[place].sensors[sensor]);
        if let Some(lag) = self.switches.duration(FaultKind::CacheLag) {
            self.timers.put_off(Instant::now() + lag, Timer::Sync(place));
        }
    }

    /// Tells who watches the simulator.
    pub(super) fn happened(&mut self, place: Place, words: &str, cid: Option<i64>) {
        if self.listeners.is_empty() {
            return;
        }
        let system = &self.world.systems[place];
        let happening = Happening {
            at: SystemTime::now(),
            sid: system.sid,
            system: system.street.clone(),
            words: words.to_owned(),
            cid,
        };
        // One who does not keep up misses some.
        self.listeners.retain(|listener| {
            !matches!(listener.try_send(happening.clone()), Err(std::sync::mpsc::TrySendError::Disconnected(_)))
        });
    }

    /// Pushes an event to whoever listens to its user, now or as faults demand.
    fn publish(&mut self, place: Place, id: u64, time: Seconds, data: Value) {
        self.published += 1;
        if let Some(percent) = self.switches.count(FaultKind::LostPushes)
            && self.world.rng.below(100) < percent
        {
            return;
        }
        let push = self.pushed(place, id, time, data);
        if self.holding {
            self.held.push(push);
            return;
        }
        if let Some(late) = self.switches.duration(FaultKind::Late) {
            let nth = self.switches.count(FaultKind::Straggler).unwrap_or(1).max(1) as u64;
            if self.published.is_multiple_of(nth) {
                self.timers.put_off(Instant::now() + late, Timer::Push(push));
                return;
            }
        }
        if self.switches.on(FaultKind::OutOfOrder) {
            match self.waiting.take() {
                None => self.waiting = Some((Instant::now(), push)),
                Some((_, before)) => {
                    self.deliver(&push);
                    self.deliver(&before);
                }
            }
            return;
        }
        self.deliver(&push);
    }

    pub(super) fn pushed(&self, place: Place, id: u64, time: Seconds, data: Value) -> Push {
        let text = envelope(&format!("id:{id}"), "messagequeue", "event.standard", time, Some(data));
        Push { user: self.world.systems[place].user, place, id, text: Arc::from(text) }
    }

    /// Hands a push to the sockets that are subscribed at this moment. Nothing is kept for those that are not.
    pub(super) fn deliver(&mut self, push: &Push) {
        let times = 1 + usize::from(self.switches.on(FaultKind::Duplicates));
        for link in self.links.values_mut().filter(|link| link.gets(push.user)) {
            for _ in 0..times {
                link.line.push(Out::Data(push.clone()));
            }
        }
    }

    /// Sets or unsets the alarm, as from a keypad or from afar. False when there is nothing to do.
    pub(super) fn arm(&mut self, place: Place, away: bool, keypad: bool) -> bool {
        let system = &self.world.systems[place];
        let target = if away { Alarm::Away } else { Alarm::Home };
        if system.alarm == target || matches!(system.alarm, Alarm::Entry | Alarm::Alarming) {
            return false;
        }
        let part = keypad.then(|| system.first_of(kind::KEYPAD)).flatten();
        let zone = Some(if keypad { "1" } else { "3" });
        let (exit, armed) = match (away, keypad) {
            (true, true) => (9401, 3401),
            (true, false) => (9407, 3407),
            (false, _) => (9441, 3441),
        };
        let by_remote = (!away && !keypad).then(|| "System Armed (Home) by Remote Management".to_owned());
        let armed = Occurrence { cid: armed, part, zone, info: by_remote, ..Occurrence::default() };
        if self.options.exit_delay.is_zero() {
            self.occur(place, armed);
        } else {
            let info = (!away && keypad).then(|| "Exit Delay Countdown Triggered for Home Mode by Keypad".to_owned());
            self.occur(place, Occurrence { cid: exit, part, zone, info, ..Occurrence::default() });
            let round = self.world.systems[place].alarm_round;
            let due = Instant::now() + self.options.exit_delay;
            self.timers.put_off(due, Timer::Alarm(place, round, Box::new(armed)));
        }
        true
    }

    pub(super) fn disarm(&mut self, place: Place, keypad: bool) -> bool {
        let system = &self.world.systems[place];
        let part = keypad.then(|| system.first_of(kind::KEYPAD)).flatten();
        let zone = Some(if keypad { "1" } else { "3" });
        let usual = Occurrence { part, zone, ..Occurrence::default() };
        let what = match system.alarm {
            Alarm::Off => return false,
            Alarm::Alarming => Occurrence { cid: 1406, pin: "Master PIN", ..usual },
            // Observed by a capture of REST history.
            Alarm::ExitHome | Alarm::ExitAway if keypad => Occurrence {
                cid: 1400,
                info: Some("Exit Delay Countdown Cancelled - System Disarmed".to_owned()),
                event_type: Some("activityQuiet"),
                zone: Some("8"),
                ..usual
            },
            _ if keypad => Occurrence { cid: 1400, pin: "Master PIN", ..usual },
            _ => Occurrence { cid: 1407, ..usual },
        };
        self.occur(place, what);
        true
    }

    /// A door or window is opened or closed. Nobody is told, but an armed system is alarmed.
    pub(super) fn set_open(&mut self, place: Place, part: Part, open: bool) {
        self.change_sensor(place, Some(part), |sensor| sensor.triggered = open);
        let system = &self.world.systems[place];
        let words = format!("{} {}", system.name_of(part), if open { "opened" } else { "closed" });
        let armed = matches!(system.alarm, Alarm::Home | Alarm::Away);
        self.happened(place, &words, None);
        if !open || !armed {
            return;
        }
        let alarm = Occurrence { cid: 1134, part: Some(part), ..Occurrence::default() };
        if self.options.entry_delay.is_zero() {
            self.occur(place, alarm);
            return;
        }
        self.occur(place, Occurrence { cid: 1429, part: Some(part), ..Occurrence::default() });
        let round = self.world.systems[place].alarm_round;
        self.timers.put_off(Instant::now() + self.options.entry_delay, Timer::Alarm(place, round, Box::new(alarm)));
    }

    /// A lock is told to move, and does so after a while.
    pub(super) fn move_bolt(&mut self, place: Place, part: Part, bolt: Bolt) {
        let due = Instant::now() + self.options.lock_delay;
        self.timers.put_off(due, Timer::Bolt(place, part, bolt));
    }

    pub(super) fn bolt(&mut self, place: Place, part: Part, bolt: Bolt) -> u64 {
        let cid = match bolt {
            Bolt::Unlocked => 9700,
            Bolt::Locked => 9701,
            Bolt::Jammed => 9703,
        };
        self.occur(place, Occurrence { cid, part: Some(part), ..Occurrence::default() })
    }

    /// Whether the next event that is maimed is one that sets a state: three of six, so that each member is missing in both kinds.
    pub(super) fn maims_state(&self) -> bool {
        self.turns % 6 >= 3
    }

    /// The next member of an event that is maimed.
    pub(super) fn maim(&mut self, data: &mut Value) {
        const WAYS: [(&str, Option<&str>); 10] = [
            ("pinName", None),
            ("sensorName", None),
            ("sensorSerial", None),
            ("sensorType", None),
            ("info", None),
            ("sid", None),
            ("sid", Some(r#""seven""#)),
            ("eventTimestamp", Some(r#""yesterday""#)),
            ("eventCid", None),
            ("video", Some(r#"[null]"#)),
        ];
        self.turns += 1;
        let (member, wrong) = WAYS[self.turns % WAYS.len()];
        if let Some(members) = data.as_object_mut() {
            match wrong.and_then(|wrong| serde_json::from_str::<Value>(wrong).ok()) {
                Some(wrong) => {
                    members.insert(member.to_owned(), wrong);
                    if member == "video" {
                        members.insert("videoStartedBy".to_owned(), json!("nobody"));
                    }
                }
                None => {
                    members.remove(member);
                }
            }
        }
    }
}
