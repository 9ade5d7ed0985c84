//! Whatever comes, in whatever order, over whatever server: each event is told once, each of its metas once, and none is missing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::server::Order;
use super::*;

/// How late an event may be listed, in seconds.
pub(super) const SWEEP: i64 = 600;

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Events arrive that happened so many milliseconds ago, each so many after the one before it.
    Arrive {
        ago: i64,
        count: i64,
        apart: i64,
        camera: i64,
    },
    /// An event gets another meta.
    Change {
        which: usize,
        meta: u8,
    },
    Pass {
        seconds: u64,
    },
    Fail {
        trouble: Trouble,
        times: usize,
    },
    /// The server is away for so long.
    Down {
        trouble: Trouble,
        seconds: u64,
    },
    Expire,
    Crash {
        seconds: u64,
    },
    /// The journal refuses what comes in the next so many seconds.
    Refuse {
        seconds: u64,
    },
    /// Its pages have so many rows from now on.
    Limit {
        rows: usize,
    },
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::Status(500)),
        Just(Trouble::Status(502)),
        Just(Trouble::Html),
        Just(Trouble::Timeout),
        Just(Trouble::Nulls),
        Just(Trouble::Busy(None)),
        Just(Trouble::Busy(Some(7))),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let ago = prop_oneof![3 => 0..3_000_i64, 2 => 0..60_000_i64, 2 => 0..SWEEP * 1_000, 1 => Just(SWEEP * 1_000), 1 => -4_000_000..0_i64];
    let apart = prop_oneof![2 => Just(0_i64), 2 => 0..400_i64, 1 => Just(1_000_i64)];
    prop_oneof![
        8 => (ago, 1..30_i64, apart, 7..9_i64).prop_map(|(ago, count, apart, camera)| Step::Arrive { ago, count, apart, camera }),
        2 => (any::<usize>(), 0..3_u8).prop_map(|(which, meta)| Step::Change { which, meta }),
        5 => (0..90_u64).prop_map(|seconds| Step::Pass { seconds }),
        2 => (trouble(), 1..9_usize).prop_map(|(trouble, times)| Step::Fail { trouble, times }),
        1 => (trouble(), 20..2_000_u64).prop_map(|(trouble, seconds)| Step::Down { trouble, seconds }),
        1 => Just(Step::Expire),
        2 => (0..1_500_u64).prop_map(|seconds| Step::Crash { seconds }),
        1 => (1..60_u64).prop_map(|seconds| Step::Refuse { seconds }),
        1 => (1..40_usize).prop_map(|rows| Step::Limit { rows }),
    ]
}

/// What is not documented of the server.
#[derive(Debug, Clone)]
pub(super) struct Oddities {
    order: Order,
    limit: usize,
    start_is_in: bool,
    end_is_in: bool,
    heeds_start: bool,
    tells_total: bool,
    tells_next: bool,
    whole_seconds: bool,
    wants_cameras: bool,
    ahead: i64,
}

pub(super) fn oddities() -> impl Strategy<Value = Oddities> {
    let order = prop_oneof![4 => Just(Order::AsAsked), 1 => Just(Order::Newest), 1 => Just(Order::ById)];
    let limit = prop_oneof![2 => Just(1_000_usize), 2 => 1..30_usize];
    let flags = proptest::array::uniform7(any::<bool>());
    let ahead = prop_oneof![2 => Just(0_i64), 1 => -7_200..7_200_i64];
    (order, limit, flags, ahead).prop_map(|(order, limit, flags, ahead)| {
        let [start_is_in, end_is_in, ignores_start, tells_total, tells_next, whole_seconds, wants_cameras] = flags;
        // Without a count nothing tells that rows are out of order but the rows themselves.
        let tells_total = tells_total || order != Order::AsAsked;
        let heeds_start = !ignores_start || order == Order::AsAsked;
        Oddities {
            order,
            limit,
            start_is_in,
            end_is_in,
            heeds_start,
            tells_total,
            tells_next,
            whole_seconds,
            wants_cameras,
            ahead,
        }
    })
}

/// As many as are asked for, else as many as take a moment.
pub(super) fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

pub(super) struct Run {
    pub(super) talk: Talk,
    /// The ids of what must be told, and the metas that each has had when a list was read.
    pub(super) all: BTreeSet<i64>,
}

