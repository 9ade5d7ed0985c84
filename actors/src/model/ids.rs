//! Names and numbers by which things are known.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use bytestring::ByteString;

use super::guid;

/// The name of a connection: `hq`, or `stores/00012345` for a child that a connection asked for.
///
/// A name is one to 64 characters of `[a-z0-9][a-z0-9_-]*`; the part after the slash is the vendor's
/// own id and may hold upper case letters too. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionName(Arc<str>);

/// Why a text is no connection name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no name: use one to 64 lower-case letters, digits, `_` and `-`, a letter or digit first")]
pub struct NameError {
    text: String,
}

impl ConnectionName {
    /// Reads the name of a configured connection.
    ///
    /// # Errors
    /// [`NameError`] when the text does not match `[a-z0-9][a-z0-9_-]*` or is longer than 64 characters.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let valid = text.len() <= 64
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || b == b'_' || b == b'-');
        if valid { Ok(Self(text.into())) } else { Err(NameError { text: text.to_owned() }) }
    }

    /// The name of a child of this connection.
    ///
    /// # Errors
    /// [`NameError`] when `id` is empty, longer than 64 characters, or holds anything but ASCII letters, digits, `_` and `-`.
    pub fn child(&self, id: &str) -> Result<Self, NameError> {
        let valid =
            (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if valid { Ok(Self(format!("{}/{id}", self.0).into())) } else { Err(NameError { text: id.to_owned() }) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the configured connection: of a child that of its parent, of any other its own. There are only so many of these, while a
    /// reseller may have thousands of children.
    #[must_use]
    pub fn root(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(root, _)| root)
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Borrow<str> for ConnectionName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ConnectionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('/') {
            Some((parent, id)) => Self::new(parent)?.child(id),
            None => Self::new(text),
        }
    }
}

/// The id of an event within its connection; users see it as `<connection>:<id>`.
///
/// The same occurrence has the same id however often it is seen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EventId(pub(crate) ByteString);

impl EventId {
    /// An id that the vendor gave, or that was derived from what it gave.
    #[must_use]
    pub fn new(text: impl Into<ByteString>) -> Self {
        Self(text.into())
    }

    /// A new id for something that only the engine knows of (UUID version 7, so that it sorts by time).
    #[must_use]
    pub fn mint() -> Self {
        Self(uuid::Uuid::now_v7().to_string().into())
    }

    /// The id as text, without the connection's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for this id in the set of ids seen.
    pub(crate) fn print(&self) -> Print {
        Print::of(&self.0)
    }
}

/// The id of a subscription that was added while the engine runs. It stays the same however often the server, with each new session, gives the
/// subscription another name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SubscriptionId(uuid::Uuid);

impl SubscriptionId {
    /// A new id, unlike that of any other engine before or after.
    pub(crate) fn mint() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for SubscriptionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Stores a [`SubscriptionId`] as text.
pub(crate) mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::SubscriptionId;

    pub(crate) fn serialize<S: Serializer>(id: &SubscriptionId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SubscriptionId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// 64 bits that stand for an id in the set of ids seen. Among 50,000 ids another is taken for one of them once in 10^14 times: whoever sends a
/// thousand a second waits ten thousand years for that, and so much less memory is touched for each event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Print(pub(crate) u64);

impl Print {
    pub(crate) fn of(id: &str) -> Self {
        use std::hash::BuildHasher;
        Self(foldhash::quality::FixedState::default().hash_one(fingerprint(id)))
    }
}

/// A GUID's own value; for any other text two independent 64-bit hashes.
pub(crate) fn fingerprint(text: &str) -> u128 {
    let other_form = || uuid::Uuid::try_parse(text).ok().map(|guid| guid.as_u128());
    if let Some(guid) = guid::read(text).or_else(other_form) {
        return guid;
    }
    // Fixed seeds: a fingerprint must be the same after a restart.
    let half = |seed: u64| {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = foldhash::quality::FixedState::with_seed(seed).build_hasher();
        hasher.write(text.as_bytes());
        hasher.finish()
    };
    (u128::from(half(0x7761_7463_6870_6f73)) << 64) | u128::from(half(0x7374_6174_656d_6170))
}

/// The journal's number of an event. It only grows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The number `n` places further on.
    #[must_use]
    pub fn plus(self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }
}

impl fmt::Display for Sequence {
    /// Twenty digits, so that it sorts as text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_lower_case_letters_digits_and_two_signs() {
        for good in ["hq", "a", "0", "site-2_b", "stores/00012345", "stores/AbC"] {
            assert_eq!(good.parse::<ConnectionName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "_a", "Hq", "a b", "a/", "/a", "a/b/c", "é", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<ConnectionName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_root_of_a_child_is_its_parent_and_of_any_other_itself() {
        let parent = ConnectionName::new("stores").unwrap();
        assert_eq!((parent.root(), parent.child("00012345").unwrap().root()), ("stores", "stores"));
    }

    #[test]
    fn a_sequence_sorts_as_text() {
        assert_eq!(Sequence(12_345).to_string(), "00000000000000012345");
        assert!(Sequence(9).to_string() < Sequence(10).to_string());
        assert_eq!(Sequence(u64::MAX).to_string().len(), 20);
    }

    #[test]
    fn a_fingerprint_tells_ids_apart_and_ignores_the_case_of_a_guid() {
        let low = fingerprint("25d08c6a-cc08-4498-8772-242111f9840c");
        assert_eq!(low, fingerprint("25D08C6A-CC08-4498-8772-242111F9840C"));
        assert_ne!(fingerprint("a"), fingerprint("b"));
        assert_eq!(fingerprint("a"), fingerprint("a"));
    }
}
