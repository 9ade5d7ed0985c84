//! Frames as EEN's documentation shows them, and as nobody should send them; requests; times.

#![allow(clippy::unwrap_used, clippy::panic)]
use std::num::NonZeroUsize;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::een_time::Rfc3339;
use super::*;
use crate::vendors::een::status::{Form, StatusWord};

/// Every entity with its answers, in words.
fn told(frame: &str) -> Vec<String> {
    let frame = decode(frame).unwrap();
    let mut told = Vec::new();
    for Entity { esn, answers } in frame.entities() {
        told.push(esn.to_owned());
        told.extend(answers.iter().map(|answer| match answer {
            Answer::Status { form, json } => format!("  {form} {json}"),
            Answer::Event { code, json } => format!("  {code} {json}"),
            Answer::Media { resource, json } => format!("  {resource} {json}"),
            Answer::Refused(refusal) => format!("  refused, {refusal}"),
            Answer::Unknown { name, found } => format!("  {name:?} is {found}"),
        }));
    }
    told
}

fn refused(frame: &str) -> (RefusalCode, String) {
    let refusal = decode(frame).unwrap().refusal.unwrap();
    (refusal.code, refusal.to_string())
}

#[test]
fn frames_of_the_documentation_are_taken_apart() {
    assert_eq!(
        told(r#"{"status_code":200,"message":"OK","data":{"1000f60d":{"status":1441847}}}"#),
        ["1000f60d", "  status 1441847"]
    );
    let event = r#"{"timestamp":"20161128063213.516","cameraid":"100b0547","videoid":-229238211,"videosize":162300,"format":2,"status":31}"#;
    assert_eq!(
        told(&format!(r#"{{"status_code":200,"message":"OK","data":{{"100b0547":{{"event":{{"VREE":{event}}}}}}}}}"#)),
        ["100b0547".to_owned(), format!("  VREE {event}")]
    );
    assert_eq!(
        told(
            r#"{"status_code":200,"message":"OK","data":{"09999999":{"error":[{"status_code":404,"message":"resolve invalid"}]}}}"#
        ),
        ["09999999", "  refused, status 404: resolve invalid"]
    );
    assert_eq!(
        told(
            r#"{"status_code":200,"message":"OK","data":{"100b0547":{"error":[{"status_code":410,"message":"dropped"}]}}}"#
        ),
        ["100b0547", "  refused, status 410: dropped"]
    );
    // Long poll.
    let poll = r#"{"cameras":{"100e1e23":{"pre":"20181121165011.233","event":{
        "MRBX":{"timestamp":"20181121165011.499","cameraid":"100c299e","boxes":[{"x":24575,"y":29126,"w":4095,"h":5825}]},
        "PRFU":{"file_offset":26311872}}},"10097d15":{"status":1441847}},"token":"ooe0eoEAMNsF"}"#;
    assert_eq!(
        told(poll),
        [
            "100e1e23",
            r#"  pre "20181121165011.233""#,
            r#"  MRBX {"timestamp":"20181121165011.499","cameraid":"100c299e","boxes":[{"x":24575,"y":29126,"w":4095,"h":5825}]}"#,
            r#"  PRFU {"file_offset":26311872}"#,
            "10097d15",
            "  status 1441847"
        ]
    );
}

#[test]
fn the_members_of_one_entity_keep_their_order_and_doubles_are_there_twice() {
    let frame = r#"{"data":{"a":{"status64":"7","event":{"EMES":{"n":1},"EMEE":{},"EMES":{"n":2}},"status":1,"event":{"EMEU":[1]},
        "status_hex":"0f","status_hex64":"f","status_masked":5,"thumb":"t","video":["s","e"]},"b":{},"a":{"status":2}},
        "data":{"c":{"status":3}}}"#;
    assert_eq!(
        told(frame),
        [
            "a",
            "  status64 \"7\"",
            "  EMES {\"n\":1}",
            "  EMEE {}",
            "  EMES {\"n\":2}",
            "  status 1",
            "  EMEU [1]",
            "  status_hex \"0f\"",
            "  status_hex64 \"f\"",
            "  status_masked 5",
            "  thumb \"t\"",
            "  video [\"s\",\"e\"]",
            "b",
            "a",
            "  status 2",
            "c",
            "  status 3"
        ]
    );
}

