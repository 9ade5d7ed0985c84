//! What happens: to the ledger, to every socket that asked for it, and in words to whoever listens.

use std::{
    fmt::Write,
    sync::mpsc::TrySendError,
    time::{Duration, Instant, SystemTime},
};

use super::{
    codes::{self, Code, Coded},
    esn::Esn,
    faults::FaultKind,
    hub::{Core, Timer},
    ledger::{Book, Happening},
    link::{Data, News},
    stamp,
    status::{Change, Reading, Real, legacy, says_nothing, word64},
    world::{Kind, Pair, Place},
};

/// What ends when a camera no longer streams.
const ENDS: [(Pair, &[u8; 4]); 2] = [(Pair::Motion, b"EMEE"), (Pair::Region, b"ROME")];

impl Core {
    /// Lets something happen to a device; false when it cannot happen now, or there is no such device.
    pub(super) fn change(&mut self, place: Place, change: Change) -> bool {
        self.change_after(place, change, self.options.legacy_delay)
    }

    /// The same, with another delay of the legacy half.
    fn change_after(&mut self, place: Place, change: Change, delay: Duration) -> bool {
        let Some(after) = self.world.device(place).and_then(|device| device.real.after(change)) else {
            return false;
        };
        self.become_real(place, after);
        let Some(device) = self.world.device_mut(place) else {
            return false;
        };
        let legacy = if delay.is_zero() {
            device.settles = None;
            after.legacy()
        } else {
            if device.settles.is_none() {
                let due = Instant::now() + delay;
                device.settles = Some(due);
                self.timers.put_off(due, Timer::Settle(place, due));
            }
            self.world.device(place).map_or(0, |device| device.legacy)
        };
        self.show(place, legacy, after.extended());
        true
    }

    /// The legacy half catches up with what happened, unless it was told otherwise meanwhile.
    pub(super) fn settle(&mut self, place: Place, due: Instant) {
        if let Some(device) = self.world.device_mut(place).filter(|device| device.settles == Some(due)) {
            device.settles = None;
            let (legacy, extended) = (device.real.legacy(), device.extended);
            self.show(place, legacy, extended);
        }
    }

    /// Lets a device show these words, whatever was before.
    pub(super) fn say_word(&mut self, place: Place, word: u32, extended: Option<u32>) {
        let Some(device) = self.world.device_mut(place) else {
            return;
        };
        device.settles = None;
        let shown = device.extended;
        if says_nothing(word) {
            self.show(place, word, extended.unwrap_or(shown));
            return;
        }
        let mut real = device.real.told_by(word);
        if let Some(half) = extended {
            real.registered = half & super::status::extended::REGISTERED != 0;
        }
        self.become_real(place, real);
        self.show(place, word, extended.unwrap_or_else(|| real.extended()));
    }

    /// The device is in another state from now on; its events follow, its words do not.
    fn become_real(&mut self, place: Place, after: Real) {
        let Some(device) = self.world.device_mut(place) else {
            return;
        };
        let before = std::mem::replace(&mut device.real, after);
        let differs = |of: fn(&Real) -> bool| (of(&before) != of(&after)).then(|| of(&after));
        if let Some(on) = differs(|real| real.on) {
            self.raise(place, Code::of(if on { b"CONN" } else { b"COFF" }), 1, None);
        }
        if let Some(registered) = differs(|real| real.registered) {
            self.raise(place, Code::of(if registered { b"RCON" } else { b"RCOF" }), 1, None);
        }
        if let Some(recording) = differs(|real| real.recording) {
            self.raise_pair(place, Pair::Recording, recording, if recording { b"VRES" } else { b"VREE" });
        }
        if let Some(streaming) = differs(|real| real.streaming) {
            if !streaming {
                for (pair, code) in ENDS {
                    if self.is_open(place, pair) {
                        self.raise_pair(place, pair, false, code);
                    }
                }
            }
            self.raise_pair(place, Pair::Stream, streaming, if streaming { b"CSAU" } else { b"CSDU" });
        }
    }

