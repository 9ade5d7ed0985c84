//! Query strings, read key by key. Every mistake is named, and what was never asked for is one.

use std::{collections::HashSet, str::FromStr};

use actix_web::HttpRequest;
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;
use watchpost_actors::{
    model::{ConnectionName, Filter, Sequence, filter::FilterSettings},
    settings::{closest, mistake::shown},
};

use super::problem::{Answer, Mistake, Problem};

/// Things in an answer, where it is not said how many.
const LIMIT: usize = 100;
/// Things in an answer at most.
const LIMIT_MOST: usize = 1_000;
/// How often a parameter may be there that may be there more than once.
pub(super) const VALUES_MOST: usize = 20;
/// Globs that one query may hold; each is compared with each thing.
const GLOBS_MOST: usize = 100;
/// The longest of them, in bytes.
const GLOB_MOST: usize = 256;

/// How a moment is written.
pub(super) const MOMENT: &str = "a moment like 2026-06-11T09:17:59Z, or a time back from now like 1h";

/// A moment: RFC 3339, or so long before now.
pub(super) fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let back = SignedDuration::try_from(humantime::parse_duration(text).ok()?).ok()?;
        now.checked_sub(back).ok()
    })
}

/// A query string while it is read.
pub(super) struct Query {
    given: Vec<(String, String)>,
    asked: Vec<&'static str>,
    mistakes: Vec<Mistake>,
}

impl Query {
    pub(super) fn of(request: &HttpRequest) -> Self {
        Self::read(request.query_string())
    }

    fn read(text: &str) -> Self {
        let given = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        let garbled = text.split('&').filter(|pair| !is_well_encoded(pair));
        let detail = "it is not percent-encoded UTF-8; `%` itself is written as %25";
        let mistakes =
            garbled.map(|pair| Mistake::new(shown(pair.split('=').next().unwrap_or(pair)), detail)).collect();
        Self { given, asked: Vec::new(), mistakes }
    }

    /// Notes a mistake in a parameter.
    pub(super) fn mistake(&mut self, key: &'static str, detail: impl Into<String>) {
        self.mistakes.push(Mistake::new(key, detail));
    }

    /// The values of a parameter that may be there more than once.
    pub(super) fn all(&mut self, key: &'static str) -> Vec<String> {
        self.asked.push(key);
        self.given.iter().filter(|(name, _)| name == key).map(|(_, value)| value.clone()).collect()
    }

    /// The values of a parameter that may be there a few times.
    fn few(&mut self, key: &'static str) -> Vec<String> {
        let all = self.all(key);
        if all.len() > VALUES_MOST {
            self.mistake(key, format!("it is there {} times, and {VALUES_MOST} is the most", all.len()));
        }
        all
    }

    /// The values of a parameter, any of which is wanted.
    pub(super) fn values(&mut self, key: &'static str) -> HashSet<String> {
        self.few(key).into_iter().collect()
    }

    /// The value of a parameter that may be there once.
    pub(super) fn one(&mut self, key: &'static str) -> Option<String> {
        let mut all = self.all(key);
        if all.len() > 1 {
            self.mistake(key, "it is there more than once");
        }
        all.pop()
    }

