//! The VXG simulator, seen through real sockets by clients that share no code with it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod channels;
#[cfg(unix)]
#[path = "../cli_support/mod.rs"]
mod cli_support;
mod client;
#[cfg(unix)]
mod command;
mod events;
mod faults;
mod lists;
mod load;
#[cfg(unix)]
mod page;
mod types;
mod unknowns;
