//! Where something is bound to be missing, or looks as if it were: clocks that are set, wrong dates, machines that sleep, stretches that cannot be read, retention
//! during a break. Each event is told once, or is inside a gap; and none of it makes the server busy.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::model::{Run, SWEEP, Step, cases, oddities, step};
use super::*;

#[derive(Debug, Clone)]
enum Odd {
    Usual(Step),
    /// The server's clock is set, by so many seconds; its cameras' are not.
    SetClock {
        by: i64,
    },
    /// The next answer has another date, which is off by so much; after a restart or in between.
    WrongDate {
        by: i64,
        is_first: bool,
    },
    /// An event comes of a camera whose clock is so far ahead.
    Ahead {
        by: i64,
    },
    /// What happened so long ago cannot be read, for so long.
    Poison {
        ago: i64,
        length: i64,
        seconds: u64,
        status: u16,
        after: Option<u64>,
    },
    /// The process is away for so long, and the server keeps events for as long as it says; its token has expired meanwhile, or not.
    Miss {
        seconds: u64,
        every: u64,
        keeps: i64,
        expires: bool,
    },
    /// The machine sleeps for so long: only what is no clock stands still.
    Sleep {
        seconds: u64,
        every: u64,
    },
}

fn odd() -> impl Strategy<Value = Odd> {
    let by = prop_oneof![-8_000..8_000_i64, -100..100_i64];
    let off = prop_oneof![-90_000..90_000_i64, Just(-90 * 86_400), Just(90 * 86_400)];
    let status = prop_oneof![Just(500_u16), Just(503), Just(413)];
    let after = prop_oneof![2 => Just(None), 1 => Just(Some(1_u64))];
    prop_oneof![
        6 => step().prop_map(Odd::Usual),
        1 => by.prop_map(|by| Odd::SetClock { by }),
        1 => (off, any::<bool>()).prop_map(|(by, is_first)| Odd::WrongDate { by, is_first }),
        1 => (1..5_000_i64).prop_map(|by| Odd::Ahead { by }),
        1 => (0..500_i64, 0..90_i64, 5..600_u64, status, after)
            .prop_map(|(ago, length, seconds, status, after)| Odd::Poison { ago, length, seconds, status, after }),
        1 => (0..6_000_u64, 20..900_u64, 900..4_000_i64, any::<bool>())
            .prop_map(|(seconds, every, keeps, expires)| Odd::Miss { seconds, every, keeps, expires }),
        1 => (0..20_000_u64, 60..900_u64).prop_map(|(seconds, every)| Odd::Sleep { seconds, every }),
    ]
}

/// How far from its cameras' the server's clock is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clocks {
    /// Never, so that what is dated ahead is not told twice.
    Right,
    /// By less than a sweep.
    Near,
    /// By more than that, which leaves events of the cameras behind. Since when is not known any more where one try follows the other meanwhile.
    Far,
}

/// A run with a server whose clock is set.
struct Set {
    run: Run,
    /// By how much it is ahead of its cameras'.
    set: i64,
    /// What that was when each event happened.
    sets: BTreeMap<i64, i64>,
    least_rows: usize,
}

impl Set {
    /// The server's time if nobody had set its clock.
    fn right(&self) -> i64 {
        self.run.talk.server_now() - self.set * SECOND
    }

    fn happen(&mut self, camera: i64, ahead: i64) {
        let at = self.right() + ahead * SECOND;
        let id = self.run.talk.server.accept(at, camera, "motion", Value::Null);
        self.run.all.insert(id);
        self.sets.insert(id, self.set);
    }

