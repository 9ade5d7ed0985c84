#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::VecDeque;
use std::sync::Mutex;

use futures_util::FutureExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::{LocalSet, yield_now};

use super::*;
use crate::caller::Caller;
use crate::journal::{Memory, Writer};
use crate::refusals::Refusals;
use crate::settings::{Secret, TlsSettings};
use crate::transport::request::Method;
use crate::transport::{RestAnswer, RestCall, RestError};

/// A login without calls, that goes as the test says, and well if it says nothing.
#[derive(Clone)]
struct Scripted {
    secret: Secret,
    script: Arc<Script>,
    /// The one call that it makes after all, once the secret is proven.
    behind: Option<RestCall>,
    proven: bool,
}

#[derive(Default)]
struct Script {
    failures: Mutex<VecDeque<LoginError>>,
    begun: Mutex<u32>,
}

impl Script {
    fn begun(&self) -> u32 {
        *self.begun.lock().unwrap()
    }
}

impl Login for Scripted {
    type Grant = u32;

    fn secret(&self) -> &Secret {
        &self.secret
    }

    fn begin(&mut self, _: Now) -> LoginStep<u32> {
        *self.script.begun.lock().unwrap() += 1;
        self.proven = self.behind.is_some();
        match (self.script.failures.lock().unwrap().pop_front(), self.behind.clone()) {
            (Some(error), _) => LoginStep::Failed(error),
            (None, Some(_)) => LoginStep::Keep("pw".into()),
            (None, None) => self.granted(),
        }
    }

    fn is_proven(&self) -> bool {
        self.proven
    }

    fn kept(&mut self, _: Now, _: Result<(), JournalError>) -> LoginStep<u32> {
        LoginStep::Call(self.behind.clone().unwrap())
    }

    fn answer(&mut self, _: Now, answer: Result<RestAnswer, RestError>) -> LoginStep<u32> {
        assert_eq!(answer.unwrap().status, 200);
        self.granted()
    }
}

impl Scripted {
    fn granted(&self) -> LoginStep<u32> {
        LoginStep::Granted { grant: self.script.begun(), lifetime: None, who: "ops".to_owned() }
    }
}

/// Accounts behind one gate, which remembers nothing of an earlier process.
struct Accounts {
    gate: Addr<Gate>,
    journal: JournalHandle,
    calls: Calls,
}

impl Accounts {
    fn new() -> Self {
        let journal = Writer::start(Box::new(Memory::default())).unwrap().handle();
        let refusals = Refusals::new(journal.clone(), "x", false);
        let gate = Gate::new("pw".into(), Duration::ZERO, None, refusals).start();
        let caller = Caller::new(&TlsSettings::default().client_config().unwrap(), None).start();
        let calls = Calls::new(caller, None);
        Self { gate, journal, calls }
    }

    fn account(&self, failures: impl IntoIterator<Item = LoginError>) -> (Addr<Account<Scripted>>, Arc<Script>) {
        self.account_that_calls(failures, None)
    }

    fn account_that_calls(
        &self,
        failures: impl IntoIterator<Item = LoginError>,
        behind: Option<RestCall>,
    ) -> (Addr<Account<Scripted>>, Arc<Script>) {
        let script = Arc::new(Script { failures: Mutex::new(failures.into_iter().collect()), begun: Mutex::default() });
        let login = Scripted { secret: "pw".into(), script: Arc::clone(&script), behind, proven: false };
        let (gate, journal) = (self.gate.clone(), self.journal.clone());
        (Account::new("x".into(), login, gate, journal, self.calls.clone()).start(), script)
    }
}

async fn authorize(account: &Addr<Account<Scripted>>, refused: Option<u64>) -> Result<u64, AuthorizeError> {
    account.send(Authorize::new(refused, false)).await.unwrap().map(|granted| granted.serial)
}

#[actix_rt::test]
async fn a_grant_that_was_refused_is_handed_to_nobody_while_another_is_waited_for() {
    let accounts = Accounts::new();
    let (account, script) = accounts.account([]);
    let first = authorize(&account, None).await.unwrap();
    assert_eq!(authorize(&account, None).await.unwrap(), first, "it is shared");
    let (replaced, other) =
        futures_util::future::join(authorize(&account, Some(first)), authorize(&account, None)).await;
    assert_eq!((replaced.unwrap(), other.unwrap(), script.begun()), (first + 1, first + 1, 2));
    assert_eq!(authorize(&account, Some(first)).await.unwrap(), first + 1, "the second was not refused");
}

