//! Types of the engine as they are in JSON, and forms of texts. The engine itself knows nothing of OpenAPI; a test compares these with what it writes.

use utoipa::{
    ToSchema,
    openapi::{
        Object, Schema,
        schema::{ArrayBuilder, ObjectBuilder, SchemaFormat, Type},
    },
};

use crate::http::query::VALUES_MOST;

/// A list of globs in a query.
pub(in crate::http) fn globs() -> Schema {
    ArrayBuilder::new().items(text("glob")).max_items(Some(VALUES_MOST)).into()
}

/// A text with a grammar of its own.
fn text(format: &str) -> Object {
    let format = SchemaFormat::Custom(format.to_owned());
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).min_length(Some(1)).build()
}

/// How a connection is doing
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct ConnectionInfo {
    /// Its name
    #[schema(example = "hq")]
    name: String,
    /// What people call what it leads to, where the vendor told
    #[schema(nullable = false)]
    title: Option<String>,
    #[schema(example = "milestone")]
    vendor: String,
    state: ConnectionState,
    /// Since when
    #[schema(format = DateTime)]
    since: String,
    /// Why, in words; empty when nothing is to be said
    reason: String,
    /// Events stored since the start
    events: u64,
    /// Repeats left out
    repeats: u64,
    /// Gaps recorded
    gaps: u64,
    /// When the last event was stored
    #[schema(required, format = DateTime)]
    last_event: Option<String>,
    /// How often it was started anew after a panic
    restarts: u64,
    /// Tries to connect, good and bad
    tries: u64,
    /// The last thing that went wrong
    #[schema(required)]
    last_error: Option<String>,
    /// States that are known of its items
    states: u64,
    /// How long its last event took from its own time until it was stored, in seconds
    #[schema(required)]
    lag: Option<f64>,
}

/// `halted` needs a person; all others mend themselves
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "its variants are told, and never made")]
pub(in crate::http) enum ConnectionState {
    Connecting,
    Online,
    Delayed,
    Halted,
    Stopped,
}

/// What a group of states of an item reads now
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct State {
    #[schema(example = "hq")]
    connection: String,
    #[schema(example = "cameras/25d08c6a-cc08-4498-8772-242111f9840c")]
    item: String,
    #[schema(required, example = "Lobby")]
    itemname: Option<String>,
    /// The shared group
    #[schema(example = "recording")]
    group: String,
    /// The shared value
    #[schema(example = "on")]
    value: String,
    /// The vendor's own id of the group
    #[schema(required)]
    vendorgroup: Option<String>,
    /// The vendor's own id of the value
    #[schema(required)]
    vendorvalue: Option<String>,
    /// The vendor's text for the value
    #[schema(required)]
    text: Option<String>,
    /// When the value was taken on, in the vendor's words
    time: String,
    /// The event that set it
    #[schema(pattern = "^[0-9]{20}$")]
    sequence: String,
    origin: Origin,
    /// The connection is not online: the value may be out of date
    stale: bool,
}

/// How something came to be known: pushed or polled, replayed by the vendor, fetched later, by comparing, or by watchpost itself
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "its variants are told, and never made")]
pub(in crate::http) enum Origin {
    Live,
    Resumed,
    Backfill,
    Snapshot,
    Engine,
}

/// A CloudEvent 1.0, the same that sinks are given
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct Event {
    #[schema(pattern = "^1\\.0$", example = "1.0")]
    specversion: String,
    /// The same for the same occurrence, however often it is seen
    #[schema(example = "hq:0d6f7c8e-11f2-4a57-9b5c-1f3e0d1c2b3a")]
    id: String,
    #[schema(example = "/milestone/hq")]
    source: String,
    /// The item; none for what happens to the connection
    #[schema(nullable = false, example = "cameras/25d08c6a-cc08-4498-8772-242111f9840c")]
    subject: Option<String>,
    #[schema(example = "motion.started")]
    r#type: String,
    /// When it happened, in the vendor's words
    #[schema(nullable = false, example = "2026-06-11T09:17:59.1234567Z")]
    time: Option<String>,
    #[schema(example = "application/json")]
    datacontenttype: String,
    #[schema(example = "hq")]
    connection: String,
    #[schema(example = "milestone")]
    vendor: String,
    origin: Origin,
    /// The journal's number; it only grows, and sorts as text
    #[schema(pattern = "^[0-9]{20}$", example = "00000000000000012345")]
    sequence: String,
    /// When it was stored; it never goes back
    #[schema(format = DateTime)]
    recordedtime: String,
    #[schema(nullable = false, example = "Lobby")]
    itemname: Option<String>,
    /// The vendor's readable name of the type
    #[schema(nullable = false, example = "Motion Started")]
    typename: Option<String>,
    #[schema(nullable = false, example = "motion")]
    stategroup: Option<String>,
    #[schema(nullable = false, example = "detected")]
    state: Option<String>,
    /// What the vendor sent, untouched
    #[schema(value_type = Value)]
    data: (),
}

