//! Finds in a text what is a secret or a host by where it stands: under a telling name, in a query, behind `://`.

use std::ops::Range;

use super::names::{is_telling, is_telling_field, is_word};

/// What stands somewhere in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A secret, in JSON with its escapes.
    Secret,
    /// Host and port of an address.
    Host,
    /// A number that is a secret.
    Number,
}

/// Where it stands.
pub(super) type Found = (Range<usize>, Kind);

/// The secrets of a JSON text by the names above them. The text may be cut off, or only look like JSON.
pub(super) fn in_json(text: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    // For each open object or array: whether all in it is secret.
    let mut open: Vec<bool> = Vec::new();
    let mut name: Option<Range<usize>> = None;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let end = string_end(text, at + 1);
                let inner = at + 1..end;
                at = (end + 1).min(text.len());
                let blanks = text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                if text.get(at + blanks) == Some(&b':') {
                    name = Some(inner);
                    at += blanks + 1;
                    continue;
                }
                let own = name.take().is_some_and(|name| telling(&text[name]));
                let value = String::from_utf8_lossy(&text[inner.clone()]);
                let above = open.last() == Some(&true) && !is_name_like(&value);
                if (own || above) && !is_word(&value) {
                    found.push((inner, Kind::Secret));
                }
                continue;
            }
            b'{' | b'[' => {
                let own = name.take().is_some_and(|name| telling(&text[name]));
                open.push(own || open.last() == Some(&true));
            }
            b'}' | b']' => {
                open.pop();
                name = None;
            }
            b',' => name = None,
            b'0'..=b'9' => {
                let length = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let before = at.checked_sub(1).map(|before| text[before]);
                let is_whole = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'.' && byte != b'-');
                if is_whole && name.take().is_some_and(|name| telling(&text[name])) {
                    found.push((at..at + length, Kind::Number));
                }
                at += length;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn telling(name: &[u8]) -> bool {
    is_telling(&String::from_utf8_lossy(name))
}

/// Short words among secrets are what they are for: `{"all": …}` has its name before it, `["motion"]` is no secret.
fn is_name_like(value: &str) -> bool {
    value.len() <= 12 && value.chars().all(char::is_alphabetic)
}

fn string_end(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Values under telling names in queries, wherever an address stands in the text.
pub(super) fn in_queries(text: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let begun = match text[at] {
            b'?' | b'&' | b'#' => at + 1,
            b'\\' if text[at..].starts_with(b"\\u0026") => at + 6,
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

/// Hosts with their ports, and user names and passwords before them, in whatever has a scheme before it.
pub(super) fn hosts(text: &[u8]) -> Vec<Found> {
    const MARKS: [&[u8]; 4] = [b"://", b":\\/\\/", b"%3a%2f%2f", b":%2f%2f"];
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let is_mark = |mark: &&[u8]| text.get(at..at + mark.len()).is_some_and(|here| here.eq_ignore_ascii_case(mark));
        let Some(mark) = MARKS.into_iter().find(|mark| is_mark(mark)) else {
            at += 1;
            continue;
        };
        let has_scheme = at.checked_sub(1).is_some_and(|before| text[before].is_ascii_alphanumeric());
        let begun = at + mark.len();
        at = begun;
        if !has_scheme {
            continue;
        }
        let encoded = mark[0] == b'%' || mark[1] == b'%';
        let is_of_host = |byte: &u8| {
            byte.is_ascii_alphanumeric()
                || b"-._~:@[]!$*+=".contains(byte)
                || !byte.is_ascii()
                || !encoded && *byte == b'%'
        };
        let mut end = begun + text[begun..].iter().take_while(|byte| is_of_host(byte)).count();
        if encoded && text[end..].len() > 3 && text[end..end + 3].eq_ignore_ascii_case(b"%3a") {
            end += 3 + text[end + 3..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        }
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

/// IPv4 addresses, with their ports.
pub(super) fn ipv4(text: &[u8]) -> Vec<Found> {
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
    fn secrets_are_found_under_their_names_in_whole_and_broken_json() {
        let json = r#"{"access_token":"abc.def","token_type":"Bearer","expires_in":3600,"pin":1234,
            "pins":{"pin1":{"name":"Anna","value":"7777"}},"tokens":["t-1","t-2"],"a":{"b":"c"},"password" : "p\"q"}"#;
        assert_eq!(texts(json, in_json), ["abc.def", "1234", "7777", "t-1", "t-2", "p\\\"q"]);
        assert_eq!(texts(r#"[{"token":"abc"#, in_json), ["abc"]);
        assert_eq!(texts(r#"{"token":{"a":1},"b":"c-d-e","f":22}"#, in_json), Vec::<&str>::new());
        for odd in ["", "\"", "{", "\\", "}}]]", "\"token\":", "{\"token\":\"\\"] {
            in_json(odd.as_bytes());
        }
    }

    #[test]
    fn secrets_are_found_in_queries_of_addresses_anywhere() {
        let text = r#"see "https://a.test/x?token=t1&b=2\u0026access_token=t2" or /y?code=c3#id_token=t4 &grant_type=password"#;
        assert_eq!(texts(text, in_queries), ["t1", "t2", "c3", "t4"]);
    }

    #[test]
    fn hosts_are_found_behind_schemes_however_the_slashes_are_written() {
        let text = r"https://vms.local:8081/API wss:\/\/10.0.0.1:443\/x u=http%3A%2F%2Fproxy%3A81%2Fy https://me:pw@h.test. ://no";
        assert_eq!(texts(text, hosts), ["vms.local:8081", "10.0.0.1:443", "proxy%3A81", "me:pw@h.test"]);
        assert_eq!(texts("at 10.1.2.3:554, v1.2.3.4-b 1.3.6.1.4.1 and 10.1.2.4.", ipv4), ["10.1.2.3:554", "10.1.2.4"]);
    }
}
