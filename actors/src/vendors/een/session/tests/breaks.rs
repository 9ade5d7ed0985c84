//! After a break: what is held, one gap, what was missed.

use super::*;

#[test]
fn a_break_is_one_gap_and_then_states_and_what_was_missed() {
    let mut talk = Talk::live();
    talk.receive(frame(json!({A:{"event":{"EMES":event(1,7)}}})));
    talk.wait(2);
    talk.again(CAMERAS);
    // The answers come one by one, with something live between them.
    talk.receive(frame(
        json!({A:{"status":RECORDING,"event":{"EMES":event(30,8),"EMEE":event(40,8),"EMEU":event(39,8)}}}),
    ));
    talk.receive(frame(json!({A:{"event":{"EMES":event(63,9)}}})));
    assert!(talk.told.is_empty() && !talk.session.is_caught_up());
    assert!(!talk.took_online(), "nobody is told before the gap is");
    assert!(talk.remembered().gap.is_some(), "it is not forgotten if there is a break before it is told");
    talk.pass(1);
    talk.receive(status(B, ONLINE));
    assert!(talk.took_online());
    assert_eq!(
        talk.told,
        [
            "gap connection_lost 2..63",
            "backfill cameras/100aaaaa motion.started",
            "backfill cameras/100aaaaa motion.stopped",
            "snapshot cameras/100aaaaa status=online connection=online enabled=on streaming=on recording=on motion=clear",
            "live cameras/100aaaaa motion.started",
        ]
    );
    let stored = [
        ("gap", Origin::Engine),
        ("motion.started", Origin::Backfill),
        ("motion.stopped", Origin::Backfill),
        ("recording.started", Origin::Snapshot),
        ("motion.started", Origin::Live),
    ];
    assert_eq!(talk.events(), stored);
    assert!(talk.session.is_caught_up() && talk.remembered().gap.is_none());
    assert_eq!(
        talk.states("cameras/100aaaaa"),
        "connection=online enabled=on motion=detected recording=on status=online streaming=on"
    );
}

#[test]
fn what_is_not_newer_than_what_is_stored_was_not_missed() {
    let rows = [
        // The newest one again; another of the same moment; an older one; one of which nothing is known.
        ("EMES", event(1, 7), None),
        ("EMES", event(1, 8), Some("motion.started")),
        ("EMES", event(0, 6), None),
        ("EMEE", event(-100, 6), Some("motion.stopped")),
        // Goes on, and was never asked for.
        ("EMEU", event(50, 7), None),
        ("ROMS", event(50, 7), None),
    ];
    for (code, event_again, missed) in rows {
        let mut talk = Talk::live();
        talk.receive(frame(json!({A:{"event":{"EMES":event(1,7)}}})));
        talk.wait(2);
        talk.again(&[(A, "camera")]);
        talk.receive(frame(json!({A:{"status":ONLINE,"event":{code:event_again}}})));
        let backfilled: Vec<_> =
            talk.told.iter().filter_map(|told| told.strip_prefix("backfill cameras/100aaaaa ")).collect();
        assert_eq!(backfilled, missed.into_iter().collect::<Vec<_>>(), "{code}");
    }
}

#[test]
fn nothing_is_missed_of_a_device_that_is_seen_for_the_first_time() {
    let mut talk = Talk::live();
    talk.again(&[(A, "camera"), (B, "camera"), ("100ccccc", "camera")]);
    for esn in [A, B, "100ccccc"] {
        talk.receive(frame(json!({esn:{"status":ONLINE,"event":{"EMES":event(30,7)}}})));
    }
    let backfilled = talk.told.iter().filter(|told| told.starts_with("backfill")).count();
    assert_eq!(backfilled, 2, "{:?}", talk.told);
    assert!(!talk.told.contains(&"backfill cameras/100ccccc motion.started".to_owned()));
}

