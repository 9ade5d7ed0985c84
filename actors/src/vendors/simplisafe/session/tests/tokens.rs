//! Access tokens.

use super::*;
use crate::transport::OpenError;
use serde_json::json;

#[test]
fn a_token_is_renewed_before_it_ends_and_the_socket_is_left_alone() {
    let mut talk = Talk::live();
    talk.wait(24 * 3_600);
    assert_eq!((talk.opened, talk.onlines, talk.end.is_none()), (1, 1, true));
    assert!((24..40).contains(&talk.tokens.len()), "{}", talk.tokens.len());
    assert!(talk.tokens.iter().all(|refused| !refused));
    assert_eq!(talk.stored, [], "a quiet house stays quiet");
    let calls = talk.called.len();
    assert!(calls < 24 * 60 * 6 + 24 * 24, "{calls} calls of two systems in a day");
}

#[test]
fn nothing_that_a_session_wants_done_shows_its_token_when_it_is_printed() {
    let mut talk = Talk::new();
    talk.step(Input::Start);
    let mut printed = String::new();
    while let Some(action) = talk.todo.pop_front() {
        printed.push_str(&format!("{action:?}\n"));
        talk.act(action);
    }
    assert!(printed.contains("Send(") && printed.contains("Call("), "{printed}");
    assert_eq!((talk.onlines, talk.tokens.len()), (1, 1));
    assert!(!printed.contains("token-1"), "{printed}");
}

#[test]
fn a_refused_token_is_replaced_once_however_many_calls_it_was_refused_for() {
    let mut talk = Talk::live();
    let before = talk.tokens.len();
    talk.cloud.tokens_from = before + 1;
    talk.cloud.hangs = true;
    talk.wait(70);
    let open = talk.called.len();
    assert!(open >= 3, "{open} calls are on their way");
    talk.cloud.hangs = false;
    talk.settle();
    assert_eq!(talk.tokens[before..], [true]);
    assert!(talk.called.len() >= 2 * open, "each is made again");
    assert_eq!((talk.opened, talk.end.is_none()), (1, true));
    talk.wait(2_000);
    assert_eq!(talk.tokens.len(), before + 1);
}

#[test]
fn calls_that_are_refused_whatever_the_token_cause_no_storm() {
    let mut talk = Talk::live();
    let before = talk.tokens.len();
    talk.cloud.tokens_from = usize::MAX;
    talk.wait(600);
    // Once for each of seven calls at most: the list, and three of each system.
    assert!((1..=7).contains(&(talk.tokens.len() - before)), "{}", talk.tokens.len());
    assert!(talk.called.len() < 400, "{}", talk.called.len());
    assert_eq!((talk.opened, talk.end.is_none()), (1, true), "the socket works");
    let event = talk.happen(HOME, 1120, json!({}));
    assert_eq!(talk.ids(), [&*id(&event)]);
    // It is over, and later a token ends before its time: that is asked for again.
    talk.cloud.tokens_from = 0;
    talk.wait(1_200);
    let before = talk.tokens.len();
    talk.cloud.tokens_from = before + 1;
    talk.wait(120);
    assert_eq!(talk.tokens.len(), before + 1);
}

