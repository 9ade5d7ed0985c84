//! Discovery, logins, tokens and upgrades.

use std::{net::TcpStream, time::Duration};

use serde_json::json;
use watchpost::simulator::milestone::{FaultKind, Options};

use crate::client::{self, DEADLINE, eventually, get, http, log_in, open, parse, refusal, start, with_faults};

const TOKEN: &str = "/API/IDP/connect/token";
const EVENTS: &str = "/api/ws/events/v1";

#[actix_rt::test]
async fn discovery_leads_to_the_identity_provider_and_the_gateway() {
    let simulator = start(Options::default());
    let uris = http(simulator.address(), "GET", "/api/.well-known/uris", &[], "").json();
    let root = simulator.url();
    assert_eq!(uris["IdentityProvider"], format!("{root}/IDP"));
    assert_eq!(uris["ApiGateways"], json!([format!("{root}/API/")]));
    let openid = http(simulator.address(), "GET", "/IDP/.well-known/openid-configuration", &[], "").json();
    assert_eq!(openid["token_endpoint"], format!("{root}/IDP/connect/token"));
    let counters = simulator.counters();
    assert_eq!((counters.requests["discovery"], counters.requests["openid"]), (1, 1));
}

#[actix_rt::test]
async fn a_good_password_gets_a_token_on_every_spelling_of_the_path() {
    let simulator = start(Options::default());
    for path in [TOKEN, "/api/idp/connect/token", "/IDP/connect/token"] {
        let answer = log_in(&simulator, path, "watchpost", "watchpost");
        assert_eq!(answer.status, 200);
        let token = answer.json();
        assert_eq!((&token["expires_in"], &token["token_type"]), (&json!(3600), &json!("Bearer")));
        assert!(token.get("refresh_token").is_none());
        let sites = get(&simulator, "/API/rest/v1/sites", token["access_token"].as_str().unwrap());
        assert_eq!(sites.status, 200);
    }
    assert_eq!(simulator.counters().logins_accepted(), 3);
}

#[actix_rt::test]
async fn a_service_logs_in_with_its_client_secret() {
    let simulator = start(Options::default());
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let ask = |secret: &str| {
        let form =
            format!("grant_type=client_credentials&scope=managementserver&client_id=watchpost&client_secret={secret}");
        http(simulator.address(), "POST", "/IDP/connect/token", &headers, &form)
    };
    assert_eq!(ask("watchpost").status, 200);
    let refused = ask("wrong");
    assert_eq!((refused.status, refused.json()), (400, json!({"error": "invalid_client"})));
}

#[actix_rt::test]
async fn the_fifth_wrong_password_locks_the_user_out_for_a_while() {
    let simulator = start(Options { lockout_for: Duration::from_secs(1), ..Options::default() });
    let code = |password: &str| {
        let answer = log_in(&simulator, TOKEN, "watchpost", password);
        assert_eq!(answer.status, 400);
        let body = answer.json();
        assert_eq!(body["error"], "invalid_grant");
        assert_eq!(body["error_description"], "invalid_username_or_password");
        body["error_code"].as_str().unwrap().to_owned()
    };
    for _ in 0..4 {
        assert_eq!(code("wrong"), "InvalidCredential");
    }
    assert_eq!(code("wrong"), "LockedOut");
    assert_eq!(code("watchpost"), "LockedOut");
    eventually("the lock-out ends", || log_in(&simulator, TOKEN, "watchpost", "watchpost").status == 200).await;
}

#[actix_rt::test]
async fn a_password_with_reserved_characters_needs_proper_encoding() {
    let simulator = start(Options { password: "a&b+c%".to_owned(), ..Options::default() });
    assert_eq!(log_in(&simulator, TOKEN, "watchpost", "a&b+c%").status, 400);
    assert_eq!(log_in(&simulator, TOKEN, "watchpost", "a%26b%2Bc%25").status, 200);
}

#[actix_rt::test]
async fn refused_logins_can_be_switched_on_and_off() {
    let simulator = with_faults(&["refuse-token=503"]);
    let answer = log_in(&simulator, TOKEN, "watchpost", "watchpost");
    assert_eq!((answer.status, answer.text().as_str()), (503, "The service is unavailable."));
    simulator.inject(parse("refuse-token"));
    assert_eq!(log_in(&simulator, TOKEN, "watchpost", "watchpost").json()["error_code"], "InvalidCredential");
    simulator.clear(FaultKind::RefuseToken);
    simulator.inject(parse("locked-out"));
    assert_eq!(log_in(&simulator, TOKEN, "watchpost", "watchpost").json()["error_code"], "LockedOut");
    simulator.clear(FaultKind::LockedOut);
    assert_eq!(log_in(&simulator, TOKEN, "watchpost", "watchpost").status, 200);
    let statuses: Vec<u16> = simulator.counters().logins.iter().map(|login| login.status).collect();
    assert_eq!(statuses, [503, 400, 400, 200]);
}

#[actix_rt::test]
async fn an_expired_token_is_refused_while_live_sockets_stay() {
    let simulator = start(Options::default());
    let token = client::token(&simulator);
    let mut live = open(&simulator, EVENTS, Some(&token)).await.unwrap();
    simulator.inject(parse("token-expires=1ms"));
    let expired = "Token validation failed: the token is expired.";
    let rest = get(&simulator, "/api/rest/v1/sites", &token);
    assert_eq!(rest.status, 401);
    assert_eq!(rest.json(), json!({"error": {"httpCode": 401, "details": [{"errorText": expired}]}}));
    let (status, body) = refusal(open(&simulator, EVENTS, Some(&token)).await);
    assert_eq!(status, 401);
    assert!(body.contains(expired), "{body}");
    assert_eq!(live.start_session("", "").await["status"], 201);
}

