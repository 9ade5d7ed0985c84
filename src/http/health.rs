//! Whether it is alive, and whether it is ready.

use actix_web::{HttpResponse, Responder, web};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use watchpost_actors::{
    messages::ListConnections,
    model::{ConnectionName, ConnectionState},
};

use super::{
    problem::{Answer, Problem, read},
    site::Site,
};

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(alive, ready))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/healthz", alive)).service(read("/readyz", ready));
}

/// One word.
#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(example = "ready")]
    status: &'static str,
}

/// Whether it is alive
///
/// It answers, so it is. Nobody needs a token for this.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    operation_id = "getHealth",
    responses((status = 200, description = "It is alive", body = Health))
)]
async fn alive() -> impl Responder {
    HttpResponse::Ok().json(Health { status: "alive" })
}

/// Whether it is ready
///
/// The journal can be written, and no connection waits for a person.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    operation_id = "getReadiness",
    responses((status = 200, description = "It is ready", body = Health))
)]
async fn ready(site: web::Data<Site>) -> Answer<impl Responder> {
    // Fails where nothing could be stored now.
    let probe = ConnectionName::new("readyz").map_err(|error| Problem::internal(error.to_string()))?;
    site.engine.journal().load(probe).await?;
    let connections = site.engine.send(ListConnections).await?;
    let halted: Vec<_> = connections.iter().filter(|info| info.status.state == ConnectionState::Halted).collect();
    if let Some(first) = halted.first() {
        let detail = format!(
            "{} of {} connections halted and need a person; {}: {}",
            halted.len(),
            connections.len(),
            first.name,
            first.status.reason
        );
        return Err(Problem::unavailable(detail));
    }
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}
