//! A session at the cloud for one user, and for one account where a reseller has many.
//!
//! ```text
//! POST {auth_url}/g/aaa/authenticate ─► token ─► POST {auth_url}/g/aaa/authorize ─► cookie, user, host
//!                                       30 s        ─► POST {host}/g/aaa/switch_account, for an account below a reseller's ─► grant
//! ```
//! Where the login does not tell the host, the first call there, [`isauth`](super::rest::is_authorized) if it is no switch, finds out whether it is
//! the right one.
//!
//! `hosts` says where secrets may be sent, `calls` makes the calls and follows redirects, `judge` says what each status means, `cookies` reads what
//! an answer sets. [`TwoFactor`] is the login with a person beside it, who types a code once.
//!
//! A refused password is asked about once: the account locks the user after some wrong ones.

mod calls;
mod cookies;
mod hosts;
mod judge;
mod two_factor;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::accounts::User;
use super::config::{ChildAccount, EenConfig};
use super::grant::Grant;
use crate::settings::Secret;
use crate::transport::RestError;
use crate::transport::request::RestAnswer;
use crate::vendors::address::{place, under};
use crate::vendors::{Login, LoginError, LoginStep, Now};
use calls::{Arrived, Authenticated, Calls};
use hosts::{branded, socket_of};
use judge::{Step, account_name, judge, user, wants_code};

pub use calls::Ways;
pub(super) use calls::api_key;
pub use two_factor::{CodeBy, TwoFactor, TwoFactorStep};

/// The login of one user, to one account.
#[derive(Debug)]
pub struct EenLogin {
    calls: Calls,
    /// Makes this machine a known one where the user has two-factor authentication.
    tfa_key: Option<SecretString>,
    stage: Stage,
    proven: bool,
    /// The session or its token was lost on the way once.
    again: bool,
    /// The session was begun by this login, so that nobody else uses it.
    is_own: bool,
    /// It is being ended, for this reason.
    leaving: Option<LoginError>,
}

#[derive(Debug)]
enum Stage {
    Authenticate,
    Authorize,
    Switch(Box<Grant>, ChildAccount),
    Locate(Box<Grant>),
}

impl EenLogin {
    /// A login that has not begun, each of whose calls may take `timeout`. With the `tfa_key` that a [`TwoFactor`] login gave, two-factor
    /// authentication asks for no code.
    #[must_use]
    pub fn new(config: EenConfig, timeout: Duration, tfa_key: Option<SecretString>) -> Self {
        let calls = Calls::new(config, timeout);
        let mut login = Self {
            calls,
            tfa_key: None,
            stage: Stage::Authenticate,
            proven: false,
            again: false,
            is_own: false,
            leaving: None,
        };
        login.know(tfa_key);
        login
    }

    fn know(&mut self, tfa_key: Option<SecretString>) {
        // One that cannot be a cookie would make every call fail.
        self.tfa_key = tfa_key.filter(|key| cookies::is_sound(key.expose_secret()));
    }

    /// Goes on from a session that is there, in the place of [`begin`](Login::begin): takes it to `child`, with one call where all is well. The
    /// engine has a session for each account; this is for a look at several with one login.
    pub fn switch(&mut self, grant: Grant, child: ChildAccount) -> LoginStep<Grant> {
        (self.again, self.is_own, self.leaving) = (false, false, None);
        if let Some(why) = &child.barred {
            return LoginStep::Failed(LoginError::NotThis(format!("{}: {why}", account_name(&child))));
        }
        let call = self.calls.switch(&grant, &child.id);
        // Should the session be lost on the way, the login that follows is for this account too.
        self.calls.config.child = Some(child.clone());
        self.stage = Stage::Switch(Box::new(grant), child);
        LoginStep::Call(call)
    }

    fn start(&mut self) -> LoginStep<Grant> {
        self.calls.reset();
        (self.stage, self.is_own, self.leaving) = (Stage::Authenticate, true, None);
        LoginStep::Call(self.calls.authenticate(self.tfa_key.as_ref()))
    }

