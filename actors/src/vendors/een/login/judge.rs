//! What a status that is no success means: what happened, what the operator should do, and whether trying again helps.

use crate::settings::mistake::shown;
use crate::transport::request::RestAnswer;
use crate::vendors::LoginError;
use crate::vendors::address::place;
use crate::vendors::een::config::{ChildAccount, EenConfig};

const TOO_MANY: &str = "Eagle Eye wants fewer requests (429): lower logins_per_second if it stays so";
const TOKEN_LOST: &str =
    "the token of the login was refused twice (401): it is good for 30 s, so is the network that slow?";
const SESSION_UNKNOWN: &str =
    "the session that has just begun is not known where it should be used (401): is api_url right?";

/// What was answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// User name and password.
    Authenticate,
    /// A code was asked for.
    SendCode,
    /// The token.
    Authorize {
        /// Along with a code that a person has typed.
        code: bool,
    },
    /// From the user's own account to another.
    Switch(&'a ChildAccount),
}

/// Why the login does not go on.
pub(super) fn judge(config: &EenConfig, step: Step<'_>, answer: &RestAnswer) -> LoginError {
    let status = answer.status;
    if let Some(error) = busy(config, step, answer) {
        return error;
    }
    let user = user(config);
    let (subject, of_account) = match step {
        Step::Switch(account) => (account_name(account), account_name(account)),
        _ => (format!("user {user}"), format!("the account of user {user}")),
    };
    let why = match (step, status) {
        (_, 402) => format!("{of_account} is suspended (402): its administrator must settle that with Eagle Eye"),
        (_, 460) => format!("{of_account} is inactive (460): its administrator must have Eagle Eye activate it"),
        (_, 461) => format!("{of_account} is pending (461): it must be activated before anybody can use it"),
        (_, 462) => format!("{subject} is pending (462): accept the invitation that Eagle Eye has sent by mail"),
        (_, 463) => {
            format!("{subject} was refused for what Eagle Eye's documentation does not explain (463): ask its support")
        }
        (_, 465) => format!(
            "{of_account} does not allow logins from this machine's address (465): add the address to its list of \
             allowed ones"
        ),
        (Step::SendCode, 412) => "no code can be sent that way (412): choose the other one".to_owned(),
        (Step::SendCode, 415) => {
            "Eagle Eye does not know this way to send a code (415): choose the other one".to_owned()
        }
        (Step::SendCode, 401) => "the login has taken too long, begin anew (401)".to_owned(),
        (_, 412 | 423) => format!(
            "{subject} is disabled, or locked after wrong codes or passwords ({status}): an administrator of the account \
             must enable it, and after wrong codes Eagle Eye's support"
        ),
        (Step::Authenticate, 401) => {
            format!("wrong user name or password for {user} (401): correct them in the settings")
        }
        (Step::Authenticate, 403) => {
            format!("the login of {user} is forbidden (403): is api_key right, or needed, and api_key_header too?")
        }
        (Step::Authorize { code: true }, 401) => {
            "the code has expired, or the login has taken too long: begin anew (401)".to_owned()
        }
        (Step::Authorize { code: true }, 406) => "the code was wrong (406)".to_owned(),
        (Step::Authorize { code: true }, 429) => {
            format!("user {user} is locked after too many wrong codes (429): only Eagle Eye's support can unlock it")
        }
        (Step::Authorize { .. }, 429) => format!(
            "user {user} is locked after too many wrong codes (429), and only Eagle Eye's support can unlock it; if it is not \
             locked, too many requests are made: lower logins_per_second"
        ),
        (Step::Authorize { .. }, 406) => wants_code(config),
        (Step::Authorize { .. }, 403) => {
            format!("user {user} may not log in here (403): look at the user's permissions")
        }
        (Step::Switch(_), 403) => {
            format!("user {user} may not switch to {subject} (403): let the reseller's administrator give it access")
        }
        (Step::Switch(_), 404) => {
            format!(
                "there is no {subject} below this reseller, or not any more (404): was it closed, or moved to another?"
            )
        }
        (Step::Switch(_), 400) => format!("Eagle Eye does not understand the switch to {subject} (400): report it"),
        (_, 400) => {
            "Eagle Eye does not understand the login (400): is auth_url its login host? If so, report it".to_owned()
        }
        (_, status) => format!("{subject} was refused with status {status}"),
    };
    match step {
        Step::Switch(_) => LoginError::NotThis(why),
        Step::Authorize { code: false } if status == 429 => LoginError::Doubtful { why },
        _ => LoginError::Refused(why),
    }
}

/// What judges neither user nor account: trying again later can help.
fn busy(config: &EenConfig, step: Step<'_>, answer: &RestAnswer) -> Option<LoginError> {
    let host = place(&config.auth_url);
    let asked = answer.retry_after;
    let (why, not_before) = match (step, answer.status) {
        // The lock, as likely as not. Codes are typed one by one, and without one it was asked again and again, for longer than requests are counted.
        (Step::Authorize { .. }, 429) if asked.is_none() => return None,
        (_, 429) => return Some(LoginError::TooMany { why: TOO_MANY.to_owned(), not_before: asked }),
        (Step::Authorize { code: false }, 401) => (TOKEN_LOST.to_owned(), None),
        (Step::Switch(_), 401) => (SESSION_UNKNOWN.to_owned(), None),
        (Step::Authenticate | Step::SendCode | Step::Authorize { .. }, 404 | 405 | 410) => {
            (format!("there is no login of Eagle Eye at {host} ({}): is auth_url right?", answer.status), None)
        }
        (_, 408 | 425) => (format!("Eagle Eye was not ready in time ({})", answer.status), asked),
        (_, 500) => ("Eagle Eye has a defect (500): if it stays so, ask its support".to_owned(), asked),
        (_, 501..) => (format!("Eagle Eye cannot answer now ({})", answer.status), asked),
        (_, 100..=399) => (format!("Eagle Eye answered with status {}, which means nothing here", answer.status), None),
        _ => return None,
    };
    Some(LoginError::busy(why, not_before))
}

/// The server wants a code, and nobody is there to type it.
pub(super) fn wants_code(config: &EenConfig) -> String {
    format!(
        "user {} has two-factor authentication, and Eagle Eye does not know this machine, or not any more: run `watchpost \
         login een` once",
        user(config)
    )
}

/// The user, as a message shows it.
pub(super) fn user(config: &EenConfig) -> String {
    format!("\"{}\"", shown(&config.username))
}

/// The account, as a message shows it.
pub(super) fn account_name(account: &ChildAccount) -> String {
    match account.name.as_str() {
        "" => format!("account {}", account.id),
        name => format!("account {} \"{}\"", account.id, shown(name)),
    }
}
