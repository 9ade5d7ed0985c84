//! What goes over the WebSocket and stands in REST answers, as texts.
//!
//! - [`decode`] takes a received frame apart (`envelope`); [`Event::read`] the event in it, or a row of the history, which are alike (`event`, `media`).
//! - [`Subscriptions`], [`Sensors`], [`Settings`], [`EventsPage`] are what REST answers, [`Problem`] what it answers in their place.
//! - [`identify`] writes the one thing that a client says.
//! - [`DeviceType`] names the numbers of devices; [`time`] writes the vendor's seconds.
//!
//! All of it borrows from the text it was read from. Unknown members are passed over, known ones may be absent, `null`, or numbers as texts and
//! the reverse; a row that is of no use harms no other. A server can send nothing that makes any of this panic.

mod cameras;
mod device_type;
mod envelope;
mod event;
mod history;
mod identify;
mod media;
mod problem;
mod sensors;
mod settings;
mod subscriptions;
pub mod time;

pub use crate::vendors::members::{BodyError, Skipped};
pub use cameras::Camera;
pub use device_type::DeviceType;
pub use envelope::{Frame, decode};
pub use event::Event;
pub use history::EventsPage;
pub use identify::identify;
pub use media::{Link, Media};
pub use problem::{Form, Problem};
pub use sensors::{LockBits, Sensor, Sensors, locks};
pub use settings::{BaseStation, Settings};
pub use subscriptions::{Subscriptions, System};

#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;
