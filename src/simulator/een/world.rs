//! Accounts, users and devices.

use std::{collections::HashMap, time::Instant};

use super::{
    codes::{Author, Code, Coded},
    esn::Esn,
    names,
    options::Options,
    stamp::{self, Millis},
    status::{self, Real},
};
use crate::simulator::common::rng::Rng;

/// How many cameras a bridge has.
const PER_BRIDGE: usize = 12;

/// Position of an entity in [`World::entities`]; never reused.
pub(super) type Place = usize;

/// A socket that listens to an entity, and where in the socket's list of subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watcher {
    pub(super) link: u64,
    pub(super) slot: usize,
}

/// Anything that has an ESN.
pub(super) struct Entity {
    pub(super) esn: Esn,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// It is no more.
    pub(super) gone: bool,
    /// The newest event of every code.
    pub(super) last: Vec<Coded>,
    pub(super) watchers: Vec<Watcher>,
}

pub(super) enum Kind {
    Account(Account),
    User,
    Device(Box<Device>),
}

#[derive(Default)]
pub(super) struct Account {
    pub(super) suspended: bool,
    pub(super) inactive: bool,
    /// Its own devices, and those that are shared with it.
    pub(super) devices: Vec<Place>,
    pub(super) shared: Vec<Place>,
    /// How many cameras and bridges it ever had, for names.
    named: [usize; 2],
}

pub(super) struct Device {
    pub(super) account: Place,
    /// `ATTD`, `IGND`, `IDLE`, or nothing.
    pub(super) service: &'static str,
    /// A bridge's cameras are those that name it here.
    pub(super) bridge: Option<Place>,
    pub(super) real: Real,
    /// The halves of the status word as they are shown.
    pub(super) legacy: u32,
    pub(super) extended: u32,
    /// The newest legacy word that said something.
    pub(super) said: u32,
    /// When its legacy word catches up with what happened, if it is behind.
    pub(super) settles: Option<Instant>,
    /// What is going on, by [`Pair`]: the number that start and end carry.
    pub(super) open: [Option<u32>; 4],
    /// Counts what happened, for ids.
    pub(super) occurrences: u32,
    /// The time of the newest event.
    pub(super) newest: Millis,
    pub(super) muted: bool,
}

/// Events that come as start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    Motion,
    Region,
    Recording,
    Stream,
}

impl Device {
    pub(super) const fn is_bridge(&self) -> bool {
        self.real.bridge
    }
}

pub(super) struct World {
    pub(super) entities: Vec<Entity>,
    by_esn: HashMap<Esn, Place>,
    /// All accounts there ever were, the user's first.
    pub(super) accounts: Vec<Place>,
    /// Devices in operation, for the walk.
    pub(super) active: Vec<Place>,
    pub(super) rng: Rng,
    /// Whether the first account is a reseller's.
    pub(super) reseller: bool,
    pub(super) author: Author,
    next: [u32; 3],
    now: Millis,
}

impl World {
    pub(super) fn new(options: &Options) -> Self {
        let mut world = Self {
            entities: Vec::new(),
            by_esn: HashMap::new(),
            accounts: Vec::new(),
            active: Vec::new(),
            rng: Rng::new(options.seed),
            reseller: options.accounts > 0,
            author: Author { user: Esn(0), account: Esn(0) },
            next: [0x0000_4206, 0x1000_0a35, 0xca0e_1cf2],
            now: stamp::now(),
        };
        let root = world.add_account(if world.reseller { "Watchpost Security".to_owned() } else { names::account(0) });
        world.author.account = world.entities[root].esn;
        for nth in 0..options.accounts {
            world.add_account(names::account(nth));
        }
        let holders: Vec<Place> = world.accounts.iter().copied().skip(usize::from(world.reseller)).collect();
        for holder in &holders {
            for _ in 0..options.cameras {
                world.add_camera(*holder);
            }
        }
        if options.oddities {
            for (nth, holder) in holders.iter().enumerate().step_by(10) {
                world.add_oddities(*holder, holders.get(nth + 1).copied());
            }
        }
        world
    }

    /// An id that was never used: by kind, the next of a row with gaps.
    fn fresh(&mut self, kind: usize) -> Esn {
        let esn = Esn(self.next[kind]);
        self.next[kind] += 0x11 + u32::try_from(self.rng.below(0x40)).unwrap_or(0);
        esn
    }

    fn add(&mut self, esn: Esn, name: String, kind: Kind) -> Place {
        let place = self.entities.len();
        self.by_esn.insert(esn, place);
        self.entities.push(Entity { esn, name, kind, gone: false, last: Vec::new(), watchers: Vec::new() });
        place
    }

