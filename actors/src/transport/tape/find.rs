//! Finds in a text what is a secret or a host by where it stands: under a telling name, in a query, behind `://`. What stands in JSON is found by `json`.

use std::ops::Range;

use super::names::{is_telling, is_telling_field, is_word};

/// What stands somewhere in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A secret.
    Secret,
    /// What is said to be one: a word there may be any word.
    Said,
    /// Host and port of an address.
    Host,
    /// A number that is a secret.
    Number,
}

/// Where it stands.
pub(super) type Found = (Range<usize>, Kind);

/// All that is found in a text of which nothing is known.
pub(super) fn in_text(text: &[u8]) -> Vec<Found> {
    let mut found = in_queries(text);
    found.extend(in_words(text));
    found.extend(hosts(text));
    found.extend(shares(text));
    found.extend(ipv4(text));
    found
}

/// Values under telling names in queries, wherever an address stands in the text.
fn in_queries(text: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let begun = match text[at] {
            b'?' | b'&' | b'#' | b';' => at + 1,
            _ => {
                at += 1;
                continue;
            }
        };
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte);
        let length = text[begun..].iter().take_while(|byte| is_of_name(byte)).count();
        let equals = begun + length;
        at = begun;
        if length == 0 || text.get(equals) != Some(&b'=') {
            continue;
        }
        let is_of_value = |byte: &u8| !b"&\"'<>\\# ;{}\n\r\t".contains(byte);
        let value = equals + 1..equals + 1 + text[equals + 1..].iter().take_while(|byte| is_of_value(byte)).count();
        let name = String::from_utf8_lossy(&text[begun..equals]);
        if is_telling_field(&name) && !is_word(&String::from_utf8_lossy(&text[value.clone()])) {
            found.push((value.clone(), Kind::Secret));
        }
        at = value.end;
    }
    found
}

/// Values beside telling names in running text, in settings and in tags: `password=x`, `token: x`, `<token>x</token>`, `Bearer x`. Names in quotes are left to
/// those who know JSON.
fn in_words(text: &[u8]) -> Vec<Found> {
    const SCHEMES: [&[u8]; 5] = [b"bearer", b"basic", b"negotiate", b"ntlm", b"digest"];
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if !is_of_name(&text[at]) {
            at += 1;
            continue;
        }
        let end = at + text[at..].iter().take_while(|byte| is_of_name(byte)).count();
        let (name, before) = (&text[at..end], at.checked_sub(1).map(|before| text[before]));
        at = end;
        if SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(name)) && text.get(end) == Some(&b' ') {
            let value = run(text, end + 1, |byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte));
            if is_like_a_token(&text[value.clone()]) {
                at = value.end;
                found.push((value, Kind::Secret));
            }
            continue;
        }
        if !is_telling(&String::from_utf8_lossy(name)) {
            continue;
        }
        let value = match before {
            Some(b'<') => in_tag(text, end),
            _ => beside(text, end),
        };
        if let Some(value) = value.filter(|value| !is_word(&String::from_utf8_lossy(&text[value.clone()]))) {
            at = value.end.max(at);
            found.push((value, Kind::Said));
        }
    }
    found
}

/// What stands in a tag that is open to there.
fn in_tag(text: &[u8], from: usize) -> Option<Range<usize>> {
    let open = run(text, from, |byte| !b"<>".contains(byte)).end;
    (text.get(open) == Some(&b'>')).then(|| run(text, open + 1, |byte| *byte != b'<'))
}

/// What is said to be the value of the name that ends there.
fn beside(text: &[u8], from: usize) -> Option<Range<usize>> {
    let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let sign = run(text, from, is_blank).end;
    if !matches!(text.get(sign), Some(b'=' | b':')) {
        return None;
    }
    let begun = run(text, sign + 1, is_blank).end;
    match text.get(begun) {
        Some(quote @ (b'\'' | b'"')) => Some(run(text, begun + 1, |byte| byte != quote && *byte != b'\n')),
        _ => Some(run(text, begun, |byte| !byte.is_ascii_whitespace() && !b"\"'<>&,;(){}[]".contains(byte))),
    }
}

/// No word of a sentence: `Bearer authentication is required`.
fn is_like_a_token(value: &[u8]) -> bool {
    let mixed =
        value.iter().any(u8::is_ascii_lowercase) && value[1.min(value.len())..].iter().any(u8::is_ascii_uppercase);
    value.len() >= 8 && (mixed || value.iter().any(u8::is_ascii_digit))
}

fn run(text: &[u8], from: usize, is_of_it: impl Fn(&u8) -> bool) -> Range<usize> {
    let rest = text.get(from..).unwrap_or_default();
    from..from + rest.iter().take_while(|byte| is_of_it(byte)).count()
}

