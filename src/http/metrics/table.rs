//! Every metric there is: its name, kind, unit, labels, and what it tells. `docs/metrics.md` has the same rows; tests compare both with the source.

use metrics::Unit;

/// A metric.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Metric {
    /// The name: `watchpost_events_total`.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// The labels that each of its series has, in the order of the alphabet.
    pub labels: &'static [&'static str],
    /// What it tells, in a sentence.
    pub help: &'static str,
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is so now.
    Gauge,
    /// How many observations were at most so large; the bounds without the infinite one.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The word of the text format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, unit: Unit::Count, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit: Unit::Count, labels, help }
}

const fn seconds(
    name: &'static str,
    labels: &'static [&'static str],
    bounds: &'static [f64],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram(bounds), unit: Unit::Seconds, labels, help }
}

const fn bytes(metric: Metric) -> Metric {
    Metric { unit: Unit::Bytes, ..metric }
}

/// From an event's own time until it is stored: systems push within a second; polled ones take seconds, and minutes are trouble.
const EVENT_LAG: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0];
/// From there to a receiver, which may have been away for a day.
const SINK_LAG: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 1_800.0, 7_200.0, 86_400.0];
/// A write to the disk.
const COMMIT: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];
/// A request to a vendor.
const REQUEST: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0];
/// An answer over HTTP: from memory within a millisecond, from the disk within some.
const ANSWER: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Standing in line for a socket: thousands may be opened anew at once.
const TURN: &[f64] = &[0.001, 0.01, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// All of them.
pub const METRICS: &[Metric] = &[
    // Events.
    counter(
        "watchpost_events_total",
        &["class", "connection", "vendor"],
        "Events stored, by the first part of their type; a type of the vendor's own counts under the vendor's name.",
    ),
    counter("watchpost_repeats_total", &["connection"], "Events that came again and were left out."),
    counter("watchpost_gaps_total", &["connection"], "Gaps recorded: stretches of which events may be missing."),
    seconds(
        "watchpost_event_lag_seconds",
        &["connection"],
        EVENT_LAG,
        "From the time that an event tells until it was stored, of the last live event of each batch; a clock that is ahead counts as zero.",
    ),
    counter("watchpost_batches_refused_total", &["connection"], "Batches that the journal could not store."),
    counter("watchpost_oddities_total", &["connection"], "Messages of the vendor that could not be used."),
    counter("watchpost_unknown_codes_total", &["vendor"], "Events with a code that no table has."),
    counter("watchpost_held_back_total", &["connection"], "Times that reading waited for the journal."),
    gauge("watchpost_states", &["vendor"], "States known."),
    // Connections.
    gauge("watchpost_connections", &["state", "vendor"], "Connections by state, children of resellers included."),
    counter("watchpost_connection_changes_total", &["connection", "state"], "Changes of state, by the new one."),
    counter("watchpost_connection_online_total", &["connection"], "Times that the vendor confirmed the subscription."),
    counter(
        "watchpost_connection_tries_ended_total",
        &["connection", "how", "reason"],
        "Connections lost (how is lost) and tries that came to nothing (failed), after each of which another follows.",
    ),
    counter("watchpost_connection_panics_total", &["connection"], "Connections that were started anew after a defect."),
    counter("watchpost_brakes_total", &["service"], "Times that a service blocked this machine's address."),
    counter("watchpost_logins_total", &["result"], "Logins, granted or failed."),
    counter("watchpost_logins_slowed_total", &[], "Times that a server asked for fewer logins."),
    seconds("watchpost_open_wait_seconds", &[], TURN, "How long sockets wait for their turn to be opened."),
    // Calls.
    counter("watchpost_lookups_total", &["result"], "Questions to directories for names, answered or failed."),
    seconds("watchpost_lookup_seconds", &[], REQUEST, "How long questions to directories took."),
    counter("watchpost_names_missed_total", &["connection"], "Names that batches did not wait for any longer."),
    counter("watchpost_calls_failed_total", &["vendor", "what"], "Calls that a session goes on without."),
    counter("watchpost_commands_total", &["command", "connection", "result"], "Commands to vendors, done or failed."),
    counter("watchpost_command_troubles_total", &["connection"], "Troubles that commands have met with and got over."),
    counter("watchpost_media_total", &["connection", "result"], "Pictures and recordings, fetched or failed."),
    bytes(counter("watchpost_media_bytes_total", &["connection"], "Bytes of the pictures and recordings fetched.")),
    // Journal.
    seconds("watchpost_journal_commit_seconds", &[], COMMIT, "How long storing took, by group of batches."),
    bytes(gauge("watchpost_journal_bytes", &[], "Bytes that the journal uses.")),
    gauge("watchpost_journal_events", &[], "Events that the journal holds, about."),
    counter("watchpost_journal_events_dropped_total", &[], "Events that retention has dropped."),
    counter(
        "watchpost_journal_undelivered_dropped_total",
        &[],
        "Events that retention has dropped though a sink still had to deliver them.",
    ),
    counter("watchpost_journal_trims_failed_total", &[], "Times that the journal's housekeeping failed."),
    counter("watchpost_journal_damaged_total", &[], "Times that the journal was found damaged while in use."),
    counter("watchpost_journal_set_aside_total", &[], "Damaged journals that were put out of the way."),
    gauge("watchpost_journal_appends_in_flight", &[], "Batches on their way into the journal."),
    gauge("watchpost_journal_waiting_commands", &[], "Commands in the journal's queue, which takes 1,024."),
    gauge("watchpost_journal_waiting_questions", &[], "Reads in the queue of the journal's reader, which takes 1,024."),
    bytes(gauge("watchpost_large_messages_bytes", &[], "Memory that messages above 1 MiB take.")),
    bytes(gauge("watchpost_large_messages_limit_bytes", &[], "Memory that messages above 1 MiB may take together.")),
    // Watchers.
    gauge("watchpost_watchers", &["shard"], "Watchers of events and states, by thread of the engine."),
    counter("watchpost_watchers_cut_off_total", &[], "Watchers that were too slow and were cut off."),
    counter("watchpost_callback_panics_total", &[], "Callbacks of an embedding program that have panicked."),
    // Sinks.
    counter(
        "watchpost_sink_events_delivered_total",
        &["class", "connection", "sink", "vendor"],
        "Events that the receiver has acknowledged.",
    ),
    counter(
        "watchpost_sink_events_redelivered_total",
        &["sink"],
        "Events that the receiver has acknowledged in a replay, or out of the dead letters.",
    ),
    seconds(
        "watchpost_sink_lag_seconds",
        &["sink"],
        SINK_LAG,
        "From when an event was stored until the receiver acknowledged it, of the first event of each delivery.",
    ),
    gauge(
        "watchpost_sink_backlog_events",
        &["sink"],
        "Events in the journal from the first on that the sink has not come to.",
    ),
    counter("watchpost_sink_failures_total", &["sink"], "Deliveries that failed and are tried again."),
    gauge(
        "watchpost_sink_broker_up",
        &["sink"],
        "1 while the sink has a connection with its broker, and NATS a stream there, else 0.",
    ),
    counter(
        "watchpost_sink_broker_failures_total",
        &["sink"],
        "Times that the connection to the sink's broker was lost, and tries that came to nothing.",
    ),
    counter(
        "watchpost_sink_documents_refused_total",
        &["sink"],
        "Present states, and descriptions for Home Assistant, that the broker did not take.",
    ),
    counter("watchpost_sink_dead_letters_total", &["sink"], "Events that the receiver refused for good."),
    counter("watchpost_sink_gaps_total", &["sink"], "Gaps told to the sink alone, for what retention took from it."),
    counter("watchpost_sink_stuck_total", &["sink"], "Times that the journal or the own position was out of reach."),
    counter(
        "watchpost_sink_positions_unknown_total",
        &[],
        "Starts at which nothing was known of how far sinks had come.",
    ),
    counter(
        "watchpost_sink_stores_laid_aside_total",
        &[],
        "Damaged stores of deliveries that were put out of the way.",
    ),
    counter("watchpost_sink_replays_total", &["sink"], "Replays that have come to their end."),
    counter("watchpost_sink_replays_shortened_total", &["sink"], "Replays of which retention dropped a part."),
    counter("watchpost_sink_rotations_failed_total", &[], "Files that could not be renamed to begin a new one."),
    counter("watchpost_sink_files_moved_total", &[], "Files that another program moved or removed."),
    // HTTP.
    counter(
        "watchpost_http_requests_total",
        &["method", "route", "status"],
        "Requests answered, by the pattern of their path; of streams, their beginnings.",
    ),
    seconds(
        "watchpost_http_request_duration_seconds",
        &["route"],
        ANSWER,
        "How long requests took until the answer began.",
    ),
    gauge("watchpost_http_connections", &[], "Connections of clients that are open, those of streams included."),
    counter("watchpost_http_cut_off_total", &["why"], "Clients that kept the server waiting and were cut off."),
    gauge("watchpost_http_streams", &["kind"], "Streams of events and of states that are open."),
    counter("watchpost_http_streams_opened_total", &["kind"], "Streams that were opened."),
    counter("watchpost_http_streams_closed_total", &["kind"], "Streams that have ended."),
    counter(
        "watchpost_http_streams_cut_off_total",
        &["kind", "why"],
        "Clients of streams that were too slow and were cut off.",
    ),
    counter(
        "watchpost_http_streams_refused_total",
        &["kind"],
        "Streams that were refused, as there were as many as there may be.",
    ),
    counter(
        "watchpost_http_stream_gaps_total",
        &["reason"],
        "Times that a client asked for events that are gone and was told a gap.",
    ),
    // The program.
    gauge("watchpost_build_info", &["version"], "Always 1; the label tells the version."),
    Metric {
        unit: Unit::Seconds,
        ..gauge("process_start_time_seconds", &[], "When the program was started, in seconds since 1970.")
    },
];
