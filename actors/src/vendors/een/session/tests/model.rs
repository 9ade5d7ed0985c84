//! Against a server that has a plain word and a plain newest event of each code: whatever it goes through, and however often the connection breaks, the
//! states come out as the decoder reads what was sent, nothing is told twice, and whatever could be missed is in a gap.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::vendors::een::devices::DeviceKind;
use crate::vendors::een::status::Reading;

const DEVICES: [(&str, &str); 3] = [(A, "camera"), (B, "camera"), ("100ccccc", "bridge")];
const WORDS: [u64; 9] = [ONLINE, RECORDING, OFFLINE, OFF, NO_INTERNET, BRIDGE, 0x12_0100, 0, 0x17_0037];
const ITEMS: [&str; 3] = ["cameras/100aaaaa", "cameras/100bbbbb", "bridges/100ccccc"];

/// What can happen at the server, or to the connection.
#[derive(Debug, Clone)]
enum Step {
    Word {
        device: usize,
        word: u64,
    },
    Motion {
        device: usize,
        begins: bool,
    },
    /// The first answer that is due, of this device if it is due there; all in one frame, or one part behind the other.
    Answer {
        device: usize,
        parts: Parts,
    },
    /// The server cannot or does not want to tell of a device.
    Refuse {
        device: usize,
        code: i64,
    },
    Break,
    Unreadable,
    Pass {
        seconds: i64,
    },
}

/// How a first answer comes.
#[derive(Debug, Clone, Copy)]
enum Parts {
    Whole,
    WordFirst,
    EventsFirst,
}

fn step(pauses: std::ops::Range<i64>) -> impl Strategy<Value = Step> {
    let parts = prop_oneof![Just(Parts::Whole), Just(Parts::WordFirst), Just(Parts::EventsFirst)];
    prop_oneof![
        6 => (0..3_usize, 0..WORDS.len()).prop_map(|(device, word)| Step::Word { device, word: WORDS[word] }),
        4 => (0..3_usize, any::<bool>()).prop_map(|(device, begins)| Step::Motion { device, begins }),
        6 => (0..3_usize, parts).prop_map(|(device, parts)| Step::Answer { device, parts }),
        2 => Just(Step::Break),
        1 => Just(Step::Unreadable),
        1 => pauses.prop_map(|seconds| Step::Pass { seconds }),
    ]
}

/// Those, and a server that refuses.
fn step_or_refusal() -> impl Strategy<Value = Step> {
    let refusal = (0..3_usize, prop_oneof![Just(401), Just(404), Just(503)]);
    prop_oneof![15 => step(0..40), 2 => refusal.prop_map(|(device, code)| Step::Refuse { device, code })]
}

/// A device at the server, and as whoever sees all that is sent of it knows it.
#[derive(Debug, Clone, Default)]
struct Model {
    word: u64,
    /// The newest events by code, with their frames' JSON.
    newest: BTreeMap<&'static str, (i64, Value)>,
    is_answered: bool,
    reading: Reading,
    moves: Option<bool>,
    /// It was followed, and what was told of it was handed over.
    is_known: bool,
    /// Since when it is not.
    left: Option<i64>,
}

impl Model {
    fn rule(device: usize) -> crate::vendors::een::status::Rule {
        let kind = if device == 2 { DeviceKind::Bridge } else { DeviceKind::Camera };
        kind.rule().unwrap()
    }

    fn take_word(&mut self, device: usize) {
        let word = crate::vendors::een::status::StatusWord::new(self.word);
        self.reading = self.reading.then(Reading::of(word, Self::rule(device)));
    }

    fn answer(&mut self, device: usize, parts: Parts) -> Vec<String> {
        self.is_answered = true;
        self.take_word(device);
        let last = self.newest.iter().max_by_key(|(_, (time, _))| *time);
        self.moves = last.map(|(code, _)| *code == "EMES");
        let events: serde_json::Map<_, _> =
            self.newest.iter().map(|(code, (_, event))| ((*code).to_owned(), event.clone())).collect();
        let (esn, word) = (DEVICES[device].0, self.word);
        match parts {
            Parts::Whole => vec![frame(json!({esn:{"status":word,"event":events}}))],
            Parts::WordFirst => vec![frame(json!({esn:{"status":word}})), frame(json!({esn:{"event":events}}))],
            Parts::EventsFirst => vec![frame(json!({esn:{"event":events}})), frame(json!({esn:{"status":word}}))],
        }
    }

    fn states(&self) -> String {
        let of = |meaning: &Meaning| meaning.state.as_ref().map(|state| format!("{}={}", state.group, state.value));
        let mut states: Vec<_> = self.reading.values().filter_map(|told| of(told.meaning())).collect();
        states.extend(self.moves.map(|moves| format!("motion={}", if moves { "detected" } else { "clear" })));
        states.sort();
        states.join(" ")
    }
}

