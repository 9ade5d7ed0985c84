//! What a Milestone system can be asked to do, with the login that a connection has. Nothing else here knows of Milestone.

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use serde::Deserialize;
use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};
use watchpost_actors::{
    messages::{ListSystemEventTypes, TriggerEvent},
    vendors::{Vendor as _, milestone::Milestone},
};

use super::{
    list::List,
    openapi::{Limit, schemas},
    problem::{Answer, Optional, Problem, act, read},
    query::Query,
    site::Site,
    vxg::connection_of,
};

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(types, trigger))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(read("/api/v1/milestone/{connection}/types", types))
        .service(act("/api/v1/milestone/{connection}/trigger/{event}", trigger));
}

/// Of which system.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is told, and read from the path")]
struct OfSystem {
    /// The connection
    #[param(example = "hq")]
    connection: String,
}

/// Of which type.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is told, and read from the path")]
struct OfType {
    /// The name or the id of the type
    #[param(example = "Panic button")]
    event: String,
}

/// Why Milestone's commands fail, beside what any request may.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "these are told, and made by `Problem`")]
enum Troubles {
    /// It comes from a page of another site, or the user of the connection may not do that
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Problem),
    /// Not with this connection, or there is no such type
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// The gateway refuses it, or cannot be asked now; nothing was done
    #[response(status = 502, content_type = "application/problem+json")]
    Refused(#[to_schema] Problem),
    /// Whether it was done is not known: doing it again may do it twice
    #[response(status = 504, content_type = "application/problem+json")]
    Late(#[to_schema] Problem),
}

/// Types of events of a system
///
/// In the order of their titles, with the states that they set.
#[utoipa::path(
    get,
    path = "/api/v1/milestone/{connection}/types",
    tag = "vendors",
    operation_id = "listSystemEventTypes",
    params(OfSystem, Limit, ("after" = Option<String>, Query, description = "`next` of the page before", format = "after")),
    responses(
        (status = 200, description = "A page of types", body = List<schemas::SystemEventType>),
        Troubles,
    )
)]
async fn types(request: HttpRequest, path: web::Path<String>, site: web::Data<Site>) -> Answer<impl Responder> {
    let mut query = Query::of(&request);
    let (limit, after) = (query.limit(), query.one("after"));
    query.end()?;
    let connection = connection_of(&site, &path, Milestone::NAME).await?;
    let all = site.engine.send(ListSystemEventTypes { connection }).await??;
    Ok(HttpResponse::Ok().json(List::of_all(all, after.as_deref(), limit, |kind| &kind.id)?))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SystemTrigger {
    /// `cameras/` and a GUID, or `cameras/` and a name.
    #[schema(example = "cameras/25d08c6a-cc08-4498-8772-242111f9840c")]
    source: Option<String>,
}

/// Have the system make an event
///
/// It is sent once, and never again.
#[utoipa::path(
    post,
    path = "/api/v1/milestone/{connection}/trigger/{event}",
    tag = "vendors",
    operation_id = "triggerSystemEvent",
    params(OfSystem, OfType),
    request_body = Option<SystemTrigger>,
    responses(
        (status = 202, description = "The gateway has taken it", body = schemas::Triggered),
        Troubles,
    )
)]
async fn trigger(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    body: Optional<SystemTrigger>,
    site: web::Data<Site>,
) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let (name, event) = path.into_inner();
    let SystemTrigger { source } = body.0.unwrap_or_default();
    let connection = connection_of(&site, &name, Milestone::NAME).await?;
    let ask = TriggerEvent { item: source, ..TriggerEvent::of_system(connection, event) };
    Ok(HttpResponse::Accepted().json(site.engine.send(ask).await??))
}
