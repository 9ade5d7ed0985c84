//! What goes over the poll WebSocket and stands in REST answers, as texts.
//!
//! - [`decode`] takes a received frame apart (`frame`): each entity with its answers, in the frame's order, as slices of the frame. `read` walks
//!   through the JSON; a frame is read once, from front to back, and events stay the JSON that they are. [`Kept`] is one that travels or waits.
//! - [`EventMembers`] are the members of one event that mean something (`event`), [`een_time`] its timestamp.
//! - [`subscribe`] and [`drop_entities`] write requests (`request`).
//! - [`Esn`], [`AccountId`], [`FourCc`] are ids that were checked (`ids`); `loose`, shared with other vendors, reads scalars that come in more than
//!   one JSON type.
//!
//! Unknown members are passed over. A server can send nothing that makes any of this panic, or that makes an event in a readable frame disappear.

pub mod een_time;
mod event;
mod frame;
mod ids;
mod read;
mod request;

pub(super) use crate::vendors::loose;
pub use event::EventMembers;
pub use frame::{Answer, Entity, Frame, FrameError, Kept, Refusal, RefusalCode, decode};
pub use ids::{AccountId, Esn, FourCc, IdError};
pub use request::{Resource, drop_entities, subscribe};

#[cfg(test)]
mod tests;
