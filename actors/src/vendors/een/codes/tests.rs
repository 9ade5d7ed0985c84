//! The table holds together, and events of a code mean what it says.

#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::{HashMap, HashSet};

use super::*;
use crate::vendors::een::status::VALUES;
use crate::vendors::een::wire::decode;

/// Every code of the API documentation's table of event objects, and the ports of its draft.
const DOCUMENTED: &str = "VRES VREE VRKF EAES EAEE ESES ESEE EVVS EMES EMEE EMEU MRBX MRSZ ROMS ROME ROMU ALMS ALME ALRS ALRE PRTH PRFR PRFB \
    AEDA AEDN AEDC AEDD AEDH AEDO AEAC AEAD AEAH AELI AELO AEUC AEUD AECC AEEC AEED AEEL AELD AEPT EPES EPEE PTZS ENES ENEE ENEU ANNT NVPT \
    SCRN RCON RCOF RCHB CONN COFF CECF CECL CSAU CSDU CSSU SSTE ABRT COBC CZTC CZDC CZTS CPRG CDLT CBWS BBWS SBWS SBW0 SBW1 SBW2 SBW3 SBW4 \
    BBTW BUBW BBOO CCLC CCLD CCCF ITFU NOOP PRSS PRSE PRFU AABT ECON ECOF CSTS CSTC CSAT CSDT CSST PRSU VRSU \
    IIA0 IIH0 III0 IIA1 IIH1 III1 IIA2 IIH2 III2 IIA3 IIH3 III3 IOA0 IOH0 IOI0 IOA1 IOH1 IOI1 IOA2 IOH2 IOI2 IOA3 IOH3 IOI3";

#[test]
fn the_table_has_every_documented_code_once() {
    let documented: HashSet<_> = DOCUMENTED.split_whitespace().collect();
    let table: HashSet<_> = CODES.iter().map(|code| code.code).collect();
    assert_eq!(table, documented);
    assert_eq!(table.len(), CODES.len());
    for code in CODES {
        assert!(code.code.parse::<crate::vendors::een::wire::FourCc>().is_ok_and(|four| four.as_str() == code.code));
        assert_eq!(find(code.code).unwrap().code, code);
    }
}

#[test]
fn every_type_is_a_shared_word_or_the_slug_of_a_name_that_no_other_code_has() {
    let mut names = HashSet::new();
    for code in CODES {
        assert!(names.insert(slug(code.name)), "{}: {}", code.code, code.name);
        if let Some(shared) = code.shared {
            assert!(vocabulary_state(shared).is_some(), "{shared}");
        }
    }
}

fn vocabulary_state(kind: &str) -> Option<(&'static str, &'static str)> {
    crate::model::vocabulary::find(kind).and_then(|word| word.state)
}

#[test]
fn a_shared_type_sets_the_state_of_its_word_and_no_code_sets_a_shared_state_to_anything_else() {
    let groups: HashMap<_, Vec<_>> = crate::model::vocabulary::WORDS.iter().filter_map(|word| word.state).fold(
        HashMap::new(),
        |mut groups: HashMap<_, Vec<_>>, (group, value)| {
            groups.entry(group).or_default().push(value);
            groups
        },
    );
    for code in CODES {
        let sets = code.sets.map(|sets| (sets.group, sets.value));
        if let Some(shared) = code.shared {
            assert_eq!(sets, vocabulary_state(shared), "{}", code.code);
        }
        if let Some((values, (_, value))) = sets.and_then(|sets| Some((groups.get(sets.0)?, sets))) {
            assert!(values.contains(&value), "{}", code.code);
        }
    }
}

#[test]
fn a_state_has_one_source_on_a_connection() {
    let of_words: HashSet<_> = VALUES.iter().map(|(told, ..)| told.vendor_group()).collect();
    for code in CODES {
        let known = find(code.code).unwrap();
        let group = |states| known.meaning(states).state.as_ref().map(|state| state.vendor_group.to_string());
        // Whatever the word says, the word alone says; and only that is left out then.
        assert!(group(States::Words).is_none_or(|group| !of_words.contains(&*group)), "{}", code.code);
        assert_eq!(code.in_word, group(States::Codes).is_some_and(|group| of_words.contains(&*group)), "{}", code.code);
        if !code.in_word {
            assert_eq!(known.meaning(States::Words), known.meaning(States::Codes));
        }
    }
    // Both sources set the very same state, so that a change of the configuration leaves no second one behind.
    for (told, kind, _) in VALUES {
        for code in CODES.iter().filter(|code| code.shared == Some(kind)) {
            let (coded, worded) = (find(code.code).unwrap().meaning(States::Codes), told.meaning());
            assert_eq!((&coded.kind, &coded.state), (&worded.kind, &worded.state));
        }
    }
}

