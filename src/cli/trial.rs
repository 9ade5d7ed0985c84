//! One login and one subscription, made as the engine makes them and given up at once: does the server take them?

use std::{collections::VecDeque, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};
use watchpost::actors::{
    journal::JournalError,
    transport::{Incoming, RestClient, WebSocket, WebSocketClient},
    vendors::{Action, Input, Login, LoginError, LoginStep, Now, Session, Todo},
};

/// The close code of somebody who is done.
const NORMAL: u16 = 1000;

/// Calls that one login may take.
const MOST_CALLS: usize = 32;

/// Makes the calls of a login that has begun with `step`, and has `keep` keep what is to be kept. What it yields, and who that is.
///
/// # Errors
/// As the login tells.
pub(super) async fn log_in<L: Login>(
    rest: &RestClient,
    login: &mut L,
    mut step: LoginStep<L::Grant>,
    mut keep: impl FnMut(&L, SecretString) -> Result<(), JournalError>,
) -> Result<(L::Grant, String), LoginError> {
    for _ in 0..MOST_CALLS {
        step = match step {
            LoginStep::Call(call) => {
                let answer = rest.call(&call).await;
                login.answer(Now::read(), answer)
            }
            LoginStep::Keep(secret) => {
                let kept = keep(login, secret);
                login.kept(Now::read(), kept)
            }
            LoginStep::Granted { grant, who, .. } => return Ok((grant, who)),
            LoginStep::Failed(error) => return Err(error),
        };
    }
    Err(LoginError::unavailable(format!("the login took more than {MOST_CALLS} calls")))
}

/// Nothing of this vendor's logins is to be kept.
pub(super) fn keep_nothing<L>(_: &L, _: SecretString) -> Result<(), JournalError> {
    Ok(())
}

/// A login that went well, as a session needs it.
pub(super) trait Admitted {
    /// What it has yielded.
    type Grant;

    fn sockets(&self) -> &WebSocketClient;

    /// The grant in hand.
    fn grant(&self) -> Arc<Self::Grant>;

    /// The server does not take the grant: gets another, if that is worth a try.
    ///
    /// # Errors
    /// In words, why there is none.
    async fn renew(&mut self) -> Result<(), String>;
}

/// Opens the channel and subscribes as the session is configured to. The session is the engine's own, and has not begun, so that what is tried here is
/// what will happen there. It waits for `patience` where the session does not say how long.
///
/// # Errors
/// In words, who refused what.
pub(super) async fn subscribe<S: Session>(
    session: S,
    admitted: &mut impl Admitted<Grant = S::Grant>,
    catalog: Option<Arc<S::Catalog>>,
    patience: Duration,
) -> Result<(), String> {
    let mut trial = Trial { admitted, catalog, patience, session, socket: None, wake: None };
    let mut inputs = VecDeque::from([Input::Start]);
    loop {
        while let Some(input) = inputs.pop_front() {
            if trial.step(input, &mut inputs).await? {
                if let Some(socket) = trial.socket {
                    socket.shutdown(NORMAL).await;
                }
                return Ok(());
            }
        }
        trial.listen(&mut inputs).await?;
    }
}

/// A session, and what carries it.
struct Trial<'a, S: Session, A> {
    admitted: &'a mut A,
    catalog: Option<Arc<S::Catalog>>,
    patience: Duration,
    session: S,
    socket: Option<WebSocket>,
    wake: Option<Instant>,
}

impl<S: Session, A: Admitted<Grant = S::Grant>> Trial<'_, S, A> {
    /// Tells the session something, and does what it wants. Whether the subscription is confirmed.
    async fn step(&mut self, input: Input<S>, inputs: &mut VecDeque<Input<S>>) -> Result<bool, String> {
        let mut todo = Todo::default();
        self.session.step(Now::read(), input, &mut todo);
        if self.session.is_caught_up() {
            return Ok(true);
        }
        let confirmed = todo.actions.iter().any(|action| matches!(action, Action::Online));
        for action in todo.actions {
            match action {
                Action::Authorize { refused } => {
                    if refused {
                        self.admitted.renew().await?;
                    }
                    inputs.push_back(Input::Granted(self.admitted.grant()));
                }
                Action::Prepare { .. } => inputs.push_back(Input::Prepared(self.catalog.clone())),
                Action::Open(request) => {
                    inputs.push_back(match self.admitted.sockets().open(&request).await {
                        Ok(socket) => {
                            self.socket = Some(socket);
                            Input::Opened
                        }
                        Err(error) => Input::Refused(error),
                    });
                }
                Action::Send(text) => {
                    if let Some(socket) = &mut self.socket {
                        socket.send(text.expose_secret()).map_err(|error| error.to_string())?;
                    }
                }
                Action::Wake(at) => self.wake = at.map(Instant::from_std),
                Action::End(end) => return Err(end.to_string()),
                // What follows a confirmed subscription, or concerns a channel that lives on.
                Action::Call(..)
                | Action::Barrier
                | Action::Keep
                | Action::Wish(_)
                | Action::Patience(_)
                | Action::Online
                | Action::Warn(_)
                | Action::Forget(_)
                | Action::Children(_) => {}
            }
        }
        Ok(confirmed)
    }

    /// Waits for messages, or for the moment that the session has asked for.
    async fn listen(&mut self, inputs: &mut VecDeque<Input<S>>) -> Result<(), String> {
        let Some(socket) = &mut self.socket else { return Err("the session could not be begun".to_owned()) };
        let until = self.wake.unwrap_or_else(|| Instant::now() + self.patience);
        let mut came = Vec::new();
        match timeout_at(until, socket.wake(&mut came)).await {
            Err(_) => inputs.push_back(Input::Woken),
            Ok(outcome) => {
                inputs.extend(came.into_iter().filter_map(heard));
                // What came before the end may say why.
                if inputs.is_empty() {
                    outcome.map_err(|reason| format!("the WebSocket ended before the subscription: {reason}"))?;
                }
            }
        }
        Ok(())
    }
}

fn heard<S: Session>(message: Incoming) -> Option<Input<S>> {
    match message {
        Incoming::Text(text) | Incoming::LargeText(text, _) => Some(Input::Message(text)),
        Incoming::Binary(_) | Incoming::LargeBinary(..) | Incoming::Ping | Incoming::Pong(_) => None,
    }
}
