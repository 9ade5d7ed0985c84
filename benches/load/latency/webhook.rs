//! The engine as `watchpost run` has it: the journal on disk, and a sink of kind `webhook`.

use std::io::{self, Read};
use std::path::PathBuf;

use actix_rt::task::spawn_blocking;
use serde::{Deserialize, Serialize};
use watchpost::actors::messages::AddConnection;
use watchpost::actors::model::ConnectionState;
use watchpost::actors::{Engine, EngineConfig, EngineHandle};

use super::tally::Expected;
use crate::engine::{FAREWELL, connection, knows_names, until};
use crate::storage::Storage;
use crate::words::{PATIENCE, Word, say};
use crate::{Mode, Outcome};

/// What the engine has to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WebhookTask {
    pub(crate) expected: Expected,
    /// Where the receiver listens.
    pub(crate) hook: String,
    /// The data folder.
    pub(crate) folder: PathBuf,
    /// What commits wait for.
    pub(crate) synchronous: Mode,
    pub(crate) manner: Manner,
}

/// How the webhook is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Manner {
    /// All defaults: one event in a request.
    Default,
    /// What has collected goes in one request, up to 100 events.
    Batch,
}

impl Manner {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "single",
            Self::Batch => "batch",
        }
    }

    const fn settings(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Batch => "mode = \"batch\"\nbatch = 100\n",
        }
    }
}

/// Runs until standard input ends.
pub(crate) fn run(task: &WebhookTask) -> Outcome<()> {
    crate::engine::log();
    actix_rt::System::new().block_on(serve(task))
}

async fn serve(task: &WebhookTask) -> Outcome<()> {
    let WebhookTask { expected, hook, folder, synchronous, manner } = task;
    let sink = format!("[[sink]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{hook}\"\n{}", manner.settings());
    let (journal, start_sink) = Storage::open(folder, (*synchronous).into(), &sink)?.split();
    let engine = Engine::start(EngineConfig { journal, ..EngineConfig::default() })?;
    let sink = start_sink(&engine).await?;
    let sites = Sites::connect(engine, expected).await?;
    say(&Word::Ready)?;
    spawn_blocking(|| io::stdin().lock().read_to_end(&mut Vec::new())).await??;
    sites.check(expected).await?;
    let engine = sites.engine;
    let mut orderly = engine.stop_connections(FAREWELL).await;
    sink.end(engine.journal().next(), FAREWELL).await?;
    orderly &= engine.shutdown(FAREWELL).await;
    if orderly { Ok(()) } else { Err("the engine did not end in good order".into()) }
}

/// An engine with a connection to each site.
pub(crate) struct Sites {
    pub(crate) engine: EngineHandle,
    /// What each had stored before the first event of the schedule.
    before: Vec<u64>,
}

impl Sites {
    /// Comes back when all are online, and know the names of items.
    pub(crate) async fn connect(engine: EngineHandle, expected: &Expected) -> Outcome<Self> {
        for (site, url) in expected.urls.iter().enumerate() {
            engine.send(AddConnection(connection(&Self::name(site), url)?)).await??;
        }
        let names: Vec<_> = (0..expected.urls.len()).map(Self::name).collect();
        let all = || names.iter().map(|name| engine.states().status(name)).collect::<Option<Vec<_>>>();
        let are_ready = || {
            let online = all().is_some_and(|all| all.iter().all(|status| status.state == ConnectionState::Online));
            let have_states = names.iter().all(|name| engine.states().count(name) > 0);
            Ok(online && have_states && knows_names(&engine)?)
        };
        until(PATIENCE, "not all connections are ready", are_ready, all).await?;
        let before = all().ok_or("a connection is gone")?.iter().map(|status| status.events).collect();
        Ok(Self { engine, before })
    }

    fn name(site: usize) -> String {
        format!("site-{site}")
    }

    /// Which site a connection is to.
    pub(crate) fn number(connection: &str) -> Outcome<usize> {
        let number = connection.strip_prefix("site-").and_then(|number| number.parse().ok());
        Ok(number.ok_or_else(|| format!("{connection} is no connection of ours"))?)
    }

    /// Fails unless everything of the schedule was stored, and nothing else has happened.
    pub(crate) async fn check(&self, expected: &Expected) -> Outcome<()> {
        let all = || {
            let status = |site| self.engine.states().status(&Self::name(site));
            (0..self.before.len()).map(status).collect::<Option<Vec<_>>>()
        };
        // Whoever has the last event may have it before it is counted.
        let whole = || {
            let all = all().ok_or("a connection is gone")?;
            Ok(all.iter().zip(&self.before).all(|(status, before)| status.events >= before + expected.events))
        };
        until(PATIENCE, "not everything is counted", whole, all).await?;
        for (status, before) in all().ok_or("a connection is gone")?.iter().zip(&self.before) {
            let whole = status.events == before + expected.events && status.state == ConnectionState::Online;
            if !whole || status.repeats > 0 || status.gaps > 0 {
                let events = before + expected.events;
                return Err(format!("a site should have {events} events and nothing else, but: {status:?}").into());
            }
        }
        Ok(())
    }
}
