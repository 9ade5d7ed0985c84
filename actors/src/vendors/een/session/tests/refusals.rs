//! Refusals, of the socket and of requests, and logins that end.

use super::*;

fn refuse(status: u16) -> Input<EenSession> {
    let at = "wss://c001.example/".into();
    let retry_after = Some(Duration::from_secs(7));
    Input::Refused(OpenError::Refused { at, status, retry_after, www_authenticate: None, body: String::new() })
}

fn whole(code: u16) -> String {
    json!({"status_code":code,"message":"because","data":{}}).to_string()
}

#[test]
fn a_refused_socket_means_a_new_login_once_where_that_can_help() {
    for (code, helps) in
        [(401, true), (301, true), (302, true), (307, true), (308, true), (400, false), (404, false), (503, false)]
    {
        let mut talk = Talk::opened(CAMERAS);
        talk.session.phase = Phase::Opening;
        talk.forget();
        talk.step(refuse(code));
        assert_eq!(talk.took_new_login(), helps, "{code}");
        if !helps {
            let end = talk.end().cloned();
            let Some(SessionEnd::Retry { not_before, .. }) = end else { panic!("{code}: {end:?}") };
            assert_eq!(not_before, Some(Duration::from_secs(7)));
            continue;
        }
        talk.step(Input::Granted(Arc::new(grant())));
        assert!(talk.took(|action| matches!(action, Action::Open(_))), "{code}: no new list is needed");
        talk.step(refuse(code));
        assert!(!talk.took_new_login() && talk.end_in_words().starts_with("retry"), "{code}");
    }
}

#[test]
fn a_session_that_is_lost_in_mid_stream_is_a_new_login_and_a_gap() {
    for code in [412, 401] {
        let mut talk = Talk::live();
        talk.pass(10);
        talk.receive(whole(code));
        assert!(talk.took_new_login() && !talk.session.is_caught_up());
        // What the old socket still brings is not looked at.
        talk.receive(status(A, OFF));
        talk.pass(10);
        talk.step(Input::Granted(Arc::new(grant())));
        assert!(talk.took(|action| matches!(action, Action::Open(_))));
        talk.step(Input::Opened);
        assert!(talk.told.is_empty());
        assert_eq!(talk.sent()[0]["cameras"].as_object().unwrap().len(), 2);
        talk.receive(status(A, RECORDING));
        talk.receive(status(B, ONLINE));
        assert_eq!(talk.told[0], "gap session_lost 0..20");
        assert_eq!(talk.events(), [("gap", Origin::Engine), ("recording.started", Origin::Snapshot)]);
        assert!(talk.session.is_caught_up());
        // In the same try this is no cure any more.
        talk.forget();
        talk.receive(whole(code));
        assert!(!talk.took_new_login());
        assert_eq!(talk.end_in_words(), format!("retry: the server has ended the session, status {code}: because"));
        assert_eq!(talk.remembered().gap.unwrap().reason, "session_lost");
    }
}

#[test]
fn a_login_that_was_no_good_from_the_start_is_no_gap() {
    let mut talk = Talk::opened(CAMERAS);
    talk.receive(whole(412));
    talk.step(Input::Granted(Arc::new(grant())));
    talk.step(Input::Opened);
    for esn in [A, B] {
        talk.receive(status(esn, ONLINE));
    }
    assert!(talk.took_online());
    assert!(talk.told.iter().all(|told| told.starts_with("snapshot")), "{:?}", talk.told);
}

#[test]
fn the_second_socket_of_a_try_must_answer_as_the_first_one() {
    let mut talk = Talk::live();
    talk.receive(whole(412));
    talk.step(Input::Granted(Arc::new(grant())));
    talk.step(Input::Opened);
    talk.wait(5);
    assert!(talk.told.is_empty() && !talk.session.is_caught_up());
    talk.wait(55);
    assert!(talk.end_in_words().starts_with("retry: no answer"));
}

#[test]
fn what_is_denied_as_a_whole_may_have_been_the_accounts_own_events() {
    let mut config = config();
    config.events.push("AELI".parse().unwrap());
    let mut talk = Talk::new(config);
    talk.open(CAMERAS);
    assert_eq!(talk.sent().len(), 2);
    talk.receive(whole(401));
    talk.step(Input::Granted(Arc::new(grant())));
    talk.step(Input::Opened);
    assert_eq!(talk.sent().len(), 2, "it may have been the session");
    talk.receive(whole(401));
    talk.step(Input::Opened);
    assert_eq!(talk.sent().len(), 1);
    for esn in [A, B] {
        talk.receive(status(esn, ONLINE));
    }
    assert!(talk.took_online());
}

#[test]
fn what_we_ask_for_being_wrong_needs_a_person_unless_it_was_right_before() {
    let mut talk = Talk::opened(CAMERAS);
    talk.receive(whole(400));
    let halt =
        "halt: the server refused what we ask for, status 400: because; check `resources` and `events` in the settings";
    assert_eq!(talk.end_in_words(), halt);
    let mut talk = Talk::live();
    talk.receive(whole(400));
    assert_eq!(talk.end_in_words(), "retry: the server refused a request, status 400: because");
}

#[test]
fn other_refusals_are_tried_again_and_a_server_that_is_not_ready_later() {
    for (code, wait) in [(404, None), (410, None), (500, None), (503, Some(Duration::from_secs(10)))] {
        let mut talk = Talk::opened(CAMERAS);
        talk.receive(whole(code));
        let Some(SessionEnd::Retry { not_before, .. }) = talk.end() else { panic!("{code}: {:?}", talk.actions) };
        assert_eq!(*not_before, wait, "{code}");
    }
}

