//! A demo on a terminal: drawn in place a few times a second, below what was there before.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt::Write as _,
    io,
    time::{Duration, Instant},
};

use terminal_size::{Height, Width, terminal_size};
use watchpost::actors::{
    callbacks::SharedEvent,
    model::{ConnectionState, State},
};

use super::{View, plain::Row, stage::Notice, tally::Tally};
use crate::cli::{
    terminal,
    words::{printable, shade},
};

/// Events shown.
const EVENTS: usize = 12;
/// For how long it is shown what the simulator did.
const NOTICE: Duration = Duration::from_secs(8);
/// State groups that come first in a row; the others follow in the order of the alphabet.
const GROUPS: [&str; 8] = ["alarm", "lock", "contact", "status", "connection", "recording", "motion", "output"];
/// A terminal that does not tell its size.
const USUAL: (usize, usize) = (80, 24);

/// State groups of the items that are shown first.
const HOUSE: [&str; 3] = ["alarm", "lock", "contact"];

const HIDE_CURSOR: &str = "\x1b[?25l";
const STRONG: &str = "\x1b[1m";
const FAINT: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const END: &str = "\x1b[0m";

/// The picture on the terminal. The cursor comes back when this is dropped, however the demo ends.
pub(super) struct Live {
    /// Where the dashboard is, and each system.
    title: Vec<String>,
    colour: bool,
    /// Lines of the picture that is there.
    drawn: usize,
}

impl Live {
    pub(super) fn new(title: Vec<String>, colour: bool) -> Self {
        Self { title, colour, drawn: 0 }
    }

    fn draw(&mut self, tally: &Tally) -> io::Result<()> {
        let (columns, rows) =
            terminal_size().map_or(USUAL, |(Width(columns), Height(rows))| (columns.into(), rows.into()));
        let mut picture = Picture { lines: Vec::new(), columns, colour: self.colour };
        picture.header(&self.title, tally);
        // A line stays free for the cursor.
        let room = rows.saturating_sub(picture.lines.len() + 4);
        let events = EVENTS.min(room / 2);
        picture.events(tally, events);
        picture.states(tally, room.saturating_sub(events));
        let mut text = String::from(HIDE_CURSOR);
        if self.drawn > 0 {
            // Writing into a String does not fail.
            let _ = write!(text, "\x1b[{}A", self.drawn);
        }
        text.push('\r');
        for line in &picture.lines {
            let _ = writeln!(text, "{line}\x1b[K");
        }
        // Whatever the picture before had below.
        text.push_str("\x1b[J");
        self.drawn = picture.lines.len();
        terminal::print(text.as_bytes())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        terminal::show_cursor();
    }
}

impl View for Live {
    fn event(&mut self, _: &SharedEvent) -> io::Result<()> {
        Ok(())
    }

    fn notice(&mut self, _: &Notice) -> io::Result<()> {
        Ok(())
    }

    fn tick(&mut self, tally: &Tally) -> io::Result<()> {
        self.draw(tally)
    }

    fn end(&mut self, tally: &Tally) -> io::Result<()> {
        // Nobody is there any more.
        self.title.clear();
        self.draw(tally)
    }
}

/// Lines of text, none wider than the terminal.
struct Picture {
    lines: Vec<String>,
    columns: usize,
    colour: bool,
}

impl Picture {
    /// A line of parts, each with its colour.
    fn line(&mut self, parts: &[(&str, &str)]) {
        let (mut line, mut left) = (String::new(), self.columns.saturating_sub(1));
        for (colour, text) in parts {
            let text: String = text.chars().take(left).collect();
            left -= text.chars().count();
            if self.colour && !colour.is_empty() && !text.is_empty() {
                let _ = write!(line, "{colour}{text}{END}");
            } else {
                line.push_str(&text);
            }
        }
        self.lines.push(line);
    }

