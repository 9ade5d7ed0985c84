//! What has come of a command, for people and as JSON.

use watchpost::actors::{
    messages::{AddedEventType, EventType, Triggered, VendorEvent},
    vendors::vxg::Vxg,
};

use crate::cli::{
    carry_out::Shown,
    table::{Cell, Side, Table, Tone, clean},
};

impl Shown<Vxg> for Vec<EventType> {
    fn lines(&self, colour: bool) -> String {
        if self.is_empty() { "no event types\n".to_owned() } else { types(self, colour) }
    }
}

impl Shown<Vxg> for EventType {
    fn lines(&self, colour: bool) -> String {
        types(std::slice::from_ref(self), colour)
    }
}

impl Shown<Vxg> for AddedEventType {
    fn lines(&self, colour: bool) -> String {
        let name = clean(&self.event_type.name);
        let told = if self.existed {
            format!("The event type \"{name}\" is there already, and stays as it is.")
        } else {
            format!("The event type \"{name}\" is added.")
        };
        format!("{told}\n\n{}", self.event_type.lines(colour))
    }
}

impl Shown<Vxg> for VendorEvent {
    fn lines(&self, _: bool) -> String {
        format!("Created: {}\n", event(self))
    }
}

impl Shown<Vxg> for Triggered {
    fn lines(&self, _: bool) -> String {
        match &self.occurrence {
            Some(occurrence) if self.confirmed == Some(false) => format!(
                "The camera was asked, and an event of this type has appeared; whether it is the one that was asked for is not \
                 certain: {}\n",
                event(occurrence)
            ),
            Some(occurrence) => format!("The camera was asked, and an event has appeared: {}\n", event(occurrence)),
            None => {
                format!("The camera is asked for an event at {}. Whether one comes, --wait would tell.\n", self.asked)
            }
        }
    }
}

fn event(event: &VendorEvent) -> String {
    format!("event {} \"{}\" of {} at {}", event.id, clean(&event.name), event.item, event.time)
}

fn types(types: &[EventType], colour: bool) -> String {
    let mut table = Table::new([
        ("NAME", Side::Left),
        ("NOTIFY", Side::Left),
        ("RECORD", Side::Left),
        ("SNAPSHOT", Side::Left),
        ("PERIOD", Side::Right),
        ("TRIGGER", Side::Left),
        ("CUSTOM", Side::Left),
    ]);
    for kind in types {
        let period = kind.period.map(|seconds| format!("{seconds}s"));
        table.row([
            Cell::plain(&kind.name),
            switch(kind.notify),
            switch(kind.record),
            switch(kind.snapshot),
            Cell::maybe(Tone::Plain, period),
            word(kind.caps.can_be_triggered),
            word(kind.custom),
        ]);
    }
    table.render(colour)
}

/// Whether something that can be switched is on.
fn switch(is_on: Option<bool>) -> Cell {
    Cell::maybe(Tone::Plain, is_on.map(|is_on| if is_on { "on" } else { "off" }))
}

/// Whether something is so: what is not said is not so.
fn word(is_so: Option<bool>) -> Cell {
    Cell::maybe(Tone::Plain, is_so.filter(|is_so| *is_so).map(|_| "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_does_not_say_is_a_dash_and_what_it_says_stands_below_its_heading() {
        let mut motion = EventType::default();
        motion.name = "motion".to_owned();
        (motion.notify, motion.record, motion.caps.can_be_triggered) = (Some(true), Some(false), Some(false));
        let mut periodic = EventType::default();
        periodic.name = "snap\nshot".to_owned();
        (periodic.period, periodic.custom, periodic.caps.can_be_triggered) = (Some(30), Some(true), Some(true));
        let expected = "NAME       NOTIFY  RECORD  SNAPSHOT  PERIOD  TRIGGER  CUSTOM\n\
                        motion     on      off     -              -  -        -\n\
                        snap shot  -       -       -            30s  yes      yes\n";
        assert_eq!(vec![motion, periodic].lines(false), expected);
    }
}
