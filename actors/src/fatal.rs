//! Where a panic must end the process: tracker and journal. Nothing may go on half.

use crate::telemetry;

/// The exit status after a fatal panic, that of a Rust program whose main thread panicked.
const STATUS: i32 = 101;

/// Ends the process when it is dropped by a panic.
#[derive(Debug)]
pub(crate) struct Fatal {
    part: &'static str,
    armed: bool,
}

impl Fatal {
    /// Watches over `part` until it is dropped.
    pub(crate) fn guard(part: &'static str) -> Self {
        Self { part, armed: true }
    }

    /// The part has ended as it should.
    pub(crate) fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Fatal {
    fn drop(&mut self) {
        if self.armed && std::thread::panicking() {
            telemetry::PartPanicked { part: self.part }.emit();
            std::process::exit(STATUS);
        }
    }
}
