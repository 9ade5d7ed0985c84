//! Against a server that has a plain word and a plain newest event of each code: whatever it goes through, and however often the connection breaks, the
//! states come out as the decoder reads what was sent, and nothing is told twice.

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
    /// The first answer that is due, of this device if it is due there.
    Answer {
        device: usize,
    },
    Break,
    Unreadable,
    Pass {
        seconds: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_usize, 0..WORDS.len()).prop_map(|(device, word)| Step::Word { device, word: WORDS[word] }),
        4 => (0..3_usize, any::<bool>()).prop_map(|(device, begins)| Step::Motion { device, begins }),
        6 => (0..3_usize).prop_map(|device| Step::Answer { device }),
        2 => Just(Step::Break),
        1 => Just(Step::Unreadable),
        1 => (0..4_i64).prop_map(|seconds| Step::Pass { seconds }),
    ]
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

    fn answer(&mut self, device: usize) -> String {
        self.is_answered = true;
        self.take_word(device);
        let last = self.newest.iter().max_by_key(|(_, (time, _))| *time);
        self.moves = last.map(|(code, _)| *code == "EMES");
        let events: serde_json::Map<_, _> =
            self.newest.iter().map(|(code, (_, event))| ((*code).to_owned(), event.clone())).collect();
        frame(json!({DEVICES[device].0:{"status":self.word,"event":events}}))
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
    gaps: usize,
}

impl Run {
    fn new() -> Self {
        let mut models: [Model; 3] = Default::default();
        models.iter_mut().for_each(|model| model.word = ONLINE);
        Self { talk: Talk::opened(&DEVICES), before: models.clone(), models, clock: 0, gaps: 0 }
    }

    fn receive(&mut self, frame: String) {
        let was_held = self.talk.session.held.is_some();
        self.talk.receive(frame);
        self.noticed(was_held);
    }

    /// What is held back has been handed over: from now on that is what was known.
    fn noticed(&mut self, was_held: bool) {
        if was_held && self.talk.session.held.is_none() {
            self.gaps += 1;
        }
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
            Step::Answer { device } => {
                if !self.models[device].is_answered {
                    let answer = self.models[device].answer(device);
                    self.receive(answer);
                }
            }
            Step::Break => {
                let session = &self.talk.session;
                // What was held back was never handed over.
                if session.held.is_some() {
                    for (model, before) in self.models.iter_mut().zip(&self.before) {
                        (model.reading, model.moves) = (before.reading, before.moves);
                    }
                }
                let established = session.mark.established;
                self.talk.lose();
                if !established {
                    // Nothing was stored: it begins as if for the first time.
                    self.talk.session.mark.established = false;
                }
                self.talk.open(&DEVICES);
                self.models.iter_mut().for_each(|model| model.is_answered = false);
                self.before = self.models.clone();
            }
            Step::Unreadable => {
                let live = self.talk.session.online && self.talk.session.held.is_none();
                self.talk.receive("{");
                self.gaps += usize::from(live && self.talk.end().is_none());
            }
            Step::Pass { seconds } => {
                let was_held = self.talk.session.held.is_some();
                self.talk.wait(seconds);
                self.noticed(was_held);
            }
        }
    }
}

proptest! {
    #[test]
    fn states_are_what_the_decoder_reads_and_each_event_is_told_once(steps in proptest::collection::vec(step(), 0..80)) {
        let mut run = Run::new();
        for step in &steps {
            run.go(step);
            if run.talk.end().is_some() {
                run.go(&Step::Break);
            }
            prop_assert!(EenCheckpoint::read(&run.talk.session.checkpoint().unwrap_or(Checkpoint("".into()))).is_some() || !run.talk.session.mark.established);
        }
        for device in 0..3 {
            run.go(&Step::Answer { device });
        }
        prop_assert!(run.talk.session.held.is_none() && run.talk.session.is_caught_up());
        for (item, model) in ITEMS.iter().zip(&run.models) {
            prop_assert_eq!(run.talk.states(item), model.states(), "{}", item);
        }
    }

    #[test]
    fn nothing_is_told_twice_and_every_break_is_one_gap(steps in proptest::collection::vec(step(), 0..80)) {
        let mut run = Run::new();
        let (mut ids, mut gaps) = (HashSet::new(), 0);
        let mut look = |talk: &mut Talk| {
            for (id, kind, _) in talk.stored.drain(..) {
                assert!(ids.insert(id.clone()), "{id} {kind} comes twice");
                gaps += usize::from(kind == "gap");
            }
            gaps
        };
        for step in &steps {
            look(&mut run.talk);
            run.go(step);
            if run.talk.end().is_some() {
                look(&mut run.talk);
                run.go(&Step::Break);
            }
        }
        for device in 0..3 {
            run.go(&Step::Answer { device });
        }
        prop_assert_eq!(look(&mut run.talk), run.gaps);
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
