//! One event, made by the system.
//!
//! ```text
//! name ─► eventTypes, and where it is not there userDefinedEvents ─► source by its name: the list of its kind ─► POST events, once
//! id   ─► the same, of this id alone
//! ```

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::login::Grant;
use super::super::rest::{self, trouble};
use super::find::{Found, Row, listed, named, near};
use super::types::{can_be_triggered, sources, text};
use super::{Read, Root, Stop, read, unreadable};
use crate::messages::{CommandError, TriggerEvent, Triggered, VendorEvent};
use crate::model::ids::ConnectionName;
use crate::settings::mistake::shown;
use crate::transport::RestError;
use crate::transport::request::{Body, Method, RestAnswer, RestCall, Retry};
use crate::vendors::{Answered, Job, JobStep, Now};

/// What a role needs, in the words of the Management Client (Milestone's manual, of its own clients).
const PERMISSION: &str = "give its role \"Trigger\" for external events, in XProtect's Management Client under Security > Roles > External Event";

/// Where a type is looked for, one after the other.
const TYPES: &str = "eventTypes";
const OWN: &str = "userDefinedEvents";

pub(super) struct Trigger {
    connection: ConnectionName,
    name: String,
    item: Option<String>,
    /// What Milestone has no place for, though the message has: a word for each.
    too_much: Option<&'static str>,
    timeout: Duration,
    root: Root,
    stage: Stage,
    /// What was seen on the way, for a hint.
    rows: Vec<Row>,
    /// A list that the user may not read.
    withheld: Option<String>,
    kind: Kind,
    source: Option<String>,
    done: Option<Triggered>,
    failed: Option<CommandError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Look for the type here.
    Kind(&'static str),
    Source,
    Post,
}

/// The type, as far as it is known.
#[derive(Default)]
struct Kind {
    id: String,
    title: String,
    /// What makes such events, if that is nothing that a user may trigger.
    closed: Option<String>,
}

/// An item as a person writes it.
enum Source<'a> {
    Id(&'a str, Uuid),
    Named(&'a str, &'a str),
}

impl<'a> Source<'a> {
    fn of(item: &'a str) -> Result<Self, CommandError> {
        let wrong = || {
            CommandError::Invalid(format!(
                "\"{}\" is no source: write cameras/25d08c6a-cc08-4498-8772-242111f9840c, or cameras/ and the item's name",
                shown(item)
            ))
        };
        let (kind, item) = item.split_once('/').ok_or_else(wrong)?;
        if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) || item.trim().is_empty() {
            return Err(wrong());
        }
        Ok(Uuid::parse_str(item.trim()).map_or(Self::Named(kind, item.trim()), |id| Self::Id(kind, id)))
    }
}

impl Trigger {
    pub(super) fn new(ask: &TriggerEvent, timeout: Duration) -> Self {
        let too_much = [
            (ask.time.is_some(), "a time: it happens now"),
            (!ask.meta.is_empty(), "tags"),
            (ask.wait.is_some(), "waiting: the answer tells the event"),
        ];
        Self {
            connection: ask.connection.clone(),
            name: ask.name.trim().to_owned(),
            item: ask.item.as_deref().map(|item| item.trim().to_owned()),
            too_much: too_much.into_iter().find(|(is_so, _)| *is_so).map(|(_, what)| what),
            timeout,
            root: Root::default(),
            stage: Stage::Kind(TYPES),
            rows: Vec::new(),
            withheld: None,
            kind: Kind::default(),
            source: None,
            done: None,
            failed: None,
        }
    }

    /// The id that was given, if it is one.
    fn id(&self) -> Option<Uuid> {
        Uuid::parse_str(&self.name).ok()
    }

    fn call(&self, grant: &Grant) -> Result<RestCall, CommandError> {
        Ok(match self.stage {
            Stage::Kind(collection) => match self.id() {
                Some(id) => self.root.read(grant, &format!("{collection}/{id}"), false, self.timeout),
                None => self.root.read(grant, collection, true, self.timeout),
            },
            Stage::Source => {
                let (Source::Named(kind, _) | Source::Id(kind, _)) =
                    Source::of(self.item.as_deref().unwrap_or_default())?;
                self.root.read(grant, kind, true, self.timeout)
            }
            Stage::Post => {
                let mut body = Map::from_iter([("type".to_owned(), json!(self.kind.id))]);
                if let Some(source) = &self.source {
                    body.insert("source".to_owned(), json!(source));
                }
                let mut call = rest::call(grant, self.root.lower_case, Method::Post, "events");
                call.body = Body::Json(Bytes::from(Value::Object(body).to_string()));
                (call.timeout, call.retry) = (self.timeout, Retry::Never);
                call
            }
        })
    }

    fn take(&mut self, now: Now, answer: Result<&RestAnswer, &RestError>) -> Result<Option<Triggered>, Stop> {
        match self.stage {
            Stage::Kind(collection) => self.take_kind(collection, answer)?,
            Stage::Source => self.take_source(answer)?,
            Stage::Post => return self.posted(now.wall, answer).map(Some),
        }
        Ok(None)
    }

