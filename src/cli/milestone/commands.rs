//! `watchpost milestone`: one command each, straight with the configuration's credentials, or through a running watchpost.

use watchpost::actors::{
    messages::{ListSystemEventTypes, SystemEventType, TriggerEvent, Triggered},
    vendors::milestone::Milestone,
};

use super::args::{MilestoneArgs, MilestoneCommand, TriggerArgs, TypesArgs};
use crate::cli::{
    Exit,
    carry_out::{Shown, carry_out},
    table::{Cell, Side, Table, Tone, clean},
};

pub(in crate::cli) async fn run(args: MilestoneArgs) -> Exit {
    match args.command {
        MilestoneCommand::Types(TypesArgs { connection, common }) => {
            carry_out::<Milestone, _>(&common, &connection, |connection| ListSystemEventTypes { connection }).await
        }
        MilestoneCommand::Trigger(TriggerArgs { connection, event, source, common }) => {
            let ask = |connection| TriggerEvent { item: source, ..TriggerEvent::of_system(connection, event) };
            carry_out::<Milestone, _>(&common, &connection, ask).await
        }
    }
}

impl Shown<Milestone> for Vec<SystemEventType> {
    fn lines(&self, colour: bool) -> String {
        if self.is_empty() {
            return "no event types\n".to_owned();
        }
        let columns = ["TITLE", "ID", "TYPE", "GROUP", "STATE", "SOURCES", "TRIGGER"];
        let mut table = Table::new(columns.map(|column| (column, Side::Left)));
        for kind in self {
            let state = kind.state.as_ref();
            let sources = Some(kind.sources.join(" ")).filter(|sources| !sources.is_empty());
            table.row([
                Cell::plain(&kind.title),
                Cell::plain(&kind.id),
                Cell::plain(&kind.kind),
                Cell::maybe(Tone::Plain, state.map(|state| state.group.clone())),
                Cell::maybe(Tone::Plain, state.map(|state| state.value.clone())),
                Cell::maybe(Tone::Plain, sources),
                Cell::maybe(Tone::Plain, kind.can_be_triggered.filter(|can| *can).map(|_| "yes")),
            ]);
        }
        table.render(colour)
    }
}

impl Shown<Milestone> for Triggered {
    fn lines(&self, _: bool) -> String {
        match &self.occurrence {
            Some(event) => {
                let (name, item) = (clean(&event.name), clean(&event.item));
                format!("Triggered: event {} \"{name}\" of {item} at {}\n", clean(&event.id), event.time)
            }
            None => format!("Triggered at {}. The gateway does not say which event that is.\n", self.asked),
        }
    }
}
