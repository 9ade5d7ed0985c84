//! Servers that speak the vendors' protocols, with faults that can be switched on and off.
//!
//! They stand in for real systems in `watchpost simulate`, in `watchpost demo` and in the tests. Each vendor has a room of
//! its own; none shares a type with the engine, so that one misreading of a protocol cannot hide behind another.
//!
//! [`milestone`], [`een`], [`simplisafe`] and [`vxg`] are the places to start: options go in, `Simulator::start` gives a handle, and the handle emits events, breaks
//! sockets and tells afterwards what happened. What does not depend on a protocol (sockets byte by byte, faults, the thread that listens) is in
//! `common`. [`replay`] is a server without a vendor: it plays back what was recorded.

mod common;
pub mod een;
pub mod milestone;
pub mod replay;
pub mod simplisafe;
pub mod vxg;
