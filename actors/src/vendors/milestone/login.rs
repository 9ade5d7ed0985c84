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

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::config::{MilestoneConfig, User};
use crate::settings::Secret;
#[cfg(feature = "windows-auth")]
use crate::transport::WindowsLogin;
use crate::transport::request::{Body, Method, RestAnswer, RestCall, Retry};
use crate::transport::{Fault, RestError};
use crate::vendors::{Login, LoginError, LoginStep, Now};

/// The identity provider's words for a refusal (observed), and those of OAuth 2.0 (RFC 6749, section 5.2).
const KNOWN_WORDS: [&str; 10] = [
    "invalid_grant",
    "invalid_username_or_password",
    "LockedOut",
    "InvalidCredential",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    "access_denied",
];
/// The client id of Milestone's own samples for basic and Windows users.
const CLIENT_ID: &str = "GrantValidatorClient";
/// How long a gateway may take to say that it is there (Milestone's `UriHelper` waits as long).
const PROBE: Duration = Duration::from_secs(5);
/// The life of a token that the server does not tell, as observed.
const LIFETIME: Duration = Duration::from_secs(3_600);
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

/// What discovery tells.
#[derive(Debug, Deserialize, Default)]
struct Uris {
    #[serde(rename = "ProductVersion")]
    version: Option<String>,
    #[serde(rename = "IdentityProvider")]
    identity_provider: Option<String>,
    #[serde(rename = "ApiGateways", default)]
    gateways: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Token {
    access_token: SecretString,
    #[serde(default)]
    expires_in: Option<f64>,
}

/// How the identity provider refuses.
#[derive(Debug, Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    error_code: Option<String>,
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
        let advertised = uris.gateways.iter().flatten().filter_map(|text| self.advertised(text));
        // An advertised name may be known only inside the site; the address that we were given certainly led somewhere.
        let here = ["API/", "api/"].into_iter().filter_map(|path| self.at(path));
        let mut gateways: Vec<Url> = Vec::new();
        for url in advertised.chain(here) {
            if !gateways.contains(&url) {
                gateways.push(url);
            }
        }
        let named = uris.identity_provider.as_deref().and_then(|text| self.advertised(text));
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

    /// An advertised address, with a slash at the end. Who was told to use https does not send a password without, whatever
    /// the server advertises.
    fn advertised(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text.trim()).ok().filter(Url::has_host)?;
        let safe = url.scheme() == "https" || (url.scheme() == "http" && self.config.url.scheme() == "http");
        if safe { under(&url, "") } else { None }
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
        let secret = || SecretString::from(self.config.password.expose().to_owned());
        call.body = Body::Form(match &self.config.user {
            User::Basic(name) => vec![
                ("grant_type".into(), "password".into()),
                ("username".into(), name.clone().into()),
                ("password".into(), secret().into()),
                ("client_id".into(), CLIENT_ID.into()),
            ],
            #[cfg(feature = "windows-auth")]
            User::Windows(user) => {
                call.windows = Some(Box::new(WindowsLogin { user: user.clone(), password: secret() }));
                vec![("grant_type".into(), "windows_credentials".into()), ("client_id".into(), CLIENT_ID.into())]
            }
            User::Service(id) => vec![
                ("grant_type".into(), "client_credentials".into()),
                ("scope".into(), "managementserver".into()),
                ("client_id".into(), id.clone().into()),
                ("client_secret".into(), secret().into()),
            ],
        });
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
            400 | 401 | 403 => {
                let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
                self.refused(answer.status, &refusal)
            }
            status => unavailable(format!("the identity provider answered with status {status}")),
        }
    }

    fn granted(&mut self, answer: &RestAnswer) -> LoginStep<Grant> {
        let (Ok(token), Some(gateway)) = (serde_json::from_slice::<Token>(&answer.body), self.gateway.clone()) else {
            return unavailable("the identity provider's answer holds no access_token");
        };
        let seconds = token.expires_in.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        let lifetime = seconds.map_or(LIFETIME, |seconds| Duration::from_secs_f64(seconds.min(1e9)));
        let version = self.version.as_deref().map_or(String::new(), |version| format!(", XProtect {version}"));
        let who = format!("{} at {gateway}{version}", self.config.user);
        let grant = Grant { gateway, token: token.access_token, version: self.version.clone() };
        LoginStep::Granted { grant, lifetime: Some(lifetime), who }
    }

    fn refused(&self, status: u16, refusal: &Refusal) -> LoginStep<Grant> {
        let Refusal { error, error_description, error_code } = refusal;
        let told = [error, error_description, error_code].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        // The server may repeat what it was sent, the password included: only words that we know are told on.
        let words = KNOWN_WORDS.into_iter().filter(|word| told.contains(word)).collect::<Vec<_>>().join(", ");
        let text = match &self.config.user {
            User::Basic(name) => basic_refused(name, status, &words),
            #[cfg(feature = "windows-auth")]
            User::Windows(_) => windows_refused(&self.config.user, status, &words),
            User::Service(_) => service_refused(&self.config.user, status, &words),
        };
        LoginStep::Failed(LoginError::Refused(text))
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

/// The words in brackets, if there are any.
fn bracketed(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" ({words})") }
}

