//! Milestone XProtect: a socket with a session that outlives it, and a buffer of all that happens within the window.

use std::time::Duration;

use watchpost::actors::settings::{Heartbeat, Secret};
use watchpost::actors::vendors::milestone::{self, config::MilestoneConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::simulator::milestone::{DropHow, FaultKind, Options, Simulator};

use super::{Break, InOrder, Kind};
use crate::common::{SECOND, everything};
use crate::trial::DEAD_AFTER;

pub(crate) struct Milestone {
    sim: Simulator,
    camera: String,
}

const USER: &str = "compliance";
const PASSWORD: &str = "p&ss=w+rd-of-milestone";
/// The window, which is longer than any break of a trial.
const WINDOW: Duration = Duration::from_secs(20);

impl Kind for Milestone {
    const VENDOR: &str = "milestone";
    const HEARTBEAT: Heartbeat = milestone::Milestone::HEARTBEAT;
    const IN_ORDER: InOrder = InOrder::All;
    const TOO_MANY: usize = 5;
    const BREAKS: &[Break<Self>] = &[
        Break { name: "a close", begin: |kind| kind.drop(DropHow::Close(1001)), end: |_| () },
        Break { name: "an end", begin: |kind| kind.drop(DropHow::Fin), end: |_| () },
        Break { name: "a reset", begin: |kind| kind.drop(DropHow::Reset), end: |_| () },
        Break { name: "half a frame", begin: |kind| kind.drop(DropHow::MidFrame), end: |_| () },
        Break { name: "an outage", begin: Self::go_away, end: Self::come_back },
    ];

    fn start() -> Self {
        let options = Options {
            items: 8,
            window: WINDOW,
            username: USER.to_owned(),
            password: PASSWORD.to_owned(),
            ..Options::default()
        };
        let sim = Simulator::start(options).unwrap();
        let camera = sim.sources("cameras").remove(0);
        Self { sim, camera }
    }

    fn settings(&self) -> VendorSettings {
        let url = self.sim.url().parse().unwrap();
        let mut config = MilestoneConfig::new(url, USER, Secret::from(PASSWORD), vec![everything()]);
        // By which the tries are paced; the server keeps sessions for longer.
        config.resume_window = 2 * SECOND;
        VendorSettings::Milestone(config)
    }

    fn secrets(&self) -> Vec<String> {
        // The beginning of every token.
        [PASSWORD, "p%26ss", "eyJhbGciOi"].map(str::to_owned).to_vec()
    }

    fn happen(&self) -> String {
        self.sim.emit_one(&self.camera, "MotionStarted").unwrap().id.clone()
    }

    fn happen_unknown(&self) -> (String, String) {
        let recorder = self.sim.sources("recordingServers").remove(0);
        let event = self.sim.emit_one(&recorder, "RetentionTimeCritical").unwrap();
        (event.id.clone(), "milestone.retention_time_critical".to_owned())
    }

    fn refuse_logins(&self, refuse: bool) {
        match refuse {
            true => self.sim.inject("refuse-token=400".parse().unwrap()),
            false => self.sim.clear(FaultKind::RefuseToken),
        }
    }

    fn logins(&self) -> u64 {
        self.sim.counters().logins.len() as u64
    }

    fn go_away(&self) {
        self.sim.pause_listening();
    }

    fn come_back(&self) {
        self.sim.resume_listening().unwrap();
    }

    fn forget(&self) {
        self.sim.forget_sessions();
    }

    fn go_silent(&self) {
        self.drop(DropHow::HalfOpen);
    }

    fn noticed_within() -> Duration {
        3 * DEAD_AFTER
    }

    fn talk_garbage(&self, garbage: bool) {
        match garbage {
            true => self.sim.inject("garbage=100ms".parse().unwrap()),
            false => self.sim.clear(FaultKind::Garbage),
        }
    }

    fn answer_slowly(&self, wait: Option<Duration>) {
        match wait {
            Some(wait) => self.sim.inject(watchpost::simulator::milestone::Fault::RestSlow(wait)),
            None => self.sim.clear(FaultKind::RestSlow),
        }
    }
}

impl Milestone {
    fn drop(&self, how: DropHow) {
        assert!(self.sim.drop_sockets(how) > 0, "there is a socket");
    }
}
