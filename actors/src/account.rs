//! One login for all connections of an account: its grant is shared until a minute before it ends.
//!
//! However many connections ask at once, one login is made. It waits for its turn at the [gate](crate::gate), which the accounts of
//! one user share. If the server wants fewer requests, it waits there again and begins anew, before anybody hears of it. That the account alone is
//! refused is remembered for a while: each try would take a turn from the others.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::caller::Calls;
use crate::gate::{AuthorizeError, Enter, Gate, Insist, Judged, Turn, Verdict};
use crate::journal::{JournalError, JournalHandle};
use crate::telemetry::LoginEnded;
use crate::transport::RestError;
use crate::vendors::{Login, LoginError, LoginStep, Now};

/// A grant with less left than this, or than half its life, is not handed out any more.
const SPARE: Duration = Duration::from_secs(60);
/// Calls that one login may take, should a vendor's code go round in circles.
const MOST_CALLS: usize = 32;
/// How often a login begins anew that the server has told to wait.
const MOST_RETURNS: u32 = 5;
/// For how long it is remembered that an account alone was refused. It doubles each time.
const REMEMBERED: Duration = Duration::from_secs(60);
const REMEMBERED_LONGEST: Duration = Duration::from_secs(900);

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

/// The last connection of the account has gone: forget its secret and end.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct EndAccount;

/// Settings may have changed: what was refused to this account alone is asked for again.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Reconsider;

/// The login of one account.
pub(crate) struct Account<L: Login> {
    key: Arc<str>,
    /// Away while a login is under way.
    login: Option<L>,
    gate: Addr<Gate>,
    journal: JournalHandle,
    calls: Calls,
    held: Option<Held<L::Grant>>,
    barred: Option<Barred>,
    waiting: Vec<oneshot::Sender<Result<Granted<L::Grant>, AuthorizeError>>>,
    serial: u64,
}

/// The account alone was refused.
struct Barred {
    why: Arc<str>,
    remembered: Duration,
    until: Instant,
}

struct Held<G> {
    granted: Granted<G>,
    good_until: Option<Instant>,
}

impl<L: Login + Unpin> Account<L> {
    pub(crate) fn new(key: Arc<str>, login: L, gate: Addr<Gate>, journal: JournalHandle, calls: Calls) -> Self {
        let (login, waiting) = (Some(login), Vec::new());
        Self { key, login, gate, journal, calls, held: None, barred: None, waiting, serial: 0 }
    }

    /// The grant that needs no login, if there is one.
    fn at_hand(&self) -> Option<Granted<L::Grant>> {
        let Held { granted, good_until } = self.held.as_ref()?;
        good_until.is_none_or(|until| until > Instant::now()).then(|| granted.clone())
    }

    /// What is known of an earlier try, and spares the server another.
    fn known_refusal(&self) -> Option<AuthorizeError> {
        let barred = self.barred.as_ref().filter(|barred| barred.until > Instant::now())?;
        Some(AuthorizeError::NotThis { why: Arc::clone(&barred.why) })
    }

    fn begin(&mut self, insist: bool, ctx: &mut Context<Self>) {
        let Some(login) = self.login.take() else {
            if insist {
                self.gate.do_send(Insist);
            }
            return;
        };
        let (key, gate, journal) = (Arc::clone(&self.key), self.gate.clone(), self.journal.clone());
        let login = log_in(key, login, self.calls.clone(), gate, journal, insist).into_actor(self);
        ctx.spawn(login.map(|(login, result), account, _| {
            account.login = Some(login);
            let outcome = account.ended(result);
            for waiting in account.waiting.drain(..) {
                // Who asked may be gone.
                drop(waiting.send(outcome.clone()));
            }
        }));
    }

    fn ended(
        &mut self,
        result: Result<Success<L::Grant>, AuthorizeError>,
    ) -> Result<Granted<L::Grant>, AuthorizeError> {
        self.held = None;
        if let Err(AuthorizeError::NotThis { why }) = &result {
            let before = self.barred.take().map(|barred| barred.remembered * 2);
            let remembered = before.unwrap_or(REMEMBERED).min(REMEMBERED_LONGEST);
            self.barred = Some(Barred { why: Arc::clone(why), remembered, until: Instant::now() + remembered });
        }
        let Success { grant, lifetime, who } = result?;
        self.barred = None;
        self.serial += 1;
        let granted = Granted { grant: Arc::new(grant), serial: self.serial, who: who.into() };
        let good_until = lifetime.map(|life| Instant::now() + life - SPARE.min(life / 2));
        self.held = Some(Held { granted: granted.clone(), good_until });
        Ok(granted)
    }
}

struct Success<G> {
    grant: G,
    lifetime: Option<Duration>,
    who: String,
}

/// Logs in when it is this login's turn, and tells the gate how it went.
async fn log_in<L: Login>(
    account: Arc<str>,
    mut login: L,
    calls: Calls,
    gate: Addr<Gate>,
    journal: JournalHandle,
    insist: bool,
) -> (L, Result<Success<L::Grant>, AuthorizeError>) {
    let mut enter = Enter { insist, again: false };
    for returns in 0.. {
        let turn = match gate.send(enter).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(error)) => return (login, Err(error)),
            Err(_) => break,
        };
        let mut proven = false;
        let result = match recall(&mut login, &journal).await {
            Ok(()) => make_calls(&mut login, &calls, &gate, &journal, &turn, &mut proven).await,
            Err(error) => Err(LoginError::unavailable(format!("what a login before has kept cannot be read: {error}"))),
        };
        let may_wait = matches!(result, Err(LoginError::TooMany { .. } | LoginError::Doubtful { .. }));
        let (verdict, result) = judged(result, proven);
        let error = gate.send(Judged { turn: turn.number, verdict }).await.ok().flatten();
        if may_wait && returns < MOST_RETURNS && matches!(error, Some(AuthorizeError::Unavailable { .. })) {
            enter = Enter { insist: false, again: true };
            continue;
        }
        let result = result.map_err(|own| error.unwrap_or(own));
        let told = result.as_ref().map(|success| success.who.as_str()).map_err(|error| error as &dyn Display);
        LoginEnded { account: &account, result: told }.emit();
        return (login, result);
    }
    (login, Err(AuthorizeError::given_up()))
}

