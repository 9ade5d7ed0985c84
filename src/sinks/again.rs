//! Delivering again what was delivered, or refused, before: replays of the journal, and dead letters.

use std::{cell::Cell, rc::Rc};

use tokio::sync::watch;
use watchpost_actors::{
    journal::{Ask, JournalError, JournalHandle, Page},
    model::{Sequence, event::SharedEvent},
};

use super::{
    Why, WithOutlet,
    backoff::Backoff,
    courier::{Courier, Outcome, Refused, Shared},
    delivery::{Delivery, NewDeadLetter, Replay},
    filter,
    lane::wanted,
    outlet::{Failure, Outlet},
    runner::Order,
    telemetry::{DeadLetterWritten, ReplayEnded, ReplayShortened, SinkStuck},
    with_outlet,
};
use crate::config::SinkConfig;

/// Events read from the journal at a time.
const PAGE: usize = 1_024;

/// What came of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Events that this call has delivered.
    pub delivered: u64,
    /// Events that the receiver refused. They are dead letters now.
    pub refused: u64,
}

/// Runs a replay beside a stopped system, until it is done. How far it has come is stored as it goes, so it may be dropped at any time
/// and goes on with the next call. `progress` hears how many events this call has delivered.
///
/// # Errors
/// In words, why the sink cannot be started, or the journal not be read.
pub async fn replay(
    sink: &SinkConfig,
    journal: &JournalHandle,
    delivery: &Delivery,
    job: &Replay,
    progress: &mut dyn FnMut(u64),
) -> Result<Replayed, String> {
    struct Run<'a> {
        sink: &'a SinkConfig,
        journal: &'a JournalHandle,
        delivery: &'a Delivery,
        job: &'a Replay,
        progress: &'a mut dyn FnMut(u64),
    }
    impl WithOutlet for Run<'_> {
        type Output = Result<Replayed, String>;

        async fn with<O: Outlet>(self, outlet: O) -> Self::Output {
            let Self { sink, journal, delivery, job, progress } = self;
            // Kept to the end: an order that nobody can give any more is the order to end.
            let (_orders, told) = watch::channel(Order::GoOn);
            let filter = filter(sink).map_err(|error| error.to_string())?;
            let shared = Shared::new(sink.name.clone(), filter, journal.clone(), delivery.clone(), outlet, None, told);
            let mut replayer = Replayer::new(Rc::new(shared), job.clone());
            match replayer.run(progress).await {
                Why::Delivered => Ok(Replayed { delivered: replayer.delivered, refused: replayer.refused }),
                Why::ReaderGone => Err("nobody reads it any more".to_owned()),
                why => Err(format!("the journal could not be read to the end ({why:?})")),
            }
        }
    }
    with_outlet(sink, true, Run { sink, journal, delivery, job, progress }).await.map_err(|error| error.to_string())?
}

