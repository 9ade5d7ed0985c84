//! The handle of a running simulator: its life, its sockets and tokens. `acts` is what can happen to the world, `views` what can be known.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, MutexGuard},
    time::{Duration, Instant},
};

use super::{
    DropHow, Fault, FaultKind, Options, StartError,
    hub::{Core, Hub},
};
use crate::simulator::common::running::{Running, Which};

/// A running simulator. Clones are handles of the same one; it stops when the last of them is dropped.
///
/// Systems are named by their `sid`, sensors by their serial number, cameras by their uuid or the end of that.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    hub: Arc<Hub>,
    running: Running,
}

/// How `address` is called by a client on this machine.
fn url(address: SocketAddr) -> String {
    let ip = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

impl Simulator {
    /// Starts a simulator on a thread of its own; it listens when this returns.
    ///
    /// # Errors
    ///
    /// When it cannot listen at the address of the options.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let (listen, workers) = (options.listen, options.workers.max(1));
        let faults = options.faults.clone();
        let hub = Arc::new(Hub::new(Core::new(options)));
        let running = Running::start(hub.clone(), listen, workers)?;
        hub.lock().url = url(running.address());
        let simulator = Self(Arc::new(Inner { hub, running }));
        if faults.iter().any(Self::needs_foreign) {
            simulator.open_foreign()?;
        }
        Ok(simulator)
    }

    /// `http://127.0.0.1:port`, without a slash at the end: where to log in, to call, and to fetch media.
    pub fn url(&self) -> String {
        self.lock().url.clone()
    }

    /// `ws://127.0.0.1:port`: where to open a socket.
    pub fn socket_url(&self) -> String {
        self.url().replacen("http", "ws", 1)
    }

    /// The host that is not the vendor's, for `foreign-media` and `media-redirect`; there from the first of these faults on.
    pub fn foreign_url(&self) -> Option<String> {
        self.lock().foreign.map(url)
    }

    /// Where it listens; the same after a pause.
    pub fn address(&self) -> SocketAddr {
        self.0.running.address()
    }

    /// Stops it and waits for its thread. Stopping twice does no harm.
    pub fn stop(&self) {
        self.0.running.stop();
    }

    /// Switches a fault on, or gives it another value.
    pub fn inject(&self, fault: Fault) {
        let needed = Self::needs_foreign(&fault) && self.lock().foreign.is_none();
        if let Err(error) = if needed { self.open_foreign() } else { Ok(()) } {
            tracing::warn!(%error, %fault, "the fault is on, but not in full");
        }
        self.lock().switches.set(fault);
    }

    /// Switches a fault off. What it has broken stays so.
    pub fn clear(&self, kind: FaultKind) {
        let mut core = self.lock();
        core.switches.clear(kind);
        if kind == FaultKind::BlockAbove {
            core.recent.clear();
        }
    }

    const fn needs_foreign(fault: &Fault) -> bool {
        matches!(fault, Fault::ForeignMedia | Fault::MediaRedirect)
    }

    fn open_foreign(&self) -> Result<(), StartError> {
        let doors = self.0.running.more(1)?;
        self.lock().foreign = doors.first().copied();
        Ok(())
    }

    /// Goes away: breaks its sockets, and refuses connections until [`resume_listening`](Self::resume_listening). Tokens are kept.
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

    /// Answers everything, upgrades too, as to a blocked address for so long: 403 with a page of HTML. Nothing ends it early but another call.
    pub fn block(&self, wait: Duration) {
        self.lock().blocked_until = Some(Instant::now() + wait);
    }

    /// Breaks every open socket, and says how many there were.
    pub fn drop_sockets(&self, how: DropHow) -> usize {
        self.lock().drop_all(how)
    }

    /// Breaks a random part of the open sockets, `0.1` for a tenth, at least one where there are any; says how many.
    pub fn drop_random(&self, fraction: f64, how: DropHow) -> usize {
        self.lock().drop_random(fraction, how)
    }

    /// Breaks the sockets of a user (`uid`), and says how many.
    pub fn drop_user(&self, user: u64, how: DropHow) -> usize {
        let mut core = self.lock();
        let place = core.world.users.iter().position(|known| known.uid == user);
        core.drop_where(how, |link| place.is_some() && link.user == place)
    }

    /// Ends all access tokens, and says how many were valid. Sockets stay, unless the fault `expiry-cuts` is on.
    pub fn expire_tokens(&self) -> usize {
        self.lock().expire_tokens()
    }

    /// Ends all tokens of a user (`uid`), as when the password is changed; false when there is no such user.
    pub fn revoke(&self, user: u64) -> bool {
        let mut core = self.lock();
        let place = core.world.users.iter().position(|known| known.uid == user);
        if let Some(place) = place {
            core.tokens.revoke(place);
        }
        place.is_some()
    }

    /// Another lifetime for access tokens that are given out from now on.
    pub fn set_token_life(&self, life: Duration) {
        self.lock().options.token_life = life;
    }

    /// Another exit delay from now on.
    pub fn set_exit_delay(&self, delay: Duration) {
        self.lock().options.exit_delay = delay;
    }

    /// Another reach of the history from now on.
    pub fn set_timeline(&self, reach: Duration) {
        self.lock().options.timeline = reach;
    }

    /// What the faults `identify-error` and `server-error` say from now on.
    pub fn set_identify_error(&self, text: &str) {
        text.clone_into(&mut self.lock().options.identify_error);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.0.hub.lock()
    }
}
