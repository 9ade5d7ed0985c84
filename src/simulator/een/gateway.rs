//! Routes requests, exactly as their paths are written, and does to them what faults demand.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode, header},
    rt, web,
};
use serde_json::Value;

use super::{
    faults::FaultKind,
    hub::{Core, Hub},
    ledger::Call,
    request::Asked,
    upgrade::{account_in, upgrade},
};
use crate::simulator::common::socket;

/// What can be asked by HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Authenticate,
    TwoFactor,
    Authorize,
    Switch,
    Logout,
    IsAuth,
    User,
    Accounts,
    Devices,
    Device,
}

impl Endpoint {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/g/aaa/authenticate" => Self::Authenticate,
            "/g/aaa/two_factor_authenticate" => Self::TwoFactor,
            "/g/aaa/authorize" => Self::Authorize,
            "/g/aaa/switch_account" => Self::Switch,
            "/g/aaa/logout" => Self::Logout,
            "/g/aaa/isauth" => Self::IsAuth,
            "/g/user" => Self::User,
            // The second names are old, and still in use.
            "/g/account/list" | "/g/list/accounts" => Self::Accounts,
            "/g/device/list" | "/g/list/devices" => Self::Devices,
            "/g/device" => Self::Device,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::TwoFactor => "two_factor",
            Self::Authorize => "authorize",
            Self::Switch => "switch",
            Self::Logout => "logout",
            Self::IsAuth => "isauth",
            Self::User => "user",
            Self::Accounts => "accounts",
            Self::Devices => "devices",
            Self::Device => "device",
        }
    }

    /// The faults that refuse it.
    const fn faults(self) -> &'static [FaultKind] {
        match self {
            Self::Authenticate => &[FaultKind::Authenticate],
            Self::TwoFactor => &[FaultKind::SendCode],
            Self::Authorize => &[FaultKind::Authorize],
            Self::Switch => &[FaultKind::Switch],
            Self::Logout => &[FaultKind::Logout],
            Self::IsAuth => &[FaultKind::IsAuth],
            Self::User => &[FaultKind::User],
            Self::Accounts => &[FaultKind::Accounts, FaultKind::List],
            Self::Devices => &[FaultKind::Devices, FaultKind::List],
            Self::Device => &[FaultKind::Device],
        }
    }

    const fn method(self) -> Method {
        match self {
            Self::Authenticate | Self::TwoFactor | Self::Authorize | Self::Switch | Self::Logout => Method::POST,
            Self::IsAuth | Self::User | Self::Accounts | Self::Devices | Self::Device => Method::GET,
        }
    }

    /// Whether it is part of a login, and stays at the host of the logins.
    const fn is_login(self) -> bool {
        matches!(self, Self::Authenticate | Self::TwoFactor | Self::Authorize)
    }
}

/// What is answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    /// Names and values.
    pub(super) cookies: Vec<(&'static str, String)>,
    location: Option<String>,
    garbage: bool,
}

impl Answer {
    pub(super) fn json(body: Value) -> Self {
        Self { status: 200, body: Some(body), ..Self::default() }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The shape of REST errors is not documented: plain text.
    pub(super) fn failure(status: u16) -> Self {
        Self::empty(status)
    }

    /// To the same path at another host, which has the name under which the client came where it listens everywhere.
    pub(super) fn moved(brand: SocketAddr, request: &HttpRequest) -> Self {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let host = socket::header(request.headers(), "host").and_then(|host| host.rsplit_once(':'));
        let location = match host {
            Some((name, _)) if brand.ip().is_unspecified() => format!("http://{name}:{}{path}", brand.port()),
            _ => format!("http://{brand}{path}"),
        };
        Self { status: 301, location: Some(location), ..Self::default() }
    }
}

/// Answers every request.
pub(super) async fn route(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let path = request.path().to_owned();
    if let Some(account) = account_in(&path) {
        return upgrade(&request, payload, hub, account);
    }
    let endpoint = Endpoint::of(&path);
    let asked = Asked::read(&request, payload).await;
    while hub.lock().switches.on(FaultKind::Hang) {
        rt::time::sleep(Duration::from_millis(50)).await;
    }
    let wait = hub.lock().switches.duration(FaultKind::Slow);
    if let Some(wait) = wait {
        rt::time::sleep(wait).await;
    }
    let mut core = hub.lock();
    let session = asked.session().and_then(|id| core.use_session(&id));
    let mut call = core.call(endpoint.map_or("other", Endpoint::name), &asked, session.as_ref());
    let answer = core.answer(endpoint, &request, &asked, session.as_ref(), &path);
    call.status = answer.status;
    core.count_call(call);
    respond(answer, &core)
}

impl Core {
    /// A request as it is noted; its status is not known yet.
    pub(super) fn call(&self, endpoint: &'static str, asked: &Asked, session: Option<&Arc<str>>) -> Call {
        let session = session.and_then(|id| self.sessions.get(id));
        let user = session.map(|session| session.user).or_else(|| self.login.user_of(asked));
        Call {
            endpoint,
            at: Instant::now(),
            time: SystemTime::now(),
            status: 0,
            user: user.map(|user| self.login.users[user].name.clone()),
            account: session.map(|session| self.world.entities[session.account].esn.to_string()),
            cookie: asked.cookie.clone(),
            a: asked.a.clone(),
            tfa_key: asked.tfa_key.clone(),
            api_key: asked.api_key.clone(),
        }
    }

