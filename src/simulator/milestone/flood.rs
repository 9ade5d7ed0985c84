//! A flood: prebuilt frames of which only ids, sources, types and times are patched, so that the consumer is what is measured.
//!
//! Events go round the cameras and the crowd; each is a legal motion event: the first round flips every source, the next flips it back.

use std::{num::NonZeroU32, sync::Arc, time::SystemTime};

use bytes::Bytes;

use super::{
    Pace,
    event_types::Group,
    ledger::Emitted,
    stamp::{self, Ticks},
    world::{State, World, group_position},
};
use crate::simulator::common::frames;

/// How many bytes are handed to the socket at a time, roughly.
const CHUNK: usize = 128 << 10;

/// Ids carry 12 hexadecimal digits of the event's number.
const MAX_EVENTS: u64 = (1 << 48) - 1;

/// Whose motion it is.
struct Source {
    /// `cameras/<guid>`.
    text: Arc<str>,
    /// Whether its motion is on when the flood begins.
    moving: bool,
}

/// What is common to all sessions that get one flood.
pub(super) struct FloodPlan {
    pub(super) number: u32,
    pub(super) events: u64,
    per_frame: usize,
    sources: Vec<Source>,
    started: String,
    stopped: String,
    group: String,
    first: Ticks,
    /// Events per second; `None` for as fast as the socket takes them.
    rate: Option<NonZeroU32>,
}

impl FloodPlan {
    /// Plans a flood and moves the world to where the flood will leave it. `None` when no camera has a motion state.
    pub(super) fn new(
        world: &mut World,
        number: u32,
        events: u64,
        per_frame: usize,
        pace: Option<Pace>,
    ) -> Option<Self> {
        let per_frame = per_frame.clamp(1, 10_000);
        let events = events.min(MAX_EVENTS);
        let group = group_position(Group::Motion);
        let started = world.event_type("MotionStarted")?;
        let stopped = world.event_type("MotionStopped")?;
        let holders = world.groups[group].holders.clone();
        if holders.is_empty() || events == 0 {
            return None;
        }
        let first = match pace {
            // What happens beside it has times of its own.
            Some(pace) => world.reserve_ticks(1).max(stamp::at(pace.begin)),
            None => world.reserve_ticks(events / per_frame as u64 + 1),
        };
        let moving = |item: &usize| world.states.get(&(*item, group)).is_some_and(|state| state.event_type == started);
        let plan = Self {
            number,
            events,
            per_frame,
            sources: holders
                .iter()
                .map(|item| Source { text: Arc::clone(&world.items[*item].source), moving: moving(item) })
                .collect(),
            started: world.types[started].id.to_string(),
            stopped: world.types[stopped].id.to_string(),
            group: world.groups[group].id.to_string(),
            first,
            rate: pace.map(|pace| pace.rate),
        };
        for (position, item) in holders.iter().enumerate() {
            let Some(last) = plan.last_of(position as u64) else {
                continue;
            };
            let event_type = if plan.moves(last) { started } else { stopped };
            let state = State { event_type, id: plan.id(last), time: stamp::text(plan.time(last)) };
            world.states.insert((*item, group), state);
        }
        Some(plan)
    }

    /// Number of the last event from a source.
    fn last_of(&self, position: u64) -> Option<u64> {
        let sources = self.sources.len() as u64;
        (position < self.events).then(|| position + (self.events - 1 - position) / sources * sources)
    }

    /// The source of an event.
    fn source(&self, event: u64) -> &Source {
        &self.sources[usize::try_from(event % self.sources.len() as u64).unwrap_or(0)]
    }

    pub(super) fn id(&self, event: u64) -> String {
        format!("{:08x}-f100-4d00-8000-{event:012x}", self.number)
    }

    /// All events of a frame have one time, later than that of the frame before. In a paced flood it is when the frame is due.
    fn time(&self, event: u64) -> Ticks {
        let per_frame = self.per_frame as u64;
        let frame = event / per_frame;
        self.first
            + self.rate.map_or(frame, |rate| {
                let ticks = u128::from(frame * per_frame) * u128::from(stamp::SECOND) / u128::from(rate.get());
                u64::try_from(ticks).unwrap_or(u64::MAX / 2)
            })
    }

