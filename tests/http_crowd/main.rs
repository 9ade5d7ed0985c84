//! A crowd of clients of the streams, in a process of its own: what it costs is read from the memory that the process has.
#![cfg(all(feature = "http", feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]
// Other tests use more of these.
#![allow(dead_code)]

#[path = "../common/mod.rs"]
mod common;

#[path = "../http_streams/api.rs"]
mod api;
mod crowd;
#[path = "../http_streams/sse.rs"]
mod sse;
