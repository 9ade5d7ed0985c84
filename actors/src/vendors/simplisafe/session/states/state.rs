//! One state, and when what an answer tells of it counts.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{CONTACT, LOCK, Report, Reported, Source};
use crate::model::event::{Meaning, StateMeaning};
use crate::model::vocabulary::STATE_UNKNOWN;

/// What an answer without a time of its own says against an event is believed when the event is so old: the cloud's answers trail what it pushes by 5 to
/// 10 s (observed).
const TRAILS: SignedDuration = SignedDuration::from_secs(30);

/// The cloud's memory of a lock trails by minutes (a capture of 2026).
const LOCK_TRAILS: SignedDuration = SignedDuration::from_mins(5);

/// What an answer says against an event of the same second, or of a door, is believed when the event is so old.
const SETTLES: SignedDuration = SignedDuration::from_secs(10);

/// What a list of devices that is older than an event by its own time says against that event is believed when the event is so old, or twice as old as
/// what is else asked of it: that the time always moves is inferred, and where it does not no state may stand for ever.
const STANDS: SignedDuration = SignedDuration::from_mins(5);

/// A state as it was told last.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) group: Arc<str>,
    /// The vendor's value; empty where nobody knows it.
    pub(super) value: Arc<str>,
    pub(super) time: Box<str>,
    pub(super) at: Option<Timestamp>,
    /// Of the event behind it: puts those of one second in order.
    pub(super) number: Option<i64>,
    pub(super) source: Source,
    /// Of what was told in this try.
    pub(super) meaning: Option<Arc<Meaning>>,
}

impl State {
    pub(super) fn is_known(&self) -> bool {
        !self.value.is_empty()
    }

    pub(super) fn meaning(&self) -> Arc<Meaning> {
        // It is retold as it is, so that only group and value count.
        let state = || StateMeaning {
            group: Arc::clone(&self.group),
            value: Arc::clone(&self.value),
            vendor_group: Arc::clone(&self.group),
            vendor_value: Arc::clone(&self.value),
            text: None,
        };
        let retold = || Arc::new(Meaning { kind: STATE_UNKNOWN.into(), name: None, state: Some(state()) });
        self.meaning.clone().unwrap_or_else(retold)
    }

    /// Whether it is known from a later moment than an event of that time and number.
    pub(super) fn is_later(&self, at: Option<Timestamp>, number: i64) -> bool {
        self.is_known() && self.at.zip(at).is_some_and(|(is, at)| (is, self.number) > (at, Some(number)))
    }

    pub(super) fn forget(&mut self) {
        self.value = "".into();
        self.meaning = None;
    }

    /// Whether what an answer tells takes its place.
    pub(super) fn gives_way(&self, reported: &Reported, report: &Report) -> bool {
        let Some(of) = value_of(&reported.meaning) else { return false };
        of.vendor_value != self.value && (!self.is_known() || self.is_older(&of.vendor_value, reported, report))
    }

    /// Whether what an answer tells is what an event has told, so that it is for that source from now on to tell when it is over.
    pub(super) fn is_confirmed(&self, reported: &Reported, report: &Report) -> bool {
        let Some(of) = value_of(&reported.meaning).filter(|of| of.vendor_value == self.value) else { return false };
        // A list that has a door will tell when it is closed, and events do not.
        self.source == Source::Event && (*self.group == *CONTACT || self.is_older(&of.vendor_value, reported, report))
    }

    /// Whether an event that told this is so old that a list of devices which lacks the item cannot be from before.
    pub(super) fn is_before_list(&self, report: &Report) -> bool {
        self.at.and_then(|at| at.checked_add(TRAILS).ok()).is_none_or(|at| report.at > at)
    }

    /// Whether an answer that tells this value is newer than what told this one, as far as that is known.
    fn is_older(&self, value: &str, reported: &Reported, report: &Report) -> bool {
        let (Some(is), by_event) = (self.at, self.source == Source::Event) else { return true };
        let is_old = |trails| is.checked_add(trails).is_ok_and(|is| report.at > is);
        if matches!(report.source, Source::Sensors | Source::Locks) {
            // That the list was told later than the event does not mean that this row was.
            let trails = self.trails(value);
            let trails = if report.listed.is_some_and(|at| at < is) { STANDS.max(trails * 2) } else { trails };
            return report.at >= is && (!by_event || is_old(trails));
        }
        match reported.time.parse::<Timestamp>() {
            // Times have whole seconds: within one of them the event counts, and what is still told later is as things are.
            Ok(at) if at == is && by_event => is_old(SETTLES),
            Ok(at) => at >= is,
            Err(_) if by_event => is_old(TRAILS),
            Err(_) => report.at >= is,
        }
    }

    /// For how long a list of devices may be older than the event behind this.
    fn trails(&self, value: &str) -> SignedDuration {
        match &*self.group {
            // Why it failed: no list of before would say that.
            LOCK if &*self.value == "error" && value == "jammed" => SignedDuration::ZERO,
            LOCK if &*self.value == "error" => TRAILS,
            LOCK => LOCK_TRAILS,
            // It is asked for no sooner, and events tell but that it was opened.
            CONTACT => SETTLES - SignedDuration::from_secs(1),
            _ => TRAILS,
        }
    }
}

pub(super) fn value_of(meaning: &Meaning) -> Option<&StateMeaning> {
    meaning.state.as_ref()
}
