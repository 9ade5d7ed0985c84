//! What strangers send, made up by a machine: one function for each target, which must take any bytes without a panic.
//!
//! - [`milestone`], [`een`], [`simplisafe`], [`vxg`]: a vendor's login, directory and session, played against a server that says anything
//!   in any order. `script` is the language of that server, `vendor` the world around the three.
//! - [`config`]: the configuration file. [`frames`]: WebSocket frames. [`journal`]: a journal with damaged files. [`recording`]: a recording to be
//!   played back.
//!
//! `cargo-fuzz` runs them (`scripts/fuzz`); the suite replays what is in `corpus/` (`cargo test --test fuzz_corpora`), so that what was found once stays
//! mended.

mod frame;
mod script;
mod store;
mod text;
mod vendor;

pub use self::{
    frame::frames,
    store::journal,
    text::{config, recording},
    vendor::{Reached, een, milestone, simplisafe, vxg},
};