#[test]
fn slices_of_the_frame_are_handed_out_without_copies() {
    let text = r#"{"data":{"100b0547":{"event":{"VREE":{"timestamp":"20161128063213.516","videoid":-7}}}}}"#;
    let frame = decode(text).unwrap();
    let within = |part: &str| text.as_bytes().as_ptr_range().contains(&part.as_ptr());
    let Entity { esn, answers } = frame.entities().next().unwrap();
    let [Answer::Event { code, json }] = answers else { panic!("{answers:?}") };
    let EventMembers { timestamp, id, .. } = EventMembers::of(json, "videoid");
    assert_eq!((&*timestamp, &*id), ("20161128063213.516", "-7"));
    for part in [esn, code, json, &timestamp, &id] {
        assert!(within(part), "{part}");
    }
}

#[test]
fn a_refusal_of_the_whole_is_known_in_every_dialect() {
    use RefusalCode::*;
    for (frame, code, text) in [
        (
            r#"{"status_code":400,"message":"JSON request must be a JSON object","data":{}}"#,
            BadRequest,
            "status 400: JSON request must be a JSON object",
        ),
        (r#"{"message":"Access denied","data":{},"status_code":"401"}"#, AccessDenied, "status 401: Access denied"),
        (r#"{"status_code":404}"#, NotFound, "status 404: "),
        (r#"{"status_code":410,"data":null}"#, Dropped, "status 410: "),
        (r#"{"status_code":412,"message":"Auth lost","data":[]}"#, AuthLost, "status 412: Auth lost"),
        (r#"{"status_code":500,"message":7,"data":"x"}"#, Other(500), "status 500: 7"),
        (r#"{"response_code":503,"response_message":"not ready"}"#, NotReady, "status 503: not ready"),
        (r#"{"status_code":-1,"message":{}}"#, Other(-1), "status -1: "),
    ] {
        assert_eq!(refused(frame), (code, text.to_owned()), "{frame}");
        assert_eq!(code.number(), text.split([' ', ':']).nth(1).unwrap().parse::<i64>().unwrap());
    }
    for fine in [
        "{}",
        r#"{"data":null}"#,
        r#"{"status_code":200}"#,
        r#"{"status_code":"204","data":{}}"#,
        r#"{"response_code":0,"response_message":"OK"}"#,
        r#"{"new":[{"x":{}}],"status_code":200}"#,
        " \r\n\t{ } \n",
    ] {
        let frame = decode(fine).unwrap();
        assert!(frame.refusal.is_none() && frame.entities().next().is_none(), "{fine}");
    }
    // What came along with a refusal is not lost.
    assert_eq!(told(r#"{"status_code":412,"data":{"a":{"status":5}}}"#), ["a", "  status 5"]);
    let long = format!(r#"{{"status_code":400,"message":"{}"}}"#, "é".repeat(5_000));
    assert!(refused(&long).1.chars().count() < 250);
}

#[test]
fn a_refused_entity_harms_no_other() {
    let frame = r#"{"status_code":200,"data":{"a":{"error":[{"status_code":"401","message":"no"},{"response_code":404}]},
        "b":{"error":{"status_code":410,"message":"dropped"}},"c":{"error":"gone"},"d":{"error":[]},"e":{"error":[7]},"f":{"status":1}}}"#;
    assert_eq!(
        told(frame),
        [
            "a",
            "  refused, status 401: no",
            "  refused, status 404: ",
            "b",
            "  refused, status 410: dropped",
            "c",
            "  refused, status 0: gone",
            "d",
            "e",
            "  refused, status 0: 7",
            "f",
            "  status 1"
        ]
    );
}

#[test]
fn surprises_within_an_entity_are_told_and_harm_no_other() {
    let frame = r#"{"data":{"a":5,"b":null,"c":{"event":"x","new":{"y":[1]},"event":null,"event":{"EMES":null,"EMEE":7}},
        "d":[{}],"e":{"status":null}}}"#;
    assert_eq!(
        told(frame),
        [
            "a",
            "  \"\" is a number",
            "b",
            "  \"\" is null",
            "c",
            "  \"event\" is a text",
            "  \"new\" is an object",
            "  EMEE 7",
            "d",
            "  \"\" is a list",
            "e",
            "  status null"
        ]
    );
    assert!(StatusWord::read(Form::Status, "null").is_err());
}

#[test]
fn escapes_in_names_and_members_are_undone() {
    let frame = r#"{"d\u0061ta":{"1\u0030":{"event":{"EM\u0045S":{"time\u0073tamp":"2018\u0031121165011.233","eventid":"a\/b"}}}}}"#;
    assert_eq!(told(frame)[..1], ["10"]);
    let decoded = decode(frame).unwrap();
    let entity = decoded.entities().next().unwrap();
    let [Answer::Event { code, json }] = entity.answers else { panic!("{entity:?}") };
    let members = EventMembers::of(json, "eventid");
    assert_eq!((&**code, &*members.timestamp, &*members.id), ("EMES", "20181121165011.233", "a/b"));
}

#[test]
fn an_unreadable_frame_says_what_and_where() {
    for (frame, why) in [
        ("", "no JSON: EOF while parsing a value at line 1 column 0"),
        ("nonsense", "no JSON: expected ident at line 1 column 2"),
        (r#"{"data":{"a":{"status":}}}"#, "no JSON: expected value at line 1 column 24"),
        (r#"{"data":{"a":{"event":{"EMES":{]}}}}"#, "no JSON: key must be a string at line 1 column 32"),
        ("{\"data\":{}}\n{}", "no JSON: trailing characters at line 2 column 1"),
        ("[1,2]", "the frame is a list, not an object"),
        ("7", "the frame is a number, not an object"),
        ("null", "the frame is null, not an object"),
        (r#"{"status_code":200,"data":[5]}"#, "`data` is a list, not an object"),
        (r#"{"cameras":"x"}"#, "`cameras` is a text, not an object"),
        (r#"{"status_code":"fine","data":{}}"#, "`status_code` is \"fine\", not a number"),
        (r#"{"status_code":null}"#, "`status_code` is null, not a number"),
    ] {
        assert_eq!(decode(frame).unwrap_err().to_string(), why, "{frame}");
    }
}

#[test]
fn members_of_an_event_may_be_of_any_kind_or_absent() {
    let of = |json, id| {
        let EventMembers { timestamp, id, .. } = EventMembers::of(json, id);
        (timestamp.into_owned(), id.into_owned())
    };
    let pair = |time: &str, id: &str| (time.to_owned(), id.to_owned());
    assert_eq!(of(r#"{"eventid":-5,"timestamp":20180425100000.000}"#, "eventid"), pair("20180425100000.000", "-5"));
    assert_eq!(of(r#"{"timestamp":null,"eventid":{"a":1}}"#, "eventid"), pair("", ""));
    assert_eq!(of(r#"{"timestamp":"1","timestamp":"2"}"#, ""), pair("2", ""));
    for odd in ["null", "[]", "5", "\"x\"", "{}", "", "{\"timestamp\":\"1\""] {
        assert_eq!(of(odd, "eventid").1, "", "{odd}");
    }
}

fn most(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

fn esns(list: &[&str]) -> Vec<Esn> {
    list.iter().map(|esn| esn.parse().unwrap()).collect()
}

#[test]
fn requests_are_those_of_the_documentation() {
    let resources = ["pre", "thumb", "status", "event"].map(|name| name.parse::<Resource>().unwrap());
    let codes = ["MRBX".parse().unwrap()];
    let both = esns(&["100e1e23", "10097d15"]);
    let requests: Vec<_> = subscribe(&both, &resources, &codes, most(100)).collect();
    assert_eq!(
        requests,
        [
            r#"{"cameras":{"100e1e23":{"resource":["pre","thumb","status","event"],"event":["MRBX"]},"10097d15":{"resource":["pre","thumb","status","event"],"event":["MRBX"]}}}"#
        ]
    );
    let status = [Resource::Status(Form::Status)];
    let requests: Vec<_> = subscribe(&both, &status, &codes, most(1)).collect();
    assert_eq!(
        requests,
        [r#"{"cameras":{"100e1e23":{"resource":["status"]}}}"#, r#"{"cameras":{"10097d15":{"resource":["status"]}}}"#],
        "no codes without the resource"
    );
    let requests: Vec<_> = subscribe(&both[..1], &[Resource::Event, status[0]], &[], most(9)).collect();
    assert_eq!(requests, [r#"{"cameras":{"100e1e23":{"resource":["status"]}}}"#], "no such resource without codes");
    assert_eq!(subscribe(&both, &[Resource::Event], &[], most(9)).count(), 0);
    assert_eq!(subscribe(&[], &status, &[], most(9)).count(), 0);
    let drops: Vec<_> = drop_entities(&both, most(1)).collect();
    assert_eq!(drops, [r#"{"drop":{"cameras":["100e1e23"]}}"#, r#"{"drop":{"cameras":["10097d15"]}}"#]);
    for name in "pre thumb video event status status64 status_hex status_hex64 status_masked".split(' ') {
        assert_eq!(name.parse::<Resource>().unwrap().as_str(), name);
    }
    assert!("preview".parse::<Resource>().unwrap_err().to_string().contains("status_hex64"));
}

#[test]
fn an_id_is_what_can_stand_in_an_address_as_it_is() {
    for good in ["00004206", "ca0e1cf2", "A-b_9", "0", &"x".repeat(64)] {
        assert_eq!(good.parse::<Esn>().unwrap().as_str(), good);
        assert_eq!(good.parse::<AccountId>().unwrap().to_string(), good);
    }
    for bad in ["", " ", "a/b", "a b", "é", "\"", "..", "a\n", &"x".repeat(65), &"x".repeat(100_000)] {
        assert!(bad.parse::<Esn>().unwrap_err().to_string().len() < 150);
        assert!(bad.parse::<AccountId>().is_err());
    }
    assert_eq!("emes".parse::<FourCc>().unwrap().as_str(), "EMES");
    for bad in ["", "EME", "EMESS", "EM S", "ÉM", "\"\"\"\""] {
        assert!(bad.parse::<FourCc>().is_err(), "{bad}");
    }
    let account: AccountId = "00004206".parse().unwrap();
    assert_eq!(Esn::from(account).as_str(), "00004206");
}

#[test]
fn times_are_read_and_written_as_een_writes_them() {
    for (text, time) in [
        ("20181121165011.233", "2018-11-21T16:50:11.233Z"),
        ("20180425100000.000", "2018-04-25T10:00:00.000Z"),
        ("20180425100000", "2018-04-25T10:00:00Z"),
        ("20240229235959.9", "2024-02-29T23:59:59.9Z"),
        ("20240229235959.123456789", "2024-02-29T23:59:59.123456789Z"),
        ("00010101000000.000", "0001-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(een_time::parse(text).unwrap(), time.parse::<Timestamp>().unwrap(), "{text}");
        assert_eq!(&*Rfc3339::of(text).unwrap(), time);
    }
    for bad in [
        "",
        "2018112116501",
        "201811211650112",
        "20181121165011.",
        "20181121165011.2330000000",
        "20181121165011,233",
        "20181121165011.23a",
        "20181121165011.233Z",
        " 20181121165011.233",
        "20181321165011.233",
        "20180230000000.000",
        "20181121240000.000",
        "20181121166000.000",
        "20181121165060.000",
        "-0181121165011.233",
        "2018-11-21T16:50:11Z",
        "2018112116501é",
        "99991231235959.999",
    ] {
        assert!(een_time::parse(bad).is_err() && Rfc3339::of(bad).is_none(), "{bad}");
    }
    let error = een_time::parse("soon").unwrap_err().to_string();
    assert_eq!(error, "\"soon\" is no timestamp of the form YYYYMMDDhhmmss.xxx");
}

/// A frame as a server might write it, and what is to be read there.
#[derive(Debug, Clone)]
struct Sent {
    text: String,
    told: Vec<String>,
}

/// A value as an event may hold it.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-z]{1,6}", inner), 0..4)
                .prop_map(|list| Value::Object(list.into_iter().collect())),
        ]
    })
}

/// Blanks where JSON allows any.
fn blanks() -> impl Strategy<Value = String> {
    prop_oneof![5 => Just(String::new()), 1 => "[ \t\r\n]{0,3}"]
}

/// One member of an entity as it is written, and what it is read as.
fn members() -> impl Strategy<Value = (String, Vec<String>)> {
    let events = proptest::collection::vec(("[A-Z]{4}", values(), blanks()), 0..4).prop_map(|list| {
        let written: Vec<_> =
            list.iter().map(|(code, value, gap)| format!("{gap}\"{code}\":{gap}{value}{gap}")).collect();
        let told =
            list.iter().filter(|(_, value, _)| !value.is_null()).map(|(code, value, _)| format!("  {code} {value}"));
        (format!("\"event\":{{{}}}", written.join(",")), told.collect())
    });
    prop_oneof![
        events,
        any::<i32>().prop_map(|word| (format!("\"status\":{word}"), vec![format!("  status {word}")])),
        any::<u64>().prop_map(|word| (
            format!("\"status_hex64\":\"{word:016x}\""),
            vec![format!("  status_hex64 \"{word:016x}\"")]
        )),
        (400..500_u16).prop_map(|code| {
            (
                format!("\"error\":[{{\"status_code\":{code},\"message\":\"m\"}}]"),
                vec![format!("  refused, status {code}: m")],
            )
        }),
    ]
}

fn frames() -> impl Strategy<Value = Sent> {
    let entity = ("[0-9a-f]{8}", proptest::collection::vec(members(), 0..4), blanks());
    (proptest::collection::vec(entity, 0..6), blanks(), 0..3_usize).prop_map(|(entities, gap, place)| {
        let mut told = Vec::new();
        let written: Vec<_> = entities
            .into_iter()
            .map(|(esn, members, gap)| {
                told.push(esn.clone());
                let (written, words): (Vec<_>, Vec<_>) = members.into_iter().unzip();
                told.extend(words.into_iter().flatten());
                format!("{gap}\"{esn}\"{gap}:{gap}{{{}{gap}}}", written.join(&format!("{gap},")))
            })
            .collect();
        let data = format!("\"data\":{gap}{{{}}}", written.join(","));
        let mut outer = vec!["\"status_code\":200".to_owned(), "\"message\":\"OK\"".to_owned()];
        outer.insert(place, data);
        Sent { text: format!("{gap}{{{gap}{}{gap}}}{gap}", outer.join(&format!("{gap},{gap}"))), told }
    })
}

proptest! {
    #[test]
    fn what_a_server_writes_is_read_back_whole_whatever_its_order_and_blanks(sent in frames()) {
        prop_assert_eq!(told(&sent.text), sent.told, "{}", sent.text);
    }

    #[test]
    fn a_frame_that_was_kept_is_the_same_frame(sent in frames(), fault in any::<bool>()) {
        let escaped = r#"{"status_code":500,"message":"say \"no\"","data":{"1\u0030":{"event":{"E\u0041":{}},"error":["n\to"],"\u0061":7,"pre":"x"}}}"#;
        let text = bytestring::ByteString::from(if fault { escaped.to_owned() } else { sent.text });
        let frame = decode(&text).unwrap();
        let kept = Kept::of(&text, &frame);
        let again = kept.frame();
        prop_assert_eq!(&again.refusal, &frame.refusal);
        prop_assert!(again.entities().eq(frame.entities()), "{:?} is not {:?}", again, frame);
        prop_assert!(kept.weight() > text.len());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
        let _ = decode(&text);
        let _ = EventMembers::of(&text, "eventid");
        let _ = een_time::parse(&text);
        let _ = Rfc3339::of(&text);
        let _ = (loose::text(&text), loose::flag(&text), loose::number(&text), loose::kind(&text));
        prop_assert!(loose::head(&text).chars().count() <= 200);
    }

    #[test]
    fn a_frame_that_is_cut_or_garbled_is_an_error_or_read_but_never_a_panic(sent in frames(), at in any::<prop::sample::Index>(), with in "\\PC?") {
        let at = at.index(sent.text.len() + 1);
        let at = (0..=at).rev().find(|at| sent.text.is_char_boundary(*at)).unwrap();
        if !sent.text[..at].trim_end().ends_with('}') {
            prop_assert!(decode(&sent.text[..at]).is_err());
        }
        let mut garbled = sent.text.clone();
        garbled.insert_str(at, &with);
        let _ = decode(&garbled).map(|frame| frame.entities().count());
    }

    #[test]
    fn a_time_in_milliseconds_survives_being_written(millis in -62_135_596_800_000_i64..253_370_764_800_000) {
        let time = Timestamp::from_millisecond(millis).unwrap();
        let text = een_time::write(time);
        prop_assert_eq!(text.len(), 18);
        prop_assert_eq!(een_time::parse(&text), Ok(time));
        prop_assert_eq!(Rfc3339::of(&text).unwrap().parse::<Timestamp>().unwrap(), time);
    }

    #[test]
    fn every_request_is_json_with_each_entity_once(count in 0..50_usize, limit in 1..20_usize, events in any::<bool>()) {
        let all: Vec<Esn> = (0..count).map(|number| format!("{number:08x}").parse().unwrap()).collect();
        let codes: Vec<FourCc> = if events { vec!["EMES".parse().unwrap(), "EMEE".parse().unwrap()] } else { vec![] };
        let mut seen = Vec::new();
        for request in subscribe(&all, &[Resource::Status(Form::Status64), Resource::Event], &codes, most(limit)) {
            let request: Value = serde_json::from_str(&request).unwrap();
            let entities = request["cameras"].as_object().unwrap();
            prop_assert!((1..=limit).contains(&entities.len()));
            for (esn, wanted) in entities {
                let expected = if events {
                    json!({"resource": ["status64", "event"], "event": ["EMES", "EMEE"]})
                } else {
                    json!({"resource": ["status64"]})
                };
                prop_assert_eq!(wanted, &expected);
                seen.push(esn.clone());
            }
        }
        prop_assert_eq!(seen, all.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
}
