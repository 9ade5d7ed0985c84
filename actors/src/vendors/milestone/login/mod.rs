//! Finding the gateways and getting a token: for a basic user, a Windows user, or a service.
//!
//! ```text
//! GET {url}/api/.well-known/uris ─► which gateway answers? ─► POST …/connect/token ─► grant
//!    404: the gateway is taken to be there too   │  ▲              404: at the next place
//!    no answer: those known from before          └──┴── the next gateway ── nothing behind this one
//! ```
//! A basic user asks for a token through the gateway, then at the identity provider that discovery named. A service asks there first. So does a
//! Windows user, then below the configured address, and never through the gateway, which cannot pass NTLM on.
//!
//! A refused password is asked about once: each further request counts towards the lock-out (five within the identity provider's
//! defaults, then five minutes). Of a request that got no answer it is not known whether it has counted: there is one more, and no third.
//!
//! - `discovery`: what it tells, and which of it is used; `gateways`: which of them is in use, for all who have the grant.
//! - `identity`: what the identity provider is asked, and its refusals in words; `windows`: what is different for Windows users.

mod discovery;
mod gateways;
mod identity;
#[cfg(test)]
mod tests;
#[cfg(feature = "windows-auth")]
mod windows;

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use url::Url;

use super::config::{MilestoneConfig, User};
use crate::settings::Secret;
use crate::transport::request::{Method, RestAnswer, RestCall, Retry};
use crate::transport::{Fault, RestError};
use crate::vendors::{Login, LoginError, LoginStep, Now};
use discovery::{Uris, under};
pub use gateways::{Gateways, mark};
use identity::Token;

/// How long a gateway may take to say that it is there (Milestone's `UriHelper` waits as long).
pub(super) const PROBE: Duration = Duration::from_secs(5);
/// Answers of the identity provider and of discovery are small.
const MAX_BODY: usize = 1 << 20;
/// With less left than this, a token is not granted once more.
const SPARE: Duration = Duration::from_secs(120);
/// Token requests without an answer in one login. Each may have counted towards the lock-out.
const MOST_UNANSWERED: u32 = 2;

/// Where the gateways are, and the token for them.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The gateways, each by its root: `https://host/API/`, with a slash at the end.
    pub gateways: Arc<Gateways>,
    /// The bearer token. That it is good at all gateways is inferred; one that refuses it is asked again with a new one.
    pub token: SecretString,
    /// The product version that discovery told, if it did.
    pub version: Option<String>,
}

impl Grant {
    /// The gateway in use.
    #[must_use]
    pub fn gateway(&self) -> Url {
        self.gateways.using()
    }
}

/// Asks a gateway whether it is there.
#[must_use]
pub fn probe(gateway: &Url) -> Option<RestCall> {
    let mut call = RestCall::new(Method::Get, gateway.join(".well-known/uris").ok()?);
    call.timeout = PROBE;
    call.max_body = MAX_BODY;
    Some(call)
}

/// Whether it is. Any answer will do, whether or not it knows the path: Milestone's own sample asks for a success.
#[must_use]
pub fn is_there(answer: &Result<RestAnswer, RestError>) -> bool {
    answer.as_ref().is_ok_and(|answer| answer.status < 500)
}

/// The login of one user at one system.
#[derive(Debug)]
pub struct MilestoneLogin {
    config: MilestoneConfig,
    timeout: Duration,
    /// Which of the gateways told is the first. A number by chance, as in Milestone's sample: so the programs of a site spread.
    start: usize,
    // What logins before have found out.
    gateways: Option<Arc<Gateways>>,
    named_provider: Option<Url>,
    version: Option<String>,
    token: Option<(SecretString, Instant)>,
    run: Run,
}

/// One login.
#[derive(Debug, Default)]
struct Run {
    stage: Stage,
    /// The token is good: nothing but discovery is wanted.
    for_discovery_alone: bool,
    /// Gateways to try, best last.
    gateways: Vec<Url>,
    gateway: Option<Url>,
    /// Where a token can be had, best last.
    token_urls: Vec<Url>,
    /// What was wrong behind the gateway before.
    trouble: Option<String>,
    unanswered: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Discovery,
    Probe,
    Token,
}

impl MilestoneLogin {
    /// A login that has not begun.
    pub fn new(config: MilestoneConfig, timeout: Duration) -> Self {
        let (gateways, named_provider, version, token) = (None, None, None, None);
        let start = rand::random::<u32>() as usize;
        Self { config, timeout, start, gateways, named_provider, version, token, run: Run::default() }
    }

