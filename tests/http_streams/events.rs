//! The stream of events: resumed, filtered, and honest about what is gone.

use std::ops::RangeInclusive;

use serde_json::{Value, json};
use watchpost::actors::journal::Memory;

use crate::{
    api::{Api, settings},
    common::{DEADLINE, Plan, Rig, SECOND, eventually, options, raw_lines},
    sse::{Sse, head},
};

const EVENTS: &str = "/api/v1/events/stream";

/// The numbers of all events stored after one.
fn stored(rig: &Rig, after: u64) -> Vec<u64> {
    let numbers = raw_lines(&rig.store).into_iter().map(|line| line["sequence"].as_str().unwrap().parse().unwrap());
    numbers.filter(|number| *number > after).collect()
}

#[test]
fn a_client_that_comes_again_with_its_last_id_misses_nothing_and_gets_nothing_twice() {
    let mut rig = Rig::online(options());
    let mut api = Api::start(rig.engine(), settings());
    let mut client = Sse::open(api.address, EVENTS);
    assert_eq!(client.status, 200);
    assert!(client.headers.contains("content-type: text/event-stream"), "{}", client.headers);
    // It is told where it stands before anything happens.
    let first = client.next().unwrap();
    assert_eq!((first.event.as_deref(), first.id), (None, client.last));
    let begin = first.id.unwrap();
    rig.sim.emit(30);
    let mut got = Vec::new();
    while got.len() < 20 {
        let frame = client.event("event");
        assert_eq!(frame.data["sequence"], json!(format!("{:020}", frame.id.unwrap())));
        got.push(frame.id.unwrap());
    }
    let last = client.last.unwrap();
    drop(client);
    eventually(DEADLINE, "all are stored", || stored(&rig, begin).len() >= 30);
    api.stop();
    rig.shut_down();
    rig.start_engine();
    rig.wait_online();
    rig.sim.emit(10);
    let api = Api::start(rig.engine(), settings());
    let mut client = Sse::resume(api.address, EVENTS, last);
    eventually(DEADLINE, "all are stored", || stored(&rig, begin).len() >= 40);
    let end = *stored(&rig, begin).last().unwrap();
    while got.last() != Some(&end) {
        got.push(client.event("event").id.unwrap());
    }
    let all: Vec<u64> = stored(&rig, begin).into_iter().filter(|number| *number <= end).collect();
    assert_eq!(got, all);
}

#[test]
fn a_client_that_cannot_send_headers_resumes_by_a_parameter_and_a_header_wins_over_what_was_asked_first() {
    let rig = Rig::online(options());
    rig.sim.emit(20);
    eventually(DEADLINE, "they are stored", || stored(&rig, 0).len() >= 20);
    let api = Api::start(rig.engine(), settings());
    let all = stored(&rig, 0);
    let mut client = Sse::open(api.address, &format!("{EVENTS}?after={}", all[4]));
    assert_eq!(client.event("event").id, Some(all[5]));
    let mut client = Sse::open(api.address, &format!("{EVENTS}?since=1h"));
    assert_eq!(client.event("event").id, Some(all[0]));
    // So a browser comes again: by the same address, with the id that it has.
    let mut client = Sse::resume(api.address, &format!("{EVENTS}?since=1h"), all[7]);
    assert_eq!(client.event("event").id, Some(all[8]));
}

#[test]
fn an_id_that_is_none_and_parameters_that_there_are_not_are_refused_by_name() {
    let rig = Rig::online(options());
    let api = Api::start(rig.engine(), settings());
    for (path, headers, name) in [
        (EVENTS, "last-event-id: abc\r\n", "Last-Event-ID"),
        ("/api/v1/events/stream?after=-1", "", "after"),
        ("/api/v1/events/stream?since=yesterday", "", "since"),
        ("/api/v1/events/stream?limit=3", "", "limit"),
        ("/api/v1/events/stream?typ=gap", "", "typ"),
        ("/api/v1/states/stream?valu=on", "", "valu"),
    ] {
        let answer = Sse::open_with(api.address, path, headers);
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.headers.contains("application/problem+json"));
        let body: serde_json::Value = serde_json::from_str(&answer.body()).unwrap();
        assert_eq!(body["errors"][0]["parameter"], name, "{body}");
    }
}

/// How many digits the document says that a parameter of this path has.
fn digits(document: &Value, path: &str, name: &str) -> RangeInclusive<usize> {
    let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
    let parameter = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
    let pattern = parameter["schema"]["pattern"].as_str().unwrap();
    let bounds = pattern.strip_prefix("^[0-9]{").and_then(|rest| rest.strip_suffix("}$"));
    let (least, most) = bounds.and_then(|bounds| bounds.split_once(',')).unwrap_or_else(|| panic!("{pattern}"));
    least.parse().unwrap()..=most.parse().unwrap()
}

#[test]
fn an_id_that_was_sent_is_one_that_the_document_takes() {
    let rig = Rig::online(options());
    let api = Api::start(rig.engine(), settings());
    let document = serde_json::from_str(&Sse::open(api.address, "/api/v1/openapi.json").body()).unwrap();
    let mut client = Sse::open(api.address, EVENTS);
    let position = client.next().unwrap();
    rig.sim.emit(1);
    // The client sees to it that they were written so.
    let ids = [position, client.event("event")].map(|frame| format!("{:020}", frame.id.unwrap()));
    for (path, name) in [
        (EVENTS, "after"),
        (EVENTS, "Last-Event-ID"),
        ("/api/v1/stream", "after"),
        ("/api/v1/stream", "Last-Event-ID"),
        ("/api/v1/events", "after"),
    ] {
        let digits = digits(&document, path, name);
        for id in &ids {
            assert!(digits.contains(&id.len()), "{path}: {name} of {digits:?} digits, and {id} was sent");
        }
    }
}

