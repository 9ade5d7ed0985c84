//! What VXG's cameras can be asked to do, with the login that a connection has. Nothing else here knows of VXG.

use std::{collections::BTreeMap, time::Duration};

use actix_web::{HttpRequest, HttpResponse, Responder, guard, http::StatusCode, web};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};
use watchpost_actors::{
    messages::{AddEventType, CommandError, CreateEvent, GetConnection, ListEventTypes, SetEventType, TriggerEvent},
    model::ConnectionName,
    settings::mistake::shown,
    vendors::{
        Vendor as _,
        vxg::{Vxg, wire::time},
    },
};

use super::{
    connections::absent,
    list::List,
    openapi::{Limit, schemas},
    problem::{Answer, Optional, Problem, act, other_methods, resource},
    query::Query,
    site::Site,
};

/// The longest that an event is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Tags that an event may be given.
const MOST_TAGS: usize = 64;

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(types, add_type, set_type, create, trigger))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let reads = || guard::Any(guard::Get()).or(guard::Head());
    let changes = || guard::Any(guard::Put()).or(guard::Patch());
    let types = resource("/api/v1/vxg/{connection}/cameras/{camera}/types")
        .route(web::route().guard(reads()).to(types))
        .route(web::post().to(add_type))
        .default_service(other_methods("GET, HEAD, POST"));
    let one_type = resource("/api/v1/vxg/{connection}/cameras/{camera}/types/{type}")
        .route(web::route().guard(changes()).to(set_type))
        .default_service(other_methods("PUT, PATCH"));
    config
        .service(types)
        .service(one_type)
        .service(act("/api/v1/vxg/{connection}/cameras/{camera}/events", create))
        .service(act("/api/v1/vxg/{connection}/cameras/{camera}/trigger/{type}", trigger));
}

/// The connection of a path.
pub(super) fn connection(name: &str) -> Answer<ConnectionName> {
    name.parse().map_err(|_| absent(name))
}

/// The connection of a path, if it is of this vendor: where several vendors know a command, it goes to none that was not meant.
pub(super) async fn connection_of(site: &Site, name: &str, vendor: &str) -> Answer<ConnectionName> {
    let name = connection(name)?;
    let info = site.engine.send(GetConnection(name.clone())).await?.ok_or_else(|| absent(name.as_str()))?;
    if info.vendor != vendor {
        return Err(CommandError::NotThisVendor { connection: name, vendor: info.vendor }.into());
    }
    Ok(name)
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        let (status, slug, title) = match error {
            CommandError::Unknown(unknown) => return absent(unknown.0.as_str()),
            CommandError::Invalid(_) => (StatusCode::BAD_REQUEST, "bad-request", "The request cannot be used"),
            CommandError::UnknownItem { .. } => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            CommandError::NotThisVendor { .. } => {
                (StatusCode::CONFLICT, "other-vendor", "Not with a connection of this vendor")
            }
            CommandError::UnsupportedType { .. } => {
                (StatusCode::CONFLICT, "no-event-type", "The camera has no such event type")
            }
            CommandError::UnknownType { .. } => {
                (StatusCode::CONFLICT, "no-event-type", "The system has no such event type")
            }
            CommandError::NotCapable { .. } => (StatusCode::CONFLICT, "not-capable", "This event type cannot do that"),
            CommandError::NotTriggerable { .. } => {
                (StatusCode::CONFLICT, "not-triggerable", "This event type cannot be triggered")
            }
            CommandError::NoPermission(_) => (StatusCode::FORBIDDEN, "no-permission", "The login may not do that"),
            CommandError::NothingAppeared { .. } => {
                (StatusCode::GATEWAY_TIMEOUT, "nothing-appeared", "No event has appeared in time")
            }
            CommandError::Unsure(_) => (StatusCode::GATEWAY_TIMEOUT, "unsure", "Whether it was done is not known"),
            CommandError::Unavailable(_) | CommandError::Login { again: true, .. } => {
                (StatusCode::BAD_GATEWAY, "vendor-unavailable", "The vendor cannot be asked now")
            }
            CommandError::Login { .. } => (StatusCode::BAD_GATEWAY, "login", "There is no login to do it with"),
            CommandError::Refused(_) => (StatusCode::BAD_GATEWAY, "vendor-refused", "The vendor refuses it"),
            _ => return Self::unavailable(detail),
        };
        Self::new(status, slug, title, detail)
    }
}

