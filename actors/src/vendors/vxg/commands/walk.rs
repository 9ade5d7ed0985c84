//! Page after page of a camera's events.

use jiff::Timestamp;

use super::super::grant::Grant;
use super::super::rest::{self, CallError, EventsQuery, PageSize};
use super::super::wire::{Asked, Event};
use super::read;
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};

/// Pages that one walk has at most, should they never end.
const MOST_PAGES: u32 = 50;

/// Which events, and how far it has come.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) name: String,
    pub(super) tag: Option<String>,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    size: PageSize,
    offset: u64,
    pages: u32,
}

impl Walk {
    /// Events of a type from `start` on.
    pub(super) fn from(name: &str, start: Timestamp) -> Self {
        Self { name: name.to_owned(), tag: None, start, end: None, size: PageSize::default(), offset: 0, pages: 0 }
    }

    pub(super) fn restart(&mut self) {
        (self.offset, self.pages) = (0, 0);
    }

    fn page(&self) -> Asked {
        self.size.at(self.offset)
    }

    pub(super) fn call(&self, grant: &Grant, camera: i64) -> RestCall {
        // A comma would make two names of one; then events of other types come too, and are passed over.
        let name = Some(self.name.as_str()).filter(|name| !name.contains(','));
        rest::events(
            grant,
            &EventsQuery {
                start: Some(self.start),
                end: self.end,
                page: self.page(),
                cameras: &[camera],
                names: name.as_slice(),
                tags: self.tag.as_deref().as_slice(),
                ..EventsQuery::default()
            },
        )
    }

    /// Shows the page's events of this camera and type to `see`. Whether it was the last page.
    pub(super) fn take<'a>(
        &mut self,
        grant: &Grant,
        camera: i64,
        answer: Result<&'a RestAnswer, &RestError>,
        mut see: impl FnMut(Event<'a>),
    ) -> Result<bool, CallError> {
        let page = match read(answer, |answer| rest::read_page(grant, answer)) {
            Ok(page) => page,
            Err(error) if self.size.lessen(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        self.size.taken();
        let asked = self.page();
        let rows = page.read_rows(Event::read).rows.into_iter();
        rows.filter(|event| event.name == self.name && event.camera.is_none_or(|of| of == camera)).for_each(&mut see);
        self.offset = self.offset.saturating_add(page.rows.len() as u64);
        self.pages += 1;
        Ok(page.is_last(asked) || self.pages >= MOST_PAGES)
    }
}
