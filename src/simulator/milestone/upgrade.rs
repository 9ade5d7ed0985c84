//! The event stream's WebSocket: who is let in, and what clients say on it.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, rt,
    web::{self, Bytes},
};
use tokio::sync::Notify;

use super::{
    commands::Outcome,
    faults::FaultKind,
    flood::FloodJob,
    gateway,
    hub::{Core, Hub},
    link::{Due, Turn},
};
use crate::simulator::common::{
    line::Line,
    socket::{self, Bulk, Host, Manner, Step},
};

/// How long a reply waits to be overtaken by a later one.
const HOLD: Duration = Duration::from_millis(150);

/// Answers a WebSocket handshake.
pub(super) fn upgrade(request: &HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let bearer = socket::header(request.headers(), "authorization");
    let gateway = hub.lock().gateway_of(request);
    let authorized = {
        let mut core = hub.lock();
        let refusal = match (core.switches.refuse(FaultKind::RefuseUpgrade), bearer) {
            (Some(status), _) => Some((status, "Token validation failed: the token is not valid.")),
            (None, None) if core.switches.on(FaultKind::HeaderRequired) => {
                Some((401, "Token validation failed: no token was given."))
            }
            // Without a token the client has to say `authenticate`.
            (None, None) => None,
            (None, bearer) => core.verify(bearer).err().map(|fault| (401, fault.text())),
        };
        if let Some((status, text)) = refusal {
            core.count_upgrade(status, gateway);
            return gateway::refused(status, text);
        }
        bearer.is_some()
    };
    let response = match socket::handshake(request) {
        Ok(response) => response,
        Err(error) => {
            let response = HttpResponse::from(actix_http::Response::from(error));
            hub.lock().count_upgrade(response.status().as_u16(), gateway);
            return response;
        }
    };
    hub.lock().count_upgrade(101, gateway);
    let wake = Arc::new(Notify::new());
    let id = hub.lock().open_link(authorized, gateway, wake.clone());
    socket::accept(request, payload, response, hub.into_inner(), id, wake)
}

impl Host for Core {
    type Data = Due;

    const HALF: &'static [u8] = br#"{"events":[{"specversion":"1.0","id":"#;

    fn line(&mut self, link: u64) -> Option<&mut Line<Due>> {
        self.links.get_mut(&link).map(|link| &mut link.line)
    }

    fn next(&mut self, hub: &Arc<Hub>, link: u64) -> Step {
        match self.next_turn(link) {
            Turn::Step(step) => step,
            Turn::Flood(job) => Step::Bulk(Box::new(FloodTurn { hub: hub.clone(), link, job, events: 0 })),
        }
    }

    fn manner(&self) -> Manner {
        Manner { fragments: self.switches.on(FaultKind::Fragments), bytewise: self.switches.on(FaultKind::Bytewise) }
    }

    fn said(&mut self, hub: &Arc<Hub>, link: u64, text: &[u8]) {
        let (wait, reply) = match self.command(link, text) {
            Outcome::Done => return,
            Outcome::Malformed => {
                if let Some(line) = self.line(link) {
                    // That the connection is closed is documented; the code is inferred.
                    line.close(1008);
                }
                return;
            }
            Outcome::Later(wait, reply) => (wait, Some(reply)),
            Outcome::Held => (HOLD, None),
        };
        let hub = hub.clone();
        rt::spawn(async move {
            rt::time::sleep(wait).await;
            hub.lock().release(link, reply);
        });
    }

    fn pinged(&mut self) -> bool {
        self.counters.pings += 1;
        !self.switches.on(FaultKind::NoPong)
    }

    fn closed(&mut self, link: u64) {
        self.close_link(link);
    }
}

/// One chunk of a flood.
struct FloodTurn {
    hub: Arc<Hub>,
    link: u64,
    job: Box<FloodJob>,
    events: u64,
}

impl Bulk for FloodTurn {
    fn chunk(&mut self) -> Option<Bytes> {
        let (chunk, events) = self.job.chunk()?;
        self.events = events;
        Some(chunk)
    }

    fn written(self: Box<Self>) {
        let Self { hub, link, job, events } = *self;
        hub.lock().flooded(link, job, events);
    }
}