#[test]
fn a_refusal_that_names_a_device_is_that_devices_own() {
    for code in [404, 429, 503] {
        let mut talk = Talk::live();
        talk.receive(json!({"status_code":code,"message":"Not now","data":{A:{}}}).to_string());
        assert_eq!((talk.end_in_words().as_str(), talk.told.len()), ("it goes on", 0), "{code}: it is asked again");
    }
    for code in [401, 410] {
        let mut talk = Talk::live();
        talk.receive(json!({"status_code":code,"message":"Access denied","data":{A:{}}}).to_string());
        assert_eq!(
            (talk.end_in_words().as_str(), &*talk.told),
            ("it goes on", &["snapshot cameras/100aaaaa".to_owned()][..])
        );
        assert!(!talk.took_new_login());
    }
    // The session is nobody's own.
    let mut talk = Talk::live();
    talk.receive(json!({"status_code":412,"message":"Auth lost","data":{A:{}}}).to_string());
    assert!(talk.took_new_login());
}

#[test]
fn all_devices_refused_one_by_one_is_an_answer_too() {
    let mut talk = Talk::opened(CAMERAS);
    for esn in [A, B] {
        assert!(!talk.took_online());
        talk.receive(frame(json!({esn:{"error":[{"status_code":404,"message":"resolve invalid"}]}})));
    }
    assert!(talk.took_online() && talk.told.is_empty());
}

#[test]
fn access_that_is_denied_to_every_single_device_may_be_the_session() {
    // After a break; nothing is told of the answers of a session that had ended.
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    talk.receive(refused(A, 401));
    assert!(!talk.took_new_login());
    talk.receive(refused(B, 401));
    assert!(talk.took_new_login() && talk.told.is_empty());
    talk.step(Input::Granted(Arc::new(grant())));
    talk.step(Input::Opened);
    talk.receive(status(A, ONLINE));
    talk.receive(status(B, RECORDING));
    assert_eq!(talk.events(), [("gap", Origin::Engine), ("recording.started", Origin::Snapshot)]);
    // In mid-stream, in one frame.
    talk.forget();
    talk.pass(10);
    let denied = json!([{"status_code":401,"message":"Access denied"}]);
    talk.receive(frame(json!({A:{"error":denied},B:{"error":denied}})));
    assert!(
        talk.end_in_words().starts_with("retry: access is denied to every device"),
        "in the same try it is none any more"
    );
    talk.again(CAMERAS);
    talk.receive(frame(json!({A:{"error":denied},B:{"error":denied}})));
    assert!(talk.took_new_login() && talk.told.is_empty());
    assert_eq!(talk.remembered().gap.unwrap().reason, "session_lost");
}

#[test]
fn access_that_is_denied_with_a_new_login_too_is_denied() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    for logins in 0..2 {
        for esn in [A, B] {
            talk.receive(refused(esn, 401));
        }
        assert_eq!(talk.took_new_login(), logins == 0);
        if logins == 0 {
            talk.step(Input::Granted(Arc::new(grant())));
            talk.step(Input::Opened);
        }
    }
    assert_eq!((talk.end_in_words().as_str(), talk.took_online()), ("it goes on", true));
    assert!(talk.told[0].starts_with("gap connection_lost 0..60"), "{:?}", talk.told);
    assert!(talk.states("cameras/100aaaaa").starts_with("connection=unknown"));
    // Each list asks again, and that is all.
    for _ in 0..5 {
        talk.wait(301);
        talk.step(Input::Prepared(Some(catalog(CAMERAS))));
        for esn in [A, B] {
            talk.receive(refused(esn, 401));
        }
        assert!(!talk.took_new_login() && talk.end().is_none());
    }
    talk.receive(status(A, ONLINE));
    assert!(talk.states("cameras/100aaaaa").starts_with("connection=online"));
}

#[test]
fn refusals_of_some_and_silence_of_the_others_are_an_answer_too() {
    let mut talk = Talk::live();
    talk.again(CAMERAS);
    talk.receive(refused(A, 401));
    talk.wait(5);
    talk.wait(55);
    assert_eq!((talk.end_in_words().as_str(), talk.took_online()), ("it goes on", true));
    assert_eq!(talk.told, ["gap connection_lost 0..120", "snapshot cameras/100aaaaa", "snapshot cameras/100bbbbb"]);
}

#[test]
fn a_socket_that_ends_with_what_nobody_can_read_is_a_gap_of_that_name() {
    let mut talk = Talk::live();
    talk.pass(10);
    talk.step(Input::Unreadable("too large".into()));
    assert_eq!(talk.end_in_words(), "retry: too large");
    talk.again(CAMERAS);
    talk.receive(status(A, ONLINE));
    talk.receive(status(B, ONLINE));
    assert_eq!(talk.told[0], "gap unreadable_frame 0..70");
}

#[test]
fn an_account_that_is_barred_is_halted_before_it_logs_in() {
    let child = super::super::super::config::ChildAccount {
        id: "00001234".parse().unwrap(),
        name: "Shop".into(),
        barred: Some("the account is suspended".into()),
    };
    let mut talk = Talk::new(EenConfig { child: Some(child), ..config() });
    talk.step(Input::Start);
    assert!(matches!(&talk.actions[..], [Action::End(SessionEnd::Halt(why))] if why == "the account is suspended"));
}

#[test]
fn a_giant_is_read_as_any_other_frame() {
    let mut talk = Talk::opened(CAMERAS);
    let giant = EenSession::decode(status(A, ONLINE).into());
    talk.step(Input::Decoded(giant));
    talk.receive(status(B, ONLINE));
    assert!(talk.took_online());
}
