//! Collects what readers find, and turns it into diagnostics.

use std::ops::Range;

use watchpost_actors::settings::{Mistake, Severity};

use super::{
    conceal,
    diagnostic::{Diagnostic, Place, shown_file},
};

/// What was found so far.
pub(super) struct Report {
    problems: Vec<Problem>,
    /// The places of secrets in the text.
    concealed: Vec<Range<usize>>,
    /// The lines where the text is not TOML.
    broken_lines: Vec<Range<usize>>,
}

/// A file with more mistakes than this is a file of another kind, and its place in memory is better spared.
const MOST: usize = 1_000;

/// One thing found.
pub(super) struct Problem {
    pub(super) severity: Severity,
    /// Its place in the text, unless it is about the text as a whole.
    pub(super) span: Option<Range<usize>>,
    pub(super) subject: String,
    pub(super) mistake: Mistake,
    /// It is about something that is not there, or that stands where it does not belong. If the text is not TOML, that
    /// may be the reason.
    pub(super) doubtful: bool,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { problems: Vec::new(), concealed: Vec::new(), broken_lines: Vec::new() }
    }

    pub(super) fn conceal(&mut self, spans: impl IntoIterator<Item = Range<usize>>) {
        self.concealed.extend(spans);
    }

    pub(super) fn add(&mut self, problem: Problem) {
        if problem.mistake.concealed {
            self.concealed.extend(problem.span.clone());
        }
        self.problems.push(problem);
    }

    /// Adds what the TOML parser found in `text`.
    pub(super) fn add_syntax(&mut self, text: &str, errors: Vec<toml::de::Error>) {
        for error in errors.into_iter().take(MOST) {
            let span = error.span().unwrap_or(0..0);
            let line = line_range(text, span.start);
            if self.broken_lines.last() != Some(&line) {
                self.concealed.extend(conceal::secret_in_line(text, line.clone()));
                self.broken_lines.push(line);
            }
            let mistake = Mistake::new(error.message());
            self.add(Problem {
                severity: Severity::Error,
                span: Some(span),
                subject: String::new(),
                mistake: match syntax_hint(error.message()) {
                    Some(hint) => mistake.hint(hint),
                    None => mistake,
                },
                doubtful: false,
            });
        }
    }

    /// Everything found, in the order of the text.
    pub(super) fn into_diagnostics(mut self, file: &str, text: &str) -> Vec<Diagnostic> {
        if !self.broken_lines.is_empty() {
            // The parser's own findings have no subject.
            self.problems.retain(|problem| {
                let on_broken_line = || {
                    problem
                        .span
                        .as_ref()
                        .is_some_and(|span| self.broken_lines.iter().any(|line| line.contains(&span.start)))
                };
                !problem.doubtful && (problem.subject.is_empty() || !on_broken_line())
            });
        }
        self.problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
        self.problems.truncate(MOST);
        let concealed = conceal::merged(self.concealed);
        let lines = Lines::new(text);
        self.problems
            .into_iter()
            .map(|problem| Diagnostic {
                severity: problem.severity,
                file: shown_file(file),
                place: problem.span.map(|span| lines.place(&span, &concealed)),
                subject: problem.subject,
                message: problem.mistake.message,
                hint: problem.mistake.hint,
            })
            .collect()
    }
}

/// What to do about a finding of the TOML parser.
fn syntax_hint(message: &str) -> Option<&'static str> {
    if message.contains("must be quoted") {
        Some("put the value into double quotes")
    } else if message.contains("escape") || message.contains("unicode") {
        Some("in double quotes a backslash starts an escape; write the value in single quotes, or the backslash twice")
    } else if message == "duplicate key" {
        Some(
            "a key or [section] may be there only once; several connections or sinks are written [[connection]], [[sink]]",
        )
    } else {
        None
    }
}

/// The line that holds the byte at `offset`, its line break included so that its last position belongs to it.
fn line_range(text: &str, offset: usize) -> Range<usize> {
    let offset = offset.min(text.len());
    let start = text.as_bytes()[..offset].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let end =
        text.as_bytes()[offset..].iter().position(|byte| *byte == b'\n').map_or(text.len() + 1, |at| offset + at + 1);
    start..end
}

/// The lines of a text, for finding places in it.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

/// Longer lines are cut around the caret, in characters.
const WIDEST: usize = 140;
const REPLACEMENT: &str = "[secret]";

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        // A byte-order mark is no part of the first line.
        let first = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let starts = std::iter::once(first).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The place of `span`, with what is concealed replaced in its line.
    fn place(&self, span: &Range<usize>, concealed: &[Range<usize>]) -> Place {
        let index = self.starts.partition_point(|start| *start <= span.start).saturating_sub(1);
        let start = self.starts[index];
        let line = self.text[start..].split('\n').next().unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);

        let mut shown = ShownLine::default();
        for (at, character) in line.char_indices() {
            let at = start + at;
            let end = at + character.len_utf8();
            if at < span.start {
                shown.column += 1;
            }
            let hidden =
                concealed.get(concealed.partition_point(|range| range.end <= at)).filter(|range| range.start < end);
            match hidden {
                Some(range) => shown.conceal(range),
                None => shown.push(character),
            }
            if at < span.start {
                shown.marked = shown.text.len()..shown.text.len();
            }
            if at < span.end {
                shown.marked.end = shown.text.len();
            }
            // The caret of a place inside what is concealed marks all of the replacement.
            if let Some(range) = hidden
                && range.start <= span.start
                && span.start < range.end
            {
                shown.marked.start = shown.hidden_from;
            }
        }
        let (text, caret) = shown.cut();
        Place { line: index + 1, column: shown.column + 1, text, caret }
    }
}

/// A line on its way to be shown.
#[derive(Default)]
struct ShownLine {
    text: Vec<char>,
    /// Characters of the real line before the place.
    column: usize,
    /// The part of `text` to mark.
    marked: Range<usize>,
    /// The concealed range that was replaced last, and where its replacement starts in `text`.
    hidden: Option<Range<usize>>,
    hidden_from: usize,
}

impl ShownLine {
    fn push(&mut self, character: char) {
        self.text.push(match character {
            '\t' => ' ',
            control if control.is_control() => '\u{fffd}',
            other => other,
        });
    }

    /// Puts one replacement for a concealed range, however many characters it has: its length is part of the secret.
    fn conceal(&mut self, range: &Range<usize>) {
        if self.hidden.as_ref() != Some(range) {
            self.hidden = Some(range.clone());
            self.hidden_from = self.text.len();
            self.text.extend(REPLACEMENT.chars());
        }
    }

    /// The text to show, and the caret in it.
    fn cut(&self) -> (String, (usize, usize)) {
        let Range { start, end } = self.marked.clone();
        let mark = end.saturating_sub(start).max(1);
        if self.text.len() <= WIDEST {
            return (self.text.iter().collect(), (start, mark));
        }
        let first = start.saturating_sub(WIDEST / 2).min(self.text.len() - WIDEST);
        let last = first + WIDEST;
        let before = if first > 0 { "…" } else { "" };
        let after = if last < self.text.len() { "…" } else { "" };
        let text = format!("{before}{}{after}", self.text[first..last].iter().collect::<String>());
        let caret = start - first + before.chars().count();
        (text, (caret, mark.min(last.saturating_sub(start)).max(1)))
    }
}
