//! The outlet of sinks that write lines: one event a line, in the order of the journal.

use std::{cell::RefCell, io};

use watchpost_actors::model::{Sequence, event::SharedEvent};

use super::outlet::{Failure, Manner, Outlet};

/// Events written at a time at most.
const BATCH: usize = 1_024;

/// Something that lines are written to.
pub(super) trait LineWriter: io::Write {
    /// Comes back when what was written outlives whatever this sink has to outlive.
    fn keep(&mut self) -> io::Result<()> {
        self.flush()
    }

    /// When the reader at the other end goes away, none will come again.
    fn has_one_reader(&self) -> bool {
        false
    }
}

/// Writes events as lines. What was written of a delivery that failed is not written again when it is tried again.
pub(super) struct Lines {
    inner: RefCell<Inner>,
}

struct Inner {
    writer: Box<dyn LineWriter>,
    /// The lines of the delivery under way, where it begins and ends, and how much of it is written.
    lines: Vec<u8>,
    of: Option<(Sequence, Sequence)>,
    done: usize,
}

impl Lines {
    pub(super) fn new(writer: Box<dyn LineWriter>) -> Self {
        Self { inner: RefCell::new(Inner { writer, lines: Vec::new(), of: None, done: 0 }) }
    }
}

impl Outlet for Lines {
    fn manner(&self) -> Manner {
        Manner { per_connection: false, batch: BATCH, slides: false, tries: 1 }
    }

    async fn deliver(&self, events: &[SharedEvent], redelivery: bool) -> Result<(), Failure> {
        // Nothing is awaited while it is borrowed.
        let mut inner = self.inner.borrow_mut();
        let of = events.first().zip(events.last()).map(|(first, last)| (first.get().sequence, last.get().sequence));
        if !inner.lines.is_empty() && inner.of != of {
            // It was given up in the middle of a line, and only who began it may end it.
            return Err(Failure::Again { why: "another delivery is not ended".to_owned(), after: None });
        }
        if inner.lines.is_empty() {
            inner.of = of;
            for event in events {
                event.get().write_line_as(&mut inner.lines, redelivery);
                inner.lines.push(b'\n');
            }
        }
        let written = inner.write();
        if written.is_ok() {
            inner.lines.clear();
            inner.done = 0;
        }
        written.map_err(|error| {
            if inner.writer.has_one_reader() && error.kind() == io::ErrorKind::BrokenPipe {
                Failure::ReaderGone
            } else {
                Failure::Again { why: error.to_string(), after: None }
            }
        })
    }
}

impl Inner {
    fn write(&mut self) -> io::Result<()> {
        while self.done < self.lines.len() {
            match self.writer.write(&self.lines[self.done..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => self.done += taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.writer.keep()
    }
}
