//! What an account's session needs to go on after a break: how each device's word was last read, and the newest event of each code.

use std::collections::BTreeMap;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::devices::DeviceKind;
use super::status::Reading;
use super::wire::{Esn, EventMembers, FourCc, een_time};
use crate::journal::Checkpoint;
use crate::model::ids::fingerprint;

/// What was stored.
#[derive(Debug, Default)]
pub struct EenCheckpoint {
    /// There has been a subscription that was answered: the next one begins with a gap.
    pub established: bool,
    /// When a frame was last handed over, as far as that is stored.
    pub heard: Option<Timestamp>,
    /// A gap that has not been told yet.
    pub gap: Option<OpenGap>,
    /// The codes that all devices here were asked for.
    pub codes: Vec<FourCc>,
    /// The devices that have answered.
    pub devices: HashMap<Esn, Remembered, RandomState>,
}

/// A gap that has not been told yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGap {
    /// The last byte received before it.
    pub from: Timestamp,
    /// Why: one of the words of `docs/vendors/een.md`.
    pub reason: String,
    /// It was missed while the socket lived, and is over: it only waits to be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

/// What is kept of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// What it is.
    pub kind: DeviceKind,
    /// What its words have told.
    pub reading: Reading,
    /// The newest event of each code.
    pub newest: Vec<Newest>,
    /// Since when it has not been followed, if it was not at the end.
    pub away: Option<Timestamp>,
}

/// The newest event of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Its code.
    pub code: FourCc,
    /// When it happened, in microseconds since 1970; [`UNREADABLE`](Self::UNREADABLE) where that cannot be read.
    at: i64,
    /// Tells it apart from others of the same moment.
    print: u32,
    /// It is what its state was last set by, since the device's first answer on this socket.
    pub sets: bool,
}

impl Newest {
    const UNREADABLE: i64 = i64::MIN;

    /// Of an event's members.
    #[must_use]
    pub fn of(code: FourCc, members: &EventMembers<'_>) -> Self {
        let at = een_time::parse(&members.timestamp).map_or(Self::UNREADABLE, Timestamp::as_microsecond);
        let print = if at == Self::UNREADABLE { fingerprint(members.json) } else { fingerprint(&members.id) };
        // The lower half does.
        Self { code, at, print: print as u32, sets: false }
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        if self.at == Self::UNREADABLE { None } else { Timestamp::from_microsecond(self.at).ok() }
    }

    /// Whether both are the same event.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.at, self.print) == (other.at, other.print)
    }

    /// Whether it came about after `other`: later, or another one of the same moment. Of what has no readable time any other one is later.
    #[must_use]
    pub fn is_behind(&self, other: &Self) -> bool {
        if self.at == Self::UNREADABLE || other.at == Self::UNREADABLE {
            self.print != other.print
        } else {
            self.at > other.at || self.at == other.at && self.print != other.print
        }
    }
}

/// What is stored, by parts that need not be copied for it.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a, D, A> {
    /// See [`EenCheckpoint::established`].
    pub established: bool,
    /// See [`EenCheckpoint::heard`].
    pub heard: Option<Timestamp>,
    /// See [`EenCheckpoint::gap`].
    pub gap: Option<&'a OpenGap>,
    /// See [`EenCheckpoint::codes`].
    pub codes: &'a [FourCc],
    /// See [`EenCheckpoint::devices`].
    pub devices: D,
    /// See [`Remembered::away`].
    pub away: A,
}

/// One device among [`Parts::devices`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its id.
    pub esn: &'a Esn,
    /// What it is.
    pub kind: DeviceKind,
    /// What its words have told.
    pub reading: Reading,
    /// The newest event of each code.
    pub newest: &'a [Newest],
}

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a, D> {
    version: u32,
    established: bool,
    heard: Option<Timestamp>,
    gap: Option<&'a OpenGap>,
    codes: Vec<&'a str>,
    devices: D,
    /// Few, if any.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    away: BTreeMap<&'a str, Timestamp>,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    established: bool,
    heard: Option<Timestamp>,
    gap: Option<OpenGap>,
    codes: Vec<String>,
    devices: BTreeMap<String, ReadDevice>,
    #[serde(default)]
    away: BTreeMap<String, Timestamp>,
}

/// Kind, reading, and of each code its newest event's moment and print.
type ReadDevice = (String, u16, Vec<(String, i64, u32)>);

impl<'a, D: Iterator<Item = Row<'a>> + Clone, A: Iterator<Item = (&'a Esn, Timestamp)>> Parts<'a, D, A> {
    /// For the journal.
    #[must_use]
    pub fn write(self) -> Option<Checkpoint> {
        let Self { established, heard, gap, codes, devices, away } = self;
        let codes = codes.iter().map(FourCc::as_str).collect();
        let away = away.map(|(esn, since)| (esn.as_str(), since)).collect();
        let written = Written { version: VERSION, established, heard, gap, codes, devices: Rows(devices), away };
        Some(Checkpoint(serde_json::to_string(&written).ok()?.into()))
    }
}

struct Rows<D>(D);

impl<'a, D: Iterator<Item = Row<'a>> + Clone> Serialize for Rows<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for Row { esn, kind, reading, newest } in self.0.clone() {
            map.serialize_entry(esn.as_str(), &(letter(kind), reading.pack(), Events(newest)))?;
        }
        map.end()
    }
}

