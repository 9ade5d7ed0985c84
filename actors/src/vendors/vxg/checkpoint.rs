//! What a connection needs to go on after a break: how far the list was read, and which events are known.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::journal::Checkpoint;

/// More known events than this are not read: a checkpoint of ours never has them.
const EVENTS_MOST: usize = 400_000;

/// What is stored. All times are the server's, in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VxgCheckpoint {
    /// Of the way in which it is written: [`VERSION`](Self::VERSION).
    pub version: u32,
    /// What is older is none of our business: it was there before the first start, it is behind a gap that was told, or too much came since.
    pub floor: i64,
    /// What is older was read in time: nothing is promised of what is listed there later.
    pub horizon: i64,
    /// When the list was last asked for and read to its end.
    pub read_until: i64,
    /// The latest event that was ever listed and not dated in the future.
    pub newest: Option<Newest>,
    /// The first reading has not come to its end yet: how it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<First>,
    /// Stretches after the horizon that are not read again, both ends in them: they are lost, or done with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<(i64, i64)>,
    /// The events that are known from the horizon on.
    pub known: KeptEvents,
}

/// An event by which it is known later whether the server still keeps what is so old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    /// When it happened.
    pub at: i64,
    /// Its id.
    pub id: i64,
    /// Its camera's id.
    pub camera: i64,
}

/// What a first reading does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// What is older is known without being told.
    pub told_from: i64,
    /// What is later is told as any other event; what is not, as the history that was asked for.
    pub began: i64,
}

/// An event that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEvent {
    /// When it happened.
    pub at: i64,
    /// Its id.
    pub id: i64,
    /// Its camera's id.
    pub camera: i64,
    /// The prints of each meta that it had, one at least; 0 is none.
    pub metas: Vec<u64>,
}

/// The events that are known, in the order of their times. Written as one text: each as far as it differs from the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptEvents(pub Vec<KeptEvent>);

impl Default for VxgCheckpoint {
    fn default() -> Self {
        let (floor, horizon, read_until, newest, first, passed) = Default::default();
        Self { version: Self::VERSION, floor, horizon, read_until, newest, first, passed, known: KeptEvents::default() }
    }
}

impl VxgCheckpoint {
    /// The way in which it is written now.
    pub const VERSION: u32 = 1;

    /// What is to be stored.
    #[must_use]
    pub fn new(floor: i64, horizon: i64, read_until: i64) -> Self {
        Self { floor, horizon, read_until, ..Self::default() }
    }

    /// For the journal.
    #[must_use]
    pub fn write(&self) -> Option<Checkpoint> {
        Some(Checkpoint(serde_json::to_string(self).ok()?.into()))
    }

    /// Reads a stored checkpoint; one of another version or one that cannot be read is as good as none.
    #[must_use]
    pub fn read(checkpoint: &Checkpoint) -> Option<Self> {
        serde_json::from_str(&checkpoint.0).ok().filter(|read: &Self| read.version == Self::VERSION)
    }
}

impl Serialize for KeptEvents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.write())
    }
}

impl<'de> Deserialize<'de> for KeptEvents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("the known events cannot be read"))
    }
}

impl KeptEvents {
    /// As a text: base64 of varints.
    #[must_use]
    pub fn write(&self) -> String {
        let mut bytes = Vec::with_capacity(8 + self.0.len() * 8);
        put(&mut bytes, self.0.len() as u64);
        let mut last = KeptEvent { at: 0, id: 0, camera: 0, metas: Vec::new() };
        for event in &self.0 {
            put_signed(&mut bytes, event.at.wrapping_sub(last.at));
            put_signed(&mut bytes, event.id.wrapping_sub(last.id));
            put_signed(&mut bytes, event.camera.wrapping_sub(last.camera));
            // Most have no meta, and none has many: one byte for both, and eight for each, as a print is as good as random.
            let is_bare = event.metas.iter().all(|meta| *meta == 0) && event.metas.len() <= 1;
            put(&mut bytes, if is_bare { 0 } else { event.metas.len() as u64 });
            if !is_bare {
                event.metas.iter().for_each(|meta| bytes.extend_from_slice(&meta.to_le_bytes()));
            }
            last.clone_from(event);
        }
        STANDARD_NO_PAD.encode(bytes)
    }

    /// Reads such a text.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let bytes = STANDARD_NO_PAD.decode(text).ok()?;
        let mut rest = &*bytes;
        let count = usize::try_from(take(&mut rest)?).ok().filter(|count| *count <= EVENTS_MOST)?;
        let mut events: Vec<KeptEvent> = Vec::new();
        let (mut at, mut id, mut camera) = (0_i64, 0_i64, 0_i64);
        for _ in 0..count {
            at = at.wrapping_add(take_signed(&mut rest)?);
            id = id.wrapping_add(take_signed(&mut rest)?);
            camera = camera.wrapping_add(take_signed(&mut rest)?);
            let metas = match take(&mut rest)? {
                0 => vec![0],
                metas => {
                    let mut prints = Vec::new();
                    for _ in 0..metas {
                        let (print, behind) = rest.split_first_chunk()?;
                        prints.push(u64::from_le_bytes(*print));
                        rest = behind;
                    }
                    prints
                }
            };
            events.push(KeptEvent { at, id, camera, metas });
        }
        rest.is_empty().then_some(Self(events))
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let number = take(bytes)?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn kept(at: i64, id: i64, camera: i64, metas: &[u64]) -> KeptEvent {
        KeptEvent { at, id, camera, metas: metas.to_vec() }
    }

    #[test]
    fn what_is_written_is_read_again_and_garbage_is_as_good_as_nothing() {
        let known =
            vec![kept(1_780_000_000_000_000, 33_794_128, 237_863, &[0]), kept(i64::MAX, -1, i64::MIN, &[7, 0, 9])];
        let checkpoint = VxgCheckpoint {
            newest: Some(Newest { at: 5, id: 6, camera: 7 }),
            first: Some(First { told_from: 1, began: 2 }),
            passed: vec![(4, 9), (11, 12)],
            known: KeptEvents(known),
            ..VxgCheckpoint::new(1, 2, 3)
        };
        let written = checkpoint.write().unwrap();
        assert_eq!(VxgCheckpoint::read(&written), Some(checkpoint));
        let text = &*written.0;
        let other = [text.replace("\"version\":1", "\"version\":2"), text.replace("\"known\":\"A", "\"known\":\"_")];
        for garbage in ["", "7", "{}", &*other[0], &*other[1]] {
            assert_eq!(VxgCheckpoint::read(&Checkpoint(garbage.into())), None, "{garbage}");
        }
    }

    #[test]
    fn a_quiet_hour_of_a_thousand_cameras_takes_little_room() {
        let events =
            (0..10_000).map(|nth| kept(1_780_000_000_000_000 + nth * 360_000, 33_000_000 + nth, nth % 1_000, &[0]));
        let text = KeptEvents(events.collect()).write();
        assert!(text.len() < 100_000, "{}", text.len());
    }

    proptest! {
        #[test]
        fn any_events_survive(events in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<i64>(), proptest::collection::vec(any::<u64>(), 1..4)), 0..50)) {
            let kept = KeptEvents(events.iter().map(|(at, id, camera, metas)| kept(*at, *id, *camera, metas)).collect());
            prop_assert_eq!(KeptEvents::read(&kept.write()), Some(kept));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[A-Za-z0-9+/=]{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = KeptEvents::read(&text);
            let _ = KeptEvents::read(&STANDARD_NO_PAD.encode(bytes));
        }
    }
}
