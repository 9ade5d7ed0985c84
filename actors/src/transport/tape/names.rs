//! Which names tell that what stands beside them is a secret.

/// Parts of names of secrets, in small letters and without `_` and `-`.
const TELLING: [&str; 17] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "authkey",
    "tfakey",
    "cookie",
    "jwt",
    "authorization",
    "apikey",
    "accesskey",
    "licensekey",
    "privatekey",
    "credential",
    "codeverifier",
];

/// Names of secrets that are no part of others.
const WHOLE: [&str; 4] = ["pin", "pins", "videobanksessionid", "lkey"];

/// What stands behind a telling part and makes it harmless: `token_type`, `tokenExpires`.
const HARMLESS: [&str; 9] = ["type", "types", "endpoint", "url", "uri", "expires", "expiresin", "lifetime", "required"];

/// Values that are words of a protocol wherever they stand.
const WORDS: [&str; 9] =
    ["bearer", "basic", "password", "refresh_token", "authorization_code", "none", "null", "true", "false"];

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a value under this name is a secret.
pub(super) fn is_telling(name: &str) -> bool {
    let name = plain(name);
    let is_harmless = HARMLESS.iter().any(|end| name.ends_with(end));
    WHOLE[..2].contains(&&*name) || !is_harmless && TELLING.iter().any(|part| name.contains(part))
}

/// Whether a cookie, or a field of a form or a query, is a secret: there short names are meant as OAuth means them.
pub(super) fn is_telling_field(name: &str) -> bool {
    let short = plain(name);
    is_telling(name) || WHOLE.contains(&&*short) || matches!(&*short, "code" | "sig" | "signature" | "otp")
}

/// Whether a value is a word of the protocol, whatever stands beside it.
pub(super) fn is_word(value: &str) -> bool {
    value.is_empty() || WORDS.contains(&&*value.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_those_that_only_sound_so() {
        let telling = [
            "token",
            "access_token",
            "refreshToken",
            "Password",
            "client_secret",
            "auth_key",
            "Set-Cookie",
            "jwt",
            "Authorization",
            "x-api-key",
            "license_key",
            "pin",
            "pins",
            "access_tokens",
            "tfa_key",
        ];
        assert!(telling.iter().all(|name| is_telling(name)), "{telling:?}");
        let harmless =
            ["token_type", "token_endpoint", "spin", "name", "code", "events", "sessionId", "expires_in", "key"];
        assert_eq!(harmless.iter().find(|name| is_telling(name)), None);
        assert!(is_telling_field("code") && is_telling_field("videobank_sessionid") && !is_telling_field("codec"));
    }
}
