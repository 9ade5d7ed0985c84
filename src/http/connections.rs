//! Connections: how each is doing, and beginning one anew.

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use watchpost_actors::{
    messages::{ConnectionInfo, ListConnections, RestartConnection},
    model::ConnectionName,
};

use super::{
    list::List,
    problem::{Answer, Problem, act, read},
    query::Query,
    site::Site,
};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(read("/api/v1/connections", list))
        .service(read("/api/v1/connections/{name}", one))
        .service(act("/api/v1/connections/{name}/restart", restart));
}

/// All of them by name, page by page.
async fn list(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    let mut query = Query::of(&request);
    let (limit, after) = (query.limit(), query.one("after"));
    query.end()?;
    let mut all = site.engine.send(ListConnections).await?;
    all.retain(|info| after.as_deref().is_none_or(|after| info.name.as_str() > after));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let has_more = all.len() > limit;
    all.truncate(limit);
    let next = all.last().filter(|_| has_more).map(|info| info.name.to_string());
    Ok(HttpResponse::Ok().json(List { items: all, next }))
}

async fn one(request: HttpRequest, name: web::Path<String>, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let all = site.engine.send(ListConnections).await?;
    let info: Option<ConnectionInfo> = all.into_iter().find(|info| info.name.as_str() == *name);
    Ok(HttpResponse::Ok().json(info.ok_or_else(|| absent(&name))?))
}

async fn restart(request: HttpRequest, name: web::Path<String>, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let connection: ConnectionName = name.parse().map_err(|_| absent(&name))?;
    site.engine.send(RestartConnection(connection)).await?.map_err(|_| absent(&name))?;
    Ok(HttpResponse::Accepted().json(serde_json::json!({"restarting": *name})))
}

pub(super) fn absent(name: &str) -> Problem {
    Problem::absent(format!("there is no connection \"{}\"", watchpost_actors::settings::mistake::shown(name)))
}
