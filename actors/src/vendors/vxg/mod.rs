//! VXG Cloud VMS: cameras, their events and their states, over its REST API. There is no stream of events: they are asked for.
//!
//! - [`token`]: what an access token says of itself: scheme, server, camera. [`grant`]: what every call carries.
//! - [`rest`]: every call, and what its answers mean.
//! - [`wire`]: what lists, events, event types, cameras and refusals look like.

pub mod grant;
pub mod rest;
pub mod token;
pub mod wire;

pub use grant::Grant;
