//! Events and states as they come over HTTP: an engine with a simulated system, the server beside it, and clients that read as they like.
#![cfg(all(feature = "http", feature = "simulator"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;

mod api;
mod both;
mod events;
mod history;
mod limits;
mod load;
mod sse;
mod states;
