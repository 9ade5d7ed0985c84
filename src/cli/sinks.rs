//! `watchpost sinks`.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use watchpost::{
    actors::{
        journal::{Ask, JournalError, Reader},
        model::{ConnectionName, Sequence},
    },
    config::{Config, Secrets, SinkConfig},
    sinks::delivery::{Delivery, DeliveryError, Failure, LanePosition, Replay, SinkInfo},
};

use super::{
    Exit, data, run,
    table::{self, Cell, Side, Table, Tone, ago},
    terminal,
};

/// Events of one connection that are counted at most: beyond that it is said that there are more.
const MOST_COUNTED: u64 = 100_000;
/// Events read at a time to count them.
const PAGE: usize = 1_024;

/// Show what each sink has delivered, how far behind it is, and what fails
///
/// Reads the data folder of the configuration, beside a running watchpost too. BEHIND counts the events in the journal that the sink has
/// not come to yet, wanted by its filter or not; OLDEST is how long ago the first of them was stored.
///
/// With --json, one array with an object for each sink: name, kind (null when it is not in the configuration any more), configured, started
/// {sequence, time}, delivered, last_delivered, behind {events, more, oldest}, failing_since, last_error, dead_letters, replays
/// [{id, from, until, position, events, created}], lanes [{connection, position, behind, failing_since, last_error}]. What is not known is null;
/// "more" says that there are more events behind than were counted.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost sinks
  watchpost sinks --lanes --config /etc/watchpost/site.toml
  watchpost sinks --json | jq '.[] | select(.failing_since != null)'")]
pub(super) struct SinksArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "watchpost.toml")]
    config: PathBuf,
    /// One row for each connection
    #[arg(long)]
    lanes: bool,
    /// One JSON array
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &SinksArgs) -> Exit {
    let Some(config) = run::load_with(&args.config, Secrets::Unfetched) else { return Exit::Usage };
    let folder = &config.engine.data_dir;
    let stored = match stored(folder) {
        Ok(stored) => stored,
        Err(error) => {
            terminal::complain(error);
            return Exit::Failed;
        }
    };
    let mut exit = Exit::Done;
    let mut complain = |why: String| {
        terminal::complain(format_args!("how far sinks are behind is not known: {why}"));
        exit = Exit::Failed;
    };
    let mut reader = data::reader(folder).unwrap_or_else(|why| {
        complain(why);
        None
    });
    let mut backlog = reader.as_deref_mut().and_then(|reader| {
        let backlog = Backlog::new(reader);
        backlog.map_err(|error| complain(error.to_string())).ok()
    });
    let reports = match reports(&config, stored, backlog.as_mut()) {
        Ok(reports) => reports,
        Err(error) => {
            terminal::complain(error);
            return Exit::Failed;
        }
    };
    let text = if args.json {
        serde_json::to_string(&reports).map_or_else(|error| error.to_string(), |json| json + "\n")
    } else if reports.is_empty() {
        "no sinks\n".to_owned()
    } else if args.lanes {
        lane_table(&reports, Timestamp::now()).render(table::colours())
    } else {
        sink_table(&reports, Timestamp::now()).render(table::colours())
    };
    match terminal::written(terminal::print(text.as_bytes())) {
        Exit::Done => exit,
        failed => failed,
    }
}

type StoredSinks = (Vec<SinkInfo>, Vec<Replay>);

fn stored(folder: &std::path::Path) -> Result<StoredSinks, DeliveryError> {
    let Some(delivery) = Delivery::open_to_read(folder)? else { return Ok(StoredSinks::default()) };
    Ok((delivery.sinks()?, delivery.replays(None)?))
}

/// Counts what is not delivered yet.
struct Backlog<'a> {
    reader: &'a mut dyn Reader,
    next: Sequence,
    connections: Vec<ConnectionName>,
}

/// How far something is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Behind {
    events: u64,
    /// There are more than these.
    more: bool,
    /// When the oldest of them was stored.
    oldest: Option<Timestamp>,
}

impl Behind {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.more |= other.more;
        self.oldest = [self.oldest, other.oldest].into_iter().flatten().min();
    }
}

impl<'a> Backlog<'a> {
    fn new(reader: &'a mut dyn Reader) -> Result<Self, JournalError> {
        let next = reader.next()?;
        let connections = reader.lanes()?.into_iter().map(|lane| lane.connection).collect();
        Ok(Self { reader, next, connections })
    }

