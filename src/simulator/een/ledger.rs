//! What happened, for a test that wants to know what a client must have seen and what it did.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{
    options::Keep,
    status::{Reading, says_nothing},
    world::Place,
};
pub use crate::simulator::common::ledger::Tally;

/// A consistent picture of everything so far.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// By ESN. A device, account or user is here as soon as something was said about it, or happened to it.
    pub devices: BTreeMap<String, DeviceLedger>,
    /// Every WebSocket that was accepted, in order.
    pub sockets: Vec<SocketRecord>,
}

/// Statuses and events of one device.
#[derive(Debug, Clone, Default)]
pub struct DeviceLedger {
    /// Whether it is a bridge.
    pub bridge: bool,
    /// Every status word that the device showed, in order; the first is that from before anything happened.
    pub statuses: Vec<StatusRecord>,
    /// Every event, in order; those from before the simulator was there are added when they are first shown.
    pub events: Vec<EventRecord>,
    /// How many older statuses and events were thrown away to keep the ledger small.
    pub forgotten: u64,
}

impl DeviceLedger {
    /// What a client could read from the statuses that it was shown, in the order in which it was; words that say nothing are left out. A client
    /// that asked for the extended half reads both.
    pub fn readings(&self) -> Vec<(&Shown, Reading)> {
        let said = self.statuses.iter().filter(|status| !says_nothing(status.word));
        let mut readings: Vec<_> = said
            .flat_map(|status| status.shown.iter().map(move |shown| (shown, status)))
            .map(|(shown, status)| {
                let half = if shown.extended { (status.word64 >> 32) as u32 } else { 0 };
                (shown, Reading::of_extended(self.bridge, status.word, half))
            })
            .collect();
        readings.sort_by_key(|(shown, _)| shown.order);
        readings
    }
}

/// A status word. It differs from the one before in one half at least: who asked for the legacy half is not told of a change of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRecord {
    /// Counts the statuses of this device from 0.
    pub index: u64,
    /// From when it was shown to whoever asked.
    pub at: SystemTime,
    /// The legacy half: what `status`, `status_hex` and `status_masked` tell.
    pub word: u32,
    /// Both halves: what `status64` and `status_hex64` tell.
    pub word64: u64,
    /// To whom it was sent. Empty: it passed while nobody was subscribed, or before it could be sent.
    pub shown: Vec<Shown>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// The four letters.
    pub code: String,
    /// Its time as written on the wire. With ESN and code it names the event.
    pub timestamp: String,
    /// When it happened here; for one from before the simulator was there, when it was first shown.
    pub at: SystemTime,
    /// To whom it was sent.
    pub shown: Vec<Shown>,
}

/// One time that something was handed to a socket. What is lost with the socket right after that was handed to it all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Counts everything that was shown, of all devices, in order.
    pub order: u64,
    /// When.
    pub at: SystemTime,
    /// Counts all sockets from 1.
    pub socket: u64,
    /// The session of the socket.
    pub session: Arc<str>,
    /// It was the first answer to a subscription: the state as it was then, and no occurrence.
    pub first: bool,
    /// For a status: whether the legacy half was in it.
    pub legacy: bool,
    /// For a status: whether the extended half was in it.
    pub extended: bool,
}

/// The life of one WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketRecord {
    /// Counts all sockets from 1.
    pub socket: u64,
    /// Its session; empty where none was told.
    pub session: Arc<str>,
    /// The account in which the session was when it was opened.
    pub account: String,
    /// The account that its path named.
    pub path: String,
    /// When it was accepted.
    pub opened: SystemTime,
    /// When it was broken or had ended.
    pub closed: Option<SystemTime>,
}

/// How a device is now, see [`Simulator::truth`](super::Simulator::truth).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Its account.
    pub account: String,
    /// Its name.
    pub name: String,
    /// Whether it is a bridge.
    pub bridge: bool,
    /// Its service status: `ATTD`, `IGND`, `IDLE`, or nothing.
    pub service: &'static str,
    /// The legacy word that is shown now.
    pub word: u32,
    /// Both halves as they are shown now.
    pub word64: u64,
    /// What the newest legacy word tells that is neither 0 nor invalid.
    pub legacy: Reading,
    /// What both halves tell together: truer, and without the delay of the legacy half.
    pub extended: Reading,
}

