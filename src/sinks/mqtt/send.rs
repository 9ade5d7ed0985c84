//! Events of one lane on their way to the broker.
//!
//! The next is sent as soon as one is acknowledged, so that a lane waits for the broker and never the broker for the lane. When the broker does not take
//! one, nothing more is sent until it has answered to all that are under way, and from then on each is sent alone until the last that it did not take has
//! gone: so a refusal that lasts lets no more events pass than were under way when it came.

use std::future::pending;

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::{select, sync::SemaphorePermit};
use watchpost_actors::model::{ConnectionName, Sequence, event::SharedEvent};

use super::{
    BATCH, Mqtt,
    session::{PublishError, Session, Ticket},
};
use crate::sinks::{outlet::Failure, window::Window};

/// The longest pause where an event may not be published, in first ones.
const LONGEST_DENIED: u32 = 15;

/// Whose events are sent: a connection's, by its lane or by a replay.
pub(super) type Sender = (ConnectionName, bool);

/// What the broker did not take, and would take later.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trouble {
    /// The last of these events. Up to it each is sent alone.
    upto: Sequence,
    /// How often in a row the first could not be published for want of the right to.
    denied: u32,
}

impl Mqtt {
    /// Sends what is in the window, and what joins it, until nothing is left or something fails; comes back when nothing is under way.
    pub(super) async fn send(&self, window: &Window, redelivery: bool) -> Result<(), Failure> {
        let Some((mut next, first)) = window.next(0) else { return Ok(()) };
        let sender = (first.get().commit.connection.clone(), redelivery);
        let session = self.link.session().await.map_err(|why| Failure::Again { why, after: None })?;
        let mut under_way = FuturesUnordered::new();
        let mut room: Option<LocalBoxFuture<'_, Option<SemaphorePermit<'_>>>> = None;
        let mut failed: Option<(u64, PublishError)> = None;
        loop {
            let most = if self.troubles.borrow().contains_key(&sender) { 1 } else { BATCH };
            let goes_on = failed.is_none() && under_way.len() < most;
            let coming = goes_on.then(|| window.next(next)).flatten();
            if coming.is_none() {
                room = None;
                if under_way.is_empty() {
                    break;
                }
            } else if room.is_none() {
                room = Some(Box::pin(self.link.room()));
            }
            // With an event at hand there is room to be waited for, and nothing else.
            let waits_for_more = goes_on && coming.is_none();
            let room_for_it = async {
                match room.as_mut() {
                    Some(room) => room.await,
                    None => pending().await,
                }
            };
            let (number, sequence, answer) = select! {
                biased;
                Some(answered) = under_way.next(), if !under_way.is_empty() => answered,
                permit = room_for_it => {
                    room = None;
                    let Some((number, event)) = coming else { continue };
                    next = number + 1;
                    let sequence = event.get().sequence;
                    match self.publish(&session, &event, redelivery) {
                        Ok(ticket) => {
                            under_way.push(async move {
                                let answer = ticket.acknowledged().await;
                                drop(permit);
                                (number, sequence, answer)
                            });
                            continue;
                        }
                        Err(error) => (number, sequence, Err(error)),
                    }
                }
                () = window.reaches(next), if waits_for_more => continue,
            };
            match answer {
                Ok(()) => {
                    window.acknowledge(number);
                    // What was sent behind one that is not taken says nothing of that one.
                    if failed.is_none() {
                        self.went_through(&sender, sequence);
                    }
                }
                Err(error) => {
                    self.was_not_taken(&sender, sequence, &error);
                    if failed.as_ref().is_none_or(|(first, _)| number < *first) {
                        failed = Some((number, error));
                    }
                }
            }
        }
        failed.map_or(Ok(()), |(_, error)| Err(self.failure(&sender, error)))
    }

    fn publish(&self, session: &Session, event: &SharedEvent, redelivery: bool) -> Result<Ticket, PublishError> {
        let stored = event.get();
        let item = stored.event.item.as_ref().map(|item| &*item.id);
        let topic = self.topics.event(&stored.commit.connection, item, &stored.event.meaning.kind);
        session.publish(&topic, body(event, redelivery)?.into(), false)
    }

    fn went_through(&self, sender: &Sender, sequence: Sequence) {
        let mut troubles = self.troubles.borrow_mut();
        if let Some(trouble) = troubles.get_mut(sender) {
            trouble.denied = 0;
            if trouble.upto <= sequence {
                troubles.remove(sender);
            }
        }
    }

    fn was_not_taken(&self, sender: &Sender, sequence: Sequence, error: &PublishError) {
        if let PublishError::Busy(_) | PublishError::NotAllowed(_) = error {
            let mut troubles = self.troubles.borrow_mut();
            let trouble = troubles.entry(sender.clone()).or_default();
            trouble.upto = trouble.upto.max(sequence);
        }
    }

    /// What has become of the first event that is not acknowledged.
    fn failure(&self, sender: &Sender, error: PublishError) -> Failure {
        match error {
            PublishError::Over(why) | PublishError::Busy(why) => Failure::Again { why, after: None },
            PublishError::Refused(why) => Failure::Refused { why, at_once: true },
            PublishError::NotAllowed(why) => {
                let mut troubles = self.troubles.borrow_mut();
                let trouble = troubles.entry(sender.clone()).or_default();
                trouble.denied = (trouble.denied * 2).clamp(1, LONGEST_DENIED);
                let prefix = &self.settings.prefix;
                let why = format!("halted: {why}; give this user the right to publish to {prefix}/#");
                Failure::Again { why, after: Some(self.settings.refused_pause * trouble.denied) }
            }
        }
    }
}

/// An event as a message: the same line that other sinks write.
fn body(event: &SharedEvent, redelivery: bool) -> Result<Vec<u8>, PublishError> {
    let mut body = Vec::with_capacity(640 + event.get().data().len());
    event.get().write_line(&mut body);
    if body.is_empty() {
        return Err(PublishError::Refused(format!("event {} cannot be written as JSON", event.get().full_id())));
    }
    if redelivery {
        body.splice(..1, *b"{\"redelivery\":true,");
    }
    Ok(body)
}
