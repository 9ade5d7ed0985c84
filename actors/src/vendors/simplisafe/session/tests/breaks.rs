//! Breaks: what was missed is read out of the history, and only what is not there is a gap.

use super::cloud::{Cloud, From};
use super::*;
use crate::vendors::simplisafe::wire::Event;
use serde_json::json;

#[test]
fn what_was_missed_is_told_in_order_and_there_is_no_gap() {
    for from in [From::Older, From::UpTo, From::AtOrAfter, From::Ignored] {
        let mut talk = Talk::live();
        talk.cloud.from = from;
        talk.happen(HOME, 9401, json!({}));
        talk.lose(5);
        let armed = talk.miss(HOME, 3401, json!({}));
        talk.pass(Duration::from_secs(3));
        let (off, test) = (talk.miss(HOME, 1400, json!({})), talk.miss(CABIN, 1602, json!({})));
        talk.cloud.hangs = true;
        talk.start();
        talk.forget();
        let live = talk.happen(HOME, 3441, json!({}));
        assert_eq!(talk.told(), [], "what comes meanwhile is held");
        talk.cloud.hangs = false;
        talk.settle();
        let home: Vec<_> = talk.told().into_iter().filter(|(id, _)| **id != test).collect();
        assert_eq!(home, [(&*armed, Origin::Backfill), (&*off, Origin::Backfill), (&*id(&live), Origin::Live)]);
        assert!(talk.told().contains(&(&test, Origin::Backfill)));
        assert_eq!(talk.gaps(), Vec::<Value>::new());
        assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("armed_home"));
        assert!(talk.session.is_caught_up());
        talk.wait(1_000);
        assert_eq!(talk.told().len(), 4, "nothing is told twice");
    }
}

