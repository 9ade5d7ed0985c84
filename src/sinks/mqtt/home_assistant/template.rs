//! Jinja templates, by which Home Assistant reads values out of our JSON.
//!
//! What they yield as `None` is an unknown state there. A message that is no JSON (an empty one: the topic was cleared) is unknown, too, and no error.

use serde_json::{Value, json};

/// The value of a state, in any of them.
const VALUE: &str = r#"(value_json | default({})).get("value")"#;

/// One word for another; any other is unknown.
pub(super) fn words<'a>(words: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let words: Vec<String> =
        words.into_iter().map(|(ours, theirs)| format!("{}: {}", text(ours), text(theirs))).collect();
    format!("{{{{ {{ {} }}.get({VALUE}) }}}}", words.join(", "))
}

/// One of these words as it stands; any other is unknown.
pub(super) fn one_of(words: &[&str]) -> String {
    format!("{{% set value = {VALUE} %}}{{{{ value if value in {} else none }}}}", json!(words))
}

/// Any word, as far as a state may be long there.
pub(super) fn any() -> String {
    format!(
        r#"{{% set value = {VALUE} | default("unknown", true) %}}{{{{ none if value == "unknown" else value[:255] }}}}"#
    )
}

/// A number.
pub(super) fn number() -> String {
    format!("{{% set value = {VALUE} %}}{{{{ value if is_number(value) else none }}}}")
}

/// An event, with its type as one of these, else as `other`. What did not happen just now (found later, or delivered again on purpose) yields nothing:
/// Home Assistant dates an event by when it comes.
pub(super) fn event(kinds: &[&str], other: &str) -> String {
    let members = [
        ("id", "id"),
        ("time", "time"),
        ("origin", "origin"),
        ("item", "itemname"),
        ("name", "typename"),
        ("group", "stategroup"),
        ("value", "state"),
    ];
    let members: String = members.map(|(as_, member)| format!(r#", "{as_}": event.get("{member}")"#)).concat();
    format!(
        r#"{{% set event = value_json | default({{}}) %}}{{% if event.get("origin") in ["live", "resumed", "engine"] and not event.get("redelivery") %}}{{{{ {{ "event_type": event.type if event.type in {} else {}, "type": event.type{members} }} | to_json }}}}{{% endif %}}"#,
        json!(kinds),
        text(other)
    )
}

/// As a literal of Jinja, which reads those of JSON.
fn text(text: &str) -> Value {
    json!(text)
}
