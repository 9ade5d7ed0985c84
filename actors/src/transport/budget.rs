//! The memory that large messages may take, process-wide.
//!
//! A message above [`LARGE`] takes a [`Permit`] of its size before its body is read, and the permit
//! travels with it to whoever parses it. When the budget is spent, the next large message waits in
//! its socket, in order of asking; small messages never wait.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Messages above this size, in bytes, share the budget. It is also the most that one wake yields.
pub const LARGE: usize = 1024 * 1024;

/// The budget of a process, unless it is given another, in bytes.
pub const DEFAULT_BUDGET: usize = 256 * 1024 * 1024;

/// Permits are counted in KiB, so that a semaphore's count of permits suffices for any budget.
const UNIT: usize = 1024;

/// The memory that all large messages of a process share.
#[derive(Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    total: u32,
}

impl Budget {
    /// A budget of this many bytes, rounded up to a KiB.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let total = to_units(bytes).clamp(1, most);
        Self { units: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// What is left, in bytes.
    #[must_use]
    pub fn available(&self) -> usize {
        self.units.available_permits() * UNIT
    }

    /// All of it, in bytes.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total as usize * UNIT
    }

    /// Takes this many bytes, waiting in turn until they are there.
    ///
    /// A message larger than the whole budget takes all of it, so that it is alone rather than
    /// stuck for ever.
    pub(super) async fn take(&self, bytes: usize) -> Permit {
        let units = to_units(bytes).min(self.total);
        // An error would mean that the semaphore is closed, and nobody closes it.
        Permit { units: Arc::clone(&self.units).acquire_many_owned(units).await.ok() }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_BUDGET)
    }
}

/// A share of the [`Budget`], given back when dropped. Keep it as long as the message it came with.
#[derive(Debug)]
pub struct Permit {
    units: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// The share, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.units.as_ref().map_or(0, |units| units.num_permits() * UNIT)
    }

    /// Gives back what exceeds this many bytes.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let keep = to_units(bytes) as usize;
        if let Some(units) = &mut self.units {
            let surplus = units.num_permits().saturating_sub(keep);
            drop(units.split(surplus));
        }
    }
}

fn to_units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}
