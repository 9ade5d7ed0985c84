//! How things look on the wire: events as JSON, messages as WebSocket frames.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{faults::FaultKind, ledger::Emitted, switches::Switches};

pub(super) const TEXT: u8 = 0x1;
const CONTINUATION: u8 = 0x0;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// The faults that change how events and replies are written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spelling {
    pub(super) mixed_case: bool,
    pub(super) unknown_members: bool,
    pub(super) spec_version_case: bool,
}

impl Spelling {
    pub(super) fn of(switches: &Switches) -> Self {
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

/// One unmasked frame.
pub(super) fn write_frame(out: &mut Vec<u8>, last: bool, opcode: u8, payload: &[u8]) {
    write_header(out, last, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// The header of an unmasked frame whose payload follows, or never follows.
pub(super) fn write_header(out: &mut Vec<u8>, last: bool, opcode: u8, length: usize) {
    out.push(u8::from(last) << 7 | opcode);
    match length {
        0..126 => out.push(length as u8),
        126..=0xFFFF => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

pub(super) fn text(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 10);
    write_frame(&mut out, true, TEXT, payload);
    out
}

pub(super) fn pong(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 2);
    write_frame(&mut out, true, PONG, payload);
    out
}

pub(super) fn close(code: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(4);
    write_frame(&mut out, true, CLOSE, &code.to_be_bytes());
    out
}

/// A text in up to four frames with a ping after each but the last. The cuts heed no character's boundary.
pub(super) fn fragments(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 64);
    let pieces = payload.chunks(payload.len().div_ceil(4).max(1));
    let count = pieces.len();
    for (n, piece) in pieces.enumerate() {
        let opcode = if n == 0 { TEXT } else { CONTINUATION };
        let last = n + 1 == count;
        write_frame(&mut out, last, opcode, piece);
        if !last {
            write_frame(&mut out, true, PING, b"between");
        }
    }
    out
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
