//! The status word: the legacy bitmask, and the extended half above it in `status64` (Eagle Eye API, poll service).

use std::fmt;

/// Bits of the legacy word. Those below `PREVIEWS` are deprecated, and set as healthy systems set them.
pub(super) mod legacy {
    pub(in super::super) const DEPRECATED_ONLINE: u32 = 0x1;
    pub(in super::super) const DEPRECATED_STREAMING: u32 = 0x2;
    pub(in super::super) const DEPRECATED_ON: u32 = 0x4;
    pub(in super::super) const DEPRECATED_RECORDING: u32 = 0x8;
    pub(in super::super) const PREVIEWS: u32 = 0x10;
    pub(in super::super) const LOCATED: u32 = 0x20;
    pub(in super::super) const PASSWORD: u32 = 0x100;
    pub(in super::super) const AVAILABLE: u32 = 0x200;
    pub(in super::super) const INVALID: u32 = 0x1_0000;
    pub(in super::super) const ON: u32 = 0x2_0000;
    pub(in super::super) const STREAMING: u32 = 0x4_0000;
    pub(in super::super) const RECORDING: u32 = 0x8_0000;
    pub(in super::super) const REGISTERED: u32 = 0x10_0000;
}

/// Bits of the extended half.
pub(super) mod extended {
    pub(in super::super) const VALID: u32 = 0x1;
    pub(in super::super) const ON: u32 = 0x2;
    pub(in super::super) const REGISTERED: u32 = 0x4;
    pub(in super::super) const PENDING: u32 = 0x8;
    pub(in super::super) const STREAMING: u32 = 0x10;
}

/// How a device really is, whatever its words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Real {
    pub(super) bridge: bool,
    pub(super) on: bool,
    pub(super) registered: bool,
    pub(super) streaming: bool,
    pub(super) recording: bool,
    pub(super) password: bool,
}

/// Something that happens to a device, see [`Simulator::change`](super::Simulator::change).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Somebody switches the camera on.
    On,
    /// Somebody switches the camera off.
    Off,
    /// The device loses the cloud.
    InternetLost,
    /// The device is in touch with the cloud again.
    InternetBack,
    /// The camera talks to its bridge again.
    StreamingStarted,
    /// The camera no longer talks to its bridge.
    StreamingStopped,
    /// It begins to record.
    RecordingStarted,
    /// It ceases to record.
    RecordingStopped,
    /// The camera refuses the password that the bridge has for it.
    PasswordNeeded,
    /// The bridge has the right password again.
    PasswordGiven,
}

impl Change {
    pub(super) const ALL: [Self; 10] = [
        Self::On,
        Self::Off,
        Self::InternetLost,
        Self::InternetBack,
        Self::StreamingStarted,
        Self::StreamingStopped,
        Self::RecordingStarted,
        Self::RecordingStopped,
        Self::PasswordNeeded,
        Self::PasswordGiven,
    ];
}

impl Real {
    pub(super) const fn healthy(bridge: bool) -> Self {
        Self { bridge, on: true, registered: true, streaming: !bridge, recording: false, password: false }
    }

    /// How it is after a change; `None` when that cannot happen now.
    pub(super) fn after(self, change: Change) -> Option<Self> {
        let operates = self.on && self.registered;
        let quiet = Self { streaming: false, recording: false, ..self };
        match change {
            Change::InternetLost => self.registered.then_some(Self { registered: false, ..quiet }),
            Change::InternetBack => (!self.registered).then_some(Self { registered: true, ..self }.streams_again()),
            // A bridge has no other states.
            _ if self.bridge => None,
            Change::On => (!self.on).then_some(Self { on: true, ..self }.streams_again()),
            Change::Off => self.on.then_some(Self { on: false, ..quiet }),
            Change::StreamingStarted => (operates && !self.streaming && !self.password).then(|| self.streams_again()),
            Change::StreamingStopped => self.streaming.then_some(quiet),
            Change::RecordingStarted => (self.streaming && !self.recording).then_some(Self { recording: true, ..self }),
            Change::RecordingStopped => self.recording.then_some(Self { recording: false, ..self }),
            Change::PasswordNeeded => (operates && !self.password).then_some(Self { password: true, ..quiet }),
            Change::PasswordGiven => self.password.then_some(Self { password: false, ..self }.streams_again()),
        }
    }

    fn streams_again(self) -> Self {
        Self { streaming: !self.bridge && self.on && self.registered && !self.password, ..self }
    }

    /// The legacy word. While a camera is off, its registered bit is suppressed. Never 0, which would mean nothing.
    pub(super) fn legacy(self) -> u32 {
        use legacy::*;
        let set = |so: bool, bits: u32| if so { bits } else { 0 };
        let registered = self.registered && self.on;
        if self.bridge {
            return ON | set(registered, REGISTERED | DEPRECATED_ONLINE);
        }
        LOCATED
            | set(self.on, ON | DEPRECATED_ON)
            | set(registered, REGISTERED | DEPRECATED_ONLINE)
            | set(self.streaming, STREAMING | DEPRECATED_STREAMING | PREVIEWS)
            | set(self.recording, RECORDING | DEPRECATED_RECORDING)
            | set(self.password, PASSWORD)
    }

    /// The extended half, which tells the truth even of a camera that is off.
    pub(super) fn extended(self) -> u32 {
        use extended::*;
        let set = |so: bool, bits: u32| if so { bits } else { 0 };
        VALID
            | set(self.on, ON)
            | set(self.registered, REGISTERED)
            | set(self.password, PENDING)
            | set(self.streaming, STREAMING)
    }

