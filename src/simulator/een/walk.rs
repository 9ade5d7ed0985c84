//! What happens next: a random walk over legal changes, and the events that somebody asked for.

use super::{
    codes::Code,
    hub::Core,
    link::{Data, News},
    stamp,
    status::Change,
    world::{Pair, Place},
};

/// How likely each change is, where it can happen. What is broken is mended sooner than the next thing breaks.
const CHANGES: [(Change, usize); 10] = [
    (Change::RecordingStarted, 400),
    (Change::RecordingStopped, 400),
    (Change::StreamingStopped, 40),
    (Change::StreamingStarted, 300),
    (Change::InternetLost, 40),
    (Change::InternetBack, 300),
    (Change::Off, 30),
    (Change::On, 300),
    (Change::PasswordNeeded, 10),
    (Change::PasswordGiven, 300),
];

/// Events that come with a change of the status, and at no other time.
const WITH_STATUS: [&[u8; 4]; 8] = [b"RCON", b"RCOF", b"CONN", b"COFF", b"CSAU", b"CSDU", b"VRES", b"VREE"];

/// Events that somebody's deed raises, or a device's end.
const BY_DEED: [&[u8; 2]; 1] = [b"AE"];

impl Core {
    /// Lets `count` things happen.
    pub(super) fn emit(&mut self, count: usize) {
        for _ in 0..count {
            // In vain where the draw fell on something that has nothing to do.
            let _ = (0..32).any(|_| self.step());
        }
    }

    /// A device in operation.
    pub(super) fn draw_device(&mut self) -> Option<Place> {
        let nth = self.world.rng.below(self.world.active.len());
        self.world.active.get(nth).copied()
    }

    /// An entity that some socket listens to.
    fn draw_watched(&mut self) -> Option<Place> {
        let nth = self.world.rng.below(self.open.len());
        let link = self.links.get(self.open.get(nth)?)?;
        let slot = self.world.rng.below(link.subs.len());
        link.subs.get(slot)?.as_ref().map(|sub| sub.place)
    }

    fn step(&mut self) -> bool {
        let watched = if self.world.rng.chance(800) { self.draw_watched() } else { None };
        let Some(place) = watched.or_else(|| self.draw_device()) else {
            return false;
        };
        if self.world.device(place).is_none_or(|device| device.service != "ATTD") {
            return false;
        }
        let wanted = self.wanted_codes(place);
        if self.world.rng.chance(30) && self.picture(place) {
            return true;
        }
        if !wanted.is_empty() && self.world.rng.chance(600) {
            let nth = self.world.rng.below(wanted.len());
            return self.coded_step(place, wanted[nth]);
        }
        self.status_step(place)
    }

    /// The codes that somebody asked of an entity, and that happen by themselves.
    fn wanted_codes(&self, place: Place) -> Vec<Code> {
        let mut codes: Vec<Code> = Vec::new();
        for watcher in &self.world.entities[place].watchers {
            let sub = self.links.get(&watcher.link).and_then(|link| link.subs[watcher.slot].as_ref());
            let by_itself = |code: &Code| {
                !WITH_STATUS.iter().any(|with| **with == code.0)
                    && !BY_DEED.iter().any(|deed| code.0.starts_with(*deed))
            };
            codes.extend(sub.into_iter().flat_map(|sub| sub.codes.iter().copied()).filter(by_itself));
        }
        codes
    }

    fn coded_step(&mut self, place: Place, code: Code) -> bool {
        let Some(real) = self.world.device(place).map(|device| device.real) else {
            return false;
        };
        match &code.0 {
            b"RCHB" => {
                if real.registered {
                    self.raise(place, code, 1, None);
                }
                real.registered
            }
            _ if !real.streaming => false,
            b"EMES" | b"EMEE" | b"EMEU" => self.pair_step(place, Pair::Motion, [b"EMES", b"EMEE", b"EMEU"]),
            b"ROMS" | b"ROME" | b"ROMU" => self.pair_step(place, Pair::Region, [b"ROMS", b"ROME", b"ROMU"]),
            _ => {
                let nth = self.world.occurrence(place);
                self.raise(place, code, nth, None);
                true
            }
        }
    }

    /// Starts what has not started; else ends it, or lets its heart beat.
    fn pair_step(&mut self, place: Place, pair: Pair, [start, end, beat]: [&[u8; 4]; 3]) -> bool {
        let open = self.world.device(place).and_then(|device| device.open[pair as usize]);
        match open {
            None => self.raise_pair(place, pair, true, start),
            Some(_) if self.world.rng.chance(600) => self.raise_pair(place, pair, false, end),
            Some(nth) => {
                self.raise(place, Code::of(beat), nth, None);
            }
        }
        true
    }

    fn status_step(&mut self, place: Place) -> bool {
        let Some(device) = self.world.device(place) else {
            return false;
        };
        let (real, bridge) = (device.real, device.bridge);
        // A camera reaches the cloud through its bridge.
        let cut_off = bridge.and_then(|bridge| self.world.device(bridge)).is_some_and(|bridge| !bridge.real.registered);
        let legal = || {
            let possible = CHANGES.iter().filter(|(change, _)| real.after(*change).is_some());
            possible.filter(|(change, _)| !(cut_off && *change == Change::InternetBack))
        };
        // A healthy bridge could only break; it does so as rarely as a camera.
        if real.bridge && real.registered && !self.world.rng.chance(50) {
            return false;
        }
        let mut left = self.world.rng.below(legal().map(|(_, weight)| weight).sum());
        for (change, weight) in legal() {
            if left < *weight {
                self.change(place, *change);
                self.follow(place, *change);
                return true;
            }
            left -= weight;
        }
        false
    }

    /// The cameras of a bridge lose the internet with it, and have it back with it.
    fn follow(&mut self, bridge: Place, change: Change) {
        let account = self.world.device(bridge).filter(|device| device.is_bridge()).map(|device| device.account);
        let devices = account.and_then(|account| self.world.account(account)).map(|account| account.devices.clone());
        for place in devices.unwrap_or_default() {
            if self.world.device(place).is_some_and(|device| device.bridge == Some(bridge) && device.service == "ATTD")
            {
                self.change(place, change);
            }
        }
    }

    /// A new preview image, for those who asked for it; false when there is none.
    fn picture(&mut self, place: Place) -> bool {
        if self.world.device(place).is_none_or(|device| !device.real.streaming) {
            return false;
        }
        let esn = self.world.entities[place].esn;
        let taken = stamp::text(stamp::now());
        let mut told = false;
        for watcher in &self.world.entities[place].watchers {
            let Some(link) = self.links.get_mut(&watcher.link) else {
                continue;
            };
            let Some(sub) = link.subs[watcher.slot].as_ref().filter(|sub| sub.answered) else {
                continue;
            };
            let members = sub.resources.picture(&taken);
            if !members.is_empty() {
                link.tell(Data::News(News { place, esn, members, note: None, legacy: false, extended: false }));
                told = true;
            }
        }
        told
    }
}
