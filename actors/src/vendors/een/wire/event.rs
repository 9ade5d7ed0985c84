//! The members of an event that mean something to us.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, MapAccess};

use super::loose;
use super::read::{Object, Take, json, skip};

/// Members of an event; what is absent, or neither text nor number, is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventMembers<'a> {
    /// The event as it was sent.
    pub json: &'a str,
    /// When it happened, as it was sent; see [`een_time`](super::een_time).
    pub timestamp: Cow<'a, str>,
    /// The value of the member that was named as its id. Ids are unsigned, but sent as signed numbers; that they stay.
    pub id: Cow<'a, str>,
}

impl<'a> EventMembers<'a> {
    /// The members of an event's JSON, with `id` as the name of its id (see [`Code::id`](crate::vendors::een::codes::Code::id)). Of a member that
    /// comes twice the last one counts. What is no object has no members.
    #[must_use]
    pub fn of(json: &'a str, id: &str) -> Self {
        let mut found = Found { timestamp: Cow::default(), id: Cow::default(), name: id };
        // What is no JSON cannot come out of a frame; it would have as many members as were found.
        let _ = Object(&mut found).deserialize(&mut serde_json::Deserializer::from_str(json));
        Self { json, timestamp: found.timestamp, id: found.id }
    }
}

struct Found<'a, 'n> {
    timestamp: Cow<'a, str>,
    id: Cow<'a, str>,
    name: &'n str,
}

impl<'de> Take<'de> for Found<'de, '_> {
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        let text = |json| loose::text(json).unwrap_or_default();
        match &*name {
            "timestamp" => self.timestamp = text(json(map)?),
            name if name == self.name => self.id = text(json(map)?),
            _ => skip(map)?,
        }
        Ok(())
    }
}
