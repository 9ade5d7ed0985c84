//! The engine with many connections: what workloads of many sessions ask of it in the same way.

use std::io;
use std::time::{Duration, Instant};

use tokio::runtime::{self, Runtime};
use watchpost::actors::messages::AddConnection;
use watchpost::actors::model::{ConnectionState, Sequence};
use watchpost::actors::{ConnectionConfig, Engine, EngineConfig, EngineHandle};

use crate::crowd::Online;
use crate::words::patience;
use crate::{Outcome, meter};

/// How often is looked whether all are there.
const LOOK: Duration = Duration::from_millis(20);
/// How long all are left alone before their memory is read.
pub(crate) const REST: Duration = Duration::from_secs(2);
/// How long the orderly end may take.
const FAREWELL: Duration = Duration::from_secs(30);

/// An engine, and those whom it connects to.
pub(crate) struct Members {
    pub(crate) engine: EngineHandle,
    /// What this thread waits for answers on; the engine has threads of its own.
    pub(crate) waiter: Runtime,
    /// The number of the first event that there may be.
    pub(crate) first: Sequence,
    /// The connections that are looked at.
    pub(crate) names: Vec<String>,
}

impl Members {
    /// An engine without a connection, which logs to standard error.
    pub(crate) fn start() -> Outcome<Self> {
        let filter = tracing_subscriber::EnvFilter::try_from_default_env();
        let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
        let engine = Engine::start(EngineConfig::default())?;
        let first = engine.journal().next();
        let waiter = runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Self { engine, waiter, first, names: Vec::new() })
    }

    pub(crate) fn add(&self, connection: ConnectionConfig) -> Outcome<()> {
        self.waiter.block_on(self.engine.send(AddConnection(connection)))??;
        Ok(())
    }

    /// Has `connect` tell of all connections, and waits until all are online and have so many states together.
    pub(crate) fn connect(&mut self, states: usize, connect: impl FnOnce(&mut Self) -> Outcome<()>) -> Outcome<Online> {
        let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
        connect(self)?;
        let mut there = 0;
        self.until(began + patience(self.names.len() as u64 * 100), "they are not all online", |members| {
            while members.names.get(there).is_some_and(|name| members.is_online(name)) {
                there += 1;
            }
            let known = || members.names.iter().map(|name| members.engine.states().count(name)).sum::<usize>();
            there == members.names.len() && known() >= states
        })?;
        let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), meter::cpu_seconds()? - cpu);
        Ok(Online { seconds, cpu_seconds, descriptors: meter::descriptors() })
    }

    pub(crate) fn is_online(&self, name: &str) -> bool {
        self.engine.states().status(name).is_some_and(|status| status.state == ConnectionState::Online)
    }

    /// Looks until it is so.
    pub(crate) fn until(&self, limit: Instant, trouble: &str, mut so: impl FnMut(&Self) -> bool) -> Outcome<()> {
        while !so(self) {
            if Instant::now() > limit {
                let away = self.names.iter().filter(|name| !self.is_online(name));
                let away: Vec<_> = away.map(|name| self.engine.states().status(name)).collect();
                return Err(format!("{trouble} in time; {} are not online: {:?}", away.len(), away.first()).into());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Events stored so far.
    pub(crate) fn taken(&self) -> u64 {
        self.engine.journal().next().0 - self.first.0
    }

    pub(crate) fn end(self) -> Outcome<()> {
        let Self { engine, waiter, .. } = self;
        if waiter.block_on(engine.shutdown(FAREWELL)) {
            Ok(())
        } else {
            Err(format!("the engine did not end in good order within {FAREWELL:?}").into())
        }
    }
}