#[test]
fn what_begins_and_ends_sets_opposite_values_of_one_state() {
    let mut values: HashMap<&str, HashSet<&str>> = HashMap::new();
    for sets in CODES.iter().filter_map(|code| code.sets) {
        values.entry(sets.vendor_group).or_default().insert(sets.value);
    }
    for (group, values) in values {
        assert_eq!(values.len(), 2, "{group}");
    }
}

#[test]
fn events_have_readable_types_names_and_states() {
    let mut codes = Codes::new(States::Words);
    let mut told = |code: &str| {
        let Looked { meaning, id, is_heartbeat } = codes.look(code);
        let state =
            meaning.state.as_ref().map(|state| format!("{} {} {}", state.vendor_group, state.group, state.value));
        (meaning.kind.to_string(), meaning.name.as_deref().unwrap_or("").to_owned(), state, id, is_heartbeat)
    };
    let row = |kind: &str, name: &str, state: Option<&str>, id, beat| {
        (kind.to_owned(), name.to_owned(), state.map(str::to_owned), id, beat)
    };
    assert_eq!(told("EMES"), row("motion.started", "Motion Start", Some("motion motion detected"), "eventid", false));
    assert_eq!(told("EMEE"), row("motion.stopped", "Motion End", Some("motion motion clear"), "eventid", false));
    assert_eq!(told("EMEU"), row("een.motion_update", "Motion Update", None, "eventid", true));
    assert_eq!(told("RCOF"), row("een.camera_offline", "Camera Offline", None, "registerid", false));
    assert_eq!(told("VRES"), row("een.video_record_start", "Video Record Start", None, "videoid", false));
    assert_eq!(told("CECL"), row("een.camera_lost", "Camera Lost", Some("located located lost"), "", false));
    assert_eq!(told("IOA2"), row("output.activated", "Output 2 Active", Some("output_2 output on"), "eventid", false));
    assert_eq!(told("IOH2"), row("een.output_2_hold", "Output 2 Hold", Some("output_2 output on"), "eventid", false));
    assert_eq!(told("III3"), row("een.input_3_idle", "Input 3 Idle", Some("input_3 input_3 idle"), "eventid", false));
    assert_eq!(told("ZZ9x"), row("een.zz9x", "", None, "eventid", false));
    assert_eq!(told(""), row("een.unknown", "", None, "eventid", false));
    assert_eq!(told("longer than four"), row("een.longer_than_four", "", None, "eventid", false));

    let mut codes = Codes::new(States::Codes);
    let meaning = codes.look("RCOF").meaning;
    assert_eq!((&*meaning.kind, &*meaning.state.as_ref().unwrap().value), ("connection.lost", "offline"));
    assert_eq!(&*codes.look("COFF").meaning.kind, "device.disabled");
}

#[test]
fn heartbeats_are_those_that_say_that_something_goes_on() {
    let beats: Vec<_> = CODES.iter().filter(|code| code.role == Role::Heartbeat).map(|code| code.code).collect();
    assert_eq!(beats, ["VRKF", "EMEU", "ROMU", "ENEU", "RCHB", "CSSU", "CSST", "PRSU", "VRSU"]);
    assert!(CODES.iter().all(|code| code.role != Role::Heartbeat || code.sets.is_none()));
}

#[test]
fn a_flood_of_events_shares_one_meaning_and_made_up_codes_do_not_fill_the_memory() {
    let mut codes = Codes::new(States::Words);
    for code in ["EMES", "QQQQ"] {
        let first = Arc::clone(codes.look(code).meaning);
        assert!(Arc::ptr_eq(&first, codes.look(code).meaning), "{code}");
    }
    for number in 0..10_000 {
        assert_eq!(*codes.look(&format!("q{number}")).meaning.kind, format!("een.q{number}"));
        assert!(codes.strangers.len() <= STRANGERS);
    }
}

