//! Finding the gateway and getting a token: for a basic user, a Windows user, or a service.
//!
//! ```text
//! GET {url}/api/.well-known/uris ─► which gateway answers? ─► POST …/connect/token ─► grant
//!    404: the gateway is taken to be there too      404: at the next place
//! ```
//! A basic user asks for a token through the gateway, then at the identity provider that discovery named. A service asks there first. So does a
//! Windows user, then below the configured address, and never through the gateway, which cannot pass NTLM on.
//!
//! A refused password is asked about once: each further request counts towards the lock-out (five within the identity provider's
//! defaults, then five minutes).
//!
//! - `discovery`: what it tells, and which of it is used.
//! - `identity`: what the identity provider is asked, and its refusals in words; `windows`: what is different for Windows users.

mod discovery;
mod identity;
#[cfg(test)]
mod tests;
#[cfg(feature = "windows-auth")]
mod windows;

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use discovery::{Uris, under};
use identity::Token;

use super::config::{MilestoneConfig, User};
use crate::settings::Secret;
use crate::transport::request::{Method, RestAnswer, RestCall, Retry};
use crate::transport::{Fault, RestError};
use crate::vendors::{Login, LoginError, LoginStep, Now};

/// How long a gateway may take to say that it is there (Milestone's `UriHelper` waits as long).
const PROBE: Duration = Duration::from_secs(5);
/// Answers of the identity provider and of discovery are small.
const MAX_BODY: usize = 1 << 20;

/// Where the gateway is, and the token for it.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The gateway's root, `https://host/API/`, with a slash at the end.
    pub gateway: Url,
    /// The bearer token.
    pub token: SecretString,
    /// The product version that discovery told, if it did.
    pub version: Option<String>,
}

/// The login of one user at one system.
#[derive(Debug)]
pub struct MilestoneLogin {
    config: MilestoneConfig,
    timeout: Duration,
    stage: Stage,
    /// Gateways to try, best first.
    gateways: Vec<Url>,
    gateway: Option<Url>,
    token_urls: Vec<Url>,
    version: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Discovery,
    Probe,
    Token,
}

impl MilestoneLogin {
    /// A login that has not begun.
    pub fn new(config: MilestoneConfig, timeout: Duration) -> Self {
        let (gateways, token_urls) = (Vec::new(), Vec::new());
        Self { config, timeout, stage: Stage::Discovery, gateways, gateway: None, token_urls, version: None }
    }

    /// A path under the configured address, which may itself have one (behind a proxy, say).
    fn at(&self, path: &str) -> Option<Url> {
        under(&self.config.url, path)
    }

    fn get(&self, url: Url) -> RestCall {
        let mut call = RestCall::new(Method::Get, url);
        call.timeout = PROBE.min(self.timeout);
        call.max_body = MAX_BODY;
        call
    }

    fn discovered(&mut self, uris: &Uris) -> LoginStep<Grant> {
        self.version.clone_from(&uris.version);
        let advertised =
            uris.gateways.iter().flatten().filter_map(|text| discovery::advertised(&self.config.url, text));
        // An advertised name may be known only inside the site; the address that we were given certainly led somewhere.
        let here = ["API/", "api/"].into_iter().filter_map(|path| self.at(path));
        let mut gateways: Vec<Url> = Vec::new();
        for url in advertised.chain(here) {
            if !gateways.contains(&url) {
                gateways.push(url);
            }
        }
        let named = uris.identity_provider.as_deref().and_then(|text| discovery::advertised(&self.config.url, text));
        let providers = match &self.config.user {
            User::Basic(_) => [named.or_else(|| self.at("IDP/")), None],
            _ => [self.at("IDP/").filter(|here| named.as_ref() != Some(here)), named],
        };
        let token_url = |provider: Url| provider.join("connect/token").ok();
        self.token_urls = providers.into_iter().flatten().filter_map(token_url).collect();
        gateways.reverse();
        self.gateways = gateways;
        self.probe()
    }

    /// Asks the next gateway whether it is there.
    fn probe(&mut self) -> LoginStep<Grant> {
        self.stage = Stage::Probe;
        self.gateway = self.gateways.pop();
        match self.gateway.as_ref().and_then(|gateway| gateway.join(".well-known/uris").ok()) {
            Some(url) => LoginStep::Call(self.get(url)),
            None => {
                unavailable("no API gateway answers at the addresses that discovery told, nor at the configured one")
            }
        }
    }

