//! Watchers: who wants states or events as messages, and what they get.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix::prelude::*;

use crate::model::event::{Committed, Stored};
use crate::model::filter::Filter;
use crate::model::ids::Sequence;
use crate::model::state::State;
use crate::state_map::ConnectionStates;
use crate::telemetry::{WatcherCutOff, WatchersCounted};

/// Tells watchers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchId(pub(crate) u64);

/// What a watcher wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The present states, then each change.
    States,
    /// Each change of a state from now on, without the present ones: for who reads those from the map, piece by piece.
    Changes,
    /// Events from now on.
    Events,
}

/// What a watcher gets, in order per connection.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub enum WatchUpdate {
    /// The states as they are; comes in several parts (one for each arbiter of the engine), before any change to the states in it.
    Present {
        /// The states of this part; empty for a watcher of changes or events.
        states: Vec<State>,
        /// This was the last part.
        last: bool,
    },
    /// States that have changed, or those of a connection that has come.
    Changed(Vec<State>),
    /// Events that were stored.
    Events(EventBatch),
    /// The watcher did not keep up and gets nothing more. It can watch anew, and read from the journal what is behind `last`.
    CutOff {
        /// The last event or change it was sent.
        last: Sequence,
    },
}

/// Events that were stored together, and which of them are wanted. Cheap to clone and to send to another thread.
#[derive(Clone, Debug)]
pub struct EventBatch {
    commit: Arc<Committed>,
    /// `None` means all.
    wanted: Option<Arc<[u32]>>,
}

impl EventBatch {
    pub(crate) fn commit(&self) -> &Arc<Committed> {
        &self.commit
    }

    /// Where in the commit the wanted events stand.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> {
        let some = self.wanted.iter().flat_map(|wanted| wanted.iter().map(|index| *index as usize));
        let all = if self.wanted.is_none() { 0..self.commit.events.len() } else { 0..0 };
        some.chain(all)
    }

    /// The events, in order.
    pub fn iter(&self) -> impl Iterator<Item = Stored<'_>> {
        self.indices().filter_map(|index| self.commit.get(index))
    }

    /// The number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wanted.as_ref().map_or(self.commit.events.len(), |wanted| wanted.len())
    }

    /// Whether there is none; a watcher never gets such a batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Starts a watch in one shard.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub(crate) struct BeginWatch {
    pub(crate) id: WatchId,
    pub(crate) subject: Subject,
    pub(crate) filter: Arc<Filter>,
    pub(crate) recipient: Recipient<WatchUpdate>,
    /// Shards that have not told their part yet.
    pub(crate) parts: Arc<AtomicUsize>,
    /// Set by whoever cuts the watcher off first.
    pub(crate) cut: Arc<AtomicBool>,
}

/// Ends a watch in one shard.
#[derive(Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct EndWatch(pub(crate) WatchId);

/// The watchers of one shard.
#[derive(Default)]
pub(crate) struct Watchers {
    shard: usize,
    all: HashMap<WatchId, Watcher>,
}

struct Watcher {
    subject: Subject,
    filter: Arc<Filter>,
    recipient: Recipient<WatchUpdate>,
    last: Sequence,
    /// Shared by the shards: somebody has told the watcher that it gets nothing more.
    cut: Arc<AtomicBool>,
}

impl Watchers {
    pub(crate) fn new(shard: usize) -> Self {
        Self { shard, all: HashMap::new() }
    }