    pub(super) fn add_account(&mut self, name: String) -> Place {
        let esn = self.fresh(0);
        let place = self.add(esn, name, Kind::Account(Account::default()));
        self.accounts.push(place);
        place
    }

    pub(super) fn add_user(&mut self, name: &str) -> Esn {
        let esn = self.fresh(2);
        self.add(esn, name.to_owned(), Kind::User);
        if self.author.user == Esn(0) {
            self.author.user = esn;
        }
        esn
    }

    /// Adds an attached camera, and a bridge where the last one is full.
    pub(super) fn add_camera(&mut self, account: Place) -> Place {
        let (nth, bridges) = self.account(account).map_or((0, 0), |account| (account.named[0], account.named[1]));
        let full = nth.is_multiple_of(PER_BRIDGE);
        let bridge =
            if full { Some(self.add_device(account, true, "ATTD", None, bridges)) } else { self.last_bridge(account) };
        self.add_device(account, false, "ATTD", bridge, nth)
    }

    fn last_bridge(&self, account: Place) -> Option<Place> {
        let devices = &self.account(account)?.devices;
        devices.iter().rev().copied().find(|place| self.device(*place).is_some_and(Device::is_bridge))
    }

    fn add_device(
        &mut self,
        account: Place,
        is_bridge: bool,
        service: &'static str,
        bridge: Option<Place>,
        nth: usize,
    ) -> Place {
        let name = if is_bridge { names::bridge(nth) } else { names::camera(nth) };
        let esn = self.fresh(1);
        let real = Real::healthy(is_bridge);
        let operates = service == "ATTD";
        let word = match service {
            "IGND" => status::legacy::AVAILABLE | status::legacy::REGISTERED | status::legacy::LOCATED,
            "IDLE" => status::legacy::REGISTERED | status::legacy::LOCATED,
            _ => real.legacy(),
        };
        let device = Device {
            account,
            service,
            bridge,
            real: if operates { real } else { real.told_by(word) },
            legacy: word,
            extended: if operates { real.extended() } else { real.told_by(word).extended() },
            said: word,
            settles: None,
            open: [None, None, None, (operates && !is_bridge).then_some(1)],
            occurrences: 0,
            newest: 0,
            muted: false,
        };
        let place = self.add(esn, name, Kind::Device(Box::new(device)));
        self.remember_history(place, nth);
        if let Some(account) = self.account_mut(account) {
            account.devices.push(place);
            account.named[usize::from(is_bridge)] += 1;
        }
        if operates {
            self.active.push(place);
        }
        place
    }

    /// What happened before the simulator was there: most devices came online days ago, and most cameras saw motion since.
    fn remember_history(&mut self, place: Place, nth: usize) {
        let Some((is_bridge, service)) = self.device(place).map(|device| (device.is_bridge(), device.service)) else {
            return;
        };
        // Nobody ever looked through one that was not attached.
        if service == "IGND" {
            return;
        }
        let age = (1 + self.rng.next() % 20) * stamp::DAY + self.rng.next() % stamp::DAY;
        let began = self.now.saturating_sub(age);
        let coded = |code: &[u8; 4], at: Millis| Coded { code: Code::of(code), at, nth: 1, about: None };
        let entity = &mut self.entities[place];
        entity.last = vec![coded(b"RCON", began)];
        if !is_bridge && service != "IDLE" {
            entity.last.push(coded(b"CONN", began.saturating_sub(stamp::DAY)));
            entity.last.push(coded(b"CSAU", began + 1_207));
            if nth % 3 != 2 {
                entity.last.push(coded(b"EMES", began + age / 2));
                entity.last.push(coded(b"EMEE", began + age / 2 + 8_431));
            }
        }
        entity.last.shrink_to_fit();
        if let Some(device) = self.device_mut(place) {
            device.occurrences = 1;
        }
    }

    fn add_oddities(&mut self, account: Place, next: Option<Place>) {
        let bridge = self.last_bridge(account);
        for service in ["IGND", "IDLE", ""] {
            let nth = self.account(account).map_or(0, |account| account.named[0]);
            self.add_device(account, false, service, bridge, nth);
        }
        let lent =
            next.and_then(|next| self.account(next)?.devices.iter().copied().find(|place| !self.is_bridge(*place)));
        if let (Some(lent), Some(account)) = (lent, self.account_mut(account)) {
            account.shared.push(lent);
        }
    }

