#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod promises;
mod samples;
mod schema;

use super::*;

/// Facts that own what they tell of.
#[derive(Clone, Debug)]
struct Thing {
    connection: ConnectionName,
    vendor: String,
    id: String,
    name: Option<String>,
    /// Group, the vendor's id of it.
    groups: Vec<(String, String)>,
    kinds: Vec<String>,
}

impl Thing {
    fn new(connection: &str, vendor: &str, id: &str, name: Option<&str>, groups: &[(&str, &str)]) -> Self {
        Self {
            connection: connection.parse().unwrap(),
            vendor: vendor.to_owned(),
            id: id.to_owned(),
            name: name.map(str::to_owned),
            groups: groups.iter().map(|(group, id)| ((*group).to_owned(), (*id).to_owned())).collect(),
            kinds: Vec::new(),
        }
    }

    /// What the discovery says of it, under topics such as the sink has.
    fn describe(&self, discovery: &Discovery) -> Vec<Message> {
        let level = |text: &str| {
            text.bytes().fold(String::new(), |level, byte| match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-' => level + &char::from(byte).to_string(),
                other => level + &format!("={other:02X}"),
            })
        };
        let connection = format!("watchpost/{}", level(self.connection.as_str()));
        let item = format!("{connection}/{}", level(&self.id));
        let topics: Vec<String> = self.groups.iter().map(|(_, id)| format!("{item}/states/{}", level(id))).collect();
        let groups = self.groups.iter().zip(&topics);
        discovery.item(&ItemFacts {
            connection: &self.connection,
            vendor: &self.vendor,
            id: &self.id,
            name: self.name.as_deref(),
            parent: parent_of(&self.id),
            groups: groups.map(|((group, vendor_group), topic)| GroupFacts { group, vendor_group, topic }).collect(),
            kinds: self.kinds.iter().map(String::as_str).collect(),
            topics: ItemTopics {
                connection: &format!("{connection}/availability"),
                events: &format!("{item}/events/+"),
                commands: &format!("{item}/commands"),
            },
        })
    }
}

fn discovery(form: Form) -> Discovery {
    Discovery::new("homeassistant", form, "watchpost", "watchpost/availability")
}

fn parsed(message: &Message) -> Value {
    serde_json::from_str(&message.payload).unwrap()
}
