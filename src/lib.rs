//! watchpost, the program: an event engine for video-management and security systems, and the tools around it.
//!
//! The engine itself is the crate `watchpost-actors`, re-exported as [`actors`]; embed that. What is here is what a person starts:
//!
//! - [`config`]: the configuration file, read with every mistake named.
//! - [`journal`]: events, states and checkpoints on disk.
//! - [`sinks`]: where events are delivered.
//! - [`media`]: from an event to its picture or recording.
//! - [`http`]: what a running watchpost answers to browsers and programs.
//! - [`simulator`]: servers of the vendors' protocols with switchable faults, for demos, tests and client developers.
#![forbid(unsafe_code)]

pub use watchpost_actors as actors;

pub mod config;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "sqlite")]
pub mod journal;
pub mod media;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod sinks;

/// The README's program, compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
