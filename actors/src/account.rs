//! One login for all connections of a user at a server: the credentials' gate.
//!
//! However many connections ask at once, one login is made, and its grant is shared until a minute before it ends. A refused login halts all of
//! them: one further try is made after ten minutes, then none until somebody insists, because each refused login counts
//! towards a lock-out. A server that cannot be asked is left alone for a moment, however many connections retry by their own clocks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use futures_util::FutureExt;
use tokio::sync::oneshot;

use crate::refusals::Refusals;
use crate::settings::Secret;
use crate::telemetry::LoginEnded;
use crate::transport::RestClient;
use crate::vendors::{Login, LoginError, LoginStep, Now, Vendor};

/// A grant with less left than this, or than half its life, is not handed out any more.
const SPARE: Duration = Duration::from_secs(60);
/// A server that could not be asked is left alone for this share of the resume window, however many connections ask.
const PAUSE_SHARE: u32 = 60;
/// The same where there is no window.
const PAUSE: Duration = Duration::from_secs(1);
/// After a refused login, the one further try.
const FURTHER_TRY: Duration = Duration::from_secs(600);
/// Calls that one login may take, should a vendor's code go round in circles.
const MOST_CALLS: usize = 32;

/// Asks for a grant.
#[derive(Debug)]
pub(crate) struct Authorize<G> {
    /// The server refused the grant with this serial: not that one again.
    pub(crate) refused: Option<u64>,
    /// Somebody insists: forget that the login was refused.
    pub(crate) insist: bool,
    marker: std::marker::PhantomData<fn() -> G>,
}

impl<G> Authorize<G> {
    pub(crate) fn new(refused: Option<u64>, insist: bool) -> Self {
        Self { refused, insist, marker: std::marker::PhantomData }
    }
}

impl<G: Send + Sync + 'static> Message for Authorize<G> {
    type Result = Result<Granted<G>, AuthorizeError>;
}

/// A grant, and which one.
#[derive(Debug)]
pub(crate) struct Granted<G> {
    pub(crate) grant: Arc<G>,
    pub(crate) serial: u64,
    pub(crate) who: Arc<str>,
}

impl<G> Clone for Granted<G> {
    fn clone(&self) -> Self {
        Self { grant: Arc::clone(&self.grant), serial: self.serial, who: Arc::clone(&self.who) }
    }
}

/// Why there is no grant.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum AuthorizeError {
    /// The server said no. A person is needed, unless a further try is due.
    #[error("{why}")]
    Refused { why: Arc<str>, again_at: Option<Instant> },
    /// The server could not be asked.
    #[error("{why}")]
    Unavailable { why: Arc<str> },
}

/// The last connection of the account has gone: forget its secret and end.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct EndAccount;

/// The gate of one (server, user).
pub(crate) struct Account<V: Vendor> {
    key: Arc<str>,
    /// Away while a login is under way.
    login: Option<V::Login>,
    tls: Arc<rustls::ClientConfig>,
    rest: Option<RestClient>,
    held: Option<Held<V::Grant>>,
    waiting: Vec<oneshot::Sender<Result<Granted<V::Grant>, AuthorizeError>>>,
    refusal: Option<Refusal>,
    refusals: Refusals,
    /// Whether an earlier process was refused is known.
    recalled: bool,
    /// A refusal may be kept.
    noted: bool,
    /// The server could not be asked, and is not asked again before this.
    unavailable: Option<(Arc<str>, Instant)>,
    pause: Duration,
    serial: u64,
}

struct Held<G> {
    granted: Granted<G>,
    good_until: Option<Instant>,
}

struct Refusal {
    why: Arc<str>,
    count: u32,
    again_at: Option<Instant>,
}

impl<V: Vendor> Account<V> {
    pub(crate) fn new(
        key: Arc<str>,
        login: V::Login,
        window: Duration,
        tls: Arc<rustls::ClientConfig>,
        refusals: Refusals,
    ) -> Self {
        Self {
            recalled: !refusals.count,
            noted: true,
            refusals,
            key,
            login: Some(login),
            tls,
            rest: None,
            held: None,
            waiting: Vec::new(),
            refusal: None,
            unavailable: None,
            pause: if window.is_zero() { PAUSE } else { window / PAUSE_SHARE },
            serial: 0,
        }
    }

    /// The answer that needs no login, if there is one.
    fn at_hand(&self, now: Instant, refused: Option<u64>) -> Option<Result<Granted<V::Grant>, AuthorizeError>> {
        if let Some(held) = &self.held {
            let good = held.good_until.is_none_or(|until| until > now);
            if good && refused != Some(held.granted.serial) {
                return Some(Ok(held.granted.clone()));
            }
        }
        if let Some(Refusal { why, again_at, .. }) = &self.refusal
            && again_at.is_none_or(|at| at > now)
        {
            return Some(Err(AuthorizeError::Refused { why: Arc::clone(why), again_at: *again_at }));
        }
        match &self.unavailable {
            Some((why, until)) if *until > now => Some(Err(AuthorizeError::Unavailable { why: Arc::clone(why) })),
            _ => None,
        }
    }

    /// Asks whether an earlier process was refused with the same secret, and then logs in, if that may be.
    fn recall(&mut self, ctx: &mut Context<Self>) {
        let Some(secret) = self.login.as_ref().map(|login| login.secret().clone()) else { return };
        self.recalled = true;
        let refusals = self.refusals.clone();
        let recalling = async move { refusals.recall(secret).await };
        ctx.wait(recalling.into_actor(self).map(|(refused, noted), account, ctx| {
            account.noted = noted;
            account.refusal = refused.map(|refused| Refusal {
                again_at: (refused.count == 1).then(|| further_try(refused.at)),
                why: refused.why.into(),
                count: refused.count,
            });
            match account.at_hand(Instant::now(), None) {
                Some(answer) => account.tell(&answer),
                None => account.begin(ctx),
            }
        }));
    }