    fn take_kind(&mut self, collection: &'static str, answer: Result<&RestAnswer, &RestError>) -> Result<(), Stop> {
        match read(&mut self.root, collection, answer)? {
            Read::Again => return Ok(()),
            Read::Told(answer) if self.id().is_some() => {
                let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let resource = rest::single(answer).map_err(|why| unreadable(collection, &why))?;
                let title = resource.title().map_or_else(|| self.name.clone(), |title| title.to_string());
                let closed = value.get("data").and_then(closed);
                // However it was written, in braces or without hyphens, say.
                let id = self.id().map_or_else(|| self.name.clone(), |id| id.to_string());
                return self.kind_is(id, title, closed);
            }
            Read::Told(answer) => {
                let list = rest::rows(answer).map_err(|why| unreadable(collection, &why))?;
                let rows: Vec<_> =
                    list.iter().filter_map(|(resource, value)| Row::of(resource, about(value))).collect();
                match named(&rows, &self.name) {
                    Found::One(row) => {
                        let (id, title) = (row.id.clone(), row.title.clone());
                        let value = list.iter().find(|(resource, _)| resource.guid().is_some_and(|guid| *guid == *id));
                        let closed = value.and_then(|(_, value)| closed(value));
                        return self.kind_is(id, title, closed);
                    }
                    Found::Several(several) => {
                        return Err(CommandError::Invalid(format!(
                            "several event types are called \"{}\": give the id, one of {}",
                            shown(&self.name),
                            listed(&several)
                        ))
                        .into());
                    }
                    Found::None => self.rows.extend(rows),
                }
            }
            Read::Withheld(404, _) => {}
            Read::Withheld(_, why) => self.withheld = Some(format!("{collection}: {why}")),
        }
        if collection == TYPES {
            self.stage = Stage::Kind(OWN);
            return Ok(());
        }
        match (self.id(), self.withheld.take()) {
            // It need not be read to be triggered.
            (Some(id), Some(_)) => self.kind_is(id.to_string(), id.to_string(), None),
            (None, Some(why)) => Err(CommandError::NoPermission(format!(
                "whether there is an event type \"{}\" cannot be seen ({why}): give the user's role the right to read event types, in \
                 XProtect's Management Client under Security > Roles, or give the id of the type",
                shown(&self.name)
            ))
            .into()),
            (_, None) => Err(CommandError::UnknownType {
                connection: self.connection.clone(),
                name: shown(&self.name),
                near: near(&self.rows, &self.name).iter().map(|name| shown(name)).collect(),
            }
            .into()),
        }
    }

    /// The type is known: now the source.
    fn kind_is(&mut self, id: String, title: String, closed: Option<String>) -> Result<(), Stop> {
        self.kind = Kind { id, title: shown(&title), closed };
        self.stage = match self.item.as_deref().map(Source::of).transpose()? {
            None => Stage::Post,
            Some(Source::Id(kind, id)) => {
                self.source = Some(format!("{kind}/{id}"));
                Stage::Post
            }
            Some(Source::Named(..)) => Stage::Source,
        };
        Ok(())
    }

    fn take_source(&mut self, answer: Result<&RestAnswer, &RestError>) -> Result<(), Stop> {
        let item = self.item.clone().unwrap_or_default();
        let Source::Named(kind, name) = Source::of(&item)? else { return Ok(()) };
        let unknown = |why: String| CommandError::UnknownItem { item: shown(&item), why };
        match read(&mut self.root, kind, answer)? {
            Read::Again => {}
            Read::Withheld(_, why) => {
                return Err(
                    unknown(format!("the list of {kind} is not to be had ({why}): give the item's GUID")).into()
                );
            }
            Read::Told(answer) => {
                let list = rest::rows(answer).map_err(|why| unreadable(kind, &why))?;
                let rows: Vec<_> = list.iter().filter_map(|(resource, _)| Row::of(resource, String::new())).collect();
                self.source = match named(&rows, name) {
                    Found::One(row) => Some(format!("{kind}/{}", row.id)),
                    Found::Several(several) => {
                        let (kind, name, ids) = (shown(kind), shown(name), listed(&several));
                        let why = format!("several {kind} are called \"{name}\": give the GUID, one of {ids}");
                        return Err(CommandError::Invalid(why).into());
                    }
                    Found::None => {
                        let near = near(&rows, name).first().map(|near| format!("; did you mean \"{}\"?", shown(near)));
                        let hint = near.unwrap_or_default();
                        return Err(unknown(format!("the user sees no such item{hint}")).into());
                    }
                };
                self.stage = Stage::Post;
            }
        }
        Ok(())
    }

