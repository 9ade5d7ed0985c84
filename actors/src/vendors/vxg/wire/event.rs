//! One occurrence: a row of `GET /api/v2/storage/events/`, or the answer to one alone.

use std::borrow::Cow;

use jiff::Timestamp;

use super::meta::MetaPrint;
use super::time;
use crate::vendors::members::{BodyError, Members};

/// An event, as far as the engine needs it; the whole of it is [`json`](Self::json).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// The event as it was sent.
    pub json: &'a str,
    /// `id`: the occurrence's own.
    pub id: i64,
    /// `camid`: of which camera.
    pub camera: Option<i64>,
    /// `name`: of which type; empty where it has none.
    pub name: Cow<'a, str>,
    /// `alias`: how people shall read the name.
    pub alias: Option<Cow<'a, str>>,
    /// `time`, by the camera's clock as far as is known. Its text has a `Z`: `event.time.to_string()`.
    pub time: Timestamp,
    /// `meta`, as JSON; `None` where it is absent or null, also because it was not asked for.
    pub meta: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Reads an event.
    ///
    /// # Errors
    /// [`BodyError`] for what is no object, and for one without an id or a time, without which it has no place among others.
    pub fn read(json: &'a str) -> Result<Self, BodyError> {
        let members = Members::only(json, &["id", "camid", "name", "alias", "time", "meta"])?;
        Ok(Self {
            json,
            id: members.number("id").ok_or(BodyError::Lacks("id"))?,
            camera: members.number("camid"),
            name: members.text("name").unwrap_or_default(),
            alias: members.text("alias"),
            time: members.text("time").and_then(|text| time::parse(&text)).ok_or(BodyError::Lacks("time"))?,
            meta: members.json("meta"),
        })
    }

    /// What people call its type: the alias, if it has one (VXG's web client).
    #[must_use]
    pub fn title(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    /// What tells its `meta` from another that it may have later.
    #[must_use]
    pub fn meta_print(&self) -> MetaPrint {
        self.meta.map_or(MetaPrint::NONE, MetaPrint::of)
    }

    /// Whether its `meta` has a tag of this name.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        let members = self.meta.and_then(|json| Members::of(json).ok());
        members.is_some_and(|members| members.iter().any(|(name, _)| name == tag))
    }
}
