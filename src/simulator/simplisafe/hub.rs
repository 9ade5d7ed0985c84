//! The heart of the simulator, behind one lock: the world, the tokens and the sockets.

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
    auth::Tokens,
    codes::Bolt,
    faults::{Fault, FaultKind},
    gateway,
    happen::Occurrence,
    ledger::{Call, Counters, Happening, SocketRecord},
    link::{Link, Out, Push},
    media::Clip,
    rows::envelope,
    stamp,
    world::{Part, Place, World},
};
use crate::simulator::common::{
    clock::{Rate, Timers},
    hub,
    ledger::keep,
    line::{Line, Message, Voice},
    running::Served,
    switches::Switches,
};

/// How often tokens and quiet sockets are looked through.
const SWEEP: Duration = Duration::from_millis(50);

/// How long an event waits for the one that is to overtake it.
const OVERTAKEN: Duration = Duration::from_secs(1);

pub(super) type Hub = hub::Hub<Core>;

/// What is put off.
pub(super) enum Timer {
    Push(Push),
    /// The cloud hears from the base station.
    Sync(Place),
    /// An alarm is set or goes off, unless it was changed since.
    Alarm(Place, u64, Box<Occurrence>),
    Bolt(Place, Part, Bolt),
    /// A socket is answered that it is subscribed.
    Subscribed(u64),
}

pub(super) struct Core {
    pub(super) options: Options,
    pub(super) world: World,
    pub(super) switches: Switches<Fault>,
    pub(super) tokens: Tokens,
    pub(super) counters: Counters,
    pub(super) calls: VecDeque<Call>,
    pub(super) sockets: VecDeque<SocketRecord>,
    pub(super) links: HashMap<u64, Link>,
    pub(super) clips: HashMap<u64, Clip>,
    pub(super) next_clip: u64,
    pub(super) listeners: Vec<SyncSender<Happening>>,
    /// `http://host:port` of the simulator, and of a host that is not the vendor's.
    pub(super) url: String,
    pub(super) foreign: Option<SocketAddr>,
    /// Pushes are kept back.
    pub(super) holding: bool,
    pub(super) held: Vec<Push>,
    /// An event that is to be overtaken, and since when it waits.
    pub(super) waiting: Option<(Instant, Push)>,
    /// How many events would have been pushed.
    pub(super) published: u64,
    /// Until when every request is answered as to a blocked address.
    pub(super) blocked_until: Option<Instant>,
    /// When the requests of the last minute came.
    pub(super) recent: VecDeque<Instant>,
    pub(super) timers: Timers<Timer>,
    next_link: u64,
    rate: Rate,
    swept: Instant,
    /// Counts what comes in turns.
    pub(super) turns: usize,
}

impl Core {
    pub(super) fn new(options: Options) -> Self {
        let world = World::new(&options);
        let mut tokens = Tokens::default();
        for (place, user) in world.users.iter().enumerate() {
            tokens.add_refresh(user.refresh_token.clone(), place);
        }
        let mut core = Self {
            switches: Switches::of(&options.faults),
            world,
            options,
            tokens,
            counters: Counters::default(),
            calls: VecDeque::new(),
            sockets: VecDeque::new(),
            links: HashMap::new(),
            clips: HashMap::new(),
            next_clip: 26_361_666_000,
            listeners: Vec::new(),
            url: String::new(),
            foreign: None,
            holding: false,
            held: Vec::new(),
            waiting: None,
            published: 0,
            blocked_until: None,
            recent: VecDeque::new(),
            timers: Timers::default(),
            next_link: 1,
            rate: Rate::default(),
            swept: Instant::now(),
            turns: 0,
        };
        let past = core.options.past;
        for place in 0..core.world.systems.len() {
            core.add_past(place, past, Duration::from_secs(3600), Duration::from_secs(3600));
        }
        core.counters.happened = 0;
        core
    }
}

impl Served for Core {
    const THREAD: &'static str = "simplisafe-simulator";

    async fn route(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
        gateway::route(request, payload, hub).await
    }

