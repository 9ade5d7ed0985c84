//! The event types of a system, and the states that they set.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::super::login::Grant;
use super::super::rest::{self, Resource};
use super::super::vocabulary::{Told, meaning, word};
use super::{Read, Root, Stop, read, unreadable};
use crate::messages::{CommandError, SystemEventState, SystemEventType};
use crate::transport::RestError;
use crate::transport::request::RestAnswer;
use crate::vendors::{Answered, Job, JobStep, Now};

/// Lists the event types, then the groups of their states.
#[derive(Default)]
pub(super) struct List {
    root: Root,
    types: Option<Vec<(Resource, Value)>>,
    groups: Option<HashMap<String, Group>>,
    troubles: Vec<String>,
    failed: Option<CommandError>,
}

#[derive(Default)]
struct Group {
    title: Option<String>,
    states: Vec<String>,
}

impl List {
    fn take(&mut self, answer: Result<&RestAnswer, &RestError>) -> Result<(), Stop> {
        let (what, is_types) = match self.types {
            None => ("the list of event types", true),
            Some(_) => ("the list of state groups", false),
        };
        match read(&mut self.root, what, answer)? {
            Read::Again => {}
            Read::Told(answer) => {
                let rows = rest::rows(answer).map_err(|why| unreadable(what, &why))?;
                if is_types {
                    self.types = Some(rows);
                } else {
                    self.groups = Some(rows.iter().filter_map(group).collect());
                }
            }
            Read::Withheld(403, why) if is_types => {
                return Err(CommandError::NoPermission(format!(
                    "the user may not read the list of event types ({why}): give its role the right to read them, in XProtect's \
                     Management Client under Security > Roles"
                ))
                .into());
            }
            Read::Withheld(_, why) if is_types => return Err(CommandError::Refused(format!("{what}: {why}")).into()),
            // Types are of use without the titles of their groups.
            Read::Withheld(_, why) => {
                self.troubles.push(format!("{what}: {why}"));
                self.groups = Some(HashMap::new());
            }
        }
        Ok(())
    }
}

fn group((resource, value): &(Resource, Value)) -> Option<(String, Group)> {
    let title = resource.title().map(|title| title.to_string());
    Some((resource.guid()?.to_string(), Group { title, states: texts(value, "states") }))
}

/// A member that is a list of texts; what is none is left out.
fn texts(value: &Value, member: &str) -> Vec<String> {
    let list = value.get(member).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A member that is a text and not empty.
pub(super) fn text(value: &Value, member: &str) -> Option<String> {
    value.get(member).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The kinds of items that such events come from.
pub(super) fn sources(value: &Value) -> Vec<String> {
    texts(value, "sourceArray")
}

/// Users may trigger types of these generators, if their role lets them, except those that generic events stand for; services may trigger any
/// (Milestone's description of its Events REST API).
pub(super) fn can_be_triggered(value: &Value) -> Option<bool> {
    let generator = text(value, "generatorType")?;
    let is_generic = text(value, "generatorSubtype").is_some_and(|subtype| subtype.eq_ignore_ascii_case("Generic"));
    let is_open = ["External", "MIPDevice"].iter().any(|open| generator.eq_ignore_ascii_case(open));
    Some(is_open && !is_generic)
}

/// All types, in the order of their titles.
fn all(types: &[(Resource, Value)], groups: &HashMap<String, Group>) -> Vec<SystemEventType> {
    let group_of =
        |resource: &Resource| resource.group.as_deref().filter(|group| !group.is_empty()).map(str::to_ascii_lowercase);
    // A group that a built-in type belongs to is called as that is, for all of its types.
    let mut shared = HashMap::new();
    for (resource, _) in types {
        let known = resource.guid().and_then(|id| word(&id)).and_then(|word| word.state);
        if let (Some(group), Some((name, _))) = (group_of(resource), known) {
            shared.insert(group, name);
        }
    }
    let one = |(resource, value): &(Resource, Value)| {
        let id = resource.guid()?.to_string();
        let title = resource.title().map_or_else(|| id.clone(), |title| title.to_string());
        let text_of_state = resource.state.as_deref().filter(|state| !state.is_empty());
        let group_id = group_of(resource).unwrap_or_default();
        let group = groups.get(&group_id);
        let told = Told {
            name: resource.title().is_some().then_some(title.as_str()),
            state: text_of_state,
            group: group.and_then(|group| group.title.as_deref()),
            shared_group: shared.get(&group_id).copied(),
        };
        let meaning = meaning(&id, &group_id, told);
        let state = meaning.state.map(|state| SystemEventState {
            group: state.group.to_string(),
            value: state.value.to_string(),
            group_title: group.and_then(|group| group.title.clone()),
            states: group.map(|group| group.states.clone()).unwrap_or_default(),
            text: text_of_state.map(str::to_owned),
            group_id,
        });
        Some(SystemEventType {
            name: resource.name.clone().unwrap_or_else(|| title.clone()),
            kind: meaning.kind.to_string(),
            state,
            sources: sources(value),
            generator: text(value, "generatorType"),
            category: text(value, "generatorGroupName"),
            can_be_triggered: can_be_triggered(value),
            id,
            title,
        })
    };
    let mut all: Vec<SystemEventType> = types.iter().filter_map(one).collect();
    all.sort_by_cached_key(|kind| (kind.title.to_lowercase(), kind.id.clone()));
    // The same twice in a list would be two of one id.
    all.dedup_by(|a, b| a.id == b.id);
    all
}

impl Job for List {
    type Grant = Grant;
    type Output = Vec<SystemEventType>;

    fn next(&mut self, _: Now, grant: &Grant) -> JobStep<Self::Output> {
        if let Some(error) = self.failed.take() {
            return JobStep::Done(Err(error));
        }
        let path = match (&self.types, &self.groups) {
            (Some(types), Some(groups)) => return JobStep::Done(Ok(all(types, groups))),
            (None, _) => "eventTypes",
            (Some(_), None) => "stateGroups",
        };
        JobStep::Call(self.root.read(grant, path, true, Duration::ZERO))
    }

    fn answer(&mut self, _: Now, _: &Grant, answer: Result<RestAnswer, RestError>) -> Answered {
        match self.take(answer.as_ref()) {
            Ok(()) => Answered::Taken,
            Err(Stop::Unauthorized) => Answered::Unauthorized,
            Err(Stop::Failed(error)) => {
                self.failed = Some(error);
                Answered::Taken
            }
        }
    }

    fn troubles(&mut self) -> Vec<String> {
        std::mem::take(&mut self.troubles)
    }
}
