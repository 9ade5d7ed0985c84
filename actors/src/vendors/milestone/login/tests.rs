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
    MilestoneLogin { start: 0, ..MilestoneLogin::new(config, Duration::from_secs(20)) }
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
    assert_eq!((grant.gateway().as_str(), grant.token.expose_secret()), ("https://vms/API/", "eyJ"));
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
    login.run.gateway = Some("https://vms/API/".parse().unwrap());
    let LoginStep::Call(call) = login.ask_for_token() else { panic!() };
    let Body::Form(fields) = &call.body else { panic!() };
    assert!(fields.iter().any(|(name, value)| name == "password" && matches!(value, HeaderText::Secret(_))));
    assert!(!format!("{call:?} {login:?}").contains("p&s"));
}

const THREE: &str =
    r#"{"IdentityProvider":"https://vms/IDP","ApiGateways":["https://a/API/","https://b/API/","https://c/API/"]}"#;
const TOKEN: &str = r#"{"access_token":"eyJ","expires_in":3600}"#;

/// Lets a login run again, and tells the addresses and how it ended.
fn play_on(
    login: &mut MilestoneLogin,
    mut answers: impl FnMut(&str) -> Result<RestAnswer, RestError>,
) -> (Vec<String>, LoginStep<Grant>) {
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

/// Of three gateways, all are there; each identity provider behind them answers thus.
fn behind_three(mut token: impl FnMut(&str) -> Result<RestAnswer, RestError>) -> (Vec<String>, LoginStep<Grant>) {
    let (calls, end) = play_on(&mut login(), |url| match url {
        "https://vms/api/.well-known/uris" => answer(200, THREE),
        url if url.ends_with("/connect/token") => token(url),
        _ => answer(200, "{}"),
    });
    (calls.into_iter().filter(|url| url.ends_with("/connect/token")).collect(), end)
}

fn in_use(end: &LoginStep<Grant>) -> String {
    let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
    grant.gateway().host_str().unwrap().to_owned()
}

fn silent() -> Result<RestAnswer, RestError> {
    Err(RestError::Failed { at: "POST x".into(), fault: Fault::Timeout(Duration::from_secs(20)) })
}

#[test]
fn programs_begin_with_a_gateway_by_chance_and_go_on_in_the_order_told() {
    for (start, order) in [(0, ["a", "b", "c"]), (1, ["b", "c", "a"]), (5, ["c", "a", "b"])] {
        let mut login = MilestoneLogin { start, ..login() };
        let (calls, end) = play_on(&mut login, |url| match url {
            "https://vms/api/.well-known/uris" => answer(200, THREE),
            _ if url.ends_with("/connect/token") => answer(200, TOKEN),
            _ if url.contains(order[2]) && !url.contains("vms") => answer(200, ""),
            _ => away(),
        });
        let asked: Vec<_> = calls[1..4].iter().map(|url| url[8..9].to_owned()).collect();
        assert_eq!((asked.as_slice(), in_use(&end)), (&order.map(str::to_owned)[..], order[2].to_owned()));
    }
    let starts: std::collections::BTreeSet<_> = (0..20)
        .map(|_| {
            let config = MilestoneConfig::new("https://vms".parse().unwrap(), "svc", Secret::from("p"), vec![]);
            MilestoneLogin::new(config, Duration::from_secs(1)).start
        })
        .collect();
    assert!(starts.len() > 1, "a crowd spreads");
}

#[test]
fn a_gateway_behind_which_no_identity_provider_answers_is_passed_over() {
    for status in [502, 503, 504] {
        let (tokens, end) =
            behind_three(|url| if url.contains("/b/") { answer(200, TOKEN) } else { answer(status, "") });
        assert_eq!(tokens, ["https://a/API/IDP/connect/token", "https://b/API/IDP/connect/token"]);
        assert_eq!(in_use(&end), "b");
    }
    let (tokens, end) = behind_three(|url| if url.contains("/c/") { answer(200, TOKEN) } else { away() });
    assert_eq!((tokens.len(), in_use(&end).as_str()), (3, "c"), "what was not sent has not counted");
    let (tokens, end) = behind_three(|_| answer(503, ""));
    assert_eq!(tokens.len(), 4, "the configured address is another one");
    let LoginStep::Failed(error) = end else { panic!("{end:?}") };
    assert!(error.is_retryable() && error.to_string().contains("503"), "{error}");
}

#[test]
fn a_password_that_was_judged_is_shown_at_no_other_gateway() {
    for status in [400, 401, 403] {
        let (tokens, end) = behind_three(|_| answer(status, r#"{"error":"invalid_grant"}"#));
        assert_eq!(tokens.len(), 1);
        assert!(matches!(end, LoginStep::Failed(LoginError::Refused(_))), "{end:?}");
    }
    let (tokens, _) = behind_three(|_| answer(500, ""));
    assert_eq!(tokens.len(), 1, "the identity provider itself has failed, and may have counted it");
}

#[test]
fn a_password_that_may_have_been_judged_is_shown_once_more_and_not_a_third_time() {
    let (tokens, end) = behind_three(|_| silent());
    assert_eq!(tokens.len(), 2);
    assert!(matches!(end, LoginStep::Failed(LoginError::Unavailable { .. })), "{end:?}");
    let (_, end) = behind_three(|url| if url.contains("/b/") { answer(200, TOKEN) } else { silent() });
    assert_eq!(in_use(&end), "b");
}

#[test]
fn a_renewal_asks_the_gateway_in_use_first_and_does_without_discovery() {
    let mut login = login();
    let answers = |dead: &'static str| {
        move |url: &str| match url {
            "https://vms/api/.well-known/uris" => answer(200, THREE),
            _ if url.contains(dead) => away(),
            _ if url.ends_with("/connect/token") => answer(200, TOKEN),
            _ => answer(200, ""),
        }
    };
    let (_, end) = play_on(&mut login, answers("/a/"));
    assert_eq!(in_use(&end), "b");
    let (calls, end) = play_on(&mut login, answers("/none/"));
    assert_eq!((in_use(&end).as_str(), calls[1].as_str()), ("b", "https://b/API/.well-known/uris"), "it stays");
    for discovery in [away(), answer(503, ""), answer(404, "")] {
        let (_, end) = play_on(&mut login, |url| {
            if url == "https://vms/api/.well-known/uris" { discovery.clone() } else { answers("/b/")(url) }
        });
        let LoginStep::Granted { grant, .. } = &end else { panic!("{end:?}") };
        assert_eq!(grant.gateways.count(), 4, "what is known from before");
    }
}

#[test]
fn where_all_were_away_discovery_is_asked_anew_and_the_token_stays() {
    let mut login = login();
    let (_, end) = play_on(&mut login, |url| match url {
        "https://vms/api/.well-known/uris" => answer(200, THREE),
        _ => answer(200, TOKEN),
    });
    let LoginStep::Granted { grant, .. } = end else { panic!("{end:?}") };
    let now = Instant::now();
    grant.gateways.all_away(now);
    assert!(grant.gateways.are_to_be_told_anew(now, Duration::ZERO));
    let others = THREE.replace("https://a/", "https://d/");
    let (calls, end) = play_on(&mut login, |_| answer(200, &others));
    assert_eq!(calls, ["https://vms/api/.well-known/uris"], "no login");
    let LoginStep::Granted { grant: fresh, lifetime, .. } = end else { panic!("{end:?}") };
    assert!(Arc::ptr_eq(&grant.gateways, &fresh.gateways) && lifetime.unwrap() < LIFETIME);
    assert_eq!(fresh.token.expose_secret(), "eyJ");
    assert!(fresh.gateways.all().iter().any(|url| url.host_str() == Some("d")));
    let (calls, _) = play_on(&mut login, |_| answer(200, TOKEN));
    assert!(calls.len() > 1, "the next is a login again");
    grant.gateways.all_away(now);
    assert!(grant.gateways.are_to_be_told_anew(now, Duration::ZERO));
    let (_, end) = play_on(&mut login, |_| away());
    assert!(matches!(end, LoginStep::Granted { .. }), "nor is it an error if discovery does not answer");
}