    fn refused(&self, step: Step<'_>, answer: &RestAnswer) -> LoginStep<Grant> {
        LoginStep::Failed(judge(&self.calls.config, step, answer))
    }

    fn authenticated(&mut self, answer: &RestAnswer) -> LoginStep<Grant> {
        if answer.status != 200 {
            return self.refused(Step::Authenticate, answer);
        }
        let Some(Authenticated { token, wants_code: code }) = Authenticated::read(&answer.body) else {
            return LoginStep::Failed(no_token());
        };
        if code.is_some() {
            return LoginStep::Failed(LoginError::Refused(wants_code(&self.calls.config)));
        }
        self.proven = true;
        self.stage = Stage::Authorize;
        LoginStep::Call(self.calls.authorize(&token, None))
    }

    fn authorized(&mut self, answer: &RestAnswer) -> LoginStep<Grant> {
        match answer.status {
            200 => {}
            401 if !std::mem::replace(&mut self.again, true) => return self.start(),
            _ => return self.refused(Step::Authorize { code: false }, answer),
        }
        let grant = match granted(&self.calls, answer) {
            Ok(grant) => grant,
            Err(error) => return LoginStep::Failed(error),
        };
        match self.calls.config.child.clone() {
            Some(child) if child.id != grant.account => {
                let call = self.calls.switch(&grant, &child.id);
                self.stage = Stage::Switch(Box::new(grant), child);
                LoginStep::Call(call)
            }
            // The host is not one that the login has told: it may know a better one.
            _ if self.calls.config.api_url.is_some() || grant.rest == self.calls.base => {
                let call = self.calls.locate(&grant);
                self.stage = Stage::Locate(Box::new(grant));
                LoginStep::Call(call)
            }
            _ => self.done(grant),
        }
    }

    /// The host that the session is used at is where the last call has found it, whatever else it answered.
    fn located(&mut self, mut grant: Grant, root: Option<Url>) -> LoginStep<Grant> {
        self.move_to(&mut grant, root);
        self.done(grant)
    }

    /// A redirect is newer than what settings and login say.
    fn move_to(&self, grant: &mut Grant, root: Option<Url>) {
        if let Some(root) = root.filter(|root| *root != grant.rest) {
            grant.socket = self.calls.config.socket_url.as_ref().map_or_else(|| socket_of(&root), |url| under(url, ""));
            grant.rest = root;
        }
    }

    fn switched(
        &mut self,
        mut grant: Grant,
        child: ChildAccount,
        answer: &RestAnswer,
        root: Option<Url>,
    ) -> LoginStep<Grant> {
        match answer.status {
            200..=299 => {}
            401 if !std::mem::replace(&mut self.again, true) => return self.start(),
            _ => {
                let error = judge(&self.calls.config, Step::Switch(&child), answer);
                self.move_to(&mut grant, root);
                return self.leave(&grant, error);
            }
        }
        grant.account = child.id;
        // What the answer holds is not documented. If it is the user, it may tell another host for this account.
        let user = User::read(&answer.body).ok().filter(|user| user.active_account == grant.account);
        let subdomain = user.as_ref().and_then(|user| user.subdomain.as_ref());
        let is_redirected = root.as_ref().is_some_and(|root| *root != grant.rest);
        let root = match subdomain {
            Some(_) if !is_redirected && self.calls.config.api_url.is_none() => {
                Some(branded(&self.calls.base, subdomain))
            }
            _ => root,
        };
        self.move_to(&mut grant, root);
        grant.user = user.unwrap_or(grant.user);
        self.done(grant)
    }

    /// A session of our own that is of no use is ended, rather than left to lapse; unless the server is in trouble already.
    fn leave(&mut self, grant: &Grant, error: LoginError) -> LoginStep<Grant> {
        if !self.is_own || !matches!(error, LoginError::NotThis(_)) {
            return LoginStep::Failed(error);
        }
        self.leaving = Some(error);
        LoginStep::Call(self.calls.log_out(grant))
    }

