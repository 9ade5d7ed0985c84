//! Lists that are handed out page by page.

use serde::Serialize;

use super::problem::{Answer, Problem};

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    /// What to give as `after` for the next page; none on the last.
    #[schema(required)]
    pub(super) next: Option<String>,
}

impl<T> List<T> {
    /// The page behind the thing that is called `after`, of all that there are.
    pub(super) fn of_all(
        mut all: Vec<T>,
        after: Option<&str>,
        limit: usize,
        name: impl Fn(&T) -> &str,
    ) -> Answer<Self> {
        if let Some(after) = after {
            let place = all.iter().position(|one| name(one) == after);
            all.drain(..=place.ok_or_else(|| Problem::wrong("after", "this is no `next` of this list"))?);
        }
        let has_more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().filter(|_| has_more).map(|one| name(one).to_owned());
        Ok(Self { items: all, next })
    }
}
