//! Every call, and what its answers mean.
//!
//! Paths end with a slash, times have no zone, and the token is in the header alone: in an address it would be logged on its way.

mod answers;
mod size;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::grant::Grant;
use super::token::Scheme;
use super::wire::{Asked, time};
use crate::transport::request::{Body, Method, RestCall, Retry};
use crate::vendors::address::under;

pub use answers::{CallError, read_channel, read_event, read_event_type, read_id, read_page, succeeded};
pub use size::PageSize;

/// The most rows that are asked for at once: no client of VXG's asks for more, and the server's own limit is not documented.
pub const MOST_ROWS: u32 = 1_000;
/// Tries of a call that only reads, and that is not made again and again anyway.
const TRIES: u32 = 2;
/// The size that a list may have, 32 MiB: an event with signed links has some thousand bytes.
const MAX_LIST: usize = 32 << 20;
/// Other answers are small.
const MAX_BODY: usize = 1 << 20;

/// Which events are asked for.
#[derive(Debug, Clone, Copy)]
pub struct EventsQuery<'a> {
    /// From when on. Whether an event of this very moment is among them is not documented.
    pub start: Option<Timestamp>,
    /// Until when; again not documented of the very moment.
    pub end: Option<Timestamp>,
    /// Oldest first, or newest.
    pub order: EventOrder,
    /// Which page.
    pub page: Asked,
    /// Of these cameras; none: of all that the token opens.
    pub cameras: &'a [i64],
    /// Of types of these names; none: of all.
    pub names: &'a [&'a str],
    /// With one of these tags in `meta`; none: with any or none.
    pub tags: &'a [&'a str],
    /// Whether `meta` is wanted.
    pub include_meta: bool,
}

/// The order of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventOrder {
    /// By time.
    #[default]
    Oldest,
    /// By time, backwards.
    Newest,
}

impl Default for EventsQuery<'_> {
    /// The first page of everything, oldest first, with `meta`.
    fn default() -> Self {
        Self {
            start: None,
            end: None,
            order: EventOrder::Oldest,
            page: Asked { limit: MOST_ROWS, offset: 0 },
            cameras: &[],
            names: &[],
            tags: &[],
            include_meta: true,
        }
    }
}

/// Asks for events. One try: who polls has a pace of its own.
#[must_use]
pub fn events(grant: &Grant, query: &EventsQuery<'_>) -> RestCall {
    let mut call = list(grant, "v2/storage/events/", query.page);
    let order = if query.order == EventOrder::Oldest { "time" } else { "-time" };
    let mut pairs = call.url.query_pairs_mut();
    pairs.append_pair("order_by", order);
    for (name, time) in [("start", query.start), ("end", query.end)] {
        time.map(|time| pairs.append_pair(name, &time::write(time)));
    }
    let cameras: Vec<_> = query.cameras.iter().map(i64::to_string).collect();
    for (name, texts) in
        [("camid", cameras.join(",")), ("events", query.names.join(",")), ("meta", query.tags.join(","))]
    {
        if !texts.is_empty() {
            pairs.append_pair(name, &texts);
        }
    }
    if query.include_meta {
        pairs.append_pair("include_meta", "true");
    }
    drop(pairs);
    call
}

/// Asks for one event, with its `meta`.
#[must_use]
pub fn event(grant: &Grant, id: i64) -> RestCall {
    let mut call = read(grant, &format!("v2/storage/events/{id}/"));
    call.url.query_pairs_mut().append_pair("include_meta", "true");
    call
}

/// Which of the two lists of cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelList {
    /// `/api/v3/channels/`, which a licence key opens.
    V3,
    /// `/api/v5/channels/`, which a group's token opens, and perhaps a licence key.
    V5,
}

impl ChannelList {
    /// The list that a token opens; `None` where it opens none.
    #[must_use]
    pub fn of(scheme: Scheme) -> Option<Self> {
        match scheme {
            Scheme::Acc => None,
            Scheme::Si => Some(Self::V5),
            Scheme::LKey => Some(Self::V3),
        }
    }
}

/// Asks for cameras. One try: who polls has a pace of its own.
#[must_use]
pub fn channels(grant: &Grant, which: ChannelList, page: Asked) -> RestCall {
    match which {
        ChannelList::V3 => list(grant, "v3/channels/", page),
        ChannelList::V5 => {
            let mut call = list(grant, "v5/channels/", page);
            // Without what is no camera but a place for recordings (VXG's web client).
            call.url.query_pairs_mut().append_pair("meta_not", "isstorage");
            call
        }
    }
}

/// Asks for one camera with its access tokens; only with a licence key.
#[must_use]
pub fn channel(grant: &Grant, id: i64) -> RestCall {
    read(grant, &format!("v3/channels/{id}/"))
}

