//! One item with all its states.

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use serde::Serialize;
use watchpost_actors::{model::State, settings::mistake::shown};

use super::{
    problem::{Answer, Problem, read},
    query::Query,
    site::Site,
};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    // The id of an item has slashes, which belong percent-encoded; as they are they cannot be misunderstood either.
    config.service(read("/api/v1/items/{connection}/{item:.+}", one));
}

#[derive(Serialize)]
struct Item {
    connection: String,
    item: String,
    itemname: Option<String>,
    stale: bool,
    states: Vec<State>,
}

async fn one(request: HttpRequest, path: web::Path<(String, String)>, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let (connection, item) = path.into_inner();
    let mut states = site.engine.states().item(&connection, &item);
    states.sort_by(|a, b| a.group().cmp(b.group()));
    let Some(first) = states.first() else {
        let (connection, item) = (shown(&connection), shown(&item));
        return Err(Problem::absent(format!(
            "connection \"{connection}\" has no item \"{item}\" of which a state is known"
        )));
    };
    let itemname = first.item.name.as_deref().map(str::to_owned);
    let stale = first.stale;
    Ok(HttpResponse::Ok().json(Item { connection, item, itemname, stale, states }))
}
