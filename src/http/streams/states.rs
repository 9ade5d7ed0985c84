//! States as a stream: how they are, then what changes.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::json;
use tokio::{
    select,
    time::{Instant, sleep_until},
};
use utoipa::OpenApi;
use watchpost_actors::{
    EngineHandle,
    journal::LaneInfo,
    messages::{ConnectionInfo, ConnectionPage, PageConnections},
    model::{ConnectionName, Filter, Sequence, State},
};

use super::{
    Streams,
    client::Source,
    frame, gap, head,
    hub::{self, Behind, Change, Following, What},
};
use crate::http::{
    openapi::{Filters, Values},
    problem::{Answer, Problem, read},
    query::Query,
    site::Site,
    telemetry::StreamCutOff,
};

/// Bytes of frames in a piece, or one state if that is larger.
const PIECE: usize = 16 << 10;
/// Connections that are asked for, and told, at a time: about a piece.
const CONNECTIONS: usize = 40;
/// Items whose states are looked at without a pause.
const ITEMS: usize = 256;

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(stream))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/api/v1/states/stream", stream));
}

/// States as they change
///
/// Server-sent events without end: first every state that is wanted, then each change.
#[utoipa::path(
    get,
    path = "/api/v1/states/stream",
    tag = "states",
    operation_id = "streamStates",
    params(Filters, Values),
    responses((status = 200, description = "States, as server-sent events", body = String, content_type = "text/event-stream"))
)]
async fn stream(request: HttpRequest, site: web::Data<Site>, streams: web::Data<Streams>) -> Answer<HttpResponse> {
    let mut query = Query::of(&request);
    let wanted = Wanted::of(&request, &mut query);
    query.end()?;
    let Some(ticket) = streams.admit(&request, "states")? else { return Ok(head().finish()) };
    let source = wanted.follow(&streams, &site).await?;
    Ok(streams.answer(&request, ticket, |_| source))
}

/// What a client wants to know.
pub(super) struct Wanted {
    filter: Filter,
    values: HashSet<String>,
    /// What of it is about connections.
    lanes: Filter,
}

impl Wanted {
    pub(super) fn of(request: &HttpRequest, query: &mut Query) -> Self {
        let filter = query.filter(&["connection", "vendor", "item", "name", "group", "origin"]);
        let values = query.values("value");
        Self { filter, values, lanes: Query::of(request).filter(&["connection", "vendor"]) }
    }

    /// What is told of it, from now on.
    pub(super) async fn follow(self, streams: &web::Data<Streams>, site: &Site) -> Answer<impl Source + use<>> {
        let cut_off = || Problem::unavailable("changes cannot be followed at this moment; ask again");
        Ok(Cursor {
            following: streams.changes.follow().await.ok_or_else(cut_off)?,
            streams: streams.clone(),
            engine: site.engine.clone(),
            wanted: self,
            shown: HashSet::new(),
            phase: Phase::Connections(Connections::default()),
            certain: Sequence(0),
            last: site.engine.journal().next(),
            heard: Instant::now(),
        })
    }

    fn connection(&self, name: &ConnectionName, vendor: &'static str) -> bool {
        let lane = LaneInfo { connection: name.clone(), vendor, dropped: Sequence(0), lost: false };
        gap::concerns(&self.lanes, &lane)
    }

    fn has_value(&self, state: &State) -> bool {
        self.values.is_empty() || self.values.contains(state.value())
    }
}

/// What is left of the connections, which are gone through by name.
#[derive(Default)]
struct Connections {
    /// The first of them.
    next: VecDeque<ConnectionInfo>,
    /// There are others behind this name.
    after: Option<String>,
    has_begun: bool,
}

/// What is left of the present states.
#[derive(Default)]
struct Walk {
    connections: Connections,
    /// Of the first connection.
    items: Option<Vec<Arc<str>>>,
    states: usize,
}

enum Phase {
    Connections(Connections),
    Present(Walk),
    Changes,
    End,
}

/// A client's place.
struct Cursor {
    streams: web::Data<Streams>,
    engine: EngineHandle,
    wanted: Wanted,
    /// States that were last told with a value that is wanted, where not every value is: their next value is told whatever it is.
    shown: HashSet<u64>,
    following: Following,
    phase: Phase,
    /// Changes from here on are newer than the present states that were told.
    certain: Sequence,
    /// The last that was told.
    last: Sequence,
    heard: Instant,
}

impl Source for Cursor {
    async fn next(&mut self) -> Option<Bytes> {
        let frames = self.frames().await?;
        self.heard = Instant::now();
        Some(frames)
    }
}

