//! The life of a connection: try, wait, try again, until it is told to stop.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};

use super::attempt::Attempt;
use super::ending::Ending;
use super::report::Report;
use super::{Clients, Control, Setup};
use crate::journal::JournalError;
use crate::retry::{RetryClock, RetryPolicy, jitter};
use crate::state_tracker::{Batch, LaneOpened, OpenLane};
use crate::vendors::{Entries, Resume, Vendor};

/// How long to wait before the journal is asked again when it cannot load.
const JOURNAL_PAUSE: Duration = Duration::from_secs(1);

/// Why a lane was not opened.
enum Closed {
    /// The connection was told to stop.
    Stopped,
    /// The journal has another owner.
    Fenced,
}

/// What to do after a wait.
enum Next {
    Try { insist: bool },
    Stop,
}

/// Runs until the connection is told to stop. Told once is enough: an order sent while nobody listens is kept.
pub(super) async fn run<V: Vendor>(setup: Rc<Setup<V>>, clients: Clients, mut orders: mpsc::Receiver<Control>) {
    let mut clock = RetryClock::new(RetryPolicy::for_window(V::resume_window(&setup.config)));
    let mut report = Report::new(setup.was);
    let mut heard: Option<Timestamp> = None;
    let mut insist = false;
    report.begun(&setup);
    loop {
        let opened = match open_lane(&setup, &mut orders, &mut insist, &mut report).await {
            Ok(opened) => opened,
            Err(Closed::Stopped) => break,
            // Its last word is that it was halted, and why.
            Err(Closed::Fenced) => return store_status(&setup, &mut report).await,
        };
        report.trying();
        let resume = Resume { checkpoint: opened.checkpoint.clone(), heard: heard.or(opened.heard) };
        let attempt = Attempt::new(&setup, &clients, resume, opened.checkpoint, std::mem::take(&mut insist));
        let ended = attempt.run(&mut orders, &mut report).await;
        heard = ended.heard.or(heard);
        let next = match &ended.ending {
            Ending::Stop => Next::Stop,
            Ending::Restart => Next::Try { insist: true },
            Ending::Lost { why, cause, not_before } => {
                let delay = ended.pause(&mut clock, *not_before, Instant::now(), jitter());
                report.waiting(&setup, why, *cause, ended.online, delay);
                wait(&mut orders, Some(Instant::now() + delay)).await
            }
            Ending::Halt { again_at } => wait(&mut orders, *again_at).await,
        };
        match next {
            Next::Try { insist: anew } => {
                insist = anew;
                if anew {
                    clock = RetryClock::new(RetryPolicy::for_window(V::resume_window(&setup.config)));
                }
            }
            Next::Stop => break,
        }
    }
    report.stopped(&setup);
    store_status(&setup, &mut report).await;
}

/// Waits for the lane: until every batch handed in before is stored or refused, and the journal can tell from where to go on.
async fn open_lane<V: Vendor>(
    setup: &Setup<V>,
    orders: &mut mpsc::Receiver<Control>,
    insist: &mut bool,
    report: &mut Report,
) -> Result<LaneOpened, Closed> {
    loop {
        let ask = OpenLane {
            connection: setup.name.clone(),
            vendor: V::NAME,
            order: V::ORDER,
            account: Arc::clone(&setup.account),
            lookup: setup.directories.lookup.clone().recipient(),
        };
        let why: Arc<str> = tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Control::Stop) | None => return Err(Closed::Stopped),
                // It is about to try anew; the try asks a refused login again.
                Some(Control::Restart) => { *insist = true; continue }
                Some(order) => { obey(order); continue }
            },
            opened = setup.tracker.send(ask) => match opened {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(error @ JournalError::Fenced { .. })) => {
                    report.halted(setup, &error.to_string().into());
                    return Err(Closed::Fenced);
                }
                Ok(Err(error)) => format!("journal: {error}").into(),
                Err(error) => format!("state tracker: {error}").into(),
            },
        };
        report.lost(setup, &why);
        sleep(JOURNAL_PAUSE).await;
    }
}

/// Waits until `until`, for ever if there is none, or until an order comes.
async fn wait(orders: &mut mpsc::Receiver<Control>, until: Option<Instant>) -> Next {
    let alarm = async {
        match until {
            Some(until) => sleep_until(until.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(alarm);
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Control::Stop) | None => return Next::Stop,
                Some(Control::Restart) => return Next::Try { insist: true },
                Some(order) => obey(order),
            },
            () = &mut alarm => return Next::Try { insist: false },
        }
    }
}

/// The one order that is obeyed wherever it comes.
pub(super) fn obey(order: Control) {
    if order == Control::Panic {
        #[expect(clippy::panic, reason = "a test asked for it")]
        {
            panic!("told to panic");
        }
    }
}

/// The last word of a connection goes into the journal too, if that is possible.
async fn store_status<V: Vendor>(setup: &Setup<V>, report: &mut Report) {
    let (connection, count) = (setup.name.clone(), report.unstored());
    let mut entries = Entries::default();
    report.entries().for_each(|entry| entries.enter(entry));
    let stored = setup.tracker.send(Batch { connection, entries, checkpoint: None, heard: None }).await;
    if matches!(stored, Ok(Ok(()))) {
        report.stored(count);
    }
}
