//! An engine beside a simulated cloud.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Instant;

use serde_json::Value;
use watchpost::actors::messages::{ConnectionInfo, ListConnections};
use watchpost::actors::model::ConnectionState;
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::een::config::Accounts;
use watchpost::actors::vendors::een::status::Form;
use watchpost::actors::vendors::een::wire::Resource;
use watchpost::actors::vendors::een::{Een, EenConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::actors::{ConnectionConfig, Engine, EngineHandle};
use watchpost::simulator::een::{Options, Simulator};

use crate::audit;
use crate::common::{DEADLINE, MS, SECOND, Store, block_on, engine, eventually, raw_lines};

/// The connection of a [`Cloud`].
pub(crate) const STORES: &str = "stores";

/// How a connection is changed for a test.
type Change = Box<dyn Fn(&mut EenConfig)>;

/// A simulated cloud and an engine that is connected to it as [`STORES`].
pub(crate) struct Cloud {
    pub(crate) sim: Simulator,
    pub(crate) store: Store,
    change: Change,
    engine: Option<EngineHandle>,
}

/// A reseller with three accounts of four cameras, all of which are as they should be.
pub(crate) fn options() -> Options {
    Options { oddities: false, ..Options::default() }
}

/// The vendor's settings for a simulator, with short times.
pub(crate) fn settings(sim: &Simulator) -> EenConfig {
    let usual = Options::default();
    let mut config = EenConfig::new(usual.username, Secret::from(usual.password));
    config.auth_url = sim.url().parse().unwrap();
    config.api_url = Some(sim.branded_url().parse().unwrap());
    config.accounts = Accounts::All;
    config.resources = vec![Resource::Status(Form::Status), Resource::Event];
    config.events = ["EMES", "EMEE", "EMEU", "AEDC", "AEDD", "AEDH"].map(|code| code.parse().unwrap()).to_vec();
    config.logins_per_second = NonZeroU32::new(500).unwrap();
    config.relist_every = 300 * MS;
    config
}

/// A connection to a simulator, with short times.
pub(crate) fn connection(name: &str, config: EenConfig) -> ConnectionConfig {
    let mut common = CommonSettings::new(Een::HEARTBEAT);
    common.ping_after = 200 * MS;
    common.dead_after = 1_200 * MS;
    common.request_timeout = 2 * SECOND;
    ConnectionConfig { name: name.parse().unwrap(), common, vendor: VendorSettings::Een(Box::new(config)) }
}

impl Cloud {
    /// Starts both.
    pub(crate) fn start(options: Options) -> Self {
        Self::with(options, |_| ())
    }

    /// Starts both, with other settings of the connection.
    pub(crate) fn with(options: Options, change: impl Fn(&mut EenConfig) + 'static) -> Self {
        Self::at(Simulator::start(options).unwrap(), change)
    }

    /// Starts an engine beside a cloud that is there.
    pub(crate) fn at(sim: Simulator, change: impl Fn(&mut EenConfig) + 'static) -> Self {
        let mut cloud = Self { sim, store: Store::default(), change: Box::new(change), engine: None };
        cloud.start_engine();
        cloud
    }

    /// Starts both and waits until every account is online.
    pub(crate) fn online(options: Options) -> Self {
        let cloud = Self::start(options);
        cloud.wait_online();
        cloud
    }

    /// Starts an engine on the journal that is there.
    pub(crate) fn start_engine(&mut self) {
        let mut config = settings(&self.sim);
        (self.change)(&mut config);
        let config = engine(&self.store, vec![connection(STORES, config)]);
        self.engine = Some(Engine::start(config).unwrap());
    }

    /// Stops the engine in an orderly way.
    pub(crate) fn shut_down(&mut self) {
        assert!(block_on(self.engine.take().unwrap().shutdown(DEADLINE)), "everything is stored in time");
    }

    pub(crate) fn engine(&self) -> &EngineHandle {
        self.engine.as_ref().unwrap()
    }

    /// All connections by name.
    pub(crate) fn connections(&self) -> BTreeMap<String, ConnectionInfo> {
        let all = block_on(self.engine().send(ListConnections)).unwrap();
        all.into_iter().map(|info| (info.name.to_string(), info)).collect()
    }

    pub(crate) fn info(&self, name: &str) -> Option<ConnectionInfo> {
        self.connections().remove(name)
    }

    /// The sub-accounts by id, without the reseller's own.
    pub(crate) fn accounts(&self) -> Vec<String> {
        let own = self.sim.own_account();
        self.sim.accounts().into_iter().map(|account| account.id).filter(|id| *id != own).collect()
    }

    /// The connection of the account with this number.
    pub(crate) fn name(&self, nth: usize) -> String {
        format!("{STORES}/{}", self.accounts()[nth])
    }

    /// Whether a connection is in this state.
    pub(crate) fn is(&self, name: &str, state: ConnectionState) -> bool {
        self.engine().states().status(name).is_some_and(|status| status.state == state)
    }

    pub(crate) fn wait_for(&self, name: &str, state: ConnectionState) {
        let until = Instant::now() + DEADLINE;
        while !self.is(name, state) {
            assert!(Instant::now() < until, "{name} is never {state}: {:#?}", self.info(name));
            crate::common::pace(10 * MS);
        }
    }

    /// Waits until every account is online and all its devices have their states.
    pub(crate) fn wait_online(&self) {
        eventually(DEADLINE, "all accounts are online", || {
            let mut names: Vec<_> = self.accounts().iter().map(|id| format!("{STORES}/{id}")).collect();
            names.push(STORES.to_owned());
            names.iter().all(|name| self.is(name, ConnectionState::Online))
        });
        self.wait_truth();
    }

    /// Waits until every state is what it is at the site.
    pub(crate) fn wait_truth(&self) {
        let until = Instant::now() + DEADLINE;
        loop {
            let wrong = audit::wrong_states(self);
            if wrong.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "wrong states:\n{}", wrong.join("\n"));
            crate::common::pace(20 * MS);
        }
    }

    /// What the journal holds, as users see it.
    pub(crate) fn lines(&self) -> Vec<Value> {
        raw_lines(&self.store)
    }

    /// The lines of one type and connection.
    pub(crate) fn lines_of(&self, connection: &str, kind: &str) -> Vec<Value> {
        let of = |line: &Value| line["connection"] == connection && line["type"] == kind;
        self.lines().into_iter().filter(of).collect()
    }

    /// The value of a state.
    pub(crate) fn value(&self, connection: &str, item: &str, group: &str) -> Option<String> {
        self.engine().states().get(connection, item, group).map(|state| state.value().to_owned())
    }
}
