//! What the Configuration API has told: event types and state groups, items, and what they make of an event. Whole answers are kept, keyed by
//! what they are about.

use std::collections::HashMap;
use std::sync::Arc;

use bytestring::ByteString;

use super::Ask;
use crate::model::event::{Item, Meaning};
use crate::model::vocabulary::slug;
use crate::transport::request::RestAnswer;
use crate::vendors::milestone::rest::{Resource, list, single};
use crate::vendors::milestone::vocabulary::{Told, meaning, word};
use crate::vendors::{Learned, LearnedMeaning, NameKey};

/// Event types by name, for subscriptions that name them.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Name or display name without case and blanks, GUIDs: devices and recorders have types of the same name.
    types: HashMap<String, Vec<String>>,
}

impl Catalog {
    /// The GUIDs of all event types of this name or display name, in any case, with or without blanks; empty if there is none.
    #[must_use]
    pub fn event_types(&self, name: &str) -> &[String] {
        self.types.get(&squeezed(name)).map_or(&[], Vec::as_slice)
    }

    /// The known names, for a hint.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }
}

/// `Motion Started`, `MotionStarted` and `motion_started` are one name.
pub(in crate::vendors::milestone) fn squeezed(name: &str) -> String {
    slug(name).replace('_', "")
}

/// What one system has told.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) types: HashMap<ByteString, TypeInfo>,
    pub(super) groups: HashMap<ByteString, Arc<str>>,
    pub(super) items: HashMap<ByteString, Arc<Item>>,
    /// Groups that a type of the shared vocabulary belongs to.
    shared: HashMap<ByteString, &'static str>,
    pub(super) catalog: Option<Arc<Catalog>>,
}

#[derive(Debug, Default)]
pub(super) struct TypeInfo {
    title: Option<Arc<str>>,
    name: Option<String>,
    group: ByteString,
    state: Option<Arc<str>>,
}

impl Known {
    /// What is known of these keys.
    pub(super) fn of(&self, keys: &[NameKey]) -> Learned {
        let mut learned = Learned::default();
        for key in keys {
            match key {
                NameKey::Item(id) => learned.items.extend(self.items.get(id).cloned()),
                NameKey::Kind { kind, group } => learned.meanings.extend(self.learned_type(kind, group)),
            }
        }
        learned
    }

    /// Takes an answer in, and tells what it has told.
    pub(super) fn learn(&mut self, ask: &Ask, answer: &RestAnswer) -> Result<Learned, String> {
        let mut learned = Learned::default();
        match ask {
            Ask::Types => {
                self.take_types(&list(answer)?);
                learned.meanings = self.all_meanings();
            }
            Ask::Groups => {
                for resource in list(answer)? {
                    if let (Some(id), Some(title)) = (resource.guid(), resource.title()) {
                        self.groups.insert(id, title);
                    }
                }
                learned.meanings = self.all_meanings();
            }
            Ask::Type(id) => {
                let mut resource = single(answer)?;
                resource.relations.this.id = Some(id.to_string());
                self.take_type(&resource);
                let group = self.types.get(id).map(|info| info.group.clone()).unwrap_or_default();
                learned.meanings.extend(self.learned_type(id, &group));
            }
            Ask::Group(id) => {
                let title = single(answer)?.title().ok_or("the state group has no name")?;
                self.groups.insert(id.clone(), title);
                learned.meanings = self.all_meanings();
            }
            Ask::List(kind) => {
                for resource in list(answer)? {
                    let Some(id) = resource.guid() else { continue };
                    learned.items.extend(self.take_item(format!("{kind}/{id}").into(), &resource));
                }
            }
            Ask::Item(id) => {
                let resource = single(answer)?;
                learned.items.extend(self.take_item(id.clone(), &resource));
            }
        }
        Ok(learned)
    }

    fn meaning(&self, kind: &ByteString, group: &ByteString) -> Option<Arc<Meaning>> {
        let info = self.types.get(kind)?;
        let title = if group.is_empty() { None } else { self.groups.get(group).map(|title| &**title) };
        Some(Arc::new(meaning(
            kind,
            group,
            Told {
                name: info.title.as_deref(),
                state: info.state.as_deref(),
                group: title,
                shared_group: self.shared.get(group).copied(),
            },
        )))
    }

    fn learned_type(&self, kind: &ByteString, group: &ByteString) -> Option<LearnedMeaning> {
        let meaning = self.meaning(kind, group)?;
        Some(LearnedMeaning { kind: kind.clone(), group: group.clone(), meaning })
    }

    /// The meanings of all types, after types or groups have changed.
    fn all_meanings(&self) -> Vec<LearnedMeaning> {
        self.types.iter().filter_map(|(kind, info)| self.learned_type(kind, &info.group)).collect()
    }

    fn take_type(&mut self, resource: &Resource) -> Option<ByteString> {
        let id = resource.guid()?;
        let group: ByteString = resource.group.as_deref().unwrap_or_default().to_ascii_lowercase().into();
        if let Some((shared, _)) = word(&id).and_then(|word| word.state).filter(|_| !group.is_empty()) {
            self.shared.insert(group.clone(), shared);
        }
        let state = resource.state.as_deref().filter(|state| !state.is_empty()).map(Arc::from);
        let info = TypeInfo { title: resource.title(), name: resource.name.clone(), group, state };
        self.types.insert(id.clone(), info);
        Some(id)
    }

    fn take_types(&mut self, list: &[Resource]) {
        for resource in list {
            self.take_type(resource);
        }
        let mut names: HashMap<String, Vec<String>> = HashMap::new();
        for (id, info) in &self.types {
            for name in info.title.as_deref().into_iter().chain(info.name.as_deref()) {
                let ids = names.entry(squeezed(name)).or_default();
                if !ids.contains(&id.to_string()) {
                    ids.push(id.to_string());
                }
            }
        }
        self.catalog = Some(Arc::new(Catalog { types: names }));
    }

    fn take_item(&mut self, id: ByteString, resource: &Resource) -> Option<Arc<Item>> {
        let item = Arc::new(Item { id: Arc::from(&*id), name: Some(resource.title()?) });
        self.items.insert(id, Arc::clone(&item));
        Some(item)
    }
}
