//! What is read out of what servers send, and that nothing they send does harm.

#![allow(clippy::unwrap_used, clippy::panic)]

use jiff::Timestamp;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn every_way_to_write_a_time_is_read_and_one_without_a_zone_is_utc() {
    for (text, expected) in [
        ("2024-05-01T12:00:00", "2024-05-01T12:00:00Z"),
        ("2024-05-01T12:00:00.123456", "2024-05-01T12:00:00.123456Z"),
        ("2024-05-01T12:00:00.5", "2024-05-01T12:00:00.5Z"),
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
        ("2024-05-01T12:00:00.123Z", "2024-05-01T12:00:00.123Z"),
        ("2024-05-01T14:00:00+02:00", "2024-05-01T12:00:00Z"),
        ("2024-05-01T07:30:00.25-0430", "2024-05-01T12:00:00.25Z"),
        ("2024-05-01 12:00:00", "2024-05-01T12:00:00Z"),
        (" 2024-05-01T12:00:00 ", "2024-05-01T12:00:00Z"),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:00Z"),
    ] {
        assert_eq!(time::parse(text), Some(at(expected)), "{text}");
    }
    for text in [
        "",
        "null",
        "yesterday",
        "2024-13-01T00:00:00",
        "2024-02-30T00:00:00",
        "9999-12-31T23:59:59",
        "9999-12-31T23:59:59-05:00",
        "99999-01-01T00:00:00",
        "2024-05-01T25:00:00",
        "1714564800",
    ] {
        assert_eq!(time::parse(text), None, "{text}");
    }
}

#[test]
fn times_are_written_without_a_zone_and_with_microseconds_where_there_are_any() {
    for (time, expected) in [
        ("2021-09-23T16:30:00Z", "2021-09-23T16:30:00"),
        ("2021-08-06T15:41:37.662355Z", "2021-08-06T15:41:37.662355"),
        ("2021-08-06T15:41:37.000007999Z", "2021-08-06T15:41:37.000007"),
        ("2021-08-06T15:41:37.000000999Z", "2021-08-06T15:41:37"),
    ] {
        assert_eq!(time::write(at(time)), expected);
    }
}

#[test]
fn an_event_is_read_as_vxg_writes_it_and_as_it_might() {
    let whole = r#"{"id":41,"camid":7,"name":"motion","alias":"Yard","time":"2024-05-01T12:00:00.123456",
        "meta":{"Person":"2","process":"not_handled"},"thumb":{"url":"https://x/y","expire":"2024-05-01T13:00:00"},"new":[1]}"#;
    let event = Event::read(whole).unwrap();
    assert_eq!((event.id, event.camera, &*event.name, event.title()), (41, Some(7), "motion", "Yard"));
    assert_eq!((event.time, event.json), (at("2024-05-01T12:00:00.123456Z"), whole));
    assert!(event.has_tag("Person") && !event.has_tag("person"));

    let loose = r#"{"time":"2024-05-01T12:00:00Z","id":"41","camid":"7","alias":"","name":"motion","meta":null}"#;
    let event = Event::read(loose).unwrap();
    assert_eq!((event.id, event.camera, event.title(), event.meta), (41, Some(7), "motion", None));
    assert!(event.meta_print().is_none() && !event.has_tag("Person"));

    let bare = Event::read(r#"{"id":-1,"time":"2024-05-01T12:00:00"}"#).unwrap();
    assert_eq!((bare.id, bare.camera, &*bare.name, bare.title()), (-1, None, "", ""));
}

