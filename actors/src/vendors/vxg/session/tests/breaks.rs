//! What was missed is recovered, and told to be missing where it cannot be.

use super::*;

/// Events of two cameras every minute, for so many minutes.
fn busy(talk: &mut Talk, minutes: u64) {
    for _ in 0..minutes {
        talk.happen(7);
        talk.happen(8);
        talk.wait(60);
    }
}

fn missed(talk: &mut Talk, minutes: u64) {
    for _ in 0..minutes {
        talk.happen(7);
        talk.happen(8);
        talk.pass(Duration::from_secs(60));
    }
}

#[test]
fn an_outage_is_recovered_in_order_and_without_a_gap() {
    for minutes in [1, 30, 100, 400] {
        let mut talk = Talk::live();
        busy(&mut talk, 20);
        talk.forget();
        talk.lose(1);
        missed(&mut talk, minutes);
        talk.server.limit = 50;
        talk.start();
        let ids = talk.ids();
        assert_eq!(ids.len() as u64, minutes * 2);
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(talk.told().iter().all(|(_, origin)| *origin == Origin::Backfill));
        assert_eq!((talk.gaps(), talk.onlines), (vec![], 2));
        let id = talk.happen(7);
        talk.wait(6);
        assert_eq!(talk.told().last(), Some(&(&*id.to_string(), Origin::Live)));
    }
}

#[test]
fn what_was_listed_late_during_an_outage_is_found() {
    let mut talk = Talk::live();
    busy(&mut talk, 90);
    talk.forget();
    talk.lose(300);
    let late = talk.late(3_500, 7);
    talk.start();
    assert_eq!(talk.told(), [(&*late.to_string(), Origin::Backfill)]);
}

#[test]
fn what_retention_has_taken_is_a_gap_up_to_the_first_event_that_is_left() {
    let mut talk = Talk::live();
    busy(&mut talk, 60);
    talk.forget();
    talk.lose(0);
    missed(&mut talk, 300);
    talk.server.keeps = Some(7_200);
    talk.start();
    let [(reason, item, seconds)] = &talk.gaps()[..] else { panic!("{:?}", talk.gaps()) };
    assert_eq!((&**reason, &**item), ("retention", ""));
    assert!((10_700..10_900).contains(seconds), "{seconds}");
    assert_eq!(talk.told().len(), 240);
    talk.again(10);
    talk.again(7_300);
    assert_eq!(talk.gaps().len(), 2, "once for each outage: {:?}", talk.gaps());
}

#[test]
fn a_long_outage_of_which_everything_is_kept_is_no_gap() {
    let mut talk = Talk::live();
    busy(&mut talk, 10);
    talk.lose(0);
    talk.pass(Duration::from_secs(86_400));
    talk.start();
    assert_eq!(talk.gaps(), []);
}

#[test]
fn one_camera_whose_events_are_gone_has_a_gap_of_its_own() {
    let mut talk = Talk::live();
    busy(&mut talk, 10);
    talk.lose(9_000);
    let id = talk.late(1_000, 7);
    talk.server.events.retain(|event| event.camera != 7 || event.id == id);
    talk.start();
    let gaps = talk.gaps();
    assert!(
        gaps.len() == 1 && gaps[0].0 == "retention" && gaps[0].1 == "cameras/7" && (7_900..8_100).contains(&gaps[0].2),
        "{gaps:?}"
    );
}

#[test]
fn where_nothing_was_known_the_newest_event_ever_tells_of_retention() {
    for (keeps, older, gaps) in [(Some(50_000), false, 0), (Some(3_600), false, 1), (Some(12_000), true, 0)] {
        let mut talk = Talk::live();
        talk.happen(7);
        talk.wait(8_000);
        talk.forget();
        talk.lose(9_000);
        talk.server.keeps = keeps;
        if older {
            // It was not kept by age: something from before the outage is left.
            talk.server.events.clear();
            talk.late(10_000, 7);
        }
        talk.start();
        assert_eq!(talk.gaps().len(), gaps, "{keeps:?} {:?}", talk.gaps());
        assert_eq!(talk.calls_to("/events/33000001/").len(), usize::from(!older), "{:?}", talk.called);
    }
    let mut talk = Talk::live();
    talk.lose(90_000);
    talk.start();
    assert_eq!(talk.gaps(), [], "where there never was one, nothing tells");
}

