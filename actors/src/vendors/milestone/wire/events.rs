//! Events of a frame, by where their members stand in it.

use std::borrow::Cow;
use std::fmt;

use bytestring::ByteString;

use crate::model::ids::fingerprint;
use crate::model::text::Span;

/// The events of a frame, in its order.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EventList {
    frame: ByteString,
    list: Vec<Parts>,
}

/// An event, or the event behind a state, as slices of its frame. What is absent is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireEvent<'a> {
    /// Its id; the resume cursor. Empty in defective frames.
    pub id: &'a str,
    /// `<resource type>/<guid>`.
    pub source: &'a str,
    /// The event type's GUID.
    pub kind: &'a str,
    /// The state group's GUID; empty for an event without state.
    pub group: &'a str,
    /// UTC, ISO 8601, seven fraction digits.
    pub time: &'a str,
    /// The event as it was sent.
    pub raw: &'a str,
}

/// Where an event's JSON and its members stand in the frame.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) raw: Span,
    pub(super) id: Member,
    pub(super) source: Member,
    pub(super) kind: Member,
    pub(super) group: Member,
    pub(super) time: Member,
}

/// A member of an event.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) enum Member {
    #[default]
    Absent,
    /// A text that stands there as it is meant.
    There(Span),
    /// A text that is written with escapes, or a number.
    Unescaped(Box<str>),
}

impl Member {
    fn text<'a>(&'a self, frame: &'a str) -> &'a str {
        match self {
            Self::Absent => "",
            Self::There(span) => span.of(frame),
            Self::Unescaped(text) => text,
        }
    }
}

impl EventList {
    pub(super) fn new(frame: ByteString, list: Vec<Parts>) -> Self {
        Self { frame, list }
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The events, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = WireEvent<'_>> {
        self.list.iter().map(|parts| WireEvent {
            id: parts.id.text(&self.frame),
            source: parts.source.text(&self.frame),
            kind: parts.kind.text(&self.frame),
            group: parts.group.text(&self.frame),
            time: parts.time.text(&self.frame),
            raw: parts.raw.of(&self.frame),
        })
    }
}

impl fmt::Debug for EventList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> WireEvent<'a> {
    /// The id by which repeats are known: the gateway's, else one made of the content, which a replay repeats.
    pub fn event_id(&self) -> Cow<'a, str> {
        match self.id {
            "" => format!("~{:032x}", fingerprint(self.raw)).into(),
            id => id.into(),
        }
    }

    /// The event with its GUIDs in lower case, but for its id: the SDK prints them in upper case, the gateway in either.
    pub fn with_lower_case<T>(&self, take: impl FnOnce(WireEvent<'_>) -> T) -> T {
        let capitals = |text: &str| text.bytes().fold(false, |found, byte| found | byte.is_ascii_uppercase());
        // The resource type in front (`recordingServers`) keeps its capitals.
        let (of, guid) =
            self.source.split_at(self.source.bytes().position(|byte| byte == b'/').unwrap_or(self.source.len()));
        if !capitals(guid) & !capitals(self.kind) & !capitals(self.group) {
            return take(*self);
        }
        let (kind, group) = (self.kind.to_ascii_lowercase(), self.group.to_ascii_lowercase());
        let source = format!("{of}{}", guid.to_ascii_lowercase());
        take(WireEvent { source: &source, kind: &kind, group: &group, ..*self })
    }
}
