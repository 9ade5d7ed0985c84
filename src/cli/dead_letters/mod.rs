//! `watchpost dead-letters`.
//!
//! Here: what it may be told, `list` and `drop`. `retry`: delivers them once more. `running`: the same where a running watchpost is asked.

mod retry;
mod running;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, fmt::Display, path::Path};

use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;
use watchpost::{
    config::{Config, Secrets},
    sinks::{
        delivery::{DeadLetter, Delivery, DeliveryError, LetterFilter},
        letters::{LetterReport, Removed},
    },
};

use super::{
    Exit,
    client::{Place, Source},
    data, run,
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
  watchpost dead-letters retry --all --url http://127.0.0.1:8780      (while it runs)
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
    #[command(flatten)]
    place: Place,
}

/// Deliver dead letters once more, now, and remove those that are taken
///
/// Each is tried once, through the sink as it is configured. The exit status is 1 if any was not taken. A watchpost that runs is asked to do it, with
/// --url or --config; one that does not listen must be stopped first.
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
    #[command(flatten)]
    place: Place,
}

/// Remove dead letters: these events will not be delivered
///
/// A watchpost that runs is asked to do it, with --url or --config; one that does not listen must be stopped first. With --json, one array with an object for each that was removed: id, sink, event_id.
#[derive(Args)]
#[command(group = ArgGroup::new("selected").args(["sink", "id", "all"]).required(true).multiple(true), after_help = "Examples:
  watchpost dead-letters drop --sink alerts
  watchpost dead-letters drop --id 7 --id 9
  watchpost dead-letters drop --all")]
struct DropArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct Which {
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
    let (which, place) = match &args.action {
        Action::List(ListArgs { which, place })
        | Action::Retry(RetryArgs { which, place })
        | Action::Drop(DropArgs { which, place }) => (which, place),
    };
    match place.source() {
        Ok(Source::Straight(config)) => straight(&args.action, which, &config).await,
        Ok(Source::Running(target)) => running::run(&args.action, which, target).await,
        Err(error) => error.tell(),
    }
}

/// With the data folder of a configuration.
async fn straight(action: &Action, which: &Which, config: &Path) -> Exit {
    let secrets = match action {
        Action::Retry(_) => Secrets::OfSinks,
        Action::List(_) | Action::Drop(_) => Secrets::Unfetched,
    };
    let Some(config) = run::load_with(config, secrets) else { return Exit::Usage };
    let folder = &config.engine.data_dir;
    let (_taken, delivery) = match action {
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
    let done = match action {
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

/// Dead letters on their way to standard output.
struct Listing<'a> {
    which: &'a Which,
    found: HashSet<i64>,
    array: Array,
    table: Table<7>,
}

impl<'a> Listing<'a> {
    fn new(which: &'a Which) -> Self {
        let table = Table::new([
            ("ID", Side::Right),
            ("SINK", Side::Left),
            ("EVENT", Side::Left),
            ("TYPE", Side::Left),
            ("TRIES", Side::Right),
            ("LAST", Side::Left),
            ("WHY", Side::Left),
        ]);
        Self { which, found: HashSet::new(), array: Array::default(), table }
    }

    fn add(&mut self, letter: &LetterReport) -> std::io::Result<()> {
        self.found.insert(letter.id);
        if self.which.json {
            return self.array.item(letter);
        }
        self.table.row([
            Cell::plain(letter.id.to_string()),
            Cell::new(Tone::Strong, &letter.sink),
            Cell::plain(&letter.event_id),
            Cell::plain(&letter.r#type),
            Cell::count(letter.tries.into()),
            Cell::plain(format!("{:.0}", letter.last)),
            Cell::new(Tone::Bad, &letter.why),
        ]);
        Ok(())
    }

    fn end(self) -> Exit {
        let written = if self.which.json {
            self.array.end()
        } else if self.found.is_empty() {
            terminal::print(b"no dead letters\n")
        } else {
            terminal::print(self.table.render(table::colours()).as_bytes())
        };
        match terminal::written(written) {
            Exit::Done => self.which.missing(&self.found),
            failed => failed,
        }
    }
}

fn list(which: &Which, delivery: &Delivery) -> Result<Exit, DeliveryError> {
    let mut walk = Walk::new(which, delivery);
    let mut listing = Listing::new(which);
    loop {
        let page = walk.next()?;
        if page.is_empty() {
            return Ok(listing.end());
        }
        for letter in page {
            if let Err(error) = listing.add(&letter.into()) {
                return Ok(terminal::written(Err(error)));
            }
        }
    }
}

/// Dead letters that are removed, on their way to standard output.
struct Dropping<'a> {
    which: &'a Which,
    found: HashSet<i64>,
    array: Array,
}

impl<'a> Dropping<'a> {
    fn new(which: &'a Which) -> Self {
        Self { which, found: HashSet::new(), array: Array::default() }
    }

    fn add(&mut self, removed: &Removed) -> std::io::Result<()> {
        self.found.insert(removed.id);
        if self.which.json { self.array.item(removed) } else { Ok(()) }
    }

    fn end(self) -> Exit {
        let written = if self.which.json {
            self.array.end()
        } else {
            terminal::print(format!("dropped {}\n", counted(self.found.len())).as_bytes())
        };
        match terminal::written(written) {
            Exit::Done => self.which.missing(&self.found),
            failed => failed,
        }
    }
}

fn remove(which: &Which, delivery: &Delivery) -> Result<Exit, DeliveryError> {
    let mut walk = Walk::new(which, delivery);
    let mut dropping = Dropping::new(which);
    loop {
        let page = walk.next()?;
        if page.is_empty() {
            return Ok(dropping.end());
        }
        let ids: Vec<_> = page.iter().map(|letter| letter.id).collect();
        delivery.remove_dead_letters(&ids)?;
        for letter in page {
            if let Err(error) = dropping.add(&letter.into()) {
                return Ok(terminal::written(Err(error)));
            }
        }
    }
}

fn counted(letters: usize) -> String {
    format!("{letters} dead letter{}", if letters == 1 { "" } else { "s" })
}
