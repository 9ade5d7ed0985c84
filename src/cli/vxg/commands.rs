//! `watchpost vxg`: one command each, straight with the configuration's credentials, or through a running watchpost.

use watchpost::actors::{
    commands::Command,
    messages::{AddEventType, CreateEvent, ListEventTypes, SetEventType, TriggerEvent},
    model::ConnectionName,
    vendors::vxg::Vxg,
};

use super::args::{AddTypeArgs, Common, CreateArgs, SetTypeArgs, Target, TriggerArgs, TypesArgs, VxgArgs, VxgCommand};
use crate::cli::{
    Exit,
    carry_out::{self, Shown},
    client::Remote,
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
    let (item, time) = (Some(target.camera.clone()), None);
    carry_out(&common, &target, |connection| TriggerEvent { connection, item, name, time, meta, wait }).await
}

/// Has VXG do what is asked.
async fn carry_out<C>(common: &Common, target: &Target, ask: impl FnOnce(ConnectionName) -> C) -> Exit
where
    C: Command<Output: Shown<Vxg>> + Remote<Vxg, Output = <C as Command>::Output>,
{
    carry_out::carry_out::<Vxg, C>(common, &target.connection, ask).await
}
