//! Whatever comes, in whatever order: each event is told once, none is missing, and the states are those of the houses in the end.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;
use serde_json::json;

use super::cloud::{From, entry};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// Something happens, and is pushed.
    Pushed {
        sid: u64,
        cid: u64,
    },
    /// … never.
    Lost {
        sid: u64,
        cid: u64,
    },
    /// … later.
    Late {
        sid: u64,
        cid: u64,
    },
    /// Two things happen in one second, and are pushed in this order, as far as they are.
    Twins {
        sid: u64,
        cids: [u64; 2],
        pushed: &'static [usize],
    },
    /// Something happens, and what is pushed of it lacks a member.
    Part {
        sid: u64,
        cid: u64,
        lacks: &'static str,
    },
    /// A device is heard of no more, or again, and that is pushed.
    Device {
        serial: &'static str,
        offline: bool,
    },
    /// A device is not there any more, or is again.
    Gone {
        serial: &'static str,
        gone: bool,
    },
    /// All that is late comes, the last first.
    Arrive,
    /// The last event comes again.
    Again,
    Break {
        seconds: u64,
    },
    Refuse {
        part: &'static str,
        status: u16,
    },
    /// A history answers with so many rows at most: with none, or fewer than was asked for.
    Short {
        rows: usize,
    },
    /// Several of one second; as many of the first as this are never pushed.
    Burst {
        sid: u64,
        events: u64,
        lost: u64,
    },
    /// The cloud tells a wrong time for as long as one look takes to come, and then the right one.
    Skew {
        by: i64,
    },
    /// The list of systems lacks one.
    Unlist {
        sid: u64,
    },
    Works,
    Expire,
    Garbage,
    Pass {
        seconds: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let sid = prop_oneof![Just(HOME), Just(CABIN)];
    let cid = prop_oneof![
        Just(3401_u64),
        Just(1400),
        Just(3441),
        Just(1301),
        Just(3301),
        Just(1170),
        Just(1602),
        Just(9999),
    ];
    let event = (sid.clone(), cid);
    let cids =
        prop_oneof![Just([9441, 3441]), Just([3401, 1400]), Just([1400, 3441]), Just([1301, 3301]), Just([3301, 1301])];
    let pushed = prop_oneof![Just(&[0, 1][..]), Just(&[1, 0][..]), Just(&[0][..]), Just(&[1][..])];
    let lacks = prop_oneof![Just("eventCid"), Just("sid"), Just("eventTimestamp")];
    let serial = prop_oneof![Just("d1"), Just("d2")];
    prop_oneof![
        6 => event.clone().prop_map(|(sid, cid)| Step::Pushed { sid, cid }),
        3 => event.clone().prop_map(|(sid, cid)| Step::Lost { sid, cid }),
        3 => event.clone().prop_map(|(sid, cid)| Step::Late { sid, cid }),
        3 => (sid, cids, pushed).prop_map(|(sid, cids, pushed)| Step::Twins { sid, cids, pushed }),
        2 => (event, lacks).prop_map(|((sid, cid), lacks)| Step::Part { sid, cid, lacks }),
        2 => (serial.clone(), any::<bool>()).prop_map(|(serial, offline)| Step::Device { serial, offline }),
        1 => (serial, any::<bool>()).prop_map(|(serial, gone)| Step::Gone { serial, gone }),
        2 => Just(Step::Arrive),
        1 => Just(Step::Again),
        2 => (0..400_u64).prop_map(|seconds| Step::Break { seconds }),
        1 => (prop_oneof![Just("events"), Just("sensors"), Just("/11/"), Just("users")], prop_oneof![Just(409_u16), Just(504), Just(502), Just(200)])
            .prop_map(|(part, status)| Step::Refuse { part, status }),
        1 => prop_oneof![Just(0_usize), Just(20)].prop_map(|rows| Step::Short { rows }),
        2 => (prop_oneof![Just(HOME), Just(CABIN)], 2..6_u64, 0..6_u64)
            .prop_map(|(sid, events, lost)| Step::Burst { sid, events, lost }),
        1 => prop_oneof![Just(86_400_i64), Just(600)].prop_map(|by| Step::Skew { by }),
        1 => prop_oneof![Just(HOME), Just(CABIN)].prop_map(|sid| Step::Unlist { sid }),
        2 => Just(Step::Works),
        1 => Just(Step::Expire),
        1 => Just(Step::Garbage),
        4 => (0..200_u64).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

/// By how much the cloud's clock is ahead of ours.
fn ahead() -> impl Strategy<Value = i64> {
    prop_oneof![2 => Just(0_i64), 1 => Just(7_200), 1 => Just(-7_200), 1 => -7_200..7_200_i64]
}

struct Run {
    talk: Talk,
    late: Vec<Value>,
    last: Option<Value>,
    /// The ids of all that happened since the first start.
    all: BTreeSet<String>,
    /// For how long a history could not be read without five minutes in which it could, in seconds, and the longest of these. Less is never given up.
    unread: i64,
    read: i64,
    longest: i64,
    is_unlisted: bool,
    breaks: usize,
    /// No list of devices tells a later time than before.
    is_frozen: bool,
}

impl Run {
    fn new(from: From, ahead: i64) -> Self {
        let mut talk = Talk::new();
        talk.cloud = Cloud::ahead(ahead);
        talk.cloud.from = from;
        talk.start();
        talk.forget();
        Self {
            talk,
            late: Vec::new(),
            last: None,
            all: BTreeSet::new(),
            unread: 0,
            read: 0,
            longest: 0,
            is_unlisted: false,
            breaks: 0,
            is_frozen: false,
        }
    }

    /// Something happens in a second of its own.
    fn happen(&mut self, sid: u64, cid: u64) -> Value {
        self.talk.wait(1);
        self.happen_at_once(sid, cid)
    }

    fn happen_at_once(&mut self, sid: u64, cid: u64) -> Value {
        self.happen_now(sid, cid, json!({}))
    }

    fn happen_now(&mut self, sid: u64, cid: u64, more: Value) -> Value {
        let second = self.talk.second();
        let told = at(second + self.talk.cloud.ahead);
        let truth = self.talk.cloud.systems.get_mut(&sid).unwrap();
        match cid {
            3401 => (truth.alarm, truth.alarm_at) = ("AWAY", told),
            3441 => (truth.alarm, truth.alarm_at) = ("HOME", told),
            1400 => (truth.alarm, truth.alarm_at) = ("OFF", told),
            9441 => (truth.alarm, truth.alarm_at) = ("HOME_COUNT", told),
            1301 => truth.outage = true,
            3301 => truth.outage = false,
            _ => {}
        }
        let event = self.talk.cloud.happen(sid, second, cid, more);
        self.all.insert(id(&event));
        self.last = Some(event.clone());
        event
    }

    fn go(&mut self, step: &Step) {
        match *step {
            Step::Pushed { sid, cid } => {
                let event = self.happen(sid, cid);
                self.talk.push(&event);
            }
            Step::Lost { sid, cid } => drop(self.happen(sid, cid)),
            Step::Late { sid, cid } => {
                let event = self.happen(sid, cid);
                self.late.push(event);
            }
            Step::Twins { sid, cids: [first, second], pushed } => {
                let twins = [self.happen(sid, first), self.happen_now(sid, second, json!({}))];
                for nth in pushed {
                    self.talk.push(&twins[*nth]);
                }
            }
            Step::Part { sid, cid, lacks } => {
                let mut part = self.happen(sid, cid);
                part[lacks] = Value::Null;
                self.talk.push(&part);
            }
            Step::Device { serial, offline } => {
                self.talk.wait(1);
                let second = at(self.talk.second() + self.talk.cloud.ahead);
                let home = self.talk.cloud.home();
                let Some((.., flags)) = home.sensors.iter_mut().find(|(is, ..)| *is == serial) else { return };
                flags["offline"] = json!(offline);
                home.told_at = if self.is_frozen { home.told_at } else { second };
                let cid = if offline { 1381 } else { 3381 };
                let event = self.happen_now(HOME, cid, json!({"sensorType": 5, "sensorSerial": serial}));
                self.talk.push(&event);
            }
            Step::Gone { serial, gone } => {
                let sensors = &mut self.talk.cloud.home().sensors;
                let is_there = sensors.iter().any(|(is, ..)| *is == serial);
                match gone {
                    true => sensors.retain(|(is, ..)| *is != serial),
                    false if !is_there => sensors.push(entry(serial, false)),
                    false => {}
                }
            }
            Step::Arrive => {
                while let Some(event) = self.late.pop() {
                    self.talk.push(&event);
                }
            }
            Step::Again => {
                if let Some(event) = self.last.clone() {
                    self.talk.push(&event);
                }
            }
            Step::Break { seconds } => {
                self.late.clear();
                self.breaks += 1;
                self.talk.again(seconds);
            }
            Step::Refuse { part, status } => self.talk.cloud.refuse(part, status, "<html>"),
            Step::Short { rows } => {
                // Where pages lead nowhere, what is behind a short one cannot be had.
                if rows == 0 || matches!(self.talk.cloud.from, From::Older | From::UpTo) {
                    self.talk.cloud.page_most = rows;
                }
            }
            Step::Burst { sid, events, lost } => {
                for nth in 0..events {
                    let event = if nth == 0 { self.happen(sid, 1602) } else { self.happen_at_once(sid, 1602) };
                    if nth >= lost {
                        self.talk.push(&event);
                    }
                }
            }
            Step::Skew { by } => {
                self.talk.cloud.date_off = by;
                self.talk.wait(400);
                self.talk.cloud.date_off = 0;
                let before = self.talk.called.len();
                while self.talk.called.len() == before {
                    self.talk.wait(10);
                }
            }
            Step::Unlist { sid } => {
                self.is_unlisted = true;
                self.talk.cloud.unlisted = vec![sid];
            }
            Step::Works => {
                self.talk.cloud.refuses.clear();
                self.talk.cloud.unlisted.clear();
                self.talk.cloud.page_most = 50;
            }
            Step::Expire => self.talk.cloud.tokens_from = self.talk.tokens.len() + 1,
            Step::Garbage => {
                self.talk.receive("{");
                self.talk.settle();
            }
            Step::Pass { seconds } => self.talk.wait(seconds),
        }
    }

    /// So much time has passed.
    fn passed(&mut self, seconds: i64) {
        let cloud = &self.talk.cloud;
        let is_unread = |part: &str| part.contains("events") || part.contains("/11/") || part.contains("v1");
        if cloud.page_most == 0 || cloud.refuses.iter().any(|(part, ..)| is_unread(part)) {
            self.read = 0;
        } else {
            self.read += seconds;
        }
        self.unread = if self.read > 330 { 0 } else { self.unread + seconds };
        self.longest = self.longest.max(self.unread);
    }

    /// Ten tries take 12 minutes. A system that leaves the list has the gap of what was to be read told at once.
    fn may_have_gaps(&self) -> bool {
        self.longest > if self.is_unlisted { 0 } else { 700 }
    }

    /// The most calls in a minute.
    fn busiest(&self) -> usize {
        let called = &self.talk.called;
        let from = |second: i64| called.iter().filter(|(at, _)| (second..second + 60).contains(at)).count();
        called.iter().map(|(second, _)| from(*second)).max().unwrap_or_default()
    }

    /// Whether the devices are as the lists have them.
    fn devices(&self) -> Vec<[Option<String>; 2]> {
        let is = |serial| ["contact", "connection"].map(|group| self.talk.value(&device(HOME, serial), group));
        ["d1", "d2"].map(is).into()
    }

    fn true_devices(&self) -> Vec<[Option<String>; 2]> {
        let sensors = &self.talk.cloud.systems[&HOME].sensors;
        let is = |serial| match sensors.iter().find(|(is, ..)| *is == serial) {
            Some((.., flags)) if flags["offline"] == true => ["closed", "offline"],
            Some(_) => ["closed", "online"],
            None => ["unknown", "unknown"],
        };
        ["d1", "d2"].map(is).map(|states| states.map(|state| Some(state.to_owned()))).into()
    }

    /// All that was told, each but once; what else an event set is beside it.
    fn told(&self) -> BTreeSet<String> {
        let mut seen = HashSet::new();
        for event in &self.talk.stored {
            assert!(seen.insert(&event.id), "{event:?} comes twice");
        }
        self.talk.ids().into_iter().filter(|id| !id.contains('#')).map(str::to_owned).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_missing_nothing_comes_twice_and_the_states_are_true(
        steps in proptest::collection::vec(step(), 0..40),
        from in prop_oneof![Just(From::Older), Just(From::UpTo), Just(From::AtOrAfter), Just(From::Ignored)],
        ahead in ahead(),
        is_frozen in any::<bool>(),
    ) {
        let mut run = Run::new(from, ahead);
        run.is_frozen = is_frozen;
        for step in &steps {
            let before = run.talk.second();
            run.go(step);
            run.passed(run.talk.second() - before);
            prop_assert!(run.talk.end.is_none(), "{:?}", run.talk.end);
        }
        run.go(&Step::Works);
        run.talk.wait(1_500);
        prop_assert_eq!(run.told(), run.all.clone(), "fewer than a page each, so all of it can be had");
        prop_assert!(run.talk.gaps().is_empty() || run.may_have_gaps(), "{:?}", run.talk.gaps());
        let busiest = run.busiest();
        prop_assert!(busiest <= 60 + 12 * run.breaks, "{} calls in a minute", busiest);
        prop_assert!(run.talk.session.is_caught_up());
        for (sid, truth) in &run.talk.cloud.systems {
            let alarm = match truth.alarm { "AWAY" => "armed_away", "HOME" => "armed_home", _ => "off" };
            let power = if truth.outage { "battery" } else { "mains" };
            let is = [run.talk.value(&system(*sid), "alarm"), run.talk.value(&system(*sid), "power")];
            prop_assert_eq!(is, [Some(alarm.to_owned()), Some(power.to_owned())]);
        }
        prop_assert_eq!(run.devices(), run.true_devices());
        // What is stored is what the session believes.
        let before = run.talk.states();
        run.talk.forget();
        run.talk.again(5);
        run.talk.wait(20);
        prop_assert_eq!(run.talk.states(), before);
        prop_assert_eq!(&run.talk.stored, &[]);
    }

    #[test]
    fn a_gap_is_told_where_events_cannot_be_had_and_only_there(
        missed in 1..120_usize,
        from in prop_oneof![Just(From::Older), Just(From::UpTo), Just(From::AtOrAfter), Just(From::Ignored)],
        ahead in ahead(),
    ) {
        let mut run = Run::new(from, ahead);
        run.talk.lose(20);
        for nth in 0..missed {
            let second = run.talk.second();
            let event = run.talk.cloud.happen(HOME, second, 1604, json!({"nth": nth}));
            run.all.insert(id(&event));
            run.talk.pass(Duration::from_secs(2));
        }
        run.talk.start();
        run.talk.wait(600);
        let told = run.told();
        let leads_on = matches!(from, From::Older | From::UpTo);
        prop_assert_eq!(told == run.all, missed <= 50 || leads_on);
        // A full page that leads no further does not tell that nothing is behind it.
        prop_assert_eq!(run.talk.gaps().len(), usize::from(missed >= 50 && !leads_on));
    }

    #[test]
    fn no_conversation_makes_it_panic(inputs in proptest::collection::vec((0..12_u8, any::<u16>(), "[\\x00-\\x7f]{0,12}"), 0..60)) {
        let mut talk = Talk::live();
        for (kind, number, text) in inputs {
            match kind {
                0 => talk.step(Input::Start),
                1 => talk.step(Input::Opened),
                2 => talk.step(Input::Prepared(None)),
                3 => talk.step(Input::Woken),
                4 => talk.step(Input::Unreadable(text)),
                5 => talk.wait(u64::from(number % 400)),
                6 => talk.receive(&text),
                7 => talk.push(&json!({"eventId": number, "sid": text, "eventCid": number, "eventTimestamp": at(i64::from(number))})),
                8 => talk.push(&json!({"eventId": text, "sid": HOME, "eventCid": 1132, "sensorSerial": text, "eventTimestamp": at(i64::from(number) - 9_000)})),
                9 => talk.again(u64::from(number)),
                10 => talk.cloud.refuse(if number % 2 == 0 { "events" } else { "v1" }, 200 + number % 400, &text),
                _ => {
                    let answer = crate::transport::RestAnswer {
                        status: 200, headers: vec![("date".into(), text.clone())], body: text.into(), retry_after: None,
                    };
                    talk.step(Input::Answer(CallId(u32::from(number % 40)), Ok(answer)));
                }
            }
            talk.settle();
            prop_assert!(talk.session.checkpoint().is_none_or(|mark| SimpliSafeCheckpoint::read(&mark).is_some()));
            if talk.end.is_some() {
                talk.again(1);
            }
        }
    }
}
