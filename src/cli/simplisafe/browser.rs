//! `watchpost login simplisafe`: a person logs in at a browser, and the refresh token that comes of it goes to a file.

use std::{io, path::Path, time::Duration};

use url::Url;
use watchpost::actors::{
    settings::TlsSettings,
    transport::{RestAnswer, RestClient},
    vendors::{
        LoginError,
        simplisafe::login::{Authorization, read_code},
    },
};

use super::token_file::{TokenFile, TokenFileError};
use crate::cli::person::Person;

/// How often it is asked again for something that is a code.
const MOST_ASKED: u32 = 5;

/// How often a code is shown whose answer says nothing of it: a login with a second factor is too much trouble to lose for one 504.
const MOST_SHOWN: u32 = 3;
/// After so long, if the server does not say.
const SHOWN_AGAIN: Duration = Duration::from_secs(2);
/// Codes live for minutes, and persons have less patience.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What is to be done.
pub(crate) struct Wanted<'a> {
    /// Where the token goes.
    pub(crate) file: &'a Path,
    /// Where to log in.
    pub(crate) auth_url: &'a Url,
    pub(crate) tls: &'a TlsSettings,
    pub(crate) timeout: Duration,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// SimpliSafe said no, or could not be asked.
    #[error("{0}; run this again for a new page")]
    Login(#[from] LoginError),
    /// Nobody has typed a code.
    #[error("{0}")]
    GivenUp(String),
    /// The token cannot be written. The login at the browser is in vain.
    #[error("{0}")]
    File(String),
    /// The person cannot be talked to.
    #[error("cannot ask: {0}")]
    Person(#[from] io::Error),
}

impl From<TokenFileError> for Failure {
    fn from(error: TokenFileError) -> Self {
        Self::File(error.to_string())
    }
}

/// Has a person log in, and writes the token. Whatever fails later than the page leaves the file as it was.
///
/// # Errors
/// [`Failure`], for people.
pub(crate) async fn log_in(wanted: &Wanted<'_>, person: &mut impl Person) -> Result<(), Failure> {
    // Before the person takes any trouble.
    let file = TokenFile::prepare(wanted.file)?;
    let tls = wanted.tls.client_config().map_err(|error| Failure::GivenUp(error.to_string()))?;
    let rest = RestClient::new(&tls);
    let authorization = Authorization::begin(wanted.auth_url)?;
    person.tell(format_args!(
        "Open this page in a browser, and log in as the user whose systems are to be watched:\n\n{}\n",
        authorization.page()
    ))?;
    person.tell(
        "It ends at an address that the browser cannot open, for it belongs to SimpliSafe's app: it begins with\n\
         com.simplisafe.mobile:// and holds a code. Some browsers show it in the address bar; in others, open the\n\
         developer tools before the last step, and take it from the console or the list of requests.\n\
         The code is good once, and for a few minutes.\n",
    )?;
    let code = loop_for_code(person).await?;
    let call = authorization.exchange(&code, wanted.timeout);
    let mut shown = 1;
    let token = loop {
        let answer = rest.call(&call).await.map_err(|error| {
            LoginError::unavailable(format!("{error}. If SimpliSafe has heard the code nevertheless, that is spent"))
        })?;
        match authorization.read(&answer) {
            Ok(token) => break token,
            Err(error) => match pause(&answer).filter(|_| shown < MOST_SHOWN && error.is_retryable()) {
                Some(pause) => {
                    person.tell(format_args!("{}. The same code is shown again.", capital(&error.to_string())))?;
                    shown += 1;
                    tokio::time::sleep(pause).await;
                }
                None => return Err(error.into()),
            },
        }
    };
    Ok(file.write(&token)?)
}

/// How long to wait before a code is shown again that was not judged; `None` if it was, or if that would take too long for a person.
fn pause(answer: &RestAnswer) -> Option<Duration> {
    let is_unjudged = answer.status >= 500 || matches!(answer.status, 408 | 409 | 425);
    is_unjudged.then(|| answer.retry_after.unwrap_or(SHOWN_AGAIN)).filter(|pause| *pause <= LONGEST_PAUSE)
}

async fn loop_for_code(person: &mut impl Person) -> Result<secrecy::SecretString, Failure> {
    for _ in 0..MOST_ASKED {
        let Some(typed) = person.ask("The address, or the code in it: ").await? else {
            return Err(Failure::GivenUp("nobody has typed the code: run this where a person can".to_owned()));
        };
        match read_code(&typed) {
            Ok(code) => return Ok(code),
            Err(why) => person.tell(format_args!("{}.", capital(&why.to_string())))?,
        }
    }
    Err(Failure::GivenUp(format!("no code was typed in {MOST_ASKED} tries")))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The lines that a configuration needs for a token in this file.
pub(crate) fn lines(file: &Path, auth_url: Option<&Url>) -> String {
    // In a configuration, a path starts from the folder of that.
    let is_bare = file.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    let whole = if is_bare { file.to_owned() } else { std::path::absolute(file).unwrap_or_else(|_| file.to_owned()) };
    let path = whole.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    let servers = auth_url.map_or(String::new(), servers);
    format!(
        "[[connection]]\nname          = \"home\"\nvendor        = \"simplisafe\"\nrefresh_token = {{ file = \"{path}\" }}\n{servers}"
    )
}

/// What is got at this login host goes to none of SimpliSafe's own, unless somebody writes that.
fn servers(auth_url: &Url) -> String {
    let mut socket_url = auth_url.clone();
    // From http and https, this cannot fail.
    let _ = socket_url.set_scheme(if auth_url.scheme() == "https" { "wss" } else { "ws" });
    format!(
        "auth_url      = \"{auth_url}\"\n# Where this login host's tokens lead to: that it is the same host is a guess.\n\
         api_url       = \"{auth_url}\"\nsocket_url    = \"{socket_url}\"\n"
    )
}
