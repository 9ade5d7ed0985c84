//! Retained messages as a board: states, availability, and what Home Assistant is told.

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tokio::{sync::Mutex, time::sleep};
use watchpost_actors::model::{ConnectionName, ConnectionState, State};

use super::{
    home_assistant::{ConnectionFacts, Discovery, GroupFacts, ItemFacts, ItemTopics, Message, parent_of},
    link::Link,
    session::{self, PublishError, Session},
    topics::Topics,
};
use crate::sinks::{
    mirror::{About, Board, Connection, Document, Heard, Place, state_json},
    outlet::Failure,
};

/// What a topic of availability says.
pub(super) const ONLINE: &str = "online";
pub(super) const OFFLINE: &str = "offline";

/// So long after a session has begun, what the broker has retained is known.
const KNOWN_AFTER: Duration = Duration::from_secs(2);
/// The longest description, in bytes, that is looked at for whose it is; ours have some ten thousand. Anybody may put anything there.
const LONGEST_DESCRIPTION: usize = 256 << 10;
/// Of so many topics of Home Assistant's it is known at most whose they are.
const MOST_TOLD: usize = 100_000;

/// Whether anything is put up of an item.
pub(super) type IsShown = Box<dyn Fn(&ConnectionName, &str) -> bool>;

/// The retained messages of one sink.
pub(super) struct Retained {
    link: Rc<Link>,
    topics: Topics,
    discovery: Option<Discovery>,
    /// Whether anything is put up of an item: the filter may hide it.
    is_shown: IsShown,
    /// Of whom each topic tells Home Assistant: those that we put there, and those that were found.
    told_of: RefCell<HashMap<String, Place>>,
    /// What Home Assistant was told in the other form, and is to hear of in this one.
    other_form: RefCell<Vec<(String, &'static str)>>,
    /// The session in which Home Assistant may be told.
    prepared: Mutex<u64>,
}

impl Retained {
    pub(super) fn new(link: Rc<Link>, topics: Topics, discovery: Option<Discovery>, is_shown: IsShown) -> Self {
        let (told_of, other_form) = (RefCell::default(), RefCell::default());
        Self { link, topics, discovery, is_shown, told_of, other_form, prepared: Mutex::new(0) }
    }

    fn of_connection(&self, connection: &Connection) -> Vec<Document> {
        let topic = self.topics.connection(&connection.name);
        let is_online = connection.state == ConnectionState::Online;
        let mut documents = vec![document(topic.clone(), if is_online { ONLINE } else { OFFLINE })];
        if let Some(discovery) = &self.discovery {
            let events = self.topics.events(&connection.name, None);
            let facts = ConnectionFacts {
                connection: &connection.name,
                vendor: connection.vendor,
                topic: &topic,
                events: Some(&events),
            };
            let place = Place::Connection(connection.name.clone());
            documents.extend(discovery.connection(&facts).into_iter().map(|message| self.told(&place, message)));
        }
        documents
    }

    fn of_item(&self, connection: &Connection, states: &[State]) -> Vec<Document> {
        let placed = self.topics.states(states);
        let mut documents: Vec<_> =
            placed.iter().map(|(topic, state)| Document { key: topic.clone(), body: state_json(state) }).collect();
        if let (Some(discovery), Some(first)) = (&self.discovery, states.first()) {
            let item = &first.item;
            let (name, id) = (&connection.name, &*item.id);
            let (availability, events) = (self.topics.connection(name), self.topics.events(name, Some(id)));
            let commands = self.topics.commands(name, id);
            let group = |(topic, state): &'_ (String, &'_ State)| (topic.clone(), (*state).clone());
            let placed: Vec<_> = placed.iter().map(group).collect();
            let groups = placed.iter().map(|(topic, state)| GroupFacts {
                group: state.group(),
                vendor_group: state.meaning.state.as_ref().map_or("", |state| &state.vendor_group),
                topic,
            });
            let facts = ItemFacts {
                connection: name,
                vendor: connection.vendor,
                id,
                name: item.name.as_deref(),
                // A device below one that is not described would be below nothing.
                parent: parent_of(id).filter(|parent| (self.is_shown)(name, parent)),
                groups: groups.collect(),
                kinds: std::collections::BTreeSet::new(),
                topics: ItemTopics { connection: &availability, events: &events, commands: &commands },
            };
            let place = Place::Item(name.clone(), id.into());
            documents.extend(discovery.item(&facts).into_iter().map(|message| self.told(&place, message)));
        }
        documents
    }

