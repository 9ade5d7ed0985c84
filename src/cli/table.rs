//! Tables for people: aligned, coloured on a terminal, and plain in a pipe.

use std::io::{self, IsTerminal};

use jiff::Timestamp;

use super::terminal;

/// How a cell is shown on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    /// Worth a look.
    Odd,
    Bad,
}

impl Tone {
    /// What switches a terminal to it.
    pub(super) fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("\x1b[1m"),
            Self::Faint => Some("\x1b[2m"),
            Self::Good => Some("\x1b[32m"),
            Self::Odd => Some("\x1b[33m"),
            Self::Bad => Some("\x1b[31m"),
        }
    }
}

/// One cell.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(super) fn new(tone: Tone, text: impl AsRef<str>) -> Self {
        Self { text: clean(text.as_ref()), tone }
    }

    pub(super) fn plain(text: impl AsRef<str>) -> Self {
        Self::new(Tone::Plain, text)
    }

    pub(super) fn count(count: u64) -> Self {
        Self::plain(count.to_string())
    }

    /// A text, or a dash where there is none.
    pub(super) fn maybe(tone: Tone, text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(|| Self::new(Tone::Faint, "-"), |text| Self::new(tone, text))
    }
}

/// On which side the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A table with a heading.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    sides: [Side; N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(columns: [(&str, Side); N]) -> Self {
        let head = columns.map(|(name, _)| Cell::new(Tone::Strong, name));
        Self { sides: columns.map(|(_, side)| side), rows: vec![head] }
    }

    pub(super) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    /// The table as text, a line for each row.
    pub(super) fn render(&self, colour: bool) -> String {
        let length = |cell: &Cell| cell.text.chars().count();
        let widths: [usize; N] =
            std::array::from_fn(|column| self.rows.iter().map(|row| length(&row[column])).max().unwrap_or_default());
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, side), width) in row.iter().zip(self.sides).zip(widths) {
                let blanks = " ".repeat(width - length(cell));
                let shown = painted(cell.tone, &cell.text, colour);
                match side {
                    Side::Left => line.extend([shown.as_str(), &blanks, "  "]),
                    Side::Right => line.extend([blanks.as_str(), &shown, "  "]),
                }
            }
            text.extend([line.trim_end(), "\n"]);
        }
        text
    }
}

/// A text with its colour, where there are colours.
pub(super) fn painted(tone: Tone, text: &str, colour: bool) -> String {
    match tone.code().filter(|_| colour) {
        Some(code) => format!("{code}{text}\x1b[0m"),
        None => text.to_owned(),
    }
}

/// What others have written may hold signs that command a terminal, or end the line; they become blanks.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect()
}

/// Whether standard output shows colours.
pub(super) fn colours() -> bool {
    io::stdout().is_terminal() && terminal::colours_are_welcome()
}

/// How long ago something was, in two units at most: `3h 12m`.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second().saturating_sub(then.as_second())).unwrap_or_default();
    let whole = humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string();
    whole.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_what_others_wrote_commands_no_terminal() {
        let mut table = Table::new([("NAME", Side::Left), ("N", Side::Right), ("WHY", Side::Left)]);
        table.row([Cell::plain("é"), Cell::count(1_000), Cell::new(Tone::Bad, "red\x1b[2J\nalert")]);
        table.row([Cell::plain("longer"), Cell::count(7), Cell::maybe(Tone::Bad, None::<&str>)]);
        assert_eq!(table.render(false), "NAME       N  WHY\né       1000  red [2J alert\nlonger     7  -\n");
        let coloured = table.render(true);
        assert!(coloured.contains("\x1b[31mred [2J alert\x1b[0m\n"), "{coloured:?}");
        assert!(coloured.contains("\x1b[1mNAME\x1b[0m    "), "{coloured:?}");
    }

    #[test]
    fn a_time_long_ago_is_told_in_two_units() {
        let at = |second| Timestamp::constant(second, 0);
        assert_eq!(ago(at(0), at(0)), "0s");
        assert_eq!(ago(at(0), at(3 * 3_600 + 12 * 60 + 5)), "3h 12m");
        assert_eq!(ago(at(10), at(0)), "0s");
    }
}
