//! What every sink promises, with a journal that is filled by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::VecDeque,
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use watchpost_actors::{
    Engine, EngineConfig, EngineHandle,
    journal::{Append, Memory},
    messages::AddConnection,
    model::{Event, EventId, Filter, Item, Meaning, Origin, Sequence},
    settings::FilterSettings,
};

use super::*;
use crate::config::{Config, Surroundings, parse};

const DEADLINE: Duration = Duration::from_secs(10);

/// A configuration with a connection that nobody answers, and these sinks.
fn config(sinks: &str, folder: &Path) -> Config {
    let text = format!(
        "[[connection]]\nname = 'hq'\nvendor = 'milestone'\nurl = 'http://127.0.0.1:9'\nusername = 'u'\n\
         password = {{ env = 'P' }}\n\
         subscribe = [{{ modifier = 'include', resource_types = ['*'], sources = ['*'], events = ['*'] }}]\n{sinks}"
    );
    parse(&text, "test.toml", &Surroundings::new(folder, |_| Some("secret".into()))).unwrap()
}

fn file_sink(folder: &Path, more: &str) -> Vec<SinkConfig> {
    config(&format!("[[sink]]\nname = 'f'\nkind = 'file'\npath = 'events.jsonl'\n{more}"), folder).sinks
}

fn engine(events: usize) -> EngineHandle {
    let journal = Box::new(Memory::new(events, usize::MAX));
    Engine::start(EngineConfig { journal, arbiters: 1, ..EngineConfig::default() }).unwrap()
}

/// Stores events of the connection `hq`, one by one.
async fn store(engine: &EngineHandle, ids: impl IntoIterator<Item = u32>, padding: usize) {
    for id in ids {
        let event = Event {
            id: EventId::new(id.to_string()),
            origin: Origin::Live,
            meaning: Arc::new(Meaning { kind: format!("kind.{}", id % 2).into(), name: None, state: None }),
            item: Some(Arc::new(Item { id: "cameras/1".into(), name: None })),
            time: "2026-06-11T09:17:59Z".into(),
            data: format!("\"{}\"", "x".repeat(padding)).into(),
        };
        let connection = "hq".parse().unwrap();
        let append =
            Append { connection, vendor: "milestone", events: vec![event], states: Vec::new(), checkpoint: None };
        engine.journal().append(append).await.unwrap();
    }
}

fn lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(text: &str) -> Vec<u32> {
    lines(text).iter().map(|line| line["id"].as_str().unwrap().strip_prefix("hq:").unwrap().parse().unwrap()).collect()
}

/// What a scripted output does with one write.
#[derive(Debug)]
enum Step {
    Take(usize),
    Fail(io::ErrorKind),
}

