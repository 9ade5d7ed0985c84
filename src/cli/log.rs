//! The log: to standard error, as text or JSON, as much as `RUST_LOG` says.

use std::{env, io};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::{LogFormat, terminal};

/// Starts the log; `usual` is what is logged where `RUST_LOG` does not say.
///
/// # Errors
/// In words, what is wrong with `RUST_LOG`.
pub(super) fn start(format: LogFormat, usual: &str) -> Result<(), String> {
    let wish = env::var("RUST_LOG").ok().filter(|wish| !wish.trim().is_empty());
    let filter = EnvFilter::try_new(wish.as_deref().unwrap_or(usual)).map_err(|error| {
        format!("RUST_LOG: {error}\n   hint: write RUST_LOG=debug, or RUST_LOG=info,watchpost=trace")
    })?;
    let layer = fmt::layer().with_writer(io::stderr).with_ansi(terminal::errors_in_colour());
    // A log that cannot be written must not be the end: the default would complain on standard error too, and panic there.
    let layer = layer.log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    started.map_err(|error| format!("the log cannot be started: {error}"))
}
