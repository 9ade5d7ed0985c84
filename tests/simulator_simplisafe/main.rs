//! The SimpliSafe simulator, seen through real sockets by clients that share no code with it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod calls;
#[cfg(unix)]
#[path = "../cli_support/mod.rs"]
mod cli_support;
mod client;
#[cfg(unix)]
mod command;
mod faults;
mod history;
mod house;
mod login;
mod media;
mod pushes;
mod python;
#[path = "../python/runner.rs"]
mod runner;
mod sockets;
