//! Things that happen: one type for each that is worth a log line or a counter. Its `emit` does both; nothing else logs or counts.
//!
//! Log lines tell no secret and no payload, but for the beginning of a message that cannot be read. Counters go to the [`metrics`] facade, so that
//! an embedder chooses the recorder. Their labels are configured connections, vendors and fixed words, never children, items or free text: so there are
//! only so many series, however long the engine runs and whatever it is sent.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use tracing::{debug, error, info, warn};

use crate::model::ids::ConnectionName;
use crate::model::status::ConnectionState;
use crate::model::{Cause, Events};

/// The label of a connection: the one that is configured.
fn root(connection: &ConnectionName) -> String {
    connection.root().to_owned()
}

/// A panic where nothing may go on half.
pub(crate) struct PartPanicked {
    pub(crate) part: &'static str,
}

impl PartPanicked {
    pub(crate) fn emit(self) {
        error!(part = self.part, "A part that everything rests on has panicked; the process ends.");
    }
}

/// A connection's state has changed.
pub(crate) struct ConnectionChanged<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) old: &'static str,
    pub(crate) new: &'static str,
    pub(crate) reason: &'a str,
}

impl ConnectionChanged<'_> {
    pub(crate) fn emit(self) {
        let Self { connection, old, new, reason } = self;
        if new == "halted" {
            error!(%connection, old, new, reason, "The connection is halted and needs a person.");
        } else {
            info!(%connection, old, new, reason, "The connection's state has changed.");
        }
        counter!("watchpost_connection_changes_total", "connection" => root(connection), "state" => new).increment(1);
    }
}

/// A try at a connection has ended.
pub(crate) struct TryEnded<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) why: &'a str,
    pub(crate) cause: Cause,
    pub(crate) online: Option<Duration>,
    pub(crate) again_in: Duration,
    /// The reason is another than that of the try before.
    pub(crate) news: bool,
}

impl TryEnded<'_> {
    pub(crate) fn emit(self) {
        let Self { connection, why: reason, cause, online, again_in, news } = self;
        // One line for each loss and each new reason; the other tries of an outage are counted and would only fill the log.
        match online {
            Some(online) => info!(%connection, reason, ?online, ?again_in, "The connection was lost."),
            None if news => {
                warn!(%connection, reason, ?again_in, "The connection could not be made; it is tried on and on.")
            }
            None => debug!(%connection, reason, ?again_in, "The connection could not be made."),
        }
        let lost = if online.is_some() { "lost" } else { "failed" };
        let (connection, cause) = (root(connection), cause.as_str());
        counter!("watchpost_connection_tries_ended_total", "connection" => connection, "how" => lost, "reason" => cause)
            .increment(1);
    }
}

/// A session was resumed, or a new one begun.
pub(crate) struct SessionStarted<'a> {
    pub(crate) connection: &'a ConnectionName,
}

impl SessionStarted<'_> {
    pub(crate) fn emit(self) {
        counter!("watchpost_connection_online_total", "connection" => root(self.connection)).increment(1);
    }
}

/// The vendor has sent something that is not as it should be.
pub(crate) struct OddityMet<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) what: &'a str,
}

impl OddityMet<'_> {
    pub(crate) fn emit(self) {
        let Self { connection, what } = self;
        warn!(%connection, what, "The vendor has sent what cannot be used.");
        counter!("watchpost_oddities_total", "connection" => root(connection)).increment(1);
    }
}

/// A batch was stored and has become visible.
pub(crate) struct BatchStored<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) vendor: &'static str,
    pub(crate) events: &'a Events,
    pub(crate) repeats: usize,
    pub(crate) gaps: usize,
    /// How long the last live event took from its own time.
    pub(crate) lag: Option<Duration>,
}

