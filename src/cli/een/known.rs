//! The one-time step of two-factor authentication: a person types a code, and from then on this machine is a known one.
//!
//! What makes it known is kept in the journal, as a secret: its files belong to their owner alone. More than three wrong codes lock the user, and
//! only Eagle Eye's support unlocks it, so codes are counted there too, beyond the run.

use std::io;

use secrecy::ExposeSecret;
use watchpost::actors::{
    ConnectionConfig,
    journal::{Journal, JournalError},
    settings::mistake::shown,
    transport::{RestCall, RestClient},
    vendors::{
        LoginError,
        een::{
            EenConfig,
            login::{CodeBy, TwoFactor, TwoFactorStep, Ways, device_note},
        },
    },
};

use crate::cli::person::Person;

/// Codes after which no other is tried: more than three wrong ones lock the user, by the API documentation.
const MOST_TRIED: u32 = 3;

/// How the step is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wishes {
    /// How the code is to be sent, without asking.
    pub(crate) by: Option<CodeBy>,
    /// Tries a code however many were tried before.
    pub(crate) insist: bool,
}

/// Why the step did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Eagle Eye said no, or could not be asked.
    #[error("{0}")]
    Login(#[from] LoginError),
    /// It was not tried further, for a reason in words.
    #[error("{0}")]
    GivenUp(String),
    /// What has to be kept cannot be.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// The person cannot be talked to.
    #[error("cannot ask: {0}")]
    Person(#[from] io::Error),
}

/// Logs in with a person beside it, and keeps what makes this machine a known one.
///
/// # Errors
/// [`Failure`], for people.
pub(crate) async fn make_known(
    connection: &ConnectionConfig,
    config: &EenConfig,
    wishes: Wishes,
    journal: &mut dyn Journal,
    person: &mut impl Person,
) -> Result<(), Failure> {
    let common = &connection.common;
    let tls = common.tls.client_config().map_err(|error| Failure::GivenUp(error.to_string()))?;
    let rest = RestClient::new(&tls);
    let mut tried = Tried::recall(config, journal)?;
    let mut login = TwoFactor::new(config.clone(), common.request_timeout);
    let mut step = login.begin();
    loop {
        step = match step {
            TwoFactorStep::Call(call) => login.answer(rest.call(&call).await),
            TwoFactorStep::Choose(ways) => {
                if !wishes.insist {
                    tried.check(config)?;
                }
                login.send_by(choose(&ways, wishes.by, config, person).await?)
            }
            TwoFactorStep::TypeCode { by, again } => {
                if again {
                    person.tell("That code was wrong.")?;
                    tried.check(config)?;
                }
                let call = type_code(&mut login, by, person).await?;
                // Before it is sent: whatever becomes of this program or the answer, Eagle Eye may have counted it.
                tried.set(tried.count + 1, journal)?;
                TwoFactorStep::Call(call)
            }
            TwoFactorStep::Done { tfa_key, grant, who } => {
                let kept = journal.set_note(&device_note(config), tfa_key.as_ref().map(ExposeSecret::expose_secret));
                // A session that nobody uses is not left behind, whether or not the key could be kept.
                super::log_out(&rest, &grant).await;
                kept?;
                tried.set(0, journal)?;
                // Without the code the login was refused, and the password that it was refused for is still the same.
                journal.set_note(&connection.vendor.refusal_note(), None)?;
                person.tell(format_args!("Logged in: {who}."))?;
                match tfa_key {
                    Some(_) => person.tell("Eagle Eye knows this machine from now on.")?,
                    None => person.tell(format_args!(
                        "Two-factor authentication is not needed for user \"{}\": nothing has to be kept.",
                        shown(&config.username)
                    ))?,
                }
                return Ok(());
            }
            TwoFactorStep::Failed(error) => return Err(error.into()),
        };
    }
}

/// Finds out how the code is to be sent.
async fn choose(
    ways: &Ways,
    wish: Option<CodeBy>,
    config: &EenConfig,
    person: &mut impl Person,
) -> Result<CodeBy, Failure> {
    let offered: Vec<_> = [(CodeBy::Sms, &ways.sms), (CodeBy::Email, &ways.email)]
        .into_iter()
        .filter_map(|(by, place)| Some((by, place.as_deref()?)))
        .collect();
    let user = shown(&config.username);
    if let Some(wish) = wish {
        return match offered.iter().find(|(by, _)| *by == wish) {
            Some((by, place)) => sent(*by, place, person),
            None => Err(Failure::GivenUp(format!("user \"{user}\" can be sent no code by {}", wish.as_str()))),
        };
    }
    match offered.as_slice() {
        [] => Err(Failure::GivenUp(format!(
            "user \"{user}\" has two-factor authentication, and neither a telephone nor a mail address to send a code to: \
             give it one on Eagle Eye's web page"
        ))),
        [(by, place)] => sent(*by, place, person),
        several => {
            person.tell(format_args!("User \"{user}\" has two-factor authentication. A code can be sent by:"))?;
            for (number, (by, place)) in several.iter().enumerate() {
                person.tell(format_args!("  {}  {:<5}  {place}", number + 1, by.as_str()))?;
            }
            loop {
                let Some(answer) = person.ask("Which? ").await? else {
                    return Err(Failure::GivenUp("nobody has said how the code is to be sent".to_owned()));
                };
                let answer = answer.trim();
                let chosen = several.iter().enumerate().find(|(number, (by, _))| {
                    answer.eq_ignore_ascii_case(by.as_str()) || answer == (number + 1).to_string()
                });
                if let Some((_, (by, place))) = chosen {
                    return sent(*by, place, person);
                }
                person.tell("Please type the number or the word.")?;
            }
        }
    }
}

fn sent(by: CodeBy, place: &str, person: &mut impl Person) -> Result<CodeBy, Failure> {
    person.tell(format_args!("A code is sent by {} to {place}; it is good for 15 minutes.", by.as_str()))?;
    Ok(by)
}

/// Asks for the code until what is typed is one, and answers the call that tries it.
async fn type_code(login: &mut TwoFactor, by: CodeBy, person: &mut impl Person) -> Result<RestCall, Failure> {
    loop {
        let Some(typed) = person.ask(format_args!("The code from the {}: ", message(by))).await? else {
            return Err(Failure::GivenUp("nobody has typed the code: run this again where a person can".to_owned()));
        };
        match login.code(&typed) {
            TwoFactorStep::Call(call) => return Ok(call),
            TwoFactorStep::Failed(error) => return Err(error.into()),
            _ => person.tell("A code has four digits.")?,
        }
    }
}

fn message(by: CodeBy) -> &'static str {
    match by {
        CodeBy::Sms => "text message",
        CodeBy::Email => "mail",
    }
}

/// Codes that were tried since the last right one, in this run and in earlier ones.
struct Tried {
    note: String,
    count: u32,
}

impl Tried {
    fn recall(config: &EenConfig, journal: &mut dyn Journal) -> Result<Self, JournalError> {
        let note = format!("{}, codes tried", device_note(config));
        let count = journal.note(&note)?.and_then(|count| count.parse().ok()).unwrap_or(0);
        Ok(Self { note, count })
    }

    fn set(&mut self, count: u32, journal: &mut dyn Journal) -> Result<(), JournalError> {
        self.count = count;
        let text = count.to_string();
        journal.set_note(&self.note, (count > 0).then_some(text.as_str()))
    }

    /// Whether another may be tried.
    fn check(&self, config: &EenConfig) -> Result<(), Failure> {
        if self.count < MOST_TRIED {
            return Ok(());
        }
        Err(Failure::GivenUp(format!(
            "{} codes were tried in vain for user \"{}\". More than three wrong ones lock the user, and only Eagle Eye's \
             support can unlock it. Log in on Eagle Eye's web page, to see that the user is not locked; then \
             `watchpost login een --insist` tries one more",
            self.count,
            shown(&config.username)
        )))
    }
}
