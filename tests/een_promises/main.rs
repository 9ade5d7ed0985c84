//! The engine's promises with an Eagle Eye cloud: one test for each, named after it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod accounts;
mod audit;
mod breaks;
mod cloud;
mod crowd;
mod events;
mod login;
