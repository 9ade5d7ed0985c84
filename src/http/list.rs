//! Lists that are handed out page by page.

use serde::Serialize;

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    /// What to give as `after` for the next page; none on the last.
    #[schema(required)]
    pub(super) next: Option<String>,
}
