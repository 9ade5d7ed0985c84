//! What the API says of itself: an OpenAPI document, made from the code that answers.
//!
//! Each room of the API describes its own handlers, beside them, and lists them once:
//!
//! ```text
//! use utoipa::OpenApi;
//! use super::openapi::{Filters, Paging, schemas};
//!
//! /// What this room says of itself.
//! #[derive(OpenApi)]
//! #[openapi(paths(list, retry))]
//! pub(super) struct Described;
//!
//! /// Dead letters of all sinks, oldest first            (the first line is the summary, what follows is the description)
//! #[utoipa::path(
//!     get,                                              // only `get`, never `head`
//!     path = "/api/v1/dead-letters",                    // as it is registered, without the expressions of path parameters
//!     tag = "sinks",                                    // one of the tags of `Document` below
//!     operation_id = "listDeadLetters",                 // each its own
//!     params(Paging, ("sink" = Option<String>, Query, description = "Of this sink alone", example = "siem")),
//!     responses((status = 200, description = "A page of dead letters", body = List<DeadLetter>)),
//! )]
//! async fn list(…)
//! ```
//!
//! - Every route is made by `problem::read` or `problem::act`, and is in this document; a test compares the two.
//! - A room is added to [`document`] with one line. What every operation may answer (400, 401, 403, 421, 500, 503; 404 where the path
//!   has parameters; 408, 413 and 415 where there is a body) is added there. A handler names what is its own:
//!   `(status = 409, description = "…", body = Problem, content_type = "application/problem+json")`.
//! - Bounds are those of the code: `minimum`, `maximum`, `min_length`, `pattern`. What obeys them is never answered with 400, and what does
//!   not always is; texts with a grammar of their own have a `format` (`glob`, `moment`, `cursor`). A test generates requests both ways.
//! - Types derive `ToSchema` where they are this crate's own; those of the engine are told in [`schemas`]. A member that is always there but may
//!   be `null` is marked `#[schema(required)]`. A list is `List<T>`, errors need no mention.
//! - A body is described by its type: `request_body = Retry`. It takes `#[serde(deny_unknown_fields)]`.
//! - A stream says `content_type = "text/event-stream"` with a body of `String`.

use std::sync::OnceLock;

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use utoipa::{
    IntoParams, OpenApi,
    openapi::{
        Content, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    connections, deliveries, events,
    guard::is_open,
    health, items, media, metrics, milestone,
    problem::{Answer, Mistake, Problem, read},
    query::Query,
    site::Site,
    states, streams, vxg,
};

pub(super) mod schemas;

/// Where the document is.
const PATH: &str = "/api/v1/openapi.json";
/// The name of the security scheme.
const TOKEN: &str = "token";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "watchpost",
        description = "What a running watchpost answers: connections, present states, past and live events, deliveries. \
                       Lists come page by page: give `next` of a page as `after` for the one that follows. \
                       Errors are problem documents (RFC 9457) that name every mistake.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "Where this document comes from")),
    paths(serve),
    components(schemas(Problem, Mistake)),
    tags(
        (name = "connections", description = "Sessions and accounts that are watched"),
        (name = "states", description = "What items read now"),
        (name = "events", description = "What has happened"),
        (name = "sinks", description = "What is delivered, what is behind, what was refused"),
        (name = "vendors", description = "Commands of single vendors"),
        (name = "health", description = "How this watchpost is doing"),
    )
)]
struct Document;

/// Which part of a list is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "these are told, and read in `query`")]
pub(super) struct Limit {
    /// How many to answer with at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// What is wanted of events or states. Each takes globs, may be repeated, and holds several with commas between them; all that are given must match.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "these are told, and read in `query`")]
pub(super) struct Filters {
    /// Names of connections.
    #[param(schema_with = schemas::globs, example = json!(["stores/*"]))]
    connection: Option<Vec<String>>,
    /// Names of vendors.
    #[param(schema_with = schemas::globs, example = json!(["milestone"]))]
    vendor: Option<Vec<String>>,
    /// Items. A filter on items never hides a `gap`.
    #[param(schema_with = schemas::globs, example = json!(["cameras/*"]))]
    item: Option<Vec<String>>,
    /// Readable names of items.
    #[param(schema_with = schemas::globs, example = json!(["Lobby*"]))]
    name: Option<Vec<String>>,
    /// Groups of states.
    #[param(schema_with = schemas::globs, example = json!(["recording"]))]
    group: Option<Vec<String>>,
    /// How it came to be known.
    #[param(schema_with = schemas::globs, example = json!(["live"]))]
    origin: Option<Vec<String>>,
}

/// What is wanted of events beside that.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "these are told, and read in `query`")]
pub(super) struct Types {
    /// Types of events.
    #[param(schema_with = schemas::globs, example = json!(["motion.*", "gap"]))]
    r#type: Option<Vec<String>>,
}

/// What is wanted of states beside that.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "these are told, and read in `query`")]
pub(super) struct Values {
    /// Values, exactly as they are. May be repeated.
    #[param(max_items = 20, example = json!(["on"]))]
    value: Option<Vec<String>>,
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read(PATH, serve));
}

