//! Where events are delivered.
//!
//! ```text
//! journal ─► runner (whose are the next events?) ─► lane (reads from its position, filter, tries again) ─► outlet (lines, webhook)
//!                                                    └─► delivery (how far each lane has come, dead letters)
//! ```
//!
//! A sink reads the journal from positions of its own; the engine never sends to it. So a sink that is slow or broken delays nobody: it
//! falls behind, and what the journal still holds is delivered later, after a restart of the program too. What retention has dropped
//! meanwhile is told to that sink alone, as a `gap`. Each sink has a thread, because it may block in a write for as long as it likes.
//!
//! - `runner`, `lane`, `courier`: what every sink does; `flow` with `window`: a lane that sends more before the first is acknowledged. `backoff`: how long it waits between tries. `gap`: the line for what retention dropped.
//! - `outlet`: what a sink must be able to do; `lines` with `stdout` and `file`, and `webhook`, are those there are.
//! - `mirror`: what every item reads now, kept at a broker beside the events. `level`: names in topics and subjects.
//! - [`delivery`]: what is remembered. [`standing`]: the way to a broker. [`report`]: how each sink is doing. [`letters`]: dead letters, and what is asked of replays.
//! - `again`: replays, and dead letters that are tried again, where nothing runs; `desk`: how a running sink is asked for either.

mod again;
mod attributes;
mod backoff;
mod courier;
pub mod delivery;
mod desk;
mod file;
mod flow;
mod gap;
mod lane;
pub mod letters;
#[cfg(any(feature = "mqtt", feature = "nats"))]
mod level;
mod lines;
#[cfg(any(feature = "mqtt", feature = "nats"))]
mod mirror;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "nats")]
mod nats;
mod outlet;
pub mod report;
mod runner;
pub mod standing;
mod stdout;
mod telemetry;
#[cfg(test)]
mod tests;
pub mod trial;
mod webhook;
mod window;

use std::{future::Future, io, path::PathBuf, sync::mpsc, thread, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};
#[cfg(feature = "mqtt")]
use watchpost_actors::transport::TlsError;
use watchpost_actors::{
    EngineHandle,
    journal::{JournalError, JournalHandle},
    model::{Filter, Sequence, filter::FilterError},
};

#[cfg(feature = "nats")]
use self::nats::Nats;
#[cfg(feature = "nats")]
pub use self::nats::NatsError;
pub use self::{
    again::{Replayed, redeliver, replay},
    desk::Desk,
    webhook::WebhookError,
};
use self::{
    delivery::{Delivery, DeliveryError},
    file::RotatedFile,
    lines::Lines,
    outlet::Outlet,
    runner::{Order, Parts, Runner},
    stdout::Stdout,
    telemetry::{NoRuntime, PositionsUnknown},
    webhook::Webhook,
};
use crate::config::{SinkConfig, SinkKind};

/// Why a sink could not be started. Trying again helps once what is named is mended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// Its filter cannot be read.
    #[error("sink \"{sink}\": {source}")]
    Filter {
        /// The sink.
        sink: String,
        /// What is wrong.
        source: FilterError,
    },
    /// Its file cannot be written.
    #[error("sink \"{sink}\": cannot write {}: {source}", path.display())]
    File {
        /// The sink.
        sink: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its receiver cannot be reached in the way that is configured.
    #[error("sink \"{sink}\": {source}")]
    Webhook {
        /// The sink.
        sink: String,
        /// What is wrong.
        source: WebhookError,
    },
    /// Its broker cannot be reached in the way that is configured.
    #[cfg(feature = "mqtt")]
    #[error("sink \"{sink}\": {source}")]
    Mqtt {
        /// The sink.
        sink: String,
        /// What is wrong.
        source: TlsError,
    },
    /// Its NATS server cannot be reached in the way that is configured.
    #[cfg(feature = "nats")]
    #[error("sink \"{sink}\": {source}")]
    Nats {
        /// The sink.
        sink: String,
        /// What is wrong.
        source: NatsError,
    },
    /// How far it has come cannot be read or stored.
    #[error("sink \"{sink}\": {source}")]
    Delivery {
        /// The sink.
        sink: String,
        /// What is wrong.
        source: DeliveryError,
    },
    /// The journal cannot be read.
    #[error("sink \"{sink}\": {source}")]
    Journal {
        /// The sink.
        sink: String,
        /// What is wrong.
        source: JournalError,
    },
    /// The system gave no thread.
    #[error("sink \"{sink}\": cannot start a thread: {source}")]
    Thread {
        /// The sink.
        sink: String,
        /// What the system said.
        source: io::Error,
    },
}

impl SinkError {
    /// The configuration is wrong, as far as this machine goes.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Filter { .. } | Self::File { .. } | Self::Webhook { .. } => true,
            #[cfg(feature = "mqtt")]
            Self::Mqtt { .. } => true,
            #[cfg(feature = "nats")]
            Self::Nats { .. } => true,
            Self::Delivery { .. } | Self::Journal { .. } | Self::Thread { .. } => false,
        }
    }
}

