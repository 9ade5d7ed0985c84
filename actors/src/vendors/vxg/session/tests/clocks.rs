//! Clocks that are set.

use super::*;

/// An event every ten seconds by a clock that is right, for so long.
fn listen(talk: &mut Talk, seconds: u64, right: i64, ids: &mut Vec<i64>) {
    for _ in 0..seconds / 10 {
        let at = talk.now.wall.as_microsecond() + right * SECOND;
        ids.push(talk.server.accept(at, 7, "motion", Value::Null));
        talk.wait(10);
    }
}

#[test]
fn a_clock_that_is_set_and_set_back_between_two_readings_hides_nothing() {
    for (by, is_ours) in [(7_200, false), (-7_200, false), (1_000, false), (7_200, true), (-7_200, true)] {
        let mut talk = Talk::live();
        talk.server.tells_date = !is_ours;
        talk.again(5);
        let mut ids = Vec::new();
        listen(&mut talk, 1_000, 0, &mut ids);
        let set = |talk: &mut Talk, by: i64| match is_ours {
            true => talk.now.wall += SignedDuration::from_secs(by),
            false => talk.server.ahead += by,
        };
        set(&mut talk, by);
        listen(&mut talk, 1_500, if is_ours { -by } else { 0 }, &mut ids);
        set(&mut talk, -by);
        listen(&mut talk, 1_000, 0, &mut ids);
        assert_eq!(talk.ids(), ids, "{by} {is_ours}");
        // Set back by more than a sweep it looks as if it had been ahead before.
        assert_eq!(talk.gaps().len(), usize::from(by < 0), "{by} {is_ours} {:?}", talk.gaps());
    }
}

#[test]
fn a_clock_that_was_wrong_from_the_start_leaves_a_gap_and_no_deafness() {
    for is_restarted in [false, true] {
        let mut talk = Talk::live();
        let mut ids = Vec::new();
        listen(&mut talk, 100, 0, &mut ids);
        talk.server.ahead = 10 * 86_400;
        talk.again(5);
        listen(&mut talk, 1_500, 0, &mut ids);
        talk.server.ahead = 0;
        if is_restarted {
            talk.again(5);
        }
        talk.wait(60);
        let mut later = Vec::new();
        listen(&mut talk, 1_000, 0, &mut later);
        let [(reason, _, seconds)] = &talk.gaps()[..] else { panic!("{is_restarted} {:?}", talk.gaps()) };
        assert!(reason == "clock_set_back" && *seconds >= 1_490, "{reason} {seconds}");
        assert!(talk.ids().ends_with(&later), "{is_restarted}");
        talk.again(60);
        assert_eq!(talk.gaps().len(), 1);
    }
}

#[test]
fn where_there_never_was_an_event_the_gap_begins_with_the_first_start() {
    let mut talk = Talk::new();
    talk.server.ahead = 10 * 86_400;
    talk.start();
    let mut ids = Vec::new();
    listen(&mut talk, 9_000, 0, &mut ids);
    assert!(talk.told().is_empty(), "its cameras are ten days behind");
    talk.server.ahead = 0;
    talk.again(60);
    talk.wait(60);
    let [(reason, _, seconds)] = &talk.gaps()[..] else { panic!("{:?}", talk.gaps()) };
    assert!(reason == "clock_set_back" && (9_000..13_000 + 3 * 86_400).contains(seconds), "{reason} {seconds}");
}

/// A session with the token of one camera: its first question is for events.
fn of_one_camera() -> Talk {
    let mut config = config();
    (config.scheme, config.cameras) = (Some(Scheme::Acc), Cameras::Only(vec![7]));
    Talk::with(config, |_| ())
}

#[test]
fn dates_that_are_wrong_for_ever_hide_nothing() {
    let day = 86_400;
    for (off, is_one) in [7_200, -7_200, 2 * day, -2 * day].into_iter().flat_map(|off| [(off, false), (off, true)]) {
        let mut talk = if is_one { of_one_camera() } else { Talk::new() };
        talk.server.date_off = off;
        talk.late(600, 7);
        talk.start();
        assert_eq!((talk.onlines, talk.told()), (1, vec![]), "{off}");
        talk.wait(3);
        let mut ids = Vec::new();
        listen(&mut talk, 600, 0, &mut ids);
        assert_eq!(talk.ids(), ids, "{off}");
        assert!(talk.told().iter().all(|(_, origin)| *origin == Origin::Live), "{off} {:?}", talk.told());
        ids.push(talk.late(3_000, 7));
        talk.wait(700);
        assert_eq!(talk.ids().last(), ids.last(), "{off}: what is listed late is found by sweeps");
        talk.lose(0);
        for _ in 0..60 {
            ids.push(talk.happen(7));
            talk.pass(Duration::from_secs(60));
        }
        talk.start();
        talk.called.clear();
        listen(&mut talk, 1_500, 0, &mut ids);
        assert_eq!((talk.ids(), talk.gaps()), (ids.clone(), vec![]), "{off} {is_one}");
        let looks_back =
            |talk: &Talk| talk.called.iter().filter(|call| asked_ago(call).is_some_and(|ago| ago > 200)).count();
        assert!(looks_back(&talk) < 30, "{off}: polls begin near the newest event, {}", looks_back(&talk));
        // One for each try.
        assert_eq!(talk.warned.iter().filter(|what| what.contains("clock")).count(), 2, "{off} {:?}", talk.warned);
        talk.server.date_off = 0;
        talk.again(60);
        listen(&mut talk, 1_000, 0, &mut ids);
        assert_eq!((talk.ids(), talk.gaps()), (ids, vec![]), "{off} {is_one}: put right");
    }
}

