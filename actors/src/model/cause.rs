//! Why a try at a connection ended, as one of a few words.

/// What ended a try. The words for people tell more; these are few, so that they can be counted by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// The name has no address, nothing listens there, or the network does not lead there.
    Unreachable,
    /// An answer did not come in time.
    Timeout,
    /// TLS could not be agreed on.
    Tls,
    /// The server said no.
    Refused,
    /// The server cannot answer now, and says so.
    Unavailable,
    /// The server, or our own brake, wants fewer requests.
    Throttled,
    /// The socket was closed or has broken.
    Closed,
    /// Nothing came any more, not even the answer to a ping, or nothing was taken.
    Silent,
    /// What came is against the protocol, or cannot be read.
    Protocol,
    /// The login could not be had.
    Login,
    /// A list that the connection needs, of devices, say, could not be had.
    Directory,
    /// The journal could not store, or not in time.
    Journal,
    /// A defect in the engine.
    Defect,
}

impl Cause {
    /// All there are.
    pub const ALL: [Self; 13] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Tls,
        Self::Refused,
        Self::Unavailable,
        Self::Throttled,
        Self::Closed,
        Self::Silent,
        Self::Protocol,
        Self::Login,
        Self::Directory,
        Self::Journal,
        Self::Defect,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::Closed => "closed",
            Self::Silent => "silent",
            Self::Protocol => "protocol",
            Self::Login => "login",
            Self::Directory => "directory",
            Self::Journal => "journal",
            Self::Defect => "defect",
        }
    }

    /// That of an answer that is a refusal, by its HTTP status.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            429 => Self::Throttled,
            408 => Self::Timeout,
            425 | 500..=599 => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}
