//! The heart of the simulator, behind one lock: the world, and what is due in it.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc::SyncSender,
    time::{Duration, Instant, SystemTime},
};

use actix_web::{HttpRequest, HttpResponse, web};

use super::{
    Options,
    faults::{Fault, FaultKind},
    gateway,
    happen::Occurrence,
    ledger::{Call, Complaint, Counters, Happening},
    stamp::{self, Micros},
    token::Base,
    world::World,
};
use crate::simulator::common::{
    clock::{Rate, Timers},
    faults::Switchable,
    hub,
    ledger::keep,
    running::Served,
    switches::Switches,
};

/// How often the retention is looked after.
const SWEEP: Duration = Duration::from_millis(100);

/// For how long requests are remembered one by one.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// The most complaints that are kept.
const COMPLAINTS: usize = 10_000;

pub(super) type Hub = hub::Hub<Core>;

pub(super) struct Core {
    pub(super) options: Options,
    pub(super) world: World,
    pub(super) switches: Switches<Fault>,
    pub(super) counters: Counters,
    pub(super) calls: VecDeque<Call>,
    pub(super) complaints: VecDeque<Complaint>,
    pub(super) listeners: Vec<SyncSender<Happening>>,
    /// When the requests of the last minute came, and to what.
    pub(super) recent: VecDeque<(Instant, &'static str)>,
    /// Lists of events that meet one of these are answered with 500.
    pub(super) poisoned: Vec<(Micros, Micros)>,
    /// That of the fault `poison`.
    pub(super) poison: Option<(Micros, Micros)>,
    /// Answers that would have one of these events are 500.
    pub(super) poisoned_events: Vec<i64>,
    pub(super) next_event: i64,
    /// The time of the last event that happened by itself, and how many had it.
    pub(super) last_time: Option<(Micros, usize)>,
    /// Events that cameras are to make, and when.
    pub(super) timers: Timers<(i64, Occurrence)>,
    rate: Rate,
    swept: Instant,
    /// Counts what comes in turns.
    pub(super) turns: usize,
}

impl Core {
    /// Without cameras, which are there once it is known where it listens.
    pub(super) fn new(options: Options) -> Self {
        let empty = Options { cameras: 0, ..options.clone() };
        let mut core = Self {
            world: World::new(&empty, Base::default(), 0),
            switches: Switches::default(),
            options,
            counters: Counters::default(),
            calls: VecDeque::new(),
            complaints: VecDeque::new(),
            listeners: Vec::new(),
            recent: VecDeque::new(),
            poisoned: Vec::new(),
            poison: None,
            poisoned_events: Vec::new(),
            // The id of the event on VXG's page *How to create or trigger an event*.
            next_event: 33_794_128,
            last_time: None,
            timers: Timers::default(),
            rate: Rate::default(),
            swept: Instant::now(),
            turns: 0,
        };
        for fault in core.options.faults.clone() {
            core.inject(fault);
        }
        core
    }

    /// Makes the cameras and what lies in their past.
    pub(super) fn begin(&mut self, address: SocketAddr) {
        let ip = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
        let base = Base { host: ip.to_string(), port: address.port(), path: self.options.path.clone() };
        let now = self.now();
        self.world = World::new(&self.options, base, now / stamp::SECOND);
        self.add_past();
        self.counters.happened = 0;
    }

    /// By the server's clock.
    pub(super) fn now(&self) -> Micros {
        stamp::now(self.options.clock)
    }

    pub(super) fn inject(&mut self, fault: Fault) {
        if let Fault::Poison(reach) = fault {
            let now = self.now();
            self.poison = Some((now.saturating_sub(stamp::span(reach)), now));
        }
        self.switches.set(fault);
    }

    pub(super) fn clear(&mut self, kind: FaultKind) {
        self.switches.clear(kind);
        match kind {
            FaultKind::Poison => self.poison = None,
            FaultKind::PerMinute => self.recent.clear(),
            _ => {}
        }
    }