#[test]
fn of_an_event_without_a_camera_the_oldest_of_all_tells_of_retention() {
    for (is_older, gaps) in [(true, 0), (false, 1)] {
        let mut talk = Talk::live();
        talk.happen(super::super::telling::NO_CAMERA);
        talk.wait(8_000);
        talk.forget();
        talk.lose(9_000);
        talk.server.events.clear();
        if is_older {
            talk.late(10_000, 7);
        }
        talk.start();
        assert_eq!(talk.gaps().len(), gaps, "{:?}", talk.gaps());
        assert!(talk.called.iter().all(|(_, path)| !path.contains("camid")), "{:?}", talk.called);
    }
}

#[test]
fn a_refused_commit_loses_nothing_and_repeats_nothing() {
    let mut talk = Talk::live();
    let id = talk.happen(7);
    talk.refuses = true;
    talk.wait(6);
    assert!(talk.was_refused && talk.told().is_empty());
    talk.again(1);
    assert_eq!(talk.ids(), [id]);
    talk.again(1);
    assert_eq!(talk.ids(), [id]);
}

#[test]
fn a_quiet_connection_stores_little() {
    let mut talk = Talk::live();
    talk.happen(7);
    talk.wait(60);
    let mut kept = talk.kept.clone();
    let mut changes = 0;
    for _ in 0..600 {
        talk.wait(1);
        changes += usize::from(std::mem::replace(&mut kept, talk.kept.clone()) != talk.kept);
    }
    assert!((30..=61).contains(&changes), "{changes}");
}

#[test]
fn a_first_start_that_is_broken_off_begins_where_it_began() {
    let mut talk = Talk::with(config(), |common| common.backfill_on_first_start = Duration::from_secs(20_000));
    for nth in 0..300 {
        talk.late(nth * 60, 7);
    }
    talk.server.limit = 10;
    talk.start();
    let all = talk.told().len();
    assert_eq!(all, 300);
    // Its server fails in the middle.
    let mut talk = Talk::with(config(), |common| common.backfill_on_first_start = Duration::from_secs(20_000));
    for nth in 0..300 {
        talk.late(nth * 60 + 5, 7);
    }
    let middle = talk.server_now() - 9_000 * SECOND;
    talk.server.poison = Some((middle, middle + 20_000 * SECOND));
    talk.start();
    talk.wait(20);
    assert!(talk.end.is_some() && talk.onlines == 0 && !talk.told().is_empty(), "{:?}", talk.told().len());
    talk.server.poison = None;
    let between = talk.late(5, 8);
    talk.again(30);
    assert_eq!(talk.told().len(), 301);
    assert!(talk.ids().contains(&between));
}

#[test]
fn an_event_after_an_outage_does_not_hide_what_retention_took_before_it() {
    for is_broken_off in [false, true] {
        let mut talk = Talk::live();
        talk.happen(7);
        talk.wait(8_000);
        talk.forget();
        talk.lose(0);
        talk.pass(Duration::from_secs(8 * 3_600));
        let id = talk.happen(7);
        talk.pass(Duration::from_secs(7_200));
        talk.server.keeps = Some(5 * 3_600);
        if is_broken_off {
            let now = talk.server_now();
            talk.server.poison = Some((now - 3_000 * SECOND, now + 3_000 * SECOND));
            talk.start();
            talk.wait(20);
            assert!(talk.end.is_some() && talk.ids() == [id]);
            talk.server.poison = None;
            talk.lose(5);
        }
        talk.start();
        let [(reason, item, seconds)] = &talk.gaps()[..] else { panic!("{is_broken_off} {:?}", talk.gaps()) };
        assert_eq!((&**reason, &**item, &talk.ids()[..]), ("retention", "", &[id][..]));
        // Another try does not know any more where the gap ended.
        let most = if is_broken_off { 36_100 } else { 28_900 };
        assert!((28_700..most).contains(seconds), "{seconds}");
        talk.again(9_000);
        assert_eq!(talk.gaps().len(), 1, "the event after it is asked for from then on");
    }
}