impl BatchStored<'_> {
    pub(crate) fn emit(self) {
        let Self { connection, vendor, events, repeats, gaps, lag } = self;
        let name = || root(connection);
        for (class, events) in events.by_class() {
            let class = class.to_owned();
            counter!("watchpost_events_total", "connection" => name(), "vendor" => vendor, "class" => class)
                .increment(events as u64);
        }
        if let Some(lag) = lag {
            histogram!("watchpost_event_lag_seconds", "connection" => name()).record(lag.as_secs_f64());
        }
        if repeats > 0 {
            debug!(%connection, repeats, "Repeats of events already stored were left out.");
            counter!("watchpost_repeats_total", "connection" => name()).increment(repeats as u64);
        }
        if gaps > 0 {
            warn!(%connection, gaps, "Events may have been lost: a gap was recorded.");
            counter!("watchpost_gaps_total", "connection" => name()).increment(gaps as u64);
        }
    }
}

/// A batch could not be stored.
pub(crate) struct BatchRefused<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) error: &'a dyn fmt::Display,
    /// The one before it was not.
    pub(crate) news: bool,
}

impl BatchRefused<'_> {
    pub(crate) fn emit(self) {
        let Self { connection, error, news } = self;
        // A disk can be full for hours, and each try to go on is refused.
        if news {
            error!(%connection, %error, "A batch could not be stored; the connection goes back to what is stored.");
        } else {
            debug!(%connection, %error, "A batch still could not be stored.");
        }
        counter!("watchpost_batches_refused_total", "connection" => root(connection)).increment(1);
    }
}

/// A service blocks this machine's address.
pub(crate) struct BrakePutOn<'a> {
    pub(crate) service: &'a str,
    pub(crate) host: &'a str,
    pub(crate) pause: Duration,
}

impl BrakePutOn<'_> {
    pub(crate) fn emit(self) {
        let Self { service, host, pause } = self;
        warn!(
            service,
            host,
            ?pause,
            "This machine's address is blocked (403): no connection asks anything there for a while."
        );
        counter!("watchpost_brakes_total", "service" => service.to_owned()).increment(1);
    }
}

/// That a login was refused could not be kept, or forgotten.
pub(crate) struct RefusalNotKept<'a> {
    pub(crate) error: &'a dyn fmt::Display,
}

impl RefusalNotKept<'_> {
    pub(crate) fn emit(self) {
        warn!(error = %self.error, "How a login went could not be stored; after a restart it is tried anew.");
    }
}

/// The journal could not do its housekeeping.
pub(crate) struct TrimFailed<'a> {
    pub(crate) error: &'a dyn fmt::Display,
}

impl TrimFailed<'_> {
    pub(crate) fn emit(self) {
        warn!(error = %self.error, "The journal could not drop old events or write its image of the states; it tries again.");
        counter!("watchpost_journal_trims_failed_total").increment(1);
    }
}

/// An actor or task has panicked and will be started again.
pub(crate) struct ConnectionPanicked<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) again_in: Duration,
}

impl ConnectionPanicked<'_> {
    pub(crate) fn emit(self) {
        error!(connection = %self.connection, again_in = ?self.again_in, "A connection has panicked; it is started again from what is stored.");
        counter!("watchpost_connection_panics_total", "connection" => root(self.connection)).increment(1);
    }
}

/// A callback has panicked at an event.
pub(crate) struct CallbackPanicked;

impl CallbackPanicked {
    pub(crate) fn emit(self) {
        error!("A callback has panicked; it goes on with the next event.");
        counter!("watchpost_callback_panics_total").increment(1);
    }
}

/// Connections of one user name different paces for its logins.
pub(crate) struct PacesDiffer<'a> {
    pub(crate) user: &'a str,
    pub(crate) slowest: Option<NonZeroU32>,
}

impl PacesDiffer<'_> {
    pub(crate) fn emit(self) {
        let slowest = self.slowest.map_or(0, NonZeroU32::get);
        warn!(
            user = self.user,
            slowest, "Connections of one user name different `logins_per_second`: the slowest counts for all of them."
        );
    }
}

/// The server has asked for fewer logins of a user.
pub(crate) struct LoginsSlowed<'a> {
    pub(crate) user: &'a str,
    pub(crate) why: &'a str,
    pub(crate) pause: Duration,
    /// The least time between two of them from then on.
    pub(crate) spacing: Duration,
}