    pub(crate) fn begin<'a>(
        &mut self,
        watch: BeginWatch,
        lanes: impl Iterator<Item = &'a Arc<ConnectionStates>>,
        now: Sequence,
    ) {
        let BeginWatch { id, subject, filter, recipient, parts, cut } = watch;
        let watcher = Watcher { subject, filter, recipient, last: now, cut };
        let states = match subject {
            Subject::States => lanes.flat_map(|lane| lane.query(&watcher.filter)).collect(),
            Subject::Changes | Subject::Events => Vec::new(),
        };
        if watcher.present(states, &parts) {
            self.all.insert(id, watcher);
        }
        self.count();
    }

    pub(crate) fn end(&mut self, id: WatchId) {
        if self.all.remove(&id).is_some() {
            self.count();
        }
    }

    fn count(&self) {
        WatchersCounted { shard: self.shard, watchers: self.all.len() }.emit();
    }

    pub(crate) fn want_states(&self) -> bool {
        self.all.values().any(|watcher| watcher.subject != Subject::Events)
    }

    /// Hands out the states of a connection that has come, as they were last stored.
    pub(crate) fn loaded(&mut self, states: &ConnectionStates) {
        self.send(None, |watcher| {
            let wants = watcher.subject != Subject::Events;
            let wanted = if wants { states.query(&watcher.filter) } else { Vec::new() };
            (!wanted.is_empty()).then_some(WatchUpdate::Changed(wanted))
        });
    }

    /// Hands out what was stored. `changed` are the states that it has set.
    pub(crate) fn publish(&mut self, commit: &Arc<Committed>, changed: &[State]) {
        let last = Sequence(commit.next().0.saturating_sub(1));
        self.send(Some(last), |watcher| watcher.update(commit, changed));
    }

    /// Sends each watcher its update, where it has one, and lets those go that cannot take it. `last`: the last event or change that is in it.
    fn send(&mut self, last: Option<Sequence>, update: impl Fn(&Watcher) -> Option<WatchUpdate>) {
        let before = self.all.len();
        self.all.retain(|_, watcher| {
            if watcher.cut.load(Ordering::Acquire) {
                return false;
            }
            let Some(update) = update(watcher) else { return true };
            match watcher.recipient.try_send(update) {
                Ok(()) => {
                    watcher.last = last.unwrap_or(watcher.last);
                    true
                }
                Err(SendError::Full(_)) => {
                    watcher.cut_off();
                    false
                }
                Err(SendError::Closed(_)) => false,
            }
        });
        if self.all.len() != before {
            self.count();
        }
    }
}

impl Watcher {
    /// Sends this shard's part of the present states. A part counts once it is sent, so that the last one comes behind all others.
    fn present(&self, states: Vec<State>, parts: &AtomicUsize) -> bool {
        if self.cut.load(Ordering::Acquire) {
            return false;
        }
        let last = parts.load(Ordering::Acquire) == 1;
        let mut sent = self.recipient.try_send(WatchUpdate::Present { states, last });
        let all = parts.fetch_sub(1, Ordering::AcqRel) == 1;
        if sent.is_ok() && all && !last {
            sent = self.recipient.try_send(WatchUpdate::Present { states: Vec::new(), last: true });
        }
        if sent.is_err() {
            self.cut_off();
        }
        sent.is_ok()
    }

    fn update(&self, commit: &Arc<Committed>, changed: &[State]) -> Option<WatchUpdate> {
        match self.subject {
            Subject::States | Subject::Changes => {
                let wanted: Vec<_> =
                    changed.iter().filter(|state| self.filter.wants_state(commit.vendor, state)).cloned().collect();
                (!wanted.is_empty()).then_some(WatchUpdate::Changed(wanted))
            }
            Subject::Events => {
                let wanted = commit.iter().enumerate().filter(|(_, stored)| self.filter.wants(stored));
                let wanted: Vec<u32> = wanted.filter_map(|(index, _)| u32::try_from(index).ok()).collect();
                let all = wanted.len() == commit.events.len();
                let batch = EventBatch { commit: Arc::clone(commit), wanted: (!all).then(|| wanted.into()) };
                (!batch.is_empty()).then_some(WatchUpdate::Events(batch))
            }
        }
    }

    fn cut_off(&self) {
        if self.cut.swap(true, Ordering::AcqRel) {
            return;
        }
        WatcherCutOff.emit();
        // The one message that goes past the mailbox's bound: without it the watcher would take silence for peace.
        self.recipient.do_send(WatchUpdate::CutOff { last: self.last });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{
        event::{Item, Meaning, Origin, StateMeaning},
        state::StateEntry,
    };

    /// Takes what it is sent, and has room for only so much until then.
    struct Taker {
        room: usize,
        taken: Vec<WatchUpdate>,
    }

    impl Actor for Taker {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.set_mailbox_capacity(self.room);
        }
    }

    impl Handler<WatchUpdate> for Taker {
        type Result = ();

        fn handle(&mut self, update: WatchUpdate, _: &mut Self::Context) {
            self.taken.push(update);
        }
    }

