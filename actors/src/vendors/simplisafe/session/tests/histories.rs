//! Histories that tell less than they should, clocks that are wrong, and pages that cannot be had.

use super::cloud::From;
use super::*;
use serde_json::json;

#[test]
fn a_history_that_is_empty_for_a_while_has_not_ended() {
    for (silent, timeline) in [(1_500, Some(604_800)), (60, None)] {
        let mut talk = Talk::live();
        talk.cloud.home().timeline = timeline;
        talk.wait(3_600);
        talk.lose(60);
        let missed = talk.miss(HOME, 3401, json!({}));
        talk.cloud.page_most = 0;
        talk.start();
        talk.wait(silent);
        assert_eq!(talk.ids(), Vec::<&str>::new());
        talk.cloud.page_most = 50;
        talk.wait(700);
        assert_eq!(talk.ids(), [&*missed], "{silent}");
        let is_home = |gap: &&Value| gap["item"] == "systems/11";
        let gaps = talk.gaps().iter().filter(is_home).count();
        assert_eq!(gaps, usize::from(silent > 1_200), "it is told when that is given up");
        assert!(talk.session.is_caught_up());
    }
}

#[test]
fn pages_that_hold_less_than_was_asked_for_lose_nothing_that_is_not_told() {
    for from in [From::Older, From::UpTo, From::AtOrAfter, From::Ignored] {
        let mut talk = Talk::live();
        (talk.cloud.from, talk.cloud.page_most) = (from, 20);
        talk.lose(60);
        let mut missed = Vec::new();
        for _ in 0..70 {
            talk.pass(Duration::from_secs(1));
            missed.push(talk.miss(HOME, 1604, json!({})));
        }
        talk.start();
        talk.wait(3_700);
        let leads_on = matches!(from, From::Older | From::UpTo);
        let gaps = talk.gaps().iter().filter(|gap| gap["item"] == "systems/11").count();
        assert_eq!((talk.ids() == missed, gaps), (leads_on, usize::from(!leads_on)), "{from:?}");
    }
}

#[test]
fn what_is_told_with_a_wrong_date_keeps_out_nothing_that_follows() {
    let mut talk = Talk::live();
    let is = |talk: &Talk| talk.value(&device(HOME, "d2"), "connection").unwrap();
    talk.cloud.date_off = 86_400;
    talk.cloud.home().sensors[1].3["offline"] = json!(true);
    talk.wait(200);
    assert_eq!(is(&talk), "offline");
    talk.cloud.date_off = 0;
    talk.happen(HOME, 3381, json!({"sensorType": 5, "sensorSerial": "d2"}));
    assert_eq!(is(&talk), "online");
    talk.wait(500);
    assert_eq!(is(&talk), "offline", "the list says so still");
}

#[test]
fn a_date_that_leaps_ahead_is_believed_when_it_stays_so() {
    let ahead = |clock: &Clock| clock.ahead().as_secs();
    let (mut clock, mut now) = (Clock::default(), Now { instant: Instant::now(), wall: begin() });
    let cloud = |now: Now, ahead: i64| now.wall + SignedDuration::from_secs(ahead);
    let pass = |now: Now, ours: i64, wall: i64| Now {
        instant: now.instant + Duration::from_secs(ours.unsigned_abs()),
        wall: now.wall + SignedDuration::from_secs(wall),
    };
    clock.set(cloud(now, 7_200), now);
    assert_eq!(ahead(&clock), 7_200, "the first is");
    for _ in 0..3 {
        now = pass(now, 600, 600);
        clock.set(cloud(now, 86_400), now);
        assert_eq!(ahead(&clock), 7_200);
        now = pass(now, 600, 600);
        clock.set(cloud(now, 7_200), now);
        assert_eq!(ahead(&clock), 7_200, "it is back");
    }
    clock.set(cloud(now, 86_400), now);
    now = pass(now, 900, 900);
    clock.set(cloud(now, 86_400), now);
    assert_eq!(ahead(&clock), 86_400);
    // The machine has slept for an hour.
    now = pass(now, 1, 3_600);
    clock.set(cloud(now, 86_400), now);
    assert_eq!(ahead(&clock), 86_400);
    // Our own clock is set back by an hour.
    now = pass(now, 1, -3_600);
    clock.set(cloud(now, 90_000), now);
    assert_eq!(ahead(&clock), 90_000);
    // What one answer takes back the next puts right.
    for told in [86_400, 90_000] {
        now = pass(now, 5, 5);
        clock.set(cloud(now, told), now);
        assert_eq!(ahead(&clock), told);
    }
}

#[test]
fn a_clock_that_was_wrong_once_hides_nothing() {
    let mut talk = Talk::live();
    let first = id(&talk.happen(HOME, 1602, json!({})));
    talk.cloud.ahead = 86_400;
    talk.wait(400);
    talk.cloud.ahead = 0;
    let lost = talk.miss(HOME, 1602, json!({}));
    talk.wait(700);
    assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*first, &*lost], 0));
    // The same over a break.
    talk.cloud.ahead = 86_400;
    talk.wait(400);
    talk.cloud.ahead = 0;
    talk.lose(60);
    let missed = talk.miss(HOME, 1602, json!({}));
    talk.pass(Duration::from_secs(7_200));
    talk.start();
    talk.wait(700);
    assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*first, &*lost, &*missed], 0));
}

