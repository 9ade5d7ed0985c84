//! What a Milestone session needs to go on after a break.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Checkpoint;
use crate::model::ids::SubscriptionId;
use crate::vendors::Now;

/// The state of the conversation with the gateway as of the last stored event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MilestoneCheckpoint {
    version: u32,
    /// The session, once a subscription to it has been confirmed.
    pub session: Option<String>,
    /// The last event of it that is stored. Without one a session cannot be resumed.
    pub cursor: Option<String>,
    /// When that event happened, or the last one of a first session that is not confirmed yet, or when a subscription that has brought none
    /// was confirmed. A gap does not begin before.
    pub heard: Option<Timestamp>,
    /// There has been a confirmed subscription, or an event of one that was not confirmed yet: any session after it that is not a resumed one
    /// leaves a gap.
    pub established: bool,
    /// What was subscribed to; another subscription needs another session.
    pub subscribed: String,
    /// What that session is subscribed to besides, or may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<FurtherSubscription>,
    /// The states of this session have not been taken yet.
    pub baseline_pending: bool,
    /// How often in a row a session has ended before its states were taken.
    #[serde(default)]
    pub baseline_breaks: u32,
    /// Which spelling of the WebSocket's path the gateway knows.
    #[serde(default)]
    pub spelling: u8,
    /// The gateway where the session was: see [`mark`](super::login::mark).
    #[serde(default)]
    pub gateway: Option<String>,
    /// A gap that will be told with the baseline: from when, and why.
    pub gap: Option<OpenGap>,
    /// A frame behind this cursor could not be read; if that happens again there, it is skipped with a gap.
    pub unreadable_after: Option<String>,
}

/// A subscription that was added to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FurtherSubscription {
    /// Ours.
    #[serde(with = "crate::model::ids::as_text")]
    pub id: SubscriptionId,
    /// The gateway's, by which it can be removed.
    pub server: Option<String>,
    /// The gateway has it. Otherwise it was, or was about to be, asked for it.
    pub confirmed: bool,
}

/// A gap that has not been told yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGap {
    /// The last byte received before it.
    pub from: Timestamp,
    /// From when on events come again; moves on if there is another break before the gap was told.
    pub to: Timestamp,
    /// Why: one of the words of `docs/vendors/milestone.md`.
    pub reason: String,
}

const VERSION: u32 = 1;

impl MilestoneCheckpoint {
    /// Reads a stored checkpoint; one of another version or one that cannot be read is as good as none.
    pub fn read(checkpoint: &Checkpoint) -> Option<Self> {
        serde_json::from_str::<Self>(&checkpoint.0).ok().filter(|checkpoint| checkpoint.version == VERSION)
    }

    /// For the journal.
    pub fn write(self) -> Option<Checkpoint> {
        let text = serde_json::to_string(&Self { version: VERSION, ..self }).ok()?;
        Some(Checkpoint(text.into()))
    }

    /// All events up to this one were handed over.
    pub fn moved_behind(&mut self, last: &LastEvent, window: Duration) {
        self.cursor = Some(last.id.clone());
        self.heard = Some(last.happened(window));
        self.unreadable_after = None;
    }
}

/// The last event of a frame. When it happened is read from its time only when somebody wants to know, once for many frames.
#[derive(Debug)]
pub struct LastEvent {
    id: String,
    time: String,
    came: Timestamp,
}

impl Default for LastEvent {
    fn default() -> Self {
        Self { id: String::new(), time: String::new(), came: Timestamp::UNIX_EPOCH }
    }
}

impl LastEvent {
    /// It is this one now.
    pub fn is(&mut self, id: &str, time: &str, now: Now) {
        let Self { id: last, time: when, came } = self;
        last.clear();
        last.push_str(id);
        when.clear();
        when.push_str(time);
        *came = now.wall;
    }

    /// When it happened, as far as its clock can be believed. It may have waited behind others, in the gateway or in the socket when
    /// we were slow, and those behind it happened before it came.
    pub fn happened(&self, window: Duration) -> Timestamp {
        let window = jiff::SignedDuration::try_from(window).unwrap_or_default();
        let earliest = self.came.checked_sub(window).unwrap_or(self.came);
        self.time.parse::<Timestamp>().map_or(self.came, |time| time.clamp(earliest, self.came))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_garbage_is_as_good_as_nothing() {
        let now = Timestamp::UNIX_EPOCH;
        let checkpoint = MilestoneCheckpoint {
            session: Some("s".into()),
            cursor: Some("e \"1\"".into()),
            gap: Some(OpenGap { from: now, to: now, reason: "session_expired".into() }),
            ..MilestoneCheckpoint::default()
        };
        let read = MilestoneCheckpoint::read(&checkpoint.clone().write().unwrap()).unwrap();
        assert_eq!(MilestoneCheckpoint { version: 0, ..read }, checkpoint);
        for garbage in ["", "{}", "7", r#"{"version":2,"established":true,"subscribed":"","baseline_pending":false}"#] {
            assert_eq!(MilestoneCheckpoint::read(&Checkpoint(garbage.into())), None, "{garbage}");
        }
    }
}
