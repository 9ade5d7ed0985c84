//! The login, played without a network.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::transport::Fault;

const OK: u16 = 200;
const INVALID: &str = r#"{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#;

fn config(token: &str) -> SimpliSafeConfig {
    let mut config = SimpliSafeConfig::new(token.into());
    config.auth_url = "https://auth.test".parse().unwrap();
    config.api_url = "https://api.test".parse().unwrap();
    config
}

fn login(token: &str) -> SimpliSafeLogin {
    SimpliSafeLogin::new(config(token), Duration::from_secs(20))
}

fn answer(status: u16, body: impl Into<String>) -> RestAnswer {
    RestAnswer { status, headers: vec![], body: body.into().into(), retry_after: None }
}

fn issued(access: &str, refresh: Option<&str>) -> RestAnswer {
    let mut body = json!({ "access_token": access, "expires_in": 3600, "token_type": "Bearer", "scope": "x" });
    if let Some(refresh) = refresh {
        body["refresh_token"] = refresh.into();
    }
    answer(OK, body.to_string())
}

/// A server and a disk: what they are asked, in order, and what they answer.
struct Play {
    login: SimpliSafeLogin,
    now: Now,
    disk: Option<SecretString>,
    disk_is_full: bool,
    asked: Vec<String>,
}

impl Play {
    fn new(token: &str) -> Self {
        Self { login: login(token), now: Now::read(), disk: None, disk_is_full: false, asked: vec![] }
    }

    /// The process begins anew, with what is on the disk.
    fn restart(&mut self, token: &str) {
        self.login = login(token);
    }

    /// One login, in which `serve` answers to the refresh token that is shown, `None` for authCheck.
    fn log_in(&mut self, mut serve: impl FnMut(Option<&str>) -> RestAnswer) -> Result<(Grant, Duration), LoginError> {
        self.login.recall(self.disk.clone());
        let mut step = self.login.begin(self.now);
        for _ in 0..20 {
            step = match step {
                LoginStep::Call(call) => {
                    let shown = shown(&call);
                    self.asked.push(shown.clone().unwrap_or_else(|| "authCheck".to_owned()));
                    self.login.answer(self.now, Ok(serve(shown.as_deref())))
                }
                LoginStep::Keep(note) if self.disk_is_full => {
                    drop(note);
                    self.asked.push("full".to_owned());
                    self.login.kept(self.now, Err(JournalError::Unavailable("disk full".to_owned())))
                }
                LoginStep::Keep(note) => {
                    assert!(!self.login.is_proven(), "another login would read what was kept before");
                    self.asked.push("keep".to_owned());
                    self.disk = Some(note);
                    self.login.kept(self.now, Ok(()))
                }
                LoginStep::Granted { grant, lifetime, .. } => return Ok((grant, lifetime.unwrap())),
                LoginStep::Failed(error) => return Err(error),
            };
        }
        panic!("it goes round in circles: {:?}", self.asked);
    }

    fn asked(&mut self) -> Vec<String> {
        std::mem::take(&mut self.asked)
    }

    fn later(&mut self, by: Duration) {
        self.now.instant += by;
    }
}

/// The refresh token of a call; none of `authCheck`.
fn shown(call: &RestCall) -> Option<String> {
    if call.url.as_str() == "https://api.test/v1/api/authCheck" {
        assert_eq!(call.method, Method::Get);
        return None;
    }
    assert_eq!((call.method, call.url.as_str()), (Method::Post, "https://auth.test/oauth/token"));
    let Body::Json(body) = &call.body else { panic!("{call:?}") };
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!((body["grant_type"].as_str(), body["client_id"].as_str()), (Some("refresh_token"), Some(CLIENT_ID)));
    Some(body["refresh_token"].as_str().unwrap().to_owned())
}

