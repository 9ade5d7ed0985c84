//! The lines of a recording.

use serde::Serialize;

/// The first line.
#[derive(Serialize)]
pub(super) struct Header<'a> {
    pub(super) watchpost: &'static str,
    pub(super) version: u32,
    pub(super) vendor: &'a str,
    pub(super) recorded: String,
    pub(super) by: &'static str,
}

/// Every other line: when, in seconds since the beginning, and what.
#[derive(Serialize)]
pub(super) struct Line {
    pub(super) at: f64,
    #[serde(flatten)]
    pub(super) what: What,
}

/// What happened.
#[derive(Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub(super) enum What {
    /// A call, when its outcome was known.
    Call(Call),
    /// A WebSocket has opened, or not.
    Open(Open),
    /// We said something on one.
    Sent(Said),
    /// The server did.
    Got(Said),
    /// A WebSocket has ended.
    Ended(Ended),
    /// A picture or a recording was fetched, or not; what is in it is not kept.
    Download(Call),
}

/// Pairs of names and values.
pub(super) type Pairs = Vec<(String, String)>;

#[derive(Serialize, Default)]
pub(super) struct Call {
    pub(super) method: String,
    /// With its scheme.
    pub(super) host: String,
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) query: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Pairs,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) form: Pairs,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) json: Option<String>,
    /// In seconds.
    pub(super) took: f64,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

/// An answer, or why there is none.
#[derive(Serialize, Default)]
pub(super) struct Outcome {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) answer: Pairs,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
    /// So many bytes were no text, or compressed, and are left out: what is in them cannot be looked through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) omitted: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Open {
    /// A number by which the lines of one socket are known.
    pub(super) socket: u64,
    pub(super) host: String,
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) query: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Pairs,
    pub(super) took: f64,
    /// 101 where it has opened.
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

#[derive(Serialize)]
pub(super) struct Said {
    pub(super) socket: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// Empty where so many bytes are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) omitted: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Ended {
    pub(super) socket: u64,
    /// `server`, `us`, or `lost` where nobody has closed it.
    pub(super) by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<u16>,
    /// In words.
    pub(super) how: String,
}
