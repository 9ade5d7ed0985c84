//! Leaves a service alone that blocks this machine's address.
//!
//! Some services answer who asks too often with a block of the whole address, and every further request keeps the block up. So when one connection is
//! told, no other connection of the process asks that service anything for a while, at none of its hosts: 60 s at first, twice as long with each
//! further block, up to 7,680 s (the delays of homebridge-simplisafe3). After the pause one request goes ahead, and the others wait for what comes
//! of it. A success at the host that blocked begins the delays anew.
//!
//! What is a block only the vendor knows: see [`Vendor::is_blocked`](crate::vendors::Vendor::is_blocked).

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use url::Url;

use super::error::{OpenError, RestError};
use super::request::{RestAnswer, RestCall, WebSocketRequest};
use crate::telemetry::BrakePutOn;

/// The first pause.
const FIRST: Duration = Duration::from_secs(60);
/// Each is twice as long as the one before, so often.
const DOUBLINGS: u32 = 7;

/// The brakes of all services that a process talks to. None is shared by two services.
#[derive(Debug, Default)]
pub struct Brakes {
    services: Mutex<HashMap<String, Arc<Brake>>>,
}

impl Brakes {
    /// The brake of a service, by whatever tells one from another. Two that are asked for by the same name are one.
    #[must_use]
    pub fn of(&self, service: &str, is_blocked: fn(&RestAnswer) -> bool) -> Arc<Brake> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Brake { service: service.to_owned(), is_blocked, state: Mutex::default(), judged: Notify::new() })
        };
        Arc::clone(services.entry(service.to_owned()).or_insert_with(new))
    }
}

/// A service is left alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{service} blocks this machine's address (403), for too many requests perhaps: nothing is asked there until {at:.0}"
)]
pub struct Braked {
    /// Which one.
    pub service: String,
    /// Until when.
    pub until: std::time::Instant,
    /// The same, for people.
    pub at: Timestamp,
}

/// Makes a call, unless there is a brake and it is on. See [`Brake::call`].
pub(crate) async fn call(
    brake: Option<&Brake>,
    call: &RestCall,
    made: impl Future<Output = Result<RestAnswer, RestError>>,
) -> Result<RestAnswer, RestError> {
    match brake {
        Some(brake) => brake.call(call, made).await,
        None => made.await,
    }
}

/// Opens a socket, unless there is a brake and it is on. See [`Brake::open`].
pub(crate) async fn open<S>(
    brake: Option<&Brake>,
    request: &WebSocketRequest,
    opened: impl Future<Output = Result<S, OpenError>>,
) -> Result<S, OpenError> {
    match brake {
        Some(brake) => brake.open(request, opened).await,
        None => opened.await,
    }
}

/// The brake of one service.
#[derive(Debug)]
pub struct Brake {
    service: String,
    is_blocked: fn(&RestAnswer) -> bool,
    state: Mutex<State>,
    /// What came of the request that went ahead.
    judged: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Until when nothing is asked; over, it lets one request go ahead.
    until: Option<(Instant, Timestamp)>,
    /// One goes ahead.
    trial: bool,
    /// How often it was put on. What was asked before that does not put it on again.
    round: u64,
    /// Blocks in a row, by host.
    blocks: HashMap<String, u32>,
}

/// The right to ask once. Dropped without an answer, it has proven nothing.
struct Pass<'a> {
    brake: &'a Brake,
    round: u64,
    trial: bool,
}

/// What an answer says about a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Blocked,
    /// None of it is left.
    Open,
    Success,
}

