//! Servers that do not answer, or answer with something else.

use super::*;

#[test]
fn a_server_that_fails_for_a_moment_is_asked_again_and_nothing_is_missing() {
    for trouble in [Trouble::Status(500), Trouble::Status(502), Trouble::Html, Trouble::Timeout, Trouble::Nulls] {
        let mut talk = Talk::live();
        talk.happen(7);
        talk.server.troubles.extend(std::iter::repeat_n(trouble.clone(), 3));
        talk.wait(20);
        assert_eq!((talk.told().len(), talk.end.is_none()), (1, true), "{trouble:?}");
    }
}

#[test]
fn a_server_that_does_not_answer_at_all_ends_the_try_and_is_no_gap() {
    for trouble in [Trouble::Status(503), Trouble::Html, Trouble::Timeout, Trouble::Status(400), Trouble::Status(413)] {
        let mut talk = Talk::live();
        talk.server.down = Some(trouble.clone());
        talk.wait(30);
        assert!(matches!(talk.end, Some(SessionEnd::Retry { .. })), "{trouble:?} {:?}", talk.end);
        assert!(talk.called.len() < 12);
        for _ in 0..20 {
            talk.late(0, 7);
            talk.again(60);
            assert!(talk.end.is_some() || talk.wake.is_some());
            talk.wait(20);
        }
        assert!(talk.told().is_empty());
        talk.server.down = None;
        talk.again(60);
        assert_eq!((talk.told().len(), talk.gaps().len()), (20, 0), "{trouble:?}");
        assert!(talk.told().iter().all(|(_, origin)| *origin == Origin::Backfill));
    }
}

#[test]
fn a_stretch_that_cannot_be_read_is_a_gap_of_its_own_and_hides_nothing_else() {
    let mut talk = Talk::live();
    talk.wait(600);
    talk.forget();
    let poisoned = talk.server_now();
    talk.server.poison = Some((poisoned, poisoned));
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(talk.happen(7));
        talk.wait(10);
        if talk.end.is_some() {
            talk.again(5);
        }
    }
    talk.wait(300);
    let gaps = talk.gaps();
    assert!(gaps.len() == 1 && gaps[0].0 == "window_failed" && gaps[0].2 <= 60, "{gaps:?}");
    let told = talk.ids();
    let lost: Vec<_> = ids.iter().filter(|id| !told.contains(id)).collect();
    assert!(lost.len() <= 7, "{lost:?}");
    let gap: Value = serde_json::from_str(&talk.stored.iter().find(|event| event.kind == "gap").unwrap().data).unwrap();
    let time = |name: &str| gap[name].as_str().unwrap().parse::<Timestamp>().unwrap().as_microsecond();
    for event in &talk.server.events {
        let is_inside = (time("from")..=time("to")).contains(&event.at);
        assert!(is_inside || told.contains(&event.id), "{event:?}");
    }
    talk.forget();
    talk.wait(3_000);
    assert!(talk.calls_to("events").len() < 620, "what is lost is not asked for again");
    assert_eq!(talk.gaps(), []);
}

#[test]
fn a_refused_token_is_replaced_once_and_one_that_is_refused_again_ends_the_try() {
    let mut talk = Talk::live();
    talk.happen(7);
    talk.server.tokens_from = 2;
    talk.wait(6);
    assert_eq!((&*talk.tokens, talk.told().len()), (&[false, true][..], 1));
    talk.server.tokens_from = 99;
    talk.wait(6);
    assert_eq!(talk.tokens, [false, true, true]);
    assert!(matches!(talk.end, Some(SessionEnd::Retry { .. })));
}

#[test]
fn a_token_that_may_not_read_events_needs_a_person() {
    let mut talk = Talk::new();
    talk.server.down = Some(Trouble::Status(403));
    talk.start();
    assert!(matches!(&talk.end, Some(SessionEnd::Halt(why)) if why.contains("access \"all\"")), "{:?}", talk.end);
    let mut talk = Talk::new();
    talk.server.down = Some(Trouble::Status(404));
    talk.start();
    assert!(matches!(&talk.end, Some(SessionEnd::Retry { why, .. }) if why.contains("url")), "{:?}", talk.end);
}

