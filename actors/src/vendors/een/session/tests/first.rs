//! A first start: what is asked, and that nothing is news.

use secrecy::ExposeSecret;

use super::*;
use crate::transport::request::HeaderText;

#[test]
fn the_socket_is_opened_with_the_cookie_at_the_accounts_address() {
    let mut talk = Talk::new(config());
    talk.step(Input::Start);
    assert!(talk.took(|action| matches!(action, Action::Authorize { refused: false })));
    assert!(!talk.took(|action| matches!(action, Action::Prepare { .. })), "the login may wait for minutes");
    talk.step(Input::Granted(Arc::new(grant())));
    assert!(talk.took(|action| matches!(action, Action::Prepare { anew: false, .. })));
    talk.step(Input::Prepared(Some(catalog(CAMERAS))));
    let Some(Action::Open(request)) = talk.actions.last() else { panic!("{:?}", talk.actions) };
    assert_eq!(request.url.as_str(), "wss://c001.example/api/v2/Device/00004206/Events");
    let (name, value) = &request.headers[0];
    let HeaderText::Secret(value) = value else { panic!("it may be logged") };
    assert_eq!((&**name, value.expose_secret()), ("cookie", "auth_key=c001~0f"));
    assert!(!format!("{request:?}").contains("c001~0f"));
}

