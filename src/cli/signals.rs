//! Ctrl-C and SIGTERM, in one place for all systems. Only Linux is tested.

use std::{
    io,
    time::{Duration, Instant},
};

use super::terminal;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals so soon after the first are the same signal: `timeout`, wrappers and shells send it to the program and to its process group.
const ECHO: Duration = Duration::from_secs(1);

/// Signals that ask the program to end.
pub(super) struct Signals {
    /// When the first was heard.
    first: Option<Instant>,
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl Signals {
    /// From here on signals are waited for, and do not end the program by themselves.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(unix)]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            first: None,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// From here on Ctrl-C is waited for.
    ///
    /// # Errors
    /// None here.
    #[cfg(not(unix))]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { first: None })
    }

    /// Waits for the next signal.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.first.get_or_insert_with(Instant::now);
    }

    /// Waits for the next Ctrl-C.
    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // It cannot be waited for; then it ends the program as the system does.
            std::future::pending::<()>().await;
        }
        self.first.get_or_insert_with(Instant::now);
    }

    /// The program is ending. A first signal has then nothing to add; a second ends it at once, with exit status 1.
    pub(super) fn now_impatient(mut self) {
        actix_rt::spawn(async move {
            let mut again = false;
            while !again {
                self.next().await;
                again = self.first.is_some_and(|first| first.elapsed() >= ECHO);
            }
            terminal::show_cursor();
            std::process::exit(1);
        });
    }
}
