//! What happens while the socket is open.

use super::*;

#[test]
fn a_word_is_one_event_for_each_group_that_it_changes() {
    let changes: &[(u64, &[&str])] = &[
        (RECORDING, &["recording.started"]),
        (ONLINE, &["recording.stopped"]),
        (ONLINE, &[]),
        (0x16_003F, &[]),
        (OFFLINE, &["status.offline", "streaming.stopped"]),
        (0, &[]),
        (0x1_0000, &[]),
        (NO_INTERNET, &["status.internet_offline", "connection.lost"]),
        (OFF, &["status.off", "device.disabled"]),
        (NO_INTERNET, &["status.internet_offline", "device.enabled"]),
        (ONLINE, &["status.online", "connection.restored", "streaming.started"]),
    ];
    let mut talk = Talk::live();
    for (word, kinds) in changes {
        talk.stored.clear();
        talk.receive(status(A, *word));
        let told: Vec<_> = talk.stored.iter().map(|(_, kind, origin)| (kind.as_str(), *origin)).collect();
        let expected: Vec<_> = kinds.iter().map(|kind| (*kind, Origin::Live)).collect();
        assert_eq!(told, expected, "{word:#x}");
        // One id, with the group behind it for all but the first.
        if let [(first, ..), others @ ..] = &talk.stored[..] {
            assert!(others.iter().all(|(id, ..)| id.starts_with(&format!("{first}#"))), "{:?}", talk.stored);
        }
    }
}

#[test]
fn an_event_of_a_word_says_when_it_came_and_what_was_sent() {
    let mut talk = Talk::live();
    talk.pass(7);
    let mut todo = Todo::default();
    let message = frame(json!({B:{"status":ONLINE},A:{"status":OFF,"pre":"20260611100007.000"}}));
    talk.session.step(talk.now, Input::Message(message.into()), &mut todo);
    let Entry::Occurrence(noted) = todo.entries.list[0] else { panic!("{:?}", todo.entries) };
    let text = &todo.entries.words.text;
    assert_eq!(text.get(noted.data), format!(r#"{{"{A}":{{"status":{OFF}}}}}"#));
    assert_eq!(text.get(noted.time), "2026-06-11T10:00:07Z");
    assert!(matches!(todo.entries.list[1], Entry::Occurrence(noted) if text.get(noted.id).ends_with("#enabled")));
}

#[test]
fn an_event_of_a_code_has_the_same_id_however_often_it_comes() {
    let mut talk = Talk::live();
    let motion = frame(json!({A:{"event":{"EMES":event(1,-7)}}}));
    talk.receive(motion.clone());
    talk.receive(motion);
    let id = format!("{A}:EMES:20260611100001.000:-7");
    assert_eq!(talk.stored, [(id, "motion.started".to_owned(), Origin::Live)]);
    assert_eq!(talk.told, ["live cameras/100aaaaa motion.started"], "it is not even handed over again");
}

#[test]
fn heartbeats_are_no_events_and_move_the_cursor() {
    let mut talk = Talk::live();
    talk.receive(frame(json!({A:{"event":{"EMEU":event(10,7)}}})));
    talk.wait(2);
    assert!(talk.told.is_empty());
    assert_eq!(talk.remembered().devices[A].newest[0].time(), Some(at(10)));
}

#[test]
fn events_of_one_frame_are_told_in_the_order_in_which_they_happened() {
    let mut talk = Talk::live();
    for (first, second, state) in
        [(event(5, 7), event(6, 7), "motion=clear"), (event(9, 8), event(6, 7), "motion=detected")]
    {
        // However the server orders them.
        talk.receive(frame(json!({A:{"event":{"EMEE":second,"EMES":first}}})));
        assert!(talk.states("cameras/100aaaaa").contains(state), "{}", talk.states("cameras/100aaaaa"));
    }
    // Of the same moment: the end counts against its own start.
    talk.receive(frame(json!({A:{"event":{"EMEE":event(20,9),"EMES":event(20,9)}}})));
    assert!(talk.states("cameras/100aaaaa").contains("motion=clear"));
    let kinds: Vec<_> = talk.events().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["motion.started", "motion.stopped", "motion.started", "motion.started", "motion.stopped"]);
}

#[test]
fn a_code_that_nobody_knows_and_a_time_that_nobody_can_read_are_events_all_the_same() {
    let mut talk = Talk::live();
    talk.receive(frame(json!({A:{"event":{"ZZZZ":{"timestamp":"soon","x":1},"Q":[],"EMES":7}}})));
    let kinds: Vec<_> = talk.events().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    assert!(kinds.contains(&"een.zzzz") && kinds.contains(&"motion.started"));
}

#[test]
fn of_two_forms_of_the_word_the_extended_one_counts_once_it_was_there() {
    let mut talk = Talk::opened(CAMERAS);
    let off_without_internet = 0x0000_0001_0010_0020_u64;
    talk.receive(frame(json!({A:{"status":OFF,"status64":off_without_internet}})));
    assert!(talk.states("cameras/100aaaaa").contains("connection=offline"));
    talk.forget();
    talk.receive(status(A, ONLINE));
    assert_eq!(talk.events(), [], "the slower one would be taken back");
    talk.receive(frame(json!({A:{"status64":0x0000_0005_0010_0020_u64}})));
    assert_eq!(talk.events(), [("connection.restored", Origin::Live)]);
}

#[test]
fn who_does_not_answer_for_a_minute_is_unknown_once_and_may_still_come() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.wait(5);
    talk.wait(55);
    assert!(talk.told.contains(&"snapshot cameras/100bbbbb".to_owned()), "{:?}", talk.told);
    let unknown = "connection=unknown enabled=unknown recording=unknown status=unknown streaming=unknown";
    assert_eq!(talk.states("cameras/100bbbbb"), unknown);
    talk.forget();
    talk.wait(120);
    assert!(talk.told.is_empty());
    talk.receive(status(B, ONLINE));
    assert_eq!(
        talk.states("cameras/100bbbbb"),
        "connection=online enabled=on recording=off status=online streaming=on"
    );
    assert_eq!(talk.told[0], "gap device_unanswered 65..240");
    assert!(talk.stored.len() == 6 && talk.stored[1..].iter().all(|(.., origin)| *origin == Origin::Snapshot));
}

