//! Delivery to a real MQTT broker, by the real program, and what others hear there.
#![cfg(all(unix, feature = "mqtt", feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod durable_support;
#[path = "common/mosquitto.rs"]
mod mosquitto;

use std::{collections::HashMap, fs, sync::Arc, time::Duration};

use durable_support::{Line, Place, SECOND, Walk, assert_all_in_order, eventually, kill, program};
use mosquitto::{Listener, Message, Mosquitto, Way, retain};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use watchpost::{
    actors::{
        Engine, EngineConfig, EngineHandle,
        journal::{Append, Memory},
        model::{Event, EventId, Item, Meaning, Origin, Sequence},
    },
    config::{SinkConfig, SinkKind, Surroundings, parse},
    simulator::milestone::DropHow,
    sinks::{
        Ground, Sinks,
        delivery::{Delivery, LetterFilter},
    },
};

fn mqtt_sink(url: &str, more: &str) -> String {
    format!("[[sink]]\nname = \"broker\"\nkind = \"mqtt\"\nurl = \"{url}\"\n{more}\n")
}

/// The events among what was heard, as they came.
fn events(messages: &[Message]) -> Vec<Line> {
    let events = messages.iter().filter(|message| message.topic.contains("/events/"));
    events.map(|message| Line::read(&message.body).unwrap()).collect()
}

/// What the broker keeps, as somebody knows it who has listened from the beginning.
fn kept(listener: &Listener) -> HashMap<String, String> {
    let mut kept = listener.last();
    kept.retain(|topic, _| !topic.contains("/events/"));
    kept
}

fn distinct(messages: &[Message]) -> usize {
    durable_support::distinct(&events(messages))
}