/// Of which camera.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "these are told, and read from the path")]
struct OfCamera {
    /// The connection
    #[param(example = "yard")]
    connection: String,
    /// Its id, `cameras/` and its id, or its name
    #[param(example = "237863")]
    camera: String,
}

/// Of which type.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is told, and read from the path")]
struct OfType {
    /// The name of the type
    #[param(example = "doorbell")]
    r#type: String,
}

/// Why VXG's commands fail, beside what any request may.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "these are told, and made by `Problem`")]
enum Troubles {
    /// Not with this connection, this camera or this type
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// VXG refuses it, or cannot be asked now
    #[response(status = 502, content_type = "application/problem+json")]
    Refused(#[to_schema] Problem),
    /// Nothing has appeared in time, or whether it was done is not known
    #[response(status = 504, content_type = "application/problem+json")]
    Late(#[to_schema] Problem),
}

/// Types of events of a camera
#[utoipa::path(
    get,
    path = "/api/v1/vxg/{connection}/cameras/{camera}/types",
    tag = "vendors",
    operation_id = "listEventTypes",
    params(OfCamera, Limit, ("after" = Option<String>, Query, description = "`next` of the page before", format = "after")),
    responses(
        (status = 200, description = "A page of types", body = List<schemas::EventType>),
        Troubles,
    )
)]
async fn types(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    site: web::Data<Site>,
) -> Answer<impl Responder> {
    let mut query = Query::of(&request);
    let (limit, after) = (query.limit(), query.one("after"));
    query.end()?;
    let (name, item) = path.into_inner();
    let all = site.engine.send(ListEventTypes { connection: connection(&name)?, item }).await??;
    Ok(HttpResponse::Ok().json(List::of_all(all, after.as_deref(), limit, |kind| &kind.name)?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewType {
    #[schema(min_length = 1)]
    name: String,
    notify: Option<bool>,
}

/// Add a type of events to a camera
#[utoipa::path(
    post,
    path = "/api/v1/vxg/{connection}/cameras/{camera}/types",
    tag = "vendors",
    operation_id = "addEventType",
    params(OfCamera),
    request_body = NewType,
    responses(
        (status = 200, description = "It was there already", body = schemas::AddedEventType),
        (status = 201, description = "It was added", body = schemas::AddedEventType),
        Troubles,
    )
)]
async fn add_type(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    new: web::Json<NewType>,
    site: web::Data<Site>,
) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let (name, item) = path.into_inner();
    let NewType { name: kind, notify } = new.into_inner();
    let ask = AddEventType { connection: connection(&name)?, item, name: kind, notify };
    let added = site.engine.send(ask).await??;
    // One that is there already stays as it is, and that is no error.
    let status = if added.existed { StatusCode::OK } else { StatusCode::CREATED };
    Ok(HttpResponse::build(status).json(added))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    notify: Option<bool>,
    record: Option<bool>,
    snapshot: Option<bool>,
    #[schema(format = "duration", example = "30s")]
    period: Option<String>,
}

