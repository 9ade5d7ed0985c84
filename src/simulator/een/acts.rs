//! What the handle lets happen to users, accounts and devices.

use std::time::{Duration, SystemTime};

use super::{
    Change, EventRecord, FaultKind, Simulator,
    codes::Code,
    hub::Core,
    stamp,
    world::{Account, Place},
};

impl Simulator {
    /// Gives the user of the options another password. Sessions stay as they are; later logins need the new one.
    pub fn change_password(&self, password: &str) {
        let mut core = self.lock();
        if let Some(user) = core.login.users.first_mut() {
            password.clone_into(&mut user.password);
        }
    }

    /// Adds a user of the first account.
    pub fn add_user(&self, name: &str, password: &str) {
        let mut core = self.lock();
        let core = &mut *core;
        core.login.add_user(&mut core.world, name, password);
    }

    /// Locks a user (412 and 429), or undoes it; false when there is no such user.
    pub fn lock_user(&self, name: &str, locked: bool) -> bool {
        let mut core = self.lock();
        let Some(user) = core.login.find(name) else { return false };
        core.login.users[user].locked = locked;
        true
    }

    /// Suspends an account: sessions that are in it end (412) unless the fault `keep-barred` is on, and switching to it is refused with 402. The
    /// user's own account: logins too. False when there is no such account.
    pub fn suspend_account(&self, account: &str) -> bool {
        self.bar(account, |account| account.suspended = true)
    }

    /// Makes an account inactive, which is the same with 460.
    pub fn deactivate_account(&self, account: &str) -> bool {
        self.bar(account, |account| account.inactive = true)
    }

    fn bar(&self, account: &str, bar: impl Fn(&mut Account)) -> bool {
        let mut core = self.lock();
        let Some(place) = core.world.find(account) else { return false };
        let Some(account) = core.world.account_mut(place) else { return false };
        bar(account);
        let esn = core.world.entities[place].esn;
        let root = core.world.root();
        core.raise(root, Code::of(b"AEAH"), 1, Some(esn));
        if !core.switches.on(FaultKind::KeepBarred) {
            core.expire_sessions(|session| session.account == place);
        }
        true
    }

    /// Undoes both.
    pub fn restore_account(&self, account: &str) -> bool {
        let mut core = self.lock();
        let place = core.world.find(account);
        let Some(account) = place.and_then(|place| core.world.account_mut(place)) else { return false };
        (account.suspended, account.inactive) = (false, false);
        true
    }

    /// Adds a sub-account with so many cameras, and says its id.
    pub fn add_account(&self, name: &str, cameras: usize) -> String {
        let mut core = self.lock();
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
        let mut core = self.lock();
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
        let mut core = self.lock();
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
        let mut core = self.lock();
        let place = core.device(esn);
        place.is_some_and(|place| core.change(place, change))
    }

    /// How much later the legacy half follows from now on.
    pub fn set_legacy_delay(&self, delay: Duration) {
        self.lock().options.legacy_delay = delay;
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
        self.lock().emit(count);
    }

    /// Lets one event happen to a device, an account or a user, whether or not it is legal; it changes no status. `None` when there is no such
    /// entity, or the code is none.
    pub fn emit_one(&self, esn: &str, code: &str) -> Option<EventRecord> {
        let mut core = self.lock();
        let place = core.world.find(esn)?;
        let code = Code::read(code)?;
        core.raise_alone(place, code);
        let coded = core.world.entities[place].last.iter().find(|coded| coded.code == code)?;
        let timestamp = stamp::text(coded.at);
        Some(EventRecord { code: code.to_string(), timestamp, at: SystemTime::now(), shown: Vec::new() })
    }

    /// Sends so many changes of recording in all, as fast as the sockets that listen to a camera's status take them, up to `per_frame` devices in a
    /// frame; says over how many sockets.
    pub fn flood(&self, changes: u64, per_frame: usize) -> usize {
        self.lock().flood(changes, per_frame)
    }

    fn with_device(&self, esn: &str, act: impl FnOnce(&mut Core, Place)) -> bool {
        let mut core = self.lock();
        let place = core.device(esn);
        if let Some(place) = place {
            act(&mut core, place);
        }
        place.is_some()
    }
}