#[test]
fn nothing_is_missed_of_a_code_that_was_not_asked_for_before() {
    let mut talk = Talk::live();
    let mut config = config();
    config.events.push("ROMS".parse().unwrap());
    talk.lose_with(config.clone());
    talk.open(CAMERAS);
    let answer = |second: i64| frame(json!({A:{"event":{"ROMS":{"timestamp":een(second),"roiid":second}}}}));
    talk.receive(answer(-100));
    // Not all have answered when it breaks again.
    talk.lose_with(config.clone());
    talk.open(CAMERAS);
    talk.receive(answer(-100));
    talk.receive(status(B, ONLINE));
    assert!(!talk.told.iter().any(|told| told.starts_with("backfill")), "{:?}", talk.told);
    talk.lose_with(config);
    talk.open(CAMERAS);
    talk.receive(answer(-50));
    talk.receive(frame(json!({B:{"event":{"ROMS":{"timestamp":een(-70),"roiid":1}}}})));
    let backfilled = talk.told.iter().filter(|told| told.starts_with("backfill")).count();
    assert_eq!(backfilled, 2, "from then on it is: {:?}", talk.told);
}

#[test]
fn a_break_before_the_gap_was_told_extends_it() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.again(CAMERAS);
    assert!(talk.told.is_empty());
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.receive(status(B, ONLINE));
    let gaps: Vec<_> = talk.told.iter().filter(|told| told.starts_with("gap")).collect();
    assert_eq!(gaps, ["gap connection_lost 0..180"]);
    // The next one begins where this one has ended.
    talk.pass(20);
    talk.again(&[(A, "camera")]);
    talk.receive(status(A, ONLINE));
    assert_eq!(talk.told[0], "gap connection_lost 200..260");
}

#[test]
fn five_seconds_behind_the_first_answer_or_four_mebibytes_are_enough() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.wait(4);
    assert!(talk.told.is_empty());
    talk.wait(1);
    assert_eq!(talk.told[0], "gap connection_lost 0..65");
    // Late answers are first answers; what was told as a gap is not told again.
    talk.receive(frame(json!({B:{"status":ONLINE,"event":{"EMES":event(50,1)}}})));
    let late = [
        "backfill cameras/100bbbbb motion.started",
        "snapshot cameras/100bbbbb status=online connection=online enabled=on streaming=on recording=off motion=detected",
    ];
    assert_eq!(talk.told[1..], late);
    talk.again(CAMERAS);
    let large = frame(json!({A:{"status":ONLINE,"pre":" ".repeat(1 << 20)}}));
    for _ in 0..4 {
        assert!(talk.told.is_empty());
        talk.receive(large.clone());
    }
    assert!(talk.told[0].starts_with("gap"));
}

#[test]
fn a_cloud_that_is_slow_to_answer_makes_one_gap_of_a_break() {
    let mut talk = Talk::live();
    talk.again(&[(A, "camera"), (B, "camera"), (C, "camera")]);
    // That somebody is refused comes sooner, and says nothing of the others.
    talk.receive(refused(C, 410));
    talk.wait(7);
    assert!(talk.told.is_empty(), "nothing says that the gap is over");
    talk.receive(status(A, ONLINE));
    talk.wait(4);
    talk.receive(status(B, ONLINE));
    let gaps: Vec<_> = talk.told.iter().filter(|told| told.starts_with("gap")).collect();
    assert_eq!(gaps, ["gap connection_lost 0..71"]);
}

#[test]
fn whoever_answers_first_when_the_minute_is_nearly_over_does_not_make_it_longer() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    talk.wait(58);
    talk.receive(status(A, ONLINE));
    talk.wait(2);
    assert_eq!(talk.told[0], "gap connection_lost 0..120");
    assert_eq!(talk.told.last().unwrap(), "snapshot cameras/100bbbbb", "unknown behind it: {:?}", talk.told);
}

#[test]
fn no_answer_at_all_ends_the_try_and_the_gap_stays_open() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    talk.wait(5);
    talk.wait(55);
    assert!(talk.end_in_words().starts_with("retry: no answer"));
    assert!(talk.told.is_empty());
    assert_eq!(talk.remembered().gap.unwrap().from, at(0));
}

#[test]
fn a_camera_that_is_off_keeps_its_connection_over_a_restart() {
    let mut talk = Talk::live();
    talk.receive(status(A, NO_INTERNET));
    talk.receive(status(A, OFF));
    assert!(talk.states("cameras/100aaaaa").contains("connection=offline"));
    talk.again(CAMERAS);
    for esn in [A, B] {
        talk.receive(status(esn, OFF));
    }
    assert!(talk.states("cameras/100aaaaa").contains("connection=offline"));
    assert!(talk.states("cameras/100bbbbb").contains("connection=online"));
    let changes: Vec<_> = talk.events().into_iter().filter(|(kind, _)| kind.starts_with("connection")).collect();
    assert_eq!(changes, []);
}