    /// A path under the configured address, which may itself have one (behind a proxy, say).
    fn at(&self, path: &str) -> Option<Url> {
        under(&self.config.url, path)
    }

    fn discovered(&mut self, now: Now, uris: &Uris) -> LoginStep<Grant> {
        let Some(here) = self.at("API/") else { return no_path() };
        self.version.clone_from(&uris.version);
        let named = uris.identity_provider.as_deref();
        self.named_provider = named.and_then(|text| discovery::advertised(&self.config.url, text));
        let told = uris.gateways(&self.config.url, &here, self.start);
        let first = told.first().cloned().unwrap_or(here);
        self.gateways.get_or_insert_with(|| Gateways::one(first)).told(&told);
        self.choose(now)
    }

    /// Discovery says nothing now: what it said before will do.
    fn undiscovered(&mut self, now: Now, why: String) -> LoginStep<Grant> {
        if self.gateways.is_some() { self.choose(now) } else { unavailable(why) }
    }

    /// Finds a gateway that answers.
    fn choose(&mut self, now: Now) -> LoginStep<Grant> {
        let Some(gateways) = self.gateways.clone() else { return no_path() };
        if self.run.for_discovery_alone
            && let Some((token, until)) = &self.token
        {
            let lifetime = until.saturating_duration_since(now.instant);
            return self.grant(gateways, token.clone(), lifetime);
        }
        let mut order: Vec<Url> = Vec::new();
        while let Some(next) = gateways.next(now.instant, None, &order) {
            order.push(next);
        }
        // An advertised name may be known only inside the site; the address that we were given certainly led somewhere.
        for here in ["API/", "api/"].into_iter().filter_map(|path| self.at(path)) {
            if !order.contains(&here) {
                order.push(here);
            }
        }
        order.reverse();
        self.run.gateways = order;
        self.probe()
    }

    /// Asks the next gateway whether it is there.
    fn probe(&mut self) -> LoginStep<Grant> {
        self.run.stage = Stage::Probe;
        self.run.gateway = self.run.gateways.pop();
        match self.run.gateway.as_ref().and_then(probe) {
            Some(mut call) => {
                call.timeout = PROBE.min(self.timeout);
                LoginStep::Call(call)
            }
            None => unavailable(self.run.trouble.take().unwrap_or_else(|| {
                "no API gateway answers at the addresses that discovery told, nor at the configured one".to_owned()
            })),
        }
    }

    fn probed(&mut self, now: Now, answer: &Result<RestAnswer, RestError>) -> LoginStep<Grant> {
        if is_there(answer) {
            return self.ask_for_token();
        }
        if let (Some(gateways), Some(gateway)) = (&self.gateways, &self.run.gateway) {
            gateways.away(now.instant, gateway);
        }
        self.probe()
    }

    fn ask_for_token(&mut self) -> LoginStep<Grant> {
        self.run.stage = Stage::Token;
        let here = self.at("IDP/");
        let providers = match (&self.config.user, self.named_provider.clone()) {
            (User::Basic(_), named) => [named.or(here), None],
            (_, named) => [here.filter(|here| named.as_ref() != Some(here)), named],
        };
        let token_url = |provider: Url| provider.join("connect/token").ok();
        let mut token_urls: Vec<_> = providers.into_iter().flatten().filter_map(token_url).collect();
        let behind_gateway = self.run.gateway.as_ref().and_then(|gateway| gateway.join("IDP/connect/token").ok());
        // `pop` takes the last.
        match &self.config.user {
            // Through the gateway first, as Milestone's samples do for basic users.
            User::Basic(_) => token_urls.extend(behind_gateway),
            User::Service(_) => token_urls.splice(..0, behind_gateway).for_each(drop),
            // The gateway cannot pass NTLM on.
            #[cfg(feature = "windows-auth")]
            User::Windows(_) => {}
        }
        self.run.token_urls = token_urls;
        self.next_token_url()
    }

    fn next_token_url(&mut self) -> LoginStep<Grant> {
        let Some(url) = self.run.token_urls.pop() else {
            return unavailable("no identity provider answers, neither behind the gateway nor where discovery says");
        };
        let mut call = RestCall::new(Method::Post, url);
        identity::fill_in(&mut call, &self.config);
        call.timeout = self.timeout;
        call.max_body = MAX_BODY;
        // Each refused request counts towards the lock-out.
        call.retry = Retry::Never;
        LoginStep::Call(call)
    }