/// An output that does what the script says, and then takes everything.
#[derive(Clone, Default)]
struct Scripted {
    script: Arc<Mutex<VecDeque<Step>>>,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Step>) -> Self {
        Self { script: Arc::new(Mutex::new(script.into_iter().collect())), taken: Arc::default() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
    }

    fn is_at_end(&self) -> bool {
        self.script.lock().unwrap().is_empty()
    }

    fn runner(&self, engine: &EngineHandle, from: Sequence, orders: &watch::Sender<Order>, one_reader: bool) -> Runner {
        let output = Output { writer: Box::new(self.clone()), one_reader };
        Runner::new("scripted".to_owned(), Filter::everything(), engine, from, orders.subscribe(), output)
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let step = self.script.lock().unwrap().pop_front().unwrap_or(Step::Take(usize::MAX));
        let count = match step {
            Step::Take(most) => most.min(bytes.len()),
            Step::Fail(kind) => return Err(kind.into()),
        };
        self.taken.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < until, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix_rt::test]
async fn a_write_that_fails_halfway_is_finished_later_with_nothing_lost_or_doubled() {
    let engine = engine(1_000);
    let from = engine.journal().next();
    store(&engine, 0..50, 10).await;
    let full = io::ErrorKind::StorageFull;
    let output = Scripted::new([Step::Fail(full), Step::Take(100), Step::Fail(full), Step::Take(1)]);
    let (orders, _) = watch::channel(Order::EndAt(engine.journal().next()));
    assert_eq!(output.runner(&engine, from, &orders, true).run().await, Why::Delivered);
    assert_eq!(ids(&output.text()), (0..50).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn a_sink_whose_only_reader_has_gone_ends_and_another_kind_goes_on() {
    let engine = engine(1_000);
    let from = engine.journal().next();
    store(&engine, 0..3, 10).await;
    let (orders, _) = watch::channel(Order::EndAt(engine.journal().next()));
    let gone = || Scripted::new([Step::Take(10), Step::Fail(io::ErrorKind::BrokenPipe)]);
    assert_eq!(gone().runner(&engine, from, &orders, true).run().await, Why::ReaderGone);
    let output = gone();
    assert_eq!(output.runner(&engine, from, &orders, false).run().await, Why::Delivered);
    assert_eq!(ids(&output.text()), [0, 1, 2]);
}

#[actix_rt::test]
async fn a_sink_that_cannot_write_is_given_up_at_the_deadline_and_when_its_owner_is_gone() {
    let engine = engine(1_000);
    let from = engine.journal().next();
    store(&engine, 0..3, 10).await;
    let never = || Scripted::new((0..100).map(|_| Step::Fail(io::ErrorKind::StorageFull)));
    let (orders, _) = watch::channel(Order::GoOn);
    let runner = actix_rt::spawn(never().runner(&engine, from, &orders, true).run());
    orders.send_replace(Order::GiveUp);
    assert_eq!(timeout(DEADLINE, runner).await.unwrap().unwrap(), Why::GivenUp);

    let output = Scripted::default();
    let (orders, _) = watch::channel(Order::GoOn);
    let runner = actix_rt::spawn(output.runner(&engine, from, &orders, true).run());
    eventually("everything is delivered", || output.text().lines().count() == 3).await;
    drop(orders);
    assert_eq!(timeout(DEADLINE, runner).await.unwrap().unwrap(), Why::GivenUp);
}

#[actix_rt::test]
async fn what_retention_dropped_before_a_sink_came_to_it_is_a_gap_for_that_sink() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(10);
    let from = engine.journal().next();
    for connection in config("", folder.path()).connections {
        engine.send(AddConnection(connection)).await.unwrap().unwrap();
    }
    store(&engine, 0..30, 10).await;
    let (orders, _) = watch::channel(Order::EndAt(engine.journal().next()));
    let output = Scripted::default();
    assert_eq!(output.runner(&engine, from, &orders, true).run().await, Why::Delivered);
    let lines = lines(&output.text());
    let gap = &lines[0];
    assert_eq!((gap["type"].as_str(), gap["origin"].as_str()), (Some("gap"), Some("engine")));
    assert_eq!((gap["connection"].as_str(), gap["vendor"].as_str()), (Some("hq"), Some("milestone")));
    assert_eq!((gap["data"]["reason"].as_str(), gap["data"]["events"].as_u64()), (Some("retention"), Some(20)));
    for member in ["from", "to"] {
        gap["data"][member].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
    let rest: Vec<_> = lines[1..].iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(rest, (20..30).map(|id| format!("hq:{id}")).collect::<Vec<_>>());
    let sequences: Vec<_> = lines.iter().map(|line| line["sequence"].as_str().unwrap()).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    let journal = engine.journal().read(from, 1_000).await.unwrap();
    assert!(journal.commits.iter().all(|commit| commit.iter().all(|stored| &*stored.event.meaning.kind != "gap")));
}

#[actix_rt::test]
async fn a_gap_found_while_draining_is_told_though_the_engine_has_no_connection_any_more() {
    let engine = engine(10);
    let from = engine.journal().next();
    store(&engine, 0..30, 10).await;
    let (orders, _) = watch::channel(Order::EndAt(engine.journal().next()));
    let output = Scripted::default();
    assert_eq!(output.runner(&engine, from, &orders, true).run().await, Why::Delivered);
    let lines = lines(&output.text());
    assert_eq!((lines[0]["type"].as_str(), lines[0]["connection"].as_str()), (Some("gap"), Some("hq")));
    assert_eq!(lines.len(), 11);
}

#[actix_rt::test]
async fn a_sink_that_waits_to_write_holds_no_other_up() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(100_000);
    let from = engine.journal().next();
    let stuck = Scripted::new((0..1_000).map(|_| Step::Fail(io::ErrorKind::StorageFull)));
    let (orders, _) = watch::channel(Order::GoOn);
    let slow = actix_rt::spawn(stuck.runner(&engine, from, &orders, true).run());
    let sinks = Sinks::start(&file_sink(folder.path(), ""), &engine, from).unwrap();
    store(&engine, 0..5_000, 1).await;
    let ended = sinks.drain(engine.journal().next(), DEADLINE).await;
    assert_eq!(ended, [Ended { sink: "f".to_owned(), why: Why::Delivered }]);
    assert_eq!(ids(&fs::read_to_string(folder.path().join("events.jsonl")).unwrap()).len(), 5_000);
    assert!(!stuck.is_at_end() && stuck.text().is_empty());
    orders.send_replace(Order::GiveUp);
    slow.await.unwrap();
}

#[actix_rt::test]
async fn a_filter_keeps_what_it_wants() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(1_000);
    let from = engine.journal().next();
    let sinks = file_sink(folder.path(), "filter = { types = ['kind.1'] }");
    assert_ne!(sinks[0].filter, FilterSettings::default());
    let sinks = Sinks::start(&sinks, &engine, from).unwrap();
    store(&engine, 0..10, 1).await;
    sinks.drain(engine.journal().next(), DEADLINE).await;
    assert_eq!(ids(&fs::read_to_string(folder.path().join("events.jsonl")).unwrap()), [1, 3, 5, 7, 9]);
}

#[actix_rt::test]
async fn a_full_file_makes_room_for_a_new_one_and_no_line_is_divided() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(1_000);
    let from = engine.journal().next();
    let sinks = Sinks::start(&file_sink(folder.path(), "rotate_size = '4KiB'\nkeep = 3"), &engine, from).unwrap();
    store(&engine, 0..60, 500).await;
    sinks.drain(engine.journal().next(), DEADLINE).await;
    let name = |suffix: &str| folder.path().join(format!("events.jsonl{suffix}"));
    let mut all = Vec::new();
    for suffix in [".3", ".2", ".1", ""] {
        let text = fs::read_to_string(name(suffix)).unwrap();
        assert!((1..=4_096).contains(&text.len()), "{suffix}: {}", text.len());
        all.extend(ids(&text));
    }
    // The oldest files are gone; what is left has no hole.
    assert_eq!(all, (60 - u32::try_from(all.len()).unwrap()..60).collect::<Vec<_>>());
    assert!(!name(".4").exists());
}

