//! WebSocket messages as unmasked frames.

pub(in crate::simulator) const TEXT: u8 = 0x1;
const CONTINUATION: u8 = 0x0;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// One unmasked frame.
fn write_frame(out: &mut Vec<u8>, last: bool, opcode: u8, payload: &[u8]) {
    write_header(out, last, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// The header of an unmasked frame whose payload follows, or never follows.
pub(in crate::simulator) fn write_header(out: &mut Vec<u8>, last: bool, opcode: u8, length: usize) {
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

fn whole(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 10);
    write_frame(&mut out, true, opcode, payload);
    out
}

pub(in crate::simulator) fn text(payload: &[u8]) -> Vec<u8> {
    whole(TEXT, payload)
}

pub(in crate::simulator) fn binary(payload: &[u8]) -> Vec<u8> {
    whole(BINARY, payload)
}

pub(in crate::simulator) fn ping(payload: &[u8]) -> Vec<u8> {
    whole(PING, payload)
}

pub(in crate::simulator) fn pong(payload: &[u8]) -> Vec<u8> {
    whole(PONG, payload)
}

pub(in crate::simulator) fn close(code: u16) -> Vec<u8> {
    whole(CLOSE, &code.to_be_bytes())
}

/// A text in up to four frames with a ping after each but the last. The cuts heed no character's boundary.
pub(in crate::simulator) fn fragments(payload: &[u8]) -> Vec<u8> {
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
