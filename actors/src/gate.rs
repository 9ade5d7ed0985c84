//! The gate before all logins of a user at a server: one request that shows the secret at a time, at a pace.
//!
//! A login asks for a [`Turn`] and gives it back as soon as the server has judged the secret, so that the rest of it (further calls for a
//! grant) may overlap with others. A refusal halts everyone: one further try is made after ten minutes, then none until somebody insists,
//! because each refused login counts towards a lock-out. So a wrong secret costs two requests however many connections have it. A secret that
//! was right before is shown to one request at a time as well: were it changed in the midst of a crowd, each that is under way would be refused.
//!
//! A server that wants fewer requests is left alone for a while, and then asked more slowly ([`throttle`]): for a short while all who ask wait in
//! the queue, for a longer one they are turned away with the reason. From a server that cannot be asked all are turned away for a moment, however
//! many connections retry by their own clocks. What keeps others out is in [`closed`].

mod closed;
mod throttle;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::refusals::Refusals;
use crate::settings::Secret;
use crate::telemetry::LoginsSlowed;
use closed::{Closed, Doubt, Kind, Refusal};
use throttle::{Pause, Throttle};

/// A server that could not be asked is left alone for this share of the resume window, however many connections ask.
const PAUSE_SHARE: u32 = 60;
/// The same where there is no window.
const PAUSE: Duration = Duration::from_secs(1);

/// Why there is no grant.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum AuthorizeError {
    /// The server said no. A person is needed, unless a further try is due.
    #[error("{why}")]
    Refused { why: Arc<str>, again_at: Option<std::time::Instant> },
    /// The server could not be asked.
    #[error("{why}")]
    Unavailable { why: Arc<str> },
    /// The server takes the secret, and refuses this account alone.
    #[error("{why}")]
    NotThis { why: Arc<str> },
    /// The service is left alone until then.
    #[error("{why}")]
    Braked { why: Arc<str>, until: std::time::Instant },
}

impl AuthorizeError {
    /// Nobody is there any more to say how it went.
    pub(crate) fn given_up() -> Self {
        Self::Unavailable { why: "the login was given up".into() }
    }

    /// Whether asking again later can help, with nobody changing anything.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Refused { again_at, .. } => again_at.is_some(),
            Self::Braked { .. } | Self::Unavailable { .. } | Self::NotThis { .. } => true,
        }
    }
}

/// Asks for a turn.
#[derive(Debug, Message)]
#[rtype(result = "Result<Turn, AuthorizeError>")]
pub(crate) struct Enter {
    /// Somebody insists: forget that a login was refused.
    pub(crate) insist: bool,
    /// The server has just told this login to wait: it was the first in the queue, and is so again.
    pub(crate) again: bool,
}

/// Somebody insists, whose login waits already: forget that one was refused, and any pause.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Insist;

/// Let so many logins begin in a second from now on, at most.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct KeepPace(pub(crate) Option<NonZeroU32>);

/// What has come of a login; answered with what to tell those who wait for it, once a refusal is kept: whoever hears of it may end the process.
#[derive(Debug, Message)]
#[rtype(result = "Option<AuthorizeError>")]
pub(crate) struct Judged {
    pub(crate) turn: u64,
    pub(crate) verdict: Verdict,
}

#[derive(Debug)]
pub(crate) enum Verdict {
    /// The server takes the secret; there is more to do, for which no turn is needed.
    Proven,
    /// The login is complete.
    Granted,
    /// The server said no.
    Refused(Arc<str>),
    /// The server could not be asked.
    Unavailable(Arc<str>),
    /// The server wants fewer requests, and to be left alone for so long, if it says.
    TooMany(Arc<str>, Option<Duration>),
    /// The server said no, or wants fewer requests: the answer is the same.
    Doubtful(Arc<str>),
    /// It is over, and says nothing about the secret.
    Over,
}

/// The right to show the secret. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) number: u64,
    gate: Recipient<Judged>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // A verdict that was told before has ended it already.
        self.gate.do_send(Judged { turn: self.number, verdict: Verdict::Over });
    }
}

/// See the [module](self).
pub(crate) struct Gate {
    secret: Secret,
    refusals: Refusals,
    recall: Recall,
    /// A refusal may be kept.
    noted: bool,
    refusal: Option<Refusal>,
    doubt: Option<Doubt>,
    closed: Option<Closed>,
    /// For how long a server that could not be asked is left alone.
    pause: Duration,
    throttle: Throttle,
    next_at: Option<Instant>,
    /// When somebody can enter.
    alarm: Option<SpawnHandle>,
    turn: Option<u64>,
    turns: u64,
    queue: VecDeque<oneshot::Sender<Result<Turn, AuthorizeError>>>,
}

