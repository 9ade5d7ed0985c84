//! One item with all its states.

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use watchpost_actors::{model::State, settings::mistake::shown};

use super::{
    openapi::schemas,
    problem::{Answer, Problem, read},
    query::Query,
    site::Site,
};

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(one))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    // The id of an item has slashes, which belong percent-encoded; as they are they cannot be misunderstood either.
    config.service(read("/api/v1/items/{connection}/{item:.+}", one));
}

/// An item with all its states
#[derive(Serialize, ToSchema)]
struct Item {
    #[schema(example = "hq")]
    connection: String,
    #[schema(example = "cameras/25d08c6a-cc08-4498-8772-242111f9840c")]
    item: String,
    #[schema(required, example = "Lobby")]
    itemname: Option<String>,
    /// The connection is not online: the values may be out of date
    stale: bool,
    /// By group
    #[schema(value_type = Vec<schemas::State>)]
    states: Vec<State>,
}

/// One item with all its states
#[utoipa::path(
    get,
    path = "/api/v1/items/{connection}/{item}",
    tag = "states",
    operation_id = "getItem",
    params(
        ("connection" = String, Path, description = "The connection; `/` in it is written as %2F", example = "hq"),
        ("item" = String, Path, description = "The item; `/` in it is written as %2F", example = "cameras/25d08c6a-cc08-4498-8772-242111f9840c")
    ),
    responses(
        (status = 200, description = "The item", body = Item)
    )
)]
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