#[test]
fn an_occurrence_is_known_by_device_code_time_and_its_own_id() {
    let mut id = "what was there".to_owned();
    let mut of = |code, json| {
        let name = find(code).map_or("eventid", |known| known.code.id);
        occurrence_id(&mut id, "100b0547", code, &EventMembers::of(json, name));
        id.clone()
    };
    let end = r#"{"timestamp":"20161128063213.516","cameraid":"100b0547","videoid":-229238211,"videosize":162300}"#;
    assert_eq!(of("VREE", end), "100b0547:VREE:20161128063213.516:-229238211");
    let motion = r#"{"eventid":1615436987,"timestamp":"20210311140022.258","videoid":5}"#;
    assert_eq!(of("EMES", motion), "100b0547:EMES:20210311140022.258:1615436987");
    assert_eq!(of("COFF", motion), "100b0547:COFF:20210311140022.258");
    assert_eq!(of("ZZZZ", motion), "100b0547:ZZZZ:20210311140022.258:1615436987");
    let timeless = of("EMES", r#"{"eventid":7}"#);
    assert!(timeless.starts_with("100b0547:EMES:~") && timeless.ends_with(":7"), "{timeless}");
    assert_eq!(timeless, of("EMES", r#"{"eventid":7}"#), "the same again");
    assert_ne!(of("EMES", "5"), of("EMES", "6"));
}

/// What the events of one entity leave behind, `group value`.
fn left(states: States, events: &str) -> Vec<String> {
    let text = format!(r#"{{"data":{{"a":{{"status":5,"event":{events}}}}}}}"#);
    let frame = decode(&text).unwrap();
    let entity = frame.entities().next().unwrap();
    let states = last_set(states, entity.answers).into_iter().map(|last| {
        let state = last.known.meaning(states).state.as_ref().unwrap();
        format!("{} {}", state.vendor_group, state.value)
    });
    states.collect()
}

#[test]
fn replayed_events_leave_the_states_that_were_set_last() {
    let motion = |start: &str, end: &str| {
        let (start, end) = (format!(r#""EMES":{{{start}}}"#), format!(r#""EMEE":{{{end}}}"#));
        let both = [format!("{{{start},{end}}}"), format!("{{{end},{start}}}")];
        let [one, other] = both.map(|events| left(States::Words, &events));
        assert_eq!(one, other, "the order in the frame does not matter");
        one.join(" ")
    };
    let at = |time: &str, id: i32| format!(r#""timestamp":"{time}","eventid":{id}"#);
    let (early, late) = ("20210311140022.258", "20210311140022.259");
    assert_eq!(motion(&at(early, 1), &at(late, 1)), "motion clear");
    assert_eq!(motion(&at(late, 2), &at(early, 1)), "motion detected");
    assert_eq!(motion(&at(early, 1), &at(early, 1)), "motion clear", "it was over at once");
    assert_eq!(motion(&at(early, 2), &at(early, 1)), "motion detected", "the next began as the last one ended");
    assert_eq!(motion(&at("20210311140022", 2), &at("20210311140021.999999", 1)), "motion detected");
    assert_eq!(motion(&at("soon", 2), &at(early, 1)), "motion clear");
    assert_eq!(motion("", &at(early, 1)), "motion clear");

    // The replay in the draft of EEN's documentation.
    let ports = r#"{"IIA0":{"timestamp":"20210311140022.258","cameraid":"12345678","eventid":1615436987},
        "III0":{"timestamp":"20210315104827.428","cameraid":"12345678","eventid":1615743879},
        "IOA0":{"timestamp":"20210314174444.902","cameraid":"12345678","eventid":1615743884},
        "IOI0":{"timestamp":"20210311124723.715","cameraid":"12345678","eventid":1615466809},
        "VRES":{"timestamp":"20210311124723.715"},"QQQQ":{"timestamp":"20210311124723.715"},
        "RCOF":{"timestamp":"20210311124723.715"}}"#;
    assert_eq!(left(States::Words, ports), ["input_0 idle", "output_0 on"]);
    assert_eq!(left(States::Codes, ports), ["input_0 idle", "output_0 on", "registered offline"]);
    assert_eq!(left(States::Words, "{}"), [] as [String; 0]);
    assert_eq!(left(States::Words, r#"{"EMES":5}"#), ["motion detected"]);
}
