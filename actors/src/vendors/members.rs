//! The members of an object, each of which may be of any type.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::vendors::loose;

/// Why a text is not what it should be. Another try may bring it: what stands before the vendor's servers answers with pages of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No JSON: says where.
    #[error("it is no JSON: {0}")]
    NotJson(String),
    /// JSON of another kind.
    #[error("it is {found}, not {wanted}")]
    Kind {
        /// What should be there.
        wanted: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// What matters in it is not there.
    #[error("it has no {0:?}")]
    Lacks(&'static str),
}

/// A row of a list that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which, counted from 0.
    pub row: usize,
    /// Why, in words.
    pub why: String,
}

/// An object's members by name, as slices of its JSON. It cannot be printed: a member may be a secret.
#[derive(Clone, Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// All members of an object.
    pub(super) fn of(json: &'a str) -> Result<Self, BodyError> {
        Self::read(json, None)
    }

    /// Those of these names; the others are not looked at.
    pub(super) fn only(json: &'a str, names: &[&str]) -> Result<Self, BodyError> {
        Self::read(json, Some(names))
    }

    /// The same, of a whole REST answer.
    pub(super) fn of_body(body: &'a [u8], names: &[&str]) -> Result<Self, BodyError> {
        Self::only(utf8(body)?, names)
    }

    fn read(json: &'a str, names: Option<&[&str]>) -> Result<Self, BodyError> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let members = Object(names).deserialize(&mut deserializer);
        members
            .and_then(|members| deserializer.end().map(|()| members))
            .map_err(|error| wrong(json, "an object", &error))
    }

    /// The JSON of a member. Of one that comes twice the last counts; `null` is as good as absent.
    pub(super) fn json(&self, name: &str) -> Option<&'a str> {
        let (_, json) = self.0.iter().rfind(|(known, _)| known == name)?;
        (*json != "null").then_some(*json)
    }

    /// A text, or a number's digits; an empty text is as good as absent.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        loose::text(self.json(name)?).filter(|text| !text.is_empty())
    }

    /// A whole number, also as a text or with a fraction, which is cut off.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let text = loose::text(self.json(name)?)?;
        let text = text.trim();
        let whole = text.split_once('.').filter(|(_, fraction)| fraction.bytes().all(|byte| byte.is_ascii_digit()));
        whole.map_or(text, |(whole, _)| whole).parse().ok()
    }

    /// A truth value, however it is written.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        loose::flag(self.json(name)?)
    }

    /// Whether a member is neither `false` nor 0; `None` where it says nothing of the kind.
    pub(super) fn is_set(&self, name: &str) -> Option<bool> {
        self.flag(name).or_else(|| self.number(name).map(|number| number != 0))
    }

    /// The members of a member; none where it is no object.
    pub(super) fn object(&self, name: &str) -> Self {
        self.json(name).and_then(|json| Self::of(json).ok()).unwrap_or_default()
    }

    /// The elements of a member; `None` where it is no list.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.json(name)?).ok()
    }

    /// All members, in their order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, json)| (&**name, *json))
    }

    /// An object of the named members that are there, each as it was sent.
    pub(super) fn write(&self, names: &[&str], into: &mut String) {
        for name in names {
            let Some(json) = self.json(name) else { continue };
            into.push_str(if into.ends_with('{') { "\"" } else { ",\"" });
            into.push_str(name);
            into.push_str("\":");
            into.push_str(json);
        }
    }
}

/// A body as a text.
pub(super) fn utf8(body: &[u8]) -> Result<&str, BodyError> {
    str::from_utf8(body).map_err(|error| BodyError::NotJson(error.to_string()))
}

/// The rows of a list, each as its JSON.
pub(super) fn rows(json: &str) -> Result<Vec<&RawValue>, BodyError> {
    serde_json::from_str(json).map_err(|error| wrong(json, "a list", &error))
}

fn wrong(json: &str, wanted: &'static str, error: &serde_json::Error) -> BodyError {
    if error.is_data() {
        BodyError::Kind { wanted, found: loose::kind(json) }
    } else {
        BodyError::NotJson(error.to_string())
    }
}

struct Object<'n>(Option<&'n [&'n str]>);

/// A member's name, borrowed if it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Members<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            if self.0.is_none_or(|names| names.contains(&&*name)) {
                members.push((name, map.next_value::<&'de RawValue>()?.get()));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Members(members))
    }
}
