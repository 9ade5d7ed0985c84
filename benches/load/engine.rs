//! The engine as a consumer: all defaults, one connection that subscribes to everything, or several that do; with the journal in memory, as an embedder starts it, or
//! on disk and with a file sink, as `watchpost run` does.
//!
//! An event has been taken when its connection's status counts it: then it is stored, its repeats are left out, item and type have their
//! names, and the state that it sets can be read. On disk the sink must also have delivered it.

use std::collections::HashMap;
use std::fmt::Debug;
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
use crate::storage::{self, OneSink, Storage};
use crate::words::{PATIENCE, States, USER, Word, patience, say};
use crate::{Outcome, Task};

/// How often is looked whether everything is counted; the looking costs less than a hundredth of what is measured.
const LOOK: Duration = Duration::from_millis(5);

/// How long the orderly end may take.
pub(crate) const FAREWELL: Duration = Duration::from_secs(10);

/// Takes a warm-up and the measured flood, and tells what it took.
pub(crate) fn run(task: &Task) -> Outcome<()> {
    log();
    actix_rt::System::new().block_on(consume(task))
}

/// Warnings, or what `RUST_LOG` asks for, on standard error.
pub(crate) fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

async fn consume(task: &Task) -> Outcome<()> {
    let (site, before) = Site::online(task).await?;
    say(&Word::Ready)?;

    let warm = more(&before, task.warm_up);
    site.until_taken(&warm, task.warm_up).await?;
    let first = site.engine.journal().next().0;
    let meter = Meter::start()?;
    say(&Word::Counted)?;

    let all = more(&warm, task.events);
    site.until_taken(&all, task.events).await?;
    let mut taken = meter.stop(task.events)?;
    say(&Word::Counted)?;

    site.check(&all)?;
    (taken.first, taken.motion) = (Some(first), site.motion()?);
    say(&Word::Taken(taken))?;
    site.end().await
}

/// What each connection will have counted after so many more.
pub(crate) fn more(before: &[u64], events: u64) -> Vec<u64> {
    before.iter().map(|before| before + events).collect()
}

/// A connection that subscribes to everything.
pub(crate) fn connection(name: &str, url: &str) -> Outcome<ConnectionConfig> {
    let everything = FilterRow {
        modifier: Modifier::Include,
        resource_types: Selection::All,
        sources: Selection::All,
        events: Selection::All,
    };
    let password = Secret::from(USER.to_owned());
    Ok(ConnectionConfig {
        name: ConnectionName::new(name)?,
        common: CommonSettings::new(Milestone::HEARTBEAT),
        vendor: VendorSettings::Milestone(MilestoneConfig::new(url.parse()?, USER, password, vec![everything])),
    })
}

/// The engine with its connections.
pub(crate) struct Site {
    pub(crate) engine: EngineHandle,
    pub(crate) names: Vec<ConnectionName>,
    /// The number that its first event got.
    first: Sequence,
    sink: Option<OneSink>,
}

impl Site {
    /// Starts it, and comes back when all is there; says how many events each connection has counted by then.
    pub(crate) async fn online(task: &Task) -> Outcome<(Self, Vec<u64>)> {
        let site = Self::start(task).await?;
        for name in &site.names {
            site.engine.send(AddConnection(connection(name.as_str(), &task.url)?)).await??;
        }
        site.until(PATIENCE, "it is not ready", || site.is_ready(task.states)).await?;
        let before = site.statuses()?.iter().map(|status| status.events).collect();
        Ok((site, before))
    }

    async fn start(task: &Task) -> Outcome<Self> {
        let defaults = EngineConfig::default();
        let config = EngineConfig { arbiters: task.arbiters.unwrap_or(defaults.arbiters), ..defaults };
        let names = (1..=task.connections).map(|number| ConnectionName::new(&format!("site-{number}")));
        let names = names.collect::<Result<_, _>>()?;
        let Some(folder) = &task.folder else {
            return Ok(Self::over(Engine::start(config)?, names, None));
        };
        let (journal, start_sink) = Storage::open(folder, task.synchronous.into(), storage::FILE)?.split();
        let engine = Engine::start(EngineConfig { journal, ..config })?;
        let sink = start_sink(&engine).await?;
        Ok(Self::over(engine, names, Some(sink)))
    }

    fn over(engine: EngineHandle, names: Vec<ConnectionName>, sink: Option<OneSink>) -> Self {
        let first = engine.journal().next();
        Self { engine, names, first, sink }
    }

    pub(crate) async fn end(self) -> Outcome<()> {
        let Self { engine, sink, .. } = self;
        let mut orderly = engine.stop_connections(FAREWELL).await;
        if let Some(sink) = sink {
            sink.end(engine.journal().next(), FAREWELL).await?;
        }
        orderly &= engine.shutdown(FAREWELL).await;
        if orderly { Ok(()) } else { Err(format!("the engine did not end in good order within {FAREWELL:?}").into()) }
    }

