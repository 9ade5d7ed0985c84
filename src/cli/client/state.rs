//! `watchpost state`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal},
    time::Duration,
};

use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use terminal_size::{Height, terminal_size};
use tokio::{
    select,
    time::{MissedTickBehavior, interval},
};

use super::{
    Client, ClientError, Target,
    filter::{self, Choice, Wanted},
    show::{self, StateRow},
    sse::{Frame, Heard, Stream},
    target::Running,
    trouble::Trouble,
};
use crate::cli::{Exit, signals::Signals, table, terminal};

/// How often a picture is drawn anew, at most.
const REDRAW: Duration = Duration::from_millis(200);
/// How often it is drawn for the sake of time that passes.
const AGES: Duration = Duration::from_secs(1);
/// Lines of a terminal that does not tell its size.
const USUAL_HEIGHT: usize = 24;

/// Show the present states of a running watchpost
///
/// FILTER is KEY=GLOB, with one of connection, vendor, item, name, group, value, origin; or a word that is looked for in names, items and groups. Of
/// globs with one key one must match; of keys and words all must. A state is stale while its connection is not online.
///
/// With --watch they are followed: drawn in place on a terminal, a line for each change in a pipe, until Ctrl-C. Where the watchpost is started anew it
/// goes on.
///
/// With --json, one array with an object for each: connection, item, itemname, group, value, vendorgroup, vendorvalue, text, time, sequence, origin,
/// stale. With --watch too, one such object a line: first every state, then each that changes.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost state
  watchpost state lobby
  watchpost state group=connection value=offline
  watchpost state connection='stores/*' group=motion --watch
  watchpost state --json | jq -r '.[] | select(.stale) | .itemname'")]
pub(in crate::cli) struct StateArgs {
    /// Which states: KEY=GLOB, or a word to look for
    #[arg(value_name = "FILTER", value_parser = filter::of_state)]
    filter: Vec<Wanted>,
    /// Follow them until Ctrl-C
    #[arg(long, short)]
    watch: bool,
    /// One JSON array; with --watch one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    running: Running,
}

pub(in crate::cli) async fn run(args: StateArgs) -> Exit {
    let outcome = if args.watch { watch(&args).await } else { list(&args).await };
    outcome.unwrap_or_else(|error| error.tell())
}

async fn list(args: &StateArgs) -> Result<Exit, ClientError> {
    let client = Client::new(args.running.target()?)?;
    let choice = Choice::new(&args.filter);
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    client
        .list(&["states"], &choice.query, |item| {
            let row = client.read::<StateRow>(&item)?;
            if choice.wants(&row.value, &row.texts()) {
                rows.push(row);
                raw.push(item);
            }
            Ok(true)
        })
        .await?;
    let text = if args.json {
        serde_json::to_string(&raw).map_err(|error| ClientError::Lost(error.to_string()))? + "\n"
    } else {
        show::states(rows.iter(), Timestamp::now(), usize::MAX, table::colours())
    };
    Ok(terminal::written(terminal::print(text.as_bytes())))
}

/// What is known while it is followed.
struct Known {
    choice: Choice,
    states: BTreeMap<(String, String, String), StateRow>,
    /// Those that were told since the stream was opened, until all are: what is not among them then is no more.
    told: Option<BTreeSet<(String, String, String)>>,
    /// Connections that are not online.
    away: BTreeSet<String>,
}

/// How states are followed.
trait View {
    /// A state is new or has changed.
    fn changed(&mut self, row: &StateRow, raw: &str) -> io::Result<()>;
    /// States may have changed, or time has passed.
    fn draw(&mut self, known: &Known) -> io::Result<()>;
    /// The stream was cut.
    fn cut(&mut self, why: &ClientError) -> io::Result<()>;
    /// It is open, for the first time or again.
    fn opened(&mut self, target: &Target) -> io::Result<()>;
}

