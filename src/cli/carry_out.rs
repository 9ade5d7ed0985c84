//! A command that a vendor has, carried out straight with the configuration's credentials, or through a running watchpost.

use std::{fmt::Display, path::Path};

use clap::Args;
use serde::Serialize;
use serde_json::json;
use watchpost::{
    actors::{
        ConnectionConfig,
        commands::{Command, command_alone},
        journal::{Memory, Writer},
        messages::CommandError,
        model::ConnectionName,
        settings::{closest, mistake::shown},
        vendors::Vendor,
    },
    config::Config,
};

use super::{
    Exit,
    client::{Client, ClientError, Place, Remote, Source, Target as Running},
    run as running,
    signals::Signals,
    table, terminal,
};

#[derive(Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) place: Place,
    /// JSON in place of text
    #[arg(long)]
    pub(super) json: bool,
}

/// What can be shown of a vendor's.
pub(super) trait Shown<V>: Serialize {
    /// In lines for people.
    fn lines(&self, colour: bool) -> String;
}

/// The text to print.
fn text<V>(output: &impl Shown<V>, json: bool) -> String {
    if json {
        serde_json::to_string(output).map_or_else(|error| error.to_string(), |json| json + "\n")
    } else {
        output.lines(table::colours())
    }
}

/// Has the server do what is asked, straight or through a running watchpost, and shows what has come of it.
pub(super) async fn carry_out<V, C>(common: &Common, connection: &str, ask: impl FnOnce(ConnectionName) -> C) -> Exit
where
    V: Vendor,
    C: Command<Output: Shown<V>> + Remote<V, Output = <C as Command>::Output>,
{
    // Before anything else, so that a signal finds somebody at home.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(format_args!("signals cannot be waited for: {error}")),
    };
    match common.place.source() {
        Ok(Source::Straight(config)) => straight::<V, C>(common, &config, connection, ask, signals).await,
        Ok(Source::Running(running)) => {
            let name = match connection.parse() {
                Ok(name) => name,
                Err(error) => return usage(error),
            };
            let ask = ask(name);
            tokio::select! {
                output = through::<V, C>(running, &ask) => match output {
                    Ok(output) => terminal::written(terminal::print(text::<V>(&output, common.json).as_bytes())),
                    Err(error) => {
                        let usual = error.tell();
                        ended(common, &error, C::MAKES && error.may_have_happened(), usual)
                    }
                },
                () = signals.next() => interrupted(common, C::MAKES),
            }
        }
        Err(error) => error.tell(),
    }
}

async fn through<V, C: Remote<V>>(running: Running, ask: &C) -> Result<C::Output, ClientError> {
    ask.ask(&Client::new(running)?).await
}

/// With the credentials of a configuration.
async fn straight<V: Vendor, C: Command<Output: Shown<V>> + Remote<V>>(
    common: &Common,
    file: &Path,
    connection: &str,
    ask: impl FnOnce(ConnectionName) -> C,
    mut signals: Signals,
) -> Exit {
    let Some(config) = running::load(file) else { return Exit::Usage };
    let connection = match of_name::<V>(&config, file, connection) {
        Ok(connection) => connection,
        Err(why) => return usage(why),
    };
    // Nothing of these logins has to be kept, and so a running watchpost is not disturbed.
    let journal = match Writer::start(Box::new(Memory::default())) {
        Ok(writer) => writer.handle(),
        Err(error) => return failed(error),
    };
    let ask = ask(connection.name.clone());
    match command_alone(connection, &journal, &ask, signals.next()).await {
        Ok(output) => terminal::written(terminal::print(text::<V>(&output, common.json).as_bytes())),
        Err(CommandError::Stopped) => interrupted(common, C::MAKES),
        Err(error) => {
            let usual = match error {
                CommandError::Invalid(_) | CommandError::NotThisVendor { .. } => usage(&error),
                _ => failed(&error),
            };
            let unsure = matches!(error, CommandError::Unsure(_) | CommandError::NothingAppeared { .. });
            ended(common, &error, C::MAKES && unsure, usual)
        }
    }
}

fn interrupted(common: &Common, makes: bool) -> Exit {
    const WHY: &str = "interrupted: what was on its way may have been done";
    ended(common, &WHY, makes, failed(WHY))
}

/// How it ends where it was not done, or nobody knows; with `--json` that is told on standard output too.
fn ended(common: &Common, why: &impl Display, may_have_happened: bool, usual: Exit) -> Exit {
    if common.json {
        let error = json!({ "error": why.to_string(), "may_have_happened": may_have_happened });
        // The status says the same to who does not read.
        let _ = terminal::print(format!("{error}\n").as_bytes());
    }
    if may_have_happened { Exit::Unsure } else { usual }
}

/// A name that can be asked for, straight and as a part of an address alike.
pub(super) fn name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        "." | ".." => Err("this is no name".to_owned()),
        _ if text.contains(char::is_control) => Err("it has a line break or another control character".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

fn failed(why: impl Display) -> Exit {
    terminal::complain(why);
    Exit::Failed
}

fn usage(why: impl Display) -> Exit {
    terminal::complain(format_args!("error: {why}"));
    Exit::Usage
}

/// The connection of this name, or which there are.
fn of_name<'a, V: Vendor>(config: &'a Config, file: &Path, name: &str) -> Result<&'a ConnectionConfig, String> {
    let is_one = |connection: &&ConnectionConfig| connection.vendor.name() == V::NAME;
    let names: Vec<_> = config.connections.iter().filter(is_one).map(|connection| connection.name.as_str()).collect();
    let there = match names.as_slice() {
        [] => format!("{} has no connection of vendor \"{}\"", file.display(), V::NAME),
        names => format!("those of vendor \"{}\" are: {}", V::NAME, names.join(", ")),
    };
    match config.connections.iter().find(|connection| connection.name.as_str() == name) {
        Some(connection) if is_one(&connection) => Ok(connection),
        Some(connection) => {
            let vendor = connection.vendor.name();
            Err(format!("connection \"{name}\" is of vendor \"{vendor}\"; {there}"))
        }
        None => {
            let near = closest(name, names.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("\n  hint: did you mean \"{near}\"?"));
            Err(format!("there is no connection \"{}\"; {there}{hint}", shown(name)))
        }
    }
}
