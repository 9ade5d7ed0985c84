//! Descriptors: each connection takes one, and systems give a process few of them until it asks for more.

use std::fmt;

/// Descriptors for all that is no connection: the journal, sinks, logins, look-ups, the log.
const OTHERS: u64 = 64;

/// How many descriptors the process may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptors(Option<u64>);

impl Descriptors {
    /// Asks for as many as the system allows, which needs no privilege. What was given stays in force if that is refused.
    pub(super) fn raise() -> Self {
        let descriptors = Self(raise());
        tracing::debug!(%descriptors, "Descriptors that this process may have.");
        descriptors
    }

    /// Warns if so many connections cannot all be made.
    pub(super) fn warn_if_too_few_for(self, connections: usize) {
        let wanted = OTHERS.saturating_add(u64::try_from(connections).unwrap_or(u64::MAX));
        if self.0.is_some_and(|allowed| allowed < wanted) {
            tracing::warn!(
                allowed = %self,
                wanted,
                "The system allows this process too few descriptors for all of its connections; some will not be made. \
                 Raise the hard limit: LimitNOFILE= of a systemd service, or `ulimit -Hn`."
            );
        }
    }
}

impl fmt::Display for Descriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(count) => write!(f, "{count}"),
            None => f.write_str("no limit"),
        }
    }
}

#[cfg(unix)]
fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// What macOS takes where it names no limit: its `OPEN_MAX`.
    const UNNAMED: u64 = 10_240;

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(UNNAMED);
    if current.is_none_or(|current| current >= wanted) {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => Some(wanted),
        Err(error) => {
            tracing::debug!(%error, wanted, "The limit of descriptors cannot be raised.");
            current
        }
    }
}

/// Windows has no such limit for sockets.
#[cfg(not(unix))]
fn raise() -> Option<u64> {
    None
}