#[test]
fn a_server_that_wants_fewer_calls_gets_fewer_and_then_as_many_as_before() {
    let mut talk = Talk::live();
    talk.server.troubles.extend(std::iter::repeat_n(Trouble::Busy(None), 3));
    talk.forget();
    talk.wait(70);
    let calls = talk.calls_to("events");
    assert!(calls[1] - calls[0] >= 10 && calls[2] - calls[1] >= 20 && calls[3] - calls[2] >= 30, "{calls:?}");
    talk.wait(300);
    talk.forget();
    talk.wait(60);
    assert!(talk.calls_to("events").len() >= 10);
    talk.server.troubles.push_back(Trouble::Busy(Some(17)));
    talk.forget();
    talk.wait(40);
    let calls = talk.calls_to("events");
    assert!((17..19).contains(&(calls[1] - calls[0])), "{calls:?}");
    talk.server.down = Some(Trouble::Busy(Some(600)));
    talk.wait(40);
    let wait = Some(Duration::from_secs(600));
    assert!(matches!(talk.end, Some(SessionEnd::Retry { not_before, .. }) if not_before == wait), "{:?}", talk.end);
}

#[test]
fn a_slow_server_is_asked_less_often() {
    let mut talk = Talk::live();
    talk.slowness = Duration::from_secs(4);
    talk.wait(100);
    talk.forget();
    talk.wait(340);
    assert!(talk.calls_to("events").len() <= 12, "{}", talk.calls_to("events").len());
    talk.slowness = Duration::ZERO;
    talk.wait(300);
    talk.forget();
    talk.wait(60);
    assert!(talk.calls_to("events").len() >= 10);
}

#[test]
fn a_server_with_another_clock_or_none_is_asked_by_its_own() {
    for (ahead, tells_date) in [(7_200, true), (-7_200, true), (400 * 86_400, true), (3, true), (0, false)] {
        let mut talk = Talk::new();
        (talk.server.ahead, talk.server.tells_date) = (ahead, tells_date);
        talk.late(100, 7);
        talk.start();
        assert_eq!(talk.told(), [], "{ahead}");
        talk.wait(20);
        let id = talk.happen(7);
        talk.wait(6);
        assert_eq!(talk.told(), [(&*id.to_string(), Origin::Live)], "{ahead}");
        talk.lose(100);
        let other = talk.late(50, 7);
        talk.start();
        assert_eq!(talk.told().last(), Some(&(&*other.to_string(), Origin::Backfill)), "{ahead}");
        talk.wait(700);
        let late = talk.late(3_500, 7);
        talk.wait(700);
        assert_eq!((talk.ids().last(), talk.ids().len()), (Some(&late), 3), "{ahead}");
        assert_eq!(talk.gaps(), []);
    }
}

#[test]
fn one_answer_with_a_wild_date_moves_nothing() {
    let mut talk = Talk::live();
    talk.wait(60);
    talk.server.ahead = 90 * 86_400;
    // Its events stay where they are.
    talk.wait(4);
    talk.server.ahead = 0;
    let id = talk.late(3_000, 7);
    talk.wait(700);
    assert_eq!(talk.ids(), [id]);
}

#[test]
fn a_server_that_wants_cameras_to_be_named_is_told_those_of_the_list() {
    let mut talk = Talk::new();
    talk.server.wants_cameras = true;
    talk.start();
    talk.wait(10);
    let id = talk.happen(8);
    talk.wait(6);
    assert_eq!((talk.ids(), talk.onlines), (vec![id], 1));
    assert!(talk.called.last().unwrap().1.contains("camid=7%2C8"), "{:?}", talk.called.last());
    let mut talk = Talk::new();
    talk.server.wants_cameras = true;
    talk.server.channels.clear();
    talk.start();
    talk.wait(60);
    assert_eq!((talk.onlines, talk.end.is_none()), (1, true), "nothing to follow is no trouble");
}

