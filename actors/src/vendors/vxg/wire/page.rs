//! The envelope of every list: `{"meta":{"limit":20,"next":null,"offset":0,"previous":null,"total_count":3},"objects":[…]}`.

use std::fmt;

use serde_json::value::RawValue;

use crate::vendors::members::{BodyError, Members, Skipped, rows, utf8};

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// `meta.limit`: how many rows the server gives at most, which may be fewer than it was asked for.
    pub limit: Option<u64>,
    /// `meta.offset`.
    pub offset: Option<u64>,
    /// `meta.total_count`: how many rows there are, on all pages.
    pub total_count: Option<u64>,
    /// `meta.next`.
    pub next: Next,
    /// The rows, as they were sent.
    pub rows: Vec<&'a RawValue>,
}

/// What a page says of the one behind it. Its link is never followed: those that VXG gives may lack what was asked for (a third party's client).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing.
    Untold,
    /// There is none.
    Last,
    /// There is one.
    More,
}

/// What a page was asked for with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// How many rows at most.
    pub limit: u32,
    /// From which row on, counted from 0.
    pub offset: u64,
}

/// What could be made of a page's rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows<T> {
    /// In the order they were sent.
    pub rows: Vec<T>,
    /// Those that could not be read.
    pub skipped: Vec<Skipped>,
}

impl<'a> Page<'a> {
    /// Reads a page.
    ///
    /// # Errors
    /// [`BodyError`] when the whole is no page. One whose `objects` are absent or `null` is none: who took it for an empty one would lose what is there.
    pub fn read(body: &'a [u8]) -> Result<Self, BodyError> {
        let members = Members::only(utf8(body)?, &["meta", "objects"])?;
        let meta = members.object("meta");
        let count = |name| meta.number(name).and_then(|number| u64::try_from(number).ok());
        let next = match meta.iter().rfind(|(name, _)| *name == "next") {
            None => Next::Untold,
            Some((_, "null" | "\"\"" | "false")) => Next::Last,
            Some(_) => Next::More,
        };
        Ok(Self {
            limit: count("limit"),
            offset: count("offset"),
            total_count: count("total_count"),
            next,
            rows: rows(members.json("objects").ok_or(BodyError::Lacks("objects"))?)?,
        })
    }

    /// Reads every row: `page.read_rows(Event::read)`.
    pub fn read_rows<T, E: fmt::Display>(&self, read: impl Fn(&'a str) -> Result<T, E>) -> Rows<T> {
        let mut all = Rows { rows: Vec::with_capacity(self.rows.len()), skipped: Vec::new() };
        for (row, json) in self.rows.iter().enumerate() {
            match read(json.get()) {
                Ok(value) => all.rows.push(value),
                Err(error) => all.skipped.push(Skipped { row, why: error.to_string() }),
            }
        }
        all
    }

    /// Whether there is no page behind this one.
    ///
    /// It has no rows, or says that there is no next, or its rows reach to `total_count`, whichever it is. A count that the page itself goes beyond is
    /// not believed. Where nothing is said of either, it is the last if it has fewer rows than were asked for and than the server gives at most.
    #[must_use]
    pub fn is_last(&self, asked: Asked) -> bool {
        let reached = asked.offset.saturating_add(self.rows.len() as u64);
        let counted = self.total_count.filter(|total| *total >= reached);
        match (self.rows.is_empty(), self.next, counted) {
            (true, ..) | (_, Next::Last, _) => true,
            (_, _, Some(total)) => total == reached,
            (_, Next::More, None) => false,
            (_, Next::Untold, None) => {
                let most = self.limit.filter(|limit| *limit > 0).unwrap_or(u64::MAX).min(asked.limit.into());
                (self.rows.len() as u64) < most
            }
        }
    }
}
