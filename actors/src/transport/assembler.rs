//! From bytes to whole messages: fragments, limits, UTF-8. Pure; the socket is elsewhere.

use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;

use super::{
    budget::{LARGE, Permit},
    error::CloseReason,
    frame::{self, FrameError, Header, Opcode},
};

/// What came from the server, whole.
///
/// Payloads are slices of the buffer that they were read into: take out what you need and drop them
/// soon, one small slice keeps the whole buffer (up to 256 KiB) alive.
#[derive(Debug)]
pub enum Incoming {
    /// A text message.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
    /// A text message of more than 1 MiB, with its share of the budget: drop that only with the
    /// text. Parse it off the arbiter.
    LargeText(ByteString, Permit),
    /// A binary message of more than 1 MiB, likewise.
    LargeBinary(Bytes, Permit),
    /// A ping. It is answered already; it shows that the server is alive.
    Ping,
    /// A pong, with the payload of the ping that it answers.
    Pong(Bytes),
}

impl Incoming {
    /// The length of the payload, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::LargeText(text, _) => text.len(),
            Self::Binary(bytes) | Self::LargeBinary(bytes, _) | Self::Pong(bytes) => bytes.len(),
            Self::Ping => 0,
        }
    }

    /// Whether there is no payload.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the bytes at hand amount to.
#[derive(Debug)]
pub(super) enum Step {
    /// A whole message.
    Message(Incoming),
    /// A ping to answer.
    Ping(Bytes),
    /// The server closes.
    Close { code: Option<u16>, reason: String },
    /// The next message is whole, or about to be, but larger than the room that was given. Nothing
    /// was taken.
    NoRoom,
    /// A large message begins: [`Assembler::grant`] a permit of this many bytes before reading on.
    /// Nothing was taken.
    NeedsPermit(usize),
    /// More bytes are needed: this many to complete the frame at the front, 0 when any number is
    /// welcome.
    NeedsBytes(usize),
}

/// Puts messages together.
#[derive(Debug)]
pub(super) struct Assembler {
    max_message: usize,
    message: Option<Fragmented>,
    permit: Option<Permit>,
}

/// A message that comes in fragments. They are copied together as they arrive, so that none is held
/// twice.
#[derive(Debug)]
struct Fragmented {
    text: bool,
    body: BytesMut,
    /// What is missing of the present frame's body, in bytes, and whether it is the last frame.
    /// `None` between frames.
    frame: Option<(usize, bool)>,
}

impl Assembler {
    pub(super) fn new(max_message: usize) -> Self {
        Self { max_message, message: None, permit: None }
    }

    /// Hands over the permit for the large message that has begun.
    pub(super) fn grant(&mut self, permit: Permit) {
        self.permit = Some(permit);
    }