/// This document
///
/// It says whether a token is needed, so it differs from one watchpost to another.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "health",
    operation_id = "getOpenApi",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object))
)]
async fn serve(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    static TEXTS: [OnceLock<String>; 2] = [OnceLock::new(), OnceLock::new()];
    let has_token = site.token.is_some();
    let text = TEXTS[usize::from(has_token)].get_or_init(|| document(has_token).to_json().unwrap_or_default());
    Ok(HttpResponse::Ok().content_type("application/json").body(text.as_str()))
}

/// The whole document, as it is true with a token or without.
fn document(has_token: bool) -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(health::Described::openapi());
    document.merge(connections::Described::openapi());
    document.merge(states::Described::openapi());
    document.merge(items::Described::openapi());
    document.merge(events::Described::openapi());
    document.merge(streams::described());
    document.merge(deliveries::Described::openapi());
    document.merge(vxg::Described::openapi());
    document.merge(milestone::Described::openapi());
    document.merge(media::Described::openapi());
    document.merge(metrics::Described::openapi());
    for (path, item) in &mut document.paths.paths {
        let asks_for_token = has_token && !is_open(path);
        // What two methods do alike is told twice, and each has an id of its own.
        if let (Some(put), Some(patch)) = (&item.put, &mut item.patch)
            && put.operation_id == patch.operation_id
        {
            patch.operation_id = patch.operation_id.take().map(|id| format!("{id}ByPatch"));
        }
        for operation in operations(item) {
            add_common(operation, path.contains('{'), asks_for_token);
        }
    }
    if has_token {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("`token` of [engine]"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme.build()));
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// What any operation may answer, and asks for.
fn add_common(operation: &mut Operation, has_parameters: bool, asks_for_token: bool) {
    let has_body = operation.request_body.is_some();
    let common = [
        ("400", "The request cannot be used; `errors` names each mistake"),
        ("403", "It comes from a page of another site"),
        ("421", "It is for a host that this is not"),
        ("500", "Something is broken here"),
        ("503", "Not now; `Retry-After` says when to ask again"),
    ];
    let some = [
        (asks_for_token, "401", "The token is missing, or is another one"),
        (has_parameters, "404", "There is no such thing"),
        (has_body, "408", "The body has not come in time"),
        (has_body, "413", "The body is too large"),
        (has_body, "415", "The body is no JSON"),
    ];
    let some = some.into_iter().filter(|(applies, ..)| *applies).map(|(_, status, description)| (status, description));
    for (status, description) in common.into_iter().chain(some) {
        let known = &mut operation.responses.responses;
        known.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(description)));
    }
    if asks_for_token {
        operation.security = Some(vec![SecurityRequirement::new(TOKEN, Vec::<String>::new())]);
    }
}