    pub(super) fn is_open(&self, place: Place, pair: Pair) -> bool {
        self.world.device(place).is_some_and(|device| device.open[pair as usize].is_some())
    }

    /// Raises the start or the end of something; both carry the same number.
    pub(super) fn raise_pair(&mut self, place: Place, pair: Pair, starts: bool, code: &[u8; 4]) {
        let known = self.world.device(place).and_then(|device| device.open[pair as usize]);
        let nth = known.filter(|_| !starts).unwrap_or_else(|| self.world.occurrence(place));
        if let Some(device) = self.world.device_mut(place) {
            device.open[pair as usize] = starts.then_some(nth);
        }
        self.raise(place, Code::of(code), nth, None);
    }

    /// Raises an event by itself, with the ids of the pair that it belongs to.
    pub(super) fn raise_alone(&mut self, place: Place, code: Code) {
        let (pair, starts) = match &code.0 {
            b"EMES" | b"EMEE" => (Pair::Motion, code.0[3] == b'S'),
            b"ROMS" | b"ROME" => (Pair::Region, code.0[3] == b'S'),
            b"VRES" | b"VREE" => (Pair::Recording, code.0[3] == b'S'),
            b"CSAU" | b"CSDU" => (Pair::Stream, code.0[2] == b'A'),
            _ => {
                let open = |pair: Pair| self.world.device(place).and_then(|device| device.open[pair as usize]);
                let known = match &code.0 {
                    b"EMEU" => open(Pair::Motion),
                    b"ROMU" => open(Pair::Region),
                    b"VRKF" => open(Pair::Recording),
                    b"CSSU" => open(Pair::Stream),
                    b"RCON" | b"RCOF" | b"RCHB" => Some(1),
                    _ => None,
                };
                let nth = known.unwrap_or_else(|| self.world.occurrence(place));
                self.raise(place, code, nth, None);
                return;
            }
        };
        self.raise_pair(place, pair, starts, &code.0);
    }

    /// Changes the words that a device shows, and tells everybody who listens to them.
    fn show(&mut self, place: Place, legacy: u32, extended: u32) {
        let open = Book::is_open(self.options.ledger);
        let repeats = self.switches.on(FaultKind::Repeats);
        let Some(device) = self.world.device_mut(place) else {
            return;
        };
        let before = (device.legacy, device.extended);
        if before == (legacy, extended) {
            return;
        }
        let (bridge, said) = (device.is_bridge(), device.said);
        device.legacy = legacy;
        device.extended = extended;
        if !says_nothing(legacy) {
            device.said = legacy;
        }
        self.counters.happened += 1;
        let now = (legacy, extended);
        let note = open.then(|| {
            let words = |(legacy, extended)| (legacy, word64(legacy, extended));
            self.book.status(self.options.ledger, place, words(before), words(now));
            self.book.newest_status(place, words(now))
        });
        let esn = self.world.entities[place].esn;
        let legacy_changed = before.0 != legacy;
        let again = repeats && self.world.rng.chance(300);
        for nth in 0..self.world.entities[place].watchers.len() {
            let watcher = self.world.entities[place].watchers[nth];
            let Some(link) = self.links.get_mut(&watcher.link) else {
                continue;
            };
            let Some(sub) = link.subs[watcher.slot].as_ref().filter(|sub| sub.answered) else {
                continue;
            };
            let mut members = String::new();
            sub.resources.write_status(&mut members, now, (legacy_changed, true));
            if members.is_empty() {
                continue;
            }
            let (told_legacy, told_extended) =
                (legacy_changed && sub.resources.has_legacy(), sub.resources.has_extended());
            for _ in 0..=usize::from(again) {
                let members = members.clone();
                link.tell(Data::News(News { place, esn, members, note, legacy: told_legacy, extended: told_extended }));
            }
        }
        if !self.listeners.is_empty() && legacy_changed && !says_nothing(legacy) {
            self.tell_reading(place, Reading::of_legacy(bridge, said), Reading::of_legacy(bridge, legacy));
        }
    }

