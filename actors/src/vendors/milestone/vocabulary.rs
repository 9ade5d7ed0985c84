//! Milestone's event types in the shared vocabulary.
//!
//! Types are matched by GUID: names differ between versions and languages, the GUIDs of built-in types are the same on all sites (Milestone's
//! samples and SDK, and three installations observed). Groups may differ from site to site and are looked up.

use std::sync::Arc;

use crate::model::event::{Meaning, StateMeaning};
use crate::model::vocabulary::{self, slug};

/// Type GUID in lower case, shared type.
pub const TYPES: &[(&str, &str)] = &[
    ("6eb95dd6-7ccc-4bce-99f8-af0d0b582d77", "motion.started"),
    ("6f55a7a7-d21c-4629-ac18-af1975e395a2", "motion.stopped"),
    ("4577f552-765a-438c-bc7d-e5ff1f754bc3", "recording.started"),
    ("79a94f89-92de-4fca-8a43-5561d407423d", "recording.stopped"),
    // A live feed is requested, and terminated.
    ("eeda47ff-4f3d-459e-8143-69896c7c74ad", "streaming.started"),
    ("66bdd008-b856-44b6-b385-b1f6c3f76f1b", "streaming.stopped"),
    // Devices.
    ("dd3e6464-7dc0-405a-a92f-6150587563e8", "connection.restored"),
    ("0ee90664-2924-42a0-a816-4129d0ecabdc", "connection.lost"),
    ("a334af1c-4b4b-4957-9e5f-ab8ca07feab6", "connection.error"),
    // Hardware and recorders.
    ("0553c396-5e16-4c22-b3d1-f548e42dfbb4", "connection.restored"),
    ("63ea1f06-5a83-4f39-9fab-49959fde7b66", "connection.lost"),
    ("6baad64b-c395-4f52-b6a3-dd1b64aa2f0f", "connection.error"),
    ("7a78f5bb-d8c3-4997-89b7-cae72713b7db", "output.activated"),
    ("35742498-bcc5-4f0a-9800-827c9388d1cd", "output.deactivated"),
];

/// The event type that says that the configuration has changed (Milestone's component samples).
pub const SYSTEM_CONFIGURATION_CHANGED: &str = "06c5010d-11f2-4d70-bd79-4cec3a20d589";

/// The shared word for a type.
pub fn word(kind: &str) -> Option<&'static vocabulary::Word> {
    TYPES.iter().find(|(guid, _)| *guid == kind).and_then(|(_, word)| vocabulary::find(word))
}

/// What the gateway's REST interface tells of a type and its group.
#[derive(Debug, Default, Clone, Copy)]
pub struct Told<'a> {
    /// The type's display name.
    pub name: Option<&'a str>,
    /// The state that it stands for, as text.
    pub state: Option<&'a str>,
    /// The group's display name.
    pub group: Option<&'a str>,
    /// The shared group that another type of the same group belongs to.
    pub shared_group: Option<&'static str>,
}

/// What a type means, from our own table and from what was told.
pub fn meaning(kind: &str, group: &str, told: Told<'_>) -> Meaning {
    let word = word(kind);
    let vendor_kind = |name: &str| Arc::from(format!("milestone.{name}"));
    let shared = word.and_then(|word| word.state);
    Meaning {
        kind: match (word, told.name) {
            (Some(word), _) => word.kind.into(),
            (None, Some(name)) => vendor_kind(&slug(name)),
            (None, None) if kind.is_empty() => vendor_kind(vocabulary::UNKNOWN),
            // Not looked up yet: the GUID is at least exact.
            (None, None) => vendor_kind(kind),
        },
        name: told.name.map(Into::into),
        state: (!group.is_empty()).then(|| StateMeaning {
            group: match (shared.map(|(group, _)| group).or(told.shared_group), told.group) {
                (Some(shared), _) => shared.into(),
                (None, Some(name)) => slug(name).into(),
                (None, None) => group.into(),
            },
            value: match (shared, told.state.or(told.name)) {
                (Some((_, value)), _) => value.into(),
                (None, Some(text)) => slug(text).into(),
                (None, None) => kind.into(),
            },
            vendor_group: group.into(),
            vendor_value: kind.into(),
            text: told.state.or(told.name).map(Into::into),
        }),
    }
}

/// What a type means while nothing was told.
pub fn meanwhile(kind: &str, group: &str) -> Meaning {
    meaning(kind, group, Told::default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_type_of_the_table_is_a_guid_in_lower_case_with_a_shared_word() {
        for (guid, kind) in TYPES {
            assert_eq!(uuid::Uuid::parse_str(guid).unwrap().to_string(), *guid);
            assert!(vocabulary::find(kind).is_some(), "{kind}");
        }
    }

    #[test]
    fn a_known_type_has_shared_names_whether_or_not_anything_was_told() {
        let told =
            Told { name: Some("Motion Started"), state: Some("Motion"), group: Some("Motion"), shared_group: None };
        for told in [told, Told::default()] {
            let meaning = meaning(TYPES[0].0, "g", told);
            let state = meaning.state.unwrap();
            assert_eq!((&*meaning.kind, &*state.group, &*state.value), ("motion.started", "motion", "detected"));
            assert_eq!((&*state.vendor_group, &*state.vendor_value), ("g", TYPES[0].0));
        }
    }

    #[test]
    fn another_type_keeps_the_vendors_names_as_slugs() {
        let told = Told {
            name: Some("CPU Usage Critical"),
            state: Some("Critical"),
            group: Some("CPU usage"),
            shared_group: None,
        };
        let known = meaning("t", "g", told);
        let state = known.state.unwrap();
        assert_eq!(
            (&*known.kind, &*state.group, &*state.value),
            ("milestone.cpu_usage_critical", "cpu_usage", "critical")
        );
        let unknown = meanwhile("t", "g");
        let state = unknown.state.unwrap();
        assert_eq!((&*unknown.kind, &*state.group, &*state.value), ("milestone.t", "g", "t"));
        assert_eq!(&*meanwhile("", "").kind, "milestone.unknown");
        assert_eq!(meanwhile("", "").state, None);
    }

    #[test]
    fn types_of_one_group_read_under_one_shared_group() {
        let told = Told {
            name: Some("Manual recording"),
            state: Some("Manual"),
            group: Some("Recording state"),
            shared_group: Some("recording"),
        };
        assert_eq!(&*meaning("t", "g", told).state.unwrap().group, "recording");
    }
}