#[test]
fn an_unknown_code_is_new_once_whatever_breaks() {
    let mut talk = Talk::live();
    talk.happen(HOME, 7_777, json!({}));
    talk.again(5);
    let is_new = |talk: &mut Talk, json: &str| talk.session.codes.read(&Event::read(json).unwrap(), false).is_new;
    assert!(!is_new(&mut talk, r#"{"eventCid":7777}"#));
    assert!(is_new(&mut talk, r#"{"eventCid":7778}"#));
}

#[test]
fn pages_lead_back_as_far_as_is_needed_whatever_the_cursor_means() {
    for from in [From::Older, From::UpTo] {
        let mut talk = Talk::live();
        talk.cloud.from = from;
        talk.lose(10);
        let mut missed = Vec::new();
        // More in some seconds than others; one second is cut in two by a page.
        for nth in 0..230 {
            if nth % 7 == 0 {
                talk.pass(Duration::from_secs(1));
            }
            missed.push(talk.miss(HOME, 1604, json!({"nth": nth})));
        }
        talk.start();
        talk.wait(10);
        assert_eq!(talk.ids(), missed, "{from:?}");
        assert_eq!(talk.gaps(), Vec::<Value>::new());
    }
}

#[test]
fn where_pages_do_not_lead_on_the_rest_is_a_gap_of_that_system_alone() {
    for from in [From::AtOrAfter, From::Ignored] {
        let mut talk = Talk::live();
        talk.cloud.from = from;
        talk.lose(10);
        let (mut missed, begin) = (Vec::new(), talk.second());
        for _ in 0..80 {
            talk.pass(Duration::from_secs(1));
            missed.push(talk.miss(HOME, 1604, json!({})));
        }
        talk.start();
        assert_eq!(talk.ids(), missed[30..]);
        let gaps = talk.gaps();
        assert_eq!(gaps.len(), 1);
        assert_eq!((&gaps[0]["item"], &gaps[0]["reason"]), (&json!("systems/11"), &json!("connection_lost")));
        assert_eq!(gaps[0]["recovered"], "later_events");
        let from: Timestamp = gaps[0]["from"].as_str().unwrap().parse().unwrap();
        let to: Timestamp = gaps[0]["to"].as_str().unwrap().parse().unwrap();
        assert_eq!(
            (from.as_second(), to.as_second()),
            (at(begin - 10), at(begin + 32)),
            "it ends behind the first second of which something is told, which may be cut short"
        );
        assert!(talk.session.is_caught_up());
        talk.wait(1_000);
        assert_eq!((talk.gaps().len(), talk.ids().len()), (1, 50), "it is told once");
    }
}

#[test]
fn what_a_page_has_cut_out_of_the_second_of_the_break_lies_in_a_gap() {
    let mut talk = Talk::live();
    talk.cloud.from = From::Ignored;
    talk.lose(0);
    let begin = talk.second();
    let missed: Vec<_> = (0..80)
        .map(|nth| {
            if nth == 60 {
                talk.pass(Duration::from_secs(1));
            }
            talk.miss(HOME, 1604, json!({}))
        })
        .collect();
    talk.start();
    assert_eq!(talk.ids(), missed[30..]);
    let gaps = talk.gaps();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let [from, to] = ["from", "to"].map(|end| gaps[0][end].as_str().unwrap().parse::<Timestamp>().unwrap().as_second());
    assert!(from <= at(begin) && at(begin) < to, "{gaps:?}");
}

#[test]
fn what_the_timeline_has_lost_is_a_gap_and_a_quiet_house_is_none() {
    let mut talk = Talk::live();
    talk.happen(HOME, 1602, json!({}));
    talk.cloud.home().timeline = Some(3_600);
    talk.wait(400);
    talk.forget();
    talk.lose(2 * 3_600);
    let kept = talk.miss(HOME, 1604, json!({}));
    talk.start();
    let told: Vec<_> = talk.ids();
    assert_eq!(told, [&*kept]);
    let gaps = talk.gaps();
    assert_eq!((gaps.len(), &gaps[0]["item"]), (1, &json!("systems/11")));
    // A minute without anything, in a house in which nothing has happened for longer than the timeline reaches.
    talk.wait(2 * 3_600);
    talk.forget();
    talk.again(60);
    assert_eq!((talk.gaps().len(), talk.ids().len()), (0, 0));
}

#[test]
fn a_history_that_cannot_be_read_is_asked_again_and_its_gap_told_when_that_is_given_up() {
    let mut talk = Talk::live();
    talk.lose(10);
    let missed = talk.miss(HOME, 3401, json!({}));
    talk.cloud.refuse("subscriptions/11/events", 504, r#"{"type":"GatewayTimeout"}"#);
    talk.start();
    talk.forget();
    let other = talk.happen(CABIN, 1602, json!({}));
    assert_eq!(talk.ids(), [&*id(&other)], "the other system goes on");
    talk.wait(20);
    assert_eq!((talk.gaps().len(), talk.session.is_caught_up()), (0, false), "it may still come");
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("off"), "by the poll");
    let tries = talk.calls_to("subscriptions/11/events").len();
    assert!((2..5).contains(&tries), "with growing pauses: {tries}");
    talk.wait(3_600);
    let gaps = talk.gaps();
    assert_eq!(
        (gaps.len(), &gaps[0]["recovered"], &gaps[0]["item"]),
        (1, &json!("latest_states"), &json!("systems/11"))
    );
    assert!(talk.session.is_caught_up());
    talk.cloud.refuses.clear();
    talk.wait(400);
    assert!(talk.told().contains(&(&*missed, Origin::Backfill)), "once it can be read it is told all the same");
    assert_eq!(talk.gaps().len(), 1);
}

#[test]
fn bad_frames_make_a_history_that_fails_given_up_no_sooner() {
    let mut talk = Talk::live();
    talk.wait(100);
    talk.cloud.refuse("subscriptions/11/events", 409, "");
    for _ in 0..20 {
        talk.receive("{");
        talk.settle();
        talk.wait(20);
    }
    assert_eq!((talk.gaps().len(), talk.session.is_caught_up()), (0, false), "it may still come");
    talk.cloud.refuses.clear();
    talk.wait(300);
    assert_eq!((talk.gaps().len(), talk.session.is_caught_up()), (0, true));
}

#[test]
fn a_short_error_of_the_history_is_no_gap() {
    let mut talk = Talk::live();
    talk.lose(10);
    let missed = talk.miss(HOME, 3401, json!({}));
    talk.cloud.unreachable = true;
    talk.start();
    talk.cloud.unreachable = false;
    talk.wait(10);
    assert_eq!((talk.told(), talk.gaps().len()), (vec![(&*missed, Origin::Backfill)], 0));
    assert!(talk.session.is_caught_up());
}

#[test]
fn a_second_break_goes_on_with_the_same_stretch() {
    let mut talk = Talk::live();
    talk.lose(10);
    let first = talk.miss(HOME, 3401, json!({}));
    talk.cloud.refuse("events", 502, "<html>");
    talk.start();
    talk.wait(30);
    talk.lose(10);
    let second = talk.miss(HOME, 1400, json!({}));
    talk.start();
    talk.cloud.refuses.clear();
    talk.wait(60);
    assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*first, &*second], 0));
}

#[test]
fn a_push_that_was_lost_is_found_within_minutes_and_one_that_is_late_told_once() {
    let mut talk = Talk::live();
    let lost = talk.miss(HOME, 1458, json!({"sensorType": 15, "sensorSerial": "bell"}));
    let late = talk.cloud.happen(HOME, talk.second(), 1170, json!({"sensorType": 17, "sensorSerial": "cam"}));
    talk.wait(330);
    assert_eq!(talk.told(), [(&*lost, Origin::Backfill), (&*id(&late), Origin::Backfill)]);
    talk.push(&late);
    assert_eq!(talk.ids().len(), 2);
    talk.again(5);
    talk.push(&late);
    assert_eq!(talk.ids().len(), 2, "over a break too");
}

#[test]
fn an_event_that_is_pushed_a_minute_late_sets_no_state_that_is_newer() {
    let mut talk = Talk::live();
    let armed = talk.cloud.happen(HOME, talk.second(), 3401, json!({}));
    talk.pass(Duration::from_secs(30));
    let off = talk.happen(HOME, 1400, json!({}));
    talk.pass(Duration::from_secs(35));
    talk.push(&armed);
    assert_eq!(talk.ids(), [&*id(&off), &*id(&armed)]);
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("off"));
}

