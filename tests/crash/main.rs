//! The real program and the engine, killed: nothing is lost, nothing changes its place, and nothing was shown that is not stored.
#![cfg(all(unix, feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "../durable_support/mod.rs"]
mod durable_support;

mod evidence;
mod kills;
mod states;
mod windows;
