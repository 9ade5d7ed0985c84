//! What a connection shall be subscribed to besides its settings, and who waits for an answer. Between the front, which changes it, and the
//! connection's tries, each of which goes by it: so it outlives every session, and is gone with the connection's row.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::messages::{AddedSubscription, Standing, SubscriptionError};
use crate::model::ids::SubscriptionId;
use crate::vendors::{Filters, Wish, WishNews, Wishes};

/// The answer to who added one.
pub(crate) type Added = Result<AddedSubscription, SubscriptionError>;

/// The wishes of one connection.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    wishes: Wishes,
    /// There is a session that will answer.
    online: bool,
    /// What the server is being asked about.
    asked: Option<SubscriptionId>,
    adding: HashMap<SubscriptionId, oneshot::Sender<Added>>,
    /// With the version from which on they are removed.
    removing: Vec<(u64, oneshot::Sender<Standing>)>,
}

impl Wanted {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wants one more. Whoever waits is always answered: by the session, or when that ends.
    pub(crate) fn add(&self, filters: Filters) -> oneshot::Receiver<Added> {
        let (answer, wait) = oneshot::channel();
        let id = SubscriptionId::mint();
        let mut inner = self.lock();
        inner.wishes.version += 1;
        inner.wishes.list.push(Wish { id, filters });
        if inner.online {
            inner.adding.insert(id, answer);
        } else {
            // Nobody can have stopped waiting yet.
            let _ = answer.send(Ok(AddedSubscription { id, standing: Standing::Pending }));
        }
        drop(inner);
        self.changed.notify_one();
        wait
    }

    /// Does not want this one any more; `None` if it was not wanted.
    pub(crate) fn remove(&self, id: SubscriptionId) -> Option<oneshot::Receiver<Standing>> {
        let mut inner = self.lock();
        inner.wishes.get(id)?;
        let (answer, wait) = oneshot::channel();
        inner.forget(id);
        if inner.online {
            let version = inner.wishes.version;
            inner.removing.push((version, answer));
        } else {
            let _ = answer.send(Standing::Pending);
        }
        drop(inner);
        self.changed.notify_one();
        Some(wait)
    }

    /// What is wanted now.
    pub(crate) fn wishes(&self) -> Wishes {
        self.lock().wishes.clone()
    }

    /// Waits for a change since this was last waited for.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A session has begun that answers from now on.
    fn online(&self) {
        self.lock().online = true;
    }

    /// What the session tells. Gives back a refusal that nobody was waiting for.
    fn told(&self, news: WishNews) -> Option<SubscriptionError> {
        let mut inner = self.lock();
        match news {
            WishNews::Asked(id) => inner.asked = Some(id),
            WishNews::Confirmed(id) => {
                inner.answered(id);
                if let Some(waiting) = inner.adding.remove(&id) {
                    let _ = waiting.send(Ok(AddedSubscription { id, standing: Standing::Confirmed }));
                }
            }
            WishNews::Refused(id, error) => {
                if inner.asked == Some(id) {
                    inner.answered(id);
                }
                let Some(waiting) = inner.adding.remove(&id) else { return Some(error) };
                inner.forget(id);
                let _ = waiting.send(Err(error));
                drop(inner);
                self.changed.notify_one();
            }
            WishNews::Settled(version) => {
                inner.asked = None;
                let Wishes { list, breaks, .. } = &mut inner.wishes;
                breaks.retain(|id, _| list.iter().any(|wish| wish.id == *id));
                let (done, left) = mem::take(&mut inner.removing).into_iter().partition(|(since, _)| *since <= version);
                inner.removing = left;
                let done: Vec<_> = done;
                for (_, waiting) in done {
                    let _ = waiting.send(Standing::Confirmed);
                }
            }
        }
        None
    }

    /// The session is over. Unless it was told to end, what the server was being asked about may be why.
    fn over(&self, was_told: bool) {
        let mut inner = self.lock();
        inner.online = false;
        if let Some(id) = inner.asked.take().filter(|_| !was_told) {
            *inner.wishes.breaks.entry(id).or_default() += 1;
        }
        for (id, waiting) in inner.adding.drain() {
            let _ = waiting.send(Ok(AddedSubscription { id, standing: Standing::Pending }));
        }
        for (_, waiting) in inner.removing.drain(..) {
            let _ = waiting.send(Standing::Pending);
        }
    }
}

