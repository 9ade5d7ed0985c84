#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::journal::{Memory, Writer};
use crate::refusals::Refusals;
use crate::settings::{Secret, TlsSettings};
use crate::transport::{RestAnswer, RestError};

/// A login without calls, that goes as the test says, and well if it says nothing.
#[derive(Clone)]
struct Scripted {
    secret: Secret,
    script: Arc<Script>,
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
        let mut begun = self.script.begun.lock().unwrap();
        *begun += 1;
        match self.script.failures.lock().unwrap().pop_front() {
            Some(error) => LoginStep::Failed(error),
            None => LoginStep::Granted { grant: *begun, lifetime: None, who: "ops".to_owned() },
        }
    }

    fn answer(&mut self, _: Now, _: Result<RestAnswer, RestError>) -> LoginStep<u32> {
        panic!("no call was made")
    }
}

/// Accounts behind one gate, which remembers nothing of an earlier process.
struct Accounts {
    gate: Addr<Gate>,
    journal: JournalHandle,
    caller: Addr<Caller>,
}

impl Accounts {
    fn new() -> Self {
        let journal = Writer::start(Box::new(Memory::default())).unwrap().handle();
        let refusals = Refusals::new(journal.clone(), "x", false);
        let gate = Gate::new("pw".into(), Duration::ZERO, None, refusals).start();
        let caller = Caller::new(&TlsSettings::default().client_config().unwrap()).start();
        Self { gate, journal, caller }
    }

    fn account(&self, failures: impl IntoIterator<Item = LoginError>) -> (Addr<Account<Scripted>>, Arc<Script>) {
        let script = Arc::new(Script { failures: Mutex::new(failures.into_iter().collect()), begun: Mutex::default() });
        let login = Scripted { secret: "pw".into(), script: Arc::clone(&script) };
        let (gate, journal) = (self.gate.clone(), self.journal.clone());
        (Account::new("x".into(), login, gate, journal, self.caller.clone()).start(), script)
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
