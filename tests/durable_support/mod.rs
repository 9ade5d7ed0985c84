//! The real program beside simulated systems, killed and started again, and what its sinks got.
//!
//! - [`Place`] is a folder with a configuration, the systems that it names, and the program at work there.
//! - [`Receiver`] takes what a webhook sink delivers, behaves as badly as it is told to, and keeps every request in the order of arrival.
//! - [`Line`] is an event as a sink got it; `evidence` compares what a sink got with what the systems have raised.
//!
//! Nothing here knows how the program works inside: it reads what users see. A test waits with [`eventually`] alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]
// Each test binary uses a part of it.
#![allow(dead_code, unused_imports)]

#[path = "../cli_support/mod.rs"]
mod cli_support;
mod evidence;
mod lines;
mod place;
mod receiver;
#[path = "../common/rng.rs"]
mod rng;
#[path = "../common/walk.rs"]
mod walk;

pub use cli_support::{Watchpost, program};
pub use evidence::{assert_all_in_order, assert_grows, assert_same, have, ids, newest, owed, steps_back};
pub use lines::{Line, Tail};
pub use place::{Place, Program, System, distinct, kill, limit};
pub use receiver::{KEY, Post, Receiver, Reply};
pub use rng::Rng;
pub use walk::Walk;

use std::time::{Duration, Instant};

/// How long anything may take before a test fails. The machine may be busy with other tests.
pub const DEADLINE: Duration = Duration::from_secs(60);
pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// Polls until something is so.
#[track_caller]
pub fn eventually(what: &str, so: impl FnMut() -> bool) {
    within(DEADLINE, what, so);
}

/// Polls until something is so that may take its time.
#[track_caller]
pub fn within(deadline: Duration, what: &str, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + deadline;
    while !so() {
        assert!(Instant::now() < until, "in vain for {deadline:?}: {what}");
        pace(10 * MS);
    }
}

/// Lets time pass for a script of faults. Never a way to wait for something.
pub fn pace(time: Duration) {
    std::thread::sleep(time);
}
