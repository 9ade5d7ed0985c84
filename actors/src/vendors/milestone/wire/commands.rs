//! What is sent to the gateway.

use crate::vendors::milestone::config::{EventType, FilterRow, Modifier, Selection};

/// `startSession`; both texts empty for a new session.
pub fn start_session(command: u64, session: &str, event: &str) -> String {
    serde_json::json!({ "command": "startSession", "commandId": command, "sessionId": session, "eventId": event })
        .to_string()
}

/// `addSubscription`. `names` tells the GUIDs of an event type given by name.
pub fn add_subscription(command: u64, rows: &[FilterRow], names: impl Fn(&str) -> Vec<String>) -> String {
    let filters: Vec<_> = rows.iter().map(|row| filter(row, &names)).collect();
    serde_json::json!({ "command": "addSubscription", "commandId": command, "filters": filters }).to_string()
}

fn filter(row: &FilterRow, names: impl Fn(&str) -> Vec<String>) -> serde_json::Value {
    let modifier = match row.modifier {
        Modifier::Include => "include",
        Modifier::Exclude => "exclude",
    };
    let event = |event: &EventType| match event {
        EventType::Id(id) => vec![id.to_string()],
        EventType::Name(name) => names(name),
    };
    serde_json::json!({
        "modifier": modifier,
        "resourceTypes": list(&row.resource_types, |kind| vec![kind.clone()]),
        "sourceIds": list(&row.sources, |id| vec![id.to_string()]),
        "eventTypes": list(&row.events, event),
    })
}

fn list<T>(selection: &Selection<T>, texts: impl Fn(&T) -> Vec<String>) -> Vec<String> {
    match selection {
        Selection::All => vec!["*".to_owned()],
        Selection::Only(items) => items.iter().flat_map(texts).collect(),
    }
}

/// `removeSubscription`. The member's name is inferred from Milestone's .NET library; no sample on the wire uses the command.
pub fn remove_subscription(command: u64, subscription: &str) -> String {
    serde_json::json!({ "command": "removeSubscription", "commandId": command, "subscriptionId": subscription })
        .to_string()
}

/// `getState`.
pub fn get_state(command: u64) -> String {
    serde_json::json!({ "command": "getState", "commandId": command }).to_string()
}
