//! Why a running watchpost has not answered what was asked, and what to do.

use serde::Deserialize;
use watchpost::actors::{
    settings::mistake::shown,
    transport::{Fault, RestAnswer, RestError, TlsError},
};

use super::target::Target;
use crate::cli::{Exit, table::clean, terminal};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ClientError {
    /// The command line or the configuration does not say whom to ask.
    #[error("error: {0}")]
    Usage(String),
    /// Why has been said already.
    #[error("")]
    Said,
    /// Nobody is there.
    #[error(
        "no watchpost answers at {at}: {why}\n  hint: start one with `watchpost run`, or name another with --url or --config"
    )]
    Nobody {
        /// Where it was looked for.
        at: String,
        /// What the system said.
        why: String,
    },
    /// There was somebody, and then not.
    #[error("{0}")]
    Lost(String),
    /// The token is missing, or another one is wanted.
    #[error("{at} {wanted}\n  hint: {hint}")]
    Token {
        /// Who asks for it.
        at: String,
        /// What it says of it.
        wanted: &'static str,
        /// Where to give it.
        hint: String,
    },
    /// Something else is there.
    #[error("something else than a watchpost answers at {at}: {why}")]
    Elsewhere {
        /// Where.
        at: String,
        /// What it has answered.
        why: String,
    },
    /// An older watchpost, or one without this part.
    #[error("the watchpost at {at} has no {path}: it is of another version than this program ({version})", version = env!("CARGO_PKG_VERSION"))]
    NoEndpoint {
        /// Where.
        at: String,
        /// What was asked for.
        path: String,
    },
    /// It says why not.
    #[error("{detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its words.
        detail: String,
    },
}

/// What is read of a problem document (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    r#type: String,
    status: u16,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<Mistake>,
}

#[derive(Deserialize)]
struct Mistake {
    parameter: String,
    detail: String,
}

impl ClientError {
    /// Says it, if that is left to do, and how the program ends.
    pub(in crate::cli) fn tell(&self) -> Exit {
        if !matches!(self, Self::Said) {
            terminal::complain(self);
        }
        match self {
            Self::Usage(_) | Self::Said | Self::Refused { status: 400, .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    /// Whether what was asked for may have been done all the same.
    pub(in crate::cli) fn may_have_happened(&self) -> bool {
        match self {
            Self::Lost(_) | Self::Elsewhere { .. } => true,
            // Of 502 it says that nothing was done.
            Self::Refused { status, .. } => *status >= 500 && *status != 502,
            Self::Usage(_) | Self::Said | Self::Nobody { .. } | Self::Token { .. } | Self::NoEndpoint { .. } => false,
        }
    }

    /// Whether a stream that was open may be opened again later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Nobody { .. } | Self::Lost(_) => true,
            // A proxy answers in the place of a server that starts anew.
            Self::Elsewhere { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::Usage(_) | Self::Said | Self::Token { .. } | Self::NoEndpoint { .. } => false,
        }
    }

    /// There is no answer.
    pub(super) fn of_call(target: &Target, error: RestError) -> Self {
        let at = target.shown();
        match error {
            RestError::Failed { fault: Fault::Connect(why), .. } => Self::Nobody { at, why },
            RestError::Failed { fault: Fault::Protocol(why), .. } => Self::Elsewhere { at, why },
            RestError::Failed { fault: Fault::Unsendable(why), .. } => Self::Usage(format!("{at}: {why}")),
            RestError::Failed { fault: Fault::Tls { detail, lasting: true }, .. } => {
                Self::Usage(format!("{at}: TLS failed: {detail}"))
            }
            RestError::Failed { fault, .. } => Self::Lost(format!("{at}: {fault}")),
            RestError::BodyTooLarge { limit, .. } => {
                Self::Elsewhere { at, why: format!("an answer of more than {limit} bytes") }
            }
            error => Self::Lost(error.to_string()),
        }
    }

    /// The answer is not the one that was asked for.
    pub(super) fn of_answer(target: &Target, path: &str, answer: &RestAnswer) -> Self {
        let at = target.shown();
        let status = answer.status;
        let is_problem = answer.header("content-type").is_some_and(|kind| kind.starts_with("application/problem+json"));
        let problem: Option<Problem> = if is_problem { serde_json::from_slice(&answer.body).ok() } else { None };
        let Some(problem) = problem.filter(|problem| problem.status == status) else {
            let why = match (status, answer.header("location")) {
                (401 | 403, _) => format!(
                    "HTTP status {status}, and not in watchpost's words; is there a proxy that asks for a login?"
                ),
                (300..=399, Some(to)) => format!("it leads on to {}", shown(to)),
                _ => format!("HTTP status {status}, and not in watchpost's words"),
            };
            return Self::Elsewhere { at, why };
        };
        if status == 401 {
            return target.token_error();
        }
        if problem.r#type == "/problems/no-endpoint" || status == 405 {
            return Self::NoEndpoint { at, path: path.to_owned() };
        }
        let detail = match problem.errors.as_slice() {
            [] | [_] => clean(&problem.detail),
            several => {
                let lines = several.iter().map(|mistake| format!("{}: {}", mistake.parameter, mistake.detail));
                lines.map(|line| clean(&line)).collect::<Vec<_>>().join("\n")
            }
        };
        let detail = if status == 400 { format!("error: {detail}") } else { detail };
        Self::Refused { status, detail }
    }

    /// What was answered cannot be read.
    pub(super) fn unreadable(target: &Target, why: impl std::fmt::Display) -> Self {
        Self::Elsewhere { at: target.shown(), why: format!("its answer cannot be read: {why}") }
    }
}

impl From<TlsError> for ClientError {
    fn from(error: TlsError) -> Self {
        Self::Lost(error.to_string())
    }
}
