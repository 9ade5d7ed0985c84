//! The loop of every sink: read a page of the journal, keep what the filter wants, write it out, move on.
//!
//! The position moves only behind what was written. A write that fails is tried again for as long as the sink runs, with growing pauses,
//! and told once; meanwhile the journal keeps what comes.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    time::Duration,
};

use actix::Addr;
use jiff::Timestamp;
use tokio::{select, sync::watch, time::sleep};
use watchpost_actors::{
    EngineHandle, Supervisor,
    journal::{JournalError, JournalHandle, Page},
    messages::ListConnections,
    model::{ConnectionName, Filter, Sequence, event::Stored},
};

use super::{Output, Why, gap::Dropped};

/// Events read from the journal at a time.
const PAGE: usize = 1_024;
/// Lines are written out when there are so many bytes of them.
const FULL: usize = 256 << 10;
/// The pause after a first failure; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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

/// One sink at work.
pub(super) struct Runner {
    sink: String,
    filter: Filter,
    journal: JournalHandle,
    front: Addr<Supervisor>,
    orders: watch::Receiver<Order>,
    output: Output,
    /// The next event to deliver.
    position: Sequence,
    /// When what was delivered last was stored.
    stored: Timestamp,
    /// Every connection that this sink has heard of, and its vendor: whom a gap may concern. The engine's own table is empty once
    /// connections are stopped, and a sink that is behind then goes on.
    known: BTreeMap<ConnectionName, &'static str>,
    /// Lines that are not written yet.
    lines: Vec<u8>,
}

impl Runner {
    pub(super) fn new(
        sink: String,
        filter: Filter,
        engine: &EngineHandle,
        from: Sequence,
        orders: watch::Receiver<Order>,
        output: Output,
    ) -> Self {
        Self {
            sink,
            filter,
            journal: engine.journal().clone(),
            front: engine.front().clone(),
            orders,
            output,
            position: from,
            stored: Timestamp::now(),
            known: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    /// Runs until it is told to end, or there is no use in going on.
    pub(super) async fn run(mut self) -> Why {
        let mut pause = FIRST_PAUSE;
        self.meet().await;
        loop {
            match self.order() {
                Order::EndAt(end) if self.position >= end => return Why::Delivered,
                Order::GiveUp => return Why::GivenUp,
                Order::GoOn | Order::EndAt(_) => {}
            }
            if self.position >= self.journal.next() {
                select! {
                    reached = self.journal.reached(self.position) => if reached.is_err() { return Why::JournalClosed },
                    // What the order is, and whether anybody is left to give one, is looked at above.
                    _ = self.orders.changed() => {}
                }
                continue;
            }
            match self.journal.read(self.position, PAGE).await {
                Ok(page) => {
                    pause = FIRST_PAUSE;
                    if let Err(why) = self.deliver(&page).await {
                        return why;
                    }
                }
                Err(JournalError::Closed) => return Why::JournalClosed,
                Err(error) => {
                    tracing::warn!(sink = self.sink, %error, "The sink cannot read the journal; it tries again.");
                    self.rest(&mut pause).await;
                }
            }
        }
    }

    fn order(&mut self) -> Order {
        let deserted = self.orders.has_changed().is_err();
        let order = *self.orders.borrow_and_update();
        if deserted && order == Order::GoOn { Order::GiveUp } else { order }
    }

    async fn deliver(&mut self, page: &Page) -> Result<(), Why> {
        if page.oldest > self.position {
            self.tell_gap(page).await;
            self.position = page.oldest;
        }
        // The first group may begin before it.
        let from = self.position;
        for commit in &page.commits {
            for event in commit.iter().filter(|event| event.sequence >= from) {
                self.line(&event);
                if self.lines.len() >= FULL {
                    self.write_out().await?;
                    self.position = event.sequence.plus(1);
                }
            }
            self.stored = commit.recorded;
            if let Entry::Vacant(new) = self.known.entry(commit.connection.clone()) {
                new.insert(commit.vendor);
            }
        }
        self.write_out().await?;
        let end = page.commits.last().map_or(page.next, |commit| commit.next());
        self.position = self.position.max(end);
        Ok(())
    }

    fn line(&mut self, event: &Stored<'_>) {
        if self.filter.wants(event) {
            let before = self.lines.len();
            event.write_line(&mut self.lines);
            if self.lines.len() > before {
                self.lines.push(b'\n');
            }
        }
    }

    /// Remembers the connections that there are now.
    async fn meet(&mut self) {
        // Without the engine there are none to add.
        let connections = self.front.send(ListConnections).await.unwrap_or_default();
        self.known.extend(connections.into_iter().map(|connection| (connection.name, connection.vendor)));
    }

    /// What lies between the position and the oldest event that is left is gone.
    async fn tell_gap(&mut self, page: &Page) {
        let to = page.commits.first().map_or_else(Timestamp::now, |commit| commit.recorded);
        let dropped = Dropped { first: self.position, next: page.oldest, from: self.stored.min(to), to };
        tracing::warn!(sink = self.sink, events = dropped.events(), "The sink was too slow: retention was faster.");
        self.meet().await;
        // Those of which this page is the first news.
        for commit in &page.commits {
            self.known.entry(commit.connection.clone()).or_insert(commit.vendor);
        }
        for (connection, vendor) in self.known.clone() {
            let gap = dropped.event(connection, vendor);
            for event in gap.iter() {
                self.line(&event);
            }
        }
    }

    /// Writes the lines, however many tries it takes.
    async fn write_out(&mut self) -> Result<(), Why> {
        let (mut done, mut pause, mut told) = (0, FIRST_PAUSE, false);
        while let Err(error) = self.try_write(&mut done) {
            if self.output.one_reader && error.kind() == io::ErrorKind::BrokenPipe {
                return Err(Why::ReaderGone);
            }
            if !told {
                tracing::error!(sink = self.sink, %error, "The sink cannot write; it tries again until it can.");
                told = true;
            }
            if self.rest(&mut pause).await == Order::GiveUp {
                return Err(Why::GivenUp);
            }
        }
        if told {
            tracing::info!(sink = self.sink, "The sink can write again.");
        }
        self.lines.clear();
        Ok(())
    }

    fn try_write(&mut self, done: &mut usize) -> io::Result<()> {
        while *done < self.lines.len() {
            match self.output.writer.write(&self.lines[*done..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => *done += taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.writer.flush()
    }

    /// Waits before another try, or until there is a new order.
    async fn rest(&mut self, pause: &mut Duration) -> Order {
        select! {
            () = sleep(*pause) => {}
            _ = self.orders.changed() => {}
        }
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        self.order()
    }
}
