//! Rows of every shape that was seen, and of some that were not.

#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The rows of EEN's camera documentation, 27 elements each.
const DOCUMENTED: &str = r#"[["00014750","1000f60d","Kitchen Camera","camera",[["1002d096","ATTD"]],"ATTD","A@FIMLNSUTZcgfhmpsruwz",[],"c6d11f36-9e63-11e1-a5b0-00408cdf9191","20180224143453844",1441847,"US/Central",-18000,0,"*10.143.55.140",0,"Panucci's Account",false,null,null,[null,null,null,null,"",null,""],null,null,0,[],0,{}],
 ["00014750","1002d096","Kitchen Bridge","bridge",[["10053bf6","ATTD"]],"ATTD","A@FIMLNSUTZcgfhmpsruwz",[],"835b391f-6554-4e0a-902d-e989b3b46dba","EEN-BR305-15721",1179649,"US/Central",-18000,0,"192.168.8.100",0,"Panucci's Account",false,null,null,[null,null,null,null,null,null,null],null,null,0,[],0,{}]]"#;

fn read(rows: &Value) -> DeviceList {
    DeviceList::read(rows.to_string().as_bytes()).unwrap()
}

/// The documented camera's row.
fn row() -> Vec<Value> {
    let rows: Vec<Vec<Value>> = serde_json::from_str(DOCUMENTED).unwrap();
    rows.into_iter().next().unwrap()
}

/// The documented camera with one field changed.
fn with(at: usize, value: Value) -> Device {
    let mut row = row();
    row[at] = value;
    let mut list = read(&json!([row]));
    assert_eq!(list.skipped, []);
    list.devices.pop().unwrap()
}

#[test]
fn the_rows_of_the_documentation_are_read() {
    let list = DeviceList::read(DOCUMENTED.as_bytes()).unwrap();
    assert_eq!(list.skipped, []);
    let [camera, bridge] = &list.devices[..] else { panic!("{list:?}") };
    let expected = Device {
        esn: "1000f60d".parse().unwrap(),
        account: Some("00014750".parse().unwrap()),
        name: Some("Kitchen Camera".into()),
        kind: DeviceKind::Camera,
        linked: vec!["1002d096".parse().unwrap()],
        service: Service::Attached,
        is_shared: false,
        word: Some(StatusWord::new(1_441_847)),
    };
    assert_eq!(*camera, expected);
    assert_eq!((bridge.kind, bridge.word), (DeviceKind::Bridge, Some(StatusWord::new(0x12_0001))));
    assert_eq!([camera, bridge].map(Device::item), ["cameras/1000f60d", "bridges/1002d096"]);
    assert_eq!(list.wanted().count(), 2);
    assert_eq!((camera.kind.rule(), bridge.kind.rule()), (Some(Rule::Camera), Some(Rule::Bridge)));
}

#[test]
fn a_row_of_any_length_is_read_as_far_as_it_goes() {
    let whole = with(0, json!("00014750"));
    for tail in [vec![], vec![json!("")], vec![json!({"connect": "NONE"}), json!({})], vec![Value::Null; 40]] {
        let mut row = row();
        row.extend(tail);
        assert_eq!(read(&json!([row])).devices, std::slice::from_ref(&whole), "{} elements", row.len());
    }
    for length in 2..27 {
        let list = read(&json!([row()[..length]]));
        assert_eq!((list.devices.len(), list.devices[0].esn.as_str()), (1, "1000f60d"), "{length} elements");
    }
    let bare = &read(&json!([["", "1000f60d"]])).devices[0];
    assert_eq!(
        (bare.kind, bare.service, bare.word, bare.is_wanted()),
        (DeviceKind::Other, Service::Unsaid, None, false)
    );
    assert_eq!((bare.item().as_str(), bare.kind.rule()), ("devices/1000f60d", None));
}

#[test]
fn a_field_of_a_surprising_kind_is_absent_and_the_row_stays() {
    for odd in [Value::Null, json!({}), json!([[]]), json!(true)] {
        for at in 0..row().len() {
            if at != 1 {
                assert_eq!(with(at, odd.clone()).esn.as_str(), "1000f60d", "{at}: {odd}");
            }
        }
        assert_eq!(with(0, odd.clone()).account, None);
        assert_eq!(with(2, odd.clone()).name, None);
        assert_eq!(with(4, odd.clone()).linked, []);
        assert_eq!(with(10, odd.clone()).word, None);
    }
    assert_eq!(with(2, json!("")).name, None);
    assert_eq!(with(2, json!(17)).name.as_deref(), Some("17"));
    assert_eq!(with(4, json!([["1002d096"], [], "x", ["a/b"], ["1002d097", null]])).linked.len(), 2);
    assert_eq!(with(10, json!("1441831")).word, Some(StatusWord::new(0x16_0027)));
    for (value, shared) in
        [(json!(1), true), (json!("1"), true), (json!(true), true), (json!(0), false), (json!(9), false)]
    {
        assert_eq!(with(15, value).is_shared, shared);
    }
}

