//! A received frame: what it says as a whole, and the answers of each entity.

mod kept;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess};
use serde_json::value::RawValue;

use super::loose;
use super::read::{Object, Take, json, skip};
use super::request::Resource;
use crate::vendors::een::status::Form;

pub use kept::Kept;

/// A frame taken apart. It borrows from its text.
#[derive(Debug, Default)]
pub struct Frame<'a> {
    /// The request as a whole was refused, or the session is over. `None` is success.
    pub refusal: Option<Refusal<'a>>,
    entities: Vec<At<'a>>,
    answers: Vec<Answer<'a>>,
}

/// An entity, and where its answers end; they begin where those of the one before it end.
#[derive(Debug)]
struct At<'a> {
    esn: Cow<'a, str>,
    end: usize,
}

/// What a frame has of one entity. The first one of an entity is its present state, also where it has no answers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Entity<'f, 'a> {
    /// Its id, as it was sent.
    pub esn: &'f str,
    /// Its answers, in the frame's order.
    pub answers: &'f [Answer<'a>],
}

/// One answer of an entity. All `json` are slices of the frame.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer<'a> {
    /// A status word, to be read by [`StatusWord::read`](crate::vendors::een::status::StatusWord::read).
    Status {
        /// Which resource.
        form: Form,
        /// Its value.
        json: &'a str,
    },
    /// The newest event of one code.
    Event {
        /// The four letters, whatever they are.
        code: Cow<'a, str>,
        /// The event, untouched.
        json: &'a str,
    },
    /// A picture or video is there: `pre`, `thumb`, `video`.
    Media {
        /// Which resource.
        resource: Resource,
        /// Its time or times.
        json: &'a str,
    },
    /// The entity was refused or dropped: nothing more comes of it. The others go on.
    Refused(Refusal<'a>),
    /// Something in a place or of a kind that we do not know; nothing that was asked for.
    Unknown {
        /// The member's name; empty where the entity itself is no object.
        name: Cow<'a, str>,
        /// What kind of value was there.
        found: &'static str,
    },
}

/// A refusal, of a request or of one entity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal<'a> {
    /// What it is.
    pub code: RefusalCode,
    /// The server's words.
    pub message: Cow<'a, str>,
}

/// What a refusal is. (EEN API documentation; 404, 410 and 503 in a draft of it only.)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalCode {
    /// 400: the request is wrong; the same will be refused again.
    BadRequest,
    /// 401: this entity, or everything, is not for this user.
    AccessDenied,
    /// 404: there is no such entity.
    NotFound,
    /// 410: it was dropped, as was asked.
    Dropped,
    /// 412: the session has ended; log in anew.
    AuthLost,
    /// 503: try again later.
    NotReady,
    /// A number that we do not know; 0 where there was none.
    Other(i64),
}

impl RefusalCode {
    /// Of a number that is no success.
    fn of(number: i64) -> Self {
        match number {
            400 => Self::BadRequest,
            401 => Self::AccessDenied,
            404 => Self::NotFound,
            410 => Self::Dropped,
            412 => Self::AuthLost,
            503 => Self::NotReady,
            other => Self::Other(other),
        }
    }

    /// Whether the same request may have success later: a service behind the poll service is in trouble, or does not know an entity yet. Not so where
    /// the user may not see it, or it was dropped.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::NotFound | Self::NotReady | Self::Other(429 | 500..=599))
    }

    /// The number as it was sent.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::BadRequest => 400,
            Self::AccessDenied => 401,
            Self::NotFound => 404,
            Self::Dropped => 410,
            Self::AuthLost => 412,
            Self::NotReady => 503,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}: {}", self.code.number(), loose::head(&self.message))
    }
}

/// Why a frame cannot be read. The same frame stays unreadable; what it held is lost and has to be asked for again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No JSON: says what is wrong, with line and column.
    #[error("no JSON: {0}")]
    NotJson(String),
    /// JSON, but of another kind.
    #[error("the frame is {0}, not an object")]
    NotAnObject(&'static str),
    /// The member that should hold the entities is of another kind.
    #[error("`{name}` is {found}, not an object")]
    NoEntities {
        /// `data` or `cameras`.
        name: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The status is no number.
    #[error("`status_code` is {0}, not a number")]
    NoStatus(String),
}

/// Takes a frame apart: in the dialect of today (`status_code`, `data`), that of the HTTP poll (`cameras`) or the old one (`response_code`).
///
/// # Errors
/// [`FrameError`] when it is no JSON or its outer shape is not ours. Surprises within an entity are [`Answer::Unknown`].
pub fn decode(frame: &str) -> Result<Frame<'_>, FrameError> {
    let mut top = Top::default();
    let mut json = serde_json::Deserializer::from_str(frame);
    let read = Object(&mut top).deserialize(&mut json).and_then(|shape| json.end().map(|()| shape));
    read.map_err(|error| FrameError::NotJson(error.to_string()))?.map_err(FrameError::NotAnObject)?;

    let mut frame = top.frame;
    if let Some(code) = top.code {
        let number = loose::number(code).ok_or_else(|| FrameError::NoStatus(loose::head(code).to_owned()))?;
        // 0 is the old dialect's success.
        if number != 0 && !(200..300).contains(&number) {
            let message = top.message.and_then(loose::text).unwrap_or_default();
            frame.refusal = Some(Refusal { code: RefusalCode::of(number), message });
        }
    }
    match top.shapeless {
        // A refused request has nothing to tell of entities, however it says so.
        Some((name, found)) if frame.refusal.is_none() => Err(FrameError::NoEntities { name, found }),
        _ => Ok(frame),
    }
}

