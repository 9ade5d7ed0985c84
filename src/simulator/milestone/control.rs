//! The handle of a running simulator.

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use super::{
    Counters, DropHow, Emitted, Fault, FaultKind, Ledger, Options, Pace, StartError, StateNow,
    hub::{Core, Hub},
};
use crate::simulator::common::running::{Running, Which};

/// A running simulator. Clones are handles of the same one; it stops when the last of them is dropped.
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
        let hub = Arc::new(Hub::new(Core::new(options.clone())));
        let running = Running::start(hub.clone(), options.listen, options.workers)?;
        let simulator = Self(Arc::new(Inner { hub, running }));
        for fault in options.faults {
            simulator.prepare(fault)?;
        }
        Ok(simulator)
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
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
        self.0.hub.lock().switches.set(fault);
        if let Err(error) = self.prepare(fault) {
            tracing::warn!(%error, %fault, "the fault is on, but not in full");
        }
    }

    /// Switches a fault off. What it has broken stays broken.
    pub fn clear(&self, kind: FaultKind) {
        let mut core = self.0.hub.lock();
        core.switches.clear(kind);
        match kind {
            FaultKind::SeveralGateways => core.gateways.clear(),
            FaultKind::GatewayOutage => core.outage = None,
            FaultKind::DeadGateways => core.dead_gateways.clear(),
            _ => {}
        }
    }

    /// What has to be there before a fault can be seen.
    fn prepare(&self, fault: Fault) -> Result<(), StartError> {
        match fault {
            Fault::SeveralGateways(count) => {
                let gateways = self.0.running.more(count.saturating_sub(1))?;
                self.0.hub.lock().gateways = gateways;
                Ok(())
            }
            Fault::DeadGateways(count) => {
                let address = SocketAddr::new(self.address().ip(), 0);
                let dead = free_addresses(address, count).map_err(|source| StartError::Listen { address, source })?;
                self.0.hub.lock().dead_gateways = dead;
                Ok(())
            }
            Fault::GatewayHangs(number) => {
                self.0.hub.lock().drop_links_of(number, DropHow::HalfOpen);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Breaks every open socket, and says how many there were.
    pub fn drop_sockets(&self, how: DropHow) -> usize {
        self.0.hub.lock().drop_links(how, None)
    }

    /// Breaks the socket of one session; false when it has none.
    pub fn drop_session(&self, session: &str, how: DropHow) -> bool {
        self.0.hub.lock().drop_links(how, Some(session)) > 0
    }

    /// Goes away as a gateway does that restarts: breaks its sockets, and refuses connections until
    /// [`resume_listening`](Self::resume_listening). Sessions and tokens are kept; their windows run.
    /// Further gateways (`several-gateways`) stay.
    pub fn pause_listening(&self) {
        self.0.running.pause(Which::First);
    }

    /// One of several gateways goes away, by its number: the first is 1. The others stay; [`resume_listening`](Self::resume_listening) brings it back.
    pub fn pause_gateway(&self, number: usize) {
        self.0.running.pause(Which::Number(number));
    }

    /// How many sockets are open at the gateway with this number.
    pub fn sockets_at(&self, number: usize) -> usize {
        self.0.hub.lock().sockets_at(number)
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    ///
    /// When the port was taken by somebody else meanwhile.
    pub fn resume_listening(&self) -> Result<(), StartError> {
        self.0.running.resume()
    }

    /// Makes every resume fail from now, as if the window had passed: sessions without a socket end, the others when they lose theirs.
    pub fn forget_sessions(&self) {
        self.0.hub.lock().forget_sessions();
    }

    /// Lets `count` random events happen now, each a legal transition or a stateless event.
    pub fn emit(&self, count: usize) {
        self.0.hub.lock().emit(count);
    }

    /// Lets one event happen: `source` is `cameras/<guid>`, `event_type` a GUID or a name such as `MotionStarted`. `None` when
    /// either is not known. The transition need not be legal.
    pub fn emit_one(&self, source: &str, event_type: &str) -> Option<Arc<Emitted>> {
        let mut core = self.0.hub.lock();
        let item = core.world.item(source)?;
        let event_type = core.world.event_type(event_type)?;
        let time = core.world.tick();
        let event = core.world.raise(item, event_type, time, None);
        Some(core.publish(event))
    }

    /// Lets `count` devices of one recording server lose or regain communication, all in the same second.
    pub fn burst(&self, count: usize) {
        self.0.hub.lock().burst(count);
    }

    /// Sources of one resource (`cameras`, `outputs`, …) that are configured, in their order.
    pub fn sources(&self, resource: &str) -> Vec<String> {
        let core = self.0.hub.lock();
        core.world.items_of(resource).map(|item| item.source.to_string()).collect()
    }

    /// The name of an item.
    pub fn name_of(&self, source: &str) -> Option<String> {
        let core = self.0.hub.lock();
        core.world.item(source).map(|item| core.world.items[item].name.clone())
    }

    /// Takes an item out of the configuration, its states too, and raises `SystemConfigurationChanged`; false when it is not known.
    pub fn remove_item(&self, source: &str) -> bool {
        let mut core = self.0.hub.lock();
        let Some(item) = core.world.item(source).filter(|item| !core.world.items[*item].removed) else {
            return false;
        };
        core.world.remove(item);
        let event = core.world.configuration_changed(item, "Deleted");
        event.map(|event| core.publish(event));
        true
    }

    /// Renames an item and raises `SystemConfigurationChanged`; false when it is not known.
    pub fn rename_item(&self, source: &str, name: &str) -> bool {
        let mut core = self.0.hub.lock();
        let Some(item) = core.world.item(source).filter(|item| !core.world.items[*item].removed) else {
            return false;
        };
        name.clone_into(&mut core.world.items[item].name);
        let event = core.world.configuration_changed(item, "Updated");
        event.map(|event| core.publish(event));
        true
    }

    /// Sends `events` motion events, `per_frame` to a frame, to every session that wants all motion, as fast as its socket takes
    /// them; says to how many sessions.
    ///
    /// All sessions get the same events. They are not in [`Ledger::events`] and are not kept for a replay: a session whose flood is cut off
    /// cannot be resumed. [`states`](Self::states) tells from the beginning what they will be at the end.
    pub fn flood(&self, events: u64, per_frame: usize) -> usize {
        self.0.hub.lock().flood(events, per_frame, None, None)
    }

    /// The same by a schedule, which is kept whatever a client does: a frame is sent when it is due, or as soon as the socket takes it
    /// again. Each event tells the moment at which it was due as its time.
    pub fn paced_flood(&self, events: u64, per_frame: usize, pace: Pace) -> usize {
        self.0.hub.lock().flood(events, per_frame, Some(pace), None)
    }

    /// All events and sessions so far.
    pub fn ledger(&self) -> Ledger {
        self.0.hub.lock().ledger.clone()
    }

    /// What clients asked and were given so far.
    pub fn counters(&self) -> Counters {
        self.0.hub.lock().counters.clone()
    }

    /// The state of every (source, state group), both in lower case but for the resource's name.
    pub fn states(&self) -> BTreeMap<(String, String), StateNow> {
        self.0.hub.lock().world.states_now()
    }
}

/// Addresses that nobody listens on, as far as one can know.
fn free_addresses(address: SocketAddr, count: usize) -> io::Result<Vec<SocketAddr>> {
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind(address)).collect::<io::Result<_>>()?;
    listeners.iter().map(TcpListener::local_addr).collect()
}