impl LoginsSlowed<'_> {
    pub(crate) fn emit(self) {
        let Self { user, why, pause, spacing } = self;
        warn!(user, why, ?pause, ?spacing, "The server wants fewer logins: they wait, and then come more slowly.");
        counter!("watchpost_logins_slowed_total").increment(1);
    }
}

/// A login has ended, well or not.
pub(crate) struct LoginEnded<'a> {
    pub(crate) account: &'a str,
    pub(crate) result: Result<&'a str, &'a dyn fmt::Display>,
}

impl LoginEnded<'_> {
    pub(crate) fn emit(self) {
        let account = self.account;
        match self.result {
            Ok(who) => info!(account, who, "Logged in."),
            Err(error) => warn!(account, %error, "The login failed."),
        }
        let result = if self.result.is_ok() { "granted" } else { "failed" };
        counter!("watchpost_logins_total", "result" => result).increment(1);
    }
}

/// A picture or recording was fetched, or not.
pub(crate) struct MediaFetched<'a> {
    pub(crate) connection: &'a ConnectionName,
    /// How many bytes it has.
    pub(crate) result: Result<u64, &'a dyn fmt::Display>,
}

impl MediaFetched<'_> {
    pub(crate) fn emit(self) {
        let connection = self.connection;
        match self.result {
            Ok(bytes) => info!(%connection, bytes, "A picture or recording was fetched."),
            Err(error) => warn!(%connection, %error, "A picture or recording could not be fetched."),
        }
        let result = if self.result.is_ok() { "fetched" } else { "failed" };
        counter!("watchpost_media_total", "connection" => root(connection), "result" => result).increment(1);
        counter!("watchpost_media_bytes_total", "connection" => root(connection))
            .increment(self.result.unwrap_or_default());
    }
}

/// A vendor has done what it was asked to do, or not.
pub(crate) struct CommandDone<'a> {
    pub(crate) connection: &'a ConnectionName,
    /// What it was asked to do: `create-event`.
    pub(crate) command: &'static str,
    pub(crate) result: Result<(), &'a dyn fmt::Display>,
}

impl CommandDone<'_> {
    pub(crate) fn emit(self) {
        let Self { connection, command, result } = self;
        match result {
            Ok(()) => info!(%connection, command, "A command was carried out."),
            Err(error) => warn!(%connection, command, %error, "A command was not carried out."),
        }
        let result = if result.is_ok() { "done" } else { "failed" };
        let connection = root(connection);
        counter!("watchpost_commands_total", "connection" => connection, "command" => command, "result" => result)
            .increment(1);
    }
}

/// Something went wrong with a command, which goes on.
pub(crate) struct CommandTroubled<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) command: &'static str,
    pub(crate) trouble: &'a str,
}

impl CommandTroubled<'_> {
    pub(crate) fn emit(self) {
        let Self { connection, command, trouble } = self;
        warn!(%connection, command, trouble, "A command has met with trouble, and goes on.");
        counter!("watchpost_command_troubles_total", "connection" => root(connection)).increment(1);
    }
}

/// A question to a directory was answered, or not.
pub(crate) struct NameAsked<'a> {
    pub(crate) account: &'a str,
    pub(crate) trouble: Option<&'a str>,
    pub(crate) took: Duration,
}

impl NameAsked<'_> {
    pub(crate) fn emit(self) {
        let result = if self.trouble.is_none() { "answered" } else { "failed" };
        if let Some(trouble) = self.trouble {
            debug!(account = self.account, trouble, "Names could not be looked up.");
        }
        counter!("watchpost_lookups_total", "result" => result).increment(1);
        histogram!("watchpost_lookup_seconds").record(self.took.as_secs_f64());
    }
}

/// A batch went on without some of its names.
pub(crate) struct NamesMissed<'a> {
    pub(crate) connection: &'a ConnectionName,
    pub(crate) names: usize,
}

impl NamesMissed<'_> {
    pub(crate) fn emit(self) {
        debug!(connection = %self.connection, names = self.names, "Events go on without names: the look-up took too long.");
        counter!("watchpost_names_missed_total", "connection" => root(self.connection)).increment(self.names as u64);
    }
}

