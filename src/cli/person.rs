//! The person at standard input and output, who answers the questions of a login.

use std::{
    fmt::Display,
    io::{self, BufRead as _, IsTerminal as _, Read as _},
};

use super::terminal;

/// The longest line that is read as an answer, in bytes.
const MOST_TYPED: u64 = 8 << 10;

/// Whoever answers the questions.
pub(crate) trait Person {
    /// Tells something.
    ///
    /// # Errors
    /// Nobody reads any more.
    fn tell(&mut self, text: impl Display) -> io::Result<()>;

    /// Asks for a line; `None` where none will come any more.
    ///
    /// # Errors
    /// It cannot be read, or nobody reads the question.
    async fn ask(&mut self, question: impl Display) -> io::Result<Option<String>>;
}

/// The person at standard input and output.
pub(super) struct Terminal;

impl Person for Terminal {
    fn tell(&mut self, text: impl Display) -> io::Result<()> {
        terminal::print(format!("{text}\n").as_bytes())
    }

    async fn ask(&mut self, question: impl Display) -> io::Result<Option<String>> {
        terminal::print(question.to_string().as_bytes())?;
        let read = actix_rt::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().lock().take(MOST_TYPED).read_line(&mut line).map(|read| (read > 0).then_some(line))
        });
        let line = read.await.map_err(io::Error::other)?;
        if !io::stdin().is_terminal() {
            // Nobody has ended the line of the question.
            terminal::print(b"\n")?;
        }
        line
    }
}
