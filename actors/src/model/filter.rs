//! Which events or states somebody wants: lists of globs, all of which must match, and their opposite.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::event::{Item, Origin, Stored};
use super::state::{State, StateEntry};

/// The lists of a filter as a user writes them. An empty list wants everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterSettings {
    /// Connection names, `stores/*`.
    pub connections: Vec<String>,
    /// Vendor names.
    pub vendors: Vec<String>,
    /// Event types, `motion.*`.
    pub types: Vec<String>,
    /// Items, `cameras/*`.
    pub items: Vec<String>,
    /// Item names, `Lobby*`.
    pub names: Vec<String>,
    /// Shared state groups, `recording`.
    pub groups: Vec<String>,
    /// Origins, `live`.
    pub origins: Vec<String>,
    /// What matches this is not wanted.
    pub not: Option<Box<FilterSettings>>,
}

/// A glob that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{glob:?} in `{list}` is no glob: {source}")]
pub struct FilterError {
    /// The list it stands in.
    pub list: &'static str,
    /// The text.
    pub glob: String,
    /// What is wrong with it.
    pub source: globset::Error,
}

/// A compiled filter.
///
/// The engine's own events (`gap`, `engine.connection`) are tested by connections, vendors, types and origins alone, so that a
/// filter on items never hides a gap. An event or state whose item has no name yet passes a list of names: better one
/// too many than one lost to a slow look-up.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    connections: Option<GlobSet>,
    vendors: Option<GlobSet>,
    types: Option<GlobSet>,
    items: Option<GlobSet>,
    names: Option<GlobSet>,
    groups: Option<GlobSet>,
    origins: Option<GlobSet>,
    not: Option<Box<Filter>>,
}

/// What of a state a filter looks at.
struct StatePart<'a> {
    connection: &'a str,
    vendor: &'a str,
    item: &'a Item,
    group: &'a str,
    origin: Origin,
}

impl Filter {
    /// A filter that everything passes.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// Compiles what a user wrote.
    ///
    /// # Errors
    /// [`FilterError`] names the first glob that cannot be read.
    pub fn new(settings: &FilterSettings) -> Result<Self, FilterError> {
        Ok(Self {
            connections: globs("connections", &settings.connections)?,
            vendors: globs("vendors", &settings.vendors)?,
            types: globs("types", &settings.types)?,
            items: globs("items", &settings.items)?,
            names: globs("names", &settings.names)?,
            groups: globs("groups", &settings.groups)?,
            origins: globs("origins", &settings.origins)?,
            not: settings.not.as_deref().map(Self::new).transpose()?.map(Box::new),
        })
    }

    /// Whether this event is wanted.
    #[must_use]
    pub fn wants(&self, stored: &Stored<'_>) -> bool {
        self.wants_of(stored, stored.event.item.map(|item| &**item))
    }

    /// Whether this event is wanted, with a name for its item that came later than the event.
    #[must_use]
    pub fn wants_named(&self, stored: &Stored<'_>, item: &Item) -> bool {
        self.wants_of(stored, Some(item))
    }

    /// Whether names of items matter, so that an event without one should be asked for its name first.
    #[must_use]
    pub fn asks_for_names(&self) -> bool {
        self.names.is_some() || self.not.as_ref().is_some_and(|not| not.asks_for_names())
    }

    fn wants_of(&self, stored: &Stored<'_>, item: Option<&Item>) -> bool {
        self.passes(stored, item, false) && !self.not.as_ref().is_some_and(|not| not.passes(stored, item, true))
    }

    /// `negated` turns the benefit of the doubt around: what is not known is not excluded.
    fn passes(&self, Stored { commit, event, .. }: &Stored<'_>, item: Option<&Item>, negated: bool) -> bool {
        let head = allows(self.connections.as_ref(), commit.connection.as_str())
            && allows(self.vendors.as_ref(), commit.vendor)
            && allows(self.types.as_ref(), &event.meaning.kind)
            && allows(self.origins.as_ref(), event.origin.as_str());
        if !head {
            return false;
        }
        if event.origin == Origin::Engine {
            // An exclusion that speaks of items says nothing about the engine's own events.
            return !negated || (self.items.is_none() && self.names.is_none() && self.groups.is_none());
        }
        allows(self.items.as_ref(), item.map_or("", |item| &item.id))
            && self.name_passes(item.and_then(|item| item.name.as_deref()), negated)
            && allows(self.groups.as_ref(), event.meaning.state.as_ref().map_or("", |state| &state.group))
    }