/// An account, see [`Simulator::accounts`](super::Simulator::accounts).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountNow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// It is suspended.
    pub suspended: bool,
    /// It is inactive.
    pub inactive: bool,
    /// Its own devices that are attached, bridges too.
    pub devices: Vec<String>,
}

/// A session that is valid, see [`Simulator::sessions`](super::Simulator::sessions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionNow {
    /// The value of its cookies.
    pub id: Arc<str>,
    /// The user's name.
    pub user: Arc<str>,
    /// The account that it is in.
    pub account: String,
    /// How many sockets it has open.
    pub sockets: usize,
}

/// What clients asked and what they were given.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Requests by endpoint: `authenticate`, `two_factor`, `authorize`, `switch`, `logout`, `isauth`, `user`, `accounts`, `devices`, `device`,
    /// `ws`, `other`.
    pub requests: BTreeMap<&'static str, Tally>,
    /// Those answered with 429 by the rate limit.
    pub rate_limited: u64,
    /// Sockets that are open now.
    pub sockets_open: usize,
    /// Sockets that were ever open.
    pub sockets_opened: u64,
    /// Messages of clients on sockets.
    pub messages: u64,
    /// Messages that were answered with 400.
    pub refused_messages: u64,
    /// Pings of clients.
    pub pings: u64,
    /// Entities that were subscribed to, again and again counted.
    pub subscriptions: u64,
    /// First answers handed to sockets.
    pub firsts: u64,
    /// Statuses handed to sockets, first answers aside.
    pub statuses: u64,
    /// Events handed to sockets, first answers aside.
    pub events: u64,
    /// Frames with data handed to sockets.
    pub frames: u64,
    /// Status changes and events that happened, whether or not anybody was told.
    pub happened: u64,
}

impl Counters {
    /// The tally of an endpoint.
    pub fn of(&self, endpoint: &str) -> Tally {
        self.requests.get(endpoint).copied().unwrap_or_default()
    }

    /// Logins that came to their end.
    pub fn logins(&self) -> u64 {
        self.of("authorize").ok
    }
}

/// One request, upgrades too, and the secrets that it carried.
#[derive(Debug, Clone)]
pub struct Call {
    /// As in [`Counters::requests`].
    pub endpoint: &'static str,
    /// When, for measuring.
    pub at: Instant,
    /// When, by the clock.
    pub time: SystemTime,
    /// The HTTP status that was answered.
    pub status: u16,
    /// The user: whose session it is, or who logs in.
    pub user: Option<Arc<str>>,
    /// The account that the session was in before, or that the path of an upgrade named.
    pub account: Option<String>,
    /// The cookie `auth_key`, or `videobank_sessionid` where that is alone.
    pub cookie: Option<Arc<str>>,
    /// `A`, wherever it was.
    pub a: Option<Arc<str>>,
    /// The cookie `tfa_key`.
    pub tfa_key: Option<Arc<str>>,
    /// The API key, as it was sent.
    pub api_key: Option<Arc<str>>,
}

/// Something that happened, in the VMS's own words, see [`Simulator::happenings`](super::Simulator::happenings).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: SystemTime,
    /// The account's name.
    pub account: String,
    /// The device, or whatever it is about.
    pub esn: String,
    /// `Kitchen Camera: Internet Offline`.
    pub words: String,
}

/// Which record of an entity something tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    Status(u64),
    Event(u64),
}

struct Log<T> {
    first: u64,
    records: VecDeque<T>,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { first: 0, records: VecDeque::new() }
    }
}

impl<T> Log<T> {
    fn push(&mut self, keep: Keep, record: T) -> u64 {
        let serial = self.first + self.records.len() as u64;
        self.records.push_back(record);
        if let Keep::Newest(most) = keep {
            while self.records.len() > most.max(1) {
                self.records.pop_front();
                self.first += 1;
            }
        }
        serial
    }