/// Gives no other token, as SimpliSafe did in 2026.
fn keeps_one(shown: Option<&str>) -> RestAnswer {
    match shown {
        Some("a") => issued("access", None),
        Some(_) => answer(403, INVALID),
        None => answer(OK, r#"{"userId":98765,"isAdmin":false}"#),
    }
}

/// Takes each token once and gives the next: a, b, c ...
struct Rotates {
    valid: char,
}

impl Rotates {
    fn serve(&mut self, shown: Option<&str>) -> RestAnswer {
        match shown {
            Some(token) if token == self.valid.to_string() => {
                self.valid = char::from(self.valid as u8 + 1);
                issued("access", Some(&self.valid.to_string()))
            }
            Some(_) => answer(403, INVALID),
            None => answer(OK, r#"{"userId":"98765"}"#),
        }
    }
}

#[test]
fn a_token_that_stays_costs_two_calls_at_first_and_one_later_and_nothing_is_kept() {
    let mut play = Play::new("a");
    let (grant, lifetime) = play.log_in(keeps_one).unwrap();
    assert_eq!(play.asked(), ["a", "authCheck"]);
    assert_eq!((grant.user_id, grant.access_token.expose_secret()), (98_765, "access"));
    assert_eq!((grant.api.as_str(), lifetime), ("https://api.test/", Duration::from_secs(3_600)));
    assert_eq!(grant.good_until, play.now.instant + lifetime);
    assert_eq!(grant.renew_at, grant.good_until - Duration::from_secs(30));
    play.later(lifetime);
    play.log_in(keeps_one).unwrap();
    assert_eq!(play.asked(), ["a"]);
    assert!(play.disk.is_none());
}

#[test]
fn a_new_token_is_on_the_disk_before_anything_is_done_with_it_and_found_there_after_a_restart() {
    let mut server = Rotates { valid: 'a' };
    let mut play = Play::new("a");
    play.log_in(|shown| server.serve(shown)).unwrap();
    assert_eq!(play.asked(), ["a", "keep", "authCheck"]);
    play.log_in(|shown| server.serve(shown)).unwrap();
    assert_eq!(play.asked(), ["b", "keep"]);
    play.restart("a");
    play.log_in(|shown| server.serve(shown)).unwrap();
    assert_eq!(play.asked(), ["c", "keep", "authCheck"]);
}

#[test]
fn a_crash_at_any_moment_leaves_one_that_works_if_the_server_has_one() {
    // The new one was kept, and the server has forgotten that it gave it.
    let mut play = Play::new("a");
    let mut server = Rotates { valid: 'a' };
    play.log_in(|shown| server.serve(shown)).unwrap();
    play.log_in(|shown| server.serve(shown)).unwrap();
    play.restart("a");
    play.asked();
    server.valid = 'b';
    play.log_in(|shown| server.serve(shown)).unwrap();
    assert_eq!(play.asked(), ["c", "b", "authCheck"], "it gives the same again, which is kept already");
    // It has forgotten the first exchange of all.
    let mut play = Play::new("a");
    let mut server = Rotates { valid: 'a' };
    play.log_in(|shown| server.serve(shown)).unwrap();
    play.restart("a");
    play.asked();
    play.log_in(keeps_one).unwrap();
    assert_eq!(play.asked(), ["b", "a", "keep", "authCheck"]);
    play.restart("a");
    play.log_in(keeps_one).unwrap();
    assert_eq!(play.asked(), ["a", "authCheck"]);
}

/// As [`Rotates`], and a token that is shown twice ends all.
struct Kills {
    rotates: Rotates,
    dead: bool,
}

impl Kills {
    fn new() -> Self {
        Self { rotates: Rotates { valid: 'a' }, dead: false }
    }

    fn serve(&mut self, shown: Option<&str>) -> RestAnswer {
        self.dead |= shown.is_some_and(|token| token < &*self.rotates.valid.to_string());
        if self.dead { answer(403, INVALID) } else { self.rotates.serve(shown) }
    }
}

#[test]
fn a_refusal_that_does_not_name_the_token_makes_no_other_be_shown_and_passes() {
    let refusals = [
        answer(401, r#""Unauthorized""#),
        answer(403, r#""Unauthorized""#),
        answer(401, ""),
        answer(401, "<html>"),
        answer(403, r#"{"type":"Forbidden"}"#),
        answer(401, r#"{"error":"invalid_client"}"#),
    ];
    for refusal in refusals {
        for logins in 1..4 {
            let mut server = Kills::new();
            let mut play = Play::new("a");
            for _ in 0..logins {
                play.log_in(|shown| server.serve(shown)).unwrap();
            }
            for _ in 0..9 {
                play.later(Duration::from_secs(60));
                let error = play.log_in(|_| refusal.clone()).unwrap_err();
                assert!(error.is_retryable(), "{error}");
                assert!(error.to_string().contains("auth.test refuses the login (40"), "{error}");
            }
            play.log_in(|shown| server.serve(shown)).unwrap();
            assert!(!server.dead, "{refusal:?}");
        }
    }
}

#[test]
fn a_refusal_that_does_not_name_the_token_is_never_final_and_is_tried_rarely_after_ten_minutes_of_nothing_else() {
    let mut play = Play::new("a");
    let refused = |play: &mut Play| play.log_in(|_| answer(401, r#""Unauthorized""#)).unwrap_err();
    let is_soon = |error: &LoginError| matches!(error, LoginError::Unavailable { .. });
    for _ in 0..100 {
        assert!(is_soon(&refused(&mut play)), "however many they are");
        play.later(Duration::from_secs(5));
    }
    // Something else in between, and it begins anew.
    play.later(Duration::from_secs(600));
    play.log_in(|_| answer(502, "")).unwrap_err();
    assert!(is_soon(&refused(&mut play)));
    for _ in 0..20 {
        play.later(Duration::from_secs(600));
        let error = refused(&mut play);
        let LoginError::TooMany { why, not_before } = &error else { panic!("{error}") };
        assert_eq!(*not_before, Some(Duration::from_secs(600)));
        assert!(why.contains("minutes") && why.contains("watchpost login simplisafe"), "{why}");
    }
    play.asked();
    play.log_in(keeps_one).unwrap();
    assert_eq!(play.asked(), ["a", "authCheck"], "it was the right one all the time");
    assert!(is_soon(&refused(&mut play)));
}

#[test]
fn logins_whose_grants_lead_elsewhere_exchange_one_token_in_turn() {
    let mut server = Kills::new();
    let mut play = Play::new("a");
    let mut others = login("a");
    for _ in 0..6 {
        play.log_in(|shown| server.serve(shown)).unwrap();
        std::mem::swap(&mut play.login, &mut others);
    }
    assert!(!server.dead);
    let shown = play.asked().into_iter().filter(|asked| asked.len() == 1).collect::<String>();
    assert_eq!(shown, "abcdef");
}

#[test]
fn a_new_token_that_cannot_be_kept_is_not_lost_and_what_came_with_it_is_not_used() {
    let mut server = Rotates { valid: 'a' };
    let mut play = Play::new("a");
    play.disk_is_full = true;
    for _ in 0..3 {
        let error = play.log_in(|shown| server.serve(shown)).unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains("disk full"), "{error}");
    }
    assert_eq!(play.asked(), ["a", "full", "full", "full"], "one token is used up, however often it is tried");
    play.disk_is_full = false;
    play.log_in(|shown| server.serve(shown)).unwrap();
    assert_eq!(play.asked(), ["keep", "authCheck"]);
    // The disk is full until the access token has gone.
    play.disk_is_full = true;
    play.log_in(|shown| server.serve(shown)).unwrap_err();
    play.later(Duration::from_secs(3_600));
    play.disk_is_full = false;
    play.asked();
    play.log_in(|shown| server.serve(shown)).unwrap();
    assert_eq!(play.asked(), ["keep", "c", "keep"]);
}

#[test]
fn a_newly_configured_token_wins_over_what_came_after_an_old_one() {
    let mut play = Play::new("old");
    play.log_in(|shown| match shown {
        Some("old") => issued("access", Some("older")),
        Some(_) => answer(403, INVALID),
        None => answer(OK, r#"{"userId":1}"#),
    })
    .unwrap();
    play.restart("a");
    play.asked();
    play.log_in(keeps_one).unwrap();
    assert_eq!(play.asked(), ["a", "authCheck"]);
    assert_ne!(token_note(&config("a")), token_note(&config("old")), "nor do two users share a note");
}

#[test]
fn the_newest_token_and_the_one_before_are_tried_once_and_then_a_person_is_told_what_to_do() {
    let mut server = Rotates { valid: 'a' };
    let mut play = Play::new("a");
    play.log_in(|shown| server.serve(shown)).unwrap();
    play.log_in(|shown| server.serve(shown)).unwrap();
    play.asked();
    for refusal in [answer(403, INVALID), answer(401, INVALID), answer(400, INVALID)] {
        let error = play.log_in(|_| refusal.clone()).unwrap_err();
        assert!(matches!(error, LoginError::Refused(_)), "{error}");
        assert!(error.to_string().contains("watchpost login simplisafe"), "{error}");
        assert_eq!(play.asked(), ["c", "b"]);
    }
    // What was refused is no reason to forget it.
    server.serve(Some("c"));
    server.valid = 'c';
    play.log_in(|shown| server.serve(shown)).unwrap();
    assert_eq!(play.asked(), ["c", "keep"]);
}

#[test]
fn what_says_nothing_about_the_token_is_tried_later_with_the_same_one() {
    let html = "<html>secret page</html>";
    let cases = [
        (answer(500, html), "cannot answer now (500)"),
        (answer(502, html), "(502)"),
        (answer(504, r#"{"type":"GatewayTimeout"}"#), "(504, GatewayTimeout)"),
        (answer(OK, html), "no access token"),
        (answer(OK, r#"{"access_token":""}"#), "no access token"),
        (answer(OK, r#"{"access_token":"two words"}"#), "no access token"),
        (answer(OK, r#"{"access_token":7}"#), "no access token"),
        (answer(302, ""), "means nothing"),
        (answer(403, html), "blocks this machine's address"),
        (answer(404, html), "is auth_url right?"),
        (answer(429, ""), "fewer requests"),
        (answer(409, r#"{"type":"SettingsInProgress"}"#), "SettingsInProgress"),
    ];
    for (wrong, words) in cases {
        let mut play = Play::new("a");
        let error = play.log_in(|_| wrong.clone()).unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert!(error.to_string().contains(words) && !error.to_string().contains("secret"), "{error}");
        assert!(error.to_string().contains("auth.test"), "{error}");
        play.log_in(keeps_one).unwrap();
        assert_eq!(play.asked(), ["a", "a", "authCheck"]);
    }
    let mut login = login("a");
    login.begin(Now::read());
    let late = RestError::Failed { at: "POST x".to_owned(), fault: Fault::Timeout(Duration::from_secs(1)) };
    let step = login.answer(Now::read(), Err(late));
    assert!(matches!(step, LoginStep::Failed(LoginError::Unavailable { .. })), "{step:?}");
}

#[test]
fn a_server_that_asks_to_be_left_alone_is() {
    let mut busy = answer(503, "");
    busy.retry_after = Some(Duration::from_secs(7));
    let mut play = Play::new("a");
    let LoginError::TooMany { not_before, .. } = play.log_in(|_| busy.clone()).unwrap_err() else { panic!() };
    assert_eq!(not_before, Some(Duration::from_secs(7)));
    let LoginError::TooMany { not_before, .. } = play.log_in(|_| answer(429, "")).unwrap_err() else { panic!() };
    assert_eq!(not_before, Some(Duration::from_secs(60)));
}

#[test]
fn a_login_that_simplisafe_does_not_understand_needs_a_person() {
    let error = Play::new("a").log_in(|_| answer(400, r#"{"error":"invalid_request"}"#)).unwrap_err();
    assert!(matches!(&error, LoginError::Refused(why) if why.contains("invalid_request")), "{error}");
}

#[test]
fn a_user_that_cannot_be_told_now_is_asked_for_again_without_another_token() {
    let mut server = Rotates { valid: 'a' };
    let mut play = Play::new("a");
    for (status, body) in [(504, ""), (200, "<html>"), (200, r#"{"userId":null}"#), (403, "<html>"), (404, "")] {
        let wrong = answer(status, body);
        let serve = |shown: Option<&str>| if shown.is_none() { wrong.clone() } else { server.serve(shown) };
        let error = play.log_in(serve).unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains("api.test"), "{error}");
        if (400..500).contains(&status) {
            // That token is not shown there again.
            play.log_in(|shown| if shown.is_none() { answer(500, "") } else { server.serve(shown) }).unwrap_err();
        }
    }
    assert_eq!(play.asked().iter().filter(|asked| asked.len() == 1).count(), 3, "three tokens for seven logins");
    play.log_in(|shown| server.serve(shown)).unwrap();
    assert_eq!(play.asked(), ["authCheck"]);
    let mut play = Play::new("a");
    let serve = |shown: Option<&str>| if shown.is_none() { answer(401, "") } else { keeps_one(shown) };
    assert!(matches!(play.log_in(serve).unwrap_err(), LoginError::NotThis(_)));
}

#[test]
fn a_life_that_makes_no_sense_is_taken_for_the_usual_one_and_none_is_endless() {
    let cases = [
        (json!(3600), 3_600),
        (json!("120"), 120),
        (json!(2), 2),
        (json!(0), 3_600),
        (json!(-5), 3_600),
        (json!(1e300), 86_400),
        (json!(u64::MAX), 86_400),
        (json!("soon"), 3_600),
        (json!("NaN"), 3_600),
        (json!("inf"), 86_400),
        (json!(null), 3_600),
        (json!([]), 3_600),
    ];
    for (expires_in, expected) in cases {
        let body = json!({ "access_token": "x", "expires_in": expires_in, "refresh_token": 7 }).to_string();
        let mut play = Play::new("a");
        let serve = |shown: Option<&str>| if shown.is_none() { keeps_one(None) } else { answer(OK, body.clone()) };
        let (grant, lifetime) = play.log_in(serve).unwrap();
        assert_eq!(lifetime, Duration::from_secs(expected), "{expires_in}");
        assert!(grant.renew_at < grant.good_until && grant.renew_at > play.now.instant);
        assert!(play.disk.is_none(), "a number is no refresh token");
    }
}

#[test]
fn nothing_that_can_be_printed_shows_a_token() {
    let mut play = Play::new("topsecret");
    let serve = |shown: Option<&str>| {
        if shown.is_none() { keeps_one(None) } else { issued("topsecret-access", Some("topsecret-new")) }
    };
    let (grant, _) = play.log_in(serve).unwrap();
    let step = play.login.begin(play.now);
    let printed = format!("{:?} {grant:?} {step:?} {} {:?}", play.login, token_note(&config("topsecret")), play.disk);
    assert!(!printed.contains("topsecret"), "{printed}");
}

#[test]
fn the_page_carries_what_simplisafe_wants_and_the_exchange_proves_who_opened_it() {
    let url = Url::parse("https://auth.test/").unwrap();
    let authorization = Authorization::begin(&url).unwrap();
    let page: std::collections::BTreeMap<_, _> = authorization.page().query_pairs().into_owned().collect();
    assert_eq!(authorization.page().path(), "/authorize");
    for (name, value) in [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
        ("audience", "https://api.simplisafe.com/"),
        ("scope", "offline_access email openid https://api.simplisafe.com/scopes/user:platform"),
        ("redirect_uri", "com.simplisafe.mobile://auth.simplisafe.com/ios/com.simplisafe.mobile/callback"),
    ] {
        assert_eq!(page.get(name).map(String::as_str), Some(value));
    }
    let device = &page["device_id"];
    assert!(device.parse::<uuid::Uuid>().is_ok() && *device == device.to_uppercase(), "{device}");
    let call = authorization.exchange(&SecretString::from("c0de"), Duration::from_secs(20));
    let Body::Json(body) = &call.body else { panic!("{call:?}") };
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!((body["grant_type"].as_str(), body["code"].as_str()), (Some("authorization_code"), Some("c0de")));
    assert_eq!(body["redirect_uri"].as_str(), page.get("redirect_uri").map(String::as_str));
    // RFC 7636: 43 to 128 characters, and the challenge is their SHA-256.
    let verifier = body["code_verifier"].as_str().unwrap();
    assert!(verifier.len() >= 43 && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    let hash = crate::vendors::simplisafe::config::fingerprint_bytes(verifier);
    assert_eq!(page["code_challenge"], base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, hash));
    assert!(!authorization.page().as_str().contains(verifier) && !format!("{authorization:?}").contains(verifier));
    assert_ne!(Authorization::begin(&url).unwrap().page(), authorization.page(), "each is good once");
}

#[test]
fn a_code_is_found_in_whatever_a_person_copies() {
    let address = "com.simplisafe.mobile://auth.simplisafe.com/ios/com.simplisafe.mobile/callback?code=aB3-_x&state=1";
    for typed in [
        "aB3-_x",
        "  aB3-_x\r\n",
        address,
        &format!("\"{address}\""),
        &format!("<{address}#frag>"),
        "?code=aB3-_x",
        "code=aB3-_x",
        "code=aB3-_x&state=1",
        "state=1&code=aB3-_x",
        "code=aB3%2D_x",
    ] {
        assert_eq!(read_code(typed).map(|code| code.expose_secret().to_owned()), Ok("aB3-_x".to_owned()), "{typed}");
    }
    let denied = "com.simplisafe.mobile://x/callback?error=access_denied&error_description=User%20said%20no";
    let long = "x".repeat(2_000);
    for (typed, expected) in [
        ("", NoCode::Empty),
        (" \n", NoCode::Empty),
        ("\"\"", NoCode::Empty),
        (denied, NoCode::Failed("User said no".to_owned())),
        ("error=access_denied", NoCode::Failed("access_denied".to_owned())),
        ("https://auth.simplisafe.com/authorize?audience=x", NoCode::OtherAddress),
        ("https://simplisafe.com/", NoCode::OtherAddress),
        ("what code?", NoCode::Garbage),
        ("two words", NoCode::Garbage),
        ("code=", NoCode::Garbage),
        ("schlüssel", NoCode::Garbage),
        (&long, NoCode::Garbage),
    ] {
        assert_eq!(read_code(typed).map(|_| ()), Err(expected), "{typed}");
    }
}

#[test]
fn a_code_buys_a_refresh_token_or_the_reason_is_told() {
    let authorization = Authorization::begin(&Url::parse("https://auth.test").unwrap()).unwrap();
    let token = authorization.read(&issued("access", Some("v1.refresh"))).unwrap();
    assert_eq!(token.expose_secret(), "v1.refresh");
    let error = |answer: RestAnswer| authorization.read(&answer).unwrap_err();
    let used = error(answer(403, r#"{"error":"invalid_grant","error_description":"Invalid authorization code"}"#));
    assert!(matches!(&used, LoginError::Refused(why) if why.contains("good once")), "{used}");
    let none = error(issued("access", None));
    assert!(none.is_retryable() && none.to_string().contains("no refresh token"), "{none}");
    assert!(error(answer(502, "<html>")).is_retryable());
    assert!(error(answer(403, "<html>")).to_string().contains("blocks this machine's address"));
}

proptest::proptest! {
    #[test]
    fn no_answer_and_no_note_makes_it_panic_or_go_round_in_circles(
        bodies in proptest::collection::vec(".{0,60}", 12), status in 100_u16..600, note in ".{0,60}",
    ) {
        let mut play = Play::new("a");
        play.disk = Some(note.into());
        let mut bodies = bodies.into_iter();
        let _ = play.log_in(|_| answer(status, bodies.next().unwrap_or_default()));
    }

    #[test]
    fn whatever_is_typed_is_a_code_or_it_is_said_why_not(typed in ".{0,200}") {
        if let Ok(code) = read_code(&typed) {
            proptest::prop_assert!(!code.expose_secret().is_empty());
        }
    }
}
