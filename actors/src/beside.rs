//! What is done with a connection's login beside whatever the connection does: how it gets a grant, in an engine and without one.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use actix::prelude::*;
use actix_rt::task::JoinHandle;
use rustls::ClientConfig;

use crate::account::{Account, Authorize, EndAccount, Granted};
use crate::caller::{Caller, Calls};
use crate::gate::{AuthorizeError, Gate};
use crate::journal::JournalHandle;
use crate::refusals::Refusals;
use crate::settings::CommonSettings;
use crate::supervisor::{account_name, gate_name};
use crate::transport::{Brake, TlsError, brake::Brakes};
use crate::vendors::{Login, Vendor};

/// Asks an account for a grant that is not the one with the serial `refused`.
pub(crate) async fn authorized<L: Login + Unpin>(
    account: &Addr<Account<L>>,
    refused: Option<u64>,
) -> Result<Granted<L::Grant>, AuthorizeError> {
    account.send(Authorize::new(refused, false)).await.unwrap_or_else(|_| Err(AuthorizeError::given_up()))
}

/// What everything beside a connection stands on.
pub(crate) struct Means<V: Vendor> {
    pub(crate) account: Addr<Account<V::Login>>,
    pub(crate) tls: Arc<ClientConfig>,
    /// Where it is on, nothing is asked.
    pub(crate) brake: Option<Arc<Brake>>,
}

/// The grant in hand, and the one that the server did not take.
pub(crate) struct Admission<A> {
    authorize: A,
    refused: Option<u64>,
}

impl<A> Admission<A> {
    pub(crate) fn new(authorize: A) -> Self {
        Self { authorize, refused: None }
    }

    /// A grant: the same as long as it is good, and never the one that was refused.
    pub(crate) async fn grant<G>(&mut self) -> Result<Granted<G>, AuthorizeError>
    where
        A: AsyncFnMut(Option<u64>) -> Result<Granted<G>, AuthorizeError>,
    {
        (self.authorize)(self.refused).await
    }

    /// The server did not take this one. Whether another may be tried, which is so once: why, where it is not.
    pub(crate) fn refuse<G>(&mut self, granted: &Granted<G>) -> Result<(), String> {
        match self.refused.replace(granted.serial) {
            None => Ok(()),
            Some(_) => Err("the login is good, and yet not taken here (401)".to_owned()),
        }
    }
}

/// A login of its own, for a program without an engine.
pub(crate) struct Alone<V: Vendor> {
    pub(crate) means: Means<V>,
    /// The login that is under way.
    pending: RefCell<Option<JoinHandle<()>>>,
}

impl<V: Vendor> Alone<V> {
    /// One that has not begun. What it has to keep, it keeps in the journal.
    ///
    /// # Errors
    /// [`TlsError`] where the settings for TLS cannot be used.
    pub(crate) fn new(config: &V::Config, common: &CommonSettings, journal: JournalHandle) -> Result<Self, TlsError> {
        let tls = common.tls.client_config()?;
        let (gate, name) = (gate_name::<V>(config, &common.tls), account_name(V::account(config), &common.tls));
        let refusals = Refusals::new(journal.clone(), &gate, true);
        let (secret, rate) = (V::secret(config).clone(), V::logins_per_second(config));
        let gate = Gate::new(secret, V::resume_window(config), rate, refusals).start();
        let login = V::login(config, common);
        let brake = V::service(config).map(|service| Brakes::default().of(&service, V::is_blocked));
        let calls = Calls::new(Caller::new(&tls, None).start(), brake.clone());
        let account = Account::new(name, login, gate, journal, calls).start();
        Ok(Self { means: Means { account, tls, brake }, pending: RefCell::default() })
    }

    /// A grant. A login that has begun goes on if nobody waits for it any more.
    pub(crate) async fn authorize(&self, refused: Option<u64>) -> Result<Granted<V::Grant>, AuthorizeError> {
        let (answer, granted) = tokio::sync::oneshot::channel();
        let account = self.means.account.clone();
        let login = async move { drop(answer.send(authorized(&account, refused).await)) };
        self.pending.replace(Some(actix_rt::spawn(login)));
        granted.await.unwrap_or_else(|_| Err(AuthorizeError::given_up()))
    }

    /// Does something until `stop` is over; `None` if it was first. A login is not given up in the middle, which would lose what it has to keep.
    pub(crate) async fn until<T>(&self, done: impl Future<Output = T>, stop: impl Future<Output = ()>) -> Option<T> {
        let outcome = tokio::select! {
            outcome = done => Some(outcome),
            () = stop => None,
        };
        let pending = self.pending.take();
        if let Some(login) = pending {
            // One that has panicked has said so already.
            let _ = login.await;
        }
        self.means.account.do_send(EndAccount);
        outcome
    }
}
