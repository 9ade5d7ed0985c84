//! Takes events to the outlet, however many tries it takes.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    select,
    sync::{Mutex, OwnedMutexGuard, watch},
    time::sleep,
};
use watchpost_actors::{
    EngineHandle,
    journal::JournalHandle,
    model::{ConnectionName, Filter, event::SharedEvent},
};

use super::{
    Why,
    backoff::Backoff,
    delivery::Delivery,
    outlet::{Failure, Outlet},
    runner::Order,
    telemetry::{Delivered, Recovered, SinkFailing},
    window::Window,
};

/// What everything that works for one sink shares.
pub(super) struct Shared<O> {
    pub(super) sink: String,
    pub(super) filter: Filter,
    pub(super) journal: JournalHandle,
    pub(super) delivery: Delivery,
    pub(super) outlet: O,
    /// Who can be asked for names; nobody beside a stopped system.
    pub(super) engine: Option<EngineHandle>,
    pub(super) orders: watch::Receiver<Order>,
    /// Whose turn it is, for each lane: a lane and a replay never deliver events of one connection at the same time.
    turns: RefCell<HashMap<Option<ConnectionName>, std::sync::Arc<Mutex<()>>>>,
}

impl<O: Outlet> Shared<O> {
    pub(super) fn new(
        sink: String,
        filter: Filter,
        journal: JournalHandle,
        delivery: Delivery,
        outlet: O,
        engine: Option<EngineHandle>,
        orders: watch::Receiver<Order>,
    ) -> Self {
        Self { sink, filter, journal, delivery, outlet, engine, orders, turns: RefCell::default() }
    }

    /// The lane in which events of this connection are delivered.
    pub(super) fn lane_of(&self, connection: &ConnectionName) -> Option<ConnectionName> {
        self.outlet.manner().per_connection.then(|| connection.clone())
    }

    async fn turn(&self, lane: Option<&ConnectionName>) -> OwnedMutexGuard<()> {
        let turn = self.turns.borrow_mut().entry(lane.cloned()).or_default().clone();
        turn.lock_owned().await
    }

    /// Whether somebody waits for a turn that another has.
    pub(super) fn is_awaited(&self, lane: Option<&ConnectionName>) -> bool {
        let turns = self.turns.borrow();
        // One is here, one has whoever holds it, and one each who waits for it.
        lane.map_or_else(|| turns.get(&None), |lane| turns.get(&Some(lane.clone())))
            .is_some_and(|turn| std::sync::Arc::strong_count(turn) > 2)
    }
}

/// Takes the events of one lane to the outlet.
pub(super) struct Courier<O> {
    pub(super) shared: Rc<Shared<O>>,
    pub(super) of: Option<ConnectionName>,
    pub(super) orders: watch::Receiver<Order>,
    failing: Rc<Cell<bool>>,
}

/// What became of a delivery.
pub(super) enum Outcome {
    Delivered,
    Refused(Refused),
}

/// An event is not wanted.
pub(super) struct Refused {
    pub(super) why: String,
    pub(super) tries: u32,
    /// When it was tried first.
    pub(super) first: Timestamp,
}

impl<O: Outlet> Courier<O> {
    pub(super) fn new(shared: Rc<Shared<O>>, of: Option<ConnectionName>) -> Self {
        let orders = shared.orders.clone();
        Self { shared, of, orders, failing: Rc::default() }
    }

    /// Another one for the same lane: what fails for one fails for both.
    pub(super) fn twin(&self) -> Self {
        let Self { shared, of, orders, failing } = self;
        Self { shared: Rc::clone(shared), of: of.clone(), orders: orders.clone(), failing: Rc::clone(failing) }
    }

    /// Delivers events; comes back when they are acknowledged, or refused for good.
    pub(super) async fn deliver(&mut self, events: &[SharedEvent], redelivery: bool) -> Result<Outcome, Why> {
        let shared = Rc::clone(&self.shared);
        let _turn = shared.turn(self.of.as_ref()).await;
        let (mut backoff, mut tries, first) = (Backoff::new(), 0, Timestamp::now());
        loop {
            let delivered = select! {
                delivered = shared.outlet.deliver(events, redelivery) => delivered,
                () = self.given_up() => return Err(Why::GivenUp),
            };
            let (why, after) = match delivered {
                Ok(()) => {
                    Delivered { sink: &shared.sink, events, again: redelivery }.emit();
                    self.recovered();
                    return Ok(Outcome::Delivered);
                }
                Err(Failure::ReaderGone) => return Err(Why::ReaderGone),
                Err(Failure::Again { why, after }) => (why, after),
                Err(Failure::Refused { why, at_once }) => {
                    tries += 1;
                    if at_once || events.len() > 1 || tries >= shared.outlet.manner().tries {
                        return Ok(Outcome::Refused(Refused { why, tries, first }));
                    }
                    (why, None)
                }
            };
            self.fails(&why, !redelivery);
            self.rest_or_leave(backoff.pause(after)).await?;
        }
    }

