//! One device that is followed: how far it has come on this socket, and what is known of it.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::model::ids::fingerprint;
use crate::vendors::een::checkpoint::{Newest, Remembered};
use crate::vendors::een::devices::DeviceKind;
use crate::vendors::een::status::{Form, Reading};
use crate::vendors::een::wire::{AccountId, Answer, Entity, Frame, RefusalCode};
use crate::vendors::{Entries, Entry, Now, Scope, Snapshot};

/// Who could not answer is asked again after this pause, or up to a third less; it doubles, up to the pause between listings.
const AGAIN_SOON: Duration = Duration::from_secs(15);

/// One that is followed.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) kind: DeviceKind,
    pub(super) standing: Standing,
    /// The resource that its words are taken from.
    pub(super) form: Option<Form>,
    /// It has answered before: what has happened since is missed, and not old.
    pub(super) known: bool,
    /// The states that are stored of it may be other than unknown.
    pub(super) lit: bool,
    pub(super) reading: Reading,
    pub(super) newest: Vec<Newest>,
    /// It has told something since the codes of today are asked for.
    pub(super) has_answered: bool,
    /// When it was asked, on this socket.
    pub(super) asked: Option<Now>,
    /// Its first answer on this socket, for as long as it may go on.
    pub(super) first: Option<First>,
    /// It was followed before, and has not been since then.
    pub(super) away: Option<Timestamp>,
    /// Access was denied when it was last heard of.
    pub(super) denied: bool,
    pub(super) again: Option<Again>,
}

/// A first answer that may come in several frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct First {
    /// When it has certainly ended.
    pub(super) until: Timestamp,
    /// The device was known before: what is news to us was missed.
    pub(super) was_known: bool,
    /// A status word was in it.
    pub(super) has_word: bool,
}

/// When a device is asked again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Again {
    pub(super) at: Instant,
    /// How often it has been.
    pub(super) tries: u32,
}

impl Again {
    pub(super) fn after(now: Instant, tries: u32, pace: Pace) -> Self {
        let pause = AGAIN_SOON.saturating_mul(1 << tries.min(16)).min(pace.most);
        Self { at: now + pace.spread.shorten(pause), tries }
    }
}

/// How those that could not answer are asked again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The longest pause between two requests to the same one.
    pub(super) most: Duration,
    pub(super) spread: Spread,
}

/// An account's share in a time that all accounts would else wait for in step: from 0, and below 1.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread(f64);

impl Spread {
    pub(super) fn of(account: &AccountId) -> Self {
        Self((fingerprint(account.as_str()) % 1_024) as f64 / 1_024.0)
    }

    /// That share of it, and never nothing.
    pub(super) fn share(self, time: Duration) -> Duration {
        time.mul_f64(self.0 + 1.0 / 1_024.0)
    }

    /// Up to a third less.
    pub(super) fn shorten(self, pause: Duration) -> Duration {
        pause.mul_f64(1.0 - self.0 / 3.0)
    }
}

/// How far a device has come on this socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is asked, or will be.
    Awaited,
    /// Its first answer is held back.
    Held,
    /// It follows: what comes is live.
    Answered,
    /// It has been asked for so long that nothing is expected any more; should an answer come, it is the first one. It is asked again now and then.
    Silent,
    /// The server could not tell of it. It is asked again; its states are believed until that was in vain.
    PutOff,
    /// The server does not want to tell of it. It is asked again after the next listing.
    Refused,
}

impl Device {
    pub(super) fn new(kind: DeviceKind) -> Self {
        Self {
            kind,
            standing: Standing::Silent,
            form: None,
            known: false,
            lit: false,
            reading: Reading::default(),
            newest: Vec::new(),
            has_answered: false,
            asked: None,
            first: None,
            away: None,
            denied: false,
            again: None,
        }
    }

    pub(super) fn remembered(Remembered { kind, reading, newest, away }: Remembered) -> Self {
        Self { known: true, lit: true, reading, newest, away, ..Self::new(kind) }
    }

    /// It is not followed any more. Of who never was nothing can be missed.
    pub(super) fn leave(&mut self, followed_until: Timestamp) {
        if self.known {
            self.away.get_or_insert(followed_until);
        }
    }

    /// Whether an event has happened since it was asked. Frames carry no time of their own, so that is our clock's against the cloud's.
    pub(super) fn was_asked_before(&self, event: &Newest) -> bool {
        self.asked.zip(event.time()).is_some_and(|(asked, time)| time > asked.wall)
    }

    /// Whether an event has happened before it was asked.
    pub(super) fn was_asked_after(&self, event: &Newest) -> bool {
        self.asked.zip(event.time()).is_some_and(|(asked, time)| time < asked.wall)
    }

    /// It has told something: from now on it is followed.
    pub(super) fn answered(&mut self, first: First) {
        (self.standing, self.known, self.first) = (Standing::Answered, true, Some(first));
        (self.has_answered, self.away, self.again) = (true, None, None);
    }

    /// The server cannot tell of it at the moment. Its states are believed until it was asked again in vain.
    pub(super) fn put_off(&mut self, now: Instant, pace: Pace, esn: &str, entries: &mut Entries) {
        self.standing = Standing::PutOff;
        if self.again.get_or_insert(Again::after(now, 0, pace)).tries > 0 {
            self.forget_states(esn, entries);
        }
    }

    /// What is known of its states does not hold any more.
    pub(super) fn forget_states(&mut self, esn: &str, entries: &mut Entries) {
        (self.reading, self.form) = (Reading::default(), None);
        self.newest.iter_mut().for_each(|newest| newest.sets = false);
        if std::mem::take(&mut self.lit) {
            make_unknown(self.kind, esn, entries);
        }
    }
}

pub(super) fn make_unknown(kind: DeviceKind, esn: &str, entries: &mut Entries) {
    let scope = Scope::Item(format!("{}{esn}", prefix(kind)).into());
    entries.enter(Entry::Snapshot(Box::new(Snapshot { scope, states: Vec::new() })));
}

/// Whether a frame says of an entity that nothing more comes of it.
pub(super) fn is_refused(frame: &Frame<'_>, entity: Entity<'_, '_>) -> bool {
    frame.refusal.is_some() || entity.answers.iter().any(|answer| matches!(answer, Answer::Refused(_)))
}

/// The refusals of an entity, those of the whole frame among them.
pub(super) fn refusals(frame: &Frame<'_>, entity: Entity<'_, '_>) -> impl Iterator<Item = RefusalCode> {
    let of_entity = entity.answers.iter().filter_map(|answer| match answer {
        Answer::Refused(refusal) => Some(refusal.code),
        _ => None,
    });
    frame.refusal.iter().map(|refusal| refusal.code).chain(of_entity)
}

/// What stands before the ESN in the subject of its events.
pub(super) const fn prefix(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "cameras/",
        DeviceKind::Bridge => "bridges/",
        DeviceKind::Other => "devices/",
    }
}