#[test]
fn a_word_that_says_nothing_after_a_break_changes_nothing() {
    for nothing in [0, 0x1_0000] {
        let mut talk = Talk::live();
        talk.again(CAMERAS);
        for esn in [A, B] {
            talk.receive(status(esn, nothing));
        }
        assert_eq!(talk.events(), [("gap", Origin::Engine)]);
        assert!(talk.states("cameras/100aaaaa").contains("status=online"));
    }
}

#[test]
fn a_device_that_has_gone_meanwhile_is_unknown_behind_the_gap() {
    let mut talk = Talk::live();
    talk.again(&[(A, "camera")]);
    // And it is not forgotten if there is another break before.
    talk.again(&[(A, "camera")]);
    talk.receive(status(A, ONLINE));
    assert_eq!(talk.told[1], "snapshot cameras/100bbbbb");
    assert!(talk.states("cameras/100bbbbb").starts_with("connection=unknown"));
    assert!(!talk.remembered().devices.contains_key(B));
}

#[test]
fn a_list_that_has_become_empty_over_a_break_is_believed_when_it_comes_again() {
    for comes_again in [false, true] {
        let mut talk = Talk::live();
        talk.again(&[]);
        let sent = talk.sent();
        assert_eq!(sent[0]["cameras"].as_object().unwrap().len(), 2, "those of before are followed: {sent:?}");
        assert_eq!(talk.remembered().devices.len(), 2);
        talk.receive(frame(json!({A:{"status":RECORDING,"event":{"EMES":event(30,7)}}})));
        talk.receive(status(B, ONLINE));
        let missed = [("motion.started", Origin::Backfill), ("recording.started", Origin::Snapshot)];
        assert_eq!(talk.events()[1..], missed);
        talk.wait(30);
        assert!(talk.took_listing(), "soon");
        talk.told.clear();
        talk.step(Input::Prepared(Some(catalog(if comes_again { &[] } else { CAMERAS }))));
        assert_eq!(talk.remembered().devices.len(), if comes_again { 0 } else { 2 });
        talk.told.sort();
        let gone = ["snapshot cameras/100aaaaa", "snapshot cameras/100bbbbb"];
        assert_eq!(talk.told, if comes_again { &gone[..] } else { &[] });
    }
}

#[test]
fn a_list_that_was_not_believed_is_no_better_after_a_break() {
    let mut talk = Talk::live();
    talk.wait(301);
    assert!(talk.took_listing());
    talk.step(Input::Prepared(Some(catalog(&[]))));
    // The next try is told the same one, which nobody has listed anew.
    talk.again(&[]);
    talk.receive(status(A, ONLINE));
    talk.receive(status(B, ONLINE));
    assert_eq!(talk.told, ["gap connection_lost 301..361"]);
    assert_eq!(talk.remembered().devices.len(), 2);
    // With a new login in the same try neither.
    talk.forget();
    talk.receive(json!({"status_code":412,"message":"because","data":{}}).to_string());
    talk.step(Input::Granted(Arc::new(grant())));
    assert!(talk.took(|action| matches!(action, Action::Open(_))), "{:?}", talk.actions);
    talk.step(Input::Opened);
    assert_eq!(talk.sent()[0]["cameras"].as_object().unwrap().len(), 2);
}

#[test]
fn an_account_that_has_lost_its_last_device_in_a_break_is_online_though_nobody_answers() {
    let mut talk = Talk::live();
    talk.again(&[]);
    talk.wait(30);
    assert!(talk.took_listing());
    talk.step(Input::Prepared(Some(catalog(&[]))));
    assert!(talk.told.is_empty() && talk.took(|action| matches!(action, Action::Barrier)));
    talk.step(Input::BarrierPassed);
    assert_eq!(talk.told[0], "gap connection_lost 0..90");
    assert_eq!(talk.told.len(), 3, "both are unknown behind it: {:?}", talk.told);
    assert!(talk.took_online());
    talk.wait(60);
    assert_eq!(talk.end_in_words(), "it goes on");
}