impl Brake {
    /// Makes a call, unless the service is left alone.
    ///
    /// # Errors
    /// As the call itself; [`RestError::Braked`] where the service is left alone, or has just said that it blocks.
    pub async fn call(
        &self,
        call: &RestCall,
        made: impl Future<Output = Result<RestAnswer, RestError>>,
    ) -> Result<RestAnswer, RestError> {
        let pass = self.enter().await.map_err(RestError::Braked)?;
        let answer = made.await?;
        let verdict = match &answer {
            answer if (self.is_blocked)(answer) => Verdict::Blocked,
            answer if answer.is_success() => Verdict::Success,
            _ => Verdict::Open,
        };
        pass.judge(&call.url, verdict).map_err(RestError::Braked)?;
        Ok(answer)
    }

    /// Opens a socket, unless the service is left alone.
    ///
    /// # Errors
    /// As the opening itself; [`OpenError::Braked`] where the service is left alone, or has just said that it blocks.
    pub async fn open<S>(
        &self,
        request: &WebSocketRequest,
        opened: impl Future<Output = Result<S, OpenError>>,
    ) -> Result<S, OpenError> {
        let pass = self.enter().await.map_err(OpenError::Braked)?;
        let outcome = opened.await;
        let verdict = match &outcome {
            Ok(_) => Verdict::Success,
            Err(OpenError::Refused { status, retry_after, body, .. }) => {
                let body = body.clone().into();
                let answer = RestAnswer { status: *status, headers: Vec::new(), body, retry_after: *retry_after };
                if (self.is_blocked)(&answer) { Verdict::Blocked } else { Verdict::Open }
            }
            Err(_) => return outcome,
        };
        pass.judge(&request.url, verdict).map_err(OpenError::Braked)?;
        outcome
    }

    /// Why the service is left alone at this moment, if it is: for requests that are none of those by which it is known whether it blocks.
    pub(crate) fn is_on(&self) -> Option<Braked> {
        let (until, at) = self.state().until?;
        (until > Instant::now()).then(|| self.braked(until, at))
    }

    /// Waits for the right to ask: no longer than another one's request takes.
    async fn enter(&self) -> Result<Pass<'_>, Braked> {
        loop {
            // Before the look at the state, so that nothing is missed between.
            let judged = self.judged.notified();
            if let Some(entered) = self.try_enter() {
                return entered;
            }
            judged.await;
        }
    }

    /// The right to ask, or why there is none; `None` while another one's request goes ahead.
    fn try_enter(&self) -> Option<Result<Pass<'_>, Braked>> {
        let mut state = self.state();
        let round = state.round;
        match state.until {
            None => Some(Ok(Pass { brake: self, round, trial: false })),
            Some((until, at)) if until > Instant::now() => Some(Err(self.braked(until, at))),
            Some(_) if state.trial => None,
            Some(_) => {
                state.trial = true;
                Some(Ok(Pass { brake: self, round, trial: true }))
            }
        }
    }

    fn braked(&self, until: Instant, at: Timestamp) -> Braked {
        Braked { service: self.service.clone(), until: until.into_std(), at }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    fn judge(self, url: &Url, verdict: Verdict) -> Result<(), Braked> {
        let host = url.host_str().unwrap_or_default();
        let mut state = self.brake.state();
        let is_old = self.round != state.round;
        match verdict {
            // It was asked before the others were told to stay away: the same block.
            Verdict::Blocked if is_old => {}
            Verdict::Blocked => {
                let blocks = state.blocks.entry(host.to_owned()).or_insert(0);
                let pause = FIRST * (1 << (*blocks).min(DOUBLINGS));
                *blocks += 1;
                state.round += 1;
                state.until = Some((Instant::now() + pause, Timestamp::now() + pause));
                BrakePutOn { service: &self.brake.service, host, pause }.emit();
            }
            Verdict::Open | Verdict::Success if is_old => {}
            Verdict::Open | Verdict::Success => {
                state.until = None;
                if verdict == Verdict::Success {
                    state.blocks.remove(host);
                }
            }
        }
        match state.until {
            Some((until, at)) if verdict == Verdict::Blocked => Err(self.brake.braked(until, at)),
            _ => Ok(()),
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.trial {
            self.brake.state().trial = false;
            self.brake.judged.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
