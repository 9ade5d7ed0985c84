//! Events: of the socket, of the history, and with whatever is missing.

use super::*;

#[test]
fn an_event_has_all_that_the_server_says_of_it() {
    let event = event(frame_data(DISARMED));
    let told = [
        (&event.event_id, Some("16803409109")),
        (&event.event_uuid, None),
        (&event.cid, Some("1400")),
        (&event.zone_cid, Some("1")),
        (&event.event_type, Some("activity")),
        (&event.sid, Some("12345")),
        (&event.info, Some("System Disarmed by Master PIN")),
        (&event.pin_name, Some("Master PIN")),
        (&event.sensor_name, None),
        (&event.sensor_serial, Some("abcdef12")),
        (&event.message_subject, Some("SimpliSafe System Disarmed")),
        (&event.account, Some("abcdef12")),
        (&event.user_id, Some("12345")),
        (&event.main_camera, None),
        (&event.video_started_by, None),
    ];
    for (found, expected) in told {
        assert_eq!(found.as_deref(), expected);
    }
    assert!(event.message_body.as_ref().unwrap().starts_with("System Disarmed: Your"));
    assert_eq!((event.timestamp, event.location_offset), (Some(1_632_957_286), Some(-360)));
    assert_eq!(event.time().unwrap(), "2021-09-29T23:14:46Z");
    assert_eq!((event.sensor_type.unwrap().name(), event.number()), (Some("keypad"), Some(16_803_409_109)));
    assert_eq!(event.media(), None);
}

#[test]
fn an_event_of_the_history_is_the_event_that_was_pushed() {
    let page = EventsPage::read(EVENTS.as_bytes()).unwrap();
    let ids: Vec<_> = page.events.iter().map(|event| event.id("").into_owned()).collect();
    assert_eq!(ids, ["2921814837", "2920433155"]);
    let row = &page.events[1];
    assert_eq!((row.pin_name.as_deref(), row.cid.as_deref()), (Some("Master PIN"), Some("1400")));
    // "" and {} are as good as absent; simplipy fails on them.
    assert_eq!((row.video_started_by.as_deref(), row.media()), (None, None));
    assert_eq!(row.id(""), row.id("id:2920433155"));
}

