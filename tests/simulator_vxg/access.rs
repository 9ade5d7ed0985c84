//! Who may ask what, and how he says who he is.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use watchpost::simulator::vxg::{Options, Scheme};

use crate::client::{CAMERA, EVENTS, acc, caller, detail, group, http, licence, quick, start};

fn decoded(token: &str) -> Value {
    serde_json::from_slice(&STANDARD.decode(token).unwrap()).unwrap()
}

#[test]
fn tokens_tell_their_camera_and_where_the_cloud_is() {
    let simulator = start(Options { path: "svc".to_owned(), ..quick() });
    let token = decoded(&simulator.token(CAMERA).unwrap());
    assert_eq!((&token["camid"], &token["access"]), (&json!(CAMERA), &json!("all")));
    assert_eq!((&token["api"], &token["api_p"]), (&json!("127.0.0.1"), &json!(simulator.address().port())));
    assert_eq!((&token["path"], &token["token"]), (&json!("svc"), &json!(simulator.inner_token(CAMERA).unwrap())));
    assert_eq!(decoded(&simulator.watch_token(CAMERA).unwrap())["access"], "watch");
    assert_eq!(decoded(&simulator.group_token()).get("camid"), None);
    assert!(simulator.url().ends_with("/svc"));
    assert_eq!(acc(&simulator).get(&format!("/svc{EVENTS}")).status, 200);
    assert_eq!(acc(&simulator).get(EVENTS).status, 404);
}

#[test]
fn each_token_opens_what_is_its_own() {
    let simulator = start(quick());
    let (camera, all, owner) = (acc(&simulator), group(&simulator), licence(&simulator));
    let other = simulator.cameras()[1];
    for (path, statuses) in [
        (EVENTS.to_owned(), [200, 200, 200]),
        (format!("{EVENTS}?camid={other}"), [403, 200, 200]),
        (format!("/api/v2/cameras/{CAMERA}/event_processing/events/"), [200, 200, 200]),
        (format!("/api/v2/cameras/{other}/event_processing/events/"), [403, 200, 200]),
        ("/api/v2/cameras/1/event_processing/events/".to_owned(), [403, 404, 404]),
        (format!("/api/v2/cameras/{other}/"), [403, 200, 200]),
        ("/api/v5/channels/".to_owned(), [401, 200, 200]),
        ("/api/v3/channels/".to_owned(), [401, 401, 200]),
        (format!("/api/v3/channels/{CAMERA}/"), [401, 401, 200]),
    ] {
        let told = [&camera, &all, &owner].map(|caller| caller.get(&path).status);
        assert_eq!(told, statuses, "{path}");
    }
    assert!(simulator.set_grouped(other, false));
    assert_eq!(all.get(&format!("/api/v2/cameras/{other}/")).status, 404);
    simulator.happen_now(other, "motion").unwrap();
    assert_eq!((all.ids(""), owner.ids("").len()), (Vec::new(), 1));
}

#[test]
fn a_token_with_the_wrong_scheme_is_refused_and_told_about() {
    let simulator = start(quick());
    let camera = simulator.token(CAMERA).unwrap();
    for (scheme, token) in
        [("SI", camera.clone()), ("LKey", camera.clone()), ("Acc", simulator.group_token()), ("Bearer", camera)]
    {
        let answer = caller(&simulator, scheme, &token).get(EVENTS);
        assert_eq!(answer.status, 401);
        assert_eq!(detail(&answer), "Unauthorized");
    }
    let words: Vec<String> = simulator.complaints().into_iter().map(|complaint| complaint.words).collect();
    assert_eq!(words[0], "this token goes with Acc, not Si");
    assert_eq!(words.len(), 4);
    assert_eq!(http(simulator.address(), "GET", EVENTS, &[], "").status, 401);
    let counters = simulator.counters();
    assert_eq!((counters.schemes[&Scheme::Other], counters.schemes[&Scheme::Nothing]), (1, 1));
    assert_eq!((counters.of("events").tried, counters.of("events").ok), (5, 0));
}

#[test]
fn any_run_of_blanks_and_a_token_in_the_query_are_taken() {
    let simulator = start(quick());
    let blanks = format!("Acc    {}", simulator.token(CAMERA).unwrap());
    assert_eq!(http(simulator.address(), "GET", EVENTS, &[("Authorization", &blanks)], "").status, 200);
    let path = format!("{EVENTS}?token={}", simulator.inner_token(CAMERA).unwrap());
    assert_eq!(http(simulator.address(), "GET", &path, &[], "").status, 200);
    let whole = format!("{EVENTS}?token={}", simulator.token(CAMERA).unwrap().replace('=', "%3D"));
    assert_eq!(http(simulator.address(), "GET", &whole, &[], "").status, 401);
    let schemes: Vec<Scheme> = simulator.calls().iter().map(|call| call.scheme).collect();
    assert_eq!(schemes, [Scheme::Acc, Scheme::Query, Scheme::Query]);
    assert!(simulator.calls()[1].token.as_deref().is_some_and(|token| simulator.secrets().contains(&token.to_owned())));
}

#[test]
fn a_watch_token_is_told_no_events() {
    let simulator = start(quick());
    let watcher = caller(&simulator, "Acc", &simulator.watch_token(CAMERA).unwrap());
    assert_eq!(watcher.get(EVENTS).status, 403);
    assert_eq!(watcher.get(&format!("/api/v2/cameras/{CAMERA}/event_processing/events/")).status, 403);
    assert_eq!(watcher.get(&format!("/api/v2/cameras/{CAMERA}/")).status, 200);
}

#[test]
fn a_changed_token_is_refused_and_read_again_through_the_licence_key() {
    let simulator = start(quick());
    let (old, owner) = (acc(&simulator), licence(&simulator));
    assert!(simulator.rotate_token(CAMERA));
    assert_eq!(old.get(EVENTS).status, 401);
    let tokens = owner.fetch(&format!("/api/v3/channels/{CAMERA}/"))["access_tokens"].clone();
    assert_eq!(caller(&simulator, "Acc", tokens["all"].as_str().unwrap()).get(EVENTS).status, 200);
    assert_eq!(caller(&simulator, "Acc", tokens["watch"].as_str().unwrap()).get(EVENTS).status, 403);
    assert!(simulator.revoke_token(CAMERA));
    assert!(!simulator.revoke_token(CAMERA));
    assert_eq!(owner.fetch(&format!("/api/v3/channels/{CAMERA}/"))["access_tokens"]["all"], Value::Null);
    let grouped = group(&simulator);
    simulator.rotate_group_token();
    simulator.rotate_licence_key();
    assert_eq!((grouped.get(EVENTS).status, owner.get(EVENTS).status), (401, 401));
    assert_eq!((group(&simulator).get(EVENTS).status, licence(&simulator).get(EVENTS).status), (200, 200));
    assert!(!simulator.rotate_token(1));
}

#[test]
fn a_removed_camera_is_gone_with_its_token() {
    let simulator = start(quick());
    let (camera, all) = (acc(&simulator), group(&simulator));
    let event = simulator.happen_now(CAMERA, "motion").unwrap();
    assert!(simulator.remove_camera(CAMERA));
    assert!(!simulator.remove_camera(CAMERA));
    assert_eq!(camera.get(EVENTS).status, 401);
    assert_eq!(all.get(&format!("/api/v2/cameras/{CAMERA}/")).status, 404);
    assert_eq!(all.get(&format!("{EVENTS}{event}/")).status, 404);
    let added = simulator.add_camera("Gate");
    assert_eq!(all.fetch(&format!("/api/v2/cameras/{added}/"))["name"], "Gate");
}
