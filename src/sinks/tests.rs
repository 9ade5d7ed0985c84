//! What every sink promises, with a journal that is filled by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet, VecDeque},
    fs,
    io::{self, Write},
    path::Path,
    rc::Rc,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use watchpost_actors::{
    Engine, EngineConfig, EngineHandle,
    journal::{Append, Ask, Memory},
    messages::AddConnection,
    model::{Event, EventId, Filter, Item, Meaning, Origin, SharedEvent},
    settings::FilterSettings,
};

use super::{
    delivery::{LetterFilter, event_of_line},
    lines::LineWriter,
    outlet::{Failure, Manner},
    *,
};
use crate::config::{Config, Surroundings, parse};

const DEADLINE: Duration = Duration::from_secs(10);
/// So large that what was stored lately is not kept in memory for long.
const LARGE: usize = 1 << 20;

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

/// One event of a connection.
fn append(connection: &str, id: u32, padding: usize) -> Append {
    let event = Event {
        id: EventId::new(id.to_string()),
        origin: Origin::Live,
        meaning: Arc::new(Meaning { kind: format!("kind.{}", id % 2).into(), name: None, state: None }),
        item: Some(Arc::new(Item { id: "cameras/1".into(), name: None })),
        time: "2026-06-11T09:17:59Z".into(),
        data: format!("\"{}\"", "x".repeat(padding)).into(),
    };
    Append {
        connection: connection.parse().unwrap(),
        vendor: "milestone",
        events: vec![event].into(),
        states: Arc::new([]),
        checkpoint: None,
        heard: None,
    }
}

/// Stores events of the connection `hq`, one by one.
async fn store(engine: &EngineHandle, ids: impl IntoIterator<Item = u32>, padding: usize) {
    for id in ids {
        engine.journal().append(append("hq", id, padding)).await.unwrap();
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
    one_reader: bool,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Step>) -> Self {
        Self { script: Arc::new(Mutex::new(script.into_iter().collect())), taken: Arc::default(), one_reader: false }
    }

    fn text(&self) -> String {
        String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
    }

    fn is_at_end(&self) -> bool {
        self.script.lock().unwrap().is_empty()
    }

    /// A sink that begins at `from` and writes to this.
    fn runner(
        &self,
        engine: &EngineHandle,
        from: Sequence,
        orders: &watch::Sender<Order>,
        one_reader: bool,
    ) -> Runner<Lines> {
        let parts = parts(engine, &ground(engine).delivery, from, orders);
        Runner::new(parts, Lines::new(Box::new(Self { one_reader, ..self.clone() }))).unwrap()
    }
}

/// What a sink named `scripted` is made of, which begins at `from` unless `delivery` knows it.
fn parts(engine: &EngineHandle, delivery: &Delivery, from: Sequence, orders: &watch::Sender<Order>) -> Parts {
    delivery.begin("scripted", from).unwrap();
    Parts {
        sink: "scripted".to_owned(),
        filter: Filter::everything(),
        journal: engine.journal().clone(),
        delivery: delivery.clone(),
        engine: Some(engine.clone()),
        orders: orders.subscribe(),
        errands: Desk::default().add("scripted"),
        undelivered: watch::channel(Sequence(0)).0,
    }
}

/// What sinks stand on, with nothing remembered.
fn ground(engine: &EngineHandle) -> Ground {
    Ground {
        journal: engine.journal().clone(),
        delivery: Delivery::in_memory(),
        engine: Some(engine.clone()),
        durable_files: true,
    }
}

