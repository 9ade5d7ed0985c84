//! The key-value bucket with the present states.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use serde_json::Value;
use watchpost::{
    actors::{Engine, EngineConfig, journal::Memory, model::Sequence},
    config::{SinkKind, Surroundings, parse},
    simulator::milestone::DropHow,
    sinks::{Ground, Sinks, delivery::Delivery},
};

use crate::{
    configure,
    durable_support::{self, Place, SECOND, eventually},
    nats::NatsServer,
    proxy::Proxy,
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

/// A camera, and the key of its motion.
fn motion_of(place: &Place) -> (String, String) {
    let camera = place.simulator().sources("cameras").remove(0);
    let key = format!("a.cameras=2F{}.motion", camera.trim_start_matches("cameras/").to_lowercase());
    (camera, key)
}

#[test]
fn a_value_that_somebody_else_writes_over_or_deletes_is_put_again() {
    let (place, server) = (Place::start(1), NatsServer::start());
    let program = place.run_until_online(&mut configure(&place, &server.url(), ""));
    eventually("the connection is online", || read(&server).1.get("a").is_some_and(|state| state == "online"));
    let (camera, key) = motion_of(&place);
    eventually("there are states", || read(&server).0.contains_key(&key));
    let before = server.bucket(BUCKET)[&key].clone();
    server.with_bucket(BUCKET, async |store| {
        store.put(&key, "{\"value\":\"theirs\"}".into()).await.unwrap();
        store.put("a", "{\"state\":\"gone\"}".into()).await.unwrap();
    });
    eventually("both are right again", || {
        server.bucket(BUCKET).get(&key) == Some(&before) && read(&server).1["a"] == "online"
    });
    // The second time, not before ten seconds later.
    server.with_bucket(BUCKET, async |store| store.delete(&key).await.unwrap());
    eventually("it is there again", || server.bucket(BUCKET).get(&key) == Some(&before));
    // What comes back of our own is nobody else's: each key is put as often as it changes.
    let last = |server: &NatsServer| server.stream(&format!("KV_{BUCKET}")).unwrap().state.last_sequence;
    let at_first = last(&server);
    for event in ["MotionStarted", "MotionStopped", "MotionStarted"] {
        let value = if event == "MotionStarted" { "detected" } else { "clear" };
        place.simulator().emit_one(&camera, event).unwrap();
        eventually("it follows", || read(&server).0.get(&key).is_some_and(|now| now == value));
    }
    assert!(last(&server) <= at_first + 3);
    place.end(program);
}

#[test]
fn an_idle_bucket_that_is_emptied_or_deleted_is_filled_again() {
    let (place, server) = (Place::start(1), NatsServer::start());
    configure(&place, &server.url(), "");
    let text = fs::read_to_string(place.path("watchpost.toml")).unwrap();
    let surroundings = Surroundings::new(place.folder.path(), |_| Some("watchpost".into()));
    let mut config = parse(&text, "watchpost.toml", &surroundings).unwrap();
    config.sinks.retain(|sink| matches!(sink.kind, SinkKind::Nats(_)));
    let SinkKind::Nats(settings) = &mut config.sinks[0].kind else { panic!() };
    settings.look_every = Duration::from_millis(200);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let running = thread::spawn(move || {
        actix_rt::System::new().block_on(async {
            let journal = Box::new(Memory::new(10_000, usize::MAX));
            let connections = config.connections;
            let engine = Engine::start(EngineConfig { journal, connections, ..EngineConfig::default() }).unwrap();
            let ground = Ground {
                journal: engine.journal().clone(),
                delivery: Delivery::in_memory(),
                engine: Some(engine.clone()),
                durable_files: false,
            };
            let running = Sinks::start(&config.sinks, &ground).await.unwrap();
            ended.await.unwrap();
            running.drain(Sequence(u64::MAX), SECOND).await;
            engine.shutdown(SECOND).await;
        });
    });
    let stream = format!("KV_{BUCKET}");
    eventually("the connection is online", || read(&server).1.get("a").is_some_and(|state| state == "online"));
    let (mut before, mut same) = (BTreeMap::new(), 0);
    eventually("nothing changes any more", || {
        let now = server.bucket(BUCKET);
        same = if now == before { same + 1 } else { 0 };
        before = now;
        same == 20
    });
    assert!(before.len() > 10);
    for _ in 0..2 {
        server.with_jetstream(async |jetstream| {
            let purged = jetstream.get_stream(&stream).await.unwrap().purge().await.unwrap();
            assert!(purged.success);
        });
        eventually("what was emptied is filled", || server.bucket(BUCKET) == before);
    }
    server.delete_stream(&stream);
    eventually("what was deleted is there again", || server.bucket(BUCKET) == before);
    end.send(()).unwrap();
    running.join().unwrap();
}

#[test]
fn a_value_that_was_stored_though_no_answer_came_is_followed_by_what_is_so() {
    let (place, server) = (Place::start(1), NatsServer::start());
    let proxy = Proxy::start(server.port);
    let program = place.run_until_online(&mut configure(&place, &proxy.url(), ""));
    let (camera, key) = motion_of(&place);
    let emit = |event: &str| place.simulator().emit_one(&camera, event).unwrap();
    let reads = |value: &str| read(&server).0.get(&key).is_some_and(|now| now == value);
    for _ in 0..2 {
        emit("MotionStopped");
        eventually("nothing moves", || reads("clear"));
        eventually("nothing is under way", || {
            let put = || server.stream(&format!("KV_{BUCKET}")).unwrap().state.last_sequence;
            let before = put();
            durable_support::pace(SECOND / 2);
            put() == before
        });
        proxy.mute(true);
        emit("MotionStarted");
        eventually("the server has it", || reads("detected"));
        emit("MotionStopped");
        // The answer is given up before it comes.
        durable_support::pace(3 * SECOND);
        proxy.mute(false);
        eventually("it is right", || reads("clear"));
    }
    place.end(program);
}