    /// Whether a counted fault strikes now.
    pub(super) fn strikes(&mut self, kind: FaultKind) -> bool {
        let name = self.switches.get(kind).map(|fault| fault.info().name);
        let strikes = self.switches.strikes(kind);
        self.note_struck(name.filter(|_| strikes));
        strikes
    }

    /// The status of a refusal that strikes now.
    pub(super) fn refuses(&mut self, kind: FaultKind) -> Option<u16> {
        let name = self.switches.get(kind).map(|fault| fault.info().name);
        let status = self.switches.refuse(kind);
        self.note_struck(name.filter(|_| status.is_some()));
        status
    }

    pub(super) fn note_struck(&mut self, name: Option<&'static str>) {
        if let Some(name) = name {
            *self.counters.struck.entry(name).or_default() += 1;
        }
    }

    /// Notes a request and its answer.
    pub(super) fn count_call(&mut self, call: Call) {
        // No answer is no success.
        let status = if call.status == 0 { 500 } else { call.status };
        self.counters.requests.entry(call.endpoint).or_default().count(status);
        *self.counters.schemes.entry(call.scheme).or_default() += 1;
        self.counters.rows += call.rows as u64;
        keep(&mut self.calls, self.options.calls, call);
    }

    /// Notes when a request came, and says how many there were within a minute.
    pub(super) fn note_recent(&mut self, endpoint: &'static str) -> usize {
        let now = Instant::now();
        self.recent.push_back((now, endpoint));
        while self.recent.front().is_some_and(|(at, _)| now - *at > MINUTE) {
            self.recent.pop_front();
        }
        self.recent.len()
    }

    pub(super) fn complain(&mut self, complaint: Complaint) {
        self.counters.complaints += 1;
        keep(&mut self.complaints, COMPLAINTS, complaint);
    }

    pub(super) fn tell(&mut self, camera: i64, words: &str, event: Option<i64>) {
        if self.listeners.is_empty() {
            return;
        }
        let name = self.world.cameras.get(&camera).map(|camera| camera.name.clone()).unwrap_or_default();
        let happening = Happening { at: SystemTime::now(), camera, name, words: words.to_owned(), event };
        // Whoever has gone is forgotten; whoever is slow misses some.
        self.listeners.retain(|listener| {
            !matches!(listener.try_send(happening.clone()), Err(std::sync::mpsc::TrySendError::Disconnected(_)))
        });
    }

    fn strike(&mut self, fault: Fault) {
        self.note_struck(Some(fault.info().name));
        match fault {
            Fault::OddRows(_) => self.odd_row(),
            Fault::MetaChange(_) => self.change_some_meta(),
            Fault::Rotate(_) => {
                let cameras: Vec<i64> = self.world.cameras.keys().copied().collect();
                for camera in cameras {
                    self.world.rotate(camera);
                }
            }
            Fault::Flap(_) => self.flap(),
            _ => {}
        }
    }

    fn sweep(&mut self) {
        if let Some(retention) = self.options.retention {
            let before = self.now().saturating_sub(stamp::span(retention));
            self.world.store.purge(None, before);
        }
    }
}

impl Served for Core {
    const THREAD: &'static str = "vxg-simulator";

    async fn route(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
        gateway::route(request, payload, hub).await
    }

    /// What has to be done every few milliseconds: the rate, what cameras were asked to make, the periodic faults, the retention.
    fn tick(&mut self, passed: Duration) {
        let due = self.rate.due(self.options.rate, passed);
        self.emit(due);
        let now = Instant::now();
        while let Some((camera, what)) = self.timers.take_due(now) {
            self.answer_trigger(camera, what);
        }
        for fault in self.switches.due(now) {
            self.strike(fault);
        }
        if now - self.swept >= SWEEP {
            self.swept = now;
            self.sweep();
        }
    }
}
