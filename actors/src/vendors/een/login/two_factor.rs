//! The login with a person beside it: a code is sent, typed, and makes this machine a known one.

use std::time::Duration;

use secrecy::SecretString;

use super::calls::{Arrived, Authenticated, Calls, Ways};
use super::cookies::device_key;
use super::judge::{Step, judge};
use super::{granted, no_token, who};
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};
use crate::vendors::LoginError;
use crate::vendors::een::config::EenConfig;
use crate::vendors::een::grant::Grant;

/// Codes that are tried. More than three wrong ones lock the user, and only Eagle Eye's support unlocks it.
const MOST_WRONG: u32 = 3;

/// A two-factor login, as pure code: it says what it wants, and is told what came.
///
/// ```text
/// begin ─► Call ─► answer ─► Choose ─► send_by ─► Call ─► answer ─► TypeCode ─► code ─► Call ─► answer ─► Done
/// ```
#[derive(Debug)]
pub struct TwoFactor {
    calls: Calls,
    token: Option<SecretString>,
    stage: Stage,
    wrong: u32,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Authenticate,
    Choose,
    SendCode(CodeBy),
    TypeCode(CodeBy),
    Authorize { by: Option<CodeBy> },
}

/// How a code is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeBy {
    /// To the user's telephone.
    Sms,
    /// By mail.
    Email,
}

impl CodeBy {
    /// The word in the request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// What a two-factor login wants next.
#[derive(Debug)]
pub enum TwoFactorStep {
    /// Make this call and come back with the [`answer`](TwoFactor::answer).
    Call(RestCall),
    /// Ask the person how the code is to be sent; go on with [`send_by`](TwoFactor::send_by).
    Choose(Ways),
    /// The code was sent, and is good for 15 minutes: ask the person for it; go on with [`code`](TwoFactor::code).
    TypeCode {
        /// How it was sent.
        by: CodeBy,
        /// The one before was wrong, or no code. It can be tried once more.
        again: bool,
    },
    /// Logged in.
    Done {
        /// What makes this machine a known one from now on, to be kept as the [note](super::device_note) of the journal; none where the user has no
        /// two-factor authentication, so that nothing has to be kept.
        tfa_key: Option<SecretString>,
        /// A session that nobody uses: to be [ended](crate::vendors::een::rest::logout).
        grant: Box<Grant>,
        /// In words, who is logged in where.
        who: String,
    },
    /// It did not work; all has to begin anew.
    Failed(LoginError),
}

impl TwoFactor {
    /// A login that has not begun, each of whose calls may take `timeout`.
    #[must_use]
    pub fn new(mut config: EenConfig, timeout: Duration) -> Self {
        // A device is known for the user, whatever account is looked at.
        config.child = None;
        Self { calls: Calls::new(config, timeout), token: None, stage: Stage::Authenticate, wrong: 0 }
    }

    /// Begins, or begins anew.
    pub fn begin(&mut self) -> TwoFactorStep {
        self.calls.reset();
        (self.token, self.stage, self.wrong) = (None, Stage::Authenticate, 0);
        TwoFactorStep::Call(self.calls.authenticate(None))
    }

    /// The person has chosen, or wants another code.
    pub fn send_by(&mut self, by: CodeBy) -> TwoFactorStep {
        let (Some(token), Stage::Choose | Stage::TypeCode(_)) = (&self.token, self.stage) else { return out_of_turn() };
        self.stage = Stage::SendCode(by);
        TwoFactorStep::Call(self.calls.send_code(token, by.as_str()))
    }

    /// The person has typed the code. Blanks in it do not matter; what is no code of four digits is asked for again without a call.
    pub fn code(&mut self, typed: &str) -> TwoFactorStep {
        let (Some(token), Stage::TypeCode(by)) = (&self.token, self.stage) else { return out_of_turn() };
        let code: String = typed.chars().filter(|letter| !letter.is_whitespace()).collect();
        if code.len() != 4 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
            return TwoFactorStep::TypeCode { by, again: true };
        }
        self.stage = Stage::Authorize { by: Some(by) };
        TwoFactorStep::Call(self.calls.authorize(token, Some(&code.into())))
    }

