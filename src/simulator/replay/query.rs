//! Which calls ask for the same.

/// Method, path and query, as far as they count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Asked(String, String, Option<String>);

/// How a call is known: by all of it, but for placeholders; without its times; by its path alone.
pub(super) fn ways(method: &str, path: &str, query: &str) -> [Asked; 3] {
    let asked = |query: Option<String>| Asked(method.to_owned(), path.to_owned(), query);
    [
        asked(Some(without(query, is_placeholder))),
        asked(Some(without(query, |value| is_placeholder(value) || is_time(value)))),
        asked(None),
    ]
}

fn without(query: &str, is_left_out: impl Fn(&str) -> bool) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, value)) if is_left_out(value) => format!("{name}=*"),
        _ => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

fn is_placeholder(value: &str) -> bool {
    value.strip_prefix("secret-").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A date, or so many seconds or milliseconds that they can only be a time.
fn is_time(value: &str) -> bool {
    let value = value.to_ascii_lowercase().replace("%3a", ":");
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let is_number = digits >= 9 && value[digits..].trim_start_matches('.').bytes().all(|byte| byte.is_ascii_digit());
    let is_stamp = digits == 14 && value[digits..].bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    let is_date = digits == 4 && value.as_bytes().get(4) == Some(&b'-') && value.contains('t');
    is_number || is_stamp || is_date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_for_the_same_at_other_times_are_known() {
        let [exact, timeless, path] = ways("GET", "/events/", "start=2026-06-11T09:00:00.5&limit=50&token=secret-3");
        let others = ways("GET", "/events/", "start=2026-06-12T10%3A00%3A01&limit=50&token=secret-4");
        assert_ne!(exact, others[0]);
        assert_eq!((timeless, path), (others[1].clone(), others[2].clone()));
        let other = ways("GET", "/events/", "start=2026-06-12T10:00:01&limit=1&token=x");
        assert_ne!(others[1], other[1]);
        assert!(is_time("1781168283") && is_time("1781168283123") && is_time("20260611091803.123"));
        assert!(!is_time("38552328") && !is_time("") && !is_time("2026-x") && !is_time("a123456789"));
    }
}
