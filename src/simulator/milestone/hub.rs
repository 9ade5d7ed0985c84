//! The heart of the simulator, behind one lock: the world, the sessions and the links.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::Notify;

use super::{
    DropHow, Options, Pace,
    faults::{Fault, FaultKind},
    flood::{FloodJob, FloodPlan},
    gateway,
    gateways::Outage,
    identity::Identity,
    items,
    ledger::{Counters, Emitted, Ended, FloodRecord, Ledger},
    link::Link,
    pacer,
    session::Session,
    windows::Handshakes,
    world::World,
};
use crate::simulator::common::{clock::Rate, hub, running::Served, switches::Switches};

/// How many devices flip in a burst: those of the recording server on which it was observed.
const BURST: usize = 234;

pub(super) type Hub = hub::Hub<Core>;

pub(super) struct Core {
    pub(super) options: Options,
    pub(super) world: World,
    pub(super) switches: Switches<Fault>,
    pub(super) identity: Identity,
    pub(super) handshakes: Handshakes,
    pub(super) ledger: Ledger,
    pub(super) counters: Counters,
    pub(super) sessions: HashMap<String, Session>,
    pub(super) links: HashMap<u64, Link>,
    /// Further gateways that are alive, for `several-gateways`.
    pub(super) gateways: Vec<SocketAddr>,
    /// Addresses that refuse connections, for `dead-gateways`.
    pub(super) dead_gateways: Vec<SocketAddr>,
    /// The gateway that is away, for `gateway-outage`.
    pub(super) outage: Option<Outage>,
    next_link: u64,
    floods: u32,
    rate: Rate,
    garbage: u64,
}

impl Core {
    pub(super) fn new(options: Options) -> Self {
        let switches = Switches::of(&options.faults);
        let mut world = World::new(options.items, options.seed);
        items::gather(&mut world, options.crowd);
        Self {
            world,
            options,
            switches,
            identity: Identity::default(),
            handshakes: Handshakes::default(),
            ledger: Ledger::default(),
            counters: Counters::default(),
            sessions: HashMap::new(),
            links: HashMap::new(),
            gateways: Vec::new(),
            dead_gateways: Vec::new(),
            outage: None,
            next_link: 1,
            floods: 0,
            rate: Rate::default(),
            garbage: 0,
        }
    }
}

impl Served for Core {
    const THREAD: &'static str = "milestone-simulator";

    async fn route(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
        gateway::route(request, payload, hub).await
    }

    /// What has to be done every few milliseconds: the rate, the periodic faults, the end of sessions.
    fn tick(&mut self, passed: Duration) {
        let due = self.rate.due(self.options.rate, passed);
        self.emit(due);
        for fault in self.switches.due(Instant::now()) {
            match fault {
                Fault::Recycle(_) => self.drop_links(DropHow::Close(1001), None),
                Fault::Reset(_) => self.drop_links(DropHow::MidFrame, None),
                Fault::Drop(_) => self.drop_links(DropHow::Fin, None),
                Fault::HalfOpen(_) => self.drop_links(DropHow::HalfOpen, None),
                Fault::Stall(_) => self.drop_links(DropHow::Silent, None),
                Fault::GatewayOutage(every) => self.begin_outage(every / 2),
                Fault::Garbage(_) => self.send_garbage(),
                Fault::Burst(_) => {
                    self.burst(BURST);
                    0
                }
                _ => 0,
            };
        }
        self.expire();
    }
}

