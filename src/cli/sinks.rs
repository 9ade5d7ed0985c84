//! `watchpost sinks`.

use std::{fmt::Display, path::Path};

use clap::Args;
use jiff::Timestamp;
use watchpost::{
    config::Secrets,
    sinks::{
        delivery::Delivery,
        report::{self, Backlog, Behind, Events, Remembered, Report},
        standing::{Link, LinkState},
    },
};

use super::{
    Exit,
    client::{Place, Source, deliveries},
    data, run,
    table::{self, Cell, Side, Table, Tone, ago},
    terminal,
};

/// Show what each sink has delivered, how far behind it is, and what fails
///
/// Reads the data folder of the configuration, beside a running watchpost too; or with --url, asks a running one. BEHIND counts the events in the
/// journal that the sink has not come to yet, wanted by its filter or not; OLDEST is how long ago the first of them was stored.
///
/// With --json, one array with an object for each sink: name, kind (null when it is not in the configuration any more), configured, started
/// {sequence, time}, delivered, last_delivered, behind {events, more, oldest}, failing_since, last_error, link {state, since, why, tries,
/// next_try}, remarks [text], dead_letters, replays [{id, from, until, position, events, created}], lanes [{connection, position, behind,
/// failing_since, last_error}]. What is not known is null; "more" says that there are more events behind than were counted.
///
/// BROKER is the way to the broker of a running sink of kind mqtt or nats, with or without an event that waits: connecting, up, down or halted, and
/// for how long. What is not as it should be there stands below the table.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost sinks
  watchpost sinks --lanes --config /etc/watchpost/site.toml
  watchpost sinks --url http://10.0.0.7:8780 --token-file watchpost.token
  watchpost sinks --json | jq '.[] | select(.failing_since != null)'
  watchpost sinks --json | jq '.[] | select(.link.state == \"halted\")'")]
pub(super) struct SinksArgs {
    #[command(flatten)]
    place: Place,
    /// One row for each connection
    #[arg(long)]
    lanes: bool,
    /// One JSON array
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: SinksArgs) -> Exit {
    let (reports, exit) = match args.place.source() {
        Ok(Source::Straight(config)) => match stored(&config).await {
            Ok(found) => found,
            Err(exit) => return exit,
        },
        Ok(Source::Running(target)) => match deliveries::sinks(target).await {
            Ok(reports) => (reports, Exit::Done),
            Err(error) => return error.tell(),
        },
        Err(error) => return error.tell(),
    };
    let text = if args.json {
        serde_json::to_string(&reports).map_or_else(|error| error.to_string(), |json| json + "\n")
    } else if reports.is_empty() {
        "no sinks\n".to_owned()
    } else if args.lanes {
        lane_table(&reports, Timestamp::now()).render(table::colours())
    } else {
        sink_table(&reports, Timestamp::now()).render(table::colours()) + &remarks(&reports)
    };
    match terminal::written(terminal::print(text.as_bytes())) {
        Exit::Done => exit,
        failed => failed,
    }
}

/// What the data folder of a configuration tells, and whether that is all.
async fn stored(config: &Path) -> Result<(Vec<Report>, Exit), Exit> {
    let config = run::load_with(config, Secrets::Unfetched).ok_or(Exit::Usage)?;
    let failed = |why: &dyn Display| {
        terminal::complain(why);
        Exit::Failed
    };
    let folder = &config.engine.data_dir;
    let remembered = match Delivery::open_to_read(folder).map_err(|error| failed(&error))? {
        Some(delivery) => Remembered::read(&delivery).map_err(|error| failed(&error))?,
        None => Remembered::default(),
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
    let mut backlog = None;
    if let Some(reader) = reader.as_deref_mut() {
        let counted = Backlog::new(Events::Beside(reader)).await;
        backlog = counted.map_err(|error| complain(error.to_string())).ok();
    }
    let reports = report::reports(&config.sinks, remembered, backlog.as_mut()).await;
    Ok((reports.map_err(|error| failed(&error))?, exit))
}

/// What is to be said of brokers beside the table, a line each.
fn remarks(reports: &[Report]) -> String {
    let lines = reports.iter().flat_map(|report| report.remarks.iter().map(|remark| (&report.name, remark)));
    lines.map(|(name, remark)| format!("sink {name}: {remark}\n")).collect()
}

fn sink_table(reports: &[Report], now: Timestamp) -> Table<10> {
    let mut table = Table::new([
        ("SINK", Side::Left),
        ("KIND", Side::Left),
        ("DELIVERED", Side::Right),
        ("LAST", Side::Left),
        ("BEHIND", Side::Right),
        ("OLDEST", Side::Left),
        ("DEAD", Side::Right),
        ("BROKER", Side::Left),
        ("FAILING SINCE", Side::Left),
        ("LAST ERROR", Side::Left),
    ]);
    for report in reports {
        // It fails also while nothing waits that could fail.
        let away = report.link.as_ref().filter(|link| link.state.is_away());
        let since = report.failing_since.or(away.map(|link| link.since));
        let why = report.last_error.as_ref().or(away.and_then(|link| link.why.as_ref()));
        let dead = if report.dead_letters > 0 { Tone::Bad } else { Tone::Plain };
        table.row([
            Cell::new(Tone::Strong, &report.name),
            report.kind.as_ref().map_or_else(|| Cell::new(Tone::Faint, "not in the configuration"), Cell::plain),
            Cell::count(report.delivered),
            Cell::maybe(Tone::Plain, report.last_delivered.map(|last| ago(last, now) + " ago")),
            behind_cell(report.behind),
            oldest_cell(report.behind, now),
            Cell::new(dead, report.dead_letters.to_string()),
            link_cell(report.link.as_ref(), now),
            since_cell(since, now),
            Cell::maybe(Tone::Bad, why),
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

fn link_cell(link: Option<&Link>, now: Timestamp) -> Cell {
    let Some(link) = link else { return Cell::maybe(Tone::Plain, None::<&str>) };
    let (word, tone) = match link.state {
        LinkState::Connecting => ("connecting", Tone::Plain),
        LinkState::Up => ("up", Tone::Plain),
        LinkState::Down => ("down", Tone::Bad),
        LinkState::Halted => ("halted", Tone::Bad),
    };
    Cell::new(tone, format!("{word} {}", ago(link.since, now)))
}

fn since_cell(since: Option<Timestamp>, now: Timestamp) -> Cell {
    Cell::maybe(Tone::Bad, since.map(|since| format!("{since:.0} ({} ago)", ago(since, now))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_way_behind_is_shown_as_at_least() {
        let behind = Behind { events: 100_000, more: true, oldest: None };
        let mut table = Table::new([("", Side::Left)]);
        table.row([behind_cell(Some(behind))]);
        assert_eq!(table.render(false).trim(), "100000+");
    }
}
