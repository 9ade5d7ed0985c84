//! What an answer sets as cookies.

use secrecy::SecretString;

use crate::transport::request::RestAnswer;

/// The session's key: the cookie `auth_key`, else the older `videobank_sessionid`, which has the same value (observed).
pub(super) fn session_key(answer: &RestAnswer) -> Option<SecretString> {
    set(answer, "auth_key").or_else(|| set(answer, "videobank_sessionid"))
}

/// What makes this device a known one, after a two-factor login.
pub(super) fn device_key(answer: &RestAnswer) -> Option<SecretString> {
    set(answer, "tfa_key")
}

/// The value that the answer gives a cookie, the last one if it gives several. One that deletes the cookie, and one that could not be sent back,
/// is none.
fn set(answer: &RestAnswer, name: &str) -> Option<SecretString> {
    let cookies = answer.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case("set-cookie"));
    let mut value = cookies.filter_map(|(_, cookie)| {
        let (key, value) = cookie.split(';').next()?.split_once('=')?;
        (key.trim() == name).then(|| value.trim())
    });
    value.next_back().filter(|value| is_sound(value)).map(|value| value.to_owned().into())
}

/// Whether it is the value of a cookie (RFC 6265, section 4.1.1).
pub(super) fn is_sound(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_key_is_read_without_what_stands_behind_it() {
        let cases: [(&[&str], Option<&str>); 9] = [
            (&["auth_key=c001~0f; Domain=eagleeyenetworks.com; Path=/; HttpOnly"], Some("c001~0f")),
            (&["auth_key=c001~0f;"], Some("c001~0f")),
            (&["auth_key=c001~0f"], Some("c001~0f")),
            (&["videobank_sessionid=c001~0f; Path=/"], Some("c001~0f")),
            (&["videobank_sessionid=old", "auth_key=new"], Some("new")),
            (&["auth_key=first", "other=1", "auth_key=second"], Some("second")),
            (&["auth_key=; expires=Thu, 01 Jan 1970 00:00:00 GMT"], None),
            (&["auth_key=a b", "xauth_key=1", "auth_key2=3"], None),
            (&[], None),
        ];
        for (cookies, expected) in cases {
            let headers = cookies.iter().map(|cookie| ("Set-Cookie".to_owned(), (*cookie).to_owned())).collect();
            let answer = RestAnswer { status: 200, headers, body: "".into(), retry_after: None };
            let key = session_key(&answer);
            assert_eq!(key.as_ref().map(|key| key.expose_secret()), expected, "{cookies:?}");
        }
    }
}
