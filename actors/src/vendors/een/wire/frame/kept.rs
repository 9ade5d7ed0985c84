//! A frame that can travel and wait: its text, and where in it everything stands.

use std::borrow::Cow;
use std::mem::size_of;

use bytestring::ByteString;

use super::{Answer, At, Frame, Refusal, RefusalCode};
use crate::model::text::Span;
use crate::vendors::een::status::Form;
use crate::vendors::een::wire::Resource;

/// A frame that was taken apart, along with its text. It is not read again to be looked at.
#[derive(Debug, Clone)]
pub struct Kept {
    text: ByteString,
    refusal: Option<KeptRefusal>,
    entities: Vec<(Part, usize)>,
    answers: Vec<KeptAnswer>,
}

/// A slice of the text, or what was written there with escapes.
#[derive(Debug, Clone)]
enum Part {
    In(Span),
    Unescaped(Box<str>),
}

#[derive(Debug, Clone)]
struct KeptRefusal {
    code: RefusalCode,
    message: Part,
}

#[derive(Debug, Clone)]
enum KeptAnswer {
    Status { form: Form, json: Span },
    Event { code: Part, json: Span },
    Media { resource: Resource, json: Span },
    Refused(KeptRefusal),
    Unknown { name: Part, found: &'static str },
}

impl Kept {
    /// Of a frame and the text that it borrows from.
    #[must_use]
    pub fn of(text: &ByteString, frame: &Frame<'_>) -> Self {
        let refusal =
            |refusal: &Refusal<'_>| KeptRefusal { code: refusal.code, message: Part::of(text, &refusal.message) };
        let answer = |answer: &Answer<'_>| match answer {
            Answer::Status { form, json } => KeptAnswer::Status { form: *form, json: Span::part(text, json) },
            Answer::Event { code, json } => {
                KeptAnswer::Event { code: Part::of(text, code), json: Span::part(text, json) }
            }
            Answer::Media { resource, json } => KeptAnswer::Media { resource: *resource, json: Span::part(text, json) },
            Answer::Refused(refused) => KeptAnswer::Refused(refusal(refused)),
            Answer::Unknown { name, found } => KeptAnswer::Unknown { name: Part::of(text, name), found },
        };
        Self {
            text: text.clone(),
            refusal: frame.refusal.as_ref().map(refusal),
            entities: frame.entities.iter().map(|At { esn, end }| (Part::of(text, esn), *end)).collect(),
            answers: frame.answers.iter().map(answer).collect(),
        }
    }

    /// The text that it was made of.
    #[must_use]
    pub fn text(&self) -> &ByteString {
        &self.text
    }

    /// What it takes of the memory, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let Self { text, entities, answers, .. } = self;
        size_of::<Self>()
            + text.len()
            + entities.len() * size_of::<(Part, usize)>()
            + answers.len() * size_of::<KeptAnswer>()
    }

    /// The frame again.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        let text = &*self.text;
        let answer = |answer| match answer {
            &KeptAnswer::Status { form, json } => Answer::Status { form, json: json.of(text) },
            KeptAnswer::Event { code, json } => Answer::Event { code: code.get(text), json: json.of(text) },
            &KeptAnswer::Media { resource, json } => Answer::Media { resource, json: json.of(text) },
            KeptAnswer::Refused(refused) => Answer::Refused(refused.get(text)),
            KeptAnswer::Unknown { name, found } => Answer::Unknown { name: name.get(text), found },
        };
        Frame {
            refusal: self.refusal.as_ref().map(|refused| refused.get(text)),
            entities: self.entities.iter().map(|(esn, end)| At { esn: esn.get(text), end: *end }).collect(),
            answers: self.answers.iter().map(answer).collect(),
        }
    }
}

impl KeptRefusal {
    fn get<'a>(&'a self, text: &'a str) -> Refusal<'a> {
        Refusal { code: self.code, message: self.message.get(text) }
    }
}

impl Part {
    #[expect(clippy::ptr_arg, reason = "whether it is borrowed is the question")]
    fn of(text: &str, part: &Cow<'_, str>) -> Self {
        match part {
            Cow::Borrowed(part) => Self::In(Span::part(text, part)),
            Cow::Owned(part) => Self::Unescaped(part.as_str().into()),
        }
    }

    fn get<'a>(&'a self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(match self {
            Self::In(span) => span.of(text),
            Self::Unescaped(part) => part,
        })
    }
}
