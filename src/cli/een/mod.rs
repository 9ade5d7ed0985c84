//! Eagle Eye Networks: a look at what a user's accounts hold, for `check --connect`, and the one-time step of two-factor authentication.
//!
//! - Here: logging in, once for each user and server, and leaving again.
//! - `look`: what a connection would follow, found by the lists that the engine asks for too, and one subscription.
//! - `known`: `watchpost login een`, which makes this machine a known one. What it keeps, a look uses.

#[cfg(feature = "sqlite")]
pub(super) mod known;
mod look;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(feature = "sqlite")]
use secrecy::SecretString;
use watchpost::actors::{
    settings::{CommonSettings, Secret, TlsSettings},
    transport::{RestClient, WebSocketClient},
    vendors::{
        Login, Now,
        een::{
            EenConfig, EenLogin, Grant,
            accounts::AccountList,
            config::ChildAccount,
            devices::DeviceList,
            rest::{self, CallError},
        },
    },
};

use super::{
    logins::{self, Logins, Terms},
    trial::{self, Admitted},
    vendors::Findings,
};

/// Looks at accounts, and logs in once for each user and server.
pub(super) struct Visitor {
    data_dir: PathBuf,
    logins: Logins<Settings, Admission>,
}

/// What a login was tried with.
struct Settings {
    config: EenConfig,
    tls: TlsSettings,
}

impl Terms for Settings {
    /// A refusal is one of the user, wherever the calls would go after it.
    fn serve(&self, wanted: &Self, refused: bool) -> bool {
        let (Self { config: known, .. }, Self { config, .. }) = (self, wanted);
        let same = |one: &Secret, other: &Secret| one.expose() == other.expose();
        let keys = [&known.api_key, &config.api_key].map(|key| key.as_ref().map(Secret::expose));
        let same_user = known.username == config.username
            && known.auth_url == config.auth_url
            && same(&known.password, &config.password);
        let same_calls = known.api_url == config.api_url
            && known.socket_url == config.socket_url
            && keys[0] == keys[1]
            && known.api_key_header == config.api_key_header;
        self.tls == wanted.tls && same_user && (same_calls || refused)
    }
}

/// A login that went well: one session, which moves from account to account.
struct Admission {
    login: EenLogin,
    grant: Grant,
    rest: RestClient,
    sockets: WebSocketClient,
    /// The list, once it was asked for.
    accounts: Option<Result<Option<AccountList>, String>>,
}

impl Visitor {
    pub(super) fn new(data_dir: PathBuf) -> Self {
        Self { data_dir, logins: Logins::default() }
    }

    pub(super) async fn visit(&mut self, config: &EenConfig, common: &CommonSettings) -> Findings {
        let mut findings = Findings::default();
        let terms = Settings { config: config.clone(), tls: common.tls.clone() };
        let log_in = log_in(config, common, &self.data_dir);
        if let Some(admission) = self.logins.admit(terms, log_in, &mut findings).await {
            look::look(admission, config, common, &mut findings).await;
        }
        findings
    }

    /// Ends every session.
    pub(super) async fn leave(self) {
        for admission in self.logins.into_admissions() {
            log_out(&admission.rest, &admission.grant).await;
        }
    }
}

/// Ends a session. One that cannot be ended lapses by itself.
async fn log_out(rest: &RestClient, grant: &Grant) {
    let _ = rest.call(&rest::logout(grant)).await;
}

async fn log_in(config: &EenConfig, common: &CommonSettings, data_dir: &Path) -> Result<(Admission, String), String> {
    let (rest, sockets) = logins::clients(&common.tls)?;
    let mut login = EenLogin::new(config.clone(), common.request_timeout, None);
    let unread = recall(&mut login, data_dir).err();
    let begun = login.begin(Now::read());
    match trial::log_in(&rest, &mut login, begun, trial::keep_nothing).await {
        Ok((grant, who)) => Ok((Admission { login, grant, rest, sockets, accounts: None }, who)),
        // It matters only where the login fails: without two-factor authentication nothing is kept.
        Err(error) => Err(match unread {
            Some(why) => format!("{error}. What `watchpost login een` may have kept cannot be read: {why}"),
            None => error.to_string(),
        }),
    }
}

impl Admission {
    /// The accounts that the user may switch to; none where the user may not ask. Asked for once, and before the first switch: within another account
    /// there is no list.
    async fn accounts(&mut self) -> Result<Option<AccountList>, String> {
        if let Some(known) = &self.accounts {
            return known.clone();
        }
        let list = match self.rest.call(&rest::list_accounts(&self.grant)).await {
            Ok(answer) => match rest::read_accounts(&answer) {
                Ok(list) => Ok(Some(list)),
                Err(CallError::Forbidden) => Ok(None),
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        };
        self.accounts.insert(list).clone()
    }

    /// The cameras and bridges of an account, to which the session moves.
    async fn devices(&mut self, account: &ChildAccount) -> Result<DeviceList, String> {
        if account.id != self.grant.account {
            let begun = self.login.switch(self.grant.clone(), account.clone());
            let (grant, _) = trial::log_in(&self.rest, &mut self.login, begun, trial::keep_nothing)
                .await
                .map_err(|error| error.to_string())?;
            self.grant = grant;
        }
        let answer = self.rest.call(&rest::list_devices(&self.grant)).await.map_err(|error| error.to_string())?;
        rest::read_devices(&answer).map_err(|error| error.to_string())
    }
}

impl Admitted for Admission {
    type Grant = Grant;

    fn sockets(&self) -> &WebSocketClient {
        &self.sockets
    }

    fn grant(&self) -> Arc<Grant> {
        Arc::new(self.grant.clone())
    }

    async fn renew(&mut self) -> Result<(), String> {
        // REST has just taken it.
        Err("the poll service does not know the session (401), though it is good for lists: is socket_url right?"
            .to_owned())
    }
}

/// Tells the login what `watchpost login een` has kept for it, if it has; beside a running watchpost too.
///
/// # Errors
/// For people.
#[cfg(feature = "sqlite")]
fn recall(login: &mut EenLogin, data_dir: &Path) -> Result<(), String> {
    if let Some(note) = login.note() {
        let kept =
            watchpost::journal::SqliteJournal::note_beside(data_dir, &note).map_err(|error| error.to_string())?;
        login.recall(kept.map(SecretString::from));
    }
    Ok(())
}

/// This build keeps nothing.
#[cfg(not(feature = "sqlite"))]
fn recall(_: &mut EenLogin, _: &Path) -> Result<(), String> {
    Ok(())
}
