//! The watchpost engine: live connections to video-management and security systems, as actix actors.
//!
//! It holds the connection to each system, never loses an event in silence, and knows the present state of every item. Begin with
//! [`Engine::start`], talk to it by [`EngineHandle`] and the [`messages`], read states from the [`StateMap`].
//!
//! The way of an event, which is also the order in which to read the code:
//!
//! ```text
//! socket ─► transport ─► vendors (pure protocol) ─► connection (batch) ─► state_tracker: lane ─► journal ─► state map, watchers, sinks
//! ```
//!
//! - [`model`]: the nouns. [`settings`]: what a person sets.
//! - [`transport`]: WebSocket and REST. [`vendors`]: each vendor's protocol, as pure code.
//! - `connection`: one actor per session; `account`, `gate`, `lookup`, `caller`: login and names, shared by connections of one user at one server.
//! - `state_tracker`, `lane`, `names`, `seen`: repeats, names, what changes, commit. [`journal`]: what storage must promise.
//! - [`media`]: pictures and recordings, fetched to files. [`commands`]: what a vendor is asked to do. `beside`: the login for both.
//! - `wanted`: what a connection subscribes to besides its settings.
//! - `supervisor`: starts, watches, starts again. [`watch`], [`callbacks`], [`changes`]: who wants to know.
#![forbid(unsafe_code)]

mod account;
mod beside;
pub mod callbacks;
mod caller;
pub mod changes;
pub mod commands;
mod connection;
mod engine;
mod fatal;
mod gate;
pub mod journal;
mod lane;
mod lookup;
pub mod media;
pub mod messages;
pub mod model;
mod names;
mod refusals;
mod retry;
mod seen;
pub mod settings;
mod state_map;
mod state_tracker;
mod supervisor;
mod telemetry;
pub mod transport;
pub mod vendors;
mod wanted;
pub mod watch;

pub use engine::{ConnectionConfig, Engine, EngineConfig, EngineHandle, StartError};
pub use state_map::{StateMap, StatePage, StatePlace};
pub use supervisor::Supervisor;
