//! A demo in a pipe: one line for each thing that happens.

use std::io;

use watchpost::actors::{callbacks::SharedEvent, model::Origin};

use super::{View, stage::Notice, tally::Tally};
use crate::cli::{
    terminal,
    words::{clock, engine_says, printable},
};

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
