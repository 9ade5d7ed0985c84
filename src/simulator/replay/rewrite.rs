//! Puts an address in the place of recorded hosts.

const HOST: &str = "host-";
const END: &str = ".invalid";
/// The slashes, as they are, as JSON may write them, and in a query.
const SLASHES: [&str; 4] = ["://", ":\\/\\/", "%3A%2F%2F", "%3a%2f%2f"];

/// The text with `address` for each recorded host that has `http`, `https`, `ws` or `wss` before it; this server knows no TLS.
pub(super) fn rewritten(text: &[u8], address: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match begins(&text[at..]).filter(|_| at == 0 || !text[at - 1].is_ascii_alphanumeric()) {
            Some((scheme, slashes, length)) => {
                out.extend_from_slice(scheme.as_bytes());
                out.extend_from_slice(slashes.as_bytes());
                let address = if slashes.starts_with('%') { address.replace(':', "%3A") } else { address.to_owned() };
                out.extend_from_slice(address.as_bytes());
                at += length;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

fn begins(text: &[u8]) -> Option<(&'static str, &'static str, usize)> {
    let (name, scheme) =
        [("https", "http"), ("http", "http"), ("wss", "ws"), ("ws", "ws")].into_iter().find(|(name, _)| {
            text.starts_with(name.as_bytes()) && text.get(name.len()).is_some_and(|byte| b":%".contains(byte))
        })?;
    let behind = &text[name.len()..];
    let slashes = SLASHES.into_iter().find(|slashes| behind.starts_with(slashes.as_bytes()))?;
    let host = behind[slashes.len()..].strip_prefix(HOST.as_bytes())?;
    let digits = host.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits > 0 && host[digits..].starts_with(END.as_bytes());
    whole.then_some((scheme, slashes, name.len() + slashes.len() + HOST.len() + digits + END.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_hosts_become_this_servers_address_however_they_are_written() {
        let text = r#"{"a":"https://host-1.invalid/API","b":"wss:\/\/host-12.invalid\/x","c":"u=http%3A%2F%2Fhost-2.invalid%2F","d":"host-1.invalid","e":"https://host-.invalid"}"#;
        let expected = r#"{"a":"http://127.0.0.1:9/API","b":"ws:\/\/127.0.0.1:9\/x","c":"u=http%3A%2F%2F127.0.0.1%3A9%2F","d":"host-1.invalid","e":"https://host-.invalid"}"#;
        assert_eq!(String::from_utf8(rewritten(text.as_bytes(), "127.0.0.1:9")).as_deref(), Ok(expected));
    }
}
