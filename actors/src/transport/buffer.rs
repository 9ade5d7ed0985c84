//! How much to read at a time: nothing is held for an idle connection, up to 256 KiB are read at
//! once in a flood.
//!
//! A quiet connection reads into the stack and allocates what came. When that was full there is
//! more, and a buffer is made: twice as large after each read that filled it, half as large after
//! one that filled less than a quarter.

use std::{
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use awc::BoxedSocket;
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// What a quiet connection reads at most, in bytes.
pub(super) const PROBE: usize = 4 * 1024;

const SMALLEST: usize = 16 * 1024;

/// What a flooded connection reads at most, in bytes.
pub(super) const LARGEST: usize = 256 * 1024;

/// The bytes that were read and not yet taken, and how many to read next.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    pub(super) bytes: BytesMut,
    size: usize,
    last: LastRead,
}

/// How the last read went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastRead {
    /// There was less than asked for.
    Short,
    /// A probe was filled.
    FullProbe,
    /// A buffer was filled.
    FullBuffer,
}

impl ReadBuffer {
    /// Starts with what the opening of the connection has read beyond its own need.
    pub(super) fn new(leftover: &[u8]) -> Self {
        Self { bytes: BytesMut::from(leftover), size: SMALLEST, last: LastRead::Short }
    }

    /// Whether the last read was a probe that came back full, so that more is likely waiting.
    pub(super) fn probe_was_full(&self) -> bool {
        self.last == LastRead::FullProbe
    }

    /// Reads once. `missing` is how many bytes complete the frame at the front, 0 if that is not
    /// known. 0 read means the end.
    pub(super) fn poll_read(
        &mut self,
        socket: &mut BoxedSocket,
        cx: &mut Context<'_>,
        missing: usize,
    ) -> Poll<io::Result<usize>> {
        if self.bytes.is_empty() && self.last == LastRead::Short && missing <= PROBE {
            return self.poll_probe(socket, cx);
        }
        self.make_room(missing);
        let room = self.bytes.capacity() - self.bytes.len();
        let count = ready!(pin!(socket.read_buf(&mut self.bytes)).poll(cx))?;
        if count == room {
            self.last = LastRead::FullBuffer;
            self.size = (self.size * 2).min(LARGEST);
        } else {
            self.last = LastRead::Short;
            if count < self.size / 4 {
                self.size = (self.size / 2).max(SMALLEST);
            }
        }
        Poll::Ready(Ok(count))
    }

    fn poll_probe(&mut self, socket: &mut BoxedSocket, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut stack = [const { MaybeUninit::uninit() }; PROBE];
        let mut probe = ReadBuf::uninit(&mut stack);
        ready!(Pin::new(socket).poll_read(cx, &mut probe))?;
        let count = probe.filled().len();
        self.bytes = BytesMut::from(probe.filled());
        self.last = if count == PROBE { LastRead::FullProbe } else { LastRead::Short };
        Poll::Ready(Ok(count))
    }

    /// Makes room to read: for a whole read where that costs little copying, at least for the frame
    /// at the front. A frame larger than a read is given exactly its size, once.
    fn make_room(&mut self, missing: usize) {
        let room = self.bytes.capacity() - self.bytes.len();
        let want = missing.max(self.size);
        let enough = if self.bytes.len() <= PROBE { want } else { missing.max(1) };
        if room < enough && !self.bytes.try_reclaim(want) {
            let mut larger = BytesMut::with_capacity(self.bytes.len() + want);
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
    }

    /// Gives memory back before a wait of unknown length. A large frame keeps the room that was
    /// made for it.
    pub(super) fn rest(&mut self) {
        self.last = LastRead::Short;
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        } else if self.bytes.len() <= PROBE && self.bytes.capacity() <= 2 * LARGEST {
            // Even a short rest keeps the whole buffer alive that it is part of, so it moves.
            self.bytes = BytesMut::from(&self.bytes[..]);
        }
    }

    /// The memory held, in bytes.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }
}
