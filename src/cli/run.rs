//! `watchpost run`.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use tokio::{select, time::interval};
use watchpost::{
    actors::{Engine, EngineConfig, EngineHandle, messages::AddConnection},
    config::{self, Config, Listen, Secrets, SinkKind, Synchronous, diagnostic},
    sinks::{Ground, Sinks, Undelivered, Why, delivery::Delivery},
};

use super::{
    Exit,
    api::{About, Api, Serving},
    descriptors::Descriptors,
    signals::Signals,
    storage::{self, Floor},
    terminal,
};

/// How long an orderly end may take in all. Service managers wait for longer than this before they kill.
const DEADLINE: Duration = Duration::from_secs(10);
/// The part of it that is left for closing the journal.
const CLOSING: Duration = Duration::from_secs(1);
/// How often the journal is told what the sinks wait for.
const FLOOR_EVERY: Duration = Duration::from_secs(1);

/// Watch every connection of the configuration and deliver to its sinks, until Ctrl-C or SIGTERM
///
/// At the first signal connections are ended, what was received is delivered, and the exit status is 0. That takes ten seconds in all at most;
/// what could not be delivered by then is delivered after the next start. A second signal, a second or more after the first, ends at
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
    /// Ask logins again at once that were refused in an earlier run, as after a user was unlocked
    #[arg(long)]
    insist: bool,
}

pub(super) async fn run(args: RunArgs) -> Exit {
    // Before anything else, so that a signal finds somebody at home.
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(format_args!("signals cannot be waited for: {error}")),
    };
    let Some(config) = load(&args.config) else { return Exit::Usage };
    let descriptors = Descriptors::raise();
    descriptors.warn_if_too_few_for(config.connections.len());
    let clients = descriptors.clients_beside(config.connections.len(), config.sinks.len());
    let api = match &config.engine.listen {
        Listen::Off => None,
        Listen::At(address) => match Api::bind(*address, clients) {
            Ok(api) => api,
            Err(error) => {
                return failed(format_args!("{error}; choose another `listen` in [engine], or end what has it now"));
            }
        },
    };
    let (journal, delivery, floor) = match storage::open(&config.engine) {
        Ok(storage) => storage.into_parts(),
        Err(error) => return failed(error),
    };
    let durable = delivery.is_durable();
    // Connections are added when the sinks are there, so that no sink misses their first event.
    let engine =
        EngineConfig { journal, name_wait: config.engine.name_wait, insist: args.insist, ..EngineConfig::default() };
    let engine = match Engine::start(engine) {
        Ok(engine) => engine,
        Err(error) => return failed(format_args!("the engine cannot be started: {error}")),
    };
    let ground = Ground {
        journal: engine.journal().clone(),
        delivery: delivery.clone(),
        engine: Some(engine.clone()),
        durable_files: config.engine.synchronous == Synchronous::Full,
    };
    let sinks = match Sinks::start(&config.sinks, &ground).await {
        Ok(sinks) => sinks,
        Err(error) if error.is_configuration() => {
            terminal::complain(error);
            return Exit::Usage;
        }
        Err(error) => return failed(error),
    };
    tell_floor(floor, sinks.undelivered());
    for connection in config.connections.clone() {
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
    // Whoever asks is told of all connections, and takes none for gone that is still to come.
    let serving = match api.map(|api| serve(api, &engine, delivery, &sinks, &config)).transpose() {
        Ok(serving) => serving,
        Err(error) => return failed(error),
    };
    let exit = work(engine, sinks, signals, durable).await;
    if let Some(serving) = serving {
        serving.stop().await;
    }
    exit
}

fn serve(
    api: Api,
    engine: &EngineHandle,
    delivery: Delivery,
    running: &Sinks,
    config: &Config,
) -> Result<Serving, String> {
    tracing::info!("Dashboard and API are at http://{}/", api.address());
    let (engine, sinks) = (engine.clone(), config.sinks.clone());
    let (token, hosts) = (config.engine.token.clone(), config.engine.hosts.clone());
    let (desk, connections) = (running.desk(), config.connections.clone());
    api.serve(About { engine, delivery, sinks, desk, connections, token, hosts })
}

/// Tells the journal now and then what the sinks wait for: it keeps that longer.
fn tell_floor(floor: Floor, undelivered: Undelivered) {
    actix_rt::spawn(async move {
        let mut often = interval(FLOOR_EVERY);
        loop {
            often.tick().await;
            floor.set(undelivered.lowest());
        }
    });
}

/// Reads the configuration, and says what is wrong with it and what it should better say.
pub(super) fn load(path: &std::path::Path) -> Option<Config> {
    load_with(path, Secrets::All)
}

/// The same, with these secrets alone.
pub(super) fn load_with(path: &std::path::Path, secrets: Secrets) -> Option<Config> {
    let colour = terminal::errors_in_colour();
    match config::load_with(path, secrets) {
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
    let receivers = config.sinks.iter().filter_map(|sink| {
        let (tls, identity) = match &sink.kind {
            SinkKind::Webhook(webhook) => (&webhook.tls, None),
            #[cfg(feature = "mqtt")]
            SinkKind::Mqtt(broker) => (&broker.tls, broker.identity.as_ref()),
            #[cfg(feature = "nats")]
            SinkKind::Nats(nats) => (&nats.tls, nats.identity.as_ref()),
            _ => return None,
        };
        if tls.ca_file.is_none() && identity.is_none() {
            return None;
        }
        let name = &sink.name;
        match tls.client_config() {
            Err(error) => Some(format!("[sink \"{name}\"] tls.ca_file: {error}")),
            Ok(_) => {
                let error = tls.client_config_as(identity).err()?;
                Some(format!("[sink \"{name}\"] tls.client_cert: {error}"))
            }
        }
    });
    let folders = config.sinks.iter().filter_map(|sink| {
        let SinkKind::File(file) = &sink.kind else { return None };
        // A file in the working folder has an empty parent.
        let folder = file.path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
        let absent = format!("[sink \"{}\"] path: {} is no folder; create it first", sink.name, folder.display());
        (!folder.is_dir()).then_some(absent)
    });
    certificates.chain(receivers).chain(folders).collect()
}

async fn work(engine: EngineHandle, mut sinks: Sinks, mut signals: Signals, durable: bool) -> Exit {
    let mut exit = select! {
        exit = until_the_end(&mut sinks, &mut signals) => exit,
        error = engine.journal().damaged() => {
            tracing::error!(%error, "The program ends; its next start sets the journal aside and begins a new one.");
            Exit::Failed
        }
    };
    signals.now_impatient();
    let end = Instant::now() + DEADLINE;
    let left = || end.saturating_duration_since(Instant::now());
    // Connections that take their time must not use up that of the sinks.
    if !engine.stop_connections(left() / 2).await {
        tracing::warn!("Not every connection could be ended in time.");
        exit = Exit::Failed;
    }
    for ended in sinks.drain(engine.journal().next(), left().saturating_sub(CLOSING)).await {
        if durable && ended.why == Why::GivenUp {
            tracing::warn!(
                sink = ended.sink,
                "What this sink has not delivered yet, it delivers after the next start."
            );
        } else if !matches!(ended.why, Why::Delivered | Why::ReaderGone) {
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
