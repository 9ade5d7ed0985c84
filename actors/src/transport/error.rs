//! How a call, an open or a connection can fail.
//!
//! Every error says whether a retry can help, and none shows a secret: addresses are given without
//! their query.

use std::{io, time::Duration};

use rustls::Error as RustlsError;

use super::{brake::Braked, frame::FrameError};
use crate::model::Cause;

/// What went wrong before there was an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The time allowed was over.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// The host name has no address, nothing listens there, or the network does not lead there.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection broke before the answer was complete.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// TLS could not be agreed on.
    #[error("TLS failed: {detail}")]
    Tls {
        /// What exactly, and where there is one, a hint at the remedy.
        detail: String,
        /// Whether a person has to change something: a certificate, a name, a setting.
        lasting: bool,
    },
    /// The server answered something that is not HTTP, or not the upgrade that was asked for.
    #[error("the server does not keep to the protocol: {0}")]
    Protocol(String),
    /// A Windows user cannot log in there: the server offers no NTLM, or another than is spoken here. No password was shown.
    #[error("the server does not let Windows users log in: {0}")]
    Windows(String),
    /// The request cannot be sent as it is.
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
}

impl Fault {
    /// Whether the same request may succeed later, with nobody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Connect(_) | Self::Lost(_) => true,
            Self::Tls { lasting, .. } => !lasting,
            Self::Protocol(_) | Self::Windows(_) | Self::Unsendable(_) => false,
        }
    }

    /// What it comes to.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Timeout(_) => Cause::Timeout,
            Self::Connect(_) => Cause::Unreachable,
            Self::Lost(_) => Cause::Closed,
            Self::Tls { .. } => Cause::Tls,
            Self::Protocol(_) | Self::Windows(_) | Self::Unsendable(_) => Cause::Protocol,
        }
    }

    /// An I/O error, which may be a TLS error in disguise.
    pub(super) fn from_io(error: &io::Error, otherwise: fn(String) -> Self) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<RustlsError>()) {
            Some(tls) => Self::from_tls(tls),
            None => otherwise(error.to_string()),
        }
    }

    fn from_tls(error: &RustlsError) -> Self {
        let lasting = matches!(
            error,
            RustlsError::InvalidCertificate(_)
                | RustlsError::NoCertificatesPresented
                | RustlsError::UnsupportedNameType
                | RustlsError::PeerIncompatible(_)
        );
        let hint = match error {
            RustlsError::InvalidCertificate(_) => {
                "; if the server is the right one, give the certificate of its authority as `tls.ca_file`"
            }
            _ => "",
        };
        Self::Tls { detail: format!("{error}{hint}"), lasting }
    }
}

/// Why a REST call has no answer. Any HTTP status is an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// No answer came.
    #[error("{at}: {fault}")]
    Failed {
        /// Method and address.
        at: String,
        /// What went wrong.
        fault: Fault,
    },
    /// The answer is larger than the call allows. Nothing beyond the limit was kept.
    #[error("{at}: the answer is larger than the {limit} bytes allowed")]
    BodyTooLarge {
        /// Method and address.
        at: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It was not made: the service blocks this machine's address, and is left alone for a while.
    #[error(transparent)]
    Braked(Braked),
}

impl RestError {
    /// Whether the same call may succeed later, with nobody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Failed { fault, .. } => fault.is_retryable(),
            Self::BodyTooLarge { .. } => false,
            Self::Braked(_) => true,
        }
    }

    /// Whether the request may have reached the server: if not, it has certainly done nothing.
    #[must_use]
    pub fn may_have_been_sent(&self) -> bool {
        match self {
            Self::Failed { fault, .. } => {
                !matches!(fault, Fault::Connect(_) | Fault::Tls { .. } | Fault::Unsendable(_))
            }
            Self::BodyTooLarge { .. } => true,
            Self::Braked(_) => false,
        }
    }
}

