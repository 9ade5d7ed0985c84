//! Eagle Eye Networks: a socket, and of each code the newest event of each device for who comes back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use watchpost::actors::settings::{Heartbeat, Secret};
use watchpost::actors::vendors::een::{self, EenConfig, status::Form, wire::Resource};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::simulator::een::{DropHow, Fault, FaultKind, Options, Refusal, Simulator};

use super::{Break, InOrder, Kind};
use crate::common::MS;
use crate::trial::DEAD_AFTER;

pub(crate) struct Een {
    sim: Simulator,
    cameras: Vec<String>,
    happened: AtomicUsize,
}

const USER: &str = "compliance";
const PASSWORD: &str = "p&ss=w+rd-of-een";
const CAMERAS: usize = 4;
/// Of these an id has no further member.
const CODES: [&str; 3] = ["MRBX", "ABRT", "COBC"];
/// A code that no documentation knows.
const UNKNOWN: &str = "ZZQ7";

impl Kind for Een {
    const VENDOR: &str = "een";
    const HEARTBEAT: Heartbeat = een::Een::HEARTBEAT;
    const HELD: usize = CAMERAS * CODES.len();
    const BREAKS_ARE_GAPS: bool = true;
    const IN_ORDER: InOrder = InOrder::Live;
    /// It begins when something was last received and stored. What was then still on its way happened before that, by as much as reading lags behind.
    const GAPS_BEGIN_LATE: Duration = Duration::from_secs(5);
    const FIRST_ANSWERS: Duration = Duration::from_secs(11);
    const TOO_MANY: usize = Self::HELD + 5;
    const BREAKS: &[Break<Self>] = &[
        Break { name: "a close", begin: |kind| kind.drop(DropHow::Close(1001)), end: |_| () },
        Break { name: "an end", begin: |kind| kind.drop(DropHow::Fin), end: |_| () },
        Break { name: "a reset", begin: |kind| kind.drop(DropHow::Reset), end: |_| () },
        Break { name: "half a frame", begin: |kind| kind.drop(DropHow::MidFrame), end: |_| () },
        Break { name: "an outage", begin: Self::go_away, end: Self::come_back },
    ];

    fn start() -> Self {
        let options = Options {
            accounts: 0,
            cameras: CAMERAS,
            oddities: false,
            username: USER.to_owned(),
            password: PASSWORD.to_owned(),
            ..Options::default()
        };
        let sim = Simulator::start(options).unwrap();
        let cameras = sim.cameras(&sim.own_account());
        Self { sim, cameras, happened: AtomicUsize::new(0) }
    }

    fn settings(&self) -> VendorSettings {
        let mut config = EenConfig::new(USER, Secret::from(PASSWORD));
        config.auth_url = self.sim.url().parse().unwrap();
        config.api_url = Some(self.sim.branded_url().parse().unwrap());
        config.resources = vec![Resource::Status(Form::Status), Resource::Event];
        config.events = CODES.iter().chain([&UNKNOWN]).map(|code| code.parse().unwrap()).collect();
        config.relist_every = 300 * MS;
        VendorSettings::Een(Box::new(config))
    }

    fn secrets(&self) -> Vec<String> {
        let cookies = self.sim.calls().into_iter().filter_map(|call| call.cookie).map(|cookie| cookie.to_string());
        let mut secrets: Vec<_> = cookies.collect();
        secrets.sort_unstable();
        secrets.dedup();
        secrets.extend([PASSWORD, "p%26ss"].map(str::to_owned));
        secrets
    }

    fn happen(&self) -> String {
        let nth = self.happened.fetch_add(1, Ordering::AcqRel);
        self.raise(&self.cameras[nth % CAMERAS], CODES[nth / CAMERAS % CODES.len()])
    }

    fn happen_unknown(&self) -> (String, String) {
        (self.raise(&self.cameras[0], UNKNOWN), format!("een.{}", UNKNOWN.to_lowercase()))
    }

    fn refuse_logins(&self, refuse: bool) {
        match refuse {
            true => self.sim.inject(Fault::Authenticate(Refusal { status: 401, count: None })),
            false => self.sim.clear(FaultKind::Authenticate),
        }
    }

    fn logins(&self) -> u64 {
        self.sim.counters().of("authenticate").tried
    }

    fn go_away(&self) {
        self.sim.pause_listening();
    }

    fn come_back(&self) {
        self.sim.resume_listening().unwrap();
    }

    fn go_silent(&self) {
        self.drop(DropHow::HalfOpen);
    }

    fn noticed_within() -> Duration {
        3 * DEAD_AFTER
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

impl Een {
    fn drop(&self, how: DropHow) {
        assert!(self.sim.drop_sockets(how) > 0, "there is a socket");
    }

    fn raise(&self, camera: &str, code: &str) -> String {
        let event = self.sim.emit_one(camera, code).unwrap();
        format!("{camera}:{code}:{}", event.timestamp)
    }
}
