//! What is said of a stream that is cut, on standard error.

use super::{ClientError, Target};
use crate::cli::terminal;

/// Says what is wrong once, again when it is something else, and when it is over: a server that is down for an hour fails thousands of tries.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    said: Option<String>,
}

impl Trouble {
    /// The stream was cut, or could not be opened again.
    pub(super) fn is(&mut self, why: &ClientError) {
        let why = why.to_string();
        if self.said.as_ref() != Some(&why) {
            terminal::complain(format_args!("{why}; trying again"));
            self.said = Some(why);
        }
    }

    /// The stream is open.
    pub(super) fn is_over(&mut self, target: &Target) {
        if self.said.take().is_some() {
            terminal::complain(format_args!("{} answers again", target.shown()));
        }
    }
}