/// What a login's end means for all that have its secret, and for those who have asked for it, if the gate does not know better.
fn judged<G>(result: Result<Success<G>, LoginError>, is_proven: bool) -> (Verdict, Result<Success<G>, AuthorizeError>) {
    let error = match result {
        Ok(success) => return (Verdict::Granted, Ok(success)),
        Err(error) => error,
    };
    let (verdict, error) = match error {
        LoginError::NotThis(_) => (Verdict::Granted, AuthorizeError::NotThis { why: error.to_string().into() }),
        // It says nothing about the secret, and each who asks is told by the brake itself.
        LoginError::Braked(braked) => {
            (Verdict::Over, AuthorizeError::Braked { why: braked.to_string().into(), until: braked.until })
        }
        LoginError::Refused(why) => (Verdict::Refused(why.into()), AuthorizeError::given_up()),
        // Behind the proof, what goes wrong is this account's own affair.
        LoginError::Unavailable { why } if is_proven => {
            (Verdict::Over, AuthorizeError::Unavailable { why: why.into() })
        }
        LoginError::Unavailable { why } => (Verdict::Unavailable(why.into()), AuthorizeError::given_up()),
        LoginError::TooMany { why, not_before } => {
            (Verdict::TooMany(why.into(), not_before), AuthorizeError::given_up())
        }
        LoginError::Doubtful { why } => (Verdict::Doubtful(why.into()), AuthorizeError::given_up()),
    };
    (verdict, Err(error))
}

/// Tells the login what is kept for it. Without that it would show a secret that is used up.
async fn recall(login: &mut impl Login, journal: &JournalHandle) -> Result<(), JournalError> {
    if let Some(note) = login.note() {
        login.recall(journal.note(note).await?.map(SecretString::from));
    }
    Ok(())
}

/// Makes what the login's note holds durable.
async fn keep(login: &impl Login, journal: &JournalHandle, secret: &SecretString) -> Result<(), JournalError> {
    match login.note() {
        Some(note) => journal.set_note(note, Some(secret.expose_secret().to_owned())).await,
        None => Ok(()),
    }
}

/// Makes the login's calls. The gate is told as soon as the secret is proven, and decides whether the turn ends with that.
async fn make_calls<L: Login>(
    login: &mut L,
    calls: &Calls,
    gate: &Addr<Gate>,
    journal: &JournalHandle,
    turn: &Turn,
    proven: &mut bool,
) -> Result<Success<L::Grant>, LoginError> {
    let mut step = login.begin(Now::read());
    for _ in 0..MOST_CALLS {
        match step {
            LoginStep::Call(call) => {
                step = match calls.make(call).await {
                    Err(RestError::Braked(braked)) => return Err(braked.into()),
                    answer => login.answer(Now::read(), answer),
                };
            }
            LoginStep::Keep(secret) => {
                let kept = keep(login, journal, &secret).await;
                step = login.kept(Now::read(), kept);
            }
            LoginStep::Granted { grant, lifetime, who } => return Ok(Success { grant, lifetime, who }),
            LoginStep::Failed(error) => return Err(error),
        }
        if login.is_proven() && !std::mem::replace(proven, true) {
            gate.do_send(Judged { turn: turn.number, verdict: Verdict::Proven });
        }
    }
    Err(LoginError::unavailable(format!("the login took more than {MOST_CALLS} calls")))
}

impl<L: Login + Unpin> Actor for Account<L> {
    type Context = Context<Self>;
}

impl<L: Login + Unpin> Handler<EndAccount> for Account<L> {
    type Result = ();

    fn handle(&mut self, _: EndAccount, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl<L: Login + Unpin> Handler<Reconsider> for Account<L> {
    type Result = ();

    fn handle(&mut self, _: Reconsider, _: &mut Self::Context) {
        self.barred = None;
    }
}

impl<L: Login + Unpin> Handler<Authorize<L::Grant>> for Account<L> {
    type Result = ResponseFuture<Result<Granted<L::Grant>, AuthorizeError>>;

    fn handle(&mut self, ask: Authorize<L::Grant>, ctx: &mut Self::Context) -> Self::Result {
        if self.held.as_ref().is_some_and(|held| ask.refused == Some(held.granted.serial)) {
            // Not for others either, while another one is waited for.
            self.held = None;
        }
        if let Some(granted) = self.at_hand() {
            return Box::pin(std::future::ready(Ok(granted)));
        }
        if ask.insist {
            self.barred = None;
        }
        if let Some(error) = self.known_refusal() {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (answer, result) = oneshot::channel();
        self.waiting.push(answer);
        self.begin(ask.insist, ctx);
        Box::pin(async move { result.await.unwrap_or_else(|_| Err(AuthorizeError::given_up())) })
    }
}

#[cfg(test)]
mod tests;