#[test]
fn a_row_without_an_id_or_a_time_is_refused_and_says_why() {
    for (json, why) in [
        (r#"{"time":"2024-05-01T12:00:00"}"#, "\"id\""),
        (r#"{"id":99999999999999999999,"time":"2024-05-01T12:00:00"}"#, "\"id\""),
        (r#"{"id":1e400,"time":"2024-05-01T12:00:00"}"#, "\"id\""),
        (r#"{"id":{},"time":"2024-05-01T12:00:00"}"#, "\"id\""),
        (r#"{"id":1}"#, "\"time\""),
        (r#"{"id":1,"time":"9999-12-31T23:59:59"}"#, "\"time\""),
        (r#"{"id":1,"time":[]}"#, "\"time\""),
        ("[1]", "a list"),
        ("null", "null"),
        ("{", "no JSON"),
    ] {
        let error = Event::read(json).unwrap_err().to_string();
        assert!(error.contains(why), "{json}: {error}");
    }
}

#[test]
fn one_meta_has_one_print_however_it_is_written() {
    let print = |json: &str| MetaPrint::of(json);
    for same in [r#"{"b":"é","a":2}"#, r#" { "a" : 2 , "b" : "\u00e9" } "#, r#"{"a":1,"b":"é","a":2}"#] {
        assert_eq!(print(same), print(r#"{"a":2,"b":"é"}"#), "{same}");
    }
    for none in ["{}", " { } ", "null", "[]", "\"\"", ""] {
        assert_eq!(print(none), MetaPrint::NONE, "{none}");
    }
    let different = [
        r#"{"a":2}"#,
        r#"{"a":"2"}"#,
        r#"{"a":2,"b":null}"#,
        r#"{"a":[2]}"#,
        r#"{"a":[2,3]}"#,
        r#"{"a":[3,2]}"#,
        r#"{"a":{"b":2}}"#,
        r#"{"a":true}"#,
        r#"{"a":2.0}"#,
        r#"["a",2]"#,
        "\"a\"",
    ];
    for (at, one) in different.iter().enumerate() {
        assert!(!print(one).is_none());
        assert!(different[at + 1..].iter().all(|other| print(one) != print(other)), "{one}");
    }
    // It is a part of ids that are stored: it may never change.
    assert_eq!(print(r#"{"tag":"value"}"#).to_string(), "c0fec3f1273f92ba");
}

#[test]
fn what_is_nested_without_end_is_read_without_harm() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
    for meta in [&deep, &objects] {
        let row = format!(r#"{{"id":1,"camid":2,"time":"2024-05-01T12:00:00","meta":{meta}}}"#);
        let body = format!(r#"{{"meta":{meta},"objects":[{row}]}}"#);
        let page = Page::read(body.as_bytes()).unwrap();
        let rows = page.read_rows(Event::read);
        assert!(!rows.rows[0].meta_print().is_none());
        assert!(without_secrets(&row).contains("\"id\":1"));
        assert_eq!(Channel::read(&row).unwrap().id, 1);
        assert_eq!(EventType::read(meta).ok(), None);
        assert_eq!(Problem::read(body.as_bytes()), Problem::default());
    }
}

#[test]
fn a_type_has_what_its_capabilities_allow_and_no_more() {
    let whole = r#"{"caps":{"can_be_triggered":false,"can_record":true,"can_snapshot":true,"is_periodic":true},"generate_images":false,
        "name":"snapshot","notify":true,"period":30,"receive":false,"record":false,"snapshot":true}"#;
    let read = EventType::read(whole).unwrap();
    let caps = Caps {
        can_be_triggered: Some(false),
        can_record: Some(true),
        can_snapshot: Some(true),
        is_periodic: Some(true),
    };
    let (yes, no) = (Some(true), Some(false));
    let expected = EventType {
        name: "snapshot".to_owned(),
        caps,
        notify: yes,
        receive: no,
        record: no,
        snapshot: yes,
        period: Some(30),
        custom: None,
        generate_images: no,
    };
    assert_eq!(read, expected);

    let custom =
        r#"{"caps":{"can_be_triggered":"true"},"custom":1,"name":"gate opened","notify":true,"receive":false}"#;
    let read = EventType::read(custom).unwrap();
    assert_eq!((read.custom, read.record, read.snapshot, read.period), (Some(true), None, None, None));
    assert_eq!((read.caps.can_be_triggered, read.caps.can_record), (Some(true), None));
    assert_eq!(EventType::read(r#"{"name":"x","caps":null}"#).unwrap().caps, Caps::default());
    assert!(EventType::read(r#"{"notify":true}"#).is_err());
}

#[test]
fn a_channel_is_online_if_it_is_active_and_shows_no_token() {
    for (status, expected) in [
        (r#""active""#, Some(true)),
        (r#""ACTIVE""#, Some(true)),
        (r#""inactive""#, Some(false)),
        (r#""offline""#, Some(false)),
        (r#""""#, None),
        ("null", None),
    ] {
        let json = format!(
            r#"{{"id":"7","name":"Yard","status":{status},"access_tokens":{{"all":"QUxMVG9rZW4","watch":" V0FUQ0g "}}}}"#
        );
        let channel = Channel::read(&json).unwrap();
        assert_eq!((channel.id, channel.name.as_deref(), channel.is_online()), (7, Some("Yard"), expected), "{status}");
        assert_eq!(channel.access_tokens.best().unwrap().expose_secret(), "QUxMVG9rZW4");
        assert_eq!(channel.access_tokens.watch.unwrap().expose_secret(), "V0FUQ0g");
        assert!(!without_secrets(&json).contains("QUxM"));
    }
    let bare = Channel::read(r#"{"id":7}"#).unwrap();
    assert!(bare.is_online().is_none() && bare.access_tokens.best().is_none());
}

#[test]
fn no_secret_of_a_channel_is_kept() {
    let row = r#"{"id":7,"token":"s1","access_tokens":{"all":"s2"},"name":"Yard","status":"active","Password":"s3",
        "source":{"login":"u","password":"s4","url":"rtsp://u:s5@10.0.0.1/live","port":554},
        "list":["http://x/?token=s6","plain",{"apiKey":"s7","z":[1,null,true]}],
        "preview":{"url":"https:\/\/x\/p?Signature=s8"},"clip":"rtsp://u:s9@[bad","site":"https://x/plain"}"#;
    let kept = without_secrets(row);
    let expected = r#"{"id":7,"name":"Yard","status":"active","source":{"login":"u","port":554},"list":[null,"plain",{"z":[1,null,true]}],"preview":{},"site":"https://x/plain"}"#;
    assert_eq!(kept, expected);
    for other in ["[1]", "\"s\"", "", "{", "<html>"] {
        assert_eq!(without_secrets(other), "{}", "{other}");
    }
}

#[test]
fn the_time_of_an_event_is_the_text_that_was_sent() {
    for (sent, told) in [
        ("2026-06-11T10:00:00.123450", "2026-06-11T10:00:00.123450Z"),
        ("2026-06-11T10:00:00", "2026-06-11T10:00:00Z"),
        ("2026-06-11T10:00:00.000", "2026-06-11T10:00:00.000Z"),
        ("2026-06-11T10:00:00.50Z", "2026-06-11T10:00:00.50Z"),
        ("2026-06-11T12:00:00.50+02:00", "2026-06-11T10:00:00.5Z"),
        ("2026-06-11 10:00:00", "2026-06-11T10:00:00Z"),
        ("20260611T100000", "2026-06-11T10:00:00Z"),
    ] {
        let row = format!(r#"{{"id":1,"time":"{sent}"}}"#);
        assert_eq!(Event::read(&row).unwrap().time_text(), told, "{sent}");
    }
}

#[test]
fn a_page_is_read_out_of_its_envelope() {
    let body = br#"{"meta":{"limit":20,"next":"/api/v2/storage/events/?limit=20&offset=20","offset":0,"previous":null,"total_count":3},
        "objects":[{"id":1,"time":"2024-05-01T12:00:00"},7,{"id":2},{"id":3,"time":"2024-05-01T12:00:01"}]}"#;
    let page = Page::read(body).unwrap();
    assert_eq!((page.limit, page.offset, page.total_count, page.next), (Some(20), Some(0), Some(3), Next::More));
    let Rows { rows, skipped } = page.read_rows(Event::read);
    assert_eq!(rows.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(skipped.iter().map(|row| row.row).collect::<Vec<_>>(), [1, 2]);
    assert!(skipped[0].why.contains("a number") && skipped[1].why.contains("\"time\""), "{skipped:?}");

    for bare in [r#"{"objects":[]}"#, r#"{"meta":null,"objects":[]}"#, r#"{"meta":7,"objects":[]}"#] {
        let page = Page::read(bare.as_bytes()).unwrap();
        assert_eq!((page.limit, page.total_count, page.next, page.rows.len()), (None, None, Next::Untold, 0), "{bare}");
    }
    for (next, expected) in
        [("null", Next::Last), (r#""""#, Next::Last), (r#""/x?offset=1""#, Next::More), ("1", Next::More)]
    {
        let body = format!(r#"{{"meta":{{"next":{next}}},"objects":[]}}"#);
        assert_eq!(Page::read(body.as_bytes()).unwrap().next, expected, "{next}");
    }
}

#[test]
fn what_is_no_page_is_not_taken_for_an_empty_one() {
    for body in [
        &b""[..],
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        br#"{"meta":{"total_count":3}}"#,
        br#"{"objects":null}"#,
        br#"{"objects":{}}"#,
        br#"{"objects":[{"id":1}"#,
        b"\xff\xfe",
    ] {
        assert!(Page::read(body).is_err(), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_page_is_the_last_if_it_says_so_and_nothing_of_it_says_otherwise() {
    let asked = |offset| Asked { limit: 10, offset };
    for (meta, rows, offset, expected) in [
        // A count.
        (r#""total_count":3"#, 3, 0, true),
        (r#""total_count":13"#, 10, 0, false),
        (r#""total_count":13"#, 3, 10, true),
        (r#""total_count":13"#, 3, 0, false),
        // A page shorter than asked, of a server that gives fewer.
        (r#""limit":2,"total_count":5"#, 2, 0, false),
        (r#""limit":2,"total_count":5"#, 1, 4, true),
        (r#""limit":2"#, 2, 0, false),
        (r#""limit":2"#, 1, 0, true),
        // A limit that is no limit.
        (r#""limit":0"#, 10, 0, false),
        (r#""limit":0"#, 9, 0, false),
        // A link, or none.
        (r#""next":null"#, 9, 0, true),
        (r#""next":"/x""#, 3, 0, false),
        (r#""next":null,"total_count":3"#, 3, 0, true),
        // One that differs from the count, or from what is there.
        (r#""next":null,"total_count":99"#, 3, 0, false),
        (r#""next":null,"total_count":2"#, 3, 0, false),
        (r#""next":"/x","total_count":3"#, 3, 0, false),
        (r#""next":null"#, 10, 0, false),
        (r#""next":null,"limit":3,"total_count":3"#, 3, 0, false),
        (r#""total_count":10"#, 10, 0, false),
        // No rows, whatever else is told.
        (r#""next":"/x","total_count":99"#, 0, 0, true),
        // Counts that the page goes beyond.
        (r#""next":"/x","total_count":2"#, 10, 0, false),
        (r#""total_count":2"#, 10, 0, false),
        (r#""total_count":-1"#, 10, 0, false),
        (r#""total_count":2"#, 3, 0, false),
        // Nothing.
        ("", 10, 0, false),
        ("", 9, 0, false),
        ("", 10, u64::MAX, false),
    ] {
        let body = format!(r#"{{"meta":{{{meta}}},"objects":[{}]}}"#, vec!["{}"; rows].join(","));
        assert_eq!(Page::read(body.as_bytes()).unwrap().is_last(asked(offset)), expected, "{meta} {rows} {offset}");
    }
}

#[test]
fn a_refusal_is_read_whatever_it_is() {
    let problem = |detail: Option<&str>, status| Problem { detail: detail.map(str::to_owned), status };
    for (body, expected) in [
        (&br#"{"status":401,"errorDetail":"not authorized"}"#[..], problem(Some("not authorized"), Some(401))),
        (br#"{"errorDetail":"no"}"#, problem(Some("no"), None)),
        (br#"{"status":"404"}"#, problem(None, Some(404))),
        (br#"{"status":"active","errorDetail":null}"#, problem(None, None)),
        (br#"{"status":99999,"errorDetail":{}}"#, problem(None, None)),
        (br#"{"errorDetail":"x","objects":[]}"#, problem(None, None)),
        (b"<html>", problem(None, None)),
        (b"", problem(None, None)),
        (b"\xff", problem(None, None)),
    ] {
        assert_eq!(Problem::read(body), expected, "{}", String::from_utf8_lossy(body));
    }
}

/// Texts that come near to what is read: a page of events, changed in some places.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    const PAGE: &str = r#"{"meta":{"limit":20,"next":null,"offset":0,"total_count":1},"objects":[{"id":1,"camid":2,"name":"motion","time":"2024-05-01T12:00:00.5","meta":{"a":"\u00e9","b":[1,{}]},"access_tokens":{"all":"x"},"caps":{"can_record":true},"errorDetail":"x","status":401}]}"#;
    let change = (any::<prop::sample::Index>(), 0_usize..4, prop::collection::vec(any::<u8>(), 0..4));
    prop::collection::vec(change, 0..6).prop_map(|changes| {
        let mut text = PAGE.as_bytes().to_vec();
        for (at, length, with) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            text.splice(at..end, with);
        }
        text
    })
}

fn read_everything(bytes: &[u8]) {
    if let Ok(page) = Page::read(bytes) {
        let _ = page.is_last(Asked { limit: 1, offset: u64::MAX });
        for event in page.read_rows(Event::read).rows {
            let _ = (event.title(), event.meta_print(), event.has_tag("a"));
        }
        let _ = page.read_rows(EventType::read);
        let _ = page.read_rows(Channel::read);
    }
    let _ = Problem::read(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = (Event::read(&text).is_ok(), EventType::read(&text).is_ok(), Channel::read(&text).is_ok());
    let _ = (MetaPrint::of(&text), time::parse(&text));
    let kept = without_secrets(&text);
    if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
        assert!(serde_json::from_str::<serde_json::Value>(&kept).is_ok(), "{kept}");
    }
}

/// JSON of all kinds.
fn value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof!["[a-d]", ".{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A value with its members in reverse order, with blanks, and with escapes for all but plain letters.
fn rewritten(value: &serde_json::Value) -> String {
    use serde_json::Value;
    let text = |text: &str| {
        let unit = |unit| match unit {
            97..=122 => char::from(unit as u8).to_string(),
            _ => format!("\\u{unit:04X}"),
        };
        format!("\"{}\"", text.encode_utf16().map(unit).collect::<String>())
    };
    match value {
        Value::String(it) => text(it),
        Value::Array(rows) => format!("[ {} ]", rows.iter().map(rewritten).collect::<Vec<_>>().join(" ,\n")),
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(name, value)| format!("{}\t: {}", text(name), rewritten(value))).collect();
            members.reverse();
            format!("{{ {} }}", members.join(" , "))
        }
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn no_bytes_do_any_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_everything(&bytes);
    }

    #[test]
    fn nothing_that_comes_near_to_a_page_does_any_harm(bytes in almost()) {
        read_everything(&bytes);
    }

    #[test]
    fn a_time_that_is_written_is_read_as_the_same_microsecond(micros in -62_135_596_800_000_000_i64..253_402_207_200_000_000) {
        let time = Timestamp::from_microsecond(micros).unwrap();
        let written = time::write(time);
        prop_assert_eq!(time::parse(&written), Some(time));
        prop_assert_eq!(time::parse(&format!("{written}Z")), Some(time));
        prop_assert_eq!(time::parse(&time.to_string()), Some(time));
    }

    #[test]
    fn any_moment_can_be_written(nanos in any::<i128>()) {
        let time = Timestamp::from_nanosecond(nanos % 253_402_207_200_000_000_000).unwrap();
        prop_assert!(!time::write(time).is_empty());
    }

    #[test]
    fn the_order_of_members_blanks_and_escapes_change_no_print(value in value()) {
        prop_assert_eq!(MetaPrint::of(&value.to_string()), MetaPrint::of(&rewritten(&value)));
    }

    #[test]
    fn values_that_differ_have_different_prints(one in value(), other in value()) {
        let nothing = |value: &serde_json::Value| MetaPrint::of(&value.to_string()).is_none();
        prop_assert_eq!(
            MetaPrint::of(&one.to_string()) == MetaPrint::of(&other.to_string()),
            one == other || nothing(&one) && nothing(&other)
        );
    }
}
