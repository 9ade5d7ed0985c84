//! Milestone: a look at a system for `check --connect`, the simulator, and `watchpost milestone`.
//!
//! - `look`: a login, the lists of the Configuration REST API, and one subscription over the WebSocket; the simulator.
//! - `args`: what is typed behind `watchpost milestone`. `commands`: what is done then, and how it is told.

mod args;
mod commands;
mod look;

pub(super) use args::MilestoneArgs;
pub(super) use commands::run;
pub(super) use look::Visitor;
#[cfg(feature = "simulator")]
pub(super) use look::{simulate, simulated};
