//! Refused logins are remembered beyond the process: each refused try counts towards a lock-out, also when a service manager starts the
//! program again and again.
//!
//! What is kept is why, how often, when, and a slow salted hash of the secret, by which a changed one is known.

use std::num::NonZeroU32;

use jiff::Timestamp;
use ring::{
    pbkdf2,
    rand::{SecureRandom, SystemRandom},
};
use serde::{Deserialize, Serialize};

use crate::journal::JournalHandle;
use crate::settings::Secret;
use crate::telemetry::RefusalNotKept;

/// Rounds of PBKDF2 with HMAC-SHA-256, as OWASP recommends. About a tenth of a second, once after a refusal and once at a start after one.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();

/// What the keys of the notes begin with.
const KEY: &str = "refused ";

/// A refused login, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// What the server said.
    pub(crate) why: String,
    /// How often in a row.
    pub(crate) count: u32,
    /// The last time.
    pub(crate) at: Timestamp,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Refused {
    fn new(secret: &Secret, why: &str, count: u32) -> Option<Self> {
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).ok()?;
        let mut hash = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, secret.expose().as_bytes(), &mut hash);
        Some(Self { why: why.to_owned(), count, at: Timestamp::now(), salt, hash })
    }

    fn is_of(&self, secret: &Secret) -> bool {
        let secret = secret.expose().as_bytes();
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &self.salt, secret, &self.hash).is_ok()
    }
}

/// Where the refusals of one account are kept.
#[derive(Debug, Clone)]
pub(crate) struct Refusals {
    journal: JournalHandle,
    key: String,
    /// Those of an earlier process count.
    pub(crate) count: bool,
}

impl Refusals {
    pub(crate) fn new(journal: JournalHandle, account: &str, count: bool) -> Self {
        Self { journal, key: Self::key(account), count }
    }

    /// The note's key.
    pub(crate) fn key(account: &str) -> String {
        format!("{KEY}{account}")
    }

    /// Whose they are.
    pub(crate) fn account(&self) -> &str {
        self.key.strip_prefix(KEY).unwrap_or(&self.key)
    }

    /// The refusal of this very secret, if there was one, and whether there was one of any. What cannot be read is of none.
    pub(crate) async fn recall(&self, secret: Secret) -> (Option<Refused>, bool) {
        let Ok(Some(note)) = self.journal.note(self.key.clone()).await else { return (None, false) };
        let Ok(refused) = serde_json::from_str::<Refused>(&note) else { return (None, true) };
        // Hashing on the arbiter would hold up the other logins.
        let work = move || refused.is_of(&secret).then_some(refused);
        (actix_rt::task::spawn_blocking(work).await.ok().flatten(), true)
    }

    /// Keeps a refusal.
    pub(crate) async fn keep(&self, secret: Secret, why: String, count: u32) {
        let hashed = actix_rt::task::spawn_blocking(move || Refused::new(&secret, &why, count)).await;
        let Some(note) = hashed.ok().flatten().and_then(|refused| serde_json::to_string(&refused).ok()) else { return };
        self.set(Some(note)).await;
    }

    /// The login has worked, or somebody insists.
    pub(crate) async fn forget(&self) {
        self.set(None).await;
    }

    async fn set(&self, note: Option<String>) {
        if let Err(error) = self.journal.set_note(self.key.clone(), note).await {
            RefusalNotKept { error: &error }.emit();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::journal::{Memory, Writer};

    #[actix_rt::test]
    async fn a_refusal_is_found_again_for_the_same_secret_alone_and_shows_nothing_of_it() {
        let journal = Writer::start(Box::new(Memory::default())).unwrap().handle();
        let refusals = Refusals::new(journal.clone(), "milestone svc at x", true);
        assert_eq!(refusals.recall("pw".into()).await, (None, false));
        refusals.keep("s3cret pw".into(), "wrong password".to_owned(), 2).await;
        let found = refusals.recall("s3cret pw".into()).await.0.unwrap();
        assert_eq!((found.why.as_str(), found.count), ("wrong password", 2));
        assert_eq!(refusals.recall("another".into()).await, (None, true), "there is one, of another secret");
        assert_eq!(
            Refusals::new(journal.clone(), "milestone other at x", true).recall("s3cret pw".into()).await,
            (None, false)
        );
        assert!(!journal.note(refusals.key.clone()).await.unwrap().unwrap().contains("s3cret"));
        refusals.forget().await;
        assert_eq!(refusals.recall("s3cret pw".into()).await, (None, false));
    }
}
