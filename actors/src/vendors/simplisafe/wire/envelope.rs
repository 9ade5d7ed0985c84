//! A received frame: a CloudEvent, by its type.

use std::borrow::Cow;
use std::time::Duration;

use crate::vendors::members::Members;

/// What the server says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// The first word. What its times oblige a client to is not known: nobody acts on them.
    Hello {
        /// Sent as 45 s.
        heartbeat: Option<Duration>,
        /// Sent as 30 s.
        inactivity: Option<Duration>,
    },
    /// The token was read.
    Registered,
    /// Events will come: the first proof that the token was accepted.
    Subscribed {
        /// To what: `uid:<user id>`.
        namespace: Option<Cow<'a, str>>,
    },
    /// Something happened; see [`Event::read`](super::Event::read).
    Event {
        /// `id:<event id>` as far as was seen. Empty where there is none.
        id: Cow<'a, str>,
        /// When it happened, as RFC 3339. Empty where there is none.
        time: Cow<'a, str>,
        /// The event's JSON, an object.
        data: &'a str,
    },
    /// Something else, an error among it: what servers say before they close is not known.
    Other {
        /// Its type.
        kind: Cow<'a, str>,
        /// Its content, if any.
        data: Option<&'a str>,
    },
    /// Nothing that could be read; an event may have been lost in it, so the history should be asked.
    Unreadable(String),
}

/// Takes a frame apart.
///
/// Servers were seen to say `com.simplisafe.namespace.subscribed`; simplipy's tests know the same as `com.simplisafe.service.subscribed`.
#[must_use]
pub fn decode(text: &str) -> Frame<'_> {
    let members = match Members::of(text) {
        Ok(members) => members,
        Err(error) => return Frame::Unreadable(error.to_string()),
    };
    let Some(kind) = members.text("type") else { return Frame::Unreadable("it has no type".to_owned()) };
    match &*kind {
        "com.simplisafe.service.hello" => {
            let timeouts = members.object("data").object("timeouts");
            let time = |name| timeouts.number(name).and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
            Frame::Hello { heartbeat: time("heartbeat"), inactivity: time("inactivity") }
        }
        "com.simplisafe.service.registered" => Frame::Registered,
        "com.simplisafe.namespace.subscribed" | "com.simplisafe.service.subscribed" => {
            Frame::Subscribed { namespace: members.object("data").text("namespace") }
        }
        "com.simplisafe.event.standard" => match members.json("data") {
            Some(data) if data.starts_with('{') => Frame::Event {
                id: members.text("id").unwrap_or_default(),
                time: members.text("time").unwrap_or_default(),
                data,
            },
            _ => Frame::Unreadable("it is an event without an object as its data".to_owned()),
        },
        _ => Frame::Other { data: members.json("data"), kind },
    }
}
