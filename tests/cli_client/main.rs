//! The commands that ask a running watchpost: the real program on both sides, simulated systems, and receivers that refuse.
#![cfg(all(unix, feature = "http", feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

#[path = "../cli_support/mod.rs"]
mod cli_support;

#[path = "../common/port.rs"]
mod port;

mod asking;
mod deliveries;
mod following;
mod place;
mod troubles;
mod vendors;