#[test]
fn who_is_silent_is_unknown_after_a_minute_whatever_else_is_asked_meanwhile() {
    let mut talk = Talk::live();
    let mut rows = vec![A.to_owned(), B.to_owned()];
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.wait(5);
    talk.told.clear();
    // A new device every twenty seconds, each of which says nothing.
    let (mut unknown, mut asked) = (Vec::new(), Vec::new());
    for second in 6..=200_i64 {
        talk.wait(1);
        if second % 20 == 0 && second <= 100 {
            rows.push(format!("100c{second:04}"));
            let rows: Vec<_> = rows.iter().map(|esn| (esn.as_str(), "camera")).collect();
            talk.step(Input::Prepared(Some(catalog(&rows))));
        }
        if talk.told.drain(..).any(|told| told == "snapshot cameras/100bbbbb") {
            unknown.push(second);
        }
        let sent = talk.sent();
        let is_asked = |request: &Value| request["cameras"].get("100c0020").is_some();
        asked.extend(sent.iter().filter(|request| is_asked(request)).map(|_| second));
    }
    assert_eq!(unknown, [60]);
    assert_eq!(asked[..2], [20, 92], "and they too, each for itself: a minute, and the pause behind it");
}

#[test]
fn who_is_silent_or_cannot_be_told_of_is_asked_again_alone_after_growing_pauses() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.wait(5);
    talk.wait(55);
    talk.sent();
    talk.actions.clear();
    let mut asked = Vec::new();
    for second in 1..=600 {
        talk.wait(1);
        for request in talk.sent() {
            assert_eq!(request["cameras"].as_object().unwrap().keys().collect::<Vec<_>>(), [B]);
            asked.push(second);
        }
    }
    assert_eq!(asked, [12, 35, 80, 170, 350, 575], "and then no more seldom than the devices are listed");
    talk.receive(status(B, ONLINE));
    for _ in 0..600 {
        talk.wait(1);
    }
    assert!(talk.sent().is_empty());
}

