//! The program's standard output.

use std::io;

use super::Output;

/// Standard output. A program in a pipe behind it that ends (`head`) ends the sink.
pub(super) fn output() -> Output {
    Output { writer: Box::new(io::stdout()), one_reader: true }
}
