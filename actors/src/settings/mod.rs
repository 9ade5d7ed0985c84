//! What a person sets: the values, and how they are read.
//!
//! A vendor knows its own keys and no file format; a program knows a file format and no vendor. They meet in
//! [`Fields`]: the program shows one table of its file through it, the vendor asks for the keys it knows. A
//! mistake does not end the reading: it is reported at its place and the reading goes on, so that a person
//! sees all mistakes at once. What was never asked for is an unknown key.
//!
//! - [`fields`]: the reader; `typed`: what it offers on top (durations, sizes, addresses, choices, lists); [`server`]: the address of one;
//!   [`ids`]: all of something, or some by their ids
//! - [`mistake`]: how a mistake is told, and the closest known word
//! - [`common`]: what every connection has; [`filter`]: what a sink's filter says
//! - [`secret`], [`size`], [`name`]: small values

pub mod common;
pub mod fields;
pub mod filter;
pub mod ids;
pub mod mistake;
pub mod name;
pub mod secret;
pub mod server;
pub mod size;

#[cfg(test)]
pub(crate) mod testing;
mod typed;

pub use common::{ClientIdentity, CommonSettings, Heartbeat, TlsSettings};
pub use fields::{At, Fields, Severity, Value};
pub use filter::FilterSettings;
pub use mistake::{Mistake, closest};
pub use secret::Secret;
pub use server::is_loopback;
pub use size::{ByteSize, ByteSizeError};
