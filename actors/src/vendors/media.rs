//! Pictures and recordings: which there are, and how they are fetched.

use std::fmt;

use url::Url;

use crate::transport::request::{RestAnswer, RestCall};

/// What people ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// The recording as one file.
    Clip,
    /// A picture.
    Image,
    /// The playlist of a recording in pieces (HLS).
    Hls,
    /// The recording as Flash Video.
    Flv,
}

impl MediaKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Clip, Self::Image, Self::Hls, Self::Flv];

    /// Its name: `clip`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Image => "image",
            Self::Hls => "hls",
            Self::Flv => "flv",
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rules by which a vendor's pictures and recordings are fetched: pure, as all of a vendor.
///
/// Redirects are followed by rules of the engine: to an address that [`call`](Self::call) takes as that says, to others without the grant, and only over
/// https.
pub trait Media: Send + Sync {
    /// What a login yields.
    type Grant;

    /// The links in an event's data, as they are there: templates may be among them.
    fn links(&self, data: &str) -> Vec<(MediaKind, String)>;

    /// The address that a link stands for: one that [`call`](Self::call) takes. Of pictures that come in any size, `width` pixels wide.
    ///
    /// # Errors
    /// In words that follow "the link", why nothing is fetched from there.
    fn address(&self, link: &str, width: Option<u32>) -> Result<Url, String>;

    /// The call with the grant; none where the grant must not go.
    fn call(&self, grant: &Self::Grant, url: &Url) -> Option<RestCall>;

    /// What an answer to such a call means.
    fn judge(&self, answer: &RestAnswer) -> Judgement;
}

/// What the answer to a call for a picture or recording means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is in the body.
    Ready,
    /// Not now, for a reason in words: asking again later can help.
    NotNow(String),
    /// The grant is not good any more.
    Unauthorized,
    /// Never, for a reason in words.
    Never(String),
}
