//! The demo's fourth system: a yard with three cameras in VXG's cloud, which pushes nothing, and what happens there in a cycle.

use std::{
    collections::BTreeMap,
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchpost::{
    actors::{
        ConnectionConfig, EngineHandle,
        callbacks::SharedEvent,
        model::{ConnectionStatus, Origin, vocabulary},
        settings::{CommonSettings, Secret},
        vendors::{
            Vendor, VendorSettings,
            vxg::{Vxg, VxgConfig},
        },
    },
    simulator::vxg::{Happening, Options, Simulator, StartError, audit},
};

use super::{cloud::Comparison, script::Timing};

/// The name of the connection.
pub(super) const CONNECTION: &str = "yard";
/// Notices that may wait to be shown.
const NOTICES: usize = 64;
const CAMERAS: [&str; 3] = ["Gate", "Loading Yard", "North Fence"];
/// How often the engine asks, for events and for who is online.
const POLL_EVERY: Duration = Duration::from_millis(500);
/// How far behind the newest event each poll begins …
const OVERLAP: Duration = Duration::from_secs(1);
/// … how far back what comes later is looked for, and how often.
const SWEEP: Duration = Duration::from_secs(60);
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How much later a camera uploads what it saw while it had no network: too late for any poll.
const LATE: Duration = Duration::from_secs(5);

/// The simulated yard.
#[derive(Clone)]
pub(super) struct Yard {
    simulator: Simulator,
    cameras: Vec<i64>,
}

impl Yard {
    pub(super) fn start() -> Result<Self, StartError> {
        let simulator = Simulator::start(Options { cameras: CAMERAS.len(), past: 0, ..Options::default() })?;
        let cameras = simulator.cameras();
        for (camera, name) in cameras.iter().zip(CAMERAS) {
            simulator.rename(*camera, name);
        }
        Ok(Self { simulator, cameras })
    }

    pub(super) fn url(&self) -> String {
        self.simulator.url()
    }

    /// The settings of the connection to it: all cameras of a group, by one token.
    pub(super) fn connection(&self) -> Result<ConnectionConfig, String> {
        let mut config = VxgConfig::new(Secret::from(self.simulator.group_token()));
        config.url = Some(self.url().parse().map_err(|error| format!("{}: {error}", self.url()))?);
        (config.poll_every, config.status_every) = (POLL_EVERY, POLL_EVERY);
        (config.overlap, config.sweep, config.sweep_every) = (OVERLAP, SWEEP, SWEEP_EVERY);
        let name = CONNECTION.parse().map_err(|error| format!("{error}"))?;
        let common = CommonSettings::new(Vxg::HEARTBEAT);
        Ok(ConnectionConfig { name, common, vendor: VendorSettings::Vxg(Box::new(config)) })
    }

    /// What happens, in the cloud's own words.
    pub(super) fn happenings(&self) -> Receiver<Happening> {
        self.simulator.happenings(NOTICES)
    }

    pub(super) fn status(&self, engine: &EngineHandle) -> ConnectionStatus {
        engine.states().status(CONNECTION).unwrap_or_default()
    }

    /// Compares the engine's states with the cameras.
    pub(super) fn compare(&self, engine: &EngineHandle) -> Comparison {
        let mut comparison = Comparison::default();
        for (id, truth) in self.simulator.truth() {
            let value = audit::connection(&truth);
            match engine.states().get(CONNECTION, &audit::camera(id), "connection") {
                Some(state) if state.value() == value => comparison.equal += 1,
                state => {
                    let is = state.as_ref().map_or("not known", |state| state.value());
                    comparison.differences.push(format!("{} connection: {is}, and should be {value}", truth.name));
                }
            }
        }
        comparison
    }
}

/// What happens in the yard.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A camera sees something, by its number, with what is known of it.
    Sees(usize, &'static str, &'static str),
    /// A camera uploads what it saw while it had no network.
    Uploads(usize),
    /// A camera is gone, or back.
    Online(usize, bool),
    /// Somebody deals with what was seen last.
    Handled,
}