async fn watch(args: &StateArgs) -> Result<Exit, ClientError> {
    let mut signals = Signals::new().map_err(|error| ClientError::Lost(error.to_string()))?;
    let client = Client::new(args.running.target()?)?;
    let choice = Choice::new(&args.filter);
    let mut stream = Stream::new(&client, ["states", "stream"], choice.query.clone());
    let mut known = Known { choice, states: BTreeMap::new(), told: None, away: BTreeSet::new() };
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let mut view: Box<dyn View> = if args.json || !io::stdout().is_terminal() || is_dumb {
        Box::new(Lines { json: args.json, colour: table::colours(), trouble: Trouble::default() })
    } else {
        Box::new(Picture { drawn: 0, why: None, colour: terminal::colours_are_welcome() })
    };
    let (mut redraw, mut ages) = (interval(REDRAW), interval(AGES));
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ages.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_new = true;
    loop {
        let written = select! {
            () = signals.next() => {
                drop(view);
                return Ok(Exit::Done);
            }
            heard = stream.next() => match heard? {
                Heard::Opened => {
                    known.told = Some(BTreeSet::new());
                    view.opened(client.target())
                }
                Heard::Cut(why) => {
                    is_new = true;
                    view.cut(&why)
                }
                Heard::Frame(frame) => {
                    is_new = true;
                    known.take(&client, &frame, &mut *view)?
                }
            },
            _ = redraw.tick(), if is_new && known.told.is_none() => {
                is_new = false;
                view.draw(&known)
            }
            _ = ages.tick() => view.draw(&known),
        };
        if written.is_err() {
            return Ok(terminal::written(written));
        }
    }
}

/// How a connection is doing, as the stream tells it.
#[derive(Deserialize)]
struct ConnectionNews {
    name: String,
    state: String,
}

/// A connection that is there no more.
#[derive(Deserialize)]
struct Gone {
    connection: String,
}

impl Known {
    fn take(&mut self, client: &Client, frame: &Frame, view: &mut dyn View) -> Result<io::Result<()>, ClientError> {
        match frame.event.as_str() {
            "state" => self.state(client, &frame.data, view),
            "present" => {
                if let Some(told) = self.told.take() {
                    // Behind a restart there are connections that have not come yet.
                    self.states.retain(|key, _| told.contains(key) || self.away.contains(&key.0));
                }
                Ok(Ok(()))
            }
            "connection" => {
                let raw: Box<RawValue> = serde_json::from_str(&frame.data)
                    .map_err(|error| ClientError::unreadable(client.target(), error))?;
                let news: ConnectionNews = client.read(&raw)?;
                Ok(self.connection(&news, view))
            }
            "removed" => {
                let gone: Gone = serde_json::from_str(&frame.data)
                    .map_err(|error| ClientError::unreadable(client.target(), error))?;
                self.removed(&gone.connection);
                Ok(Ok(()))
            }
            // What a later version may tell besides.
            _ => Ok(Ok(())),
        }
    }

    fn state(&mut self, client: &Client, data: &str, view: &mut dyn View) -> Result<io::Result<()>, ClientError> {
        let row: StateRow =
            serde_json::from_str(data).map_err(|error| ClientError::unreadable(client.target(), error))?;
        let key = row.key();
        if let Some(told) = &mut self.told {
            told.insert(key.clone());
        }
        if !self.choice.wants(&row.value, &row.texts()) {
            // It may have been wanted for the value that it had.
            return match self.states.remove(&key) {
                Some(_) => Ok(view.changed(&row, data)),
                None => Ok(Ok(())),
            };
        }
        // That a connection came or went is no change of each of its states.
        let before = self.states.insert(key, row.clone()).map(|before| StateRow { stale: row.stale, ..before });
        Ok(if before.as_ref() == Some(&row) { Ok(()) } else { view.changed(&row, data) })
    }

    /// What nobody tells of any more is not known.
    fn removed(&mut self, connection: &str) {
        self.away.remove(connection);
        self.states.retain(|(of, ..), _| of != connection);
        if let Some(told) = &mut self.told {
            told.retain(|(of, ..)| of != connection);
        }
    }

