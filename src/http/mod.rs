//! What a browser, a script or another program can ask a running watchpost over HTTP.
//!
//! ```text
//! request ─► guard (Host, Origin, token) ─► a handler ─► site: engine, journal, deliveries ─► JSON, a stream, or a problem document
//! ```
//!
//! - [`server`]: binds, serves, stops. [`limits`]: what a client may hold; `line`: for how long. `guard`: who may ask. [`site`]: what handlers reach.
//!   `turns`: what only some may do at a time.
//! - `query`: query strings, read with every mistake named. `list`: lists that are handed out page by page. `problem`: errors (RFC 9457).
//! - `connections`, `states`, `items`, `events`, `health`: one room for each resource of the API. `openapi`: what they say of themselves.
//! - `dashboard`: the page for people, which asks the API like anybody else.
//! - `deliveries`: sinks, dead letters and replays. `vxg`, `milestone`: what VXG's cameras and Milestone's systems can be asked. `media`: pictures and recordings, fetched.
//! - [`streams`]: events and states as they come, as server-sent events. `telemetry`: things that happen here, each with its counters.
//! - [`metrics`]: what is counted, as Prometheus reads it.
//!
//! Reads come from the state map and the journal's own reader, and never disturb what is received.

pub mod limits;
pub mod metrics;
pub mod server;
pub mod site;
pub mod streams;

mod connections;
mod dashboard;
mod deliveries;
mod events;
mod guard;
mod health;
mod items;
mod line;
mod list;
mod media;
mod milestone;
mod openapi;
mod problem;
mod query;
mod states;
mod telemetry;
mod turns;
mod vxg;

use actix_web::web::ServiceConfig;

pub use self::{
    limits::Limits,
    server::{BindError, Bound, Server},
    site::Site,
    turns::Turns,
};

/// Every path that there is.
fn routes(config: &mut ServiceConfig) {
    health::routes(config);
    openapi::routes(config);
    connections::routes(config);
    states::routes(config);
    items::routes(config);
    events::routes(config);
    dashboard::routes(config);
    streams::routes(config);
    metrics::routes(config);
    deliveries::routes(config);
    vxg::routes(config);
    milestone::routes(config);
    media::routes(config);
}
