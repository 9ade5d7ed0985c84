//! What the simulators have in common, whatever protocol they speak.
//!
//! - `hub` is the lock around all that a simulator knows, the `Core` of a vendor's room.
//! - `running` is a simulator's thread, its listening sockets and its clock; a vendor's core is `Served` by it.
//! - `socket` is one WebSocket, read and written by two tasks, byte by byte; a vendor's core is its `Host` and says what comes next.
//! - `line` is such a socket as the core sees it: what is queued for it, and how it is to end.
//! - `frames` are WebSocket frames as bytes; `faults` names what can go wrong, and `switches` says what of it is on.
//! - `clock` says how many events a rate owes, and keeps what was put off.
//! - `ledger` counts requests, and forgets the oldest of a list.
//! - `rng` makes the same system of the same seed; `command` is the part of `watchpost simulate` that is the same for all.

pub(super) mod clock;
pub(super) mod command;
pub(super) mod faults;
pub(super) mod frames;
pub(super) mod hub;
pub(super) mod ledger;
pub(super) mod line;
pub(super) mod rng;
pub(super) mod running;
pub(super) mod socket;
pub(super) mod switches;
