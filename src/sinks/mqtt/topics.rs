//! Where things are published.

use watchpost_actors::model::{ConnectionName, State};

use crate::sinks::{
    level,
    mirror::{Place, by_group},
};

/// The level in the place of an item for events that have none. No item is called so: all have a `/` in their names.
const NO_ITEM: &str = "-";
const AVAILABILITY: &str = "availability";
const STATES: &str = "states";
const EVENTS: &str = "events";
const COMMANDS: &str = "commands";

/// The topics under one prefix.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    prefix: String,
}

impl Topics {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    fn of(&self, levels: &[&str]) -> String {
        let mut topic = self.prefix.clone();
        for level in levels {
            topic.push('/');
            topic.push_str(level);
        }
        topic
    }

    /// Whether watchpost itself is there.
    pub(super) fn program(&self) -> String {
        self.of(&[AVAILABILITY])
    }

    /// Whether a connection is online.
    pub(super) fn connection(&self, connection: &ConnectionName) -> String {
        self.of(&[&level::encode(connection.as_str()), AVAILABILITY])
    }

    /// An event.
    pub(super) fn event(&self, connection: &ConnectionName, item: Option<&str>, kind: &str) -> String {
        let item = item.map_or_else(|| NO_ITEM.to_owned(), level::encode);
        self.of(&[&level::encode(connection.as_str()), &item, EVENTS, &level::encode(kind)])
    }

    /// A filter for all events of an item, or those of a connection that have no item.
    pub(super) fn events(&self, connection: &ConnectionName, item: Option<&str>) -> String {
        let item = item.map_or_else(|| NO_ITEM.to_owned(), level::encode);
        self.of(&[&level::encode(connection.as_str()), &item, EVENTS, "+"])
    }

    /// The states of an item, each where it is published: under its shared group, or under the vendor's id where several have the same.
    pub(super) fn states<'a>(&self, states: &'a [State]) -> Vec<(String, &'a State)> {
        let topic = |(group, state): (&str, &'a State)| {
            let levels = [state.connection.as_str(), &state.item.id, group].map(level::encode);
            (self.of(&[&levels[0], &levels[1], STATES, &levels[2]]), state)
        };
        by_group(states).into_iter().map(topic).collect()
    }

    /// Where commands for an item would go, if any were taken.
    pub(super) fn commands(&self, connection: &ConnectionName, item: &str) -> String {
        self.of(&[&level::encode(connection.as_str()), &level::encode(item), COMMANDS])
    }

    /// Filters for everything that is retained under the prefix.
    pub(super) fn retained(&self) -> [String; 3] {
        [self.program(), self.of(&["+", AVAILABILITY]), self.of(&["+", "+", STATES, "+"])]
    }

    /// Whose retained message a topic is; `None` if it is none of these.
    pub(super) fn place(&self, topic: &str) -> Option<Place> {
        let levels: Vec<_> = self.below(topic)?.split('/').collect();
        match levels[..] {
            [AVAILABILITY] => Some(Place::Program),
            [connection, AVAILABILITY] => Some(Place::Connection(level::decode(connection)?.parse().ok()?)),
            [connection, item, STATES, _] => item_of(connection, item),
            _ => None,
        }
    }

    /// Of whom a topic tells, whichever it is: for what refers to our topics.
    pub(super) fn mentioned(&self, topic: &str) -> Option<Place> {
        let levels: Vec<_> = self.below(topic)?.split('/').collect();
        match levels[..] {
            [connection, item, STATES | EVENTS | COMMANDS, ..] if item != NO_ITEM => item_of(connection, item),
            _ => self.place(topic).filter(|place| *place != Place::Program),
        }
    }

    fn below<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(&*self.prefix)?.strip_prefix('/')
    }
}

fn item_of(connection: &str, item: &str) -> Option<Place> {
    Some(Place::Item(level::decode(connection)?.parse().ok()?, level::decode(item)?.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_retained_topic_leads_back_to_whose_it_is() {
        let topics = Topics::new("site/watchpost");
        let connection: ConnectionName = "stores/42".parse().unwrap();
        let item = Place::Item(connection.clone(), "cameras/1".into());
        assert_eq!(topics.program(), "site/watchpost/availability");
        assert_eq!(topics.connection(&connection), "site/watchpost/stores=2F42/availability");
        assert_eq!(topics.place(&topics.program()), Some(Place::Program));
        assert_eq!(topics.place(&topics.connection(&connection)), Some(Place::Connection(connection.clone())));
        let state = "site/watchpost/stores=2F42/cameras=2F1/states/motion";
        assert_eq!(topics.place(state), Some(item.clone()));
        let event = topics.event(&connection, Some("cameras/1"), "motion.started");
        assert_eq!(event, "site/watchpost/stores=2F42/cameras=2F1/events/motion=2Estarted");
        assert_eq!(topics.event(&connection, None, "gap"), "site/watchpost/stores=2F42/-/events/gap");
        for other in [event.as_str(), "site/watchpost", "watchpost/availability", "site/watchpost/a.b/availability"] {
            assert_eq!(topics.place(other), None, "{other}");
        }
        assert_eq!(topics.mentioned(&event), Some(item));
        assert_eq!(topics.mentioned(&topics.connection(&connection)), Some(Place::Connection(connection)));
        assert_eq!(topics.mentioned(&topics.program()), None);
        assert_eq!(topics.mentioned("site/watchpost/hq/-/events/gap"), None);
    }
}
