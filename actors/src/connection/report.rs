//! How a connection is doing, told in the three ways there are: shown in the state map, reported to the supervisor, and
//! entered into the lane as an event, in order with the connection's other events.

use std::sync::Arc;
use std::time::Duration;

use super::Setup;
use super::changes::Changes;
use crate::model::Cause;
use crate::model::status::ConnectionState;
use crate::state_tracker::ShowStatus;
use crate::supervisor::ConnectionReport;
use crate::telemetry::{ConnectionChanged, SessionStarted, TryEnded};
use crate::vendors::{Entry, StatusChange, Vendor};

/// Why a connection is delayed after its actor has panicked.
pub(crate) const PANICKED: &str = "a defect in the engine (it panicked)";

/// A connection's state, and the changes of it that are not stored yet.
pub(super) struct Report {
    state: ConnectionState,
    tries: u64,
    last_error: Option<Arc<str>>,
    /// The reason that the log has told of last.
    told: Option<Arc<str>>,
    unstored: Changes,
}

impl Report {
    /// The report of a connection that an earlier generation left in the state `was`.
    pub(super) fn new(was: ConnectionState) -> Self {
        let mut report = Self { state: was, tries: 0, last_error: None, told: None, unstored: Changes::default() };
        if was == ConnectionState::Online {
            report.state = ConnectionState::Delayed;
            report.unstored.push(StatusChange { old: was, new: report.state, reason: PANICKED.into() });
        }
        report
    }

    /// Goes to `new`; staying where it is changes the reason that is shown and makes no event.
    fn go<V: Vendor>(&mut self, setup: &Setup<V>, new: ConnectionState, reason: &Arc<str>) {
        let old = std::mem::replace(&mut self.state, new);
        if old != new {
            let (connection, old_word, new_word) = (&setup.name, old.as_str(), new.as_str());
            ConnectionChanged { connection, old: old_word, new: new_word, reason }.emit();
            self.unstored.push(StatusChange { old, new, reason: Arc::clone(reason) });
        }
        self.tell(setup, reason);
    }

    fn tell<V: Vendor>(&self, setup: &Setup<V>, reason: &Arc<str>) {
        setup.tracker.do_send(ShowStatus {
            connection: setup.name.clone(),
            vendor: V::NAME,
            state: self.state,
            reason: Arc::clone(reason),
        });
        setup.reports.do_send(ConnectionReport {
            name: setup.name.clone(),
            generation: setup.generation,
            state: self.state,
            tries: self.tries,
            last_error: self.last_error.clone(),
        });
    }

    /// The first look at a connection that is being made.
    pub(super) fn begun<V: Vendor>(&self, setup: &Setup<V>) {
        self.tell(setup, &"".into());
    }

    /// A try begins.
    pub(super) fn trying(&mut self) {
        self.tries += 1;
    }

    /// The vendor has confirmed the subscription, at this place if there are several.
    pub(super) fn online<V: Vendor>(&mut self, setup: &Setup<V>, place: &Arc<str>) {
        SessionStarted { connection: &setup.name }.emit();
        self.go(setup, ConnectionState::Online, place);
    }

    /// The connection was lost, or could not be made.
    pub(super) fn lost<V: Vendor>(&mut self, setup: &Setup<V>, why: &Arc<str>) {
        self.last_error = Some(Arc::clone(why));
        // One that was never online goes on connecting.
        let connecting = self.state == ConnectionState::Connecting;
        self.go(setup, if connecting { ConnectionState::Connecting } else { ConnectionState::Delayed }, why);
    }

    /// How long until the next try is known.
    pub(super) fn waiting<V: Vendor>(
        &mut self,
        setup: &Setup<V>,
        why: &Arc<str>,
        cause: Cause,
        online: Option<Duration>,
        again_in: Duration,
    ) {
        let news = self.told.as_ref() != Some(why);
        self.told = Some(Arc::clone(why));
        TryEnded { connection: &setup.name, why, cause, online, again_in, news }.emit();
    }

    pub(super) fn halted<V: Vendor>(&mut self, setup: &Setup<V>, why: &Arc<str>) {
        self.last_error = Some(Arc::clone(why));
        self.go(setup, ConnectionState::Halted, why);
    }

    pub(super) fn stopped<V: Vendor>(&mut self, setup: &Setup<V>) {
        self.go(setup, ConnectionState::Stopped, &"".into());
    }

    /// Bounds what is not stored, before a try.
    pub(super) fn shorten(&mut self) {
        self.unstored.shorten();
    }

    /// The changes to be stored with the next batch.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.unstored.entries()
    }

    pub(super) fn unstored(&self) -> usize {
        self.unstored.len()
    }

    /// The first `count` changes are stored.
    pub(super) fn stored(&mut self, count: usize) {
        self.unstored.stored(count);
    }
}
