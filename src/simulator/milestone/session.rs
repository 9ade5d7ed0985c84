//! A session: subscriptions, and the events that its client may still ask for.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    filters::{self, Filter},
    ledger::{Emitted, Ended},
};

pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) filters: Vec<Filter>,
}

struct Logged {
    event: Arc<Emitted>,
    /// When it was last handed to a socket.
    sent: Option<Instant>,
}

pub(super) struct Session {
    pub(super) subscriptions: Vec<Subscription>,
    /// The socket that it is served on.
    pub(super) link: Option<u64>,
    /// Without a socket: from when its window counts.
    pub(super) lost: Option<Instant>,
    /// It cannot be resumed: it ends, for this reason, when its socket is lost.
    pub(super) doomed: Option<Ended>,
    /// Position in the ledger.
    pub(super) record: usize,
    /// The gateway where it is, counted from 1.
    pub(super) gateway: usize,
    /// Serial number of the first entry of `log`.
    first: u64,
    log: VecDeque<Logged>,
    /// Ids of events that a capped buffer threw away: a client may resume from one of them, and loses what followed.
    thrown_away: HashSet<String>,
}

/// The entries that a resuming client gets: serial number, event, and whether it was sent before.
pub(super) type Replay = Vec<(u64, Arc<Emitted>, bool)>;

impl Session {
    pub(super) fn new(link: u64, record: usize, gateway: usize) -> Self {
        Self {
            subscriptions: Vec::new(),
            link: Some(link),
            lost: None,
            doomed: None,
            record,
            gateway,
            first: 0,
            log: VecDeque::new(),
            thrown_away: HashSet::new(),
        }
    }

    pub(super) fn wants(&self, source: &str, event_type: &str, in_order: bool) -> bool {
        self.subscriptions
            .iter()
            .any(|subscription| filters::wants(&subscription.filters, source, event_type, in_order))
    }

    /// How many of its subscriptions want it.
    pub(super) fn wanting(&self, source: &str, event_type: &str, in_order: bool) -> usize {
        let subscriptions = self.subscriptions.iter();
        subscriptions.filter(|known| filters::wants(&known.filters, source, event_type, in_order)).count()
    }

    /// The only sources that it can want; `None` if that may be any.
    pub(super) fn sources(&self) -> Option<HashSet<&str>> {
        let filters = self.subscriptions.iter().flat_map(|subscription| &subscription.filters);
        let mut all = HashSet::new();
        for filter in filters.filter(|filter| filter.includes()) {
            all.extend(filter.sources()?.iter().map(String::as_str));
        }
        Some(all)
    }

    pub(super) fn expired(&self, now: Instant, window: Duration) -> bool {
        self.lost.is_some_and(|lost| now.saturating_duration_since(lost) > window)
    }

    /// Adds an event and returns its serial number.
    pub(super) fn push(&mut self, event: Arc<Emitted>, window: Duration) -> u64 {
        let now = Instant::now();
        if self.link.is_some() {
            self.forget_old(now, window);
        }
        self.log.push_back(Logged { event, sent: None });
        self.first + self.log.len() as u64 - 1
    }

    /// Events that were sent longer than a window ago cannot be asked for, but for the last one: on a quiet system a client comes
    /// back with that one however old it is.
    fn forget_old(&mut self, now: Instant, window: Duration) {
        let old = |entry: &Logged| entry.sent.is_some_and(|sent| now.saturating_duration_since(sent) > window);
        while self.log.len() > 1 && old(&self.log[0]) && self.log[1].sent.is_some() {
            self.log.pop_front();
            self.first += 1;
        }
    }

    /// Throws away what exceeds the cap and returns the indexes of the events.
    pub(super) fn cap(&mut self, cap: usize) -> Vec<u64> {
        let excess = self.log.len().saturating_sub(cap);
        self.first += excess as u64;
        self.log
            .drain(..excess)
            .map(|entry| {
                self.thrown_away.insert(entry.event.id.clone());
                entry.event.index
            })
            .collect()
    }

    /// Notes that an entry was handed to a socket; says whether that was the first time.
    pub(super) fn sent(&mut self, serial: u64) -> bool {
        let entry = serial
            .checked_sub(self.first)
            .and_then(|position| usize::try_from(position).ok())
            .and_then(|position| self.log.get_mut(position));
        match entry {
            Some(entry) => entry.sent.replace(Instant::now()).is_none(),
            None => false,
        }
    }

    /// Replaces all that is kept by one event that was sent: the end of a flood.
    pub(super) fn anchor(&mut self, event: Arc<Emitted>) {
        self.first += self.log.len() as u64;
        self.log.clear();
        self.log.push_back(Logged { event, sent: Some(Instant::now()) });
    }

    /// What came strictly after an event; `None` when the event is not known. `repeat` goes that many events further back.
    pub(super) fn after(&self, event_id: &str, repeat: usize) -> Option<Replay> {
        let known = self.log.iter().rposition(|entry| entry.event.id.eq_ignore_ascii_case(event_id));
        let start = match known {
            Some(position) => (position + 1).saturating_sub(repeat),
            None if self.thrown_away.contains(event_id) => 0,
            None => return None,
        };
        let replay = self.log.iter().enumerate().skip(start).map(|(position, entry)| {
            let serial = self.first + position as u64;
            (serial, entry.event.clone(), entry.sent.is_some())
        });
        Some(replay.collect())
    }
}
