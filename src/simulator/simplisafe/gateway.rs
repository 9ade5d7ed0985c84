//! Routes requests, exactly as their paths are written, and does to them what faults demand.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use actix_web::{FromRequest, HttpRequest, HttpResponse, http::Method, rt, web};
use serde_json::Value;

use super::{
    answer::{Answer, Body, respond},
    faults::FaultKind,
    hub::{Core, Hub},
    ledger::Call,
    upgrade::upgrade,
    world::Place,
};
use crate::simulator::common::socket;

/// What can be asked by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    Authorize,
    Token,
    AuthCheck,
    Subscriptions(u64),
    Subscription(u64),
    Sensors(u64),
    Settings(u64),
    SetSettings(u64),
    Pins(u64),
    Events(u64),
    State(u64, String),
    Locks(u64),
    Lock(u64, String),
    Messages(u64),
    Media(super::media::Kind, u64),
}

impl Endpoint {
    fn of(method: &Method, path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let id = |text: &str| text.parse().ok();
        let get = *method == Method::GET;
        let post = *method == Method::POST;
        Some(match segments.as_slice() {
            ["authorize"] if get => Self::Authorize,
            ["oauth", "token"] if post => Self::Token,
            ["v1", "api", "authCheck"] if get => Self::AuthCheck,
            ["v1", "users", uid, "subscriptions"] if get => Self::Subscriptions(id(uid)?),
            ["v1", "subscriptions", sid] | ["v1", "subscriptions", sid, ""] if get => Self::Subscription(id(sid)?),
            ["v1", "subscriptions", sid, "events"] if get => Self::Events(id(sid)?),
            ["v1", "ss3", "subscriptions", sid, "sensors"] if get => Self::Sensors(id(sid)?),
            ["v1", "ss3", "subscriptions", sid, "settings", "normal"] if get => Self::Settings(id(sid)?),
            ["v1", "ss3", "subscriptions", sid, "settings", "normal"] if post => Self::SetSettings(id(sid)?),
            ["v1", "ss3", "subscriptions", sid, "settings", "pins"] if post => Self::Pins(id(sid)?),
            ["v1", "ss3", "subscriptions", sid, "state", state] if post => Self::State(id(sid)?, (*state).to_owned()),
            ["v1", "ss3", "subscriptions", sid, "messages"] if *method == Method::DELETE => Self::Messages(id(sid)?),
            ["v1", "doorlock", sid] if get => Self::Locks(id(sid)?),
            ["v1", "doorlock", sid, serial, "state"] if post => Self::Lock(id(sid)?, (*serial).to_owned()),
            ["v1", "media", kind, clip] if get => Self::Media(super::media::Kind::of(kind)?, id(clip)?),
            _ => return None,
        })
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::AuthCheck => "authCheck",
            Self::Subscriptions(_) => "subscriptions",
            Self::Subscription(_) => "subscription",
            Self::Sensors(_) => "sensors",
            Self::Settings(_) | Self::SetSettings(_) => "settings",
            Self::Pins(_) => "pins",
            Self::Events(_) => "events",
            Self::State(..) => "state",
            Self::Locks(_) => "locks",
            Self::Lock(..) => "lock",
            Self::Messages(_) => "messages",
            Self::Media(..) => "media",
        }
    }

    /// The fault that refuses it.
    const fn fault(&self) -> Option<FaultKind> {
        Some(match self {
            Self::Authorize => FaultKind::Authorize,
            Self::Token => return None,
            Self::AuthCheck => FaultKind::AuthCheck,
            Self::Subscriptions(_) | Self::Subscription(_) => FaultKind::Subscriptions,
            Self::Sensors(_) => FaultKind::Sensors,
            Self::Settings(_) | Self::SetSettings(_) | Self::Pins(_) => FaultKind::Settings,
            Self::Events(_) => FaultKind::Events,
            Self::State(..) => FaultKind::State,
            Self::Locks(_) | Self::Lock(..) => FaultKind::Locks,
            Self::Messages(_) => return None,
            Self::Media(..) => FaultKind::Media,
        })
    }

    /// The system that it is about.
    const fn sid(&self) -> Option<u64> {
        match self {
            Self::Subscription(sid)
            | Self::Sensors(sid)
            | Self::Settings(sid)
            | Self::SetSettings(sid)
            | Self::Pins(sid)
            | Self::Events(sid)
            | Self::State(sid, _)
            | Self::Locks(sid)
            | Self::Lock(sid, _)
            | Self::Messages(sid) => Some(*sid),
            _ => None,
        }
    }

    const fn needs_plan(&self) -> bool {
        matches!(
            self,
            Self::Sensors(_)
                | Self::Settings(_)
                | Self::SetSettings(_)
                | Self::Pins(_)
                | Self::State(..)
                | Self::Messages(_)
        )
    }
}

