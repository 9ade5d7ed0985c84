//! The Eagle Eye Networks simulator, seen through real sockets by clients that share no code with it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod auth_lost;
#[cfg(unix)]
#[path = "../cli_support/mod.rs"]
mod cli_support;
mod client;
#[cfg(unix)]
mod command;
mod devices;
mod faults;
mod ledger;
mod load;
mod login;
mod poll;
mod python;
#[path = "../python/runner.rs"]
mod runner;
mod sockets;
mod statuses;
