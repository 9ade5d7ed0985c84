//! Delivery to an MQTT broker: events as messages, and as retained messages what every item reads now.
//!
//! ```text
//! events ─► window ───► send (a lane's events in order, the next as one is acknowledged) ─┐
//!                                                                                         ├─► link (a session) ─► session (the client library)
//! engine ─► mirror ───► board (retained: states, availability, Home Assistant) ───────────┘
//! ```
//!
//! - `topics`: where things are published. `home_assistant`: what Home Assistant is told of them.
//! - `session`: one session, and what the broker answers. `link`: another session when one ends.
//! - `send`: how many events are under way, and what follows when one is not taken.
//! - `board`: retained messages, kept equal to the present by the [mirror](super::mirror).
//!
//! Events of a lane are sent one behind the other without waiting for each acknowledgement: within a session a broker keeps the order of what comes with
//! QoS 1. After a break those that were not acknowledged are sent again.

mod board;
mod home_assistant;
mod link;
mod send;
mod session;
mod topics;
pub(super) mod trial;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
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
    model::{ConnectionName, Filter, event::SharedEvent},
    transport::TlsError,
};

use self::{
    board::{OFFLINE, Retained},
    home_assistant::{Discovery, Form},
    link::Link,
    send::{Sender, Trouble},
    session::Settings,
    topics::Topics,
};
use super::{
    delivery::Delivery,
    mirror::{self, EnginePresent},
    outlet::{Failure, Manner, Outlet},
    standing::Herald,
    window::Window,
};
use crate::config::{DiscoveryForm, MqttSink};

/// Events of one lane that are under way.
const BATCH: usize = 64;
/// How long a good end may take.
const CLOSING: Duration = Duration::from_secs(1);

/// A broker.
pub(super) struct Mqtt {
    sink: String,
    settings: MqttSink,
    tls: Option<Arc<ClientConfig>>,
    topics: Topics,
    link: Rc<Link>,
    troubles: RefCell<HashMap<Sender, Trouble>>,
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
            link: Link::new(settings.timeout, Herald::new(sink, address(settings))),
            settings: settings.clone(),
            troubles: RefCell::default(),
            mirror: Cell::new(None),
            is_accompanied: Cell::new(false),
        })
    }

    fn discovery(&self) -> Option<Discovery> {
        discovery(&self.settings, &self.topics)
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
        self.link.keep(settings, self.settings.refused_pause);
    }
}

impl Outlet for Mqtt {
    fn manner(&self) -> Manner {
        Manner { per_connection: true, batch: BATCH, slides: true, tries: 1 }
    }

    async fn deliver(&self, events: &[SharedEvent], redelivery: bool) -> Result<(), Failure> {
        self.deliver_from(&Window::of(events), redelivery).await
    }

    async fn deliver_from(&self, window: &Window, redelivery: bool) -> Result<(), Failure> {
        self.keep_session();
        self.send(window, redelivery).await
    }

    fn report_to(&self, delivery: &Delivery) {
        self.link.herald().report_to(delivery);
    }

    fn accompany(&self, sink: &str, engine: Option<&EngineHandle>, filter: &Filter) {
        let Some(engine) = engine else { return };
        self.is_accompanied.set(true);
        self.keep_session();
        let (present, changed) = EnginePresent::new(engine.clone(), filter.clone());
        let present = Rc::new(present);
        let shown = Rc::clone(&present);
        let is_shown = move |connection: &ConnectionName, item: &str| shown.shows(connection, item);
        let retained = Retained::new(Rc::clone(&self.link), self.topics.clone(), self.discovery(), Box::new(is_shown));
        let board = Rc::new(retained);
        let sink = sink.to_owned();
        let mirror = async move { mirror::run(&sink, board, present, &changed).await };
        self.mirror.set(Some(spawn_local(mirror).abort_handle()));
    }

    async fn close(&self) {
        if let Some(mirror) = self.mirror.take() {
            mirror.abort();
        }
        let session = self.link.end();
        self.link.herald().end();
        let Some(session) = session else { return };
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

fn tls(settings: &MqttSink) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    if !settings.is_secure() {
        return Ok(None);
    }
    let mut config = (*settings.tls.client_config_as(settings.identity.as_ref())?).clone();
    // What the engine offers for HTTP means nothing here, and a broker behind a proxy may be chosen by it.
    config.alpn_protocols.clear();
    Ok(Some(Arc::new(config)))
}

/// What Home Assistant is told, if it is told anything.
fn discovery(settings: &MqttSink, topics: &Topics) -> Option<Discovery> {
    let MqttSink { home_assistant, discovery_prefix, discovery, prefix, .. } = settings;
    let form = match discovery {
        DiscoveryForm::Device => Form::Device,
        DiscoveryForm::Component => Form::Component,
    };
    home_assistant.then(|| Discovery::new(discovery_prefix, form, prefix, &topics.program()))
}

/// Where the broker is.
fn address(settings: &MqttSink) -> String {
    format!("{}:{}", settings.url.host_str().unwrap_or_default(), settings.port())
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