#[test]
fn a_house_with_two_hundred_events_a_minute_keeps_a_small_checkpoint() {
    let mut talk = Talk::live();
    for _ in 0..30 {
        for _ in 0..200 {
            talk.happen(HOME, 1170, json!({"sensorType": 17, "sensorSerial": "cam"}));
        }
        talk.wait(60);
    }
    assert_eq!(talk.ids().len(), 6_000);
    let size = talk.session.checkpoint().unwrap().0.len();
    assert!(size < 300_000, "{size}");
    talk.again(5);
    assert_eq!((talk.ids().len(), talk.gaps().len()), (6_000, 0));
}

#[test]
fn an_event_that_is_pushed_after_a_break_does_not_hide_its_gap() {
    let mut talk = Talk::live();
    talk.cloud.home().timeline = Some(3_600);
    talk.wait(400);
    talk.forget();
    talk.lose(60);
    let lost = talk.miss(HOME, 1604, json!({}));
    talk.pass(Duration::from_secs(2 * 3_600));
    talk.cloud.refuse("/11/events", 504, "");
    talk.start();
    talk.pass(Duration::from_secs(1));
    let live = talk.happen(HOME, 1602, json!({}));
    talk.wait(6);
    assert_eq!(talk.ids(), [&*id(&live)]);
    talk.cloud.refuses.clear();
    talk.wait(60);
    assert!(!talk.ids().contains(&&*lost));
    let gaps = talk.gaps();
    assert_eq!((gaps.len(), &gaps[0]["item"]), (1, &json!("systems/11")), "{gaps:?}");
}

#[test]
fn clocks_that_differ_lose_nothing_and_gaps_are_told_by_the_one_of_the_cloud() {
    for ahead in [7_200, -7_200] {
        let mut talk = Talk::new();
        talk.cloud = Cloud::ahead(ahead);
        talk.start();
        let lost = talk.miss(HOME, 1602, json!({}));
        talk.wait(400);
        assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*lost], 0), "{ahead}");
        let begin = talk.second();
        talk.lose(100);
        let missed = talk.miss(HOME, 1602, json!({}));
        talk.start();
        assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*lost, &*missed], 0), "{ahead}");
        talk.cloud.from = From::Ignored;
        talk.lose(100);
        for _ in 0..60 {
            talk.pass(Duration::from_secs(1));
            talk.miss(HOME, 1604, json!({}));
        }
        talk.start();
        let gaps = talk.gaps();
        let second = |end: &str| gaps[0][end].as_str().unwrap().parse::<Timestamp>().unwrap().as_second();
        let told = [second("from"), second("to")];
        assert_eq!((gaps.len(), told), (1, [at(begin + 100 + ahead), at(begin + 212 + ahead)]));
    }
}

