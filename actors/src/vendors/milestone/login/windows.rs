//! What is different for a Windows user: NTLM on the way, and a refusal that does not say what was wrong.

use secrecy::SecretString;

use super::super::config::User;
use super::identity::bracketed;
use crate::transport::request::RestCall;
use crate::transport::{WindowsLogin, WindowsUser};

/// Has the call log in by NTLM.
pub(super) fn log_in(call: &mut RestCall, user: &WindowsUser, password: SecretString) {
    call.windows = Some(Box::new(WindowsLogin { user: user.clone(), password }));
}

pub(super) fn refused(user: &User, status: u16, words: &str) -> String {
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