    #[derive(Message)]
    #[rtype(result = "Vec<WatchUpdate>")]
    struct Taken;

    impl Handler<Taken> for Taker {
        type Result = MessageResult<Taken>;

        fn handle(&mut self, _: Taken, _: &mut Self::Context) -> Self::Result {
            MessageResult(std::mem::take(&mut self.taken))
        }
    }

    fn entry(item: &str, group: &str, value: &str) -> StateEntry {
        let words = |text: &str| Arc::from(text);
        let state = StateMeaning {
            group: words(group),
            value: words(value),
            vendor_group: words(group),
            vendor_value: words(value),
            text: None,
        };
        StateEntry {
            item: Arc::new(Item { id: words(item), name: None }),
            meaning: Arc::new(Meaning { kind: words("test"), name: None, state: Some(state) }),
            time: "".into(),
            sequence: Sequence(1),
            origin: Origin::Live,
        }
    }

    fn begin(subject: Subject, taker: &Addr<Taker>, shards: usize) -> BeginWatch {
        BeginWatch {
            id: WatchId(1),
            subject,
            filter: Arc::default(),
            recipient: taker.clone().recipient(),
            parts: Arc::new(AtomicUsize::new(shards)),
            cut: Arc::default(),
        }
    }

    async fn watched(shards: usize, room: usize) -> (Vec<Watchers>, Vec<WatchUpdate>) {
        let taker = Taker { room, taken: Vec::new() }.start();
        // Its mailbox has its bound once it has started.
        taker.send(Taken).await.unwrap();
        let begin = begin(Subject::Events, &taker, shards);
        let mut all: Vec<_> = (0..shards).map(Watchers::new).collect();
        for shard in &mut all {
            // Each shard has a sender of its own, as messages to them carry clones.
            shard.begin(begin.clone(), std::iter::empty(), Sequence(7));
        }
        (all, taker.send(Taken).await.unwrap())
    }

    #[actix_rt::test]
    async fn the_last_part_is_told_once_and_comes_last() {
        let (shards, taken) = watched(3, 64).await;
        let last = taken.iter().map(|update| matches!(update, WatchUpdate::Present { last: true, .. }));
        assert_eq!(last.collect::<Vec<_>>(), [false, false, true]);
        assert!(shards.iter().all(|shard| shard.all.len() == 1));
    }

    #[actix_rt::test]
    async fn states_of_a_connection_that_is_loaded_later_are_told_to_those_who_watch_states() {
        let taker = Taker { room: 64, taken: Vec::new() }.start();
        let states = ConnectionStates::new("hq".parse().unwrap(), "test");
        states.set(entry("cameras/1", "motion", "detected").view());
        for (subject, told) in [(Subject::States, 1), (Subject::Changes, 1), (Subject::Events, 0)] {
            let mut watchers = Watchers::new(0);
            watchers.begin(begin(subject, &taker, 1), std::iter::empty(), Sequence(7));
            taker.send(Taken).await.unwrap();
            watchers.loaded(&states);
            let taken = taker.send(Taken).await.unwrap();
            let changed = taken.iter().filter(|update| matches!(update, WatchUpdate::Changed(all) if all.len() == 1));
            assert_eq!((changed.count(), taken.len()), (told, told), "{subject:?}");
        }
    }

    #[test]
    fn a_watcher_that_one_shard_cuts_off_gets_nothing_from_the_others_and_is_told_once() {
        actix_rt::System::new().block_on(async {
            let taker = Taker { room: 64, taken: Vec::new() }.start();
            let cut = Arc::<AtomicBool>::default();
            let watcher = || Watcher {
                subject: Subject::Events,
                filter: Arc::default(),
                recipient: taker.clone().recipient(),
                last: Sequence(7),
                cut: Arc::clone(&cut),
            };
            let (first, second) = (watcher(), watcher());
            first.cut_off();
            assert!(!second.present(Vec::new(), &AtomicUsize::new(1)));
            second.cut_off();
            let taken = taker.send(Taken).await.unwrap();
            assert!(matches!(taken[..], [WatchUpdate::CutOff { last: Sequence(7) }]), "{taken:?}");
        });
    }
}