fn basic_refused(user: &str, status: u16, words: &str) -> String {
    let locked = words.contains("LockedOut");
    let credentials = locked
        || words.contains("invalid_grant")
        || words.contains("InvalidCredential")
        || words.contains("username_or_password");
    match (locked, credentials) {
        (true, _) => format!("user {user:?} is locked out ({words}): wait five minutes, then check the password"),
        (_, true) => format!("wrong user name or password for {user:?} ({words}): correct them in the settings"),
        _ if words.is_empty() => format!("the identity provider answered with status {status} for user {user:?}"),
        _ => format!("the identity provider refused user {user:?} with status {status}: {words}"),
    }
}

#[cfg(feature = "windows-auth")]
fn windows_refused(user: &User, status: u16, words: &str) -> String {
    let words = bracketed(words);
    match status {
        // Windows does not say which it was.
        401 => format!(
            "wrong domain, user name or password for {user}, or the account is locked{words}: correct them in the settings"
        ),
        _ => format!(
            "the identity provider refused {user} with status {status}{words}: has the user a role in XProtect?"
        ),
    }
}

fn service_refused(user: &User, status: u16, words: &str) -> String {
    if words.contains("invalid_client") || words.contains("invalid_grant") || status == 401 {
        return format!(
            "wrong client_id or client_secret for {user}{}: correct them in the settings",
            bracketed(words)
        );
    }
    format!("the identity provider refused {user} with status {status}{}", bracketed(words))
}

fn unavailable(why: impl Into<String>) -> LoginStep<Grant> {
    LoginStep::Failed(LoginError::unavailable(why.into()))
}