#[test]
fn everything_that_is_wanted_is_subscribed_to_in_requests_of_a_thousand() {
    let esns: Vec<_> = (0..2_500).map(|n| format!("{n:08x}")).collect();
    let rows: Vec<_> = esns.iter().map(|esn| (esn.as_str(), "camera")).collect();
    let mut talk = Talk::opened(&rows);
    let sent = talk.sent();
    let sizes: Vec<_> = sent.iter().map(|request| request["cameras"].as_object().unwrap().len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
    let asked = &sent[0]["cameras"].as_object().unwrap().values().next().unwrap();
    assert_eq!(**asked, json!({"resource":["status","event"],"event":["EMES","EMEE","EMEU"]}));
}

#[test]
fn first_answers_set_states_and_are_neither_events_nor_a_gap() {
    let mut talk = Talk::opened(&[(A, "camera"), (B, "bridge")]);
    assert_eq!(talk.session.checkpoint(), None);
    assert!(!talk.took_online() && !talk.session.is_caught_up());
    // An old motion that has ended, in the order in which it came.
    let data = json!({A:{"event":{"EMEE":event(-500,7),"EMES":event(-510,7)},"status":ONLINE}});
    talk.receive(frame(data));
    assert!(!talk.took_online() && talk.session.is_caught_up());
    talk.receive(status(B, BRIDGE));
    assert!(talk.took_online());
    assert_eq!(talk.events(), []);
    assert_eq!(
        talk.states("cameras/100aaaaa"),
        "connection=online enabled=on motion=clear recording=off status=online streaming=on"
    );
    assert_eq!(talk.states("bridges/100bbbbb"), "connection=online status=online");
    assert!(talk.remembered().established);
}

#[test]
fn online_means_that_all_have_answered_or_been_given_five_seconds() {
    // What happens to a device before its first answer shows in that but once for each code.
    let mut talk = Talk::opened(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.wait(4);
    assert!(!talk.took_online());
    talk.receive(status(B, ONLINE));
    assert!(talk.took_online());
    let mut talk = Talk::opened(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.wait(4);
    assert!(!talk.took_online());
    talk.wait(1);
    assert!(talk.took_online());
    talk.receive(status(B, ONLINE));
    assert!(!talk.took_online(), "it is told once");
}

#[test]
fn a_first_word_that_says_nothing_leaves_the_first_sight_to_the_next() {
    for nothing in [0, 0x1_0000, 0x17_0037] {
        let mut talk = Talk::opened(CAMERAS);
        talk.receive(frame(json!({A:{"status":nothing,"event":{"EMES":event(-5,7)}}})));
        assert_eq!(talk.states("cameras/100aaaaa"), "motion=detected");
        talk.receive(status(A, ONLINE));
        assert_eq!(talk.events(), [], "{nothing}: it was never anything else");
        assert_eq!(
            talk.states("cameras/100aaaaa"),
            "connection=online enabled=on motion=detected recording=off status=online streaming=on"
        );
    }
}

#[test]
fn a_group_that_a_camera_tells_for_the_first_time_is_no_event_among_those_that_are() {
    let mut talk = Talk::opened(CAMERAS);
    // Off hides the connection.
    talk.receive(status(A, OFF));
    talk.receive(status(A, ONLINE));
    let live = [("status.online", Origin::Live), ("device.enabled", Origin::Live), ("streaming.started", Origin::Live)];
    assert_eq!(talk.events(), live);
    assert_eq!(
        talk.states("cameras/100aaaaa"),
        "connection=online enabled=on recording=off status=online streaming=on"
    );
}

#[test]
fn an_account_without_devices_is_online_when_the_server_has_answered_a_ping() {
    let mut talk = Talk::opened(&[]);
    assert!(talk.sent().is_empty() && !talk.took_online());
    assert!(talk.took(|action| matches!(action, Action::Barrier)));
    talk.step(Input::BarrierPassed);
    assert!(talk.took_online() && talk.session.is_caught_up());
    // And it stays so, as the first device comes.
    talk.wait(301);
    assert!(talk.took_listing());
    talk.step(Input::Prepared(Some(catalog(&[(A, "camera")]))));
    talk.receive(status(A, ONLINE));
    talk.wait(61);
    assert_eq!((talk.events(), talk.end_in_words().as_str()), (vec![], "it goes on"));
}

#[test]
fn silence_after_the_subscription_ends_the_try() {
    let mut talk = Talk::opened(CAMERAS);
    talk.wait(59);
    talk.receive(frame(json!({})));
    talk.receive(status("100ccccc", ONLINE));
    assert_eq!(talk.end_in_words(), "it goes on");
    talk.wait(1);
    assert_eq!(talk.end_in_words(), "retry: no answer to the subscription for 60s");
    assert_eq!(talk.session.checkpoint(), None);
}

#[test]
fn without_a_list_of_devices_there_is_nothing_to_do() {
    let mut talk = Talk::new(config());
    talk.step(Input::Start);
    talk.step(Input::Granted(Arc::new(grant())));
    talk.step(Input::Prepared(None));
    assert_eq!(talk.end_in_words(), "retry: the list of devices cannot be had");
}

#[test]
fn without_words_the_states_are_those_of_the_codes() {
    let mut config = config();
    config.resources = vec![Resource::Event];
    config.events = ["RCON", "RCOF"].map(|code| code.parse().unwrap()).to_vec();
    let mut talk = Talk::new(config);
    talk.open(CAMERAS);
    talk.receive(frame(json!({A:{"status":OFF,"event":{"RCOF":event(-9,7),"RCON":event(-5,8)}}})));
    assert_eq!((talk.states("cameras/100aaaaa"), talk.events()), ("connection=online".to_owned(), vec![]));
    talk.receive(frame(json!({A:{"event":{"RCOF":event(1,9)}}})));
    assert_eq!(talk.events(), [("connection.lost", Origin::Live)]);
}

#[test]
fn the_accounts_own_events_are_asked_for_along_with_its_devices() {
    let mut config = config();
    config.events.extend(["AELI", "AEDC"].map(|code| code.parse::<crate::vendors::een::wire::FourCc>().unwrap()));
    let mut talk = Talk::new(config);
    talk.open(CAMERAS);
    let sent = talk.sent();
    assert_eq!(sent[1], json!({"cameras":{"00004206":{"resource":["event"],"event":["AELI","AEDC"]}}}));
    talk.receive(status(A, ONLINE));
    talk.receive(frame(json!({"00004206":{"event":{"AELI":{"timestamp":een(-100)}}}})));
    talk.receive(frame(json!({"00004206":{"event":{"AELI":{"timestamp":een(1)}}}})));
    assert_eq!(talk.told.last().unwrap(), "live devices/00004206 een.account_log_in");
    assert_eq!(talk.stored.len(), 1, "{:?}", talk.stored);
}
