//! The demo's third system: a simulated house of SimpliSafe, in which a day passes by a story.

use std::{collections::BTreeMap, sync::mpsc::Receiver, time::Duration};

use watchpost::{
    actors::{
        ConnectionConfig, EngineHandle,
        callbacks::SharedEvent,
        model::{ConnectionStatus, Origin},
        settings::{CommonSettings, Secret},
        vendors::{
            Vendor, VendorSettings,
            simplisafe::{SimpliSafe, SimpliSafeConfig},
        },
    },
    simulator::simplisafe::{Happening, Options, Simulator, StartError, audit},
};

use super::{cloud::Comparison, script::Timing};

/// The name of the connection.
pub(super) const CONNECTION: &str = "home";
/// Notices that may wait to be shown.
const NOTICES: usize = 64;
/// How often the engine asks for what is not pushed: doors. SimpliSafe itself would not like it.
const POLL_EVERY: Duration = Duration::from_millis(500);
/// Somebody who comes in has so long to enter the code; the story takes less.
const ENTRY_DELAY: Duration = Duration::from_secs(5);

/// The simulated house.
#[derive(Clone)]
pub(super) struct House {
    pub(super) simulator: Simulator,
    pub(super) sid: u64,
}

impl House {
    /// A keypad, a door lock with its pin pad, two doors, and four sensors of other kinds; a doorbell and an outdoor camera.
    pub(super) fn start(timing: Timing) -> Result<Self, StartError> {
        let simulator = Simulator::start(Options {
            systems: 1,
            sensors: 9,
            past: 0,
            exit_delay: timing.exit_delay(),
            entry_delay: ENTRY_DELAY,
            ..Options::default()
        })?;
        let sid = simulator.systems().first().copied().unwrap_or_default();
        Ok(Self { simulator, sid })
    }

    pub(super) fn url(&self) -> String {
        self.simulator.url()
    }

    /// The settings of the connection to it.
    pub(super) fn connection(&self) -> Result<ConnectionConfig, String> {
        let url = |text: String| text.parse().map_err(|error| format!("{text}: {error}"));
        let mut config = SimpliSafeConfig::new(Secret::from(self.simulator.refresh_token()));
        (config.auth_url, config.api_url) = (url(self.url())?, url(self.url())?);
        config.socket_url = url(self.simulator.socket_url())?;
        config.poll_every = POLL_EVERY;
        let name = CONNECTION.parse().map_err(|error| format!("{error}"))?;
        let common = CommonSettings::new(SimpliSafe::HEARTBEAT);
        Ok(ConnectionConfig { name, common, vendor: VendorSettings::SimpliSafe(Box::new(config)) })
    }

    /// What happens, in the house's own words.
    pub(super) fn happenings(&self) -> Receiver<Happening> {
        self.simulator.happenings(NOTICES)
    }

    pub(super) fn status(&self, engine: &EngineHandle) -> ConnectionStatus {
        engine.states().status(CONNECTION).unwrap_or_default()
    }

    /// Compares the engine's states with the house's.
    pub(super) fn compare(&self, engine: &EngineHandle) -> Comparison {
        let mut comparison = Comparison::default();
        let truth = self.simulator.truth();
        let states = truth.values().flat_map(audit::states);
        for (item, group, value) in
            states.flat_map(|(item, groups)| groups.into_iter().map(move |(group, value)| (item.clone(), group, value)))
        {
            let state = engine.states().get(CONNECTION, &item, group);
            match state {
                Some(state) if state.value() == value => comparison.equal += 1,
                state => {
                    let is = state.as_ref().map_or("not known", |state| state.value());
                    comparison.differences.push(format!("{item} {group}: {is}, and should be {value}"));
                }
            }
        }
        comparison
    }
}

/// What was told of the house.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How often an event was told, and whether it came out of the history, by its id.
    events: BTreeMap<u64, (usize, bool)>,
    /// Changes that a poll has found.
    pub(super) polled: usize,
    pub(super) gaps: usize,
    /// What the house said or did last.
    pub(super) words: String,
}

impl Heard {
    pub(super) fn take(&mut self, event: &SharedEvent) {
        let stored = event.get();
        let event = stored.event;
        self.gaps += usize::from(&*event.meaning.kind == watchpost::actors::model::vocabulary::GAP);
        self.polled += usize::from(event.origin == Origin::Snapshot);
        // What an event sets beside its first state has more than a number for an id, and so has what no event has told.
        if let Ok(id) = event.id.parse() {
            let (times, recovered) = self.events.entry(id).or_default();
            *times += 1;
            *recovered |= event.origin == Origin::Backfill;
        }
    }

    /// Events that were told.
    pub(super) fn told(&self) -> usize {
        self.events.len()
    }

    /// Those that came out of the history.
    pub(super) fn recovered(&self) -> usize {
        self.events.values().filter(|(_, recovered)| *recovered).count()
    }

    /// What happened and was not told, and what was told more than once.
    pub(super) fn wrong(&self, house: &House) -> Vec<String> {
        let told = |id: u64| self.events.get(&id).map_or(0, |(times, _)| *times);
        let events = house.simulator.events(house.sid).into_iter().filter(|event| told(event.id) != 1);
        events.map(|event| format!("event {} ({}) was told {} times", event.id, event.cid, told(event.id))).collect()
    }
}