    fn tell(&mut self, outcome: &Result<Granted<V::Grant>, AuthorizeError>) {
        for waiting in self.waiting.drain(..) {
            // Who asked may be gone.
            drop(waiting.send(outcome.clone()));
        }
    }

    fn begin(&mut self, ctx: &mut Context<Self>) {
        let (Some(login), Some(rest)) = (self.login.take(), self.rest.clone()) else { return };
        let login = log_in::<V>(login, rest).into_actor(self);
        ctx.spawn(login.map(|(login, result), account, ctx| {
            let secret = login.secret().clone();
            account.login = Some(login);
            let outcome = account.ended(result);
            account.note(secret, outcome, ctx);
        }));
    }

    /// Tells how it went, once a refusal is kept, or forgotten: whoever hears of it may end the process at once.
    fn note(&mut self, secret: Secret, outcome: Result<Granted<V::Grant>, AuthorizeError>, ctx: &mut Context<Self>) {
        let refusals = self.refusals.clone();
        let count = self.refusal.as_ref().map_or(1, |refusal| refusal.count);
        let work = match &outcome {
            Err(AuthorizeError::Refused { why, .. }) => {
                self.noted = true;
                let why = why.to_string();
                async move { refusals.keep(secret, why, count).await }.boxed_local()
            }
            Ok(_) if std::mem::take(&mut self.noted) => async move { refusals.forget().await }.boxed_local(),
            _ => return self.tell(&outcome),
        };
        ctx.spawn(work.into_actor(self).map(move |(), account, _| account.tell(&outcome)));
    }

    fn ended(&mut self, result: Result<Success<V::Grant>, LoginError>) -> Result<Granted<V::Grant>, AuthorizeError> {
        let now = Instant::now();
        match result {
            Ok(Success { grant, lifetime, who }) => {
                LoginEnded { account: &self.key, result: Ok(&who) }.emit();
                self.serial += 1;
                let granted = Granted { grant: Arc::new(grant), serial: self.serial, who: who.into() };
                self.held = Some(Held {
                    granted: granted.clone(),
                    good_until: lifetime.map(|life| now + life - SPARE.min(life / 2)),
                });
                (self.refusal, self.unavailable) = (None, None);
                Ok(granted)
            }
            Err(error) => {
                LoginEnded { account: &self.key, result: Err(&error) }.emit();
                self.held = None;
                Err(self.failed(now, &error))
            }
        }
    }

    fn failed(&mut self, now: Instant, error: &LoginError) -> AuthorizeError {
        let why: Arc<str> = error.to_string().into();
        if error.is_retryable() {
            self.unavailable = Some((Arc::clone(&why), now + self.pause));
            return AuthorizeError::Unavailable { why };
        }
        let count = self.refusal.as_ref().map_or(0, |refusal| refusal.count) + 1;
        let again_at = (count == 1).then_some(now + FURTHER_TRY);
        self.refusal = Some(Refusal { why: Arc::clone(&why), count, again_at });
        AuthorizeError::Refused { why, again_at }
    }
}

/// When the one further try is due, of a refusal at a time that an earlier process has noted.
fn further_try(refused: jiff::Timestamp) -> Instant {
    let passed = jiff::Timestamp::now().duration_since(refused).unsigned_abs();
    Instant::now() + FURTHER_TRY.saturating_sub(passed)
}

struct Success<G> {
    grant: G,
    lifetime: Option<Duration>,
    who: String,
}

async fn log_in<V: Vendor>(mut login: V::Login, rest: RestClient) -> (V::Login, Result<Success<V::Grant>, LoginError>) {
    let mut step = login.begin(Now::read());
    for _ in 0..MOST_CALLS {
        match step {
            LoginStep::Call(call) => {
                let answer = rest.call(&call).await;
                step = login.answer(Now::read(), answer);
            }
            LoginStep::Granted { grant, lifetime, who } => return (login, Ok(Success { grant, lifetime, who })),
            LoginStep::Failed(error) => return (login, Err(error)),
        }
    }
    (login, Err(LoginError::Unavailable(format!("the login took more than {MOST_CALLS} calls"))))
}

impl<V: Vendor> Actor for Account<V> {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        // The client lives on this arbiter and nowhere else.
        self.rest = Some(RestClient::new(&self.tls));
    }
}

impl<V: Vendor> Handler<EndAccount> for Account<V> {
    type Result = ();

    fn handle(&mut self, _: EndAccount, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl<V: Vendor> Handler<Authorize<V::Grant>> for Account<V> {
    type Result = ResponseFuture<Result<Granted<V::Grant>, AuthorizeError>>;

    fn handle(&mut self, ask: Authorize<V::Grant>, ctx: &mut Self::Context) -> Self::Result {
        if ask.insist && self.waiting.is_empty() {
            (self.refusal, self.unavailable) = (None, None);
            self.recalled = true;
        }
        if let Some(answer) = self.at_hand(Instant::now(), ask.refused) {
            return Box::pin(std::future::ready(answer));
        }
        let (answer, result) = oneshot::channel();
        self.waiting.push(answer);
        match self.login {
            Some(_) if self.recalled => self.begin(ctx),
            Some(_) => self.recall(ctx),
            None => {}
        }
        let gone = || AuthorizeError::Unavailable { why: "the login was given up".into() };
        Box::pin(async move { result.await.unwrap_or_else(|_| Err(gone())) })
    }
}
