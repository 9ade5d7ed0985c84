//! The WebSocket frame (RFC 6455, section 5): reading its header, writing a client's frames. Pure.
//!
//! The header is judged before any of the body is read. The parser of `actix-http` looks at the
//! length only once the whole frame is in memory, so that a server which announces 2 GB fills it.

use bytes::{BufMut, BytesMut};

/// The longest header: two bytes, a 64-bit length, a mask.
pub const MAX_HEADER: usize = 14;

/// The most that a control frame may carry, in bytes (RFC 6455, section 5.5).
pub const MAX_CONTROL: usize = 125;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// The end of the connection.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    /// Whether this is close, ping or pong.
    #[must_use]
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn from_bits(bits: u8) -> Result<Self, FrameError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return Err(FrameError::UnknownOpcode(bits)),
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// Whether the body is masked. The mask is the last four bytes of the header.
    pub masked: bool,
    /// The length of the body, in bytes, as the peer declares it.
    pub len: u64,
    /// The length of the header, in bytes: 2 to [`MAX_HEADER`].
    pub header_len: usize,
}

/// How a peer can break the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A reserved bit is set, although no extension was agreed on.
    #[error("a reserved bit is set")]
    ReservedBit,
    /// There is no such kind of frame.
    #[error("unknown opcode {0:#x}")]
    UnknownOpcode(u8),
    /// Close, ping and pong may not be fragmented.
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// Close, ping and pong carry at most 125 bytes.
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    /// A 64-bit length must leave its top bit clear.
    #[error("a frame declares a length of more than 63 bits")]
    LengthOverflow,
    /// A server must not mask.
    #[error("the server masks its frames")]
    Masked,
    /// A continuation without a message to continue.
    #[error("a continuation without a beginning")]
    StrayContinuation,
    /// A new message before the fragmented one was complete.
    #[error("a new message inside a fragmented one")]
    Interleaved,
}

/// Reads the header at the front of `bytes`; `None` when more bytes are needed to tell.
///
/// # Errors
///
/// [`FrameError`] as soon as the bytes that are there cannot become a legal header. Whether a mask,
/// the length and the order of fragments are acceptable is for the caller to judge, who knows its
/// peer and its limits.
pub fn header(bytes: &[u8]) -> Result<Option<Header>, FrameError> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err(FrameError::ReservedBit);
    }
    let fin = first & 0x80 != 0;
    let opcode = Opcode::from_bits(first & 0x0F)?;
    let masked = second & 0x80 != 0;
    let short = second & 0x7F;
    if opcode.is_control() {
        if !fin {
            return Err(FrameError::FragmentedControl);
        }
        if usize::from(short) > MAX_CONTROL {
            return Err(FrameError::LongControl);
        }
    }
    let (len, len_bytes) = match short {
        126 => match rest.first_chunk() {
            Some(&len) => (u64::from(u16::from_be_bytes(len)), 2),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(&len) => (u64::from_be_bytes(len), 8),
            None => return Ok(None),
        },
        _ => (u64::from(short), 0),
    };
    if len >> 63 != 0 {
        return Err(FrameError::LengthOverflow);
    }
    let header_len = 2 + len_bytes + if masked { 4 } else { 0 };
    if bytes.len() < header_len {
        return Ok(None);
    }
    Ok(Some(Header { fin, opcode, masked, len, header_len }))
}

/// Appends a whole, masked frame, as a client must send it.
///
/// The mask has to be unpredictable and new for each frame (RFC 6455, section 5.3).
pub fn write_masked(out: &mut BytesMut, opcode: Opcode, payload: &[u8], mask: [u8; 4]) {
    out.reserve(MAX_HEADER + payload.len());
    out.put_u8(0x80 | opcode.bits());
    match payload.len() {
        len @ 0..=125 => out.put_u8(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            out.put_u8(0x80 | 126);
            out.put_u16(len as u16);
        }
        len => {
            out.put_u8(0x80 | 127);
            out.put_u64(len as u64);
        }
    }
    out.put_slice(&mask);
    let start = out.len();
    out.put_slice(payload);
    for (byte, key) in out[start..].iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}
