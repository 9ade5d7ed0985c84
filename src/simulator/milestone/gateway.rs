//! The API gateway: routes requests by their path, whatever its case, as IIS does.

use std::time::{Instant, SystemTime};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    http::{Method, StatusCode, header},
    web,
};
use serde_json::{Value, json};

use super::{
    faults::FaultKind,
    gateways,
    hub::{Core, Hub},
    identity::{self, TokenFault, TokenForm},
    ledger::{LoginTry, UpgradeTry},
    rest, trigger,
    upgrade::upgrade,
    windows,
};

/// A host name that cannot be resolved: `.invalid` is reserved for this.
const INTERNAL_ROOT: &str = "http://xprotect-gw.internal.invalid";

/// Answers every request.
pub(super) async fn route(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let path = request.path().to_ascii_lowercase();
    let path = path.trim_end_matches('/');
    let rest_path = path.strip_prefix("/api/rest/v1/");
    let endpoint = match (path, rest_path) {
        ("/api/.well-known/uris", _) => "discovery",
        ("/idp/.well-known/openid-configuration" | "/api/idp/.well-known/openid-configuration", _) => "openid",
        ("/idp/connect/token" | "/api/idp/connect/token", _) => "token",
        ("/api/ws/events/v1", _) => "ws",
        (_, Some(_)) => "rest",
        _ => "other",
    };
    if endpoint != "rest" {
        hub.lock().count_request(endpoint);
    }
    if let Some(response) = gateways::trouble(&request, &hub, endpoint).await {
        return response;
    }
    match endpoint {
        "discovery" => discovery(&request, &hub),
        "openid" => json_response(200, &identity::openid(&root(&request, &hub.lock()))),
        "token" => token(&request, payload, &hub, path.starts_with("/idp/")).await,
        "ws" => upgrade(&request, payload, hub),
        "rest" if rest_path == Some("events") && request.method() == Method::POST => {
            trigger::answer(&request, payload, &hub).await
        }
        "rest" => rest::answer(&request, rest_path.unwrap_or_default(), &hub).await,
        // As observed for `/api/ws/events` without a version.
        _ => plain(404, "Not Found"),
    }
}

fn discovery(request: &HttpRequest, hub: &Hub) -> HttpResponse {
    let core = hub.lock();
    if core.switches.on(FaultKind::NoDiscovery) {
        return plain(404, "Not Found");
    }
    let root = root(request, &core);
    let dead = core.dead_gateways.iter().map(|address| format!("http://{address}"));
    let alive = core.gateways.iter().map(|address| format!("http://{address}"));
    let gateways: Vec<String> = dead.chain([root.clone()]).chain(alive).collect();
    json_response(200, &identity::uris(&root, &gateways))
}

/// Where clients are sent to: the name under which they came.
fn root(request: &HttpRequest, core: &Core) -> String {
    if core.switches.on(FaultKind::InternalGateway) {
        return INTERNAL_ROOT.to_owned();
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    match host {
        Some(host) => format!("http://{host}"),
        None => format!("http://{}", request.app_config().local_addr()),
    }
}

/// `is_direct` if it did not come through the gateway.
async fn token(request: &HttpRequest, payload: web::Payload, hub: &Hub, is_direct: bool) -> HttpResponse {
    if request.method() != Method::POST {
        return plain(405, "Method Not Allowed");
    }
    let form = web::Form::<TokenForm>::from_request(request, &mut payload.into_inner()).await;
    let mut core = hub.lock();
    let is_windows = is_direct && form.as_ref().is_ok_and(|form| form.is_of_windows_user());
    if is_windows && !core.switches.on(FaultKind::RefuseToken) {
        drop(core);
        return windows::token(request, hub);
    }
    let (status, body) = match (core.switches.status(FaultKind::RefuseToken), form) {
        (Some(400), _) => identity::refusal("InvalidCredential"),
        (Some(status), _) => (status, Value::Null),
        (None, _) if core.switches.on(FaultKind::LockedOut) => identity::refusal("LockedOut"),
        (None, Ok(form)) => {
            let options = core.options.clone();
            core.identity.login(&form, &options)
        }
        (None, Err(_)) => (400, json!({"error": "invalid_request"})),
    };
    core.counters.logins.push(LoginTry { at: Instant::now(), time: SystemTime::now(), status });
    drop(core);
    if body.is_null() {
        return plain(status, "The service is unavailable.");
    }
    json_response(status, &body)
}

impl Core {
    pub(super) fn count_request(&mut self, endpoint: &str) {
        *self.counters.requests.entry(endpoint.to_owned()).or_default() += 1;
    }

    pub(super) fn count_upgrade(&mut self, status: u16, gateway: usize) {
        self.counters.upgrades.push(UpgradeTry { at: Instant::now(), time: SystemTime::now(), status, gateway });
    }

    /// Checks a bearer token against its life, which a fault may have shortened.
    pub(super) fn verify(&self, bearer: Option<&str>) -> Result<(), TokenFault> {
        let life = self.options.token_life;
        let life = self.switches.duration(FaultKind::TokenExpires).map_or(life, |short| short.min(life));
        self.identity.verify(bearer, life)
    }
}

fn builder(status: u16) -> actix_web::HttpResponseBuilder {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

pub(super) fn json_response(status: u16, body: &Value) -> HttpResponse {
    builder(status).content_type("application/json; charset=utf-8").body(body.to_string())
}

pub(super) fn plain(status: u16, text: &'static str) -> HttpResponse {
    builder(status).content_type("text/plain").body(text)
}

/// An error as the API gateway writes it: JSON, but plain text for its own failures.
pub(super) fn refused(status: u16, text: &str) -> HttpResponse {
    match status {
        503 => plain(503, "The service is unavailable."),
        500.. => plain(status, "Internal Server Error"),
        404 => plain(404, "Not Found"),
        _ => json_response(status, &error(status, text, None)),
    }
}

/// The body of an error, with the id of its text where one is known.
pub(super) fn error(status: u16, text: &str, text_id: Option<&str>) -> Value {
    let mut detail = json!({ "errorText": text });
    if let Some(text_id) = text_id {
        detail["errorTextId"] = json!(text_id);
    }
    json!({ "error": { "httpCode": status, "details": [detail] } })
}
