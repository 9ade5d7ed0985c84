//! Delivery to an MQTT broker: events as messages, and as retained messages what every item reads now.
//!
//! ```text
//! events ─────────────► deliver (a lane's events in order, then their acknowledgements) ─┐
//!                                                                                        ├─► link (a session) ─► session (the client library)
//! engine ─► mirror ───► board (retained: states, availability, Home Assistant) ──────────┘
//! ```
//!
//! - `topics`: where things are published. `home_assistant`: what Home Assistant is told of them.
//! - `session`: one session, and what the broker answers. `link`: another session when one ends.
//! - `board`: retained messages, kept equal to the present by the [mirror](super::mirror).
//!
//! Events of a lane are sent one behind the other without waiting for each acknowledgement: within a session a broker keeps the order of what comes with
//! QoS 1. After a break they are sent again from the first that was not acknowledged.

mod board;
mod home_assistant;
mod link;
mod session;
mod topics;
pub(super) mod trial;

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    fmt::Write as _,
    fs,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use ring::digest;
use rustls::ClientConfig;
use tokio::{
    task::{AbortHandle, spawn_local},
    time::timeout,
};
use watchpost_actors::{
    EngineHandle,
    model::{ConnectionName, Filter, Sequence, event::SharedEvent},
    transport::TlsError,
};

use self::{
    board::{OFFLINE, Retained},
    home_assistant::{Discovery, Form},
    link::Link,
    session::{PublishError, Settings},
    topics::Topics,
};
use super::{
    mirror::{self, EnginePresent},
    outlet::{Failure, Manner, Outlet},
};
use crate::config::{DiscoveryForm, MqttSink};

/// Events of one lane that are sent before the first is acknowledged.
const BATCH: usize = 64;
/// How long a good end may take.
const CLOSING: Duration = Duration::from_secs(1);
/// The longest pause where an event may not be published, in first ones.
const LONGEST_DENIED: u32 = 15;

/// A broker.
pub(super) struct Mqtt {
    sink: String,
    settings: MqttSink,
    tls: Option<Arc<ClientConfig>>,
    topics: Topics,
    link: Rc<Link>,
    /// Of a delivery that has failed, up to where it was acknowledged.
    acknowledged: RefCell<HashMap<ConnectionName, Sequence>>,
    /// Lanes whose last delivery had an event in it that the broker did not take: each event is waited for, so that none overtakes that one again.
    careful: RefCell<HashSet<ConnectionName>>,
    /// How often in a row an event could not be published for want of the right to.
    denied: Cell<u32>,
    mirror: Cell<Option<AbortHandle>>,
    is_accompanied: Cell<bool>,
}

impl Mqtt {
    /// Prepares deliveries, on the thread where they will be made. The broker need not be there.
    ///
    /// # Errors
    /// [`TlsError`] when the settings name a file that cannot be used.
    pub(super) fn new(sink: &str, settings: &MqttSink) -> Result<Self, TlsError> {
        Ok(Self {
            sink: sink.to_owned(),
            tls: tls(settings)?,
            topics: Topics::new(&settings.prefix),
            link: Link::new(settings.timeout),
            settings: settings.clone(),
            acknowledged: RefCell::default(),
            careful: RefCell::default(),
            denied: Cell::new(0),
            mirror: Cell::new(None),
            is_accompanied: Cell::new(false),
        })
    }

    fn discovery(&self) -> Option<Discovery> {
        let MqttSink { home_assistant, discovery_prefix, discovery, prefix, .. } = &self.settings;
        let form = match discovery {
            DiscoveryForm::Device => Form::Device,
            DiscoveryForm::Component => Form::Component,
        };
        home_assistant.then(|| Discovery::new(discovery_prefix, form, prefix, &self.topics.program()))
    }

    fn keep_session(&self) {
        let settings = || {
            let mut settings = connect_settings(&self.sink, &self.settings, self.tls.clone());
            if self.is_accompanied.get() {
                settings.will = Some((self.topics.program(), OFFLINE));
                settings.filters.extend(self.topics.retained());
                settings.filters.extend(self.discovery().iter().flat_map(Discovery::filters));
            }
            settings
        };
        self.link.keep(&self.sink, settings, self.settings.refused_pause);
    }

    /// Sends events in order, so many before the first is acknowledged. Answers how many were acknowledged before something failed.
    async fn send(&self, events: &[SharedEvent], redelivery: bool, ahead: usize) -> (usize, Result<(), PublishError>) {
        let mut sent = 0;
        for events in events.chunks(ahead) {
            let (count, result) = self.send_ahead(events, redelivery).await;
            sent += count;
            if result.is_err() {
                return (sent, result);
            }
        }
        (sent, Ok(()))
    }

    /// Sends events in order, then waits for the acknowledgements.
    async fn send_ahead(&self, events: &[SharedEvent], redelivery: bool) -> (usize, Result<(), PublishError>) {
        let session = match self.link.session().await {
            Ok(session) => session,
            Err(why) => return (0, Err(PublishError::Over(why))),
        };
        let _room = self.link.room(events.len()).await;
        let (mut tickets, mut failed) = (Vec::with_capacity(events.len()), Ok(()));
        for event in events {
            let stored = event.get();
            let item = stored.event.item.as_ref().map(|item| &*item.id);
            let topic = self.topics.event(&stored.commit.connection, item, &stored.event.meaning.kind);
            let sent = body(event, redelivery).and_then(|body| session.publish(&topic, body.into(), false));
            match sent {
                Ok(ticket) => tickets.push(ticket),
                Err(error) => {
                    failed = Err(error);
                    break;
                }
            }
        }
        for (count, ticket) in tickets.into_iter().enumerate() {
            if let Err(error) = ticket.acknowledged().await {
                return (count, Err(error));
            }
        }
        (events.len(), failed)
    }