    fn header(&mut self, title: &[String], tally: &Tally) {
        let status = tally.status();
        let colour = match status.state {
            ConnectionState::Online => GREEN,
            ConnectionState::Connecting | ConnectionState::Delayed => YELLOW,
            ConnectionState::Halted | ConnectionState::Stopped => RED,
        };
        let seconds = |time: Duration| format!("{} s", time.as_secs());
        let of = tally.length().map_or_else(String::new, |length| format!(" of {}", seconds(length)));
        for (index, line) in title.iter().enumerate() {
            self.line(&[(if index == 0 { STRONG } else { FAINT }, line)]);
        }
        self.line(&[
            (colour, &format!("● {}", status.state)),
            ("", &format!("   {}{of}", seconds(tally.elapsed()))),
            (FAINT, &format!("   {}", printable(&status.reason))),
        ]);
        let (online, accounts, cloud) = tally.cloud();
        let colour = if online == accounts { GREEN } else { YELLOW };
        self.line(&[
            (colour, &format!("● {} ", cloud.state)),
            ("", &format!("  {online} of {accounts} accounts in the cloud online")),
            (FAINT, &format!("   {}", printable(&cloud.reason))),
        ]);
        let house = tally.house();
        let colour = if house.state == ConnectionState::Online { GREEN } else { YELLOW };
        let recovered = tally.heard.recovered();
        self.line(&[
            (colour, &format!("● {} ", house.state)),
            ("", &format!("  the house: {} events, {recovered} of them out of its history", tally.heard.told())),
            (FAINT, &format!("   {}", printable(&tally.heard.words))),
        ]);
        let (yard, of_yard) = (tally.yard(), &tally.of_yard);
        let colour = if yard.state == ConnectionState::Online { GREEN } else { YELLOW };
        self.line(&[
            (colour, &format!("● {} ", yard.state)),
            ("", &format!("  the yard: {} events, {} of them late", of_yard.told(), of_yard.late())),
            (FAINT, &format!("   {}", printable(&of_yard.words))),
        ]);
        let gaps = if tally.gaps > 0 { YELLOW } else { "" };
        self.line(&[
            ("", &format!("{} events   {} repeats left out   ", status.events, status.repeats)),
            (GREEN, &format!("{} sessions resumed   ", tally.resumed())),
            (gaps, &format!("{} gaps", tally.gaps)),
        ]);
        let fresh = |(at, _): &&(Instant, String)| at.elapsed() < NOTICE;
        let notice = tally.notice.as_ref().filter(fresh).map(|(_, notice)| notice.clone());
        self.line(&[(YELLOW, &notice.unwrap_or_default())]);
    }

    fn events(&mut self, tally: &Tally, count: usize) {
        self.line(&[(FAINT, "EVENTS")]);
        let shown = tally.recent.len().saturating_sub(count);
        for event in tally.recent.iter().skip(shown) {
            let Row { time, item, kind, says, marked, .. } = Row::of(event);
            if marked {
                self.line(&[(FAINT, &time), (YELLOW, &format!("  {kind}: {says}"))]);
            } else {
                self.line(&[(FAINT, &time), ("", &format!("  {item:<20} {kind:<26} {says}"))]);
            }
        }
        for _ in tally.recent.len()..count {
            self.line(&[]);
        }
    }

    fn states(&mut self, tally: &Tally, room: usize) {
        let states = tally.states();
        let mut items: BTreeMap<(&str, &str), Vec<&State>> = BTreeMap::new();
        for state in &states {
            let name = state.item.name.as_deref().unwrap_or(&state.item.id);
            items.entry((name, &state.item.id)).or_default().push(state);
        }
        let more = items.len().saturating_sub(room);
        let more = if more > 0 { format!(", {more} more items") } else { String::new() };
        self.line(&[(FAINT, &format!("STATES ({}{more})", states.len()))]);
        // The house first, for it is small; then what has most to tell.
        let mut items: Vec<_> = items.into_iter().collect();
        let is_of_house = |state: &&State| HOUSE.contains(&state.group());
        items.sort_by_key(|(_, states)| (!states.iter().any(is_of_house), Reverse(states.len())));
        for ((name, _), mut states) in items.into_iter().take(room) {
            states.sort_by_key(|state| GROUPS.iter().position(|group| *group == state.group()).unwrap_or(GROUPS.len()));
            let mut parts = vec![(String::new(), format!("{:<20} ", printable(name)))];
            for state in states {
                let colour = if state.stale { FAINT } else { shade(state.value()).code().unwrap_or_default() };
                parts.push((FAINT.to_owned(), format!("{} ", printable(state.group()))));
                parts.push((colour.to_owned(), format!("{}   ", printable(state.value()))));
            }
            let parts: Vec<_> = parts.iter().map(|(colour, text)| (colour.as_str(), text.as_str())).collect();
            self.line(&parts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(columns: usize, colour: bool) -> Picture {
        Picture { lines: Vec::new(), columns, colour }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_only_what_is_seen_is_coloured() {
        let parts = [(RED, "één"), ("", " and "), (GREEN, "two")];
        for (columns, expected) in [(80, "één and two"), (6, "één a"), (4, "één"), (1, ""), (0, "")] {
            let mut plain = picture(columns, false);
            plain.line(&parts);
            assert_eq!(plain.lines, [expected]);
        }
        let mut coloured = picture(6, true);
        coloured.line(&parts);
        assert_eq!(coloured.lines, [format!("{RED}één{END} a")]);
    }
}
