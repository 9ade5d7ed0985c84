//! Events as frames, written once for all clients that follow: the last blocks of the journal, bounded in bytes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use watchpost_actors::model::{Filter, Sequence, event::Committed};

use super::frame;

/// Bytes of frames after which a block is full. A client holds two at most.
pub(super) const BLOCK: usize = 16 << 10;
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

    /// What a filter wants of it, from an event on.
    pub(super) fn wanted(&self, from: Sequence, filter: &Filter) -> Wanted {
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
        Wanted { frames: frame::joined(&pieces), last, next: self.next(), recorded: self.commit.recorded }
    }
}

/// What a client wants of events that follow each other.
#[derive(Debug)]
pub(super) struct Wanted {
    /// About a block of frames at most.
    pub(super) frames: Bytes,
    /// The last of their events.
    pub(super) last: Option<Sequence>,
    /// The number after the last event that was looked at.
    pub(super) next: Sequence,
    /// When the events were stored.
    pub(super) recorded: Timestamp,
}

impl Wanted {
    /// What a filter wants of a group, from an event on. Nothing else of it is written.
    fn of(commit: &Committed, begin: usize, filter: &Filter) -> Self {
        let (mut text, mut last, mut next) = (Vec::new(), None, commit.first.plus(begin as u64));
        for stored in (begin..commit.events.len()).filter_map(|index| commit.get(index)) {
            next = stored.sequence.plus(1);
            if filter.wants(&stored) {
                frame::event(&mut text, &stored);
                last = Some(stored.sequence);
            }
            if text.len() >= BLOCK {
                break;
            }
        }
        Self { frames: text.into(), last, next, recorded: commit.recorded }
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
    /// The blocks from this event on that are kept, as many as together make one that is full.
    pub(super) fn from(&self, at: Sequence) -> Vec<Arc<Block>> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut found, mut size, mut next) = (Vec::new(), 0, at);
        for block in ring.blocks.range(ring.place(at)..) {
            // Where numbers were skipped, the journal says why.
            if block.first() > next || size >= BLOCK {
                break;
            }
            size += block.text.len();
            next = block.next();
            found.push(Arc::clone(block));
        }
        found
    }

    /// What a filter wants of a group from an event on, about a block of it. What is `old` nobody else may ever read, and is not kept.
    pub(super) fn wanted(&self, commit: &Arc<Committed>, at: Sequence, filter: &Filter, old: bool) -> Option<Wanted> {
        let begin = usize::try_from(at.0.saturating_sub(commit.first.0)).ok()?;
        if begin >= commit.events.len() {
            return None;
        }
        let block = self.block(commit, begin, old);
        Some(block.map_or_else(|| Wanted::of(commit, begin, filter), |block| block.wanted(at, filter)))
    }

    /// The block with an event, if it is kept or is to be.
    fn block(&self, commit: &Arc<Committed>, begin: usize, old: bool) -> Option<Arc<Block>> {
        let at = commit.first.plus(begin as u64);
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = ring.get(at) {
            return Some(kept);
        }
        // Only what comes behind all that is kept is kept too: who reads old events must not drive out what all others read next.
        if old || ring.blocks.back().is_some_and(|last| at < last.next()) {
            return None;
        }
        // Written with the lock held: whoever waits for it meanwhile wants the same block.
        let block = Arc::new(Block::of(commit, begin));
        ring.push(&block);
        Some(block)
    }
}

impl Ring {
    /// Where the block with this event is, if it is kept.
    fn place(&self, at: Sequence) -> usize {
        self.blocks.partition_point(|block| block.next() <= at)
    }