    /// How many frames are due by now.
    fn frames_due(&self, now: Ticks) -> u64 {
        let Some(rate) = self.rate else { return u64::MAX };
        let Some(since) = now.checked_sub(self.first) else { return 0 };
        // The last frame whose time is not after `now`: the times are rounded down.
        let events = ((u128::from(since) + 1) * u128::from(rate.get())).div_ceil(u128::from(stamp::SECOND)) - 1;
        u64::try_from(events / self.per_frame as u128).unwrap_or(u64::MAX - 1) + 1
    }

    /// When the first frame is due that was not at a moment, or the first of all; `None` when there is no further one.
    pub(super) fn due_after(&self, moment: Option<Ticks>) -> Option<Ticks> {
        let event = moment.map_or(Some(0), |moment| self.frames_due(moment).checked_mul(self.per_frame as u64))?;
        (event < self.events).then(|| self.time(event))
    }

    /// Whether an event starts motion.
    fn moves(&self, event: u64) -> bool {
        self.source(event).moving == ((event / self.sources.len() as u64) % 2 == 1)
    }

    /// The source, type, group and time of an event, for the entry that a session keeps of it.
    pub(super) fn describe(&self, event: u64) -> (String, String, String, String) {
        let event_type = if self.moves(event) { &self.started } else { &self.stopped };
        (self.source(event).text.to_string(), event_type.clone(), self.group.clone(), stamp::text(self.time(event)))
    }
}

/// Where the patches go in one event of the template.
struct Offsets {
    id: usize,
    source: usize,
    /// How long the longest source is. A shorter one has blanks behind its quotation mark.
    width: usize,
    event_type: usize,
    time: usize,
    length: usize,
}

/// One session's share of a flood.
pub(super) struct FloodJob {
    pub(super) plan: Arc<FloodPlan>,
    /// Position in the ledger's list of floods.
    pub(super) record: usize,
    pub(super) next: u64,
    /// A whole chunk of frames, each of `per_frame` events.
    template: Vec<u8>,
    frames: usize,
    header: usize,
    offsets: Offsets,
}

const OPENING: &str = r#"{"events":["#;

impl FloodJob {
    pub(super) fn new(plan: Arc<FloodPlan>, record: usize) -> Self {
        let (_, event_type, group, time) = plan.describe(0);
        let longest = plan.sources.iter().map(|source| &*source.text).max_by_key(|source| source.len()).unwrap_or("");
        let id = plan.id(0);
        let mut event = String::new();
        let mut offsets = Offsets { id: 0, source: 0, width: longest.len(), event_type: 0, time: 0, length: 0 };
        let mut member = |name: &str, value: &str| -> usize {
            event.push_str(if event.is_empty() { "{\"" } else { ",\"" });
            event.push_str(name);
            event.push_str("\":\"");
            let at = event.len();
            event.push_str(value);
            event.push('"');
            at
        };
        member("specversion", "1.0");
        offsets.id = member("id", &id);
        offsets.source = member("source", longest);
        offsets.event_type = member("type", &event_type);
        offsets.time = member("time", &time);
        member("stategroupid", &group);
        event.push('}');
        offsets.length = event.len();

        let mut payload = OPENING.to_owned();
        payload.push_str(&vec![event; plan.per_frame].join(","));
        payload.push_str("]}");
        let frame = frames::text(payload.as_bytes());
        let frames = (CHUNK / frame.len()).max(1);
        Self {
            header: frame.len() - payload.len(),
            template: frame.repeat(frames),
            frames,
            offsets,
            plan,
            record,
            next: 0,
        }
    }

    /// Whether there is something to send now.
    pub(super) fn is_due(&self) -> bool {
        self.due() > 0
    }

    /// How many frames are due that are not sent yet.
    fn due(&self) -> u64 {
        self.plan.frames_due(stamp::now()).saturating_sub(self.next / self.plan.per_frame as u64)
    }

