//! Sinks of the real program, and receivers that refuse, are slow, or are not there.
#![cfg(all(unix, feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../durable_support/mod.rs"]
mod durable_support;

mod absence;
mod answers;
mod contents;
mod positions;
