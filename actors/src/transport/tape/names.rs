//! Which names tell that what stands beside them is a secret.

/// Parts of names of secrets, in small letters and without `_` and `-`.
const TELLING: [&str; 27] = [
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
    "passcode",
    "sessionkey",
    "securitykey",
    "mastercode",
    "lockcode",
    "usercode",
    "accesscode",
    "safeword",
    "signature",
    "connectionstring",
];

/// Words that tell wherever they stand among the words of a name: `masterPin`, `pin_code`.
const TELLING_WORDS: [&str; 4] = ["pin", "pins", "otp", "totp"];

/// Names under which a secret may stand, and as well a word of everyday.
const DOUBTFUL: [&str; 6] = ["auth", "key", "pass", "sig", "hash", "ticket"];

/// Names of fields and cookies that are secrets, and no part of others.
const WHOLE: [&str; 2] = ["videobanksessionid", "lkey"];

/// Names under which stands what something is called.
const NAMES: [&str; 8] = ["name", "type", "label", "title", "kind", "scheme", "status", "displayname"];

/// Names under which the name of a machine stands.
const MACHINES: [&str; 6] = ["hostname", "computername", "machinename", "servername", "fqdn", "dnsname"];

/// What stands behind a telling part and makes it harmless: `token_type`, `tokenExpires`.
const HARMLESS: [&str; 13] = [
    "type",
    "types",
    "endpoint",
    "url",
    "uri",
    "expires",
    "expiresin",
    "lifetime",
    "required",
    "id",
    "count",
    "length",
    "enabled",
];

/// Values that are words of a protocol wherever they stand.
const WORDS: [&str; 9] =
    ["bearer", "basic", "password", "refresh_token", "authorization_code", "none", "null", "true", "false"];

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words that a name is made of, in small letters: at capitals, digits and whatever is no letter a new one begins.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        let begins = !c.is_alphabetic() || c.is_uppercase() && was_small;
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
        was_small = c.is_lowercase();
    }
    words.into_iter()
}

/// Whether a value under this name is a secret.
pub(super) fn is_telling(name: &str) -> bool {
    let short = plain(name);
    !is_harmless(name)
        && (TELLING.iter().any(|part| short.contains(part)) || words(name).any(|word| TELLING_WORDS.contains(&&*word)))
}

/// Whether a name says of a value that it is not the secret itself: when it expires, say.
pub(super) fn is_harmless(name: &str) -> bool {
    let name = plain(name);
    HARMLESS.iter().any(|end| name.ends_with(end))
}

/// Whether this value under this name is a secret: of some names that depends on the value, for words are none.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let is_wordlike = || value.len() < 6 || value.chars().all(|c| c.is_alphabetic() || c == ' ' || c == '_');
    is_telling(name) || DOUBTFUL.contains(&&*plain(name)) && !is_wordlike()
}

/// Whether a cookie, or a field of a form or a query, is a secret: there short names are meant as OAuth means them.
pub(super) fn is_telling_field(name: &str) -> bool {
    let short = plain(name);
    is_telling(name) || WHOLE.contains(&&*short) || matches!(&*short, "code" | "sig" | "ticket" | "auth" | "hash")
}

/// Whether what something is called stands under this name.
pub(super) fn is_name(name: &str) -> bool {
    NAMES.contains(&&*plain(name))
}

/// Whether the name of a machine stands under this name.
pub(super) fn is_machine(name: &str) -> bool {
    MACHINES.contains(&&*plain(name))
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
            "passcode",
            "sessionKey",
            "X-Amz-Signature",
            "masterPin",
            "pin_code",
            "pin1",
            "otp",
        ];
        assert_eq!(telling.iter().find(|name| !is_telling(name)), None);
        let harmless = [
            "token_type",
            "token_endpoint",
            "spin",
            "name",
            "code",
            "events",
            "sessionId",
            "expires_in",
            "key",
            "pinned",
            "opinion",
        ];
        assert_eq!(harmless.iter().find(|name| is_telling(name)), None);
        assert!(is_secret("key", "hsXRsFzizhQ1") && !is_secret("key", "motion") && !is_secret("name", "hsXRsFzizhQ1"));
        assert!(is_telling_field("code") && is_telling_field("videobank_sessionid") && !is_telling_field("codec"));
    }
}
