//! One sink at work: follows the journal, and tells each lane when there is something for it.

use std::{
    cell::Cell,
    collections::{HashMap, hash_map::Entry},
    future::Future,
    rc::Rc,
    time::Duration,
};

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::{
    select,
    sync::{mpsc, watch},
    time::{Instant, interval, sleep_until},
};
use watchpost_actors::{
    EngineHandle,
    journal::{Ask, JournalError, JournalHandle, Page},
    model::{ConnectionName, Filter, Sequence},
};

use super::{
    Why,
    again::Replayer,
    backoff::Backoff,
    courier::{Courier, Shared},
    delivery::{Delivery, DeliveryError, Positions, Replay},
    desk::Errand,
    lane::{Lane, News},
    outlet::Outlet,
    telemetry::{BacklogMeasured, SinkStuck},
};

/// Events read from the journal at a time, to see whose they are.
const PAGE: usize = 1_024;
/// How often it is told from where on the sink still waits for events.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What all sinks are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Deliver what comes.
    GoOn,
    /// Deliver what is below this, then end.
    EndAt(Sequence),
    /// End.
    GiveUp,
}

impl Order {
    /// The present order. Where nobody is left to give another, it is to end.
    pub(super) fn present(orders: &mut watch::Receiver<Self>) -> Self {
        let deserted = orders.has_changed().is_err();
        let order = *orders.borrow_and_update();
        if deserted && order == Self::GoOn { Self::GiveUp } else { order }
    }
}

/// What a sink is made of.
pub(super) struct Parts {
    pub(super) sink: String,
    pub(super) filter: Filter,
    pub(super) journal: JournalHandle,
    pub(super) delivery: Delivery,
    pub(super) engine: Option<EngineHandle>,
    pub(super) orders: watch::Receiver<Order>,
    pub(super) errands: mpsc::Receiver<Errand>,
    /// From where on the sink waits for events that it has not delivered.
    pub(super) undelivered: watch::Sender<Sequence>,
}

/// One sink at work.
pub(super) struct Runner<O> {
    shared: Rc<Shared<O>>,
    orders: watch::Receiver<Order>,
    errands: mpsc::Receiver<Errand>,
    undelivered: watch::Sender<Sequence>,
    positions: Positions,
    lanes: HashMap<Option<ConnectionName>, Told>,
    /// How far the replays that were begun have come, by their numbers.
    replays: HashMap<i64, Rc<Cell<Sequence>>>,
    running: FuturesUnordered<LocalBoxFuture<'static, Why>>,
    /// Whose events are below this is known.
    front: Sequence,
    backoff: Backoff,
    /// The journal could not be read: not before this.
    paused: Option<Instant>,
}

/// How a lane is told of news, and where it stands.
struct Told {
    news: watch::Sender<News>,
    position: Rc<Cell<Sequence>>,
}

impl<O: Outlet> Runner<O> {
    /// A sink that goes on from its stored positions; one that has none begins at the end of the journal as it is now.
    ///
    /// # Errors
    /// [`DeliveryError`] when positions can be neither read nor stored.
    pub(super) fn new(parts: Parts, outlet: O) -> Result<Self, DeliveryError> {
        let Parts { sink, filter, journal, delivery, engine, orders, errands, undelivered } = parts;
        let front = journal.next();
        let positions = delivery.begin(&sink, front)?;
        let shared = Shared::new(sink, filter, journal, delivery, outlet, engine, orders.clone());
        Ok(Self {
            shared: Rc::new(shared),
            orders,
            errands,
            undelivered,
            positions,
            lanes: HashMap::new(),
            replays: HashMap::new(),
            running: FuturesUnordered::new(),
            front,
            backoff: Backoff::new(),
            paused: None,
        })
    }

    /// Runs until it is told to end, or there is no use in going on.
    pub(super) async fn run(self) -> Why {
        let shared = Rc::clone(&self.shared);
        shared.outlet.report_to(&shared.delivery);
        shared.outlet.accompany(&shared.sink, shared.engine.as_ref(), &shared.filter);
        let why = self.deliver_all().await;
        shared.outlet.close().await;
        why
    }

    async fn deliver_all(mut self) -> Why {
        if let Err(why) = self.meet().await {
            return why;
        }
        // What cannot be read now is found when somebody asks for a replay, or with the next start.
        let _ = self.begin_replays();
        let mut tell = interval(TELL_EVERY);
        let mut worst = Why::Delivered;
        // Kept until it is done: a page that takes its time must not be asked for anew with everything else that happens.
        let mut follow: LocalBoxFuture<'static, _> = Box::pin(self.follow());
        loop {
            let order = Order::present(&mut self.orders);
            if let Order::EndAt(end) = order
                && self.front >= end
            {
                self.dismiss();
            }
            if order != Order::GoOn && self.running.is_empty() {
                self.tell();
                return worst;
            }
            let following = match order {
                Order::GoOn => true,
                Order::EndAt(end) => self.front < end,
                Order::GiveUp => false,
            };
            let paused = self.paused.take_if(|until| *until <= Instant::now()).or(self.paused);
            select! {
                Some(why) = self.running.next(), if !self.running.is_empty() => match why {
                    Why::Delivered => {}
                    Why::GivenUp => worst = Why::GivenUp,
                    why => return why,
                },
                page = &mut follow, if following && paused.is_none() => {
                    match page {
                        Ok(page) => self.tell_lanes(page),
                        Err(JournalError::Closed) => return Why::JournalClosed,
                        Err(error) => self.pause(&error),
                    }
                    follow = Box::pin(self.follow());
                }
                () = sleep_until(paused.unwrap_or_else(Instant::now)), if paused.is_some() => self.paused = None,
                _ = self.orders.changed() => {}
                Some(errand) = self.errands.recv(), if order == Order::GoOn => self.run_errand(errand),
                _ = tell.tick() => self.tell(),
            }
        }
    }

