//! The poll WebSocket: who is let in, and what clients say on it.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    faults::FaultKind,
    gateway::{self, Answer},
    hub::{Core, Hub},
    link::Data,
    request::Asked,
};
use crate::simulator::common::{
    line::Line,
    socket::{self, Host, Manner, Step},
};

/// The account that the path of a poll WebSocket names.
pub(super) fn account_in(path: &str) -> Option<&str> {
    let account = path.strip_prefix("/api/v2/Device/")?.strip_suffix("/Events")?;
    (!account.is_empty() && !account.contains('/')).then_some(account)
}

/// Answers a WebSocket handshake. The path is a routing hint: what a client may listen to follows from its session.
pub(super) fn upgrade(request: &HttpRequest, payload: web::Payload, hub: web::Data<Hub>, path: &str) -> HttpResponse {
    let asked = Asked::of_head(request);
    let at = request.app_config().local_addr();
    let mut core = hub.lock();
    let session = asked.session().and_then(|id| core.use_session(&id));
    let account = session.as_ref().and_then(|id| core.sessions.get(id)).map(|session| session.account);
    let named = account.map(|account| core.world.entities[account].esn.to_string());
    let mut call = core.call("ws", &asked, session.as_ref());
    call.account = Some(path.to_owned());
    let refusal = if let Some(status) = core.down() {
        Some(Answer::failure(status))
    } else if let Some(brand) = core.moved_from(at, false) {
        Some(Answer::moved(brand, request))
    } else if let Some(status) = core.switches.refuse(FaultKind::RefuseUpgrade) {
        Some(Answer::failure(status))
    } else if session.is_none() && !core.switches.on(FaultKind::AuthByMessage) {
        Some(Answer::failure(401))
    } else if core.switches.on(FaultKind::StrictPath) && named.as_deref() != Some(path) {
        Some(Answer::failure(404))
    } else {
        None
    };
    if let Some(answer) = refusal {
        call.status = answer.status;
        core.count_call(call);
        return gateway::respond(answer, &core);
    }
    let mut response = match socket::handshake(request) {
        Ok(response) => response,
        Err(_) => {
            // The documentation knows no other status for this.
            call.status = 400;
            core.count_call(call);
            return gateway::respond(Answer::failure(400), &core);
        }
    };
    call.status = 101;
    core.count_call(call);
    let wake = Arc::new(Notify::new());
    let link = core.open_link(session, named.unwrap_or_default(), path.to_owned(), wake.clone());
    drop(core);
    let poll = Uuid::new_v4().simple().to_string();
    response.insert_header(("Server", "openresty"));
    response.insert_header(("Set-Cookie", format!("ee-ws-poll-ses={}", &poll[..12])));
    response.insert_header(("x-een-lb-tried-proxies", "127.0.0.1:80"));
    socket::accept(request, payload, response, hub.into_inner(), link, wake)
}

impl Host for Core {
    type Data = Data;

    const HALF: &'static [u8] = br#"{"status_code":200,"message":"OK","data":{"10"#;

    fn line(&mut self, link: u64) -> Option<&mut Line<Data>> {
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