    fn get_mut(&mut self, serial: u64) -> Option<&mut T> {
        let position = serial.checked_sub(self.first)?;
        self.records.get_mut(usize::try_from(position).ok()?)
    }

    fn next(&self) -> u64 {
        self.first + self.records.len() as u64
    }
}

#[derive(Default)]
struct Page {
    statuses: Log<StatusRecord>,
    events: Log<EventRecord>,
    /// Serial number of the newest record of each code.
    newest: Vec<([u8; 4], u64)>,
}

/// The ledger while it is written.
#[derive(Default)]
pub(super) struct Book {
    pages: HashMap<Place, Page>,
    next_shown: u64,
    pub(super) sockets: Vec<SocketRecord>,
}

impl Book {
    pub(super) fn is_open(keep: Keep) -> bool {
        keep != Keep::Nothing
    }

    /// A device shows a word from now on. `before` is the one that it showed until now.
    pub(super) fn status(&mut self, keep: Keep, place: Place, before: (u32, u64), now: (u32, u64)) {
        let page = self.page(place, before);
        let (word, word64) = now;
        let index = page.statuses.next();
        page.statuses.push(keep, StatusRecord { index, at: SystemTime::now(), word, word64, shown: Vec::new() });
    }

    /// The newest status of a device, which shows this word now.
    pub(super) fn newest_status(&mut self, place: Place, now: (u32, u64)) -> Note {
        let next = self.page(place, now).statuses.next();
        Note::Status(next.saturating_sub(1))
    }

    fn page(&mut self, place: Place, (word, word64): (u32, u64)) -> &mut Page {
        let page = self.pages.entry(place).or_default();
        if page.statuses.next() == 0 {
            let first = StatusRecord { index: 0, at: SystemTime::now(), word, word64, shown: Vec::new() };
            page.statuses.push(Keep::Everything, first);
        }
        page
    }

    pub(super) fn event(&mut self, keep: Keep, place: Place, code: [u8; 4], timestamp: String) -> Note {
        let page = self.pages.entry(place).or_default();
        let code_text = String::from_utf8_lossy(&code).into_owned();
        let record = EventRecord { code: code_text, timestamp, at: SystemTime::now(), shown: Vec::new() };
        let serial = page.events.push(keep, record);
        match page.newest.iter_mut().find(|(known, _)| *known == code) {
            Some((_, newest)) => *newest = serial,
            None => page.newest.push((code, serial)),
        }
        Note::Event(serial)
    }

    /// The newest event of a code, which is written down now if it is not known.
    pub(super) fn newest_event(&mut self, keep: Keep, place: Place, code: [u8; 4], timestamp: String) -> Note {
        let known = self.pages.get(&place).and_then(|page| page.newest.iter().find(|(known, _)| *known == code));
        match known {
            Some((_, serial)) => Note::Event(*serial),
            None => self.event(keep, place, code, timestamp),
        }
    }

    pub(super) fn shown(&mut self, place: Place, note: Note, mut shown: Shown) {
        shown.order = self.next_shown;
        self.next_shown += 1;
        let Some(page) = self.pages.get_mut(&place) else {
            return;
        };
        let list = match note {
            Note::Status(serial) => page.statuses.get_mut(serial).map(|record| &mut record.shown),
            Note::Event(serial) => page.events.get_mut(serial).map(|record| &mut record.shown),
        };
        if let Some(list) = list {
            list.push(shown);
        }
    }

    /// The page of one entity.
    pub(super) fn copy_of(&self, place: Place, bridge: bool) -> Option<DeviceLedger> {
        let page = self.pages.get(&place)?;
        Some(DeviceLedger {
            bridge,
            statuses: page.statuses.records.iter().cloned().collect(),
            events: page.events.records.iter().cloned().collect(),
            forgotten: page.statuses.first + page.events.first,
        })
    }

    /// The entities that have a page.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.pages.keys().copied()
    }
}