#[test]
fn many_accounts_do_not_ask_again_in_the_same_moment() {
    let mut moments = BTreeMap::<Duration, usize>::new();
    for number in 0..200 {
        let mut talk = Talk::new(config());
        let account = format!("{number:08}").parse().unwrap();
        talk.step(Input::Start);
        talk.step(Input::Granted(Arc::new(Grant { account, ..grant() })));
        talk.step(Input::Prepared(Some(catalog(CAMERAS))));
        talk.step(Input::Opened);
        talk.receive(refused(A, 503));
        let pause = talk.session.devices.next_asking().unwrap() - talk.now.instant;
        *moments.entry(pause).or_default() += 1;
    }
    let (first, last) = (*moments.keys().next().unwrap(), *moments.keys().last().unwrap());
    assert!(first >= Duration::from_secs(10) && last <= Duration::from_secs(15), "{first:?} {last:?}");
    assert!(moments.len() > 100 && last - first > Duration::from_secs(4), "{moments:?}");
}

#[test]
fn a_device_that_cannot_be_told_of_for_a_moment_keeps_its_states_and_comes_back_with_a_gap() {
    for code in [404, 429, 500, 503] {
        let mut talk = Talk::live();
        talk.pass(10);
        talk.receive(refused(A, code));
        talk.wait(11);
        assert!(talk.told.is_empty() && talk.sent().is_empty(), "{code}: {:?}", talk.told);
        talk.wait(1);
        assert_eq!(talk.sent()[0]["cameras"].as_object().unwrap().keys().collect::<Vec<_>>(), [A]);
        talk.receive(frame(json!({A:{"status":RECORDING,"event":{"EMES":event(20,7)}}})));
        let back =
            [("gap", Origin::Engine), ("motion.started", Origin::Backfill), ("recording.started", Origin::Snapshot)];
        assert_eq!(talk.events(), back);
        assert_eq!(talk.told[0], "gap device_unanswered 0..22");
        talk.wait(60);
        assert!(talk.sent().is_empty());
    }
}

#[test]
fn a_device_that_was_asked_again_in_vain_is_unknown() {
    for is_refused_again in [true, false] {
        let mut talk = Talk::live();
        talk.receive(refused(A, 503));
        talk.wait(15);
        assert!(talk.told.is_empty());
        if is_refused_again {
            talk.receive(refused(A, 503));
        } else {
            talk.wait(30);
        }
        assert_eq!(talk.told, ["snapshot cameras/100aaaaa"]);
        assert!(talk.states("cameras/100aaaaa").starts_with("connection=unknown"));
    }
}

#[test]
fn what_happens_to_a_device_that_was_silent_at_first_is_an_event() {
    let mut talk = Talk::opened(CAMERAS);
    talk.receive(status(A, ONLINE));
    // By the event's own time: what has happened since the device was asked is new, what is older is how it was.
    talk.pass(20);
    talk.receive(frame(json!({B:{"status":ONLINE,"event":{"EMES":event(10,7),"EMEE":event(-10,6)}}})));
    assert_eq!(
        talk.told.last().unwrap(),
        "snapshot cameras/100bbbbb status=online connection=online enabled=on streaming=on recording=off motion=detected"
    );
    assert_eq!(talk.events(), [("motion.started", Origin::Live)]);
    // The first answer goes on.
    talk.receive(frame(json!({A:{"event":{"EMES":event(1,9)}}})));
    assert_eq!(talk.events().len(), 2);
    let mut talk = Talk::opened(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.receive(frame(json!({A:{"event":{"EMES":event(-300,7)}}})));
    assert_eq!((talk.events(), talk.told.len()), (vec![], 2));
    assert!(talk.states("cameras/100aaaaa").contains("motion=detected"));
}

#[test]
fn a_device_that_is_refused_is_unknown_until_it_is_asked_again_with_the_next_list() {
    for code in [400, 401, 410] {
        let mut talk = Talk::live();
        talk.receive(frame(json!({A:{"error":[{"status_code":code,"message":"no"}]}})));
        assert_eq!(talk.told, ["snapshot cameras/100aaaaa"]);
        assert!(talk.states("cameras/100aaaaa").starts_with("connection=unknown"));
        talk.receive(status(B, OFF));
        assert_eq!(talk.end_in_words(), "it goes on", "the others do");
        talk.wait(301);
        assert!(talk.took_listing());
        talk.sent();
        talk.step(Input::Prepared(Some(catalog(CAMERAS))));
        let sent = talk.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0]["cameras"].as_object().unwrap().keys().collect::<Vec<_>>(), [A]);
        talk.forget();
        talk.receive(status(A, ONLINE));
        assert_eq!(talk.told[0], "gap device_unanswered 0..301", "it was not followed meanwhile");
    }
}

