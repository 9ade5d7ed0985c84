//! What a device is.

use std::fmt;

/// A device's type, by SimpliSafe's number. One that is not named here keeps its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DeviceType(pub i64);

impl DeviceType {
    /// The app, or whatever else is no device.
    pub const REMOTE: Self = Self(0);
    /// A door or window.
    pub const ENTRY: Self = Self(5);
    /// Motion.
    pub const MOTION: Self = Self(4);
    /// Breaking glass.
    pub const GLASS_BREAK: Self = Self(6);
    /// Carbon monoxide.
    pub const CARBON_MONOXIDE: Self = Self(7);
    /// Smoke.
    pub const SMOKE: Self = Self(8);
    /// Water.
    pub const LEAK: Self = Self(9);
    /// Temperature.
    pub const TEMPERATURE: Self = Self(10);
    /// An indoor camera.
    pub const CAMERA: Self = Self(12);
    /// Smoke and carbon monoxide in one.
    pub const SMOKE_AND_CARBON_MONOXIDE: Self = Self(14);
    /// A doorbell with a camera.
    pub const DOORBELL: Self = Self(15);
    /// A door lock.
    pub const LOCK: Self = Self(16);
    /// An outdoor camera.
    pub const OUTDOOR_CAMERA: Self = Self(17);
    /// Motion, of the second generation.
    pub const MOTION_V2: Self = Self(20);
    /// An indoor camera that is listed among the sensors.
    pub const INDOOR_CAMERA: Self = Self(21);
    /// Smoke and carbon monoxide in one, of the second generation.
    pub const SMOKE_AND_CARBON_MONOXIDE_V2: Self = Self(24);

    /// Its name. After simplipy's list; 11 after homebridge-simplisafe3, 21 and 24 after a capture of a live account (2026).
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "remote",
            1 => "keypad",
            2 => "keychain",
            3 => "panic_button",
            4 => "motion",
            5 => "entry",
            6 => "glass_break",
            7 => "carbon_monoxide",
            8 => "smoke",
            9 => "leak",
            10 => "temperature",
            11 | 13 => "siren",
            12 => "camera",
            14 | 24 => "smoke_and_carbon_monoxide",
            15 => "doorbell",
            16 => "lock",
            17 => "outdoor_camera",
            20 => "motion_v2",
            21 => "indoor_camera",
            22 => "outdoor_alarm_security_bell_box",
            253 => "lock_keypad",
            _ => return None,
        })
    }

    /// Whether it films.
    #[must_use]
    pub const fn is_camera(self) -> bool {
        matches!(self, Self::CAMERA | Self::DOORBELL | Self::OUTDOOR_CAMERA | Self::INDOOR_CAMERA)
    }
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "type {}", self.0),
        }
    }
}
