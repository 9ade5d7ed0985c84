//! What a call is answered with where it is refused: `{"status":401,"errorDetail":"…"}`, or anything at all.

use std::borrow::Cow;

use crate::vendors::members::{Members, utf8};

/// What is longer tells of no error.
const LONGEST: usize = 64 << 10;

/// Why a call was refused, in the server's words. Both members are from VXG's SDK; either may be missing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Problem {
    /// `errorDetail`: the reason for people, as long as the server likes. It may repeat what it was asked with, the token too.
    pub detail: Option<String>,
    /// `status`: that of HTTP once more.
    pub status: Option<u16>,
}

impl Problem {
    /// Reads the body of a refusal, whatever it is.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let text = body.get(..body.len().min(LONGEST)).and_then(|body| utf8(body).ok()).unwrap_or_default();
        let Ok(members) = Members::only(text, &["errorDetail", "status", "objects"]) else { return Self::default() };
        if members.json("objects").is_some() {
            return Self::default();
        }
        Self {
            detail: members.text("errorDetail").map(Cow::into_owned),
            status: members.number("status").and_then(|status| u16::try_from(status).ok()),
        }
    }
}