    fn token_answered(&mut self, now: Now, answer: Result<RestAnswer, RestError>) -> LoginStep<Grant> {
        let is_basic = matches!(self.config.user, User::Basic(_));
        match answer {
            Ok(answer) => match answer.status {
                200..=299 => self.granted(now, &answer),
                // Not here; perhaps there. No password was judged yet.
                404 | 405 if !self.run.token_urls.is_empty() => self.next_token_url(),
                400 | 401 | 403 => LoginStep::Failed(identity::refused(&self.config.user, &answer)),
                // The gateway's own words: it has not reached the identity provider, and nobody has judged anything.
                status @ 502..=504 if is_basic => {
                    self.elsewhere(format!("the identity provider answered with status {status}"))
                }
                status => unavailable(format!("the identity provider answered with status {status}")),
            },
            Err(error) if is_basic => {
                self.run.unanswered += u32::from(error.may_have_been_sent());
                if self.run.unanswered < MOST_UNANSWERED {
                    self.elsewhere(error.to_string())
                } else {
                    unavailable(error.to_string())
                }
            }
            // A name that is known only inside the site; nobody has judged anything yet.
            Err(RestError::Failed { fault: Fault::Connect(_), .. }) if !self.run.token_urls.is_empty() => {
                self.next_token_url()
            }
            Err(error) => unavailable(error.to_string()),
        }
    }

    /// Behind this gateway there is nobody to ask; perhaps there is behind the next.
    fn elsewhere(&mut self, why: String) -> LoginStep<Grant> {
        let origin = self.run.gateway.as_ref().map(Url::origin);
        // Not the same one in another spelling.
        self.run.gateways.retain(|other| Some(other.origin()) != origin);
        self.run.trouble = Some(why);
        self.probe()
    }

    fn granted(&mut self, now: Now, answer: &RestAnswer) -> LoginStep<Grant> {
        let (Some(token), Some(gateways)) = (Token::read(answer), self.gateways.clone()) else {
            return unavailable("the identity provider's answer holds no access_token");
        };
        if let Some(gateway) = &self.run.gateway {
            gateways.use_this(now.instant, gateway);
        }
        let lifetime = token.lifetime();
        self.token = Some((token.access_token.clone(), now.instant + lifetime));
        self.grant(gateways, token.access_token, lifetime)
    }

    fn grant(&self, gateways: Arc<Gateways>, token: SecretString, lifetime: Duration) -> LoginStep<Grant> {
        let version = self.version.as_deref().map_or(String::new(), |version| format!(", XProtect {version}"));
        let who = format!("{} at {}{version}", self.config.user, gateways.using());
        let grant = Grant { gateways, token, version: self.version.clone() };
        LoginStep::Granted { grant, lifetime: Some(lifetime), who }
    }
}

impl Login for MilestoneLogin {
    type Grant = Grant;

    fn secret(&self) -> &Secret {
        &self.config.password
    }

    fn begin(&mut self, now: Now) -> LoginStep<Grant> {
        let is_wanted = self.gateways.as_ref().is_some_and(|gateways| gateways.is_for_discovery_alone());
        let is_good = self.token.as_ref().is_some_and(|(_, until)| now.instant + SPARE < *until);
        self.run = Run { for_discovery_alone: is_wanted && is_good, ..Run::default() };
        let Some(url) = self.at("api/.well-known/uris") else { return no_path() };
        let mut call = RestCall::new(Method::Get, url);
        call.timeout = PROBE.min(self.timeout);
        call.max_body = MAX_BODY;
        LoginStep::Call(call)
    }

    fn answer(&mut self, now: Now, answer: Result<RestAnswer, RestError>) -> LoginStep<Grant> {
        match (self.run.stage, answer) {
            (Stage::Discovery, Ok(answer)) if answer.is_success() => {
                let uris = serde_json::from_slice::<Uris>(&answer.body).unwrap_or_default();
                self.discovered(now, &uris)
            }
            // Nothing there: an older server, or a gateway alone.
            (Stage::Discovery, Ok(answer)) if matches!(answer.status, 400..=404) && self.gateways.is_none() => {
                self.discovered(now, &Uris::default())
            }
            (Stage::Discovery, Ok(answer)) => {
                self.undiscovered(now, format!("discovery answered with status {}", answer.status))
            }
            (Stage::Discovery, Err(error)) => self.undiscovered(now, error.to_string()),
            (Stage::Probe, answer) => self.probed(now, &answer),
            (Stage::Token, answer) => self.token_answered(now, answer),
        }
    }
}

fn no_path() -> LoginStep<Grant> {
    LoginStep::Failed(LoginError::Refused("the configured address cannot have a path".to_owned()))
}

fn unavailable(why: impl Into<String>) -> LoginStep<Grant> {
    LoginStep::Failed(LoginError::unavailable(why.into()))
}
