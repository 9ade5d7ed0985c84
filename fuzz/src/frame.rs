//! WebSocket frames.

use bytes::BytesMut;
use watchpost::actors::transport::frame::{self, MAX_CONTROL, MAX_HEADER, Opcode};

/// Headers of frames, and frames of our own read again.
pub fn frames(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some(header)) = frame::header(rest) {
        assert!((2..=MAX_HEADER).contains(&header.header_len));
        assert!(header.header_len <= rest.len());
        assert!(!header.opcode.is_control() || (header.fin && header.len <= MAX_CONTROL as u64));
        let whole = usize::try_from(header.len).ok().and_then(|len| header.header_len.checked_add(len));
        match whole.and_then(|whole| rest.get(whole..)) {
            Some(next) => rest = next,
            None => break,
        }
    }
    // As much as came is enough to say what is needed, and never changes what was said.
    for end in 0..data.len().min(MAX_HEADER) {
        if let Ok(Some(early)) = frame::header(&data[..end]) {
            assert_eq!(frame::header(data), Ok(Some(early)));
        }
    }
    let mask = [data.first().copied().unwrap_or(0), 1, 2, 3];
    let mut out = BytesMut::new();
    frame::write_masked(&mut out, Opcode::Binary, data, mask);
    let written = frame::header(&out);
    let Ok(Some(header)) = written else { panic!("our own frame cannot be read: {written:?}") };
    assert!(header.fin && header.masked && header.opcode == Opcode::Binary);
    assert_eq!(header.len, data.len() as u64);
    let body: Vec<u8> =
        out[header.header_len..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    assert_eq!(body, data);
}
