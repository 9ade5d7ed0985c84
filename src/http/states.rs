//! Present states, in the order of connection, item and group.

use std::collections::BinaryHeap;

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use utoipa::OpenApi;
use watchpost_actors::model::State;

use super::{
    list::List,
    openapi::{Limit, StateFilters, schemas},
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

/// Where a state stands in the list: connection, item, the vendor's group.
#[derive(PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
struct Place(String, String, String);

impl Place {
    fn of(state: &State) -> Self {
        let group = state.meaning.state.as_ref().map_or("", |state| &state.vendor_group);
        Self(state.connection.to_string(), state.item.id.to_string(), group.to_owned())
    }

    /// As a caller gets it, who need not know what is in it.
    fn written(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

/// A state that is compared by its place.
struct Placed(Place, State);

impl PartialEq for Placed {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Placed {}

impl PartialOrd for Placed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Placed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// Present states
///
/// In the order of connection, item and the vendor's group.
#[utoipa::path(
    get,
    path = "/api/v1/states",
    tag = "states",
    operation_id = "listStates",
    params(StateFilters, Limit, ("after" = Option<String>, Query, description = "`next` of the page before", format = "cursor")),
    responses((status = 200, description = "A page of states", body = List<schemas::State>))
)]
async fn list(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    let mut query = Query::of(&request);
    let filter = query.filter(&["connection", "vendor", "item", "name", "group", "origin"]);
    let (limit, values) = (query.limit(), query.all("value"));
    let after = query.one("after").and_then(|text| {
        let place = Place::read(&text);
        if place.is_none() {
            query.mistake("after", "this is no `next` of this list");
        }
        place
    });
    query.end()?;
    // The first of them, without sorting all.
    let mut first = BinaryHeap::new();
    for state in site.engine.states().query(&filter) {
        let is_wanted = values.is_empty() || values.iter().any(|value| value == state.value());
        let place = Place::of(&state);
        if is_wanted && after.as_ref().is_none_or(|after| place > *after) {
            first.push(Placed(place, state));
            if first.len() > limit + 1 {
                first.pop();
            }
        }
    }
    let mut placed = first.into_sorted_vec();
    let has_more = placed.len() > limit;
    placed.truncate(limit);
    let next = placed.last().filter(|_| has_more).map(|Placed(place, _)| place.written());
    let items: Vec<State> = placed.into_iter().map(|Placed(_, state)| state).collect();
    Ok(HttpResponse::Ok().json(List { items, next }))
}
