//! Compares what the cloud has accepted with what the engine has told.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use watchpost::simulator::vxg::audit::{camera, kind, type_name};
use watchpost::simulator::vxg::{EventRecord, Origin};

use crate::cloud::YARD;

/// What is wrong: each event that the cloud has is told once, under its own id, type, name and time, and each meta that a client was shown at most once; the
/// last one always. Nothing else is told of cameras, and no secret.
pub(crate) fn wrong(events: &[EventRecord], lines: &[Value], secrets: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut told: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
    for line in lines {
        let text = line.to_string();
        wrong.extend(secrets.iter().filter(|secret| text.contains(&***secret)).map(|_| format!("a secret: {text}")));
        let is_event = line["type"].as_str().is_some_and(|kind| kind.starts_with("vxg."));
        if is_event {
            match number(line) {
                Some(id) => told.entry(id).or_default().push(line),
                None => wrong.push(format!("an id that is none: {line}")),
            }
        }
    }
    for event in events {
        let lines = told.remove(&event.id).unwrap_or_default();
        if event.origin == Origin::Row {
            // Of some can be made what an event takes: an id and a time.
            continue;
        }
        match lines.split_first() {
            Some((first, updates)) => {
                wrong.extend(wrongly(event, first, updates).map(|why| format!("{}: {why}: {lines:#?}", event.id)));
            }
            None if event.gone.is_some() => {}
            None => wrong.push(format!("{} of camera {} is not told: {event:?}", event.id, event.camera)),
        }
    }
    wrong.extend(told.into_values().flatten().map(|line| format!("told, and never accepted: {line}")));
    wrong
}

fn number(line: &Value) -> Option<i64> {
    let id = line["id"].as_str()?.strip_prefix(YARD)?.strip_prefix(':')?;
    id.split('~').next()?.parse().ok()
}

fn meta(line: &Value) -> Map<String, Value> {
    line["data"]["meta"].as_object().cloned().unwrap_or_default()
}

/// What is wrong with the lines of one event.
fn wrongly<'a>(
    event: &'a EventRecord,
    first: &'a Value,
    updates: &'a [&'a Value],
) -> impl Iterator<Item = String> + 'a {
    let mut wrong = Vec::new();
    let mut so = |is: bool, words: &str| {
        if !is {
            wrong.push(words.to_owned());
        }
    };
    so(first["id"] == format!("{YARD}:{}", event.id), "the first line is an update");
    so(first["type"] == kind(&event.name), "its type");
    let mut metas = Vec::new();
    for line in std::iter::once(&first).chain(updates) {
        so(line["subject"] == camera(event.camera), "its camera");
        so(line["typename"] == *type_name(event), "its type's name");
        so(line["stategroup"].is_null(), "it sets a state");
        so(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "its time has no zone");
        let meta = meta(line);
        so(!metas.contains(&meta), "a meta is told twice");
        so(event.versions.iter().any(|version| version.meta == meta), "it never had this meta");
        metas.push(meta);
    }
    for update in updates {
        so(update["id"].as_str().is_some_and(|id| id.contains('~')), "it is told twice");
        so(update["type"] == format!("{}.updated", kind(&event.name)), "an update's type");
    }
    let last = event.versions.last().map(|version| &version.meta);
    so(event.gone.is_some() || last.is_none_or(|last| metas.contains(last)), "its last meta is not told");
    wrong.into_iter()
}
