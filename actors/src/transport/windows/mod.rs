//! Windows users: a call that is authenticated by NTLM.
//!
//! - [`WindowsUser`] and [`WindowsLogin`] say who; [`RestCall::windows`](super::RestCall::windows) takes it.
//! - `message` is the three messages and NTLMv2 itself ([MS-NLMP]): pure, tested with the vectors of its section 4.2.4.
//! - `handshake` exchanges them. NTLM authenticates a TCP connection, so each handshake has a client of its own with one connection.
//!
//! Only NTLMv2 is spoken: no answer to a challenge is ever of the older kinds, which are broken. There is neither Kerberos nor channel
//! binding, so a server that demands either (IIS: Extended Protection "Required") cannot be logged in to.

pub(super) mod handshake;
mod message;

use std::fmt;

use secrecy::SecretString;

/// The name of a Windows user: neither part is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WindowsUser {
    domain: String,
    name: String,
}

/// Why a text is not the name of a Windows user. Another name is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowsUserError {
    /// There is no backslash, or more than one, or nothing on one side of it.
    #[error("a Windows user is written DOMAIN\\user, with something on both sides of one backslash")]
    Shape,
    /// The domain is a dot.
    #[error("`.` means this machine, which is not the server")]
    Dot,
    /// A part is too long.
    #[error("neither part of a Windows user's name has more than {0} characters", WindowsUser::LONGEST)]
    TooLong,
}

impl WindowsUser {
    /// The longest domain and the longest name that are taken, in characters.
    pub const LONGEST: usize = 255;

    /// Reads `DOMAIN\user`.
    ///
    /// # Errors
    /// [`WindowsUserError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, WindowsUserError> {
        let (domain, name) = text.split_once('\\').ok_or(WindowsUserError::Shape)?;
        if domain.trim().is_empty() || name.trim().is_empty() || name.contains('\\') {
            return Err(WindowsUserError::Shape);
        }
        if domain.trim() == "." {
            return Err(WindowsUserError::Dot);
        }
        if domain.chars().count().max(name.chars().count()) > Self::LONGEST {
            return Err(WindowsUserError::TooLong);
        }
        Ok(Self { domain: domain.to_owned(), name: name.to_owned() })
    }

    /// The domain, or the name of the machine that has the user.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The user's name in it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for WindowsUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\\{}", self.domain, self.name)
    }
}

/// A Windows user with the password, which is not shown.
#[derive(Clone, Debug)]
pub struct WindowsLogin {
    /// Who.
    pub user: WindowsUser,
    /// The password. It does not leave this process: what is sent proves that it is known here.
    pub password: SecretString,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_windows_user_has_a_domain_and_a_name() {
        let user = WindowsUser::parse("CORP\\svc").unwrap();
        assert_eq!((user.domain(), user.name(), user.to_string().as_str()), ("CORP", "svc", "CORP\\svc"));
        for text in ["svc", "CORP\\", "\\svc", "A\\B\\C", " \\svc", ""] {
            assert_eq!(WindowsUser::parse(text), Err(WindowsUserError::Shape), "{text}");
        }
        assert_eq!(WindowsUser::parse(".\\svc"), Err(WindowsUserError::Dot));
        assert_eq!(WindowsUser::parse(&format!("A\\{}", "x".repeat(256))), Err(WindowsUserError::TooLong));
    }
}