/// In which part of a cycle what happens.
const STORY: [(f64, Step); 9] = [
    (0.05, Step::Sees(0, "motion", "")),
    (0.15, Step::Sees(1, "object_and_scene_detection", "Truck")),
    (0.25, Step::Sees(2, "linecross", "")),
    (0.35, Step::Uploads(1)),
    (0.45, Step::Online(2, false)),
    (0.55, Step::Sees(0, "motion", "")),
    (0.60, Step::Online(2, true)),
    (0.70, Step::Handled),
    (0.80, Step::Sees(1, "sound", "")),
];

/// How far it has got.
pub(super) struct Story {
    yard: Yard,
    cycle: Duration,
    /// When the engine first followed the yard.
    begun: Option<Instant>,
    next: usize,
    last: Option<i64>,
}

impl Story {
    pub(super) fn new(yard: Yard, timing: Timing) -> Self {
        Self { yard, cycle: timing.cycle(), begun: None, next: 0, last: None }
    }

    /// Lets happen what is due, and tells what nobody sees.
    pub(super) fn go_on(&mut self, tell: &mut dyn FnMut(String)) {
        let Some(begun) = self.begun else {
            // The login asks once, the first reading once; what happens before that is over would be nobody's business.
            let is_watched = self.yard.simulator.counters().of("events").tried > 2;
            self.begun = is_watched.then(Instant::now);
            return;
        };
        while self.due() <= begun.elapsed() {
            self.step(STORY[self.next % STORY.len()].1, tell);
            self.next += 1;
        }
    }

    /// When the next step is due, counted from the beginning.
    fn due(&self) -> Duration {
        let cycles = u32::try_from(self.next / STORY.len()).unwrap_or(u32::MAX);
        self.cycle.saturating_mul(cycles) + self.cycle.mul_f64(STORY[self.next % STORY.len()].0)
    }

    fn step(&mut self, step: Step, tell: &mut dyn FnMut(String)) {
        let Yard { simulator, cameras } = &self.yard;
        let camera = |nth: usize| cameras.get(nth).copied().unwrap_or_default();
        match step {
            Step::Sees(nth, what, label) => {
                let meta = if label.is_empty() { Value::Null } else { json!({ label: "1" }) };
                self.last = simulator.happen(camera(nth), what, simulator.now(), meta);
            }
            Step::Uploads(nth) => {
                tell(format!("{} uploads what it saw {} s ago", CAMERAS[nth], LATE.as_secs()));
                simulator.happen(camera(nth), "motion", simulator.now() - LATE, Value::Null);
            }
            Step::Online(nth, is_online) => {
                simulator.set_status(camera(nth), Some(if is_online { "active" } else { "inactive" }));
            }
            Step::Handled => {
                if let Some(event) = self.last {
                    simulator.set_meta(event, json!({ "process": "processed" }));
                }
            }
        }
    }
}

/// What was told of the yard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How often an event was told, and whether a sweep has found it, by its id.
    events: BTreeMap<i64, (usize, bool)>,
    /// Changes of what is known of an event.
    pub(super) updates: usize,
    /// Cameras that went or came back.
    pub(super) changes: usize,
    pub(super) gaps: usize,
    /// What the yard said last.
    pub(super) words: String,
}

impl Heard {
    pub(super) fn take(&mut self, event: &SharedEvent) {
        let event = event.get().event;
        self.gaps += usize::from(&*event.meaning.kind == vocabulary::GAP);
        self.changes += usize::from(event.meaning.state.is_some());
        self.updates += usize::from(event.meaning.kind.ends_with(".updated"));
        if let Ok(id) = event.id.parse() {
            let (times, late) = self.events.entry(id).or_default();
            *times += 1;
            *late |= event.origin == Origin::Backfill;
        }
    }

    /// Events that were told.
    pub(super) fn told(&self) -> usize {
        self.events.len()
    }

    /// Those that a sweep has found.
    pub(super) fn late(&self) -> usize {
        self.events.values().filter(|(_, late)| *late).count()
    }

    /// What happened and was not told, and what was told more than once.
    pub(super) fn wrong(&self, yard: &Yard) -> Vec<String> {
        let told = |id: &i64| self.events.get(id).map_or(0, |(times, _)| *times);
        let events = yard.simulator.accepted(None).into_iter().filter(|id| told(id) != 1);
        events.map(|id| format!("event {id} was told {} times", told(&id))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_comes_after_the_one_before_it() {
        assert!(STORY.iter().map(|(part, _)| *part).is_sorted() && STORY.iter().all(|(part, _)| *part < 1.0));
    }
}
