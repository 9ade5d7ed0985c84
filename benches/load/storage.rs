//! What a durable engine has besides: the journal on disk, and a sink, such as one that writes a file. Both as `watchpost run` has them.

use std::path::Path;
use std::time::Duration;

use watchpost::actors::EngineHandle;
use watchpost::actors::journal::Journal;
use watchpost::actors::model::Sequence;
use watchpost::config::{self, SinkConfig, Surroundings, Synchronous};
use watchpost::journal::{DataDir, JournalOptions, SqliteJournal};
use watchpost::sinks::delivery::Delivery;
use watchpost::sinks::{Ground, Sinks, Why};

use crate::Outcome;

/// The journal, in the data folder.
pub(crate) const JOURNAL: &str = "journal.db";
/// What the sink writes, in the same folder.
pub(crate) const LINES: &str = "events.jsonl";

/// All defaults, but that no event may be rotated away before it was looked at.
pub(crate) const FILE: &str = "[[sink]]\nname = \"lines\"\nkind = \"file\"\npath = \"events.jsonl\"\nkeep = 100_000\n";

/// An open data folder, before there is an engine.
pub(crate) struct Storage {
    journal: SqliteJournal,
    delivery: Delivery,
    sinks: Vec<SinkConfig>,
    synchronous: Synchronous,
}

impl Storage {
    /// `sink` is what a configuration file says of the one sink that there is.
    pub(crate) fn open(folder: &Path, synchronous: Synchronous, sink: &str) -> Outcome<Self> {
        let config = config::parse(sink, "load", &Surroundings::new(folder, |_| None))
            .map_err(|errors| config::diagnostic::render(errors.diagnostics(), false))?;
        let data = DataDir::open(folder)?;
        let journal = SqliteJournal::open(&data, JournalOptions { synchronous, ..JournalOptions::default() })?;
        Ok(Self { journal, delivery: Delivery::open(folder)?, sinks: config.sinks, synchronous })
    }

    /// The journal, for the engine; and what starts the sink once that is there.
    pub(crate) fn split(self) -> (Box<dyn Journal>, impl AsyncFnOnce(&EngineHandle) -> Outcome<OneSink>) {
        let Self { journal, delivery, sinks, synchronous } = self;
        let start = async move |engine: &EngineHandle| {
            let ground = Ground {
                journal: engine.journal().clone(),
                delivery: delivery.clone(),
                engine: Some(engine.clone()),
                durable_files: synchronous == Synchronous::Full,
            };
            Ok(OneSink { sinks: Sinks::start(&sinks, &ground).await?, delivery })
        };
        (Box::new(journal), start)
    }
}

/// The sink at work.
pub(crate) struct OneSink {
    sinks: Sinks,
    delivery: Delivery,
}

impl OneSink {
    /// Whether a sink of one lane has everything below, and that is stored.
    pub(crate) fn has_delivered(&self, below: Sequence) -> Outcome<bool> {
        let sinks = self.delivery.sinks()?;
        Ok(sinks.iter().flat_map(|sink| &sink.lanes).any(|lane| lane.position >= below))
    }

    /// Delivers what is stored before `until`, and ends.
    pub(crate) async fn end(self, until: Sequence, deadline: Duration) -> Outcome<()> {
        match self.sinks.drain(until, deadline).await.iter().find(|ended| ended.why != Why::Delivered) {
            Some(ended) => Err(format!("the sink did not end in good order: {ended:?}").into()),
            None => Ok(()),
        }
    }
}