    /// Goes on with the answer to the last call.
    pub fn answer(&mut self, answer: Result<RestAnswer, RestError>) -> TwoFactorStep {
        let (answer, root) = match self.calls.arrived(answer) {
            Ok(Arrived::Answer { answer, root }) => (answer, root),
            Ok(Arrived::Call(call)) => return TwoFactorStep::Call(call),
            Err(error) => return TwoFactorStep::Failed(error),
        };
        self.calls.moved(root);
        let failed = |calls: &Calls, step| TwoFactorStep::Failed(judge(&calls.config, step, &answer));
        match (self.stage, answer.status) {
            (Stage::Authenticate, 200) => self.authenticated(&answer),
            (Stage::Authenticate, _) => failed(&self.calls, Step::Authenticate),
            (Stage::SendCode(by), 200..=299) => {
                self.stage = Stage::TypeCode(by);
                TwoFactorStep::TypeCode { by, again: false }
            }
            (Stage::SendCode(_), _) => failed(&self.calls, Step::SendCode),
            (Stage::Authorize { by }, 200) => self.authorized(by, &answer),
            (Stage::Authorize { by: Some(by) }, 406) if self.wrong + 1 < MOST_WRONG => {
                self.wrong += 1;
                self.stage = Stage::TypeCode(by);
                TwoFactorStep::TypeCode { by, again: true }
            }
            (Stage::Authorize { by }, _) => failed(&self.calls, Step::Authorize { code: by.is_some() }),
            (Stage::Choose | Stage::TypeCode(_), _) => out_of_turn(),
        }
    }

    fn authenticated(&mut self, answer: &RestAnswer) -> TwoFactorStep {
        let Some(Authenticated { token, wants_code }) = Authenticated::read(&answer.body) else {
            return TwoFactorStep::Failed(no_token());
        };
        let token = self.token.insert(token);
        match wants_code {
            Some(ways) => {
                self.stage = Stage::Choose;
                TwoFactorStep::Choose(ways)
            }
            None => {
                self.stage = Stage::Authorize { by: None };
                TwoFactorStep::Call(self.calls.authorize(token, None))
            }
        }
    }

    fn authorized(&mut self, by: Option<CodeBy>, answer: &RestAnswer) -> TwoFactorStep {
        let grant = match granted(&self.calls, answer) {
            Ok(grant) => grant,
            Err(error) => return TwoFactorStep::Failed(error),
        };
        let tfa_key = device_key(answer);
        if by.is_some() && tfa_key.is_none() {
            let why = "the code was right, but the answer sets no cookie `tfa_key`: every login would need a code";
            return TwoFactorStep::Failed(LoginError::unavailable(why));
        }
        let who = who(&self.calls.config, &grant);
        TwoFactorStep::Done { tfa_key, grant: Box::new(grant), who }
    }
}

