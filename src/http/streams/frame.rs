//! What a stream of server-sent events is made of (WHATWG HTML, "Server-sent events").

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use watchpost_actors::model::{Sequence, event::Stored};

/// The first that a client hears: that the stream stands, and how soon to come again after its end, in milliseconds.
pub(super) const OPENING: &[u8] = b": watchpost\nretry: 2000\n\n";
/// Keeps proxies from taking silence for death.
pub(super) const HEARTBEAT: &[u8] = b":\n\n";

/// An event as the journal has it. Its line has no line end in it, so it is one line of data.
pub(super) fn event(text: &mut Vec<u8>, stored: &Stored<'_>) {
    begin(text, Some(stored.sequence), "event");
    stored.write_line(text);
    text.extend_from_slice(b"\n\n");
}

/// Anything that is JSON and no place in the journal: without an id, so that it can stand among events.
pub(super) fn json(text: &mut Vec<u8>, kind: &str, data: &impl Serialize) {
    write(text, None, kind, data);
}

/// The same by itself.
pub(super) fn one(kind: &str, data: &impl Serialize) -> Bytes {
    let mut text = Vec::new();
    write(&mut text, None, kind, data);
    text.into()
}

/// The same in a place of the journal.
pub(super) fn one_at(id: Sequence, kind: &str, data: &impl Serialize) -> Bytes {
    let mut text = Vec::new();
    write(&mut text, Some(id), kind, data);
    text.into()
}

fn write(text: &mut Vec<u8>, id: Option<Sequence>, kind: &str, data: &impl Serialize) {
    let start = text.len();
    begin(text, id, kind);
    // JSON escapes line ends within texts, so it is one line of data.
    if serde_json::to_writer(&mut *text, data).is_err() {
        text.truncate(start);
        return;
    }
    text.extend_from_slice(b"\n\n");
}

/// Moves the place at which a client would resume, and is no event to it.
pub(super) fn position(id: Sequence) -> Bytes {
    format!("id: {id}\n\n").into()
}

fn begin(text: &mut Vec<u8>, id: Option<Sequence>, kind: &str) {
    if let Some(id) = id {
        text.extend_from_slice(b"id: ");
        text.extend_from_slice(id.to_string().as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(b"event: ");
    text.extend_from_slice(kind.as_bytes());
    text.extend_from_slice(b"\ndata: ");
}

/// Pieces as one; a single one is not copied.
pub(super) fn joined(pieces: &[Bytes]) -> Bytes {
    match pieces {
        [] => Bytes::new(),
        [one] => one.clone(),
        several => {
            let mut all = BytesMut::with_capacity(several.iter().map(Bytes::len).sum());
            several.iter().for_each(|piece| all.put_slice(piece));
            all.freeze()
        }
    }
}
