//! Logins and sessions.

use std::time::Duration;

use serde_json::json;
use watchpost::simulator::een::{FaultKind, Options, Simulator};

use crate::client::{
    Answer, Session, authenticate, authorize, eventually, http, log_in, parse, post, quiet, start, token, with_faults,
};

const AUTHENTICATE: &str = "/g/aaa/authenticate";
const AUTHORIZE: &str = "/g/aaa/authorize";
const SEND_CODE: &str = "/g/aaa/two_factor_authenticate";

#[test]
fn a_login_gives_the_user_and_two_cookies_of_one_value_that_begins_with_the_cluster() {
    let simulator = start(quiet());
    let answer = authorize(&simulator, &token(&simulator));
    assert_eq!(answer.status, 200);
    let (user, cookies) = (answer.json(), answer.cookies());
    assert_eq!(user["id"], user["user_id"]);
    assert_eq!(user["owner_account_id"], json!(simulator.own_account()));
    assert_eq!(user["active_account_id"], user["owner_account_id"]);
    assert_eq!((&user["is_master"], &user["active_brand_subdomain"]), (&json!(1), &json!("c001")));
    let key = &cookies["auth_key"];
    assert_eq!(key, &cookies["videobank_sessionid"]);
    let (cluster, rest) = key.split_once('~').unwrap();
    assert_eq!((cluster, rest.len()), ("c001", 32));
    assert!(rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let plain = start(Options { accounts: 0, ..quiet() });
    assert_eq!(authorize(&plain, &token(&plain)).json()["is_master"], 0);
}

#[test]
fn bodies_are_understood_as_json_as_a_form_and_in_parts() {
    let simulator = start(quiet());
    let form = "username=watchpost&password=watchpost&realm=eagleeyenetworks";
    let parts = "--cut\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nwatchpost\r\n\
                 --cut\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nwatchpost\r\n--cut--\r\n";
    for (kind, body) in [
        ("application/json", r#"{"username":"watchpost","password":"watchpost"}"#),
        ("application/x-www-form-urlencoded", form),
        ("multipart/form-data; boundary=cut", parts),
    ] {
        let answer = http(simulator.address(), "POST", AUTHENTICATE, &[("Content-Type", kind)], body);
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
    }
    for body in ["", "{", "username=watchpost", r#"{"username":"watchpost"}"#] {
        let answer = http(simulator.address(), "POST", AUTHENTICATE, &[], body);
        assert_eq!(answer.status, 400, "{body}");
    }
}

#[test]
fn a_token_is_good_for_one_session() {
    let simulator = start(quiet());
    let token = token(&simulator);
    assert_eq!(authorize(&simulator, &token).status, 200);
    assert_eq!(authorize(&simulator, &token).status, 401);
    assert_eq!(authorize(&simulator, "made up").status, 401);
    assert_eq!(post(simulator.address(), AUTHORIZE, &json!({})).status, 400);
}

#[test]
fn a_token_ends_with_its_life() {
    let simulator = start(Options { token_life: Duration::ZERO, ..quiet() });
    assert_eq!(authorize(&simulator, &token(&simulator)).status, 401);
}

#[test]
fn wrong_credentials_are_refused_whichever_is_wrong() {
    let simulator = start(quiet());
    assert_eq!(authenticate(&simulator, "watchpost", "guess").status, 401);
    assert_eq!(authenticate(&simulator, "nobody", "watchpost").status, 401);
}

#[test]
fn every_documented_refusal_can_be_forced() {
    let simulator = start(quiet());
    let session = log_in(&simulator);
    for status in [400, 401, 402, 412, 429, 460, 461, 462, 465] {
        simulator.inject(parse(&format!("authenticate={status}")));
        assert_eq!(authenticate(&simulator, "watchpost", "watchpost").status, status);
    }
    simulator.clear(FaultKind::Authenticate);
    for status in [400, 401, 406, 429] {
        simulator.inject(parse(&format!("authorize={status}:1")));
        let token = token(&simulator);
        assert_eq!(authorize(&simulator, &token).status, status);
        assert_eq!(authorize(&simulator, &token).status, 200, "the fault was good for one");
    }
    for (fault, method, path) in [
        ("switch=404:1", "POST", "/g/aaa/switch_account"),
        ("logout=401:1", "POST", "/g/aaa/logout"),
        ("isauth=401:1", "GET", "/g/aaa/isauth"),
        ("user=401:1", "GET", "/g/user"),
        ("accounts=403:1", "GET", "/g/account/list"),
        ("devices=403:1", "GET", "/g/device/list"),
        ("list=403:1", "GET", "/g/account/list"),
        ("device=404:1", "GET", "/g/device?id=1000"),
        ("send-code=415:1", "POST", SEND_CODE),
    ] {
        simulator.inject(parse(fault));
        let answer = if method == "POST" { session.post(path, &json!({})) } else { session.get(path) };
        let status = fault.split(['=', ':']).nth(1).unwrap();
        assert_eq!(answer.status.to_string(), status, "{fault}");
    }
}

fn two_factors() -> Simulator {
    start(Options { two_factor: Some("1234".to_owned()), ..quiet() })
}

fn send_code(simulator: &Simulator, token: &str, way: &str) -> Answer {
    post(simulator.address(), SEND_CODE, &json!({ "token": token, "two_factor_authentication_type": way }))
}

fn authorize_with(simulator: &Simulator, token: &str, code: &str) -> Answer {
    post(simulator.address(), AUTHORIZE, &json!({ "token": token, "two_factor_authentication_code": code }))
}

#[test]
fn two_factors_take_a_code_that_is_sent_on_demand() {
    let simulator = two_factors();
    let answer = authenticate(&simulator, "watchpost", "watchpost").json();
    let ways = &answer["two_factor_authentication_code"];
    assert!(ways["sms"].is_string() && ways["email"].is_string(), "{answer}");
    let token = answer["token"].as_str().unwrap();
    assert_eq!(authorize_with(&simulator, token, "1234").status, 401, "no code was sent");
    assert_eq!(send_code(&simulator, token, "pigeon").status, 415);
    assert_eq!(send_code(&simulator, "made up", "sms").status, 400);
    let sent = send_code(&simulator, token, "sms");
    assert_eq!((sent.status, sent.text().as_str()), (200, ""));
    assert_eq!(authorize(&simulator, token).status, 401, "the code is missing");
    assert_eq!(authorize_with(&simulator, token, "4321").status, 406);
    assert_eq!(authorize_with(&simulator, token, "1234").status, 200, "a wrong code does not use up the token");
}

#[test]
fn a_known_device_needs_no_code() {
    let simulator = two_factors();
    let token = token(&simulator);
    send_code(&simulator, &token, "email");
    let key = authorize_with(&simulator, &token, "1234").cookies()["tfa_key"].clone();
    let cookie = format!("tfa_key={key}");
    let body = json!({ "username": "watchpost", "password": "watchpost" }).to_string();
    let headers = [("Content-Type", "application/json"), ("Cookie", cookie.as_str())];
    let answer = http(simulator.address(), "POST", AUTHENTICATE, &headers, &body).json();
    assert!(answer.get("two_factor_authentication_code").is_none(), "{answer}");
    assert_eq!(authorize(&simulator, answer["token"].as_str().unwrap()).status, 200);
}

#[test]
fn more_than_three_wrong_codes_lock_the_user() {
    let simulator = two_factors();
    let token = token(&simulator);
    send_code(&simulator, &token, "sms");
    let statuses: Vec<u16> = (0..5).map(|_| authorize_with(&simulator, &token, "0000").status).collect();
    assert_eq!(statuses, [406, 406, 406, 429, 429]);
    assert_eq!(authorize_with(&simulator, &token, "1234").status, 429);
    assert_eq!(authenticate(&simulator, "watchpost", "watchpost").status, 412);
    assert!(simulator.lock_user("watchpost", false));
    assert_eq!(authenticate(&simulator, "watchpost", "watchpost").status, 200);
}

#[test]
fn a_user_without_a_phone_gets_no_code_there() {
    let simulator = two_factors();
    simulator.inject(parse("no-sms"));
    let answer = authenticate(&simulator, "watchpost", "watchpost").json();
    assert_eq!(answer["two_factor_authentication_code"]["sms"], "No sms phone found");
    let token = answer["token"].as_str().unwrap();
    assert_eq!(send_code(&simulator, token, "sms").status, 412);
    assert_eq!(send_code(&simulator, token, "email").status, 200);
}

#[test]
fn what_the_account_is_comes_after_the_password_and_before_the_token() {
    let simulator = start(Options { login_attempts: Some(3), ..quiet() });
    let own = simulator.own_account();
    assert!(simulator.suspend_account(&own));
    assert_eq!(authenticate(&simulator, "watchpost", "watchpost").status, 402);
    assert_eq!(authenticate(&simulator, "watchpost", "guess").status, 401);
    assert!(simulator.restore_account(&own) && simulator.deactivate_account(&own));
    assert_eq!(authenticate(&simulator, "watchpost", "watchpost").status, 460);
    assert!(simulator.restore_account(&own));
    assert_eq!(authenticate(&simulator, "watchpost", "watchpost").status, 200);
    for _ in 0..3 {
        assert_eq!(authenticate(&simulator, "watchpost", "guess").status, 401);
    }
    assert_eq!(authenticate(&simulator, "watchpost", "watchpost").status, 412, "too many wrong passwords");
}

#[test]
fn an_api_key_may_come_by_either_name_and_with_a_colon() {
    let simulator = start(Options { api_key: Some("k3y".to_owned()), ..quiet() });
    let body = json!({ "username": "watchpost", "password": "watchpost" }).to_string();
    let status = |headers: &[(&str, &str)]| {
        let headers: Vec<_> = [("Content-Type", "application/json")].iter().chain(headers).copied().collect();
        http(simulator.address(), "POST", AUTHENTICATE, &headers, &body).status
    };
    for name in ["Authentication", "Authorization", "authentication"] {
        assert_eq!((status(&[(name, "k3y")]), status(&[(name, "k3y:")])), (200, 200), "{name}");
    }
    assert_eq!((status(&[]), status(&[("Authentication", "other")])), (401, 401));
    simulator.inject(parse("bad-key=403"));
    assert_eq!(status(&[]), 403);
    let open = start(quiet());
    let answer = http(open.address(), "POST", AUTHENTICATE, &[("Authentication", "any:")], &body);
    assert_eq!(answer.status, 200, "where none is needed, any will do");
}

#[test]
fn a_session_is_named_by_a_in_the_query_before_the_body_before_the_cookie() {
    let simulator = start(quiet());
    let valid = log_in(&simulator).id;
    let isauth = |path: &str, cookie: &str| http(simulator.address(), "GET", path, &[("Cookie", cookie)], "").status;
    assert_eq!(isauth(&format!("/g/aaa/isauth?A={valid}"), ""), 200);
    assert_eq!(isauth(&format!("/g/aaa/isauth?A={valid};"), "auth_key=c001~0"), 200, "the semicolon is not part of it");
    assert_eq!(isauth("/g/aaa/isauth?A=c001~0", &format!("auth_key={valid}")), 401);
    assert_eq!(isauth("/g/aaa/isauth", &format!("x=1; auth_key={valid}")), 200);
    assert_eq!(isauth("/g/aaa/isauth", &format!("videobank_sessionid={valid}")), 200);
    let switch = |query: &str, kind: &str, body: &str| {
        let path = format!("/g/aaa/switch_account{query}");
        http(simulator.address(), "POST", &path, &[("Content-Type", kind), ("Cookie", "auth_key=c001~0")], body).status
    };
    assert_eq!(switch("", "application/x-www-form-urlencoded", &format!("A={valid}")), 200);
    assert_eq!(switch("", "application/json", &json!({ "A": valid }).to_string()), 200);
    assert_eq!(switch("?A=c001~0", "application/json", &json!({ "A": valid }).to_string()), 401);
}

#[test]
fn isauth_says_true_until_the_logout() {
    let simulator = start(quiet());
    let session = log_in(&simulator);
    let answer = session.get("/g/aaa/isauth");
    assert_eq!((answer.status, answer.text().as_str()), (200, "true"));
    let other = log_in(&simulator);
    assert_eq!(session.post("/g/aaa/logout", &json!({})).status, 204);
    assert_eq!(session.get("/g/aaa/isauth").status, 401);
    assert_eq!(session.post("/g/aaa/logout", &json!({})).status, 401);
    assert_eq!(other.get("/g/aaa/isauth").status, 200, "it was another session");
}

#[actix_rt::test]
async fn a_session_ends_with_its_life_and_without_activity() {
    let life = Duration::from_secs(1);
    let simulator = start(Options { session_life: Some(life), ..quiet() });
    let session = log_in(&simulator);
    assert_eq!(session.get("/g/aaa/isauth").status, 200);
    eventually("it ends, used or not", || session.get("/g/aaa/isauth").status == 401).await;
    let simulator = start(Options { inactive_life: Some(life), ..quiet() });
    let (idle, busy) = (log_in(&simulator), log_in(&simulator));
    eventually("the idle one ends", || {
        assert_eq!(busy.get("/g/aaa/isauth").status, 200);
        simulator.sessions().iter().all(|session| *session.id != idle.id)
    })
    .await;
    assert_eq!(idle.get("/g/aaa/isauth").status, 401);
}

#[test]
fn a_changed_password_leaves_sessions_as_they_are() {
    let simulator = start(quiet());
    let session = log_in(&simulator);
    simulator.change_password("new");
    assert_eq!(session.get("/g/user").status, 200);
    assert_eq!(authenticate(&simulator, "watchpost", "watchpost").status, 401);
    assert_eq!(authenticate(&simulator, "watchpost", "new").status, 200);
    assert_eq!(simulator.expire_sessions(), 1);
    assert_eq!(session.get("/g/user").status, 401);
}

#[test]
fn either_cookie_can_be_missing() {
    for (fault, name) in [("old-cookie-only", "videobank_sessionid"), ("new-cookie-only", "auth_key")] {
        let simulator = with_faults(&[fault]);
        let cookies = authorize(&simulator, &token(&simulator)).cookies();
        assert_eq!(cookies.keys().collect::<Vec<_>>(), [name]);
    }
}

#[test]
fn each_request_is_noted_with_the_secrets_that_it_carried() {
    let simulator = start(quiet());
    simulator.add_user("second", "other");
    let first = log_in(&simulator);
    let token = authenticate(&simulator, "second", "other").json()["token"].as_str().unwrap().to_owned();
    let id = authorize(&simulator, &token).cookies()["auth_key"].clone();
    let second = Session { address: simulator.address(), id };
    first.get("/g/user");
    http(simulator.address(), "GET", &format!("/g/user?A={}", second.id), &[], "");
    let calls = simulator.calls();
    let noted: Vec<_> = calls.iter().map(|call| (call.endpoint, call.user.as_deref().unwrap())).collect();
    let login = |user| [("authenticate", user), ("authorize", user)];
    assert_eq!(noted, [login("watchpost"), login("second"), [("user", "watchpost"), ("user", "second")]].concat());
    assert_eq!((calls[4].cookie.as_deref(), calls[4].a.as_deref()), (Some(first.id.as_str()), None));
    assert_eq!((calls[5].cookie.as_deref(), calls[5].a.as_deref()), (None, Some(second.id.as_str())));
    assert!(calls.iter().all(|call| call.status == 200));
    assert_eq!(simulator.counters().logins(), 2);
    assert_eq!(simulator.busiest_second("authenticate"), 2);
}
