#![allow(clippy::unwrap_used, clippy::panic)]
use secrecy::ExposeSecret;

use super::identity::LIFETIME;
use super::*;
use crate::settings::Secret;
use crate::transport::request::Body;
use crate::transport::{Fault, HeaderText};

const DISCOVERY: &str = r#"{"ProductVersion":"25.2","UnsecureManagementServer":"http://vms/","IdentityProvider":"https://vms/IDP","ApiGateways":["https://inside.local/API/","https://vms/API/"]}"#;

fn login() -> MilestoneLogin {
    let config = MilestoneConfig::new("https://vms".parse().unwrap(), "svc", Secret::from("p&s+%é w"), vec![]);
    MilestoneLogin::new(config, Duration::from_secs(20))
}

fn answer(status: u16, body: &str) -> Result<RestAnswer, RestError> {
    Ok(RestAnswer { status, headers: vec![], body: body.to_owned().into(), retry_after: None })
}

fn away() -> Result<RestAnswer, RestError> {
    Err(RestError::Failed { at: "GET x".into(), fault: Fault::Connect("no address".into()) })
}

/// Answers each call by its address, and tells the addresses and how it ended.
fn play(mut answers: impl FnMut(&str) -> Result<RestAnswer, RestError>) -> (Vec<String>, LoginStep<Grant>) {
    let mut login = login();
    let (mut calls, mut step) = (Vec::new(), login.begin(Now::read()));
    loop {
        match step {
            LoginStep::Call(call) => {
                calls.push(call.url.to_string());
                step = login.answer(Now::read(), answers(call.url.as_str()));
            }
            end => return (calls, end),
        }
    }
}

#[test]
fn it_finds_the_gateway_and_asks_it_for_a_token() {
    let (calls, end) = play(|url| match url {
        "https://vms/api/.well-known/uris" => answer(200, DISCOVERY),
        url if url.contains("inside.local") => away(),
        "https://vms/API/.well-known/uris" => answer(200, "{}"),
        _ => answer(200, r#"{"access_token":"eyJ","expires_in":3600,"token_type":"Bearer"}"#),
    });
    let expected = [
        "https://vms/api/.well-known/uris",
        "https://inside.local/API/.well-known/uris",
        "https://vms/API/.well-known/uris",
        "https://vms/API/IDP/connect/token",
    ];
    assert_eq!(calls, expected, "a name that is known only inside the site is passed over");
    let LoginStep::Granted { grant, lifetime, who } = end else { panic!("{end:?}") };
    assert_eq!((grant.gateway.as_str(), grant.token.expose_secret()), ("https://vms/API/", "eyJ"));
    assert_eq!(lifetime, Some(Duration::from_secs(3_600)));
    assert!(who.contains("svc") && who.contains("25.2") && !who.contains("p&s"), "{who}");
}

#[test]
fn without_discovery_the_gateway_is_taken_to_be_there_too() {
    let (calls, end) = play(|url| match url {
        "https://vms/api/.well-known/uris" => answer(404, ""),
        "https://vms/API/.well-known/uris" => answer(404, ""),
        "https://vms/API/IDP/connect/token" => answer(404, ""),
        _ => answer(200, r#"{"access_token":"eyJ"}"#),
    });
    assert_eq!(calls.last().unwrap(), "https://vms/IDP/connect/token");
    assert!(matches!(end, LoginStep::Granted { lifetime: Some(LIFETIME), .. }), "{end:?}");
}

#[test]
fn a_refused_password_is_asked_about_once() {
    let refusal =
        r#"{"error":"invalid_grant","error_description":"invalid_username_or_password","error_code":"LockedOut"}"#;
    for (status, body, word) in [
        (400, refusal, "locked out"),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"invalid_username_or_password"}"#,
            "wrong user name or password",
        ),
        (401, "", "status 401"),
        (400, "<html>", "status 400"),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"no user with password p&s+%é w"}"#,
            "wrong user name or password",
        ),
    ] {
        let mut tokens = 0;
        let (_, end) = play(|url| {
            tokens += u32::from(url.ends_with("/connect/token"));
            if url.ends_with("/connect/token") { answer(status, body) } else { answer(200, DISCOVERY) }
        });
        assert_eq!(tokens, 1, "each further request counts towards the lock-out");
        let LoginStep::Failed(LoginError::Refused(why)) = end else { panic!("{end:?}") };
        assert!(why.contains(word) && why.contains("svc") && !why.contains("p&s"), "{why}");
    }
}

#[test]
fn a_server_in_trouble_is_no_refusal() {
    for (discovery, token) in [(503, 200), (200, 503), (200, 429)] {
        let (_, end) = play(|url| {
            if url.ends_with("/connect/token") {
                answer(token, "The service is unavailable.")
            } else {
                answer(discovery, DISCOVERY)
            }
        });
        let LoginStep::Failed(error) = end else { panic!("{end:?}") };
        assert!(error.is_retryable() == (token != 200 || discovery != 200), "{error}");
    }
    let (_, end) = play(|_| away());
    assert!(matches!(end, LoginStep::Failed(LoginError::Unavailable { .. })));
}

#[test]
fn a_password_meant_for_https_does_not_go_without_it() {
    let discovery = r#"{"IdentityProvider":"http://vms/IDP","ApiGateways":["http://vms/API/"]}"#;
    let (calls, _) = play(|url| match url {
        url if url.ends_with("/connect/token") => answer(404, ""),
        _ => answer(200, discovery),
    });
    assert!(calls.iter().all(|url| url.starts_with("https://")), "{calls:?}");
}

#[test]
fn whatever_discovery_says_it_ends() {
    for body in [
        "",
        "[]",
        "{",
        r#"{"ApiGateways":null}"#,
        r#"{"ApiGateways":["ftp://x/","nonsense",""],"IdentityProvider":"?"}"#,
        r#"{"ApiGateways":7}"#,
    ] {
        let (calls, end) = play(|url| {
            if url.ends_with("/connect/token") {
                answer(200, r#"{"access_token":"t","expires_in":-1e400}"#)
            } else {
                answer(200, body)
            }
        });
        assert!(calls.len() < 8 && !matches!(end, LoginStep::Call(_)), "{body}: {calls:?}");
    }
}

#[test]
fn the_password_travels_in_the_form_and_is_not_shown() {
    let mut login = login();
    login.gateway = Some("https://vms/API/".parse().unwrap());
    let LoginStep::Call(call) = login.ask_for_token() else { panic!() };
    let Body::Form(fields) = &call.body else { panic!() };
    assert!(fields.iter().any(|(name, value)| name == "password" && matches!(value, HeaderText::Secret(_))));
    assert!(!format!("{call:?} {login:?}").contains("p&s"));
}
