//! The heart of the simulator, behind one lock: the world, the sessions and the sockets.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, mpsc::SyncSender},
    time::{Duration, Instant, SystemTime},
};

use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::Notify;

use super::{
    DropHow, Options,
    faults::{Fault, FaultKind},
    gateway,
    ledger::{Book, Call, Counters, Happening, SocketRecord},
    link::{Data, Link, Out},
    login::Login,
    sessions::Sessions,
    world::{Place, Watcher, World},
};
use crate::simulator::common::{
    clock::{Rate, Timers},
    hub,
    ledger::keep,
    line::{Line, Message, Voice},
    running::Served,
    switches::Switches,
};

/// How often sessions and quiet sockets are looked through.
const SWEEP: Duration = Duration::from_millis(100);

pub(super) type Hub = hub::Hub<Core>;

/// What is put off.
pub(super) enum Timer {
    /// The legacy half of a status word follows.
    Settle(Place, Instant),
    /// The first answer of a subscription.
    First(u64, usize),
}

pub(super) struct Core {
    pub(super) options: Options,
    pub(super) world: World,
    pub(super) switches: Switches<Fault>,
    pub(super) login: Login,
    pub(super) sessions: Sessions,
    pub(super) book: Book,
    pub(super) counters: Counters,
    pub(super) calls: VecDeque<Call>,
    pub(super) links: HashMap<u64, Link>,
    /// The ids of all links, to draw one of them.
    pub(super) open: Vec<u64>,
    pub(super) listeners: Vec<SyncSender<Happening>>,
    /// Where the branded host is; `None`: where everything is.
    pub(super) brand: Option<SocketAddr>,
    /// Where it was before it moved.
    pub(super) left: Vec<SocketAddr>,
    pub(super) timers: Timers<Timer>,
    next_link: u64,
    rate: Rate,
    swept: Instant,
    /// Until when everything is answered with this status.
    out: Option<(Instant, u16)>,
    /// Counts what comes in turns.
    pub(super) turns: usize,
}

impl Core {
    pub(super) fn new(options: Options) -> Self {
        let switches = Switches::of(&options.faults);
        let mut world = World::new(&options);
        let mut login = Login::default();
        login.add_user(&mut world, &options.username, &options.password);
        Self {
            world,
            options,
            switches,
            login,
            sessions: Sessions::default(),
            book: Book::default(),
            counters: Counters::default(),
            calls: VecDeque::new(),
            links: HashMap::new(),
            open: Vec::new(),
            listeners: Vec::new(),
            brand: None,
            left: Vec::new(),
            timers: Timers::default(),
            next_link: 1,
            rate: Rate::default(),
            swept: Instant::now(),
            out: None,
            turns: 0,
        }
    }
}

impl Served for Core {
    const THREAD: &'static str = "een-simulator";

    async fn route(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
        gateway::route(request, payload, hub).await
    }

    /// What has to be done every few milliseconds: the rate, what was put off, the periodic faults, the end of sessions.
    fn tick(&mut self, passed: Duration) {
        let due = self.rate.due(self.options.rate, passed);
        self.emit(due);
        let now = Instant::now();
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Settle(place, due) => self.settle(place, due),
                Timer::First(link, slot) => {
                    if let Some(link) = self.links.get_mut(&link) {
                        link.tell(Data::First(slot));
                    }
                }
            }
        }
        for fault in self.switches.due(now) {
            self.strike(fault);
        }
        if now - self.swept >= SWEEP {
            self.swept = now;
            self.sweep(now);
        }
    }
}