/// Asks for one camera in the way that is open to its own token. That its name is in the answer is inferred.
#[must_use]
pub fn camera(grant: &Grant, id: i64) -> RestCall {
    read(grant, &format!("v2/cameras/{id}/"))
}

/// Asks for the types of event that a camera has.
#[must_use]
pub fn event_types(grant: &Grant, camera: i64, page: Asked) -> RestCall {
    let mut call = list(grant, &types_of(camera), page);
    call.retry = Retry::Safe { tries: TRIES };
    call
}

/// Adds a type to a camera. VXG's page shows both members, and does not say that one may be left out.
#[must_use]
pub fn add_event_type(grant: &Grant, camera: i64, name: &str, notify: bool) -> RestCall {
    let body = Map::from_iter([("name".to_owned(), json!(name)), ("notify".to_owned(), json!(notify))]);
    write(grant, Method::Post, &types_of(camera), body)
}

/// What shall be other than it is with a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TypeChange {
    /// Whether telephones are told.
    pub notify: Option<bool>,
    /// Whether it begins a recording.
    pub record: Option<bool>,
    /// Whether it comes with a picture.
    pub snapshot: Option<bool>,
    /// Every how many seconds it comes.
    pub period: Option<u64>,
}

impl TypeChange {
    /// Whether nothing shall be other.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Changes a type, and of it no more than is said; `None` for a name that an address cannot hold. Made twice it does no more than once.
#[must_use]
pub fn set_event_type(grant: &Grant, camera: i64, name: &str, change: &TypeChange) -> Option<RestCall> {
    let members = [
        ("notify", change.notify.map(Value::from)),
        ("record", change.record.map(Value::from)),
        ("snapshot", change.snapshot.map(Value::from)),
        ("period", change.period.map(Value::from)),
    ];
    let body = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let mut call = write(grant, Method::Put, &type_of(camera, name)?, body);
    call.retry = Retry::Safe { tries: TRIES };
    Some(call)
}

/// Makes an event on the server. The answer is an event with its id. Made twice there are two: who cannot tell whether it was made looks for a tag of its
/// own.
#[must_use]
pub fn create_event(grant: &Grant, camera: i64, name: &str, time: Timestamp, meta: &[(&str, &str)]) -> RestCall {
    let mut body = happening(time, meta);
    body.insert("camid".to_owned(), json!(camera));
    body.insert("name".to_owned(), json!(name));
    write(grant, Method::Post, "v2/storage/events/", body)
}

/// Has a camera make an event; `None` for a name that an address cannot hold. Success means that the camera is asked, and what is answered is not
/// documented.
#[must_use]
pub fn trigger_event(
    grant: &Grant,
    camera: i64,
    name: &str,
    time: Timestamp,
    meta: &[(&str, &str)],
) -> Option<RestCall> {
    let path = format!("{}trigger/", type_of(camera, name)?);
    Some(write(grant, Method::Post, &path, happening(time, meta)))
}

fn happening(time: Timestamp, meta: &[(&str, &str)]) -> Map<String, Value> {
    let mut body = Map::from_iter([("time".to_owned(), json!(time::write(time)))]);
    if !meta.is_empty() {
        let tags = meta.iter().map(|(tag, data)| ((*tag).to_owned(), json!(data))).collect();
        body.insert("meta".to_owned(), Value::Object(tags));
    }
    body
}

fn types_of(camera: i64) -> String {
    format!("v2/cameras/{camera}/event_processing/events/")
}

fn type_of(camera: i64, name: &str) -> Option<String> {
    // An address takes these for steps, however they are written.
    if matches!(name, "" | "." | "..") {
        return None;
    }
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    // A form's plus is a blank, a path's is not.
    Some(format!("{}{}/", types_of(camera), name.replace('+', "%20")))
}

fn list(grant: &Grant, path: &str, page: Asked) -> RestCall {
    let mut url = under(&grant.base, &format!("api/{path}"));
    let (limit, offset) = (page.limit.to_string(), page.offset.to_string());
    url.query_pairs_mut().append_pair("limit", &limit).append_pair("offset", &offset);
    let mut call = grant.sign(RestCall::new(Method::Get, url));
    call.max_body = MAX_LIST;
    call
}

fn read(grant: &Grant, path: &str) -> RestCall {
    let mut call = grant.sign(RestCall::new(Method::Get, under(&grant.base, &format!("api/{path}"))));
    (call.max_body, call.retry) = (MAX_BODY, Retry::Safe { tries: TRIES });
    call
}

fn write(grant: &Grant, method: Method, path: &str, body: Map<String, Value>) -> RestCall {
    let mut call = grant.sign(RestCall::new(method, under(&grant.base, &format!("api/{path}"))));
    call.body = Body::Json(Value::Object(body).to_string().into());
    call.max_body = MAX_BODY;
    call
}

#[cfg(test)]
mod tests;