/// Why a WebSocket did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The server answered the upgrade with another status than 101.
    #[error("{at}: the server refused with status {status}")]
    Refused {
        /// The address.
        at: String,
        /// The HTTP status.
        status: u16,
        /// For how long the server asks to be left alone.
        retry_after: Option<Duration>,
        /// What the server wants for authentication.
        www_authenticate: Option<String>,
        /// The start of the answer's body, at most 4 KiB. Not part of the message, since the server
        /// may repeat in it what it was sent.
        body: String,
    },
    /// No answer came.
    #[error("{at}: {fault}")]
    Failed {
        /// The address.
        at: String,
        /// What went wrong.
        fault: Fault,
    },
    /// It was not asked for: the service blocks this machine's address, and is left alone for a while.
    #[error(transparent)]
    Braked(Braked),
}

impl OpenError {
    /// Whether the same request may succeed later, with nobody changing anything.
    ///
    /// Of the refusals these are 408, 425, 429 and 500 to 599 without 501 and 505.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { status: 501 | 505, .. } => false,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Failed { fault, .. } => fault.is_retryable(),
            Self::Braked(_) => true,
        }
    }
}

impl OpenError {
    /// What it comes to.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Refused { status, .. } => Cause::of_status(*status),
            Self::Failed { fault, .. } => fault.cause(),
            Self::Braked(_) => Cause::Throttled,
        }
    }
}

/// Why an open WebSocket ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The server closed with a close frame, which was answered.
    #[error("closed by the server{}", in_brackets(*code, reason))]
    ByServer {
        /// The close code (RFC 6455, section 7.4), if there was one.
        code: Option<u16>,
        /// The server's words, often empty.
        reason: String,
    },
    /// We closed, and the server has answered or hung up.
    #[error("closed by us")]
    ByUs,
    /// The connection ended without a close frame.
    #[error("the server hung up without a close frame")]
    Eof,
    /// The connection broke.
    #[error("the connection broke: {text}")]
    Io {
        /// What the operating system says.
        kind: io::ErrorKind,
        /// The same in words.
        text: String,
    },
    /// The server announced a message larger than the limit. Its body was not read. We closed with
    /// code 1009.
    #[error("the server announced a message of {declared} bytes or more, {limit} are allowed")]
    TooLarge {
        /// The size announced so far, in bytes: of the message, or of its fragments up to now.
        declared: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The server broke the WebSocket protocol. We closed with code 1002.
    #[error("the server broke the WebSocket protocol: {0}")]
    Protocol(FrameError),
    /// A text message was not UTF-8. We closed with code 1007.
    #[error("the server sent a text message that is not UTF-8")]
    NotUtf8,
}

impl CloseReason {
    /// Whether it ended with a message that could not be taken: whoever resumes behind the last good one may get it again.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::Protocol(_) | Self::NotUtf8)
    }

    /// What it comes to.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::ByServer { .. } | Self::ByUs | Self::Eof | Self::Io { .. } => Cause::Closed,
            Self::TooLarge { .. } | Self::Protocol(_) | Self::NotUtf8 => Cause::Protocol,
        }
    }

    /// Whether a new connection may fare better. After a message that is too large it may not: a
    /// server that resumes sends it again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::TooLarge { .. })
    }
}

fn in_brackets(code: Option<u16>, reason: &str) -> String {
    match (code, reason) {
        (None, _) => String::new(),
        (Some(code), "") => format!(" (code {code})"),
        (Some(code), reason) => format!(" (code {code}, {reason})"),
    }
}

impl From<&io::Error> for CloseReason {
    fn from(error: &io::Error) -> Self {
        Self::Io { kind: error.kind(), text: error.to_string() }
    }
}

/// Why nothing was queued for sending.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too much waits to be written: the server does not read. Flush, or give the connection up.
    #[error("{waiting} bytes wait to be written, {limit} are allowed")]
    Full {
        /// Bytes that wait.
        waiting: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The payload of a ping may have 125 bytes.
    #[error("a ping may carry 125 bytes, not {0}")]
    PingTooLong(usize),
    /// The connection is closing or has ended.
    #[error("the connection is closing")]
    Closing,
}

impl SendError {
    /// What it comes to.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Full { .. } => Cause::Silent,
            Self::PingTooLong(_) => Cause::Defect,
            Self::Closing => Cause::Closed,
        }
    }

    /// Whether the same message may be sent later on this connection.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}
