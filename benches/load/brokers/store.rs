//! The journal with its events, and the sink that delivers them as `watchpost run` has it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use watchpost::actors::journal::{Append, Journal, Memory};
use watchpost::actors::model::{ConnectionName, Event, EventId, Item, Meaning, Origin, Sequence};
use watchpost::actors::{Engine, EngineConfig};
use watchpost::config::{self, Surroundings};
use watchpost::journal::{DataDir, JournalOptions, SqliteJournal};
use watchpost::sinks::delivery::Delivery;
use watchpost::sinks::{Ground, Sinks, Why};

use super::Case;
use crate::Outcome;
use crate::engine::FAREWELL;
use crate::words::patience;

/// The sink's name.
pub(super) const SINK: &str = "broker";
/// Events that were stored together, as of a frame of ten.
const TOGETHER: usize = 10;
/// Cameras of a connection.
const CAMERAS: usize = 100;
/// How often is looked whether everything is delivered.
const LOOK: Duration = Duration::from_millis(2);

/// Where journal and positions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Memory,
    /// In SQLite, with the defaults; nothing that was stored is in memory any more.
    Disk,
}

/// Fills a journal, then lets a sink deliver it. Answers how long that took, from the sink's start until its last position is stored.
pub(super) async fn deliver(case: Case, events: usize, sink: &str) -> Outcome<Duration> {
    let folder = tempfile::Builder::new().prefix("load-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (mut journal, delivery) = open(case.kept, events, folder.path())?;
    delivery.begin(SINK, journal.next()?)?;
    let ends = fill(&mut *journal, case, events)?;
    let config = config::parse(sink, "load", &Surroundings::new(folder.path(), |_| None))
        .map_err(|errors| config::diagnostic::render(errors.diagnostics(), false))?;
    let engine = Engine::start(EngineConfig { journal, ..EngineConfig::default() })?;
    let ground = Ground {
        journal: engine.journal().clone(),
        delivery: delivery.clone(),
        engine: Some(engine.clone()),
        durable_files: case.kept == Kept::Disk,
    };
    let limit = patience(events as u64);
    let began = Instant::now();
    let sinks = Sinks::start(&config.sinks, &ground).await?;
    while !has_delivered(&delivery, &ends)? {
        if began.elapsed() > limit {
            return Err(format!("not everything is delivered within {limit:?}: {:?}", delivery.sinks()?).into());
        }
        sleep(LOOK).await;
    }
    let took = began.elapsed();
    let ended = sinks.drain(engine.journal().next(), FAREWELL).await;
    if let Some(ended) = ended.iter().find(|ended| ended.why != Why::Delivered) {
        return Err(format!("the sink did not end in good order: {ended:?}").into());
    }
    for sink in delivery.sinks()? {
        if sink.delivered != events as u64 || sink.dead_letters > 0 {
            return Err(format!("{events} events should have been delivered once, but: {sink:?}").into());
        }
    }
    if engine.shutdown(FAREWELL).await { Ok(took) } else { Err("the engine did not end in good order".into()) }
}

fn open(kept: Kept, events: usize, folder: &Path) -> Outcome<(Box<dyn Journal>, Delivery)> {
    Ok(match kept {
        Kept::Memory => (Box::new(Memory::new(2 * events, usize::MAX)), Delivery::in_memory()),
        Kept::Disk => {
            let data = DataDir::open(folder)?;
            (Box::new(SqliteJournal::open(&data, JournalOptions::default())?), Delivery::open(folder)?)
        }
    })
}

/// Where each connection's events end.
type Ends = Vec<(ConnectionName, Sequence)>;

/// Stores events of all connections in turn, each with as many as the next.
fn fill(journal: &mut dyn Journal, case: Case, events: usize) -> Outcome<Ends> {
    let items: Vec<_> = (0..CAMERAS).map(|camera| Arc::new(item(camera))).collect();
    let meanings = ["motion.started", "motion.ended"].map(|kind| Arc::new(meaning(kind)));
    let names: Vec<ConnectionName> =
        (0..case.connections).map(|number| ConnectionName::new(&format!("site-{number}"))).collect::<Result<_, _>>()?;
    let each = events / case.connections;
    let mut ends = Ends::new();
    for from in (0..each).step_by(TOGETHER) {
        let append = |connection: &ConnectionName| Append {
            connection: connection.clone(),
            vendor: "milestone",
            events: (from..each.min(from + TOGETHER)).map(|number| event(number, &items, &meanings)).collect(),
            states: Arc::new([]),
            checkpoint: None,
            heard: None,
        };
        ends.clear();
        for stored in journal.append(names.iter().map(append).collect()) {
            let stored = stored?;
            ends.push((stored.connection.clone(), stored.next()));
        }
    }
    Ok(ends)
}

fn item(camera: usize) -> Item {
    let id = format!("cameras/1b7f3e52-6c0d-4b0a-9f5e-{camera:012x}");
    Item { id: id.into(), name: Some(format!("Camera {camera}").into()) }
}

fn meaning(kind: &str) -> Meaning {
    Meaning { kind: kind.into(), name: Some("Motion".into()), state: None }
}

/// One of a motion sensor, as large as those of `ingest`; its id is its number.
fn event(number: usize, items: &[Arc<Item>], meanings: &[Arc<Meaning>; 2]) -> Event {
    let (item, meaning) = (items.get(number % CAMERAS), &meanings[number / CAMERAS % 2]);
    let source = item.map_or("", |item| &item.id);
    let time = "2026-06-11T09:17:59.1234567Z";
    let data = format!(
        "{{\"id\":\"7d0ea2c1-52f3-4a5b-8c11-{number:012x}\",\"time\":\"{time}\",\"source\":\"{source}\",\
         \"type\":\"6eb95dd6-7ccc-4bce-99f8-af0d0b582d77\",\"stateGroup\":\"fa0e8c40-0c5a-4a5c-8a5c-9a4e2b1c7d60\"}}"
    );
    Event {
        id: EventId::new(number.to_string()),
        origin: Origin::Live,
        meaning: Arc::clone(meaning),
        item: item.cloned(),
        time: time.into(),
        data: data.into(),
    }
}

fn has_delivered(delivery: &Delivery, ends: &Ends) -> Outcome<bool> {
    let sinks = delivery.sinks()?;
    let has = |(connection, end): &(ConnectionName, Sequence)| {
        let mut lanes = sinks.iter().flat_map(|sink| &sink.lanes);
        lanes.any(|lane| lane.connection.as_ref() == Some(connection) && lane.position >= *end)
    };
    Ok(ends.iter().all(has))
}

/// Sorts what a broker has got by connection. `id` reads the event's id, `<connection>:<number>`.
///
/// # Errors
/// In words, where an event of a connection is missing, comes twice or out of turn.
pub(super) fn by_connection<M>(
    messages: impl IntoIterator<Item = M>,
    case: Case,
    events: usize,
    id: impl Fn(&M) -> Outcome<String>,
) -> Outcome<Vec<Vec<M>>> {
    let mut lanes: Vec<Vec<M>> = (0..case.connections).map(|_| Vec::new()).collect();
    for message in messages {
        let id = id(&message)?;
        let numbers = id.strip_prefix("site-").and_then(|id| id.split_once(':'));
        let lane = numbers.and_then(|(connection, number)| Some((connection.parse::<usize>().ok()?, number)));
        let (lane, number) = lane.ok_or_else(|| format!("the broker has got {id:?}, which is no event of ours"))?;
        let lane = lanes.get_mut(lane).filter(|lane| number.parse() == Ok(lane.len()));
        lane.ok_or_else(|| format!("the broker has got {id:?} out of turn"))?.push(message);
    }
    let each = events / case.connections;
    match lanes.iter().find(|lane| lane.len() != each) {
        Some(lane) => Err(format!("the broker has got {} events of a connection and not {each}", lane.len()).into()),
        None => Ok(lanes),
    }
}
