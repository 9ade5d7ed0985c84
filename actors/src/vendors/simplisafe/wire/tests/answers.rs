//! Lists and settings, and what comes in their place.

use super::*;

#[test]
fn a_subscription_is_read_as_a_system_with_its_cameras() {
    let list = Subscriptions::read(SUBSCRIPTIONS.as_bytes()).unwrap();
    assert_eq!((list.systems.len(), list.skipped.len()), (1, 0));
    let system = &list.systems[0];
    assert_eq!(
        (&*system.sid, system.name.as_deref(), system.serial.as_deref()),
        ("12345", Some("1234 Main Street"), Some("1234ABCD"))
    );
    assert_eq!((system.version, system.is_v2(), system.subscription_status), (Some(3), false, Some(20)));
    assert_eq!(
        (system.alarm_state.as_deref(), system.is_alarming, system.is_active),
        (Some("OFF"), Some(false), Some(true))
    );
    assert_eq!((system.alarm_state_timestamp, system.state_updated), (Some(0), Some(1_601_502_948)));
    assert_eq!(
        (system.is_offline, system.power_outage, system.last_power_outage),
        (Some(false), Some(false), Some(1_581_991_064))
    );
    assert_eq!(
        (system.connection.as_deref(), system.last_wifi, system.temperature.as_deref()),
        (Some("wifi"), Some(1_601_424_776), Some("67"))
    );
    let told: Value = serde_json::from_str(&system.told).unwrap();
    assert_eq!(
        (&told["sid"], &told["alarmState"], &told["cameras"], &told["messages"]),
        (&json!(12345), &json!("OFF"), &Value::Null, &Value::Null)
    );
    assert!(!system.told.contains("Main Street"));

    let cameras: Vec<_> = system
        .cameras
        .iter()
        .map(|camera| (&*camera.uuid, camera.serial(), camera.name.as_deref(), camera.status.as_deref()))
        .collect();
    assert_eq!(
        cameras,
        [
            ("1234567890", "34567890", Some("Camera"), Some("online")),
            ("6172311af9da430ab2e11c59f11b6abd", "f11b6abd", Some("Back Yard"), Some("offline")),
        ]
    );
    let told: Value = serde_json::from_str(&system.cameras[1].told).unwrap();
    assert_eq!(
        told,
        json!({"uuid":"6172311af9da430ab2e11c59f11b6abd","model":"SSOBCM4","status":"offline","cameraName":"Back Yard"})
    );
}

