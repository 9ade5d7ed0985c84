//! Ids that were checked when they came in, so that they can go into addresses, requests and names as they are.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not an ESN or account id.
    #[error("{0:?} is no id of Eagle Eye's: expected 8 hex digits, at most 64 letters, digits, `_` and `-`")]
    Id(String),
    /// Not an event code.
    #[error("{0:?} is no event code: expected four letters and digits, as in EMES")]
    Code(String),
}

fn checked(text: &str) -> Result<Arc<str>, IdError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.into())
    } else {
        Err(IdError::Id(text.chars().take(40).collect()))
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Documented are 8 hex digits; taken are 1 to 64 of `[0-9A-Za-z_-]`, and kept as they were sent. Cloning is cheap.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as it was sent.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                checked(text).map(Self)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of a camera, bridge, account or user: what can be subscribed to.
    Esn
}
id! {
    /// The id of an account.
    AccountId
}

impl From<AccountId> for Esn {
    /// Accounts have events of their own, under their id.
    fn from(account: AccountId) -> Self {
        Self(account.0)
    }
}

/// An event code: four upper-case letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FourCc([u8; 4]);

impl FourCc {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Four ASCII bytes by construction.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for FourCc {
    type Err = IdError;

    /// Reads a code; lower-case letters are raised.
    fn from_str(text: &str) -> Result<Self, IdError> {
        match <[u8; 4]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_alphanumeric) => {
                Ok(Self(letters.map(|l| l.to_ascii_uppercase())))
            }
            _ => Err(IdError::Code(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
