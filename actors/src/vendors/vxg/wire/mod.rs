//! What REST answers.
//!
//! - [`Page`] is the envelope of every list (`page`); its rows are [`Event`]s, [`EventType`]s and [`Channel`]s.
//! - [`MetaPrint`] tells one `meta` of an event from another (`meta`). [`time`] reads and writes the vendor's times.
//! - [`Problem`] is what is answered in their place. [`without_secrets`] is an object as it may be kept.
//!
//! All of it borrows from the text it was read from where it can. Unknown members are passed over, known ones may be absent, `null`, or numbers as
//! texts and the reverse; a row that is of no use harms no other. A server can send nothing that makes any of this panic.

mod channel;
mod event;
mod event_type;
mod meta;
mod page;
mod problem;
mod secrets;
pub mod time;

pub use crate::vendors::members::{BodyError, Skipped};
pub use channel::{AccessTokens, Channel};
pub use event::Event;
pub use event_type::{Caps, EventType};
pub use meta::MetaPrint;
pub use page::{Asked, Next, Page, Rows};
pub use problem::Problem;
pub use secrets::without_secrets;

#[cfg(test)]
mod tests;