    fn posted(&self, asked: Timestamp, answer: Result<&RestAnswer, &RestError>) -> Result<Triggered, Stop> {
        let title = &self.kind.title;
        let unsure = |why: String| {
            CommandError::Unsure(format!(
                "whether \"{title}\" was triggered is not known ({why}); it was sent once and is not sent again: look for the event before \
                 you try again"
            ))
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.may_have_been_sent() => return Err(unsure(error.to_string()).into()),
            Err(error) if error.is_retryable() => return Err(CommandError::Unavailable(error.to_string()).into()),
            Err(error) => return Err(CommandError::Refused(error.to_string()).into()),
        };
        let why = || trouble(answer);
        Err(match answer.status {
            200..=299 => return Ok(self.told(asked, answer)),
            401 => Stop::Unauthorized,
            403 => CommandError::NoPermission(match &self.kind.closed {
                Some(generator) => format!(
                    "the user may not trigger \"{title}\" ({}): users may trigger external events and those of MIP devices alone, and these \
                     are made by \"{}\"; a service client may trigger them",
                    why(),
                    shown(generator)
                ),
                None => format!("the user may not trigger \"{title}\" ({}): {PERMISSION}", why()),
            })
            .into(),
            // Which of the two is missing is not told apart for certain by what a gateway, or a proxy before it, says.
            status @ (404 | 405) => match &self.source {
                Some(source) if status == 404 => CommandError::UnknownItem {
                    item: source.clone(),
                    why: format!(
                        "{}; or there is no Events REST API there: it needs XProtect 2023 R2 or later, with an API Gateway",
                        why()
                    ),
                },
                _ => CommandError::Refused(format!(
                    "\"{title}\" cannot be triggered here ({}): the Events REST API needs XProtect 2023 R2 or later, with an API Gateway",
                    why()
                )),
            }
            .into(),
            // The gateway says that it does not take requests now.
            429 | 503 => CommandError::Unavailable(format!("\"{title}\" was not triggered: {}", why())).into(),
            408 | 500.. => unsure(why()).into(),
            _ => CommandError::Refused(format!("\"{title}\" was not triggered: {}", why())).into(),
        })
    }

    /// The event, as far as the answer tells it: that there is one with this status is all that is certain.
    fn told(&self, asked: Timestamp, answer: &RestAnswer) -> Triggered {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let event = body.get("data");
        let member = |name: &str| event.and_then(|event| text(event, name));
        // Without a source, the type is the source (Milestone's description of its Events REST API).
        let source = member("source").map(|source| lowered(&source));
        let item = source.or_else(|| self.source.clone()).unwrap_or_else(|| format!("{OWN}/{}", self.kind.id));
        let occurrence = member("id").map(|id| VendorEvent {
            id,
            item,
            name: self.kind.title.clone(),
            time: member("time").and_then(|time| time.parse().ok()).unwrap_or(asked),
            meta: Map::new(),
        });
        let confirmed = occurrence.as_ref().map(|_| true);
        Triggered { asked, occurrence, confirmed }
    }
}

/// An item as the engine writes it: the GUID in lower case, and the kind before it as it is.
fn lowered(source: &str) -> String {
    match source.rsplit_once('/') {
        Some((kind, guid)) => format!("{kind}/{}", guid.to_ascii_lowercase()),
        None => source.to_owned(),
    }
}

/// What makes such events, where users may not.
fn closed(value: &Value) -> Option<String> {
    can_be_triggered(value).filter(|can| !can).and_then(|_| text(value, "generatorType"))
}

/// What tells a type from another of the same name.
fn about(value: &Value) -> String {
    let sources = sources(value);
    if sources.is_empty() { String::new() } else { format!(", of {}", sources.join(" and ")) }
}

impl Job for Trigger {
    type Grant = Grant;
    type Output = Triggered;

    fn check(&self) -> Result<(), CommandError> {
        if self.name.is_empty() {
            return Err(CommandError::Invalid("no event is named: give the name or the id of its type".to_owned()));
        }
        if let Some(what) = self.too_much {
            return Err(CommandError::Invalid(format!("an event of Milestone's takes no {what}")));
        }
        self.item.as_deref().map_or(Ok(()), |item| Source::of(item).map(drop))
    }

    fn next(&mut self, _: Now, grant: &Grant) -> JobStep<Triggered> {
        match self.failed.take() {
            Some(error) => JobStep::Done(Err(error)),
            None => match self.done.take() {
                Some(done) => JobStep::Done(Ok(done)),
                None => self.call(grant).map_or_else(|error| JobStep::Done(Err(error)), JobStep::Call),
            },
        }
    }

    fn answer(&mut self, now: Now, _: &Grant, answer: Result<RestAnswer, RestError>) -> Answered {
        match self.take(now, answer.as_ref()) {
            Ok(done) => self.done = done,
            Err(Stop::Unauthorized) => return Answered::Unauthorized,
            Err(Stop::Failed(error)) => self.failed = Some(error),
        }
        Answered::Taken
    }
}
