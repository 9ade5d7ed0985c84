//! The codes of events in shared words: what happened, to what, and which states that sets.
//!
//! - [`CODES`] (`table`) has every code that is known, by number. `words` makes meanings of types: a type sets one state value, and no other.
//! - [`Codes::read`] is the way in: an event gives a [`Reading`]: what to publish, in order, and what follows from it.
//!
//! Two words of an event's `eventType` count before its code, as homebridge-simplisafe3 does it: `alarm` is an alarm whatever the code, unless that is
//! the code of a test, and `alarmCancel` is its end. So alarms of which nobody has heard yet are alarms all the same.

mod table;
pub(super) mod words;

use std::sync::{Arc, LazyLock};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::wire::{DeviceType, Event};
use crate::model::event::Meaning;
use crate::model::vocabulary::slug;
use crate::vendors::loose;

pub use table::CODES;
pub use words::OWN;

/// Other codes than the table's that are kept; with more than that, all are made anew as they come.
const STRANGERS: usize = 256;

/// What a code stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code {
    /// Its number.
    pub cid: u16,
    /// A readable name; its slug is simplipy's, which may be more general.
    pub name: &'static str,
    /// What it happens to.
    pub on: Subject,
    /// The type that it has where that sets a state; else it is `simplisafe.<slug of the name>`.
    pub kind: Option<&'static str>,
    /// What it does besides.
    pub part: Part,
    /// What says so.
    pub standing: Standing,
}

/// What an event happens to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    /// The system.
    System,
    /// The device that the event names; the system where it names none.
    Device,
}

impl Subject {
    /// The word in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Device => "device",
        }
    }
}

/// What a code does besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Nothing.
    Plain,
    /// The alarm goes off: the device behind it remembers that.
    Alarm,
    /// It is over.
    Canceled,
    /// The system was switched off.
    Disarmed,
    /// A test that comes as an alarm and is none.
    Test,
    /// A countdown of so long began, in the base station's settings: the system's state is to be asked for when it is over.
    ExitDelay,
    /// Somebody came in: a door is open, and nothing will tell when it is closed.
    Entry,
    /// A lock is in trouble: its list tells more.
    Lock,
    /// Begins in zone 1 and ends in zone 0.
    PreAlarm,
}

/// What says that there is such a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// simplipy's table.
    Simplipy,
    /// Reports of users; what it means is inferred.
    Seen,
}

impl Standing {
    /// The word in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simplipy => "simplipy",
            Self::Seen => "seen",
        }
    }
}

/// What is to be asked for after an event, so that no state is left as it was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Again {
    /// The system's state, once its exit delay is over: how that ends may never be told.
    AfterExitDelay,
    /// The sensors: nothing else tells that a door was closed.
    Sensors,
    /// The locks.
    Locks,
}

/// One thing to publish.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What it happened to. A [`Subject::Device`] is only told where the event names one.
    pub on: Subject,
    /// Type, name and state.
    pub meaning: &'a Arc<Meaning>,
}

impl Told<'_> {
    fn is_of_another_state(&self) -> bool {
        self.meaning.state.as_ref().is_some_and(|state| &*state.group != "alarm")
    }
}

/// What an event says.
#[derive(Debug)]
pub struct Reading<'a> {
    told: [Option<Told<'a>>; 3],
    /// Every state `alarm_memory` of the system's devices is over, see [`memory_cleared`].
    pub clears_memory: bool,
    /// What is to be asked for.
    pub again: Option<Again>,
    /// A code that the table does not have, when it is met for the first time: worth a warning.
    pub is_new: bool,
}

impl<'a> Reading<'a> {
    /// What to publish, in order; one at least. The first has the event's plain id, each further one that and `#<group>`.
    pub fn told(&self) -> impl Iterator<Item = Told<'a>> {
        self.told.iter().flatten().copied()
    }
}

/// A code with its meanings, made once for the process.
#[derive(Debug)]
pub struct Known {
    /// The row of the table.
    pub code: &'static Code,
    full: Arc<Meaning>,
    /// The same without a state, for an event that names no device.
    plain: Arc<Meaning>,
}

impl Known {
    fn new(code: &'static Code) -> Self {
        let own = format!("simplisafe.{}", slug(code.name));
        let plain = Arc::new(Meaning { kind: own.into(), name: Some(code.name.into()), state: None });
        let full = code.kind.map(|kind| Arc::new(words::meaning(kind, Some(code.name), None)));
        Self { code, full: full.unwrap_or_else(|| Arc::clone(&plain)), plain }
    }

    fn told(&self, event: &Event<'_>, has_device: bool) -> Told<'_> {
        match (self.code.on, self.code.part) {
            (Subject::System, _) => Told { on: Subject::System, meaning: &self.full },
            (Subject::Device, _) if !has_device => Told { on: Subject::System, meaning: &self.plain },
            (Subject::Device, Part::PreAlarm) => match event.zone_cid.as_deref() {
                Some("1") => Told { on: Subject::Device, meaning: &COMMON.prealarm_started },
                Some("0") => Told { on: Subject::Device, meaning: &COMMON.prealarm_ended },
                _ => Told { on: Subject::Device, meaning: &self.plain },
            },
            (Subject::Device, _) => Told { on: Subject::Device, meaning: &self.full },
        }
    }

    /// What such an event means, if it names what it happens to.
    #[must_use]
    pub fn meaning(&self) -> &Arc<Meaning> {
        &self.full
    }
}

/// What an event's `eventType` says of the alarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Triggered,
    Canceled,
}

impl Verdict {
    fn of(event: &Event<'_>, known: Option<&Known>) -> Option<Self> {
        if event.is_of_type("alarm") {
            // A test that somebody has begun comes as an alarm.
            (known.is_none_or(|known| known.code.part != Part::Test)).then_some(Self::Triggered)
        } else {
            event.is_of_type("alarmCancel").then_some(Self::Canceled)
        }
    }

