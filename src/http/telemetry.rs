//! What happens over HTTP and is worth a log line or a counter: one struct for each, whose `emit` does both.

use metrics::{counter, gauge};
use tracing::debug;

/// What kind of stream it is: `events` or `states`.
pub(super) type Kind = &'static str;

/// A client gets a stream.
pub(super) struct StreamOpened {
    pub(super) kind: Kind,
}

impl StreamOpened {
    pub(super) fn emit(self) {
        let kind = self.kind;
        debug!(kind, "A stream begins.");
        counter!("watchpost_http_streams_opened_total", "kind" => kind).increment(1);
        gauge!("watchpost_http_streams", "kind" => kind).increment(1.0);
    }
}

/// A stream has ended, however.
pub(super) struct StreamClosed {
    pub(super) kind: Kind,
}

impl StreamClosed {
    pub(super) fn emit(self) {
        let kind = self.kind;
        debug!(kind, "A stream has ended.");
        counter!("watchpost_http_streams_closed_total", "kind" => kind).increment(1);
        gauge!("watchpost_http_streams", "kind" => kind).decrement(1.0);
    }
}

/// A client did not keep up.
pub(super) struct StreamCutOff {
    pub(super) kind: Kind,
    /// `stalled`: it took nothing for too long. `behind`: what it would have to get next is not kept any more.
    pub(super) why: &'static str,
}

impl StreamCutOff {
    pub(super) fn emit(self) {
        let Self { kind, why } = self;
        debug!(kind, why, "A client of a stream is too slow and is cut off.");
        counter!("watchpost_http_streams_cut_off_total", "kind" => kind, "why" => why).increment(1);
    }
}

/// There are as many streams as there may be.
pub(super) struct StreamRefused {
    pub(super) kind: Kind,
}

impl StreamRefused {
    pub(super) fn emit(self) {
        let kind = self.kind;
        debug!(kind, "There are as many streams as there may be; one more was refused.");
        counter!("watchpost_http_streams_refused_total", "kind" => kind).increment(1);
    }
}

/// A client asked for events that are gone, and was told a gap.
pub(super) struct StreamGap {
    pub(super) reason: &'static str,
}

impl StreamGap {
    pub(super) fn emit(self) {
        let reason = self.reason;
        debug!(reason, "A client of a stream asked for events that are gone: it is told a gap.");
        counter!("watchpost_http_stream_gaps_total", "reason" => reason).increment(1);
    }
}