#[test]
fn many_cameras_are_asked_for_in_groups_and_told_in_order() {
    let mut config = config();
    config.cameras = Cameras::Only((1..=450).collect());
    let mut talk = Talk::with(config, |_| ());
    talk.start();
    talk.wait(20);
    let ids = [talk.late(3, 420), talk.late(2, 5), talk.late(1, 250)];
    talk.late(1, 451);
    talk.forget();
    talk.wait(6);
    assert_eq!(talk.ids(), ids);
    assert_eq!(talk.calls_to("events").len(), 3);
}

#[test]
fn a_server_that_refuses_so_many_rows_is_asked_for_fewer_and_nothing_is_a_gap() {
    for (limit, wants_cameras) in [(200, false), (50, false), (20, true)] {
        let mut talk = Talk::new();
        (talk.server.limit, talk.server.refuses_more, talk.server.wants_cameras) = (limit, true, wants_cameras);
        talk.start();
        talk.wait(10);
        let ids: Vec<_> = (0..60).map(|_| talk.happen(8)).collect();
        talk.wait(6);
        assert_eq!((talk.ids(), talk.onlines, talk.gaps().len()), (ids, 1, 0), "{limit}");
        assert_eq!(talk.session.polls.by_ids, wants_cameras, "{limit}");
    }
}

#[test]
fn a_stretch_that_is_lost_keeps_nothing_else_from_being_found_late() {
    // However the server says that it cannot be read.
    for poisoned in [(500, None), (503, Some(1)), (503, Some(60)), (413, None)] {
        let mut talk = Talk::live();
        talk.wait(3_000);
        talk.forget();
        let now = talk.server_now();
        (talk.server.poison, talk.server.poisoned) = (Some((now, now)), poisoned);
        for _ in 0..200 {
            talk.wait(10);
            if talk.end.is_some() {
                talk.again(5);
            }
        }
        let gaps = talk.gaps();
        assert!(gaps.len() == 1 && gaps[0].0 == "window_failed" && gaps[0].2 <= 60, "{poisoned:?} {gaps:?}");
        let late = talk.late(3_000, 7);
        let in_it = talk.server.accept(now, 7, "motion", Value::Null);
        talk.again(5);
        talk.wait(700);
        assert!(talk.ids() == [late] && talk.end.is_none(), "{poisoned:?} {in_it} {:?} {:?}", talk.ids(), talk.end);
        talk.wait(6_000);
        let kept = VxgCheckpoint::read(talk.kept.as_ref().unwrap()).unwrap();
        assert_eq!((kept.passed, talk.gaps().len()), (vec![], 1), "{poisoned:?}");
    }
}

#[test]
fn a_day_that_cannot_be_read_is_not_asked_for_without_pause() {
    let mut talk = Talk::live();
    talk.forget();
    talk.lose(86_400);
    let now = talk.server_now();
    (talk.server.poison, talk.server.poisoned) = (Some((0, now - 3_600 * SECOND)), (413, None));
    talk.start();
    talk.wait(600);
    let calls = talk.calls_to("events");
    assert!((200..=1_300).contains(&calls.len()), "{}", calls.len());
}

#[test]
fn a_day_that_cannot_be_read_holds_nothing_back_for_hours() {
    for poisoned in [(500, None), (503, Some(1)), (503, Some(60))] {
        let mut talk = Talk::live();
        talk.forget();
        talk.lose(86_400);
        let now = talk.server_now();
        (talk.server.poison, talk.server.poisoned) = (Some((0, now - 3_600 * SECOND)), poisoned);
        talk.start();
        talk.wait(3_000);
        let id = talk.happen(7);
        talk.wait(10);
        assert_eq!((talk.ids(), talk.end.is_none()), (vec![id], true), "{poisoned:?}");
    }
}

#[test]
fn one_refusal_does_not_bind_events_to_the_cameras_that_are_listed() {
    for is_lasting in [false, true] {
        let mut talk = Talk::live();
        talk.happen(7);
        talk.wait(100);
        talk.forget();
        if is_lasting {
            // The first list of a session is refused, and will be; others are not.
            let old = talk.server_now() - 600 * SECOND;
            (talk.server.poison, talk.server.poisoned) = (Some((old, old)), (400, None));
            talk.again(5);
        } else {
            talk.server.troubles.push_back(Trouble::Status(400));
        }
        talk.wait(60);
        let id = talk.happen(99);
        talk.wait(60);
        assert_eq!((talk.ids(), talk.end.is_none()), (vec![id], true), "{is_lasting}");
        assert!(!talk.session.polls.by_ids);
    }
}