#[test]
fn members_of_another_type_are_read_all_the_same() {
    let odd = event(
        r#"{"eventId":"168","eventTimestamp":"1632957286","eventCid":"1400","zoneCid":8,"sensorType":"5","sensorSerial":12,"sid":"7",
        "info":null,"pinName":"","locationOffset":"-360","internal":[],"video":"none","videoStartedBy":null,"extra":{"a":[1]}}"#,
    );
    assert_eq!(
        (odd.event_id.as_deref(), odd.timestamp, odd.cid.as_deref()),
        (Some("168"), Some(1_632_957_286), Some("1400"))
    );
    assert_eq!((odd.zone_cid.as_deref(), odd.sensor_type), (Some("8"), Some(DeviceType::ENTRY)));
    assert_eq!((odd.sensor_serial.as_deref(), odd.sid.as_deref()), (Some("12"), Some("7")));
    assert_eq!((odd.info, odd.pin_name, odd.location_offset, odd.video), (None, None, Some(-360), None));
    assert_eq!(event(r#"{"sensorType":999}"#).sensor_type.map(|kind| kind.to_string()).as_deref(), Some("type 999"));
    assert_eq!(event(r#"{"eventTimestamp":1632957286.0}"#).timestamp, Some(1_632_957_286));
    assert_eq!(event("{}").sensor_type, None);
    for time in ["0", "-5", "1e99", "99999999999999", "\"soon\"", "null", "{}"] {
        assert_eq!(event(&format!(r#"{{"eventTimestamp":{time}}}"#)).time(), None, "{time}");
    }
}

#[test]
fn an_event_without_an_id_still_has_one_that_a_repeat_has_too() {
    let both = r#"{"eventId":5,"eventUuid":"u"}"#;
    for (json, envelope, expected) in [
        (both, "id:9", "5"),
        (r#"{"eventUuid":"u"}"#, "id:9", "9"),
        (r#"{"eventUuid":"u"}"#, "ts:1639683575581", "u"),
        (r#"{"eventUuid":"u"}"#, "", "u"),
        (r#"{"eventId":0,"eventUuid":"u"}"#, "id:0", "u"),
        (r#"{"eventId":"","eventUuid":"u"}"#, "id:", "u"),
    ] {
        assert_eq!(event(json).id(envelope), expected, "{json} {envelope}");
    }
    let bare = |members: &str| event(&format!("{{\"eventId\":null,{members}}}")).id("ts:1").into_owned();
    let one = bare(r#""eventTimestamp":7,"eventCid":1400,"sensorSerial":"a","info":"b""#);
    assert!(one.starts_with('~') && one.len() == 33, "{one}");
    assert_eq!(one, bare(r#""info":"b","sensorSerial":"a","eventCid":"1400","eventTimestamp":"7","openCount":3"#));
    for other in [
        r#""eventTimestamp":8,"eventCid":1400,"sensorSerial":"a","info":"b""#,
        r#""eventTimestamp":7,"eventCid":1407,"sensorSerial":"a","info":"b""#,
        r#""eventTimestamp":7,"eventCid":1400,"sensorSerial":"c","info":"b""#,
        r#""eventTimestamp":7,"eventCid":1400,"sensorSerial":"","info":"ab""#,
    ] {
        assert_ne!(one, bare(other), "{other}");
    }
}

#[test]
fn links_are_there_as_far_as_the_camera_has_them() {
    let links = |json: &str| {
        let media = event(json).media()?;
        let link = |link: Option<Link<'_>>| link.map(|link| link.address(Some(720)));
        Some((media.camera.into_owned(), [link(media.image), link(media.clip), link(media.hls), link(media.flv)]))
    };
    let some = |text: &str| Some(text.to_owned());
    let (camera, hls) = links(MOTION).unwrap();
    assert_eq!(camera, "6172311af9da430ab2e11c59f11b6abd");
    assert_eq!(hls, [some("https://image-url&width=720"), some("https://clip-url"), some("https://hls-url"), None]);
    let (_, flv) = links(MOTION_FLV).unwrap();
    assert_eq!(flv, [some("https://snapshot-jpg-url"), some("https://clip-url"), None, some("https://flv-url")]);
    let one = r#"{"c":{"_links":{"download/mp4":{"href":"https://c"}}},"d":{"_links":{"download/mp4":{"href":"https://d"}}}}"#;
    for (members, expected) in [
        (format!(r#""videoStartedBy":"d","video":{one}"#), some("https://d")),
        (format!(r#""videoStartedBy":"","video":{one}"#), some("https://c")),
        (format!(r#""video":{one}"#), some("https://c")),
        (format!(r#""videoStartedBy":"e","video":{one}"#), None),
        (r#""videoStartedBy":"c","video":{}"#.to_owned(), None),
        (r#""videoStartedBy":"c","video":{"c":{"_links":{}}}"#.to_owned(), None),
        (r#""videoStartedBy":"c","video":{"c":null}"#.to_owned(), None),
        (r#""videoStartedBy":"","video":{}"#.to_owned(), None),
    ] {
        let clip = links(&format!("{{{members}}}")).and_then(|(_, [_, clip, ..])| clip);
        assert_eq!(clip, expected, "{members}");
    }
}

#[test]
fn a_template_is_filled_with_the_width_or_with_nothing() {
    for (link, plain, wide) in [
        ("https://a/b{&width}", "https://a/b", "https://a/b&width=720"),
        ("https://a/b?c=d{&fps,width}", "https://a/b?c=d", "https://a/b?c=d&width=720"),
        ("https://a/b{?width}", "https://a/b", "https://a/b?width=720"),
        ("https://a/{&fps}b", "https://a/b", "https://a/b"),
        ("https://a/b", "https://a/b", "https://a/b"),
        ("https://a/{b", "https://a/{b", "https://a/{b"),
    ] {
        let link = Link(link.into());
        assert_eq!((&*link.address(None), &*link.address(Some(720))), (plain, wide));
    }
}

#[test]
fn an_event_is_about_one_device_whatever_it_is_called_there() {
    let list = Subscriptions::read(SUBSCRIPTIONS.as_bytes()).unwrap();
    let cameras = &list.systems[0].cameras;
    for (members, expected) in [
        (r#""sensorSerial":"f11b6abd","sensorType":17"#, Some("f11b6abd")),
        (r#""sensorSerial":"F11B6ABD","sensorType":17"#, Some("f11b6abd")),
        // Seven characters were seen, and the whole uuid is thinkable.
        (r#""sensorSerial":"11b6abd""#, Some("f11b6abd")),
        (r#""sensorSerial":"6172311af9da430ab2e11c59f11b6abd""#, Some("f11b6abd")),
        // Too little to tell a camera from a sensor.
        (r#""sensorSerial":"abd""#, Some("abd")),
        (r#""sensorSerial":"825","videoStartedBy":"6172311af9da430ab2e11c59f11b6abd""#, Some("825")),
        (
            r#""sensorSerial":"","sensorType":17,"internal":{"mainCamera":"6172311af9da430ab2e11c59f11b6abd"}"#,
            Some("f11b6abd"),
        ),
        (
            r#""sensorSerial":"","eventType":"activityCam","videoStartedBy":"6172311af9da430ab2e11c59f11b6abd""#,
            Some("f11b6abd"),
        ),
        (r#""sensorSerial":"","eventType":"alarm","videoStartedBy":"6172311af9da430ab2e11c59f11b6abd""#, None),
        (r#""sensorSerial":"","sensorType":17,"videoStartedBy":"other""#, None),
        (r#""sensorSerial":"""#, None),
    ] {
        let json = format!("{{{members}}}");
        assert_eq!(event(&json).device(cameras), expected, "{members}");
    }
    assert_eq!(event(MOTION).device(&[]), Some("f11b6abd"), "the same before the cameras are known");
}
