//! A store that forgets with the process.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchpost_actors::model::{ConnectionName, Sequence};

use super::{
    DeadLetter, DeliveryError, Failure, LanePosition, LetterFilter, Most, Place, Positions, Replay, SinkInfo, Store,
};
use crate::sinks::standing::Standing;

/// Everything, in maps.
#[derive(Debug, Default)]
pub(super) struct Memory {
    sinks: BTreeMap<String, Sink>,
    letters: BTreeMap<i64, DeadLetter>,
    replays: BTreeMap<i64, Replay>,
    last_letter: i64,
    last_replay: i64,
}

#[derive(Debug)]
struct Sink {
    started: Sequence,
    started_at: Timestamp,
    delivered: u64,
    last_delivered: Option<Timestamp>,
    lanes: BTreeMap<Option<ConnectionName>, Lane>,
    standing: Option<Standing>,
}

#[derive(Debug)]
struct Lane {
    position: Sequence,
    stored: Timestamp,
    failure: Option<Failure>,
}

impl Sink {
    fn lane(&mut self, lane: Option<&ConnectionName>) -> &mut Lane {
        let start = Lane { position: self.started, stored: self.started_at, failure: None };
        self.lanes.entry(lane.cloned()).or_insert(start)
    }

    fn advance(&mut self, lane: Option<&ConnectionName>, place: Place) {
        let lane = self.lane(lane);
        lane.position = lane.position.max(place.position);
        lane.stored = place.stored.unwrap_or(lane.stored);
        lane.failure = None;
    }
}

impl Memory {
    fn sink(&mut self, name: &str) -> Result<&mut Sink, DeliveryError> {
        self.sinks.get_mut(name).ok_or_else(|| DeliveryError::UnknownSink { sink: name.to_owned() })
    }
}

impl Store for Memory {
    fn highest(&mut self) -> Result<Sequence, DeliveryError> {
        let positions = self.sinks.values().flat_map(|sink| {
            let lanes = sink.lanes.values().map(|lane| lane.position);
            lanes.chain([sink.started])
        });
        Ok(positions.max().unwrap_or_default())
    }

    fn begin(&mut self, sink: &str, at: Sequence, now: Timestamp) -> Result<Positions, DeliveryError> {
        let new = || Sink {
            started: at,
            started_at: now,
            delivered: 0,
            last_delivered: None,
            lanes: BTreeMap::new(),
            standing: None,
        };
        let sink = self.sinks.entry(sink.to_owned()).or_insert_with(new);
        let lanes =
            sink.lanes.iter().map(|(connection, lane)| (connection.clone(), (lane.position, lane.stored))).collect();
        Ok(Positions { start: sink.started, since: sink.started_at, lanes })
    }

    fn delivered(
        &mut self,
        sink: &str,
        lane: Option<&ConnectionName>,
        place: Place,
        events: u64,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let sink = self.sink(sink)?;
        sink.advance(lane, place);
        if events > 0 {
            sink.delivered += events;
            sink.last_delivered = Some(now);
        }
        Ok(())
    }

    fn dead(
        &mut self,
        letter: &DeadLetter,
        lane: Option<&ConnectionName>,
        place: Option<Place>,
        most: Most,
    ) -> Result<(), DeliveryError> {
        self.sink(&letter.sink)?;
        let key = |letter: &DeadLetter| (letter.sink.clone(), letter.event_id.clone(), letter.sequence);
        let wanted = key(letter);
        if let Some(known) = self.letters.values_mut().find(|known| key(known) == wanted) {
            known.tries = known.tries.saturating_add(letter.tries);
            known.last = letter.last;
            known.why.clone_from(&letter.why);
        } else {
            let known = self.letters.values().filter(|known| known.sink == letter.sink);
            let (count, bytes) =
                known.fold((0, 0), |(count, bytes), known| (count + 1, bytes + known.line.len() as u64));
            if most.is_reached(count, bytes) {
                return Err(DeliveryError::Full { sink: letter.sink.clone(), letters: count, bytes });
            }
            self.last_letter += 1;
            let id = self.last_letter;
            self.letters.insert(id, DeadLetter { id, ..letter.clone() });
        }
        if let Some(place) = place {
            self.sink(&letter.sink)?.advance(lane, place);
        }
        Ok(())
    }

    fn failing(
        &mut self,
        sink: &str,
        lane: Option<&ConnectionName>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let lane = self.sink(sink)?.lane(lane);
        let since = lane.failure.as_ref().map_or(now, |failure| failure.since);
        lane.failure = Some(Failure { since, last: now, why: why.to_owned() });
        Ok(())
    }

    fn stands(&mut self, sink: &str, standing: Option<&Standing>) -> Result<(), DeliveryError> {
        self.sink(sink)?.standing = standing.cloned();
        Ok(())
    }

    fn sinks(&mut self) -> Result<Vec<SinkInfo>, DeliveryError> {
        let info = |(name, sink): (&String, &Sink)| SinkInfo {
            name: name.clone(),
            started: sink.started,
            started_at: sink.started_at,
            delivered: sink.delivered,
            last_delivered: sink.last_delivered,
            lanes: sink.lanes.iter().map(lane_info).collect(),
            dead_letters: self.letters.values().filter(|letter| letter.sink == *name).count() as u64,
            standing: sink.standing.clone(),
        };
        Ok(self.sinks.iter().map(info).collect())
    }

    fn dead_letters(
        &mut self,
        filter: &LetterFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, DeliveryError> {
        let wanted = self.letters.values().filter(|letter| letter.id > after && filter.wants(letter));
        Ok(wanted.take(limit).cloned().collect())
    }

    fn remove_dead_letters(&mut self, ids: &[i64]) -> Result<usize, DeliveryError> {
        Ok(ids.iter().filter_map(|id| self.letters.remove(id)).count())
    }

    fn retried(&mut self, id: i64, why: &str, now: Timestamp) -> Result<(), DeliveryError> {
        let letter = self.letters.get_mut(&id).ok_or(DeliveryError::NoDeadLetter { id })?;
        letter.tries = letter.tries.saturating_add(1);
        letter.last = now;
        why.clone_into(&mut letter.why);
        Ok(())
    }

    fn add_replay(
        &mut self,
        sink: &str,
        from: Sequence,
        until: Sequence,
        now: Timestamp,
    ) -> Result<Replay, DeliveryError> {
        self.last_replay += 1;
        let id = self.last_replay;
        let replay = Replay { id, sink: sink.to_owned(), from, until, position: from, events: 0, created: now };
        self.replays.insert(id, replay.clone());
        Ok(replay)
    }

    fn replays(&mut self, sink: Option<&str>) -> Result<Vec<Replay>, DeliveryError> {
        let wanted = |replay: &&Replay| sink.is_none_or(|sink| sink == replay.sink);
        Ok(self.replays.values().filter(wanted).cloned().collect())
    }

    fn replayed(&mut self, id: i64, position: Sequence, events: u64) -> Result<(), DeliveryError> {
        let replay = self.replays.get_mut(&id).ok_or(DeliveryError::NoReplay { id })?;
        replay.position = replay.position.max(position);
        replay.events += events;
        Ok(())
    }

    fn end_replay(&mut self, id: i64) -> Result<(), DeliveryError> {
        self.replays.remove(&id);
        Ok(())
    }
}

fn lane_info((connection, lane): (&Option<ConnectionName>, &Lane)) -> LanePosition {
    LanePosition { connection: connection.clone(), position: lane.position, failure: lane.failure.clone() }
}
