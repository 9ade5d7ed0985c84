//! Starts connections on its arbiter, and shares clients among them.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::Semaphore;

use super::{Clients, Connection, Control, Setup};
use crate::commands;
use crate::media;
use crate::transport::{Downloads, RestClient, Tape, WebSocketClient};
use crate::vendors::Vendor;

/// Start this connection.
#[derive(Message)]
#[rtype(result = "Recipient<Control>")]
pub(crate) struct Launch<V: Vendor>(pub(crate) Setup<V>);

/// The actor; one per arbiter.
pub(crate) struct Launcher {
    /// By the address of the TLS configuration, which is shared by all connections with the same settings.
    clients: HashMap<usize, (Arc<rustls::ClientConfig>, Clients)>,
    /// Places for those who fetch pictures and recordings here.
    fetching: Rc<Semaphore>,
    /// Places for the calls of commands here.
    commanding: Rc<Semaphore>,
    /// Where it is recorded what goes over the wire.
    tape: Option<Arc<Tape>>,
}

impl Launcher {
    /// One that knows no connection yet.
    pub(crate) fn new(tape: Option<Arc<Tape>>) -> Self {
        let [fetching, commanding] = [media::AT_ONCE, commands::AT_ONCE].map(|most| Rc::new(Semaphore::new(most)));
        Self { clients: HashMap::new(), fetching, commanding, tape }
    }

    pub(crate) fn fetching(&self) -> Rc<Semaphore> {
        Rc::clone(&self.fetching)
    }

    pub(crate) fn commanding(&self) -> Rc<Semaphore> {
        Rc::clone(&self.commanding)
    }

    /// The client that connections with these settings share here, or another.
    pub(crate) fn rest(&self, tls: &Arc<rustls::ClientConfig>) -> RestClient {
        let known = self.clients.get(&(Arc::as_ptr(tls) as usize));
        known.map_or_else(|| RestClient::new(tls).taped(self.tape.clone()), |(_, clients)| clients.rest.clone())
    }

    /// Who fetches pictures and recordings.
    pub(crate) fn downloads(&self, tls: &Arc<rustls::ClientConfig>) -> Downloads {
        Downloads::new(tls).taped(self.tape.clone())
    }
}

impl Actor for Launcher {
    type Context = Context<Self>;
}

impl<V: Vendor> Handler<Launch<V>> for Launcher {
    type Result = MessageResult<Launch<V>>;

    fn handle(&mut self, Launch(setup): Launch<V>, _: &mut Self::Context) -> Self::Result {
        let key = Arc::as_ptr(&setup.tls) as usize;
        let (_, clients) = self.clients.entry(key).or_insert_with(|| {
            let sockets = WebSocketClient::new(&setup.tls, Arc::clone(&setup.budget), Arc::clone(&setup.paces));
            let rest = RestClient::new(&setup.tls).taped(self.tape.clone());
            (Arc::clone(&setup.tls), Clients { sockets: sockets.taped(self.tape.clone()), rest })
        });
        MessageResult(Connection::new(setup, clients.clone()).start().recipient())
    }
}
