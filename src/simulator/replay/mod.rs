//! A server that plays back what `watchpost record` has kept: REST answers and what came over WebSockets, on one port for all paths.
//!
//! - `reader` reads the file, `recording` is what was in it, by what it is asked for.
//! - `query` tells which calls ask for the same, though their times differ.
//! - `rewrite` puts this server's address in the place of the hosts that were recorded.
//! - `core` knows what was played already, `server` answers requests with it, `link` is one socket.
//! - `hint` says what to put into a configuration; `args` is the command.
//!
//! It knows no vendor's protocol, and shares no type with the engine, nor with what has written the file.

mod args;
mod core;
mod hint;
mod link;
mod query;
mod reader;
mod recording;
mod rewrite;
mod server;

use std::{fmt, net::SocketAddr, path::Path, sync::Arc};

pub use self::{
    args::{ReplayArgs, ReplayError, run},
    reader::ReadError,
    recording::Recording,
};
pub use super::common::running::StartError;

use self::core::Core;
use super::common::{hub::Hub, running::Running};

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// [`ReadError`], with the line that is wrong.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        reader::read(path)
    }
}

/// What was played so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Played {
    /// Calls that were answered.
    pub calls: u64,
    /// Of these, those that nothing was recorded for.
    pub unknown: u64,
    /// WebSockets that were opened.
    pub sockets: u64,
    /// Of what was recorded on WebSockets, messages of the server that are still to be sent: those of sockets that were not asked for yet, too.
    pub left: u64,
}

/// A replay that runs; it stops when this is dropped.
pub struct Replay {
    running: Running,
    hub: Arc<Hub<Core>>,
}

impl Replay {
    /// Listens, and plays from the first request on. With a speed of 10 what took ten seconds takes one.
    ///
    /// # Errors
    /// [`StartError`] when it cannot listen.
    pub fn start(recording: Recording, listen: SocketAddr, speed: f64) -> Result<Self, StartError> {
        let hub = Arc::new(Hub::new(Core::new(recording, speed)));
        let running = Running::start(Arc::clone(&hub), listen, 1)?;
        hub.lock().address = Some(running.address());
        Ok(Self { running, hub })
    }

    /// Its address for calls: `http://127.0.0.1:8090`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// Its address for WebSockets, without a path.
    #[must_use]
    pub fn socket_url(&self) -> String {
        format!("ws://{}", self.running.address())
    }

    /// What was played so far.
    #[must_use]
    pub fn played(&self) -> Played {
        self.hub.lock().played()
    }

    /// Ends all connections and listens no more.
    pub fn stop(&self) {
        self.running.stop();
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replay({})", self.running.address())
    }
}