#[actix_rt::test]
async fn a_bad_token_is_refused_at_the_upgrade_and_a_missing_one_must_be_given_later() {
    let simulator = start(Options::default());
    assert_eq!(refusal(open(&simulator, EVENTS, Some("nonsense")).await).0, 401);
    let mut client = open(&simulator, "/API/WS/Events/V1/", None).await.unwrap();
    let refused = client.start_session("", "").await;
    assert_eq!(refused["status"], 401);
    assert!(refused["error"]["errorText"].is_string(), "{refused}");
    assert_eq!(client.call("authenticate", json!({"token": "Bearer nonsense"})).await["status"], 401);
    let token = format!("Bearer {}", client::token(&simulator));
    assert_eq!(client.call("authenticate", json!({ "token": token })).await["status"], 200);
    assert_eq!(client.start_session("", "").await["status"], 201);
    simulator.inject(parse("header-required"));
    assert_eq!(refusal(open(&simulator, EVENTS, None).await).0, 401);
}

#[actix_rt::test]
async fn the_socket_without_a_version_is_not_found() {
    let simulator = start(Options::default());
    let token = client::token(&simulator);
    assert_eq!(refusal(open(&simulator, "/api/ws/events", Some(&token)).await).0, 404);
    assert_eq!(simulator.counters().upgrades.len(), 0);
}

#[actix_rt::test]
async fn upgrades_are_refused_as_often_as_was_asked() {
    let simulator = with_faults(&["refuse-upgrade=503:2"]);
    let token = client::token(&simulator);
    for _ in 0..2 {
        let (status, body) = refusal(open(&simulator, EVENTS, Some(&token)).await);
        assert_eq!((status, body.as_str()), (503, "The service is unavailable."));
    }
    assert!(open(&simulator, EVENTS, Some(&token)).await.is_ok());
    for status in [401, 404, 500] {
        simulator.inject(parse(&format!("refuse-upgrade={status}")));
        assert_eq!(refusal(open(&simulator, EVENTS, Some(&token)).await).0, status);
    }
    let statuses: Vec<u16> = simulator.counters().upgrades.iter().map(|upgrade| upgrade.status).collect();
    assert_eq!(statuses, [503, 503, 101, 401, 404, 500]);
}

#[actix_rt::test]
async fn discovery_can_be_absent_or_lead_astray() {
    let simulator = with_faults(&["no-discovery"]);
    let uris = || http(simulator.address(), "GET", "/API/.well-known/uris", &[], "");
    assert_eq!(uris().status, 404);
    simulator.clear(FaultKind::NoDiscovery);
    simulator.inject(parse("internal-gateway"));
    assert_eq!(uris().json()["ApiGateways"], json!(["http://xprotect-gw.internal.invalid/API/"]));
}

#[actix_rt::test]
async fn several_gateways_are_alive_and_dead_ones_refuse() {
    let simulator = with_faults(&["several-gateways=3", "dead-gateways=1"]);
    let uris = http(simulator.address(), "GET", "/api/.well-known/uris", &[], "").json();
    let alive: Vec<bool> = uris["ApiGateways"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gateway| {
            let host = gateway.as_str().unwrap().trim_start_matches("http://").trim_end_matches("/API/").to_owned();
            let address = host.parse().unwrap();
            TcpStream::connect_timeout(&address, DEADLINE).is_ok()
                && http(address, "GET", "/api/.well-known/uris", &[], "").status == 200
        })
        .collect();
    assert_eq!(alive, [false, true, true, true]);
}

#[actix_rt::test]
async fn a_gateway_in_trouble_leaves_the_others_alone() {
    let simulator = with_faults(&["several-gateways=3"]);
    let uris = http(simulator.address(), "GET", "/api/.well-known/uris", &[], "").json();
    let gateways: Vec<std::net::SocketAddr> = uris["ApiGateways"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gateway| {
            gateway.as_str().unwrap().trim_start_matches("http://").trim_end_matches("/API/").parse().unwrap()
        })
        .collect();
    let answers = |path: &str| -> Vec<u16> {
        let method = if path.ends_with("token") { "POST" } else { "GET" };
        gateways.iter().map(|gateway| http(*gateway, method, path, &[], "").status).collect()
    };
    let (ready, token, socket) = ("/API/.well-known/uris", "/API/IDP/connect/token", "/api/ws/events/v1");
    simulator.inject(parse("gateway-busy=2"));
    assert_eq!((answers(ready), answers(token)), (vec![200, 503, 200], vec![400, 503, 400]));
    simulator.clear(FaultKind::GatewayBusy);
    simulator.inject(parse("gateway-refuses=3"));
    assert_eq!((answers(ready), answers(socket)[2]), (vec![200, 200, 200], 503));
    assert!(answers(socket)[..2].iter().all(|status| *status != 503));
    simulator.clear(FaultKind::GatewayRefuses);
    simulator.inject(parse("gateway-alone=1"));
    assert_eq!((answers(ready), answers(token)), (vec![200, 200, 200], vec![502, 400, 400]));
    simulator.clear(FaultKind::GatewayAlone);
    simulator.pause_gateway(2);
    let there =
        || gateways.iter().map(|gateway| TcpStream::connect_timeout(gateway, DEADLINE).is_ok()).collect::<Vec<_>>();
    assert_eq!(there(), [true, false, true]);
    simulator.resume_listening().unwrap();
    assert_eq!(there(), [true, true, true]);
}
