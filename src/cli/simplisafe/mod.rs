//! SimpliSafe: a look at a user's systems, for `check --connect`, and the login with a person at a browser.
//!
//! - Here: logging in, once for each user. A login may use a refresh token up and be given another, which must be kept: so it takes the data folder,
//!   and is not tried while a running watchpost has that: that one is asked then how the connection is doing.
//! - `look`: the systems that a connection would follow, and one subscription.
//! - `browser`: `watchpost login simplisafe`. `token_file`: where it puts the token.

#[cfg(feature = "sqlite")]
pub(super) mod browser;
mod look;
#[cfg(feature = "sqlite")]
mod token_file;

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use watchpost::{
    actors::{
        journal::{Journal, JournalError},
        model::ConnectionName,
        settings::{CommonSettings, TlsSettings},
        transport::{RestClient, WebSocketClient},
        vendors::{
            Login, Now,
            simplisafe::{Grant, SimpliSafeConfig, SimpliSafeLogin},
        },
    },
    config::EngineSettings,
};

use super::{
    client,
    logins::{self, Logins},
    table,
    trial::{self, Admitted},
    vendors::Findings,
};

/// Looks at systems, and logs in once for each user.
pub(super) struct Visitor {
    settings: EngineSettings,
    /// Where tokens are kept, once it was wanted.
    journal: Option<Result<Box<dyn Journal>, Unopened>>,
    logins: Logins<(String, TlsSettings), Admission>,
}

/// Why tokens cannot be kept.
#[derive(Clone)]
enum Unopened {
    /// Somebody else keeps them.
    InUse(String),
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "what keeps nothing does not fail"))]
    Failed(String),
}

/// A login that went well.
struct Admission {
    grant: Arc<Grant>,
    rest: RestClient,
    sockets: WebSocketClient,
}

impl Visitor {
    pub(super) fn new(settings: EngineSettings) -> Self {
        Self { settings, journal: None, logins: Logins::default() }
    }

    pub(super) async fn visit(
        &mut self,
        name: &ConnectionName,
        config: &SimpliSafeConfig,
        common: &CommonSettings,
    ) -> Findings {
        let mut findings = Findings::default();
        let settings = &self.settings;
        let journal = match self.journal.get_or_insert_with(|| open(settings)) {
            Ok(journal) => journal.as_mut(),
            Err(Unopened::InUse(why)) => {
                findings.untried = Some(why.clone());
                self.ask(name, &mut findings).await;
                return findings;
            }
            Err(Unopened::Failed(why)) => {
                findings.fail(format!("a new refresh token could not be kept: {why}"));
                return findings;
            }
        };
        let terms = (config.account(), common.tls.clone());
        let log_in = log_in(config, common, journal);
        if let Some(admission) = self.logins.admit(terms, log_in, &mut findings).await {
            look::look(admission, config, common, &mut findings).await;
        }
        findings
    }

    /// Has the watchpost that owns the data folder say how the connection is doing there.
    async fn ask(&self, name: &ConnectionName, findings: &mut Findings) {
        match client::connection(&self.settings, name.as_str()).await {
            Ok(row) => {
                findings.tell("running", row.told(Timestamp::now()));
                if row.state == "halted" {
                    findings.fail(format!("it is halted there: {}", row.reason));
                }
            }
            Err(error) => {
                let why = table::clean(&error.to_string());
                let how = "its log and its `engine.connection` events tell how the connection is doing there";
                findings.tell("running", format!("it cannot be asked, but {how} ({why})"));
            }
        }
    }

    /// Gives the data folder back.
    pub(super) fn leave(self) {
        if let Some(Ok(mut journal)) = self.journal {
            // What was to be kept is durable already.
            let _ = journal.close();
        }
    }
}

/// Takes the data folder.
#[cfg(feature = "sqlite")]
fn open(settings: &EngineSettings) -> Result<Box<dyn Journal>, Unopened> {
    use watchpost::journal::{DataDir, DataDirError};

    if let Err(error @ DataDirError::InUse { .. }) = DataDir::open(&settings.data_dir) {
        return Err(Unopened::InUse(format!("{error}. A login here could use up the refresh token that it needs")));
    }
    let storage = super::storage::open(settings).map_err(Unopened::Failed)?;
    let (journal, ..) = storage.into_parts();
    Ok(journal)
}

/// This build keeps nothing.
#[cfg(not(feature = "sqlite"))]
fn open(_: &EngineSettings) -> Result<Box<dyn Journal>, Unopened> {
    Err(Unopened::InUse("this build keeps nothing, so a new refresh token would be lost".to_owned()))
}

async fn log_in(
    config: &SimpliSafeConfig,
    common: &CommonSettings,
    journal: &mut dyn Journal,
) -> Result<(Admission, String), String> {
    let (rest, sockets) = logins::clients(&common.tls)?;
    let mut login = SimpliSafeLogin::new(config.clone(), common.request_timeout);
    recall(&mut login, journal).map_err(|error| format!("the newest refresh token cannot be read: {error}"))?;
    let keep = |login: &SimpliSafeLogin, secret: SecretString| {
        journal.set_note(&login.note().unwrap_or_default(), Some(secret.expose_secret()))
    };
    let begun = login.begin(Now::read());
    let (grant, who) = trial::log_in(&rest, &mut login, begun, keep).await.map_err(|error| error.to_string())?;
    Ok((Admission { grant: Arc::new(grant), rest, sockets }, who))
}

fn recall(login: &mut SimpliSafeLogin, journal: &mut dyn Journal) -> Result<(), JournalError> {
    if let Some(note) = login.note() {
        login.recall(journal.note(&note)?.map(SecretString::from));
    }
    Ok(())
}

impl Admitted for Admission {
    type Grant = Grant;

    fn sockets(&self) -> &WebSocketClient {
        &self.sockets
    }

    fn grant(&self) -> Arc<Grant> {
        Arc::clone(&self.grant)
    }

    async fn renew(&mut self) -> Result<(), String> {
        // REST has just taken it.
        Err("the socket service does not take the token that is good for REST: is socket_url right?".to_owned())
    }
}