    /// Whether this state is wanted; `types` does not apply to states.
    #[must_use]
    pub fn wants_state(&self, vendor: &str, state: &State) -> bool {
        self.wants_part(&StatePart {
            connection: state.connection.as_str(),
            vendor,
            item: &state.item,
            group: state.group(),
            origin: state.origin,
        })
    }

    /// The same of an entry, where a whole state need not be put together.
    pub(crate) fn wants_entry(&self, connection: &str, vendor: &str, entry: &StateEntry) -> bool {
        let StateEntry { item, origin, .. } = entry;
        self.wants_part(&StatePart { connection, vendor, item, group: entry.group(), origin: *origin })
    }

    /// Whether some item of this connection may be wanted.
    pub(crate) fn may_want_of(&self, connection: &str, vendor: &str) -> bool {
        allows(self.connections.as_ref(), connection) && allows(self.vendors.as_ref(), vendor)
    }

    /// Whether a connection itself is of interest: how it is doing, say. Only `connections` and `vendors` are asked; an exclusion that asks for
    /// more than these does not exclude the whole connection.
    #[must_use]
    pub fn wants_connection(&self, connection: &str, vendor: &str) -> bool {
        let excludes = |not: &Self| {
            let rest = [&not.types, &not.items, &not.names, &not.groups, &not.origins];
            rest.iter().all(|list| list.is_none()) && not.wants_connection(connection, vendor)
        };
        self.may_want_of(connection, vendor) && !self.not.as_deref().is_some_and(excludes)
    }

    fn wants_part(&self, state: &StatePart<'_>) -> bool {
        self.state_passes(state, false) && !self.not.as_ref().is_some_and(|not| not.state_passes(state, true))
    }

    /// `negated` as in [`passes`](Self::passes).
    fn state_passes(&self, state: &StatePart<'_>, negated: bool) -> bool {
        self.may_want_of(state.connection, state.vendor)
            && allows(self.items.as_ref(), &state.item.id)
            && self.name_passes(state.item.name.as_deref(), negated)
            && allows(self.groups.as_ref(), state.group)
            && allows(self.origins.as_ref(), state.origin.as_str())
    }

    /// A name that is not known is given the benefit of the doubt.
    fn name_passes(&self, name: Option<&str>, negated: bool) -> bool {
        match name {
            Some(name) => allows(self.names.as_ref(), name),
            None => self.names.is_none() || !negated,
        }
    }
}

fn allows(globs: Option<&GlobSet>, text: &str) -> bool {
    globs.is_none_or(|globs| globs.is_match(text))
}

