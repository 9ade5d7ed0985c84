//! Lists as they are meant, and as they may be.

use super::server::Order;
use super::*;

#[test]
fn a_first_start_begins_now_and_what_comes_is_told_within_a_poll() {
    let mut talk = Talk::new();
    for ago in [3_000, 40, 1] {
        talk.late(ago, 7);
    }
    talk.start();
    assert_eq!((talk.onlines, talk.told().len()), (1, 0));
    talk.wait(3);
    let id = talk.happen(7);
    talk.wait(6);
    assert_eq!(talk.told(), [(&*id.to_string(), Origin::Live)]);
    let stored = talk.stored.iter().find(|event| event.kind == "vxg.motion").unwrap();
    assert_eq!((&*stored.item, &*stored.time), ("cameras/7", "2026-06-11T10:00:03.25Z"));
    assert!(stored.data.contains("\"time\":\"2026-06-11T10:00:03.25\""), "{}", stored.data);
    talk.wait(3_000);
    assert_eq!(talk.told().len(), 1);
    assert_eq!(talk.gaps(), []);
}

#[test]
fn a_first_start_tells_the_history_that_is_wanted() {
    for (back, told) in [(600, vec![2, 3]), (7_200, vec![1, 2, 3])] {
        let mut talk = Talk::with(config(), |common| common.backfill_on_first_start = Duration::from_secs(back));
        let first = talk.late(5_000, 7) - 1;
        talk.late(500, 8);
        talk.late(5, 7);
        talk.start();
        let told: Vec<_> = told.into_iter().map(|nth| ((first + nth).to_string(), Origin::Backfill)).collect();
        assert_eq!(talk.told(), told.iter().map(|(id, origin)| (&**id, *origin)).collect::<Vec<_>>());
        let late = talk.late(3_000, 7);
        talk.wait(700);
        assert_eq!(talk.ids().last(), Some(&late), "what comes late is told, though it is older than the start");
    }
}

#[test]
fn what_is_listed_late_is_found_by_a_sweep_and_told_once() {
    let mut talk = Talk::live();
    talk.wait(1_000);
    for ago in [3_599, 1_800, 300, 30] {
        talk.late(ago, 7);
    }
    talk.wait(700);
    assert_eq!(talk.told().len(), 4);
    assert_eq!(talk.told().iter().filter(|(_, origin)| *origin == Origin::Live).count(), 1);
    talk.wait(5_000);
    assert_eq!(talk.told().len(), 4);
}

#[test]
fn events_of_one_poll_are_in_the_order_of_their_times() {
    let mut talk = Talk::live();
    let ids = [talk.late(1, 7), talk.late(3, 8), talk.late(2, 7)];
    talk.wait(6);
    assert_eq!(talk.ids(), [ids[1], ids[2], ids[0]]);
}

#[test]
fn a_camera_whose_clock_is_ahead_is_heard_at_once() {
    let mut talk = Talk::live();
    let id = talk.late(-7_200, 7);
    talk.wait(6);
    assert_eq!(talk.ids(), [id]);
    let other = talk.happen(8);
    talk.wait(20_000);
    assert_eq!(talk.ids(), [id, other], "each once, also when its time has come");
    talk.again(10);
    talk.wait(700);
    assert_eq!(talk.told().len(), 2);
}

#[test]
fn a_changed_meta_is_an_update_and_told_once() {
    let mut talk = Talk::live();
    let id = talk.happen(7);
    talk.wait(6);
    let meta = |talk: &mut Talk, value: Value| talk.server.events.last_mut().unwrap().meta = value;
    for (value, told) in [
        (json!({}), 1),
        (json!({"process": "in_progress"}), 2),
        (json!({"process": "in_progress"}), 2),
        (json!({"process": "done", "by": 7}), 3),
        (json!({"by": 7, "process": "done"}), 3),
        (json!({"process": "in_progress"}), 3),
    ] {
        meta(&mut talk, value);
        talk.wait(6);
        assert_eq!(talk.told().len(), told);
    }
    talk.again(5);
    talk.wait(600);
    assert_eq!(talk.told().len(), 3);
    let update = talk.stored.iter().rfind(|event| event.kind == "vxg.motion.updated").unwrap();
    assert!(update.id.starts_with(&format!("{id}~")) && update.id.len() == id.to_string().len() + 17, "{}", update.id);
}

