//! What goes wrong between a sink and a NATS server, in words for the person who can mend it.

use std::time::Duration;

use async_nats::{
    ConnectError, ConnectErrorKind,
    jetstream::{
        Error as ServerError, ErrorCode,
        context::{PublishError, PublishErrorKind},
    },
};
use watchpost_actors::transport::refused_identity;

use crate::sinks::outlet::Failure;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server is not there, or does not do now what it did before.
    Later(String),
    /// The login is refused. To try again soon does not help, and may get the user locked.
    Unauthorized(String),
    /// There is no stream that takes what was sent. It is looked at anew before the next try.
    NoStream(String),
    /// The server does not take this message, now or later.
    Refused(String),
}

impl Trouble {
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Later(why) | Self::Unauthorized(why) | Self::NoStream(why) | Self::Refused(why) => why,
        }
    }

    /// What the lane is told; `after`: not before so long.
    pub(super) fn into_failure(self, after: Option<Duration>) -> Failure {
        match self {
            Self::Refused(why) => Failure::Refused { why, at_once: true },
            Self::Later(why) | Self::Unauthorized(why) | Self::NoStream(why) => Failure::Again { why, after },
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        trouble.into_failure(None)
    }
}

/// What to do about a login that is refused.
pub(super) fn unauthorized() -> Trouble {
    Trouble::Unauthorized(
        "the server refuses the login (authorization violation): mend `username` and `password`, `token` or `credentials`, or the \
         server's users"
            .to_owned(),
    )
}

/// What an attempt to connect has come to.
pub(super) fn of_connect(error: &ConnectError) -> Trouble {
    if let Some(why) = refused_identity(error) {
        return Trouble::Unauthorized(format!("TLS failed: {why}: mend `tls.client_cert` and `tls.client_key`"));
    }
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation => unauthorized(),
        ConnectErrorKind::Authentication => Trouble::Unauthorized(
            "the credentials cannot sign what the server asks to be signed: is the seed of the key whole?".to_owned(),
        ),
        ConnectErrorKind::TimedOut => Trouble::Later("the server did not answer in time".to_owned()),
        ConnectErrorKind::Dns => Trouble::Later(format!("the server's name cannot be looked up: {}", chain(error))),
        ConnectErrorKind::Tls => Trouble::Later(format!("TLS failed: {}", chain(error))),
        _ => Trouble::Later(format!("no connection: {}", chain(error))),
    }
}

/// What a server answers about streams.
pub(super) fn of_stream(error: &ServerError, stream: &str) -> Trouble {
    Trouble::Later(match error.error_code() {
        ErrorCode::JETSTREAM_NOT_ENABLED => no_jetstream(),
        ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
            "JetStream is not enabled for this account: the server's administrator can give it a share".to_owned()
        }
        ErrorCode::STREAM_SUBJECT_OVERLAP => format!(
            "the stream {stream} cannot be made, for another stream has some of its subjects: name that one as `stream`, or another \
             `subject`"
        ),
        ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED => {
            format!("the stream {stream} cannot be made: `replicas` above 1 needs a cluster")
        }
        _ => format!("the stream {stream} cannot be used: {}", told(error)),
    })
}

/// That nobody answers where JetStream would.
pub(super) fn no_jetstream() -> String {
    "the server has no JetStream: start it with `-js`, or with `jetstream { }` in its configuration".to_owned()
}

/// What a message has come to that was not acknowledged.
pub(super) fn of_publish(error: &PublishError, stream: &str, timeout: Duration) -> Trouble {
    let missing = || Trouble::NoStream(format!("the stream {stream} is not there any more"));
    match error.kind() {
        PublishErrorKind::StreamNotFound => missing(),
        PublishErrorKind::TimedOut => {
            let timeout = humantime::format_duration(timeout);
            Trouble::Later(format!("the stream {stream} did not acknowledge within {timeout}"))
        }
        PublishErrorKind::BrokenPipe => Trouble::Later(lost()),
        PublishErrorKind::MaxPayloadExceeded => {
            Trouble::Refused(format!("larger than the server takes (`max_payload`): {}", chain(error)))
        }
        _ => match source(error) {
            Some(answer) => match answer.error_code() {
                ErrorCode::STREAM_NOT_MATCH | ErrorCode::STREAM_NOT_FOUND => missing(),
                ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => {
                    Trouble::Refused(format!("larger than the stream {stream} takes (`max_msg_size`)"))
                }
                ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => Trouble::Refused(
                    "its headers are larger than the server takes (64 KiB); mode = \"structured\" has few".to_owned(),
                ),
                ErrorCode::STREAM_STORE_FAILED
                | ErrorCode::INSUFFICIENT_RESOURCES
                | ErrorCode::STORAGE_RESOURCES_EXCEEDED
                | ErrorCode::MEMORY_RESOURCES_EXCEEDED
                | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED => Trouble::Later(format!(
                    "the stream {stream} has no room ({}): raise its limits or the server's, or remove what is old there",
                    told(answer)
                )),
                _ => Trouble::Later(format!("the stream {stream} did not take it: {}", told(answer))),
            },
            None => Trouble::Later(format!("the stream {stream} did not take it: {}", chain(error))),
        },
    }
}

/// That the connection is lost.
pub(super) fn lost() -> String {
    "the connection to the server was lost".to_owned()
}

fn told(error: &ServerError) -> String {
    format!("{} (error {})", error.to_string().trim(), error.error_code().0)
}

/// What the server has answered, if that is why.
pub(super) fn source<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e ServerError> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// An error with its reasons, each once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        let reason_text = reason.to_string();
        if !text.contains(&reason_text) {
            text = format!("{text}: {reason_text}");
        }
        source = reason.source();
    }
    text
}
