//! How fast WebSockets are opened at one server, by all connections of a process together.
//!
//! A server that comes back is wanted by all of its connections at once, and each is in a hurry, for its session is kept for seconds only.
//! If all came in one moment, the server would serve none in time. So they take turns, in the order in which they ask: so many at a time, which
//! adapts the pace to the server's own, and so many a second, should the server be quick to accept and slow with what comes after.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};
use url::Url;

use crate::telemetry::TurnCame;

/// Sockets under way at one server at a time, from the first packet to the answer to the upgrade.
const AT_A_TIME: usize = 100;

/// The time between two sockets at one server: 1,000 a second. A thousand connections come back within a second, which is what is
/// left of a resume window of 30 s when the last try comes.
const BETWEEN: Duration = Duration::from_millis(1);

/// After a pause so many may follow each other at once.
const AT_ONCE: u32 = 100;

/// The paces of all servers that a process talks to. No limit is shared by two servers.
#[derive(Debug, Default)]
pub struct Paces {
    servers: Mutex<HashMap<String, Weak<Pace>>>,
}

impl Paces {
    /// Waits for a turn at a server. Dropping the future gives the place in the row up.
    pub(super) async fn turn(&self, server: &Url) -> Turn {
        let (pace, asked) = (self.of(server), Instant::now());
        // An error would mean that the semaphore is closed, and nobody closes it.
        let place = Arc::clone(&pace.places).acquire_owned().await.ok();
        sleep_until(pace.next()).await;
        TurnCame { waited: asked.elapsed() }.emit();
        Turn { _place: place, _pace: pace }
    }

    fn of(&self, server: &Url) -> Arc<Pace> {
        let key = format!("{}:{}", server.host_str().unwrap_or_default(), server.port_or_known_default().unwrap_or(0));
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = servers.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        // Those at which nothing is under way have nothing to remember.
        servers.retain(|_, pace| pace.strong_count() > 0);
        let pace = Arc::new(Pace::new());
        servers.insert(key, Arc::downgrade(&pace));
        pace
    }
}

/// The pace at one server.
#[derive(Debug)]
struct Pace {
    places: Arc<Semaphore>,
    /// When the next one would be due, had none come early.
    due: Mutex<Instant>,
}

impl Pace {
    fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_A_TIME)), due: Mutex::new(Instant::now()) }
    }

    /// When who has a place may begin.
    fn next(&self) -> Instant {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let turn = *due;
        *due = turn.max(now) + BETWEEN;
        // That many are let in early.
        let early = BETWEEN * AT_ONCE;
        turn.checked_sub(early).map_or(now, |begin| begin.max(now))
    }
}

/// The right to open one socket now; the next one's turn comes when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _place: Option<OwnedSemaphorePermit>,
    /// It is remembered for as long as somebody is there.
    _pace: Arc<Pace>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::RefCell;
    use std::rc::Rc;

    use futures_util::FutureExt;
    use tokio::task::{LocalSet, spawn_local};
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn server(name: &str) -> Url {
        format!("wss://{name}/api/ws/events/v1").parse().unwrap()
    }

    /// What a crowd does that comes in one moment: who began when, and the most that were under way at a time.
    async fn crowd(count: u32, takes: Duration) -> (Vec<(u32, Duration)>, usize) {
        let (paces, came) = (Rc::new(Paces::default()), Instant::now());
        let begun = Rc::new(RefCell::new((Vec::new(), 0, 0)));
        let local = LocalSet::new();
        for number in 0..count {
            let (paces, begun) = (Rc::clone(&paces), Rc::clone(&begun));
            local.spawn_local(async move {
                let turn = paces.turn(&server("hq")).await;
                {
                    let (order, under_way, most) = &mut *begun.borrow_mut();
                    order.push((number, came.elapsed()));
                    *under_way += 1;
                    *most = (*most).max(*under_way);
                }
                sleep(takes).await;
                begun.borrow_mut().1 -= 1;
                drop(turn);
            });
        }
        local.await;
        let (order, _, most) = begun.take();
        (order, most)
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_connections_have_their_turn_within_a_second_and_no_second_sees_many_more() {
        let (order, _) = crowd(5_000, Duration::from_millis(5)).await;
        assert!(order[999].1 <= SECOND, "{:?}", order[999]);
        for (index, (_, first)) in order.iter().enumerate() {
            let within = order[index..].partition_point(|(_, begun)| *begun < *first + SECOND);
            assert!(within <= 1_000 + AT_ONCE as usize + 2, "{within} from {first:?} on");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_server_has_so_many_under_way_and_no_more() {
        let (order, most) = crowd(1_000, SECOND).await;
        assert_eq!(most, AT_A_TIME);
        assert!(order[999].1 >= SECOND * 9 && order[999].1 <= SECOND * 11, "{:?}", order[999]);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_taken_in_the_order_of_asking() {
        let (order, _) = crowd(1_000, SECOND).await;
        assert!(order.iter().map(|(number, _)| *number).eq(0..1_000));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_holds_up_nobody_and_one_server_not_another() {
        LocalSet::new()
            .run_until(async {
                let paces = Rc::new(Paces::default());
                let mut turns = Vec::new();
                for _ in 0..AT_A_TIME {
                    turns.push(paces.turn(&server("hq")).await);
                }
                assert!(paces.turn(&server("hq")).now_or_never().is_none(), "all places are taken");
                let given_up = spawn_local({
                    let paces = Rc::clone(&paces);
                    async move { drop(paces.turn(&server("hq")).await) }
                });
                tokio::task::yield_now().await;
                given_up.abort();
                paces.turn(&server("branch")).await;
                turns.pop();
                assert!(tokio::time::timeout(SECOND, paces.turn(&server("hq"))).await.is_ok());
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn servers_at_which_nothing_happens_are_forgotten() {
        let paces = Paces::default();
        for number in 0..100 {
            drop(paces.turn(&server(&format!("site-{number}"))).await);
        }
        assert_eq!(paces.servers.lock().unwrap().len(), 1);
    }
}
