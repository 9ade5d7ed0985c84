//! `watchpost vxg`: one command each, straight with the configuration's credentials, or through a running watchpost.

use std::{fmt::Display, path::Path};

use watchpost::{
    actors::{
        ConnectionConfig,
        commands::{Command, command_alone},
        journal::{Memory, Writer},
        messages::{AddEventType, CommandError, CreateEvent, ListEventTypes, SetEventType, TriggerEvent},
        model::ConnectionName,
        settings::{closest, mistake::shown},
        vendors::{Vendor as _, vxg::Vxg},
    },
    config::Config,
};

use super::{
    args::{AddTypeArgs, Common, CreateArgs, SetTypeArgs, Target, TriggerArgs, TypesArgs, VxgArgs, VxgCommand},
    show::{self, Shown},
};
use crate::cli::{
    Exit,
    client::{Client, ClientError, Source, Target as Running, vxg::Remote},
    run as running,
    signals::Signals,
    terminal,
};

pub(in crate::cli) async fn run(args: VxgArgs) -> Exit {
    match args.command {
        VxgCommand::Types(args) => types(args).await,
        VxgCommand::AddType(args) => add_type(args).await,
        VxgCommand::SetType(args) => set_type(args).await,
        VxgCommand::Create(args) => create(args).await,
        VxgCommand::Trigger(args) => trigger(args).await,
    }
}

async fn types(TypesArgs { target, common }: TypesArgs) -> Exit {
    let item = target.camera.clone();
    carry_out(&common, &target, |connection| ListEventTypes { connection, item }).await
}

async fn add_type(AddTypeArgs { target, name, notify, common }: AddTypeArgs) -> Exit {
    let (item, notify) = (target.camera.clone(), notify.map(bool::from));
    carry_out(&common, &target, |connection| AddEventType { connection, item, name, notify }).await
}

async fn set_type(args: SetTypeArgs) -> Exit {
    let SetTypeArgs { target, name, notify, record, snapshot, period, common } = args;
    let [notify, record, snapshot] = [notify, record, snapshot].map(|switch| switch.map(bool::from));
    let item = target.camera.clone();
    carry_out(&common, &target, |connection| SetEventType { connection, item, name, notify, record, snapshot, period })
        .await
}

async fn create(CreateArgs { target, name, time, meta, common }: CreateArgs) -> Exit {
    let item = target.camera.clone();
    carry_out(&common, &target, |connection| CreateEvent { connection, item, name, time, meta }).await
}

async fn trigger(TriggerArgs { target, name, meta, wait, common }: TriggerArgs) -> Exit {
    let item = target.camera.clone();
    let time = None;
    carry_out(&common, &target, |connection| TriggerEvent { connection, item, name, time, meta, wait }).await
}

/// Has the server do what is asked, straight or through a running watchpost, and shows what has come of it.
async fn carry_out<C: Command<Output: Shown> + Remote<Output = <C as Command>::Output>>(
    common: &Common,
    target: &Target,
    ask: impl FnOnce(ConnectionName) -> C,
) -> Exit {
    // Before anything else, so that a signal finds somebody at home.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(format_args!("signals cannot be waited for: {error}")),
    };
    match common.place.source() {
        Ok(Source::Straight(config)) => straight(common, &config, target, ask, signals).await,
        Ok(Source::Running(running)) => {
            let name = match target.connection.parse() {
                Ok(name) => name,
                Err(error) => return usage(error),
            };
            let ask = ask(name);
            tokio::select! {
                output = through(running, &ask) => match output {
                    Ok(output) => terminal::written(terminal::print(show::text(&output, common.json).as_bytes())),
                    Err(error) => error.tell(),
                },
                () = signals.next() => failed("interrupted: what was on its way may have been done"),
            }
        }
        Err(error) => error.tell(),
    }
}

async fn through<C: Remote>(running: Running, ask: &C) -> Result<C::Output, ClientError> {
    ask.ask(&Client::new(running)?).await
}

/// With the credentials of a configuration.
async fn straight<C: Command<Output: Shown>>(
    common: &Common,
    file: &Path,
    target: &Target,
    ask: impl FnOnce(ConnectionName) -> C,
    mut signals: Signals,
) -> Exit {
    let Some(config) = running::load(file) else { return Exit::Usage };
    let connection = match connection(&config, file, &target.connection) {
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
        Ok(output) => terminal::written(terminal::print(show::text(&output, common.json).as_bytes())),
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
fn connection<'a>(config: &'a Config, file: &Path, name: &str) -> Result<&'a ConnectionConfig, String> {
    let is_vxg = |connection: &&ConnectionConfig| connection.vendor.name() == Vxg::NAME;
    let names: Vec<_> = config.connections.iter().filter(is_vxg).map(|connection| connection.name.as_str()).collect();
    let there = match names.as_slice() {
        [] => format!("{} has no connection of vendor \"{}\"", file.display(), Vxg::NAME),
        names => format!("those of vendor \"{}\" are: {}", Vxg::NAME, names.join(", ")),
    };
    match config.connections.iter().find(|connection| connection.name.as_str() == name) {
        Some(connection) if is_vxg(&connection) => Ok(connection),
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
