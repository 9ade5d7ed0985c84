//! Whether it is alive, and whether it is ready.

use actix_web::{HttpResponse, Responder, web};
use serde_json::json;
use watchpost_actors::{
    messages::ListConnections,
    model::{ConnectionName, ConnectionState},
};

use super::{
    problem::{Answer, Problem, read},
    site::Site,
};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/healthz", alive)).service(read("/readyz", ready));
}

/// It answers, so it is.
async fn alive() -> impl Responder {
    HttpResponse::Ok().json(json!({"status": "alive"}))
}

/// The journal can be written, and no connection waits for a person.
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
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}