impl LineWriter for Scripted {
    fn has_one_reader(&self) -> bool {
        self.one_reader
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
    let engine = engine(12);
    let from = engine.journal().next();
    for connection in config("", folder.path()).connections {
        engine.send(AddConnection(connection)).await.unwrap().unwrap();
    }
    store(&engine, 0..30, LARGE).await;
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
    let journal = engine.journal().read(Ask { from, limit: 1_000, of: None }).await.unwrap();
    assert!(journal.commits.iter().all(|commit| commit.iter().all(|stored| &*stored.event.meaning.kind != "gap")));
}

#[actix_rt::test]
async fn a_gap_found_while_draining_is_told_though_the_engine_has_no_connection_any_more() {
    let engine = engine(12);
    let from = engine.journal().next();
    store(&engine, 0..30, LARGE).await;
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
    let sinks = Sinks::start(&file_sink(folder.path(), ""), &ground(&engine)).await.unwrap();
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
    let sinks = file_sink(folder.path(), "filter = { types = ['kind.1'] }");
    assert_ne!(sinks[0].filter, FilterSettings::default());
    let sinks = Sinks::start(&sinks, &ground(&engine)).await.unwrap();
    store(&engine, 0..10, 1).await;
    sinks.drain(engine.journal().next(), DEADLINE).await;
    assert_eq!(ids(&fs::read_to_string(folder.path().join("events.jsonl")).unwrap()), [1, 3, 5, 7, 9]);
}

#[actix_rt::test]
async fn a_full_file_makes_room_for_a_new_one_and_no_line_is_divided() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(1_000);
    let sinks =
        Sinks::start(&file_sink(folder.path(), "rotate_size = '4KiB'\nkeep = 3"), &ground(&engine)).await.unwrap();
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
        let sinks = Sinks::start(&file_sink(folder.path(), ""), &ground(&engine)).await.unwrap();
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
    let sink = file_sink(&folder.path().join("absent"), "");
    let error = Sinks::start(&sink, &ground(&engine)).await.unwrap_err().to_string();
    assert!(error.contains("sink \"f\"") && error.contains("folder does not exist"), "{error}");

    let sink = file_sink(folder.path(), "");
    let _first = Sinks::start(&sink, &ground(&engine)).await.unwrap();
    let error = Sinks::start(&sink, &ground(&engine)).await.unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
}

/// A receiver with a lane for each connection, that does as it is told.
#[derive(Clone, Default)]
struct Receiver {
    inner: Rc<RefCell<Inbox>>,
}

#[derive(Default)]
struct Inbox {
    taken: Vec<(String, bool)>,
    /// Connections of which nothing is taken now, and ids that never are.
    away: HashSet<String>,
    refused: HashSet<String>,
    /// Deliveries under way, by connection, and the most of any.
    under_way: HashMap<String, usize>,
    most: usize,
}

impl Receiver {
    fn taken(&self) -> Vec<String> {
        self.inner.borrow().taken.iter().map(|(id, _)| id.clone()).collect()
    }
}

impl Outlet for Receiver {
    fn manner(&self) -> Manner {
        Manner { per_connection: true, batch: 3, slides: false, tries: 2 }
    }

    async fn deliver(&self, events: &[SharedEvent], redelivery: bool) -> Result<(), Failure> {
        let connection = events[0].get().commit.connection.to_string();
        {
            let mut inbox = self.inner.borrow_mut();
            let now = inbox.under_way.entry(connection.clone()).or_default();
            *now += 1;
            let now = *now;
            inbox.most = inbox.most.max(now);
        }
        tokio::task::yield_now().await;
        let mut inbox = self.inner.borrow_mut();
        *inbox.under_way.get_mut(&connection).unwrap() -= 1;
        if inbox.away.contains(&connection) {
            return Err(Failure::Again { why: "away".to_owned(), after: None });
        }
        let ids: Vec<_> = events.iter().map(|event| event.get().full_id()).collect();
        if ids.iter().any(|id| inbox.refused.contains(id)) {
            return Err(Failure::Refused { why: "404 Not Found".to_owned(), at_once: false });
        }
        inbox.taken.extend(ids.into_iter().map(|id| (id, redelivery)));
        Ok(())
    }
}

async fn store_of(engine: &EngineHandle, connection: &str, ids: impl IntoIterator<Item = u32>) {
    store_large(engine, connection, ids, 1).await;
}

async fn store_large(engine: &EngineHandle, connection: &str, ids: impl IntoIterator<Item = u32>, padding: usize) {
    for id in ids {
        engine.journal().append(append(connection, id, padding)).await.unwrap();
    }
}

