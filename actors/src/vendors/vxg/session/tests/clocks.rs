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
        talk.server.ahead = 7_200;
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
    talk.server.ahead = 86_400;
    talk.start();
    let mut ids = Vec::new();
    listen(&mut talk, 9_000, 0, &mut ids);
    assert!(talk.told().is_empty(), "its cameras are a day behind");
    talk.server.ahead = 0;
    talk.again(60);
    talk.wait(60);
    let [(reason, _, seconds)] = &talk.gaps()[..] else { panic!("{:?}", talk.gaps()) };
    assert!(reason == "clock_set_back" && (9_000..13_000).contains(seconds), "{reason} {seconds}");
}