    /// Begins the lanes that there are now.
    async fn meet(&mut self) -> Result<(), Why> {
        if !self.shared.outlet.manner().per_connection {
            self.lane(None, self.front);
            return Ok(());
        }
        let lanes = loop {
            match self.shared.journal.lanes().await {
                Ok(lanes) => break lanes,
                Err(JournalError::Closed) => return Err(Why::JournalClosed),
                Err(error) => self.pause(&error),
            }
            if let Some(until) = self.paused.take() {
                sleep_until(until).await;
            }
            if Order::present(&mut self.orders) == Order::GiveUp {
                return Err(Why::GivenUp);
            }
        };
        for lane in lanes {
            self.lane(Some(lane.connection), self.front);
        }
        Ok(())
    }

    /// Begins the replays that are stored and do not run, also those that were interrupted.
    fn begin_replays(&mut self) -> Result<Vec<Replay>, DeliveryError> {
        let mut stored = self.shared.delivery.replays(Some(&self.shared.sink))?;
        // Those that are done need the journal no more.
        self.replays.retain(|_, position| position.get() < Sequence(u64::MAX));
        // The other one who has the position is at work.
        stored.retain(|job| self.replays.get(&job.id).is_none_or(|position| Rc::strong_count(position) == 1));
        for job in &stored {
            let mut replayer = Replayer::new(Rc::clone(&self.shared), job.clone());
            self.replays.insert(job.id, replayer.position());
            self.running.push(Box::pin(async move { replayer.run(&mut |_| {}).await }));
        }
        Ok(stored)
    }

    /// Does what somebody has asked for, beside everything else.
    fn run_errand(&mut self, errand: Errand) {
        match errand {
            // Whoever has asked may be gone; they are begun all the same.
            Errand::Replay(answer) => drop(answer.send(self.begin_replays().map_err(|error| error.to_string()))),
            // Whoever has asked does not wait any more.
            Errand::Redeliver(_, answer) if answer.is_closed() => {}
            Errand::Redeliver(event, answer) => {
                let of = self.shared.lane_of(&event.get().commit.connection);
                let mut courier = Courier::new(Rc::clone(&self.shared), of);
                self.running.push(Box::pin(async move {
                    // Whoever has asked may be gone.
                    let _ = answer.send(courier.redeliver(&event).await);
                    Why::Delivered
                }));
            }
        }
    }

    /// Waits for the next events. It borrows nothing, and may be dropped at any time.
    fn follow(&self) -> impl Future<Output = Result<Page, JournalError>> + use<O> {
        let (shared, from) = (Rc::clone(&self.shared), self.front);
        async move {
            shared.journal.reached(from).await?;
            if shared.outlet.manner().per_connection {
                shared.journal.read(Ask { from, limit: PAGE, of: None }).await
            } else {
                // Whose they are does not matter.
                Ok(Page { end: shared.journal.next(), ..Page::default() })
            }
        }
    }

    /// Tells each lane what there is for it.
    fn tell_lanes(&mut self, page: Page) {
        self.backoff = Backoff::new();
        self.front = self.front.max(page.end);
        if !self.shared.outlet.manner().per_connection {
            self.lane(None, self.front);
        }
        for commit in &page.commits {
            self.lane(Some(commit.connection.clone()), commit.next());
        }
    }

    fn pause(&mut self, error: &JournalError) {
        SinkStuck { sink: &self.shared.sink, doing: "read the journal", error }.emit();
        self.paused = Some(Instant::now() + self.backoff.pause(None));
    }

    /// There may be something for a lane below `upto`; one that is not known yet begins.
    fn lane(&mut self, of: Option<ConnectionName>, upto: Sequence) {
        let news = News { upto, last: false };
        match self.lanes.entry(of) {
            Entry::Occupied(lane) => drop(lane.get().news.send_replace(news)),
            Entry::Vacant(place) => {
                let of = place.key().clone();
                let (position, since) = self.positions.of(of.as_ref());
                let shown = Rc::new(Cell::new(position));
                let (sender, receiver) = watch::channel(news);
                let courier = Courier::new(Rc::clone(&self.shared), of);
                let lane = Lane::new(courier, position, since, Rc::clone(&shown), receiver);
                self.running.push(Box::pin(lane.run()));
                place.insert(Told { news: sender, position: shown });
            }
        }
    }

    /// There will be nothing more for anybody.
    fn dismiss(&mut self) {
        for lane in self.lanes.values() {
            lane.news.send_if_modified(|news| !std::mem::replace(&mut news.last, true));
        }
    }

    /// Tells from where on the sink still waits for events.
    fn tell(&self) {
        let behind = self.lanes.values().filter(|lane| lane.position.get() < lane.news.borrow().upto);
        let lanes = behind.map(|lane| lane.position.get()).min().unwrap_or(self.front).min(self.front);
        let events = self.shared.journal.next().0.saturating_sub(lanes.0);
        BacklogMeasured { sink: &self.shared.sink, events }.emit();
        let lowest = self.replays.values().map(|replay| replay.get()).min().map_or(lanes, |replay| replay.min(lanes));
        self.undelivered.send_if_modified(|now| std::mem::replace(now, lowest) != lowest);
    }
}

impl<O> Drop for Runner<O> {
    fn drop(&mut self) {
        // It is behind no more than it is ahead: it is gone.
        BacklogMeasured { sink: &self.shared.sink, events: 0 }.emit();
    }
}
