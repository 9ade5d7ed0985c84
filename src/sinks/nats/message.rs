//! An event as a message (CloudEvents 1.0, NATS protocol binding).

use async_nats::HeaderMap;
use bytes::Bytes;
use watchpost_actors::model::event::Stored;

use crate::{
    config::NatsMode,
    sinks::{attributes::encoded, level, outlet::Failure},
};

/// The longest subject. A line of the protocol has 4,096 bytes at most unless the server is told otherwise, and a longer one ends the
/// connection; with the subject stands the one for the answer.
const LONGEST_SUBJECT: usize = 3_500;

/// What a message of this payload and these headers needs besides (NATS client protocol, `HPUB`).
const VERSION_LINE: usize = "NATS/1.0\r\n\r\n".len();

/// A message that is ready to be sent, any number of times.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
    /// Its headers and payload in bytes, as servers count them.
    pub(super) size: usize,
}

impl Message {
    /// The message for an event. `redelivery` tells one that is sent on purpose once more from the one that was sent first.
    ///
    /// # Errors
    /// [`Failure::Refused`] when it cannot be sent, now or later.
    pub(super) fn new(
        mode: NatsMode,
        stream: &str,
        prefix: &str,
        event: &Stored<'_>,
        redelivery: Option<&str>,
    ) -> Result<Self, Failure> {
        let subject = subject(prefix, event);
        if subject.len() > LONGEST_SUBJECT {
            let why = format!(
                "its subject would have {} bytes, more than the {LONGEST_SUBJECT} that servers take",
                subject.len()
            );
            return Err(Failure::Refused { why, at_once: true });
        }
        let mut message = Self { subject, headers: HeaderMap::new(), payload: Bytes::new(), size: VERSION_LINE };
        let id = encoded(&event.full_id());
        message.header("Nats-Msg-Id", redelivery.map_or(id.clone(), |mark| format!("{id};redelivery={mark}")));
        message.header("Nats-Expected-Stream", stream.to_owned());
        match mode {
            NatsMode::Binary => {
                for (name, value) in event.attributes() {
                    message.header(&format!("ce-{name}"), encoded(&value.to_string()));
                }
                if redelivery.is_some() {
                    message.header("ce-redelivery", "true".to_owned());
                }
                message.payload = Bytes::copy_from_slice(event.data().as_bytes());
            }
            NatsMode::Structured => {
                message.header("Content-Type", "application/cloudevents+json".to_owned());
                let mut line = Vec::with_capacity(640 + event.data().len());
                event.write_line_as(&mut line, redelivery.is_some());
                message.payload = line.into();
            }
        }
        message.size += message.payload.len();
        Ok(message)
    }

    /// Adds a header; neither the name nor the value holds a line end.
    fn header(&mut self, name: &str, value: String) {
        self.size += name.len() + value.len() + ": \r\n".len();
        self.headers.append(name, value);
    }
}

/// `<prefix>.<connection>.<type>`. The dots of a type part levels of the subject, so that `watchpost.*.motion.>` is every motion.
fn subject(prefix: &str, event: &Stored<'_>) -> String {
    let mut subject = format!("{prefix}.{}", level::encode(event.commit.connection.as_str()));
    for part in event.event.meaning.kind.split('.') {
        subject.push('.');
        subject.push_str(&level::encode(part));
    }
    subject
}
