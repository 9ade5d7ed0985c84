//! One lane of a sink: it reads the journal from a position of its own, delivers, and moves on behind what was acknowledged.
//!
//! A sink that keeps one order for all has one lane; any other has one for each connection, so that a connection whose events the
//! receiver refuses holds up no other. At most one delivery of a lane is under way, but where the outlet takes them [through a window](super::flow).

use std::{cell::Cell, ops::RangeBounds, rc::Rc, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    select,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use watchpost_actors::{
    journal::{Ask, JournalError, LaneInfo, Page},
    messages::Resolve,
    model::{
        Sequence,
        event::{Committed, SharedEvent},
    },
};

use super::{
    Why,
    backoff::Backoff,
    courier::{Courier, Outcome, Refused, Shared},
    delivery::{DeliveryError, NewDeadLetter, Place},
    gap::Dropped,
    outlet::Outlet,
    runner::Order,
    telemetry::{DeadLetterWritten, EventsDropped, SinkStuck},
};

/// Events read from the journal at a time, for one order and for one of many lanes.
const PAGE: usize = 1_024;
const PAGE_OF_ONE: usize = 64;
/// A position that has passed only events that nobody wanted is stored after so many of them,
pub(super) const UNWANTED: u64 = 4_096;
/// or after so long.
pub(super) const STORE_EVERY: Duration = Duration::from_secs(10);
/// How long a name may be asked for, before the event goes on without.
const NAME_WAIT: Duration = Duration::from_secs(2);

/// What a lane is told of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    /// Below this there may be events that it has not read.
    pub(super) upto: Sequence,
    /// There will be no further news.
    pub(super) last: bool,
}

/// A lane at work.
pub(super) struct Lane<O> {
    pub(super) courier: Courier<O>,
    /// The next event to read; what is below is delivered, or not wanted.
    pub(super) position: Sequence,
    /// The position as it is stored, and when that was. Retention may not pass it: from here a crash goes on.
    pub(super) stored: Sequence,
    pub(super) stored_at: Instant,
    /// The same for others to see.
    shown: Rc<Cell<Sequence>>,
    /// When what was delivered last was stored, or the sink began.
    pub(super) since: Timestamp,
    pub(super) news: watch::Receiver<News>,
}

impl<O: Outlet> Lane<O> {
    pub(super) fn new(
        courier: Courier<O>,
        position: Sequence,
        since: Timestamp,
        shown: Rc<Cell<Sequence>>,
        news: watch::Receiver<News>,
    ) -> Self {
        Self { courier, position, stored: position, stored_at: Instant::now(), shown, since, news }
    }

    /// Runs until it is told to end, or there is no use in going on.
    pub(super) async fn run(mut self) -> Why {
        if self.courier.shared.outlet.manner().slides {
            return self.flow().await;
        }
        let mut backoff = Backoff::new();
        loop {
            if self.courier.order() == Order::GiveUp {
                return Why::GivenUp;
            }
            let news = *self.news.borrow_and_update();
            if self.position >= news.upto {
                if news.last {
                    return self.end();
                }
                let due = self.stored_at + STORE_EVERY;
                let is_due = select! {
                    changed = self.news.changed() => if changed.is_err() { return self.end() } else { false },
                    // What the order is, and whether anybody is left to give one, is looked at above.
                    _ = self.courier.orders.changed() => false,
                    () = sleep_until(due), if self.position > self.stored => true,
                };
                if is_due && let Err(why) = self.store_position(0).await {
                    return why;
                }
                continue;
            }
            match self.read(self.position).await {
                Ok(page) => {
                    backoff = Backoff::new();
                    if let Err(why) = self.pass_on(&page).await {
                        return why;
                    }
                }
                Err(JournalError::Closed) => return Why::JournalClosed,
                Err(error) => {
                    SinkStuck { sink: &self.courier.shared.sink, doing: "read the journal", error: &error }.emit();
                    self.courier.rest(backoff.pause(None)).await;
                }
            }
        }
    }

    pub(super) async fn read(&self, from: Sequence) -> Result<Page, JournalError> {
        let Courier { shared, of, .. } = &self.courier;
        let limit = if of.is_some() { PAGE_OF_ONE.max(shared.outlet.manner().batch) } else { PAGE };
        shared.journal.read(Ask { from, limit, of: of.clone() }).await
    }

    pub(super) fn end(&self) -> Why {
        let Courier { shared, of, .. } = &self.courier;
        // That nothing more was wanted is worth storing, but not worth waiting for.
        let _ = shared.delivery.delivered(&shared.sink, of.as_ref(), self.place(), 0);
        Why::Delivered
    }

    pub(super) fn place(&self) -> Place {
        Place { position: self.position, stored: Some(self.since) }
    }

    /// Delivers what a page holds.
    async fn pass_on(&mut self, page: &Page) -> Result<(), Why> {
        if page.oldest > self.position {
            self.tell_gap(page).await?;
        }
        let batch = self.courier.shared.outlet.manner().batch.max(1);
        let mut events = Vec::new();
        for commit in &page.commits {
            for index in 0..commit.events.len() {
                events.extend(wanted(&self.courier.shared, commit, index, self.position..).await);
                if events.len() >= batch {
                    self.deliver(&events).await?;
                    events.clear();
                }
            }
        }
        self.deliver(&events).await?;
        self.position = self.position.max(page.end);
        let passed = self.position.0.saturating_sub(self.stored.0);
        if passed >= UNWANTED || (passed > 0 && self.stored_at.elapsed() >= STORE_EVERY) {
            self.store_position(0).await?;
        }
        Ok(())
    }

