//! The program's standard output.

use std::io::{self, Write};

use super::lines::LineWriter;

/// Standard output. A program in a pipe behind it that ends (`head`) ends the sink.
pub(super) struct Stdout(io::Stdout);

impl Stdout {
    pub(super) fn new() -> Self {
        Self(io::stdout())
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl LineWriter for Stdout {
    fn has_one_reader(&self) -> bool {
        true
    }
}
