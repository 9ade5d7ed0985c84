//! Present states, in the order of connection, item and group.

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use utoipa::OpenApi;
use watchpost_actors::{StatePage, StatePlace, model::state::StateEntry};

use super::{
    list::List,
    openapi::{Filters, Limit, Values, schemas},
    problem::{Answer, read},
    query::Query,
    site::Site,
};

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(list))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/api/v1/states", list));
}

/// A place in the list as a caller gets it, who need not know what is in it.
fn cursor(place: &StatePlace) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

fn place(cursor: &str) -> Option<StatePlace> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

/// Present states
///
/// In the order of connection, item and the vendor's group.
#[utoipa::path(
    get,
    path = "/api/v1/states",
    tag = "states",
    operation_id = "listStates",
    params(Filters, Values, Limit, ("after" = Option<String>, Query, description = "`next` of the page before", format = "cursor")),
    responses((status = 200, description = "A page of states", body = List<schemas::State>))
)]
async fn list(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    let mut query = Query::of(&request);
    let filter = query.filter(&["connection", "vendor", "item", "name", "group", "origin"]);
    let (limit, values) = (query.limit(), query.values("value"));
    let after = query.one("after").and_then(|text| {
        let place = place(&text);
        if place.is_none() {
            query.mistake("after", "this is no `next` of this list");
        }
        place
    });
    query.end()?;
    let is_wanted = |entry: &StateEntry| values.is_empty() || values.contains(entry.value());
    let StatePage { states, has_more } = site.engine.states().page(&filter, after.as_ref(), limit, is_wanted);
    let next = states.last().filter(|_| has_more).map(|state| cursor(&StatePlace::of(state)));
    Ok(HttpResponse::Ok().json(List { items: states, next }))
}
