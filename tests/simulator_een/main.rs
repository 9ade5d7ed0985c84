//! The Eagle Eye Networks simulator, seen through real sockets by clients that share no code with it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod auth_lost;
mod client;
mod devices;
mod faults;
mod ledger;
mod load;
mod login;
mod poll;
mod python;
mod sockets;
mod statuses;