    pub(super) fn place(&self, esn: Esn) -> Option<Place> {
        self.by_esn.get(&esn).copied().filter(|place| !self.entities[*place].gone)
    }

    /// By its written id.
    pub(super) fn find(&self, esn: &str) -> Option<Place> {
        self.place(Esn::read(esn)?)
    }

    pub(super) fn account(&self, place: Place) -> Option<&Account> {
        match &self.entities[place].kind {
            Kind::Account(account) => Some(account),
            _ => None,
        }
    }

    pub(super) fn account_mut(&mut self, place: Place) -> Option<&mut Account> {
        match &mut self.entities[place].kind {
            Kind::Account(account) => Some(account),
            _ => None,
        }
    }

    pub(super) fn device(&self, place: Place) -> Option<&Device> {
        match &self.entities[place].kind {
            Kind::Device(device) => Some(device),
            _ => None,
        }
    }

    pub(super) fn device_mut(&mut self, place: Place) -> Option<&mut Device> {
        match &mut self.entities[place].kind {
            Kind::Device(device) => Some(device),
            _ => None,
        }
    }

    pub(super) fn is_bridge(&self, place: Place) -> bool {
        self.device(place).is_some_and(Device::is_bridge)
    }

    /// The user's own account.
    pub(super) fn root(&self) -> Place {
        self.accounts[0]
    }

    /// Accounts that there are, in their order.
    pub(super) fn living_accounts(&self) -> impl Iterator<Item = Place> {
        self.accounts.iter().copied().filter(|place| !self.entities[*place].gone)
    }

    /// Whether a session in this account may see the entity.
    pub(super) fn may_see(&self, account: Place, place: Place) -> bool {
        match &self.entities[place].kind {
            Kind::Account(_) => place == account || place == self.root(),
            Kind::User => true,
            Kind::Device(device) => {
                device.account == account
                    || self.account(account).is_some_and(|account| account.shared.contains(&place))
            }
        }
    }

    /// Takes an entity out; its id is never used again.
    pub(super) fn remove(&mut self, place: Place) {
        self.entities[place].gone = true;
        self.active.retain(|active| *active != place);
        for account in self.accounts.clone() {
            if let Some(account) = self.account_mut(account) {
                account.devices.retain(|device| *device != place);
                account.shared.retain(|device| *device != place);
            }
        }
    }

    /// The number that the ids of the next occurrence follow from.
    pub(super) fn occurrence(&mut self, place: Place) -> u32 {
        let Some(device) = self.device_mut(place) else {
            return u32::try_from(self.rng.below(1 << 30)).unwrap_or(0);
        };
        device.occurrences += 1;
        device.occurrences
    }

    /// Makes an occurrence now, later than every earlier one of the same device, and the newest of its code.
    pub(super) fn occur(&mut self, place: Place, code: Code, nth: u32, about: Option<Esn>) -> Coded {
        let mut at = stamp::now();
        match self.device_mut(place) {
            Some(device) => {
                at = at.max(device.newest + 1);
                device.newest = at;
            }
            None => at = self.entities[place].last.iter().map(|coded| coded.at + 1).fold(at, Millis::max),
        }
        let coded = Coded { code, at, nth, about };
        let last = &mut self.entities[place].last;
        match last.iter_mut().find(|known| known.code == code) {
            Some(known) => *known = coded,
            None => last.push(coded),
        }
        coded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_bridge_for_every_twelve_cameras_and_ids_never_repeat() {
        let world = World::new(&Options { accounts: 3, cameras: 25, oddities: false, ..Options::default() });
        let bridges = world.active.iter().filter(|place| world.is_bridge(**place)).count();
        assert_eq!((world.active.len(), bridges), (3 * 28, 9));
        assert_eq!(world.by_esn.len(), world.entities.len());
        assert!(world.account(world.root()).is_some_and(|account| account.devices.is_empty()));
    }

    #[test]
    fn a_plain_account_has_devices_of_its_own() {
        let world = World::new(&Options { accounts: 0, cameras: 4, oddities: false, ..Options::default() });
        assert_eq!(world.accounts.len(), 1);
        assert!(world.account(world.root()).is_some_and(|account| account.devices.len() == 5));
    }

    #[test]
    fn the_same_seed_makes_the_same_cloud() {
        let [first, second] = [1, 1].map(|seed| World::new(&Options { seed, ..Options::default() }));
        let esns = |world: &World| world.entities.iter().map(|entity| entity.esn).collect::<Vec<_>>();
        assert_eq!(esns(&first), esns(&second));
    }
}