    fn answer(
        &mut self,
        endpoint: Option<Endpoint>,
        request: &HttpRequest,
        asked: &Asked,
        session: Option<&Arc<str>>,
        path: &str,
    ) -> Answer {
        if let Some(status) = self.down() {
            return Answer::failure(status);
        }
        if let Some(percent) = self.switches.count(FaultKind::Hiccups)
            && self.world.rng.below(100) < percent
        {
            return Answer::failure(self.bad_gateway());
        }
        // As third parties observed.
        if path.len() > 1 && path.ends_with('/') {
            return Answer::failure(500);
        }
        let Some(endpoint) = endpoint else {
            return Answer::failure(404);
        };
        if request.method() != endpoint.method() {
            return Answer::failure(405);
        }
        let user = session.and_then(|id| self.sessions.get(id)).map(|session| session.user);
        if let Some(limit) = self.switches.count(FaultKind::RateLimit) {
            let user = user.or_else(|| self.login.user_of(asked));
            if !self.login.admit(user, limit) {
                self.counters.rate_limited += 1;
                return Answer::failure(429);
            }
        }
        if let Some(brand) = self.moved_from(request.app_config().local_addr(), endpoint.is_login()) {
            return Answer::moved(brand, request);
        }
        if self.options.api_key.as_ref().is_some_and(|needed| !asked.has_key(needed)) {
            return Answer::failure(self.switches.status(FaultKind::BadKey).unwrap_or(401));
        }
        for fault in endpoint.faults() {
            if let Some(status) = self.switches.refuse(*fault) {
                return Answer::failure(status);
            }
        }
        let mut answer = match endpoint {
            Endpoint::Authenticate => self.authenticate(asked),
            Endpoint::TwoFactor => self.send_code(asked),
            Endpoint::Authorize => self.authorize(asked),
            _ => match session {
                None => Answer::failure(401),
                Some(session) => self.rest(endpoint, asked, session),
            },
        };
        answer.garbage = answer.status == 200 && self.switches.on(FaultKind::GarbageBody);
        answer
    }

    /// Where a request has to go that came here, when that is elsewhere.
    pub(super) fn moved_from(&self, at: SocketAddr, is_login: bool) -> Option<SocketAddr> {
        let brand = self.brand.filter(|brand| *brand != at)?;
        let redirects = self.switches.on(FaultKind::LoginRedirects);
        let moved = self.left.contains(&at) || redirects;
        (moved && !is_login).then_some(brand)
    }
}

/// Writes an answer.
pub(super) fn respond(answer: Answer, core: &Core) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &answer.cookies {
        // The real ones name the vendor's domain, which no client would accept from here.
        response.append_header((header::SET_COOKIE, format!("{name}={value}; Path=/")));
    }
    if let Some(location) = &answer.location {
        response.insert_header((header::LOCATION, location.as_str()));
    }
    let wait = core.switches.duration(FaultKind::RetryAfter).filter(|_| matches!(answer.status, 429 | 503));
    if let Some(wait) = wait {
        response.insert_header((header::RETRY_AFTER, wait.as_secs().max(1).to_string()));
    }
    if answer.garbage {
        return response.content_type("application/json").body("<!-- \u{1F4F7} -->{\"token\":");
    }
    match answer.body {
        Some(body) => response.content_type("application/json").body(body.to_string()),
        None if status.is_success() => response.finish(),
        None if core.switches.on(FaultKind::HtmlErrors) => {
            let page =
                format!("<html><head><title>{status}</title></head><body><center>openresty</center></body></html>");
            response.content_type("text/html").body(page)
        }
        None => response.content_type("text/plain").body(status.canonical_reason().unwrap_or("Refused").to_owned()),
    }
}