    fn ask_for_token(&mut self) -> LoginStep<Grant> {
        self.stage = Stage::Token;
        let behind_gateway = self.gateway.as_ref().and_then(|gateway| gateway.join("IDP/connect/token").ok());
        // `pop` takes the last.
        match &self.config.user {
            // Through the gateway first, as Milestone's samples do for basic users.
            User::Basic(_) => self.token_urls.extend(behind_gateway),
            User::Service(_) => self.token_urls.splice(..0, behind_gateway).for_each(drop),
            // The gateway cannot pass NTLM on.
            #[cfg(feature = "windows-auth")]
            User::Windows(_) => {}
        }
        self.next_token_url()
    }

    fn next_token_url(&mut self) -> LoginStep<Grant> {
        let Some(url) = self.token_urls.pop() else {
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

    fn token_answered(&mut self, answer: &RestAnswer) -> LoginStep<Grant> {
        match answer.status {
            200..=299 => self.granted(answer),
            // Not here; perhaps there. No password was judged yet.
            404 | 405 if !self.token_urls.is_empty() => self.next_token_url(),
            400 | 401 | 403 => LoginStep::Failed(identity::refused(&self.config.user, answer)),
            status => unavailable(format!("the identity provider answered with status {status}")),
        }
    }

    fn granted(&mut self, answer: &RestAnswer) -> LoginStep<Grant> {
        let (Some(token), Some(gateway)) = (Token::read(answer), self.gateway.clone()) else {
            return unavailable("the identity provider's answer holds no access_token");
        };
        let lifetime = Some(token.lifetime());
        let version = self.version.as_deref().map_or(String::new(), |version| format!(", XProtect {version}"));
        let who = format!("{} at {gateway}{version}", self.config.user);
        let grant = Grant { gateway, token: token.access_token, version: self.version.clone() };
        LoginStep::Granted { grant, lifetime, who }
    }
}

impl Login for MilestoneLogin {
    type Grant = Grant;

    fn secret(&self) -> &Secret {
        &self.config.password
    }

    fn begin(&mut self, _: Now) -> LoginStep<Grant> {
        *self = Self::new(self.config.clone(), self.timeout);
        match self.at("api/.well-known/uris") {
            Some(url) => LoginStep::Call(self.get(url)),
            None => LoginStep::Failed(LoginError::Refused("the configured address cannot have a path".to_owned())),
        }
    }

    fn answer(&mut self, _: Now, answer: Result<RestAnswer, RestError>) -> LoginStep<Grant> {
        match (self.stage, answer) {
            (Stage::Discovery, Ok(answer)) if answer.is_success() => {
                let uris = serde_json::from_slice::<Uris>(&answer.body).unwrap_or_default();
                self.discovered(&uris)
            }
            // Nothing there: an older server, or a gateway alone.
            (Stage::Discovery, Ok(answer)) if matches!(answer.status, 400..=404) => self.discovered(&Uris::default()),
            (Stage::Discovery, Ok(answer)) => unavailable(format!("discovery answered with status {}", answer.status)),
            (Stage::Discovery, Err(error)) => unavailable(error.to_string()),
            // Any answer will do: it is there, whether or not it knows this path.
            (Stage::Probe, Ok(answer)) if answer.status < 500 => self.ask_for_token(),
            (Stage::Probe, _) => self.probe(),
            (Stage::Token, Ok(answer)) => self.token_answered(&answer),
            // A name that is known only inside the site; nobody has judged anything yet. A basic user's request goes through a gateway that answers.
            (Stage::Token, Err(RestError::Failed { fault: Fault::Connect(_), .. }))
                if !self.token_urls.is_empty() && !matches!(self.config.user, User::Basic(_)) =>
            {
                self.next_token_url()
            }
            (Stage::Token, Err(error)) => unavailable(error.to_string()),
        }
    }
}

fn unavailable(why: impl Into<String>) -> LoginStep<Grant> {
    LoginStep::Failed(LoginError::unavailable(why.into()))
}