    fn done(&mut self, grant: Grant) -> LoginStep<Grant> {
        self.stage = Stage::Authenticate;
        let who = who(&self.calls.config, &grant);
        // How long a session lives is a setting of the account that the login does not tell: until it is refused.
        LoginStep::Granted { grant, lifetime: None, who }
    }
}

impl Login for EenLogin {
    type Grant = Grant;

    fn secret(&self) -> &Secret {
        &self.calls.config.password
    }

    fn note(&self) -> Option<String> {
        Some(device_note(&self.calls.config))
    }

    fn recall(&mut self, note: Option<SecretString>) {
        self.know(note);
    }

    fn begin(&mut self, _: Now) -> LoginStep<Grant> {
        (self.proven, self.again) = (false, false);
        self.start()
    }

    fn is_proven(&self) -> bool {
        self.proven
    }

    fn answer(&mut self, _: Now, answer: Result<RestAnswer, RestError>) -> LoginStep<Grant> {
        if let Some(error) = self.leaving.take() {
            // However that went.
            return LoginStep::Failed(error);
        }
        let (answer, root) = match self.calls.arrived(answer) {
            Ok(Arrived::Answer { answer, root }) => (answer, root),
            Ok(Arrived::Call(call)) => return LoginStep::Call(call),
            Err(error) => return LoginStep::Failed(error),
        };
        match std::mem::replace(&mut self.stage, Stage::Authenticate) {
            Stage::Authenticate => {
                self.calls.moved(root);
                self.authenticated(&answer)
            }
            Stage::Authorize => {
                self.calls.moved(root);
                self.authorized(&answer)
            }
            Stage::Switch(grant, child) => self.switched(*grant, child, &answer, root),
            Stage::Locate(grant) => self.located(*grant, root),
        }
    }
}

/// The journal's note that holds the `tfa_key` which a [`TwoFactor`] login gave: one for each user, whatever account is looked at.
#[must_use]
pub fn device_note(config: &EenConfig) -> String {
    format!("een tfa_key of {} at {}", config.username, place(&config.auth_url))
}

/// The grant that a successful authorization holds.
fn granted(calls: &Calls, answer: &RestAnswer) -> Result<Grant, LoginError> {
    let user = User::read(&answer.body)
        .map_err(|error| LoginError::unavailable(format!("the login's answer cannot be read: {error}")))?;
    let auth_key = cookies::session_key(answer).ok_or_else(|| {
        LoginError::unavailable(format!(
            "{} has accepted the login and set no cookie `auth_key`, nor `videobank_sessionid`: does a proxy take cookies \
             out?",
            place(&calls.base)
        ))
    })?;
    let (rest, socket) = addresses(&calls.config, branded(&calls.base, user.subdomain.as_ref()));
    let (api_key, account) = (api_key(&calls.config), user.active_account.clone());
    Ok(Grant { rest, socket, auth_key, api_key, account, user })
}

/// Where to call and where to open the socket: what the settings say, else where the login leads.
fn addresses(config: &EenConfig, told: Url) -> (Url, Url) {
    let rest = config.api_url.as_ref().map_or(told, |url| under(url, ""));
    let socket = config.socket_url.as_ref().map_or_else(|| socket_of(&rest), |url| under(url, ""));
    (rest, socket)
}

fn no_token() -> LoginError {
    LoginError::unavailable("the login's answer holds no token: is auth_url Eagle Eye's login host?")
}

/// Who has logged in, in words without a secret.
fn who(config: &EenConfig, grant: &Grant) -> String {
    let account = config.child.as_ref().map_or_else(|| format!("account {}", grant.account), account_name);
    let terms = if grant.user.is_terms_noncompliant {
        "; new terms wait to be accepted, on Eagle Eye's web page, or the user may be suspended"
    } else {
        ""
    };
    format!("user {} at {}, {account}{terms}", user(config), place(&grant.rest))
}

#[cfg(test)]
mod tests;
