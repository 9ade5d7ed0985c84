//! What is delivered: the same in every mode, and of it what a sink's filter wants.

use serde_json::Value;
use watchpost::simulator::milestone::DropHow;

use crate::durable_support::{Line, Place, Receiver, assert_all_in_order, eventually, have, newest};

#[test]
fn batches_and_headers_hold_what_the_file_holds() {
    let place = Place::start(2);
    let [plain, batches, headers] = [(); 3].map(|()| Receiver::start());
    let sinks = Place::file_sink("file", "")
        + &Place::webhook_sink("plain", &plain, "")
        + &Place::webhook_sink("batches", &batches, "mode = \"batch\"\nbatch = 10")
        + &Place::webhook_sink("headers", &headers, "mode = \"binary\"");
    place.configure("", &sinks);
    let mut file = place.tail("file.jsonl");
    let program = place.run_until_online(&mut file);
    place.emit(150);
    let receivers = [&plain, &batches, &headers];
    eventually("everybody has everything", || {
        file.distinct() == 300 && receivers.iter().all(|receiver| receiver.distinct() == 300)
    });
    place.end(program);
    let file = file.read();
    assert_all_in_order("file", file, &place.systems);
    for system in &place.systems {
        let of_it = |line: &&Line| line.connection == system.name;
        let expected: Vec<&str> = file.iter().filter(of_it).map(|line| &*line.text).collect();
        for receiver in [&plain, &batches] {
            let got = receiver.accepted();
            let got: Vec<&str> = got.iter().filter(of_it).map(|line| &*line.text).collect();
            assert_eq!(got, expected, "to the byte");
        }
        let expected: Vec<Value> = file.iter().filter(of_it).map(Line::json).collect();
        let got: Vec<Value> = headers.accepted().iter().filter(of_it).map(Line::json).collect();
        assert_eq!(got, expected, "put together again from headers and body");
    }
    let kind =
        |receiver: &Receiver, text: &str| receiver.posts().iter().all(|post| post.content_type.starts_with(text));
    assert!(kind(&plain, "application/cloudevents+json"));
    assert!(kind(&batches, "application/cloudevents-batch+json"));
    assert!(kind(&headers, "application/json"));
    let posts = batches.posts();
    assert!(posts.iter().all(|post| post.lines.len() <= 10), "at most ten a request");
    assert!(posts.iter().any(|post| post.lines.len() == 10), "and as many where there are as many");
}

/// The filter of a sink, and the same said in another way.
type Case = (&'static str, &'static str, fn(&Value) -> bool);

fn text<'a>(event: &'a Value, member: &str) -> &'a str {
    event[member].as_str().unwrap_or_default()
}

const CASES: [Case; 12] = [
    ("connections", r#"connections = ["b"]"#, |event| text(event, "connection") == "b"),
    ("children", r#"connections = ["b/*"]"#, |_| false),
    ("vendors", r#"vendors = ["mile*"]"#, |_| true),
    ("types", r#"types = ["motion.*"]"#, |event| text(event, "type").starts_with("motion.")),
    ("items", r#"items = ["inputEvents/*", "outputs/*"]"#, |event| {
        is_engines(event) || ["inputEvents/", "outputs/"].iter().any(|of| text(event, "subject").starts_with(of))
    }),
    ("names", r#"names = ["Lobby*", "Parking 1"]"#, |event| {
        let name = event["itemname"].as_str();
        is_engines(event) || name.is_none_or(|name| name.starts_with("Lobby") || name == "Parking 1")
    }),
    ("groups", r#"groups = ["recording"]"#, |event| is_engines(event) || text(event, "stategroup") == "recording"),
    ("origins", r#"origins = ["resumed", "engine"]"#, |event| ["resumed", "engine"].contains(&text(event, "origin"))),
    ("not-types", r#"not = { types = ["motion.*", "engine.*"] }"#, |event| {
        !text(event, "type").starts_with("motion.") && !text(event, "type").starts_with("engine.")
    }),
    ("not-items", r#"not = { items = ["*"] }"#, is_engines),
    ("both", r#"connections = ["a"], types = ["motion.*", "gap"], not = { types = ["motion.stopped"] }"#, |event| {
        text(event, "connection") == "a" && ["motion.started", "gap"].contains(&text(event, "type"))
    }),
    ("nothing", r#"types = ["nothing.at.all"]"#, |_| false),
];

fn is_engines(event: &Value) -> bool {
    text(event, "origin") == "engine"
}

#[test]
fn each_sink_gets_what_its_filter_wants_in_order_and_no_filter_of_items_hides_a_gap() {
    let place = Place::start(2);
    let filtered = |(name, filter, _): &Case| Place::file_sink(name, &format!("filter = {{ {filter} }}"));
    let hook = Receiver::start();
    let sinks: String = CASES.iter().map(filtered).collect();
    let sinks = sinks + &Place::webhook_sink("hook", &hook, r#"filter = { types = ["motion.*", "gap"] }"#);
    place.configure("", &(Place::file_sink("file", "") + &sinks));
    let mut file = place.tail("file.jsonl");
    let program = place.run_until_online(&mut file);
    place.emit(200);
    eventually("what is live", || file.distinct() == 400);
    for system in &place.systems {
        system.simulator.drop_sockets(DropHow::Reset);
        system.simulator.emit(100);
    }
    eventually("what is resumed", || file.distinct() == 600);
    // A session that is lost is a gap, and the states that changed meanwhile are told as differences. What happens before
    // these are told would take their place.
    let before = file.read().len();
    for system in &place.systems {
        system.simulator.pause_listening();
        // At once: what happens before the listener has broken them would still go out.
        system.simulator.drop_sockets(DropHow::Reset);
        system.simulator.forget_sessions();
        system.simulator.emit(50);
        system.simulator.resume_listening().unwrap();
    }
    let gaps = |lines: &[Line]| lines.iter().filter(|line| line.kind == "gap").count();
    eventually("a gap each", || gaps(file.read()) == 2);
    place.wait_online(&mut file, before);
    place.emit(100);
    let newest = newest(&place.systems);
    eventually("what is live again", || have(file.read(), &newest));
    place.end(program);

    let all: Vec<Value> = file.read().iter().map(Line::json).collect();
    for origin in ["live", "resumed", "snapshot", "engine"] {
        assert!(all.iter().any(|event| text(event, "origin") == origin), "{origin}");
    }
    for (name, filter, wanted) in CASES {
        let got: Vec<Value> = place.tail(&format!("{name}.jsonl")).read().iter().map(Line::json).collect();
        let expected: Vec<&Value> = all.iter().filter(|event| wanted(event)).collect();
        let some = !matches!(name, "children" | "nothing");
        assert_eq!(!expected.is_empty(), some, "{filter}: the trial has something to tell apart");
        assert!(got.iter().eq(expected.iter().copied()), "{filter}: {} came, {} are wanted", got.len(), expected.len());
    }
    for system in &place.systems {
        let wanted =
            |line: &&Line| line.connection == system.name && (line.kind.starts_with("motion.") || line.kind == "gap");
        let expected: Vec<String> = file.read().iter().filter(wanted).map(|line| line.id.clone()).collect();
        let got = hook.accepted();
        let got: Vec<String> =
            got.iter().filter(|line| line.connection == system.name).map(|line| line.id.clone()).collect();
        assert_eq!(got, expected);
    }
}