/// Whether it is known that an earlier process was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recall {
    NotYet,
    UnderWay,
    Done,
}

impl Gate {
    /// A gate for logins with `secret`, at most `rate` of them beginning in a second.
    pub(crate) fn new(secret: Secret, window: Duration, rate: Option<NonZeroU32>, refusals: Refusals) -> Self {
        Self {
            secret,
            recall: if refusals.count { Recall::NotYet } else { Recall::Done },
            noted: true,
            refusals,
            refusal: None,
            doubt: None,
            closed: None,
            pause: if window.is_zero() { PAUSE } else { window / PAUSE_SHARE },
            throttle: Throttle::new(spacing(rate)),
            next_at: None,
            alarm: None,
            turn: None,
            turns: 0,
            queue: VecDeque::new(),
        }
    }

    /// The answer to all who ask, if nobody may enter, nor wait for it.
    fn turning_away(&self, now: Instant) -> Option<AuthorizeError> {
        if let Some(refusal) = self.refusal.as_ref().filter(|refusal| refusal.stands(now)) {
            return Some(refusal.error());
        }
        let closed = self.closed.as_ref().filter(|closed| closed.until > now && closed.kind != Kind::Brief)?;
        Some(AuthorizeError::Unavailable { why: Arc::clone(&closed.why) })
    }

    /// When the next one may enter, if not now.
    fn opens_at(&self, now: Instant) -> Option<Instant> {
        let closed = self.closed.as_ref().map(|closed| closed.until);
        closed.into_iter().chain(self.next_at).max().filter(|at| *at > now)
    }

    /// Lets the next one in, if that may be.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if self.turn.is_some() || self.queue.is_empty() || self.recall == Recall::UnderWay {
            return;
        }
        if self.recall == Recall::NotYet {
            return self.ask_for_refusal(ctx);
        }
        let now = Instant::now();
        if let Some(error) = self.turning_away(now) {
            return self.turn_away(&error);
        }
        if let Some(at) = self.opens_at(now) {
            let alarm = ctx.run_later(at - now, |gate, ctx| gate.go_on(ctx));
            if let Some(earlier) = self.alarm.replace(alarm) {
                ctx.cancel_future(earlier);
            }
            return;
        }
        while let Some(asking) = self.queue.pop_front() {
            // Who asked may be gone.
            if asking.is_closed() {
                continue;
            }
            self.turns += 1;
            self.turn = Some(self.turns);
            self.next_at = Some(now + self.throttle.spacing());
            drop(asking.send(Ok(Turn { number: self.turns, gate: ctx.address().recipient() })));
            return;
        }
    }

    fn turn_away(&mut self, error: &AuthorizeError) {
        for asking in self.queue.drain(..) {
            drop(asking.send(Err(error.clone())));
        }
    }

    /// Asks whether an earlier process was refused with the same secret.
    fn ask_for_refusal(&mut self, ctx: &mut Context<Self>) {
        self.recall = Recall::UnderWay;
        let (refusals, secret) = (self.refusals.clone(), self.secret.clone());
        let recalling = async move { refusals.recall(secret).await };
        ctx.spawn(recalling.into_actor(self).map(|(refused, noted), gate, ctx| {
            gate.recall = Recall::Done;
            gate.noted = noted;
            gate.refusal = refused.map(Refusal::of_earlier_process);
            gate.go_on(ctx);
        }));
    }

    /// A login is complete: what was said against the secret before does not count any more.
    fn granted(&mut self, turn: u64) -> impl Future<Output = ()> + use<> {
        self.throttle.granted(turn);
        self.doubt = None;
        // What the server has asked for is not taken back by a login that was under way then.
        let is_before = self.throttle.is_before_pause(turn);
        self.closed.take_if(|closed| closed.kind == Kind::Dead || !is_before);
        let stands = self.refusal.as_ref().is_some_and(|refusal| refusal.covers(turn));
        if !stands {
            self.refusal = None;
        }
        let refusals = (!stands && std::mem::take(&mut self.noted)).then(|| self.refusals.clone());
        async move {
            if let Some(refusals) = refusals {
                refusals.forget().await;
            }
        }
    }

    /// Whether the server may have said no, and no login was granted since.
    fn doubt(&self) -> Option<&Doubt> {
        self.doubt.as_ref().filter(|doubt| doubt.stands())
    }

    /// Whether an answer that may be a refusal is one: it stays when the server was left alone, and nobody is let in.
    fn is_no(&self, turn: u64) -> bool {
        let is_told = self.refusal.as_ref().is_some_and(|refusal| refusal.covers(turn));
        is_told || self.doubt().is_some_and(|doubt| !doubt.covers(turn))
    }

    fn doubtful(&mut self, turn: u64, why: Arc<str>) -> AuthorizeError {
        if self.doubt().is_none() {
            self.doubt = Some(Doubt::behind(self.turns));
        }
        self.too_many(turn, why, None)
    }

    fn refused(&mut self, turn: u64, why: Arc<str>) -> AuthorizeError {
        self.doubt = None;
        let refusal = match self.refusal.take() {
            Some(same) if same.covers(turn) => same,
            before => Refusal::after(before, why, self.turns),
        };
        self.noted = true;
        let error = refusal.error();
        self.refusal = Some(refusal);
        error
    }

    fn too_many(&mut self, turn: u64, why: Arc<str>, asked: Option<Duration>) -> AuthorizeError {
        let Pause { length, is_brief, is_news } = self.throttle.too_many(turn, self.turns, asked);
        if is_news {
            LoginsSlowed { user: self.refusals.account(), why: &why, pause: length, spacing: self.throttle.spacing() }
                .emit();
        }
        self.close(&why, length, if is_brief { Kind::Brief } else { Kind::Asked });
        AuthorizeError::Unavailable { why }
    }

    /// Nobody enters for so long, or for as long as was said before.
    fn close(&mut self, why: &Arc<str>, pause: Duration, kind: Kind) {
        let until = Instant::now() + pause;
        if self.closed.as_ref().is_none_or(|closed| closed.until <= until) {
            self.closed = Some(Closed { why: Arc::clone(why), until, kind });
        }
    }

    /// Somebody insists: all that keeps others out is forgotten, unless a login is just finding out.
    fn open(&mut self) {
        if self.turn.is_none() && self.recall != Recall::UnderWay {
            (self.refusal, self.doubt, self.closed, self.recall) = (None, None, None, Recall::Done);
        }
    }
}

