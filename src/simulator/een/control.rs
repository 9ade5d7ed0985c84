//! The handle of a running simulator: its life, its hosts, its sockets and sessions. `acts` is what can happen to the world, `views` what can be
//! known.

use std::{
    net::SocketAddr,
    sync::{Arc, MutexGuard},
};

use super::{
    DropHow, Fault, FaultKind, Options, StartError,
    hub::{Core, Hub},
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
        let hub = Arc::new(Hub::new(Core::new(options)));
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
        let brand = self.lock().brand;
        brand.map_or_else(|| self.url(), |brand| format!("http://{brand}"))
    }

    /// Stops it and waits for its thread. Stopping twice does no harm.
    pub fn stop(&self) {
        self.0.running.stop();
    }

    /// Switches a fault on, or gives it another value.
    pub fn inject(&self, fault: Fault) {
        self.lock().switches.set(fault);
        let prepared = match fault {
            Fault::Moved => self.move_subdomain().map(drop),
            Fault::LoginRedirects if self.lock().brand.is_none() => self.open_brand(),
            _ => Ok(()),
        };
        if let Err(error) = prepared {
            tracing::warn!(%error, %fault, "the fault is on, but not in full");
        }
    }

    /// Switches a fault off. What it has broken or moved stays so.
    pub fn clear(&self, kind: FaultKind) {
        self.lock().switches.clear(kind);
    }

    fn open_brand(&self) -> Result<(), StartError> {
        let brand = self.0.running.more(1)?;
        self.lock().brand = brand.first().copied();
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
        let mut core = self.lock();
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
        self.lock().drop_all(how)
    }

    /// Breaks a random part of the open sockets, `0.1` for a tenth, at least one where there are any; says how many.
    pub fn drop_random(&self, fraction: f64, how: DropHow) -> usize {
        self.lock().drop_random(fraction, how)
    }

    /// Breaks the sockets of sessions that are in this account now, and says how many.
    pub fn drop_account(&self, account: &str, how: DropHow) -> usize {
        let mut core = self.lock();
        let Some(place) = core.world.find(account) else { return 0 };
        let sessions: Vec<Arc<str>> =
            core.sessions.iter().filter(|(_, session)| session.account == place).map(|(id, _)| id.clone()).collect();
        core.drop_where(how, |link| sessions.contains(&link.session))
    }

    /// Ends all sessions, and says how many there were: their sockets say 412, and their cookies are worth nothing.
    pub fn expire_sessions(&self) -> usize {
        self.lock().expire_sessions(|_| true)
    }

    /// Breaks the sockets of one session, and says how many.
    pub fn drop_session(&self, id: &str, how: DropHow) -> usize {
        self.lock().drop_where(how, |link| &*link.session == id)
    }

    /// Ends one session; false when there is no such one.
    pub fn expire_session(&self, id: &str) -> bool {
        let mut core = self.lock();
        let known = core.sessions.get(id).is_some();
        core.end_session(id);
        known
    }

    /// Ends the sessions that are in this account now, and says how many there were.
    pub fn expire_account(&self, account: &str) -> usize {
        let mut core = self.lock();
        let Some(place) = core.world.find(account) else { return 0 };
        core.expire_sessions(|session| session.account == place)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.0.hub.lock()
    }
}