#[test]
fn a_list_that_comes_while_a_socket_is_opened_is_believed_no_sooner() {
    let mut talk = Talk::live();
    talk.wait(301);
    assert!(talk.took_listing());
    talk.receive(json!({"status_code":412,"message":"because","data":{}}).to_string());
    talk.step(Input::Prepared(Some(catalog(&[]))));
    talk.step(Input::Granted(Arc::new(grant())));
    talk.step(Input::Opened);
    assert_eq!(talk.sent()[0]["cameras"].as_object().unwrap().len(), 2);
}

#[test]
fn whoever_may_be_in_a_row_that_cannot_be_read_stays_also_over_a_break() {
    let row = |esn: &str, service: &str| json!(["00004206", esn, esn, "camera", [], service]);
    let list = |rows: &[Value]| {
        let devices = DeviceList::read(json!(rows).to_string().as_bytes()).unwrap();
        Some(Arc::new(Catalog { devices, serial: 1 }))
    };
    let mut talk = Talk::live();
    for odd in [json!(7), json!(["00004206", null, "A"]), json!([])] {
        talk.wait(301);
        talk.forget();
        talk.step(Input::Prepared(list(&[odd, row(B, "ATTD")])));
        assert!(talk.sent().is_empty() && talk.told.is_empty(), "{:?}", talk.told);
    }
    talk.lose();
    talk.step(Input::Start);
    talk.step(Input::Granted(Arc::new(grant())));
    talk.step(Input::Prepared(list(&[json!(7), row(B, "ATTD"), row(C, "ATTD")])));
    talk.step(Input::Opened);
    assert_eq!(talk.sent()[0]["cameras"].as_object().unwrap().len(), 3, "whoever is new is asked");
    for esn in [A, B, C] {
        talk.receive(status(esn, ONLINE));
    }
    // Of whom it can be read that nobody wants it any more, it is believed, and so is a row that repeats another.
    talk.forget();
    talk.step(Input::Prepared(list(&[json!(7), row(A, "IGND"), row(B, "ATTD")])));
    assert_eq!(talk.sent(), [json!({"drop":{"cameras":[A]}})]);
    talk.step(Input::Prepared(list(&[row(B, "ATTD"), row(B, "ATTD")])));
    assert_eq!(talk.sent(), [json!({"drop":{"cameras":[C]}})]);
}

#[test]
fn a_list_that_comes_while_frames_are_held_waits_for_the_gap() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    talk.session.relist_soon(talk.now);
    talk.step(Input::Woken);
    assert!(talk.took_listing());
    talk.step(Input::Prepared(Some(catalog(&[(A, "camera")]))));
    assert!(talk.told.is_empty());
    talk.receive(status(A, ONLINE));
    talk.receive(status(B, ONLINE));
    assert!(talk.told[0].starts_with("gap"), "{:?}", talk.told);
    assert_eq!(talk.told.last().unwrap(), "snapshot cameras/100bbbbb");
}

#[test]
fn a_checkpoint_that_is_lost_is_a_gap_and_states_are_compared_all_the_same() {
    let mut talk = Talk::live();
    let common = CommonSettings::new(Heartbeat::UNHURRIED);
    let resume = Resume { checkpoint: Some(Checkpoint("{}".into())), heard: Some(at(3)) };
    talk.session = EenSession::new(config(), &common, resume);
    talk.pass(60);
    talk.forget();
    talk.open(CAMERAS);
    talk.receive(frame(json!({A:{"status":RECORDING,"event":{"EMES":event(30,7)}}})));
    talk.receive(status(B, ONLINE));
    assert_eq!(talk.told[0], "gap connection_lost 3..60");
    assert_eq!(talk.events(), [("gap", Origin::Engine), ("recording.started", Origin::Snapshot)]);
}

#[test]
fn a_break_after_a_lagging_checkpoint_tells_nothing_twice() {
    let mut talk = Talk::live();
    talk.wait(2);
    let old = talk.session.checkpoint();
    talk.receive(frame(json!({A:{"event":{"EMES":event(3,7)}}})));
    talk.receive(status(A, RECORDING));
    let common = CommonSettings::new(Heartbeat::UNHURRIED);
    talk.session = EenSession::new(config(), &common, Resume { checkpoint: old, heard: None });
    talk.forget();
    talk.open(CAMERAS);
    talk.receive(frame(json!({A:{"status":RECORDING,"event":{"EMES":event(3,7)}}})));
    talk.receive(status(B, ONLINE));
    assert_eq!(talk.events(), [("gap", Origin::Engine)]);
}

