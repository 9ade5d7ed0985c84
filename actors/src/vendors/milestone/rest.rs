//! What the Configuration REST API answers: lists, items, and errors in all their shapes.

use std::sync::Arc;

use bytestring::ByteString;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::login::Grant;
use crate::transport::request::{HeaderText, Method, RestAnswer, RestCall};

/// The size that a list may have, 64 MiB: enough for 50,000 cameras, as 2,659 are 2.9 MB (observed). Ten may be under way at a time.
pub(super) const MAX_LIST: usize = 64 << 20;

/// A call to the gateway's REST interface, at a path below `rest/v1/`. `lower_case_root`: the server knows `/api/` but not `/API/`.
pub(super) fn call(grant: &Grant, lower_case_root: bool, method: Method, path: &str) -> RestCall {
    let mut url = grant.gateway();
    let root = if lower_case_root { url.path().to_ascii_lowercase() } else { url.path().to_owned() };
    // `set_path` encodes what is no part of a path, and nothing of an id can leave the root.
    url.set_path(&format!("{root}rest/v1/{}", path.replace('%', "%25").replace("..", "")));
    RestCall::new(method, url).header("authorization", bearer(grant))
}

/// The header that every call and the upgrade carry.
pub fn bearer(grant: &Grant) -> HeaderText {
    HeaderText::secret(format!("Bearer {}", grant.token.expose_secret()))
}

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

/// The elements of a list, as they are and as resources.
pub(super) fn rows(answer: &RestAnswer) -> Result<Vec<(Resource, serde_json::Value)>, String> {
    let list: List =
        serde_json::from_slice(&answer.body).map_err(|error| format!("the list cannot be read: {error}"))?;
    let row = |value: serde_json::Value| Some((serde_json::from_value(value.clone()).ok()?, value));
    Ok(list.array.into_iter().filter_map(row).collect())
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