    /// The events from `position` on, of one connection or of all.
    fn behind(&mut self, of: Option<&ConnectionName>, position: Sequence) -> Result<Behind, JournalError> {
        let Some(connection) = of else { return self.behind_all(position) };
        let mut behind = Behind::default();
        let mut from = position;
        while from < self.next {
            let page = self.reader.read(&Ask { from, limit: PAGE, of: Some(connection.clone()) })?;
            for commit in &page.commits {
                let counted = commit.next().0.saturating_sub(commit.first.max(from).0);
                behind.events += counted;
                if counted > 0 {
                    behind.oldest = behind.oldest.or(Some(commit.recorded));
                }
            }
            if page.commits.is_empty() || page.end <= from {
                break;
            }
            if behind.events >= MOST_COUNTED {
                behind.more = page.end < self.next;
                break;
            }
            from = page.end;
        }
        Ok(behind)
    }

    /// Sequences have no hole over all connections, so nothing needs to be counted.
    fn behind_all(&mut self, position: Sequence) -> Result<Behind, JournalError> {
        if position >= self.next {
            return Ok(Behind::default());
        }
        let page = self.reader.read(&Ask { from: position, limit: 1, of: None })?;
        let Some(first) = page.commits.first() else { return Ok(Behind::default()) };
        let events = self.next.0.saturating_sub(position.max(page.oldest).0);
        Ok(Behind { events, more: false, oldest: Some(first.recorded) })
    }
}

/// A sink, as it is shown.
#[derive(Debug, Serialize)]
struct Report {
    name: String,
    kind: Option<&'static str>,
    configured: bool,
    started: Option<Started>,
    delivered: u64,
    last_delivered: Option<Timestamp>,
    behind: Option<Behind>,
    failing_since: Option<Timestamp>,
    last_error: Option<String>,
    dead_letters: u64,
    replays: Vec<ReplayReport>,
    lanes: Vec<LaneReport>,
}

#[derive(Debug, Serialize)]
struct Started {
    sequence: String,
    time: Timestamp,
}

