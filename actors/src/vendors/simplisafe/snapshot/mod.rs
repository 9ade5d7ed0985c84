//! The states that REST answers tell.
//!
//! - [`of_system`] reads a system's own states and those of its cameras out of its subscription, [`of_base_station`] what its settings add.
//! - [`of_sensors`] reads the states of the devices, locks among them, out of either list.
//!
//! Each [`Told`] is a state of one item, with the type that an event with it has (see [`codes`](super::codes)), so a difference to what was known
//! reads as if it had been told live. What an answer is silent about is left out where a device need not have it, and `unknown` where it must.
//!
//! No answer tells `alarm_memory`, which follows from events alone.

mod sensors;
mod system;
mod values;

use std::sync::Arc;

use crate::model::VendorTime;
use crate::model::event::Meaning;

pub use sensors::of_sensors;
pub use system::{of_base_station, of_system};
pub use values::{VALUES, Value};

/// A state that an answer tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told<'a> {
    /// Of what, as the subject of its events.
    pub item: String,
    /// Group and value, with SimpliSafe's text where it has one.
    pub meaning: Arc<Meaning>,
    /// When it was taken on, or when the base station last told it, as RFC 3339; empty where that is not said.
    pub time: VendorTime,
    /// What told it, as it was sent: a row, or the members of a larger object that count.
    pub data: &'a str,
}

/// The item of a system.
#[must_use]
pub fn system_item(sid: &str) -> String {
    format!("systems/{sid}")
}

/// The item of a device.
#[must_use]
pub fn device_item(sid: &str, serial: &str) -> String {
    format!("systems/{sid}/devices/{serial}")
}

#[cfg(test)]
mod tests;