#[test]
fn a_new_device_is_asked_for_and_one_that_has_gone_is_dropped_and_unknown() {
    let mut talk = Talk::live();
    talk.receive(frame(json!({A:{"event":{"AEDC":{"timestamp":een(1),"deviceid":"100ccccc"}}}})));
    talk.wait(0);
    assert!(talk.took_listing(), "{:?}", talk.actions);
    talk.forget();
    talk.step(Input::Prepared(Some(catalog(&[(A, "camera"), ("100ccccc", "bridge")]))));
    let sent = talk.sent();
    assert_eq!(sent[0], json!({"drop":{"cameras":[B]}}));
    assert_eq!(sent[1]["cameras"].as_object().unwrap().keys().collect::<Vec<_>>(), ["100ccccc"]);
    assert_eq!(talk.told, ["snapshot cameras/100bbbbb"]);
    assert!(talk.states("cameras/100bbbbb").starts_with("connection=unknown"));
    talk.forget();
    talk.receive(frame(json!({B:{"error":[{"status_code":410,"message":"dropped"}]}})));
    talk.receive(frame(json!({"100ccccc":{"status":BRIDGE,"event":{"EMES":event(-9,7)}}})));
    assert_eq!(talk.told, ["snapshot bridges/100ccccc status=online connection=online motion=detected"]);
    assert_eq!(talk.events(), [], "first sight is no event");
}

#[test]
fn many_changes_of_devices_are_one_listing_in_ten_seconds() {
    let mut talk = Talk::live();
    let made = |second: i64| frame(json!({A:{"event":{"AEDH":{"timestamp":een(second)}}}}));
    talk.receive(made(1));
    talk.wait(0);
    assert!(talk.took_listing());
    talk.step(Input::Prepared(Some(catalog(CAMERAS))));
    for second in 2..9 {
        talk.wait(1);
        talk.receive(made(second));
        talk.wait(0);
        assert!(!talk.took_listing());
    }
    talk.wait(3);
    assert!(talk.took_listing());
    // While one is under way no other is asked for, but behind it, for it may not have what is new.
    talk.receive(made(10));
    talk.wait(0);
    assert!(!talk.took_listing());
    for list in [Some(catalog(CAMERAS)), None] {
        talk.step(Input::Prepared(list));
        talk.wait(9);
        assert!(!talk.took_listing());
        talk.wait(1);
        assert!(talk.took_listing(), "at the pace of all");
        talk.receive(made(talk.now.wall.duration_since(at(0)).as_secs()));
    }
    talk.step(Input::Prepared(Some(catalog(CAMERAS))));
    talk.wait(10);
    assert!(talk.took_listing());
    // One that fails is tried again sooner, though not for ever at that pace.
    for pause in [30, 60, 120, 240, 300, 300] {
        talk.step(Input::Prepared(None));
        talk.wait(pause - 1);
        assert!(!talk.took_listing(), "{pause}");
        talk.wait(1);
        assert!(talk.took_listing(), "{pause}");
    }
    assert!(!talk.told.iter().any(|told| told.starts_with("snapshot")), "the devices stay");
}

#[test]
fn a_frame_that_cannot_be_read_is_a_gap_and_all_are_asked_again() {
    let mut talk = Talk::live();
    talk.receive(frame(json!({A:{"event":{"EMES":event(1,7)}}})));
    talk.pass(10);
    talk.sent();
    talk.receive("{\"status_code\":200,");
    assert_eq!(talk.told.last().unwrap(), "gap unreadable_frame 0..10");
    assert_eq!(talk.sent()[0]["cameras"].as_object().unwrap().len(), 2);
    talk.forget();
    // What comes again is known; what was in the frame is not.
    talk.receive(frame(json!({A:{"status":ONLINE,"event":{"EMES":event(1,7),"EMEE":event(9,7)}}})));
    assert_eq!(talk.events(), [("motion.stopped", Origin::Live)]);
    talk.receive("[]");
    assert!(talk.sent().is_empty(), "not again so soon");
    talk.wait(10);
    assert_eq!(talk.sent()[0]["cameras"].as_object().unwrap().len(), 2, "but once more behind the last one");
    talk.wait(100);
    assert!(talk.sent().is_empty());
    for _ in 0..9 {
        talk.receive("{}x");
    }
    assert!(talk.end_in_words().starts_with("retry: the server sent 10 frames in a row"), "{}", talk.end_in_words());
}