impl Inner {
    fn forget(&mut self, id: SubscriptionId) {
        self.wishes.version += 1;
        self.wishes.list.retain(|wish| wish.id != id);
    }

    fn answered(&mut self, id: SubscriptionId) {
        self.asked = None;
        self.wishes.breaks.remove(&id);
    }
}

/// A try's side of it. However the try ends, by a panic too, nobody is left waiting.
#[derive(Debug)]
pub(crate) struct Hearing(Arc<Wanted>);

impl Hearing {
    pub(crate) fn new(wanted: &Arc<Wanted>) -> Self {
        Self(Arc::clone(wanted))
    }

    pub(crate) fn wishes(&self) -> Wishes {
        self.0.wishes()
    }

    pub(crate) async fn changed(&self) {
        self.0.changed().await;
    }

    /// See [`Wanted::told`].
    pub(crate) fn tell(&self, news: WishNews) -> Option<SubscriptionError> {
        self.0.told(news)
    }

    pub(crate) fn online(&self) {
        self.0.online();
    }

    /// See [`Wanted::over`].
    pub(crate) fn over(&self, was_told: bool) {
        self.0.over(was_told);
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.0.over(false);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn nothing() -> Filters {
        Filters::Milestone(Vec::new())
    }

    fn hearing(wanted: &Arc<Wanted>) -> Hearing {
        let hearing = Hearing::new(wanted);
        hearing.online();
        hearing
    }

    #[test]
    fn without_a_session_a_change_is_taken_in_at_once() {
        let wanted = Wanted::default();
        let added = wanted.add(nothing()).try_recv().unwrap().unwrap();
        assert_eq!(added.standing, Standing::Pending);
        assert!(wanted.wishes().get(added.id).is_some());
        assert_eq!(wanted.remove(added.id).unwrap().try_recv(), Ok(Standing::Pending));
        assert!(wanted.wishes().list.is_empty());
        assert!(wanted.remove(added.id).is_none(), "it is not there any more");
    }

    #[test]
    fn who_waits_is_answered_however_the_session_ends() {
        for told in [true, false] {
            let wanted = Arc::new(Wanted::default());
            let hearing = hearing(&wanted);
            let (mut first, mut second) = (wanted.add(nothing()), wanted.add(nothing()));
            let id = wanted.wishes().list[0].id;
            assert!(first.try_recv().is_err(), "the session has not answered yet");
            hearing.tell(WishNews::Asked(id));
            if told {
                hearing.over(true);
            }
            // As in a panic.
            drop(hearing);
            for waiting in [&mut first, &mut second] {
                assert_eq!(waiting.try_recv().unwrap().unwrap().standing, Standing::Pending);
            }
            let wishes = wanted.wishes();
            assert_eq!(
                (wishes.list.len(), wishes.breaks(id)),
                (2, u32::from(!told)),
                "what was told to end is no reason"
            );
        }
    }

    #[test]
    fn a_refusal_is_not_wanted_any_more_if_somebody_was_told() {
        let wanted = Arc::new(Wanted::default());
        let early = wanted.add(nothing()).try_recv().unwrap().unwrap().id;
        let hearing = hearing(&wanted);
        let mut waiting = wanted.add(nothing());
        let late = wanted.wishes().list[1].id;
        let error = SubscriptionError::Refused("no".to_owned());
        assert_eq!(hearing.tell(WishNews::Refused(late, error.clone())), None);
        assert_eq!(waiting.try_recv().unwrap(), Err(error.clone()));
        assert_eq!(hearing.tell(WishNews::Refused(early, error.clone())), Some(error), "that is for the log");
        let left: Vec<_> = wanted.wishes().list.iter().map(|wish| wish.id).collect();
        assert_eq!(left, [early]);
    }

    #[test]
    fn a_removal_is_answered_when_the_session_has_heard_of_it_and_is_done() {
        let wanted = Arc::new(Wanted::default());
        let hearing = hearing(&wanted);
        drop(wanted.add(nothing()));
        let (id, before) = (wanted.wishes().list[0].id, wanted.wishes().version);
        let mut removed = wanted.remove(id).unwrap();
        hearing.tell(WishNews::Settled(before));
        assert!(removed.try_recv().is_err(), "the session did not know of it then");
        hearing.tell(WishNews::Settled(wanted.wishes().version));
        assert_eq!(removed.try_recv(), Ok(Standing::Confirmed));
    }
}
