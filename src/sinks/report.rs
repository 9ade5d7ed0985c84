//! How each sink is doing: what it has delivered, how far it is behind, what fails.
//!
//! A running system tells it of itself, by its [`JournalHandle`]; a program beside one, by a [`Reader`] of the same folder. Both make the same [`Report`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchpost_actors::{
    journal::{Ask, JournalError, JournalHandle, Page, Reader},
    model::{ConnectionName, Sequence},
};

use super::{
    delivery::{Delivery, DeliveryError, Failure, LanePosition, Replay, SinkInfo},
    standing::{Link, Standing},
};
use crate::config::{SinkConfig, SinkKind};

/// Events of one connection that are counted at most: beyond that it is said that there are more.
pub const MOST_COUNTED: u64 = 100_000;
/// Events that are counted for one report over all lanes, so that many lanes that are far behind do not keep the reader from those who deliver.
const MOST_COUNTED_IN_ALL: u64 = 10 * MOST_COUNTED;
/// Events read at a time to count them.
const PAGE: usize = 1_024;

/// Where events are counted.
pub enum Events<'a> {
    /// In a running system.
    Running(&'a JournalHandle),
    /// Beside one, or where none runs.
    Beside(&'a mut dyn Reader),
}

impl Events<'_> {
    async fn next(&mut self) -> Result<Sequence, JournalError> {
        match self {
            Self::Running(journal) => Ok(journal.next()),
            Self::Beside(reader) => reader.next(),
        }
    }

    async fn connections(&mut self) -> Result<Vec<ConnectionName>, JournalError> {
        let lanes = match self {
            Self::Running(journal) => journal.lanes().await?,
            Self::Beside(reader) => reader.lanes()?,
        };
        Ok(lanes.into_iter().map(|lane| lane.connection).collect())
    }

    async fn read(&mut self, ask: Ask) -> Result<Page, JournalError> {
        match self {
            Self::Running(journal) => journal.read(ask).await,
            Self::Beside(reader) => reader.read(&ask),
        }
    }
}

/// What is remembered of deliveries.
#[derive(Debug, Default)]
pub struct Remembered {
    sinks: Vec<SinkInfo>,
    replays: Vec<Replay>,
}

impl Remembered {
    /// All of it. This blocks.
    ///
    /// # Errors
    /// [`DeliveryError`] when it cannot be read.
    pub fn read(delivery: &Delivery) -> Result<Self, DeliveryError> {
        Ok(Self { sinks: delivery.sinks()?, replays: delivery.replays(None)? })
    }
}

/// Counts what is not delivered yet.
pub struct Backlog<'a> {
    events: Events<'a>,
    next: Sequence,
    connections: Vec<ConnectionName>,
    /// Events that have been counted one by one.
    counted: u64,
}

/// How far something is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Behind {
    /// So many events, wanted by its filter or not.
    pub events: u64,
    /// There are more than these.
    pub more: bool,
    /// When the oldest of them was stored.
    pub oldest: Option<Timestamp>,
}

impl Behind {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.more |= other.more;
        self.oldest = [self.oldest, other.oldest].into_iter().flatten().min();
    }
}

impl<'a> Backlog<'a> {
    /// Counts up to where the journal is now.
    ///
    /// # Errors
    /// [`JournalError`] when the journal cannot be read.
    pub async fn new(mut events: Events<'a>) -> Result<Self, JournalError> {
        let (next, connections) = (events.next().await?, events.connections().await?);
        Ok(Self { events, next, connections, counted: 0 })
    }