#[test]
fn many_frames_that_cannot_be_read_are_one_gap_a_minute_that_covers_them_all() {
    let mut talk = Talk::live();
    let gaps = |talk: &mut Talk| talk.told.extract_if(.., |told| told.starts_with("gap")).collect::<Vec<_>>();
    for _ in 0..5 {
        talk.wait(1);
        talk.receive("{");
    }
    assert_eq!(gaps(&mut talk), ["gap unreadable_frame 0..1"]);
    assert!(talk.remembered().gap.is_some(), "a break or a crash does not forget the rest");
    // As long as nothing can be read it is one stretch, and then it waits until a minute has gone.
    talk.wait(20);
    talk.receive(status(A, ONLINE));
    talk.wait(35);
    assert!(gaps(&mut talk).is_empty());
    talk.wait(1);
    assert_eq!(gaps(&mut talk), ["gap unreadable_frame 1..5"]);
    assert!(talk.remembered().gap.is_none());
    // A server that sends them now and then, for long.
    let begin = talk.now.wall.duration_since(at(0)).as_secs();
    for _ in 0..600 {
        talk.wait(1);
        talk.receive("{");
        talk.wait(1);
        talk.receive(status(A, ONLINE));
    }
    talk.wait(60);
    let all = gaps(&mut talk);
    assert_eq!(all.len(), 20, "{all:?}");
    let ends = |gap: &String| {
        gap.rsplit_once(' ').unwrap().1.split("..").map(|end| end.parse().unwrap()).collect::<Vec<i64>>()
    };
    let ends: Vec<_> = all.iter().map(ends).collect();
    for lost in 0..600 {
        let lost = begin + 1 + 2 * lost;
        assert!(ends.iter().any(|ends| ends[0] < lost && lost <= ends[1]), "{lost} is in none of {all:?}");
    }
}

#[test]
fn the_log_has_the_reason_and_the_beginning_of_what_cannot_be_read() {
    let mut talk = Talk::live();
    talk.receive(format!("<html>\n{}", "x".repeat(5_000)));
    let begins = format!("<html>\n{}", "x".repeat(73));
    let told = format!(
        "a frame of 5007 bytes cannot be read (no JSON: expected value at line 1 column 1); it begins with {begins:?}"
    );
    assert_eq!(talk.warned(), [told.as_str()]);
    talk.wait(30);
    talk.receive("{");
    assert_eq!(talk.warned().len(), 1);
    talk.wait(30);
    talk.step(Input::Decoded(EenSession::decode("{".into())));
    assert_eq!(talk.warned().len(), 2);
}

#[test]
fn a_checkpoint_is_made_once_a_second_for_events_and_at_once_for_states() {
    let mut talk = Talk::live();
    talk.wait(2);
    let mut last = talk.session.checkpoint();
    let mut made = 0;
    for n in 0..40 {
        talk.now.instant += Duration::from_millis(100);
        talk.receive(frame(json!({A:{"event":{"EMES":event(n,n)}}})));
        let next = talk.session.checkpoint();
        made += usize::from(next != last);
        last = next;
    }
    assert!((3..=5).contains(&made), "{made}");
    talk.wait(1);
    assert_eq!(talk.remembered().devices[A].newest[0].time(), Some(at(39)), "and the last one is not forgotten");
    talk.receive(status(A, RECORDING));
    assert_eq!(talk.remembered().devices[A].reading.recording, Some(true));
}

#[test]
fn codes_without_end_do_not_fill_the_memory() {
    let mut talk = Talk::live();
    for n in 0..1_000 {
        talk.receive(frame(json!({A:{"event":{(format!("{n:04}")):event(n, n)}}})));
    }
    assert_eq!(talk.stored.len(), 1_000, "and are events all the same");
    talk.wait(2);
    assert_eq!(talk.remembered().devices[A].newest.len(), 256);
}
