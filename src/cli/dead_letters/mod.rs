//! `watchpost dead-letters`.
//!
//! Here: what it may be told, `list` and `drop`. `retry`: delivers them once more.

mod retry;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, fmt::Display, path::PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use watchpost::{
    config::{Config, Secrets},
    sinks::delivery::{DeadLetter, Delivery, DeliveryError, LetterFilter},
};

use super::{
    Exit, data, run,
    table::{self, Cell, Side, Table, Tone},
    terminal,
};

/// Dead letters read at a time; each holds a whole event.
const PAGE: usize = 256;

/// Show, retry or drop the events that a sink's receiver refused for good
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost dead-letters list --sink alerts
  watchpost dead-letters retry --all
  watchpost dead-letters drop --id 7 --id 9")]
pub(super) struct DeadLettersArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    List(ListArgs),
    Retry(RetryArgs),
    Drop(DropArgs),
}

/// Show dead letters, also those of a running watchpost
///
/// With --json, one array with an object for each: id, sink, connection, vendor, sequence, event_id, type, why, tries, first, last, and event,
/// which is the event as it would be delivered.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost dead-letters list
  watchpost dead-letters list --sink alerts --config /etc/watchpost/site.toml
  watchpost dead-letters list --id 7 --json | jq '.[].event'")]
struct ListArgs {
    #[command(flatten)]
    which: Which,
}

/// Deliver dead letters once more, now, and remove those that are taken
///
/// Each is tried once, through the sink as it is configured. The exit status is 1 if any was not taken. A watchpost that runs must be stopped
/// first.
///
/// With --json, one array with an object for each: id, sink, event_id, delivered, why (null when it was delivered).
#[derive(Args)]
#[command(group = ArgGroup::new("selected").args(["sink", "id", "all"]).required(true).multiple(true), after_help = "Examples:
  watchpost dead-letters retry --all
  watchpost dead-letters retry --sink alerts
  watchpost dead-letters retry --id 7 --json")]
struct RetryArgs {
    #[command(flatten)]
    which: Which,
}

/// Remove dead letters: these events will not be delivered
///
/// A watchpost that runs must be stopped first. With --json, one array with an object for each that was removed: id, sink, event_id.
#[derive(Args)]
#[command(group = ArgGroup::new("selected").args(["sink", "id", "all"]).required(true).multiple(true), after_help = "Examples:
  watchpost dead-letters drop --sink alerts
  watchpost dead-letters drop --id 7 --id 9
  watchpost dead-letters drop --all")]
struct DropArgs {
    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
struct Which {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "watchpost.toml")]
    config: PathBuf,
    /// Those of this sink
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// This one; may be given several times
    #[arg(long, value_name = "N")]
    id: Vec<i64>,
    /// All of them
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// One JSON array
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: DeadLettersArgs) -> Exit {
    let which = match &args.action {
        Action::List(ListArgs { which }) | Action::Retry(RetryArgs { which }) | Action::Drop(DropArgs { which }) => {
            which
        }
    };
    let secrets = match &args.action {
        Action::Retry(_) => Secrets::OfSinks,
        Action::List(_) | Action::Drop(_) => Secrets::Unfetched,
    };
    let Some(config) = run::load_with(&which.config, secrets) else { return Exit::Usage };
    let folder = &config.engine.data_dir;
    let (_taken, delivery) = match &args.action {
        Action::List(_) => match Delivery::open_to_read(folder) {
            Ok(delivery) => (None, delivery),
            Err(error) => return failed(error),
        },
        Action::Retry(_) | Action::Drop(_) => match data::take_delivery(folder) {
            Ok(Some((taken, delivery))) => (Some(taken), Some(delivery)),
            Ok(None) => (None, None),
            Err(exit) => return exit,
        },
    };
    // Where nothing was ever stored there is nothing to show.
    let delivery = delivery.unwrap_or_else(Delivery::in_memory);
    match which.is_known(&config, &delivery) {
        Ok(true) => {}
        Ok(false) => return Exit::Usage,
        Err(error) => return failed(error),
    }
    let done = match &args.action {
        Action::List(_) => list(which, &delivery),
        Action::Drop(_) => remove(which, &delivery),
        Action::Retry(_) => retry::retry(which, &config.sinks, &delivery, watchpost::sinks::redeliver).await,
    };
    done.unwrap_or_else(failed)
}

fn failed(why: impl Display) -> Exit {
    terminal::complain(why);
    Exit::Failed
}

impl Which {
    fn filter(&self) -> LetterFilter {
        let ids = (!self.id.is_empty()).then(|| self.id.clone());
        LetterFilter { sink: self.sink.clone(), ids }
    }

    /// Whether there is such a sink.
    fn is_known(&self, config: &Config, delivery: &Delivery) -> Result<bool, DeliveryError> {
        let Some(sink) = &self.sink else { return Ok(true) };
        let before = delivery.sinks()?;
        Ok(data::knows_sink(sink, config, before.iter().map(|sink| sink.name.as_str())))
    }

