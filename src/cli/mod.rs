//! The commands.
//!
//! [`main`] reads the command line, starts the log and hands over to the command's own room: `run`, `check`, and where the
//! simulators are built in, `demo` and `simulate`. A command answers with an [`Exit`]; whatever it has to complain about it has said by then.
//!
//! - `api`: what a running engine answers over HTTP. `client`: commands that ask one: `state`, `events`, `connections`, and the way there for others.
//! - `sinks`, `dead_letters`, `replay`: deliveries, as they are stored in the data folder (`data`), or as a running watchpost tells of them.
//! - `descriptors`: as many as the system allows. `table`: tables for people. `words`: states and events for people. `terminal`: standard output and standard error, without a panic when nobody reads them. `signals`: Ctrl-C and SIGTERM.
//! - `login`: the steps of a login that need a person; `person`: who answers its questions.
//! - `media`: pictures and recordings, fetched to files. `carry_out`: a command that a vendor has.
//! - `record`: what a vendor sends, kept in a file; `simulate` plays it back.
//! - `vendors`: what commands can do with a connection's vendor; `milestone`, `een`, `simplisafe` and `vxg` are such rooms. `logins`, `trial`: one login and one subscription, as the engine makes them.

mod api;
mod carry_out;
mod check;
mod client;
#[cfg(feature = "sqlite")]
mod data;
#[cfg(feature = "sqlite")]
mod dead_letters;
#[cfg(feature = "simulator")]
mod demo;
mod descriptors;
mod een;
mod log;
#[cfg(feature = "sqlite")]
mod login;
mod logins;
#[cfg(feature = "sqlite")]
mod media;
mod milestone;
#[cfg(feature = "sqlite")]
mod person;
mod record;
#[cfg(feature = "sqlite")]
mod replay;
mod run;
mod signals;
mod simplisafe;
#[cfg(feature = "simulator")]
mod simulate;
#[cfg(feature = "sqlite")]
mod sinks;
mod storage;
mod table;
mod terminal;
#[cfg(all(test, feature = "sqlite"))]
mod testing;
mod trial;
mod vendors;
mod vxg;
mod words;

use std::{future::Future, io, process::ExitCode};

use actix_rt::System;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// What was asked for is done.
    Done,
    /// It could not be done.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// Whether it was done is not known: done again, it may be done twice.
    Unsure,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unsure => 3,
        })
    }
}

/// An event engine for video-management and security systems: live connections, known states, no event lost in silence
#[derive(Parser)]
#[command(name = "watchpost", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    /// How the log is written; it goes to standard error, and RUST_LOG says how much of it
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[cfg(feature = "simulator")]
const AFTER_HELP: &str = "Try it without any system: watchpost demo\n\nExit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 it is not known whether it was done";
#[cfg(not(feature = "simulator"))]
const AFTER_HELP: &str =
    "Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 it is not known whether it was done";

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    #[cfg(feature = "simulator")]
    Demo(demo::DemoArgs),
    Check(check::CheckArgs),
    State(client::StateArgs),
    Events(client::EventsArgs),
    Connections(client::ConnectionsArgs),
    #[cfg(feature = "sqlite")]
    Login(login::LoginArgs),
    #[cfg(feature = "sqlite")]
    Media(media::MediaArgs),
    Milestone(milestone::MilestoneArgs),
    Vxg(vxg::VxgArgs),
    Record(record::RecordArgs),
    #[cfg(feature = "sqlite")]
    Sinks(sinks::SinksArgs),
    #[cfg(feature = "sqlite")]
    DeadLetters(dead_letters::DeadLettersArgs),
    #[cfg(feature = "sqlite")]
    Replay(replay::ReplayArgs),
    #[cfg(feature = "simulator")]
    Simulate(SimulateArgs),
    Completions(CompletionArgs),
}

/// Stand in for a real system, with faults that can be switched on, until Ctrl-C or SIGTERM
#[cfg(feature = "simulator")]
#[derive(clap::Args)]
#[command(after_help = "Examples:
  watchpost simulate milestone --items 2000 --rate 100
  watchpost simulate milestone --listen 127.0.0.1:9000 --fault drop=10s --fault duplicates
  watchpost simulate een --accounts 20 --cameras 12 --rate 5
  watchpost simulate een --accounts 0 --fault rate-limit=5 --fault expire=1m
  watchpost simulate simplisafe --systems 1 --rate 2 --fault one-use --fault lost-pushes=10
  watchpost simulate vxg --cameras 1000 --rate 20 --fault late=1m --fault hiccups=5
  watchpost simulate milestone --replay hq.frames --speed 10")]