    /// A value that is written in one way.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &'static str, form: &str) -> Option<T> {
        let text = self.one(key)?;
        // Rust's numbers may have a plus in front.
        let value = if text.starts_with('+') { None } else { text.parse().ok() };
        if value.is_none() {
            self.mistake(key, format!("\"{}\" is not {form}", shown(&text)));
        }
        value
    }

    /// How many things are wanted.
    pub(super) fn limit(&mut self) -> usize {
        let form = format!("a whole number from 1 to {LIMIT_MOST}");
        let Some(limit) = self.parsed::<usize>("limit", &form) else { return LIMIT };
        if !(1..=LIMIT_MOST).contains(&limit) {
            self.mistake("limit", format!("{limit} is not {form}"));
        }
        limit
    }

    /// The `sequence` of an event. What is beyond all numbers is after all events.
    pub(super) fn sequence(&mut self, key: &'static str) -> Option<Sequence> {
        let text = self.one(key)?;
        self.sequence_of(key, &text)
    }

    /// The same, of a text that was sent by this name.
    pub(super) fn sequence_of(&mut self, key: &'static str, text: &str) -> Option<Sequence> {
        if text.is_empty() || text.len() > 20 || !text.bytes().all(|digit| digit.is_ascii_digit()) {
            self.mistake(key, format!("\"{}\" is not the `sequence` of an event: 1 to 20 digits", shown(text)));
            return None;
        }
        Some(Sequence(text.parse().unwrap_or(u64::MAX)))
    }

    /// The one connection that a filter on connections can want, where it names one and no more.
    pub(super) fn one_connection(&self) -> Option<ConnectionName> {
        let mut named = self.given.iter().filter(|(key, _)| key == "connection");
        let (_, name) = named.next()?;
        // No glob is a name.
        name.parse().ok().filter(|_| named.next().is_none())
    }

    /// A moment: RFC 3339, or so long before now.
    pub(super) fn moment(&mut self, key: &'static str, now: Timestamp) -> Option<Timestamp> {
        let text = self.one(key)?;
        let moment = moment(&text, now);
        if moment.is_none() {
            self.mistake(key, format!("\"{}\" is not {MOMENT} (in a query, `+` is written as %2B)", shown(&text)));
        }
        moment
    }

    /// The filter that these parameters make, each a list of globs.
    pub(super) fn filter(&mut self, keys: &[&'static str]) -> Filter {
        let mut settings = FilterSettings::default();
        let mut count = 0;
        for key in keys {
            let globs: Vec<String> =
                self.few(key).iter().flat_map(|globs| globs.split(',')).map(str::to_owned).collect();
            count += globs.len();
            if globs.iter().any(String::is_empty) {
                self.mistake(key, "an empty glob matches nothing; leave it out");
            }
            if globs.iter().any(|glob| glob.len() > GLOB_MOST) {
                self.mistake(key, format!("a glob has {GLOB_MOST} bytes at most"));
                continue;
            }
            let list = match *key {
                "connection" => &mut settings.connections,
                "vendor" => &mut settings.vendors,
                "type" => &mut settings.types,
                "item" => &mut settings.items,
                "name" => &mut settings.names,
                "group" => &mut settings.groups,
                _ => &mut settings.origins,
            };
            let alone = FilterSettings { types: globs.clone(), ..FilterSettings::default() };
            if let Err(error) = Filter::new(&alone) {
                self.mistake(key, format!("\"{}\" is no glob: {}", shown(&error.glob), error.source));
            }
            *list = globs;
        }
        if count > GLOBS_MOST {
            let key = keys.first().copied().unwrap_or_default();
            self.mistake(key, format!("there are {count} globs in this query, and {GLOBS_MOST} is the most"));
            return Filter::everything();
        }
        match Filter::new(&settings) {
            Ok(filter) => filter,
            // Each is one by itself; all together may be too much.
            Err(error) => {
                if self.mistakes.is_empty() {
                    self.mistakes.push(Mistake::new(error.list, error.source.to_string()));
                }
                Filter::everything()
            }
        }
    }

    /// Everything has been asked for: says what was wrong, and what was not known.
    pub(super) fn end(mut self) -> Answer<()> {
        let mut unknown: Vec<_> =
            self.given.iter().map(|(key, _)| key).filter(|key| !self.asked.contains(&key.as_str())).collect();
        unknown.sort();
        unknown.dedup();
        for key in unknown {
            let hint = match closest(key, self.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if self.asked.is_empty() => "there are none here".to_owned(),
                None => format!("there are {}", self.asked.join(", ")),
            };
            self.mistakes.push(Mistake::new(shown(key), format!("there is no such parameter; {hint}")));
        }
        if self.mistakes.is_empty() { Ok(()) } else { Err(Problem::input(self.mistakes)) }
    }
}

