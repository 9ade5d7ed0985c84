//! The base station: `GET /v1/ss3/subscriptions/{sid}/settings/normal`.
//!
//! The answer has the PINs of the home in clear text. They are passed over while it is read: no value that comes of it
//! holds one, not as a slice either.

use std::borrow::Cow;

use crate::vendors::members::{BodyError, Members};

/// The settings, as far as they concern us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings<'a> {
    /// How the base station is; `None` where it is not told.
    pub base_station: Option<BaseStation<'a>>,
}

/// How a base station is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseStation<'a> {
    /// `basestationStatus` as it was sent.
    pub json: &'a str,
    /// When it said so, as RFC 3339.
    pub last_updated: Option<Cow<'a, str>>,
    /// Radio noise keeps it from hearing its sensors.
    pub is_jammed: Option<bool>,
}

impl<'a> Settings<'a> {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`BodyError`] when the whole is no object.
    pub fn read(body: &'a [u8]) -> Result<Self, BodyError> {
        let members = Members::of_body(body, &["basestationStatus"])?;
        Ok(Self { base_station: members.json("basestationStatus").and_then(BaseStation::read) })
    }
}

impl<'a> BaseStation<'a> {
    fn read(json: &'a str) -> Option<Self> {
        let members = Members::of(json).ok()?;
        Some(Self { json, last_updated: members.text("lastUpdated"), is_jammed: members.is_set("rfJamming") })
    }
}
