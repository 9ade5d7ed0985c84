//! The key-value bucket with the present states.

use std::collections::BTreeMap;

use serde_json::Value;
use watchpost::simulator::milestone::DropHow;

use crate::{
    configure,
    durable_support::{Place, eventually},
    nats::NatsServer,
};

const BUCKET: &str = "watchpost-states";

/// The states of the bucket by key, and those of connections by name.
fn read(server: &NatsServer) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let (mut items, mut connections) = (BTreeMap::new(), BTreeMap::new());
    for (key, value) in server.bucket(BUCKET) {
        let value: Value = serde_json::from_str(&value).unwrap();
        match key.split('.').count() {
            1 => connections.insert(key, value["state"].as_str().unwrap().to_owned()),
            _ => items.insert(key, value["value"].as_str().unwrap_or_default().to_owned()),
        };
    }
    (items, connections)
}

#[test]
fn the_bucket_holds_what_every_item_reads_and_nothing_that_is_gone() {
    let (place, server) = (Place::start(1), NatsServer::start());
    let mut file = configure(&place, &server.url(), "");
    let program = place.run_until_online(&mut file);
    eventually("there are states", || !read(&server).0.is_empty());
    eventually("the connection is online", || read(&server).1.get("a").is_some_and(|state| state == "online"));
    let camera = place.simulator().sources("cameras").remove(0);
    let key = format!("a.cameras=2F{}.motion", camera.trim_start_matches("cameras/").to_lowercase());
    let item = key.strip_suffix("motion").unwrap();
    for (event, value) in [("MotionStarted", "detected"), ("MotionStopped", "clear")] {
        place.simulator().emit_one(&camera, event).unwrap_or_else(|| panic!("no {event} at {camera}"));
        eventually("the state follows", || read(&server).0.get(&key).is_some_and(|now| now == value));
    }
    // The bucket goes, and comes back with everything.
    let before = read(&server).0;
    server.delete_stream(&format!("KV_{BUCKET}"));
    place.simulator().emit_one(&camera, "MotionStarted").unwrap();
    eventually("all of it is put up anew", || {
        let now = read(&server).0;
        now.keys().eq(before.keys()) && now[&key] == "detected"
    });
    // An item goes.
    place.simulator().pause_listening();
    assert!(place.simulator().remove_item(&camera));
    place.simulator().forget_sessions();
    place.simulator().drop_sockets(DropHow::Reset);
    place.simulator().resume_listening().unwrap();
    eventually("its states are gone", || !read(&server).0.keys().any(|known| known.starts_with(item)));
    place.end(program);
    // What was left by a former run, of a connection that is not configured any more.
    server.with_bucket(BUCKET, async |store| {
        store.put("old", "{\"state\":\"online\"}".into()).await.unwrap();
        store.put("old.cameras=2F1.motion", "{\"value\":\"clear\"}".into()).await.unwrap();
    });
    let program = place.run_until_online(&mut file);
    eventually("what is nobody's is gone", || !server.bucket(BUCKET).keys().any(|key| key.starts_with("old")));
    assert!(!read(&server).0.is_empty());
    place.end(program);
}