/// Hosts with their ports, and user names and passwords before them, in whatever has a scheme before it.
fn hosts(text: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(mark) = text.get(at..).and_then(|rest| memchr::memmem::find(rest, b"://")) {
        let (mark, begun) = (at + mark, at + mark + 3);
        at = begun;
        if !mark.checked_sub(1).is_some_and(|before| text[before].is_ascii_alphanumeric()) {
            continue;
        }
        let user = user(text, begun);
        let is_of_host =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:@[]!$*+=%".contains(byte) || !byte.is_ascii();
        let mut end = run(text, begun + user, is_of_host).end;
        // The end of a sentence.
        while end > begun && b".:".contains(&text[end - 1]) {
            end -= 1;
        }
        if end > begun {
            found.push((begun..end, Kind::Host));
        }
        at = end;
    }
    found
}

/// How long the user name and the password are that stand there, with the `@` behind them. A password may have any sign in it, though it should not.
fn user(text: &[u8], begun: usize) -> usize {
    let whole = run(text, begun, |byte| !byte.is_ascii_whitespace() && !b"\"<>".contains(byte));
    let whole = &text[whole];
    // Another address may follow, behind a comma, say.
    let whole = memchr::memmem::find(whole, b"://").map_or(whole, |next| &whole[..next]);
    let authority = whole.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(whole.len());
    if let Some(at) = memchr::memrchr(b'@', &whole[..authority]) {
        return at + 1;
    }
    // `user:pass/word@host`, if it is no `host:port/path`.
    let Some(colon) = memchr::memchr(b':', &whole[..authority]) else { return 0 };
    let digits = run(whole, colon + 1, u8::is_ascii_digit);
    let is_port = digits.end == authority || digits.end == whole.len();
    if is_port || whole.first() == Some(&b'[') {
        return 0;
    }
    memchr::memchr(b'@', whole).map_or(0, |at| at + 1)
}

/// Machines with shared folders: `\\machine\folder`.
fn shares(text: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(text, b"\\\\") {
        let is_begun = at
            .checked_sub(1)
            .is_none_or(|before| !text[before].is_ascii_alphanumeric() && !b"\\:".contains(&text[before]));
        let name = run(text, at + 2, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
        if is_begun && name.len() > 1 && text.get(name.end) == Some(&b'\\') {
            found.push((name, Kind::Host));
        }
    }
    found
}

/// IPv4 addresses, with their ports.
fn ipv4(text: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        let length = text[at..].iter().take_while(|byte| is_of_word(byte)).count();
        let is_begun = at.checked_sub(1).is_none_or(|before| !is_of_word(&text[before]));
        let mut end = at + length;
        let word = str::from_utf8(&text[at..end]).unwrap_or_default();
        let address = word.trim_end_matches('.');
        if is_begun && address.parse::<std::net::Ipv4Addr>().is_ok() {
            end = at + address.len();
            let port = text[end..].iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
            if text.get(end) == Some(&b':') && (1..=5).contains(&port) {
                end += 1 + port;
            }
            found.push((at..end, Kind::Host));
        }
        at = end.max(at + 1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, find: fn(&[u8]) -> Vec<Found>) -> Vec<&str> {
        find(text.as_bytes()).into_iter().map(|(range, _)| &text[range]).collect()
    }

    #[test]
    fn secrets_are_found_in_queries_of_addresses_anywhere() {
        let text = r#"see "https://a.test/x?token=t1&b=2&access_token=t2;sig=t5" or /y?code=c3#id_token=t4 &grant_type=password"#;
        assert_eq!(texts(text, in_queries), ["t1", "t2", "t5", "c3", "t4"]);
    }

    #[test]
    fn secrets_are_found_beside_their_names_in_running_text() {
        let text = "password=p1, Token : 't 2' <token x=\"1\">t3</token> Authorization: Bearer abc12345 and password is wrong; bearer authentication";
        assert_eq!(texts(text, in_words), ["p1", "t 2", "t3", "abc12345"]);
        assert_eq!(texts("Authorization: required, token_type=bearer, \"token\":\"x\"", in_words), ["required"]);
        for odd in ["token", "token=", "token:", "<token", "<token>", "Bearer ", "token='", ""] {
            in_words(odd.as_bytes());
        }
    }

    #[test]
    fn hosts_are_found_behind_schemes_whatever_the_password_is() {
        let text = "https://vms.local:8081/API wss://10.0.0.1:443/x https://me:pw@h.test. ://no http://a.test,http://b.test/?m=x@y.z";
        assert_eq!(texts(text, hosts), ["vms.local:8081", "10.0.0.1:443", "me:pw@h.test", "a.test", "b.test"]);
        for password in ["Se&cret(9)", "Se/slash", "a;b,c'd#e?f", "p@ss"] {
            let text = format!("<rtsp://admin:{password}@10.1.2.3:554/live> http://h.test:80/x?m=a@b");
            assert_eq!(texts(&text, hosts), [&*format!("admin:{password}@10.1.2.3:554"), "h.test:80"]);
        }
        assert_eq!(texts("at 10.1.2.3:554, v1.2.3.4-b 1.3.6.1.4.1 and 10.1.2.4.", ipv4), ["10.1.2.3:554", "10.1.2.4"]);
        assert_eq!(texts(r"on \\NAS01\video, D:\\Media\\Data, a\\b\\c", shares), ["NAS01"]);
    }
}
