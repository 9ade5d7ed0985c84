//! `watchpost check`.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use watchpost::{
    actors::ConnectionConfig,
    config::{Config, SinkConfig},
    sinks::trial,
};

use super::{
    Exit, run, terminal,
    vendors::{Findings, Visitor},
};

/// Read the configuration and say every mistake with its line
///
/// With --connect, also log in to each system and say who that is, what it may see, whether it may subscribe as configured, and how long a
/// lost session is kept there. A login that is refused is not tried again. A connection whose login may use up a token that a running watchpost
/// needs (SimpliSafe's) is not tried while that runs; the others are. Brokers that events go to are tried, too: one login, and nothing
/// that changes anything there.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost check
  watchpost check --config /etc/watchpost/site.toml --connect")]
pub(super) struct CheckArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "watchpost.toml")]
    config: PathBuf,
    /// Log in to each system too
    #[arg(long)]
    connect: bool,
}

pub(super) async fn run(args: CheckArgs) -> Exit {
    let Some(config) = run::load(&args.config) else { return Exit::Usage };
    let written = terminal::print(format!("{}: {}\n", args.config.display(), counted(&config)).as_bytes());
    if let Err(error) = written {
        return terminal::written(Err(error));
    }
    if !args.connect {
        return Exit::Done;
    }
    let mut visitor = Visitor::new(config.engine);
    let exit = connect(&mut visitor, &config.connections).await;
    visitor.leave().await;
    match connect_sinks(&config.sinks).await {
        Exit::Done => exit,
        failed => failed,
    }
}

fn counted(config: &Config) -> String {
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!("ok ({}, {})", count(config.connections.len(), "connection"), count(config.sinks.len(), "sink"))
}

async fn connect(visitor: &mut Visitor, connections: &[ConnectionConfig]) -> Exit {
    let mut exit = Exit::Done;
    for connection in connections {
        let findings = visitor.visit(connection).await;
        if !findings.failures.is_empty() {
            exit = Exit::Failed;
        }
        let written = terminal::print(shown(connection.name.as_str(), &findings).as_bytes());
        if let Err(error) = written {
            return terminal::written(Err(error));
        }
    }
    exit
}

/// Tries the brokers that events are delivered to.
async fn connect_sinks(sinks: &[SinkConfig]) -> Exit {
    let mut exit = Exit::Done;
    for sink in sinks {
        let Some(trial::Trial { lines, failures }) = trial::look(sink).await else { continue };
        if !failures.is_empty() {
            exit = Exit::Failed;
        }
        let text = shown(&format!("sink {}", sink.name), &Findings { lines, failures, untried: None });
        let written = terminal::print(text.as_bytes());
        if let Err(error) = written {
            return terminal::written(Err(error));
        }
    }
    exit
}

fn shown(name: &str, findings: &Findings) -> String {
    let outcome = match (&findings.failures[..], &findings.untried) {
        ([], None) => "ok",
        ([], Some(_)) => "not tried",
        _ => "failed",
    };
    let mut text = format!("\n{name}: {outcome}\n");
    for (heading, line) in &findings.lines {
        // Writing into a String does not fail.
        let _ = writeln!(text, "  {heading:<8} {line}");
    }
    if let Some(why) = &findings.untried {
        let _ = writeln!(text, "  {:<8} {why}", "why");
    }
    for failure in &findings.failures {
        let _ = writeln!(text, "  {:<8} {failure}", "error");
    }
    text
}
