//! Keeps a board equal to the present.

use std::{rc::Rc, time::Duration};

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::{
    select,
    task::yield_now,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use watchpost_actors::model::{State, vocabulary};

use super::{
    About, Board, Connection, Document, Heard, Place, Present,
    engine::{Changed, Since},
    ledger::{Ledger, Step},
    mends::Spoilt,
};
use crate::sinks::{
    backoff::Backoff,
    outlet::Failure,
    telemetry::{DocumentRefused, DocumentsSpoilt},
};

/// Places that are worked on at the same time; of each, one step at a time is under way.
const WIDTH: usize = 8;
/// Places that are looked at before something else on this thread gets its turn.
const AT_A_TIME: usize = 64;
/// How often connections are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often every item is looked at, for what no change tells: that an item was given a name.
const LOOK_AT_ALL_EVERY: u32 = 60;
/// How often it is complained of others who touch our keys.
const COMPLAIN_EVERY: Duration = Duration::from_secs(3_600);
/// What is heard so soon in a session may have been on its way from the start.
const AT_FIRST: Duration = Duration::from_secs(5);

/// Keeps the board equal to the present, for ever; where the engine ends, so does this. Dropped, it leaves what is there.
pub(in crate::sinks) async fn run<B: Board, P: Present>(sink: &str, board: Rc<B>, present: Rc<P>, changed: &Changed) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = 0_u32;
    let mut looking: Option<LocalBoxFuture<'static, Option<Vec<Connection>>>> = None;
    let mut mirror = Mirror {
        sink,
        board: Rc::clone(&board),
        present: Rc::clone(&present),
        ledger: Ledger::new(Instant::now()),
        session: 0,
        begun: Instant::now(),
        complained: None,
        working: FuturesUnordered::new(),
        paused: None,
        backoff: Backoff::new(),
        is_met: false,
    };
    loop {
        let has_more = mirror.begin_work();
        let paused = mirror.paused;
        select! {
            session = board.session(mirror.session) => mirror.begin_session(session),
            Some(worked) = mirror.working.next(), if !mirror.working.is_empty() => mirror.take_note(worked),
            heard = board.heard(mirror.session), if mirror.session > 0 => mirror.hear(heard),
            since = changed.take() => mirror.mark(since),
            connections = async { match looking.as_mut() { Some(looking) => looking.await, None => None } }, if looking.is_some() => {
                looking = None;
                let Some(connections) = connections else { return };
                mirror.meet(connections);
            }
            _ = look.tick() => {
                mirror.mend();
                looks = looks.wrapping_add(1);
                if looks.is_multiple_of(LOOK_AT_ALL_EVERY) {
                    mirror.mark_everything();
                }
                if looking.is_none() {
                    let present = Rc::clone(&present);
                    looking = Some(Box::pin(async move { present.connections().await }));
                }
            }
            () = sleep_until(paused.unwrap_or_else(Instant::now)), if paused.is_some() => mirror.paused = None,
            () = yield_now(), if has_more => {}
        }
    }
}

struct Mirror<'a, B, P> {
    sink: &'a str,
    board: Rc<B>,
    present: Rc<P>,
    ledger: Ledger,
    session: u64,
    /// When it has begun.
    begun: Instant,
    complained: Option<Instant>,
    working: FuturesUnordered<LocalBoxFuture<'static, Worked>>,
    /// The broker wants to be left alone until then.
    paused: Option<Instant>,
    backoff: Backoff,
    /// The connections are known: before that nothing is put up.
    is_met: bool,
}

/// What became of the steps for one place.
struct Worked {
    session: u64,
    place: Place,
    done: Vec<Step>,
    /// Those that the broker does not want, and why.
    refused: Vec<(Step, String)>,
    failed: Option<(Step, Failure)>,
}

