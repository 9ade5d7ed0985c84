//! States and events as they are read from a watchpost, and shown to people.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::{
    table::{Cell, Side, Table, Tone, ago, clean, painted},
    words::{engine_says, shade},
};

/// What is read of a state. What later versions may add is left out, and is in the JSON all the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct StateRow {
    pub(super) connection: String,
    pub(super) item: String,
    pub(super) itemname: Option<String>,
    pub(super) group: String,
    pub(super) value: String,
    pub(super) vendorgroup: Option<String>,
    pub(super) time: String,
    pub(super) stale: bool,
}

impl StateRow {
    /// By what it is known: nothing else has the same.
    pub(super) fn key(&self) -> (String, String, String) {
        let group = self.vendorgroup.as_ref().unwrap_or(&self.group);
        (self.connection.clone(), self.item.clone(), group.clone())
    }

    fn name(&self) -> &str {
        self.itemname.as_deref().unwrap_or(&self.item)
    }

    /// By what it may be looked for.
    pub(super) fn texts(&self) -> [&str; 3] {
        [self.itemname.as_deref().unwrap_or_default(), &self.item, &self.group]
    }

    /// In a line, for a pipe.
    pub(super) fn line(&self, colour: bool) -> String {
        let Self { connection, item, group, value, time, stale, .. } = self;
        let tone = if *stale { Tone::Faint } else { shade(value) };
        let value = painted(tone, &clean(value), colour);
        let stale = if *stale { "  stale" } else { "" };
        let (connection, name, item, group) = (clean(connection), clean(self.name()), clean(item), clean(group));
        format!("{}  {connection:<16}  {name:<24}  {group:<14}  {value}  {item}{stale}\n", moment(time))
    }
}

/// A table of states, of which `most` are shown; says how many more there are.
pub(super) fn states<'a>(
    rows: impl ExactSizeIterator<Item = &'a StateRow>,
    now: Timestamp,
    most: usize,
    colour: bool,
) -> String {
    let count = rows.len();
    if count == 0 {
        return "no states\n".to_owned();
    }
    let mut table = Table::new([
        ("CONNECTION", Side::Left),
        ("ITEM", Side::Left),
        ("NAME", Side::Left),
        ("GROUP", Side::Left),
        ("VALUE", Side::Left),
        ("SINCE", Side::Right),
        ("STALE", Side::Left),
    ]);
    for row in rows.take(most) {
        let since = row.time.parse::<Timestamp>().ok().map(|since| ago(since, now));
        table.row([
            Cell::plain(&row.connection),
            Cell::new(Tone::Faint, &row.item),
            Cell::maybe(Tone::Strong, row.itemname.as_ref()),
            Cell::plain(&row.group),
            Cell::new(if row.stale { Tone::Faint } else { shade(&row.value) }, &row.value),
            Cell::maybe(Tone::Plain, since),
            if row.stale { Cell::new(Tone::Odd, "stale") } else { Cell::plain("") },
        ]);
    }
    let mut text = table.render(colour);
    if count > most {
        text += &format!("… and {} more\n", count - most);
    }
    text
}