    fn get(&self, at: Sequence) -> Option<Arc<Block>> {
        self.blocks.get(self.place(at)).filter(|block| block.first() <= at).map(Arc::clone)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use watchpost_actors::model::{
        ConnectionName, EventId,
        event::{Event, Meaning, Origin},
        filter::FilterSettings,
    };

    /// Events of alternating types.
    fn commit(first: u64, count: usize, data: usize) -> Arc<Committed> {
        let event = |index: usize| Event {
            id: EventId::new("x"),
            origin: Origin::Live,
            meaning: Meaning { kind: ["even", "odd"][index % 2].into(), name: None, state: None }.into(),
            item: None,
            time: "".into(),
            data: format!("\"{}\"", "x".repeat(data)).into(),
        };
        Arc::new(Committed {
            connection: ConnectionName::new("hq").unwrap(),
            vendor: "test",
            first: Sequence(first),
            recorded: Timestamp::UNIX_EPOCH,
            events: (0..count).map(event).collect::<Vec<_>>().into(),
        })
    }

    fn ids(text: &[u8]) -> Vec<u64> {
        let lines = std::str::from_utf8(text).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
        lines.iter().filter_map(|line| line.strip_prefix("id: ")).map(|id| id.parse().unwrap()).collect()
    }

    fn odd() -> Filter {
        let odd = FilterSettings { types: vec!["odd".to_owned()], ..FilterSettings::default() };
        Filter::new(&odd).unwrap()
    }

    #[test]
    fn what_is_wanted_is_the_same_of_what_is_kept_and_of_what_is_old() {
        let rendered = Rendered::default();
        let group = commit(10, 8, 1);
        let wanted = |from, filter: &Filter, old| {
            let wanted = rendered.wanted(&group, Sequence(from), filter, old).unwrap();
            assert_eq!((wanted.next, wanted.recorded), (Sequence(18), Timestamp::UNIX_EPOCH));
            (ids(&wanted.frames), wanted.last.map(|last| last.0))
        };
        for old in [true, false] {
            assert_eq!(wanted(10, &Filter::everything(), old), ((10..18).collect(), Some(17)));
            assert_eq!(rendered.from(Sequence(10)).is_empty(), old);
            assert_eq!(wanted(15, &Filter::everything(), old), (vec![15, 16, 17], Some(17)));
            assert_eq!(wanted(12, &odd(), old), (vec![13, 15, 17], Some(17)));
            assert_eq!(wanted(16, &odd(), old), (vec![17], Some(17)));
            assert!(rendered.wanted(&group, Sequence(18), &odd(), old).is_none());
        }
        let block = rendered.block(&group, 0, false).unwrap();
        assert_eq!(block.wanted(Sequence(18), &odd()).last, None);
    }

    #[test]
    fn of_old_events_only_those_are_written_that_are_wanted_and_about_a_block_at_a_time() {
        let (rendered, group) = (Rendered::default(), commit(10, 100, 1_000));
        let nothing = FilterSettings { types: vec!["none".to_owned()], ..FilterSettings::default() };
        let wanted = rendered.wanted(&group, Sequence(10), &Filter::new(&nothing).unwrap(), true).unwrap();
        assert_eq!((wanted.frames.len(), wanted.last, wanted.next), (0, None, Sequence(110)));
        let (mut seen, mut at) = (Vec::new(), Sequence(10));
        while let Some(wanted) = rendered.wanted(&group, at, &odd(), true) {
            assert!(wanted.frames.len() < BLOCK + 2_000);
            seen.extend(ids(&wanted.frames));
            at = wanted.next;
        }
        assert_eq!(seen, (11..110).step_by(2).collect::<Vec<_>>());
    }

    #[test]
    fn blocks_follow_each_other_without_a_hole_and_who_reads_old_events_drives_none_out() {
        let rendered = Rendered::default();
        let everything = Filter::everything();
        let (old, new, later) = (commit(1, 4, 1), commit(10, 100, 1_000), commit(200, 1, 1));
        let mut at = Sequence(10);
        while let Some(wanted) = rendered.wanted(&new, at, &everything, false) {
            assert!(wanted.frames.len() < BLOCK + 2_000);
            at = wanted.next;
        }
        assert_eq!(at, Sequence(110));
        rendered.wanted(&later, Sequence(200), &everything, false).unwrap();
        rendered.wanted(&old, Sequence(1), &everything, false).unwrap();
        assert!(rendered.from(Sequence(1)).is_empty());
        let (mut seen, mut at) = (Vec::new(), Sequence(12));
        loop {
            let blocks = rendered.from(at);
            let Some(last) = blocks.last() else { break };
            for block in &blocks {
                seen.extend(ids(&block.wanted(at, &everything).frames));
            }
            at = last.next();
        }
        assert_eq!(seen, (12..110).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let rendered = Rendered::default();
        for nth in 0..30 {
            rendered.block(&commit(nth, 1, 1 << 20), 0, false).unwrap();
        }
        assert!(rendered.0.lock().unwrap().bytes <= KEPT);
        assert!(rendered.from(Sequence(0)).is_empty() && !rendered.from(Sequence(29)).is_empty());
    }
}
