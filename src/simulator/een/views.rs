//! What the handle tells of the world, and of what clients did.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, sync_channel},
    time::Duration,
};

use super::{
    AccountNow, Call, Counters, DeviceLedger, Happening, Ledger, Reading, SessionNow, Simulator, Truth,
    hub::Core,
    status::word64,
    world::{Device, Place},
};

impl Simulator {
    /// The sessions that are valid now.
    pub fn sessions(&self) -> Vec<SessionNow> {
        let core = self.lock();
        let now = core.sessions.iter().map(|(id, session)| SessionNow {
            id: id.clone(),
            user: core.login.users[session.user].name.clone(),
            account: core.name_of(session.account),
            sockets: session.links.len(),
        });
        now.collect()
    }

    /// The id of the user's own account.
    pub fn own_account(&self) -> String {
        let core = self.lock();
        core.name_of(core.world.root())
    }

    /// All accounts, the user's own first.
    pub fn accounts(&self) -> Vec<AccountNow> {
        let core = self.lock();
        let now = core.world.living_accounts().filter_map(|place| {
            let account = core.world.account(place)?;
            let attached = |place: &&Place| core.world.device(**place).is_some_and(|device| device.service == "ATTD");
            Some(AccountNow {
                id: core.name_of(place),
                name: core.world.entities[place].name.clone(),
                suspended: account.suspended,
                inactive: account.inactive,
                devices: account.devices.iter().filter(attached).map(|place| core.name_of(*place)).collect(),
            })
        });
        now.collect()
    }

    /// The sub-accounts of the user's account, in their order; the account itself where it has none.
    pub fn holders(&self) -> Vec<String> {
        let reseller = self.lock().world.reseller;
        self.accounts().into_iter().skip(usize::from(reseller)).map(|account| account.id).collect()
    }

    /// The attached cameras of an account.
    pub fn cameras(&self, account: &str) -> Vec<String> {
        self.devices_of(account, false)
    }

    /// The bridges of an account.
    pub fn bridges(&self, account: &str) -> Vec<String> {
        self.devices_of(account, true)
    }

    fn devices_of(&self, account: &str, bridges: bool) -> Vec<String> {
        let core = self.lock();
        let account = core.world.find(account).and_then(|place| core.world.account(place));
        let meant = |device: &Device| device.is_bridge() == bridges && device.service == "ATTD";
        let devices = account.map_or(&[][..], |account| &account.devices).iter();
        devices
            .filter(|place| core.world.device(**place).is_some_and(meant))
            .map(|place| core.name_of(*place))
            .collect()
    }

    /// How every device is now.
    pub fn truth(&self) -> BTreeMap<String, Truth> {
        let core = self.lock();
        let devices = core
            .world
            .living_accounts()
            .filter_map(|place| core.world.account(place))
            .flat_map(|account| &account.devices);
        devices.filter_map(|place| Some((core.name_of(*place), core.truth_of(*place)?))).collect()
    }

    /// What clients asked and were given so far.
    pub fn counters(&self) -> Counters {
        self.lock().counters.clone()
    }

    /// The newest requests, as many as the options keep, upgrades too.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().cloned().collect()
    }

    /// The most requests of an endpoint within any second, of those that are kept.
    pub fn busiest_second(&self, endpoint: &str) -> usize {
        let core = self.lock();
        let times: Vec<_> = core.calls.iter().filter(|call| call.endpoint == endpoint).map(|call| call.at).collect();
        let (mut first, mut most) = (0, 0);
        for (last, at) in times.iter().enumerate() {
            while at.saturating_duration_since(times[first]) >= Duration::from_secs(1) {
                first += 1;
            }
            most = most.max(last - first + 1);
        }
        most
    }

    /// All statuses, events and sockets so far, as far as the options keep them.
    pub fn ledger(&self) -> Ledger {
        let core = self.lock();
        let devices = core.book.places().filter_map(|place| Some((core.name_of(place), core.page_of(place)?)));
        Ledger { devices: devices.collect(), sockets: core.book.sockets.clone() }
    }

    /// The statuses and events of one device; `None` where nothing has happened to it.
    pub fn device_ledger(&self, esn: &str) -> Option<DeviceLedger> {
        let core = self.lock();
        // One that is gone has its page all the same.
        let place = core.book.places().find(|place| core.name_of(*place) == esn)?;
        core.page_of(place)
    }

    /// What happens from now on, in the VMS's own words. Of those who do not listen fast enough nothing waits: at most `bound` happenings are kept.
    pub fn happenings(&self, bound: usize) -> Receiver<Happening> {
        let (listener, happenings) = sync_channel(bound);
        self.lock().listeners.push(listener);
        happenings
    }
}

impl Core {
    pub(super) fn name_of(&self, place: Place) -> String {
        self.world.entities[place].esn.to_string()
    }

    pub(super) fn device(&self, esn: &str) -> Option<Place> {
        self.world.find(esn).filter(|place| self.world.device(*place).is_some())
    }

    fn page_of(&self, place: Place) -> Option<DeviceLedger> {
        self.book.copy_of(place, self.world.is_bridge(place))
    }

    fn truth_of(&self, place: Place) -> Option<Truth> {
        let device = self.world.device(place)?;
        let bridge = device.is_bridge();
        Some(Truth {
            account: self.name_of(device.account),
            name: self.world.entities[place].name.clone(),
            bridge,
            service: device.service,
            word: device.legacy,
            word64: word64(device.legacy, device.extended),
            legacy: Reading::of_legacy(bridge, device.said),
            extended: Reading::of_extended(bridge, device.said, device.extended),
        })
    }
}
