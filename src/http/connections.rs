//! Connections: how each is doing, and beginning one anew.

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use watchpost_actors::{
    messages::{GetConnection, PageConnections, RestartConnection},
    model::ConnectionName,
};

use super::{
    list::List,
    openapi::{Limit, schemas},
    problem::{Answer, Problem, act, read},
    query::Query,
    site::Site,
};

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(list, one, restart))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(read("/api/v1/connections", list))
        .service(read("/api/v1/connections/{name}", one))
        .service(act("/api/v1/connections/{name}/restart", restart));
}

/// All connections, by name
#[utoipa::path(
    get,
    path = "/api/v1/connections",
    tag = "connections",
    operation_id = "listConnections",
    params(Limit, ("after" = Option<String>, Query, description = "`next` of the page before: what comes after this name")),
    responses((status = 200, description = "A page of connections", body = List<schemas::ConnectionInfo>))
)]
async fn list(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    let mut query = Query::of(&request);
    let (limit, after) = (query.limit(), query.one("after"));
    query.end()?;
    let page = site.engine.send(PageConnections { after, limit, state: None }).await?;
    let next = page.connections.last().filter(|_| page.has_more).map(|info| info.name.to_string());
    Ok(HttpResponse::Ok().json(List { items: page.connections, next }))
}

/// One connection
#[utoipa::path(
    get,
    path = "/api/v1/connections/{name}",
    tag = "connections",
    operation_id = "getConnection",
    params(("name" = String, Path, description = "Its name; `/` in it is written as %2F", example = "hq")),
    responses(
        (status = 200, description = "How it is doing", body = schemas::ConnectionInfo)
    )
)]
async fn one(request: HttpRequest, name: web::Path<String>, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let connection = name.parse().map_err(|_| absent(&name))?;
    let info = site.engine.send(GetConnection(connection)).await?;
    Ok(HttpResponse::Ok().json(info.ok_or_else(|| absent(&name))?))
}

/// Begin a connection anew
///
/// At once, also where it is halted; its secret is asked for again.
#[utoipa::path(
    post,
    path = "/api/v1/connections/{name}/restart",
    tag = "connections",
    operation_id = "restartConnection",
    params(("name" = String, Path, description = "Its name; `/` in it is written as %2F", example = "hq")),
    responses(
        (status = 202, description = "It begins", body = Restarting)
    )
)]
async fn restart(request: HttpRequest, name: web::Path<String>, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let connection: ConnectionName = name.parse().map_err(|_| absent(&name))?;
    site.engine.send(RestartConnection(connection)).await?.map_err(|_| absent(&name))?;
    Ok(HttpResponse::Accepted().json(Restarting { restarting: name.into_inner() }))
}

/// What is begun anew.
#[derive(Serialize, ToSchema)]
struct Restarting {
    /// Its name.
    restarting: String,
}

pub(super) fn absent(name: &str) -> Problem {
    Problem::absent(format!("there is no connection \"{}\"", watchpost_actors::settings::mistake::shown(name)))
}
