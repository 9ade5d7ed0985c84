//! What is typed behind `watchpost milestone`.

use clap::{Args, Subcommand};

use crate::cli::carry_out::{Common, name};

/// List the event types of a Milestone system, and have it make events
///
/// A running watchpost is asked, with --url or --config, and uses the login that the connection has. Where none runs with this configuration, or it does
/// not listen, the gateway is asked straight, with the credentials of the configuration. A connection is named as in its configuration.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost milestone types hq
  watchpost milestone trigger hq 'Panic button'
  watchpost milestone trigger hq 'Panic button' --source 'cameras/Lobby 1'")]
pub(in crate::cli) struct MilestoneArgs {
    #[command(subcommand)]
    pub(super) command: MilestoneCommand,
}

#[derive(Subcommand)]
pub(super) enum MilestoneCommand {
    Types(TypesArgs),
    Trigger(TriggerArgs),
}

/// List the event types of a system, with the states that they set
///
/// TITLE and ID are what `events` of a subscription takes; TYPE is what its events are called here, and GROUP and STATE what they set. TRIGGER is "yes" for
/// what `trigger` can ask for, if the user's role lets it. In the order of the titles.
///
/// With --json, one array with an object for each type: id, title, name, kind, state {group, value, group_id, group_title, text, states}, sources,
/// generator, category, can_be_triggered. What is not told is null.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost milestone types hq
  watchpost milestone types hq --json | jq -r '.[] | select(.state.group == \"motion\").id'")]
pub(super) struct TypesArgs {
    /// The connection, as the configuration names it
    pub(super) connection: String,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Have a system make an event: a user-defined one, say
///
/// The event is sent once. Where the answer is lost, whether there is an event is not known: that is said, with status 3, and it is not sent again.
///
/// With --json, one object: asked (when), occurrence {id, item, name, time, meta} as the gateway tells it, and confirmed. Of a failure: error, and may_have_happened.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost milestone trigger hq 'Panic button'
  watchpost milestone trigger hq 5b3a1c1e-6f1d-4c0b-8e0f-0a4b7c2d9e11 --source cameras/25d08c6a-cc08-4498-8772-242111f9840c")]
pub(super) struct TriggerArgs {
    /// The connection, as the configuration names it
    pub(super) connection: String,
    /// The event type: its name, in any case and with or without blanks, or its id
    #[arg(value_parser = name)]
    pub(super) event: String,
    /// The item that the event is about: cameras/ and its GUID, or cameras/ and its name [default: the event itself]
    #[arg(long, value_name = "ITEM")]
    pub(super) source: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}
