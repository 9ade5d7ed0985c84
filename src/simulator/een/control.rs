//! The handle of a running simulator.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use super::{
    AccountNow, Call, Change, Counters, DropHow, EventRecord, Fault, FaultKind, Happening, Ledger, Options, Reading,
    SessionNow, StartError, Truth,
    codes::Code,
    hub::{Core, Hub},
    stamp,
    status::{Real, word64},
    world::{Account, Device, Pair, Place},
};
use crate::simulator::common::running::{Running, Which};

/// A running simulator. Clones are handles of the same one; it stops when the last of them is dropped.
///
/// Devices, accounts and users are named by their ESN, 8 hexadecimal digits in lower case.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    hub: Arc<Hub>,
    running: Running,
}

impl Simulator {
    /// Starts a simulator on a thread of its own; it listens when this returns.
    ///
    /// # Errors
    ///
    /// When it cannot listen at the address of the options.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let (listen, workers, branded) = (options.listen, options.workers, options.branded);
        let faults = options.faults.clone();
        let hub = Arc::new(Hub::new(options));
        let running = Running::start(hub.clone(), listen, workers)?;
        let simulator = Self(Arc::new(Inner { hub, running }));
        if branded || faults.iter().any(|fault| fault.kind() == FaultKind::LoginRedirects) {
            simulator.open_brand()?;
        }
        if faults.iter().any(|fault| fault.kind() == FaultKind::Moved) {
            simulator.move_subdomain()?;
        }
        Ok(simulator)
    }

    /// `http://127.0.0.1:port`, without a slash at the end: the host of the logins, and of everything unless the options say `branded`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where the host of the logins listens; the same after a pause.
    pub fn address(&self) -> SocketAddr {
        self.0.running.address()
    }

    /// The branded host's URL as it is now; that of the logins where there is no other.
    pub fn branded_url(&self) -> String {
        let brand = self.0.hub.lock().brand;
        brand.map_or_else(|| self.url(), |brand| format!("http://{brand}"))
    }

    /// Stops it and waits for its thread. Stopping twice does no harm.
    pub fn stop(&self) {
        self.0.running.stop();
    }

    /// Switches a fault on, or gives it another value.
    pub fn inject(&self, fault: Fault) {
        self.0.hub.lock().switches.set(fault);
        let prepared = match fault {
            Fault::Moved => self.move_subdomain().map(drop),
            Fault::LoginRedirects if self.0.hub.lock().brand.is_none() => self.open_brand(),
            _ => Ok(()),
        };
        if let Err(error) = prepared {
            tracing::warn!(%error, %fault, "the fault is on, but not in full");
        }
    }

    /// Switches a fault off. What it has broken or moved stays so.
    pub fn clear(&self, kind: FaultKind) {
        self.0.hub.lock().switches.clear(kind);
    }

    fn open_brand(&self) -> Result<(), StartError> {
        let brand = self.0.running.more(1)?;
        self.0.hub.lock().brand = brand.first().copied();
        Ok(())
    }

    /// Moves the branded host to another port, and says its URL. The one before answers 301 to it from now on; where that is the host of the
    /// logins, logins stay. Open sockets stay as well. The user object tells another subdomain.
    ///
    /// # Errors
    ///
    /// When there is no further port.
    pub fn move_subdomain(&self) -> Result<String, StartError> {
        let next = self.0.running.more(1)?;
        let mut core = self.0.hub.lock();
        let before = core.brand.unwrap_or_else(|| self.address());
        core.left.push(before);
        core.brand = next.first().copied();
        core.options.subdomain = format!("c{:03}", core.left.len() + 1);
        drop(core);
        Ok(self.branded_url())
    }

    /// Goes away: breaks its sockets, and refuses connections until [`resume_listening`](Self::resume_listening). Sessions are kept.
    pub fn pause_listening(&self) {
        self.0.running.pause(Which::All);
    }

    /// Listens again on the same ports.
    ///
    /// # Errors
    ///
    /// When a port was taken by somebody else meanwhile.
    pub fn resume_listening(&self) -> Result<(), StartError> {
        self.0.running.resume()
    }

    /// Breaks every open socket, and says how many there were.
    pub fn drop_sockets(&self, how: DropHow) -> usize {
        self.0.hub.lock().drop_all(how)
    }

    /// Breaks a random part of the open sockets, `0.1` for a tenth, at least one where there are any; says how many.
    pub fn drop_random(&self, fraction: f64, how: DropHow) -> usize {
        self.0.hub.lock().drop_random(fraction, how)
    }

    /// Breaks the sockets of sessions that are in this account now, and says how many.
    pub fn drop_account(&self, account: &str, how: DropHow) -> usize {
        let mut core = self.0.hub.lock();
        let Some(place) = core.world.find(account) else { return 0 };
        let sessions: Vec<Arc<str>> =
            core.sessions.iter().filter(|(_, session)| session.account == place).map(|(id, _)| id.clone()).collect();
        core.drop_where(how, |link| sessions.contains(&link.session))
    }

    /// The sessions that are valid now.
    pub fn sessions(&self) -> Vec<SessionNow> {
        let core = self.0.hub.lock();
        let now = core.sessions.iter().map(|(id, session)| SessionNow {
            id: id.clone(),
            user: core.login.users[session.user].name.clone(),
            account: core.name_of(session.account),
            sockets: session.links.len(),
        });
        now.collect()
    }

    /// Ends all sessions, and says how many there were: their sockets say 412, and their cookies are worth nothing.
    pub fn expire_sessions(&self) -> usize {
        self.0.hub.lock().expire_sessions(|_| true)
    }

    /// Ends one session; false when there is no such one.
    pub fn expire_session(&self, id: &str) -> bool {
        let mut core = self.0.hub.lock();
        let known = core.sessions.get(id).is_some();
        core.end_session(id);
        known
    }

    /// Ends the sessions that are in this account now, and says how many there were.
    pub fn expire_account(&self, account: &str) -> usize {
        let mut core = self.0.hub.lock();
        let Some(place) = core.world.find(account) else { return 0 };
        core.expire_sessions(|session| session.account == place)
    }

    /// Gives the user of the options another password. Sessions stay as they are; later logins need the new one.
    pub fn change_password(&self, password: &str) {
        let mut core = self.0.hub.lock();
        if let Some(user) = core.login.users.first_mut() {
            password.clone_into(&mut user.password);
        }
    }

    /// Adds a user of the first account.
    pub fn add_user(&self, name: &str, password: &str) {
        let mut core = self.0.hub.lock();
        let core = &mut *core;
        core.login.add_user(&mut core.world, name, password);
    }

    /// Locks a user (412 and 429), or undoes it; false when there is no such user.
    pub fn lock_user(&self, name: &str, locked: bool) -> bool {
        let mut core = self.0.hub.lock();
        let Some(user) = core.login.find(name) else { return false };
        core.login.users[user].locked = locked;
        true
    }

    /// Suspends an account: sessions that are in it end (412), and switching to it is refused with 402. The user's own account: logins too. False
    /// when there is no such account.
    pub fn suspend_account(&self, account: &str) -> bool {
        self.bar(account, |account| account.suspended = true)
    }

    /// Makes an account inactive, which is the same with 460.
    pub fn deactivate_account(&self, account: &str) -> bool {
        self.bar(account, |account| account.inactive = true)
    }

    fn bar(&self, account: &str, bar: impl Fn(&mut Account)) -> bool {
        let mut core = self.0.hub.lock();
        let Some(place) = core.world.find(account) else { return false };
        let Some(account) = core.world.account_mut(place) else { return false };
        bar(account);
        let esn = core.world.entities[place].esn;
        let root = core.world.root();
        core.raise(root, Code::of(b"AEAH"), 1, Some(esn));
        core.expire_sessions(|session| session.account == place);
        true
    }

    /// Undoes both.
    pub fn restore_account(&self, account: &str) -> bool {
        let mut core = self.0.hub.lock();
        let place = core.world.find(account);
        let Some(account) = place.and_then(|place| core.world.account_mut(place)) else { return false };
        (account.suspended, account.inactive) = (false, false);
        true
    }

    /// Adds a sub-account with so many cameras, and says its id.
    pub fn add_account(&self, name: &str, cameras: usize) -> String {
        let mut core = self.0.hub.lock();
        let place = core.world.add_account(name.to_owned());
        for _ in 0..cameras {
            core.world.add_camera(place);
        }
        let (esn, root) = (core.world.entities[place].esn, core.world.root());
        core.raise(root, Code::of(b"AEAC"), 1, Some(esn));
        esn.to_string()
    }

    /// Closes a sub-account: it is in no list any more, switching to it is a 404, and the sessions that are in it end. False when there is no such
    /// one.
    pub fn close_account(&self, account: &str) -> bool {
        let mut core = self.0.hub.lock();
        let root = core.world.root();
        let Some(place) = core.world.find(account).filter(|place| *place != root) else { return false };
        let Some(devices) = core.world.account(place).map(|account| account.devices.clone()) else { return false };
        core.expire_sessions(|session| session.account == place);
        devices.into_iter().for_each(|device| core.remove_device(device));
        let esn = core.world.entities[place].esn;
        core.world.remove(place);
        core.raise(root, Code::of(b"AEAD"), 1, Some(esn));
        true
    }

    /// Adds an attached camera to an account, raises `AEDC`, and says its id; `None` when there is no such account.
    pub fn add_camera(&self, account: &str) -> Option<String> {
        let mut core = self.0.hub.lock();
        let account = core.world.find(account).filter(|place| core.world.account(*place).is_some())?;
        let camera = core.world.add_camera(account);
        let esn = core.world.entities[camera].esn;
        for about in [account, camera] {
            core.raise(about, Code::of(b"AEDC"), 1, Some(esn));
        }
        Some(esn.to_string())
    }

    /// Deletes a device, and raises `AEDD`; false when there is no such one.
    pub fn remove_camera(&self, esn: &str) -> bool {
        self.with_device(esn, |core, place| core.remove_device(place))
    }

    /// Renames a device, and raises `AEDH`; false when there is no such one.
    pub fn rename_camera(&self, esn: &str, name: &str) -> bool {
        self.with_device(esn, |core, place| {
            name.clone_into(&mut core.world.entities[place].name);
            let esn = core.world.entities[place].esn;
            let account = core.world.device(place).map_or(place, |device| device.account);
            for about in [account, place] {
                core.raise(about, Code::of(b"AEDH"), 1, Some(esn));
            }
        })
    }

    /// Lets a device show this legacy word at once, legal or not. The extended half follows where the word says something; a bit that the word
    /// suppresses stays as it was. False when there is no such device.
    pub fn set_status(&self, esn: &str, word: u32) -> bool {
        self.with_device(esn, |core, place| core.say_word(place, word, None))
    }

    /// Lets a device show both halves at once, legal or not.
    pub fn set_status64(&self, esn: &str, word: u64) -> bool {
        self.with_device(esn, |core, place| core.say_word(place, word as u32, Some((word >> 32) as u32)))
    }

    /// Lets something happen to a device, with the events that belong to it; the legacy half follows after the delay of the options. False when
    /// that cannot happen now, or there is no such device.
    pub fn change(&self, esn: &str, change: Change) -> bool {
        let mut core = self.0.hub.lock();
        let place = core.device(esn);
        place.is_some_and(|place| core.change(place, change))
    }

    /// How much later the legacy half follows from now on.
    pub fn set_legacy_delay(&self, delay: Duration) {
        self.0.hub.lock().options.legacy_delay = delay;
    }

    /// Lets a device lose and regain the internet so many times at once; false when there is no such one.
    pub fn flap(&self, esn: &str, times: usize) -> bool {
        self.with_device(esn, |core, place| core.flap(place, times))
    }

    /// Says nothing about a device any more, or does so again; false when there is no such one.
    pub fn mute(&self, esn: &str, muted: bool) -> bool {
        self.with_device(esn, |core, place| core.mute(place, muted))
    }

    /// Lets `count` things happen now: legal changes, and events that somebody asked for.
    pub fn emit(&self, count: usize) {
        self.0.hub.lock().emit(count);
    }

    /// Lets one event happen to a device, an account or a user, whether or not it is legal; it changes no status. `None` when there is no such
    /// entity, or the code is none.
    pub fn emit_one(&self, esn: &str, code: &str) -> Option<EventRecord> {
        let mut core = self.0.hub.lock();
        let place = core.world.find(esn)?;
        let code = Code::read(code)?;
        let pair = match &code.0 {
            b"EMES" | b"EMEE" => Some((Pair::Motion, code.0[3] == b'S')),
            b"ROMS" | b"ROME" => Some((Pair::Region, code.0[3] == b'S')),
            b"VRES" | b"VREE" => Some((Pair::Recording, code.0[2] == b'E' && code.0[3] == b'S')),
            _ => None,
        };
        match pair {
            Some((pair, starts)) => core.raise_pair(place, pair, starts, &code.0),
            None => {
                let nth = core.world.occurrence(place);
                core.raise(place, code, nth, None);
            }
        }
        let coded = core.world.entities[place].last.iter().find(|coded| coded.code == code)?;
        let timestamp = stamp::text(coded.at);
        Some(EventRecord { code: code.to_string(), timestamp, at: std::time::SystemTime::now(), shown: Vec::new() })
    }

    /// Sends so many changes of recording in all, as fast as the sockets that listen to a camera's status take them, up to `per_frame` devices in a
    /// frame; says over how many sockets.
    pub fn flood(&self, changes: u64, per_frame: usize) -> usize {
        self.0.hub.lock().flood(changes, per_frame)
    }

    /// The id of the user's own account.
    pub fn own_account(&self) -> String {
        let core = self.0.hub.lock();
        core.name_of(core.world.root())
    }

    /// All accounts, the user's own first.
    pub fn accounts(&self) -> Vec<AccountNow> {
        let core = self.0.hub.lock();
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
        let reseller = self.0.hub.lock().world.reseller;
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
        let core = self.0.hub.lock();
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
        let core = self.0.hub.lock();
        let devices = core
            .world
            .living_accounts()
            .filter_map(|place| core.world.account(place))
            .flat_map(|account| &account.devices);
        devices.filter_map(|place| Some((core.name_of(*place), core.truth_of(*place)?))).collect()
    }

    /// What clients asked and were given so far.
    pub fn counters(&self) -> Counters {
        self.0.hub.lock().counters.clone()
    }

    /// The newest requests, as many as the options keep, upgrades too.
    pub fn calls(&self) -> Vec<Call> {
        self.0.hub.lock().calls.iter().cloned().collect()
    }

    /// The most requests of an endpoint within any second, of those that are kept.
    pub fn busiest_second(&self, endpoint: &str) -> usize {
        let core = self.0.hub.lock();
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
        let core = self.0.hub.lock();
        core.book.copy(|place| core.name_of(place))
    }

    /// What happens from now on, in the VMS's own words. Of those who do not listen fast enough nothing waits: at most `bound` happenings are kept.
    pub fn happenings(&self, bound: usize) -> Receiver<Happening> {
        let (listener, happenings) = sync_channel(bound);
        self.0.hub.lock().listeners.push(listener);
        happenings
    }

    fn with_device(&self, esn: &str, act: impl FnOnce(&mut Core, Place)) -> bool {
        let mut core = self.0.hub.lock();
        let place = core.device(esn);
        if let Some(place) = place {
            act(&mut core, place);
        }
        place.is_some()
    }
}

impl Core {
    fn name_of(&self, place: Place) -> String {
        self.world.entities[place].esn.to_string()
    }

    fn device(&self, esn: &str) -> Option<Place> {
        self.world.find(esn).filter(|place| self.world.device(*place).is_some())
    }

    fn truth_of(&self, place: Place) -> Option<Truth> {
        let device = self.world.device(place)?;
        let Real { bridge, .. } = device.real;
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