#[actix_rt::test]
async fn a_connection_whose_receiver_is_away_holds_up_no_other_and_catches_up_in_order() {
    let engine = engine(10_000);
    let (orders, _) = watch::channel(Order::GoOn);
    let (receiver, delivery) = (Receiver::default(), Delivery::in_memory());
    receiver.inner.borrow_mut().away.insert("b".to_owned());
    let parts = parts(&engine, &delivery, engine.journal().next(), &orders);
    let runner = actix_rt::spawn(Runner::new(parts, receiver.clone()).unwrap().run());
    for id in 0..200 {
        store_of(&engine, "a", [id]).await;
        store_of(&engine, "b", [id]).await;
    }
    eventually("all of the other", || receiver.taken().len() == 200).await;
    assert!(receiver.taken().iter().all(|id| id.starts_with("a:")));
    let failure = delivery.sinks().unwrap()[0].lanes.iter().find_map(|lane| lane.failure.clone()).unwrap();
    assert_eq!(failure.why, "away");
    receiver.inner.borrow_mut().away.clear();
    orders.send_replace(Order::EndAt(engine.journal().next()));
    assert_eq!(timeout(DEADLINE, runner).await.unwrap().unwrap(), Why::Delivered);
    let of =
        |connection: &str| receiver.taken().into_iter().filter(|id| id.starts_with(connection)).collect::<Vec<_>>();
    assert_eq!(of("b:"), (0..200).map(|id| format!("b:{id}")).collect::<Vec<_>>());
    assert_eq!(receiver.inner.borrow().most, 1, "one delivery of a connection at a time");
    assert!(delivery.sinks().unwrap()[0].lanes.iter().all(|lane| lane.failure.is_none()));
}

#[actix_rt::test]
async fn an_event_that_is_refused_becomes_a_dead_letter_and_its_neighbours_are_delivered() {
    let engine = engine(10_000);
    let (orders, _) = watch::channel(Order::GoOn);
    let (receiver, delivery) = (Receiver::default(), Delivery::in_memory());
    receiver.inner.borrow_mut().refused.insert("a:4".to_owned());
    let from = engine.journal().next();
    store_of(&engine, "a", 0..9).await;
    let runner = Runner::new(parts(&engine, &delivery, from, &orders), receiver.clone()).unwrap();
    orders.send_replace(Order::EndAt(engine.journal().next()));
    assert_eq!(timeout(DEADLINE, runner.run()).await.unwrap(), Why::Delivered);
    assert_eq!(receiver.taken(), [0, 1, 2, 3, 5, 6, 7, 8].map(|id| format!("a:{id}")));
    let letters = delivery.dead_letters(&LetterFilter::default(), 0, 10).unwrap();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((letter.event_id.as_str(), letter.why.as_str(), letter.tries), ("a:4", "404 Not Found", 2));
    let again = event_of_line(&letter.line).unwrap();
    assert_eq!(again.get().to_line(), letter.line);
}

