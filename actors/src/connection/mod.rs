//! One actor per session or sub-account: it moves bytes between a socket and a vendor's pure code, and owns the retry clock.
//!
//! ```text
//! Launcher (one per arbiter) ─► Connection (actor) ─► pump: try, wait, try again ─► attempt: one try at one session
//!                                      ▲ Control          │ OpenLane, Batch, ShowStatus
//!                                  Supervisor             ▼
//!                                                   StateTracker (same arbiter)
//! ```
//! What a try is made of: `asked` (questions that are open), `channel` (its socket), `batches` (what is on its way into the journal).
//!
//! The flood does not pass through a mailbox: an actor drains its whole mailbox before its timers run, and a heartbeat would starve. So the
//! pump is a task of its own that selects over socket, timers and answers, and the actor around it is what the supervisor talks to.

mod asked;
mod attempt;
mod batches;
mod changes;
mod channel;
mod ending;
mod happened;
mod keeping;
mod launcher;
mod liveness;
mod pump;
mod reading;
mod report;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::mpsc;

use crate::lookup::Directories;
use crate::model::ids::ConnectionName;
use crate::model::status::ConnectionState;
use crate::settings::CommonSettings;
use crate::state_tracker::StateTracker;
use crate::supervisor::{ConnectionEnded, ConnectionReport, How, WantChildren};
use crate::transport::{Brake, Budget, Paces, RestClient, WebSocketClient};
use crate::vendors::Vendor;
use crate::wanted::Wanted;

pub(crate) use launcher::{Launch, Launcher};
pub(crate) use report::PANICKED;

/// Orders waiting for a connection; they are few, and a further one is refused.
const ORDERS: usize = 16;

/// What the supervisor can tell a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub(crate) enum Control {
    /// Store what was read, close the socket, end.
    Stop,
    /// Drop this try and begin anew at once; a refused login is asked again.
    Restart,
    /// Panic, as a defect would.
    Panic,
}

/// All that a connection needs and that can be sent to its arbiter.
pub(crate) struct Setup<V: Vendor> {
    pub(crate) name: ConnectionName,
    pub(crate) generation: u64,
    pub(crate) config: V::Config,
    pub(crate) common: CommonSettings,
    pub(crate) account: Arc<str>,
    pub(crate) directories: Directories<V>,
    pub(crate) tracker: Addr<StateTracker>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) paces: Arc<Paces>,
    /// Consulted before each call and socket, where the service is known to block addresses.
    pub(crate) brake: Option<Arc<Brake>>,
    pub(crate) hold_limit: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) reports: Recipient<ConnectionReport>,
    pub(crate) ended: Recipient<ConnectionEnded>,
    pub(crate) children: Recipient<WantChildren>,
    /// What is subscribed to besides the settings.
    pub(crate) wanted: Arc<Wanted>,
    /// The state in which an earlier generation panicked; `Connecting` for the first.
    pub(crate) was: ConnectionState,
}

/// The clients of one arbiter, shared by its connections.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) sockets: WebSocketClient,
    pub(crate) rest: RestClient,
}

/// The actor.
pub(crate) struct Connection<V: Vendor> {
    setup: Rc<Setup<V>>,
    clients: Clients,
    orders: Option<mpsc::Sender<Control>>,
    how: How,
}

impl<V: Vendor> Connection<V> {
    fn new(setup: Setup<V>, clients: Clients) -> Self {
        // Until it has ended well, an end is a panic.
        Self { setup: Rc::new(setup), clients, orders: None, how: How::Panicked }
    }
}

impl<V: Vendor> Actor for Connection<V> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (orders, queue) = mpsc::channel(ORDERS);
        self.orders = Some(orders);
        let pump = actix_rt::spawn(pump::run(Rc::clone(&self.setup), self.clients.clone(), queue));
        ctx.spawn(pump.into_actor(self).map(|result, connection, ctx| {
            if result.is_ok() {
                connection.how = How::Stopped;
            }
            ctx.stop();
        }));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        let (name, generation) = (self.setup.name.clone(), self.setup.generation);
        self.setup.ended.do_send(ConnectionEnded { name, generation, how: self.how });
    }
}

impl<V: Vendor> Handler<Control> for Connection<V> {
    type Result = ();

    fn handle(&mut self, order: Control, _: &mut Self::Context) {
        pass_on(&mut self.orders, order);
    }
}

/// To stop is to close the queue: that cannot be refused, and stays true.
fn pass_on(orders: &mut Option<mpsc::Sender<Control>>, order: Control) {
    if order == Control::Stop {
        *orders = None;
    } else if let Some(orders) = orders {
        // With sixteen orders waiting, one more changes nothing.
        let _ = orders.try_send(order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn an_order_to_stop_is_kept_however_many_others_wait() {
        let (orders, mut queue) = mpsc::channel(ORDERS);
        let mut orders = Some(orders);
        for _ in 0..=ORDERS {
            pass_on(&mut orders, Control::Restart);
        }
        pass_on(&mut orders, Control::Stop);
        for _ in 0..ORDERS {
            assert_eq!(queue.recv().await, Some(Control::Restart));
        }
        assert_eq!(queue.recv().await, None);
    }
}
