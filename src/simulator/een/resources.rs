//! What can be asked of an entity, and how it is answered.

use std::fmt::Write;

use super::{
    stamp::{self, Millis},
    status::word64,
};

/// What can be asked of an entity, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Resources(u16);

impl Resources {
    const NAMES: [&str; 9] =
        ["pre", "thumb", "video", "event", "status", "status_hex", "status_masked", "status64", "status_hex64"];
    const EVENT: u16 = 1 << 3;
    const LEGACY: u16 = 0b111 << 4;
    const EXTENDED: u16 = 0b11 << 7;

    /// Adds a resource; false when there is none of this name.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let bit = Self::NAMES.iter().position(|known| *known == name);
        self.0 |= bit.map_or(0, |bit| 1 << bit);
        bit.is_some()
    }

    pub(super) const fn any(self) -> bool {
        self.0 != 0
    }

    pub(super) const fn has_events(self) -> bool {
        self.0 & Self::EVENT != 0
    }

    pub(super) const fn has_legacy(self) -> bool {
        self.0 & Self::LEGACY != 0
    }

    pub(super) const fn has_extended(self) -> bool {
        self.0 & Self::EXTENDED != 0
    }

    pub(super) const fn has_status(self) -> bool {
        self.has_legacy() || self.has_extended()
    }

    fn has(self, name: &str) -> bool {
        Self::NAMES.iter().position(|known| *known == name).is_some_and(|bit| self.0 & 1 << bit != 0)
    }

    /// The members that tell when the newest image was taken, as far as they are asked for.
    pub(super) fn picture(self, taken: &str) -> String {
        let names = ["pre", "thumb"].into_iter().filter(|name| self.has(name));
        names.map(|name| format!(r#""{name}":"{taken}""#)).collect::<Vec<_>>().join(",")
    }

    /// Writes the members that tell the status, as far as they are asked for.
    pub(super) fn write_status(
        self,
        out: &mut String,
        (legacy, extended): (u32, u32),
        (tell_legacy, tell_extended): (bool, bool),
    ) {
        let both = word64(legacy, extended);
        let mut member = |name: &str, value: std::fmt::Arguments<'_>| {
            if self.has(name) {
                let _ = write!(out, r#"{}"{name}":{value}"#, if out.is_empty() { "" } else { "," });
            }
        };
        if tell_legacy {
            member("status", format_args!("{legacy}"));
            member("status_hex", format_args!(r#""{legacy:08x}""#));
            member("status_masked", format_args!("{legacy}"));
        }
        if tell_extended {
            member("status64", format_args!("{both}"));
            // The width is not documented.
            member("status_hex64", format_args!(r#""{both:016x}""#));
        }
    }

    /// Writes the members that tell when images were taken, as far as they are asked for.
    pub(super) fn write_pictures(self, out: &mut String, streaming: bool, recording: bool, newest: Millis) {
        let mut member = |name: &str, value: &str| {
            if self.has(name) {
                let _ = write!(out, r#"{}"{name}":{value}"#, if out.is_empty() { "" } else { "," });
            }
        };
        let now = stamp::now();
        let taken = if streaming { now } else { newest.min(now) };
        if taken > 0 {
            let taken = format!(r#""{}""#, stamp::text(taken));
            member("pre", &taken);
            member("thumb", &taken);
        }
        if recording {
            member("video", &format!(r#"["{}","{}"]"#, stamp::text(newest.min(now)), stamp::text(now)));
        }
    }
}