    fn statuses(&self) -> Outcome<Vec<ConnectionStatus>> {
        let states = self.engine.states();
        let statuses = self.names.iter().map(|name| states.status(name.as_str())).collect::<Option<_>>();
        Ok(statuses.ok_or("a connection is gone")?)
    }

    /// Waits until each connection has counted as many as it should, after so many more.
    pub(crate) async fn until_taken(&self, all: &[u64], more: u64) -> Outcome<()> {
        let limit = patience(more * self.names.len() as u64);
        self.until(limit, "the flood does not end", || self.has_taken(all)).await
    }

    /// Fails unless exactly so many events were stored of each connection, and nothing else happened.
    pub(crate) fn check(&self, all: &[u64]) -> Outcome<()> {
        let (after, stored) = (self.statuses()?, self.stored());
        let undisturbed = |(status, all): (&ConnectionStatus, &u64)| {
            status.events == *all && status.repeats == 0 && status.gaps == 0 && status.state == ConnectionState::Online
        };
        if stored == all.iter().sum::<u64>() && after.iter().zip(all).all(undisturbed) {
            return Ok(());
        }
        Err(format!("{all:?} events should have been stored and nothing else happened, but: {stored}, {after:?}")
            .into())
    }

    /// Whether of each connection so many events are counted, and delivered if there is a sink: only then is that worth asking.
    pub(crate) fn has_taken(&self, events: &[u64]) -> Outcome<bool> {
        let delivered = |sink: &OneSink| sink.has_delivered(self.engine.journal().next());
        let counted = self.statuses()?.iter().zip(events).all(|(status, events)| status.events >= *events);
        Ok(counted && self.sink.as_ref().map_or(Ok(true), delivered)?)
    }

    /// Events stored so far, by the journal's numbers.
    fn stored(&self) -> u64 {
        self.engine.journal().next().0 - self.first.0
    }

    /// Whether the snapshots are in, items and types have their names, and everything that was stored so far is counted.
    fn is_ready(&self, states: usize) -> Outcome<bool> {
        let map = self.engine.states();
        // None before its connection is known.
        let Ok(statuses) = self.statuses() else { return Ok(false) };
        let whole = |name: &ConnectionName| map.count(name.as_str()) >= states;
        let online = |status: &ConnectionStatus| status.state == ConnectionState::Online;
        let counted = statuses.iter().map(|status| status.events).sum::<u64>() == self.stored();
        if !statuses.iter().all(online) || !self.names.iter().all(whole) || !counted {
            return Ok(false);
        }
        knows_names(&self.engine)
    }

    /// Looks until it is so.
    pub(crate) async fn until(&self, limit: Duration, trouble: &str, so: impl Fn() -> Outcome<bool>) -> Outcome<()> {
        until(limit, trouble, so, || self.statuses()).await
    }

    /// The motion states, by the vendor's own ids. Connections to one system must agree on them.
    pub(crate) fn motion(&self) -> Outcome<States> {
        let value = |meaning: &watchpost::actors::model::event::Meaning| {
            meaning.state.as_ref().map_or(String::new(), |state| state.vendor_value.to_string())
        };
        let mut of_all: HashMap<_, States> = HashMap::new();
        for state in self.engine.states().query(&motion()?) {
            let states = of_all.entry(state.connection).or_default();
            states.insert(state.item.id.to_string(), value(&state.meaning));
        }
        let mut each = self.names.iter().map(|name| of_all.remove(name).unwrap_or_default());
        let motion = each.next().unwrap_or_default();
        if each.all(|other| other == motion) {
            Ok(motion)
        } else {
            Err("the connections end with different states".into())
        }
    }
}

/// Looks until it is so.
pub(crate) async fn until<S: Debug>(
    limit: Duration,
    trouble: &str,
    so: impl Fn() -> Outcome<bool>,
    status: impl FnOnce() -> S,
) -> Outcome<()> {
    let looking = async {
        while !so()? {
            sleep(LOOK).await;
        }
        Ok(())
    };
    let looked = timeout(limit, looking).await;
    looked.unwrap_or_else(|_| Err(format!("{trouble} within {limit:?}: {:?}", status()).into()))
}

/// Whether there are motion states, and all of their items have their names.
pub(crate) fn knows_names(engine: &EngineHandle) -> Outcome<bool> {
    let motion = engine.states().query(&motion()?);
    Ok(!motion.is_empty() && motion.iter().all(|state| state.item.name.is_some()))
}

pub(crate) fn motion() -> Outcome<Filter> {
    Ok(Filter::new(&FilterSettings { groups: vec!["motion".to_owned()], ..FilterSettings::default() })?)
}
