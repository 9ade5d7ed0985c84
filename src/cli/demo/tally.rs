//! What the demo has heard from the engine, as an embedder hears it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde_json::Value;
use watchpost::{
    actors::{
        EngineHandle,
        callbacks::SharedEvent,
        model::{ConnectionState, ConnectionStatus, Origin, State, vocabulary},
    },
    simulator::milestone::{
        Simulator,
        audit::{EventLine, Report, ShownState, audit},
    },
};

use super::{
    CONNECTION,
    cloud::{Cloud, Comparison},
    house::{self, Heard, House},
    stage::Notice,
    yard::{self, Yard},
};

/// Events kept to be shown.
const RECENT: usize = 64;

/// What was heard so far.
pub(super) struct Tally {
    engine: EngineHandle,
    cloud: Cloud,
    house: House,
    yard: Yard,
    start: Instant,
    length: Option<Duration>,
    /// Every event of the XProtect system, for the auditor.
    lines: Vec<EventLine>,
    /// Events of the cloud.
    pub(super) of_cloud: usize,
    /// What was told of the house.
    pub(super) heard: Heard,
    /// What was told of the yard.
    pub(super) of_yard: yard::Heard,
    /// The last events, the newest at the end.
    pub(super) recent: VecDeque<SharedEvent>,
    /// What the simulator did last, and when.
    pub(super) notice: Option<(Instant, String)>,
    /// How often the connection came online.
    onlines: usize,
    /// Differences between what was known and a snapshot.
    pub(super) differences: usize,
    /// Gaps told.
    pub(super) gaps: usize,
}

impl Tally {
    pub(super) fn new(engine: EngineHandle, cloud: Cloud, house: House, yard: Yard, length: Option<Duration>) -> Self {
        Self {
            engine,
            cloud,
            house,
            yard,
            start: Instant::now(),
            length,
            lines: Vec::new(),
            of_cloud: 0,
            heard: Heard::default(),
            of_yard: yard::Heard::default(),
            recent: VecDeque::new(),
            notice: None,
            onlines: 0,
            differences: 0,
            gaps: 0,
        }
    }

    pub(super) fn take(&mut self, event: &SharedEvent) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(event.clone());
        let stored = event.get();
        if stored.commit.connection.as_str() == house::CONNECTION {
            return self.heard.take(event);
        }
        if stored.commit.connection.as_str() == yard::CONNECTION {
            return self.of_yard.take(event);
        }
        if stored.commit.connection.as_str() != CONNECTION {
            self.of_cloud += usize::from(stored.event.origin != Origin::Engine);
            return;
        }
        let Ok(mut line) = serde_json::from_str::<EventLine>(&stored.to_line()) else {
            // The auditor will miss it, and say so.
            return;
        };
        self.onlines += usize::from(is_online(&line));
        self.gaps += usize::from(line.kind == vocabulary::GAP);
        self.differences += usize::from(stored.event.origin == Origin::Snapshot);
        if stored.event.origin != Origin::Engine {
            // The auditor asks only the engine's own events for what they carry.
            line.data = Value::Null;
        }
        self.lines.push(line);
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Gateway(_) => self.notice = Some((Instant::now(), notice.to_string())),
            Notice::House(words) => self.heard.words = words,
            Notice::Yard(words) => self.of_yard.words = words,
            // What happens at the stores is seen by the events.
            Notice::Cloud(_) => {}
        }
    }

    /// How many accounts of the cloud are online, of how many, and how the reseller's connection is doing.
    pub(super) fn cloud(&self) -> (usize, usize, ConnectionStatus) {
        self.cloud.status(&self.engine)
    }

    /// Compares the states of the cloud's devices.
    pub(super) fn compare(&self) -> Comparison {
        self.cloud.compare(&self.engine)
    }

    /// How the connection to the house is doing.
    pub(super) fn house(&self) -> ConnectionStatus {
        self.house.status(&self.engine)
    }

    /// Compares the states of the house.
    pub(super) fn compare_house(&self) -> Comparison {
        self.house.compare(&self.engine)
    }

    /// What happened in the house and was not told, or told twice.
    pub(super) fn wrong_of_house(&self) -> Vec<String> {
        self.heard.wrong(&self.house)
    }

    /// How the connection to the yard is doing.
    pub(super) fn yard(&self) -> ConnectionStatus {
        self.yard.status(&self.engine)
    }

    /// Compares the states of the yard's cameras.
    pub(super) fn compare_yard(&self) -> Comparison {
        self.yard.compare(&self.engine)
    }

    /// What happened in the yard and was not told, or told twice.
    pub(super) fn wrong_of_yard(&self) -> Vec<String> {
        self.of_yard.wrong(&self.yard)
    }

    /// Whether everything in cloud, house and yard was told, and is as it is.
    pub(super) fn is_right_beside(&self) -> bool {
        let comparisons = [self.compare(), self.compare_house(), self.compare_yard()];
        let wrong = [self.wrong_of_house(), self.wrong_of_yard()];
        comparisons.iter().all(|of| of.differences.is_empty()) && wrong.iter().all(Vec::is_empty)
    }

    /// How often a session was resumed: each return that was not a new session, for which there would be a gap.
    pub(super) fn resumed(&self) -> usize {
        self.onlines.saturating_sub(1 + self.gaps)
    }

    pub(super) fn was_online(&self) -> bool {
        self.onlines > 0
    }

    pub(super) fn status(&self) -> ConnectionStatus {
        self.engine.states().status(CONNECTION).unwrap_or_default()
    }

    pub(super) fn is_online(&self) -> bool {
        self.status().state == ConnectionState::Online
    }

    pub(super) fn states(&self) -> Vec<State> {
        super::states(&self.engine)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn length(&self) -> Option<Duration> {
        self.length
    }

    pub(super) fn is_time_up(&self) -> bool {
        self.length.is_some_and(|length| self.elapsed() >= length)
    }

    /// Compares what was heard with what the simulator did.
    pub(super) fn audit(&self, simulator: &Simulator) -> Report {
        let shown: Vec<ShownState> = self
            .states()
            .iter()
            .filter(|state| state.connection.as_str() == CONNECTION)
            .filter_map(|state| serde_json::to_value(state).and_then(serde_json::from_value).ok())
            .collect();
        audit(CONNECTION, &simulator.ledger(), &simulator.states(), &self.lines, &shown)
    }
}

fn is_online(line: &EventLine) -> bool {
    line.kind == vocabulary::ENGINE_CONNECTION && line.data.get("new").and_then(Value::as_str) == Some("online")
}