/// A sink that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its name.
    pub sink: String,
    /// Why.
    pub why: Why,
}

/// Why a sink has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It has delivered everything that it was told to deliver.
    Delivered,
    /// Nobody reads any more what it writes.
    ReaderGone,
    /// It was given up before it had delivered everything.
    GivenUp,
    /// The journal ended before it.
    JournalClosed,
    /// What is stored of deliveries cannot be used any more. The next start begins it anew.
    StoreBroken,
    /// Its thread ended in a panic, which is a defect.
    Panicked,
}

/// The running sinks of an engine. Dropped, they end without delivering what is left.
pub struct Sinks {
    orders: watch::Sender<Order>,
    running: FuturesUnordered<BoxFuture<'static, Ended>>,
    names: Vec<String>,
    undelivered: Vec<watch::Receiver<Sequence>>,
    desk: Desk,
}

/// What sinks still wait for.
#[derive(Debug, Clone)]
pub struct Undelivered(Vec<watch::Receiver<Sequence>>);

impl Undelivered {
    /// From where on some sink has not delivered everything; zero until every sink knows, the highest there is if there are no sinks.
    #[must_use]
    pub fn lowest(&self) -> Sequence {
        self.0.iter().map(|sink| *sink.borrow()).min().unwrap_or(Sequence(u64::MAX))
    }
}

/// What sinks stand on.
#[derive(Clone)]
pub struct Ground {
    /// What they read.
    pub journal: JournalHandle,
    /// What they remember.
    pub delivery: Delivery,
    /// Who can be asked for names.
    pub engine: Option<EngineHandle>,
    /// What was delivered to a file must outlive a power cut.
    pub durable_files: bool,
}

impl Sinks {
    /// Starts sinks. Each goes on from where it was; one that was never started begins with the next event.
    ///
    /// Where nothing at all is known of sinks, and events are stored, what was known may be lost. Then every sink begins with the oldest
    /// event: what it had already is repeated, and nothing is lost.
    ///
    /// # Errors
    /// [`SinkError`] of the first that cannot be started; those before it end again.
    pub async fn start(configs: &[SinkConfig], ground: &Ground) -> Result<Self, SinkError> {
        begin_anew(configs, ground).await?;
        let (orders, _) = watch::channel(Order::GoOn);
        let mut sinks = Self {
            orders,
            running: FuturesUnordered::new(),
            names: Vec::new(),
            undelivered: Vec::new(),
            desk: Desk::default(),
        };
        for config in configs {
            sinks.add(config, ground)?;
        }
        Ok(sinks)
    }

    fn add(&mut self, config: &SinkConfig, ground: &Ground) -> Result<(), SinkError> {
        let filter = filter(config)?;
        let Ground { journal, delivery, engine, durable_files } = ground.clone();
        let (undelivered, told) = watch::channel(Sequence(0));
        let (sink, orders) = (config.name.clone(), self.orders.subscribe());
        let errands = self.desk.add(&sink);
        let parts = Parts { sink, filter, journal, delivery, engine, orders, errands, undelivered };
        let end = begin(config, parts, durable_files)?;
        let name = config.name.clone();
        self.names.push(name.clone());
        self.undelivered.push(told);
        self.running.push(Box::pin(async move { Ended { sink: name, why: end.await.unwrap_or(Why::Panicked) } }));
        Ok(())
    }

    /// What the sinks still wait for, now and later.
    #[must_use]
    pub fn undelivered(&self) -> Undelivered {
        Undelivered(self.undelivered.clone())
    }

    /// Where they are asked for more than what comes.
    #[must_use]
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Waits until a sink has ended; for ever if none is left.
    pub async fn ended(&mut self) -> Ended {
        match self.running.next().await {
            Some(ended) => {
                self.names.retain(|name| *name != ended.sink);
                ended
            }
            None => std::future::pending().await,
        }
    }

    /// Whether no sink is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Lets each sink deliver what is stored before `until`, and ends it. Past `deadline`, those that have not are given up.
    ///
    /// Answers how each has ended. What was not delivered is found again at the next start, where the journal is durable.
    pub async fn drain(mut self, until: Sequence, deadline: Duration) -> Vec<Ended> {
        self.orders.send_replace(Order::EndAt(until));
        let mut all = Vec::new();
        if timeout(deadline, self.gather(&mut all)).await.is_err() {
            self.orders.send_replace(Order::GiveUp);
            // One that waits to try again hears of it at once; one that is stuck in a write may never.
            let _ = timeout(GIVING_UP, self.gather(&mut all)).await;
        }
        let stuck = self.names.drain(..).map(|sink| Ended { sink, why: Why::GivenUp });
        all.extend(stuck);
        all
    }

    async fn gather(&mut self, all: &mut Vec<Ended>) {
        while !self.running.is_empty() {
            all.push(self.ended().await);
        }
    }
}

