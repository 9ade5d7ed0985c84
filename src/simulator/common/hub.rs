//! One lock around all that a simulator knows, so that what happens has one order.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the connections and the clock of a simulator share: its world, whoever is logged in, and the open sockets.
pub(in crate::simulator) struct Hub<C>(Mutex<C>);

impl<C> Hub<C> {
    pub(in crate::simulator) const fn new(core: C) -> Self {
        Self(Mutex::new(core))
    }

    pub(in crate::simulator) fn lock(&self) -> MutexGuard<'_, C> {
        // What a panicking test left behind is still the best picture there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
