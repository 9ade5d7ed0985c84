//! SimpliSafe's cloud, as the app and simplipy see it: OAuth, the API with the history of events, media, and the WebSocket.
//!
//! - [`Options`] say what the cloud is like; [`Simulator`] is the handle of a running one; [`Fault`] names what can go wrong, and what is unknown.
//! - `world` holds users, systems and devices; `codes` are SimpliSafe's numbers for what happens; `walk` picks what happens next. What happens goes
//!   through `happen`: to the system's state, to its history, and to every socket that is subscribed at that moment. Nothing is kept for others.
//! - `gateway` routes HTTP requests (an `answer` is what they get): to `auth` (codes, refresh and access tokens), to `rest` with its `rows`, and to `media`.
//! - `upgrade` is the WebSocket: the handshake, `identify`, and its answers; a `link` is one socket and what is queued for it.
//! - [`EventRecord`], [`Truth`], [`Counters`], [`SocketRecord`] and [`Call`] tell a test what a client must know and what it did; [`audit`] says it in
//!   the engine's words.
//!
//! SimpliSafe documents nothing. The facts are those of simplipy, homebridge-simplisafe3, Home Assistant and a capture of a live account (2026). What
//! they leave open is decided here in one way, said at the place, and can be switched by a fault where it matters.

mod acts;
mod answer;
mod args;
pub mod audit;
mod auth;
mod codes;
mod control;
mod faults;
mod gateway;
mod happen;
mod hub;
mod ledger;
mod link;
mod media;
mod options;
mod rest;
mod rows;
mod stamp;
mod upgrade;
mod views;
mod walk;
mod world;

pub use acts::{By, Mode};
pub use args::{SimulateArgs, run};
pub use codes::{Alarm, Bolt};
pub use control::Simulator;
pub use faults::{Fault, FaultError, FaultInfo, FaultKind, Refusal, Size, Status};
pub use ledger::{Call, Counters, Device, EventRecord, Happening, Shown, SocketRecord, Tally, Truth};
pub use options::Options;
pub use world::kind;

pub use super::common::{command::RunError, running::StartError, socket::DropHow};
