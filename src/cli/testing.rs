//! What the commands' tests start from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use watchpost::{
    actors::{
        journal::Append,
        model::{Event, EventId, Meaning, Origin},
    },
    config::{Config, Surroundings, parse},
};

/// A configuration with these sinks.
pub(super) fn config(sinks: &str) -> Config {
    let text = format!(
        "[[connection]]\nname = 'hq'\nvendor = 'milestone'\nurl = 'http://127.0.0.1:9'\nusername = 'u'\n\
         password = {{ env = 'P' }}\n\
         subscribe = [{{ modifier = 'include', resource_types = ['*'], sources = ['*'], events = ['*'] }}]\n{sinks}"
    );
    parse(&text, "test.toml", &Surroundings::new("/", |_| Some("secret".into()))).unwrap()
}

/// So many events of a connection, to be stored.
pub(super) fn append(connection: &str, events: usize) -> Append {
    let event = |number: usize| Event {
        id: EventId::new(number.to_string()),
        origin: Origin::Live,
        meaning: Arc::new(Meaning { kind: "motion.started".into(), name: None, state: None }),
        item: None,
        time: "2026-06-11T09:17:59Z".into(),
        data: "{}".into(),
    };
    Append {
        connection: connection.parse().unwrap(),
        vendor: "milestone",
        events: (0..events).map(event).collect(),
        states: Arc::new([]),
        checkpoint: None,
        heard: None,
    }
}