    /// A description as a document. It is remembered whose it is, since the topic does not say it.
    fn told(&self, place: &Place, Message { topic, payload }: Message) -> Document {
        let mut told_of = self.told_of.borrow_mut();
        if told_of.get(&topic) != Some(place) {
            told_of.insert(topic.clone(), place.clone());
        }
        Document { key: topic, body: payload.into() }
    }

    /// Takes note of a description that is at the broker. Whether it is known whose it is.
    fn note(&self, session: u64, discovery: &Discovery, heard: &session::Heard) -> bool {
        let is_prepared = self.prepared.try_lock().is_ok_and(|prepared| *prepared == session);
        if let Some(word) = discovery.migration(&heard.topic).filter(|_| !is_prepared && !heard.body.is_empty()) {
            self.other_form.borrow_mut().push((heard.topic.clone(), word));
        }
        if self.told_of.borrow().contains_key(&heard.topic) {
            return true;
        }
        if heard.body.len() > LONGEST_DESCRIPTION || self.told_of.borrow().len() >= MOST_TOLD {
            return false;
        }
        let Some(place) = self.told_of(&heard.body) else { return false };
        self.told_of.borrow_mut().insert(heard.topic.clone(), place);
        true
    }

    /// Of whom Home Assistant was told: every description refers to topics of its own item or connection.
    fn told_of(&self, body: &[u8]) -> Option<Place> {
        let description: Value = serde_json::from_slice(body).ok()?;
        let mut texts = Vec::new();
        texts_in(&description, &mut texts);
        let mut connection = None;
        for place in texts.into_iter().filter_map(|text| self.topics.mentioned(text)) {
            match place {
                Place::Item(..) => return Some(place),
                // That of an item refers to its connection, too.
                place => connection = Some(place),
            }
        }
        connection
    }

    async fn publish(&self, session: u64, topic: &str, body: Bytes) -> Result<(), Failure> {
        let over = || Failure::Again { why: "the session is over".to_owned(), after: None };
        let present = self.link.numbered(session).ok_or_else(over)?;
        if self.discovery.as_ref().is_some_and(|discovery| discovery.owns(topic)) {
            self.prepare(session, &present).await?;
        }
        publish(&present, topic, body, true).await
    }

    /// Home Assistant is told in one form at a time: where it was told in the other, it hears first that another will follow.
    async fn prepare(&self, session: u64, present: &Session) -> Result<(), Failure> {
        let mut prepared = self.prepared.lock().await;
        if *prepared != session {
            sleep(KNOWN_AFTER).await;
            loop {
                let Some((topic, word)) = self.other_form.borrow_mut().pop() else { break };
                if let Err(failure) = publish(present, &topic, word.as_bytes().into(), false).await {
                    // The other form must not go before Home Assistant has heard that.
                    self.other_form.borrow_mut().push((topic, word));
                    return Err(failure);
                }
            }
            *prepared = session;
        }
        Ok(())
    }
}

async fn publish(session: &Session, topic: &str, body: Bytes, retain: bool) -> Result<(), Failure> {
    let published = match session.publish(topic, body, retain) {
        Ok(ticket) => ticket.acknowledged().await,
        Err(error) => Err(error),
    };
    published.map_err(|error| match error {
        PublishError::Over(why) | PublishError::Busy(why) => Failure::Again { why, after: None },
        PublishError::NotAllowed(why) | PublishError::Refused(why) => Failure::Refused { why, at_once: true },
    })
}

