//! The four-letter codes of events: shared types, the states that they set, and what tells two occurrences apart.
//!
//! Most sets of a state are the status word's, see [`status`](super::status). A state has one source on a connection: where the word is asked for,
//! the codes that say the same later or sooner ([`States::Words`]) keep their own type and set nothing, so that no change is told twice and back.

mod replay;
mod table;

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::wire::EventMembers;
use crate::model::event::{Meaning, StateMeaning};
use crate::model::ids::fingerprint;
use crate::model::vocabulary::slug;

pub use replay::{LastSet, last_set};
pub use table::CODES;

/// Other codes than the table's that are kept; with more than that, all are made anew as they come.
const STRANGERS: usize = 256;

/// What an event code stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code {
    /// Four letters and digits.
    pub code: &'static str,
    /// A readable name, after the API documentation.
    pub name: &'static str,
    /// Its part in what happens.
    pub role: Role,
    /// How far one may rely on it.
    pub standing: Standing,
    /// The member that tells occurrences of the same moment apart, and joins the end to its start; empty where there is none.
    pub id: &'static str,
    /// The shared type. Where a status word says the same, only without the word.
    pub shared: Option<&'static str>,
    /// The state that it sets.
    pub sets: Option<Sets>,
    /// Whether the status word says the same.
    pub in_word: bool,
}

/// Its part in what happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Something begins.
    Start,
    /// It ends.
    End,
    /// It goes on. Not published as an occurrence.
    Heartbeat,
    /// It happens, and that is all.
    Point,
    /// A measurement.
    Metric,
    /// One of two or more values that something has.
    State,
}

impl Role {
    /// The word in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Heartbeat => "heartbeat",
            Self::Point => "point",
            Self::Metric => "metric",
            Self::State => "state",
        }
    }
}

/// How far one may rely on a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Documented for everybody.
    Public,
    /// Documented as for EEN's internal use.
    Internal,
    /// Documented as deprecated.
    Deprecated,
    /// Only in a draft of the documentation.
    Draft,
}

impl Standing {
    /// The word in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Deprecated => "deprecated",
            Self::Draft => "draft",
        }
    }
}

/// A state that a code sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sets {
    /// The id by which the state is kept.
    pub vendor_group: &'static str,
    /// The shared group, else a slug.
    pub group: &'static str,
    /// The shared value, else a slug.
    pub value: &'static str,
    /// EEN's words for the value.
    pub text: &'static str,
}

/// Where `connection` and `enabled` come from on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum States {
    /// From the status word: it is asked for.
    #[default]
    Words,
    /// From codes: no status word is asked for.
    Codes,
}

/// A code and what it means, either way.
#[derive(Debug)]
pub struct Known {
    /// The row of the table.
    pub code: &'static Code,
    by_words: Arc<Meaning>,
    by_codes: Arc<Meaning>,
}

/// The row of a code; `None` for one that is not documented.
#[must_use]
pub fn find(code: &str) -> Option<&'static Known> {
    static TABLE: LazyLock<HashMap<[u8; 4], Known, RandomState>> =
        LazyLock::new(|| CODES.iter().filter_map(|code| Some((letters(code.code)?, Known::new(code)))).collect());
    TABLE.get(&letters(code)?)
}

fn letters(code: &str) -> Option<[u8; 4]> {
    code.as_bytes().try_into().ok()
}

impl Known {
    fn new(code: &'static Code) -> Self {
        Self {
            code,
            by_words: Arc::new(code.describe(States::Words)),
            by_codes: Arc::new(code.describe(States::Codes)),
        }
    }

    /// What such an event means. Made once for the process.
    #[must_use]
    pub fn meaning(&self, states: States) -> &Arc<Meaning> {
        match states {
            States::Words => &self.by_words,
            States::Codes => &self.by_codes,
        }
    }
}

impl Code {
    /// The event's type: shared, or the name as a slug.
    #[must_use]
    pub fn kind(&self, states: States) -> String {
        match self.shared.filter(|_| self.counts(states)) {
            Some(shared) => shared.to_owned(),
            None => format!("een.{}", slug(self.name)),
        }
    }

    fn counts(&self, states: States) -> bool {
        states == States::Codes || !self.in_word
    }

    fn describe(&self, states: States) -> Meaning {
        let state = self.sets.filter(|_| self.counts(states)).map(|sets| StateMeaning {
            group: sets.group.into(),
            value: sets.value.into(),
            vendor_group: sets.vendor_group.into(),
            vendor_value: sets.value.into(),
            text: Some(sets.text.into()),
        });
        Meaning { kind: self.kind(states).into(), name: Some(self.name.into()), state }
    }
}

/// What codes mean on one connection, others than the table's too.
#[derive(Debug, Default)]
pub struct Codes {
    states: States,
    strangers: HashMap<String, Arc<Meaning>, RandomState>,
}

/// What a code means on a connection.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// Type, name and state.
    pub meaning: &'a Arc<Meaning>,
    /// The member that tells occurrences of the same moment apart.
    pub id: &'static str,
    /// Something goes on: nothing to be published.
    pub is_heartbeat: bool,
}

impl Codes {
    /// For a connection whose states come from there.
    #[must_use]
    pub fn new(states: States) -> Self {
        Self { states, strangers: HashMap::default() }
    }

    /// What a code means. One that is not documented is an occurrence without a state, `een.<slug>`; no code is refused.
    pub fn look(&mut self, code: &str) -> Looked<'_> {
        if let Some(known) = find(code) {
            let Code { id, role, .. } = *known.code;
            return Looked { meaning: known.meaning(self.states), id, is_heartbeat: role == Role::Heartbeat };
        }
        // Only what was asked for comes, so these are few; a server that makes them up must not fill the memory.
        if self.strangers.len() >= STRANGERS && !self.strangers.contains_key(code) {
            self.strangers.clear();
        }
        let meaning = self.strangers.entry_ref(code).or_insert_with(|| {
            Arc::new(Meaning { kind: format!("een.{}", slug(code)).into(), name: None, state: None })
        });
        Looked { meaning, id: "eventid", is_heartbeat: false }
    }
}

/// Writes the id of an occurrence in place of what `into` held: `<esn>:<CODE>:<timestamp>[:<id>]`, each as it was sent, so that it is the same
/// however often the event is seen. An event without a timestamp has a hash of its content there.
pub fn occurrence_id(into: &mut String, esn: &str, code: &str, members: &EventMembers<'_>) {
    into.clear();
    // Texts into memory cannot fail to be written.
    let _ = if members.timestamp.is_empty() {
        write!(into, "{esn}:{code}:~{:032x}", fingerprint(members.json))
    } else {
        write!(into, "{esn}:{code}:{}", members.timestamp)
    };
    if !members.id.is_empty() {
        into.push(':');
        into.push_str(&members.id);
    }
}

#[cfg(test)]
mod tests;