#[test]
fn a_call_that_is_refused_whatever_the_token_spends_none_for_an_hour() {
    let mut talk = Talk::live();
    let before = talk.tokens.len();
    talk.cloud.refuse("sensors", 401, r#"{"error":"Unauthorized"}"#);
    talk.wait(1_200);
    assert!((1..=2).contains(&(talk.tokens.len() - before)), "{:?}", talk.tokens);
    let before = talk.tokens.len();
    talk.wait(6 * 3_600);
    let refused = talk.tokens[before..].iter().filter(|refused| **refused).count();
    assert!((6..=14).contains(&refused), "{refused} tokens in six hours, for two systems");
}

#[test]
fn a_login_that_is_down_ends_no_socket_that_works() {
    let mut talk = Talk::live();
    talk.cloud.no_tokens = true;
    talk.wait(7_200);
    assert_eq!((talk.opened, talk.end.is_none()), (1, true));
    assert!(talk.tokens.len() < 30, "{}", talk.tokens.len());
    let event = talk.happen(HOME, 3401, json!({}));
    assert_eq!(talk.ids(), [&*id(&event)]);
    talk.cloud.no_tokens = false;
    talk.wait(700);
    assert!(talk.session.is_caught_up());
}

#[test]
fn a_socket_that_is_hung_up_on_before_it_is_confirmed_is_tried_once_with_another_token() {
    let mut talk = Talk::new();
    talk.cloud.bad_tokens = vec!["token-1".to_owned()];
    talk.start();
    assert_eq!((&*talk.tokens, talk.opened, talk.onlines), (&[false, true][..], 2, 1));
    let mut talk = Talk::new();
    talk.cloud.bad_tokens = (1..9).map(|nth| format!("token-{nth}")).collect();
    talk.start();
    assert_eq!((&*talk.tokens, talk.opened, talk.onlines), (&[false, true][..], 2, 0));
    assert!(talk.end.is_some(), "and then it backs off");
}

#[test]
fn a_token_that_is_answered_with_silence_is_replaced_once_too() {
    let mut talk = Talk::new();
    talk.cloud.is_silent = true;
    talk.cloud.bad_tokens = vec!["token-1".to_owned()];
    talk.start();
    talk.wait(20);
    assert_eq!((&*talk.tokens, talk.opened, talk.onlines), (&[false, true][..], 2, 1));
    assert!(talk.end.is_none());
    let mut talk = Talk::new();
    talk.cloud.is_silent = true;
    talk.cloud.bad_tokens = (1..9).map(|nth| format!("token-{nth}")).collect();
    talk.start();
    talk.wait(60);
    assert_eq!((&*talk.tokens, talk.opened, talk.onlines), (&[false, true][..], 2, 0));
    assert!(talk.end.is_some(), "and then it backs off");
}

#[test]
fn a_socket_that_is_lost_later_ends_the_try() {
    let mut talk = Talk::live();
    let mut todo = Todo::default();
    assert!(!talk.session.dropped(talk.now, &mut todo));
    assert!(todo.actions.is_empty());
}

#[test]
fn a_refused_upgrade_backs_off() {
    let mut talk = Talk::new();
    talk.step(Input::Start);
    let refused = OpenError::Refused {
        at: "wss://socket.example/".into(),
        status: 403,
        retry_after: Some(Duration::from_secs(9)),
        www_authenticate: None,
        body: String::new(),
    };
    talk.step(Input::Refused(refused));
    talk.todo.retain(|action| matches!(action, Action::End(_)));
    talk.settle();
    assert!(matches!(&talk.end, Some(SessionEnd::Retry { not_before: Some(wait), .. }) if wait.as_secs() == 9));
}

#[test]
fn a_day_of_events_some_of_them_never_pushed_is_told_on_one_socket() {
    let mut talk = Talk::live();
    let mut all = Vec::new();
    for nth in 0..144_u64 {
        // Around the renewals too: a token lives for an hour.
        talk.wait(560 + nth * 13 % 80);
        let sid = if nth % 3 == 0 { CABIN } else { HOME };
        if nth % 4 == 0 {
            all.push(talk.miss(sid, 1602, json!({})));
        } else {
            all.push(id(&talk.happen(sid, 1170, json!({"sensorType": 17, "sensorSerial": "cam"}))));
        }
    }
    talk.wait(600);
    assert!(talk.second() >= 24 * 3_600, "{}", talk.second());
    let mut told = talk.ids();
    told.sort_unstable();
    assert_eq!(told, all);
    assert_eq!((talk.opened, talk.onlines, talk.end.is_none(), talk.gaps().len()), (1, 1, true, 0));
    assert!((24..40).contains(&talk.tokens.len()), "{}", talk.tokens.len());
}