#[test]
fn a_broker_killed_in_mid_flood_gets_each_event_and_in_order() {
    let place = Place::start(2);
    let mut broker = Mosquitto::start();
    let way = Way::to(broker.port);
    place.configure("", &(Place::file_sink("file", "") + &mqtt_sink(&way.url(), "")));
    let mut heard = Vec::new();
    let mut listener = broker.listen(&["-t", "watchpost/#"]);
    let program = place.run_until_online(&mut place.tail("file.jsonl"));
    let walks: Vec<Walk> = place.systems.iter().map(|system| Walk::start(&system.simulator, 300.0)).collect();
    for _ in 0..3 {
        let before = events(&listener.all()).len();
        eventually("a flood", || events(&listener.all()).len() > before + 200);
        // What mosquitto has acknowledged and not passed on yet dies with it, and no client can make that good: so no further
        // acknowledgement gets through, and whoever listens has what was acknowledged before.
        way.mute(true);
        let mut came = 0;
        eventually("all that was acknowledged is passed on", || {
            std::thread::sleep(Duration::from_millis(100));
            std::mem::replace(&mut came, listener.all().len()) == listener.all().len()
        });
        broker.kill();
        // Whoever listens is back before anything else comes.
        way.close();
        way.mute(false);
        heard.extend(listener.all());
        broker.begin();
        listener = broker.listen(&["-t", "watchpost/#"]);
        way.open();
    }
    drop(walks);
    let all = || [&heard[..], &listener.all()].concat();
    let until = std::time::Instant::now() + SECOND * 20;
    while distinct(&all()) < place.owed() {
        if std::time::Instant::now() > until {
            assert_all_in_order("broker", &events(&all()), &place.systems);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    place.end(program);
    assert_all_in_order("broker", &events(&all()), &place.systems);
    let event = all().into_iter().find(|message| message.body.contains("\"subject\":\"cameras/")).unwrap();
    assert!(event.topic.starts_with("watchpost/a/cameras=2F") || event.topic.starts_with("watchpost/b/cameras=2F"));
    assert!(!event.retained);
}

#[test]
fn a_broker_that_dawdles_is_waited_for_and_breaks_off_nothing() {
    let place = Place::start(1);
    let broker = Mosquitto::start();
    let way = Way::to(broker.port);
    place.configure("", &(Place::file_sink("file", "") + &mqtt_sink(&way.url(), "timeout = \"2s\"")));
    let listener = broker.listen(&["-t", "watchpost/+/+/events/+"]);
    let program = place.run_until_online(&mut place.tail("file.jsonl"));
    eventually("it is admitted", || broker.log().contains("watchpost-broker-"));
    way.dawdle(Duration::from_millis(150));
    place.emit(200);
    eventually("everything has come", || distinct(&listener.all()) == place.owed());
    way.dawdle(Duration::ZERO);
    place.end(program);
    assert_all_in_order("broker", &events(&listener.all()), &place.systems);
    assert_eq!(broker.log().matches("as watchpost-broker-").count(), 1, "one login");
}

#[test]
fn what_is_so_is_retained_and_follows_and_goes_with_what_it_is_of() {
    let mut place = Place::start(2);
    let broker = Mosquitto::start();
    let sinks = Place::file_sink("file", "") + &mqtt_sink(&broker.url(), "home_assistant = true");
    place.configure("", &sinks);
    let listener = broker.listen(&["-t", "watchpost/#", "-t", "homeassistant/#"]);
    // Left behind by somebody who is gone.
    broker.publish(&["-r", "-t", "watchpost/gone/availability", "-m", "online"]);
    broker.publish(&["-r", "-t", "watchpost/gone/cameras=2F1/states/motion", "-m", "{}"]);
    let mut file = place.tail("file.jsonl");
    let mut program = place.run_until_online(&mut file);
    let is = |topic: &str, body: &str| kept(&listener).get(topic).is_some_and(|last| last == body);
    eventually("all is online", || {
        ["watchpost", "watchpost/a", "watchpost/b"].iter().all(|of| is(&format!("{of}/availability"), "online"))
    });
    let states = |of: &str| {
        let last = kept(&listener).into_iter();
        let states =
            last.filter(|(topic, _)| topic.starts_with(&format!("watchpost/{of}/")) && topic.contains("/states/"));
        states.map(|(topic, body)| (topic, serde_json::from_str(&body).unwrap())).collect::<HashMap<String, Value>>()
    };
    let count = || states("a").len();
    eventually("states are there", || count() >= 10);
    // What is retained reads as the last event has it.
    place.emit(100);
    eventually("states follow", || {
        let mut told = HashMap::new();
        for line in file.read().iter().filter(|line| line.is_vendors()) {
            let event = line.json();
            if let (Some(group), Some(value)) = (event["stategroup"].as_str(), event["state"].as_str()) {
                let key = (event["subject"].as_str().unwrap().to_owned(), group.to_owned());
                told.insert((line.connection.clone(), key), value.to_owned());
            }
        }
        let shown: HashMap<_, _> = ["a", "b"]
            .iter()
            .flat_map(|of| states(of).into_values())
            .map(|state| {
                let text = |member: &str| state[member].as_str().unwrap().to_owned();
                ((text("connection"), (text("item"), text("group"))), text("value"))
            })
            .collect();
        !told.is_empty() && told.iter().all(|(key, value)| shown.get(key) == Some(value))
    });
    eventually("Home Assistant is told", || {
        kept(&listener).keys().filter(|topic| topic.starts_with("homeassistant/device/watchpost-")).count() >= 12
    });
    eventually("what was left behind is gone", || {
        !kept(&listener).keys().any(|topic| topic.starts_with("watchpost/gone/"))
    });
    // What the vendor lists no more goes, with all that was told of it.
    let camera = place.systems[0].simulator.sources("cameras").remove(0);
    let of_camera = |topic: &str| topic.contains(&camera.replace('/', "=2F"));
    assert!(kept(&listener).keys().any(|topic| of_camera(topic)), "{camera}");
    let told = || kept(&listener).keys().filter(|topic| topic.starts_with("homeassistant/")).count();
    let before = told();
    assert!(place.systems[0].simulator.remove_item(&camera));
    place.systems[0].simulator.forget_sessions();
    place.systems[0].simulator.drop_sockets(DropHow::Reset);
    eventually("it is gone", || !kept(&listener).keys().any(|topic| of_camera(topic)) && told() < before);
    // A connection that cannot be made again is offline; what it read stays.
    let states_of_b = states("b").len();
    place.systems[1].simulator.pause_listening();
    place.systems[1].simulator.drop_sockets(DropHow::Reset);
    eventually("it is offline", || is("watchpost/b/availability", "offline"));
    assert!(is("watchpost/availability", "online") && states("b").len() == states_of_b);
    place.systems[1].simulator.resume_listening().unwrap();
    eventually("it is online again", || is("watchpost/b/availability", "online"));
    // Killed, the broker speaks for it.
    kill(&mut program);
    eventually("the last will", || is("watchpost/availability", "offline"));
    // A connection that was removed meanwhile takes with it what is retained of it.
    place.systems.pop();
    place.configure("", &sinks);
    let program = place.run();
    eventually("it is there again", || {
        is("watchpost/availability", "online") && is("watchpost/a/availability", "online")
    });
    eventually("what was of the other is gone", || {
        !kept(&listener).keys().any(|topic| topic.starts_with("watchpost/b/")) && told() < before / 2 + 2
    });
    assert!(count() >= 10);
    place.end(program);
    eventually("it has said so", || is("watchpost/availability", "offline"));
}

#[test]
fn a_login_that_is_refused_is_tried_once_and_the_broker_is_back_when_it_admits_us() {
    let mut broker = Mosquitto::prepared("allow_anonymous false\npassword_file @/users");
    broker.set_password("watchpost", "another");
    broker.begin();
    let folder = tempfile::tempdir().unwrap();
    let logins =
        || broker.log().matches("not authorised").count() + broker.log().matches("as watchpost-broker-").count();
    let text = mqtt_sink(&broker.url(), "username = \"watchpost\"\npassword = { env = \"PASSWORD\" }");
    let config = parse(&text, "test.toml", &Surroundings::new(folder.path(), |_| Some("right".into()))).unwrap();
    let mut sinks: Vec<SinkConfig> = config.sinks;
    let SinkKind::Mqtt(settings) = &mut sinks[0].kind else { panic!() };
    settings.refused_pause = Duration::from_secs(2);
    actix_rt::System::new().block_on(async {
        let engine = Engine::start(EngineConfig {
            journal: Box::new(Memory::new(1_000, usize::MAX)),
            ..EngineConfig::default()
        });
        let engine = engine.unwrap();
        let delivery = Delivery::in_memory();
        let ground = Ground {
            journal: engine.journal().clone(),
            delivery: delivery.clone(),
            engine: Some(engine.clone()),
            durable_files: false,
        };
        let running = Sinks::start(&sinks, &ground).await.unwrap();
        for id in 0..3_u32 {
            store(&engine, id, 10).await;
        }
        let begun = std::time::Instant::now();
        eventually("it is refused", || logins() == 1);
        // Many tries of the lane, none of them another login.
        while begun.elapsed() < Duration::from_millis(1_500) {
            assert_eq!(logins(), 1);
            actix_rt::time::sleep(Duration::from_millis(50)).await;
        }
        broker.set_password("watchpost", "right");
        broker.reload();
        let listener = broker.listen(&["-u", "watchpost", "-P", "right", "-t", "watchpost/#"]);
        let until = std::time::Instant::now() + SECOND * 20;
        while events(&listener.all()).len() < 3 {
            assert!(std::time::Instant::now() < until, "{}", broker.log());
            actix_rt::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(durable_support::ids(&events(&listener.all())), ["hq:0", "hq:1", "hq:2"]);
        running.drain(Sequence(u64::MAX), SECOND).await;
        engine.shutdown(SECOND).await;
    });
}

/// Stores an event with so much in it.
async fn store(engine: &EngineHandle, id: u32, padding: usize) {
    let event = Event {
        id: EventId::new(id.to_string()),
        origin: Origin::Live,
        meaning: Arc::new(Meaning { kind: "motion.started".into(), name: None, state: None }),
        item: Some(Arc::new(Item { id: "cameras/1".into(), name: None })),
        time: "2026-06-11T09:17:59Z".into(),
        data: format!("\"{}\"", "x".repeat(padding)).into(),
    };
    let append = Append {
        connection: "hq".parse().unwrap(),
        vendor: "milestone",
        events: vec![event].into(),
        states: Arc::new([]),
        checkpoint: None,
        heard: None,
    };
    engine.journal().append(append).await.unwrap();
}

#[test]
fn an_event_too_large_for_the_broker_becomes_a_dead_letter_and_holds_up_no_other() {
    for limit in ["message_size_limit 20000", "max_packet_size 20000"] {
        let broker = Mosquitto::with(&format!("allow_anonymous true\n{limit}"));
        let folder = tempfile::tempdir().unwrap();
        let text = mqtt_sink(&broker.url(), "");
        let config = parse(&text, "test.toml", &Surroundings::new(folder.path(), |_| None)).unwrap();
        actix_rt::System::new().block_on(async {
            let listener = broker.listen(&["-t", "watchpost/#"]);
            let journal = Box::new(Memory::new(1_000, usize::MAX));
            let engine = Engine::start(EngineConfig { journal, ..EngineConfig::default() }).unwrap();
            let delivery = Delivery::in_memory();
            let ground = Ground {
                journal: engine.journal().clone(),
                delivery: delivery.clone(),
                engine: Some(engine.clone()),
                durable_files: false,
            };
            let running = Sinks::start(&config.sinks, &ground).await.unwrap();
            for id in 0..40_u32 {
                store(&engine, id, if id == 17 { 30_000 } else { 100 }).await;
            }
            let until = std::time::Instant::now() + SECOND * 20;
            let heard = || distinct(&listener.all());
            while heard() < 39 {
                assert!(std::time::Instant::now() < until, "{limit}: {} came\n{}", heard(), broker.log());
                actix_rt::time::sleep(Duration::from_millis(20)).await;
            }
            let ids = durable_support::ids(&events(&listener.all()));
            assert!(!ids.contains(&"hq:17".to_owned()));
            let letters = delivery.dead_letters(&LetterFilter::default(), 0, 10).unwrap();
            let told: Vec<_> = letters
                .iter()
                .map(|letter| (&*letter.event_id, letter.why.contains("large") || letter.why.contains("20000")))
                .collect();
            assert_eq!(told, [("hq:17", true)], "{limit}");
            running.drain(Sequence(u64::MAX), SECOND).await;
            engine.shutdown(SECOND).await;
        });
    }
}

#[test]
fn a_broker_with_its_own_authority_is_trusted_when_that_is_named_and_check_says_what_it_finds() {
    let broker = Mosquitto::prepared("");
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    fs::write(broker.path("ca.pem"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = names.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    fs::write(broker.path("cert.pem"), leaf.pem()).unwrap();
    fs::write(broker.path("key.pem"), key.serialize_pem()).unwrap();
    let mut secure = Mosquitto::prepared("");
    fs::write(secure.path("acl"), "topic read #\ntopic write watchpost/#\n").unwrap();
    secure.configure(&format!(
        "allow_anonymous true\nacl_file @/acl\ncafile {0}/ca.pem\ncertfile {0}/cert.pem\nkeyfile {0}/key.pem",
        broker.path("").display()
    ));
    secure.begin();
    let place = Place::start(1);
    let url = format!("mqtts://127.0.0.1:{}", secure.port);
    let check = |url: &str, more: &str| {
        place.configure("", &mqtt_sink(url, more));
        let mut check = program(&["check", "--connect"]);
        let output = check.current_dir(place.folder.path()).env("SITE_PASSWORD", "watchpost").output().unwrap();
        assert!(output.status.code().is_some(), "{output:?}");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let trusted = format!("tls = {{ ca_file = \"{}\" }}", broker.path("ca.pem").display());
    let (code, told) = check(&url, &trusted);
    assert_eq!((code, told.contains("admits us, and takes messages")), (Some(0), true), "{told}");
    let (code, told) = check(&url, "");
    assert_eq!((code, told.contains("certificate")), (Some(1), true), "{told}");
    let (code, told) = check(&url, &format!("prefix = \"elsewhere\"\n{trusted}"));
    assert_eq!((code, told.contains("the right to publish to elsewhere/#")), (Some(1), true), "{told}");
    let (code, told) = check("mqtt://127.0.0.1:9", "");
    assert_eq!((code, told.contains("cannot be reached")), (Some(1), true), "{told}");
    // And events go that way.
    place.configure("", &mqtt_sink(&url, &trusted));
    let program = place.run();
    eventually("it is told", || secure.log().contains("'watchpost/availability', ... (6 bytes)"));
    eventually("an event", || secure.log().contains("/events/"));
    place.end(program);
}

/// The topic of a state of a camera, and how to change it.
fn motion_of(place: &Place) -> (String, String) {
    let camera = place.simulator().sources("cameras").remove(0);
    let topic = format!("watchpost/a/{}/states/motion", camera.replace('/', "=2F"));
    (camera, topic)
}

fn value_of(listener: &Listener, topic: &str) -> Option<String> {
    let body = listener.last().remove(topic)?;
    Some(serde_json::from_str::<Value>(&body).ok()?["value"].as_str()?.to_owned())
}

#[test]
fn what_somebody_else_writes_over_what_is_retained_or_clears_is_right_again_and_is_told() {
    let (place, broker) = (Place::start(1), Mosquitto::start());
    place.configure("", &(Place::file_sink("file", "") + &mqtt_sink(&broker.url(), "home_assistant = true")));
    let listener = broker.listen(&["-t", "watchpost/#", "-t", "homeassistant/#"]);
    let program = place.run_until_online(&mut place.tail("file.jsonl"));
    let (camera, state) = motion_of(&place);
    place.simulator().emit_one(&camera, "MotionStarted").unwrap();
    eventually("the state is there", || value_of(&listener, &state).as_deref() == Some("detected"));
    let of_camera = format!("homeassistant/device/watchpost-{}", "");
    eventually("all is there", || {
        let kept = kept(&listener);
        kept.get("watchpost/availability").is_some_and(|body| body == "online")
            && kept.get("watchpost/a/availability").is_some_and(|body| body == "online")
            && kept.keys().filter(|topic| topic.starts_with(&of_camera)).count() >= 11
    });
    let said = |topic: &str| listener.all().iter().filter(|message| message.topic == topic).count();
    assert_eq!(said("watchpost/availability"), 1, "what comes back to us of our own is nobody else's");
    let before = kept(&listener);
    let told = before.keys().find(|topic| topic.starts_with(&of_camera)).unwrap().clone();
    for topic in ["watchpost/availability", "watchpost/a/availability", &state, &told] {
        for body in ["offline", ""] {
            let heard = listener.all().len();
            broker.publish(&["-r", "-t", topic, "-m", body]);
            eventually("it is written over", || listener.all()[heard..].iter().any(|message| message.topic == topic));
            // The second time, not before ten seconds later.
            eventually("it is right again", || listener.last().get(topic) == before.get(topic));
        }
    }
    assert!(place.read("stderr").contains("Somebody else writes where this sink keeps present states"));
    assert_eq!(place.read("stderr").matches("Somebody else writes where").count(), 1);
    place.end(program);
}

#[test]
fn nothing_is_said_to_be_online_that_was_so_in_a_former_run() {
    let (place, broker) = (Place::start(1), Mosquitto::start());
    // An account that cannot be reached; of what was below it nothing is known.
    let account = "[[connection]]\nname = \"stores\"\nvendor = \"milestone\"\nurl = \"http://127.0.0.1:9\"\n\
                   username = \"watchpost\"\npassword = { env = \"SITE_PASSWORD\" }\nsubscribe = [{ modifier = \"include\", \
                   resource_types = [\"*\"], sources = [\"*\"], events = [\"*\"] }]\n";
    let sinks = Place::file_sink("file", "") + &mqtt_sink(&broker.url(), "") + account;
    let listener = broker.listen(&["-t", "watchpost/#"]);
    let left = ["watchpost/a", "watchpost/gone", "watchpost/stores", "watchpost/stores=2F42"];
    for of in left {
        broker.publish(&["-r", "-t", &format!("{of}/availability"), "-m", "online"]);
    }
    let state = "watchpost/stores=2F42/cameras=2F1/states/motion";
    broker.publish(&["-r", "-t", state, "-m", "{}"]);
    eventually("it is there", || kept(&listener).len() == 5);
    place.configure("", &sinks);
    place.simulator().pause_listening();
    for _ in 0..2 {
        let mut program = place.run();
        let before = listener.all().len();
        eventually("it is there", || {
            listener.all()[before..].iter().any(|message| message.topic == "watchpost/availability")
        });
        let mut last = HashMap::new();
        for message in listener.all().into_iter().filter(|message| message.topic.ends_with("/availability")) {
            let is_program = message.topic == "watchpost/availability";
            last.insert(message.topic, message.body.clone());
            if is_program && message.body == "online" {
                let online: Vec<_> =
                    last.iter().filter(|(_, body)| *body == "online").map(|(topic, _)| topic).collect();
                assert_eq!(online, ["watchpost/availability"], "{last:?}");
            }
        }
        eventually("what is of nobody goes", || !kept(&listener).contains_key("watchpost/gone/availability"));
        // What is below an account that is away may still be there.
        let kept = kept(&listener);
        assert_eq!(kept.get("watchpost/stores=2F42/availability").map(String::as_str), Some("offline"));
        assert!(kept.contains_key(state));
        kill(&mut program);
        eventually("the last will", || listener.last()["watchpost/availability"] == "offline");
        for of in left {
            broker.publish(&["-r", "-t", &format!("{of}/availability"), "-m", "online"]);
        }
        eventually("all of it is back", || {
            left.iter().all(|of| listener.last()[&format!("{of}/availability")] == "online")
        });
    }
    place.simulator().resume_listening().unwrap();
    let program = place.run_until_online(&mut place.tail("file.jsonl"));
    eventually("it is online", || {
        ["watchpost", "watchpost/a"].iter().all(|of| listener.last()[&format!("{of}/availability")] == "online")
    });
    let before = listener.all().len();
    place.end(program);
    eventually("it has said so", || listener.last()["watchpost/availability"] == "offline");
    let said: Vec<_> = listener.all().drain(before..).filter(|message| !message.topic.contains("/events/")).collect();
    assert_eq!(said.iter().map(|message| &*message.topic).collect::<Vec<_>>(), ["watchpost/availability"]);
}

#[test]
fn whatever_others_have_retained_among_our_topics_does_no_harm_and_goes_where_it_is_in_our_place() {
    let (place, broker) = (Place::start(1), Mosquitto::start());
    let deep = "[".repeat(100_000).into_bytes();
    let payloads = [b"\xff\xfe\xc3".to_vec(), vec![b'x'; 256 << 10], deep, b"{\"a\":{}}".to_vec()];
    let mut all = Vec::new();
    for (at, payload) in payloads.iter().enumerate() {
        for topic in [
            format!("watchpost/gone{at}/availability"),
            format!("watchpost/a/cameras=2Fgone{at}/states/motion"),
            format!("watchpost/gone/cameras=2F{at}/states/motion"),
            format!("homeassistant/device/watchpost-gone{at}/config"),
        ] {
            all.push((topic, payload.clone()));
        }
    }
    all.push(("watchpost/availability".to_owned(), payloads[0].clone()));
    all.push(("watchpost/a/availability".to_owned(), payloads[1].clone()));
    let odd =
        ["watchpost//availability", "watchpost/a=/availability", "watchpost/a=ff/x/states/y", "watchpost/a/b/c/d/e/f"];
    all.extend(odd.map(|topic| (topic.to_owned(), b"odd".to_vec())));
    let many =
        |count| (0..count).map(|at| (format!("watchpost/gone/cameras=2F{at}/states/recording"), vec![b'y'; 2_000]));
    // The broker sends no more than a thousand at once.
    all.extend(many(900));
    retain(broker.port, all);
    place.configure("", &(Place::file_sink("file", "") + &mqtt_sink(&broker.url(), "home_assistant = true")));
    let program = place.run_until_online(&mut place.tail("file.jsonl"));
    let listener = broker.listen(&["-t", "watchpost/#"]);
    eventually("what is in our place is right", || {
        let kept = kept(&listener);
        ["watchpost", "watchpost/a"]
            .iter()
            .all(|of| kept.get(&format!("{of}/availability")).is_some_and(|is| is == "online"))
    });
    let left = || kept(&listener).keys().filter(|topic| topic.starts_with("watchpost/gone")).count();
    eventually("what is of nobody goes", || left() == 0);
    assert!(odd.iter().all(|topic| kept(&listener).contains_key(*topic)), "what has no place of ours is left alone");
    // And while it runs.
    retain(
        broker.port,
        payloads.iter().cycle().take(20).map(|payload| ("watchpost/a/availability".to_owned(), payload.clone())),
    );
    eventually("it is right again", || listener.last()["watchpost/a/availability"] == "online");
    let status = fs::read_to_string(format!("/proc/{}/status", program.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB");
    assert!(peak.parse::<u64>().unwrap() < 300_000, "{peak} kB");
    place.end(program);
    assert!(!place.read("stderr").contains("panicked"));
}

#[test]
fn a_state_that_was_taken_though_no_answer_came_is_followed_by_what_is_so() {
    let (place, broker) = (Place::start(1), Mosquitto::start());
    let way = Way::to(broker.port);
    place.configure("", &(Place::file_sink("file", "") + &mqtt_sink(&way.url(), "timeout = \"5s\"")));
    let listener = broker.listen(&["-t", "watchpost/#"]);
    let program = place.run_until_online(&mut place.tail("file.jsonl"));
    let (camera, topic) = motion_of(&place);
    let emit = |event: &str| place.simulator().emit_one(&camera, event).unwrap();
    emit("MotionStopped");
    eventually("nothing moves", || value_of(&listener, &topic).as_deref() == Some("clear"));
    for _ in 0..3 {
        // By then nothing else is under way.
        eventually("it is there", || {
            listener.last().get("watchpost/availability").is_some_and(|body| body == "online")
        });
        way.mute(true);
        emit("MotionStarted");
        eventually("the broker has it", || value_of(&listener, &topic).as_deref() == Some("detected"));
        // It reads as was acknowledged last.
        emit("MotionStopped");
        way.close();
        way.mute(false);
        eventually("it is not there", || listener.last()["watchpost/availability"] == "offline");
        way.open();
        eventually("it is right", || value_of(&listener, &topic).as_deref() == Some("clear"));
    }
    place.end(program);
}