    /// How a device is that shows this legacy word. What the word does not tell stays as it was.
    pub(super) fn told_by(self, word: u32) -> Self {
        use legacy::*;
        if says_nothing(word) {
            return self;
        }
        let on = word & ON != 0;
        let registered = word & REGISTERED != 0 || !on && self.registered;
        let told = Self {
            on,
            registered,
            streaming: word & STREAMING != 0,
            recording: word & RECORDING != 0,
            password: word & PASSWORD != 0,
            ..self
        };
        if self.bridge { Self { on: self.on, registered: word & REGISTERED != 0, ..self } } else { told }
    }
}

/// 0 and the invalid bit: no status, the one before still holds.
pub(super) const fn says_nothing(word: u32) -> bool {
    word == 0 || word & legacy::INVALID != 0
}

/// Both halves in one, as `status64` has it.
pub(super) const fn word64(legacy: u32, extended: u32) -> u64 {
    (extended as u64) << 32 | legacy as u64
}

/// The overall status of a device, in the VMS's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overall {
    /// Switched off by somebody.
    Off,
    /// Not registered with the cloud.
    InternetOffline,
    /// All is well.
    Online,
    /// The camera refuses the bridge's password.
    PasswordNeeded,
    /// The camera does not talk to its bridge.
    Offline,
}

impl fmt::Display for Overall {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Off => "Off",
            Self::InternetOffline => "Internet Offline",
            Self::Online => "Online",
            Self::PasswordNeeded => "Password Needed",
            Self::Offline => "Offline",
        })
    }
}

/// What a client can read from a status word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The ladder of the documentation; for a bridge, which never streams, by the registered bit alone (inferred).
    pub overall: Overall,
    /// The camera is switched on.
    pub on: bool,
    /// It is registered with the cloud; `None` where the legacy word suppresses that, because the camera is off.
    pub internet: Option<bool>,
    /// The camera talks to its bridge.
    pub streaming: bool,
    /// It records.
    pub recording: bool,
}

impl Reading {
    pub(super) fn of_legacy(bridge: bool, word: u32) -> Self {
        use legacy::*;
        let bit = |bits: u32| word & bits != 0;
        let internet = (bridge || bit(ON)).then(|| bit(REGISTERED));
        Self::new(bridge, bit(ON), internet, bit(STREAMING), bit(RECORDING), bit(PASSWORD))
    }

    /// Recording and the password have no bit in the extended half.
    pub(super) fn of_extended(bridge: bool, word: u32, half: u32) -> Self {
        use extended::*;
        if half & VALID == 0 {
            return Self::of_legacy(bridge, word);
        }
        let bit = |bits: u32| half & bits != 0;
        let old = |bits: u32| word & bits != 0;
        Self::new(bridge, bit(ON), Some(bit(REGISTERED)), bit(STREAMING), old(legacy::RECORDING), old(legacy::PASSWORD))
    }

    fn new(bridge: bool, on: bool, internet: Option<bool>, streaming: bool, recording: bool, password: bool) -> Self {
        let overall = match (on, internet) {
            (_, Some(true)) if bridge => Overall::Online,
            (_, _) if bridge => Overall::InternetOffline,
            (false, _) => Overall::Off,
            (true, Some(false) | None) => Overall::InternetOffline,
            (true, Some(true)) if streaming => Overall::Online,
            (true, Some(true)) if password => Overall::PasswordNeeded,
            (true, Some(true)) => Overall::Offline,
        };
        Self { overall, on, internet, streaming, recording }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn healthy_devices_have_the_documented_words() {
        let camera = Real::healthy(false);
        assert_eq!(camera.legacy(), 1_441_847);
        assert_eq!(camera.after(Change::RecordingStarted).unwrap().legacy(), 0x1E_003F);
        assert_eq!(Real::healthy(true).legacy(), 1_179_649);
    }

    #[test]
    fn an_off_camera_hides_its_internet_from_the_legacy_word_only() {
        let off = Real::healthy(false).after(Change::Off).unwrap();
        let lost = off.after(Change::InternetLost).unwrap();
        assert_eq!(off.legacy(), lost.legacy());
        assert_eq!(off.extended() ^ lost.extended(), extended::REGISTERED);
        assert_eq!(Reading::of_legacy(false, off.legacy()).internet, None);
        assert_eq!(Reading::of_extended(false, lost.legacy(), lost.extended()).internet, Some(false));
    }

    #[test]
    fn no_change_makes_a_word_that_says_nothing() {
        let mut seen = vec![Real::healthy(false), Real::healthy(true)];
        let mut at = 0;
        while at < seen.len() {
            for change in Change::ALL {
                if let Some(next) = seen[at].after(change) {
                    assert!(!says_nothing(next.legacy()), "{next:?}");
                    if !seen.contains(&next) {
                        seen.push(next);
                    }
                }
            }
            at += 1;
        }
        assert!(seen.len() > 10);
    }

    #[test]
    fn the_ladder_is_the_documented_one() {
        for (word, overall, recording) in [
            (0x16_0037, Overall::Online, false),
            (0x1E_003F, Overall::Online, true),
            (0x12_0020, Overall::Offline, false),
            (0x12_0120, Overall::PasswordNeeded, false),
            (0x16_0120, Overall::Online, false),
            (0x06_0020, Overall::InternetOffline, false),
            (0x1C_0020, Overall::Off, true),
        ] {
            let reading = Reading::of_legacy(false, word);
            assert_eq!((reading.overall, reading.recording), (overall, recording), "{word:x}");
        }
        assert_eq!(Reading::of_legacy(true, 1_179_649).overall, Overall::Online);
        assert_eq!(Reading::of_legacy(true, 0x2_0000).overall, Overall::InternetOffline);
    }
}
