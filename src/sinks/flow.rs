//! A lane whose outlet takes the next event while the first are not acknowledged.
//!
//! ```text
//! journal ─► supply ─► window ─► courier ─► outlet
//!              ▲         │ acknowledged, from the first on
//!              └─────────┘ the position behind it is stored, and there is room
//! ```
//!
//! Both sides run side by side in one task. However far the outlet is ahead, the position moves only over events that are all acknowledged, or
//! dead letters.

use std::{rc::Rc, time::Duration};

use tokio::{
    select,
    time::{Instant, sleep_until},
};
use watchpost_actors::{
    journal::{JournalError, Page},
    model::Sequence,
};

use super::{
    Why,
    backoff::Backoff,
    courier::Refused,
    delivery::Place,
    lane::{Lane, STORE_EVERY, UNWANTED, wanted},
    outlet::Outlet,
    runner::Order,
    telemetry::{Delivered, SinkStuck},
    window::{ToStore, Window},
};

/// The position behind acknowledged events is stored after so long, where the next ones do not come before.
const STORE_SOON: Duration = Duration::from_millis(250);

impl<O: Outlet> Lane<O> {
    /// Runs until it is told to end, or there is no use in going on.
    pub(super) async fn flow(mut self) -> Why {
        let batch = self.courier.shared.outlet.manner().batch.max(1);
        // Beyond those under way, some that are acknowledged and not stored, or the outlet would stop at each store.
        let window = Window::new(batch + batch.div_ceil(2));
        let mut sender = self.courier.twin();
        let mut front = self.position;
        loop {
            let done = select! {
                refused = sender.deliver_from(&window) => refused,
                why = self.supply(&window, &mut front) => Err(why),
            };
            let done = match done {
                Ok(refused) => self.lay_aside(&window, &refused).await,
                Err(why) => Err(why),
            };
            if let Err(why) = done {
                self.store_last(&window);
                return why;
            }
        }
    }

    /// The first event that is not acknowledged goes to the dead letters.
    async fn lay_aside(&mut self, window: &Window, refused: &Refused) -> Result<(), Why> {
        if let Some((_, event)) = window.next(0) {
            self.bury(&event, refused).await?;
            window.forget(1);
        }
        Ok(())
    }

    /// What is acknowledged need not come again. Where that cannot be stored, it does.
    fn store_last(&self, window: &Window) {
        let acknowledged = window.acknowledged();
        if let Some(last) = acknowledged.last().map(|last| last.get()) {
            let shared = &self.courier.shared;
            let place = Place { position: last.sequence.plus(1), stored: Some(last.commit.recorded) };
            let _ = shared.delivery.delivered(&shared.sink, self.courier.of.as_ref(), place, acknowledged.len() as u64);
        }
    }

    /// Keeps the window filled, and stores the position behind what is acknowledged. `front` is the next event to read.
    async fn supply(&mut self, window: &Window, front: &mut Sequence) -> Why {
        let mut backoff = Backoff::new();
        loop {
            if self.courier.order() == Order::GiveUp {
                return Why::GivenUp;
            }
            if let Err(why) = self.settle(window, *front).await {
                return why;
            }
            let news = *self.news.borrow_and_update();
            if *front < news.upto && self.is_free(window) {
                match self.read(*front).await {
                    Ok(page) => {
                        backoff = Backoff::new();
                        if let Err(why) = self.fill(window, front, &page).await {
                            return why;
                        }
                    }
                    Err(JournalError::Closed) => return Why::JournalClosed,
                    Err(error) => {
                        SinkStuck { sink: &self.courier.shared.sink, doing: "read the journal", error: &error }.emit();
                        self.courier.rest(backoff.pause(None)).await;
                    }
                }
                continue;
            }
            if window.is_empty() && *front >= news.upto && news.last {
                return self.end();
            }
            let due = match window.to_store() {
                ToStore::Nothing => (self.position > self.stored).then_some(self.stored_at + STORE_EVERY),
                ToStore::Soon | ToStore::Now => Some(self.stored_at + STORE_SOON),
            };
            select! {
                changed = self.news.changed() => if changed.is_err() { return self.end() },
                // What the order is, and whether anybody is left to give one, is looked at above.
                _ = self.courier.orders.changed() => {}
                () = window.changed() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    /// Whether more may be put into the window. Where somebody else waits for this lane's turn it runs empty first.
    fn is_free(&self, window: &Window) -> bool {
        let is_awaited = || self.courier.shared.is_awaited(self.courier.of.as_ref());
        window.is_low() && (window.is_empty() || !is_awaited())
    }

    /// Puts into the window what is wanted of a page. Nothing has happened when it is dropped midway.
    async fn fill(&mut self, window: &Window, front: &mut Sequence, page: &Page) -> Result<(), Why> {
        if page.oldest > *front {
            // What is missing is told in its place: behind all that was before.
            while !window.is_empty() {
                window.changed().await;
                self.settle(window, *front).await?;
            }
            self.tell_gap(page).await?;
            *front = self.position;
        }
        let shared = Rc::clone(&self.courier.shared);
        let mut events = Vec::new();
        for commit in &page.commits {
            for index in 0..commit.events.len() {
                events.extend(wanted(&shared, commit, index, *front..).await);
            }
        }
        *front = page.end.max(*front);
        if !events.is_empty() {
            window.push(events);
        }
        Ok(())
    }

    /// Moves the position over what is acknowledged, and stores it where it is time. `front`: what is below is in the window, or not wanted.
    async fn settle(&mut self, window: &Window, front: Sequence) -> Result<(), Why> {
        let is_old = self.stored_at.elapsed() >= STORE_SOON;
        let acknowledged = match window.to_store() {
            ToStore::Now => window.acknowledged(),
            ToStore::Soon if is_old => window.acknowledged(),
            ToStore::Soon | ToStore::Nothing => Vec::new(),
        };
        if let Some(last) = acknowledged.last().map(|last| last.get()) {
            self.since = last.commit.recorded;
            self.position = last.sequence.plus(1);
        }
        if acknowledged.len() == window.len() {
            self.position = self.position.max(front);
        }
        let passed = self.position.0.saturating_sub(self.stored.0);
        if !acknowledged.is_empty() || passed >= UNWANTED || (passed > 0 && self.stored_at.elapsed() >= STORE_EVERY) {
            self.store_position(acknowledged.len() as u64).await?;
        }
        if !acknowledged.is_empty() {
            window.forget(acknowledged.len());
            Delivered { sink: &self.courier.shared.sink, events: &acknowledged, again: false }.emit();
            self.courier.recovered();
        }
        Ok(())
    }
}
