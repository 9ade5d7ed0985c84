//! A demo in a pipe: one line for each thing that happens.

use std::io;

use watchpost::actors::{callbacks::SharedEvent, model::Origin};

use super::{View, stage::Notice, tally::Tally};
use crate::cli::terminal;

/// Lines, and nothing else.
#[derive(Debug)]
pub(super) struct Plain;

impl View for Plain {
    fn event(&mut self, event: &SharedEvent) -> io::Result<()> {
        terminal::print(format!("{}\n", Row::of(event).line()).as_bytes())
    }

    fn notice(&mut self, notice: &Notice) -> io::Result<()> {
        terminal::print(format!("-- {}\n", printable(&notice.to_string())).as_bytes())
    }

    fn tick(&mut self, _: &Tally) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &Tally) -> io::Result<()> {
        Ok(())
    }
}

/// An event in columns.
pub(super) struct Row {
    /// When, to the millisecond, in UTC.
    pub(super) time: String,
    pub(super) connection: String,
    /// The item's name; empty for the engine's own events.
    pub(super) item: String,
    pub(super) kind: String,
    /// The state that it sets, or what the engine has to say.
    pub(super) says: String,
    /// It is the engine's own, to be marked.
    pub(super) marked: bool,
}

impl Row {
    pub(super) fn of(event: &SharedEvent) -> Self {
        let stored = event.get();
        let event = stored.event;
        let item = event.item.map(|item| printable(item.name.as_deref().unwrap_or(&item.id)));
        let state = event.meaning.state.as_ref();
        let marked = event.origin == Origin::Engine;
        let says = match state {
            _ if marked => engine_says(event.data),
            Some(state) => format!("{} {}", printable(&state.group), printable(&state.value)),
            None => String::new(),
        };
        // Where an event came from is worth a word only when it did not come live.
        let from = match event.origin {
            Origin::Live | Origin::Engine => String::new(),
            origin => format!("  ({origin})"),
        };
        Self {
            time: clock(event.time),
            connection: stored.commit.connection.to_string(),
            item: item.unwrap_or_default(),
            kind: printable(&event.meaning.kind),
            says: says + &from,
            marked,
        }
    }

    fn line(&self) -> String {
        let Self { time, connection, item, kind, says, marked } = self;
        if *marked {
            format!("{time} {connection} ** {kind}: {says}")
        } else {
            format!("{time} {connection} {item:<24} {kind:<28} {says}").trim_end().to_owned()
        }
    }
}

/// The time of day of an RFC 3339 text.
fn clock(time: &str) -> String {
    let instant = time.parse::<jiff::Timestamp>().unwrap_or_else(|_| jiff::Timestamp::now());
    // 2026-06-11T09:17:59.123Z
    let text = format!("{instant:.3}");
    text.get(11..23).unwrap_or_default().to_owned()
}

/// The engine's own events in words.
fn engine_says(data: &str) -> String {
    let data: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    let text = |name: &str| data.get(name).and_then(|text| text.as_str()).unwrap_or_default();
    let said = if data.get("from").is_some() {
        let [from, to] = ["from", "to"].map(|name| clock(text(name)));
        format!("events between {from} and {to} may be missing ({}); recovered: {}", text("reason"), text("recovered"))
    } else {
        let reason = text("reason");
        let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        format!("{} -> {}{why}", text("old"), text("new"))
    };
    printable(&said)
}

/// Names come from elsewhere, and must not steer the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_own_events_are_told_in_words() {
        let gap = r#"{"from":"2026-06-11T09:17:59.1234567Z","to":"2026-06-11T09:18:07Z","reason":"session_expired","recovered":"states"}"#;
        assert_eq!(
            engine_says(gap),
            "events between 09:17:59.123 and 09:18:07.000 may be missing (session_expired); recovered: states"
        );
        assert_eq!(engine_says(r#"{"old":"online","new":"delayed","reason":"lost"}"#), "online -> delayed (lost)");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(printable("Lobby\u{1b}[2J"), "Lobby\u{fffd}[2J");
    }
}
