//! Several gateways in front of one system, of which some can be in trouble.
//!
//! Each is a listening socket. They are counted from 1 as discovery lists those that are alive; the first is at the simulator's own address, where
//! discovery and the identity provider are as well.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, rt, web};

use super::{
    DropHow,
    faults::FaultKind,
    gateway::plain,
    hub::{Core, Hub},
};

/// How often it is looked whether a gateway that hangs still does.
const STEP: Duration = Duration::from_millis(50);

/// A gateway that is away for a while.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outage {
    number: usize,
    until: Instant,
}

impl Core {
    /// Which gateway a request has come to.
    pub(super) fn gateway_of(&self, request: &HttpRequest) -> usize {
        let port = request.app_config().local_addr().port();
        self.gateways.iter().position(|gateway| gateway.port() == port).map_or(1, |further| further + 2)
    }

    /// How many sockets are open at a gateway.
    pub(super) fn sockets_at(&self, number: usize) -> usize {
        self.links.values().filter(|link| link.gateway == number).count()
    }

    /// Breaks all links of one gateway, and says how many there were.
    pub(super) fn drop_links_of(&mut self, number: usize, how: DropHow) -> usize {
        let links: Vec<u64> = self.links.iter().filter(|(_, link)| link.gateway == number).map(|(id, _)| *id).collect();
        for link in &links {
            self.drop_link(*link, how);
        }
        links.len()
    }

    /// The gateway with the most sockets goes away for so long.
    pub(super) fn begin_outage(&mut self, length: Duration) -> usize {
        let numbers = 1..=self.gateways.len() + 1;
        let number = numbers.max_by_key(|number| self.sockets_at(*number)).unwrap_or(1);
        self.outage = Some(Outage { number, until: Instant::now() + length });
        self.drop_links_of(number, DropHow::Reset)
    }

    fn is_away(&self, number: usize) -> bool {
        self.outage.is_some_and(|outage| outage.number == number && Instant::now() < outage.until)
    }

    fn has(&self, fault: FaultKind, number: usize) -> bool {
        self.switches.count(fault) == Some(number)
    }

    /// Where sessions are apart, whether one that began at this gateway is not known there.
    pub(super) fn is_strange_at(&self, gateway: usize, link: u64) -> bool {
        let here = self.links.get(&link).map(|link| link.gateway);
        self.switches.on(FaultKind::GatewaysApart) && here != Some(gateway)
    }
}

/// What a gateway in trouble answers; `None` if it is in none.
pub(super) async fn trouble(request: &HttpRequest, hub: &web::Data<Hub>, endpoint: &str) -> Option<HttpResponse> {
    let (number, hangs) = {
        let mut core = hub.lock();
        let number = core.gateway_of(request);
        let hangs = core.has(FaultKind::GatewayHangs, number);
        core.counters.unserved += u64::from(hangs);
        (number, hangs)
    };
    while hangs && hub.lock().has(FaultKind::GatewayHangs, number) {
        rt::time::sleep(STEP).await;
    }
    let mut core = hub.lock();
    let response = core.trouble(request, number, endpoint);
    core.counters.unserved += u64::from(response.is_some());
    response
}

impl Core {
    fn trouble(&mut self, request: &HttpRequest, number: usize, endpoint: &str) -> Option<HttpResponse> {
        if self.is_away(number) {
            if let Some(socket) = request.conn_data::<Arc<socket2::Socket>>() {
                // It ends without a word.
                let _ = socket.shutdown(Shutdown::Both);
            }
            return Some(plain(503, "The service is unavailable."));
        }
        let is_upgrade = endpoint == "ws";
        if self.has(FaultKind::GatewayBusy, number) || is_upgrade && self.has(FaultKind::GatewayRefuses, number) {
            if is_upgrade {
                self.count_upgrade(503, number);
            }
            return Some(plain(503, "The service is unavailable."));
        }
        if endpoint == "token" && self.has(FaultKind::GatewayAlone, number) {
            return Some(plain(502, "Bad Gateway"));
        }
        None
    }
}