impl<B: Board, P: Present> Mirror<'_, B, P> {
    fn begin_session(&mut self, session: u64) {
        self.session = session;
        // What was under way is known to have come to nothing.
        self.working = FuturesUnordered::new();
        (self.paused, self.backoff) = (None, Backoff::new());
        self.begun = Instant::now();
        self.ledger.begin_session(self.begun + self.board.heard_after());
        self.mark_everything();
    }

    fn mark_everything(&mut self) {
        for name in self.ledger.names() {
            let items = self.present.items(&name);
            self.ledger.mark(Place::Connection(name.clone()));
            items.into_iter().for_each(|item| self.ledger.mark(Place::Item(name.clone(), item)));
        }
    }

    fn mark(&mut self, Since { everything, items }: Since) {
        if everything {
            self.mark_everything();
        }
        items.into_iter().for_each(|(connection, item)| self.ledger.mark(Place::Item(connection, item)));
    }

    fn meet(&mut self, connections: Vec<Connection>) {
        self.is_met = true;
        for name in self.ledger.note(connections, Instant::now()) {
            let items = self.present.items(&name);
            items.into_iter().for_each(|item| self.ledger.mark(Place::Item(name.clone(), item)));
        }
    }

    fn hear(&mut self, Heard { key, body }: Heard) {
        if let Some(place) = self.board.place(&key) {
            self.ledger.heard(place, key, &body, Instant::now());
        }
    }

    fn mend(&mut self) {
        let now = Instant::now();
        let Some(Spoilt { key, times }) = self.ledger.mend_spoilt(now) else { return };
        let is_news = now.saturating_duration_since(self.begun) > AT_FIRST
            && self.complained.is_none_or(|at| now.saturating_duration_since(at) >= COMPLAIN_EVERY);
        if is_news {
            self.complained = Some(now);
        }
        DocumentsSpoilt { sink: self.sink, key: &key, times, news: is_news }.emit();
    }

    /// Begins what is due, as far as there is room. Whether there may be more.
    fn begin_work(&mut self) -> bool {
        if self.session == 0 || !self.is_met || self.paused.is_some() {
            return false;
        }
        let now = Instant::now();
        for _ in 0..AT_A_TIME {
            if self.working.len() >= WIDTH {
                return false;
            }
            let Some(place) = self.ledger.next(now) else { return false };
            let (wanted, is_known) = self.wanted(&place);
            let steps = self.ledger.steps(&place, wanted, is_known, now);
            if steps.is_empty() {
                self.ledger.done(&place, now);
            } else {
                self.working.push(Box::pin(carry_out(Rc::clone(&self.board), self.session, place, steps)));
            }
        }
        true
    }

    /// The documents that there should be of a place, and whether anything is known of it.
    fn wanted(&self, place: &Place) -> (Vec<Document>, bool) {
        let connection = place.connection().and_then(|name| self.ledger.connection(name));
        match (place, connection) {
            (Place::Program, _) => (self.board.documents(About::Program), true),
            (Place::Connection(_), Some(connection)) => (self.board.documents(About::Connection(connection)), true),
            (Place::Item(name, item), Some(connection)) => {
                let states = self.present.states(name, item);
                if states.iter().all(is_gone) {
                    return (Vec::new(), !states.is_empty());
                }
                (self.board.documents(About::Item(connection, &states)), true)
            }
            // Its parent may be away for long, and what was said of it then is not so now.
            (Place::Connection(name), None) if !self.ledger.is_certain(place, Instant::now()) => {
                (self.board.documents(About::Missing(name)), false)
            }
            (Place::Connection(_) | Place::Item(..), None) => (Vec::new(), false),
        }
    }

    fn take_note(&mut self, Worked { session, place, done, refused, failed }: Worked) {
        if session != self.session {
            return;
        }
        if !done.is_empty() {
            self.backoff = Backoff::new();
        }
        for step in &done {
            self.ledger.carried_out(&place, step);
            self.board.settled(step.key(), None);
        }
        for (step, why) in &refused {
            DocumentRefused { sink: self.sink, key: step.key(), why }.emit();
            self.board.settled(step.key(), Some(why));
            // Tried again when everything is looked at: the broker may think otherwise by then.
            self.ledger.left_open(&place, step);
        }
        if let Some((step, _)) = &failed {
            // It may have been carried out all the same.
            self.ledger.left_open(&place, step);
        }
        self.ledger.done(&place, Instant::now());
        let Some((_, failure)) = failed else { return };
        let after = if let Failure::Again { after, .. } = failure { after } else { None };
        self.paused = Some(Instant::now() + self.backoff.pause(after));
        self.ledger.mark(place);
    }
}

/// The vendor does not list it any more, or says nothing of it.
fn is_gone(state: &State) -> bool {
    state.value() == vocabulary::UNKNOWN
}

async fn carry_out<B: Board>(board: Rc<B>, session: u64, place: Place, steps: Vec<Step>) -> Worked {
    let (done, refused) = (Vec::new(), Vec::new());
    let mut worked = Worked { session, place, done, refused, failed: None };
    for step in steps {
        let carried_out = match &step {
            Step::Put(document) => board.put(session, document).await,
            Step::Remove(key) => board.remove(session, key).await,
        };
        match carried_out {
            Ok(()) => worked.done.push(step),
            Err(Failure::Refused { why, .. }) => worked.refused.push((step, why)),
            Err(failure) => {
                worked.failed = Some((step, failure));
                break;
            }
        }
    }
    worked
}
