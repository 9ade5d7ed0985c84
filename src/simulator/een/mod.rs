//! Eagle Eye Networks' cloud, as its legacy API (v1 and v2) shows it: login, accounts, devices, and the poll WebSocket.
//!
//! - [`Options`] say what the cloud is like; [`Simulator`] is the handle of a running one; [`Fault`] names what can go wrong, and what is unknown.
//! - `world` holds accounts, users and devices (`names` for people to read); `status` is the status word in both its halves; `codes` are the
//!   four-letter events; `walk` picks what happens next. What happens goes through `happen`: to the ledger, and to every socket that asked for it.
//! - `gateway` routes HTTP requests (`request` reads them): to `login` and its `sessions`, to `rest` with its `rows`, and to `upgrade`.
//! - `poll` reads what clients subscribe to (`resources` are what can be asked of an entity); a `link` is one WebSocket: its subscriptions, and
//!   what is queued for it.
//! - [`Ledger`], [`Truth`], [`Counters`] and [`Call`] tell a test what a client must know and what it did; [`audit`] says it in the engine's words.
//!
//! What the vendor's documentation leaves open is decided here in one way, said at the place, and can be switched by a fault where it matters.

mod acts;
mod args;
pub mod audit;
mod codes;
mod control;
mod esn;
mod faults;
mod gateway;
mod happen;
mod hub;
mod ledger;
mod link;
mod login;
mod names;
mod options;
mod poll;
mod request;
mod resources;
mod rest;
mod rows;
mod sessions;
mod stamp;
mod status;
mod upgrade;
mod views;
mod walk;
mod world;

pub use args::{SimulateArgs, run};
pub use control::Simulator;
pub use faults::{Fault, FaultError, FaultInfo, FaultKind, Refusal, Status};
pub use ledger::{
    AccountNow, Call, Counters, DeviceLedger, EventRecord, Happening, Ledger, SessionNow, Shown, SocketRecord,
    StatusRecord, Tally, Truth,
};
pub use options::{Keep, Options};
pub use status::{Change, Overall, Reading};

pub use super::common::{command::RunError, running::StartError, socket::DropHow};