#[test]
fn a_break_after_a_lagging_checkpoint_and_an_answer_in_parts_takes_no_state_back() {
    let mut talk = Talk::live();
    talk.receive(frame(json!({A:{"event":{"EMEE":event(1,6)}}})));
    talk.wait(2);
    let old = talk.session.checkpoint();
    talk.receive(frame(json!({A:{"event":{"EMES":event(3,7)}}})));
    let common = CommonSettings::new(Heartbeat::UNHURRIED);
    talk.session = EenSession::new(config(), &common, Resume { checkpoint: old, heard: None });
    talk.forget();
    talk.open(CAMERAS);
    talk.receive(status(B, ONLINE));
    talk.receive(status(A, ONLINE));
    talk.receive(frame(json!({A:{"event":{"EMEE":event(1,6),"EMES":event(3,7)}}})));
    assert_eq!(talk.events(), [("gap", Origin::Engine)]);
    assert!(talk.states("cameras/100aaaaa").contains("motion=detected"));
}

#[test]
fn who_was_silent_when_another_code_was_asked_for_the_first_time_has_missed_none_of_it() {
    let mut talk = Talk::live();
    let mut config = config();
    config.events.push("ROMS".parse().unwrap());
    let old = frame(json!({B:{"status":ONLINE,"event":{"ROMS":{"timestamp":een(-100),"roiid":1}}}}));
    for breaks in 0..2 {
        talk.lose_with(config.clone());
        talk.open(CAMERAS);
        talk.receive(status(A, ONLINE));
        talk.wait(5);
        if breaks == 0 {
            talk.wait(55);
        }
    }
    talk.receive(old);
    assert!(!talk.told.iter().any(|told| told.starts_with("backfill")), "{:?}", talk.told);
}

#[test]
fn who_answers_later_than_the_others_after_a_break_has_a_gap_of_its_own() {
    let mut talk = Talk::live();
    talk.again(&[(A, "camera"), (B, "camera"), (C, "camera")]);
    talk.receive(status(A, ONLINE));
    talk.wait(5);
    assert_eq!(talk.told[0], "gap connection_lost 0..65");
    talk.forget();
    talk.pass(20);
    talk.receive(frame(json!({B:{"status":OFF,"event":{"EMES":event(70,7)}}})));
    assert_eq!(talk.told[0], "gap device_unanswered 65..85");
    assert_eq!(talk.told[1], "backfill cameras/100bbbbb motion.started");
    // Of who was never followed nothing is missed.
    talk.forget();
    talk.pass(5);
    talk.receive(status(C, ONLINE));
    assert_eq!(talk.told.len(), 1, "{:?}", talk.told);
}

#[test]
fn latecomers_are_two_gaps_and_the_second_is_not_forgotten_by_a_break() {
    let devices: Vec<_> = (0..50).map(|n| format!("100d{n:04x}")).collect();
    let rows: Vec<_> = devices.iter().map(|esn| (esn.as_str(), "camera")).collect();
    let first = |talk: &mut Talk| devices.iter().for_each(|esn| talk.receive(status(esn, ONLINE)));
    for breaks in [false, true] {
        let mut talk = Talk::opened(&rows);
        first(&mut talk);
        talk.again(&rows);
        talk.receive(status(&devices[0], ONLINE));
        talk.wait(5);
        for esn in &devices[1..] {
            talk.pass(1);
            talk.receive(status(esn, ONLINE));
        }
        let gaps = |talk: &Talk| talk.told.iter().filter(|told| told.starts_with("gap")).cloned().collect::<Vec<_>>();
        assert_eq!(gaps(&talk), ["gap connection_lost 0..65", "gap device_unanswered 65..66"]);
        talk.told.clear();
        if breaks {
            talk.again(&rows);
            first(&mut talk);
            assert_eq!(gaps(&talk), ["gap connection_lost 66..174"], "the break is the wider cause");
        } else {
            talk.wait(60);
            assert_eq!(gaps(&talk), ["gap device_unanswered 66..114"]);
        }
    }
}

