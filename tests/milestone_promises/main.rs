//! The engine's promises with a Milestone system: one test for each, named after it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod breaks;
mod changes;
mod embedding;
mod gateways;
mod journal;
mod login;
mod names;
mod pitfalls;
mod snapshots;
mod subscriptions;
#[cfg(feature = "windows-auth")]
mod users;
mod watchers;
