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

    /// Whether there is no page behind this one, without a doubt.
    ///
    /// It has no rows; or it says so, by its link, its count or by having fewer rows than the server gives at most, and nothing of it says otherwise: neither
    /// a link, nor a count other than it reaches to, nor that it is full. Who gets `false` asks for the next one, which is empty if there was none.
    #[must_use]
    pub fn is_last(&self, asked: Asked) -> bool {
        self.rows.is_empty() || (self.is_end_told(asked) && !self.is_end_doubted(asked))
    }

    /// Whether it says of itself that there is another page.
    #[must_use]
    pub fn is_more_told(&self, asked: Asked) -> bool {
        self.next == Next::More
            || self.total_count.is_some_and(|total| total > self.reached(asked))
            || self.is_full(asked)
    }

    fn is_end_told(&self, asked: Asked) -> bool {
        let is_short = self.most().is_some() && !self.is_full(asked);
        self.next == Next::Last || self.total_count == Some(self.reached(asked)) || is_short
    }

    fn is_end_doubted(&self, asked: Asked) -> bool {
        // A count that the page itself goes beyond is one of a server that counts wrong.
        self.is_more_told(asked) || self.total_count.is_some_and(|total| total != self.reached(asked))
    }

    fn reached(&self, asked: Asked) -> u64 {
        asked.offset.saturating_add(self.rows.len() as u64)
    }

    /// How many rows the server gives at most, if it says so: none is no limit.
    fn most(&self) -> Option<u64> {
        self.limit.filter(|limit| *limit > 0)
    }

    fn is_full(&self, asked: Asked) -> bool {
        self.rows.len() as u64 >= self.most().unwrap_or(u64::MAX).min(asked.limit.into())
    }
}
