//! Reads requests and routes them, finds out whom they are from, and does to them and to their answers what faults demand.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use actix_web::{FromRequest, HttpRequest, HttpResponse, http::Method, rt, web};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Answered, Body, Fate, respond},
    faults::{Fault, FaultKind},
    hub::{Core, Hub},
    ledger::{Call, Complaint, Scheme},
    route::{Endpoint, Routed, route as find},
    stamp,
    token::{Kind, Who},
};
use crate::simulator::common::socket;

/// What a request says.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    /// As it came, undecoded.
    pub(super) raw_query: String,
    pub(super) query: Vec<(String, String)>,
    /// `None`: there is none. `Err`: it is no JSON, or does not say that it is.
    pub(super) body: Option<Result<Value, &'static str>>,
    scheme: Scheme,
    token: Option<Arc<str>>,
    user_agent: String,
}

impl Asked {
    async fn read(request: &HttpRequest, payload: web::Payload) -> Self {
        let headers = request.headers();
        let text = |name: &str| socket::header(headers, name).unwrap_or_default();
        let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let query = query.map(web::Query::into_inner).unwrap_or_default();
        let (scheme, token) = credential(socket::header(headers, "authorization"), &query);
        let is_json = text("content-type").starts_with("application/json");
        let user_agent = text("user-agent").to_owned();
        let body = web::Bytes::from_request(request, &mut payload.into_inner()).await.unwrap_or_default();
        let body = match body.len() {
            0 => None,
            _ if !is_json => Some(Err("the body does not say that it is application/json")),
            _ => Some(serde_json::from_slice(&body).map_err(|_| "the body is no JSON")),
        };
        Self {
            method: request.method().clone(),
            path: request.path().to_owned(),
            raw_query: request.query_string().to_owned(),
            query,
            body,
            scheme,
            token,
            user_agent,
        }
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The path with its query.
    pub(super) fn whole(&self) -> String {
        match self.raw_query.as_str() {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }

    /// The object in the body.
    pub(super) fn object(&self) -> Result<&serde_json::Map<String, Value>, Answer> {
        match &self.body {
            Some(Ok(Value::Object(members))) => Ok(members),
            Some(Ok(_)) => Err(Answer::bad("the body must be a JSON object")),
            Some(Err(wrong)) => Err(Answer::bad(wrong)),
            None => Err(Answer::bad("the body is missing")),
        }
    }
}

/// Any run of blanks may follow the scheme: one of VXG's own samples sends two.
fn credential(header: Option<&str>, query: &[(String, String)]) -> (Scheme, Option<Arc<str>>) {
    let Some(header) = header else {
        let token = query.iter().find(|(name, _)| name == "token");
        return token.map_or((Scheme::Nothing, None), |(_, token)| (Scheme::Query, Some(token.as_str().into())));
    };
    let (word, token) = header.split_once([' ', '\t']).unwrap_or((header, ""));
    let scheme = match word {
        "Acc" => Scheme::Acc,
        "SI" => Scheme::Si,
        "LKey" => Scheme::LKey,
        _ => Scheme::Other,
    };
    (scheme, Some(token.trim().into()))
}

/// Answers every request.
pub(super) async fn route(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let asked = Asked::read(&request, payload).await;
    let slow = hub.lock().switches.duration(FaultKind::Slow);
    if let Some(wait) = slow {
        rt::time::sleep(wait).await;
    }
    let answer = hub.lock().handle(&asked);
    respond(answer, &request).await
}

impl Core {
    /// Answers a request, and notes both.
    fn handle(&mut self, asked: &Asked) -> Answer {
        let routed = find(&asked.method, &asked.path, &self.options.path);
        let name = routed.endpoint().map_or("other", Endpoint::name);
        let recent = self.note_recent(name);
        let mut answer = match self.waylaid(recent) {
            Some(answer) => answer,
            None => self.answer(name, routed, asked),
        };
        self.maim(&mut answer);
        let date = match self.switches.on(FaultKind::OddDate) {
            true => "the day before yesterday".to_owned(),
            false => stamp::http_date(self.now().saturating_add(self.date_off())),
        };
        answer.headers.push(("Date", date));
        self.count_call(Call {
            endpoint: name,
            at: Instant::now(),
            time: SystemTime::now(),
            status: if matches!(answer.fate, Fate::Reset | Fate::Never) { 0 } else { answer.status },
            method: asked.method.to_string(),
            path: asked.whole(),
            query: asked.query.clone(),
            scheme: asked.scheme,
            token: asked.token.clone(),
            rows: answer.rows,
            user_agent: asked.user_agent.clone(),
        });
        answer
    }

    /// By how much the header `Date` is off.
    fn date_off(&self) -> stamp::Micros {
        match self.switches.get(FaultKind::WrongDate) {
            Some(Fault::WrongDate(off)) if off.is_negative => -stamp::span(off.by),
            Some(Fault::WrongDate(off)) => stamp::span(off.by),
            _ => 0,
        }
    }

    /// The answer to whoever asks whatever, while nobody is served.
    fn waylaid(&mut self, recent: usize) -> Option<Answer> {
        if self.strikes(FaultKind::Hang) {
            return Some(Answer::fated(Fate::Never));
        }
        if self.strikes(FaultKind::Reset) {
            return Some(Answer::fated(Fate::Reset));
        }
        if let Some(status) = self.refuses(FaultKind::Down) {
            return Some(Answer::page(status));
        }
        let wait = self.options.retry_after;
        let many = || Answer::error(429, "Too many requests");
        let seconds = wait.as_secs().to_string();
        if self.strikes(FaultKind::TooMany) {
            return Some(many().with("Retry-After", seconds));
        }
        if self.strikes(FaultKind::TooManyDate) {
            let until = self.now().saturating_add(stamp::span(wait));
            return Some(many().with("Retry-After", stamp::http_date(until)));
        }
        if self.strikes(FaultKind::TooManyBare) {
            return Some(many());
        }
        if self.switches.count(FaultKind::PerMinute).is_some_and(|most| recent > most) {
            self.note_struck(Some("per-minute"));
            return Some(many().with("Retry-After", seconds));
        }
        let percent = self.switches.count(FaultKind::Hiccups)?;
        if self.world.rng.below(100) >= percent {
            return None;
        }
        self.note_struck(Some("hiccups"));
        self.turns += 1;
        Some(match self.turns % 4 {
            0 => Answer::error(500, "Internal server error"),
            1 => Answer::page(502),
            2 => Answer::error(503, "Service unavailable"),
            _ => Answer::page(504),
        })
    }

    fn answer(&mut self, name: &'static str, routed: Routed, asked: &Asked) -> Answer {
        let endpoint = match routed {
            Routed::Found(endpoint) => endpoint,
            Routed::Slashless(endpoint) => {
                self.grumble(name, asked, "the last slash of the path is missing".to_owned());
                if self.switches.on(FaultKind::NoSlash404) {
                    return Answer::not_found();
                }
                if !self.switches.on(FaultKind::SlashLax) {
                    let to = asked.whole().replacen(&asked.path, &format!("{}/", asked.path), 1);
                    return Answer::of(301, Body::None).with("Location", to);
                }
                endpoint
            }
            Routed::WrongMethod => {
                self.grumble(name, asked, format!("{} is no method of this path", asked.method));
                return Answer::error(405, "Method not allowed");
            }
            Routed::Nothing => {
                self.grumble(name, asked, "there is no such path".to_owned());
                return Answer::not_found();
            }
        };
        if let Some(status) = self.refuses(FaultKind::Rest).or_else(|| self.refuses(endpoint.fault())) {
            return match status {
                502 | 504 => Answer::page(status),
                _ => Answer::error(status, "The simulator refuses this call"),
            };
        }
        if endpoint.is_hidden(|kind| self.switches.on(kind)) {
            return Answer::not_found();
        }
        let answered = self.admit(name, &endpoint, asked).and_then(|who| self.dispatch(name, &endpoint, asked, who));
        match answered {
            Ok(answer) => answer,
            Err(refused) => {
                if refused.status == 400
                    && let Body::Json(body) = &refused.body
                {
                    let detail = body["errorDetail"].as_str().unwrap_or_default().to_owned();
                    self.grumble(name, asked, detail);
                }
                refused
            }
        }
    }

    /// Whom a request is from, if he may ask this.
    fn admit(&mut self, name: &'static str, endpoint: &Endpoint, asked: &Asked) -> Result<Who, Answer> {
        let token = asked.token.clone().unwrap_or_default();
        let Some(who) = self.world.keys.who(asked.scheme, &token) else {
            if let Some(right) = self.world.keys.right_scheme(&token) {
                self.grumble(name, asked, format!("this token goes with {right:?}, not {:?}", asked.scheme));
            }
            return Err(Answer::error(401, "Unauthorized"));
        };
        // VXG's page on authorization: `LKey` for v2 and v3, `SI` for lists of v2 and v5, `Acc` for v2.
        let version = match endpoint {
            Endpoint::ChannelsV3 | Endpoint::Channel(_) => who.kind == Kind::Licence,
            Endpoint::ChannelsV5 if self.switches.on(FaultKind::V5GroupOnly) => who.kind == Kind::Group,
            Endpoint::ChannelsV5 => !matches!(who.kind, Kind::Camera(_)),
            _ => true,
        };
        if !version {
            self.grumble(name, asked, format!("{:?} does not open this version of the API", asked.scheme));
            return Err(Answer::error(401, "Unauthorized"));
        }
        if !who.all && endpoint.needs_all() {
            return Err(Answer::error(403, "Permission denied: the token has no access \"all\""));
        }
        let reads = asked.method == Method::GET;
        if who.kind == Kind::Group && !reads && self.switches.on(FaultKind::GroupLists) {
            return Err(Answer::error(403, "Permission denied: a group token only lists"));
        }
        Ok(who)
    }

    /// Whether a camera is one that he may see; `Err` where it is there and he may not.
    pub(super) fn sees(&self, who: Who, camera: i64) -> Result<bool, Answer> {
        let known = self.world.cameras.get(&camera);
        match who.kind {
            Kind::Camera(own) if own != camera => Err(Answer::error(403, "Permission denied: another camera's token")),
            Kind::Group => Ok(known.is_some_and(|camera| camera.grouped)),
            _ => Ok(known.is_some()),
        }
    }

    fn dispatch(&mut self, name: &'static str, endpoint: &Endpoint, asked: &Asked, who: Who) -> Answered {
        if let Some(camera) = endpoint.camera()
            && !self.sees(who, camera)?
        {
            return Err(Answer::not_found());
        }
        let known = endpoint.parameters();
        let strange = asked.query.iter().map(|(name, _)| name.as_str()).filter(|name| !known.contains(name));
        for parameter in strange.collect::<Vec<_>>() {
            self.grumble(name, asked, format!("nobody knows the parameter `{parameter}`"));
        }
        match endpoint {
            Endpoint::Types(camera) => self.list_types(*camera, asked),
            Endpoint::AddType(camera) => self.add_type(*camera, asked),
            Endpoint::Type(camera, kind) => self.one_type(*camera, kind),
            Endpoint::SetType(camera, kind) => self.set_type(*camera, kind, asked),
            Endpoint::Trigger(camera, kind) => self.trigger(*camera, kind, asked),
            Endpoint::Events => self.list_events(asked, who),
            Endpoint::Create => self.create(asked, who),
            Endpoint::Event(id) => self.one_event(*id, asked, who),
            Endpoint::AddTag(id) => self.add_tag(*id, asked, who),
            Endpoint::SetTag(id, tag) => self.set_tag(*id, tag, asked, who),
            Endpoint::DeleteTag(id, tag) => self.delete_tag(*id, tag, who),
            Endpoint::ChannelsV5 => self.channels(asked, who, false),
            Endpoint::ChannelsV3 => self.channels(asked, who, true),
            Endpoint::Channel(camera) => self.one_channel(*camera),
            Endpoint::Camera(camera) => self.one_camera(*camera),
            Endpoint::SetCamera(camera) => self.set_camera(*camera, asked),
        }
    }

    /// What faults make of an answer that is ready.
    fn maim(&mut self, answer: &mut Answer) {
        if answer.fate != Fate::Whole {
            return;
        }
        if answer.status >= 400 {
            if self.switches.on(FaultKind::HtmlErrors) {
                answer.body = Answer::page(answer.status).body;
            } else if self.switches.on(FaultKind::EmptyErrors) {
                answer.body = Body::None;
            } else if self.switches.on(FaultKind::BareErrors) {
                answer.body = Body::Json(json!({ "error": "something" }));
            }
            return;
        }
        if !(200..300).contains(&answer.status) {
            return;
        }
        if let Body::Json(body) = &mut answer.body
            && self.switches.on(FaultKind::UnknownMembers)
        {
            add_unknown(body);
        }
        if self.strikes(FaultKind::Html200) {
            *answer = Answer::page(200);
        } else if self.strikes(FaultKind::EmptyBody) {
            *answer = Answer::of(200, Body::None);
        } else if self.strikes(FaultKind::OtherJson) {
            self.turns += 1;
            let body = match self.turns % 7 {
                0 => json!([]),
                1 => Value::Null,
                2 => json!("ok"),
                3 => json!({ "status": 200, "errorDetail": "" }),
                4 => json!({ "meta": [], "objects": {} }),
                5 => json!(42),
                _ => json!({}),
            };
            *answer = Answer::json(200, body);
        } else if self.strikes(FaultKind::Cut) {
            answer.fate = Fate::Cut;
        }
    }

    /// Notes what a real server would not like.
    pub(super) fn grumble(&mut self, endpoint: &'static str, asked: &Asked, words: String) {
        self.complain(Complaint { endpoint, method: asked.method.to_string(), path: asked.whole(), words });
    }
}

/// Adds members that no client knows to each object, but to a meta, where each member means something.
fn add_unknown(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if name != "meta" || member.get("total_count").is_some() {
                    add_unknown(member);
                }
            }
            members.insert("x_simulated".to_owned(), json!({ "nested": [1, null, "two"] }));
        }
        Value::Array(rows) => rows.iter_mut().for_each(add_unknown),
        _ => {}
    }
}