#[test]
fn a_page_full_of_one_second_hides_nothing() {
    for (limit, start_is_in, end_is_in, whole) in
        [(20, true, true, true), (3, false, false, true), (7, false, true, false), (1, true, false, true)]
    {
        let mut talk = Talk::live();
        let server = &mut talk.server;
        (server.limit, server.start_is_in, server.end_is_in, server.whole_seconds) =
            (limit, start_is_in, end_is_in, whole);
        let now = talk.server_now();
        for nth in 0..50 {
            talk.server.accept(now - (nth / 20) * SECOND, 7, "motion", Value::Null);
        }
        talk.wait(6);
        assert_eq!(talk.told().len(), 50, "{limit}");
        assert_eq!(talk.gaps(), []);
    }
}

#[test]
fn a_server_that_lists_in_another_order_or_from_the_beginning_hides_nothing() {
    for order in [Order::AsAsked, Order::Newest, Order::ById] {
        for (heeds_start, heeds_end, tells_total, tells_next) in [
            (true, true, true, true),
            (false, true, true, false),
            (false, false, false, true),
            (true, false, false, false),
        ] {
            let mut talk = Talk::live();
            let server = &mut talk.server;
            (server.order, server.limit) = (order, 5);
            (server.heeds_start, server.heeds_end) = (heeds_start, heeds_end);
            (server.tells_total, server.tells_next) = (tells_total, tells_next);
            for nth in 0..60 {
                talk.late((nth * 37) % 61, 7 + nth % 2);
            }
            talk.wait(6);
            assert_eq!(talk.told().len(), 60, "{order:?} {heeds_start} {heeds_end} {tells_total} {tells_next}");
            assert_eq!(talk.gaps(), []);
        }
    }
}

#[test]
fn deletions_while_a_list_is_read_hide_nothing() {
    let mut talk = Talk::live();
    (talk.server.limit, talk.server.whole_seconds) = (10, true);
    let old: Vec<_> = (0..5).map(|_| talk.happen(8)).collect();
    for _ in 0..60 {
        talk.happen(7);
    }
    talk.server.deletes = 3;
    talk.wait(6);
    let ids = talk.ids();
    let told = talk.server.events.iter().filter(|event| ids.contains(&event.id)).count();
    assert_eq!(told, talk.server.events.len(), "{old:?}");
    assert_eq!(talk.gaps(), []);
}

#[test]
fn a_list_that_never_holds_still_is_a_gap_and_no_endless_walk() {
    let mut talk = Talk::live();
    (talk.server.limit, talk.server.whole_seconds) = (10, true);
    for _ in 0..400 {
        talk.happen(7);
    }
    talk.server.deletes = 300;
    // What a poll has not found, the next sweep may find.
    talk.session.polls.next_sweep = None;
    talk.wait(6);
    assert_eq!(talk.gaps().len(), 1, "{:?}", talk.gaps());
    assert_eq!(talk.gaps()[0].0, "unstable_list");
    talk.server.deletes = 0;
    talk.wait(60);
    assert_eq!(talk.gaps().len(), 1);
}

#[test]
fn a_count_that_is_too_high_is_told_in_the_log_and_no_gap() {
    let mut talk = Talk::live();
    talk.server.overcounts = 3;
    talk.happen(7);
    talk.wait(60);
    assert_eq!((talk.told().len(), talk.gaps().len(), talk.warned.len()), (1, 0, 1));
}

#[test]
fn pages_shorter_than_asked_for_are_not_the_end() {
    let mut talk = Talk::live();
    (talk.server.limit, talk.server.tells_total, talk.server.tells_next) = (4, false, false);
    for ago in 0..30 {
        talk.late(ago, 7);
    }
    talk.wait(6);
    assert_eq!(talk.told().len(), 30);
}

#[test]
fn whatever_pages_say_of_those_behind_them_none_is_left_out_and_none_is_a_gap() {
    let nexts = [None, Some(false), Some(true)];
    for (limit, next_is, overcounts, tells_nothing, whole_seconds) in nexts
        .into_iter()
        .flat_map(|next_is| [0, 7, -4, -70].map(|over| (next_is, over, false)))
        .chain([(None, 0, true)])
        .flat_map(|(next_is, over, bare)| [1, 7, 20, 1_000].map(|limit| (limit, next_is, over, bare)))
        .flat_map(|(limit, next_is, over, bare)| [false, true].map(|whole| (limit, next_is, over, bare, whole)))
        .filter(|(limit, _, _, bare, _)| *limit > 1 || !bare)
    {
        let mut talk = Talk::live();
        let server = &mut talk.server;
        (server.limit, server.next_is, server.overcounts) = (limit, next_is, overcounts);
        (server.tells_nothing, server.whole_seconds) = (tells_nothing, whole_seconds);
        let now = talk.server_now();
        for nth in 0..90 {
            talk.server.accept(now - nth * 170_000, 7, "motion", Value::Null);
        }
        talk.wait(6);
        let case = format!("{limit} {next_is:?} {overcounts} {tells_nothing} {whole_seconds}");
        assert_eq!((talk.told().len(), talk.gaps()), (90, vec![]), "{case}");
        assert!(talk.warned.len() <= 1, "{case}: {:?}", talk.warned);
    }
}