    /// Delivers what comes into a window for as long as that goes well; comes back when the first event that is not acknowledged is refused for good.
    pub(super) async fn deliver_from(&mut self, window: &Window) -> Result<Refused, Why> {
        loop {
            window.reaches(0).await;
            if let Some(refused) = self.empty(window).await? {
                return Ok(refused);
            }
        }
    }

    /// Delivers what is in a window, and what joins it, until nothing is left or it is somebody else's turn.
    async fn empty(&mut self, window: &Window) -> Result<Option<Refused>, Why> {
        let shared = Rc::clone(&self.shared);
        let _turn = shared.turn(self.of.as_ref()).await;
        // Of the event that is tried now.
        let (mut number, mut backoff, mut tries, mut first) = (0, Backoff::new(), 0, Timestamp::now());
        loop {
            let delivered = select! {
                delivered = shared.outlet.deliver_from(window, false) => delivered,
                () = self.given_up() => return Err(Why::GivenUp),
            };
            // That something goes wrong is told behind what went well: to store a position says that all is well again.
            window.stored().await;
            let failed = window.next(0).map_or(number, |(number, _)| number);
            if failed != number {
                (number, backoff, tries, first) = (failed, Backoff::new(), 0, Timestamp::now());
            }
            let (why, after) = match delivered {
                Ok(()) => return Ok(None),
                Err(Failure::ReaderGone) => return Err(Why::ReaderGone),
                Err(Failure::Again { why, after }) => (why, after),
                Err(Failure::Refused { why, at_once }) => {
                    tries += 1;
                    if at_once || tries >= shared.outlet.manner().tries {
                        return Ok(Some(Refused { why, tries, first }));
                    }
                    (why, None)
                }
            };
            self.fails(&why, true);
            self.rest_or_leave(backoff.pause(after)).await?;
        }
    }

    /// Delivers an event that was refused before, when it is this lane's turn: in one try, but where there is one order for all. There what is half
    /// written must be ended before anything else.
    ///
    /// # Errors
    /// In words, what the receiver said, or why it was not tried.
    pub(super) async fn redeliver(&mut self, event: &SharedEvent) -> Result<(), String> {
        let (ending, events) = ("the watchpost is ending", std::slice::from_ref(event));
        let shared = Rc::clone(&self.shared);
        if !shared.outlet.manner().per_connection {
            return match self.deliver(events, true).await {
                Ok(Outcome::Delivered) => Ok(()),
                Ok(Outcome::Refused(Refused { why, .. })) => Err(why),
                Err(Why::ReaderGone) => Err("nobody reads it".to_owned()),
                Err(_) => Err(ending.to_owned()),
            };
        }
        let mut orders = shared.orders.clone();
        let once = async {
            let _turn = shared.turn(self.of.as_ref()).await;
            shared.outlet.deliver(events, true).await
        };
        let delivered = select! {
            delivered = once => delivered,
            // Whoever gives the orders is gone: that is the same.
            _ = orders.wait_for(|order| *order != Order::GoOn) => return Err(ending.to_owned()),
        };
        match delivered {
            Ok(()) => {
                Delivered { sink: &shared.sink, events, again: true }.emit();
                Ok(())
            }
            Err(Failure::Again { why, .. } | Failure::Refused { why, .. }) => Err(why),
            Err(Failure::ReaderGone) => Err("nobody reads it".to_owned()),
        }
    }

    /// Something went wrong that a later try may mend. A replay that fails says nothing of how the lane is doing.
    pub(super) fn fails(&mut self, why: &str, of_lane: bool) {
        let Shared { sink, delivery, .. } = &*self.shared;
        SinkFailing { sink, connection: self.of.as_ref(), why, news: !self.failing.replace(true) }.emit();
        if of_lane {
            // For people to see; the sink goes on without.
            let _ = delivery.failing(sink, self.of.as_ref(), why);
        }
    }

    /// It works again.
    pub(super) fn recovered(&mut self) {
        if self.failing.take() {
            Recovered { sink: &self.shared.sink, connection: self.of.as_ref() }.emit();
        }
    }

    /// The present order.
    pub(super) fn order(&mut self) -> Order {
        Order::present(&mut self.orders)
    }

    /// Waits until the sink is given up.
    async fn given_up(&self) {
        let mut orders = self.shared.orders.clone();
        // Whoever gives the orders is gone: that is the same.
        let _ = orders.wait_for(|order| *order == Order::GiveUp).await;
    }

    /// Waits before another try, or until there is a new order.
    pub(super) async fn rest(&mut self, pause: Duration) {
        select! {
            () = sleep(pause) => {}
            _ = self.orders.changed() => {}
        }
    }

    /// The same. Told to end, it is tried once more; what fails then is left for the next start, if there it will be found.
    pub(super) async fn rest_or_leave(&mut self, pause: Duration) -> Result<(), Why> {
        if matches!(self.order(), Order::EndAt(_)) && self.shared.delivery.is_durable() {
            return Err(Why::GivenUp);
        }
        self.rest(pause).await;
        if self.order() == Order::GiveUp { Err(Why::GivenUp) } else { Ok(()) }
    }
}