#[derive(Debug, Serialize)]
struct LaneReport {
    connection: Option<String>,
    position: String,
    behind: Option<Behind>,
    failing_since: Option<Timestamp>,
    last_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct ReplayReport {
    id: i64,
    from: String,
    until: String,
    position: String,
    events: u64,
    created: Timestamp,
}

/// Each sink of the configuration in its order, then those that are only known from before.
fn reports(
    config: &Config,
    (stored, replays): StoredSinks,
    mut backlog: Option<&mut Backlog<'_>>,
) -> Result<Vec<Report>, JournalError> {
    let mut stored: BTreeMap<_, _> = stored.into_iter().map(|sink| (sink.name.clone(), sink)).collect();
    let configured: Vec<_> = config.sinks.iter().map(|sink| (Some(sink), stored.remove(&sink.name))).collect();
    let others = stored.into_values().map(|sink| (None, Some(sink)));
    let all = configured.into_iter().chain(others);
    all.map(|(configured, stored)| report(configured, stored, &replays, backlog.as_deref_mut())).collect()
}

fn report(
    configured: Option<&SinkConfig>,
    stored: Option<SinkInfo>,
    replays: &[Replay],
    backlog: Option<&mut Backlog<'_>>,
) -> Result<Report, JournalError> {
    let name =
        configured.map(|sink| &sink.name).or(stored.as_ref().map(|sink| &sink.name)).cloned().unwrap_or_default();
    let lanes = stored.as_ref().map_or(Ok(Vec::new()), |stored| lane_reports(configured, stored, backlog))?;
    let mut behind: Option<Behind> = None;
    for lane in lanes.iter().filter_map(|lane| lane.behind) {
        behind.get_or_insert_default().add(lane);
    }
    let failures = stored.iter().flat_map(|sink| &sink.lanes).filter_map(|lane| lane.failure.as_ref());
    let failures: Vec<&Failure> = failures.collect();
    let replays = replays.iter().filter(|replay| replay.sink == name).map(|replay| ReplayReport {
        id: replay.id,
        from: replay.from.to_string(),
        until: replay.until.to_string(),
        position: replay.position.to_string(),
        events: replay.events,
        created: replay.created,
    });
    Ok(Report {
        kind: configured.map(|sink| data::kind(&sink.kind)),
        configured: configured.is_some(),
        started: stored.as_ref().map(|sink| Started { sequence: sink.started.to_string(), time: sink.started_at }),
        delivered: stored.as_ref().map_or(0, |sink| sink.delivered),
        last_delivered: stored.as_ref().and_then(|sink| sink.last_delivered),
        behind,
        failing_since: failures.iter().map(|failure| failure.since).min(),
        last_error: failures.iter().max_by_key(|failure| failure.last).map(|failure| failure.why.clone()),
        dead_letters: stored.as_ref().map_or(0, |sink| sink.dead_letters),
        replays: replays.collect(),
        lanes,
        name,
    })
}

/// The lanes that a sink has, or will have as soon as it comes to their first event.
fn lane_reports(
    configured: Option<&SinkConfig>,
    stored: &SinkInfo,
    mut backlog: Option<&mut Backlog<'_>>,
) -> Result<Vec<LaneReport>, JournalError> {
    let named = stored.lanes.iter().any(|lane| lane.connection.is_some());
    // A sink may have been of another kind before; its lanes of then do not move any more.
    let one_order = configured.map_or(!named, |sink| data::keeps_one_order(&sink.kind));
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
    let report = |lane: LanePosition| {
        let behind = backlog.as_deref_mut().map(|backlog| backlog.behind(lane.connection.as_ref(), lane.position));
        Ok(LaneReport {
            connection: lane.connection.map(|connection| connection.to_string()),
            position: lane.position.to_string(),
            behind: behind.transpose()?,
            failing_since: lane.failure.as_ref().map(|failure| failure.since),
            last_error: lane.failure.map(|failure| failure.why),
        })
    };
    lanes.into_values().map(report).collect()
}

fn sink_table(reports: &[Report], now: Timestamp) -> Table<9> {
    let mut table = Table::new([
        ("SINK", Side::Left),
        ("KIND", Side::Left),
        ("DELIVERED", Side::Right),
        ("LAST", Side::Left),
        ("BEHIND", Side::Right),
        ("OLDEST", Side::Left),
        ("DEAD", Side::Right),
        ("FAILING SINCE", Side::Left),
        ("LAST ERROR", Side::Left),
    ]);
    for report in reports {
        let dead = if report.dead_letters > 0 { Tone::Bad } else { Tone::Plain };
        table.row([
            Cell::new(Tone::Strong, &report.name),
            report.kind.map_or_else(|| Cell::new(Tone::Faint, "not in the configuration"), Cell::plain),
            Cell::count(report.delivered),
            Cell::maybe(Tone::Plain, report.last_delivered.map(|last| ago(last, now) + " ago")),
            behind_cell(report.behind),
            oldest_cell(report.behind, now),
            Cell::new(dead, report.dead_letters.to_string()),
            since_cell(report.failing_since, now),
            Cell::maybe(Tone::Bad, report.last_error.as_ref()),
        ]);
    }
    table
}

fn lane_table(reports: &[Report], now: Timestamp) -> Table<7> {
    let mut table = Table::new([
        ("SINK", Side::Left),
        ("CONNECTION", Side::Left),
        ("POSITION", Side::Right),
        ("BEHIND", Side::Right),
        ("OLDEST", Side::Left),
        ("FAILING SINCE", Side::Left),
        ("LAST ERROR", Side::Left),
    ]);
    for report in reports {
        if report.lanes.is_empty() {
            let dash = || Cell::maybe(Tone::Plain, None::<&str>);
            table.row([Cell::new(Tone::Strong, &report.name), dash(), dash(), dash(), dash(), dash(), dash()]);
        }
        for lane in &report.lanes {
            table.row([
                Cell::new(Tone::Strong, &report.name),
                lane.connection.as_ref().map_or_else(|| Cell::new(Tone::Faint, "all"), Cell::plain),
                Cell::plain(lane.position.trim_start_matches('0')),
                behind_cell(lane.behind),
                oldest_cell(lane.behind, now),
                since_cell(lane.failing_since, now),
                Cell::maybe(Tone::Bad, lane.last_error.as_ref()),
            ]);
        }
    }
    table
}

fn behind_cell(behind: Option<Behind>) -> Cell {
    let text = behind.map(|behind| format!("{}{}", behind.events, if behind.more { "+" } else { "" }));
    Cell::maybe(Tone::Plain, text)
}

fn oldest_cell(behind: Option<Behind>, now: Timestamp) -> Cell {
    Cell::maybe(Tone::Plain, behind.and_then(|behind| behind.oldest).map(|oldest| ago(oldest, now)))
}

fn since_cell(since: Option<Timestamp>, now: Timestamp) -> Cell {
    Cell::maybe(Tone::Bad, since.map(|since| format!("{since:.0} ({} ago)", ago(since, now))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use watchpost::actors::journal::{Journal, Memory};

    use super::*;
    use crate::cli::testing::{append, config};

    const FILE: &str = "[[sink]]\nname = 'f'\nkind = 'file'\npath = 'events.jsonl'\n";

    fn name(text: &str) -> ConnectionName {
        text.parse().unwrap()
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

    #[test]
    fn what_a_sink_has_not_come_to_is_counted_for_one_connection_and_for_all() {
        let (mut journal, first) = journal(1_000);
        let mut backlog = Backlog::new(&mut journal).unwrap();
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
            let behind = backlog.behind(of, first.plus(position)).unwrap();
            assert_eq!(counted(behind), (expected, expected > 0), "{of:?} {position}");
            assert!(!behind.more);
        }
    }

    #[test]
    fn what_retention_has_dropped_is_not_counted() {
        let (mut journal, first) = journal(6);
        let mut backlog = Backlog::new(&mut journal).unwrap();
        assert_eq!(backlog.behind(None, first).unwrap().events, 6);
        assert_eq!(backlog.behind(Some(&name("hq")), first).unwrap().events, 1);
    }

    #[test]
    fn a_long_way_behind_is_told_as_at_least() {
        let mut journal = Memory::new(usize::MAX, usize::MAX);
        let first = journal.next().unwrap();
        for _ in 0..=MOST_COUNTED / 1_000 {
            journal.append(vec![append("hq", 1_000)]).pop().unwrap().unwrap();
        }
        let behind = Backlog::new(&mut journal).unwrap().behind(Some(&name("hq")), first).unwrap();
        assert!(behind.more && behind.events >= MOST_COUNTED, "{behind:?}");
        assert!(sink_cell_text(behind).ends_with('+'));
    }

    fn sink_cell_text(behind: Behind) -> String {
        let mut table = Table::new([("", Side::Left)]);
        table.row([behind_cell(Some(behind))]);
        table.render(false).trim().to_owned()
    }

    fn reports_of(sinks: &str, delivery: &Delivery, backlog: Option<&mut Backlog<'_>>) -> Vec<Report> {
        let stored = (delivery.sinks().unwrap(), delivery.replays(None).unwrap());
        reports(&config(sinks), stored, backlog).unwrap()
    }

    #[test]
    fn each_connection_is_a_lane_where_a_sink_has_lanes_also_before_its_first_delivery() {
        let (mut journal, first) = journal(1_000);
        let delivery = Delivery::in_memory();
        delivery.begin("old", first.plus(2)).unwrap();
        delivery.delivered("old", Some(&name("hq")), first.plus(10), 8).unwrap();
        let mut backlog = Backlog::new(&mut journal).unwrap();
        let reports = reports_of(FILE, &delivery, Some(&mut backlog));
        let [file, old] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!((file.name.as_str(), file.kind, file.configured), ("f", Some("file"), true));
        assert!(file.started.is_none() && file.behind.is_none() && file.lanes.is_empty());
        assert_eq!((old.name.as_str(), old.kind, old.configured, old.delivered), ("old", None, false, 8));
        let lanes: Vec<_> = old
            .lanes
            .iter()
            .map(|lane| (lane.connection.as_deref(), lane.behind.map(|behind| behind.events)))
            .collect();
        assert_eq!(lanes, [(Some("hq"), Some(1)), (Some("yard"), Some(5))]);
        assert_eq!(old.behind.map(counted), Some((6, true)));
    }

    #[test]
    fn a_sink_that_keeps_one_order_has_one_lane_whatever_it_was_before() {
        let (mut journal, first) = journal(1_000);
        let delivery = Delivery::in_memory();
        delivery.begin("f", first).unwrap();
        delivery.delivered("f", Some(&name("hq")), first.plus(3), 3).unwrap();
        delivery.delivered("f", None, first.plus(12), 9).unwrap();
        let mut backlog = Backlog::new(&mut journal).unwrap();
        let [file] = &reports_of(FILE, &delivery, Some(&mut backlog))[..] else { panic!() };
        assert_eq!(file.lanes.len(), 1);
        assert_eq!((file.lanes[0].connection.as_ref(), file.behind.map(counted)), (None, Some((4, true))));
    }

    #[test]
    fn the_longest_failure_dates_a_sink_and_the_latest_error_explains_it() {
        let delivery = Delivery::in_memory();
        delivery.begin("f", Sequence(0)).unwrap();
        delivery.failing("f", Some(&name("hq")), "first").unwrap();
        let since = delivery.sinks().unwrap()[0].lanes[0].failure.clone().unwrap().since;
        while delivery.sinks().unwrap()[0].lanes.last().unwrap().failure.as_ref().unwrap().last == since {
            delivery.failing("f", Some(&name("yard")), "second").unwrap();
        }
        delivery.add_replay("f", Sequence(1), Sequence(9)).unwrap();
        let [report] = &reports_of(FILE, &delivery, None)[..] else { panic!() };
        assert_eq!((report.failing_since, report.last_error.as_deref()), (Some(since), Some("second")));
        assert_eq!((report.replays.len(), report.behind), (1, None));
    }
}