/// An answer that is a problem document.
fn problem(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

    use actix_web::{App, test};
    use serde_json::Value;
    use watchpost_actors::{
        messages::ConnectionInfo,
        model::{
            ConnectionName, ConnectionStatus, Event, EventId, Item, Meaning, Origin, Sequence, State, event::Committed,
        },
    };

    use super::*;

    thread_local! {
        /// Paths of the resources that were made on this thread.
        static MADE: RefCell<BTreeSet<String>> = RefCell::default();
    }

    /// A resource is made.
    pub(crate) fn note(path: &str) {
        MADE.with_borrow_mut(|made| made.insert(path.to_owned()));
    }

    fn json(has_token: bool) -> Value {
        serde_json::to_value(document(has_token)).unwrap()
    }

    /// A path as OpenAPI writes it: without the expressions of its parameters.
    fn plain(path: &str) -> String {
        let mut parts = path.split('{');
        let head = parts.next().unwrap_or_default().to_owned();
        parts.fold(head, |text, part| {
            let (parameter, rest) = part.split_once('}').unwrap();
            let name = parameter.split(':').next().unwrap();
            format!("{text}{{{name}}}{rest}")
        })
    }

    #[actix_web::test]
    async fn every_route_is_in_the_document_and_every_path_of_it_is_a_route() {
        let app = test::init_service(App::new().configure(crate::http::routes)).await;
        drop(app);
        let mut made: BTreeSet<_> = MADE.with_borrow(|made| made.iter().map(|path| plain(path)).collect());
        // The page and its files are for people, and no part of the API.
        made.retain(|path| path != "/" && path != "/assets/{file}");
        let told: BTreeSet<_> = json(false)["paths"].as_object().unwrap().keys().cloned().collect();
        assert!(!made.is_empty());
        assert_eq!(told, made);
    }

    #[::core::prelude::v1::test]
    fn each_operation_has_an_id_of_its_own_a_known_tag_and_says_what_it_may_answer() {
        let document = json(true);
        let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path} {method}");
                assert!(operation["summary"].is_string(), "{path} {method} has a summary");
                let known = operation["tags"].as_array().unwrap();
                assert!(known.iter().all(|tag| tags.contains(tag)), "{path} {method}: {known:?}");
                let asks = operation["security"].is_array();
                assert_eq!(asks, !is_open(path), "{path} {method} asks for the token");
                let answers = operation["responses"].as_object().unwrap();
                assert_eq!(answers.contains_key("401"), asks, "{path} {method}");
                assert!(answers.contains_key("404") || !path.contains('{'), "{path} {method}");
                assert!(["400", "403", "421", "500", "503"].iter().all(|status| answers.contains_key(*status)));
            }
        }
        assert!(json(false)["components"].get("securitySchemes").is_none(), "without a token none is asked for");
    }

    /// The members that a schema tells, and those that it says are always there, against what is written.
    fn assert_told(document: &Value, schema: &str, full: &Value, bare: &Value) {
        let schema = &document["components"]["schemas"][schema];
        let told: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
        let required: BTreeSet<_> =
            schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(told, full.as_object().unwrap().keys().collect::<BTreeSet<_>>());
        assert_eq!(required, bare.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>());
    }

    fn event(meaning: Meaning, item: Option<Item>, time: &str) -> Committed {
        let event = Event {
            id: EventId::new("1"),
            origin: Origin::Live,
            meaning: Arc::new(meaning),
            item: item.map(Arc::new),
            time: time.to_owned().into(),
            data: "{}".into(),
        };
        Committed {
            connection: ConnectionName::new("hq").unwrap(),
            vendor: "milestone",
            first: Sequence(1),
            recorded: "2026-06-11T09:18:00Z".parse().unwrap(),
            events: vec![event].into(),
        }
    }

    #[::core::prelude::v1::test]
    fn the_types_of_the_engine_are_told_as_they_are_written() {
        let document = json(false);
        let meaning = Meaning {
            kind: "motion.started".into(),
            name: Some("Motion Started".into()),
            state: Some(watchpost_actors::model::StateMeaning {
                group: "motion".into(),
                value: "detected".into(),
                vendor_group: "g".into(),
                vendor_value: "v".into(),
                text: None,
            }),
        };
        let item = Item { id: "cameras/1".into(), name: Some("Lobby".into()) };
        let line = |commit: Committed| serde_json::from_str::<Value>(&commit.get(0).unwrap().to_line()).unwrap();
        let full = line(event(meaning.clone(), Some(item.clone()), "t"));
        let bare = line(event(Meaning { name: None, state: None, ..meaning.clone() }, None, ""));
        assert_told(&document, "Event", &full, &bare);

        let name = ConnectionName::new("hq").unwrap();
        let state = State {
            connection: name.clone(),
            item: Arc::new(item),
            meaning: Arc::new(meaning),
            time: "t".into(),
            sequence: Sequence(1),
            origin: Origin::Live,
            stale: false,
        };
        let state = serde_json::to_value(state).unwrap();
        assert_told(&document, "State", &state, &state);

        let info = ConnectionInfo {
            name,
            title: Some("HQ".to_owned()),
            vendor: "milestone",
            status: ConnectionStatus::default(),
            restarts: 0,
            tries: 0,
            last_error: None,
            states: 0,
        };
        let bare = serde_json::to_value(ConnectionInfo { title: None, ..info.clone() }).unwrap();
        assert_told(&document, "ConnectionInfo", &serde_json::to_value(info).unwrap(), &bare);
    }
}
