//! Events of one lane between the journal and the acknowledgement, for an outlet that sends the next while it waits for the first.
//!
//! The lane puts events in at the end, the outlet marks those that are acknowledged, and the lane takes the acknowledged ones away at the front once
//! its position is stored. What is acknowledged behind one that is not stays marked, so another try leaves it out.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use tokio::sync::Notify;
use watchpost_actors::model::event::SharedEvent;

/// The window of one lane.
pub(super) struct Window {
    /// Events from the stored position on that an outlet may see.
    size: usize,
    held: RefCell<Held>,
    /// What is acknowledged is to be stored at once, however little it is.
    is_pressed: Cell<bool>,
    /// For the outlet: there is more to send, or room for it.
    filled: Notify,
    /// For the lane: something is acknowledged.
    emptied: Notify,
}

/// Whether the position behind acknowledged events is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToStore {
    Nothing,
    /// More may come first.
    Soon,
    Now,
}

#[derive(Default)]
struct Held {
    /// The number of the first event.
    first: u64,
    events: VecDeque<(SharedEvent, Mark)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Open,
    Acknowledged,
}

impl Window {
    /// An empty one, of which so many events may be sent, or acknowledged and not yet stored.
    pub(super) fn new(size: usize) -> Self {
        let (held, is_pressed) = (RefCell::default(), Cell::new(false));
        Self { size, held, is_pressed, filled: Notify::new(), emptied: Notify::new() }
    }

    /// One that holds these, and to which nothing is added.
    #[cfg(feature = "mqtt")]
    pub(super) fn of(events: &[SharedEvent]) -> Self {
        let window = Self::new(events.len());
        window.push(events.iter().cloned());
        window
    }

    /// Puts events in behind the others.
    pub(super) fn push(&self, events: impl IntoIterator<Item = SharedEvent>) {
        self.held.borrow_mut().events.extend(events.into_iter().map(|event| (event, Mark::Open)));
        self.filled.notify_one();
    }

    /// Events that it holds, acknowledged ones too.
    pub(super) fn len(&self) -> usize {
        self.held.borrow().events.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the outlet could soon do with more.
    pub(super) fn is_low(&self) -> bool {
        self.len() <= self.size
    }

    /// The first event that is to be sent from this number on, and its own number; numbers grow by one from event to event.
    pub(super) fn next(&self, from: u64) -> Option<(u64, SharedEvent)> {
        let held = self.held.borrow();
        let skipped = usize::try_from(from.saturating_sub(held.first)).unwrap_or(usize::MAX);
        let mut open = (held.first..).zip(&held.events).take(self.size).skip(skipped);
        open.find(|(_, (_, mark))| *mark == Mark::Open).map(|(number, (event, _))| (number, event.clone()))
    }

    /// Waits until there is one.
    pub(super) async fn reaches(&self, from: u64) {
        while self.next(from).is_none() {
            self.filled.notified().await;
        }
    }

    /// The receiver has this event.
    pub(super) fn acknowledge(&self, number: u64) {
        let mut held = self.held.borrow_mut();
        let at = number.checked_sub(held.first).and_then(|at| usize::try_from(at).ok());
        if let Some((_, mark)) = at.and_then(|at| held.events.get_mut(at)) {
            *mark = Mark::Acknowledged;
        }
        self.emptied.notify_one();
    }

    /// The acknowledged events in front of the first that is not.
    pub(super) fn acknowledged(&self) -> Vec<SharedEvent> {
        let held = self.held.borrow();
        let front = held.events.iter().take_while(|(_, mark)| *mark == Mark::Acknowledged);
        front.map(|(event, _)| event.clone()).collect()
    }

    /// Whether there is anything to store, and whether that should be now: a third of all, everything there is, or somebody waits for it.
    pub(super) fn to_store(&self) -> ToStore {
        let held = self.held.borrow();
        match held.events.iter().take_while(|(_, mark)| *mark == Mark::Acknowledged).count() {
            0 => ToStore::Nothing,
            count if count * 3 >= self.size || count == held.events.len() || self.is_pressed.get() => ToStore::Now,
            _ => ToStore::Soon,
        }
    }

    /// Takes so many away at the front: the position behind them is stored.
    pub(super) fn forget(&self, count: usize) {
        let mut held = self.held.borrow_mut();
        let count = count.min(held.events.len());
        held.events.drain(..count);
        held.first += count as u64;
        self.filled.notify_one();
    }

    /// Waits until something is acknowledged.
    pub(super) async fn changed(&self) {
        self.emptied.notified().await;
    }

    /// Waits until the position behind what is acknowledged at the front is stored.
    pub(super) async fn stored(&self) {
        self.is_pressed.set(true);
        self.emptied.notify_one();
        while self.to_store() != ToStore::Nothing {
            self.filled.notified().await;
        }
        self.is_pressed.set(false);
    }
}
