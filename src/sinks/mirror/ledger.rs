//! The books of a mirror: whose documents are due, what is at the broker, and what is to be done about the difference.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    time::Duration,
};

use tokio::time::Instant;
use watchpost_actors::model::{ConnectionName, ConnectionState};

use super::{
    Connection, Document, Place,
    mends::{Mends, Spoilt},
};

/// For so long after the start, connections may still be added one by one: nothing that was found is taken for a connection's that is gone. So
/// long after an account came online its children are all there, too.
pub(super) const NAMES_SETTLE: Duration = Duration::from_secs(10);
/// So long after a connection came online, every item of it has told its first state, or that it has none (EEN's devices are given 60 s to answer).
pub(super) const ITEMS_SETTLE: Duration = Duration::from_secs(90);

/// Keys that were found at the broker, and are neither put up nor removed since, at most: what is beyond them is left for another session. A broker
/// may be made to hold any number.
pub(super) const MOST_FOUND: usize = 100_000;

/// What is to be done at the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Put(Document),
    Remove(String),
}

impl Step {
    pub(super) fn key(&self) -> &str {
        let (Self::Put(Document { key, .. }) | Self::Remove(key)) = self;
        key
    }
}

/// What is known of one key at the broker: the print of what we put there; nothing of what was found.
type Print = Option<u64>;

pub(super) struct Ledger {
    begun: Instant,
    connections: HashMap<ConnectionName, Known>,
    /// Names of connections that were there in this run and are gone.
    gone: HashSet<ConnectionName>,
    at_broker: HashMap<Place, HashMap<String, Print>>,
    /// How many keys there nothing is known of.
    open: usize,
    /// Connections that are due. They come before anything else: as long as it is not said how they are, nothing else can be relied on.
    due_connections: VecDeque<Place>,
    /// Items that are due.
    due_items: VecDeque<Place>,
    /// All that are due, to tell quickly.
    queued: HashSet<Place>,
    /// Those that are being worked on; they are not begun a second time meanwhile.
    busy: HashMap<Place, Work>,
    /// When everything is found that is at the broker: before that it is not said that the program is there, as what is left of a former run might be
    /// taken for what is so.
    settled_at: Instant,
    mends: Mends,
    /// Those of which it is not certain yet that nothing stands behind what was found of them.
    uncertain: HashSet<Place>,
}

/// What is under way at the broker for one place.
#[derive(Default)]
struct Work {
    /// What each key is to read then; nothing where it is to go.
    to_be: HashMap<String, Print>,
    /// Keys that somebody else has touched meanwhile: which of the two was first is not known.
    disturbed: HashSet<String>,
}

struct Known {
    connection: Connection,
    /// When it was first seen online in this run.
    online_since: Option<Instant>,
}

impl Place {
    pub(super) fn connection(&self) -> Option<&ConnectionName> {
        match self {
            Self::Program => None,
            Self::Connection(name) | Self::Item(name, _) => Some(name),
        }
    }
}