#[test]
fn a_camera_that_has_a_serial_is_known_by_it_and_by_the_end_of_its_uuid() {
    let body = r#"{"subscriptions":[{"sid":1,"location":{"system":{"cameras":[{"uuid":"0123456789abcdef","serial":"c0ffee00"},{"model":"x"},7,{"uuid":"é"}]}}}]}"#;
    let list = Subscriptions::read(body.as_bytes()).unwrap();
    let system = &list.systems[0];
    assert_eq!(system.cameras.len(), 2, "those that have no uuid are none");
    for serial in ["c0ffee00", "C0FFEE00", "89abcdef", "9abcdef"] {
        let json = format!(r#"{{"sensorSerial":"{serial}"}}"#);
        assert_eq!(event(&json).device(&system.cameras), Some("c0ffee00"));
    }
    assert_eq!(system.cameras[1].serial(), "é");
}

#[test]
fn a_subscription_without_a_system_harms_no_other() {
    let system = |sid: &str, rest: &str| {
        format!(r#"{{"sid":{sid},"location":{{"system":{{"version":2,"alarmState":"awayCount"}}}}{rest}}}"#)
    };
    let rows = [
        "null".to_owned(),
        r#"{"sid":1}"#.to_owned(),
        system("2", r#","status":{"hasBaseStation":false}"#),
        system("3", ""),
        system("3", ""),
        r#"{"location":{"system":{}}}"#.to_owned(),
        system("\"4\"", r#","status":{}"#),
    ];
    let body = format!(r#"{{"subscriptions":[{}]}}"#, rows.join(","));
    let list = Subscriptions::read(body.as_bytes()).unwrap();
    let sids: Vec<_> = list.systems.iter().map(|system| &*system.sid).collect();
    assert_eq!(sids, ["3", "4"]);
    let why: Vec<_> = list.skipped.iter().map(|skipped| (skipped.row, &*skipped.why)).collect();
    assert_eq!(
        why,
        [
            (0, "it is null, not an object"),
            (1, "subscription 1 has no system"),
            (2, "system 2 has no base station"),
            (4, "system 3 is there already"),
            (5, "it has no sid"),
        ]
    );
    // An original system tells its alarm in words of its own.
    assert_eq!((list.systems[0].is_v2(), list.systems[0].alarm_state.as_deref()), (true, Some("AWAY_COUNT")));
}

#[test]
fn what_is_no_list_of_subscriptions_says_why() {
    for (body, error) in
        [("{}", BodyError::Lacks("subscriptions")), ("[]", BodyError::Kind { wanted: "an object", found: "a list" })]
    {
        assert_eq!(Subscriptions::read(body.as_bytes()), Err(error), "{body}");
    }
}

#[test]
fn sensors_are_read_with_what_they_say_and_no_more() {
    let sensors = Sensors::read(SENSORS.as_bytes()).unwrap();
    assert_eq!(
        (sensors.success, sensors.last_updated, sensors.last_status_update),
        (Some(true), Some(1_534_626_361), Some(1_534_626_358))
    );
    assert_eq!((sensors.rows.len(), sensors.skipped.len()), (8, 0));
    let row = |serial: &str| sensors.rows.iter().find(|row| row.serial == serial).unwrap();
    assert_eq!(
        (row("825").kind, row("825").name.as_deref(), row("825").is_triggered),
        (Some(DeviceType::ENTRY), Some("Fire Door"), Some(false))
    );
    assert_eq!((row("785").is_triggered, row("785").is_tampered, row("785").is_offline), (None, None, Some(false)));
    assert_eq!(row("320").temperature.as_deref(), Some("67"));
    let both = row("00000000");
    assert_eq!(
        (both.is_smoke, both.is_carbon_monoxide, both.is_pre_alarm, both.is_tampered),
        (Some(false), Some(false), Some(false), Some(true))
    );
    assert_eq!((both.is_offline, both.is_battery_low, both.is_triggered), (Some(true), Some(false), None));
    let bits =
        LockBits { state: Some(1), is_jammed: Some(false), is_disabled: Some(false), is_battery_low: Some(false) };
    assert_eq!(
        (row("987").lock, row("987a").kind.map(|kind| kind.to_string()).as_deref()),
        (bits, Some("lock_keypad"))
    );
}

#[test]
fn rows_of_any_shape_harm_no_other_row() {
    let body = r#"{"sensors":[5,{},{"serial":""},{"serial":7,"type":"5","status":{"triggered":"1"},"flags":[]},{"serial":"7"},
        {"serial":"8","type":77,"status":null,"flags":{"offline":1,"lowBattery":"false"}}]}"#;
    let sensors = Sensors::read(body.as_bytes()).unwrap();
    let rows: Vec<_> = sensors
        .rows
        .iter()
        .map(|row| (&*row.serial, row.kind, row.is_triggered, row.is_offline, row.is_battery_low))
        .collect();
    assert_eq!(
        rows,
        [
            ("7", Some(DeviceType::ENTRY), Some(true), None, None),
            ("8", Some(DeviceType(77)), None, Some(true), Some(false))
        ]
    );
    let skipped: Vec<_> = sensors.skipped.iter().map(|skipped| skipped.row).collect();
    assert_eq!(skipped, [0, 1, 2, 4]);
}

#[test]
fn locks_are_read_as_sensors_of_their_own_kind() {
    let body = r#"[{"serial":"987","name":"Front Door","status":{"lockState":2,"lockJamState":1}},[],{"serial":"988","type":253}]"#;
    let list = locks(body.as_bytes()).unwrap();
    assert_eq!(
        (list.rows[0].kind, list.rows[0].lock.state, list.rows[0].lock.is_jammed),
        (Some(DeviceType::LOCK), Some(2), Some(true))
    );
    assert_eq!((list.rows[1].kind, list.skipped.len()), (Some(DeviceType(253)), 1));
    assert_eq!(locks(b"{}"), Err(BodyError::Kind { wanted: "a list", found: "an object" }));
}

#[test]
fn settings_tell_of_the_base_station_and_never_of_pins() {
    let settings = Settings::read(SETTINGS.as_bytes()).unwrap();
    let station = settings.base_station.as_ref().unwrap();
    assert_eq!((station.is_jammed, station.last_updated.as_deref()), (Some(false), Some("2019-07-15T15:28:22.961Z")));
    assert!(SETTINGS.contains("9876"));
    let printed = format!("{settings:?}");
    assert!(!printed.contains("9876") && !printed.contains("1234") && !printed.contains("MY_WIFI"), "{printed}");
    for body in ["{}", r#"{"settings":5,"basestationStatus":[]}"#, r#"{"settings":{"normal":null}}"#] {
        let settings = Settings::read(body.as_bytes()).unwrap();
        assert_eq!(settings.base_station, None, "{body}");
    }
}

#[test]
fn an_error_in_settings_repeats_nothing_of_them() {
    for body in [&SETTINGS[..SETTINGS.len() - 1], &format!("{SETTINGS} 9876")] {
        let error = Settings::read(body.as_bytes()).unwrap_err().to_string();
        assert!(!error.contains("9876") && !error.contains("1234"), "{error}");
    }
}

#[test]
fn a_row_of_the_history_that_is_no_event_harms_no_other() {
    let page = EventsPage::read(br#"{"events":[{"eventId":2},null,[],{"eventId":1}]}"#).unwrap();
    assert_eq!((page.events.len(), page.skipped.len()), (2, 2));
    assert_eq!(EventsPage::read(b"{}"), Err(BodyError::Lacks("events")));
    assert_eq!(EventsPage::read(br#"{"events":{}}"#), Err(BodyError::Kind { wanted: "a list", found: "an object" }));
    assert!(matches!(EventsPage::read(b"\xff"), Err(BodyError::NotJson(_))));
}

#[test]
fn refusals_are_known_by_their_word_however_they_are_said() {
    use Form::*;
    for (body, form, told) in [
        (
            r#"{"type":"NoRemoteManagement","message":"Subscription does not support remote management","code":"078","statusCode":403,"props":{}}"#,
            Type,
            "NoRemoteManagement (Subscription does not support remote management)",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#,
            Error,
            "invalid_grant (Unknown or invalid refresh token.)",
        ),
        (r#"{"errorType":"InvalidParameter","param":"numEvents"}"#, ErrorType, "InvalidParameter (numEvents)"),
        ("\"Unauthorized\"", Text, "Unauthorized"),
        ("<html><h1>502 Bad Gateway</h1></html>", Opaque, "\"<html><h1>502 Bad Gateway</h1></html>\""),
        ("", Opaque, "nothing"),
        ("{}", Opaque, "\"{}\""),
        (r#"{"type":null,"error":""}"#, Opaque, r#""{\"type\":null,\"error\":\"\"}""#),
    ] {
        let problem = Problem::read(body.as_bytes());
        assert_eq!((problem.form, &*problem.to_string(), problem.is_typed()), (form, told, form != Opaque), "{body}");
    }
    let of = |body: &str| Problem::read(body.as_bytes());
    assert!(of(r#"{"error":"invalid_grant"}"#).is_invalid_grant() && !of("\"invalid_grant\"").is_invalid_grant());
    assert!(of(&"x".repeat(5_000)).to_string().len() < 250);
}