    /// What codes that say the same do.
    fn part(self) -> Part {
        match self {
            Self::Triggered => Part::Alarm,
            Self::Canceled => Part::Canceled,
        }
    }

    fn told(self) -> Told<'static> {
        let meaning = match self {
            Self::Triggered => &COMMON.triggered,
            Self::Canceled => &COMMON.canceled,
        };
        Told { on: Subject::System, meaning }
    }
}

/// The row of a code; `None` for one that is not known.
#[must_use]
pub fn find(cid: u16) -> Option<&'static Known> {
    static TABLE: LazyLock<HashMap<u16, Known, RandomState>> =
        LazyLock::new(|| CODES.iter().map(|code| (code.cid, Known::new(code))).collect());
    TABLE.get(&cid)
}

/// Meanings that more than one code has.
struct Common {
    triggered: Arc<Meaning>,
    canceled: Arc<Meaning>,
    memory_set: Arc<Meaning>,
    memory_cleared: Arc<Meaning>,
    opened: Arc<Meaning>,
    prealarm_started: Arc<Meaning>,
    prealarm_ended: Arc<Meaning>,
}

static COMMON: LazyLock<Common> = LazyLock::new(|| Common {
    triggered: Arc::new(words::meaning("alarm.triggered", Some("Alarm Triggered"), None)),
    canceled: Arc::new(words::meaning("alarm.canceled", Some("Alarm Canceled"), None)),
    memory_set: Arc::new(words::meaning("simplisafe.alarm_memory_set", Some("Alarm Memory Set"), None)),
    memory_cleared: Arc::new(words::meaning("simplisafe.alarm_memory_cleared", Some("Alarm Memory Cleared"), None)),
    opened: Arc::new(words::meaning("contact.opened", Some("Entry Opened"), None)),
    prealarm_started: Arc::new(words::meaning("simplisafe.prealarm_started", Some("Smoke Pre-alarm Started"), None)),
    prealarm_ended: Arc::new(words::meaning("simplisafe.prealarm_ended", Some("Smoke Pre-alarm Ended"), None)),
});

/// That a device was behind an alarm is over.
#[must_use]
pub fn memory_cleared() -> &'static Arc<Meaning> {
    &COMMON.memory_cleared
}

/// What codes mean on one connection, others than the table's too.
#[derive(Debug, Default)]
pub struct Codes {
    strangers: HashMap<String, Arc<Meaning>, RandomState>,
}

impl Codes {
    /// Codes of which those that no table has were met before.
    #[must_use]
    pub fn knowing(strangers: &[Box<str>]) -> Self {
        let mut codes = Self::default();
        for cid in strangers.iter().take(STRANGERS) {
            codes.stranger(cid, false);
        }
        codes
    }

    /// Those of no table that were met, sorted.
    #[must_use]
    pub fn strangers(&self) -> Vec<Box<str>> {
        let mut strangers: Vec<Box<str>> = self.strangers.keys().map(|cid| cid.as_str().into()).collect();
        strangers.sort_unstable();
        strangers
    }

    /// What an event says. None is refused: one of an unknown code is an occurrence without a state, `simplisafe.cid_<n>`.
    ///
    /// `has_device` is whether it is known which device the event is about, see [`Event::device`].
    pub fn read(&mut self, event: &Event<'_>, has_device: bool) -> Reading<'_> {
        let cid = event.cid.as_deref().unwrap_or_default();
        let known = cid.trim().parse().ok().and_then(find);
        let verdict = Verdict::of(event, known);
        let (own, is_new) = match known {
            Some(known) => (known.told(event, has_device), false),
            None => self.stranger(cid, has_device),
        };
        let part = known.map_or(Part::Plain, |known| known.code.part);
        let (first, beside) = match verdict {
            // The code says the same, and more precisely.
            Some(verdict) if verdict.part() == part => (own, None),
            // What it says of anything but the alarm is as true as it was.
            Some(verdict) => (verdict.told(), Some(own).filter(Told::is_of_another_state)),
            None => (own, None),
        };
        let part_in_force = verdict.map_or(part, Verdict::part);
        let memory = Told { on: Subject::Device, meaning: &COMMON.memory_set };
        let opened = Told { on: Subject::Device, meaning: &COMMON.opened };
        let is_door = part == Part::Entry && event.sensor_type == Some(DeviceType::ENTRY);
        Reading {
            told: [
                Some(first),
                beside.or_else(|| (is_door && has_device).then_some(opened)),
                (part_in_force == Part::Alarm && has_device).then_some(memory),
            ],
            clears_memory: matches!(part_in_force, Part::Canceled | Part::Disarmed),
            again: match part {
                Part::ExitDelay => Some(Again::AfterExitDelay),
                Part::Entry if is_door => Some(Again::Sensors),
                Part::Lock => Some(Again::Locks),
                _ => None,
            },
            is_new,
        }
    }

    /// A code that is not in the table, and whether it is met for the first time.
    fn stranger(&mut self, cid: &str, has_device: bool) -> (Told<'_>, bool) {
        // A server that makes them up must not fill the memory.
        let cid = loose::head(cid);
        let is_new = !self.strangers.contains_key(cid);
        if is_new && self.strangers.len() >= STRANGERS {
            self.strangers.clear();
        }
        let meaning = self.strangers.entry_ref(cid).or_insert_with(|| {
            Arc::new(Meaning { kind: format!("simplisafe.cid_{}", slug(cid)).into(), name: None, state: None })
        });
        let on = if has_device { Subject::Device } else { Subject::System };
        (Told { on, meaning }, is_new)
    }
}

#[cfg(test)]
mod tests;