#[test]
fn eleven_rows_of_which_seven_are_counted_are_all_read() {
    let mut talk = Talk::live();
    (talk.server.limit, talk.server.overcounts) = (7, -4);
    for _ in 0..11 {
        talk.happen(7);
    }
    talk.wait(6);
    assert_eq!((talk.told().len(), talk.gaps().len()), (11, 0));
}

#[test]
fn a_count_that_is_another_each_time_is_no_gap() {
    for limit in [4, 1_000] {
        let mut talk = Talk::live();
        (talk.server.limit, talk.server.overcounts, talk.server.counts_on) = (limit, 500, true);
        for _ in 0..30 {
            talk.happen(7);
            talk.wait(6);
        }
        assert_eq!((talk.told().len(), talk.gaps(), talk.warned.len()), (30, vec![], 1), "{limit}");
    }
}

#[test]
fn to_doubt_what_pages_say_costs_a_call_or_two() {
    for next_is in [None, Some(true)] {
        let mut talk = Talk::live();
        (talk.server.next_is, talk.server.tells_nothing) = (next_is, next_is.is_none());
        for ago in 0..30 {
            talk.late(ago, 7);
        }
        talk.wait(6);
        let calls = talk.calls_to("storage/events").len();
        assert!(talk.told().len() == 30 && calls <= 3, "{next_is:?} {calls}");
    }
}

#[test]
fn a_camera_whose_clock_was_ahead_at_the_first_start_is_history() {
    let mut talk = Talk::new();
    talk.late(-30, 7);
    talk.late(-7_200, 7);
    talk.start();
    talk.wait(9_000);
    assert_eq!(talk.told(), []);
    let id = talk.late(-30, 7);
    talk.wait(6);
    assert_eq!(talk.ids(), [id]);
}

#[test]
fn what_was_ahead_at_a_first_start_is_history_whatever_the_server_refuses_first() {
    for (limit, wants_cameras, troubles) in [(200, false, 0), (20, true, 0), (1_000, true, 0), (1_000, false, 2)] {
        let mut talk = Talk::new();
        (talk.server.limit, talk.server.refuses_more, talk.server.wants_cameras) = (limit, true, wants_cameras);
        talk.server.troubles.extend(std::iter::repeat_n(Trouble::Status(500), troubles));
        talk.late(-30, 7);
        talk.late(-7_200, 7);
        talk.start();
        talk.wait(9_000);
        assert_eq!((talk.told(), talk.onlines), (vec![], 1), "{limit} {wants_cameras} {troubles}");
    }
}

#[test]
fn a_camera_whose_clock_is_far_ahead_is_heard_with_the_next_sweep_and_doubted_once() {
    let day = 86_400;
    let mut talk = Talk::new();
    talk.late(-50 * day, 7);
    talk.start();
    talk.wait(700);
    assert_eq!((talk.told(), talk.warned.len()), (vec![], 1), "it was there before");
    let ids = [talk.late(-40 * day, 7), talk.late(-300 * day, 8)];
    talk.wait(700);
    assert_eq!((&talk.ids()[..], talk.warned.len()), (&ids[..], 2), "{:?}", talk.warned);
    assert!(talk.warned[1].contains("camera 8"), "{:?}", talk.warned);
    talk.again(1_000);
    talk.wait(1_500);
    assert_eq!((talk.ids().len(), talk.gaps()), (2, vec![]), "each once");
}

#[test]
fn a_camera_that_is_far_ahead_for_long_costs_no_more_than_so_much() {
    let mut talk = Talk::live();
    for nth in 0..3_000 {
        talk.late(-86_400 * 30 - nth * 600, 7);
    }
    talk.wait(700);
    let told = talk.told().len();
    assert!((1_000..3_000).contains(&told), "{told}");
    talk.forget();
    let id = talk.happen(8);
    talk.wait(3_000);
    assert_eq!((talk.ids(), talk.gaps()), (vec![id], vec![]));
    assert!(talk.calls_to("storage/events").len() < 640, "{}", talk.called.len());
}

