//! The Configuration REST API, read only: lists, single items, paging and filters, and its error shapes.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header, rt, web};
use serde_json::{Value, json};

use super::{
    catalog::View,
    faults::FaultKind,
    gateway::{error, json_response, plain},
    hub::{Core, Hub},
    wire::Spelling,
};

/// Everything that can be listed. `services` is missing: they occur as sources, but REST cannot resolve them.
const COLLECTIONS: [&str; 14] = [
    "eventTypes",
    "stateGroups",
    "eventTypeGroups",
    "cameras",
    "hardware",
    "recordingServers",
    "sites",
    "userDefinedEvents",
    "analyticsEvents",
    "outputs",
    "inputEvents",
    "microphones",
    "speakers",
    "storages",
];

/// Query members that are no filters.
const OPTIONS: [&str; 6] = ["page", "size", "disabled", "includechildren", "resources", "tasks"];

type Query = Vec<(String, String)>;

/// A refusal: status, text, and the id of the text where it is known.
struct Refusal(u16, String, Option<&'static str>);

/// Answers `GET /api/rest/v1/{path}`; `path` is in lower case.
pub(super) async fn answer(request: &HttpRequest, path: &str, hub: &Hub) -> HttpResponse {
    let segments: Vec<&str> = path.split('/').collect();
    let collection =
        COLLECTIONS.iter().find(|known| segments.first().is_some_and(|name| known.eq_ignore_ascii_case(name)));
    let endpoint = match (collection, segments.len()) {
        (Some(collection), 1) => format!("rest/{collection}"),
        (Some(collection), _) => format!("rest/{collection}/{{id}}"),
        (None, _) => "rest/other".to_owned(),
    };
    hub.lock().count_request(&endpoint);
    while hub.lock().switches.on(FaultKind::RestHang) {
        rt::time::sleep(Duration::from_millis(50)).await;
    }
    let wait = hub.lock().switches.duration(FaultKind::RestSlow);
    if let Some(wait) = wait {
        rt::time::sleep(wait).await;
    }
    let core = hub.lock();
    // Failures of the gateway itself are plain text.
    if core.switches.on(FaultKind::RestDown) {
        return plain(503, "The service is unavailable.");
    }
    if core.switches.on(FaultKind::Rest500) {
        return plain(500, "Internal Server Error");
    }
    let query = web::Query::<Query>::from_query(request.query_string()).map(web::Query::into_inner).unwrap_or_default();
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match core.read(bearer, collection.copied(), &segments, &query) {
        Ok(body) => json_response(200, &body),
        Err(Refusal(status, text, text_id)) => json_response(status, &error(status, &text, text_id)),
    }
}

impl Core {
    fn read(
        &self,
        bearer: Option<&str>,
        collection: Option<&str>,
        segments: &[&str],
        query: &Query,
    ) -> Result<Value, Refusal> {
        self.verify(bearer).map_err(|fault| Refusal(401, fault.text().to_owned(), None))?;
        if self.switches.on(FaultKind::Rest403) {
            let text = "You do not have sufficient permissions to complete the operation.";
            return Err(Refusal(403, text.to_owned(), Some("VMO61008")));
        }
        let unknown = || Refusal(400, format!("The resource type is not valid. {}", segments.join("/")), None);
        let collection = collection.ok_or_else(unknown)?;
        match segments {
            [_] => self.list(collection, query),
            [_, id] => self.single(collection, id),
            _ => Err(unknown()),
        }
    }

    fn list(&self, collection: &str, query: &Query) -> Result<Value, Refusal> {
        if let Some(status) = self.switches.status(FaultKind::BulkRefused) {
            return Err(Refusal(status, "The list could not be read.".to_owned(), None));
        }
        // As observed: storages can be listed under their recording server only.
        if collection == "storages" {
            return Err(Refusal(400, "The resource type cannot be listed here. storages".to_owned(), None));
        }
        let member = |name: &str| {
            query.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        let (page, size) = (member("page"), member("size"));
        if self.switches.on(FaultKind::Page400) && (page.is_some() || size.is_some()) {
            return Err(Refusal(400, "The query parameter is not supported. page".to_owned(), None));
        }
        let view = View { world: &self.world, spelling: Spelling::of(&self.switches) };
        let disabled = member("disabled").is_some();
        let children = member("includechildren").is_some_and(|children| children.eq_ignore_ascii_case("cameras"));
        let mut array = view.collection(collection, disabled, children);
        for (name, value) in query {
            if !OPTIONS.contains(&name.to_ascii_lowercase().as_str()) {
                array.retain(|item| item.get(name).and_then(Value::as_str).is_some_and(|text| matches(text, value)));
            }
        }
        if page.is_some() || size.is_some() {
            let number = |text: Option<&str>, usual: usize| match text {
                None => Ok(usual),
                Some(text) => text.parse().map_err(|_| Refusal(400, format!("'{text}' is not a number."), None)),
            };
            let (page, size) = (number(page, 0)?, number(size, 100)?.max(1));
            array = array.into_iter().skip(page.saturating_mul(size)).take(size).collect();
        }
        Ok(json!({ "array": array }))
    }

    fn single(&self, collection: &str, id: &str) -> Result<Value, Refusal> {
        let view = View { world: &self.world, spelling: Spelling::of(&self.switches) };
        let item = view.single(collection, id);
        let item = item.ok_or_else(|| Refusal(404, format!("Device not found. {collection}/{id}"), None))?;
        Ok(json!({ "data": item }))
    }
}

/// `Value`, `contains:'x'` or `beginswith:'x'`.
fn matches(text: &str, wanted: &str) -> bool {
    let text = text.to_lowercase();
    let wanted = wanted.to_lowercase();
    match wanted.split_once(':') {
        Some(("contains", part)) => text.contains(part.trim_matches('\'')),
        Some(("beginswith", part)) => text.starts_with(part.trim_matches('\'')),
        _ => text == wanted,
    }
}
