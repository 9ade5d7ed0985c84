//! Eagle Eye Networks: the legacy API (version 1 and 2) with its poll WebSocket, one session for each account.
//!
//! - [`wire`]: what frames, requests, ids and times look like.
//! - [`status`]: the status word of a camera or bridge, and the states that it stands for.
//! - [`codes`]: the four-letter codes of events in shared words.
//! - [`devices`], [`accounts`]: the lists that REST answers, by position.

pub mod accounts;
pub mod codes;
pub mod devices;
pub mod status;
pub mod wire;