#[test]
fn a_list_that_holds_still_never_again_is_told_so_with_sweeps_and_each_stretch_once() {
    let mut talk = Talk::live();
    (talk.server.limit, talk.server.whole_seconds, talk.server.deletes) = (10, true, usize::MAX);
    for _ in 0..70 {
        for _ in 0..30 {
            talk.happen(7);
        }
        talk.wait(20);
    }
    let gaps = talk.gaps();
    assert!((1..=3).contains(&gaps.len()), "{gaps:?}");
    assert!(gaps.iter().map(|(_, _, seconds)| seconds).sum::<i64>() <= 5_000, "{gaps:?}");
}

#[test]
fn polls_go_on_where_cameras_are_a_little_ahead() {
    let mut talk = Talk::live();
    for _ in 0..60 {
        talk.late(-30, 7);
        talk.wait(50);
    }
    let newest = talk.session.cursor.newest.unwrap().at;
    assert!(talk.server_now() - newest < 90 * SECOND, "{}", (talk.server_now() - newest) / SECOND);
    assert_eq!(talk.told().len(), 60);
}

#[test]
fn hostile_answers_neither_stop_it_nor_make_it_spin() {
    let event = |id: &str, time: &str| format!(r#"{{"id":{id},"camid":7,"name":"motion","time":"{time}"}}"#);
    let rows = [
        event("-5", "2026-06-11T10:00:02"),
        event("9223372036854775807", "2026-06-11T10:00:01"),
        event("99999999999999999999", "2026-06-11T10:00:01"),
        event("4", "9999-12-31T23:59:59"),
        event("5", "0001-01-01T00:00:00"),
        event("6", "nonsense"),
        event("\"71\"", "2026-06-11T10:00:03Z"),
        "7".to_owned(),
        "null".to_owned(),
        r#"{"id":8,"camid":99,"time":"2026-06-11T10:00:02","access_token":"secret-3"}"#.to_owned(),
    ];
    for meta in [
        r#"{"limit":0,"offset":0,"next":null,"total_count":10}"#,
        r#"{"limit":0,"next":"/api/v2/x","total_count":100000}"#,
        r#"{"limit":1000000,"next":"/api/v2/x"}"#,
        r#"{"total_count":-1}"#,
        "null",
        "7",
    ] {
        let mut talk = Talk::live();
        let body = format!(r#"{{"meta":{meta},"objects":[{}]}}"#, rows.join(","));
        talk.server.bodies.extend(std::iter::repeat_n(body, 3_000));
        talk.wait(12);
        assert!(talk.called.len() < 100, "{meta} {}", talk.called.len());
        let mut told = talk.ids();
        told.sort_unstable();
        assert_eq!(told, [-5, 8, 71, i64::MAX], "{meta}");
        assert!(talk.stored.iter().all(|event| !event.data.contains("secret")));
        assert!(!talk.warned.is_empty() && talk.warned.len() < 8, "{:?}", talk.warned);
        talk.server.bodies.clear();
        talk.wait(1_000);
        let id = talk.happen(8);
        talk.wait(40);
        assert_eq!(talk.ids().last(), Some(&id), "{meta} {:?}", talk.end);
    }
}

#[test]
fn a_flood_is_read_in_parts_and_in_order() {
    let mut talk = Talk::live();
    talk.wait(100);
    talk.forget();
    let now = talk.server_now();
    for nth in 0..12_500 {
        talk.server.accept(now - nth * 9_000, 7, "motion", Value::Null);
    }
    talk.wait(6);
    assert_eq!(talk.told().len(), 12_500);
    assert!(talk.ids().windows(2).all(|pair| pair[0] > pair[1]));
    assert!(talk.called.len() < 30, "{}", talk.called.len());
}

#[test]
fn polls_that_are_further_apart_than_a_sweep_goes_back_are_no_breaks() {
    let mut config = config();
    (config.sweep, config.poll_every, config.poll_most) =
        (Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(60));
    let mut talk = Talk::with(config, |_| ());
    talk.start();
    for _ in 0..10 {
        let id = talk.happen(7);
        talk.wait(70);
        assert_eq!(talk.told().last(), Some(&(&*id.to_string(), Origin::Live)));
    }
    talk.forget();
    talk.wait(600);
    assert!(talk.called.iter().all(|(_, path)| !path.contains("events/33")), "{:?}", talk.called);
}
