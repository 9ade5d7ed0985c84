//! The first start.

use super::*;
use serde_json::json;

#[test]
fn online_is_only_said_once_the_subscription_is_confirmed() {
    let mut talk = Talk::new();
    talk.cloud.words = vec!["service.hello", "service.registered"];
    talk.start();
    assert_eq!((talk.opened, talk.onlines), (1, 0));
    assert!(!talk.session.is_caught_up() && talk.session.checkpoint().is_none());
    for kind in ["namespace.subscribed", "service.subscribed"] {
        let mut talk = Talk::new();
        talk.cloud.words = vec!["service.registered", kind, kind];
        talk.start();
        assert_eq!((talk.opened, talk.onlines), (1, 1), "{kind}");
        assert!(talk.session.is_caught_up());
    }
}

#[test]
fn a_subscription_that_is_not_confirmed_ends_the_try() {
    let mut talk = Talk::new();
    talk.cloud.words = vec!["service.hello"];
    talk.start();
    // Ten seconds with each of two tokens.
    talk.wait(19);
    assert!(talk.end.is_none());
    talk.wait(2);
    assert!(matches!(&talk.end, Some(SessionEnd::Retry { why, .. }) if why.contains("confirm")));
}

#[test]
fn a_session_that_has_ended_wants_nothing_more() {
    let mut talk = Talk::new();
    talk.cloud.words = Vec::new();
    talk.start();
    talk.wait(21);
    assert!(talk.end.is_some());
    let calls = talk.called.len();
    talk.step(Input::Woken);
    talk.cloud.words = vec!["namespace.subscribed"];
    talk.receive(r#"{"type":"com.simplisafe.namespace.subscribed"}"#);
    assert!(talk.todo.is_empty());
    assert_eq!((talk.onlines, talk.called.len()), (0, calls));
}

#[test]
fn the_first_polls_set_the_states_and_are_no_events() {
    let mut talk = Talk::new();
    talk.cloud.home().sensors.push(cloud::lock("l1", 1));
    talk.start();
    assert_eq!(talk.stored, []);
    for (group, value) in
        [("alarm", "off"), ("power", "mains"), ("wifi", "online"), ("rf", "clear"), ("connection", "online")]
    {
        assert_eq!(talk.value(&system(HOME), group).as_deref(), Some(value), "{group}");
    }
    assert_eq!(talk.value(&system(CABIN), "temperature").as_deref(), Some("67"));
    assert_eq!(talk.value(&device(HOME, "d1"), "contact").as_deref(), Some("closed"));
    assert_eq!(talk.value(&device(HOME, "l1"), "lock").as_deref(), Some("locked"));
    assert_eq!((talk.calls_to("doorlock/11").len(), talk.calls_to("doorlock/22").len()), (1, 0));
}

#[test]
fn a_first_start_begins_now_and_tells_no_history_and_no_gap() {
    let mut talk = Talk::new();
    talk.start();
    talk.wait(600);
    assert_eq!(talk.stored, []);
    let event = talk.happen(HOME, 1602, json!({}));
    assert_eq!(talk.told(), [(&*id(&event), Origin::Live)]);
}

#[test]
fn a_first_start_tells_as_much_history_as_is_wanted() {
    let mut talk = Talk::with(config(), |common| common.backfill_on_first_start = Duration::from_secs(2 * 3_600));
    let old = id(&talk.cloud.happen(HOME, -3 * 3_600, 1602, json!({})));
    let hour = talk.cloud.systems[&HOME].history[1]["eventId"].to_string();
    let new = id(&talk.cloud.happen(HOME, -5, 3401, json!({})));
    talk.start();
    let told: Vec<_> =
        talk.told().into_iter().filter(|(id, _)| [&old, &hour, &new].contains(&&id.to_string())).collect();
    assert_eq!(told, [(&*hour, Origin::Backfill), (&*new, Origin::Backfill)], "the oldest comes first");
    assert_eq!(talk.gaps(), Vec::<Value>::new());
}

#[test]
fn an_event_right_behind_the_subscription_is_told_once() {
    let mut talk = Talk::new();
    talk.cloud.hangs = true;
    talk.start();
    let event = talk.happen(HOME, 3401, json!({}));
    assert_eq!(talk.stored, [], "it waits for the history");
    talk.cloud.hangs = false;
    talk.settle();
    assert_eq!(talk.told(), [(&*id(&event), Origin::Live)]);
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("armed_away"));
    talk.wait(900);
    assert_eq!(talk.ids().len(), 1);
}

#[test]
fn a_history_or_a_poll_that_hangs_holds_no_alarm_back() {
    let mut talk = Talk::new();
    talk.cloud.hangs = true;
    talk.start();
    let event = talk.happen(HOME, 1120, json!({"eventType": "alarm"}));
    talk.wait(4);
    assert_eq!(talk.stored, []);
    talk.wait(2);
    assert_eq!(talk.told(), [(&*id(&event), Origin::Live)]);
}

#[test]
fn only_the_systems_that_are_wanted_are_followed() {
    let only = SimpliSafeConfig { systems: crate::vendors::simplisafe::config::Systems::Only(vec![CABIN]), ..config() };
    let mut talk = Talk::with(only, |_| ());
    talk.start();
    talk.happen(HOME, 3401, json!({}));
    let event = talk.happen(CABIN, 3401, json!({}));
    assert_eq!(talk.ids(), [&*id(&event)]);
    assert_eq!(talk.value(&system(HOME), "alarm"), None);
    assert_eq!(talk.calls_to("/11").len(), 0);
}

#[test]
fn without_names_it_works_all_the_same() {
    let mut talk = Talk::new();
    talk.cloud.no_names = true;
    talk.start();
    assert_eq!((talk.onlines, talk.forgot > 0), (1, true), "and they are asked for when the cloud answers");
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("off"));
    let event = talk.happen(CABIN, 3401, json!({}));
    assert_eq!(talk.ids(), [&*id(&event)]);
}

#[test]
fn a_first_start_that_ends_before_the_history_was_read_is_gone_on_with() {
    for (part, no_names) in [("/11/events", false), ("v1", true)] {
        let mut talk = Talk::with(config(), |common| common.backfill_on_first_start = Duration::from_secs(600));
        let old = id(&talk.cloud.happen(HOME, -300, 1602, json!({})));
        talk.cloud.refuse(part, 504, r#"{"type":"GatewayTimeout"}"#);
        talk.cloud.no_names = no_names;
        talk.start();
        talk.wait(3);
        let lost = talk.miss(HOME, 3401, json!({}));
        talk.wait(3);
        talk.lose(10);
        let meanwhile = talk.miss(HOME, 1400, json!({}));
        talk.cloud.refuses.clear();
        talk.cloud.no_names = false;
        talk.start();
        talk.wait(60);
        assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*old, &*lost, &*meanwhile], 0), "{part}");
    }
}

#[test]
fn what_is_pushed_of_a_system_before_any_list_is_told_once_over_a_break() {
    let mut talk = Talk::new();
    talk.cloud.refuse("v1", 504, "");
    talk.cloud.no_names = true;
    talk.start();
    talk.wait(3);
    let event = talk.happen(HOME, 3401, json!({}));
    assert_eq!(talk.ids(), [&*id(&event)]);
    talk.lose(10);
    talk.cloud.refuses.clear();
    talk.start();
    talk.wait(400);
    assert_eq!((talk.ids(), talk.gaps().len()), (vec![&*id(&event)], 0));
}
