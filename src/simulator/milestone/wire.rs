//! How things look on the wire: events and replies as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{
    faults::{Fault, FaultKind},
    ledger::Emitted,
};
use crate::simulator::common::switches::Switches;

/// The faults that change how events and replies are written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spelling {
    pub(super) mixed_case: bool,
    pub(super) unknown_members: bool,
    pub(super) spec_version_case: bool,
}

impl Spelling {
    pub(super) fn of(switches: &Switches<Fault>) -> Self {
        Self {
            mixed_case: switches.on(FaultKind::MixedCase),
            unknown_members: switches.on(FaultKind::UnknownMembers),
            spec_version_case: switches.on(FaultKind::SpecVersionCase),
        }
    }

    /// A GUID, or a source that ends in one, as it is to be written. `salt` decides between upper, mixed and lower case.
    pub(super) fn guid(self, text: &str, salt: u64) -> String {
        if !self.mixed_case || salt % 3 == 2 {
            return text.to_owned();
        }
        let (head, guid) = text.rsplit_once('/').unwrap_or(("", text));
        let guid: String = guid
            .chars()
            .enumerate()
            .map(|(n, c)| if salt.is_multiple_of(3) || n.is_multiple_of(2) { c.to_ascii_uppercase() } else { c })
            .collect();
        if head.is_empty() { guid } else { format!("{head}/{guid}") }
    }

    const fn spec_version(self) -> &'static str {
        if self.spec_version_case { "specVersion" } else { "specversion" }
    }
}

/// Writes one event. Ids, sources and times need no escaping: they are GUIDs, digits and known words.
pub(super) fn write_event(out: &mut String, event: &Emitted, spelling: Spelling) {
    let salt = event.index;
    let _ = write!(out, r#"{{"{}":"1.0""#, spelling.spec_version());
    let mut member = |name: &str, value: &str| {
        if event.missing != Some(name) {
            let _ = write!(out, r#","{name}":"{value}""#);
        }
    };
    member("id", &event.id);
    member("source", &spelling.guid(&event.source, salt));
    member("type", &spelling.guid(&event.event_type, salt + 1));
    member("time", &event.time);
    if let Some(group) = &event.group {
        member("stategroupid", &spelling.guid(group, salt));
    }
    if let Some(data) = &event.data {
        let _ = write!(out, r#","data":{data}"#);
    }
    if spelling.unknown_members {
        out.push_str(r#","datatype":"none","hop":{"count":2,"via":["a","b"]}"#);
    }
    out.push('}');
}

/// One entry of `states[]`, in the member order observed on 2025 R2 sites. `padding` bytes are added for `huge-state`.
pub(super) fn write_state(out: &mut String, state: &Emitted, spelling: Spelling, padding: usize) {
    let salt = state.index;
    let _ = write!(
        out,
        r#"{{"id":"{}","source":"{}","{}":"1.0","stategroupid":"{}","time":"{}","type":"{}""#,
        state.id,
        spelling.guid(&state.source, salt),
        spelling.spec_version(),
        spelling.guid(state.group.as_deref().unwrap_or_default(), salt),
        state.time,
        spelling.guid(&state.event_type, salt + 1),
    );
    if padding > 0 {
        out.push_str(r#","data":{"padding":""#);
        out.extend(std::iter::repeat_n('x', padding));
        out.push_str(r#""}"#);
    }
    out.push('}');
}

/// A frame of events.
pub(super) fn write_events<'a>(events: impl Iterator<Item = &'a Emitted>, spelling: Spelling) -> String {
    let mut out = String::from(r#"{"events":["#);
    for (n, event) in events.enumerate() {
        if n > 0 {
            out.push(',');
        }
        write_event(&mut out, event, spelling);
    }
    out.push(']');
    if spelling.unknown_members {
        out.push_str(r#","sequence":7"#);
    }
    out.push('}');
    out
}

/// A reply to a command; `members` are added to `commandId` and `status`.
pub(super) fn reply(command_id: &Value, status: u16, members: Value, spelling: Spelling) -> String {
    let mut reply = json!({ "commandId": command_id, "status": status });
    if let (Some(reply), Value::Object(members)) = (reply.as_object_mut(), members) {
        reply.extend(members);
        if spelling.unknown_members {
            reply.insert("serverTime".to_owned(), json!({ "drift": null }));
        }
    }
    reply.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::SystemTime;

    use super::*;

    fn event() -> Emitted {
        Emitted {
            index: 0,
            id: "e1".to_owned(),
            source: "cameras/abc-1".into(),
            event_type: "def-2".into(),
            group: Some("aaa-3".into()),
            time: "2025-06-11T09:17:59.1234567Z".to_owned(),
            data: Some(r#"{"a":1}"#.into()),
            at: SystemTime::UNIX_EPOCH,
            missing: None,
        }
    }

    fn written(event: &Emitted, spelling: Spelling) -> Value {
        let text = write_events(std::iter::once(event), spelling);
        serde_json::from_str::<Value>(&text).unwrap()["events"][0].clone()
    }

    #[test]
    fn an_event_has_the_documented_members() {
        let expected = json!({
            "specversion": "1.0", "id": "e1", "source": "cameras/abc-1", "type": "def-2", "data": {"a": 1},
            "time": "2025-06-11T09:17:59.1234567Z", "stategroupid": "aaa-3",
        });
        assert_eq!(written(&event(), Spelling::default()), expected);
    }

    #[test]
    fn spelling_changes_guids_but_never_event_ids() {
        let spelling = Spelling { mixed_case: true, unknown_members: true, spec_version_case: true };
        let event = written(&event(), spelling);
        assert_eq!(event["source"], "cameras/ABC-1");
        assert_eq!(event["type"], "DeF-2");
        assert_eq!(event["id"], "e1");
        assert_eq!(event["specVersion"], "1.0");
        assert!(event["hop"].is_object());
    }

    #[test]
    fn a_missing_member_is_left_out() {
        for name in ["id", "source", "type", "time"] {
            let event = Emitted { missing: Some(name), ..event() };
            assert!(written(&event, Spelling::default()).get(name).is_none());
        }
    }
}