    /// Complains of each id that was asked for and is not there.
    fn missing(&self, found: &HashSet<i64>) -> Exit {
        let mut exit = Exit::Done;
        let of = self.sink.as_ref().map_or(String::new(), |sink| format!(" of sink \"{sink}\""));
        for id in self.id.iter().filter(|id| !found.contains(id)) {
            terminal::complain(format_args!("there is no dead letter {id}{of}"));
            exit = Exit::Failed;
        }
        exit
    }
}

/// Walks the dead letters of a filter, page by page: they may be many, and each may be large.
struct Walk<'a> {
    delivery: &'a Delivery,
    filter: LetterFilter,
    after: i64,
}

impl<'a> Walk<'a> {
    fn new(which: &Which, delivery: &'a Delivery) -> Self {
        Self { delivery, filter: which.filter(), after: 0 }
    }

    /// The next page; empty at the end.
    fn next(&mut self) -> Result<Vec<DeadLetter>, DeliveryError> {
        let page = self.delivery.dead_letters(&self.filter, self.after, PAGE)?;
        self.after = page.last().map_or(self.after, |last| last.id);
        Ok(page)
    }
}

/// A JSON array that is written item by item.
#[derive(Default)]
struct Array {
    begun: bool,
}

impl Array {
    fn item(&mut self, item: &impl Serialize) -> std::io::Result<()> {
        let mut text = if self.begun { b",\n".to_vec() } else { b"[".to_vec() };
        self.begun = true;
        serde_json::to_writer(&mut text, item)?;
        terminal::print(&text)
    }

    fn end(self) -> std::io::Result<()> {
        terminal::print(if self.begun { b"]\n" } else { b"[]\n" })
    }
}

/// A dead letter, as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    id: i64,
    sink: &'a str,
    connection: &'a str,
    vendor: &'a str,
    sequence: String,
    event_id: &'a str,
    r#type: &'a str,
    why: &'a str,
    tries: u32,
    first: Timestamp,
    last: Timestamp,
    event: Option<&'a RawValue>,
}

impl<'a> Shown<'a> {
    fn of(letter: &'a DeadLetter) -> Self {
        Self {
            id: letter.id,
            sink: &letter.sink,
            connection: letter.connection.as_str(),
            vendor: &letter.vendor,
            sequence: letter.sequence.to_string(),
            event_id: &letter.event_id,
            r#type: &letter.kind,
            why: &letter.why,
            tries: letter.tries,
            first: letter.first,
            last: letter.last,
            event: serde_json::from_str(&letter.line).ok(),
        }
    }
}

fn list(which: &Which, delivery: &Delivery) -> Result<Exit, DeliveryError> {
    let mut walk = Walk::new(which, delivery);
    let mut found = HashSet::new();
    let mut array = Array::default();
    let mut table = Table::new([
        ("ID", Side::Right),
        ("SINK", Side::Left),
        ("EVENT", Side::Left),
        ("TYPE", Side::Left),
        ("TRIES", Side::Right),
        ("LAST", Side::Left),
        ("WHY", Side::Left),
    ]);
    loop {
        let page = walk.next()?;
        if page.is_empty() {
            break;
        }
        for letter in &page {
            found.insert(letter.id);
            if which.json {
                if let Err(error) = array.item(&Shown::of(letter)) {
                    return Ok(terminal::written(Err(error)));
                }
            } else {
                table.row([
                    Cell::plain(letter.id.to_string()),
                    Cell::new(Tone::Strong, &letter.sink),
                    Cell::plain(&letter.event_id),
                    Cell::plain(&letter.kind),
                    Cell::count(letter.tries.into()),
                    Cell::plain(format!("{:.0}", letter.last)),
                    Cell::new(Tone::Bad, &letter.why),
                ]);
            }
        }
    }
    let written = if which.json {
        array.end()
    } else if found.is_empty() {
        terminal::print(b"no dead letters\n")
    } else {
        terminal::print(table.render(table::colours()).as_bytes())
    };
    Ok(match terminal::written(written) {
        Exit::Done => which.missing(&found),
        failed => failed,
    })
}

/// A dead letter that was removed.
#[derive(Serialize)]
struct Removed<'a> {
    id: i64,
    sink: &'a str,
    event_id: &'a str,
}

fn remove(which: &Which, delivery: &Delivery) -> Result<Exit, DeliveryError> {
    let mut walk = Walk::new(which, delivery);
    let mut found = HashSet::new();
    let mut array = Array::default();
    loop {
        let page = walk.next()?;
        if page.is_empty() {
            break;
        }
        let ids: Vec<_> = page.iter().map(|letter| letter.id).collect();
        delivery.remove_dead_letters(&ids)?;
        found.extend(ids);
        for letter in page.iter().filter(|_| which.json) {
            let removed = Removed { id: letter.id, sink: &letter.sink, event_id: &letter.event_id };
            if let Err(error) = array.item(&removed) {
                return Ok(terminal::written(Err(error)));
            }
        }
    }
    let written = if which.json {
        array.end()
    } else {
        terminal::print(format!("dropped {}\n", counted(found.len())).as_bytes())
    };
    Ok(match terminal::written(written) {
        Exit::Done => which.missing(&found),
        failed => failed,
    })
}

fn counted(letters: usize) -> String {
    format!("{letters} dead letter{}", if letters == 1 { "" } else { "s" })
}