struct SimulateArgs {
    #[command(subcommand)]
    system: SimulatedSystem,
}

#[cfg(feature = "simulator")]
#[derive(Subcommand)]
enum SimulatedSystem {
    Milestone(simulate::Replayable<watchpost::simulator::milestone::SimulateArgs>),
    Een(simulate::Replayable<watchpost::simulator::een::SimulateArgs>),
    #[command(name = "simplisafe")]
    SimpliSafe(simulate::Replayable<watchpost::simulator::simplisafe::SimulateArgs>),
    Vxg(simulate::Replayable<watchpost::simulator::vxg::SimulateArgs>),
}

/// Write a completion script for a shell to standard output
#[derive(clap::Args)]
#[command(after_help = "Examples:
  watchpost completions bash > ~/.local/share/bash-completion/completions/watchpost
  watchpost completions zsh > ~/.zfunc/_watchpost")]
struct CompletionArgs {
    /// For which shell
    shell: Shell,
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    let Cli { log_format, command } = Cli::parse();
    if let Err(mistake) = log::start(log_format, command.log_filter()) {
        terminal::complain(mistake);
        return Exit::Usage.into();
    }
    let exit = match command {
        Command::Run(args) => on_runtime(run::run(args)),
        Command::Check(args) => on_runtime(check::run(args)),
        Command::State(args) => on_runtime(client::state(args)),
        Command::Events(args) => on_runtime(client::events(args)),
        Command::Connections(args) => on_runtime(client::connections(args)),
        #[cfg(feature = "sqlite")]
        Command::Login(args) => on_runtime(login::run(args)),
        #[cfg(feature = "sqlite")]
        Command::Media(args) => on_runtime(media::run(args)),
        Command::Milestone(args) => on_runtime(milestone::run(args)),
        Command::Vxg(args) => on_runtime(vxg::run(args)),
        Command::Record(args) => on_runtime(record::run(args)),
        #[cfg(feature = "sqlite")]
        Command::Sinks(args) => on_runtime(sinks::run(args)),
        #[cfg(feature = "sqlite")]
        Command::DeadLetters(args) => on_runtime(dead_letters::run(args)),
        #[cfg(feature = "sqlite")]
        Command::Replay(args) => on_runtime(replay::run(args)),
        #[cfg(feature = "simulator")]
        Command::Demo(args) => on_runtime(demo::run(args)),
        #[cfg(feature = "simulator")]
        Command::Simulate(SimulateArgs { system }) => on_runtime(simulate::run(system)),
        Command::Completions(args) => completions(args.shell),
    };
    exit.into()
}

impl Command {
    /// What is logged where `RUST_LOG` does not say.
    fn log_filter(&self) -> &'static str {
        match self {
            // Its web server calls each caller that goes away an error. What a broker's client has to say, sinks say in better words.
            Self::Run(_) => "info,actix_http=off,actix_server=warn,async_nats=off",
            // A simulator resets its connections on purpose, and its web server takes that for errors.
            #[cfg(feature = "simulator")]
            Self::Simulate(_) => "info,actix_http=off,actix_server=warn",
            // The output of the others is for people, and says the same in better words.
            #[cfg(feature = "simulator")]
            Self::Demo(_) => "error,actix_http=off",
            Self::Check(_)
            | Self::State(_)
            | Self::Events(_)
            | Self::Connections(_)
            | Self::Milestone(_)
            | Self::Vxg(_)
            | Self::Record(_)
            | Self::Completions(_) => "error,async_nats=off",
            #[cfg(feature = "sqlite")]
            Self::Login(_) | Self::Media(_) | Self::Sinks(_) | Self::DeadLetters(_) | Self::Replay(_) => {
                "error,async_nats=off"
            }
        }
    }
}

fn on_runtime(command: impl Future<Output = Exit>) -> Exit {
    System::new().block_on(command)
}

fn completions(shell: Shell) -> Exit {
    // Written to memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "watchpost", &mut script);
    terminal::written(terminal::print(&script))
}

/// What a broken pipe means: whoever read has had enough.
fn is_reader_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_free_of_contradictions() {
        Cli::command().debug_assert();
    }
}
