//! One WebSocket as the hub sees it: what is queued for it, and how it is to end.

use std::{sync::Arc, time::SystemTime};

use tokio::sync::Notify;

use super::{
    DropHow,
    faults::FaultKind,
    flood::FloodJob,
    hub::Core,
    ledger::Emitted,
    wire::{self, Spelling},
};
use crate::simulator::common::{
    line::{self, Line, Message},
    socket::Step,
};

/// At most so many events go into one frame.
const EVENTS_PER_FRAME: usize = 250;

/// A frame of no known kind, for `unknown-frames`.
const UNKNOWN_FRAME: &str = r#"{"notification":{"kind":"maintenance","starts":null},"items":[1,"two",{}]}"#;

pub(super) type Out = line::Out<Due>;

/// An event that is to be sent.
pub(super) struct Due {
    pub(super) event: Arc<Emitted>,
    /// Its place in the session's log; `None` for a deliberate repeat.
    pub(super) serial: Option<u64>,
}

/// What the writer of a link does next.
pub(super) enum Turn {
    Step(Step),
    Flood(Box<FloodJob>),
}

pub(super) struct Link {
    /// A token was accepted, at the upgrade or by `authenticate`.
    pub(super) authorized: bool,
    pub(super) session: Option<String>,
    /// The gateway that it is at, counted from 1.
    pub(super) gateway: usize,
    pub(super) line: Line<Due>,
    /// A flood that waits for its turn.
    pub(super) flood: Option<Box<FloodJob>>,
    /// A flood is not yet at its end; the writer may hold it.
    pub(super) flooding: bool,
    /// A reply that waits for a later one to overtake it.
    pub(super) held: Option<Vec<u8>>,
    /// Event frames sent so far: paces the faults that strike now and then.
    pub(super) frames: u64,
}

impl Link {
    pub(super) fn new(authorized: bool, gateway: usize, wake: Arc<Notify>) -> Self {
        Self {
            authorized,
            session: None,
            gateway,
            line: Line::new(wake),
            flood: None,
            flooding: false,
            held: None,
            frames: 0,
        }
    }

    pub(super) fn tell(&mut self, event: Arc<Emitted>, serial: Option<u64>) {
        self.line.push(Out::Data(Due { event, serial }));
    }

    /// Takes the events at the head of the queue, at most `limit`.
    fn take_events(&mut self, limit: usize) -> Vec<Due> {
        let mut events = Vec::new();
        while events.len() < limit && matches!(self.line.queue.front(), Some(Out::Data(_))) {
            if let Some(Out::Data(due)) = self.line.queue.pop_front() {
                events.push(due);
            }
        }
        events
    }
}

impl Core {
    /// What the writer of a link does next. Marks events as sent, since the writer hands them to the socket at once.
    pub(super) fn next_turn(&mut self, id: u64) -> Turn {
        let spelling = Spelling::of(&self.switches);
        let Some(link) = self.links.get_mut(&id) else {
            return Turn::Step(Step::End(DropHow::Fin));
        };
        let events = link.take_events(EVENTS_PER_FRAME);
        if !events.is_empty() {
            return Turn::Step(Step::Send(self.event_frames(id, &events, spelling)));
        }
        Turn::Step(match link.line.queue.pop_front() {
            Some(Out::Message(message)) => Step::Send(vec![message]),
            Some(Out::End(how)) => Step::End(how),
            Some(Out::Data(_)) | None => match link.flood.take_if(|flood| flood.is_due()) {
                Some(flood) => return Turn::Flood(flood),
                None => Step::Wait,
            },
        })
    }

    /// A frame with these events, and what the faults put around it.
    fn event_frames(&mut self, id: u64, events: &[Due], spelling: Spelling) -> Vec<Message> {
        let mut frames = Vec::with_capacity(1);
        let Some(link) = self.links.get_mut(&id) else {
            return frames;
        };
        link.frames += 1;
        let nth = link.frames;
        if self.switches.on(FaultKind::EmptyEvents) && nth % 4 == 1 {
            frames.push(Message::Text(br#"{"events":[]}"#.to_vec()));
        }
        if self.switches.on(FaultKind::UnknownFrames) && nth % 5 == 1 {
            frames.push(Message::Text(UNKNOWN_FRAME.into()));
        }
        frames.push(Message::Text(wire::write_events(events.iter().map(|due| &*due.event), spelling).into()));
        // A repeat must not be repeated in turn, so only frames with something new count.
        let fresh = events.iter().any(|due| due.serial.is_some());
        if self.switches.on(FaultKind::Duplicates)
            && fresh
            && nth % 3 == 0
            && let Some(first) = events.first()
        {
            link.tell(first.event.clone(), None);
        }
        let mut session = link.session.as_deref().and_then(|id| self.sessions.get_mut(id));
        self.counters.sent += events.len() as u64;
        for Due { serial, .. } in events {
            let first_time = match (serial, session.as_deref_mut()) {
                (Some(serial), Some(session)) => session.sent(*serial),
                _ => false,
            };
            self.counters.resent += u64::from(!first_time);
        }
        frames
    }

    /// Notes how far a flood has come and gives it back to its link; at its end the session can be resumed from its last event.
    pub(super) fn flooded(&mut self, id: u64, job: Box<FloodJob>, sent: u64) {
        self.counters.flooded += sent;
        let done = job.next == job.plan.events;
        let record = &mut self.ledger.floods[job.record];
        record.sent += sent;
        if done {
            record.finished = Some(SystemTime::now());
        }
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        // Cut off meanwhile: then the session is doomed already.
        if !link.flooding {
            return;
        }
        if !done {
            link.flood = Some(job);
            return;
        }
        link.flooding = false;
        let session = link.session.as_deref().and_then(|id| self.sessions.get_mut(id));
        if let Some(session) = session {
            session.anchor(Arc::new(job.last_event(self.world.next_index())));
        }
    }
}