#[actix_rt::test]
async fn a_sink_that_starts_again_goes_on_behind_what_was_acknowledged() {
    let engine = engine(10_000);
    let (receiver, delivery) = (Receiver::default(), Delivery::in_memory());
    for round in 0..4 {
        let (orders, _) = watch::channel(Order::GoOn);
        let parts = parts(&engine, &delivery, engine.journal().next(), &orders);
        // What comes while the sink is down, and while it is up.
        store_of(&engine, "a", [round * 2]).await;
        let runner = actix_rt::spawn(Runner::new(parts, receiver.clone()).unwrap().run());
        store_of(&engine, "a", [round * 2 + 1]).await;
        orders.send_replace(Order::EndAt(engine.journal().next()));
        assert_eq!(timeout(DEADLINE, runner).await.unwrap().unwrap(), Why::Delivered);
    }
    assert_eq!(receiver.taken(), (0..8).map(|id| format!("a:{id}")).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn a_lane_is_told_a_gap_for_its_own_events_alone() {
    let engine = engine(10);
    let (orders, _) = watch::channel(Order::GoOn);
    let (receiver, delivery) = (Receiver::default(), Delivery::in_memory());
    let from = engine.journal().next();
    store_of(&engine, "quiet", [1]).await;
    let first = Runner::new(parts(&engine, &delivery, from, &orders), receiver.clone()).unwrap();
    orders.send_replace(Order::EndAt(engine.journal().next()));
    assert_eq!(first.run().await, Why::Delivered);
    // The quiet one's event leaves the journal, long delivered; of the busy one, some leave that never were.
    store_large(&engine, "busy", 0..30, LARGE).await;
    store_of(&engine, "quiet", [2]).await;
    let second = Runner::new(parts(&engine, &delivery, from, &orders), receiver.clone()).unwrap();
    orders.send_replace(Order::EndAt(engine.journal().next()));
    assert_eq!(second.run().await, Why::Delivered);
    let taken = receiver.taken();
    let of = |connection: &str| taken.iter().filter(|id| id.starts_with(connection)).cloned().collect::<Vec<_>>();
    assert_eq!(of("quiet:"), ["quiet:1", "quiet:2"]);
    assert_eq!(of("busy:")[1..], (23..30).map(|id| format!("busy:{id}")).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn a_replay_delivers_again_what_it_was_asked_for_and_says_so() {
    let engine = engine(10_000);
    let (orders, _) = watch::channel(Order::GoOn);
    let (receiver, delivery) = (Receiver::default(), Delivery::in_memory());
    let from = engine.journal().next();
    store_of(&engine, "a", 0..6).await;
    let parts = parts(&engine, &delivery, engine.journal().next(), &orders);
    delivery.add_replay("scripted", from.plus(1), from.plus(5)).unwrap();
    let runner = actix_rt::spawn(Runner::new(parts, receiver.clone()).unwrap().run());
    store_of(&engine, "a", [6]).await;
    eventually("both", || receiver.taken().len() == 5 && delivery.replays(None).unwrap().is_empty()).await;
    orders.send_replace(Order::EndAt(engine.journal().next()));
    assert_eq!(timeout(DEADLINE, runner).await.unwrap().unwrap(), Why::Delivered);
    let inbox = receiver.inner.borrow();
    let again: Vec<_> = inbox.taken.iter().filter(|(_, redelivery)| *redelivery).map(|(id, _)| id.as_str()).collect();
    assert_eq!(again, ["a:1", "a:2", "a:3", "a:4"]);
    assert!(inbox.taken.contains(&("a:6".to_owned(), false)));
}

#[actix_rt::test]
async fn what_is_refused_in_a_replay_becomes_a_dead_letter_and_moves_no_lane() {
    let engine = engine(10_000);
    let (orders, _) = watch::channel(Order::GoOn);
    let (receiver, delivery) = (Receiver::default(), Delivery::in_memory());
    receiver.inner.borrow_mut().refused.insert("a:1".to_owned());
    let from = engine.journal().next();
    store_of(&engine, "a", 0..3).await;
    let parts = parts(&engine, &delivery, engine.journal().next(), &orders);
    delivery.add_replay("scripted", from, from.plus(3)).unwrap();
    let runner = actix_rt::spawn(Runner::new(parts, receiver.clone()).unwrap().run());
    eventually("the end of the replay", || delivery.replays(None).unwrap().is_empty()).await;
    orders.send_replace(Order::EndAt(engine.journal().next()));
    assert_eq!(timeout(DEADLINE, runner).await.unwrap().unwrap(), Why::Delivered);
    assert_eq!(receiver.taken(), ["a:0", "a:2"]);
    let letters = delivery.dead_letters(&LetterFilter::default(), 0, 10).unwrap();
    assert_eq!(letters.iter().map(|letter| letter.event_id.as_str()).collect::<Vec<_>>(), ["a:1"]);
    assert!(delivery.sinks().unwrap()[0].lanes.iter().all(|lane| lane.position >= from.plus(3)));
}