impl Ledger {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            begun: now,
            connections: HashMap::new(),
            gone: HashSet::new(),
            at_broker: HashMap::new(),
            open: 0,
            due_connections: VecDeque::new(),
            due_items: VecDeque::new(),
            queued: HashSet::new(),
            busy: HashMap::new(),
            settled_at: now,
            mends: Mends::default(),
            uncertain: HashSet::new(),
        }
    }

    /// There is another session: nothing is known of what is at the broker until `settled_at`, and nothing is under way.
    pub(super) fn begin_session(&mut self, settled_at: Instant) {
        self.at_broker.clear();
        self.open = 0;
        self.busy.clear();
        self.uncertain.clear();
        self.mends = Mends::default();
        self.settled_at = settled_at;
        self.mark(Place::Program);
    }

    /// The documents of a place may have changed.
    pub(super) fn mark(&mut self, place: Place) {
        if self.queued.insert(place.clone()) {
            match place {
                Place::Program => {}
                Place::Connection(_) => self.due_connections.push_back(place),
                Place::Item(..) => self.due_items.push_back(place),
            }
        }
    }

    /// A connection that there is now.
    pub(super) fn connection(&self, name: &ConnectionName) -> Option<&Connection> {
        self.connections.get(name).map(|known| &known.connection)
    }

    /// The names of all connections.
    pub(super) fn names(&self) -> Vec<ConnectionName> {
        self.connections.keys().cloned().collect()
    }

    /// Takes note of the connections that there are. Answers those of which every item is to be looked at: they are new, or have another title.
    pub(super) fn note(&mut self, all: Vec<Connection>, now: Instant) -> Vec<ConnectionName> {
        let mut before = mem::take(&mut self.connections);
        let (mut changed, mut anew) = (Vec::new(), Vec::new());
        for connection in all {
            let name = connection.name.clone();
            let old = before.remove(&name);
            let is_online = connection.state == ConnectionState::Online;
            let online_since = old.as_ref().and_then(|old| old.online_since).or(is_online.then_some(now));
            if old.as_ref().is_none_or(|old| old.connection != connection) {
                changed.push(name.clone());
            }
            if old.is_none_or(|old| old.connection.title != connection.title) {
                anew.push(name.clone());
            }
            self.gone.remove(&name);
            self.connections.insert(name, Known { connection, online_since });
        }
        changed.into_iter().for_each(|name| self.mark(Place::Connection(name)));
        let held = self.at_broker.keys().filter(|place| place.connection().is_some_and(|of| before.contains_key(of)));
        for place in held.cloned().collect::<Vec<_>>() {
            self.mark(place);
        }
        self.gone.extend(before.into_keys());
        let certain = self.uncertain.iter().filter(|place| self.is_certain(place, now)).cloned();
        for place in certain.collect::<Vec<_>>() {
            self.uncertain.remove(&place);
            self.mark(place);
        }
        anew
    }

    /// A key is at the broker, and it is not known what it reads.
    pub(super) fn found(&mut self, place: Place, key: String) {
        // What we have put there since is known better.
        let is_known = self.at_broker.get(&place).is_some_and(|keys| keys.contains_key(&key));
        if !is_known && self.open >= MOST_FOUND {
            return;
        }
        if !is_known {
            self.write_down(&place, key, None);
        }
        self.mark(place);
    }

    /// This is at the broker since before, or somebody else has put it there; an empty one is a key that is gone.
    pub(super) fn heard(&mut self, place: Place, key: String, body: &[u8], now: Instant) {
        let there = (!body.is_empty()).then(|| print(body));
        let work = self.busy.get_mut(&place);
        if let Some((work, to_be)) = work.and_then(|work| work.to_be.get(&key).copied().map(|to_be| (work, to_be))) {
            // It is our own, or as good.
            if to_be != there {
                work.disturbed.insert(key);
            }
            return;
        }
        let ours = self.at_broker.get(&place).and_then(|keys| keys.get(&key)).copied();
        let is_other = ours.flatten().is_some_and(|ours| Some(ours) != there);
        if is_other && self.mends.spoilt(&place, &key, now) {
            self.mend(place, key);
        } else if ours.is_none() && there.is_some() {
            self.found(place, key);
        }
    }

    /// Marks what waits to be put up again since somebody else has touched it. Answers what was touched since this was asked last.
    pub(super) fn mend_spoilt(&mut self, now: Instant) -> Option<Spoilt> {
        for (place, key) in self.mends.due(now) {
            self.mend(place, key);
        }
        self.mends.told()
    }

    fn mend(&mut self, place: Place, key: String) {
        self.write_down(&place, key, None);
        self.mark(place);
    }

    /// The next place to work on; to be told when that is [`done`](Self::done). Connections come first, then the program, then items.
    pub(super) fn next(&mut self, now: Instant) -> Option<Place> {
        let connection = next_of(&mut self.due_connections, &self.busy);
        let place = connection.or_else(|| self.is_program_next(now).then_some(Place::Program));
        let place = place.or_else(|| next_of(&mut self.due_items, &self.busy))?;
        self.queued.remove(&place);
        self.busy.insert(place.clone(), Work::default());
        Some(place)
    }

    fn is_program_next(&self, now: Instant) -> bool {
        let is_told = |place: &Place| !matches!(place, Place::Connection(_) | Place::Program);
        self.queued.contains(&Place::Program)
            && now >= self.settled_at
            && self.due_connections.is_empty()
            && self.busy.keys().all(is_told)
    }

    /// What is to be done so that a place has these documents and no others, in order. `is_known` unless nothing at all is known of the place.
    pub(super) fn steps(&mut self, place: &Place, wanted: Vec<Document>, is_known: bool, now: Instant) -> Vec<Step> {
        let at_broker = self.at_broker.get(place);
        let print_of = |key: &str| at_broker.and_then(|keys| keys.get(key));
        let wanted_keys: HashSet<_> = wanted.iter().map(|document| document.key.clone()).collect();
        let put = wanted.into_iter().filter(|document| print_of(&document.key) != Some(&Some(print(&document.body))));
        let mut steps: Vec<_> = put.map(Step::Put).collect();
        let is_certain = is_known || self.is_certain(place, now);
        let surplus = at_broker.into_iter().flatten().filter(|(key, _)| !wanted_keys.contains(*key));
        let mut removed: Vec<_> =
            surplus.filter(|(_, print)| is_certain || print.is_some()).map(|(key, _)| key.clone()).collect();
        removed.sort_unstable();
        steps.extend(removed.into_iter().map(Step::Remove));
        if !is_certain {
            self.uncertain.insert(place.clone());
        }
        if let Some(work) = self.busy.get_mut(place) {
            let to_be = |step: &Step| match step {
                Step::Put(document) => (document.key.clone(), Some(print(&document.body))),
                Step::Remove(key) => (key.clone(), None),
            };
            work.to_be = steps.iter().map(to_be).collect();
        }
        steps
    }

    /// It is not known what is at the broker since this step was tried.
    pub(super) fn left_open(&mut self, place: &Place, step: &Step) {
        let (Step::Put(Document { key, .. }) | Step::Remove(key)) = step;
        self.write_down(place, key.clone(), None);
    }

    /// The broker has carried out a step.
    pub(super) fn carried_out(&mut self, place: &Place, step: &Step) {
        match step {
            Step::Put(document) => self.write_down(place, document.key.clone(), Some(print(&document.body))),
            Step::Remove(key) => self.strike_out(place, key),
        }
    }

    fn write_down(&mut self, place: &Place, key: String, print: Print) {
        let before = self.at_broker.entry(place.clone()).or_default().insert(key, print);
        self.open = self.open + usize::from(print.is_none()) - usize::from(before == Some(None));
    }

    fn strike_out(&mut self, place: &Place, key: &str) {
        let Some(keys) = self.at_broker.get_mut(place) else { return };
        self.open -= usize::from(keys.remove(key) == Some(None));
        if keys.is_empty() {
            self.at_broker.remove(place);
        }
    }

    /// The work on a place has ended.
    pub(super) fn done(&mut self, place: &Place, now: Instant) {
        let Some(work) = self.busy.remove(place) else { return };
        for key in work.disturbed {
            if self.mends.spoilt(place, &key, now) {
                self.mend(place.clone(), key);
            }
        }
    }

    /// Whether what was found of a place of which nothing is known can be taken for what is left of something that is gone.
    pub(super) fn is_certain(&self, place: &Place, now: Instant) -> bool {
        let passed = |since: Instant, time| now.saturating_duration_since(since) >= time;
        let Some(name) = place.connection() else { return true };
        if let Some(known) = self.connections.get(name) {
            return known.online_since.is_some_and(|since| passed(since, ITEMS_SETTLE));
        }
        if self.gone.contains(name) {
            return true;
        }
        let parent = ConnectionName::new(name.root()).ok().and_then(|parent| self.connections.get(&parent));
        let since = match parent {
            // Its children are told once it is online.
            Some(parent) => parent.online_since,
            None => Some(self.begun),
        };
        since.is_some_and(|since| passed(since, NAMES_SETTLE))
    }
}

/// The first of these that nobody works on; the others go behind.
fn next_of(due: &mut VecDeque<Place>, busy: &HashMap<Place, Work>) -> Option<Place> {
    for _ in 0..due.len() {
        let place = due.pop_front()?;
        if !busy.contains_key(&place) {
            return Some(place);
        }
        due.push_back(place);
    }
    None
}

fn print(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
