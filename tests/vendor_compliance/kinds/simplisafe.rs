//! SimpliSafe: a socket without a memory, and a history that has everything for as long as the plan says.

use std::time::Duration;

use watchpost::actors::settings::{Heartbeat, Secret};
use watchpost::actors::vendors::simplisafe::{self, SimpliSafeConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::simulator::simplisafe::{DropHow, Fault, FaultKind, Options, Refusal, Simulator};

use super::{Break, InOrder, Kind};
use crate::common::MS;
use crate::trial::DEAD_AFTER;

pub(crate) struct SimpliSafe {
    sim: Simulator,
    system: u64,
}

/// An automatic test, which changes nothing.
const TEST: i64 = 1602;
const UNKNOWN: i64 = 9999;

impl Kind for SimpliSafe {
    const VENDOR: &str = "simplisafe";
    const HEARTBEAT: Heartbeat = simplisafe::SimpliSafe::HEARTBEAT;
    /// Pages begin at a second, and have fifty events.
    const FLOODS_ARE_GAPS: bool = true;
    const FLOW: (usize, Duration) = (100, Duration::from_millis(25));
    const IN_ORDER: InOrder = InOrder::Nothing;
    const EXACT_TO: Duration = Duration::from_secs(1);
    /// A page, and some more.
    const TOO_MANY: usize = 80;
    const BREAKS: &[Break<Self>] = &[
        Break { name: "a close", begin: |kind| kind.drop(DropHow::Close(1001)), end: |_| () },
        Break { name: "an end", begin: |kind| kind.drop(DropHow::Fin), end: |_| () },
        Break { name: "a reset", begin: |kind| kind.drop(DropHow::Reset), end: |_| () },
        Break { name: "half a frame", begin: |kind| kind.drop(DropHow::MidFrame), end: |_| () },
        Break { name: "an outage", begin: Self::go_away, end: Self::come_back },
    ];

    fn start() -> Self {
        // What `fromTimestamp` means is not known. With the other meaning no more than a page of the past could be had.
        let sim = Simulator::start(Options {
            systems: 1,
            sensors: 3,
            past: 0,
            faults: vec![Fault::FromOlder],
            ..Options::default()
        })
        .unwrap();
        let system = sim.systems()[0];
        Self { sim, system }
    }

    fn settings(&self) -> VendorSettings {
        let mut config = SimpliSafeConfig::new(Secret::from(self.sim.refresh_token()));
        config.auth_url = self.sim.url().parse().unwrap();
        config.api_url = self.sim.url().parse().unwrap();
        config.socket_url = self.sim.socket_url().parse().unwrap();
        config.poll_every = 300 * MS;
        VendorSettings::SimpliSafe(Box::new(config))
    }

    fn secrets(&self) -> Vec<String> {
        let bearers = self.sim.calls().into_iter().flat_map(|call| [call.bearer, call.refresh_token]).flatten();
        let mut secrets: Vec<_> = bearers.map(|token| token.to_string()).collect();
        secrets.push(self.sim.refresh_token());
        secrets.sort_unstable();
        secrets.dedup();
        secrets
    }

    fn happen(&self) -> String {
        self.sim.happen(self.system, TEST, None).unwrap().to_string()
    }

    fn happen_unknown(&self) -> (String, String) {
        let event = self.sim.happen(self.system, UNKNOWN, None).unwrap();
        (event.to_string(), format!("simplisafe.cid_{UNKNOWN}"))
    }

    fn refuse_logins(&self, refuse: bool) {
        match refuse {
            true => self.sim.inject(Fault::Token(Refusal { status: 403, count: None })),
            false => self.sim.clear(FaultKind::Token),
        }
    }

    fn logins(&self) -> u64 {
        self.sim.counters().of("token").tried
    }

    fn go_away(&self) {
        self.sim.pause_listening();
    }

    fn come_back(&self) {
        self.sim.resume_listening().unwrap();
    }

    /// The history has pages of which none leads to another.
    fn forget(&self) {
        self.sim.inject(Fault::FromIgnored);
    }

    fn go_silent(&self) {
        self.drop(DropHow::HalfOpen);
    }

    fn noticed_within() -> Duration {
        3 * DEAD_AFTER
    }

    fn say_garbage(&self) {
        assert!(self.sim.say("502 Bad Gateway") > 0, "there is a socket");
    }

    fn talk_garbage(&self, garbage: bool) {
        match garbage {
            true => self.sim.inject(Fault::Garbage(100 * MS)),
            false => self.sim.clear(FaultKind::Garbage),
        }
    }

    fn answer_slowly(&self, wait: Option<Duration>) {
        match wait {
            Some(wait) => self.sim.inject(Fault::Slow(wait)),
            None => self.sim.clear(FaultKind::Slow),
        }
    }
}

impl SimpliSafe {
    fn drop(&self, how: DropHow) {
        assert!(self.sim.drop_sockets(how) > 0, "there is a socket");
    }
}