fn out_of_turn() -> TwoFactorStep {
    TwoFactorStep::Failed(LoginError::unavailable("this is not what the login waits for"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use secrecy::ExposeSecret;

    use super::super::tests::{answer, config, members, session, token, with_header};
    use super::*;
    use crate::transport::request::Retry;

    const USER: &str = r#"{"owner_account_id":"00004206","active_brand_subdomain":"c001"}"#;
    const WANTS_CODE: &str =
        r#"{"token":"one-use","two_factor_authentication_code":{"sms":"*** *** 779","email":"****@gmail.com"}}"#;

    fn login() -> TwoFactor {
        TwoFactor::new(config(), Duration::from_secs(20))
    }

    fn call(step: TwoFactorStep) -> RestCall {
        let TwoFactorStep::Call(call) = step else { panic!("{step:?}") };
        call
    }

    fn failure(step: TwoFactorStep) -> (bool, String) {
        let TwoFactorStep::Failed(error) = step else { panic!("{step:?}") };
        (error.is_retryable(), error.to_string())
    }

    /// A login whose code has been sent by mail.
    fn at_the_code() -> TwoFactor {
        let mut login = login();
        login.begin();
        login.answer(answer(200, WANTS_CODE));
        login.send_by(CodeBy::Email);
        let step = login.answer(answer(200, ""));
        assert!(matches!(step, TwoFactorStep::TypeCode { by: CodeBy::Email, again: false }), "{step:?}");
        login
    }

    #[test]
    fn a_typed_code_makes_this_machine_a_known_one() {
        let mut login = login();
        assert!(call(login.begin()).url.path().ends_with("/g/aaa/authenticate"));
        let TwoFactorStep::Choose(ways) = login.answer(answer(200, WANTS_CODE)) else { panic!() };
        assert_eq!(ways, Ways { sms: Some("*** *** 779".into()), email: Some("****@gmail.com".into()) });
        let sent = call(login.send_by(CodeBy::Sms));
        assert!(sent.url.path().ends_with("/g/aaa/two_factor_authenticate"));
        let expected = serde_json::json!({"token": "one-use", "two_factor_authentication_type": "sms"});
        assert_eq!(members(&sent), expected);
        login.answer(answer(200, ""));
        let authorize = call(login.code(" 12 34\n"));
        assert_eq!(authorize.retry, Retry::Never, "wrong codes are counted");
        let expected = serde_json::json!({"token": "one-use", "two_factor_authentication_code": "1234"});
        assert_eq!(members(&authorize), expected);
        let step = login.answer(with_header(session(USER), "set-cookie", "tfa_key=known; Path=/"));
        let TwoFactorStep::Done { tfa_key, grant, who } = step else { panic!("{step:?}") };
        assert_eq!(tfa_key.unwrap().expose_secret(), "known");
        assert_eq!(grant.rest.as_str(), "https://c001.eagleeyenetworks.com/");
        assert!(who.contains("ops@example.com"), "{who}");
    }

    #[test]
    fn a_user_without_two_factor_types_nothing_and_keeps_nothing() {
        let mut login = login();
        login.begin();
        assert!(call(login.answer(token())).url.path().ends_with("/g/aaa/authorize"));
        let step = login.answer(session(USER));
        assert!(matches!(step, TwoFactorStep::Done { tfa_key: None, .. }), "{step:?}");
    }

    #[test]
    fn a_way_that_the_user_does_not_have_is_not_offered() {
        let mut login = login();
        login.begin();
        let body = WANTS_CODE.replace("*** *** 779", "No sms phone found");
        let TwoFactorStep::Choose(ways) = login.answer(answer(200, &body)) else { panic!() };
        assert_eq!((ways.sms, ways.email.is_some()), (None, true));
    }

    #[test]
    fn wrong_codes_end_before_they_lock_the_user() {
        let mut login = at_the_code();
        for typed in ["", "123", "12345", "12a4", "１２３４"] {
            let step = login.code(typed);
            assert!(
                matches!(step, TwoFactorStep::TypeCode { again: true, .. }),
                "no call is spent on {typed:?}: {step:?}"
            );
        }
        for wrong in ["0000", "0001"] {
            call(login.code(wrong));
            assert!(matches!(login.answer(answer(406, "")), TwoFactorStep::TypeCode { again: true, .. }));
        }
        call(login.code("0002"));
        let (retryable, why) = failure(login.answer(answer(406, "")));
        assert!(!retryable && why.contains("the code was wrong (406)"), "{why}");
    }

    #[test]
    fn every_status_says_what_to_do() {
        for (status, words, retryable) in [
            (401, "begin anew", false),
            (429, "only Eagle Eye's support", false),
            (412, "locked", false),
            (400, "400", false),
            (503, "503", true),
        ] {
            let mut login = at_the_code();
            call(login.code("0000"));
            let (again, why) = failure(login.answer(answer(status, "")));
            assert!(why.contains(words) && again == retryable, "{status}: {why}");
        }
        for (status, words) in [(412, "that way"), (415, "this way"), (400, "400"), (401, "begin anew"), (429, "fewer")]
        {
            let mut login = login();
            login.begin();
            login.answer(answer(200, WANTS_CODE));
            login.send_by(CodeBy::Sms);
            let (_, why) = failure(login.answer(answer(status, "")));
            assert!(why.contains(words), "{status}: {why}");
        }
        let mut login = at_the_code();
        call(login.code("0000"));
        let (_, why) = failure(login.answer(session(USER)));
        assert!(why.contains("tfa_key"), "{why}");
    }

    #[test]
    fn steps_out_of_turn_fail_and_spend_nothing() {
        let mut login = login();
        failure(login.code("1234"));
        failure(login.send_by(CodeBy::Sms));
        failure(login.answer(token()));
        login.begin();
        failure(login.code("1234"));
        let mut login = at_the_code();
        call(login.send_by(CodeBy::Sms));
        login.answer(answer(200, ""));
        call(login.code("1234"));
        failure(login.code("1234"));
    }
}
