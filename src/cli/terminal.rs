//! Standard output and standard error, without a panic when nobody reads them.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use super::{Exit, is_reader_gone};

/// Says on standard error what is wrong.
pub(super) fn complain(text: impl Display) {
    // Who does not want to hear it cannot be told.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes to standard output.
///
/// # Errors
/// What the system says: a broken pipe when nobody reads any more.
pub(super) fn print(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

/// How a command ends that had only to write.
pub(super) fn written(result: io::Result<()>) -> Exit {
    match result {
        Ok(()) => Exit::Done,
        Err(error) if is_reader_gone(&error) => Exit::Done,
        Err(error) => {
            complain(format_args!("cannot write to standard output: {error}"));
            Exit::Failed
        }
    }
}

/// Whether standard error shows colours: a terminal, and `NO_COLOR` is not set.
pub(super) fn errors_in_colour() -> bool {
    io::stderr().is_terminal() && colours_are_welcome()
}

/// Whether `NO_COLOR` is absent or empty (no-color.org).
pub(super) fn colours_are_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Shows the cursor again, which a view may have hidden.
pub(super) fn show_cursor() {
    if io::stdout().is_terminal() {
        // A terminal that is gone needs no cursor.
        let _ = print(b"\x1b[?25h");
    }
}