#[test]
fn attached_cameras_and_bridges_are_subscribed_to_and_nothing_else() {
    for (kind, service, account, wanted) in [
        ("camera", "ATTD", json!("00014750"), true),
        ("mobile_camera", "ATTD", json!("00014750"), true),
        ("multiview_camera", "ATTD", json!("00014750"), true),
        ("mca_camera", "ATTD", json!("00014750"), true),
        ("camera", "ATTD", Value::Null, true),
        ("camera", "IGND", Value::Null, false),
        ("camera", "IDLE", json!("00014750"), false),
        ("camera", "ERSE", json!("00014750"), false),
        ("camera", "", json!("00014750"), true),
        ("camera", "", Value::Null, false),
        ("camera", "attd", json!("00014750"), false),
        ("bridge", "ATTD", json!("00014750"), true),
        ("bridge", "", json!("00014750"), true),
        ("bridge", "", Value::Null, false),
        ("bridge", "attd", json!("00014750"), true),
        ("bridge", "IGND", json!("00014750"), false),
        ("switches", "ATTD", json!("00014750"), false),
        ("", "ATTD", json!("00014750"), false),
    ] {
        let mut row = row();
        (row[0], row[3], row[5]) = (account.clone(), json!(kind), json!(service));
        assert_eq!(read(&json!([row])).devices[0].is_wanted(), wanted, "{kind} {service} {account}");
    }
    let short = read(&json!([["00014750", "1000f60d", "Kitchen", "camera"], [null, "1000f60e", "Yard", "camera", []]]));
    assert_eq!(short.wanted().map(|device| device.esn.as_str()).collect::<Vec<_>>(), ["1000f60d"]);
    let mut shared = row();
    shared[15] = json!(1);
    assert!(read(&json!([shared])).devices[0].is_wanted(), "shared ones too");
}

#[test]
fn a_row_of_no_use_is_told_and_harms_no_other() {
    let list = read(&json!([5, row(), null, [], ["a", null], ["a", "x/y"], {"id": "1"}, row(), ["a", 7]]));
    assert_eq!(list.devices.iter().map(|device| device.esn.as_str()).collect::<Vec<_>>(), ["1000f60d", "7"]);
    assert_eq!(list.unreadable, list.skipped.len() - 1, "one repeats another");
    let skipped: Vec<_> = list.skipped.iter().map(|one| format!("{}: {}", one.row, one.why)).collect();
    assert_eq!(
        skipped,
        [
            "0: it is a number, not a list",
            "2: it is null, not a list",
            "3: it has no ESN",
            "4: it has no ESN",
            "5: \"x/y\" is no id of Eagle Eye's: expected 8 hex digits, at most 64 letters, digits, `_` and `-`",
            "6: it is an object, not a list",
            "7: 1000f60d is there already",
        ]
    );
}

#[test]
fn what_is_no_list_is_an_error_that_says_so() {
    for (body, why) in [
        ("{\"a\":1}", "the list is an object"),
        ("null", "the list is null"),
        ("\"no\"", "the list is a text"),
        ("", "the list is no JSON: EOF while parsing a value at line 1 column 0"),
        ("<html>", "the list is no JSON: expected value at line 1 column 1"),
        ("[[1,2]", "the list is no JSON: EOF while parsing a list at line 1 column 6"),
        ("[] []", "the list is no JSON: trailing characters at line 1 column 4"),
    ] {
        assert_eq!(DeviceList::read(body.as_bytes()).unwrap_err().to_string(), why, "{body}");
    }
    assert!(DeviceList::read(b"[\"\xff\"]").is_err());
    assert_eq!(DeviceList::read(b"[]").unwrap(), DeviceList::default());
}

proptest! {
    #[test]
    fn no_answer_makes_the_reader_panic(text in "\\PC{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = DeviceList::read(text.as_bytes());
        let _ = DeviceList::read(&bytes);
        let _ = DeviceList::read(format!("[{text}]").as_bytes());
        let _ = DeviceList::read(format!("[[{text}]]").as_bytes());
    }
}