    /// The events from `position` on, of one connection or of all.
    async fn behind(&mut self, of: Option<&ConnectionName>, position: Sequence) -> Result<Behind, JournalError> {
        let Some(connection) = of else { return self.behind_all(position).await };
        let mut behind = Behind::default();
        let mut from = position;
        while from < self.next {
            let page = self.events.read(Ask { from, limit: PAGE, of: Some(connection.clone()) }).await?;
            for commit in &page.commits {
                let counted = commit.next().0.saturating_sub(commit.first.max(from).0);
                behind.events += counted;
                self.counted += counted;
                if counted > 0 {
                    behind.oldest = behind.oldest.or(Some(commit.recorded));
                }
            }
            if page.commits.is_empty() || page.end <= from {
                break;
            }
            if behind.events >= MOST_COUNTED || self.counted >= MOST_COUNTED_IN_ALL {
                behind.more = page.end < self.next;
                break;
            }
            from = page.end;
        }
        Ok(behind)
    }

    /// Sequences have no hole over all connections, so nothing needs to be counted.
    async fn behind_all(&mut self, position: Sequence) -> Result<Behind, JournalError> {
        if position >= self.next {
            return Ok(Behind::default());
        }
        let page = self.events.read(Ask { from: position, limit: 1, of: None }).await?;
        let Some(first) = page.commits.first() else { return Ok(Behind::default()) };
        let events = self.next.0.saturating_sub(position.max(page.oldest).0);
        Ok(Behind { events, more: false, oldest: Some(first.recorded) })
    }
}

/// A sink, as it is shown. What is not known is `None`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = SinkReport))]
pub struct Report {
    /// Its name.
    pub name: String,
    /// What it is; `None` when it is not in the configuration any more.
    pub kind: Option<String>,
    /// Whether it is in the configuration.
    pub configured: bool,
    /// Where it began.
    pub started: Option<Started>,
    /// The events that it has delivered, repeats counted.
    pub delivered: u64,
    /// When it last delivered any.
    pub last_delivered: Option<Timestamp>,
    /// How far it is behind.
    pub behind: Option<Behind>,
    /// Since when some lane of it fails.
    pub failing_since: Option<Timestamp>,
    /// What was wrong the last time.
    pub last_error: Option<String>,
    /// The way to its broker, if it has one and runs.
    #[serde(default)]
    pub link: Option<Link>,
    /// What is not as it should be at its broker, though events flow: a stream with limits of its own, present states that it does not take.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// How many dead letters it has.
    pub dead_letters: u64,
    /// Its replays that have not ended.
    pub replays: Vec<ReplayReport>,
    /// Its lanes.
    pub lanes: Vec<LaneReport>,
}

/// Where a sink began.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Started {
    /// Its first event.
    pub sequence: String,
    /// When that was.
    pub time: Timestamp,
}

/// How one lane of a sink is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct LaneReport {
    /// The connection; `None` for the one lane of a sink that keeps one order.
    pub connection: Option<String>,
    /// Its next event.
    pub position: String,
    /// How far it is behind.
    pub behind: Option<Behind>,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// What was wrong the last time.
    pub last_error: Option<String>,
}

/// A replay that has not ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ReplayReport {
    /// Its number.
    pub id: i64,
    /// Its first event.
    pub from: String,
    /// The first event that is not part of it.
    pub until: String,
    /// Its next event.
    pub position: String,
    /// The events that it has delivered so far.
    pub events: u64,
    /// When it was asked for.
    pub created: Timestamp,
}

impl From<&Replay> for ReplayReport {
    fn from(replay: &Replay) -> Self {
        Self {
            id: replay.id,
            from: replay.from.to_string(),
            until: replay.until.to_string(),
            position: replay.position.to_string(),
            events: replay.events,
            created: replay.created,
        }
    }
}

/// Each sink of the configuration in its order, then those that are only known from before. Without a `backlog` it is not known how far they are behind.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read.
pub async fn reports(
    sinks: &[SinkConfig],
    remembered: Remembered,
    mut backlog: Option<&mut Backlog<'_>>,
) -> Result<Vec<Report>, JournalError> {
    let Remembered { sinks: stored, replays } = remembered;
    let mut stored: BTreeMap<_, _> = stored.into_iter().map(|sink| (sink.name.clone(), sink)).collect();
    let configured: Vec<_> = sinks.iter().map(|sink| (Some(sink), stored.remove(&sink.name))).collect();
    let others = stored.into_values().map(|sink| (None, Some(sink)));
    let mut reports = Vec::new();
    for (configured, stored) in configured.into_iter().chain(others) {
        reports.push(report(configured, stored, &replays, backlog.as_deref_mut()).await?);
    }
    Ok(reports)
}

