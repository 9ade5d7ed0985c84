//! The engine's promises with VXG's cloud: one test for each, named after it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod arrivals;
mod audit;
mod breaks;
mod cloud;
mod defects;
mod mixes;
mod opens;
mod troubles;
