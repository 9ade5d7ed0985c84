//! The engine with one connection of a reseller's, all defaults but the pace of the logins.
//!
//! An account is online when its connection says so and the states of its devices can be read.

use std::io::{self, BufRead};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use tokio::runtime::{self, Runtime};
use watchpost::actors::messages::AddConnection;
use watchpost::actors::model::filter::Filter;
use watchpost::actors::model::state::State;
use watchpost::actors::model::{ConnectionState, Sequence};
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::een::config::Accounts;
use watchpost::actors::vendors::een::{Een, EenConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::actors::{ConnectionConfig, Engine, EngineConfig, EngineHandle};

use super::words::{Cloud, Known, Measured, MemberOrder, MemberWord, Online};
use super::{LOGINS_PER_SECOND, milliseconds};
use crate::words::{PATIENCE, USER, patience, say};
use crate::{Outcome, meter};

/// The reseller's connection; those of the accounts are named `stores/<account>`.
const NAME: &str = "stores";
/// How often is looked whether all are there.
const LOOK: Duration = Duration::from_millis(20);
/// How long the accounts are left alone before their memory is read.
const REST: Duration = Duration::from_secs(2);
/// How long the orderly end may take.
const FAREWELL: Duration = Duration::from_secs(30);

/// Obeys orders until standard input ends.
pub(super) fn run() -> Outcome<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let engine = Engine::start(EngineConfig::default())?;
    let first = engine.journal().next();
    let waiter = runtime::Builder::new_current_thread().enable_time().build()?;
    let mut members = Members { engine, waiter, first, names: Vec::new() };
    say(&MemberWord::Base { resident: meter::resident() })?;
    for line in io::stdin().lock().lines() {
        let word = match serde_json::from_str(&line?)? {
            MemberOrder::Connect(cloud) => members.connect(&cloud)?,
            MemberOrder::Measure { changes, length } => members.measure(changes, length)?,
            MemberOrder::Recover { lost } => members.recover(lost)?,
            MemberOrder::Tell => MemberWord::Known(members.known()?),
        };
        say(&word)?;
    }
    members.end()
}

struct Members {
    engine: EngineHandle,
    /// What this thread waits for answers on; the engine has threads of its own.
    waiter: Runtime,
    /// The number of the first event that there may be.
    first: Sequence,
    /// The accounts' connections.
    names: Vec<String>,
}

impl Members {
    fn connect(&mut self, cloud: &Cloud) -> Outcome<MemberWord> {
        let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
        self.waiter.block_on(self.engine.send(AddConnection(connection(cloud)?)))??;
        self.names = cloud.accounts.iter().map(|account| format!("{NAME}/{account}")).collect();
        let mut there = 0;
        self.until(began + patience(self.names.len() as u64 * 100), "they are not all online", |members| {
            while members.names.get(there).is_some_and(|name| members.is_online(name)) {
                there += 1;
            }
            let known = || members.names.iter().map(|name| members.engine.states().count(name)).sum::<usize>();
            there == members.names.len() && known() >= cloud.states
        })?;
        let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), meter::cpu_seconds()? - cpu);
        Ok(MemberWord::Online(Online { seconds, cpu_seconds, descriptors: meter::descriptors() }))
    }

    fn is_online(&self, name: &str) -> bool {
        self.engine.states().status(name).is_some_and(|status| status.state == ConnectionState::Online)
    }

    fn until(&self, limit: Instant, trouble: &str, mut so: impl FnMut(&Self) -> bool) -> Outcome<()> {
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
    fn taken(&self) -> u64 {
        self.engine.journal().next().0 - self.first.0
    }

    fn gaps(&self) -> u64 {
        let statuses = self.names.iter().filter_map(|name| self.engine.states().status(name));
        statuses.map(|status| status.gaps).sum()
    }

    fn measure(&self, changes: u64, length: Duration) -> Outcome<MemberWord> {
        std::thread::sleep(REST);
        let (resident, before) = (meter::resident(), self.taken());
        let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
        say(&MemberWord::Ready)?;
        std::thread::sleep(length);
        let limit = began + length + PATIENCE;
        self.until(limit, "the changes were not all taken", |members| members.taken() >= before + changes)?;
        Ok(MemberWord::Measured(Measured {
            cpu_seconds: meter::cpu_seconds()? - cpu,
            seconds: began.elapsed().as_secs_f64(),
            changes: self.taken() - before,
            resident,
            resident_after: meter::resident(),
            peak: meter::peak(),
            gaps: self.gaps(),
        }))
    }

    /// Each loss is a gap, which is told when the account is there again.
    fn recover(&self, lost: usize) -> Outcome<MemberWord> {
        self.until(Instant::now() + PATIENCE, "they are not all back", |members| {
            members.gaps() >= lost as u64 && members.names.iter().all(|name| members.is_online(name))
        })?;
        Ok(MemberWord::Back { at: milliseconds(), gaps: self.gaps() })
    }

    /// Every state.
    fn known(&self) -> Outcome<Known> {
        let states = self.engine.states().query(&Filter::everything());
        let row = |state: &State| -> Outcome<_> {
            let account = state.connection.as_str().strip_prefix(NAME).and_then(|rest| rest.strip_prefix('/'));
            let key = format!("{}/{} {}", account.ok_or("a state of nobody")?, state.item.id, state.group());
            Ok((key, state.value().to_owned()))
        };
        states.iter().map(row).collect()
    }

    fn end(self) -> Outcome<()> {
        let Self { engine, waiter, .. } = self;
        if waiter.block_on(engine.shutdown(FAREWELL)) {
            Ok(())
        } else {
            Err(format!("the engine did not end in good order within {FAREWELL:?}").into())
        }
    }
}

/// A reseller's connection, of all accounts.
fn connection(cloud: &Cloud) -> Outcome<ConnectionConfig> {
    let mut config = EenConfig::new(USER, Secret::from(USER));
    config.accounts = Accounts::All;
    config.logins_per_second = NonZeroU32::new(LOGINS_PER_SECOND).ok_or("no pace")?;
    // A simulator has no name of its own to tell.
    (config.auth_url, config.api_url) = (cloud.url.parse()?, Some(cloud.url.parse()?));
    let common = CommonSettings::new(Een::HEARTBEAT);
    Ok(ConnectionConfig { name: NAME.parse()?, common, vendor: VendorSettings::Een(Box::new(config)) })
}
