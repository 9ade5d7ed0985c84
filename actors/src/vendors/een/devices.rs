//! The device list: `GET /g/device/list`, an array of arrays, read by position.
//!
//! Rows were seen with 27, 28 and 29 elements, and with `null` or `""` almost anywhere. Only a row without an ESN is of no use.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::status::{Form, Rule, StatusWord};
use super::wire::{AccountId, Esn, loose};

/// The list as it was sent, and what of it could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceList {
    /// In the list's order; each ESN once.
    pub devices: Vec<Device>,
    /// Rows that say of no device anything.
    pub skipped: Vec<Skipped>,
    /// How many of them could not be read: each may be that of a device which is not in [`devices`](Self::devices). The others repeat one that is.
    pub unreadable: usize,
}

/// A row that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which, counted from 0.
    pub row: usize,
    /// Why, in words.
    pub why: String,
}

/// The whole answer is no list. Another try may bring one: proxies are known to answer with pages of their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// No JSON: says where.
    #[error("the list is no JSON: {0}")]
    NotJson(String),
    /// JSON of another kind.
    #[error("the list is {0}")]
    NotAList(&'static str),
}

/// A camera or bridge, as far as it concerns us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub esn: Esn,
    /// Whose it is; none where it is not attached yet.
    pub account: Option<AccountId>,
    /// What people call it.
    pub name: Option<String>,
    /// What it is.
    pub kind: DeviceKind,
    /// The bridges that see a camera; the cameras of a bridge.
    pub linked: Vec<Esn>,
    /// Its place in the account.
    pub service: Service,
    /// Whether another account shares it with this one.
    pub is_shared: bool,
    /// Its legacy status word; none where there was none that could be read.
    pub word: Option<StatusWord>,
}

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// `camera`, or any other kind whose name ends so (`mobile_camera`, `multiview_camera`, `mca_camera` are documented).
    Camera,
    /// `bridge`.
    Bridge,
    /// Anything else, a switch say.
    Other,
}

/// A device's place in the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// `ATTD`: it belongs to the account and works for it.
    Attached,
    /// `IGND`: it could be attached.
    Available,
    /// `IDLE`: it registers, but does not work.
    Idle,
    /// `ERSE`: it is being erased.
    Erased,
    /// Nothing, which was seen of cameras (reported).
    Unsaid,
    /// A word that we do not know.
    Unknown,
}

impl DeviceKind {
    fn of(word: &str) -> Self {
        match word {
            "bridge" => Self::Bridge,
            "camera" => Self::Camera,
            word if word.ends_with("_camera") => Self::Camera,
            _ => Self::Other,
        }
    }

    /// The rule for its status words; none where there is none.
    #[must_use]
    pub const fn rule(self) -> Option<Rule> {
        match self {
            Self::Camera => Some(Rule::Camera),
            Self::Bridge => Some(Rule::Bridge),
            Self::Other => None,
        }
    }

    /// The subject of its events: `cameras/<esn>`, `bridges/<esn>`, `devices/<esn>`.
    #[must_use]
    pub fn item(self, esn: &Esn) -> String {
        let of = match self {
            Self::Camera => "cameras",
            Self::Bridge => "bridges",
            Self::Other => "devices",
        };
        format!("{of}/{esn}")
    }
}

impl Service {
    fn of(word: &str) -> Self {
        match word {
            "ATTD" => Self::Attached,
            "IGND" => Self::Available,
            "IDLE" => Self::Idle,
            "ERSE" => Self::Erased,
            "" => Self::Unsaid,
            _ => Self::Unknown,
        }
    }
}

impl Device {
    /// Whether to subscribe to it: an attached camera or bridge, shared ones too.
    ///
    /// One that has an account counts as attached where nothing is said: bridges always are, by the API documentation, and what an empty word
    /// means of a camera is unknown. To ask about one too many costs a refusal, about one too few all that it does.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        match (self.kind, self.service) {
            (DeviceKind::Camera | DeviceKind::Bridge, Service::Attached) => true,
            (DeviceKind::Camera | DeviceKind::Bridge, Service::Unsaid) | (DeviceKind::Bridge, Service::Unknown) => {
                self.account.is_some()
            }
            _ => false,
        }
    }

    /// The subject of its events.
    #[must_use]
    pub fn item(&self) -> String {
        self.kind.item(&self.esn)
    }
}

impl DeviceList {
    /// Reads the answer to `GET /g/device/list`.
    ///
    /// # Errors
    /// [`ListError`] when the whole is no list. A row that is of no use is in [`skipped`](Self::skipped) and harms no other.
    pub fn read(body: &[u8]) -> Result<Self, ListError> {
        let mut list = Self::default();
        let mut known = HashSet::new();
        for (row, json) in rows(body)?.into_iter().enumerate() {
            match device(json) {
                Ok(device) if known.insert(device.esn.clone()) => list.devices.push(device),
                Ok(device) => list.skipped.push(Skipped { row, why: format!("{} is there already", device.esn) }),
                Err(why) => {
                    list.skipped.push(Skipped { row, why });
                    list.unreadable += 1;
                }
            }
        }
        Ok(list)
    }

    /// The devices to subscribe to.
    pub fn wanted(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().filter(|device| device.is_wanted())
    }
}

/// The rows of a list, each as its JSON.
pub(super) fn rows(body: &[u8]) -> Result<Vec<&RawValue>, ListError> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() && !body.trim_ascii_start().starts_with(b"[") {
            ListError::NotAList(loose::kind(str::from_utf8(body).unwrap_or_default()))
        } else {
            ListError::NotJson(error.to_string())
        }
    })
}

/// A row by position: what is missing at its end, or `null`, or of a surprising kind, is absent.
pub(super) struct Row<'a>(Vec<&'a RawValue>);

impl<'a> Row<'a> {
    pub(super) fn read(json: &'a RawValue) -> Result<Self, String> {
        serde_json::from_str(json.get()).map(Self).map_err(|_| format!("it is {}, not a list", loose::kind(json.get())))
    }

    pub(super) fn json(&self, at: usize) -> Option<&'a str> {
        self.0.get(at).map(|value| value.get())
    }

    pub(super) fn text(&self, at: usize) -> Option<String> {
        let text = loose::text(self.json(at)?)?;
        (!text.is_empty()).then(|| text.into_owned())
    }

    pub(super) fn flag(&self, at: usize) -> Option<bool> {
        loose::flag(self.json(at)?)
    }
}

fn device(json: &RawValue) -> Result<Device, String> {
    let row = Row::read(json)?;
    let esn = row.text(1).ok_or("it has no ESN")?.parse::<Esn>().map_err(|error| error.to_string())?;
    Ok(Device {
        esn,
        account: row.text(0).and_then(|id| id.parse().ok()),
        name: row.text(2),
        kind: DeviceKind::of(&row.text(3).unwrap_or_default()),
        linked: row.json(4).map(linked).unwrap_or_default(),
        service: Service::of(&row.text(5).unwrap_or_default()),
        is_shared: row.flag(15).unwrap_or(false),
        word: row.json(10).and_then(|json| StatusWord::read(Form::Status, json).ok()),
    })
}

/// `[[esn, service status], …]`
fn linked(json: &str) -> Vec<Esn> {
    let list: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    let esn = |pair| Row::read(pair).ok()?.text(0)?.parse().ok();
    list.into_iter().filter_map(esn).collect()
}

#[cfg(test)]
mod tests;
