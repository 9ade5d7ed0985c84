//! Logins answered by hand: each status, each way.

#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::*;
use crate::transport::Fault;
use crate::transport::request::{Body, HeaderText, Method, RestCall, Retry};

const USER: &str = r#"{"id":"ca0e1cf2","owner_account_id":"00004206","active_account_id":"00004206","is_master":1,"active_brand_subdomain":"c001"}"#;

pub(super) type Arrival = Result<RestAnswer, RestError>;

pub(super) fn answer(status: u16, body: &str) -> Arrival {
    Ok(RestAnswer { status, headers: vec![], body: body.to_owned().into(), retry_after: None })
}

pub(super) fn with_header(arrival: Arrival, name: &str, value: &str) -> Arrival {
    arrival.map(|mut answer| {
        answer.headers.push((name.to_owned(), value.to_owned()));
        answer
    })
}

pub(super) fn token() -> Arrival {
    answer(200, r#"{"token":"one-use"}"#)
}

pub(super) fn session(user: &str) -> Arrival {
    with_header(answer(200, user), "Set-Cookie", "auth_key=c001~0f; Path=/")
}

pub(super) fn config() -> EenConfig {
    EenConfig::new("ops@example.com", "p&ss".into())
}

fn child_config(barred: Option<&str>) -> EenConfig {
    let id = "00004207".parse().unwrap();
    let child = ChildAccount { id, name: "Store 7".to_owned(), barred: barred.map(str::to_owned) };
    EenConfig { child: Some(child), ..config() }
}

/// Members of a call's body.
pub(super) fn members(call: &RestCall) -> Value {
    let Body::Json(json) = &call.body else { panic!("{call:?}") };
    serde_json::from_slice(json).unwrap()
}

fn header(call: &RestCall, name: &str) -> Option<String> {
    call.headers.iter().find(|(key, _)| key == name).map(|(_, value)| match value {
        HeaderText::Secret(text) => text.expose_secret().to_owned(),
        HeaderText::Plain(text) => panic!("{name} could be logged: {text}"),
    })
}

/// Answers each call by its path, and tells the calls and how it ended.
fn play(login: &mut EenLogin, mut answers: impl FnMut(&RestCall) -> Arrival) -> (Vec<RestCall>, LoginStep<Grant>) {
    let (mut calls, mut step) = (Vec::new(), login.begin(Now::read()));
    loop {
        match step {
            LoginStep::Call(call) => {
                assert!(calls.len() < 16, "{calls:?}");
                step = login.answer(Now::read(), answers(&call));
                calls.push(call);
            }
            end => return (calls, end),
        }
    }
}

/// Answers each of the three calls with the same each time.
fn play_steps(config: EenConfig, steps: [Arrival; 3]) -> (Vec<String>, LoginStep<Grant>) {
    let mut login = EenLogin::new(config, Duration::from_secs(20), None);
    let (calls, end) = play(&mut login, |call| {
        let path = call.url.path();
        match ["authenticate", "authorize", "switch_account"].iter().position(|name| path.ends_with(name)) {
            Some(step) => steps[step].clone(),
            None => answer(200, "true"),
        }
    });
    (calls.iter().map(RestCall::shown).collect(), end)
}

fn shown_error(end: LoginStep<Grant>) -> (&'static str, String, Option<Duration>) {
    match end {
        LoginStep::Failed(LoginError::Refused(why)) => ("refused", why, None),
        LoginStep::Failed(LoginError::NotThis(why)) => ("not this", why, None),
        LoginStep::Failed(LoginError::Unavailable { why }) => ("later", why, None),
        LoginStep::Failed(LoginError::TooMany { why, not_before }) => ("too many", why, not_before),
        LoginStep::Failed(LoginError::Doubtful { why }) => ("doubtful", why, None),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_user_logs_in_and_is_told_its_host() {
    let mut login = EenLogin::new(config(), Duration::from_secs(20), None);
    let mut proven = Vec::new();
    let mut step = login.begin(Now::read());
    for arrival in [token(), session(USER)] {
        let LoginStep::Call(call) = step else { panic!("{step:?}") };
        assert_eq!((call.method, call.timeout), (Method::Post, Duration::from_secs(20)));
        proven.push(login.is_proven());
        step = login.answer(Now::read(), arrival);
    }
    assert_eq!((proven, login.is_proven()), (vec![false, true], true), "the first answer judges the password");
    let LoginStep::Granted { grant, lifetime, who } = step else { panic!("{step:?}") };
    assert_eq!(grant.rest.as_str(), "https://c001.eagleeyenetworks.com/");
    assert_eq!(grant.socket.as_str(), "wss://c001.eagleeyenetworks.com/");
    assert_eq!((grant.auth_key.expose_secret(), grant.account.as_str()), ("c001~0f", "00004206"));
    assert_eq!(lifetime, None);
    assert_eq!(who, "user \"ops@example.com\" at https://c001.eagleeyenetworks.com, account 00004206");
}

#[test]
fn the_calls_carry_what_the_documentation_says() {
    let mut config = child_config(None);
    config.api_key = Some("key".into());
    let mut login = EenLogin::new(config, Duration::from_secs(20), Some("known-device".to_owned().into()));
    let (calls, end) = play(&mut login, |call| match call.url.path() {
        "/g/aaa/authenticate" => token(),
        "/g/aaa/authorize" => session(USER),
        _ => answer(200, "true"),
    });
    assert_eq!(
        calls.iter().map(RestCall::shown).collect::<Vec<_>>(),
        [
            "POST https://login.eagleeyenetworks.com/g/aaa/authenticate",
            "POST https://login.eagleeyenetworks.com/g/aaa/authorize",
            "POST https://c001.eagleeyenetworks.com/g/aaa/switch_account",
        ]
    );
    assert_eq!(members(&calls[0]), serde_json::json!({"username": "ops@example.com", "password": "p&ss"}));
    assert_eq!(members(&calls[1]), serde_json::json!({"token": "one-use"}));
    assert_eq!(members(&calls[2]), serde_json::json!({"account_id": "00004207"}));
    let cookies = calls.iter().map(|call| header(call, "cookie")).collect::<Vec<_>>();
    assert_eq!(cookies, [Some("tfa_key=known-device".to_owned()), None, Some("auth_key=c001~0f".to_owned())]);
    assert!(calls.iter().all(|call| header(call, "Authentication").as_deref() == Some("key")), "{calls:?}");
    let LoginStep::Granted { grant, who, .. } = end else { panic!("{end:?}") };
    // A refused password counts towards a lock-out; a token is used once, whatever happens.
    let retries = calls.iter().map(|call| call.retry).collect::<Vec<_>>();
    assert_eq!(retries, [Retry::Never, Retry::Safe { tries: 4 }, Retry::Never]);
    assert_eq!(grant.account.as_str(), "00004207");
    assert!(who.ends_with("account 00004207 \"Store 7\""), "{who}");
}

#[test]
fn the_settings_say_where_to_call_whatever_the_login_tells() {
    let url = |text: &str| Some(text.parse().unwrap());
    let cases = [
        (None, None, "https://c001.eagleeyenetworks.com/", "wss://c001.eagleeyenetworks.com/"),
        (url("http://127.0.0.1:1/een"), None, "http://127.0.0.1:1/een/", "ws://127.0.0.1:1/een/"),
        (None, url("ws://127.0.0.1:2"), "https://c001.eagleeyenetworks.com/", "ws://127.0.0.1:2/"),
        (url("https://api.test"), url("wss://ws.test"), "https://api.test/", "wss://ws.test/"),
    ];
    for (api_url, socket_url, rest, socket) in cases {
        let config = EenConfig { api_url, socket_url, ..config() };
        let (_, end) = play_steps(config, [token(), session(USER), answer(500, "")]);
        let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
        assert_eq!((grant.rest.as_str(), grant.socket.as_str()), (rest, socket));
    }
    let plain = r#"{"owner_account_id":"00004206"}"#;
    let (_, end) = play_steps(config(), [token(), session(plain), answer(500, "")]);
    let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
    assert_eq!(grant.rest.as_str(), "https://login.eagleeyenetworks.com/", "where none is told");
}

/// Which of the three calls, its status, what comes of it, words of the message, and a pause.
type Case<'a> = (usize, u16, &'a str, &'a [&'a str], Option<Duration>);

#[test]
fn every_status_is_told_with_what_to_do() {
    let cases: [Case<'_>; 46] = [
        (0, 400, "refused", &["auth_url", "400"], None),
        (0, 401, "refused", &["wrong user name or password", "ops@example.com", "settings"], None),
        (0, 402, "refused", &["account of user", "suspended", "402"], None),
        (0, 403, "refused", &["api_key", "403"], None),
        (0, 404, "later", &["no login", "https://login.eagleeyenetworks.com", "auth_url"], None),
        (0, 405, "later", &["auth_url"], None),
        (0, 406, "refused", &["406"], None),
        (0, 408, "later", &["408"], None),
        (0, 412, "refused", &["disabled, or locked", "support"], None),
        (0, 423, "refused", &["locked", "423"], None),
        (0, 429, "too many", &["fewer requests", "logins_per_second"], None),
        (0, 460, "refused", &["inactive", "460"], None),
        (0, 461, "refused", &["account of user", "pending", "461"], None),
        (0, 462, "refused", &["user \"ops@example.com\" is pending", "invitation"], None),
        (0, 463, "refused", &["463"], None),
        (0, 465, "refused", &["this machine's address", "list of allowed"], None),
        (0, 418, "refused", &["418"], None),
        (0, 500, "later", &["defect"], None),
        (0, 502, "later", &["cannot answer now (502)"], None),
        (0, 504, "later", &["504"], None),
        (0, 204, "later", &["204", "means nothing"], None),
        (1, 400, "refused", &["400"], None),
        (1, 401, "later", &["token", "refused twice"], None),
        (1, 402, "refused", &["suspended"], None),
        (1, 403, "refused", &["permissions"], None),
        (1, 406, "refused", &["watchpost login een"], None),
        (1, 412, "refused", &["disabled, or locked"], None),
        (1, 429, "doubtful", &["locked", "support", "logins_per_second"], None),
        (1, 503, "later", &["503"], None),
        (2, 400, "not this", &["account 00004207 \"Store 7\"", "400"], None),
        (2, 401, "later", &["api_url"], None),
        (2, 402, "not this", &["account 00004207 \"Store 7\" is suspended"], None),
        (2, 403, "not this", &["may not switch", "00004207"], None),
        (2, 404, "not this", &["no account 00004207", "closed"], None),
        (2, 405, "not this", &["405"], None),
        (2, 406, "not this", &["406"], None),
        (2, 409, "not this", &["409"], None),
        (2, 410, "not this", &["410"], None),
        (2, 412, "not this", &["00004207", "412"], None),
        (2, 423, "not this", &["locked"], None),
        (2, 429, "too many", &["429"], None),
        (2, 460, "not this", &["inactive"], None),
        (2, 461, "not this", &["pending"], None),
        (2, 465, "not this", &["address"], None),
        (2, 500, "later", &["500"], None),
        (2, 503, "later", &["503"], None),
    ];
    for (at, status, what, words, pause) in cases {
        let mut steps = [token(), session(USER), answer(200, "true")];
        // Whatever stands in the page is not told on: it could repeat what was sent.
        steps[at] = answer(status, r#"{"message":"p&ss one-use c001~0f"}"#);
        let (calls, end) = play_steps(child_config(None), steps);
        let (kind, why, not_before) = shown_error(end);
        assert_eq!((kind, not_before), (what, pause), "{at} {status}: {why}");
        assert!(words.iter().all(|word| why.contains(word)), "{at} {status}: {why}");
        assert!(["p&ss", "one-use", "c001~0f"].iter().all(|secret| !why.contains(secret)), "{why}");
        // A token that was too late, or a session that is not known, is worth another try; nothing else is.
        let again = status == 401 && at > 0;
        let made = if again { 2 * (at + 1) } else { at + 1 };
        assert_eq!(calls.len(), made + usize::from(what == "not this"), "{at} {status}: {calls:?}");
    }
}

#[test]
fn a_server_that_says_how_long_to_wait_is_left_alone_for_so_long() {
    for (at, status) in [(0, 429), (1, 429), (2, 429), (0, 503), (1, 502), (2, 504), (0, 500)] {
        let mut steps = [token(), session(USER), answer(200, "true")];
        steps[at] =
            answer(status, "").map(|answer| RestAnswer { retry_after: Some(Duration::from_secs(33)), ..answer });
        let (kind, _, not_before) = shown_error(play_steps(child_config(None), steps).1);
        assert_eq!((kind, not_before), ("too many", Some(Duration::from_secs(33))), "{at} {status}");
    }
    for at in 0..3 {
        let mut steps = [token(), session(USER), answer(200, "true")];
        steps[at] = Err(RestError::Failed { at: "POST x".into(), fault: Fault::Connect("no address".into()) });
        let (kind, why, _) = shown_error(play_steps(child_config(None), steps).1);
        assert!(kind == "later" && why.contains("no address"), "{at}: {why}");
    }
}

#[test]
fn a_token_that_was_too_late_is_asked_for_once_more() {
    let mut login = EenLogin::new(config(), Duration::from_secs(20), None);
    for _ in 0..2 {
        let mut refused = false;
        let (calls, end) = play(&mut login, |call| match call.url.path() {
            "/g/aaa/authenticate" => token(),
            _ if std::mem::replace(&mut refused, true) => session(USER),
            _ => answer(401, ""),
        });
        assert_eq!(calls.len(), 4, "and the next login may do so again");
        assert!(matches!(end, LoginStep::Granted { .. }), "{end:?}");
    }
}

#[test]
fn two_factor_without_a_known_device_asks_for_a_person() {
    for tfa in [r#"{"sms":"*** 779"}"#, "{}", "true"] {
        let body = format!(r#"{{"token":"one-use","two_factor_authentication_code":{tfa}}}"#);
        let (calls, end) = play_steps(config(), [answer(200, &body), session(USER), answer(200, "")]);
        let (kind, why, _) = shown_error(end);
        assert!(kind == "refused" && why.contains("run `watchpost login een` once"), "{why}");
        assert_eq!(calls.len(), 1, "the token is not spent");
    }
    let body = r#"{"token":"one-use","two_factor_authentication_code":null}"#;
    let (_, end) = play_steps(config(), [answer(200, body), session(USER), answer(200, "")]);
    assert!(matches!(end, LoginStep::Granted { .. }), "{end:?}");
}

#[test]
fn a_known_device_is_recalled_by_a_note_of_the_user_alone() {
    let note = device_note(&config());
    assert_eq!(device_note(&child_config(None)), note, "whatever account it is for");
    let other = EenConfig { username: "other@example.com".to_owned(), ..config() };
    assert_ne!(device_note(&other), note);
    let mut login = EenLogin::new(child_config(None), Duration::from_secs(20), None);
    assert_eq!(login.note(), Some(note));
    for (kept, sent) in [(Some("known"), Some("tfa_key=known")), (Some("a b;c"), None), (None, None)] {
        login.recall(kept.map(|key| key.to_owned().into()));
        let LoginStep::Call(call) = login.begin(Now::read()) else { panic!() };
        assert_eq!(header(&call, "cookie").as_deref(), sent);
    }
}

#[test]
fn an_answer_that_lacks_what_is_needed_says_what() {
    let no_key = with_header(answer(200, USER), "set-cookie", "other=1");
    for (steps, words) in [
        ([answer(200, "<html>"), session(USER)], "holds no token"),
        ([answer(200, r#"{"token":""}"#), session(USER)], "holds no token"),
        ([answer(200, "[]"), session(USER)], "holds no token"),
        ([token(), no_key], "no cookie `auth_key`"),
        ([token(), session("<html>")], "the user is no JSON"),
        ([token(), session("[]")], "the user is a list"),
        ([token(), session("{}")], "owner_account_id"),
    ] {
        let [first, second] = steps;
        let (kind, why, _) = shown_error(play_steps(config(), [first, second, answer(500, "")]).1);
        assert!(kind == "later" && why.contains(words), "{why}");
    }
}

#[test]
fn the_users_own_account_is_not_switched_to() {
    let own = USER.replace("00004206", "00004207");
    let (calls, end) = play_steps(child_config(None), [token(), session(&own), answer(500, "")]);
    assert!(calls.len() == 2 && matches!(end, LoginStep::Granted { .. }), "{calls:?} {end:?}");
}

#[test]
fn the_host_of_the_account_counts_where_the_switch_tells_it() {
    let user = |account: &str| {
        format!(r#"{{"owner_account_id":"00004206","active_account_id":"{account}","active_brand_subdomain":"c002"}}"#)
    };
    for (body, rest) in [
        (user("00004207"), "https://c002.eagleeyenetworks.com/"),
        // This says nothing about the account that was switched to.
        (user("00004206"), "https://c001.eagleeyenetworks.com/"),
        ("true".to_owned(), "https://c001.eagleeyenetworks.com/"),
        (String::new(), "https://c001.eagleeyenetworks.com/"),
    ] {
        let (_, end) = play_steps(child_config(None), [token(), session(USER), answer(200, &body)]);
        let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
        assert_eq!((grant.rest.as_str(), grant.account.as_str()), (rest, "00004207"), "{body}");
    }
}

#[test]
fn a_redirect_is_followed_with_the_same_call_to_eagle_eyes_hosts() {
    let mut login = EenLogin::new(child_config(None), Duration::from_secs(20), None);
    let moved = |to: &str| with_header(answer(301, ""), "Location", to);
    let (calls, end) = play(&mut login, |call| match (call.url.host_str().unwrap(), call.url.path()) {
        ("login.eagleeyenetworks.com", path) => moved(&format!("https://login2.eagleeyenetworks.com{path}")),
        ("c001.eagleeyenetworks.com", path) => moved(&format!("https://c002.eagleeyenetworks.com{path}")),
        (_, "/g/aaa/authenticate") => token(),
        (_, "/g/aaa/authorize") => session(USER),
        _ => answer(200, "true"),
    });
    let hosts: Vec<_> = calls.iter().map(|call| call.url.host_str().unwrap().split_once('.').unwrap().0).collect();
    assert_eq!(hosts, ["login", "login2", "login2", "c001", "c002"], "the login host is learned");
    assert_eq!(members(&calls[1])["password"], "p&ss");
    let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
    assert_eq!(grant.rest.as_str(), "https://c002.eagleeyenetworks.com/", "and so is the account's");
    assert_eq!(grant.socket.as_str(), "wss://c002.eagleeyenetworks.com/");

    let LoginStep::Call(call) = login.begin(Now::read()) else { panic!() };
    assert_eq!(call.url.host_str(), Some("login.eagleeyenetworks.com"), "the next login begins where the settings say");
}

#[test]
fn a_host_that_the_login_did_not_tell_is_asked_once_and_may_lead_on() {
    let moved = |to: &str| with_header(answer(301, ""), "Location", to);
    let simulated = |api_url: Option<&str>, socket_url: Option<&str>| {
        let url = |text: &str| text.parse().unwrap();
        let (api_url, socket_url) = (api_url.map(url), socket_url.map(url));
        EenConfig { auth_url: url("http://127.0.0.1:1"), api_url, socket_url, ..config() }
    };
    for (config, rest, socket) in [
        (simulated(None, None), "http://127.0.0.1:3/", "ws://127.0.0.1:3/"),
        (simulated(Some("http://127.0.0.1:2"), None), "http://127.0.0.1:3/", "ws://127.0.0.1:3/"),
        (simulated(Some("http://127.0.0.1:2"), Some("ws://127.0.0.1:4")), "http://127.0.0.1:3/", "ws://127.0.0.1:4/"),
    ] {
        let mut login = EenLogin::new(config, Duration::from_secs(20), None);
        let (calls, end) = play(&mut login, |call| match (call.url.port(), call.url.path()) {
            (_, "/g/aaa/authenticate") => token(),
            (_, "/g/aaa/authorize") => session(USER),
            (Some(3), _) => answer(200, "true"),
            (_, path) => moved(&format!("http://127.0.0.1:3{path}")),
        });
        assert_eq!(calls.len(), 4);
        assert_eq!(calls[3].shown(), "GET http://127.0.0.1:3/g/aaa/isauth");
        let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
        assert_eq!((grant.rest.as_str(), grant.socket.as_str()), (rest, socket));
    }
    let mut login = EenLogin::new(child_config(None), Duration::from_secs(20), None);
    let (_, end) = play(&mut login, |call| match (call.url.host_str().unwrap(), call.url.path()) {
        (_, "/g/aaa/authenticate") => token(),
        (_, "/g/aaa/authorize") => session(USER),
        ("c001.eagleeyenetworks.com", _) => moved("https://c002.eagleeyenetworks.com/elsewhere"),
        _ => answer(200, "true"),
    });
    let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
    assert_eq!(
        grant.rest.as_str(),
        "https://c001.eagleeyenetworks.com/",
        "another path says nothing about other calls"
    );
    // Whether it is the right one is all that is asked: what the session is good for, its first use tells.
    for status in [200, 401, 404, 500] {
        let mut login = EenLogin::new(simulated(None, None), Duration::from_secs(20), None);
        let (calls, end) = play(&mut login, |call| match call.url.path() {
            "/g/aaa/authenticate" => token(),
            "/g/aaa/authorize" => session(USER),
            _ => answer(status, ""),
        });
        assert!(calls.len() == 3 && matches!(end, LoginStep::Granted { .. }), "{status}: {end:?}");
    }
}

#[test]
fn a_redirect_to_anywhere_else_is_told_and_no_secret_goes_there() {
    for (location, words) in [
        (Some("https://evil.test/login"), "https://evil.test"),
        (Some("http://login.eagleeyenetworks.com/"), "http://login.eagleeyenetworks.com"),
        (None, "no address to go to"),
    ] {
        for status in [301, 302, 307, 308] {
            let moved =
                location.map_or_else(|| answer(status, ""), |to| with_header(answer(status, ""), "location", to));
            let (calls, end) = play_steps(config(), [moved, session(USER), answer(200, "")]);
            let (kind, why, _) = shown_error(end);
            assert!(kind == "later" && why.contains(words) && why.contains(&status.to_string()), "{why}");
            assert_eq!(calls.len(), 1);
        }
    }
    let circle = with_header(answer(307, ""), "location", "https://login.eagleeyenetworks.com/g/aaa/authenticate");
    let (calls, end) = play_steps(config(), [circle, session(USER), answer(200, "")]);
    assert!(calls.len() == 3 && shown_error(end).1.contains("again and again"), "{calls:?}");
}

#[test]
fn terms_that_wait_to_be_accepted_are_mentioned() {
    let user = USER.replace("\"is_master\":1", "\"is_terms_noncompliant\":1");
    let (_, end) = play_steps(config(), [token(), session(&user), answer(500, "")]);
    let LoginStep::Granted { who, .. } = end else { panic!("{end:?}") };
    assert!(who.contains("new terms"), "{who}");
}

/// Secrets that are nowhere else in what is shown.
const MARKERS: [&str; 5] = ["mark-password", "mark-token", "mark-session", "mark-key", "mark-device"];

const STATUSES: [u16; 10] = [200, 200, 200, 301, 401, 404, 406, 412, 429, 500];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn nothing_shows_a_secret_whatever_comes(
        statuses in prop::collection::vec(prop::sample::select(STATUSES.as_slice()), 12),
        bodies in prop::collection::vec(0_usize..6, 12),
        locations in prop::collection::vec(0_usize..4, 12),
    ) {
        let mut config = child_config(None);
        (config.password, config.api_key) = ("mark-password".into(), Some("mark-key".into()));
        let mut login = EenLogin::new(config.clone(), Duration::from_secs(20), Some("mark-device".to_owned().into()));
        let mut two_factor = TwoFactor::new(config, Duration::from_secs(20));
        let all = MARKERS.join(" ");
        // A server that repeats all that it was ever told.
        let bodies = bodies.iter().map(|at| match at {
            0 => all.clone(),
            1 => format!("[\"{all}\"]"),
            2 | 3 => format!(r#"{{"token":"mark-token","message":"{all}"}}"#),
            4 => format!(r#"{{"token":"mark-token","two_factor_authentication_code":{{"sms":"*9"}},"message":"{all}"}}"#),
            _ => format!(r#"{{"owner_account_id":"00004206","active_brand_subdomain":"c001","message":"{all}"}}"#),
        });
        let to = [
            "https://evil.test/mark-token",
            "https://c002.eagleeyenetworks.com/g/aaa/authenticate?A=mark-session",
            "https://mark-password@c002.eagleeyenetworks.com/",
        ];
        let arrivals = statuses.iter().zip(bodies).zip(&locations).map(|((status, body), at)| {
            let arrival = with_header(answer(*status, &body), "Set-Cookie", "auth_key=mark-session; Path=/mark-token");
            // A followed redirect is a place that the server named: that may be shown.
            let arrival = if *at < 3 { with_header(arrival, "Location", to[*at]) } else { arrival };
            with_header(arrival, "Set-Cookie", "tfa_key=mark-device")
        });
        let mut shown = String::new();
        let (mut step, mut other) = (login.begin(Now::read()), two_factor.begin());
        for arrival in arrivals {
            shown.push_str(&format!("{login:?} {two_factor:?} {step:?} {other:?}"));
            if let LoginStep::Granted { who, grant, .. } = &step {
                shown.push_str(&format!("{who} {:?}", grant.sign(RestCall::new(Method::Get, grant.rest.clone()))));
            }
            if let (LoginStep::Failed(error), _) | (_, TwoFactorStep::Failed(error)) = (&step, &other) {
                shown.push_str(&error.to_string());
            }
            step = match step {
                LoginStep::Call(_) => login.answer(Now::read(), arrival.clone()),
                _ => login.begin(Now::read()),
            };
            other = match other {
                TwoFactorStep::Call(_) => two_factor.answer(arrival),
                TwoFactorStep::Choose(_) => two_factor.send_by(CodeBy::Sms),
                TwoFactorStep::TypeCode { .. } => two_factor.code("1234"),
                TwoFactorStep::Done { .. } | TwoFactorStep::Failed(_) => two_factor.begin(),
            };
        }
        for marker in MARKERS {
            prop_assert!(!shown.contains(marker), "{marker} in {shown}");
        }
    }
}

#[test]
fn a_session_that_may_not_be_used_is_ended_however_that_goes_and_one_of_somebody_elses_is_not() {
    let lost = || Err(RestError::Failed { at: "POST x".into(), fault: Fault::Lost("reset".into()) });
    for ended in [answer(204, ""), answer(401, ""), answer(301, ""), lost()] {
        let mut login = EenLogin::new(child_config(None), Duration::from_secs(20), None);
        let (calls, end) = play(&mut login, |call| match call.url.path() {
            "/g/aaa/authenticate" => token(),
            "/g/aaa/authorize" => session(USER),
            "/g/aaa/switch_account" => answer(404, ""),
            _ => ended.clone(),
        });
        let last = calls.last().unwrap();
        assert_eq!(last.shown(), "POST https://c001.eagleeyenetworks.com/g/aaa/logout");
        assert_eq!(header(last, "cookie").as_deref(), Some("auth_key=c001~0f"));
        assert_eq!((calls.len(), shown_error(end).0), (4, "not this"));
    }
    let mut login = EenLogin::new(config(), Duration::from_secs(20), None);
    let (_, end) =
        play(&mut login, |call| if call.url.path().ends_with("authenticate") { token() } else { session(USER) });
    let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
    login.switch(grant, child_config(None).child.unwrap());
    assert_eq!(shown_error(login.answer(Now::read(), answer(404, ""))).0, "not this");
}

#[test]
fn a_session_moves_to_another_account_with_one_call_and_begins_anew_for_it_when_it_is_lost() {
    let mut login = EenLogin::new(config(), Duration::from_secs(20), None);
    let (_, end) =
        play(&mut login, |call| if call.url.path().ends_with("authenticate") { token() } else { session(USER) });
    let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
    let child = child_config(None).child.unwrap();
    let LoginStep::Call(call) = login.switch(grant.clone(), child.clone()) else { panic!() };
    assert_eq!(call.shown(), "POST https://c001.eagleeyenetworks.com/g/aaa/switch_account");
    assert_eq!(members(&call), serde_json::json!({ "account_id": "00004207" }));
    let step = login.answer(Now::read(), answer(200, "true"));
    let LoginStep::Granted { grant: moved, .. } = step else { panic!("{step:?}") };
    assert_eq!(moved.account, child.id);
    assert_eq!(moved.auth_key.expose_secret(), grant.auth_key.expose_secret());

    login.switch(grant.clone(), child.clone());
    let LoginStep::Call(call) = login.answer(Now::read(), answer(401, "")) else { panic!() };
    assert!(call.url.path().ends_with("/g/aaa/authenticate"));
    login.answer(Now::read(), token());
    let LoginStep::Call(call) = login.answer(Now::read(), session(USER)) else { panic!() };
    assert_eq!(members(&call), serde_json::json!({ "account_id": "00004207" }));

    let step = login.switch(grant, ChildAccount { barred: Some("suspended".to_owned()), ..child });
    assert!(matches!(step, LoginStep::Failed(LoginError::NotThis(_))), "{step:?}");
}