/// A type of event that a camera of VXG's can have
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct EventType {
    #[schema(example = "doorbell")]
    name: String,
    caps: EventTypeCaps,
    #[schema(required)]
    notify: Option<bool>,
    #[schema(required)]
    receive: Option<bool>,
    #[schema(required)]
    record: Option<bool>,
    #[schema(required)]
    snapshot: Option<bool>,
    /// In seconds
    #[schema(required)]
    period: Option<i64>,
    #[schema(required)]
    custom: Option<bool>,
}

/// What can be done with events of a type; `null` where VXG does not say
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct EventTypeCaps {
    #[schema(required)]
    can_be_triggered: Option<bool>,
    #[schema(required)]
    can_record: Option<bool>,
    #[schema(required)]
    can_snapshot: Option<bool>,
    #[schema(required)]
    is_periodic: Option<bool>,
}

/// A type of event that was to be added
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct AddedEventType {
    /// It was there already, and stays as it was
    existed: bool,
    #[serde(flatten)]
    event_type: EventType,
}

/// An event as the vendor has it
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct VendorEvent {
    /// The id that the event has, or will have, here too
    id: String,
    #[schema(example = "cameras/237863")]
    item: String,
    /// Its type
    name: String,
    #[schema(format = DateTime)]
    time: String,
    #[schema(value_type = Object)]
    meta: (),
}

/// A type of event that a system of Milestone's has
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct SystemEventType {
    /// Its GUID
    #[schema(example = "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77")]
    id: String,
    /// What Milestone shows to people
    #[schema(example = "Motion Started")]
    title: String,
    /// Milestone's own name for it
    #[schema(example = "MotionStarted")]
    name: String,
    /// The `type` of its events
    #[schema(example = "motion.started")]
    kind: String,
    /// The state that such an event sets
    #[schema(required)]
    state: Option<SystemEventState>,
    /// The kinds of items that it comes from
    #[schema(example = json!(["Camera"]))]
    sources: Vec<String>,
    /// What makes such events
    #[schema(required, example = "External")]
    generator: Option<String>,
    /// The heading that Milestone puts it under
    #[schema(required)]
    category: Option<String>,
    /// Whether a user may trigger one, if the role lets it; `null` where Milestone does not say
    #[schema(required)]
    can_be_triggered: Option<bool>,
}

/// The state that events of a type set
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct SystemEventState {
    /// The group, as events and states have it
    #[schema(example = "motion")]
    group: String,
    /// What it then reads
    #[schema(example = "detected")]
    value: String,
    /// Milestone's id of the group
    group_id: String,
    /// What Milestone calls the group
    #[schema(required)]
    group_title: Option<String>,
    /// What Milestone calls this state
    #[schema(required)]
    text: Option<String>,
    /// All states of the group, as Milestone calls them
    states: Vec<String>,
}

/// What has come of a trigger
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are told, and never read")]
pub(in crate::http) struct Triggered {
    /// The camera was asked for an event of this time; of Milestone's, when it was asked for
    #[schema(format = DateTime)]
    asked: String,
    /// The event, if it was waited for; of Milestone's, as the gateway tells it
    #[schema(required)]
    occurrence: Option<VendorEvent>,
    /// Whether that is certain to be the one that was asked for
    #[schema(required)]
    confirmed: Option<bool>,
}