impl Run {
    pub(super) fn new(oddities: &Oddities) -> Self {
        let mut config = config();
        config.poll_every = Duration::from_secs(10);
        config.poll_most = Duration::from_secs(40);
        config.overlap = Duration::from_secs(20);
        config.sweep = Duration::from_secs(SWEEP.unsigned_abs());
        config.sweep_every = Duration::from_secs(90);
        let mut talk = Talk::with(config, |_| ());
        let server = &mut talk.server;
        let Oddities { order, limit, start_is_in, end_is_in, heeds_start, tells_total, tells_next, .. } = *oddities;
        (server.order, server.limit) = (order, limit);
        (server.start_is_in, server.end_is_in, server.heeds_start) = (start_is_in, end_is_in, heeds_start);
        (server.tells_total, server.tells_next) = (tells_total, tells_next);
        (server.whole_seconds, server.wants_cameras) = (oddities.whole_seconds, oddities.wants_cameras);
        server.ahead = oddities.ahead;
        for ago in [5, 50, 500, 700] {
            talk.late(ago, 7);
        }
        talk.start();
        assert_eq!(talk.told(), []);
        Self { talk, all: BTreeSet::new() }
    }

    /// Time goes by, with tries that end and begin anew.
    pub(super) fn wait(&mut self, seconds: u64) {
        let talk = &mut self.talk;
        let until = talk.now.instant + Duration::from_secs(seconds);
        while talk.now.instant < until {
            if talk.end.is_some() || talk.was_refused {
                assert!(!matches!(talk.end, Some(SessionEnd::Halt(_))), "{:?}", talk.end);
                let pause = match talk.end {
                    Some(SessionEnd::Retry { not_before: Some(pause), .. }) => pause.as_secs(),
                    _ => 3,
                };
                talk.again(pause);
            }
            let left = until.saturating_duration_since(talk.now.instant).as_secs_f64().ceil();
            talk.wait((left as u64).min(5));
        }
    }

    pub(super) fn go(&mut self, step: &Step) {
        match step {
            Step::Arrive { ago, count, apart, camera } => {
                let now = self.talk.server_now();
                for nth in 0..*count {
                    // The last of them is not in the future, unless all are.
                    let at = now - (ago * 1_000).max(nth * apart * 1_000 * i64::from(*ago >= 0));
                    let at = if *ago >= 0 { at.max(now - SWEEP * SECOND) } else { at + nth * apart };
                    let whole = self.talk.server.whole_seconds;
                    // Cut to its second it is older by up to one.
                    let at = if whole { at.max(now - (SWEEP - 1) * SECOND) } else { at };
                    let id = self.talk.server.accept(at, *camera, "motion", Value::Null);
                    self.all.insert(id);
                }
            }
            Step::Change { which, meta } => {
                let now = self.talk.server_now();
                // Of one that was listed already, and not of one about to be forgotten.
                let told: BTreeSet<_> = self.talk.told().iter().map(|(id, _)| (*id).to_owned()).collect();
                let is_young = |event: &&mut server::Happening| {
                    event.at > now - SWEEP / 2 * SECOND && told.contains(&event.id.to_string())
                };
                let mut events: Vec<_> = self.talk.server.events.iter_mut().filter(is_young).collect();
                let len = events.len().max(1);
                if let Some(event) = events.get_mut(which % len) {
                    event.meta = json!({"process": meta});
                }
            }
            Step::Pass { seconds } => self.wait(*seconds),
            Step::Fail { trouble, times } => {
                self.talk.server.troubles.extend(std::iter::repeat_n(trouble.clone(), *times))
            }
            Step::Down { trouble, seconds } => {
                self.talk.server.down = Some(trouble.clone());
                self.wait(*seconds);
                self.talk.server.down = None;
            }
            Step::Expire => self.talk.server.tokens_from = self.talk.tokens.len() + 1,
            Step::Crash { seconds } => {
                // Nothing but the session itself may know what was told.
                self.talk.lane = lane(Loaded::default());
                self.talk.again(*seconds);
            }
            Step::Refuse { seconds } => {
                self.talk.refuses = true;
                self.talk.wait(*seconds);
                if self.talk.was_refused || self.talk.end.is_some() {
                    self.talk.again(2);
                }
                self.talk.refuses = false;
            }
            Step::Limit { rows } => self.talk.server.limit = *rows,
        }
    }