/// A socket's turn at its server has come.
pub(crate) struct TurnCame {
    pub(crate) waited: Duration,
}

impl TurnCame {
    pub(crate) fn emit(self) {
        histogram!("watchpost_open_wait_seconds").record(self.waited.as_secs_f64());
    }
}

/// Reading was stopped, because the journal is slow, or has gone on.
pub(crate) struct HeldBack<'a> {
    pub(crate) connection: &'a ConnectionName,
}

impl HeldBack<'_> {
    pub(crate) fn emit(self) {
        debug!(connection = %self.connection, "The journal is slower than the connection: reading waits.");
        counter!("watchpost_held_back_total", "connection" => root(self.connection)).increment(1);
    }
}

/// A watcher was too slow and was cut off.
pub(crate) struct WatcherCutOff;

impl WatcherCutOff {
    pub(crate) fn emit(self) {
        warn!("A watcher did not keep up and was cut off with its last sequence.");
        counter!("watchpost_watchers_cut_off_total").increment(1);
    }
}

/// The number of watchers has changed.
pub(crate) struct WatchersCounted {
    pub(crate) shard: usize,
    pub(crate) watchers: usize,
}

impl WatchersCounted {
    pub(crate) fn emit(self) {
        gauge!("watchpost_watchers", "shard" => self.shard.to_string()).set(figure(self.watchers));
    }
}

/// An event of a code that no table has.
pub(crate) struct UnknownCode<'a> {
    pub(crate) vendor: &'static str,
    pub(crate) code: &'a str,
    pub(crate) info: &'a str,
}

impl UnknownCode<'_> {
    pub(crate) fn emit(self) {
        let Self { vendor, code, info } = self;
        warn!(vendor, code, info, "An event has a code that is not known; it is delivered all the same.");
        counter!("watchpost_unknown_codes_total", "vendor" => vendor).increment(1);
    }
}

/// A call that a session goes on without was not answered with what was asked for.
pub(crate) struct CallFailed<'a> {
    pub(crate) vendor: &'static str,
    pub(crate) what: &'static str,
    pub(crate) why: &'a str,
}

impl CallFailed<'_> {
    pub(crate) fn emit(self) {
        let Self { vendor, what, why } = self;
        debug!(vendor, what, why, "A call has failed; it is made again later.");
        counter!("watchpost_calls_failed_total", "vendor" => vendor, "what" => what).increment(1);
    }
}

/// So many connections are in each state, by vendor.
pub(crate) struct ConnectionsCounted {
    pub(crate) vendor: &'static str,
    pub(crate) connections: [(ConnectionState, usize); ConnectionState::ALL.len()],
    /// States that they know together.
    pub(crate) states: usize,
}

impl ConnectionsCounted {
    pub(crate) fn emit(self) {
        let vendor = self.vendor;
        for (state, connections) in self.connections {
            gauge!("watchpost_connections", "vendor" => vendor, "state" => state.as_str()).set(figure(connections));
        }
        gauge!("watchpost_states", "vendor" => vendor).set(figure(self.states));
    }
}

/// How full is what has a bound.
pub(crate) struct QueuesMeasured {
    /// Waiting for the journal's thread; none where it has no thread.
    pub(crate) commands: usize,
    /// Waiting for its reader.
    pub(crate) questions: usize,
    /// Handed to the journal and not answered yet.
    pub(crate) appends: usize,
    /// Bytes of large messages, taken and allowed.
    pub(crate) large: usize,
    pub(crate) large_limit: usize,
}

impl QueuesMeasured {
    pub(crate) fn emit(self) {
        gauge!("watchpost_journal_waiting_commands").set(figure(self.commands));
        gauge!("watchpost_journal_waiting_questions").set(figure(self.questions));
        gauge!("watchpost_journal_appends_in_flight").set(figure(self.appends));
        gauge!("watchpost_large_messages_bytes").set(figure(self.large));
        gauge!("watchpost_large_messages_limit_bytes").set(figure(self.large_limit));
    }
}

/// A count as a gauge has it.
#[expect(clippy::cast_precision_loss, reason = "a count for a chart")]
fn figure(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
