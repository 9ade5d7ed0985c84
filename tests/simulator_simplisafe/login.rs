//! Codes, refresh tokens and access tokens.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use watchpost::simulator::simplisafe::{FaultKind, Options, Simulator};

use crate::client::{
    Answer, CLIENT_ID, Caller, eventually, http, log_in, parse, quick, refresh, start, token, with_faults,
};

const REDIRECT: &str = "com.simplisafe.mobile://auth.simplisafe.com/ios/com.simplisafe.mobile/callback";

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn authorize(simulator: &Simulator, but: &str, instead: &str) -> Answer {
    let path = format!(
        "/authorize?audience=https%3A%2F%2Fapi.simplisafe.com%2F&auth0Client=x&client_id={CLIENT_ID}&code_challenge={}&\
         code_challenge_method=S256&device=iPhone&device_id=0&redirect_uri=com.simplisafe.mobile%3A%2F%2Fauth.simplisafe.com%2Fios%2F\
         com.simplisafe.mobile%2Fcallback&response_type=code&scope=offline_access+email+openid",
        challenge("verifier")
    );
    http(simulator.address(), "GET", &path.replacen(but, instead, 1), &[], "")
}

fn by_code(simulator: &Simulator, code: &str, verifier: &str, redirect: &str) -> Answer {
    let body = json!({
        "grant_type": "authorization_code", "client_id": CLIENT_ID, "code_verifier": verifier, "code": code, "redirect_uri": redirect,
    });
    token(simulator, &body)
}

fn code(simulator: &Simulator) -> String {
    let answer = authorize(simulator, "", "");
    assert_eq!(answer.status, 302, "{}", answer.text());
    let location = answer.header("location").expect("where to go");
    location.strip_prefix(&format!("{REDIRECT}?code=")).expect("the app's address with a code").to_owned()
}

fn is_refused(answer: &Answer, description: &str) {
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json(), json!({ "error": "invalid_grant", "error_description": description }));
}

#[test]
fn a_login_by_code_gives_both_tokens_once_and_only_to_who_began_it() {
    let simulator = start(quick());
    let first = code(&simulator);
    let answer = by_code(&simulator, &first, "verifier", REDIRECT);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let grant = answer.json();
    assert_eq!((&grant["expires_in"], &grant["token_type"]), (&json!(3600), &json!("Bearer")));
    assert!(grant["id_token"].is_string() && grant["scope"].as_str().unwrap().contains("offline_access"));
    let again = refresh(&simulator, grant["refresh_token"].as_str().unwrap());
    assert_eq!(again.status, 200);
    is_refused(&by_code(&simulator, &first, "verifier", REDIRECT), "Invalid authorization code");
    is_refused(&by_code(&simulator, &code(&simulator), "another", REDIRECT), "Invalid authorization code");
    is_refused(&by_code(&simulator, &code(&simulator), "verifier", "https://elsewhere"), "Invalid authorization code");
    is_refused(&by_code(&simulator, "made-up", "verifier", REDIRECT), "Invalid authorization code");
    let second = code(&simulator);
    is_refused(&by_code(&simulator, &second, "a wrong guess", REDIRECT), "Invalid authorization code");
    is_refused(&by_code(&simulator, &second, "verifier", REDIRECT), "Invalid authorization code");
}

#[actix_rt::test]
async fn a_code_is_good_for_a_while_only() {
    let simulator = start(Options { code_life: Duration::from_millis(50), ..quick() });
    let code = code(&simulator);
    actix_rt::time::sleep(Duration::from_millis(80)).await;
    is_refused(&by_code(&simulator, &code, "verifier", REDIRECT), "Invalid authorization code");
}