/// The talk, the server, and the server as it was when frames began to be held back.
struct Run {
    talk: Talk,
    models: [Model; 3],
    before: [Model; 3],
    clock: i64,
    breaks: usize,
    /// What must be in a gap.
    missed: Vec<(i64, i64)>,
    gaps: Vec<Told>,
}

/// A gap, and when it was told.
#[derive(Debug)]
struct Told {
    reason: String,
    from: i64,
    to: i64,
    at: i64,
}

impl Run {
    fn new() -> Self {
        let mut models: [Model; 3] = Default::default();
        models.iter_mut().for_each(|model| model.word = ONLINE);
        Self {
            talk: Talk::opened(&DEVICES),
            before: models.clone(),
            models,
            clock: 0,
            breaks: 0,
            missed: Vec::new(),
            gaps: Vec::new(),
        }
    }

    fn now(&self) -> i64 {
        self.talk.now.wall.duration_since(at(0)).as_secs()
    }

    fn receive(&mut self, frame: String) {
        self.talk.receive(frame);
        self.noticed();
    }

    /// What is not held back has been handed over: from now on that is what was known.
    fn noticed(&mut self) {
        let now = self.now();
        for told in self.talk.told.drain(..) {
            let Some(words) = told.strip_prefix("gap ") else { continue };
            let (reason, ends) = words.split_once(' ').unwrap();
            let (from, to) = ends.split_once("..").unwrap();
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            self.gaps.push(Told { reason: reason.to_owned(), from, to, at: now });
        }
        if self.talk.session.held.is_none() && self.talk.end().is_none() {
            for model in self.models.iter_mut().filter(|model| model.is_answered) {
                model.is_known = true;
                self.missed.extend(model.left.take().map(|left| (left, now)));
            }
        }
    }

    /// Everything that is due comes, in good order, and time enough goes by.
    fn finish(&mut self) {
        if self.talk.end().is_some() {
            self.go(&Step::Break);
        }
        for device in 0..3 {
            self.go(&Step::Answer { device, parts: Parts::Whole });
        }
        if self.talk.end().is_some() || self.talk.session.phase != Phase::Open {
            return self.finish();
        }
        self.receive(frame(json!({A:{}})));
        self.go(&Step::Pass { seconds: 60 });
    }

    /// Whether every second of a stretch is in a gap.
    fn covers(&self, (from, to): (i64, i64)) -> bool {
        (from..=to).all(|second| self.gaps.iter().any(|gap| gap.from <= second && second <= gap.to))
    }

    /// Another socket, without a break of the connection.
    fn lost_session(&mut self) {
        self.breaks += 1;
        let now = self.now();
        for model in &mut self.models {
            model.is_answered = false;
            if model.is_known {
                model.left.get_or_insert(now);
            }
        }
        self.before = self.models.clone();
    }

