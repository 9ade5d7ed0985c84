//! What everything must do that is one of several: written once, and run against each.
#![cfg(all(target_os = "linux", feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

#[path = "../durable_support/mod.rs"]
mod durable_support;

mod kinds;
mod sinks;