impl Cursor {
    async fn frames(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.phase, Phase::Changes) {
            Phase::Connections(connections) => self.connections(connections).await,
            Phase::Present(walk) => self.present(walk).await,
            Phase::Changes => self.changes().await,
            Phase::End => None,
        }
    }

    /// Has the first of the connections at hand that are wanted and left, if any is. `None` where nobody can be asked.
    async fn find(&self, left: &mut Connections) -> Option<()> {
        while left.next.is_empty() && (left.after.is_some() || !left.has_begun) {
            let ask = PageConnections { after: left.after.take(), state: None, limit: CONNECTIONS };
            let ConnectionPage { connections, has_more, .. } = self.engine.send(ask).await.ok()?;
            left.has_begun = true;
            left.after = connections.last().filter(|_| has_more).map(|info| info.name.to_string());
            left.next = connections.into();
            left.next.retain(|info| self.wanted.connection(&info.name, info.vendor));
        }
        Some(())
    }

    /// A piece of how the connections are doing, and what comes behind the last.
    async fn connections(&mut self, mut left: Connections) -> Option<Bytes> {
        self.find(&mut left).await?;
        if left.next.is_empty() {
            return self.present(Walk::default()).await;
        }
        let told: Vec<u8> = left.next.drain(..).flat_map(|info| hub::connection(&info)).collect();
        self.phase = Phase::Connections(left);
        Some(told.into())
    }

    /// A piece of the present states.
    async fn present(&mut self, mut walk: Walk) -> Option<Bytes> {
        let (mut text, mut looked_at) = (Vec::new(), 0);
        loop {
            if looked_at % ITEMS == 0 {
                // Others may have the thread.
                tokio::task::yield_now().await;
            }
            looked_at += 1;
            self.find(&mut walk.connections).await?;
            let Some(ConnectionInfo { name, vendor, .. }) = walk.connections.next.front() else { break };
            let map = self.engine.states();
            let items = walk.items.get_or_insert_with(|| map.items(name.as_str()));
            let Some(item) = items.pop() else {
                walk.items = None;
                walk.connections.next.pop_front();
                continue;
            };
            for state in map.item(name.as_str(), &item) {
                if self.wanted.filter.wants_state(vendor, &state) && self.wanted.has_value(&state) {
                    frame::json(&mut text, "state", &state);
                    walk.states += 1;
                    if !self.wanted.values.is_empty() {
                        self.shown.insert(key(&state));
                    }
                }
            }
            if text.len() >= PIECE {
                self.phase = Phase::Present(walk);
                return Some(text.into());
            }
        }
        self.certain = self.engine.journal().next();
        frame::json(&mut text, "present", &json!({"states": walk.states}));
        Some(text.into())
    }

    async fn changes(&mut self) -> Option<Bytes> {
        loop {
            let changes = match self.following.take(PIECE) {
                Ok(changes) => changes,
                Err(Behind) => {
                    StreamCutOff { kind: "states", why: "behind" }.emit();
                    self.phase = Phase::End;
                    return Some(frame::one("cut_off", &json!({"last": self.last.to_string()})));
                }
            };
            let wanted: Vec<_> =
                changes.iter().filter(|change| self.wants(change)).map(|change| change.frame.clone()).collect();
            if !wanted.is_empty() {
                return Some(frame::joined(&wanted));
            }
            if !changes.is_empty() {
                tokio::task::yield_now().await;
                continue;
            }
            select! {
                biased;
                () = self.streams.ended() => return None,
                () = self.following.changed() => {}
                // Never reached: it fails when the journal closes.
                _ = self.engine.journal().reached(Sequence(u64::MAX)) => return None,
                () = sleep_until(self.heard + self.streams.settings.heartbeat) => {
                    return Some(Bytes::from_static(frame::HEARTBEAT));
                }
            }
            self.streams.gather().await;
        }
    }

    fn wants(&mut self, change: &Change) -> bool {
        let (vendor, state) = match &change.what {
            What::Connection { vendor, name } => return self.wanted.connection(name, vendor),
            What::State { vendor, state } => (vendor, state),
        };
        if !self.wanted.filter.wants_state(vendor, state) || self.is_overtaken(state) {
            return false;
        }
        if !self.wanted.values.is_empty() {
            let is_wanted = self.wanted.has_value(state);
            let was_shown = if is_wanted { !self.shown.insert(key(state)) } else { self.shown.remove(&key(state)) };
            if !is_wanted && !was_shown {
                return false;
            }
        }
        self.last = self.last.max(state.sequence);
        true
    }

    /// The present states were read while this was on its way, and may have had a newer value already: values must not go back.
    fn is_overtaken(&self, state: &State) -> bool {
        let group = |state: &State| state.meaning.state.as_ref().map(|state| Arc::clone(&state.vendor_group));
        state.sequence < self.certain && {
            let now = self.engine.states().item(state.connection.as_str(), &state.item.id);
            now.iter().any(|now| group(now) == group(state) && now.sequence > state.sequence)
        }
    }
}

/// What stands for a state in the set of those shown. If two are taken for one, a client hears of a change too many.
fn key(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    let group = state.meaning.state.as_ref().map(|state| &*state.vendor_group);
    (state.connection.as_str(), &*state.item.id, group).hash(&mut hasher);
    hasher.finish()
}
