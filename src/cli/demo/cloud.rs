//! The demo's second system: a simulated Eagle Eye cloud, a reseller's with two accounts of a few cameras each.

use std::sync::mpsc::Receiver;

use watchpost::{
    actors::{
        ConnectionConfig, EngineHandle,
        model::{ConnectionState, ConnectionStatus},
        settings::{CommonSettings, Secret},
        vendors::{
            Vendor, VendorSettings,
            een::{Een, EenConfig, config::Accounts},
        },
    },
    simulator::een::{Happening, Options, Simulator, StartError, audit},
};

/// The name of the connection; each account is one below it.
pub(super) const CONNECTION: &str = "stores";
/// Notices that may wait to be shown.
const NOTICES: usize = 64;
/// Coded events that are asked for: motion.
const EVENTS: [&str; 2] = ["EMES", "EMEE"];

/// The simulated cloud.
#[derive(Clone)]
pub(super) struct Cloud {
    simulator: Simulator,
    options: Options,
}

/// How many states of the engine are those of the cloud, and in which way the others are not.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) equal: usize,
    pub(super) differences: Vec<String>,
}

impl Cloud {
    pub(super) fn start() -> Result<Self, StartError> {
        let options = Options { accounts: 2, oddities: false, ..Options::default() };
        Ok(Self { simulator: Simulator::start(options.clone())?, options })
    }

    pub(super) fn url(&self) -> String {
        self.simulator.url()
    }

    /// The settings of the connection to it.
    pub(super) fn connection(&self) -> Result<ConnectionConfig, String> {
        let url = || self.url().parse().map_err(|error| format!("{}: {error}", self.url()));
        let mut config = EenConfig::new(self.options.username.clone(), Secret::from(self.options.password.clone()));
        (config.auth_url, config.api_url) = (url()?, Some(url()?));
        config.accounts = Accounts::All;
        config.events = EVENTS.iter().filter_map(|code| code.parse().ok()).collect();
        let name = CONNECTION.parse().map_err(|error| format!("{error}"))?;
        let common = CommonSettings::new(Een::HEARTBEAT);
        Ok(ConnectionConfig { name, common, vendor: VendorSettings::Een(Box::new(config)) })
    }

    /// Lets so many things happen.
    pub(super) fn emit(&self, count: usize) {
        self.simulator.emit(count);
    }

    /// What happens, in the VMS's own words.
    pub(super) fn happenings(&self) -> Receiver<Happening> {
        self.simulator.happenings(NOTICES)
    }

    /// How the accounts' connections are doing: how many of them are online, and the reseller's own.
    pub(super) fn status(&self, engine: &EngineHandle) -> (usize, usize, ConnectionStatus) {
        let accounts = self.accounts();
        let online =
            |name: &&String| engine.states().status(name).is_some_and(|status| status.state == ConnectionState::Online);
        let own = engine.states().status(CONNECTION).unwrap_or_default();
        (accounts.iter().filter(online).count(), accounts.len(), own)
    }

    /// The connections of the accounts.
    fn accounts(&self) -> Vec<String> {
        let own = self.simulator.own_account();
        let accounts = self.simulator.accounts().into_iter().filter(|account| account.id != own);
        accounts.map(|account| format!("{CONNECTION}/{}", account.id)).collect()
    }

    /// Compares the engine's states with the cloud's.
    pub(super) fn compare(&self, engine: &EngineHandle) -> Comparison {
        let mut comparison = Comparison::default();
        for (esn, truth) in self.simulator.truth() {
            let (connection, item) = (format!("{CONNECTION}/{}", truth.account), audit::item(truth.bridge, &esn));
            for (group, value) in audit::states(truth.bridge, &truth.legacy) {
                let state = engine.states().get(&connection, &item, group);
                match state {
                    Some(state) if state.value() == value => comparison.equal += 1,
                    state => {
                        let is = state.as_ref().map_or("not known", |state| state.value());
                        comparison.differences.push(format!("{} {group}: {is}, and should be {value}", truth.name));
                    }
                }
            }
        }
        comparison
    }
}
