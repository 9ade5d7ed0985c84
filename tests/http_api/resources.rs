//! What there is: connections, items, health, and what runs here.

use watchpost::actors::messages::RestartConnection;

use super::{
    asking::ask,
    common::{SECOND, block_on, eventually, named},
    place::{Place, Plan},
};

#[test]
fn a_connection_is_told_and_can_be_begun_anew() {
    let place = Place::start();
    let info = place.get("/api/v1/connections/hq").json();
    assert_eq!(
        (info["name"].as_str(), info["vendor"].as_str(), info["state"].as_str()),
        (Some("hq"), Some("milestone"), Some("online"))
    );
    let (all, next) = place.get("/api/v1/connections").list();
    assert_eq!((all.len(), next), (1, None));
    let answer = ask(place.address, "POST", "/api/v1/connections/hq/restart", &[]);
    assert_eq!((answer.status, &*answer.body), (202, &br#"{"restarting":"hq"}"#[..]));
    eventually(20 * SECOND, "begun anew", || place.get("/api/v1/connections/hq").json()["tries"] == 2);
    for (method, path) in [("GET", "/api/v1/connections/none"), ("POST", "/api/v1/connections/none/restart")] {
        let problem = ask(place.address, method, path, &[]).problem(404);
        assert_eq!(problem["detail"], "there is no connection \"none\"");
    }
}

#[test]
fn an_item_is_told_with_all_its_states_however_its_slashes_are_written() {
    let place = Place::start();
    let state = place.get("/api/v1/states?limit=1").list().0.remove(0);
    let item = state["item"].as_str().unwrap();
    assert!(item.contains('/'));
    let encoded = place.get(&format!("/api/v1/items/hq/{}", item.replace('/', "%2F"))).json();
    let plain = place.get(&format!("/api/v1/items/hq/{item}")).json();
    assert_eq!(encoded, plain);
    assert_eq!((encoded["item"].as_str(), encoded["stale"].as_bool()), (Some(item), Some(false)));
    assert!(encoded["states"].as_array().unwrap().contains(&state));
    place.get("/api/v1/items/hq/cameras%2Fnone").problem(404);
    place.get(&format!("/api/v1/items/none/{item}")).problem(404);
}

#[test]
fn what_runs_here_tells_its_version_and_how_far_the_journal_reaches() {
    let place = Place::start();
    let about = place.get("/api/v1/about").json();
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["next"], place.engine.journal().next().to_string());
    let first = place.get("/api/v1/events?limit=1").list().0.remove(0);
    assert_eq!(about["oldest"], first["recordedtime"]);
    assert!(about["started"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(Place::bare(None).get("/api/v1/about").json()["oldest"].is_null());
}

#[test]
fn it_is_not_ready_while_connections_wait_for_a_person_and_names_them() {
    let place = Place::planned(Plan { halted: vec!["yard", "gate"], ..Plan::default() });
    place.wait_online();
    eventually(20 * SECOND, "both halted", || {
        let answer = place.get("/readyz");
        answer.status == 503 && answer.problem(503)["errors"].as_array().unwrap().len() == 2
    });
    let answer = place.get("/readyz");
    assert_eq!(answer.header("retry-after"), Some("5"));
    let problem = answer.problem(503);
    assert_eq!(problem["detail"], "2 of 3 connections halted and need a person, see `errors`");
    let named: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| &error["parameter"]).collect();
    assert_eq!(named, ["gate", "yard"]);
    assert_eq!(place.get("/healthz").status, 200, "it is alive all the same");
    let lanes = block_on(place.engine.journal().lanes()).unwrap();
    assert!(lanes.iter().all(|lane| ["hq", "gate", "yard"].contains(&lane.connection.as_str())), "{lanes:?}");
}

#[test]
fn it_is_not_ready_while_nothing_can_be_stored() {
    let place = Place::start();
    assert_eq!(place.get("/readyz").status, 200);
    place.store.refuse(usize::MAX);
    place.sim.burst(1);
    // What the engine has to say of it itself may be stored in between.
    eventually(20 * SECOND, "not ready", || {
        let answer = place.get("/readyz");
        answer.status == 503 && answer.problem(503)["detail"] == "the journal cannot store now: the disk is full"
    });
    place.store.refuse(0);
    block_on(place.engine.send(RestartConnection(named("hq")))).unwrap().unwrap();
    eventually(20 * SECOND, "ready again", || place.get("/readyz").status == 200);
}

#[test]
fn a_disk_that_hangs_is_told_and_not_waited_for() {
    let place = Place::start();
    place.store.hang(true);
    place.sim.burst(1);
    eventually(20 * SECOND, "not ready", || place.get("/readyz").status == 503);
    assert!(place.get("/readyz").problem(503)["detail"].as_str().unwrap().contains("does not answer"));
    assert_eq!(place.get("/api/v1/states?limit=1").status, 200, "what is in memory is answered");
    place.store.hang(false);
    eventually(20 * SECOND, "ready again", || place.get("/readyz").status == 200);
}