    /// The ids that were told, each but once.
    fn told(&self) -> BTreeSet<i64> {
        let mut seen = BTreeMap::new();
        for (id, _) in self.talk.told() {
            assert!(seen.insert(id, ()).is_none(), "{id} comes twice");
        }
        seen.keys().filter_map(|id| id.parse().ok()).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(12), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_missing_and_nothing_comes_twice(steps in proptest::collection::vec(step(), 0..25), oddities in oddities()) {
        let mut run = Run::new(&oddities);
        for step in &steps {
            run.go(step);
        }
        run.talk.server.troubles.clear();
        run.wait(400);
        prop_assert_eq!(run.told(), run.all.clone());
        prop_assert_eq!(run.talk.gaps(), vec![]);
        prop_assert!(run.talk.session.is_caught_up());
        // Each event that has a meta now had an update that told it.
        let told: BTreeSet<String> = run.talk.told().iter().map(|(id, _)| (*id).to_owned()).collect();
        let now = run.talk.server_now();
        for event in run.talk.server.events.iter().filter(|event| !event.meta.is_null() && event.at > now - (SWEEP - 100) * SECOND) {
            let print = crate::vendors::vxg::wire::MetaPrint::of(&event.meta.to_string());
            prop_assert!(told.contains(&format!("{}~{print}", event.id)), "{:?}", event);
        }
        // What is stored is all that there is to know.
        let before = run.talk.told().len();
        run.talk.lane = lane(Loaded::default());
        run.talk.again(5);
        run.wait(200);
        prop_assert_eq!(run.talk.told().len(), before);
    }

    #[test]
    fn what_retention_takes_is_told_and_only_that(
        minutes in 1..400_u64,
        keeps in 20..300_i64,
        every in 20..400_u64,
        limit in prop_oneof![Just(1_000_usize), 2..30_usize],
    ) {
        let mut config = config();
        config.poll_every = Duration::from_secs(60);
        config.poll_most = config.poll_every;
        let mut talk = Talk::with(config, |_| ());
        talk.start();
        talk.server.limit = limit;
        for _ in 0..30 {
            talk.happen(7);
            talk.wait(70);
        }
        talk.forget();
        talk.lose(0);
        let lost_at = talk.server_now();
        let mut missed = Vec::new();
        for _ in 0..minutes * 60 / every {
            missed.push((talk.happen(7), talk.server_now()));
            talk.pass(Duration::from_secs(every));
        }
        let keeps = keeps * 60;
        talk.server.keeps = Some(keeps);
        talk.start();
        talk.wait(30);
        let told: BTreeSet<_> = talk.ids().into_iter().collect();
        let oldest = talk.server_now() - 30 * SECOND - keeps * SECOND;
        let lost: Vec<_> = missed.iter().filter(|(id, _)| !told.contains(id)).collect();
        prop_assert!(lost.iter().all(|(_, at)| *at <= oldest + 60 * SECOND), "{:?}", lost);
        if !lost.is_empty() && oldest > lost_at {
            prop_assert_eq!(talk.gaps().len(), 1, "{:?}", lost);
        }
        if oldest < lost_at - 60 * SECOND {
            prop_assert_eq!(talk.gaps(), vec![]);
        }
        prop_assert!(lost.is_empty() || !talk.gaps().is_empty());
    }

    #[test]
    fn no_conversation_makes_it_panic(inputs in proptest::collection::vec((0..10_u8, any::<u16>(), "[\\x00-\\x7f]{0,20}"), 0..40)) {
        let mut talk = Talk::live();
        for (kind, number, text) in inputs {
            match kind {
                0 => talk.step(Input::Start),
                1 => talk.step(Input::Opened),
                2 => talk.step(Input::Prepared(None)),
                3 => talk.step(Input::Woken),
                4 => talk.wait(u64::from(number % 400)),
                5 => talk.server.bodies.push_back(text),
                6 => {
                    let time = format!("{:04}-06-11T10:00:{:02}", number % 9_999, number % 60);
                    let row = json!({"id": number, "camid": text, "name": text, "time": time, "meta": text});
                    let meta = json!({"limit": number % 3, "total_count": number, "next": text});
                    talk.server.bodies.push_back(json!({"meta": meta, "objects": [row]}).to_string());
                }
                7 => talk.again(u64::from(number)),
                8 => talk.server.troubles.push_back(Trouble::Status(200 + number % 400)),
                _ => {
                    let answer = crate::transport::RestAnswer {
                        status: 200, headers: vec![("date".into(), text.clone())], body: text.into(), retry_after: None,
                    };
                    talk.step(Input::Answer(CallId(u32::from(number % 40)), Ok(answer)));
                }
            }
            talk.settle();
            prop_assert!(talk.session.checkpoint().is_none_or(|mark| VxgCheckpoint::read(&mark).is_some()));
            if talk.end.is_some() {
                talk.again(1);
            }
        }
    }
}
