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
    /// `time`, by the camera's clock as far as is known.
    pub time: Timestamp,
    /// `time`, as it was sent.
    pub written: Cow<'a, str>,
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
        let written = members.text("time").unwrap_or_default();
        Ok(Self {
            json,
            id: members.number("id").ok_or(BodyError::Lacks("id"))?,
            camera: members.number("camid"),
            name: members.text("name").unwrap_or_default(),
            alias: members.text("alias"),
            time: time::parse(&written).ok_or(BodyError::Lacks("time"))?,
            written,
            meta: members.json("meta"),
        })
    }

    /// Its time in UTC as RFC 3339: the text that was sent, with the `Z` that it lacks, wherever that is one.
    #[must_use]
    pub fn time_text(&self) -> String {
        let text = self.written.trim();
        let text = text.strip_suffix('Z').unwrap_or(text);
        if time::is_plain(text) { format!("{text}Z") } else { self.time.to_string() }
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
