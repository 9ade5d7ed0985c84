//! States and events in words for people.

use super::table::Tone;

/// The time of day of an RFC 3339 text.
pub(super) fn clock(time: &str) -> String {
    let instant = time.parse::<jiff::Timestamp>().unwrap_or_else(|_| jiff::Timestamp::now());
    // 2026-06-11T09:17:59.123Z
    let text = format!("{instant:.3}");
    text.get(11..23).unwrap_or_default().to_owned()
}

/// The engine's own events in words.
pub(super) fn engine_says(data: &str) -> String {
    let data: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    let text = |name: &str| data.get(name).and_then(|text| text.as_str()).unwrap_or_default();
    let said = if data.get("from").is_some() {
        let [from, to] = ["from", "to"].map(|name| clock(text(name)));
        format!("events between {from} and {to} may be missing ({}); recovered: {}", text("reason"), text("recovered"))
    } else {
        let reason = text("reason");
        let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        format!("{} -> {}{why}", text("old"), text("new"))
    };
    printable(&said)
}

/// Names come from elsewhere, and must not steer the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// How a value is shown: some are what a person looks for.
pub(super) fn shade(value: &str) -> Tone {
    match value {
        "offline" | "error" | "internet_offline" | "password_needed" | "triggered" | "jammed" => Tone::Bad,
        "detected" | "unknown" | "open" | "unlocked" | "entry_delay" | "exit_delay_away" => Tone::Odd,
        "online" | "on" | "armed_away" => Tone::Good,
        _ => Tone::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_own_events_are_told_in_words() {
        let gap = r#"{"from":"2026-06-11T09:17:59.1234567Z","to":"2026-06-11T09:18:07Z","reason":"session_expired","recovered":"states"}"#;
        assert_eq!(
            engine_says(gap),
            "events between 09:17:59.123 and 09:18:07.000 may be missing (session_expired); recovered: states"
        );
        assert_eq!(engine_says(r#"{"old":"online","new":"delayed","reason":"lost"}"#), "online -> delayed (lost)");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(printable("Lobby\u{1b}[2J"), "Lobby\u{fffd}[2J");
    }

    #[test]
    fn what_a_person_looks_for_stands_out() {
        assert_eq!(
            ["triggered", "unknown", "online", "dimmed"].map(shade),
            [Tone::Bad, Tone::Odd, Tone::Good, Tone::Plain]
        );
    }
}