#[actix_rt::test]
async fn a_file_is_appended_to_and_what_a_crash_left_of_a_line_is_mended() {
    let whole = "{\"specversion\":\"1.0\",\"id\":\"hq:98\"}\n";
    let ours = "{\"specversion\":\"1.0\",\"id\":\"hq:99\"}";
    for (tail, expected) in [
        ("", whole.to_owned()),
        // Half an event goes.
        (&ours[..20], whole.to_owned()),
        ("{\"sp", whole.to_owned()),
        // A whole one lacks only its end.
        (ours, format!("{whole}{ours}\n")),
        // What is no event is not ours to cut.
        ("notes of somebody", format!("{whole}notes of somebody\n")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        fs::write(&path, format!("{whole}{tail}")).unwrap();
        let engine = engine(100);
        let from = engine.journal().next();
        let sinks = Sinks::start(&file_sink(folder.path(), ""), &engine, from).unwrap();
        store(&engine, [7], 1).await;
        sinks.drain(engine.journal().next(), DEADLINE).await;
        let text = fs::read_to_string(&path).unwrap();
        let new = text.strip_prefix(&expected).unwrap_or_else(|| panic!("{tail:?}: {text}"));
        assert_eq!(ids(new), [7], "{tail:?}");
    }
}

#[actix_rt::test]
async fn a_file_that_cannot_be_written_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(100);
    let from = engine.journal().next();
    let sink = file_sink(&folder.path().join("absent"), "");
    let error = Sinks::start(&sink, &engine, from).unwrap_err().to_string();
    assert!(error.contains("sink \"f\"") && error.contains("folder does not exist"), "{error}");

    let sink = file_sink(folder.path(), "");
    let _first = Sinks::start(&sink, &engine, from).unwrap();
    let error = Sinks::start(&sink, &engine, from).unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
}
