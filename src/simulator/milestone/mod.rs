//! A Milestone XProtect system: API Gateway, identity provider, Configuration REST API, Events and State WebSocket API.
//!
//! - [`Options`] say what the system is like; [`Simulator`] is the handle of a running one; [`Fault`] names what can go wrong.
//! - `world` holds items, event types and states; `walk` picks the next legal events. An event is published once, in `hub`:
//!   it is written to the ledger, changes the state, and is offered to every session whose subscription matches.
//! - `session` keeps what a client may still ask for after a break; `commands` and `snapshot` answer what clients say.
//! - `gateway` routes HTTP requests (`gateways`: those of one in trouble are not) to `identity` (Windows users: `windows`, by `ntlm`), `rest` (with its `catalog`), `trigger` and `upgrade`; a `link` is one WebSocket, for which the hub queues
//!   what is then written (`wire`), or a load test (`flood`, kept to a schedule by `pacer`).
//! - [`Ledger`] and [`Counters`] tell a test what a client must have seen and what it did; [`audit`] compares that with what it told.
//!
//! What the vendor's documentation leaves open is decided here in one way, said at the place, and where it matters can be
//! switched by a fault.

mod args;
pub mod audit;
mod catalog;
mod commands;
mod control;
mod event_types;
mod faults;
mod filters;
mod flood;
mod gateway;
mod gateways;
mod hub;
mod identity;
mod items;
mod ledger;
mod link;
mod ntlm;
mod options;
mod pacer;
mod rest;
mod session;
mod snapshot;
mod stamp;
mod trigger;
mod upgrade;
mod walk;
mod windows;
mod wire;
mod world;

pub use args::{SimulateArgs, run};
pub use control::Simulator;
pub use faults::{Fault, FaultError, FaultInfo, FaultKind, Refusal, Size, Status, Times};
pub use ledger::{
    Counters, Emitted, Ended, FloodRecord, Ledger, LoginTry, SessionRecord, SubscriptionRecord, UpgradeTry,
};
pub use options::{FloodOptions, Options, Pace};
pub use world::StateNow;

pub use super::common::{command::RunError, running::StartError, socket::DropHow};
