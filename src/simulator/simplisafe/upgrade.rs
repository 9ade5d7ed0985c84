//! The WebSocket: the handshake, and what clients say.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    DropHow,
    answer::{Answer, respond},
    faults::FaultKind,
    gateway::Asked,
    hub::{Core, Hub, Timer},
    link::{Out, Push},
    rows::envelope,
    stamp,
    world::Place,
};
use crate::simulator::common::{
    line::Line,
    socket::{self, Host, Manner, Step},
};

/// What the server says of its patience: milliseconds, as far as one can guess, and nothing is known to follow from it.
const HEARTBEAT: u64 = 45_000;
const INACTIVITY: u64 = 30_000;

/// Answers a WebSocket handshake. There is no login here: that is the first message.
pub(super) fn upgrade(request: &HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let asked = Asked::of_head(request);
    let mut core = hub.lock();
    let mut call = core.call("ws", &asked);
    let refusal = match core.closed_to_all() {
        Some(answer) => Some(answer),
        None if asked.path != "/" => Some(Answer::failure(404)),
        None => core.switches.refuse(FaultKind::RefuseUpgrade).map(Answer::failure),
    };
    if let Some(answer) = refusal {
        call.status = answer.status;
        core.count_call(call);
        return respond(answer);
    }
    let response = match socket::handshake(request) {
        Ok(response) => response,
        Err(_) => {
            call.status = 400;
            core.count_call(call);
            return respond(Answer::failure(400));
        }
    };
    call.status = 101;
    core.count_call(call);
    let wake = Arc::new(Notify::new());
    let link = core.open_link(wake.clone());
    drop(core);
    socket::accept(request, payload, response, hub.into_inner(), link, wake)
}

impl Host for Core {
    type Data = Push;

    const HALF: &'static [u8] = br#"{"specversion":"1.0","type":"com.simplisafe.event.standard","data":{"eventId":16"#;

    fn line(&mut self, link: u64) -> Option<&mut Line<Push>> {
        self.links.get_mut(&link).map(|link| &mut link.line)
    }

    fn next(&mut self, _: &Arc<Hub>, link: u64) -> Step {
        self.next_step(link)
    }

    fn manner(&self) -> Manner {
        Manner { fragments: self.switches.on(FaultKind::Fragments), bytewise: self.switches.on(FaultKind::Bytewise) }
    }

    fn said(&mut self, _: &Arc<Hub>, link: u64, text: &[u8]) {
        self.message(link, text);
    }

    fn pinged(&mut self) -> bool {
        self.counters.pings += 1;
        !self.switches.on(FaultKind::NoPong)
    }

    fn closed(&mut self, link: u64) {
        self.close_link(link);
    }
}

impl Core {
    /// A message of a service, as live logs have them; its time has no fraction, and its id has one.
    fn service(kind: &str, data: Option<Value>) -> String {
        let millis = stamp::millis();
        envelope(&format!("ts:{millis}"), "service", kind, millis / 1000, data)
    }

    /// Says hello, before the client has said who it is.
    pub(super) fn hello(&mut self, number: u64) {
        if self.switches.on(FaultKind::NoHello) {
            return;
        }
        let key = super::auth::random(&mut self.world.rng, 8);
        let data = json!({ "key": key, "timeouts": { "heartbeat": HEARTBEAT, "inactivity": INACTIVITY } });
        if let Some(link) = self.links.get_mut(&number) {
            link.line.text(Self::service("service.hello", Some(data)));
        }
    }

    fn message(&mut self, number: u64, text: &[u8]) {
        let said: Value = serde_json::from_slice(text).unwrap_or_default();
        if said["type"] != "com.simplisafe.connection.identify" {
            // What the server makes of anything else is not known.
            self.counters.other_messages += 1;
            return;
        }
        let token: Arc<str> = said["data"]["auth"]["token"].as_str().unwrap_or_default().into();
        if let Some(record) = self.socket_record(number) {
            record.token = Some(token.clone());
        }
        match self.identified_as(&said, &token) {
            Some(user) => self.accept(number, user, token),
            None => self.refuse_identify(number),
        }
    }