#[test]
fn a_server_that_does_not_say_whether_it_keeps_an_event_stops_nothing() {
    for status in [400, 403, 405, 500, 503] {
        let mut talk = Talk::live();
        talk.happen(7);
        talk.wait(8_000);
        talk.forget();
        talk.server.hides = Some(status);
        talk.again(9_000);
        talk.wait(30);
        assert!(talk.end.is_none() && talk.onlines == 2, "{status} {:?}", talk.end);
        assert_eq!(talk.gaps().len(), 1, "{status}");
        let id = talk.happen(7);
        talk.wait(6);
        assert_eq!(talk.ids(), [id], "{status}");
    }
    let mut talk = Talk::live();
    talk.happen(7);
    talk.wait(8_000);
    talk.forget();
    talk.server.hides = Some(503);
    talk.again(9_000);
    talk.server.down = Some(Trouble::Status(503));
    talk.wait(30);
    assert!(
        matches!(talk.end, Some(SessionEnd::Retry { .. })) && talk.gaps().is_empty(),
        "it is down, and may keep it"
    );
}

#[test]
fn a_long_outage_is_stored_by_what_is_still_needed_of_it() {
    let mut talk = Talk::live();
    busy(&mut talk, 10);
    talk.forget();
    talk.lose(0);
    for _ in 0..6 * 360 {
        talk.happen(7);
        talk.pass(Duration::from_secs(10));
    }
    let now = talk.server_now();
    talk.server.poison = Some((now - 1_000 * SECOND, now + SECOND));
    talk.start();
    talk.wait(20);
    assert!(talk.end.is_some() && talk.told().len() > 1_000, "{:?} {}", talk.end, talk.told().len());
    let kept = |talk: &Talk| VxgCheckpoint::read(talk.kept.as_ref().unwrap()).unwrap();
    assert!(kept(&talk).known.0.len() < 500, "{}", kept(&talk).known.0.len());
    talk.server.poison = None;
    talk.lane = lane(Loaded::default());
    talk.again(30);
    assert_eq!((talk.ids().len(), talk.gaps()), (6 * 360, vec![]));
    assert!(talk.ids().windows(2).all(|pair| pair[0] < pair[1]) && kept(&talk).passed.is_empty());
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_a_gap_since_the_connection_was_last_heard_of() {
    for (heard, gap) in [(Some(600), 600), (None, 0)] {
        let mut talk = Talk::live();
        talk.wait(1_000);
        let heard = heard.map(|ago| talk.now.wall - SignedDuration::from_secs(ago));
        let resume = Resume { checkpoint: Some(Checkpoint("garbage".into())), heard };
        talk.session = VxgSession::new(talk.config.clone(), &talk.common, resume);
        talk.late(300, 7);
        talk.start();
        let [(reason, _, seconds)] = &talk.gaps()[..] else { panic!("{:?}", talk.gaps()) };
        assert!(reason == "checkpoint_unreadable" && (gap - 1..=gap).contains(seconds), "{reason} {seconds}");
        talk.again(60);
        assert_eq!((talk.gaps().len(), talk.told().len()), (1, 0));
    }
}

#[test]
fn cameras_that_are_not_followed_any_more_are_not_missed() {
    for is_quiet in [false, true] {
        let mut talk = Talk::live();
        if is_quiet {
            talk.happen(8);
            talk.wait(8_000);
        } else {
            busy(&mut talk, 30);
        }
        talk.config.cameras = Cameras::Only(vec![7]);
        talk.server.events.retain(|event| event.camera == 7);
        talk.again(9_000);
        assert_eq!(talk.gaps(), [], "{is_quiet}");
        assert!(talk.calls_to("/events/33").is_empty(), "{is_quiet}");
    }
}

#[test]
fn a_catch_up_in_two_tries_tells_of_retention_what_the_first_one_found() {
    for (keeps, gaps) in [(305, 0), (200, 1)] {
        let mut talk = Talk::live();
        busy(&mut talk, 20);
        talk.forget();
        talk.lose(0);
        missed(&mut talk, 300);
        talk.server.keeps = Some(keeps * 60);
        let now = talk.server_now();
        talk.server.poison = Some((now - 3_000 * SECOND, now + 6_000 * SECOND));
        talk.start();
        talk.wait(20);
        assert!(talk.end.is_some() && talk.told().len() > 200, "{keeps} {:?}", talk.told().len());
        talk.server.poison = None;
        talk.lane = lane(Loaded::default());
        talk.again(900);
        talk.wait(60);
        let told = talk.gaps();
        assert!(told.len() == gaps && told.iter().all(|(_, _, seconds)| (5_900..6_100).contains(seconds)), "{told:?}");
        let ids = talk.ids();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(ids.len(), if gaps == 0 { 600 } else { 400 }, "{keeps}");
    }
}