fn globs(list: &'static str, texts: &[String]) -> Result<Option<GlobSet>, FilterError> {
    if texts.is_empty() {
        return Ok(None);
    }
    let error = |glob: &str, source| FilterError { list, glob: glob.to_owned(), source };
    let mut set = GlobSetBuilder::new();
    for text in texts {
        // Ids and types are no paths: `*` runs over slashes, and a backslash is a backslash.
        let glob = GlobBuilder::new(text).literal_separator(false).backslash_escape(false).build();
        set.add(glob.map_err(|source| error(text, source))?);
    }
    set.build().map(Some).map_err(|source| error("", source))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::event::{Committed, Event, Item, Meaning, StateMeaning};
    use crate::model::ids::{ConnectionName, EventId, Sequence};
    use std::sync::Arc;

    fn commit(origin: Origin, kind: &str, name: Option<&str>) -> Committed {
        let state = Some(StateMeaning {
            group: "motion".into(),
            value: "detected".into(),
            vendor_group: "g".into(),
            vendor_value: "v".into(),
            text: None,
        });
        let engine = origin == Origin::Engine;
        Committed {
            connection: ConnectionName::new("stores").unwrap().child("7").unwrap(),
            vendor: "een",
            first: Sequence(1),
            recorded: jiff::Timestamp::UNIX_EPOCH,
            events: vec![Event {
                id: EventId::new("x"),
                origin,
                meaning: Arc::new(Meaning { kind: kind.into(), name: None, state: if engine { None } else { state } }),
                item: (!engine).then(|| Arc::new(Item { id: "cameras/c1".into(), name: name.map(Into::into) })),
                time: "".into(),
                data: "".into(),
            }]
            .into(),
        }
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn wants(settings: &FilterSettings, commit: &Committed) -> bool {
        Filter::new(settings).unwrap().wants(&commit.get(0).unwrap())
    }

    #[test]
    fn a_connection_is_excluded_only_by_what_speaks_of_connections_alone() {
        let wanted = |settings: &FilterSettings| Filter::new(settings).unwrap().wants_connection("stores/7", "een");
        let of = |connections: &[&str], items: &[&str]| FilterSettings {
            connections: list(connections),
            items: list(items),
            ..FilterSettings::default()
        };
        let not = |not| FilterSettings { not: Some(Box::new(not)), ..FilterSettings::default() };
        assert!(wanted(&FilterSettings::default()));
        assert!(wanted(&of(&["stores/*"], &["cameras/x"])));
        assert!(!wanted(&of(&["hq"], &[])));
        assert!(!wanted(&not(of(&["stores/*"], &[]))));
        assert!(wanted(&not(of(&["stores/*"], &["cameras/*"]))));
        assert!(wanted(&not(of(&["hq"], &[]))));
    }

    #[test]
    fn every_list_must_match_and_one_glob_of_a_list_is_enough() {
        let lobby = commit(Origin::Live, "motion.started", Some("Lobby 1"));
        let base = FilterSettings {
            connections: list(&["hq", "stores/*"]),
            types: list(&["motion.*", "gap"]),
            items: list(&["cameras/*"]),
            names: list(&["Lobby*"]),
            groups: list(&["motion"]),
            origins: list(&["live"]),
            vendors: list(&["een"]),
            not: None,
        };
        assert!(wants(&base, &lobby));
        assert!(wants(&FilterSettings::default(), &lobby));
        for miss in [
            FilterSettings { connections: list(&["hq"]), ..base.clone() },
            FilterSettings { vendors: list(&["vxg"]), ..base.clone() },
            FilterSettings { types: list(&["recording.*"]), ..base.clone() },
            FilterSettings { items: list(&["bridges/*"]), ..base.clone() },
            FilterSettings { names: list(&["Dock*"]), ..base.clone() },
            FilterSettings { groups: list(&["recording"]), ..base.clone() },
            FilterSettings { origins: list(&["snapshot"]), ..base.clone() },
            FilterSettings {
                not: Some(Box::new(FilterSettings { names: list(&["*1"]), ..FilterSettings::default() })),
                ..base.clone()
            },
        ] {
            assert!(!wants(&miss, &lobby), "{miss:?}");
        }
    }

    #[test]
    fn a_filter_on_items_never_hides_a_gap() {
        let gap = commit(Origin::Engine, "gap", None);
        for settings in [
            FilterSettings { items: list(&["cameras/*"]), names: list(&["Lobby*"]), ..FilterSettings::default() },
            FilterSettings { groups: list(&["motion"]), ..FilterSettings::default() },
            FilterSettings {
                not: Some(Box::new(FilterSettings { items: list(&["*"]), ..FilterSettings::default() })),
                ..FilterSettings::default()
            },
        ] {
            assert!(wants(&settings, &gap), "{settings:?}");
        }
        let types = FilterSettings { types: list(&["motion.*"]), ..FilterSettings::default() };
        assert!(!wants(&types, &gap));
    }

    #[test]
    fn an_event_without_a_name_passes_a_list_of_names() {
        let nameless = commit(Origin::Live, "motion.started", None);
        let names = FilterSettings { names: list(&["Lobby*"]), ..FilterSettings::default() };
        assert!(wants(&names, &nameless));
        let not = FilterSettings { not: Some(Box::new(names)), ..FilterSettings::default() };
        assert!(wants(&not, &nameless));
    }

    #[test]
    fn a_state_without_a_name_passes_a_list_of_names_as_an_event_does() {
        let names = FilterSettings { names: list(&["Lobby*"]), ..FilterSettings::default() };
        let not = FilterSettings { not: Some(Box::new(names.clone())), ..FilterSettings::default() };
        for (name, wanted, wanted_by_not) in
            [(None, true, true), (Some("Lobby 1"), true, false), (Some("Dock"), false, true)]
        {
            let commit = commit(Origin::Live, "motion.started", name);
            let event = commit.events.get(0).unwrap();
            let state = State {
                connection: commit.connection.clone(),
                item: event.item.cloned().unwrap(),
                meaning: Arc::clone(event.meaning),
                time: "".into(),
                sequence: commit.first,
                origin: event.origin,
                stale: false,
            };
            let wants = |settings: &FilterSettings| Filter::new(settings).unwrap().wants_state("een", &state);
            assert_eq!((wants(&names), wants(&not)), (wanted, wanted_by_not), "{name:?}");
        }
    }

    #[test]
    fn a_bad_glob_is_named() {
        let bad = FilterSettings { types: list(&["motion.*", "a[b"]), ..FilterSettings::default() };
        let error = Filter::new(&bad).unwrap_err();
        assert_eq!((error.list, error.glob.as_str()), ("types", "a[b"));
    }
}
