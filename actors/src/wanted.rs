//! What a connection shall be subscribed to besides its settings, and who waits for an answer. Between the front, which changes it, and the
//! connection's tries, each of which goes by it: so it outlives every session, and is gone with the connection's row.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::messages::{AddedSubscription, Standing, SubscriptionError};
use crate::model::ids::SubscriptionId;
use crate::vendors::milestone::config::FilterRow;
use crate::vendors::{Wish, WishNews, Wishes};

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
    pub(crate) fn add(&self, filters: Vec<FilterRow>) -> oneshot::Receiver<Added> {
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
