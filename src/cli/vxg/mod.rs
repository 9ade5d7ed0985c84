//! VXG Cloud VMS: a look at what a token opens, for `check --connect`.
//!
//! - `look`: whether the token is good, once for each, and the cameras that a connection would follow.

mod look;

pub(super) use look::Visitor;
