//! What can go wrong with the file, and which of it means that the file is damaged.

use std::{io, path::PathBuf};

use rusqlite::{Error, ErrorCode};

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A later version has written it. Trying again does not help.
    #[error(
        "{} was written by a newer watchpost (schema {schema}, this one knows {known}): use that version, or another data_dir",
        file.display()
    )]
    Newer {
        /// The file, which was left as it is.
        file: PathBuf,
        /// The version of its schema.
        schema: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// It is an SQLite file of something else. Trying again does not help.
    #[error("{} is an SQLite file, but no journal of watchpost: move it away, or set another data_dir", file.display())]
    NotOurs {
        /// The file, which was left as it is.
        file: PathBuf,
    },
    /// It could not be brought to this version's schema, and is still what it was. Trying again helps where the disk was full.
    #[error("{} could not be brought from schema {from} to {to}: {source}", file.display())]
    Migration {
        /// The file.
        file: PathBuf,
        /// The version of its schema.
        from: i64,
        /// The version it was to get.
        to: i64,
        /// What SQLite said.
        source: Error,
    },
    /// The system did not let it be read, created or renamed. Trying again helps once that is mended.
    #[error("cannot use {}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite could not open it: the disk is full, say, or another program holds it. Trying again helps once that is mended.
    #[error("cannot open {}: {source}", file.display())]
    Sqlite {
        /// The file.
        file: PathBuf,
        /// What SQLite said.
        source: Error,
    },
}

impl OpenError {
    /// Whether trying again later can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Newer { .. } | Self::NotOurs { .. })
    }
}

/// Whether the error says that what is stored cannot be trusted any more: neither a full disk nor a busy file does.
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..)
        | Error::QueryReturnedNoRows => true,
        error => matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)),
    }
}