/// Set what happens with events of a type
#[utoipa::path(
    method(put, patch),
    path = "/api/v1/vxg/{connection}/cameras/{camera}/types/{type}",
    tag = "vendors",
    operation_id = "setEventType",
    params(OfCamera, OfType),
    request_body = Change,
    responses(
        (status = 200, description = "The type as it is now", body = schemas::EventType),
        Troubles,
    )
)]
async fn set_type(
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    change: web::Json<Change>,
    site: web::Data<Site>,
) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let (name, item, kind) = path.into_inner();
    let Change { notify, record, snapshot, period } = change.into_inner();
    let period = period.map(|period| duration("period", &period)).transpose()?;
    let ask = SetEventType { connection: connection(&name)?, item, name: kind, notify, record, snapshot, period };
    Ok(HttpResponse::Ok().json(site.engine.send(ask).await??))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewEvent {
    #[schema(min_length = 1)]
    name: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    time: Option<String>,
    #[serde(default)]
    meta: BTreeMap<String, String>,
}

/// Create an event of a camera
#[utoipa::path(
    post,
    path = "/api/v1/vxg/{connection}/cameras/{camera}/events",
    tag = "vendors",
    operation_id = "createEvent",
    params(OfCamera),
    request_body = NewEvent,
    responses(
        (status = 201, description = "The event", body = schemas::VendorEvent),
        Troubles,
    )
)]
async fn create(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    new: web::Json<NewEvent>,
    site: web::Data<Site>,
) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let (name, item) = path.into_inner();
    let NewEvent { name: kind, time, meta } = new.into_inner();
    let (time, meta) = (time.map(|time| moment(&time)).transpose()?, tags(meta)?);
    let ask = CreateEvent { connection: connection(&name)?, item, name: kind, time, meta };
    Ok(HttpResponse::Created().json(site.engine.send(ask).await??))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Trigger {
    /// RFC 3339.
    #[schema(format = DateTime)]
    time: Option<String>,
    #[serde(default)]
    meta: BTreeMap<String, String>,
    /// How long it is waited for.
    #[schema(format = "duration", example = "30s")]
    wait: Option<String>,
}

/// Have a camera make an event
#[utoipa::path(
    post,
    path = "/api/v1/vxg/{connection}/cameras/{camera}/trigger/{type}",
    tag = "vendors",
    operation_id = "triggerEvent",
    params(OfCamera, OfType),
    request_body = Option<Trigger>,
    responses(
        (status = 200, description = "The event that has come", body = schemas::Triggered),
        (status = 202, description = "It was asked for", body = schemas::Triggered),
        Troubles,
    )
)]
async fn trigger(
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    body: Optional<Trigger>,
    site: web::Data<Site>,
) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let (name, item, kind) = path.into_inner();
    let Trigger { time, meta, wait } = body.0.unwrap_or_default();
    let wait = wait.map(|wait| duration("wait", &wait)).transpose()?;
    if wait.is_some_and(|wait| wait > LONGEST_WAIT) {
        return Err(Problem::wrong("wait", format!("{LONGEST_WAIT:?} is the most")));
    }
    let (time, meta) = (time.map(|time| moment(&time)).transpose()?, tags(meta)?);
    let connection = connection_of(&site, &name, Vxg::NAME).await?;
    let ask = TriggerEvent { connection, item: Some(item), name: kind, time, meta, wait };
    let triggered = site.engine.send(ask).await??;
    let status = if triggered.occurrence.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(HttpResponse::build(status).json(triggered))
}

fn duration(parameter: &str, text: &str) -> Answer<Duration> {
    let form = || Problem::wrong(parameter, format!("\"{}\" is no duration: write one like 30s", shown(text)));
    humantime::parse_duration(text).map_err(|_| form())
}

fn moment(text: &str) -> Answer<Timestamp> {
    let form =
        || Problem::wrong("time", format!("\"{}\" is no time: write one like 2021-09-23T16:30:00Z", shown(text)));
    time::parse(text).ok_or_else(form)
}

fn tags(meta: BTreeMap<String, String>) -> Answer<Vec<(String, String)>> {
    if meta.len() > MOST_TAGS {
        return Err(Problem::wrong("meta", format!("{} tags are given, and {MOST_TAGS} are the most", meta.len())));
    }
    if meta.keys().any(|name| name.trim().is_empty()) {
        return Err(Problem::wrong("meta", "a tag has no name"));
    }
    Ok(meta.into_iter().collect())
}