impl Core {
    /// Lets something happen: to the ledger, and to every session that wants it.
    pub(super) fn publish(&mut self, event: Emitted) -> Arc<Emitted> {
        let event = Arc::new(event);
        self.counters.generated += 1;
        if self.options.ledger {
            self.ledger.events.push(event.clone());
        }
        let in_order = self.switches.on(FaultKind::FiltersInOrder);
        let twice = self.switches.on(FaultKind::ToldTwice);
        let cap = self.cap();
        let now = Instant::now();
        for session in self.sessions.values_mut() {
            if session.expired(now, self.options.window) || !session.wants(&event.source, &event.event_type, in_order) {
                continue;
            }
            let serial = session.push(event.clone(), self.options.window);
            let record = &mut self.ledger.sessions[session.record];
            record.in_order |= in_order;
            if self.options.ledger {
                record.offered.push(event.index);
            }
            match session.link.and_then(|link| self.links.get_mut(&link)) {
                Some(link) => {
                    link.tell(event.clone(), Some(serial));
                    let wanting = if twice { session.wanting(&event.source, &event.event_type, in_order) } else { 1 };
                    (1..wanting).for_each(|_| link.tell(event.clone(), None));
                }
                None => record.dropped.extend(cap.map(|cap| session.cap(cap)).unwrap_or_default()),
            }
        }
        event
    }

    /// Lets `count` events of the walk happen, and what the faults add to them.
    pub(super) fn emit(&mut self, count: usize) {
        for _ in 0..count {
            let spare_motion = self.links.values().any(|link| link.flooding);
            let event = self.world.walk(spare_motion);
            let nth = self.publish(event).index;
            if self.switches.on(FaultKind::MissingMembers) && nth.is_multiple_of(4) {
                let event = self.world.defective();
                self.publish(event);
            }
            if self.switches.on(FaultKind::BigEvents) && nth.is_multiple_of(16) {
                let event = self.world.big();
                event.map(|event| self.publish(event));
            }
        }
    }

    pub(super) fn burst(&mut self, count: usize) {
        for event in self.world.burst(count) {
            self.publish(event);
        }
    }

    fn send_garbage(&mut self) -> usize {
        const SAMPLES: [&[u8]; 4] =
            [b"{\"events\":[{\"id\":", b"503 Service Unavailable", b"\xff\xfe{\"events\":[]}\x80", b"null]"];
        self.garbage += 1;
        let sample = SAMPLES[(self.garbage % SAMPLES.len() as u64) as usize];
        for link in self.links.values_mut() {
            link.line.text(sample);
        }
        self.links.len()
    }

