//! `GET /metrics`.

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use utoipa::OpenApi;

use super::Metrics;
use crate::http::{
    problem::{Answer, Problem, read},
    query::Query,
    site::Site,
};

/// The text format's own type and version.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(tell))]
pub(in crate::http) struct Described;

pub(in crate::http) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/metrics", tell));
}

/// What was counted, and how things are now
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    operation_id = "getMetrics",
    responses((status = 200, description = "Metrics in the text format of Prometheus", body = String, content_type = "text/plain"))
)]
async fn tell(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let metrics = Metrics::installed().ok_or_else(|| Problem::absent("nothing is counted in this process"))?;
    site.engine.measure();
    Ok(HttpResponse::Ok().content_type(TEXT).body(metrics.render()))
}
