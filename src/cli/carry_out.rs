//! A command that a vendor has, carried out straight with the configuration's credentials, or through a running watchpost.

use std::{fmt::Display, path::Path};

use clap::Args;
use serde::Serialize;
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
                    Err(error) => error.tell(),
                },
                () = signals.next() => failed("interrupted: what was on its way may have been done"),
            }
        }
        Err(error) => error.tell(),
    }
}

async fn through<V, C: Remote<V>>(running: Running, ask: &C) -> Result<C::Output, ClientError> {
    ask.ask(&Client::new(running)?).await
}

/// With the credentials of a configuration.
async fn straight<V: Vendor, C: Command<Output: Shown<V>>>(
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
        Err(error @ (CommandError::Invalid(_) | CommandError::NotThisVendor { .. })) => usage(error),
        Err(CommandError::Stopped) => failed("interrupted: what was on its way may have been done"),
        Err(error) => failed(error),
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
