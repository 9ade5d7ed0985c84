//! VXG Cloud VMS: a look at what a token opens, for `check --connect`, and `watchpost vxg`.
//!
//! - `look`: whether the token is good, once for each, and the cameras that a connection would follow.
//! - `args`: what is typed behind `watchpost vxg`. `commands`: what is done then. `show`: how it is told.

mod args;
mod commands;
mod look;
mod show;

pub(super) use args::VxgArgs;
pub(super) use commands::run;
pub(super) use look::Visitor;
