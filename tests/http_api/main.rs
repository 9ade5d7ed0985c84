//! The API of a running engine, over real sockets: what it answers, to whom, and what it makes of those who mean no good.
//!
//! - `place`: an engine with a simulated system, and a server. `asking`: requests, byte by byte where need be.
//! - `resources`, `lists`: what there is. `turns`: what only some may do at a time. `admission`, `hostile`: who may ask, and how. `limits`: for how long.
//! - `document`: the OpenAPI document, and whether it is true.
#![cfg(all(unix, feature = "http", feature = "simulator"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../cli_support/mod.rs"]
mod cli_support;
#[path = "../common/mod.rs"]
mod common;

mod admission;
mod asking;
mod document;
mod hostile;
mod limits;
mod lists;
mod place;
mod resources;
mod turns;