/// The least time between two turns at a pace.
fn spacing(rate: Option<NonZeroU32>) -> Duration {
    rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.get())
}

impl Actor for Gate {
    type Context = Context<Self>;
}

impl Handler<Enter> for Gate {
    type Result = ResponseFuture<Result<Turn, AuthorizeError>>;

    fn handle(&mut self, ask: Enter, ctx: &mut Self::Context) -> Self::Result {
        let (answer, result) = oneshot::channel();
        if ask.insist {
            self.open();
        }
        // Ahead of whoever insists, another login could find out what closes the gate again.
        if ask.insist || ask.again {
            self.queue.push_front(answer);
        } else {
            self.queue.push_back(answer);
        }
        self.go_on(ctx);
        Box::pin(async move { result.await.unwrap_or_else(|_| Err(AuthorizeError::given_up())) })
    }
}

impl Handler<Insist> for Gate {
    type Result = ();

    fn handle(&mut self, _: Insist, ctx: &mut Self::Context) {
        self.open();
        self.go_on(ctx);
    }
}

impl Handler<KeepPace> for Gate {
    type Result = ();

    fn handle(&mut self, KeepPace(rate): KeepPace, _: &mut Self::Context) {
        self.throttle.set_usual(spacing(rate));
    }
}

impl Handler<Judged> for Gate {
    type Result = ResponseActFuture<Self, Option<AuthorizeError>>;

    fn handle(&mut self, Judged { turn, verdict }: Judged, _: &mut Self::Context) -> Self::Result {
        let (error, keeping) = match verdict {
            // After a refusal nobody else enters before the further try is through, nor after what may have been one.
            Verdict::Proven if self.refusal.is_some() || self.doubt().is_some() => {
                return Box::pin(async { None }.into_actor(self));
            }
            Verdict::Over | Verdict::Proven => (None, async {}.boxed_local()),
            Verdict::Granted => (None, self.granted(turn).boxed_local()),
            Verdict::Doubtful(why) if !self.is_no(turn) => (Some(self.doubtful(turn, why)), async {}.boxed_local()),
            Verdict::Refused(why) | Verdict::Doubtful(why) => {
                let error = self.refused(turn, Arc::clone(&why));
                let count = self.refusal.as_ref().map_or(1, |refusal| refusal.count);
                let (refusals, secret) = (self.refusals.clone(), self.secret.clone());
                (Some(error), async move { refusals.keep(secret, why.to_string(), count).await }.boxed_local())
            }
            Verdict::Unavailable(why) => {
                self.close(&why, self.pause, Kind::Dead);
                (Some(AuthorizeError::Unavailable { why }), async {}.boxed_local())
            }
            Verdict::TooMany(why, asked) => (Some(self.too_many(turn, why, asked)), async {}.boxed_local()),
        };
        Box::pin(keeping.into_actor(self).map(move |(), gate, ctx| {
            // A verdict may come when the turn is over: after a later call of the same login.
            if gate.turn == Some(turn) {
                gate.turn = None;
            }
            gate.go_on(ctx);
            error
        }))
    }
}

#[cfg(test)]
mod tests;
