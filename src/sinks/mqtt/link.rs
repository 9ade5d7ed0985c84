//! Keeps a session with the broker: begins another one when it ends, and comes less and less often to a broker that does not want us.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    task::{AbortHandle, spawn_local},
    time::{Instant, sleep, timeout},
};

use super::session::{ConnectError, Session, Settings};
use crate::sinks::{backoff::Backoff, standing::Herald};

/// Events that may be under way to the broker, of all lanes together.
pub(super) const ROOM: usize = 256;
/// The longest pause before another login of somebody who is refused, in first ones.
const LONGEST_REFUSED: u32 = 15;
/// A session that has lasted so long was a good one: the next one is tried soon.
const GOOD: Duration = Duration::from_secs(10);

/// The way to the broker.
pub(super) struct Link {
    standing: watch::Sender<Standing>,
    room: Semaphore,
    timeout: Duration,
    keeper: Cell<Option<AbortHandle>>,
    herald: Rc<Herald>,
}

/// How it stands.
#[derive(Clone)]
enum Standing {
    /// It is being begun.
    Beginning,
    Up(u64, Rc<Session>),
    /// There is no session, and why not.
    Down(String),
}

impl Link {
    pub(super) fn new(timeout: Duration, herald: Rc<Herald>) -> Rc<Self> {
        let (standing, room) = (watch::channel(Standing::Beginning).0, Semaphore::new(ROOM));
        Rc::new(Self { standing, room, timeout, keeper: Cell::new(None), herald })
    }

    /// Who tells how it stands.
    pub(super) fn herald(&self) -> &Herald {
        &self.herald
    }

    /// Begins to keep a session, unless that has begun.
    pub(super) fn keep(self: &Rc<Self>, settings: impl FnOnce() -> Settings, refused_pause: Duration) {
        let keeper = self.keeper.take().unwrap_or_else(|| {
            let (standing, herald) = (self.standing.clone(), Rc::clone(&self.herald));
            let keeper = Keeper { settings: settings(), refused_pause, standing, herald };
            spawn_local(keeper.run()).abort_handle()
        });
        self.keeper.set(Some(keeper));
    }

    /// The session there is, or the one that comes soon.
    ///
    /// # Errors
    /// In words, why there is none.
    pub(super) async fn session(&self) -> Result<Rc<Session>, String> {
        if let Standing::Up(_, session) = &*self.standing.borrow()
            && session.end().is_none()
        {
            return Ok(Rc::clone(session));
        }
        let coming = self.up(|_, session| session.end().is_none());
        if let Ok((_, session)) = timeout(self.timeout, coming).await {
            return Ok(session);
        }
        Err(match &*self.standing.borrow() {
            Standing::Down(why) => why.clone(),
            _ => format!("there is no session with the broker within {:?}", self.timeout),
        })
    }

    /// Waits for a session with a number above `after`.
    pub(super) async fn after(&self, after: u64) -> (u64, Rc<Session>) {
        self.up(|number, _| number > after).await
    }

    async fn up(&self, wanted: impl Fn(u64, &Session) -> bool) -> (u64, Rc<Session>) {
        let mut standing = self.standing.subscribe();
        let is_wanted =
            |standing: &Standing| matches!(standing, Standing::Up(number, session) if wanted(*number, session));
        match standing.wait_for(is_wanted).await.as_deref() {
            Ok(Standing::Up(number, session)) => (*number, Rc::clone(session)),
            _ => std::future::pending().await,
        }
    }

    /// The session of this number, if it is the present one.
    pub(super) fn numbered(&self, number: u64) -> Option<Rc<Session>> {
        match &*self.standing.borrow() {
            Standing::Up(present, session) if *present == number => Some(Rc::clone(session)),
            _ => None,
        }
    }

    /// Room for one more event on its way. Who has waited longest is next.
    pub(super) async fn room(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.room.acquire().await.ok()
    }

    /// Keeps no session any more. Answers the one there is.
    pub(super) fn end(&self) -> Option<Rc<Session>> {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
        match self.standing.send_replace(Standing::Down("the sink has ended".to_owned())) {
            Standing::Up(_, session) => Some(session),
            Standing::Beginning | Standing::Down(_) => None,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        drop(self.end());
    }
}

struct Keeper {
    settings: Settings,
    refused_pause: Duration,
    standing: watch::Sender<Standing>,
    herald: Rc<Herald>,
}

impl Keeper {
    async fn run(self) {
        let Self { settings, refused_pause, standing, herald } = self;
        let address = format!("{}:{}", settings.host, settings.port);
        let (mut number, mut backoff, mut refused) = (0, Backoff::new(), 0_u32);
        loop {
            let (why, is_refusal) = match Session::connect(&settings).await {
                Ok(session) => {
                    number += 1;
                    herald.up();
                    let (session, begun) = (Rc::new(session), Instant::now());
                    standing.send_replace(Standing::Up(number, Rc::clone(&session)));
                    let end = session.ended().await;
                    if begun.elapsed() >= GOOD {
                        (backoff, refused) = (Backoff::new(), 0);
                    }
                    (end.why, end.is_refusal)
                }
                Err(ConnectError::Refused(why)) => (why, true),
                Err(ConnectError::Unreachable(why)) => (why, false),
            };
            let pause = if is_refusal {
                refused = (refused * 2).clamp(1, LONGEST_REFUSED);
                refused_pause * refused
            } else {
                refused = 0;
                backoff.pause(None)
            };
            let why = format!("the broker at {address}: {why}");
            herald.failed(&why, is_refusal, Some(pause));
            let why = if is_refusal {
                format!("halted: {why}; tried again in {}", humantime::format_duration(pause))
            } else {
                why
            };
            standing.send_replace(Standing::Down(why));
            sleep(pause).await;
        }
    }
}