/// What a request says.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    method: Method,
    query: Vec<(String, String)>,
    /// The body, where it is JSON and says so.
    pub(super) body: Option<Value>,
    bearer: Option<Arc<str>>,
    host: String,
    user_agent: String,
    door: SocketAddr,
    whole: String,
}

impl Asked {
    /// Reads a request without its body.
    pub(super) fn of_head(request: &HttpRequest) -> Self {
        let headers = request.headers();
        let text = |name: &str| socket::header(headers, name).unwrap_or_default();
        let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        Self {
            path: request.path().to_owned(),
            method: request.method().clone(),
            query: query.map(web::Query::into_inner).unwrap_or_default(),
            body: None,
            bearer: text("authorization").strip_prefix("Bearer ").map(Arc::from),
            host: text("host").to_owned(),
            user_agent: text("user-agent").to_owned(),
            door: request.app_config().local_addr(),
            whole: request.uri().path_and_query().map_or_else(String::new, |path| path.as_str().to_owned()),
        }
    }

    async fn read(request: &HttpRequest, payload: web::Payload) -> Self {
        let mut asked = Self::of_head(request);
        let json =
            socket::header(request.headers(), "content-type").unwrap_or_default().starts_with("application/json");
        let body = web::Bytes::from_request(request, &mut payload.into_inner()).await;
        asked.body = body.ok().filter(|_| json).and_then(|body| serde_json::from_slice(&body).ok());
        asked
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn forced(&self) -> bool {
        self.query("forceUpdate") == Some("true")
    }

    /// Whether a parameter that is a template was not filled in.
    pub(super) fn has_template(&self) -> bool {
        self.whole.contains(['{', '}']) || self.whole.contains("%7B") || self.whole.contains("%7b")
    }
}

/// Answers every request.
pub(super) async fn route(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    if socket::header(request.headers(), "upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket")) {
        return upgrade(&request, payload, hub);
    }
    let asked = Asked::read(&request, payload).await;
    while hub.lock().switches.on(FaultKind::Hang) {
        rt::time::sleep(Duration::from_millis(20)).await;
    }
    let wait = {
        let core = hub.lock();
        let forced = core.switches.duration(FaultKind::SlowForce).filter(|_| asked.forced());
        core.switches.duration(FaultKind::Slow).into_iter().chain(forced).sum()
    };
    if wait > Duration::ZERO {
        rt::time::sleep(wait).await;
    }
    let mut core = hub.lock();
    let endpoint = Endpoint::of(&asked.method, &asked.path);
    let mut call = core.call(endpoint.as_ref().map_or("other", Endpoint::name), &asked);
    call.sid = endpoint.as_ref().and_then(Endpoint::sid);
    let answer = core.answer(endpoint, &asked);
    call.status = answer.status;
    core.count_call(call);
    drop(core);
    respond(answer)
}

