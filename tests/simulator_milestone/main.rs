//! The Milestone simulator, seen through real sockets by clients that share no code with it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod client;
mod faults;
mod load;
mod python;
mod rest;
#[path = "../python/runner.rs"]
mod runner;
mod sessions;
mod sockets;
mod windows;