fn document(key: String, body: &'static str) -> Document {
    Document { key, body: Bytes::from_static(body.as_bytes()) }
}

fn texts_in<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts_in(value, texts)),
        Value::Object(values) => values.values().for_each(|value| texts_in(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Board for Retained {
    fn documents(&self, about: About<'_>) -> Vec<Document> {
        match about {
            About::Program => vec![document(self.topics.program(), ONLINE)],
            About::Connection(connection) => self.of_connection(connection),
            About::Missing(name) => vec![document(self.topics.connection(name), OFFLINE)],
            About::Item(connection, states) => self.of_item(connection, states),
        }
    }

    fn place(&self, key: &str) -> Option<Place> {
        self.topics.place(key).or_else(|| self.told_of.borrow().get(key).cloned())
    }

    async fn session(&self, after: u64) -> u64 {
        self.link.after(after).await.0
    }

    async fn heard(&self, session: u64) -> Heard {
        let Some(present) = self.link.numbered(session) else { return std::future::pending().await };
        loop {
            let heard = present.heard().await;
            let is_described = || {
                let discovery = self.discovery.as_ref().filter(|discovery| discovery.owns(&heard.topic));
                discovery.is_some_and(|discovery| self.note(session, discovery, &heard))
            };
            if self.topics.place(&heard.topic).is_some() || is_described() {
                return Heard { key: heard.topic, body: heard.body };
            }
        }
    }

    fn heard_after(&self) -> Duration {
        KNOWN_AFTER
    }

    async fn put(&self, session: u64, document: &Document) -> Result<(), Failure> {
        self.publish(session, &document.key, document.body.clone()).await
    }

    async fn remove(&self, session: u64, key: &str) -> Result<(), Failure> {
        self.publish(session, key, Bytes::new()).await?;
        self.told_of.borrow_mut().remove(key);
        Ok(())
    }

    fn settled(&self, key: &str, refused: Option<&str>) {
        self.link.herald().settled(key, refused);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{sync::Arc, time::Duration};

    use watchpost_actors::model::{Item, Meaning, Origin, Sequence, StateMeaning};

    use super::{super::home_assistant::Form, *};
    use crate::sinks::standing::Herald;

    #[test]
    fn a_device_below_a_system_that_the_filter_hides_is_below_its_connection() {
        let name: ConnectionName = "home".parse().unwrap();
        let connection =
            Connection { name: name.clone(), vendor: "simplisafe", title: None, state: ConnectionState::Online };
        let group = StateMeaning {
            group: "contact".into(),
            value: "open".into(),
            vendor_group: "contact".into(),
            vendor_value: "open".into(),
            text: None,
        };
        let state = State {
            connection: name,
            item: Arc::new(Item { id: "systems/1/devices/2".into(), name: None }),
            meaning: Arc::new(Meaning { kind: "contact.opened".into(), name: None, state: Some(group) }),
            time: "2026-06-11T09:17:59Z".into(),
            sequence: Sequence(7),
            origin: Origin::Live,
            stale: false,
        };
        let via = |is_shown: bool| {
            let topics = Topics::new("watchpost");
            let discovery = Discovery::new("homeassistant", Form::Device, "watchpost", &topics.program());
            let link = Link::new(Duration::from_secs(1), Herald::new("broker", "127.0.0.1:1883"));
            let board = Retained::new(link, topics, Some(discovery), Box::new(move |_, _| is_shown));
            let documents = board.documents(About::Item(&connection, std::slice::from_ref(&state)));
            let described = documents.iter().find(|document| document.key.starts_with("homeassistant/")).unwrap();
            let described: Value = serde_json::from_slice(&described.body).unwrap();
            described["device"]["via_device"].as_str().unwrap().to_owned()
        };
        assert!(via(true).contains("-home-systems-1-"), "{}", via(true));
        assert!(!via(false).contains("systems") && via(false).contains("-home-"), "{}", via(false));
    }
}