    /// The next frames that are due, and how many events they hold; `None` if there is none.
    pub(super) fn chunk(&mut self) -> Option<(Bytes, u64)> {
        let (plan, due) = (self.plan.clone(), self.due());
        let left = plan.events - self.next;
        if left == 0 || due == 0 {
            return None;
        }
        let per_frame = plan.per_frame as u64;
        if left < per_frame {
            return Some((self.rest(left), left));
        }
        let frames = (left / per_frame).min(due).min(self.frames as u64);
        let length = self.template.len() / self.frames;
        let mut out = self.template[..length * usize::try_from(frames).unwrap_or(0)].to_vec();
        for frame in out.chunks_exact_mut(length) {
            self.patch(&plan, frame);
        }
        Some((out.into(), frames * per_frame))
    }

    /// Writes the variable members of one frame's events.
    fn patch(&mut self, plan: &FloodPlan, frame: &mut [u8]) {
        let Offsets { id, source, width, event_type, time, length } = self.offsets;
        let stamp = stamp::text(plan.time(self.next));
        let sources = plan.sources.len() as u64;
        let mut position = usize::try_from(self.next % sources).unwrap_or(0);
        let mut flipped = (self.next / sources) % 2 == 1;
        let events = &mut frame[self.header + OPENING.len()..];
        for event in events.chunks_mut(length + 1).take(plan.per_frame) {
            let Source { text, moving } = &plan.sources[position];
            let kind = if *moving == flipped { &plan.started } else { &plan.stopped };
            write_hex(&mut event[id + 24..id + 36], self.next);
            let (name, blanks) = event[source..=source + width].split_at_mut(text.len());
            name.copy_from_slice(text.as_bytes());
            blanks.fill(b' ');
            blanks[0] = b'"';
            event[event_type..event_type + 36].copy_from_slice(kind.as_bytes());
            event[time..time + 28].copy_from_slice(stamp.as_bytes());
            self.next += 1;
            position += 1;
            if position == plan.sources.len() {
                position = 0;
                flipped = !flipped;
            }
        }
    }

    /// A last frame that is not full.
    fn rest(&mut self, left: u64) -> Bytes {
        let mut payload = OPENING.to_owned();
        for event in self.next..self.next + left {
            let (source, event_type, group, time) = self.plan.describe(event);
            if event > self.next {
                payload.push(',');
            }
            payload.push_str(&format!(
                r#"{{"specversion":"1.0","id":"{}","source":"{source}","type":"{event_type}","time":"{time}","stategroupid":"{group}"}}"#,
                self.plan.id(event)
            ));
        }
        payload.push_str("]}");
        self.next += left;
        frames::text(payload.as_bytes()).into()
    }
}

impl FloodJob {
    /// The last event, for the session to be resumed from. It is no part of the ledger, so `index` only has to be in place.
    pub(super) fn last_event(&self, index: u64) -> Emitted {
        let last = self.plan.events.saturating_sub(1);
        let (source, event_type, group, time) = self.plan.describe(last);
        Emitted {
            index,
            id: self.plan.id(last),
            source: source.into(),
            event_type: event_type.into(),
            group: Some(group.into()),
            time,
            data: None,
            at: SystemTime::now(),
            missing: None,
        }
    }
}

fn write_hex(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_frame_of_a_schedule_is_due_at_its_time_and_wakes_somebody() {
        for (rate, per_frame) in [(1, 1), (3, 2), (2_000, 1), (2_001, 7), (9_999_999, 1)] {
            let pace = Pace { rate: NonZeroU32::new(rate).unwrap(), begin: SystemTime::UNIX_EPOCH };
            let plan = FloodPlan::new(&mut World::new(4, 1), 1, 1_000, per_frame, Some(pace)).unwrap();
            let frames = 1_000_u64.div_ceil(per_frame as u64);
            let times: Vec<_> = (0..frames).map(|frame| plan.time(frame * per_frame as u64)).collect();
            assert_eq!(plan.due_after(None), Some(times[0]));
            for (frame, time) in (0..).zip(&times) {
                assert_eq!(
                    (plan.frames_due(time - 1), plan.frames_due(*time)),
                    (frame, frame + 1),
                    "{rate}/{per_frame}"
                );
                assert_eq!(plan.due_after(Some(time - 1)), Some(*time));
            }
            assert_eq!(plan.due_after(times.last().copied()), None);
        }
    }
}
