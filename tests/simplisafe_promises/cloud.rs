//! An engine beside a simulated cloud.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use watchpost::actors::messages::{ConnectionInfo, ListConnections};
use watchpost::actors::model::ConnectionState;
use watchpost::actors::model::filter::Filter;
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::simplisafe::{SimpliSafe, SimpliSafeConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::actors::{ConnectionConfig, Engine, EngineHandle};
use watchpost::simulator::simplisafe::{Options, Simulator, audit};

use crate::common::{DEADLINE, MS, SECOND, Store, block_on, engine, eventually, raw_lines};

/// The connection of a [`Cloud`].
pub(crate) const HOME: &str = "home";

/// A simulated cloud and an engine that is connected to it as [`HOME`].
pub(crate) struct Cloud {
    pub(crate) sim: Simulator,
    pub(crate) store: Store,
    poll_every: Duration,
    /// What happened before the engine first came is none of its business.
    before: BTreeSet<u64>,
    engine: Option<EngineHandle>,
}

/// Two systems without a past, which arm within a second.
pub(crate) fn options() -> Options {
    Options { past: 0, exit_delay: SECOND, entry_delay: SECOND, ..Options::default() }
}

impl Cloud {
    pub(crate) fn start(options: Options) -> Self {
        Self::polling(options, 300 * MS)
    }

    pub(crate) fn polling(options: Options, poll_every: Duration) -> Self {
        let sim = Simulator::start(options).unwrap();
        let before = sim.systems().iter().flat_map(|sid| sim.events(*sid)).map(|event| event.id).collect();
        let mut cloud = Self { sim, store: Store::default(), poll_every, before, engine: None };
        cloud.start_engine();
        cloud
    }

    pub(crate) fn online(options: Options) -> Self {
        let cloud = Self::start(options);
        cloud.wait_truth();
        cloud
    }

    pub(crate) fn start_engine(&mut self) {
        let mut config = SimpliSafeConfig::new(Secret::from(self.sim.refresh_token()));
        config.auth_url = self.sim.url().parse().unwrap();
        config.api_url = self.sim.url().parse().unwrap();
        config.socket_url = self.sim.socket_url().parse().unwrap();
        config.poll_every = self.poll_every;
        let mut common = CommonSettings::new(SimpliSafe::HEARTBEAT);
        common.ping_after = 200 * MS;
        common.dead_after = 1_200 * MS;
        common.request_timeout = 3 * SECOND;
        let vendor = VendorSettings::SimpliSafe(Box::new(config));
        let connection = ConnectionConfig { name: HOME.parse().unwrap(), common, vendor };
        self.engine = Some(Engine::start(engine(&self.store, vec![connection])).unwrap());
    }

    /// Stops the engine in an orderly way.
    pub(crate) fn shut_down(&mut self) {
        assert!(block_on(self.engine.take().unwrap().shutdown(DEADLINE)), "everything is stored in time");
    }

    pub(crate) fn engine(&self) -> &EngineHandle {
        self.engine.as_ref().unwrap()
    }

    pub(crate) fn info(&self) -> ConnectionInfo {
        block_on(self.engine().send(ListConnections)).unwrap().remove(0)
    }

    pub(crate) fn state(&self) -> ConnectionState {
        self.info().status.state
    }

    pub(crate) fn is_online(&self) -> bool {
        self.state() == ConnectionState::Online
    }

    pub(crate) fn wait_online(&self) {
        eventually(DEADLINE, "it is online", || self.is_online());
    }

    /// What the journal holds, as users see it.
    pub(crate) fn lines(&self) -> Vec<Value> {
        raw_lines(&self.store)
    }

    pub(crate) fn gaps(&self) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["type"] == "gap").collect()
    }

    /// The lines of an event.
    pub(crate) fn told(&self, event: u64) -> Vec<Value> {
        let id = format!("{HOME}:{event}");
        self.lines().into_iter().filter(|line| line["id"] == *id).collect()
    }

    pub(crate) fn value(&self, item: &str, group: &str) -> Option<String> {
        self.engine().states().get(HOME, item, group).map(|state| state.value().to_owned())
    }

    /// What happened and is not told, and what is told twice.
    pub(crate) fn wrong_events(&self) -> Vec<String> {
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for line in self.lines() {
            *told.entry(line["id"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let twice =
            told.iter().filter(|(_, times)| **times > 1).map(|(id, times)| format!("{id} is told {times} times"));
        let mut wrong: Vec<_> = twice.collect();
        for sid in self.sim.systems() {
            let events = self.sim.events(sid).into_iter().filter(|event| !self.before.contains(&event.id));
            let missing = events.filter(|event| !told.contains_key(&format!("{HOME}:{}", event.id)));
            wrong.extend(missing.map(|event| format!("{} ({}) is not told: {:?}", event.id, event.cid, event.shown)));
        }
        wrong
    }

    /// What differs between the engine's states and the houses.
    pub(crate) fn wrong_states(&self) -> Vec<String> {
        let states = self.engine().states().query(&Filter::everything());
        let known: BTreeMap<_, _> = states
            .into_iter()
            .map(|state| ((state.item.id.to_string(), state.group().to_owned()), state.value().to_owned()))
            .collect();
        let mut wrong = Vec::new();
        for truth in self.sim.truth().values() {
            for (item, groups) in audit::states(truth) {
                for (group, value) in groups {
                    let is = known.get(&(item.clone(), group.to_owned())).map(String::as_str);
                    if is != Some(value) {
                        wrong.push(format!("{item} {group}: {is:?} and not {value}"));
                    }
                }
            }
        }
        wrong
    }

    pub(crate) fn wait_truth(&self) {
        self.wait_until_right("states", || self.wrong_states());
    }

    pub(crate) fn wait_told(&self) {
        self.wait_until_right("events", || self.wrong_events());
    }

    fn wait_until_right(&self, what: &str, wrong: impl Fn() -> Vec<String>) {
        let until = Instant::now() + DEADLINE;
        loop {
            let wrong = wrong();
            if wrong.is_empty() {
                return;
            }
            if Instant::now() >= until {
                let calls = self.sim.calls();
                let calls: Vec<_> =
                    calls.iter().rev().take(12).map(|call| (call.at.elapsed(), call.endpoint, call.status)).collect();
                let told: Vec<_> = self.lines().into_iter().rev().take(20).map(|line| line.to_string()).collect();
                panic!(
                    "wrong {what}:\n{}\n{:#?}\nlast calls: {calls:?}\nlast lines:\n{}",
                    wrong.join("\n"),
                    self.info(),
                    told.join("\n")
                );
            }
            crate::common::pace(50 * MS);
        }
    }

    pub(crate) fn first(&self) -> u64 {
        self.sim.systems()[0]
    }
}
