//! What every vendor must do, whatever its protocol: written once, and run against each beside its simulator.
//!
//! - `kinds` has a row for each vendor: its simulator, and how that is made to misbehave. A further vendor is one more row, and a line in `promises`.
//! - `promises` are the promises, one function each, and the table of who keeps them.
//! - `trial` is one row with an engine and a journal, and the judge of what was told.
//! - `replay` is what is recorded of a vendor and played back.
//! - `telemetry` has all that the process logs and counts.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod kinds;
mod promises;
mod replay;
mod telemetry;
mod trial;
