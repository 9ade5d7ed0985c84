//! An engine beside a simulated cloud.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use watchpost::actors::messages::{ConnectionInfo, ListConnections};
use watchpost::actors::model::ConnectionState;
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::vxg::{Vxg, VxgConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::actors::{ConnectionConfig, Engine, EngineHandle};
use watchpost::simulator::vxg::{Call, Options, Simulator};

use crate::audit;
use crate::common::{DEADLINE, MS, SECOND, Store, block_on, engine, pace, raw_lines};

/// The connection of a [`Cloud`].
pub(crate) const YARD: &str = "yard";

/// How far behind the newest event a poll begins.
pub(crate) const OVERLAP: Duration = Duration::from_secs(2);
/// How far back a sweep goes: longer than any fault of a trial lasts.
pub(crate) const SWEEP: Duration = Duration::from_secs(120);

/// What opens the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The token of the first camera.
    Camera,
    /// The group's token.
    Group,
    /// The licence key.
    Licence,
}

type Change = Box<dyn Fn(&mut VxgConfig) + Send + Sync>;

/// A simulated cloud and an engine that is connected to it as [`YARD`].
pub(crate) struct Cloud {
    pub(crate) sim: Simulator,
    pub(crate) store: Store,
    by: By,
    change: Change,
    common: CommonSettings,
    /// What happened before the engine first came is none of its business.
    before: BTreeSet<i64>,
    engine: Option<EngineHandle>,
}

/// Four cameras without a past.
pub(crate) fn options() -> Options {
    Options { past: 0, ..Options::default() }
}

impl Cloud {
    pub(crate) fn start(options: Options, by: By) -> Self {
        Self::with(options, by, |_| ())
    }

    pub(crate) fn with(options: Options, by: By, change: impl Fn(&mut VxgConfig) + Send + Sync + 'static) -> Self {
        let mut common = CommonSettings::new(Vxg::HEARTBEAT);
        common.request_timeout = SECOND;
        Self::planned(options, by, common, change)
    }

    pub(crate) fn planned(
        options: Options,
        by: By,
        common: CommonSettings,
        change: impl Fn(&mut VxgConfig) + Send + Sync + 'static,
    ) -> Self {
        let sim = Simulator::start(options).unwrap();
        let before = sim.events().into_iter().map(|event| event.id).collect();
        let change = Box::new(change);
        let mut cloud = Self { sim, store: Store::default(), by, change, common, before, engine: None };
        cloud.start_engine();
        cloud
    }

    pub(crate) fn online(options: Options, by: By) -> Self {
        let cloud = Self::start(options, by);
        cloud.wait_online();
        cloud
    }

    pub(crate) fn start_engine(&mut self) {
        let token = match self.by {
            By::Camera => self.sim.token(self.first()).unwrap(),
            By::Group => self.sim.group_token(),
            By::Licence => self.sim.licence_key(),
        };
        let mut config = VxgConfig::new(Secret::from(token));
        config.url = Some(self.sim.url().parse().unwrap());
        config.poll_every = 100 * MS;
        config.poll_most = 400 * MS;
        config.status_every = 150 * MS;
        config.overlap = OVERLAP;
        config.sweep = SWEEP;
        config.sweep_every = SECOND;
        (self.change)(&mut config);
        let vendor = VendorSettings::Vxg(Box::new(config));
        let connection = ConnectionConfig { name: YARD.parse().unwrap(), common: self.common.clone(), vendor };
        self.engine = Some(Engine::start(engine(&self.store, vec![connection])).unwrap());
    }

    /// Stops the engine in an orderly way.
    pub(crate) fn shut_down(&mut self) {
        assert!(block_on(self.engine.take().unwrap().shutdown(DEADLINE)), "everything is stored in time");
    }

    /// Ends the engine without a word, and with whatever it has in hand.
    pub(crate) fn kill(&mut self) {
        self.store.take();
        drop(self.engine.take());
    }

    /// Lists of events that were asked for since the first `before` calls.
    pub(crate) fn lists(&self, before: usize) -> Vec<Call> {
        self.sim.calls().into_iter().skip(before).filter(|call| call.endpoint == "events").collect()
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

    pub(crate) fn wait_for(&self, state: ConnectionState) {
        let until = Instant::now() + DEADLINE;
        while self.state() != state {
            assert!(Instant::now() < until, "not {state:?}:\n{:#?}\n{}", self.info(), self.story());
            pace(10 * MS);
        }
    }

    pub(crate) fn wait_online(&self) {
        self.wait_for(ConnectionState::Online);
    }

    /// What the journal holds, as users see it.
    pub(crate) fn lines(&self) -> Vec<Value> {
        raw_lines(&self.store)
    }

    pub(crate) fn gaps(&self) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["type"] == "gap").collect()
    }

    /// The lines of an event: first itself, then what became of its meta.
    pub(crate) fn told(&self, event: i64) -> Vec<Value> {
        let (id, update) = (format!("{YARD}:{event}"), format!("{YARD}:{event}~"));
        let is_of = |line: &Value| line["id"].as_str().is_some_and(|of| of == id || of.starts_with(&update));
        self.lines().into_iter().filter(is_of).collect()
    }

    pub(crate) fn wait_told(&self, event: i64) -> Value {
        self.wait_until(DEADLINE, &format!("{event} is told"), || !self.told(event).is_empty());
        self.told(event).remove(0)
    }

    /// Waits until something is so, and tells the story if it never is.
    pub(crate) fn wait_until(&self, deadline: Duration, what: &str, so: impl Fn() -> bool) {
        let until = Instant::now() + deadline;
        while !so() {
            assert!(Instant::now() < until, "in vain for {deadline:?}: {what}\n{}", self.story());
            pace(20 * MS);
        }
    }

    pub(crate) fn value(&self, camera: i64) -> Option<String> {
        let item = format!("cameras/{camera}");
        self.engine().states().get(YARD, &item, "connection").map(|state| state.value().to_owned())
    }

    /// Waits until everything that the cloud has is told, with the meta that it has.
    pub(crate) fn settle(&self) {
        self.settle_within(DEADLINE);
    }

    pub(crate) fn settle_within(&self, deadline: Duration) {
        let until = Instant::now() + deadline;
        loop {
            let wrong = self.wrong();
            if wrong.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "{}\n{}", wrong.join("\n"), self.story());
            pace(50 * MS);
        }
    }

    /// What was accepted and is not told, or told otherwise than it should be.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let followed = |camera: i64| self.by != By::Camera || camera == self.first();
        let events = self.sim.events().into_iter();
        let events = events.filter(|event| !self.before.contains(&event.id) && followed(event.camera));
        audit::wrong(&events.collect::<Vec<_>>(), &self.lines(), &self.sim.secrets())
    }

    /// The newest of what was asked and told, for the message of a failure.
    pub(crate) fn story(&self) -> String {
        let calls = self.sim.calls();
        let calls = calls.iter().rev().take(60).rev();
        let calls =
            calls.map(|call| format!("{:?} ago: {} {} {}", call.at.elapsed(), call.status, call.rows, call.path));
        let lines: Vec<_> = self.lines().iter().rev().take(20).rev().map(ToString::to_string).collect();
        format!(
            "{:#?}\nnewest calls:\n{}\nnewest lines:\n{}",
            self.info(),
            calls.collect::<Vec<_>>().join("\n"),
            lines.join("\n")
        )
    }

    pub(crate) fn first(&self) -> i64 {
        self.sim.cameras()[0]
    }

    /// A moment so long ago, by the server's clock.
    pub(crate) fn ago(&self, time: Duration) -> SystemTime {
        self.sim.now() - time
    }
}