    /// An event happens to a device, an account or a user.
    pub(super) fn raise(&mut self, place: Place, code: Code, nth: u32, about: Option<Esn>) -> Coded {
        let coded = self.world.occur(place, code, nth, about);
        self.counters.happened += 1;
        let keep = self.options.ledger;
        let note = Book::is_open(keep).then(|| self.book.event(keep, place, code.0, stamp::text(coded.at)));
        let esn = self.world.entities[place].esn;
        let mut written: Option<String> = None;
        for nth in 0..self.world.entities[place].watchers.len() {
            let watcher = self.world.entities[place].watchers[nth];
            let Some(link) = self.links.get_mut(&watcher.link) else {
                continue;
            };
            let wants = link.subs[watcher.slot]
                .as_ref()
                .is_some_and(|sub| sub.answered && sub.resources.has_events() && sub.codes.contains(&code));
            if !wants {
                continue;
            }
            let members = written.get_or_insert_with(|| {
                let mut members = String::new();
                let _ = write!(members, r#""event":{{"{code}":"#);
                codes::write_event(&mut members, esn, &coded, self.world.author);
                members.push('}');
                members
            });
            let members = members.clone();
            link.tell(Data::News(News { place, esn, members, note, legacy: false, extended: false }));
        }
        if written.is_some() {
            let words = codes::words(code);
            self.tell(place, &words);
        }
        coded
    }

    fn tell_reading(&mut self, place: Place, before: Reading, now: Reading) {
        if before.overall != now.overall {
            self.tell(place, &now.overall.to_string());
        }
        if before.recording != now.recording {
            self.tell(place, if now.recording { "Recording" } else { "Recording Stopped" });
        }
    }

    /// Says something in words; who does not listen in time misses it.
    pub(super) fn tell(&mut self, place: Place, words: &str) {
        if self.listeners.is_empty() {
            return;
        }
        let entity = &self.world.entities[place];
        let account = match &entity.kind {
            Kind::Device(device) => device.account,
            Kind::Account(_) | Kind::User => self.world.root(),
        };
        let happening = Happening {
            at: SystemTime::now(),
            account: self.world.entities[account].name.clone(),
            esn: entity.esn.to_string(),
            words: format!("{}: {words}", entity.name),
        };
        self.listeners
            .retain(|listener| !matches!(listener.try_send(happening.clone()), Err(TrySendError::Disconnected(_))));
    }

    /// Loses and regains the internet so many times.
    pub(super) fn flap(&mut self, place: Place, times: usize) {
        for _ in 0..times {
            if !self.change(place, Change::InternetLost) {
                self.change(place, Change::InternetBack);
                self.change(place, Change::InternetLost);
            }
            self.change(place, Change::InternetBack);
        }
    }

    /// Shows a word that says nothing, and the one from before again.
    pub(super) fn blink(&mut self, place: Place, word: u32) {
        let Some(device) = self.world.device(place) else {
            return;
        };
        let (said, extended) = (device.said, device.extended);
        let word = if word == 0 { 0 } else { said | legacy::INVALID };
        self.show(place, word, extended);
        self.show(place, said, extended);
    }

    /// The next change of a flood, which no delay filters out.
    pub(super) fn flip_recording(&mut self, place: Place) -> bool {
        [Change::RecordingStopped, Change::RecordingStarted]
            .into_iter()
            .chain(Change::ALL)
            .any(|change| self.change_after(place, change, Duration::ZERO))
    }

    /// Takes a device out. What its listeners are told is inferred: that it can no longer be resolved.
    pub(super) fn remove_device(&mut self, place: Place) {
        let Some(account) = self.world.device(place).map(|device| device.account) else {
            return;
        };
        let esn = self.world.entities[place].esn;
        for about in [account, place] {
            self.raise(about, Code::of(b"AEDD"), 1, Some(esn));
        }
        self.world.remove(place);
        for watcher in self.world.entities[place].watchers.clone() {
            self.unsubscribe(watcher.link, watcher.slot);
            if let Some(link) = self.links.get_mut(&watcher.link) {
                link.tell(Data::Error(esn.to_string(), 404, "resolve invalid"));
            }
        }
    }
}
