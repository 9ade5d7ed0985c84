//! VXG Cloud VMS: no socket, only lists that are asked for again and again, and that have everything for as long as the plan says.

use std::time::{Duration, SystemTime};

use serde_json::json;
use watchpost::actors::settings::{Heartbeat, Secret};
use watchpost::actors::vendors::vxg::{self, VxgConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::simulator::vxg::{Fault, FaultKind, Options, Refusal, Simulator, Times};

use super::{Break, InOrder, Kind};
use crate::common::{MS, SECOND};
use crate::trial::REQUEST_TIMEOUT;

pub(crate) struct Vxg {
    sim: Simulator,
    camera: i64,
}

impl Kind for Vxg {
    const VENDOR: &str = "vxg";
    const HEARTBEAT: Heartbeat = vxg::Vxg::HEARTBEAT;
    /// A batch, and a window, which is left after 10,000 rows and one more page.
    const AT_ONCE: usize = 4_096 + 11_000;
    const IN_ORDER: InOrder = InOrder::All;
    /// The server's clock is told in whole seconds.
    const EXACT_TO: Duration = SECOND;
    const TOO_MANY: usize = 5;
    const BREAKS: &[Break<Self>] = &[
        Break {
            name: "a list that is not there",
            begin: |kind| kind.sim.inject(Fault::Events(Refusal { status: 404, count: None })),
            end: |kind| kind.sim.clear(FaultKind::Events),
        },
        Break { name: "an outage", begin: Self::go_away, end: Self::come_back },
    ];

    fn start() -> Self {
        let sim = Simulator::start(Options { past: 0, ..Options::default() }).unwrap();
        let camera = sim.cameras()[0];
        Self { sim, camera }
    }

    fn settings(&self) -> VendorSettings {
        let mut config = VxgConfig::new(Secret::from(self.sim.group_token()));
        config.url = Some(self.sim.url().parse().unwrap());
        config.poll_every = 100 * MS;
        config.poll_most = 400 * MS;
        config.status_every = 300 * MS;
        config.overlap = 2 * SECOND;
        // Shorter than an outage, so that what was lost in it is asked for.
        config.sweep = 4 * SECOND;
        config.sweep_every = 2 * SECOND;
        VendorSettings::Vxg(Box::new(config))
    }

    fn secrets(&self) -> Vec<String> {
        self.sim.secrets()
    }

    fn happen(&self) -> String {
        self.sim.happen_now(self.camera, "motion").unwrap().to_string()
    }

    fn happen_unknown(&self) -> (String, String) {
        let event = self.sim.happen_now(self.camera, "Never Heard Of").unwrap();
        (event.to_string(), "vxg.never_heard_of".to_owned())
    }

    fn refuse_logins(&self, refuse: bool) {
        match refuse {
            true => self.sim.inject(Fault::Rest(Refusal { status: 401, count: None })),
            false => self.sim.clear(FaultKind::Rest),
        }
    }

    /// The first call shows whether the token is good.
    fn logins(&self) -> u64 {
        self.sim.counters().of("events").tried
    }

    fn go_away(&self) {
        self.sim.pause_listening();
    }

    fn come_back(&self) {
        self.sim.resume_listening().unwrap();
    }

    fn forget(&self) {
        assert!(self.sim.purge(None, SystemTime::now()) > 0);
    }

    fn go_silent(&self) {
        self.sim.inject(Fault::Hang(Times(None)));
    }

    fn end_silence(&self) {
        self.sim.clear(FaultKind::Hang);
    }

    fn noticed_within() -> Duration {
        // Four tries with 1, 2 and 4 s between them, and a look at the newest events.
        2 * (5 * REQUEST_TIMEOUT + 7 * SECOND)
    }

    fn say_garbage(&self) {
        self.sim.add_row(self.camera, SystemTime::now(), json!({ "id": null, "name": ["what"] })).unwrap();
    }

    fn talk_garbage(&self, garbage: bool) {
        match garbage {
            true => {
                self.sim.inject(Fault::OddRows(100 * MS));
                self.sim.inject(Fault::Html200(Times(Some(2))));
            }
            false => {
                self.sim.clear(FaultKind::OddRows);
                self.sim.clear(FaultKind::Html200);
            }
        }
    }

    fn answer_slowly(&self, wait: Option<Duration>) {
        match wait {
            Some(wait) => self.sim.inject(Fault::Slow(wait)),
            None => self.sim.clear(FaultKind::Slow),
        }
    }
}