#[test]
fn a_first_start_tells_no_gap_for_what_it_would_not_have_told() {
    for (back, gaps) in [(0, 0), (600, 0), (7_200, 1)] {
        let mut talk = Talk::with(config(), |common| common.backfill_on_first_start = Duration::from_secs(back));
        let old = talk.server_now() - 2_000 * SECOND;
        talk.server.poison = Some((old, old));
        talk.start();
        talk.wait(300);
        assert_eq!((talk.gaps().len(), talk.onlines), (gaps, 1), "{back} {:?}", talk.gaps());
        let id = talk.happen(7);
        talk.wait(10);
        assert_eq!(talk.ids(), [id], "{back}");
    }
}

#[test]
fn what_is_dated_ahead_and_cannot_be_read_takes_nothing_of_the_present_with_it() {
    for poisoned in [(500, None), (503, Some(60)), (413, None)] {
        let mut talk = Talk::live();
        let ahead = talk.server_now() + 7_200 * SECOND;
        (talk.server.poison, talk.server.poisoned) = (Some((ahead, ahead)), poisoned);
        let ids: Vec<_> = (0..100)
            .map(|_| {
                let id = talk.happen(7);
                talk.wait(20);
                id
            })
            .collect();
        talk.wait(60);
        // It may just be left alone.
        talk.wait(130);
        assert_eq!((talk.ids(), talk.gaps(), talk.end.is_none()), (ids.clone(), vec![], true), "{poisoned:?}");
        assert!(talk.called.len() < 700, "{poisoned:?} {}", talk.called.len());
        talk.server.poison = None;
        let ahead = talk.late(-3_600, 7);
        talk.wait(700);
        assert_eq!(talk.ids().last(), Some(&ahead), "{poisoned:?}: it is looked for again");
        talk.again(1_000);
        talk.wait(700);
        assert_eq!(talk.told().len(), ids.len() + 1, "{poisoned:?}");
    }
}

#[test]
fn a_server_that_wants_no_calls_gets_none_of_either_kind() {
    for is_page in [true, false] {
        let mut talk = Talk::live();
        if is_page {
            talk.server.troubles.push_back(Trouble::Busy(Some(29)));
        } else {
            talk.server.channels_down = Some(Trouble::Busy(Some(60)));
        }
        let part = if is_page { "events" } else { "channels" };
        while talk.calls_to(part).is_empty() {
            talk.wait(1);
        }
        let refused = talk.calls_to(part)[0];
        talk.server.channels_down = None;
        talk.wait(200);
        let next = talk.called.iter().map(|(second, _)| *second).find(|second| *second > refused).unwrap();
        assert!(next - refused >= if is_page { 29 } else { 60 }, "{is_page} {refused} {next}");
        let id = talk.happen(7);
        talk.wait(10);
        assert!(talk.ids() == [id] && talk.calls_to("channels").len() > 2 && talk.gaps().is_empty());
    }
}

#[test]
fn the_latest_events_are_not_asked_for_while_the_server_wants_no_calls() {
    let mut talk = Talk::live();
    talk.server.down = Some(Trouble::Status(500));
    talk.wait(2);
    talk.server.down = None;
    let now = talk.server_now();
    (talk.server.poison, talk.server.poisoned) = (Some((now, now)), (503, Some(60)));
    talk.forget();
    talk.wait(110);
    let calls: Vec<i64> = talk.called.iter().map(|(second, _)| *second).collect();
    assert!(calls.len() > 2 && calls[1] - calls[0] >= 60, "{calls:?}");
}

#[test]
fn a_first_start_that_is_held_up_tells_what_is_dated_ahead_and_comes_meanwhile() {
    let mut talk = Talk::new();
    talk.server.channels_down = Some(Trouble::Busy(Some(60)));
    talk.start();
    talk.wait(10);
    let id = talk.late(-3_600, 7);
    talk.wait(100);
    assert_eq!(talk.ids(), [id]);
}
