//! Events as frames, written once for all clients that follow: the last blocks of the journal, bounded in bytes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use watchpost_actors::model::{Filter, Sequence, event::Committed};

use super::frame;

/// Bytes of frames in a block, or one event if that is larger. A client never holds more than one block.
const BLOCK: usize = 16 << 10;
/// Bytes of frames that are kept: as much as the journal keeps of its latest in memory.
const KEPT: usize = 8 << 20;

/// Events of one group that follow each other, as frames.
#[derive(Debug)]
pub(super) struct Block {
    commit: Arc<Committed>,
    /// Where in the group it begins.
    begin: usize,
    text: Bytes,
    /// Where in the text each event ends.
    ends: Vec<usize>,
}

impl Block {
    /// The frames of a group from an event on, as many as make a block.
    fn of(commit: &Arc<Committed>, begin: usize) -> Self {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        for stored in (begin..commit.events.len()).filter_map(|index| commit.get(index)) {
            frame::event(&mut text, &stored);
            ends.push(text.len());
            if text.len() >= BLOCK {
                break;
            }
        }
        Self { commit: Arc::clone(commit), begin, text: text.into(), ends }
    }

    fn first(&self) -> Sequence {
        self.commit.first.plus(self.begin as u64)
    }

    /// The number after its last event.
    pub(super) fn next(&self) -> Sequence {
        self.first().plus(self.ends.len() as u64)
    }

    /// When its events were stored.
    pub(super) fn recorded(&self) -> Timestamp {
        self.commit.recorded
    }

    /// The frames of the events from `from` on that a filter wants, and the last of them.
    pub(super) fn wanted(&self, from: Sequence, filter: &Filter) -> (Bytes, Option<Sequence>) {
        let skip = usize::try_from(from.0.saturating_sub(self.first().0)).unwrap_or(usize::MAX);
        let (mut pieces, mut run, mut last) = (Vec::new(), None, None);
        for (index, end) in self.ends.iter().enumerate().skip(skip) {
            let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
            match self.commit.get(self.begin + index).filter(|stored| filter.wants(stored)) {
                Some(stored) => {
                    run = Some(run.map_or(begin, |(begin, _)| begin)).map(|begin| (begin, *end));
                    last = Some(stored.sequence);
                }
                None => pieces.extend(run.take()),
            }
        }
        pieces.extend(run);
        let pieces: Vec<_> = pieces.into_iter().map(|(begin, end)| self.text.slice(begin..end)).collect();
        (frame::joined(&pieces), last)
    }
}

/// The last blocks of the journal.
#[derive(Debug, Default)]
pub(super) struct Rendered(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    blocks: VecDeque<Arc<Block>>,
    bytes: usize,
}

impl Rendered {
    /// The block with this event, if it is kept.
    pub(super) fn get(&self, at: Sequence) -> Option<Arc<Block>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(at)
    }

    /// The block of a group that begins with an event, or one that is kept and has it.
    pub(super) fn block(&self, commit: &Arc<Committed>, at: Sequence) -> Option<Arc<Block>> {
        let begin = usize::try_from(at.0.saturating_sub(commit.first.0)).ok()?;
        if begin >= commit.events.len() {
            return None;
        }
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = ring.get(at) {
            return Some(kept);
        }
        // Only what comes behind all that is kept is kept too: who reads old events must not drive out what all others read next.
        if ring.blocks.back().is_some_and(|last| at < last.next()) {
            drop(ring);
            return Some(Arc::new(Block::of(commit, begin)));
        }
        // Written with the lock held: whoever waits for it meanwhile wants the same block.
        let block = Arc::new(Block::of(commit, begin));
        ring.push(&block);
        Some(block)
    }
}

impl Ring {
    fn get(&self, at: Sequence) -> Option<Arc<Block>> {
        let place = self.blocks.partition_point(|block| block.next() <= at);
        self.blocks.get(place).filter(|block| block.first() <= at).map(Arc::clone)
    }

    fn push(&mut self, block: &Arc<Block>) {
        self.bytes += block.text.len();
        self.blocks.push_back(Arc::clone(block));
        while self.bytes > KEPT {
            let Some(oldest) = self.blocks.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
    }
}