#[test]
fn our_clock_may_be_set_back_while_a_history_is_read() {
    let mut talk = Talk::live();
    talk.lose(10);
    talk.cloud.hangs = true;
    talk.start();
    talk.now.wall -= SignedDuration::from_hours(24);
    talk.cloud.ahead = 86_400;
    talk.cloud.hangs = false;
    talk.settle();
    talk.cloud.ahead = 86_400;
    talk.lose(60);
    let missed = talk.miss(HOME, 1602, json!({}));
    talk.pass(Duration::from_secs(7_200));
    talk.start();
    talk.wait(700);
    assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*missed], 0));
}

#[test]
fn what_is_in_hand_is_told_though_an_older_page_cannot_be_had() {
    for breaks in [false, true] {
        let mut talk = Talk::live();
        talk.lose(10);
        let mut missed = Vec::new();
        for _ in 0..70 {
            talk.pass(Duration::from_secs(1));
            missed.push(talk.miss(HOME, 1604, json!({})));
        }
        let alarm = talk.miss(HOME, 1132, json!({"eventType": "alarm"}));
        missed.push(alarm.clone());
        talk.cloud.refuse("fromTimestamp", 504, "");
        talk.start();
        talk.wait(6);
        assert!(talk.ids().contains(&&*alarm), "an alarm waits for no page");
        if breaks {
            talk.again(5);
            talk.wait(60);
        }
        talk.cloud.refuses.clear();
        talk.wait(300);
        let mut told = talk.ids();
        told.sort_unstable();
        missed.sort_unstable();
        assert_eq!(
            (told, talk.gaps().len(), talk.session.is_caught_up()),
            (missed.iter().map(|id| &**id).collect(), 0, true)
        );
    }
}

#[test]
fn what_was_lost_is_still_missed_when_a_part_of_it_was_told_before_a_page_failed() {
    let mut talk = Talk::live();
    talk.cloud.from = From::Ignored;
    talk.wait(1_000);
    for _ in 0..80 {
        talk.miss(HOME, 1604, json!({}));
        talk.pass(Duration::from_secs(1));
    }
    talk.cloud.refuse("fromTimestamp", 504, "");
    talk.wait(400);
    assert_eq!(talk.ids().len(), 50);
    talk.cloud.refuses.clear();
    talk.wait(2_000);
    assert_eq!((talk.ids().len(), talk.gaps().len()), (50, 1));
    assert!(talk.session.is_caught_up());
}

#[test]
fn where_all_of_a_break_was_read_there_is_no_gap_whatever_becomes_of_older_pages() {
    let mut talk = Talk::live();
    for _ in 0..60 {
        talk.happen(HOME, 1604, json!({}));
        talk.pass(Duration::from_secs(5));
    }
    talk.lose(5);
    let missed = talk.miss(HOME, 1604, json!({}));
    talk.cloud.refuse("fromTimestamp", 504, "");
    talk.start();
    talk.wait(3_700);
    assert_eq!((talk.ids().last(), talk.gaps().len(), talk.session.is_caught_up()), (Some(&&*missed), 0, true));
}

#[test]
fn a_frame_that_cannot_be_read_while_the_history_is_read_is_looked_for_again() {
    let mut talk = Talk::live();
    talk.lose(5);
    talk.cloud.hangs = true;
    talk.start();
    talk.pass(Duration::from_secs(2));
    talk.receive("{");
    talk.cloud.hangs = false;
    talk.settle();
    assert!(!talk.session.is_caught_up());
    talk.cloud.refuse("/11/events", 504, "");
    talk.wait(3_700);
    let gaps = talk.gaps();
    assert_eq!((gaps.len(), &gaps[0]["item"]), (1, &json!("systems/11")), "{gaps:?}");
}

#[test]
fn many_systems_share_one_pace() {
    let mut talk = Talk::new();
    for sid in 30..34 {
        talk.cloud.systems.insert(sid, talk.cloud.systems[&HOME].clone());
    }
    talk.start();
    talk.forget();
    talk.lose(10);
    let sids: Vec<_> = talk.cloud.systems.keys().copied().collect();
    for _ in 0..400 {
        talk.pass(Duration::from_secs(1));
        for sid in &sids {
            talk.miss(*sid, 1604, json!({}));
        }
    }
    let begin = talk.second();
    talk.start();
    talk.wait(300);
    assert_eq!((talk.ids().len(), talk.gaps().len()), (2_400, 0));
    let pages = talk.calls_to("/events?");
    let most = |seconds: i64, from: i64| {
        let within = |second: i64| pages.iter().filter(|at| (second..second + seconds).contains(at)).count();
        (from..begin + 300).map(within).max().unwrap()
    };
    assert!(most(1, begin) <= sids.len() + 4, "at once: {}", most(1, begin));
    assert!(most(10, begin + 1) <= sids.len() + 14, "later: {}", most(10, begin + 1));
}