/// An account that was refused, and whose further try is due: the secret is proven then, and a call to the server follows.
async fn refused() -> (Accounts, Addr<Account<Scripted>>, TcpListener) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap()).parse().unwrap();
    let accounts = Accounts::new();
    let refused = [LoginError::Refused("wrong password".to_owned())];
    let (account, _) = accounts.account_that_calls(refused, Some(RestCall::new(Method::Get, url)));
    assert!(matches!(authorize(&account, None).await, Err(AuthorizeError::Refused { .. })));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(601)).await;
    tokio::time::resume();
    (accounts, account, server)
}

#[actix_rt::test]
async fn after_a_refusal_nobody_else_enters_before_the_further_try_is_through() {
    let (accounts, further, server) = refused().await;
    let further = further.send(Authorize::new(None, false));
    let (mut peer, _) = server.accept().await.unwrap();
    // It is proven; what comes after that is not through.
    let (other, script) = accounts.account([]);
    let mut asking = Box::pin(authorize(&other, None));
    for _ in 0..100 {
        assert!((&mut asking).now_or_never().is_none());
        yield_now().await;
    }
    assert_eq!(script.begun(), 0);
    peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert!(further.await.unwrap().is_ok());
    assert!(asking.await.is_ok() && script.begun() == 1);
}

#[actix_rt::test]
async fn an_account_that_ends_in_the_midst_of_a_login_holds_nobody_up() {
    let (accounts, further, server) = refused().await;
    let asking = further.send(Authorize::new(None, false));
    let _peer = server.accept().await.unwrap();
    further.send(EndAccount).await.unwrap();
    assert!(!matches!(asking.await, Ok(Ok(_))));
    assert!(authorize(&accounts.account([]).0, None).await.is_ok());
}

fn too_many() -> LoginError {
    LoginError::TooMany { why: "too many requests".to_owned(), not_before: Some(Duration::from_secs(1)) }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_told_to_wait_comes_again_before_anybody_hears_of_it() {
    let test = async {
        let accounts = Accounts::new();
        let (account, script) = accounts.account([too_many(), too_many(), too_many()]);
        assert!(authorize(&account, None).await.is_ok());
        assert_eq!(script.begun(), 4);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_tells_every_login_to_wait_is_left_alone_and_the_reason_is_told() {
    let test = async {
        let accounts = Accounts::new();
        let (account, script) = accounts.account(vec![too_many(); 99]);
        assert_eq!(authorize(&account, None).await.unwrap_err().to_string(), "too many requests");
        assert!((2..10).contains(&script.begun()), "{}", script.begun());
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_may_be_a_refusal_is_asked_for_once_more_and_then_believed() {
    let doubtful = || LoginError::Doubtful { why: "locked, or too many requests".to_owned() };
    let test = async {
        let accounts = Accounts::new();
        let (account, script) = accounts.account([doubtful()]);
        assert!(authorize(&account, None).await.is_ok(), "nobody hears of it");
        assert_eq!(script.begun(), 2);
        let (account, script) = accounts.account(vec![doubtful(); 9]);
        assert!(matches!(authorize(&account, None).await, Err(AuthorizeError::Refused { .. })));
        assert_eq!(script.begun(), 2);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn that_an_account_alone_is_refused_is_remembered_ever_longer_and_holds_up_no_other() {
    let test = async {
        let accounts = Accounts::new();
        let (account, script) = accounts.account(vec![LoginError::NotThis("no such account".to_owned()); 8]);
        let (other, _) = accounts.account([]);
        let mut pauses = Vec::new();
        let mut begun = Instant::now();
        while pauses.len() < 6 {
            let before = script.begun();
            let error = authorize(&account, None).await.unwrap_err();
            assert!(matches!(&error, AuthorizeError::NotThis { why } if why.contains("no such account")), "{error}");
            if script.begun() > before {
                pauses.push(begun.elapsed().as_secs().div_ceil(60));
                begun = Instant::now();
                assert!(authorize(&other, None).await.is_ok());
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        assert_eq!(pauses[1..], [1, 2, 4, 8, 15]);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_insists_or_has_new_settings_is_not_answered_from_memory() {
    let test = async {
        let accounts = Accounts::new();
        let (account, script) = accounts.account(vec![LoginError::NotThis("suspended".to_owned()); 2]);
        assert!(authorize(&account, None).await.is_err() && authorize(&account, None).await.is_err());
        assert_eq!(script.begun(), 1);
        assert!(account.send(Authorize::new(None, true)).await.unwrap().is_err());
        assert_eq!(script.begun(), 2);
        account.send(Reconsider).await.unwrap();
        assert!(authorize(&account, None).await.is_ok());
    };
    LocalSet::new().run_until(test).await;
}
