//! The Configuration REST API.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchpost::simulator::milestone::{FaultKind, Options, Simulator};

use crate::client::{Answer, get, parse, start, subscribed, token, try_http};

fn list(simulator: &Simulator, token: &str, path: &str) -> Vec<Value> {
    let answer = get(simulator, &format!("/api/rest/v1/{path}"), token);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["array"].as_array().expect("a list").clone()
}

#[actix_rt::test]
async fn every_source_type_and_group_of_a_state_can_be_looked_up() {
    let simulator = start(Options { items: 3, ..Options::default() });
    let token = token(&simulator);
    for ((source, group), state) in simulator.states() {
        for path in [source, format!("eventTypes/{}", state.event_type), format!("stateGroups/{group}")] {
            let answer = get(&simulator, &format!("/api/rest/v1/{path}"), &token);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert!(answer.json()["data"]["displayName"].is_string());
        }
    }
}

#[actix_rt::test]
async fn event_types_and_state_groups_have_the_observed_members() {
    let simulator = start(Options::default());
    let token = token(&simulator);
    let motion = get(&simulator, "/api/rest/v1/eventTypes/6F55A7A7-d21c-4629-ac18-af1975e395a2", &token).json();
    let motion = &motion["data"];
    assert_eq!(motion["displayName"], "Motion Stopped");
    assert_eq!(motion["state"], "No Motion");
    assert_eq!(motion["stateGroupId"], "720ef62a-78be-418a-8e4c-ee04ffca6429");
    assert_eq!(motion["counterEventID"], "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77");
    let groups = list(&simulator, &token, "stateGroups");
    assert!(groups.iter().all(|group| group.get("id").is_none() && group["relations"]["self"]["id"].is_string()));
    let cpu = groups.iter().find(|group| group["displayName"] == "CPU usage").unwrap();
    assert_eq!(cpu["states"], json!(["Normal", "Warning", "Critical"]));
}

#[actix_rt::test]
async fn lists_can_be_paged_and_filtered_and_leave_disabled_items_out() {
    let simulator = start(Options { items: 500, ..Options::default() });
    let token = token(&simulator);
    assert_eq!(list(&simulator, &token, "cameras").len(), 499);
    assert_eq!(list(&simulator, &token, "cameras?disabled").len(), 500);
    assert_eq!(list(&simulator, &token, "recordingServers").len(), 5);
    let pages: Vec<usize> =
        (0..6).map(|page| list(&simulator, &token, &format!("cameras?page={page}&size=100")).len()).collect();
    assert_eq!(pages, [100, 100, 100, 100, 99, 0]);
    assert_eq!(list(&simulator, &token, "cameras?name=Lobby%203").len(), 1);
    assert_eq!(list(&simulator, &token, "cameras?displayName=contains:'dock'").len(), 21);
    let hardware = list(&simulator, &token, "hardware?includeChildren=cameras&size=1");
    assert_eq!(hardware[0]["cameras"].as_array().unwrap().len(), 1);
    assert_eq!(get(&simulator, "/api/rest/v1/cameras?page=first", &token).status, 400);
}

#[actix_rt::test]
async fn what_is_not_there_is_told_as_the_gateway_tells_it() {
    let simulator = start(Options::default());
    let token = token(&simulator);
    let missing = get(&simulator, "/api/rest/v1/cameras/00000000-0000-4000-8000-000000000000", &token);
    assert_eq!(missing.status, 404);
    let text = "Device not found. cameras/00000000-0000-4000-8000-000000000000";
    assert_eq!(missing.json(), json!({"error": {"httpCode": 404, "details": [{"errorText": text}]}}));
    // Sources of these two kinds occur in events, but not here.
    for path in ["services", "mipKinds/x", "storages", "cameras/a/b"] {
        assert_eq!(get(&simulator, &format!("/api/rest/v1/{path}"), &token).status, 400, "{path}");
    }
    assert_eq!(get(&simulator, "/api/rest/v1/sites", "").status, 401);
}

#[actix_rt::test]
async fn faults_of_the_gateway_are_plain_text_and_refusals_are_json() {
    let simulator = start(Options::default());
    let token = token(&simulator);
    let camera = simulator.sources("cameras")[0].clone();
    let ask = |path: &str| get(&simulator, &format!("/api/rest/v1/{path}"), &token);
    for (fault, kind, status, body) in [
        ("rest-down", FaultKind::RestDown, 503, "The service is unavailable."),
        ("rest-500", FaultKind::Rest500, 500, "Internal Server Error"),
    ] {
        simulator.inject(parse(fault));
        let answer = ask("sites");
        assert_eq!((answer.status, answer.text().as_str()), (status, body));
        simulator.clear(kind);
    }
    simulator.inject(parse("rest-403"));
    let forbidden = ask(&camera).json();
    assert_eq!(forbidden["error"]["details"][0]["errorTextId"], "VMO61008");
    simulator.clear(FaultKind::Rest403);
    simulator.inject(parse("page-400"));
    assert_eq!((ask("cameras?page=0&size=5").status, ask("cameras").status), (400, 200));
    simulator.inject(parse("bulk-refused=500"));
    assert_eq!((ask("eventTypes").status, ask(&camera).status), (500, 200));
}