    fn go(&mut self, step: &Step) {
        match *step {
            Step::Word { device, word } => {
                let model = &mut self.models[device];
                model.word = word;
                if model.is_answered {
                    model.take_word(device);
                    self.receive(status(DEVICES[device].0, word));
                }
            }
            Step::Motion { device, begins } => {
                self.clock += 1;
                let (code, event) = (if begins { "EMES" } else { "EMEE" }, event(self.clock, self.clock));
                let model = &mut self.models[device];
                model.newest.insert(code, (self.clock, event.clone()));
                if model.is_answered {
                    model.moves = Some(begins);
                    self.receive(frame(json!({DEVICES[device].0:{"event":{code:event}}})));
                }
            }
            Step::Answer { device, parts } => {
                if !self.models[device].is_answered {
                    for frame in self.models[device].answer(device, parts) {
                        self.receive(frame);
                    }
                }
            }
            Step::Refuse { device, code } => {
                let now = self.now();
                let model = &mut self.models[device];
                if model.is_answered && model.is_known {
                    model.left.get_or_insert(now);
                }
                model.is_answered = false;
                self.receive(refused(DEVICES[device].0, code));
            }
            Step::Break => {
                let session = &self.talk.session;
                // What was held back was never handed over.
                if session.held.is_some() {
                    for (model, before) in self.models.iter_mut().zip(&self.before) {
                        (model.reading, model.moves) = (before.reading, before.moves);
                    }
                }
                let (established, now) = (session.mark.established, self.now());
                self.breaks += 1;
                // A break is a gap as such, whoever was followed.
                self.missed.extend(established.then_some((now, now)));
                self.talk.lose();
                if !established {
                    // Nothing was stored: it begins as if for the first time.
                    self.talk.session.mark.established = false;
                }
                self.talk.open(&DEVICES);
                for model in &mut self.models {
                    model.is_answered = false;
                    if model.is_known {
                        model.left.get_or_insert(now);
                    }
                }
                self.before = self.models.clone();
            }
            Step::Unreadable => {
                self.receive("{".to_owned());
                if self.talk.session.mark.established {
                    self.missed.push((self.now(), self.now()));
                }
            }
            Step::Pass { seconds } => {
                // As time goes by, and not in one leap over what it is asked for.
                for _ in 0..seconds {
                    self.talk.wait(1);
                    self.noticed();
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn states_are_what_the_decoder_reads_and_each_event_is_told_once(steps in proptest::collection::vec(step(0..4), 0..80)) {
        let mut run = Run::new();
        for step in &steps {
            run.go(step);
            if run.talk.end().is_some() {
                run.go(&Step::Break);
            }
            prop_assert!(EenCheckpoint::read(&run.talk.session.checkpoint().unwrap_or(Checkpoint("".into()))).is_some() || !run.talk.session.mark.established);
        }
        for device in 0..3 {
            run.go(&Step::Answer { device, parts: Parts::Whole });
        }
        prop_assert!(run.talk.session.held.is_none() && run.talk.session.is_caught_up());
        for (item, model) in ITEMS.iter().zip(&run.models) {
            prop_assert_eq!(run.talk.states(item), model.states(), "{}", item);
        }
    }

    #[test]
    fn nothing_is_told_twice_and_whatever_may_be_missed_is_in_few_gaps(steps in proptest::collection::vec(step_or_refusal(), 0..80)) {
        let mut run = Run::new();
        let mut ids = HashSet::new();
        let mut look = |talk: &mut Talk| {
            for (id, kind, _) in talk.stored.drain(..) {
                assert!(ids.insert(id.clone()), "{id} {kind} comes twice");
            }
        };
        for step in &steps {
            look(&mut run.talk);
            run.go(step);
            if run.talk.took_new_login() {
                run.talk.step(Input::Granted(Arc::new(grant())));
                run.talk.step(Input::Opened);
                run.lost_session();
            }
            if run.talk.end().is_some() {
                look(&mut run.talk);
                run.go(&Step::Break);
            }
        }
        run.finish();
        look(&mut run.talk);
        for stretch in &run.missed {
            prop_assert!(run.covers(*stretch), "{:?} is not in {:?}", stretch, run.gaps);
        }
        // A break is one gap; besides that there is one a minute at most, and none without a reason.
        let (of_breaks, others): (Vec<_>, Vec<_>) =
            run.gaps.iter().partition(|gap| matches!(&*gap.reason, "connection_lost" | "session_lost"));
        prop_assert!(of_breaks.len() <= run.breaks, "{:?} for {} breaks", of_breaks, run.breaks);
        let minutes = usize::try_from(run.now() / 60).unwrap();
        prop_assert!(others.len() <= minutes + run.breaks + 1, "{:?}", others);
        for gap in &run.gaps {
            prop_assert!(gap.to <= gap.at);
            prop_assert!(run.missed.iter().any(|(from, to)| gap.from <= *to && *from <= gap.to), "{:?} is needless", gap);
        }
    }

    #[test]
    fn no_conversation_makes_it_panic(inputs in proptest::collection::vec((0..14_u8, any::<u16>(), "[\\x00-\\x7f]{0,12}"), 0..60), resells in any::<bool>()) {
        let accounts = if resells { Accounts::All } else { Accounts::Own };
        let mut talk = Talk::new(EenConfig { accounts, ..config() });
        for (kind, number, text) in inputs {
            let esn = DEVICES[usize::from(number) % 3].0;
            match kind {
                0 => talk.step(Input::Start),
                1 => talk.step(Input::Granted(Arc::new(grant()))),
                2 => talk.step(Input::Prepared((number % 4 != 0).then(|| catalog(&DEVICES[usize::from(number) % 3..])))),
                3 => talk.step(Input::Opened),
                4 => talk.step(Input::BarrierPassed),
                5 => talk.step(Input::Unreadable(text)),
                6 => talk.step(Input::Woken),
                7 => talk.wait(i64::from(number % 90)),
                8 => talk.receive(text),
                9 => talk.receive(json!({"status_code":number % 600,"data":{esn:{"status":text}}}).to_string()),
                10 => talk.receive(frame(json!({esn:{"event":{(text.clone()):{"timestamp":text}},(if number % 2 == 0 { "error" } else { "pre" }):[number]}}))),
                11 => talk.receive(status(esn, u64::from(number) << 8)),
                12 => {
                    let answer = crate::transport::request::RestAnswer {
                        status: 200 + number % 300, headers: vec![], body: text.into(), retry_after: None,
                    };
                    talk.step(Input::Answer(crate::vendors::CallId(u32::from(number % 4)), Ok(answer)));
                }
                _ => talk.receive(frame(json!({esn:{"event":{"EMES":event(i64::from(number), i64::from(number))}}}))),
            }
            prop_assert!(talk.session.checkpoint().is_none_or(|mark| EenCheckpoint::read(&mark).is_some()));
            if talk.end().is_some() {
                talk.lose();
            }
        }
    }
}
