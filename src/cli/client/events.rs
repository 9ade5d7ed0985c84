//! `watchpost events`.

use clap::{Args, value_parser};
use serde_json::value::RawValue;
use tokio::select;

use super::{
    Client, ClientError,
    filter::{self, Choice, Wanted},
    http::{PAGE, Page, Query},
    show::EventRow,
    sse::{Heard, Stream},
    target::Running,
    trouble::Trouble,
};
use crate::cli::{Exit, signals::Signals, table, terminal};

/// How far back it is looked where that is not said.
const USUAL_SINCE: &str = "1h";

/// Show past events out of the journal of a running watchpost, and follow new ones
///
/// FILTER is KEY=GLOB, with one of connection, vendor, type, item, name, group, value, origin; or a word that is looked for in names, items, types and
/// groups. Of globs with one key one must match; of keys and words all must. Filters on items hide no gap.
///
/// Without --since, the last hour; with --follow, what comes from now on. Times are those at which events were stored. --follow goes on until Ctrl-C, or
/// --limit, and where the watchpost is started anew it goes on behind the last event that it has shown: none is left out, and none repeated.
///
/// A line has time, connection, name, type, state, and the vendor's own words. With --json, one CloudEvent a line, as sinks deliver it.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost events --since 1h
  watchpost events --since 2026-06-11T08:00:00Z --until 2026-06-11T09:00:00Z connection=hq 'type=motion.*'
  watchpost events --follow lobby
  watchpost events --follow --json --since 24h type=gap | jq .data")]
pub(in crate::cli) struct EventsArgs {
    /// Which events: KEY=GLOB, or a word to look for
    #[arg(value_name = "FILTER", value_parser = filter::of_event)]
    filter: Vec<Wanted>,
    /// Stored from then on: so long ago (1h), or a time (2026-06-11T08:00:00Z)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Stored before then
    #[arg(long, value_name = "WHEN", conflicts_with = "follow")]
    until: Option<String>,
    /// Show so many, and end
    #[arg(long, short = 'n', value_name = "N", value_parser = value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,
    /// One CloudEvent a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    running: Running,
}

pub(in crate::cli) async fn run(args: EventsArgs) -> Exit {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return ClientError::Lost(error.to_string()).tell(),
    };
    select! {
        outcome = show(&args) => outcome.unwrap_or_else(|error| error.tell()),
        () = signals.next() => Exit::Done,
    }
}

/// Writes events, until there are enough.
struct Shower<'a> {
    client: &'a Client,
    choice: Choice,
    json: bool,
    colour: bool,
    left: Option<u64>,
    /// The last that has come, shown or not.
    last: Option<u64>,
}

/// Why no more is shown.
enum Enough {
    /// So many were wanted.
    Limit,
    /// Nobody reads any more, or it cannot be written.
    Written(std::io::Error),
}

impl Shower<'_> {
    /// How many events are worth asking for at a time.
    fn page(&self) -> usize {
        let left = self.left.filter(|_| !self.choice.is_partly_ours()).and_then(|left| usize::try_from(left).ok());
        left.map_or(PAGE, |left| left.clamp(1, PAGE))
    }

    /// Shows an event if it is wanted and new.
    fn show(&mut self, raw: &RawValue) -> Result<Result<(), Enough>, ClientError> {
        let row: EventRow<'_> = self.client.read(raw)?;
        let sequence = row.sequence.parse().map_err(|error| ClientError::unreadable(self.client.target(), error))?;
        // What a stream tells of itself stands where events are missing, which may be below all that was shown.
        if !row.is_of_stream() && self.last.is_some_and(|last| sequence <= last) {
            return Ok(Ok(()));
        }
        self.last = Some(sequence);
        if !row.is_of_engine() && !self.choice.wants(row.value(), &row.texts()) {
            return Ok(Ok(()));
        }
        let line = if self.json { format!("{}\n", raw.get()) } else { row.line(self.colour) };
        if let Err(error) = terminal::print(line.as_bytes()) {
            return Ok(Err(Enough::Written(error)));
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                return Ok(Err(Enough::Limit));
            }
        }
        Ok(Ok(()))
    }
}

async fn show(args: &EventsArgs) -> Result<Exit, ClientError> {
    let client = Client::new(args.running.target()?)?;
    let choice = Choice::new(&args.filter);
    let mut query = choice.query.clone();
    let (json, colour) = (args.json, table::colours());
    let mut shower = Shower { client: &client, choice, json, colour, left: args.limit, last: None };
    if !args.follow {
        query.push(("since", args.since.clone().unwrap_or_else(|| USUAL_SINCE.to_owned())));
        query.extend(args.until.clone().map(|until| ("until", until)));
        return Ok(past(&client, &query, &mut shower).await?.map_or_else(ended, |()| Exit::Done));
    }
    query.extend(args.since.clone().map(|since| ("since", since)));
    let mut stream = Stream::new(&client, ["events", "stream"], query);
    let mut trouble = Trouble::default();
    loop {
        match stream.next().await? {
            Heard::Opened => trouble.is_over(client.target()),
            Heard::Cut(why) => trouble.is(&why),
            Heard::Frame(frame) if frame.event == "event" => {
                let raw: &RawValue = serde_json::from_str(&frame.data)
                    .map_err(|error| ClientError::unreadable(client.target(), error))?;
                if let Err(enough) = shower.show(raw)? {
                    return Ok(ended(enough));
                }
            }
            Heard::Frame(_) => {}
        }
    }
}

/// Shows what the journal holds, page by page.
async fn past(client: &Client, query: &Query, shower: &mut Shower<'_>) -> Result<Result<(), Enough>, ClientError> {
    let mut after: Option<String> = None;
    loop {
        let mut query = query.clone();
        query.push(("limit", shower.page().to_string()));
        query.extend(after.take().map(|after| ("after", after)));
        let page: Page = client.get(&["events"], &query).await?;
        for item in &page.items {
            if let Err(enough) = shower.show(item)? {
                return Ok(Err(enough));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(Ok(())),
        }
    }
}

fn ended(enough: Enough) -> Exit {
    match enough {
        Enough::Limit => Exit::Done,
        Enough::Written(error) => terminal::written(Err(error)),
    }
}
