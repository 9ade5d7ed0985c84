//! What the client sends over the poll WebSocket.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use super::ids::{Esn, FourCc};
use crate::vendors::een::status::Form;

/// What can be asked of an entity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Resource {
    /// The time of the newest preview.
    Pre,
    /// The time of the newest thumbnail.
    Thumb,
    /// Begin and end of the newest video.
    Video,
    /// The status word, in one of its forms.
    Status(Form),
    /// Events of the codes that are asked for.
    Event,
}

/// A name that is no resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no resource; there are pre, thumb, video, event, status, status64, status_hex, status_hex64, status_masked"
)]
pub struct UnknownResource(String);

impl Resource {
    /// Its name in requests and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Thumb => "thumb",
            Self::Video => "video",
            Self::Status(form) => form.as_str(),
            Self::Event => "event",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Resource {
    type Err = UnknownResource;

    fn from_str(name: &str) -> Result<Self, UnknownResource> {
        Ok(match name {
            "pre" => Self::Pre,
            "thumb" => Self::Thumb,
            "video" => Self::Video,
            "event" => Self::Event,
            "status" => Self::Status(Form::Status),
            "status64" => Self::Status(Form::Status64),
            "status_hex" => Self::Status(Form::Hex),
            "status_hex64" => Self::Status(Form::Hex64),
            "status_masked" => Self::Status(Form::Masked),
            _ => return Err(UnknownResource(name.chars().take(40).collect())),
        })
    }
}

/// Requests that subscribe to `resources` of each of `entities`, with the events of `codes`; at most `most` entities each. What was
/// subscribed to before stays.
///
/// Codes are sent only along with [`Resource::Event`], and that only along with codes: either without the other is refused. Where nothing is left to
/// be asked for there are no requests.
pub fn subscribe(
    entities: &[Esn],
    resources: &[Resource],
    codes: &[FourCc],
    most: NonZeroUsize,
) -> impl Iterator<Item = String> {
    let resources: Vec<_> = resources.iter().filter(|one| **one != Resource::Event || !codes.is_empty()).collect();
    let mut wanted = format!("{{\"resource\":{}", list(&resources));
    if resources.contains(&&Resource::Event) {
        wanted.push_str(",\"event\":");
        wanted.push_str(&list(codes));
    }
    wanted.push('}');
    let entities = if resources.is_empty() { &[] } else { entities };
    entities.chunks(most.get()).map(move |entities| {
        let mut request = String::with_capacity(16 + entities.len() * (wanted.len() + 16));
        for esn in entities {
            request.push_str(if request.is_empty() { "{\"cameras\":{\"" } else { ",\"" });
            request.push_str(esn.as_str());
            request.push_str("\":");
            request.push_str(&wanted);
        }
        request.push_str("}}");
        request
    })
}

/// Requests that end the subscriptions to `entities`, at most `most` each. Each is answered by a refusal of the kind
/// [`Dropped`](super::RefusalCode::Dropped).
pub fn drop_entities(entities: &[Esn], most: NonZeroUsize) -> impl Iterator<Item = String> {
    entities.chunks(most.get()).map(|entities| format!("{{\"drop\":{{\"cameras\":{}}}}}", list(entities)))
}

/// A JSON list of words that need no escapes.
fn list(words: &[impl fmt::Display]) -> String {
    let mut list = String::with_capacity(2 + words.len() * 12);
    for word in words {
        list.push_str(if list.is_empty() { "[\"" } else { ",\"" });
        list.push_str(&word.to_string());
        list.push('"');
    }
    if list.is_empty() {
        list.push('[');
    }
    list.push(']');
    list
}
