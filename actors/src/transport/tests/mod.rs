//! Tests of the transport against tiny servers on 127.0.0.1 that do exactly one thing, right or
//! wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod download;
mod frames;
mod rest;
mod server;
mod tls;
mod upgrade;
mod websocket;
