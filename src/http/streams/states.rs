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
    messages::ListConnections,
    model::{ConnectionName, Filter, Sequence, State},
};

use super::{
    Streams,
    client::Source,
    frame, gap,
    hub::{self, Behind, Change, Following, What},
};
use crate::http::{
    openapi::StateFilters,
    problem::{Answer, Problem, read},
    query::Query,
    site::Site,
    telemetry::StreamCutOff,
};

/// Bytes of frames in a piece, or one state if that is larger.
const PIECE: usize = 16 << 10;

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
    params(StateFilters),
    responses((status = 200, description = "States, as server-sent events", body = String, content_type = "text/event-stream"))
)]
async fn stream(request: HttpRequest, site: web::Data<Site>, streams: web::Data<Streams>) -> Answer<HttpResponse> {
    let mut query = Query::of(&request);
    let filter = query.filter(&["connection", "vendor", "item", "name", "group", "origin"]);
    let values = query.values("value");
    query.end()?;
    let lanes = Query::of(&request).filter(&["connection", "vendor"]);
    let cut_off = || Problem::unavailable("changes cannot be followed at this moment; ask again");
    let following = streams.changes.follow().await.ok_or_else(cut_off)?;
    let connections = site.engine.send(ListConnections).await?;
    let wanted = Wanted { filter, values, lanes };
    let told = connections.iter().filter(|info| wanted.connection(&info.name, info.vendor));
    let told: Vec<u8> = told.flat_map(hub::connection).collect();
    let walk = site.engine.states().connections();
    let walk = walk.into_iter().filter(|(name, vendor)| wanted.connection(name, vendor)).collect();
    let opening = frame::joined(&[Bytes::from_static(frame::OPENING), told.into()]);
    Ok(streams.answer(&request, "states", |_| Cursor {
        streams: streams.clone(),
        engine: site.engine.clone(),
        wanted,
        shown: HashSet::new(),
        following,
        phase: Phase::Opening { opening, walk: Walk { connections: walk, items: None, states: 0 } },
        certain: Sequence(0),
        last: site.engine.journal().next(),
        heard: Instant::now(),
    }))
}

/// What a client wants to know.
struct Wanted {
    filter: Filter,
    values: HashSet<String>,
    /// What of it is about connections.
    lanes: Filter,
}

impl Wanted {
    fn connection(&self, name: &ConnectionName, vendor: &'static str) -> bool {
        let lane = LaneInfo { connection: name.clone(), vendor, dropped: Sequence(0), lost: false };
        gap::concerns(&self.lanes, &lane)
    }

    fn has_value(&self, state: &State) -> bool {
        self.values.is_empty() || self.values.contains(state.value())
    }
}

/// What is left of the present states.
struct Walk {
    connections: VecDeque<(ConnectionName, &'static str)>,
    /// Of the first connection.
    items: Option<Vec<Arc<str>>>,
    states: usize,
}

enum Phase {
    Opening { opening: Bytes, walk: Walk },
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
            Phase::Opening { opening, walk } => {
                self.phase = Phase::Present(walk);
                Some(opening)
            }
            Phase::Present(walk) => {
                // Between two pieces others may have the thread.
                tokio::task::yield_now().await;
                Some(self.present(walk))
            }
            Phase::Changes => self.changes().await,
            Phase::End => None,
        }
    }

    /// A piece of the present states.
    fn present(&mut self, mut walk: Walk) -> Bytes {
        let map = self.engine.states();
        let mut text = Vec::new();
        while let Some((connection, vendor)) = walk.connections.front() {
            let items = walk.items.get_or_insert_with(|| map.items(connection.as_str()));
            let Some(item) = items.pop() else {
                walk.items = None;
                walk.connections.pop_front();
                continue;
            };
            for state in map.item(connection.as_str(), &item) {
                if self.wanted.filter.wants_state(vendor, &state) && self.wanted.has_value(&state) {
                    frame::json(&mut text, None, "state", &state);
                    walk.states += 1;
                    if !self.wanted.values.is_empty() {
                        self.shown.insert(key(&state));
                    }
                }
            }
            if text.len() >= PIECE {
                self.phase = Phase::Present(walk);
                return text.into();
            }
        }
        self.certain = self.engine.journal().next();
        frame::json(&mut text, None, "present", &json!({"states": walk.states}));
        text.into()
    }

    async fn changes(&mut self) -> Option<Bytes> {
        loop {
            let changes = match self.following.take(PIECE) {
                Ok(changes) => changes,
                Err(Behind) => {
                    StreamCutOff { kind: "states", why: "behind" }.emit();
                    self.phase = Phase::End;
                    return Some(frame::one(None, "cut_off", &json!({"last": self.last.to_string()})));
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
