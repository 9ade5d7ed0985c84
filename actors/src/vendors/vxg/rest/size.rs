//! How many rows a list is asked for at once.

use super::{CallError, MOST_ROWS};
use crate::vendors::vxg::wire::Asked;

/// What is tried one after the other. VXG's clients ask for each of the first three somewhere, and the last is the server's own size on VXG's pages.
const SIZES: [u32; 4] = [MOST_ROWS, 200, 100, 20];

/// How many rows to ask for. Which are too many is not documented, nor whether a server then gives fewer or refuses the call: so one that was refused is
/// made again with fewer, until a page has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize {
    rows: u32,
    is_taken: bool,
}

impl Default for PageSize {
    /// As many as any client asks for.
    fn default() -> Self {
        Self { rows: MOST_ROWS, is_taken: false }
    }
}

impl PageSize {
    /// How many rows.
    #[must_use]
    pub fn rows(self) -> u32 {
        self.rows
    }

    /// The page that begins with this row.
    #[must_use]
    pub fn at(self, offset: u64) -> Asked {
        Asked { limit: self.rows, offset }
    }

    /// A page has come: it is none too many, and stays.
    pub fn taken(&mut self) {
        self.is_taken = true;
    }

    /// Whether to ask once more, with fewer rows: nothing has come yet, and this refusal may be for their number. When there are no fewer it was not, and
    /// it begins with the most again.
    pub fn lessen(&mut self, error: &CallError) -> bool {
        if self.is_taken || !matches!(error, CallError::Bad { status: 400 | 422, .. }) {
            return false;
        }
        let fewer = SIZES.into_iter().find(|size| *size < self.rows);
        self.rows = fewer.unwrap_or(MOST_ROWS);
        fewer.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> CallError {
        CallError::Bad { status, detail: None }
    }

    #[test]
    fn a_refused_number_of_rows_becomes_less_until_a_page_has_come() {
        let mut size = PageSize::default();
        for rows in [200, 100, 20] {
            assert!(size.lessen(&refused(400)));
            assert_eq!(size.at(7), Asked { limit: rows, offset: 7 });
        }
        assert!(!size.lessen(&refused(400)), "it is not the number");
        assert_eq!(size, PageSize::default());
        assert!(!size.lessen(&CallError::Forbidden(None)) && !size.lessen(&refused(414)));
        assert!(size.lessen(&refused(422)));
        size.taken();
        assert!(!size.lessen(&refused(400)));
        assert_eq!(size.rows(), 200);
    }
}
