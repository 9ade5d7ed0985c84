//! The engine as a consumer: all defaults, one connection that subscribes to everything; with the journal in memory, as an embedder starts it, or
//! on disk and with a file sink, as `watchpost run` does.
//!
//! An event has been taken when the connection's status counts it: then it is stored, its repeats are left out, item and type have their
//! names, and the state that it sets can be read. On disk the sink must also have delivered it.

use std::time::Duration;

use actix_rt::time::{sleep, timeout};
use watchpost::actors::messages::AddConnection;
use watchpost::actors::model::filter::{Filter, FilterSettings};
use watchpost::actors::model::{ConnectionName, ConnectionState, ConnectionStatus};
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::milestone::Milestone;
use watchpost::actors::vendors::milestone::config::{FilterRow, MilestoneConfig, Modifier, Selection};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::actors::{ConnectionConfig, Engine, EngineConfig, EngineHandle, model::Sequence};

use crate::meter::Meter;
use crate::storage::{FileSink, Storage};
use crate::words::{PATIENCE, States, USER, Word, patience, say};
use crate::{Outcome, Task};

const NAME: &str = "site";

/// How often is looked whether everything is counted; the looking costs less than a hundredth of what is measured.
const LOOK: Duration = Duration::from_millis(5);

/// How long the orderly end may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// Takes a warm-up and the measured flood, and tells what it took.
pub(crate) fn run(task: &Task) -> Outcome<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    actix_rt::System::new().block_on(consume(task))
}

async fn consume(task: &Task) -> Outcome<()> {
    let site = Site::start(task).await?;
    site.engine.send(AddConnection(connection(task)?)).await??;
    site.until(PATIENCE, "it is not ready", || site.is_ready(task.states)).await?;
    let before = site.status()?;
    say(&Word::Ready)?;

    let warm = before.events + task.warm_up;
    site.until(patience(task.warm_up), "the warm-up does not end", || site.has_taken(warm)).await?;
    let first = site.engine.journal().next().0;
    let meter = Meter::start()?;
    say(&Word::Counted)?;

    let all = warm + task.events;
    site.until(patience(task.events), "the flood does not end", || site.has_taken(all)).await?;
    let mut taken = meter.stop(task.events)?;
    say(&Word::Counted)?;

    let (after, stored) = (site.status()?, site.stored());
    let whole = after.events == all && stored == all;
    if !whole || after.repeats > 0 || after.gaps > 0 || after.state != ConnectionState::Online {
        return Err(format!(
            "{all} events should have been stored and nothing else happened, but: {stored}, {after:?}"
        )
        .into());
    }
    (taken.first, taken.motion) = (Some(first), site.motion()?);
    say(&Word::Taken(taken))?;
    site.end().await
}

fn connection(task: &Task) -> Outcome<ConnectionConfig> {
    let everything = FilterRow {
        modifier: Modifier::Include,
        resource_types: Selection::All,
        sources: Selection::All,
        events: Selection::All,
    };
    let password = Secret::from(USER.to_owned());
    Ok(ConnectionConfig {
        name: ConnectionName::new(NAME)?,
        common: CommonSettings::new(Milestone::HEARTBEAT),
        vendor: VendorSettings::Milestone(MilestoneConfig::new(task.url.parse()?, USER, password, vec![everything])),
    })
}

/// The engine with its one connection.
struct Site {
    engine: EngineHandle,
    /// The number that its first event got.
    first: Sequence,
    sink: Option<FileSink>,
}

impl Site {
    async fn start(task: &Task) -> Outcome<Self> {
        let Some(folder) = &task.folder else {
            return Ok(Self::over(Engine::start(EngineConfig::default())?, None));
        };
        let (journal, start_sink) = Storage::open(folder, task.synchronous.into())?.split();
        let engine = Engine::start(EngineConfig { journal, ..EngineConfig::default() })?;
        let sink = start_sink(&engine).await?;
        Ok(Self::over(engine, Some(sink)))
    }

    fn over(engine: EngineHandle, sink: Option<FileSink>) -> Self {
        let first = engine.journal().next();
        Self { engine, first, sink }
    }

    async fn end(self) -> Outcome<()> {
        let Self { engine, sink, .. } = self;
        let mut orderly = engine.stop_connections(FAREWELL).await;
        if let Some(sink) = sink {
            sink.end(engine.journal().next(), FAREWELL).await?;
        }
        orderly &= engine.shutdown(FAREWELL).await;
        if orderly { Ok(()) } else { Err(format!("the engine did not end in good order within {FAREWELL:?}").into()) }
    }

    fn status(&self) -> Outcome<ConnectionStatus> {
        Ok(self.engine.states().status(NAME).ok_or("the connection is gone")?)
    }

    /// Whether so many events are counted, and delivered if there is a sink: only then is that worth asking.
    fn has_taken(&self, events: u64) -> Outcome<bool> {
        let delivered = |sink: &FileSink| sink.has_delivered(self.engine.journal().next());
        Ok(self.status()?.events >= events && self.sink.as_ref().map_or(Ok(true), delivered)?)
    }

    /// Events stored so far, by the journal's numbers.
    fn stored(&self) -> u64 {
        self.engine.journal().next().0 - self.first.0
    }

    /// Whether the snapshot is in, items and types have their names, and everything that was stored so far is counted.
    fn is_ready(&self, states: usize) -> Outcome<bool> {
        let Some(status) = self.engine.states().status(NAME) else { return Ok(false) };
        let counted = status.events == self.stored();
        if status.state != ConnectionState::Online || self.engine.states().count(NAME) < states || !counted {
            return Ok(false);
        }
        let motion = self.engine.states().query(&motion()?);
        Ok(!motion.is_empty() && motion.iter().all(|state| state.item.name.is_some()))
    }

    /// Looks until it is so.
    async fn until(&self, limit: Duration, trouble: &str, so: impl Fn() -> Outcome<bool>) -> Outcome<()> {
        let looking = async {
            while !so()? {
                sleep(LOOK).await;
            }
            Ok(())
        };
        timeout(limit, looking).await.unwrap_or_else(|_| {
            let status = self.engine.states().status(NAME);
            Err(format!("{trouble} within {limit:?}: {status:?}").into())
        })
    }

    /// The motion states, by the vendor's own ids.
    fn motion(&self) -> Outcome<States> {
        let states = self.engine.states().query(&motion()?);
        let value = |meaning: &watchpost::actors::model::event::Meaning| {
            meaning.state.as_ref().map_or(String::new(), |state| state.vendor_value.to_string())
        };
        Ok(states.iter().map(|state| (state.item.id.to_string(), value(&state.meaning))).collect())
    }
}

fn motion() -> Outcome<Filter> {
    Ok(Filter::new(&FilterSettings { groups: vec!["motion".to_owned()], ..FilterSettings::default() })?)
}
