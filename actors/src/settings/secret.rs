//! A secret that nothing prints.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A password, token or key.
///
/// `Debug` prints `[secret]`, there is no `Display`, and the memory is wiped when the last use ends.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_kept_exactly_and_never_printed() {
        let text = " p&ss+w%rd é \n";
        let secret = Secret::from(text);
        assert_eq!(secret.expose(), text);
        assert_eq!(format!("{secret:?} {:#?}", Some(secret.clone())).matches("ss+w").count(), 0);
        assert_eq!(format!("{secret:?}"), "[secret]");
    }
}
