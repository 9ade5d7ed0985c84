//! A page of the history: `GET /v1/subscriptions/{sid}/events`.

use super::event::Event;
use crate::vendors::members::{BodyError, Members, Skipped, rows};

/// A page of a system's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventsPage<'a> {
    /// In the order they were sent: newest first, as far as was seen.
    pub events: Vec<Event<'a>>,
    /// Rows that are no objects.
    pub skipped: Vec<Skipped>,
}

impl<'a> EventsPage<'a> {
    /// Reads a page.
    ///
    /// # Errors
    /// [`BodyError`] when the whole is no page.
    pub fn read(body: &'a [u8]) -> Result<Self, BodyError> {
        let members = Members::of_body(body, &["events"])?;
        let list = members.json("events").ok_or(BodyError::Lacks("events"))?;
        let (mut events, mut skipped) = (Vec::new(), Vec::new());
        for (row, json) in rows(list)?.into_iter().enumerate() {
            match Event::read(json.get()) {
                Ok(event) => events.push(event),
                Err(error) => skipped.push(Skipped { row, why: error.to_string() }),
            }
        }
        Ok(Self { events, skipped })
    }
}
