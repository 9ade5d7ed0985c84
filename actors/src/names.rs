//! Names and meanings at hand in one tracker shard: a look-up for each item and each kind in a batch, and no message.
//!
//! The lookup actor knows more; what is missing here is asked of it, at most once per batch. An id whose look-up failed is left alone
//! for a minute, so that a directory that is down costs one wait and not one for each batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;

use crate::model::event::{Item, Meaning};
use crate::vendors::{Kind, Learned, NameKey};

/// How long nothing waits for an id whose look-up failed.
const PENDING: Duration = Duration::from_secs(60);
/// Ids left alone at a time before those whose minute is over are swept out.
const PENDING_MOST: usize = 16_384;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The names of one account.
#[derive(Debug, Default)]
pub(crate) struct Names {
    items: Map<Arc<str>, Named<Item>>,
    /// By type, then by group; a type has one group, or none.
    meanings: Map<Box<str>, Vec<OfGroup>>,
    /// What is left alone, and until when.
    pending: Map<NameKey, Instant>,
}

/// A state group, and what the type means with it.
type OfGroup = (Box<str>, Named<Meaning>);

#[derive(Debug)]
struct Named<T> {
    value: Arc<T>,
    /// The directory has told it; else it stands in for what may come.
    known: bool,
}

impl Names {
    /// Which of these words have no name yet and may be asked for.
    pub(crate) fn missing<'a>(&self, now: Instant, words: impl Iterator<Item = Word<'a>>) -> Vec<NameKey> {
        let unknown = words.filter(|word| match *word {
            Word::Item(id) => self.known_item(id).is_none(),
            Word::Kind { kind, group } => !kind.is_empty() && !self.named(kind, group).is_some_and(|named| named.known),
        });
        unknown.map(Word::key).filter(|key| self.pending.get(key).is_none_or(|until| *until <= now)).collect()
    }

    fn named(&self, kind: &str, group: &str) -> Option<&Named<Meaning>> {
        self.meanings.get(kind)?.iter().find(|(of, _)| **of == *group).map(|(_, named)| named)
    }

    /// The item, if the directory has told it.
    pub(crate) fn known_item(&self, id: &str) -> Option<&Arc<Item>> {
        self.items.get(id).filter(|item| item.known).map(|item| &item.value)
    }

    /// The item with its name if there is one. One value is shared by all its events.
    pub(crate) fn item(&mut self, id: &str) -> Arc<Item> {
        if let Some(named) = self.items.get(id) {
            return Arc::clone(&named.value);
        }
        let id: Arc<str> = Arc::from(id);
        let item = Arc::new(Item { id: Arc::clone(&id), name: None });
        self.items.insert(id, Named { value: Arc::clone(&item), known: false });
        item
    }

    /// What an occurrence means, as far as is known.
    pub(crate) fn meaning(&mut self, kind: Kind<'_>) -> Arc<Meaning> {
        let (kind, group, meanwhile) = match kind {
            Kind::Known(meaning) => return Arc::clone(meaning),
            Kind::Named { kind, group, meanwhile } => (kind, group, meanwhile),
        };
        if let Some(named) = self.named(kind, group) {
            return Arc::clone(&named.value);
        }
        let value = Arc::new(meanwhile(kind, group));
        let named = Named { value: Arc::clone(&value), known: false };
        self.meanings.entry(kind.into()).or_default().push((group.into(), named));
        value
    }

    /// Takes in what was learned. `wanted` are the keys that were asked for: those that were not answered are left alone for a while.
    pub(crate) fn learn(&mut self, now: Instant, learned: &Learned, wanted: &[NameKey]) {
        for item in &learned.items {
            let known = Named { value: Arc::clone(item), known: true };
            self.items.insert(Arc::clone(&item.id), known);
        }
        for of in &learned.meanings {
            let known = Named { value: Arc::clone(&of.meaning), known: true };
            let places = self.meanings.entry((&*of.kind).into()).or_default();
            match places.iter_mut().find(|(group, _)| **group == *of.group) {
                Some((_, place)) => *place = known,
                None => places.push(((&*of.group).into(), known)),
            }
        }
        for key in learned.failed.iter().chain(wanted) {
            if self.knows(key) {
                self.pending.remove(key);
            } else {
                self.pending.insert(owned(key), now + PENDING);
            }
        }
        if self.pending.len() > PENDING_MOST {
            self.pending.retain(|_, until| *until > now);
        }
    }

    fn knows(&self, key: &NameKey) -> bool {
        match key {
            NameKey::Item(id) => self.known_item(id).is_some(),
            NameKey::Kind { kind, group } => self.named(kind, group).is_some_and(|named| named.known),
        }
    }
}

/// An id of the vendor's in a batch; see [`NameKey`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Word<'a> {
    Item(&'a str),
    Kind { kind: &'a str, group: &'a str },
}

impl Word<'_> {
    fn key(self) -> NameKey {
        match self {
            Self::Item(id) => NameKey::Item(id.into()),
            Self::Kind { kind, group } => NameKey::Kind { kind: kind.into(), group: group.into() },
        }
    }
}

/// A copy that keeps no read buffer alive.
fn owned(key: &NameKey) -> NameKey {
    let copy = |text: &ByteString| ByteString::from(&**text);
    match key {
        NameKey::Item(id) => NameKey::Item(copy(id)),
        NameKey::Kind { kind, group } => NameKey::Kind { kind: copy(kind), group: copy(group) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::LearnedMeaning;

    fn meanwhile(kind: &str, _group: &str) -> Meaning {
        Meaning { kind: format!("test.{kind}").into(), name: None, state: None }
    }

    const KIND: Kind<'_> = Kind::Named { kind: "t", group: "", meanwhile };

    fn words() -> impl Iterator<Item = Word<'static>> {
        [Word::Item("cameras/1"), Word::Kind { kind: "t", group: "" }].into_iter()
    }

    fn both() -> Vec<NameKey> {
        vec![NameKey::Item("cameras/1".into()), NameKey::Kind { kind: "t".into(), group: "".into() }]
    }

    #[test]
    fn what_could_not_be_learned_is_asked_again_after_a_minute_and_not_before() {
        let (mut names, now) = (Names::default(), Instant::now());
        assert_eq!(names.missing(now, words()).len(), 2);
        names.learn(now, &Learned::default(), &both());
        assert!(names.missing(now + PENDING / 2, words()).is_empty());
        assert_eq!(names.missing(now + PENDING, words()).len(), 2);
    }

    #[test]
    fn what_is_learned_replaces_what_stood_in() {
        let (mut names, now) = (Names::default(), Instant::now());
        assert_eq!(&*names.meaning(KIND).kind, "test.t");
        assert_eq!(names.item("cameras/1").name, None);
        let learned = Learned {
            items: vec![Arc::new(Item { id: "cameras/1".into(), name: Some("Lobby".into()) })],
            meanings: vec![LearnedMeaning {
                kind: "t".into(),
                group: "".into(),
                meaning: Arc::new(Meaning { kind: "motion.started".into(), name: None, state: None }),
            }],
            failed: Vec::new(),
        };
        names.learn(now, &learned, &both());
        assert_eq!(&*names.meaning(KIND).kind, "motion.started");
        assert_eq!(names.item("cameras/1").name.as_deref(), Some("Lobby"));
        assert!(names.missing(now, words()).is_empty());
    }
}