/// A path under an address, whether or not that ends with a slash.
fn under(base: &Url, path: &str) -> Option<Url> {
    let mut base = base.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    base.join(path).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use secrecy::ExposeSecret;

    use super::*;
    use crate::settings::Secret;
    use crate::transport::{Fault, HeaderText};

    const DISCOVERY: &str = r#"{"ProductVersion":"25.2","UnsecureManagementServer":"http://vms/","IdentityProvider":"https://vms/IDP","ApiGateways":["https://inside.local/API/","https://vms/API/"]}"#;

    fn login() -> MilestoneLogin {
        let config = MilestoneConfig::new("https://vms".parse().unwrap(), "svc", Secret::from("p&s+%é w"), vec![]);
        MilestoneLogin::new(config, Duration::from_secs(20))
    }

    fn answer(status: u16, body: &str) -> Result<RestAnswer, RestError> {
        Ok(RestAnswer { status, headers: vec![], body: body.to_owned().into(), retry_after: None })
    }

    fn away() -> Result<RestAnswer, RestError> {
        Err(RestError::Failed { at: "GET x".into(), fault: Fault::Connect("no address".into()) })
    }

    /// Answers each call by its address, and tells the addresses and how it ended.
    fn play(mut answers: impl FnMut(&str) -> Result<RestAnswer, RestError>) -> (Vec<String>, LoginStep<Grant>) {
        let mut login = login();
        let (mut calls, mut step) = (Vec::new(), login.begin(Now::read()));
        loop {
            match step {
                LoginStep::Call(call) => {
                    calls.push(call.url.to_string());
                    step = login.answer(Now::read(), answers(call.url.as_str()));
                }
                end => return (calls, end),
            }
        }
    }

    #[test]
    fn it_finds_the_gateway_and_asks_it_for_a_token() {
        let (calls, end) = play(|url| match url {
            "https://vms/api/.well-known/uris" => answer(200, DISCOVERY),
            url if url.contains("inside.local") => away(),
            "https://vms/API/.well-known/uris" => answer(200, "{}"),
            _ => answer(200, r#"{"access_token":"eyJ","expires_in":3600,"token_type":"Bearer"}"#),
        });
        let expected = [
            "https://vms/api/.well-known/uris",
            "https://inside.local/API/.well-known/uris",
            "https://vms/API/.well-known/uris",
            "https://vms/API/IDP/connect/token",
        ];
        assert_eq!(calls, expected, "a name that is known only inside the site is passed over");
        let LoginStep::Granted { grant, lifetime, who } = end else { panic!("{end:?}") };
        assert_eq!((grant.gateway.as_str(), grant.token.expose_secret()), ("https://vms/API/", "eyJ"));
        assert_eq!(lifetime, Some(Duration::from_secs(3_600)));
        assert!(who.contains("svc") && who.contains("25.2") && !who.contains("p&s"), "{who}");
    }

    #[test]
    fn without_discovery_the_gateway_is_taken_to_be_there_too() {
        let (calls, end) = play(|url| match url {
            "https://vms/api/.well-known/uris" => answer(404, ""),
            "https://vms/API/.well-known/uris" => answer(404, ""),
            "https://vms/API/IDP/connect/token" => answer(404, ""),
            _ => answer(200, r#"{"access_token":"eyJ"}"#),
        });
        assert_eq!(calls.last().unwrap(), "https://vms/IDP/connect/token");
        assert!(matches!(end, LoginStep::Granted { lifetime: Some(LIFETIME), .. }), "{end:?}");
    }

    #[test]
    fn a_refused_password_is_asked_about_once() {
        let refusal =
            r#"{"error":"invalid_grant","error_description":"invalid_username_or_password","error_code":"LockedOut"}"#;
        for (status, body, word) in [
            (400, refusal, "locked out"),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"invalid_username_or_password"}"#,
                "wrong user name or password",
            ),
            (401, "", "status 401"),
            (400, "<html>", "status 400"),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"no user with password p&s+%é w"}"#,
                "wrong user name or password",
            ),
        ] {
            let mut tokens = 0;
            let (_, end) = play(|url| {
                tokens += u32::from(url.ends_with("/connect/token"));
                if url.ends_with("/connect/token") { answer(status, body) } else { answer(200, DISCOVERY) }
            });
            assert_eq!(tokens, 1, "each further request counts towards the lock-out");
            let LoginStep::Failed(LoginError::Refused(why)) = end else { panic!("{end:?}") };
            assert!(why.contains(word) && why.contains("svc") && !why.contains("p&s"), "{why}");
        }
    }

    #[test]
    fn a_server_in_trouble_is_no_refusal() {
        for (discovery, token) in [(503, 200), (200, 503), (200, 429)] {
            let (_, end) = play(|url| {
                if url.ends_with("/connect/token") {
                    answer(token, "The service is unavailable.")
                } else {
                    answer(discovery, DISCOVERY)
                }
            });
            let LoginStep::Failed(error) = end else { panic!("{end:?}") };
            assert!(error.is_retryable() == (token != 200 || discovery != 200), "{error}");
        }
        let (_, end) = play(|_| away());
        assert!(matches!(end, LoginStep::Failed(LoginError::Unavailable { .. })));
    }

    #[test]
    fn a_password_meant_for_https_does_not_go_without_it() {
        let discovery = r#"{"IdentityProvider":"http://vms/IDP","ApiGateways":["http://vms/API/"]}"#;
        let (calls, _) = play(|url| match url {
            url if url.ends_with("/connect/token") => answer(404, ""),
            _ => answer(200, discovery),
        });
        assert!(calls.iter().all(|url| url.starts_with("https://")), "{calls:?}");
    }

    #[test]
    fn whatever_discovery_says_it_ends() {
        for body in [
            "",
            "[]",
            "{",
            r#"{"ApiGateways":null}"#,
            r#"{"ApiGateways":["ftp://x/","nonsense",""],"IdentityProvider":"?"}"#,
            r#"{"ApiGateways":7}"#,
        ] {
            let (calls, end) = play(|url| {
                if url.ends_with("/connect/token") {
                    answer(200, r#"{"access_token":"t","expires_in":-1e400}"#)
                } else {
                    answer(200, body)
                }
            });
            assert!(calls.len() < 8 && !matches!(end, LoginStep::Call(_)), "{body}: {calls:?}");
        }
    }

    #[test]
    fn the_password_travels_in_the_form_and_is_not_shown() {
        let mut login = login();
        login.gateway = Some("https://vms/API/".parse().unwrap());
        let LoginStep::Call(call) = login.ask_for_token() else { panic!() };
        let Body::Form(fields) = &call.body else { panic!() };
        assert!(fields.iter().any(|(name, value)| name == "password" && matches!(value, HeaderText::Secret(_))));
        assert!(!format!("{call:?} {login:?}").contains("p&s"));
    }
}
