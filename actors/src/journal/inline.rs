//! A journal without a thread: it never blocks, so it works where it is called.

use std::fmt;
use std::time::Instant;

use super::Journal;
use super::command::{Command, Keep, TRIM_EVERY, carry_out, trim};
use crate::fatal::Fatal;

/// The journal, until it is closed. With the last way to it gone it is closed too.
pub(super) struct Inline(Option<Open>);

struct Open {
    journal: Box<dyn Journal>,
    /// Ends with the journal: so whoever waits for events learns that there will be none.
    keep: Keep,
    trim_at: Instant,
}

impl Inline {
    pub(super) fn new(journal: Box<dyn Journal>, keep: Keep) -> Self {
        Self(Some(Open { journal, keep, trim_at: Instant::now() + TRIM_EVERY }))
    }

    /// Carries a command out. After the last one, whoever asks is told that the journal is closed.
    pub(super) fn call(&mut self, command: Command) {
        let Some(Open { journal, keep, trim_at }) = &mut self.0 else { return };
        // Nothing may go on half here either.
        let fatal = Fatal::guard("journal");
        let closed = carry_out(&mut **journal, command, keep);
        if !closed && *trim_at <= Instant::now() {
            *trim_at = trim(&mut **journal, &keep.damaged);
        }
        if closed {
            self.0 = None;
        }
        fatal.disarm();
    }
}

impl Drop for Inline {
    fn drop(&mut self) {
        if let Some(open) = &mut self.0 {
            // Nobody is left to hear how it went.
            drop(open.journal.close());
        }
    }
}

impl fmt::Debug for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Inline").field(&self.0.as_ref().map(|open| &open.journal)).finish()
    }
}