    /// Takes the next whole message off the front of `buffer`, if it has at most `room` bytes.
    ///
    /// # Errors
    ///
    /// Why the connection cannot go on. Do not call again after that, nor after [`Step::Close`].
    pub(super) fn next(&mut self, buffer: &mut BytesMut, room: usize) -> Result<Step, CloseReason> {
        loop {
            if let Some(message) = &mut self.message
                && let Some((missing, last)) = &mut message.frame
            {
                let here = buffer.len().min(*missing);
                message.body.extend_from_slice(&buffer[..here]);
                buffer.advance(here);
                *missing -= here;
                if *missing > 0 {
                    return Ok(Step::NeedsBytes(0));
                }
                let last = *last;
                message.frame = None;
                if last {
                    return self.finish().map(Step::Message);
                }
            }

            let Some(header) = frame::header(buffer).map_err(CloseReason::Protocol)? else {
                return Ok(Step::NeedsBytes(0));
            };
            if header.masked {
                return Err(CloseReason::Protocol(FrameError::Masked));
            }
            let step =
                if header.opcode.is_control() { control(header, buffer)? } else { self.data(header, buffer, room)? };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    /// A data frame, of which the header is at the front of `buffer`. `None` when the body of a
    /// fragment is to be read next.
    fn data(&mut self, header: Header, buffer: &mut BytesMut, room: usize) -> Result<Option<Step>, CloseReason> {
        let so_far = match (&self.message, header.opcode) {
            (Some(message), Opcode::Continuation) => message.body.len(),
            (None, Opcode::Continuation) => {
                return Err(CloseReason::Protocol(FrameError::StrayContinuation));
            }
            (Some(_), _) => return Err(CloseReason::Protocol(FrameError::Interleaved)),
            (None, _) => 0,
        };
        let declared = header.len.saturating_add(so_far as u64);
        let too_large = CloseReason::TooLarge { declared, limit: self.max_message };
        let Ok(len) = usize::try_from(header.len) else {
            return Err(too_large);
        };
        let Some(whole) = so_far.checked_add(len).filter(|&whole| whole <= self.max_message) else {
            return Err(too_large);
        };
        if header.fin && whole > room {
            return Ok(Some(Step::NoRoom));
        }
        if whole > LARGE && self.permit.is_none() {
            // With more fragments to come the size is not known. Asking for more later, while
            // holding this, could leave two connections waiting for each other; so the permit is
            // for the worst case.
            return Ok(Some(Step::NeedsPermit(if header.fin { whole } else { self.max_message })));
        }

        let alone = header.fin && self.message.is_none();
        if alone {
            let missing = (header.header_len + len).saturating_sub(buffer.len());
            if missing > 0 {
                return Ok(Some(Step::NeedsBytes(missing)));
            }
            buffer.advance(header.header_len);
            let body = buffer.split_to(len).freeze();
            return self.whole(header.opcode == Opcode::Text, body).map(|message| Some(Step::Message(message)));
        }

        buffer.advance(header.header_len);
        let text = header.opcode == Opcode::Text;
        let message = self.message.get_or_insert_with(|| Fragmented { text, body: BytesMut::new(), frame: None });
        // With a permit the memory is accounted for, so it is reserved once; untouched pages cost
        // nothing.
        let ahead = if self.permit.is_some() && !header.fin { self.max_message - so_far } else { len };
        if message.body.capacity() - so_far < len {
            message.body.reserve(ahead);
        }
        message.frame = Some((len, header.fin));
        Ok(None)
    }

    fn finish(&mut self) -> Result<Incoming, CloseReason> {
        let (text, body) =
            self.message.take().map_or((false, Bytes::new()), |message| (message.text, message.body.freeze()));
        self.whole(text, body)
    }

    fn whole(&mut self, text: bool, body: Bytes) -> Result<Incoming, CloseReason> {
        let permit = self.permit.take().map(|mut permit| {
            permit.shrink_to(body.len());
            permit
        });
        if !text {
            return Ok(match permit {
                Some(permit) => Incoming::LargeBinary(body, permit),
                None => Incoming::Binary(body),
            });
        }
        let text = ByteString::try_from(body).map_err(|_| CloseReason::NotUtf8)?;
        Ok(match permit {
            Some(permit) => Incoming::LargeText(text, permit),
            None => Incoming::Text(text),
        })
    }
}

/// A control frame, of which the header is at the front of `buffer`.
fn control(header: Header, buffer: &mut BytesMut) -> Result<Option<Step>, CloseReason> {
    // The length was judged with the header: 125 at most.
    let len = header.len as usize;
    let missing = (header.header_len + len).saturating_sub(buffer.len());
    if missing > 0 {
        return Ok(Some(Step::NeedsBytes(missing)));
    }
    buffer.advance(header.header_len);
    let body = buffer.split_to(len).freeze();
    Ok(Some(match header.opcode {
        Opcode::Ping => Step::Ping(body),
        Opcode::Pong => Step::Message(Incoming::Pong(body)),
        _ => close(&body),
    }))
}

/// Reads a close frame with lenience: the connection ends anyway, and what the server says of it
/// may help.
fn close(body: &[u8]) -> Step {
    match body.split_first_chunk() {
        Some((&code, reason)) => {
            Step::Close { code: Some(u16::from_be_bytes(code)), reason: String::from_utf8_lossy(reason).into_owned() }
        }
        None => Step::Close { code: None, reason: String::new() },
    }
}
