//! A mistake as a person sees it: place, message, the line with a caret, a hint.

use std::{error::Error, fmt};

use watchpost_actors::settings::{Mistake, Severity};

/// One thing that is wrong with a configuration, or worth knowing about it. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Whether it stops the start.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: String,
    /// Where in the file, unless it is about the file as a whole.
    pub place: Option<Place>,
    /// The section and key: `[connection "hq"] password`. Empty for the text as a whole.
    pub subject: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// A place in the file, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The line's text: secrets and control characters replaced, a long line cut.
    pub text: String,
    /// The marked characters of `text`: how many before the first, and how many. At least one.
    pub caret: (usize, usize),
}

/// Every mistake in a configuration, and its warnings.
///
/// `Display` shows all of them, without colours. Trying again helps only after something was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    diagnostics: Vec<Diagnostic>,
}

impl ConfigErrors {
    pub(super) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics }
    }

    /// The file as a whole cannot be used.
    pub(super) fn of_file(name: &str, mistake: Mistake) -> Self {
        Self::new(vec![Diagnostic {
            severity: Severity::Error,
            file: shown_file(name),
            place: None,
            subject: String::new(),
            message: mistake.message,
            hint: mistake.hint,
        }])
    }

    /// How many errors there are, not counting warnings.
    pub fn count(&self) -> usize {
        self.diagnostics.iter().filter(|one| one.severity == Severity::Error).count()
    }

    /// Errors and warnings, in the order of the file.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&render(&self.diagnostics, false))
    }
}

impl Error for ConfigErrors {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out, &PLAIN)
    }
}

/// More than this is a file of another kind; the rest is only counted.
const MOST_SHOWN: usize = 100;

/// All diagnostics as one text, with a last line that counts them; `colour` is for terminals.
pub fn render(diagnostics: &[Diagnostic], colour: bool) -> String {
    let style = if colour { &COLOURED } else { &PLAIN };
    let mut text = String::new();
    for one in diagnostics.iter().take(MOST_SHOWN) {
        // Writing into a String does not fail.
        let _ = one.write(&mut text, style);
        text.push('\n');
    }
    if let Some(more @ 1..) = diagnostics.len().checked_sub(MOST_SHOWN) {
        text.push_str(&format!("… and {more} more\n\n"));
    }
    let errors = diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    let counts = [(errors, "error"), (diagnostics.len() - errors, "warning")];
    let counts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    text.push_str(&counts.join(", "));
    text
}

pub(super) fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|one| one.severity == Severity::Error)
}

/// A file's name on one line.
pub(super) fn shown_file(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The escape sequences around the parts of a diagnostic.
struct Style {
    strong: &'static str,
    error: &'static str,
    warning: &'static str,
    faint: &'static str,
    end: &'static str,
}

const PLAIN: Style = Style { strong: "", error: "", warning: "", faint: "", end: "" };
const COLOURED: Style =
    Style { strong: "\x1b[1m", error: "\x1b[1;31m", warning: "\x1b[1;33m", faint: "\x1b[2m", end: "\x1b[0m" };

impl Diagnostic {
    fn write(&self, out: &mut impl fmt::Write, style: &Style) -> fmt::Result {
        let Style { strong, faint, end, .. } = style;
        write!(out, "{strong}{}", self.file)?;
        if let Some(place) = &self.place {
            write!(out, ":{}:{}", place.line, place.column)?;
        }
        write!(out, ":{end} ")?;
        if self.severity == Severity::Warning {
            write!(out, "{}warning{end}: ", style.warning)?;
        }
        if !self.subject.is_empty() {
            write!(out, "{strong}{}{end}: ", self.subject)?;
        }
        writeln!(out, "{}", self.message)?;
        if let Some(place) = &self.place {
            let colour = if self.severity == Severity::Error { style.error } else { style.warning };
            let number = place.line.to_string();
            let (before, marked) = place.caret;
            writeln!(out, " {faint}{number} |{end} {}", place.text)?;
            writeln!(
                out,
                " {faint}{:width$} |{end} {:before$}{colour}{}{end}",
                "",
                "",
                "^".repeat(marked),
                width = number.len()
            )?;
        }
        match &self.hint {
            Some(hint) => writeln!(out, "   hint: {hint}"),
            None => Ok(()),
        }
    }
}