    /// Delivers events, however many tries it takes, or makes dead letters of those that are refused.
    async fn deliver(&mut self, events: &[SharedEvent]) -> Result<(), Why> {
        let Some(last) = events.last() else { return Ok(()) };
        match self.courier.deliver(events, false).await? {
            Outcome::Delivered => {
                self.since = last.get().commit.recorded;
                self.position = last.get().sequence.plus(1);
                self.store_position(events.len() as u64).await
            }
            // Not all of them need be bad.
            Outcome::Refused(_) if events.len() > 1 => {
                for event in events {
                    Box::pin(self.deliver(std::slice::from_ref(event))).await?;
                }
                Ok(())
            }
            Outcome::Refused(refused) => self.bury(last, &refused).await,
        }
    }

    /// The event goes to the dead letters, out of the lane's way.
    pub(super) async fn bury(&mut self, event: &SharedEvent, refused: &Refused) -> Result<(), Why> {
        let (of, shared, event) = (self.courier.of.clone(), Rc::clone(&self.courier.shared), event.get());
        let Refused { why, tries, first } = refused;
        let letter = NewDeadLetter { sink: &shared.sink, lane: of.as_ref(), event, why, tries: *tries, first: *first };
        self.since = event.commit.recorded;
        let position = event.sequence.plus(1);
        let mut backoff = Backoff::new();
        while let Err(error) = shared.delivery.dead(&letter, position) {
            if !error.is_retryable() {
                return Err(self.broken(&error));
            }
            let why = format!("an event was refused ({why}) and cannot be kept as a dead letter: {error}");
            self.courier.fails(&why, true);
            self.courier.rest_or_leave(backoff.pause(None)).await?;
        }
        DeadLetterWritten { sink: &shared.sink, event: &event.full_id(), why }.emit();
        self.courier.recovered();
        self.position = position;
        self.is_stored();
        Ok(())
    }

    /// Stores the position; nothing more is delivered before it is, or a crash would repeat more than one delivery.
    pub(super) async fn store_position(&mut self, events: u64) -> Result<(), Why> {
        let shared = Rc::clone(&self.courier.shared);
        let mut backoff = Backoff::new();
        while let Err(error) = shared.delivery.delivered(&shared.sink, self.courier.of.as_ref(), self.place(), events) {
            if !error.is_retryable() {
                return Err(self.broken(&error));
            }
            SinkStuck { sink: &shared.sink, doing: "store how far it has come", error: &error }.emit();
            self.courier.rest_or_leave(backoff.pause(None)).await?;
        }
        self.is_stored();
        Ok(())
    }

    fn is_stored(&mut self) {
        (self.stored, self.stored_at) = (self.position, Instant::now());
        self.shown.set(self.position);
    }

    fn broken(&self, error: &DeliveryError) -> Why {
        SinkStuck { sink: &self.courier.shared.sink, doing: "store how far it has come", error }.emit();
        Why::StoreBroken
    }

    /// What lies between the position and the oldest event that is left is gone: the sink is told, in the place of the last of them.
    pub(super) async fn tell_gap(&mut self, page: &Page) -> Result<(), Why> {
        let shared = Rc::clone(&self.courier.shared);
        let of = self.courier.of.clone();
        let to = page.commits.first().map_or_else(Timestamp::now, |commit| commit.recorded);
        let dropped = Dropped { first: self.position, next: page.oldest, from: self.since.min(to), to };
        let concerns = |lane: &LaneInfo| match &of {
            Some(of) => lane.connection == *of,
            None => lane.dropped > self.position,
        };
        let mut backoff = Backoff::new();
        let lanes = loop {
            match shared.journal.lanes().await {
                Ok(lanes) => break lanes,
                Err(JournalError::Closed) => return Err(Why::JournalClosed),
                Err(error) => {
                    SinkStuck { sink: &shared.sink, doing: "read the journal", error: &error }.emit();
                    self.courier.rest_or_leave(backoff.pause(None)).await?;
                }
            }
        };
        EventsDropped { sink: &shared.sink, connection: of.as_ref() }.emit();
        let mut told = Vec::new();
        for lane in lanes.into_iter().filter(concerns) {
            let gap = dropped.event(&lane, of.is_none());
            told.extend(SharedEvent::new(gap.into(), 0).filter(|gap| shared.filter.wants(&gap.get())));
        }
        self.deliver(&told).await?;
        self.position = page.oldest;
        self.store_position(0).await
    }
}

/// An event of a group, if it lies within what is asked for (the first group of a page may begin before that), and the filter wants it.
pub(super) async fn wanted<O>(
    shared: &Shared<O>,
    commit: &Arc<Committed>,
    index: usize,
    within: impl RangeBounds<Sequence>,
) -> Option<SharedEvent> {
    let event = SharedEvent::new(Arc::clone(commit), index)?;
    (within.contains(&event.get().sequence) && wants(shared, &event).await).then_some(event)
}

/// Whether the sink's filter wants an event. One that asks for names does not pass an event without one before it was asked for.
async fn wants<O>(shared: &Shared<O>, event: &SharedEvent) -> bool {
    let Shared { filter, engine, .. } = shared;
    let stored = event.get();
    let nameless = stored.event.item.as_ref().filter(|item| item.name.is_none());
    if let (Some(engine), Some(item)) = (engine, nameless.filter(|_| filter.asks_for_names())) {
        let ask = Resolve { connection: stored.commit.connection.clone(), items: vec![item.id.to_string()] };
        if let Ok(Ok(Ok(named))) = timeout(NAME_WAIT, engine.send(ask)).await
            && let Some(name) = named.iter().find(|named| named.id == item.id)
        {
            return filter.wants_named(&stored, name);
        }
    }
    filter.wants(&stored)
}