struct Events<'a>(&'a [Newest]);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|newest| (newest.code.as_str(), newest.at, newest.print)))
    }
}

fn letter(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "c",
        DeviceKind::Bridge => "b",
        DeviceKind::Other => "o",
    }
}

fn kind(letter: &str) -> Option<DeviceKind> {
    [DeviceKind::Camera, DeviceKind::Bridge, DeviceKind::Other].into_iter().find(|kind| self::letter(*kind) == letter)
}

impl EenCheckpoint {
    /// Reads a stored checkpoint; one of another version or one that cannot be read is as good as none.
    #[must_use]
    pub fn read(checkpoint: &Checkpoint) -> Option<Self> {
        let Read { version, established, heard, gap, codes, devices, mut away } =
            serde_json::from_str(&checkpoint.0).ok()?;
        if version != VERSION {
            return None;
        }
        let codes = codes.iter().map(|code| code.parse().ok()).collect::<Option<_>>()?;
        let devices = devices.into_iter().map(|(esn, device)| {
            let away = away.remove(&esn);
            Some((esn.parse().ok()?, Remembered { away, ..remembered(device)? }))
        });
        Some(Self { established, heard, gap, codes, devices: devices.collect::<Option<_>>()? })
    }
}

fn remembered((letter, packed, newest): ReadDevice) -> Option<Remembered> {
    let newest =
        newest.into_iter().map(|(code, at, print)| Some(Newest { code: code.parse().ok()?, at, print, sets: false }));
    let (kind, reading, newest) = (kind(&letter)?, Reading::unpack(packed)?, newest.collect::<Option<_>>()?);
    Some(Remembered { kind, reading, newest, away: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn newest(code: &str, json: &str) -> Newest {
        Newest::of(code.parse().unwrap(), &EventMembers::of(json, "eventid"))
    }

    #[test]
    fn what_is_written_is_read_again_and_garbage_is_as_good_as_nothing() {
        let esn: Esn = "100e1e23".parse().unwrap();
        let events = [
            newest("EMES", r#"{"timestamp":"20181121165011.233","eventid":-7}"#),
            newest("EMEE", r#"{"timestamp":""}"#),
        ];
        let reading = Reading { connection: Some(false), ..Reading::default() };
        let row = Row { esn: &esn, kind: DeviceKind::Bridge, reading, newest: &events };
        let gap = OpenGap { from: Timestamp::UNIX_EPOCH, reason: "connection_lost".into(), late: false };
        let codes = ["EMES".parse().unwrap()];
        let heard = Some(Timestamp::UNIX_EPOCH);
        let devices = std::iter::once(row);
        let away = std::iter::once((&esn, Timestamp::UNIX_EPOCH));
        let parts = Parts { established: true, heard, gap: Some(&gap), codes: &codes, devices, away };
        let written = parts.write().unwrap();
        let read = EenCheckpoint::read(&written).unwrap();
        assert_eq!((read.established, read.heard, read.gap, &*read.codes), (true, heard, Some(gap), &codes[..]));
        let device = Remembered { kind: DeviceKind::Bridge, reading, newest: events.to_vec(), away: heard };
        assert_eq!(read.devices.get("100e1e23"), Some(&device));
        // As the versions before wrote it.
        let older = written.0.replace(",\"away\":{\"100e1e23\":\"1970-01-01T00:00:00Z\"}", "");
        assert!(older.len() < written.0.len());
        let read = EenCheckpoint::read(&Checkpoint(older.into())).unwrap();
        assert_eq!(read.devices.get("100e1e23").unwrap().away, None);
        for garbage in [
            "",
            "{}",
            "7",
            &written.0.replace("\"version\":1", "\"version\":2"),
            &written.0.replace("EMEE", "E E"),
            &written.0.replace("\"b\"", "\"x\""),
        ] {
            assert!(EenCheckpoint::read(&Checkpoint(garbage.into())).is_none(), "{garbage}");
        }
    }

    #[test]
    fn an_event_is_behind_another_by_its_time_then_by_being_another() {
        let at = |time: &str, id: u32| newest("EMES", &format!(r#"{{"timestamp":"{time}","eventid":{id}}}"#));
        let (early, late) = (at("20181121165011.233", 1), at("20181121165011.234", 1));
        assert!(late.is_behind(&early) && !early.is_behind(&late) && !early.is_behind(&early));
        let twin = at("20181121165011.233", 2);
        assert!(twin.is_behind(&early) && !twin.is(&early) && early.is(&early));
        let odd = at("yesterday", 1);
        assert!(odd.is_behind(&early) && !odd.is_behind(&odd) && odd.time().is_none());
    }
}