async fn report(
    configured: Option<&SinkConfig>,
    stored: Option<SinkInfo>,
    replays: &[Replay],
    backlog: Option<&mut Backlog<'_>>,
) -> Result<Report, JournalError> {
    let name =
        configured.map(|sink| &sink.name).or(stored.as_ref().map(|sink| &sink.name)).cloned().unwrap_or_default();
    let lanes = match &stored {
        Some(stored) => lane_reports(configured, stored, backlog).await?,
        None => Vec::new(),
    };
    let mut behind: Option<Behind> = None;
    for lane in lanes.iter().filter_map(|lane| lane.behind) {
        behind.get_or_insert_default().add(lane);
    }
    let failures = stored.iter().flat_map(|sink| &sink.lanes).filter_map(|lane| lane.failure.as_ref());
    let failures: Vec<&Failure> = failures.collect();
    let standing = stored.as_ref().and_then(|sink| sink.standing.clone()).filter(|_| configured.is_some());
    let (link, remarks) = standing.map(|Standing { link, remarks }| (link, remarks)).unzip();
    Ok(Report {
        kind: configured.map(|sink| kind(&sink.kind).to_owned()),
        configured: configured.is_some(),
        started: stored.as_ref().map(|sink| Started { sequence: sink.started.to_string(), time: sink.started_at }),
        delivered: stored.as_ref().map_or(0, |sink| sink.delivered),
        last_delivered: stored.as_ref().and_then(|sink| sink.last_delivered),
        behind,
        failing_since: failures.iter().map(|failure| failure.since).min(),
        last_error: failures.iter().max_by_key(|failure| failure.last).map(|failure| failure.why.clone()),
        link,
        remarks: remarks.unwrap_or_default(),
        dead_letters: stored.as_ref().map_or(0, |sink| sink.dead_letters),
        replays: replays.iter().filter(|replay| replay.sink == name).map(ReplayReport::from).collect(),
        lanes,
        name,
    })
}

/// The lanes that a sink has, or will have as soon as it comes to their first event.
async fn lane_reports(
    configured: Option<&SinkConfig>,
    stored: &SinkInfo,
    mut backlog: Option<&mut Backlog<'_>>,
) -> Result<Vec<LaneReport>, JournalError> {
    let named = stored.lanes.iter().any(|lane| lane.connection.is_some());
    // A sink may have been of another kind before; its lanes of then do not move any more.
    let one_order = configured.map_or(!named, |sink| keeps_one_order(&sink.kind));
    let mut lanes: BTreeMap<Option<ConnectionName>, LanePosition> = BTreeMap::new();
    let fresh = |connection| LanePosition { connection, position: stored.started, failure: None };
    if one_order {
        lanes.insert(None, fresh(None));
    } else {
        let connections = backlog.iter().flat_map(|backlog| backlog.connections.iter().cloned());
        lanes.extend(connections.map(|connection| (Some(connection.clone()), fresh(Some(connection)))));
    }
    let moving = stored.lanes.iter().filter(|lane| lane.connection.is_none() == one_order);
    lanes.extend(moving.map(|lane| (lane.connection.clone(), lane.clone())));
    let mut reports = Vec::new();
    for lane in lanes.into_values() {
        let behind = match backlog.as_deref_mut() {
            Some(backlog) => Some(backlog.behind(lane.connection.as_ref(), lane.position).await?),
            None => None,
        };
        reports.push(LaneReport {
            connection: lane.connection.map(|connection| connection.to_string()),
            position: lane.position.to_string(),
            behind,
            failing_since: lane.failure.as_ref().map(|failure| failure.since),
            last_error: lane.failure.map(|failure| failure.why),
        });
    }
    Ok(reports)
}

