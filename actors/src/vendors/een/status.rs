//! What a status word says: up to five states of a camera, two of a bridge.
//!
//! [`read`] is the way in: word, rule and what was known give what changes. A word of 0 and one marked invalid (bit 16) change nothing, as the API
//! documentation demands; we take that for the whole word, also where its extended half calls itself valid (inferred: the same
//! archiver wrote both halves). Where the extended half is valid, its on, registered and streaming bits count in place of the legacy ones, in the
//! ladder too (no ladder of its own is documented). Recording and the missing password are legacy bits always.

mod word;

use std::sync::{Arc, LazyLock};

use crate::model::event::{Meaning, StateMeaning};
use crate::model::vocabulary;

pub use word::{Form, StatusError, StatusWord, extended, legacy};

/// By which rule a word is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rule {
    /// All bits, and the ladder.
    Camera,
    /// The registered bit alone. Bridges have no streaming bit, so by the ladder a healthy one would be offline (inferred; EEN documents no
    /// rule for bridges).
    Bridge,
}

/// The overall status, as EEN's own pages show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Overall {
    /// It streams.
    Online,
    /// It is on and its bridge is there, but it does not stream.
    Offline,
    /// The user has switched it off.
    Off,
    /// Its bridge has lost the cloud.
    InternetOffline,
    /// It does not stream, for want of its password.
    PasswordNeeded,
}

/// The states of one device, as far as they are told or known; or those of them that change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Reading {
    /// Whether the user has switched it on.
    pub enabled: Option<bool>,
    /// Whether it is registered with the cloud, in EEN's words whether it is "internet online".
    pub connection: Option<bool>,
    /// Whether it talks to its bridge.
    pub streaming: Option<bool>,
    /// Whether it is being recorded.
    pub recording: Option<bool>,
    /// The overall status.
    pub status: Option<Overall>,
}

/// What a word changes: the groups of which it tells another value than was known. All others are `None`.
///
/// Without a `before` that is all that it tells.
#[must_use]
pub fn read(word: StatusWord, rule: Rule, before: Option<&Reading>) -> Reading {
    let told = Reading::of(word, rule);
    before.map_or(told, |before| told.unlike(before))
}

impl Reading {
    /// All that a word tells by itself.
    #[must_use]
    pub fn of(word: StatusWord, rule: Rule) -> Self {
        let bits = word.legacy();
        if bits == 0 || bits & legacy::INVALID != 0 {
            return Self::default();
        }
        let has = |bit| bits & bit != 0;
        let (on, registered, streaming) = match word.extended() {
            Some(half) => (half & extended::ON != 0, half & extended::REGISTERED != 0, half & extended::STREAMING != 0),
            None => (has(legacy::ON), has(legacy::REGISTERED), has(legacy::STREAMING)),
        };
        match rule {
            Rule::Bridge => Self {
                connection: Some(registered),
                status: Some(if registered { Overall::Online } else { Overall::InternetOffline }),
                ..Self::default()
            },
            Rule::Camera => Self {
                enabled: Some(on),
                // Off suppresses the legacy bit: then it says nothing about the connection.
                connection: (on || word.extended().is_some()).then_some(registered),
                streaming: Some(streaming),
                recording: Some(has(legacy::RECORDING)),
                // The ladder, as documented.
                status: Some(if !on {
                    Overall::Off
                } else if !registered {
                    Overall::InternetOffline
                } else if streaming {
                    Overall::Online
                } else if has(legacy::PASSWORD) {
                    Overall::PasswordNeeded
                } else {
                    Overall::Offline
                }),
            },
        }
    }

    /// What is known once `change` has come: its groups, and the others as they were.
    #[must_use]
    pub fn then(self, change: Self) -> Self {
        Self {
            enabled: change.enabled.or(self.enabled),
            connection: change.connection.or(self.connection),
            streaming: change.streaming.or(self.streaming),
            recording: change.recording.or(self.recording),
            status: change.status.or(self.status),
        }
    }

    /// The groups in which it tells another value than `before`.
    #[must_use]
    pub fn unlike(self, before: &Self) -> Self {
        fn other<T: PartialEq + Copy>(told: Option<T>, before: Option<T>) -> Option<T> {
            told.filter(|_| told != before)
        }
        Self {
            enabled: other(self.enabled, before.enabled),
            connection: other(self.connection, before.connection),
            streaming: other(self.streaming, before.streaming),
            recording: other(self.recording, before.recording),
            status: other(self.status, before.status),
        }
    }

