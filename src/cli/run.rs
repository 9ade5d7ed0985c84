//! `watchpost run`.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use tokio::select;
use watchpost::{
    actors::{Engine, EngineConfig, EngineHandle, messages::AddConnection},
    config::{self, Config, SinkKind, diagnostic},
    sinks::{SinkError, Sinks, Why},
};

use super::{Exit, signals::Signals, terminal};

/// How long an orderly end may take in all. Service managers wait for longer than this before they kill.
const DEADLINE: Duration = Duration::from_secs(10);
/// The part of it that is left for closing the journal.
const CLOSING: Duration = Duration::from_secs(1);

/// Watch every connection of the configuration and deliver to its sinks, until Ctrl-C or SIGTERM
///
/// At the first signal connections are ended, what was received is delivered, and the exit status is 0. That takes ten seconds in all at most;
/// what could not be delivered by then is given up, and the exit status is 1. A second signal, a second or more after the first, ends at
/// once, with 1.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost run
  watchpost run --config /etc/watchpost/site.toml --log-format json
  watchpost run | jq 'select(.type == \"gap\")'        (with a sink of kind \"stdout\")")]
pub(super) struct RunArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "watchpost.toml")]
    config: PathBuf,
}

pub(super) async fn run(args: RunArgs) -> Exit {
    // Before anything else, so that a signal finds somebody at home.
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(format_args!("signals cannot be waited for: {error}")),
    };
    let Some(config) = load(&args.config) else { return Exit::Usage };
    tracing::info!(
        "Events and checkpoints are kept in memory only: in this version `data_dir`, `retain` and `listen` have no effect."
    );
    // Connections are added when the sinks are there, so that no sink misses their first event.
    let engine = match Engine::start(EngineConfig { name_wait: config.engine.name_wait, ..EngineConfig::default() }) {
        Ok(engine) => engine,
        Err(error) => return failed(format_args!("the engine cannot be started: {error}")),
    };
    let sinks = match Sinks::start(&config.sinks, &engine, engine.journal().next()) {
        Ok(sinks) => sinks,
        Err(error @ (SinkError::Filter { .. } | SinkError::File { .. })) => {
            // The configuration is wrong, as far as this machine goes.
            terminal::complain(error);
            return Exit::Usage;
        }
        Err(error) => return failed(error),
    };
    for connection in config.connections {
        match engine.send(AddConnection(connection)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                // A certificate file that cannot be used, say: the configuration is wrong.
                terminal::complain(error);
                return Exit::Usage;
            }
            Err(_) => return failed("the engine has ended"),
        }
    }
    work(engine, sinks, signals).await
}

/// Reads the configuration, and says what is wrong with it and what it should better say.
pub(super) fn load(path: &std::path::Path) -> Option<Config> {
    let colour = terminal::errors_in_colour();
    match config::load(path) {
        Ok(config) => {
            if !config.warnings.is_empty() {
                terminal::complain(diagnostic::render(&config.warnings, colour));
            }
            let unusable = unusable(&config);
            for what in &unusable {
                terminal::complain(format_args!("{}: {what}", path.display()));
            }
            unusable.is_empty().then_some(config)
        }
        Err(errors) => {
            terminal::complain(diagnostic::render(errors.diagnostics(), colour));
            None
        }
    }
}

/// What the configuration names and this machine cannot give.
fn unusable(config: &Config) -> Vec<String> {
    let certificates = config.connections.iter().filter(|connection| connection.common.tls.ca_file.is_some());
    let certificates = certificates.filter_map(|connection| {
        let error = connection.common.tls.client_config().err()?;
        Some(format!("[connection \"{}\"] tls.ca_file: {error}", connection.name))
    });
    let folders = config.sinks.iter().filter_map(|sink| {
        let SinkKind::File(file) = &sink.kind else { return None };
        // A file in the working folder has an empty parent.
        let folder = file.path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
        let absent = format!("[sink \"{}\"] path: {} is no folder; create it first", sink.name, folder.display());
        (!folder.is_dir()).then_some(absent)
    });
    certificates.chain(folders).collect()
}

async fn work(engine: EngineHandle, mut sinks: Sinks, mut signals: Signals) -> Exit {
    let mut exit = until_the_end(&mut sinks, &mut signals).await;
    signals.now_impatient();
    let end = Instant::now() + DEADLINE;
    let left = || end.saturating_duration_since(Instant::now());
    // Connections that take their time must not use up that of the sinks.
    if !engine.stop_connections(left() / 2).await {
        tracing::warn!("Not every connection could be ended in time.");
        exit = Exit::Failed;
    }
    for ended in sinks.drain(engine.journal().next(), left().saturating_sub(CLOSING)).await {
        if !matches!(ended.why, Why::Delivered | Why::ReaderGone) {
            tracing::error!(sink = ended.sink, why = ?ended.why, "Not everything that was received could be delivered.");
            exit = Exit::Failed;
        }
    }
    if !engine.shutdown(left()).await {
        tracing::warn!("The journal could not be closed in time.");
        exit = Exit::Failed;
    }
    exit
}

/// Waits for a signal, or until there is nobody left to deliver to.
async fn until_the_end(sinks: &mut Sinks, signals: &mut Signals) -> Exit {
    loop {
        let ended = select! {
            () = signals.next() => {
                tracing::info!("Ending: connections are stopped, and what was received is delivered.");
                return Exit::Done;
            }
            ended = sinks.ended() => ended,
        };
        match ended.why {
            Why::ReaderGone if sinks.is_empty() => return Exit::Done,
            Why::ReaderGone => {
                tracing::warn!(
                    sink = ended.sink,
                    "Nobody reads this sink any more, so it has ended; the others go on."
                );
            }
            why => {
                tracing::error!(sink = ended.sink, ?why, "A sink has ended before its time; the program ends.");
                return Exit::Failed;
            }
        }
    }
}

fn failed(why: impl std::fmt::Display) -> Exit {
    terminal::complain(why);
    Exit::Failed
}
