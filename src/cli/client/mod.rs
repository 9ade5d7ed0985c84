//! Commands that ask a running watchpost.
//!
//! ```text
//! command line ─► target (which watchpost, with what token) ─► http (one question, one answer) ─► a table, or JSON as it came
//!                                                           └► sse (a stream that is opened again) ─► a picture, or a line for each change
//! ```
//!
//! - `target`: `--url`, `--config` and `--token-file`, and what holds without them. `error`: why there is no answer, and what to do.
//! - `http`: questions and lists. `sse`: streams of events, and going on with them where they were cut. `trouble`: what is said of those meanwhile.
//! - `filter`: what is typed behind `state` and `events`. `show`: times, gaps and values for people.
//! - `state`, `events`, `connections`: one command each. `deliveries`, `vxg`, `milestone`, `media`: what the commands of these names ask, where they ask. `remote`: a command of a vendor.

mod connections;
#[cfg(feature = "sqlite")]
pub(super) mod deliveries;
mod error;
mod events;
mod filter;
mod http;
#[cfg(feature = "sqlite")]
pub(super) mod media;
mod milestone;
mod remote;
mod show;
mod sse;
mod state;
mod target;
mod trouble;
mod vxg;

pub(super) use self::{
    connections::{ConnectionsArgs, one as connection, run as connections},
    error::ClientError,
    events::{EventsArgs, run as events},
    http::Client,
    remote::Remote,
    state::{StateArgs, run as state},
    target::{Place, Source, Target},
};