#[test]
fn what_retention_took_is_told_first_as_a_gap_behind_which_a_client_goes_on() {
    let rig = Plan::new(options()).engine(|config| config.journal = Box::new(Memory::new(200, usize::MAX))).start();
    rig.wait_online();
    let api = Api::start(rig.engine(), settings());
    let begin = Sse::open(api.address, EVENTS).next().unwrap().id.unwrap();
    let mut done = 0;
    while done < 10_000 {
        rig.sim.emit(1_000);
        done += 1_000;
        eventually(DEADLINE, "they are stored", || rig.info().status.events >= done);
    }
    // A journal of 200 keeps nothing of a thousand that come at once.
    rig.sim.emit(100);
    eventually(DEADLINE, "they are stored", || rig.info().status.events >= done + 100);
    let mut client = Sse::resume(api.address, EVENTS, begin);
    let mut frame = client.event("event");
    assert_eq!(frame.data["type"], "gap", "{frame:?}");
    let (gap, at) = (frame.data["data"].clone(), frame.id.unwrap());
    assert_eq!((&gap["reason"], &gap["connections"]), (&json!("retention"), &json!(["hq"])));
    assert_eq!(gap["events"], json!(at - begin));
    assert_eq!(frame.data["sequence"], json!(format!("{at:020}")));
    gap["to"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    frame = client.event("event");
    assert_eq!(frame.id, Some(at + 1), "nothing is between the gap and what comes next");
    // By the id of the gap a client resumes as by any other.
    assert_eq!(Sse::resume(api.address, EVENTS, at).event("event").id, Some(at + 1));
    // A time that is gone is as gone as an id.
    let mut client = Sse::open(api.address, &format!("{EVENTS}?since=1d"));
    assert_eq!(client.event("event").data["data"]["reason"], "retention");
    // It is nothing to those who want nothing of the connection.
    let mut client = Sse::resume(api.address, &format!("{EVENTS}?connection=other"), begin);
    rig.sim.emit(1);
    let frames: Vec<_> = std::iter::from_fn(|| client.next()).take(2).collect();
    assert!(frames.iter().all(|frame| frame.event.is_none()), "{frames:?}");
}

#[test]
fn an_id_that_the_journal_never_gave_is_told_as_a_gap_and_then_what_happens_next() {
    let rig = Rig::online(options());
    let api = Api::start(rig.engine(), settings());
    let begin = Sse::open(api.address, EVENTS).next().unwrap().id.unwrap();
    for unknown in [begin + 1_000_000, u64::MAX] {
        let mut client = Sse::resume(api.address, EVENTS, unknown);
        let gap = client.event("event");
        assert_eq!((&gap.data["type"], &gap.data["data"]["reason"]), (&json!("gap"), &json!("unknown_id")));
        assert!(gap.id.unwrap() >= begin && gap.id.unwrap() < begin + 1_000);
        rig.sim.emit(1);
        assert_eq!(client.event("event").id, gap.id.map(|id| id + 1));
    }
    // So is one from before this journal, which begins above all earlier ones.
    let gap = Sse::resume(api.address, EVENTS, 7).event("event");
    assert_eq!((&gap.data["type"], &gap.data["data"]["reason"]), (&json!("gap"), &json!("unknown_id")));
    // And nobody who begins at the very beginning has missed anything.
    assert_ne!(Sse::resume(api.address, EVENTS, 0).event("event").data["type"], "gap");
}

#[test]
fn a_client_gets_what_it_wants_alone_and_its_id_moves_on_meanwhile() {
    let rig = Rig::online(options());
    let api = Api::start(rig.engine(), settings());
    let mut some = Sse::open(api.address, &format!("{EVENTS}?type=motion.*&item=cameras/*"));
    let mut none = Sse::open(api.address, &format!("{EVENTS}?connection=other"));
    let begin = some.next().unwrap().id.unwrap();
    assert!(none.next().unwrap().id.unwrap() >= begin);
    rig.sim.emit(300);
    eventually(DEADLINE, "they are stored", || stored(&rig, begin).len() >= 300);
    let wanted: Vec<u64> = raw_lines(&rig.store)
        .iter()
        .filter(|line| line["type"].as_str().unwrap().starts_with("motion."))
        .map(|line| line["sequence"].as_str().unwrap().parse().unwrap())
        .filter(|number| *number > begin)
        .collect();
    assert!(wanted.len() > 10);
    for number in &wanted {
        let frame = some.event("event");
        assert_eq!(frame.id, Some(*number));
        assert!(frame.data["type"].as_str().unwrap().starts_with("motion."));
    }
    let end = *stored(&rig, begin).last().unwrap();
    while none.last < Some(end) {
        assert!(none.next().unwrap().event.is_none());
    }
}

#[test]
fn heads_are_answered_and_quiet_streams_have_a_heartbeat() {
    use std::io::Read;
    let rig = Rig::online(options());
    let api = Api::start(rig.engine(), settings());
    assert!(head(api.address, EVENTS).starts_with("HTTP/1.1 200"));
    for path in [EVENTS, "/api/v1/states/stream?item=none"] {
        let mut stream = std::net::TcpStream::connect(api.address).unwrap();
        stream.set_read_timeout(Some(10 * SECOND)).unwrap();
        crate::sse::ask(&mut stream, path, "");
        let (mut text, mut buffer) = (String::new(), [0; 4_096]);
        while text.matches("\n:\n\n").count() < 3 {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0);
            text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        assert!(text.contains(": watchpost\nretry: 2000\n\n"), "{text}");
    }
}