impl Core {
    fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Close(_) => self.drop_all(DropHow::Close(1001)),
            Fault::Reset(_) => self.drop_all(DropHow::MidFrame),
            Fault::Drop(_) => self.drop_all(DropHow::Fin),
            Fault::HalfOpen(_) => self.drop_all(DropHow::HalfOpen),
            Fault::Stall(_) => self.drop_all(DropHow::Silent),
            Fault::DropTenth(_) => {
                const WAYS: [DropHow; 4] = [DropHow::Fin, DropHow::Reset, DropHow::Close(1001), DropHow::MidFrame];
                self.turns += 1;
                let how = WAYS[self.turns % WAYS.len()];
                self.drop_random(0.1, how)
            }
            Fault::Outage(every) => {
                self.out = Some((Instant::now() + every / 6, self.bad_gateway()));
                0
            }
            Fault::Expire(_) => self.expire_sessions(|_| true),
            Fault::Ping(_) => self.say_to_all(|_| Message::Ping),
            Fault::Garbage(_) => self.send_garbage(),
            Fault::UnknownFrames(_) => self.say_to_all(|_| {
                Message::Text(
                    br#"{"status_code":200,"message":"OK","notice":{"kind":"maintenance","starts":null}}"#.to_vec(),
                )
            }),
            Fault::Flaps(_) => self.strike_devices(1, |core, place| core.flap(place, 6)),
            Fault::Invalid(_) => self.strike_devices(5, |core, place| {
                let word = u32::from(core.world.rng.chance(500));
                core.blink(place, word);
            }),
            _ => 0,
        };
    }

    fn strike_devices(&mut self, count: usize, strike: impl Fn(&mut Self, Place)) -> usize {
        for _ in 0..count {
            if let Some(place) = self.draw_device() {
                strike(self, place);
            }
        }
        count
    }

    /// One of the statuses of a proxy that cannot reach what is behind it, in turn.
    pub(super) fn bad_gateway(&mut self) -> u16 {
        self.turns += 1;
        [502, 503, 504][self.turns % 3]
    }

    /// The status with which everything is answered at the moment, if it is down.
    pub(super) fn down(&mut self) -> Option<u16> {
        let out = self.out.filter(|(until, _)| Instant::now() < *until);
        out.map(|(_, status)| status).or_else(|| self.switches.refuse(FaultKind::Down))
    }

    fn say_to_all(&mut self, what: impl Fn(&Link) -> Message) -> usize {
        // Nothing ever takes from the queue of a mute one.
        let hearing = self.links.values_mut().filter(|link| link.line.voice == Voice::Normal);
        hearing.map(|link| link.line.say(what(link))).count()
    }

    fn send_garbage(&mut self) -> usize {
        const SAMPLES: [&[u8]; 5] = [
            b"{\"status_code\":200,\"message\":\"OK\",\"data\":{\"",
            b"502 Bad Gateway",
            b"\xff\xfe{\"status_code\":200}\x80",
            b"null]",
            b"[]",
        ];
        self.turns += 1;
        let sample = SAMPLES[self.turns % SAMPLES.len()];
        self.say_to_all(|_| Message::Text(sample.to_vec()))
    }

    fn sweep(&mut self, now: Instant) {
        self.expire_lapsed(now);
        if let Some(after) = self.switches.duration(FaultKind::IdleClose) {
            for link in self.links.values_mut() {
                let waits = !link.line.queue.is_empty() || link.line.end.is_some();
                if !waits && now.saturating_duration_since(link.line.busy) > after {
                    link.line.close(1001);
                }
            }
        }
    }

    /// Notes a request and its answer.
    pub(super) fn count_call(&mut self, call: Call) {
        self.counters.requests.entry(call.endpoint).or_default().count(call.status);
        keep(&mut self.calls, self.options.calls, call);
    }

    pub(super) fn open_link(
        &mut self,
        session: Option<Arc<str>>,
        account: String,
        path: String,
        wake: Arc<Notify>,
    ) -> u64 {
        let id = self.next_link;
        self.next_link += 1;
        let denied = session.is_none();
        let session = session.unwrap_or_default();
        let record = Book::is_open(self.options.ledger).then(|| {
            let (session, opened) = (session.clone(), SystemTime::now());
            self.book.sockets.push(SocketRecord { socket: id, session, account, path, opened, closed: None });
            self.book.sockets.len() - 1
        });
        self.sessions.add_link(&session, id);
        let link = Link {
            session,
            record,
            position: self.open.len(),
            subs: Vec::new(),
            line: Line::new(wake),
            denied,
            flood: None,
        };
        self.open.push(id);
        self.links.insert(id, link);
        self.counters.sockets_opened += 1;
        self.counters.sockets_open = self.links.len();
        if denied {
            self.deny(id, 401, "Access denied");
        }
        id
    }

    /// The socket is gone, whoever ended it.
    pub(super) fn close_link(&mut self, id: u64) {
        self.silence(id);
        let Some(link) = self.links.remove(&id) else {
            return;
        };
        self.open.swap_remove(link.position);
        if let Some(moved) = self.open.get(link.position).and_then(|moved| self.links.get_mut(moved)) {
            moved.position = link.position;
        }
        self.counters.sockets_open = self.links.len();
        self.note_end(link.record);
        self.sessions.remove_link(&link.session, id);
        link.line.wake.notify_one();
    }

    fn note_end(&mut self, record: Option<usize>) {
        let record = record.and_then(|record| self.book.sockets.get_mut(record));
        if let Some(record) = record.filter(|record| record.closed.is_none()) {
            record.closed = Some(SystemTime::now());
        }
    }

    /// Ends all subscriptions of a socket. What is queued for it stays.
    pub(super) fn silence(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.flood = None;
        for (slot, sub) in std::mem::take(&mut link.subs).into_iter().enumerate() {
            if let Some(sub) = sub {
                self.world.entities[sub.place].watchers.retain(|watcher| *watcher != Watcher { link: id, slot });
            }
        }
    }

    /// The socket has no valid session any more: it says so, and then nothing else.
    pub(super) fn deny(&mut self, id: u64, status: u16, text: &str) {
        // First answers that wait are lost; changes that wait are not.
        if let Some(link) = self.links.get_mut(&id) {
            link.line.queue.retain(|out| !matches!(out, Out::Data(Data::First(_) | Data::FirstEvents(_))));
        }
        self.silence(id);
        let close = self.switches.count(FaultKind::CloseOnLoss);
        if let Some(link) = self.links.get_mut(&id) {
            link.denied = true;
            link.line.text(super::poll::failure(status, text));
            if let Some(code) = close.and_then(|code| u16::try_from(code).ok()) {
                link.line.close(code);
            }
        }
    }

    pub(super) fn drop_all(&mut self, how: DropHow) -> usize {
        self.drop_where(how, |_| true)
    }

    /// Breaks those sockets that are meant, and says how many.
    pub(super) fn drop_where(&mut self, how: DropHow, meant: impl Fn(&Link) -> bool) -> usize {
        let ids: Vec<u64> = self.links.iter().filter(|(_, link)| meant(link)).map(|(id, _)| *id).collect();
        ids.iter().for_each(|id| self.drop_link(*id, how));
        ids.len()
    }

    /// Breaks a random part of all sockets, at least one where there are any; says how many.
    pub(super) fn drop_random(&mut self, fraction: f64, how: DropHow) -> usize {
        let ids = self.world.rng.part(self.open.clone(), fraction);
        ids.iter().for_each(|id| self.drop_link(*id, how));
        ids.len()
    }

    fn drop_link(&mut self, id: u64, how: DropHow) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.line.lose(how);
        let record = link.record;
        self.silence(id);
        self.note_end(record);
    }
}
