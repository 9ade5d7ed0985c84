//! Why the store of deliveries could not do what it was asked.

use std::path::PathBuf;

/// Why something could not be stored or read. [`is_retryable`](Self::is_retryable) says whether the same can succeed later.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The sink may not have more dead letters. Nothing was changed; the sink waits until some are retried or dropped.
    #[error(
        "sink \"{sink}\" has {letters} dead letters of {bytes} bytes, and may have no more: retry or drop some (watchpost dead-letters)"
    )]
    Full {
        /// The sink.
        sink: String,
        /// How many it has.
        letters: u64,
        /// The bytes of their events.
        bytes: u64,
    },
    /// The sink has never begun.
    #[error("nothing is known of a sink \"{sink}\"")]
    UnknownSink {
        /// The sink.
        sink: String,
    },
    /// The dead letter was removed.
    #[error("there is no dead letter {id}")]
    NoDeadLetter {
        /// Its id.
        id: i64,
    },
    /// The replay has ended.
    #[error("there is no replay {id} any more")]
    NoReplay {
        /// Its id.
        id: i64,
    },
    /// The file was written by a later version, and was left untouched.
    #[error(
        "{} has format {found}, and this version of watchpost knows formats up to {known}: use the version that wrote it, or a later one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The latest format that this version knows.
        known: i64,
    },
    /// The file is a database of something else, and was left untouched.
    #[error("{} is a database, but not one of watchpost's deliveries: move it away, or set another data_dir", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged. When watchpost starts the next time, it lays the file aside and begins a new one.
    #[error(
        "the store of deliveries is damaged: {0}\nstop watchpost and start it again: it lays the file aside and begins a new one"
    )]
    Corrupt(String),
    /// The disk is full, say, or the file may not be written; the text says what to do.
    #[error("the store of deliveries cannot be used now: {0}")]
    Unavailable(String),
}

impl DeliveryError {
    /// The same, with the file that it is about, where nothing names it yet.
    #[cfg(feature = "sqlite")]
    pub(super) fn of(self, path: &std::path::Path) -> Self {
        match self {
            Self::Corrupt(why) => Self::Corrupt(format!("{}: {why}", path.display())),
            Self::Unavailable(why) => Self::Unavailable(format!("{}: {why}", path.display())),
            other => other,
        }
    }

    /// Whether trying the same again later can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Unavailable(_))
    }
}