#[test]
fn the_page_to_log_in_at_wants_all_its_parameters() {
    let simulator = start(quick());
    for (but, instead, part) in [
        (CLIENT_ID, "other", "client_id"),
        ("S256", "plain", "code_challenge_method"),
        ("response_type=code", "response_type=token", "response_type"),
        ("callback", "elsewhere", "redirect_uri"),
        ("offline_access", "openid", "scope"),
        ("code_challenge=", "code_challenge=AA", "code_challenge"),
        ("audience=", "audience=x", "audience"),
    ] {
        let answer = authorize(&simulator, but, instead);
        assert_eq!(answer.status, 400, "{part}");
        assert!(answer.json()["error_description"].as_str().unwrap().ends_with(part), "{part}: {}", answer.text());
    }
    simulator.inject(parse("authorize"));
    assert_eq!(authorize(&simulator, "", "").status, 403);
}

#[test]
fn a_refresh_gives_an_access_token_that_says_whose_it_is_and_until_when() {
    let simulator = start(Options { token_life: Duration::from_secs(90), ..quick() });
    let answer = refresh(&simulator, &simulator.refresh_token()).json();
    assert_eq!(answer["expires_in"], 90);
    assert!(answer.get("refresh_token").is_none());
    let parts: Vec<&str> = answer["access_token"].as_str().unwrap().split('.').collect();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    assert_eq!(claims["http://simplisafe.com/uid"], simulator.users()[0]);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 90);
    assert_eq!(
        log_in(&simulator).fetch("/v1/api/authCheck"),
        json!({ "userId": simulator.users()[0], "isAdmin": false })
    );
}

#[test]
fn what_is_no_refresh_is_refused() {
    let simulator = start(quick());
    is_refused(&refresh(&simulator, "made-up"), "Unknown or invalid refresh token.");
    let wrong_client =
        json!({ "grant_type": "refresh_token", "client_id": "x", "refresh_token": simulator.refresh_token() });
    assert_eq!(token(&simulator, &wrong_client).status, 401);
    let wrong_grant = json!({ "grant_type": "password", "client_id": CLIENT_ID });
    assert_eq!(token(&simulator, &wrong_grant).json()["error"], "unsupported_grant_type");
    let form = format!("grant_type=refresh_token&client_id={CLIENT_ID}&refresh_token={}", simulator.refresh_token());
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(http(simulator.address(), "POST", "/oauth/token", &kind, &form).status, 400);
    assert_eq!(http(simulator.address(), "GET", "/oauth/token", &[], "").status, 401 + 3);
    assert_eq!(simulator.counters().refreshes, 0);
}

#[test]
fn refresh_tokens_rotate_in_each_way_that_was_reported() {
    let next = |simulator: &Simulator, token: &str| {
        refresh(simulator, token).json()["refresh_token"].as_str().map(str::to_owned)
    };
    let none = start(quick());
    let first = none.refresh_token();
    assert_eq!((next(&none, &first), next(&none, &first)), (None, None));

    let same = with_faults(&["same-token"]);
    assert_eq!(next(&same, &same.refresh_token()), Some(same.refresh_token()));

    let rotates = with_faults(&["rotate"]);
    let second = next(&rotates, &rotates.refresh_token()).unwrap();
    assert_ne!(second, rotates.refresh_token());
    assert!(next(&rotates, &rotates.refresh_token()).is_some() && next(&rotates, &second).is_some());

    let once = with_faults(&["one-use"]);
    let second = next(&once, &once.refresh_token()).unwrap();
    is_refused(&refresh(&once, &once.refresh_token()), "Unknown or invalid refresh token.");
    let third = next(&once, &second).unwrap();
    assert_eq!(once.counters().reused, 1);
    assert_eq!(once.good_refresh_tokens(0).iter().map(|token| &**token).collect::<Vec<_>>(), [third.as_str()]);
    once.inject(parse("reuse-kills"));
    is_refused(&refresh(&once, &second), "Unknown or invalid refresh token.");
    is_refused(&refresh(&once, &third), "Unknown or invalid refresh token.");
    assert!(once.good_refresh_tokens(0).is_empty());
}

