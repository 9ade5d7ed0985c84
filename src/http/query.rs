//! Query strings, read key by key. Every mistake is named, and what was never asked for is one.

use std::str::FromStr;

use actix_web::HttpRequest;
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;
use watchpost_actors::{
    model::{Filter, filter::FilterSettings},
    settings::{closest, mistake::shown},
};

use super::problem::{Answer, Mistake, Problem};

/// Things in an answer, where it is not said how many.
const LIMIT: usize = 100;
/// Things in an answer at most.
const LIMIT_MOST: usize = 1_000;
/// Globs that one query may hold; each is compared with each thing.
const GLOBS_MOST: usize = 100;

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
        let given = form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
        Self { given, asked: Vec::new(), mistakes: Vec::new() }
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
        let value = text.parse().ok();
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
                self.all(key).iter().flat_map(|globs| globs.split(',')).map(str::to_owned).collect();
            count += globs.len();
            if globs.iter().any(String::is_empty) {
                self.mistake(key, "an empty glob matches nothing; leave it out");
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
        Filter::new(&settings).unwrap_or_default()
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
