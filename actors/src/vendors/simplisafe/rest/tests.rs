//! What is asked, and what an answer means.

#![allow(clippy::unwrap_used, clippy::panic)]
use std::time::Instant;

use super::*;
use crate::transport::request::HeaderText;

fn answer(status: u16, body: &str) -> RestAnswer {
    RestAnswer { status, headers: vec![], body: body.to_owned().into(), retry_after: None }
}

fn grant(api: &str) -> Grant {
    let now = Instant::now();
    Grant {
        api: api.parse().unwrap(),
        socket: "wss://socket.test/".parse().unwrap(),
        access_token: "t0psecret".to_owned().into(),
        user_id: 98_765,
        good_until: now,
        renew_at: now,
    }
}

#[test]
fn calls_go_where_other_clients_send_them_and_show_no_token() {
    let grant = grant("https://api.test/proxy/");
    let cases = [
        (subscriptions(&grant), "users/98765/subscriptions?activeOnly=true"),
        (sensors(&grant, 7), "ss3/subscriptions/7/sensors?forceUpdate=false"),
        (settings(&grant, 7), "ss3/subscriptions/7/settings/normal?forceUpdate=false"),
        (locks(&grant, 7), "doorlock/7"),
        (events(&grant, 7, 99, None), "subscriptions/7/events?numEvents=50"),
        (events(&grant, 7, 0, Some(1_534_036)), "subscriptions/7/events?numEvents=1&fromTimestamp=1534036"),
    ];
    for (call, path) in cases {
        assert_eq!(call.url.as_str(), format!("https://api.test/proxy/v1/{path}"));
        let bearer = call.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value);
        assert!(matches!(bearer, Some(HeaderText::Secret(_))), "{call:?}");
        assert!(call.headers.iter().any(|(name, _)| name == "user-agent"), "{call:?}");
        assert!(!format!("{call:?} {:?}", grant).contains("t0psecret"));
    }
}

#[test]
fn every_answer_has_its_own_meaning_and_shows_no_body() {
    let plan = r#"{"type":"NoRemoteManagement","message":"no","code":"078","statusCode":403,"props":{}}"#;
    let busy = |status| CallError::Busy { status, not_before: None };
    let refused = |status, word: Option<&str>| CallError::Refused { status, word: word.map(str::to_owned) };
    let cases = [
        (401, "secret", CallError::Unauthorized, false),
        (403, plan, CallError::NotInPlan, false),
        (200, plan, CallError::NotInPlan, false),
        (403, "<html>secret</html>", CallError::Blocked, false),
        (403, "", CallError::Blocked, false),
        (403, r#"{"message":"Forbidden"}"#, CallError::Blocked, false),
        (403, r#"{"type":"PinError"}"#, refused(403, Some("PinError")), false),
        (403, r#"{"error":"access_denied"}"#, refused(403, Some("access_denied")), false),
        (403, r#""Unauthorized""#, refused(403, Some("Unauthorized")), false),
        (400, r#"{"errorType":"InvalidParameter","param":"numEvents"}"#, refused(400, Some("InvalidParameter")), false),
        (404, "secret", refused(404, None), false),
        (409, r#"{"type":"SettingsInProgress"}"#, CallError::InProgress, true),
        (504, r#"{"type":"GatewayTimeout","code":"009"}"#, CallError::Unreachable, true),
        (504, "<html>", busy(504), true),
        (502, "<html>secret", busy(502), true),
        (500, r#"{"type":"UnknownError","code":"06X"}"#, busy(500), true),
        (429, "", busy(429), true),
        (408, "", busy(408), true),
        (302, "", busy(302), true),
    ];
    for (status, body, expected, is_retryable) in cases {
        let error = succeeded(&answer(status, body)).unwrap_err();
        assert_eq!(error, expected, "{status} {body}");
        assert_eq!(error.is_retryable(), is_retryable, "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert_eq!(succeeded(&answer(200, "{}")), Ok(()));
    assert_eq!(succeeded(&answer(204, "")), Ok(()));
}

#[test]
fn only_a_403_that_names_no_error_is_a_block() {
    assert!(is_blocked(&answer(403, "<html>")) && is_blocked(&answer(403, "")) && is_blocked(&answer(403, "[1]")));
    assert!(!is_blocked(&answer(403, r#"{"error":"invalid_grant"}"#)));
    assert!(!is_blocked(&answer(401, "")) && !is_blocked(&answer(200, "")) && !is_blocked(&answer(503, "")));
}