    /// While a connection is not online its states are stale.
    fn connection(&mut self, news: &ConnectionNews, _: &mut dyn View) -> io::Result<()> {
        let stale = news.state != "online";
        if stale {
            self.away.insert(news.name.clone());
        } else {
            self.away.remove(&news.name);
        }
        for row in self.states.values_mut().filter(|row| row.connection == news.name) {
            row.stale = stale;
        }
        Ok(())
    }
}

/// A line for each change.
struct Lines {
    json: bool,
    colour: bool,
    trouble: Trouble,
}

impl View for Lines {
    fn changed(&mut self, row: &StateRow, raw: &str) -> io::Result<()> {
        let line = if self.json { format!("{raw}\n") } else { row.line(self.colour) };
        terminal::print(line.as_bytes())
    }

    fn draw(&mut self, _: &Known) -> io::Result<()> {
        Ok(())
    }

    fn cut(&mut self, why: &ClientError) -> io::Result<()> {
        self.trouble.is(why);
        Ok(())
    }

    fn opened(&mut self, target: &Target) -> io::Result<()> {
        self.trouble.is_over(target);
        Ok(())
    }
}

/// A table that is drawn in place. The cursor comes back when this is dropped.
struct Picture {
    drawn: usize,
    /// Why what is shown may be old.
    why: Option<String>,
    colour: bool,
}

impl Drop for Picture {
    fn drop(&mut self) {
        terminal::show_cursor();
    }
}

impl View for Picture {
    fn changed(&mut self, _: &StateRow, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn draw(&mut self, known: &Known) -> io::Result<()> {
        let rows = terminal_size().map_or(USUAL_HEIGHT, |(_, Height(rows))| rows.into());
        // Heading, what is left out, what is wrong, and the cursor.
        let most = rows.saturating_sub(4).max(1);
        let mut text = show::states(known.states.values(), Timestamp::now(), most, self.colour);
        if let Some(why) = &self.why {
            text += &table::painted(table::Tone::Odd, &format!("{why}; trying again"), self.colour);
            text.push('\n');
        }
        let mut picture = String::from("\x1b[?25l\x1b[?7l");
        if self.drawn > 0 {
            picture += &format!("\x1b[{}A", self.drawn);
        }
        picture.push('\r');
        self.drawn = 0;
        for line in text.lines() {
            picture += &format!("{line}\x1b[K\n");
            self.drawn += 1;
        }
        // Whatever the picture before had below; and lines are broken again.
        picture += "\x1b[J\x1b[?7h";
        terminal::print(picture.as_bytes())
    }

    fn cut(&mut self, why: &ClientError) -> io::Result<()> {
        self.why = Some(table::clean(why.to_string().lines().next().unwrap_or_default()));
        Ok(())
    }

    fn opened(&mut self, _: &Target) -> io::Result<()> {
        self.why = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use watchpost::config::EngineSettings;

    use super::*;

    #[test]
    fn states_of_a_connection_that_is_removed_are_gone_and_others_stay() {
        let client = Client::new(Target::of_engine(&EngineSettings::default(), Path::new("f")).unwrap()).unwrap();
        let mut known = Known { choice: Choice::new(&[]), states: BTreeMap::new(), told: None, away: BTreeSet::new() };
        let mut view = Lines { json: true, colour: false, trouble: Trouble::default() };
        let frame = |event: &str, data: String| Frame { id: None, event: event.to_owned(), data };
        for connection in ["stores/4", "stores/42"] {
            let state = format!(
                r#"{{"connection":"{connection}","item":"cameras/1","itemname":null,"group":"motion","value":"detected",
                    "vendorgroup":null,"time":"2026-06-11T09:17:59Z","stale":false}}"#
            );
            known.take(&client, &frame("state", state.replace('\n', "")), &mut view).unwrap().unwrap();
        }
        assert_eq!(known.states.len(), 2);
        let removed = frame("removed", r#"{"connection":"stores/4"}"#.to_owned());
        known.take(&client, &removed, &mut view).unwrap().unwrap();
        let left: Vec<_> = known.states.values().map(|row| row.connection.as_str()).collect();
        assert_eq!(left, ["stores/42"]);
    }
}