#[actix_rt::test]
async fn slow_and_hanging_answers_take_their_time() {
    let simulator = start(Options::default());
    let token = token(&simulator);
    simulator.inject(parse("rest-slow=200ms"));
    let asked = Instant::now();
    assert_eq!(get(&simulator, "/api/rest/v1/sites", &token).status, 200);
    assert!(asked.elapsed() >= Duration::from_millis(200));
    simulator.clear(FaultKind::RestSlow);
    simulator.inject(parse("rest-hang"));
    let mut socket = TcpStream::connect(simulator.address()).unwrap();
    let request = format!("GET /api/rest/v1/sites HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    std::io::Write::write_all(&mut socket, request.as_bytes()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let heard = std::io::Read::read(&mut socket, &mut [0; 16]);
    assert!(heard.is_err(), "{heard:?}");
    simulator.clear(FaultKind::RestHang);
    socket.set_read_timeout(Some(crate::client::DEADLINE)).unwrap();
    assert!(std::io::Read::read(&mut socket, &mut [0; 16]).unwrap() > 0);
}

#[actix_rt::test]
async fn ids_in_mixed_case_and_unknown_members_name_the_same_items() {
    let simulator = start(Options { items: 4, ..Options::default() });
    let token = token(&simulator);
    simulator.inject(parse("mixed-case"));
    simulator.inject(parse("unknown-members"));
    let cameras = list(&simulator, &token, "cameras");
    let mut ids: Vec<String> = cameras.iter().map(|camera| camera["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.iter().any(|id| *id != id.to_lowercase()));
    assert!(cameras.iter().all(|camera| camera["futureSettings"].is_object()));
    ids.iter_mut().for_each(|id| id.make_ascii_lowercase());
    let sources: Vec<String> = ids.iter().map(|id| format!("cameras/{id}")).collect();
    assert_eq!(sources, simulator.sources("cameras"));
}

#[actix_rt::test]
async fn a_removed_item_is_gone_and_a_renamed_one_has_its_new_name() {
    let simulator = start(Options { items: 4, ..Options::default() });
    let token = token(&simulator);
    let cameras = simulator.sources("cameras");
    assert!(simulator.remove_item(&cameras[0]) && simulator.rename_item(&cameras[1], "Vault"));
    assert_eq!(get(&simulator, &format!("/api/rest/v1/{}", cameras[0]), &token).status, 404);
    let renamed = get(&simulator, &format!("/api/rest/v1/{}", cameras[1]), &token).json();
    assert_eq!(renamed["data"]["name"], "Vault");
    assert!(simulator.states().keys().all(|(source, _)| *source != cameras[0]));
    assert!(!simulator.remove_item(&cameras[0]) && !simulator.rename_item("cameras/none", "x"));
    let data: Vec<Value> = simulator
        .ledger()
        .events
        .iter()
        .filter_map(|event| serde_json::from_str(event.data.as_deref()?).ok())
        .collect();
    assert_eq!(data[0]["Action"], "Deleted");
    assert_eq!(data[1]["RelatedItem"], json!({"RelatedItemRestResource": cameras[1], "Name": "Vault"}));
}

/// The answer may break.
fn post(simulator: &Simulator, token: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    try_http(simulator.address(), "POST", "/API/rest/v1/events", &headers, body)
}

#[actix_rt::test]
async fn an_event_that_is_triggered_comes_over_the_socket() {
    let simulator = start(Options::default());
    let (mut client, _) = subscribed(&simulator).await;
    let token = token(&simulator);
    let own = list(&simulator, &token, "userDefinedEvents").remove(4);
    let kind = own["id"].as_str().unwrap();
    let camera = simulator.sources("cameras")[0].clone();
    let bodies = [json!({"type": kind}), json!({"type": kind.to_uppercase(), "source": camera})];
    let sources = [format!("userDefinedEvents/{kind}"), camera];
    for (body, source) in bodies.iter().zip(sources) {
        let answer = post(&simulator, &token, &body.to_string());
        assert_eq!(answer.status, 202, "{}", answer.text());
        let told = answer.json()["data"].clone();
        let event = client.events(1).await.remove(0);
        assert_eq!((&told["id"], &told["type"], &told["source"]), (&event["id"], &event["type"], &event["source"]));
        assert_eq!((event["type"].as_str(), event["source"].as_str()), (Some(kind), Some(source.as_str())));
    }
    assert_eq!(simulator.counters().triggered, 2);
}

#[actix_rt::test]
async fn what_may_not_or_cannot_be_triggered_is_refused() {
    let simulator = start(Options::default());
    let token = token(&simulator);
    let own = list(&simulator, &token, "userDefinedEvents").remove(0)["id"].clone();
    let nowhere = "cameras/00000000-0000-4000-8000-000000000000";
    for (body, status) in [
        (json!({"type": "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77"}), 403),
        (json!({"type": "no-such-type"}), 400),
        (json!({"source": nowhere}), 400),
        (json!({"type": own, "source": nowhere}), 404),
        (json!("x"), 400),
    ] {
        assert_eq!(post(&simulator, &token, &body.to_string()).status, status, "{body}");
    }
    assert_eq!(post(&simulator, "", "{}").status, 401);
    assert_eq!(post(&simulator, &token, "{").status, 400);
    let body = json!({"type": own}).to_string();
    for (fault, status) in
        [("trigger-refused=403:1", 403), ("trigger-refused=500:1", 500), ("trigger-refused=404:1", 404)]
    {
        simulator.inject(parse(fault));
        assert_eq!(post(&simulator, &token, &body).status, status);
    }
    assert_eq!(simulator.counters().triggered, 0);
    simulator.inject(parse("trigger-lost=1"));
    let lost = post(&simulator, &token, &body);
    assert_eq!((lost.status, lost.bytes.len()), (0, 0), "{}", lost.text());
    assert_eq!(simulator.counters().triggered, 1);
    assert_eq!(post(&simulator, &token, &body).status, 202);
    assert_eq!(simulator.counters().triggered, 2);
}
