//! `watchpost record`.
//!
//! One connection of the configuration, by an engine with a journal in memory and no sinks, and a tape that keeps what goes over the wire. `notes` has what logins keep,
//! which belongs to the data folder.

mod notes;

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use tokio::{select, time::interval};
use watchpost::{
    actors::{
        ConnectionConfig, Engine, EngineConfig, EngineHandle,
        model::ConnectionState,
        settings::{ByteSize, closest, mistake::shown},
        transport::{Tape, TapeError, tape::Counts},
    },
    config::Config,
};

use super::{Exit, run, signals::Signals, terminal};

/// How long an orderly end may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often it is looked how the connection is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Keep what a vendor sends in a file, so that somebody else can play it back
///
/// Runs one connection of the configuration until Ctrl-C, or for as long as --for says, and writes each call with its answer and each message to the file as it happens.
/// Known passwords and tokens, what looks like one, and host names are taken out; names of cameras, people and places are not: look the file through before you give it away. Nothing is delivered, and nothing of it comes into the journal. `watchpost
/// simulate VENDOR --replay FILE` plays it back.
///
/// A watchpost that runs may go on running beside it, but not where a login uses up a token that the other one needs (SimpliSafe's).
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost record --connection hq -o hq.frames
  watchpost record --connection hq -o hq.frames --for 10m --config /etc/watchpost/site.toml")]
pub(super) struct RecordArgs {
    /// Which connection of the configuration
    #[arg(long, value_name = "NAME")]
    connection: String,
    /// Write it to this file, which only its owner can read
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// For how long; until Ctrl-C without
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    length: Option<Duration>,
    /// End once the file has about this size; 0 for never
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    max_size: ByteSize,
    /// Overwrite the file if there is one
    #[arg(long)]
    force: bool,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "watchpost.toml")]
    config: PathBuf,
}

pub(super) async fn run(args: RecordArgs) -> Exit {
    // Before anything else, so that a signal finds somebody at home.
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(format_args!("signals cannot be waited for: {error}")),
    };
    let Some(config) = run::load(&args.config) else { return Exit::Usage };
    let connection = match connection(&config, &args.connection) {
        Ok(connection) => connection.clone(),
        Err(why) => {
            terminal::complain(format_args!("error: {why}"));
            return Exit::Usage;
        }
    };
    let journal = match notes::journal(&config, &connection) {
        Ok(journal) => journal,
        Err(why) => return failed(why),
    };
    let tape = match Tape::create(&args.output, args.force, connection.vendor.name()) {
        Ok(tape) => Arc::new(tape),
        Err(error @ TapeError::Exists(_)) => {
            terminal::complain(format_args!(
                "error: {error}\n  hint: choose another name, or overwrite it with --force"
            ));
            return Exit::Usage;
        }
        Err(error) => return failed(error),
    };
    connection.vendor.secrets().iter().for_each(|secret| tape.conceal(secret));
    let name = connection.name.clone();
    let config = EngineConfig {
        connections: vec![connection],
        journal,
        arbiters: 1,
        name_wait: config.engine.name_wait,
        tape: Some(Arc::clone(&tape)),
        ..EngineConfig::default()
    };
    let engine = match Engine::start(config) {
        Ok(engine) => engine,
        Err(error) => return failed(format_args!("the engine cannot be started: {error}")),
    };
    let until =
        args.length.map_or("until Ctrl-C".to_owned(), |length| format!("for {}", humantime::format_duration(length)));
    terminal::complain(format_args!("Recording {name} to {}, {until}.", args.output.display()));
    let exit = work(&engine, name.as_str(), &tape, &args, signals).await;
    let in_time = engine.shutdown(DEADLINE).await;
    told(&args.output, tape.counts());
    match exit {
        Exit::Done if !in_time => failed("The connection could not be ended in time."),
        exit => exit,
    }
}

/// Waits for the end, and tells meanwhile how the connection is.
async fn work(engine: &EngineHandle, name: &str, tape: &Tape, args: &RecordArgs, mut signals: Signals) -> Exit {
    let over = async {
        match args.length {
            Some(length) => tokio::time::sleep(length).await,
            None => std::future::pending().await,
        }
    };
    let exit = select! {
        () = signals.next() => Exit::Done,
        () = over => Exit::Done,
        () = full(tape, args.max_size) => {
            terminal::complain(format_args!(
                "The recording has ended at {}; --max-size allows more.", args.max_size
            ));
            Exit::Done
        }
        why = tape.broken() => failed(format_args!("The recording has ended, for nothing more can be written: {why}. What was written before is good.")),
        () = tell_states(engine, name) => Exit::Failed,
    };
    signals.now_impatient();
    exit
}

/// Waits until so much is written.
async fn full(tape: &Tape, most: ByteSize) {
    let mut often = interval(LOOK_EVERY);
    while most.as_u64() == 0 || tape.counts().bytes < most.as_u64() {
        often.tick().await;
    }
}

/// Tells each state of the connection; never ends.
async fn tell_states(engine: &EngineHandle, name: &str) {
    let (mut often, mut told) = (interval(LOOK_EVERY), None);
    loop {
        often.tick().await;
        let Some(status) = engine.states().status(name) else { continue };
        // It may have been away for a moment in between.
        let now = Some((status.state, status.since));
        if std::mem::replace(&mut told, now) != now {
            let reason = if status.reason.is_empty() { String::new() } else { format!(": {}", status.reason) };
            terminal::complain(format_args!("{name}: {}{reason}", status.state));
            if status.state == ConnectionState::Halted {
                terminal::complain("It goes on recording; end it with Ctrl-C.");
            }
        }
    }
}

fn told(path: &Path, counts: Counts) {
    let Counts { calls, sockets, messages, bytes } = counts;
    terminal::complain(format_args!(
        "{}: {calls} calls, {sockets} sockets, {messages} messages, {bytes} bytes.\n\
         Passwords, tokens, what looks like one, and host names are taken out. Names of cameras, people and places, and user names, are still in it: look it through before you give it away.",
        path.display()
    ));
}

fn connection<'a>(config: &'a Config, name: &str) -> Result<&'a ConnectionConfig, String> {
    let names = || config.connections.iter().map(|connection| connection.name.as_str());
    config.connections.iter().find(|connection| connection.name.as_str() == name).ok_or_else(|| {
        let hint = match closest(name, names()) {
            Some(near) => format!("\n  hint: did you mean \"{near}\"?"),
            None if config.connections.is_empty() => String::new(),
            None => format!("\n  hint: there are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        format!("there is no connection \"{}\"{hint}", shown(name))
    })
}

fn failed(why: impl Display) -> Exit {
    terminal::complain(why);
    Exit::Failed
}