/// Delivers events once, now, one after the other; ends with the first that is not taken.
///
/// # Errors
/// In words, what the receiver said, or why the sink cannot be started.
pub async fn redeliver(sink: &SinkConfig, events: &[SharedEvent]) -> Result<(), String> {
    struct Run<'a>(&'a [SharedEvent]);
    impl WithOutlet for Run<'_> {
        type Output = Result<(), Failure>;

        async fn with<O: Outlet>(self, outlet: O) -> Self::Output {
            for event in self.0 {
                // Later events were delivered before it: who goes by sequences must not take it for a repeat.
                outlet.deliver(std::slice::from_ref(event), true).await?;
            }
            Ok(())
        }
    }
    match with_outlet(sink, true, Run(events)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Failure::Again { why, .. } | Failure::Refused { why, .. })) => Err(why),
        Ok(Err(Failure::ReaderGone)) => Err("nobody reads it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A replay at work.
pub(super) struct Replayer<O> {
    shared: Rc<Shared<O>>,
    job: Replay,
    /// In this run.
    delivered: u64,
    /// Events that the receiver has refused: dead letters now.
    refused: u64,
    /// The position, for others to see.
    shown: Rc<Cell<Sequence>>,
}

impl<O: Outlet> Replayer<O> {
    pub(super) fn new(shared: Rc<Shared<O>>, job: Replay) -> Self {
        let shown = Rc::new(Cell::new(job.position));
        Self { shared, job, delivered: 0, refused: 0, shown }
    }

    /// From where on it still needs the journal.
    pub(super) fn position(&self) -> Rc<Cell<Sequence>> {
        Rc::clone(&self.shown)
    }

    /// Runs until it is done, or there is no use in going on.
    pub(super) async fn run(&mut self, progress: &mut dyn FnMut(u64)) -> Why {
        let mut backoff = Backoff::new();
        // Where there is one order for all this is its courier; else it takes the place of each connection's in turn.
        let mut courier = Courier::new(Rc::clone(&self.shared), None);
        while self.job.position < self.job.until {
            if courier.order() != Order::GoOn {
                return Why::GivenUp;
            }
            let ask = Ask { from: self.job.position, limit: PAGE, of: None };
            match self.shared.journal.read(ask).await {
                Ok(page) => {
                    if let Err(why) = self.pass_on(&mut courier, &page, progress).await {
                        return why;
                    }
                }
                Err(JournalError::Closed) => return Why::JournalClosed,
                Err(error) => {
                    SinkStuck { sink: &self.shared.sink, doing: "read the journal for a replay", error: &error }.emit();
                    courier.rest(backoff.pause(None)).await;
                }
            }
        }
        // If it cannot be forgotten now it is found again with the next start, and ends at once.
        let _ = self.shared.delivery.end_replay(self.job.id);
        self.shown.set(Sequence(u64::MAX));
        let Self { shared, delivered, refused, .. } = self;
        ReplayEnded { sink: &shared.sink, delivered: *delivered, refused: *refused }.emit();
        Why::Delivered
    }

    async fn pass_on(
        &mut self,
        courier: &mut Courier<O>,
        page: &Page,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Why> {
        if page.oldest > self.job.position {
            ReplayShortened { sink: &self.shared.sink }.emit();
        }
        let batch = self.shared.outlet.manner().batch.max(1);
        for commit in &page.commits {
            courier.of = self.shared.lane_of(&commit.connection);
            let mut events = Vec::new();
            for index in 0..commit.events.len() {
                events.extend(wanted(&self.shared, commit, index, self.job.position..self.job.until).await);
            }
            for batch in events.chunks(batch) {
                self.deliver(courier, batch).await?;
                progress(self.delivered);
            }
            self.job.position = self.job.position.max(commit.next());
        }
        self.job.position = self.job.position.max(page.end).min(self.job.until);
        self.store(0);
        Ok(())
    }

    async fn deliver(&mut self, courier: &mut Courier<O>, batch: &[SharedEvent]) -> Result<(), Why> {
        match courier.deliver(batch, true).await? {
            Outcome::Delivered => {
                self.delivered += batch.len() as u64;
                self.job.position = batch.last().map_or(self.job.position, |last| last.get().sequence.plus(1));
                self.store(batch.len() as u64);
            }
            Outcome::Refused(_) if batch.len() > 1 => {
                for event in batch {
                    Box::pin(self.deliver(courier, std::slice::from_ref(event))).await?;
                }
            }
            Outcome::Refused(Refused { why, tries, first }) => {
                let Some(event) = batch.first().map(SharedEvent::get) else { return Ok(()) };
                let sink = &*self.shared.sink;
                let letter = NewDeadLetter { sink, lane: None, event, why: &why, tries, first };
                if let Err(error) = self.shared.delivery.lay_aside(&letter) {
                    SinkStuck { sink, doing: "keep a dead letter", error: &error }.emit();
                    return Err(Why::GivenUp);
                }
                DeadLetterWritten { sink, event: &event.full_id(), why: &why }.emit();
                self.refused += 1;
                courier.recovered();
            }
        }
        Ok(())
    }

    /// How far it has come is worth storing; where that fails, more is repeated should it be interrupted.
    fn store(&self, events: u64) {
        self.shown.set(self.job.position);
        let _ = self.shared.delivery.replayed(self.job.id, self.job.position, events);
    }
}