#[test]
fn our_clock_that_is_set_in_mid_run_changes_nothing_where_dates_are_right() {
    for by in [-7_200, 7_200] {
        let mut talk = Talk::live();
        let mut ids = Vec::new();
        listen(&mut talk, 4_000, 0, &mut ids);
        talk.now.wall += SignedDuration::from_secs(by);
        talk.server.ahead -= by;
        listen(&mut talk, 1_500, -by, &mut ids);
        assert_eq!((talk.ids(), talk.gaps()), (ids, vec![]), "{by}");
    }
}

#[test]
fn a_date_that_never_moves_is_no_clock() {
    for off in [0, 7_200, -86_400, 2 * 86_400, -2 * 86_400] {
        let mut talk = of_one_camera();
        talk.server.date_stands = Some(talk.server_now() + off * SECOND);
        talk.start();
        let mut ids = Vec::new();
        listen(&mut talk, 4_500, 0, &mut ids);
        talk.called.clear();
        listen(&mut talk, 1_000, 0, &mut ids);
        assert_eq!((talk.ids(), talk.gaps()), (ids, vec![]), "{off}");
        assert!((60..4_400).contains(&farthest(&talk)), "{off} {}", farthest(&talk));
    }
}

#[test]
fn one_wrong_date_at_the_beginning_of_a_try_changes_nothing() {
    let wrong = [vec![-86_400], vec![-20_000], vec![7_200], vec![90 * 86_400], vec![-86_400, 7_200, 90 * 86_400]];
    for (dates, is_one) in wrong.into_iter().flat_map(|dates| [(dates.clone(), false), (dates, true)]) {
        let mut talk = if is_one { of_one_camera() } else { Talk::new() };
        talk.late(3_000, 7);
        talk.start();
        let mut ids = Vec::new();
        listen(&mut talk, 5_000, 0, &mut ids);
        talk.server.dates = dates.clone().into();
        talk.called.clear();
        talk.again(60);
        assert!(talk.called.len() < 10, "{dates:?} {:?}", talk.called);
        listen(&mut talk, 1_000, 0, &mut ids);
        assert_eq!((talk.ids(), talk.gaps()), (ids, vec![]), "{dates:?}");
        assert!(farthest(&talk) < 4_400, "{dates:?}");
    }
}

#[test]
fn a_wrong_date_that_was_confirmed_makes_no_work_once_it_is_put_right() {
    let mut talk = Talk::live();
    let mut ids = Vec::new();
    listen(&mut talk, 5_000, 0, &mut ids);
    talk.server.dates = [vec![0], vec![90 * 86_400; 3]].concat().into();
    talk.again(60);
    listen(&mut talk, 100, 0, &mut ids);
    talk.called.clear();
    listen(&mut talk, 1_000, 0, &mut ids);
    assert_eq!((talk.ids(), talk.gaps()), (ids, vec![]));
    assert!(farthest(&talk) < 4_400 && talk.called.len() < 270, "{} {}", farthest(&talk), talk.called.len());
}

#[test]
fn a_date_that_is_only_there_where_a_window_fails_stops_nothing() {
    let mut talk = of_one_camera();
    talk.start();
    talk.wait(600);
    talk.server.ahead = 200;
    let now = talk.server_now();
    talk.server.poison = Some((now - 1_000 * SECOND, now - 990 * SECOND));
    talk.again(5);
    talk.wait(600);
    let id = talk.happen(7);
    talk.wait(60);
    assert!(talk.ids().ends_with(&[id]), "{:?}", talk.called.last());
}

/// How far back it has asked at most, in seconds, by our clock.
fn farthest(talk: &Talk) -> i64 {
    talk.called.iter().filter_map(asked_ago).max().unwrap()
}

fn asked_ago((second, path): &(i64, String)) -> Option<i64> {
    let start = path.split("start=").nth(1)?.get(..23)?.replace("%3A", ":");
    let start: Timestamp = format!("{start}Z").parse().ok()?;
    Some(begin().as_second() + second - start.as_second())
}

#[test]
fn a_machine_that_slept_catches_up_as_after_a_break() {
    for keeps in [None, Some(7_200)] {
        let mut talk = Talk::live();
        let mut ids = Vec::new();
        listen(&mut talk, 600, 0, &mut ids);
        talk.forget();
        let mut missed = Vec::new();
        for _ in 0..48 {
            missed.push(talk.happen(7));
            talk.now.wall += SignedDuration::from_secs(600);
        }
        talk.server.keeps = keeps;
        talk.wait(60);
        let kept = missed.split_off(if keeps.is_some() { missed.len() - 12 } else { 0 });
        let is_told = |ids: &[i64]| ids == kept || ids == &kept[1..];
        assert!(is_told(&talk.ids()), "{keeps:?}");
        assert!(talk.told().iter().all(|(_, origin)| *origin == Origin::Backfill));
        let gaps = talk.gaps();
        assert_eq!(gaps.len(), usize::from(keeps.is_some()), "{gaps:?}");
        assert!(gaps.iter().all(|(reason, _, seconds)| reason == "retention" && *seconds > 20_000), "{gaps:?}");
        assert!(talk.session.is_caught_up() && talk.end.is_none());
        talk.called.clear();
        talk.wait(1_500);
        assert!(farthest(&talk) < 4_400, "{keeps:?} {}", farthest(&talk));
        assert!(talk.called.len() < 400, "{}", talk.called.len());
    }
}
