//! The metrics of this process, as Prometheus reads them.
//!
//! What happens is counted where it happens, through the [`metrics`] facade (`telemetry` in the engine, in `journal` and in `sinks`). Here
//! is what is counted into, and the text that comes of it:
//!
//! ```text
//! telemetry ─► facade ─► recorder ─► render ─► GET /metrics
//!                table ─────┘ (names, help, buckets)
//! ```

mod recorder;
mod route;
pub mod table;
#[cfg(test)]
mod tests;

pub use recorder::{InstallError, Metrics};
pub(super) use route::{Described, routes};