    fn expire(&mut self) {
        let (now, window) = (Instant::now(), self.options.window);
        let expired: Vec<String> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.expired(now, window))
            .map(|(id, _)| id.clone())
            .collect();
        for id in expired {
            self.end_session(&id, Ended::Expired);
        }
    }

    pub(super) fn end_session(&mut self, id: &str, why: Ended) {
        if let Some(session) = self.sessions.remove(id) {
            self.ledger.sessions[session.record].ended = Some((SystemTime::now(), why));
        }
    }

    /// The socket of a session is lost: its window begins, `late` from now.
    pub(super) fn lose_session(&mut self, id: &str, late: Duration) {
        let cap = self.cap();
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.link = None;
        session.lost = Some(Instant::now() + late);
        let record = &mut self.ledger.sessions[session.record];
        record.lost.push(SystemTime::now());
        record.dropped.extend(cap.map(|cap| session.cap(cap)).unwrap_or_default());
        if let Some(why) = session.doomed {
            self.end_session(id, why);
        }
    }

    fn cap(&self) -> Option<usize> {
        self.switches.count(FaultKind::Buffer).or(self.options.buffer)
    }

    /// Makes every resume fail: sessions that are away end now, the others as soon as their socket is lost.
    pub(super) fn forget_sessions(&mut self) {
        let mut away = Vec::new();
        for (id, session) in &mut self.sessions {
            session.doomed = Some(Ended::Forgotten);
            if session.link.is_none() {
                away.push(id.clone());
            }
        }
        for id in away {
            self.end_session(&id, Ended::Forgotten);
        }
    }

    pub(super) fn open_link(&mut self, authorized: bool, gateway: usize, wake: Arc<Notify>) -> u64 {
        let id = self.next_link;
        self.next_link += 1;
        self.links.insert(id, Link::new(authorized, gateway, wake));
        self.counters.sockets_open = self.links.len();
        id
    }

    /// The socket is gone, whoever ended it.
    pub(super) fn close_link(&mut self, id: u64) {
        let Some(mut link) = self.links.remove(&id) else {
            return;
        };
        self.counters.sockets_open = self.links.len();
        self.cut_flood(&mut link);
        link.line.wake.notify_one();
        if let Some(session) = link.session {
            self.lose_session(&session, Duration::ZERO);
        }
    }

    /// Breaks all links, or that of one session, and says how many.
    pub(super) fn drop_links(&mut self, how: DropHow, only: Option<&str>) -> usize {
        let ids: Vec<u64> = self
            .links
            .iter()
            .filter(|(_, link)| only.is_none() || link.session.as_deref() == only)
            .map(|(id, _)| *id)
            .collect();
        for id in &ids {
            self.drop_link(*id, how);
        }
        ids.len()
    }

    pub(super) fn drop_link(&mut self, id: u64, how: DropHow) {
        let Some(mut link) = self.links.remove(&id) else {
            return;
        };
        let abrupt = matches!(how, DropHow::Reset | DropHow::MidFrame | DropHow::HalfOpen);
        link.line.lose(how);
        if how != DropHow::Silent {
            self.cut_flood(&mut link);
            if let Some(session) = link.session.take() {
                let late = self.switches.duration(FaultKind::LateWindow).filter(|_| abrupt);
                self.lose_session(&session, late.unwrap_or_default());
            }
        }
        self.links.insert(id, link);
    }

    /// A flood is not kept for replay, so a session whose flood was cut off cannot be resumed without a loss.
    fn cut_flood(&mut self, link: &mut Link) {
        link.flood = None;
        let flooding = std::mem::take(&mut link.flooding);
        let session = link.session.as_deref().and_then(|id| self.sessions.get_mut(id));
        if let (true, Some(session)) = (flooding, session) {
            session.doomed = Some(Ended::FloodCutOff);
        }
    }

    /// Begins a flood to all sessions, or to one, that want motion of all cameras; says to how many.
    pub(super) fn flood(&mut self, events: u64, per_frame: usize, pace: Option<Pace>, only: Option<&str>) -> usize {
        let in_order = self.switches.on(FaultKind::FiltersInOrder);
        let mut takers: Vec<String> = Vec::new();
        for (id, session) in &self.sessions {
            let idle = session.link.and_then(|link| self.links.get(&link)).is_some_and(|link| !link.flooding);
            let chosen = idle && only.is_none_or(|only| only == id);
            if chosen && self.wants_all_motion(session, in_order) {
                takers.push(id.clone());
            }
        }
        if takers.is_empty() {
            return 0;
        }
        self.floods += 1;
        let Some(plan) = FloodPlan::new(&mut self.world, self.floods, events, per_frame, pace) else {
            return 0;
        };
        let plan = Arc::new(plan);
        let mut writers = Vec::new();
        for id in &takers {
            let job = FloodJob::new(plan.clone(), self.ledger.floods.len());
            self.ledger.floods.push(FloodRecord {
                number: plan.number,
                session: id.clone(),
                events: plan.events,
                sent: 0,
                started: SystemTime::now(),
                finished: None,
            });
            let link = self.sessions.get(id).and_then(|session| session.link);
            if let Some(link) = link.and_then(|link| self.links.get_mut(&link)) {
                link.flood = Some(Box::new(job));
                link.flooding = true;
                link.line.wake.notify_one();
                writers.push(link.line.wake.clone());
            }
        }
        if pace.is_some()
            && let Err(error) = pacer::start(&plan, writers)
        {
            tracing::error!(%error, "the flood cannot be paced, it will stand still");
        }
        takers.len()
    }

    fn wants_all_motion(&self, session: &Session, in_order: bool) -> bool {
        let types = ["MotionStarted", "MotionStopped"].map(|name| self.world.event_type(name));
        let types = types.into_iter().flatten().map(|position| &self.world.types[position].id);
        let mut pairs = types.flat_map(|id| self.world.items_of("cameras").map(move |camera| (camera, id)));
        pairs.all(|(camera, id)| session.wants(&camera.source, id, in_order))
    }
}
