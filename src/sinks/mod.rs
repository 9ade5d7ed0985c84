//! Where events are delivered.
//!
//! ```text
//! journal ─► runner (pages by sequence, filter, lines) ─► output (stdout, file)
//! ```
//!
//! A sink reads the journal from a position of its own; the engine never sends to it. So a sink that is slow or broken delays nobody: it
//! falls behind, and what the journal still holds then is delivered later. What retention has dropped meanwhile is told to that sink
//! alone, as a `gap`. Each sink has a thread, because it may block in a write for as long as it likes.
//!
//! - `runner`: the one loop that every sink runs. `gap`: the line for what retention dropped.
//! - `stdout`, `file`: what a sink writes to, as an `Output`.

mod file;
mod gap;
mod runner;
mod stdout;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, thread, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    runtime,
    sync::{oneshot, watch},
    time::timeout,
};
use watchpost_actors::{
    EngineHandle,
    model::{Filter, Sequence, filter::FilterError},
};

use self::runner::{Order, Runner};
use crate::config::{SinkConfig, SinkKind};

/// What a sink writes to.
struct Output {
    /// Takes lines. It may block, and take less than it was given; what it has taken is not given to it again.
    writer: Box<dyn io::Write + Send>,
    /// When the reader at the other end goes away, none will come again.
    one_reader: bool,
}

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
    /// The system gave no thread.
    #[error("sink \"{sink}\": cannot start a thread: {source}")]
    Thread {
        /// The sink.
        sink: String,
        /// What the system said.
        source: io::Error,
    },
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
    /// Its thread ended in a panic, which is a defect.
    Panicked,
}

/// The running sinks of an engine. Dropped, they end without delivering what is left.
pub struct Sinks {
    orders: watch::Sender<Order>,
    running: FuturesUnordered<BoxFuture<'static, Ended>>,
    names: Vec<String>,
}

impl Sinks {
    /// Starts sinks that deliver what `engine` stores from `from` on.
    ///
    /// # Errors
    /// [`SinkError`] of the first that cannot be started; those before it end again.
    pub fn start(configs: &[SinkConfig], engine: &EngineHandle, from: Sequence) -> Result<Self, SinkError> {
        let (orders, _) = watch::channel(Order::GoOn);
        let mut sinks = Self { orders, running: FuturesUnordered::new(), names: Vec::new() };
        for config in configs {
            sinks.add(config, engine, from)?;
        }
        Ok(sinks)
    }

    fn add(&mut self, config: &SinkConfig, engine: &EngineHandle, from: Sequence) -> Result<(), SinkError> {
        let sink = || config.name.clone();
        let filter = Filter::new(&config.filter).map_err(|source| SinkError::Filter { sink: sink(), source })?;
        let output = match &config.kind {
            SinkKind::Stdout => stdout::output(),
            SinkKind::File(settings) => file::output(settings).map_err(|source| SinkError::File {
                sink: sink(),
                path: settings.path.clone(),
                source,
            })?,
        };
        let failed = |source| SinkError::Thread { sink: sink(), source };
        let runtime = runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let runner = Runner::new(sink(), filter, engine, from, self.orders.subscribe(), output);
        let (ended, end) = oneshot::channel();
        let work = move || {
            // Whoever waits for the end may be gone.
            let _ = ended.send(runtime.block_on(runner.run()));
        };
        thread::Builder::new().name(format!("sink-{}", config.name)).spawn(work).map_err(failed)?;
        let name = sink();
        self.names.push(sink());
        self.running.push(Box::pin(async move { Ended { sink: name, why: end.await.unwrap_or(Why::Panicked) } }));
        Ok(())
    }

    /// Waits until a sink ends by itself, which it does only when there is no use in going on. For ever, if there is no sink.
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
    /// Answers how each has ended.
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

/// How long a sink may take to notice that it was given up.
const GIVING_UP: Duration = Duration::from_millis(500);

impl std::fmt::Debug for Sinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sinks").field("running", &self.running.len()).finish_non_exhaustive()
    }
}