    /// What has to be done every few milliseconds: the rate, what was put off, the periodic faults, the end of tokens.
    fn tick(&mut self, passed: Duration) {
        let due = self.rate.due(self.options.rate, passed);
        self.emit(due);
        let now = Instant::now();
        while let Some(timer) = self.timers.take_due(now) {
            self.fire(timer);
        }
        if let Some((_, push)) = self.waiting.take_if(|(since, _)| now - *since >= OVERTAKEN) {
            self.deliver(&push);
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
    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Push(push) => self.deliver(&push),
            Timer::Sync(place) => self.world.systems[place].sync(),
            Timer::Alarm(place, round, what) => {
                if self.world.systems[place].alarm_round == round {
                    self.occur(place, *what);
                }
            }
            Timer::Bolt(place, part, bolt) => {
                self.bolt(place, part, bolt);
            }
            Timer::Subscribed(link) => self.welcome(link),
        }
    }

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
            Fault::ServerError(_) => {
                let error = self.options.identify_error.clone();
                self.say_to_all(|_| Out::Message(Message::Text(error.clone().into_bytes())));
                self.say_to_all(|_| Out::End(DropHow::Fin))
            }
            Fault::Expire(_) => self.expire_tokens(),
            Fault::Ping(_) => self.say_to_all(|_| Out::Message(Message::Ping)),
            Fault::Garbage(_) => self.send_garbage(),
            Fault::Binary(_) => self.say_to_all(|_| Out::Message(Message::Binary(vec![0, 159, 146, 150]))),
            Fault::Untyped(_) => self.send_untyped(),
            Fault::Maimed(_) => self.send_maimed(),
            Fault::OddEvents(_) => self.odd_event(),
            _ => 0,
        };
    }

    fn say_to_all(&mut self, what: impl Fn(&Link) -> Out) -> usize {
        // Nothing ever takes from the queue of a mute one.
        let hearing = self.links.values_mut().filter(|link| link.line.voice == Voice::Normal);
        hearing.map(|link| link.line.push(what(link))).count()
    }

    fn send_garbage(&mut self) -> usize {
        const SAMPLES: [&[u8]; 5] = [
            b"{\"type\":\"com.simplisafe.event.standard\",\"data\":{\"",
            b"502 Bad Gateway",
            b"\xff\xfe{\"type\":\"com.simplisafe.event.standard\"}\x80",
            b"null]",
            b"[]",
        ];
        self.turns += 1;
        let sample = SAMPLES[self.turns % SAMPLES.len()];
        self.say_to_all(|_| Out::Message(Message::Text(sample.to_vec())))
    }

    fn send_untyped(&mut self) -> usize {
        self.turns += 1;
        let mut text = envelope("ts:1", "service", "service.maintenance", stamp::now(), None);
        if self.turns.is_multiple_of(2) {
            text = text.replace("\"type\"", "\"kind\"");
        }
        self.say_to_all(|_| Out::Message(Message::Text(text.clone().into_bytes())))
    }

    fn sweep(&mut self, now: Instant) {
        self.tokens.sweep(now);
        let within = self.switches.duration(FaultKind::IdentifyWithin);
        let idle = self.switches.duration(FaultKind::IdleClose);
        let cuts = self.switches.on(FaultKind::ExpiryCuts);
        for link in self.links.values_mut().filter(|link| link.line.end.is_none() && link.line.voice == Voice::Normal) {
            let late = link.user.is_none() && within.is_some_and(|within| now - link.opened > within);
            let quiet = idle.is_some_and(|idle| now.saturating_duration_since(link.line.busy) > idle);
            let expired =
                link.user.is_some() && link.token.as_ref().is_none_or(|token| self.tokens.user(token).is_none());
            if late || quiet || (cuts && expired) {
                link.line.lose(DropHow::Fin);
            }
        }
    }

    pub(super) fn expire_tokens(&mut self) -> usize {
        let count = self.tokens.expire();
        self.sweep(Instant::now());
        count
    }

    /// Notes a request and its answer.
    pub(super) fn count_call(&mut self, call: Call) {
        self.counters.requests.entry(call.endpoint).or_default().count(call.status);
        self.counters.tokens_abroad += u64::from(Some(call.door) == self.foreign && call.bearer.is_some());
        keep(&mut self.calls, self.options.calls, call);
    }

    pub(super) fn open_link(&mut self, wake: Arc<Notify>) -> u64 {
        let number = self.next_link;
        self.next_link += 1;
        let opened = SystemTime::now();
        let record = SocketRecord { socket: number, user: None, identified: 0, token: None, opened, closed: None };
        keep(&mut self.sockets, self.options.sockets, record);
        let now = Instant::now();
        let link = Link { number, opened: now, user: None, token: None, subscribed: false, line: Line::new(wake) };
        self.links.insert(number, link);
        self.counters.sockets_opened += 1;
        if !self.switches.on(FaultKind::HelloLate) {
            self.hello(number);
        }
        number
    }

    pub(super) fn socket_record(&mut self, number: u64) -> Option<&mut SocketRecord> {
        let first = self.sockets.front()?.socket;
        self.sockets.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// The socket is gone, whoever ended it.
    pub(super) fn close_link(&mut self, number: u64) {
        if let Some(link) = self.links.remove(&number) {
            self.note_end(number);
            link.line.wake.notify_one();
        }
    }

    fn note_end(&mut self, number: u64) {
        if let Some(record) = self.socket_record(number).filter(|record| record.closed.is_none()) {
            record.closed = Some(SystemTime::now());
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
        let mut ids: Vec<u64> = self.links.keys().copied().collect();
        ids.sort_unstable();
        let ids = self.world.rng.part(ids, fraction);
        ids.iter().for_each(|id| self.drop_link(*id, how));
        ids.len()
    }

    fn drop_link(&mut self, number: u64, how: DropHow) {
        let Some(link) = self.links.get_mut(&number) else {
            return;
        };
        link.line.lose(how);
        self.note_end(number);
    }
}