impl Core {
    /// A request as it is noted; its status is not known yet.
    pub(super) fn call(&self, endpoint: &'static str, asked: &Asked) -> Call {
        let refresh_token =
            asked.body.as_ref().filter(|_| endpoint == "token").and_then(|body| body["refresh_token"].as_str());
        Call {
            endpoint,
            at: Instant::now(),
            time: SystemTime::now(),
            status: 0,
            host: asked.host.clone(),
            door: asked.door,
            path: asked.whole.clone(),
            bearer: asked.bearer.clone(),
            refresh_token: refresh_token.map(Arc::from),
            sid: None,
            forced: asked.forced(),
            user_agent: asked.user_agent.clone(),
        }
    }

    /// The answer to whoever asks whatever, while nobody is served.
    pub(super) fn closed_to_all(&mut self) -> Option<Answer> {
        let now = Instant::now();
        if let Some(most) = self.switches.count(FaultKind::BlockAbove) {
            self.recent.push_back(now);
            while self.recent.front().is_some_and(|at| now - *at > Duration::from_secs(60)) {
                self.recent.pop_front();
            }
            if self.recent.len() > most {
                self.recent.clear();
                self.blocked_until = Some(now + self.options.block_for);
            }
        }
        let blocked = self.blocked_until.is_some_and(|until| now < until).then_some(403);
        if let Some(status) = blocked.or_else(|| self.switches.refuse(FaultKind::Block)) {
            self.counters.blocked += 1;
            return Some(Answer::blocked(status));
        }
        self.switches.refuse(FaultKind::Down).map(Answer::blocked)
    }

    fn answer(&mut self, endpoint: Option<Endpoint>, asked: &Asked) -> Answer {
        if let Some(answer) = self.closed_to_all() {
            return answer;
        }
        if self.switches.on(FaultKind::BrowserOnly) && !asked.user_agent.starts_with("Mozilla/") {
            return Answer::blocked(403);
        }
        if Some(asked.door) == self.foreign {
            return self.abroad(endpoint);
        }
        let Some(endpoint) = endpoint else {
            return Answer::failure(404);
        };
        if let Some(percent) = self.switches.count(FaultKind::Hiccups)
            && self.world.rng.below(100) < percent
        {
            self.turns += 1;
            return Answer::failure([500, 502, 504][self.turns % 3]);
        }
        if let Some(status) = endpoint.fault().and_then(|fault| self.switches.refuse(fault)) {
            return Answer::failure(status);
        }
        match endpoint {
            Endpoint::Authorize => return self.authorize(asked),
            Endpoint::Token => return self.token(asked),
            _ => {}
        }
        let user = asked.bearer.as_deref().and_then(|token| self.tokens.user(token));
        let Some(user) = user else {
            return Answer::failure(401);
        };
        if let Some(status) = self.switches.refuse(FaultKind::Rest) {
            return Answer::failure(status);
        }
        if endpoint.needs_plan() && self.switches.on(FaultKind::NoPlan) {
            return Answer::no_plan();
        }
        let answer = match endpoint.sid() {
            None => self.of_user(&endpoint, asked, user),
            Some(sid) => match self.world.find(sid).filter(|place| self.world.systems[*place].user == user) {
                // What a stranger is answered is not known.
                None => Answer::failure(404),
                Some(place) => self.of_system_unless_refused(&endpoint, asked, place),
            },
        };
        match answer.status {
            200 if self.switches.on(FaultKind::GarbageBody) => {
                Answer::of(200, Body::Text("application/json", "<!-- \u{1F3E0} -->{\"success\":".to_owned()))
            }
            200 if self.switches.on(FaultKind::EmptyBody) => Answer::of(200, Body::None),
            _ => answer,
        }
    }

    fn of_system_unless_refused(&mut self, endpoint: &Endpoint, asked: &Asked, place: Place) -> Answer {
        let user = self.world.systems[place].user;
        let first = self.world.systems.iter().position(|system| system.user == user) == Some(place);
        if let Some(status) = if first { self.switches.refuse(FaultKind::OneSite) } else { None } {
            return Answer::failure(status);
        }
        self.of_system(endpoint, asked, place)
    }
}