    /// Whose socket it becomes. That the token is asked for whom is joined is inferred.
    fn identified_as(&self, said: &Value, token: &str) -> Option<Place> {
        let data = &said["data"];
        let user = self.tokens.user(token).filter(|_| data["auth"]["schema"] == "bearer")?;
        let own = json!(format!("uid:{}", self.world.users[user].uid));
        let joins = data["join"].as_array().is_some_and(|joins| joins.contains(&own));
        (joins || self.switches.on(FaultKind::LaxJoin)).then_some(user)
    }

    /// A client may say who it is again on the same socket.
    fn accept(&mut self, number: u64, user: Place, token: Arc<str>) {
        self.counters.identified += 1;
        let uid = self.world.users[user].uid;
        if let Some(record) = self.socket_record(number) {
            record.user = Some(uid);
            record.identified += 1;
        }
        if let Some(link) = self.links.get_mut(&number) {
            link.user = Some(user);
            link.token = Some(token);
        }
        let open = self.links.values().filter(|link| link.user == Some(user)).count();
        self.counters.sockets_of_one_user = self.counters.sockets_of_one_user.max(open);
        match self.switches.duration(FaultKind::SlowSubscribe) {
            Some(wait) => self.timers.put_off(Instant::now() + wait, Timer::Subscribed(number)),
            None => self.welcome(number),
        }
    }

    /// Says that events come from now on. What happened before is not told.
    pub(super) fn welcome(&mut self, number: u64) {
        if self.switches.on(FaultKind::HelloLate) {
            self.hello(number);
        }
        let silent = self.switches.on(FaultKind::NeverSubscribed);
        let name = if self.switches.on(FaultKind::SubscribedService) { "service" } else { "namespace" };
        let ends = self.switches.on(FaultKind::DropAfterSubscribe);
        let Some(link) = self.links.get_mut(&number) else { return };
        let Some(user) = link.user else { return };
        let namespace = format!("uid:{}", self.world.users[user].uid);
        link.line.text(Self::service("service.registered", None));
        if silent {
            return;
        }
        link.line.text(Self::service(&format!("{name}.subscribed"), Some(json!({ "namespace": namespace }))));
        link.subscribed = true;
        if ends {
            link.line.push(Out::End(DropHow::Fin));
        }
    }

    fn refuse_identify(&mut self, number: u64) {
        self.counters.refused += 1;
        let error = self.switches.on(FaultKind::IdentifyError).then(|| self.options.identify_error.clone());
        let code = self.switches.count(FaultKind::IdentifyClose).and_then(|code| u16::try_from(code).ok());
        let silent = self.switches.on(FaultKind::IdentifySilent);
        let Some(link) = self.links.get_mut(&number) else { return };
        link.subscribed = false;
        if let Some(error) = error {
            link.line.text(error);
        }
        if !silent {
            link.line.push(Out::End(code.map_or(DropHow::Fin, DropHow::Close)));
        }
    }

    pub(super) fn subscribed(&self) -> usize {
        self.links.values().filter(|link| link.user.is_some_and(|user| link.gets(user))).count()
    }

    /// Pushes an event that lacks something; the history has it whole.
    pub(super) fn send_maimed(&mut self) -> usize {
        let Some(place) = self.draw_system() else { return 0 };
        let holding = std::mem::replace(&mut self.holding, true);
        let system = &self.world.systems[place];
        let (cid, part) = match self.maims_state() {
            true => (if system.mains { 1301 } else { 3301 }, None),
            false => (1604, system.first_of(super::world::kind::ENTRY)),
        };
        let before = self.held.len();
        let id = self.occur(place, super::happen::Occurrence { cid, part, ..Default::default() });
        self.holding = holding;
        // The push that was held back is replaced.
        self.held.truncate(before);
        let Some(row) = self.world.systems[place].record(id).map(|record| (record.row.clone(), record.at)) else {
            return 0;
        };
        let time = row.1.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut data = self.push_data(&row.0);
        self.maim(&mut data);
        let push = self.pushed(place, id, i64::try_from(time).unwrap_or(0), data);
        self.deliver(&push);
        1
    }
}