    fn go(&mut self, step: &Odd, clocks: Clocks) {
        match step {
            Odd::Usual(
                Step::Down { .. } | Step::Crash { .. } | Step::Refuse { .. } | Step::Fail { .. } | Step::Expire,
            )
            | Odd::WrongDate { is_first: true, .. }
            | Odd::Poison { .. }
            | Odd::Miss { .. }
                if clocks == Clocks::Far =>
            {
                self.run.wait(60);
            }
            // How late is late is told by clocks: where they are set, it is not promised.
            Odd::Usual(Step::Arrive { count, camera, .. }) => (0..*count).for_each(|_| self.happen(*camera, 0)),
            Odd::Usual(Step::Limit { rows }) => {
                self.least_rows = self.least_rows.min(*rows);
                self.run.go(&Step::Limit { rows: *rows });
            }
            Odd::Usual(step) => self.run.go(step),
            Odd::SetClock { by } => {
                let most = if clocks == Clocks::Far { 8_000 } else { SWEEP - 100 };
                // Behind by more than a sweep it lists anew what has been forgotten.
                let to = if clocks == Clocks::Right { 0 } else { (self.set + by).clamp(100 - SWEEP, most) };
                let by = to - self.set;
                self.run.talk.server.ahead += by;
                self.set += by;
            }
            Odd::WrongDate { by, is_first } => {
                self.run.talk.server.dates = [*by].into();
                if *is_first {
                    self.run.talk.again(5);
                }
                self.run.wait(30);
            }
            Odd::Ahead { by } => self.happen(8, if clocks == Clocks::Right { *by } else { 0 }),
            Odd::Poison { ago, length, seconds, status, after } => {
                let from = self.right() - ago * SECOND;
                let server = &mut self.run.talk.server;
                server.poisoned = (*status, *after);
                server.poison = Some((from, from + length * SECOND));
                self.run.wait(*seconds);
                self.run.talk.server.poison = None;
            }
            Odd::Miss { seconds, every, keeps, expires } => {
                self.run.talk.lose(0);
                for _ in 0..seconds / every {
                    self.happen(7, 0);
                    self.run.talk.pass(Duration::from_secs(*every));
                }
                let talk = &mut self.run.talk;
                // Its clock may be wrong; by what it keeps it goes all the same.
                talk.server.keeps = Some(*keeps + self.set.max(0));
                if *expires {
                    talk.server.tokens_from = talk.tokens.len() + 2;
                }
                talk.lane = lane(Loaded::default());
                talk.start();
                self.run.wait(60);
                self.run.talk.server.keeps = None;
            }
            Odd::Sleep { seconds, every } => {
                for _ in 0..seconds / every {
                    self.happen(7, 0);
                    self.run.talk.now.wall += SignedDuration::from_secs(*every as i64);
                }
                self.run.wait(30);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_told_once_is_inside_a_gap_that_was_told(
        steps in proptest::collection::vec(odd(), 0..20),
        oddities in oddities(),
        clocks in prop_oneof![Just(Clocks::Right), Just(Clocks::Near), Just(Clocks::Far)],
    ) {
        let run = Run::new(&oddities);
        let begun = run.talk.now.wall;
        let least_rows = run.talk.server.limit;
        let mut set = Set { run, set: 0, sets: BTreeMap::new(), least_rows };
        for step in &steps {
            set.go(step, clocks);
        }
        set.run.talk.server.troubles.clear();
        // A clock that is further ahead of the cameras' than a sweep leaves their events behind: it is put right in the end.
        set.run.talk.server.ahead -= std::mem::take(&mut set.set);
        set.run.wait(5_800);
        let told: Vec<String> = set.run.talk.told().iter().map(|(id, _)| (*id).to_owned()).collect();
        let once: BTreeSet<&String> = told.iter().collect();
        prop_assert_eq!(once.len(), told.len(), "{:?}", told);
        let spans: Vec<(i64, i64, String)> = set.run.talk.stored.iter().filter(|event| event.kind == "gap").map(|event| {
            let data: Value = serde_json::from_str(&event.data).unwrap();
            let time = |name: &str| data[name].as_str().unwrap().parse::<Timestamp>().unwrap().as_microsecond();
            (time("from"), time("to"), data["reason"].to_string())
        }).collect();
        for event in set.run.talk.server.events.iter().filter(|event| set.run.all.contains(&event.id)) {
            let is_told = once.contains(&event.id.to_string());
            // Dates are cut to whole seconds. A gap is told by the server's clock as it was then.
            let by_server = event.at + set.sets.get(&event.id).copied().unwrap_or_default() * SECOND;
            let is_in = |at: i64| spans.iter().any(|(from, to, _)| (from - SECOND..=to + SECOND).contains(&at));
            let is_inside = is_in(event.at) || is_in(by_server);
            prop_assert!(is_told || is_inside, "{event:?} {spans:?}");
        }
        prop_assert!(set.run.talk.session.is_caught_up());
        // Pages of few rows are many; else it is polls, sweeps, and lists of cameras.
        let (hours, calls) = (set.run.talk.now.wall.duration_since(begun).as_secs() / 3_600 + 1, set.run.talk.called.len());
        if set.least_rows >= 1_000 {
            prop_assert!(calls as i64 <= hours * 1_500 + steps.len() as i64 * 150, "{calls} calls in {hours} hours");
        }
        for _ in 0..3 {
            set.happen(8, 0);
            set.run.wait(30);
        }
        set.run.wait(100);
        prop_assert_eq!(set.run.talk.told().len(), told.len() + 3, "it still listens");
    }
}
