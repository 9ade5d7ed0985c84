//! One login for all connections of an account: its grant is shared until a minute before it ends.
//!
//! However many connections ask at once, one login is made. It waits for its turn at the [gate](crate::gate), which the accounts of
//! one user share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::caller::{self, Caller};
use crate::gate::{AuthorizeError, Enter, Gate, Judged, Turn, Verdict};
use crate::journal::JournalHandle;
use crate::telemetry::LoginEnded;
use crate::vendors::{Login, LoginError, LoginStep, Now};

/// A grant with less left than this, or than half its life, is not handed out any more.
const SPARE: Duration = Duration::from_secs(60);
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

/// The last connection of the account has gone: forget its secret and end.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct EndAccount;

/// The login of one account.
pub(crate) struct Account<L: Login> {
    key: Arc<str>,
    /// Away while a login is under way.
    login: Option<L>,
    gate: Addr<Gate>,
    journal: JournalHandle,
    caller: Addr<Caller>,
    held: Option<Held<L::Grant>>,
    waiting: Vec<oneshot::Sender<Result<Granted<L::Grant>, AuthorizeError>>>,
    serial: u64,
}

struct Held<G> {
    granted: Granted<G>,
    good_until: Option<Instant>,
}

impl<L: Login + Unpin> Account<L> {
    pub(crate) fn new(key: Arc<str>, login: L, gate: Addr<Gate>, journal: JournalHandle, caller: Addr<Caller>) -> Self {
        Self { key, login: Some(login), gate, journal, caller, held: None, waiting: Vec::new(), serial: 0 }
    }

    /// The grant that needs no login, if there is one.
    fn at_hand(&self) -> Option<Granted<L::Grant>> {
        let Held { granted, good_until } = self.held.as_ref()?;
        good_until.is_none_or(|until| until > Instant::now()).then(|| granted.clone())
    }

    fn begin(&mut self, insist: bool, ctx: &mut Context<Self>) {
        let Some(login) = self.login.take() else { return };
        let (key, gate, journal) = (Arc::clone(&self.key), self.gate.clone(), self.journal.clone());
        let login = log_in(key, login, self.caller.clone(), gate, journal, insist).into_actor(self);
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
        let Success { grant, lifetime, who } = result?;
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
    caller: Addr<Caller>,
    gate: Addr<Gate>,
    journal: JournalHandle,
    insist: bool,
) -> (L, Result<Success<L::Grant>, AuthorizeError>) {
    let turn = match gate.send(Enter { insist }).await {
        Ok(Ok(turn)) => turn,
        Ok(Err(error)) => return (login, Err(error)),
        Err(_) => return (login, Err(AuthorizeError::given_up())),
    };
    let (number, mut turn) = (turn.number, Some(turn));
    if let Some(note) = login.note() {
        // A journal that cannot be read holds up more than this.
        login.recall(journal.note(note).await.ok().flatten().map(SecretString::from));
    }
    let result = calls(&mut login, &caller, &gate, &mut turn).await;
    let told = result.as_ref().map(|success| success.who.as_str()).map_err(|error| error as &dyn std::fmt::Display);
    LoginEnded { account: &account, result: told }.emit();
    let (verdict, result) = match result {
        Ok(success) => (Verdict::Granted, Ok(success)),
        Err(error @ LoginError::NotThis(_)) => {
            (Verdict::Granted, Err(AuthorizeError::Unavailable { why: error.to_string().into() }))
        }
        Err(LoginError::Refused(why)) => (Verdict::Refused(why.into()), Err(AuthorizeError::given_up())),
        // Behind the proof, what goes wrong is this account's own affair, unless the server asks to be left alone.
        Err(LoginError::Unavailable { why, not_before: None }) if turn.is_none() => {
            (Verdict::Over, Err(AuthorizeError::Unavailable { why: why.into() }))
        }
        Err(LoginError::Unavailable { why, not_before }) => {
            (Verdict::Unavailable(why.into(), not_before), Err(AuthorizeError::given_up()))
        }
    };
    let judged = gate.send(Judged { turn: number, verdict }).await;
    let error = judged.ok().flatten();
    (login, result.map_err(|gone| error.unwrap_or(gone)))
}

/// Makes the login's calls. The turn is given back as soon as the secret is proven.
async fn calls<L: Login>(
    login: &mut L,
    caller: &Addr<Caller>,
    gate: &Addr<Gate>,
    turn: &mut Option<Turn>,
) -> Result<Success<L::Grant>, LoginError> {
    let mut step = login.begin(Now::read());
    for _ in 0..MOST_CALLS {
        match step {
            LoginStep::Call(call) => {
                let answer = caller::make(caller, call).await;
                step = login.answer(Now::read(), answer);
            }
            LoginStep::Granted { grant, lifetime, who } => return Ok(Success { grant, lifetime, who }),
            LoginStep::Failed(error) => return Err(error),
        }
        if login.is_proven()
            && let Some(turn) = turn.take()
        {
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
        let (answer, result) = oneshot::channel();
        self.waiting.push(answer);
        self.begin(ask.insist, ctx);
        Box::pin(async move { result.await.unwrap_or_else(|_| Err(AuthorizeError::given_up())) })
    }
}

#[cfg(test)]
mod tests;