/// The word for a kind of sink, as the configuration has it.
fn kind(kind: &SinkKind) -> &'static str {
    match kind {
        SinkKind::Stdout => "stdout",
        SinkKind::File(_) => "file",
        SinkKind::Webhook(_) => "webhook",
        #[cfg(feature = "mqtt")]
        SinkKind::Mqtt(_) => "mqtt",
        #[cfg(feature = "nats")]
        SinkKind::Nats(_) => "nats",
    }
}

/// Whether a kind of sink keeps one order over all connections.
fn keeps_one_order(kind: &SinkKind) -> bool {
    matches!(kind, SinkKind::Stdout | SinkKind::File(_))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Arc;

    use watchpost_actors::{
        journal::{Append, Journal, Memory},
        model::{Event, EventId, Meaning, Origin},
    };

    use super::*;
    use crate::config::{Surroundings, parse};

    const FILE: &str = "[[sink]]\nname = 'f'\nkind = 'file'\npath = 'events.jsonl'\n";

    fn name(text: &str) -> ConnectionName {
        text.parse().unwrap()
    }

    fn append(connection: &str, events: usize) -> Append {
        let event = |number: usize| Event {
            id: EventId::new(number.to_string()),
            origin: Origin::Live,
            meaning: Arc::new(Meaning { kind: "motion.started".into(), name: None, state: None }),
            item: None,
            time: "2026-06-11T09:17:59Z".into(),
            data: "{}".into(),
        };
        Append {
            connection: name(connection),
            vendor: "milestone",
            events: (0..events).map(event).collect(),
            states: Arc::new([]),
            checkpoint: None,
            heard: None,
        }
    }

    /// A journal with ten events of `hq`, five of `yard` and one more of `hq`; and its first sequence.
    fn journal(events: usize) -> (Memory, Sequence) {
        let mut journal = Memory::new(events, usize::MAX);
        let first = journal.next().unwrap();
        for (connection, events) in [("hq", 10), ("yard", 5), ("hq", 1)] {
            journal.append(vec![append(connection, events)]).pop().unwrap().unwrap();
        }
        (journal, first)
    }

    fn counted(behind: Behind) -> (u64, bool) {
        (behind.events, behind.oldest.is_some())
    }

    #[actix_rt::test]
    async fn what_a_sink_has_not_come_to_is_counted_for_one_connection_and_for_all() {
        let (mut journal, first) = journal(1_000);
        let mut backlog = Backlog::new(Events::Beside(&mut journal)).await.unwrap();
        let (hq, yard) = (name("hq"), name("yard"));
        for (of, position, expected) in [
            (None, 0, 16),
            (None, 7, 9),
            (None, 16, 0),
            (None, 99, 0),
            (Some(&hq), 0, 11),
            (Some(&hq), 7, 4),
            (Some(&hq), 12, 1),
            (Some(&yard), 7, 5),
            (Some(&yard), 15, 0),
            (Some(&name("nobody")), 0, 0),
        ] {
            let behind = backlog.behind(of, first.plus(position)).await.unwrap();
            assert_eq!(counted(behind), (expected, expected > 0), "{of:?} {position}");
            assert!(!behind.more);
        }
    }

    #[actix_rt::test]
    async fn what_retention_has_dropped_is_not_counted() {
        let (mut journal, first) = journal(6);
        let mut backlog = Backlog::new(Events::Beside(&mut journal)).await.unwrap();
        assert_eq!(backlog.behind(None, first).await.unwrap().events, 6);
        assert_eq!(backlog.behind(Some(&name("hq")), first).await.unwrap().events, 1);
    }

    #[actix_rt::test]
    async fn a_long_way_behind_is_told_as_at_least() {
        let mut journal = Memory::new(usize::MAX, usize::MAX);
        let first = journal.next().unwrap();
        for _ in 0..=MOST_COUNTED / 1_000 {
            journal.append(vec![append("hq", 1_000)]).pop().unwrap().unwrap();
        }
        let behind =
            Backlog::new(Events::Beside(&mut journal)).await.unwrap().behind(Some(&name("hq")), first).await.unwrap();
        assert!(behind.more && behind.events >= MOST_COUNTED, "{behind:?}");
    }

    async fn reports_of(sinks: &str, delivery: &Delivery, backlog: Option<&mut Backlog<'_>>) -> Vec<Report> {
        let sinks = parse(sinks, "test.toml", &Surroundings::new("/", |_| None)).unwrap().sinks;
        reports(&sinks, Remembered::read(delivery).unwrap(), backlog).await.unwrap()
    }

    #[actix_rt::test]
    async fn each_connection_is_a_lane_where_a_sink_has_lanes_also_before_its_first_delivery() {
        let (mut journal, first) = journal(1_000);
        let delivery = Delivery::in_memory();
        delivery.begin("old", first.plus(2)).unwrap();
        delivery.delivered("old", Some(&name("hq")), first.plus(10), 8).unwrap();
        let mut backlog = Backlog::new(Events::Beside(&mut journal)).await.unwrap();
        let reports = reports_of(FILE, &delivery, Some(&mut backlog)).await;
        let [file, old] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!((file.name.as_str(), file.kind.as_deref(), file.configured), ("f", Some("file"), true));
        assert!(file.started.is_none() && file.behind.is_none() && file.lanes.is_empty());
        assert_eq!((old.name.as_str(), old.kind.as_deref(), old.configured, old.delivered), ("old", None, false, 8));
        let lanes: Vec<_> = old
            .lanes
            .iter()
            .map(|lane| (lane.connection.as_deref(), lane.behind.map(|behind| behind.events)))
            .collect();
        assert_eq!(lanes, [(Some("hq"), Some(1)), (Some("yard"), Some(5))]);
        assert_eq!(old.behind.map(counted), Some((6, true)));
    }

    #[actix_rt::test]
    async fn a_sink_that_keeps_one_order_has_one_lane_whatever_it_was_before() {
        let (mut journal, first) = journal(1_000);
        let delivery = Delivery::in_memory();
        delivery.begin("f", first).unwrap();
        delivery.delivered("f", Some(&name("hq")), first.plus(3), 3).unwrap();
        delivery.delivered("f", None, first.plus(12), 9).unwrap();
        let mut backlog = Backlog::new(Events::Beside(&mut journal)).await.unwrap();
        let [file] = &reports_of(FILE, &delivery, Some(&mut backlog)).await[..] else { panic!() };
        assert_eq!(file.lanes.len(), 1);
        assert_eq!((file.lanes[0].connection.as_ref(), file.behind.map(counted)), (None, Some((4, true))));
    }

    #[actix_rt::test]
    async fn the_longest_failure_dates_a_sink_and_the_latest_error_explains_it() {
        let delivery = Delivery::in_memory();
        delivery.begin("f", Sequence(0)).unwrap();
        delivery.failing("f", Some(&name("hq")), "first").unwrap();
        let since = delivery.sinks().unwrap()[0].lanes[0].failure.clone().unwrap().since;
        while delivery.sinks().unwrap()[0].lanes.last().unwrap().failure.as_ref().unwrap().last == since {
            delivery.failing("f", Some(&name("yard")), "second").unwrap();
        }
        delivery.add_replay("f", Sequence(1), Sequence(9)).unwrap();
        let [report] = &reports_of(FILE, &delivery, None).await[..] else { panic!() };
        assert_eq!((report.failing_since, report.last_error.as_deref()), (Some(since), Some("second")));
        assert_eq!((report.replays.len(), report.behind), (1, None));
    }
}
