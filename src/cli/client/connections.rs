//! `watchpost connections`.

use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use watchpost::config::EngineSettings;

use super::{Client, ClientError, Target, target::Running};
use crate::cli::{
    Exit,
    table::{self, Cell, Side, Table, Tone, ago, clean},
    terminal,
};

/// Show how each connection of a running watchpost is doing
///
/// LAST is how long ago its last event was stored; LAG how long the last live one took from its own time until it was stored; RESTARTS how often the connection
/// was started anew after a defect; TRIES how often it tried to connect, the first time included.
///
/// With --json, one array with an object for each: name, title (where the vendor told one), vendor, state (connecting, online, delayed, halted,
/// stopped), since, reason, events, repeats, gaps, last_event, lag (in seconds), restarts, tries, last_error,
/// states. What is not known is null.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost connections
  watchpost connections --url http://10.0.0.7:8780 --token-file watchpost.token
  watchpost connections --json | jq -r '.[] | select(.state == \"halted\") | .name'")]
pub(in crate::cli) struct ConnectionsArgs {
    #[command(flatten)]
    running: Running,
    /// One JSON array
    #[arg(long)]
    json: bool,
}

/// What is read of a connection.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct ConnectionRow {
    /// Its name.
    name: String,
    vendor: String,
    /// The word for how it is doing.
    pub(in crate::cli) state: String,
    /// Since when.
    since: Timestamp,
    /// Why, in words.
    #[serde(default)]
    pub(in crate::cli) reason: String,
    #[serde(default)]
    events: u64,
    #[serde(default)]
    gaps: u64,
    /// When the last event was stored.
    last_event: Option<Timestamp>,
    /// In seconds; absent where the running one is of an earlier version.
    lag: Option<f64>,
    #[serde(default)]
    restarts: u64,
    #[serde(default)]
    tries: u64,
    /// The last thing that went wrong.
    last_error: Option<String>,
}

pub(in crate::cli) async fn run(args: ConnectionsArgs) -> Exit {
    match text(&args).await {
        Ok(text) => terminal::written(terminal::print(text.as_bytes())),
        Err(error) => error.tell(),
    }
}

/// How a connection is doing at the watchpost that runs with these settings.
pub(in crate::cli) async fn one(settings: &EngineSettings, name: &str) -> Result<ConnectionRow, ClientError> {
    let client = Client::new(Target::of_engine(settings, Path::new("the configuration"))?)?;
    client.get(&["connections", name], &[]).await
}

impl ConnectionRow {
    /// In words.
    pub(in crate::cli) fn told(&self, now: Timestamp) -> String {
        let last = match self.last_event {
            Some(last) => format!("its last event was stored {} ago", ago(last, now)),
            None => "no event since the start".to_owned(),
        };
        let why = if self.reason.is_empty() { String::new() } else { format!(" ({})", clean(&self.reason)) };
        format!("{} for {}{why}; {last}", clean(&self.state), ago(self.since, now))
    }
}

async fn text(args: &ConnectionsArgs) -> Result<String, ClientError> {
    let client = Client::new(args.running.target()?)?;
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    client
        .list(&["connections"], &[], |item| {
            rows.push(client.read::<ConnectionRow>(&item)?);
            raw.push(item);
            Ok(true)
        })
        .await?;
    if args.json {
        return serde_json::to_string(&raw)
            .map(|json| json + "\n")
            .map_err(|error| ClientError::Lost(error.to_string()));
    }
    if rows.is_empty() {
        return Ok("no connections\n".to_owned());
    }
    Ok(table_of(&rows, Timestamp::now()).render(table::colours()))
}

fn table_of(rows: &[ConnectionRow], now: Timestamp) -> Table<11> {
    let mut table = Table::new([
        ("CONNECTION", Side::Left),
        ("VENDOR", Side::Left),
        ("STATE", Side::Left),
        ("SINCE", Side::Right),
        ("EVENTS", Side::Right),
        ("GAPS", Side::Right),
        ("LAST", Side::Right),
        ("LAG", Side::Right),
        ("RESTARTS", Side::Right),
        ("TRIES", Side::Right),
        ("LAST ERROR", Side::Left),
    ]);
    for row in rows {
        let tone = match row.state.as_str() {
            "online" => Tone::Good,
            "halted" => Tone::Bad,
            "stopped" => Tone::Faint,
            _ => Tone::Odd,
        };
        let several = |count: u64, tone| if count > 0 { tone } else { Tone::Plain };
        // What is wrong now comes before what was.
        let error = Some(&row.reason).filter(|reason| !reason.is_empty()).or(row.last_error.as_ref());
        table.row([
            Cell::new(Tone::Strong, &row.name),
            Cell::plain(&row.vendor),
            Cell::new(tone, &row.state),
            Cell::plain(ago(row.since, now)),
            Cell::count(row.events),
            Cell::new(several(row.gaps, Tone::Bad), row.gaps.to_string()),
            Cell::maybe(Tone::Plain, row.last_event.map(|last| ago(last, now) + " ago")),
            Cell::maybe(Tone::Plain, row.lag.map(seconds)),
            Cell::new(several(row.restarts, Tone::Odd), row.restarts.to_string()),
            Cell::count(row.tries),
            Cell::maybe(if row.state == "halted" { Tone::Bad } else { Tone::Faint }, error),
        ]);
    }
    table
}

fn seconds(lag: f64) -> String {
    if lag < 10.0 { format!("{lag:.1}s") } else { format!("{lag:.0}s") }
}
