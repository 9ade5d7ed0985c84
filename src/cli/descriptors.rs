//! Descriptors: each connection takes one, and systems give a process few of them until it asks for more.

use std::fmt;

/// Descriptors for all that is no connection: the journal, sinks, logins, look-ups, the log.
const OTHERS: u64 = 64;
/// Descriptors of a connection: its own, and one more while it logs in or comes again.
const EACH: u64 = 2;
/// The part of all descriptors that clients of the API may have at most: connections have children that are known only later.
const CLIENTS_SHARE: u64 = 4;
/// Clients of the API that are let in however few descriptors there are.
const CLIENTS_LEAST: u64 = 16;

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
        let wanted = (OTHERS + CLIENTS_LEAST).saturating_add(u64::try_from(connections).unwrap_or(u64::MAX));
        if self.0.is_some_and(|allowed| allowed < wanted) {
            tracing::warn!(
                allowed = %self,
                wanted,
                "The system allows this process too few descriptors for all of its connections; some will not be made. \
                 Raise the hard limit: LimitNOFILE= of a systemd service, or `ulimit -Hn`."
            );
        }
    }

    /// How many clients of the API there may be at a time, so that none takes a descriptor that so many connections and sinks need.
    pub(super) fn clients_beside(self, connections: usize, sinks: usize) -> usize {
        let Some(allowed) = self.0 else { return usize::MAX };
        let [connections, sinks] = [connections, sinks].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        // A sink has a request under way for each connection at most.
        let needed = connections.saturating_mul(EACH.saturating_add(sinks)).saturating_add(OTHERS);
        let clients = allowed.saturating_sub(needed).min(allowed / CLIENTS_SHARE).max(CLIENTS_LEAST);
        usize::try_from(clients).unwrap_or(usize::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_the_api_take_no_descriptor_that_connections_and_sinks_need() {
        let clients = |allowed, connections, sinks| Descriptors(allowed).clients_beside(connections, sinks);
        assert_eq!(clients(Some(1_024), 10, 2), 256, "a quarter, where that leaves enough");
        assert_eq!(clients(Some(4_096), 1_000, 1), 1_024);
        assert_eq!(clients(Some(4_096), 1_000, 2), 32, "what is left");
        assert_eq!(clients(Some(4_096), 10_000, 1), 16, "a few even so");
        assert_eq!(clients(Some(64), usize::MAX, usize::MAX), 16);
        assert_eq!(clients(None, 10_000, 3), usize::MAX);
    }
}