#[test]
fn a_long_history_is_read_at_a_pace_and_goes_on_where_it_was_held_up() {
    let mut talk = Talk::live();
    talk.lose(1);
    let mut missed = Vec::new();
    for _ in 0..1_500 {
        talk.pass(Duration::from_secs(1));
        missed.push(talk.miss(HOME, 1604, json!({})));
    }
    // A cloud that blocks for ten minutes whoever asks 20 times in a minute, and a hiccup besides.
    talk.cloud.calls_most = Some((20, Duration::from_secs(600)));
    talk.start();
    talk.wait(7);
    talk.cloud.unreachable = true;
    talk.wait(3);
    talk.cloud.unreachable = false;
    while !talk.session.is_caught_up() && talk.second() < 10_000 {
        talk.wait(5);
    }
    // What was in hand when it was held up came before what is older.
    let mut told = talk.ids();
    told.sort_unstable();
    assert!(told == missed, "{} events", told.len());
    assert_eq!(talk.gaps().len(), 0);
    assert!(talk.session.is_caught_up());
    let pages = talk.called.iter().filter(|(_, path)| path.contains("/11/events?") && path.contains("fromTimestamp"));
    let mut cursors: Vec<_> = pages.map(|(_, path)| path.clone()).collect();
    let asked = cursors.len();
    cursors.sort();
    cursors.dedup();
    assert!(asked <= cursors.len() + 8, "{asked} calls for {} pages", cursors.len());
    let most = talk.called.iter().map(|(second, _)| talk.called.iter().filter(|(at, _)| at == second).count()).max();
    assert!(most <= Some(16), "{most:?} calls in a second");
}

#[test]
fn what_a_block_keeps_back_for_an_hour_is_told_to_be_missing() {
    let mut talk = Talk::live();
    talk.lose(10);
    let missed = talk.miss(HOME, 1604, json!({}));
    talk.cloud.blocked_until = Some(talk.now.instant + Duration::from_secs(7_600));
    talk.start();
    talk.wait(3_500);
    assert_eq!(talk.gaps().len(), 0, "it may still come");
    talk.wait(200);
    assert_eq!(talk.gaps().len(), 2, "of each system");
    talk.wait(4_000);
    assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*missed], 2), "and it is told when it can be had");
}

#[test]
fn a_system_that_is_not_listed_loses_no_gap_and_no_event_when_it_comes_back() {
    let mut talk = Talk::live();
    talk.lose(10);
    let missed = talk.miss(CABIN, 1604, json!({}));
    talk.cloud.refuse("/22/", 504, "");
    let cabin = talk.cloud.systems.remove(&CABIN).unwrap();
    talk.start();
    talk.wait(200);
    let gaps = talk.gaps();
    assert_eq!((gaps.len(), &gaps[0]["item"]), (1, &json!("systems/22")), "{gaps:?}");
    talk.again(5);
    talk.wait(200);
    assert_eq!(talk.gaps().len(), 1, "it is told once, over a restart too");
    talk.cloud.refuses.clear();
    talk.cloud.systems.insert(CABIN, cabin);
    let meanwhile = talk.miss(CABIN, 1604, json!({}));
    talk.wait(100);
    assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*missed, &*meanwhile], 1));
    assert_eq!(talk.value(&system(CABIN), "alarm").as_deref(), Some("off"));
}

#[test]
fn pushes_that_are_lost_without_a_break_are_a_gap_where_the_history_does_not_tell_all_of_them() {
    let mut talk = Talk::live();
    talk.cloud.from = From::Ignored;
    // In a busy house of which all is pushed nothing is missing, although a page does not reach back to the one before.
    for _ in 0..600 {
        talk.happen(HOME, 1170, json!({"sensorType": 17, "sensorSerial": "cam"}));
        talk.wait(2);
    }
    assert_eq!((talk.ids().len(), talk.gaps().len()), (600, 0));
    talk.wait(400);
    for _ in 0..80 {
        talk.miss(HOME, 1604, json!({}));
    }
    talk.wait(400);
    let gaps = talk.gaps();
    assert_eq!((gaps.len(), &gaps[0]["item"], &gaps[0]["reason"]), (1, &json!("systems/11"), &json!("lost_pushes")));
    assert_eq!(talk.ids().len(), 650);
}