#[test]
fn the_answer_to_a_refresh_can_be_lost_when_the_token_is_spent() {
    let simulator = with_faults(&["one-use", "token-lost=1"]);
    let lost = refresh(&simulator, &simulator.refresh_token());
    assert!(!lost.whole && !lost.text().contains("access_token"), "{}", lost.text());
    is_refused(&refresh(&simulator, &simulator.refresh_token()), "Unknown or invalid refresh token.");
}

#[test]
fn a_login_can_be_refused_in_every_form_that_was_seen() {
    let simulator = start(quick());
    let token = simulator.refresh_token();
    for status in [401, 403] {
        simulator.inject(parse(&format!("token={status}:1")));
        let answer = refresh(&simulator, &token);
        assert_eq!((answer.status, answer.json()["error"].clone()), (status, json!("invalid_grant")));
    }
    simulator.inject(parse("token-string=401:1"));
    let answer = refresh(&simulator, &token);
    assert_eq!((answer.status, answer.text().as_str()), (401, "\"Unauthorized\""));
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    simulator.inject(parse("token=504:1"));
    assert_eq!(refresh(&simulator, &token).json()["type"], "GatewayTimeout");
    simulator.inject(parse("token=502:1"));
    assert!(refresh(&simulator, &token).text().starts_with("<html>"));
    let caller = log_in(&simulator);
    simulator.inject(parse("auth-check=401:1"));
    assert_eq!(caller.get("/v1/api/authCheck").status, 401);
    assert_eq!(caller.get("/v1/api/authCheck").status, 200);
}

#[actix_rt::test]
async fn access_tokens_end_and_passwords_change() {
    let simulator = start(Options { token_life: Duration::from_millis(100), ..quick() });
    let short = log_in(&simulator);
    eventually("the token ends", || short.get("/v1/api/authCheck").status == 401).await;
    assert_eq!(short.get("/v1/api/authCheck").text(), "\"Unauthorized\"");
    simulator.set_token_life(Duration::from_secs(3600));
    let caller = log_in(&simulator);
    assert_eq!(caller.get("/v1/api/authCheck").status, 200);
    assert_eq!(simulator.expire_tokens(), 1);
    assert_eq!(caller.get("/v1/api/authCheck").status, 401);
    let caller = log_in(&simulator);
    assert!(simulator.revoke(simulator.users()[0]) && !simulator.revoke(1));
    assert_eq!(caller.get("/v1/api/authCheck").status, 401);
    is_refused(&refresh(&simulator, &simulator.refresh_token()), "Unknown or invalid refresh token.");
    simulator.inject(parse("expire=50ms"));
    let caller = Caller { token: simulator.access_token(0).unwrap().to_string(), ..caller };
    eventually("it ends again", || caller.get("/v1/api/authCheck").status == 401).await;
    simulator.clear(FaultKind::Expire);
}

#[test]
fn each_user_has_systems_of_its_own() {
    let simulator = start(Options { users: 3, systems: 2, ..quick() });
    assert_eq!((simulator.users().len(), simulator.systems().len()), (3, 6));
    let other = Caller {
        address: simulator.address(),
        token: simulator.access_token(2).unwrap().to_string(),
        uid: simulator.users()[2],
    };
    let rows = other.fetch(&format!("/v1/users/{}/subscriptions?activeOnly=true", other.uid))["subscriptions"].clone();
    let sids: Vec<u64> = rows.as_array().unwrap().iter().map(|row| row["sid"].as_u64().unwrap()).collect();
    assert_eq!(sids, simulator.systems()[4..]);
    assert_eq!(other.get(&format!("/v1/users/{}/subscriptions", simulator.users()[0])).status, 404);
    assert_eq!(other.get(&format!("/v1/subscriptions/{}/events", simulator.systems()[0])).status, 404);
    assert_ne!(simulator.refresh_token_of(1), simulator.refresh_token_of(2));
}
