//! What the Configuration REST API answers: lists, items, and errors in all their shapes.

use std::sync::Arc;

use bytestring::ByteString;
use serde::Deserialize;

use crate::transport::request::RestAnswer;

/// An item of any resource.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Resource {
    id: Option<String>,
    #[serde(rename = "displayName")]
    display_name: Option<String>,
    pub(super) name: Option<String>,
    #[serde(rename = "stateGroupId")]
    pub(super) group: Option<String>,
    pub(super) state: Option<String>,
    pub(super) relations: Relations,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Relations {
    #[serde(rename = "self")]
    pub(super) this: Reference,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Reference {
    pub(super) id: Option<String>,
}

#[derive(Deserialize)]
struct List {
    array: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Single {
    data: Resource,
}

impl Resource {
    /// State groups have their id only in their relations (observed).
    pub(super) fn guid(&self) -> Option<ByteString> {
        self.relations.this.id.as_ref().or(self.id.as_ref()).map(|id| id.to_ascii_lowercase().into())
    }

    pub(super) fn title(&self) -> Option<Arc<str>> {
        let text = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(Arc::from);
        text(&self.display_name).or_else(|| text(&self.name))
    }
}

pub(super) fn list(answer: &RestAnswer) -> Result<Vec<Resource>, String> {
    let list: List =
        serde_json::from_slice(&answer.body).map_err(|error| format!("the list cannot be read: {error}"))?;
    // One odd element does not spoil the others.
    Ok(list.array.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect())
}

pub(super) fn single(answer: &RestAnswer) -> Result<Resource, String> {
    serde_json::from_slice(&answer.body)
        .map(|single: Single| single.data)
        .map_err(|error| format!("the item cannot be read: {error}"))
}

/// An error answer in words, at most 200 characters of the server's: nested, flat or plain text (all three were observed).
#[must_use]
pub fn trouble(answer: &RestAnswer) -> String {
    let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let details = value.get("error").unwrap_or(&value).get("details");
    let text = details
        .and_then(|details| details.get(0))
        .and_then(|first| first.get("errorText"))
        .and_then(|text| text.as_str());
    let text = text.map_or_else(|| String::from_utf8_lossy(&answer.body).into_owned(), str::to_owned);
    let text: String = text.chars().take(200).collect();
    format!("status {}: {}", answer.status, text.trim())
}