#[test]
fn a_system_that_is_new_after_a_restart_has_no_gap() {
    let mut talk = Talk::live();
    talk.lose(2 * 86_400);
    let mut new = talk.cloud.systems[&HOME].clone();
    new.history.clear();
    talk.cloud.systems.insert(33, new);
    talk.start();
    talk.wait(400);
    let of_new = |gap: &Value| gap["item"] == "systems/33";
    assert!(!talk.gaps().iter().any(of_new), "{:?}", talk.gaps());
}

/// From and to of a gap, in seconds.
fn ends(gap: &Value) -> [i64; 2] {
    ["from", "to"].map(|end| gap[end].as_str().unwrap().parse::<Timestamp>().unwrap().as_second())
}

#[test]
fn of_a_second_with_more_events_than_a_page_holds_it_is_said_that_not_all_can_be_had() {
    for from in [From::Older, From::UpTo, From::AtOrAfter, From::Ignored] {
        for (burst, behind) in [(60, 0), (120, 5), (50, 5)] {
            let mut talk = Talk::live();
            talk.cloud.from = from;
            talk.lose(10);
            let before = talk.miss(HOME, 1604, json!({}));
            talk.pass(Duration::from_secs(10));
            let burst: Vec<_> = (0..burst).map(|_| talk.miss(HOME, 1604, json!({}))).collect();
            let second = at(talk.second());
            talk.pass(Duration::from_secs(5));
            let behind: Vec<_> = (0..behind).map(|_| talk.miss(HOME, 1604, json!({}))).collect();
            talk.pass(Duration::from_secs(5));
            talk.start();
            talk.wait(600);
            let (told, gaps) = (talk.ids(), talk.gaps());
            let hit = |second: i64| gaps.iter().any(|gap| ends(gap)[0] <= second && second <= ends(gap)[1]);
            assert_eq!(gaps.iter().map(|gap| &gap["item"]).collect::<Vec<_>>(), [&json!("systems/11")], "{from:?}");
            assert!(burst.iter().all(|id| told.contains(&&**id)) || hit(second), "{from:?} {gaps:?}");
            assert!(told.contains(&&*before) || hit(second - 10), "{from:?} {gaps:?}");
            assert!(behind.iter().all(|id| told.contains(&&**id)));
            if from == From::Older {
                assert_eq!((ends(&gaps[0]), told.contains(&&*before)), ([second, second + 1], true));
            }
        }
    }
}

#[test]
fn a_second_that_fills_a_page_is_no_gap_where_all_of_it_was_pushed() {
    let mut talk = Talk::live();
    for _ in 0..60 {
        talk.happen(HOME, 1604, json!({}));
    }
    talk.wait(1_000);
    talk.again(5);
    talk.wait(1_000);
    assert_eq!((talk.ids().len(), talk.gaps().len()), (60, 0));
}

#[test]
fn a_break_hides_no_pushes_that_were_lost_before_it() {
    for silent in [200, 20] {
        let mut talk = Talk::live();
        talk.cloud.from = From::Ignored;
        talk.wait(1_000);
        talk.forget();
        let begin = at(talk.second());
        for _ in 0..80 {
            talk.miss(HOME, 1604, json!({}));
            talk.pass(Duration::from_secs(1));
        }
        talk.pass(Duration::from_secs(silent));
        talk.again(5);
        assert_eq!(talk.ids().len(), 50);
        let gaps = talk.gaps();
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert!(ends(&gaps[0])[0] <= begin, "{gaps:?}");
    }
}

#[test]
fn a_time_at_the_end_of_all_times_is_survived() {
    let mut talk = Talk::live();
    talk.cloud.home().timeline = None;
    for nth in 0..60 {
        let more = json!({"nth": nth, "eventTimestamp": i64::MAX});
        talk.miss(HOME, 1604, more);
    }
    talk.again(5);
    talk.wait(700);
    assert!(talk.end.is_none());
}