#[test]
fn a_device_that_was_not_followed_when_it_broke_is_missed_since_then_and_not_since_the_break() {
    let mut talk = Talk::live();
    talk.pass(10);
    talk.receive(refused(B, 503));
    talk.pass(10);
    talk.receive(status(A, ONLINE));
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.receive(status(B, ONLINE));
    assert_eq!(talk.told[0], "gap connection_lost 0..80", "{:?}", talk.told);
    // And if it is still not back, only the break is told, until it is.
    talk.receive(refused(B, 503));
    talk.pass(10);
    talk.receive(status(A, ONLINE));
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.receive(refused(B, 503));
    assert_eq!(talk.told[0], "gap connection_lost 90..150");
    talk.told.clear();
    talk.pass(10);
    talk.receive(status(B, ONLINE));
    assert_eq!(talk.told[0], "gap device_unanswered 80..160");
}

#[test]
fn a_break_behind_a_gap_that_waits_to_be_told_is_named_by_what_broke() {
    let waiting = || {
        let mut talk = Talk::live();
        for _ in 0..2 {
            talk.wait(1);
            talk.receive("{");
            talk.receive(status(A, ONLINE));
        }
        assert_eq!(talk.told, ["gap unreadable_frame 0..1"]);
        assert_eq!(talk.remembered().gap.unwrap().reason, "unreadable_frame");
        talk
    };
    let mut lost = waiting();
    lost.again(CAMERAS);
    let mut denied = waiting();
    denied.forget();
    denied.receive(json!({"status_code":412,"message":"because","data":{}}).to_string());
    denied.step(Input::Granted(Arc::new(grant())));
    denied.step(Input::Opened);
    for (mut talk, told) in [(lost, "gap connection_lost 1..62"), (denied, "gap session_lost 1..2")] {
        talk.receive(status(A, ONLINE));
        talk.receive(status(B, ONLINE));
        assert_eq!(talk.told, [told]);
    }
    // A frame that breaks the socket is what broke.
    let mut talk = waiting();
    talk.step(Input::Unreadable("too large".into()));
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.receive(status(B, ONLINE));
    assert_eq!(talk.told, ["gap unreadable_frame 1..62"]);
}

#[test]
fn an_answer_in_several_frames_is_one_answer() {
    let parts =
        [json!({"status":RECORDING}), json!({"event":{"EMES":event(30,7)}}), json!({"event":{"EMEE":event(20,6)}})];
    for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0]] {
        let mut talk = Talk::live();
        talk.again(CAMERAS);
        talk.receive(status(B, ONLINE));
        for part in order {
            talk.receive(frame(json!({A:parts[part]})));
        }
        let told = talk.events();
        assert_eq!(told[0], ("gap", Origin::Engine));
        for missed in [("motion.started", Origin::Backfill), ("motion.stopped", Origin::Backfill)] {
            assert_eq!(told.iter().filter(|told| **told == missed).count(), 1, "{order:?}: {told:?}");
        }
        assert!(told.contains(&("recording.started", Origin::Snapshot)), "{order:?}: {told:?}");
        assert!(!told.iter().any(|(_, origin)| *origin == Origin::Live), "{order:?}: {told:?}");
        assert!(talk.states("cameras/100aaaaa").contains("motion=detected"), "the later one counts");
        // It has an end.
        talk.forget();
        talk.pass(10);
        talk.receive(frame(json!({A:{"event":{"EMEE":event(40,7)}}})));
        assert_eq!(talk.events(), [("motion.stopped", Origin::Live)], "an event that came late is one");
    }
}

#[test]
fn more_than_four_mebibytes_before_an_answer_end_the_try() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    let large = frame(json!({A:{"error":[{"status_code":401,"message":" ".repeat(1 << 20)}]}}));
    for _ in 0..3 {
        talk.receive(large.clone());
        assert_eq!(talk.end_in_words(), "it goes on");
    }
    talk.receive(large);
    assert_eq!(talk.end_in_words(), "retry: the server sent more than 4 MiB before it answered");
    assert_eq!(talk.remembered().gap.unwrap().from, at(0));
}
