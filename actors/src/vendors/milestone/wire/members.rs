//! Frames of any shape, by a JSON parser.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::events::{Member, Parts};
use crate::model::text::Span;

/// An event out of its own JSON, which is part of `frame`. Cannot fail: a member that cannot be read is as good as absent.
pub(super) fn event(frame: &str, raw: &RawValue) -> Parts {
    let members = serde_json::from_str(raw.get()).unwrap_or_else(|_| Members::out_of_the_ordinary(raw));
    let member = |text: Text<'_>| match text.0 {
        Some(Cow::Borrowed(text)) => Member::There(Span::part(frame, text)),
        Some(Cow::Owned(text)) => Member::Unescaped(text.into()),
        None => Member::Absent,
    };
    Parts {
        raw: Span::part(frame, raw.get()),
        id: member(members.id),
        source: member(members.source),
        kind: member(members.kind),
        group: member(members.group),
        time: member(members.time),
    }
}

/// The members of a frame that mean something.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, default, rename = "commandId")]
    pub(super) command_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) status: Text<'a>,
    #[serde(borrow, default, rename = "sessionId")]
    pub(super) session_id: Text<'a>,
    #[serde(borrow, default, rename = "subscriptionId")]
    pub(super) subscription_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) events: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    pub(super) states: Option<Vec<&'a RawValue>>,
}

/// `{"errorText": …}`, or whatever else the server put there.
pub(super) fn error_text(raw: &RawValue) -> String {
    let value: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let text = value.get("errorText").unwrap_or(&value).as_str();
    // A server may repeat there whatever it likes; nobody needs more than this in a log line.
    text.unwrap_or(raw.get()).chars().take(200).collect()
}

/// The members of an event that mean something.
#[derive(Deserialize, Default)]
struct Members<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    source: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    /// Lower case on the WebSocket; the Configuration API writes it `stateGroupId`.
    #[serde(borrow, default, rename = "stategroupid", alias = "stateGroupId")]
    group: Text<'a>,
    #[serde(borrow, default)]
    time: Text<'a>,
}

impl Members<'_> {
    /// For an object with a member twice, where the last is taken, and for what is no object.
    fn out_of_the_ordinary(raw: &RawValue) -> Members<'static> {
        let value: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let text = |name: &str| {
            Text(value.get(name).and_then(serde_json::Value::as_str).map(|text| Cow::Owned(text.to_owned())))
        };
        Members {
            id: text("id"),
            source: text("source"),
            kind: text("type"),
            group: if value.get("stategroupid").is_some() { text("stategroupid") } else { text("stateGroupId") },
            time: text("time"),
        }
    }
}

/// A text, borrowed if it has no escapes; a number is its digits; anything else is as good as absent.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl Text<'_> {
    pub(super) fn number<N: std::str::FromStr>(&self) -> Option<N> {
        self.0.as_deref().and_then(|text| text.parse().ok())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        // `200.0` is a status too.
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}