impl<'a> Frame<'a> {
    /// Whether any entity is refused.
    #[must_use]
    pub fn has_refusals(&self) -> bool {
        self.answers.iter().any(|answer| matches!(answer, Answer::Refused(_)))
    }

    /// The entities in the frame's order. One that comes twice is there twice.
    pub fn entities(&self) -> impl Iterator<Item = Entity<'_, 'a>> {
        let mut begin = 0;
        self.entities.iter().map(move |At { esn, end }| {
            let answers = self.answers.get(begin..*end).unwrap_or_default();
            begin = *end;
            Entity { esn, answers }
        })
    }
}

/// The frame as far as it is read.
#[derive(Default)]
struct Top<'a> {
    frame: Frame<'a>,
    code: Option<&'a str>,
    message: Option<&'a str>,
    shapeless: Option<(&'static str, &'static str)>,
}

impl<'de> Take<'de> for Top<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        let entities = match &*name {
            "data" => "data",
            "cameras" => "cameras",
            "status_code" => return json(map).map(|code| self.code = Some(code)),
            "message" => return json(map).map(|message| self.message = Some(message)),
            "response_code" => return json(map).map(|code| self.code = self.code.or(Some(code))),
            "response_message" => return json(map).map(|message| self.message = self.message.or(Some(message))),
            _ => return skip(map),
        };
        match map.next_value_seed(Object(&mut Entities(&mut self.frame)))? {
            // Nothing to tell, written in other ways.
            Ok(()) | Err("null") => {}
            Err(found) => self.shapeless = Some((entities, found)),
        }
        Ok(())
    }
}

struct Entities<'f, 'a>(&'f mut Frame<'a>);

impl<'de> Take<'de> for Entities<'_, 'de> {
    fn take<A: MapAccess<'de>>(&mut self, esn: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        let Frame { entities, answers, .. } = &mut *self.0;
        if let Err(found) = map.next_value_seed(Object(&mut Answers(answers)))? {
            answers.push(Answer::Unknown { name: Cow::default(), found });
        }
        entities.push(At { esn, end: answers.len() });
        Ok(())
    }
}

struct Answers<'f, 'a>(&'f mut Vec<Answer<'a>>);

impl<'de> Take<'de> for Answers<'_, 'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        let resource = match &*name {
            "event" => {
                match map.next_value_seed(Object(&mut Events(self.0)))? {
                    Ok(()) | Err("null") => {}
                    Err(found) => self.0.push(Answer::Unknown { name, found }),
                }
                return Ok(());
            }
            "error" => {
                self.0.extend(refusals(json(map)?).map(Answer::Refused));
                return Ok(());
            }
            other => other.parse(),
        };
        let json = json(map)?;
        self.0.push(match resource {
            Ok(Resource::Status(form)) => Answer::Status { form, json },
            Ok(resource) => Answer::Media { resource, json },
            Err(_) => Answer::Unknown { name, found: loose::kind(json) },
        });
        Ok(())
    }
}

struct Events<'f, 'a>(&'f mut Vec<Answer<'a>>);

impl<'de> Take<'de> for Events<'_, 'de> {
    fn take<A: MapAccess<'de>>(&mut self, code: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        let json = json(map)?;
        // One that has never happened is absent; `null` would be another way to say so.
        if json != "null" {
            self.0.push(Answer::Event { code, json });
        }
        Ok(())
    }
}

/// The refusals in an entity's `error`: a list of objects as documented, or one of them, or whatever else is there as one without a number.
fn refusals(json: &str) -> impl Iterator<Item = Refusal<'_>> {
    let list = serde_json::from_str::<Vec<&RawValue>>(json).map(|list| list.into_iter().map(RawValue::get).collect());
    list.unwrap_or_else(|_| vec![json]).into_iter().map(|json| {
        let mut refusal = Refused::default();
        match Object(&mut refusal).deserialize(&mut serde_json::Deserializer::from_str(json)) {
            Ok(Ok(())) => {
                let number = refusal.code.and_then(loose::number).unwrap_or(0);
                let message = refusal.message.and_then(loose::text).unwrap_or_default();
                Refusal { code: RefusalCode::of(number), message }
            }
            _ => Refusal { code: RefusalCode::Other(0), message: loose::text(json).unwrap_or(Cow::Borrowed(json)) },
        }
    })
}

#[derive(Default)]
struct Refused<'a> {
    code: Option<&'a str>,
    message: Option<&'a str>,
}

impl<'de> Take<'de> for Refused<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        match &*name {
            "status_code" | "response_code" => self.code = Some(json(map)?),
            "message" | "response_message" => self.message = Some(json(map)?),
            _ => skip(map)?,
        }
        Ok(())
    }
}
