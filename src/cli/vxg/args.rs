//! What is typed behind `watchpost vxg`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use watchpost::actors::vendors::vxg::wire::time;

pub(super) use crate::cli::carry_out::Common;
use crate::cli::carry_out::name as asked;

/// List and change the event types of VXG cameras, create events, and have cameras make them
///
/// A running watchpost is asked, with --url or --config, and uses the login that the connection has. Where none runs with this configuration, or it does
/// not listen, VXG's server is asked straight, with the credentials of the configuration. A connection is named as in its configuration. A camera is named by its id, 237863 or cameras/237863, or by its name where the token opens a list of cameras and only one is called so.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost vxg types cloud 237863
  watchpost vxg add-type cloud 237863 custom_event --notify on
  watchpost vxg create cloud 237863 custom_event --meta order=4711
  watchpost vxg trigger cloud 'Front door' audio_event --wait 30s
  watchpost vxg types cloud 237863 --url http://127.0.0.1:8780")]
pub(in crate::cli) struct VxgArgs {
    #[command(subcommand)]
    pub(super) command: VxgCommand,
}

#[derive(Subcommand)]
pub(super) enum VxgCommand {
    Types(TypesArgs),
    AddType(AddTypeArgs),
    SetType(SetTypeArgs),
    Create(CreateArgs),
    Trigger(TriggerArgs),
}

/// Which camera, with whose credentials.
#[derive(Args)]
pub(super) struct Target {
    /// The connection, as the configuration names it
    pub(super) connection: String,
    /// The camera: its id, or its name
    #[arg(value_parser = asked)]
    pub(super) camera: String,
}

/// List the event types that a camera has, and what can be done with them
///
/// A dash stands for what the server does not say: whether a type records, say, that can begin no recording. Where a type could and does not, it says "off".
///
/// With --json, one array with an object for each type: name, caps {can_be_triggered, can_record, can_snapshot, is_periodic}, notify, receive, record,
/// snapshot, period (in seconds), custom. What is not told is null.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost vxg types cloud 237863
  watchpost vxg types cloud 237863 --json | jq '.[] | select(.caps.can_be_triggered).name'")]
pub(super) struct TypesArgs {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Add an event type to a camera, so that events of it can be created
///
/// One that is there already stays as it is; that is said, and is no failure.
///
/// With --json, the type as `types` tells it, and existed.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost vxg add-type cloud 237863 custom_event
  watchpost vxg add-type cloud 237863 custom_event --notify off")]
pub(super) struct AddTypeArgs {
    #[command(flatten)]
    pub(super) target: Target,
    /// The new type's name, in which the case of letters counts
    #[arg(value_parser = asked)]
    pub(super) name: String,
    /// Whether VXG's telephone apps are told of such events; unless given, they are
    #[arg(long, value_enum, value_name = "on|off")]
    pub(super) notify: Option<Switch>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Change what happens with events of a type; what is not named stays as it is
///
/// With --json, the type as `types` tells it.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost vxg set-type cloud 237863 motion --notify off
  watchpost vxg set-type cloud 237863 motion --record on --snapshot on
  watchpost vxg set-type cloud 237863 snapshot --period 30s")]
pub(super) struct SetTypeArgs {
    #[command(flatten)]
    pub(super) target: Target,
    /// The type's name
    #[arg(value_parser = asked)]
    pub(super) name: String,
    /// Whether VXG's telephone apps are told of such events
    #[arg(long, value_enum, value_name = "on|off")]
    pub(super) notify: Option<Switch>,
    /// Whether one begins a recording
    #[arg(long, value_enum, value_name = "on|off")]
    pub(super) record: Option<Switch>,
    /// Whether one comes with a picture
    #[arg(long, value_enum, value_name = "on|off")]
    pub(super) snapshot: Option<Switch>,
    /// How often a periodic one comes, in whole seconds
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) period: Option<Duration>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Create an event of a camera on the server
///
/// The camera must have the type: `add-type` adds one. The event is made once, also where an answer is lost on the way and it is asked for again:
/// a tag of its own in meta, `watchpost-` and a UUID, tells whether it is there already.
///
/// With --json, one object: id, item, name, time, meta.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost vxg create cloud 237863 custom_event
  watchpost vxg create cloud 237863 custom_event --time 2021-09-23T16:30:00 --meta order=4711 --meta dock=3")]
pub(super) struct CreateArgs {
    #[command(flatten)]
    pub(super) target: Target,
    /// The type's name
    #[arg(value_parser = asked)]
    pub(super) name: String,
    /// When it happened, like 2021-09-23T16:30:00Z; without a zone it is UTC [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(super) time: Option<Timestamp>,
    /// What is to be known of it besides; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    pub(super) meta: Vec<(String, String)>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Ask a camera to make an event
///
/// Only for types that can be triggered. That the server takes it means that the camera is asked: an event comes later, or never if the camera is
/// offline. With --wait the events of the camera are read until a new one of this type is there; if none comes in time, it ends with status 3.
///
/// It goes out with a tag of its own in meta, `watchpost-` and a UUID. An event with the tag is the one; a camera may not keep it, so at the end of the
/// wait another new event of this type is taken too, and said not to be certain.
///
/// With --json, one object: asked (the time that was asked for), occurrence {id, item, name, time, meta}, and confirmed, whether it has the tag; both
/// null unless it was waited for.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost vxg trigger cloud 237863 audio_event
  watchpost vxg trigger cloud 237863 audio_event --meta by=night-watch --wait 30s")]
pub(super) struct TriggerArgs {
    #[command(flatten)]
    pub(super) target: Target,
    /// The type's name
    #[arg(value_parser = asked)]
    pub(super) name: String,
    /// What is to be known of it besides; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    pub(super) meta: Vec<(String, String)>,
    /// For how long to wait for the event
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) wait: Option<Duration>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

impl From<Switch> for bool {
    fn from(switch: Switch) -> Self {
        switch == Switch::On
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    time::parse(text).ok_or_else(|| "write a time like 2021-09-23T16:30:00Z".to_owned())
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, data)) if !name.trim().is_empty() => Ok((name.to_owned(), data.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}
