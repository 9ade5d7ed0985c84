//! The engine's promises with SimpliSafe's cloud: one test for each, named after it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod breaks;
mod cloud;
mod defects;
mod mixes;
mod quiet;
mod simplipy;