/// Begins with the oldest event where nothing is known of any sink.
async fn begin_anew(configs: &[SinkConfig], Ground { journal, delivery, .. }: &Ground) -> Result<(), SinkError> {
    let Some(first) = configs.first().filter(|_| delivery.is_durable()) else { return Ok(()) };
    let failed = |source| SinkError::Delivery { sink: first.name.clone(), source };
    if !delivery.sinks().map_err(failed)?.is_empty() {
        return Ok(());
    }
    let oldest = journal.at(Timestamp::MIN).await;
    let oldest = oldest.map_err(|source| SinkError::Journal { sink: first.name.clone(), source })?;
    if oldest < journal.next() {
        PositionsUnknown.emit();
    }
    configs.iter().try_for_each(|sink| delivery.begin(&sink.name, oldest).map(drop)).map_err(failed)
}

/// How long a sink may take to notice that it was given up.
const GIVING_UP: Duration = Duration::from_millis(500);

/// Something to be done with the outlet of a sink, whatever its kind.
trait WithOutlet {
    type Output;
    async fn with<O: Outlet>(self, outlet: O) -> Self::Output;
}

/// Opens the outlet of a sink, which may be bound to this thread; what is delivered to a file must outlive a power cut if that is wanted.
async fn with_outlet<W: WithOutlet>(sink: &SinkConfig, durable: bool, work: W) -> Result<W::Output, SinkError> {
    let name = || sink.name.clone();
    Ok(match &sink.kind {
        SinkKind::Stdout => work.with(Lines::new(Box::new(Stdout::new()))).await,
        SinkKind::File(settings) => {
            let failed = |source| SinkError::File { sink: name(), path: settings.path.clone(), source };
            work.with(Lines::new(Box::new(RotatedFile::open(settings, durable).map_err(failed)?))).await
        }
        SinkKind::Webhook(settings) => {
            let failed = |source| SinkError::Webhook { sink: name(), source };
            work.with(Webhook::new(settings).map_err(failed)?).await
        }
        #[cfg(feature = "mqtt")]
        SinkKind::Mqtt(settings) => {
            let failed = |source| SinkError::Mqtt { sink: name(), source };
            work.with(mqtt::Mqtt::new(&sink.name, settings).map_err(failed)?).await
        }
        #[cfg(feature = "nats")]
        SinkKind::Nats(settings) => {
            let failed = |source| SinkError::Nats { sink: name(), source };
            work.with(Nats::new(&sink.name, settings).map_err(failed)?).await
        }
    })
}

/// The sink's filter.
fn filter(sink: &SinkConfig) -> Result<Filter, SinkError> {
    Filter::new(&sink.filter).map_err(|source| SinkError::Filter { sink: sink.name.clone(), source })
}

/// A sink that runs, and tells that it has begun.
struct Run<'a> {
    parts: Parts,
    begun: &'a mpsc::Sender<Result<(), SinkError>>,
}

impl WithOutlet for Run<'_> {
    type Output = Result<Why, SinkError>;

    async fn with<O: Outlet>(self, outlet: O) -> Self::Output {
        let sink = self.parts.sink.clone();
        let runner = Runner::new(self.parts, outlet).map_err(|source| SinkError::Delivery { sink, source })?;
        // Whoever waits for the beginning may be gone.
        let _ = self.begun.send(Ok(()));
        Ok(runner.run().await)
    }
}

/// Starts a sink on a thread of its own, and comes back once its outlet is there.
fn begin(config: &SinkConfig, parts: Parts, durable: bool) -> Result<oneshot::Receiver<Why>, SinkError> {
    let (begun, wait) = mpsc::channel();
    let (ended, end) = oneshot::channel();
    let sink = config.clone();
    let work = move || {
        on_own_runtime(async {
            let run = with_outlet(&sink, durable, Run { parts, begun: &begun });
            match run.await.and_then(|why| why) {
                // Whoever waits for the end, or for the beginning, may be gone.
                Ok(why) => drop(ended.send(why)),
                Err(error) => drop(begun.send(Err(error))),
            }
        });
    };
    let failed = |source| SinkError::Thread { sink: config.name.clone(), source };
    thread::Builder::new().name(format!("sink-{}", config.name)).spawn(work).map_err(failed)?;
    match wait.recv() {
        Ok(Ok(())) => Ok(end),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(failed(io::Error::other("its thread ended at once"))),
    }
}

/// Runs something on a runtime of this thread's own, of the kind that HTTP clients need here.
fn on_own_runtime(work: impl Future<Output = ()>) {
    match actix_rt::Runtime::new() {
        Ok(runtime) => runtime.block_on(work),
        // `work` is dropped, and whoever waits for it hears of that.
        Err(error) => NoRuntime { error: &error }.emit(),
    }
}

impl std::fmt::Debug for Sinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sinks").field("running", &self.running.len()).finish_non_exhaustive()
    }
}
