//! VXG's cloud, as its REST API shows it: event types of cameras, their events, triggers, and channels.
//!
//! - [`Options`] say what the cloud is like; [`Simulator`] is the handle of a running one; [`Fault`] names what can go wrong, and what is unknown.
//! - `world` holds cameras and their types of events, `token` what opens them, `store` the events. What happens goes through `happen`: it gets an id in
//!   the order of arrival, and its place in the order of time. `walk` picks what happens by itself.
//! - `gateway` reads a request, `route` says what it asks, and `types`, `events` and `channels` answer; `page` makes their lists, `answer` writes it all.
//! - [`EventRecord`], [`Truth`], [`Counters`], [`Call`] and [`Complaint`] tell a test what a client must know and what it did; [`audit`] says it in the
//!   engine's words.
//!
//! The facts are those of VXG's pages *Working with events* and *How to create or trigger an event*, and of its web client and samples. What they leave
//! open is decided here in one way, said at the place, and can be switched by a fault where it matters. No event is ever pushed: VXG has no such thing
//! for clients.

mod answer;
mod args;
pub mod audit;
mod channels;
mod control;
mod events;
mod faults;
mod gateway;
mod happen;
mod hub;
mod ledger;
mod options;
mod page;
mod route;
mod stamp;
mod store;
mod token;
mod types;
mod views;
mod walk;
mod world;

pub use args::{SimulateArgs, run};
pub use control::{Simulator, TypeSpec};
pub use faults::{Fault, FaultError, FaultInfo, FaultKind, Offset, Refusal, Status, Times};
pub use ledger::{Call, Complaint, Counters, EventRecord, Happening, Origin, Scheme, Tally, Truth, VersionRecord};
pub use options::Options;

pub use super::common::{command::RunError, running::StartError};