/// What is read of an event.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EventRow<'a> {
    pub(super) sequence: String,
    /// None where it is told of several at once.
    #[serde(default)]
    connection: Option<String>,
    r#type: String,
    #[serde(default)]
    pub(super) origin: String,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    recordedtime: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    itemname: Option<String>,
    #[serde(default)]
    typename: Option<String>,
    #[serde(default)]
    stategroup: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl EventRow<'_> {
    /// The engine's own, which no filter on items hides.
    pub(super) fn is_of_engine(&self) -> bool {
        self.origin == "engine"
    }

    /// What a stream tells of itself: that events are gone.
    pub(super) fn is_of_stream(&self) -> bool {
        self.is_of_engine() && self.connection.is_none()
    }

    /// The value that it sets.
    pub(super) fn value(&self) -> &str {
        self.state.as_deref().unwrap_or_default()
    }

    /// By what it may be looked for.
    pub(super) fn texts(&self) -> [&str; 5] {
        [
            self.itemname.as_deref().unwrap_or_default(),
            self.subject.as_deref().unwrap_or_default(),
            self.typename.as_deref().unwrap_or_default(),
            self.stategroup.as_deref().unwrap_or_default(),
            &self.r#type,
        ]
    }

    /// In a line: time, connection, name, type, state, text. What the engine says of itself stands out.
    pub(super) fn line(&self, colour: bool) -> String {
        let time = self.time.as_deref().or(self.recordedtime.as_deref()).unwrap_or_default();
        let (time, connection, kind) =
            (moment(time), clean(self.connection.as_deref().unwrap_or("-")), clean(&self.r#type));
        if self.is_of_engine() {
            let tone = if self.r#type == "gap" { Tone::Bad } else { Tone::Odd };
            let says = engine_says(self.data.map_or("null", RawValue::get));
            return painted(tone, &format!("{time}  {connection:<16}  ** {kind}: {says}"), colour) + "\n";
        }
        let name = clean(self.itemname.as_deref().or(self.subject.as_deref()).unwrap_or("-"));
        let state = match (&self.stategroup, &self.state) {
            (Some(group), Some(value)) => {
                let value = clean(value);
                let width = (20_usize).saturating_sub(group.chars().count() + 1 + value.chars().count());
                format!("{} {}{}", clean(group), painted(shade(&value), &value, colour), " ".repeat(width))
            }
            _ => " ".repeat(20),
        };
        let text = clean(self.typename.as_deref().unwrap_or_default());
        // Where an event came from is worth a word only when it did not come live.
        let from = if self.origin == "live" { String::new() } else { format!("  ({})", clean(&self.origin)) };
        let line = format!("{time}  {connection:<16}  {name:<24}  {kind:<26}  {state}  {text}{from}");
        line.trim_end().to_owned() + "\n"
    }
}

/// A moment as people and programs read it, to the millisecond; a text that is none stays as it is.
fn moment(time: &str) -> String {
    time.parse::<Timestamp>().map_or_else(|_| clean(time), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn event(json: &str) -> EventRow<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_event_is_told_in_a_line_with_its_name_and_a_gap_stands_out() {
        let motion = r#"{"sequence":"1","connection":"hq","type":"motion.started","origin":"backfill","time":"2026-06-11T09:17:59.1234567Z",
            "subject":"cameras/1","itemname":"Lobby\u001b[2J","typename":"Motion Started","stategroup":"motion","state":"detected","data":{}}"#;
        assert_eq!(
            event(motion).line(false),
            "2026-06-11T09:17:59.123Z  hq                Lobby [2J                 motion.started              motion detected       Motion Started  (backfill)\n"
        );
        let gap = r#"{"sequence":"2","connection":"hq","type":"gap","origin":"engine","time":"2026-06-11T09:18:07Z",
            "data":{"from":"2026-06-11T09:17:59Z","to":"2026-06-11T09:18:07Z","reason":"session_expired","recovered":"states"}}"#;
        assert_eq!(
            event(gap).line(true),
            "\x1b[31m2026-06-11T09:18:07.000Z  hq                ** gap: events between 09:17:59.000 and 09:18:07.000 may be missing \
             (session_expired); recovered: states\x1b[0m\n"
        );
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let row = StateRow {
            connection: "hq".into(),
            item: "cameras/1".into(),
            itemname: None,
            group: "motion".into(),
            value: "clear".into(),
            vendorgroup: None,
            time: "2026-06-11T09:18:07Z".into(),
            stale: true,
        };
        let rows = [row.clone(), row];
        let now = "2026-06-11T10:18:09Z".parse().unwrap();
        assert_eq!(
            states(rows.iter(), now, 1, false),
            "CONNECTION  ITEM       NAME  GROUP   VALUE  SINCE  STALE\n\
             hq          cameras/1  -     motion  clear  1h 2s  stale\n… and 1 more\n"
        );
    }
}