    fn failure(&self, error: PublishError) -> Failure {
        match error {
            PublishError::Over(why) | PublishError::Busy(why) => Failure::Again { why, after: None },
            PublishError::Refused(why) => Failure::Refused { why, at_once: true },
            PublishError::NotAllowed(why) => {
                let denied = (self.denied.get() * 2).clamp(1, LONGEST_DENIED);
                self.denied.set(denied);
                let prefix = &self.settings.prefix;
                let why = format!("halted: {why}; give this user the right to publish to {prefix}/#");
                Failure::Again { why, after: Some(self.settings.refused_pause * denied) }
            }
        }
    }
}

impl Outlet for Mqtt {
    fn manner(&self) -> Manner {
        Manner { per_connection: true, batch: BATCH, tries: 1 }
    }

    async fn deliver(&self, events: &[SharedEvent], redelivery: bool) -> Result<(), Failure> {
        self.keep_session();
        let Some(first) = events.first() else { return Ok(()) };
        let lane = first.get().commit.connection.clone();
        let before = self.acknowledged.borrow_mut().remove(&lane).filter(|_| !redelivery);
        let rest = match before {
            Some(before) => {
                events.iter().position(|event| event.get().sequence > before).map_or(&[][..], |at| &events[at..])
            }
            None => events,
        };
        let is_careful = self.careful.borrow().contains(&lane);
        let (count, sent) = self.send(rest, redelivery, if is_careful { 1 } else { BATCH }).await;
        let Err(error) = sent else {
            self.denied.set(0);
            self.careful.borrow_mut().remove(&lane);
            return Ok(());
        };
        if !matches!(error, PublishError::Over(_)) {
            self.careful.borrow_mut().insert(lane.clone());
        }
        if !redelivery {
            let acknowledged = rest[..count].last().map(|event| event.get().sequence).or(before);
            acknowledged.map(|upto| self.acknowledged.borrow_mut().insert(lane, upto));
        }
        Err(self.failure(error))
    }

    fn accompany(&self, sink: &str, engine: Option<&EngineHandle>, filter: &Filter) {
        let Some(engine) = engine else { return };
        self.is_accompanied.set(true);
        self.keep_session();
        let board = Rc::new(Retained::new(Rc::clone(&self.link), self.topics.clone(), self.discovery()));
        let (present, changed) = EnginePresent::new(engine.clone(), filter.clone());
        let sink = sink.to_owned();
        let mirror = async move { mirror::run(&sink, board, Rc::new(present), &changed).await };
        self.mirror.set(Some(spawn_local(mirror).abort_handle()));
    }

    async fn close(&self) {
        if let Some(mirror) = self.mirror.take() {
            mirror.abort();
        }
        let Some(session) = self.link.end() else { return };
        if self.is_accompanied.get()
            && let Ok(ticket) = session.publish(&self.topics.program(), OFFLINE.into(), true)
        {
            // Where this fails, the will says the same.
            if !matches!(timeout(CLOSING, ticket.acknowledged()).await, Ok(Ok(()))) {
                return;
            }
        }
        session.leave().await;
    }
}

/// An event as a message: the same line that other sinks write.
fn body(event: &SharedEvent, redelivery: bool) -> Result<Vec<u8>, PublishError> {
    let mut body = Vec::with_capacity(640 + event.get().data().len());
    event.get().write_line(&mut body);
    if body.is_empty() {
        return Err(PublishError::Refused(format!("event {} cannot be written as JSON", event.get().full_id())));
    }
    if redelivery {
        body.splice(..1, *b"{\"redelivery\":true,");
    }
    Ok(body)
}

fn tls(settings: &MqttSink) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    if !settings.is_secure() {
        return Ok(None);
    }
    let mut config = (*settings.tls.client_config()?).clone();
    // What the engine offers for HTTP means nothing here, and a broker behind a proxy may be chosen by it.
    config.alpn_protocols.clear();
    Ok(Some(Arc::new(config)))
}

/// A session that says nothing of itself, and listens to nothing.
fn connect_settings(sink: &str, settings: &MqttSink, tls: Option<Arc<ClientConfig>>) -> Settings {
    let host = settings.url.host_str().unwrap_or_default();
    Settings {
        // An address of IPv6 stands in brackets there.
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: settings.port(),
        tls,
        client_id: settings.client_id.clone().unwrap_or_else(|| client_id(sink, &settings.prefix)),
        login: settings.username.clone().map(|name| (name, settings.password.clone())),
        will: None,
        keep_alive: settings.keep_alive,
        timeout: settings.timeout,
        filters: Vec::new(),
    }
}

/// The same on this machine for a sink with these topics at every start: a broker ends the session that a dead process has left.
fn client_id(sink: &str, prefix: &str) -> String {
    let machine = fs::read_to_string("/etc/machine-id").or_else(|_| fs::read_to_string("/etc/hostname"));
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [machine.unwrap_or_default().trim(), prefix, sink] {
        context.update(part.as_bytes());
        context.update(b"\0");
    }
    context.finish().as_ref().iter().take(4).fold(format!("watchpost-{sink}-"), |mut id, byte| {
        // Writing into a String does not fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}