/// Whether each `%` begins two digits, and all of it is UTF-8.
fn is_well_encoded(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = rest.get(at + 3..).unwrap_or_default(),
            _ => return false,
        }
    }
    percent_encoding::percent_decode_str(text).decode_utf8().is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::http::events::FILTERS;

    /// Reads everything that can be read, and says whether there were mistakes.
    fn ask(text: &str) -> Result<(usize, Option<Sequence>, Option<Timestamp>), Problem> {
        let now = "2026-06-11T09:00:00Z".parse().unwrap();
        let mut query = Query::read(text);
        query.filter(&FILTERS);
        query.one_connection();
        let read = (query.limit(), query.sequence("after"), query.moment("since", now));
        query.end().map(|()| read)
    }

    fn told(text: &str) -> String {
        serde_json::to_string(&ask(text).unwrap_err()).unwrap()
    }

    #[test]
    fn each_mistake_is_named_with_what_is_allowed() {
        for (text, parameter, what) in [
            ("limit=0", "limit", "a whole number from 1 to 1000"),
            ("limit=1001", "limit", "a whole number from 1 to 1000"),
            ("limit=%2B5", "limit", "a whole number"),
            ("limit=", "limit", "a whole number"),
            ("limit=1&limit=1", "limit", "more than once"),
            ("limt=1", "limt", "did you mean `limit`?"),
            ("after=x", "after", "`sequence`"),
            ("after=123456789012345678901", "after", "`sequence`"),
            ("since=yesterday", "since", "2026-06-11T09:17:59Z"),
            ("since=2026-06-11T09:17:59+02:00", "since", "%2B"),
            ("since=99999y", "since", "is not a moment"),
            ("type=[", "type", "no glob"),
            ("type=a,,b", "type", "empty glob"),
            ("item=%ff", "item", "UTF-8"),
            ("item=%zz", "item", "%25"),
            ("item=%", "item", "%25"),
            ("=", "", "no such parameter"),
        ] {
            let told = told(text);
            assert!(told.contains(&format!("\"parameter\":\"{parameter}\"")), "{text}: {told}");
            assert!(told.contains(what), "{text}: {told}");
        }
        let two = told("limit=0&after=x");
        assert!(two.contains("2 mistakes") && two.contains("\"limit\"") && two.contains("\"after\""), "{two}");
    }

    #[test]
    fn what_is_right_is_read() {
        let (limit, after, since) = ask("limit=7&after=00000000000000000042&since=1h").unwrap();
        assert_eq!((limit, after), (7, Some(Sequence(42))));
        assert_eq!(since, Some("2026-06-11T08:00:00Z".parse().unwrap()));
        assert_eq!(ask("").unwrap().0, 100);
        assert_eq!(ask("after=99999999999999999999").unwrap().1, Some(Sequence(u64::MAX)));
    }

    #[test]
    fn one_connection_is_read_by_itself_and_globs_are_not() {
        let one = |text: &str| Query::read(text).one_connection().map(|name| name.to_string());
        assert_eq!(one("connection=hq").as_deref(), Some("hq"));
        assert_eq!(one("connection=stores%2F42&item=x").as_deref(), Some("stores/42"));
        for several in
            ["", "connection=h*", "connection=hq,yard", "connection=hq&connection=yard", "connection=stores/*"]
        {
            assert_eq!(one(several), None, "{several}");
        }
    }

    #[test]
    fn globs_are_bounded_in_number_and_length() {
        assert!(told(&format!("item={}", "x".repeat(257))).contains("256 bytes"));
        assert!(told(&format!("item={}", vec!["x"; 101].join(","))).contains("100 is the most"));
        assert!(ask(&format!("item={}", vec!["x"; 100].join(","))).is_ok());
    }

    proptest! {
        #[test]
        fn no_query_string_is_answered_with_a_panic(text in "\\PC{0,80}") {
            let _ = ask(&text);
        }

        #[test]
        fn no_value_is_answered_with_a_panic(
            key in proptest::sample::select(["limit", "after", "since", "connection", "type", "x"].as_slice()),
            value in "[-+%0-9a-fTZ:.*?\\[\\]{},! ]{0,40}",
        ) {
            let _ = ask(&format!("{key}={value}"));
        }
    }
}
