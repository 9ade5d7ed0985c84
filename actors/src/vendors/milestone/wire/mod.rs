//! Frames of the Events and State WebSocket API: what is sent (`commands`), and what a received one holds.
//!
//! Events are taken apart without copying: each is slices of its frame (`events`). A frame in the shape that gateways write is read
//! once, from front to back (`scan`); any other, or a giant on another thread, by a JSON parser (`members`). Unknown members are ignored, and every member of an event may
//! be absent or of a surprising kind; nothing that a server sends makes an event disappear here.

mod commands;
mod events;
mod members;
mod scan;

use std::borrow::Cow;

use bytestring::ByteString;

pub use commands::{add_subscription, get_state, remove_subscription, start_session};
pub use events::{EventList, WireEvent};

use self::members::{Frame, error_text};

/// A frame taken apart.
#[derive(Debug)]
pub enum Decoded {
    /// Events, in the order in which the gateway delivers them.
    Events(EventList),
    /// The answer to a command.
    Reply(Reply),
    /// JSON, but of no kind that we know, and without events.
    Unknown,
    /// No JSON, or events in a shape that we do not know.
    Malformed(String),
}

/// The answer to a command, matched by its id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The id of the command.
    pub command: u64,
    /// 200 to 299 means success.
    pub status: u16,
    /// `startSession`: the session.
    pub session: Option<String>,
    /// `addSubscription`: the subscription.
    pub subscription: Option<String>,
    /// `getState`: the last stateful event of each source and group.
    pub states: Option<EventList>,
    /// What the gateway says went wrong.
    pub error: Option<String>,
    /// Events in the same frame; not documented, but then not lost either.
    pub events: EventList,
}

impl Reply {
    /// Whether the gateway did what was asked.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Status and error, in words.
    pub fn trouble(&self) -> String {
        match &self.error {
            Some(text) => format!("status {}: {text}", self.status),
            None => format!("status {}", self.status),
        }
    }
}

/// Takes a frame apart.
pub fn decode(frame: &ByteString) -> Decoded {
    let wire: Frame<'_> = match serde_json::from_str(frame) {
        Ok(wire) => wire,
        // A shape that is not known. It may hold events all the same.
        Err(error) if error.is_data() && !frame.contains("\"events\"") => return Decoded::Unknown,
        Err(error) => return Decoded::Malformed(error.to_string()),
    };
    let events = |list: Vec<&_>| {
        let parts = list.into_iter().map(|raw| members::event(frame, raw));
        EventList::new(frame.clone(), parts.collect())
    };
    if let Some(command) = wire.command_id.number() {
        return Decoded::Reply(Reply {
            command,
            status: wire.status.number().unwrap_or(0),
            session: wire.session_id.0.map(Cow::into_owned),
            subscription: wire.subscription_id.0.map(Cow::into_owned),
            states: wire.states.map(events),
            error: wire.error.map(error_text),
            events: wire.events.map(events).unwrap_or_default(),
        });
    }
    wire.events.map_or(Decoded::Unknown, |list| Decoded::Events(events(list)))
}

/// Hands out the events of a frame in the shape that gateways write, without taking it apart first; `None` if it turned out to be of another
/// shape, and then what was handed out does not count.
pub fn scan<'a>(frame: &'a str, take: impl FnMut(WireEvent<'a>)) -> Option<()> {
    scan::events(frame, take)
}

#[cfg(test)]
mod tests;