    /// Whether it tells nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The values that it tells, `status` first: it says the most, so it is the one under the plain id.
    pub fn values(&self) -> impl Iterator<Item = Told> + use<> {
        [
            self.status.map(Told::Status),
            self.connection.map(Told::Connection),
            self.enabled.map(Told::Enabled),
            self.streaming.map(Told::Streaming),
            self.recording.map(Told::Recording),
        ]
        .into_iter()
        .flatten()
    }

    /// As a number, to be kept: a word of which nothing is known any more cannot tell what `connection` was before the camera went off.
    #[must_use]
    pub fn pack(&self) -> u16 {
        let switch = |value: Option<bool>| value.map_or(0, |on| 1 + u16::from(on));
        let status =
            self.status.map_or(0, |status| 1 + Overall::ALL.iter().position(|one| *one == status).unwrap_or(0) as u16);
        switch(self.enabled)
            | switch(self.connection) << 2
            | switch(self.streaming) << 4
            | switch(self.recording) << 6
            | status << 8
    }

    /// What was packed; `None` for any other number.
    #[must_use]
    pub fn unpack(packed: u16) -> Option<Self> {
        let switch = |at: u32| match packed >> at & 3 {
            0 => Some(None),
            1 => Some(Some(false)),
            2 => Some(Some(true)),
            _ => None,
        };
        let status = match usize::from(packed >> 8) {
            0 => None,
            number => Some(*Overall::ALL.get(number - 1)?),
        };
        Some(Self { enabled: switch(0)?, connection: switch(2)?, streaming: switch(4)?, recording: switch(6)?, status })
    }
}

impl Overall {
    /// All of them. The order is that of [`Reading::pack`], so it may only grow.
    pub const ALL: [Self; 5] = [Self::Online, Self::Offline, Self::Off, Self::InternetOffline, Self::PasswordNeeded];
}

/// One value of one group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// Group `status`.
    Status(Overall),
    /// Group `connection`: online?
    Connection(bool),
    /// Group `enabled`.
    Enabled(bool),
    /// Group `streaming`.
    Streaming(bool),
    /// Group `recording`.
    Recording(bool),
}

/// Every value, with its shared type and EEN's words for it.
pub const VALUES: [(Told, &str, &str); 13] = [
    (Told::Status(Overall::Online), "status.online", "Online"),
    (Told::Status(Overall::Offline), "status.offline", "Offline"),
    (Told::Status(Overall::Off), "status.off", "Off"),
    (Told::Status(Overall::InternetOffline), "status.internet_offline", "Internet Offline"),
    (Told::Status(Overall::PasswordNeeded), "status.password_needed", "Password Needed"),
    (Told::Connection(true), "connection.restored", "Internet Online"),
    (Told::Connection(false), "connection.lost", "Internet Offline"),
    (Told::Enabled(true), "device.enabled", "Camera On"),
    (Told::Enabled(false), "device.disabled", "Camera Off"),
    (Told::Streaming(true), "streaming.started", "Streaming"),
    (Told::Streaming(false), "streaming.stopped", "Not Streaming"),
    (Told::Recording(true), "recording.started", "Recording"),
    (Told::Recording(false), "recording.stopped", "Not Recording"),
];

impl Told {
    /// The id by which the state is kept: EEN's own word for the bit.
    #[must_use]
    pub const fn vendor_group(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Connection(_) => "registered",
            Self::Enabled(_) => "camera_on",
            Self::Streaming(_) => "streaming",
            Self::Recording(_) => "recording",
        }
    }

    /// What an event with this value means. Made once for the process.
    #[must_use]
    pub fn meaning(self) -> &'static Arc<Meaning> {
        static MEANINGS: LazyLock<[Arc<Meaning>; 13]> =
            LazyLock::new(|| VALUES.map(|(told, kind, text)| Arc::new(told.describe(kind, text))));
        &MEANINGS[self.place()]
    }

    /// Its place among [`VALUES`].
    fn place(self) -> usize {
        match self {
            Self::Status(Overall::Online) => 0,
            Self::Status(Overall::Offline) => 1,
            Self::Status(Overall::Off) => 2,
            Self::Status(Overall::InternetOffline) => 3,
            Self::Status(Overall::PasswordNeeded) => 4,
            Self::Connection(on) => 6 - usize::from(on),
            Self::Enabled(on) => 8 - usize::from(on),
            Self::Streaming(on) => 10 - usize::from(on),
            Self::Recording(on) => 12 - usize::from(on),
        }
    }

    fn describe(self, kind: &str, text: &str) -> Meaning {
        let shared = vocabulary::find(kind).and_then(|word| word.state);
        Meaning {
            kind: kind.into(),
            name: Some(text.into()),
            state: shared.map(|(group, value)| StateMeaning {
                group: group.into(),
                value: value.into(),
                vendor_group: self.vendor_group().into(),
                vendor_value: value.into(),
                text: Some(text.into()),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
