//! What [`Fields`] offers on top of its few methods: texts, numbers, durations, sizes, addresses, choices, lists.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use url::Url;

use super::{At, ByteSize, Fields, Mistake, Severity, Value, mistake::shown};

impl<'f> dyn Fields + 'f {
    /// Notes what must be put right.
    pub fn error(&mut self, at: impl Into<At>, mistake: Mistake) {
        self.report(Severity::Error, at.into(), mistake);
    }

    /// Notes what is worth knowing.
    pub fn warn(&mut self, at: impl Into<At>, mistake: Mistake) {
        self.report(Severity::Warning, at.into(), mistake);
    }

    /// Reports the key if it is absent; `example` is a line that would do.
    pub fn require(&mut self, key: &'static str, example: &str) {
        if !self.contains(key) {
            self.error(key, Mistake::new("required, but missing").hint(format!("add {example}")));
        }
    }

    /// A text; an empty one is refused.
    pub fn string(&mut self, key: &'static str) -> Option<String> {
        let text = self.text(key, "a string")?;
        self.sound(key, if text.trim().is_empty() { Err(Mistake::new("must not be empty")) } else { Ok(text) })
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        match self.value(key)? {
            Value::Boolean(value) => Some(value),
            other => self.mismatch(key, "true or false", &other),
        }
    }

    /// A whole number within the range.
    pub fn integer<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + Into<i64> + Copy,
    {
        match self.value(key)? {
            Value::Integer(number) => self.sound(key, within(number, &range)),
            other => self.mismatch(key, "an integer", &other),
        }
    }

    /// A list of whole numbers, each within the range.
    pub fn integers<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> Option<Vec<T>>
    where
        T: TryFrom<i64> + Into<i64> + Copy,
    {
        self.items(key, "an array of integers", "an integer", |value| match value {
            Value::Integer(number) => Some(within(*number, &range)),
            _ => None,
        })
    }

    /// A list of texts. It may be empty: whether that makes sense, the caller knows.
    pub fn strings(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.list(key, |text| Ok(text.to_owned()))
    }

    /// A list of texts, each put through `parse`. It may be empty, as with [`strings`](#method.strings).
    pub fn list<T>(&mut self, key: &'static str, mut parse: impl FnMut(&str) -> Result<T, Mistake>) -> Option<Vec<T>> {
        self.items(key, "an array of strings", "a string", |value| match value {
            Value::Text(text) => Some(parse(text)),
            _ => None,
        })
    }

    /// One of several words, in any case.
    pub fn choice<T: Copy>(&mut self, key: &'static str, options: &[(&'static str, T)]) -> Option<T> {
        let word = self.text(key, "a string")?;
        let found = options.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word)).map(|(_, value)| *value);
        self.sound(key, found.ok_or_else(|| Mistake::unknown("value", &word, options.iter().map(|(name, _)| *name))))
    }

    /// A length of time like `30s`, `5m`, `7d`, within the range.
    pub fn duration(&mut self, key: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        const EXAMPLE: &str = "write a number and a unit in quotes, like \"30s\", \"5m\", \"7d\"";
        let text = match self.value(key)? {
            Value::Text(text) => text,
            Value::Integer(number) => {
                let mistake = Mistake::new("a duration needs a unit").hint(format!("write \"{number}s\" for seconds"));
                return self.sound(key, Err(mistake));
            }
            other => return self.mismatch(key, "a duration like \"30s\"", &other),
        };
        let checked = match humantime::parse_duration(&text) {
            Err(_) => Err(Mistake::new(format!("\"{}\" is no duration", shown(&text))).hint(EXAMPLE)),
            Ok(duration) if !range.contains(&duration) => Err(out_of_range(
                humantime::format_duration(duration),
                humantime::format_duration(*range.start()),
                humantime::format_duration(*range.end()),
            )),
            Ok(duration) => Ok(duration),
        };
        self.sound(key, checked)
    }

    /// A number of bytes like `64MiB`, within the range.
    pub fn size(&mut self, key: &'static str, range: RangeInclusive<ByteSize>) -> Option<ByteSize> {
        let text = match self.value(key)? {
            Value::Text(text) => text,
            Value::Integer(_) => {
                let mistake = Mistake::new("a size needs a unit").hint("write it in quotes, like \"64MiB\"");
                return self.sound(key, Err(mistake));
            }
            other => return self.mismatch(key, "a size like \"64MiB\"", &other),
        };
        let checked = match text.parse::<ByteSize>() {
            Err(why) => Err(Mistake::new(format!("\"{}\" is no size: {why}", shown(&text)))
                .hint("write a whole number and a unit, like \"512KiB\", \"64MiB\", \"4GiB\"")),
            Ok(size) if !range.contains(&size) => Err(out_of_range(size, range.start(), range.end())),
            Ok(size) => Ok(size),
        };
        self.sound(key, checked)
    }

    /// An address with one of the schemes, with a host, and without a user in it.
    pub fn url(&mut self, key: &'static str, schemes: &[&'static str]) -> Option<Url> {
        let text = self.text(key, "an address in quotes")?;
        let checked = check_url(&text, schemes);
        // People paste addresses with a password in them, also into ones that cannot be read.
        self.sound(key, checked.map_err(|mistake| if text.contains('@') { mistake.concealed() } else { mistake }))
    }

    /// What `read` makes of the table under the key.
    pub fn table<T>(&mut self, key: &'static str, mut read: impl FnMut(&mut dyn Fields) -> T) -> Option<T> {
        let mut result = None;
        self.visit_table(key, &mut |fields| result = Some(read(fields)));
        result
    }

    /// What `read` makes of each table in the list under the key; `None` if it gives one up. The list may be empty.
    pub fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut dyn Fields) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut results = Vec::new();
        let count = self.visit_tables(key, &mut |fields| results.extend(read(fields)))?;
        (results.len() == count).then_some(results)
    }

    /// The key's text, where `expected` says what a text would be good for.
    fn text(&mut self, key: &'static str, expected: &str) -> Option<String> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            other => self.mismatch(key, expected, &other),
        }
    }

    /// The list under the key; `read` gives `None` for an item of the wrong kind. Every wrong item is reported.
    fn items<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        expected_item: &str,
        mut read: impl FnMut(&Value) -> Option<Result<T, Mistake>>,
    ) -> Option<Vec<T>> {
        let values = match self.value(key)? {
            Value::List(values) => values,
            Value::Text(text) if expected_item == "a string" => {
                let mistake = unexpected(expected, "a string").hint(format!("write [\"{}\"]", shown(&text)));
                return self.sound(key, Err(mistake));
            }
            other => return self.mismatch(key, expected, &other),
        };
        let mut results = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let item = read(value).unwrap_or_else(|| Err(unexpected(expected_item, value.kind())));
            results.push(self.sound((key, index), item));
        }
        results.into_iter().collect()
    }

    /// The good outcome, or its mistake reported.
    fn sound<T>(&mut self, at: impl Into<At>, outcome: Result<T, Mistake>) -> Option<T> {
        outcome.map_err(|mistake| self.error(at, mistake)).ok()
    }

    fn mismatch<T>(&mut self, key: &'static str, expected: &str, found: &Value) -> Option<T> {
        self.sound(key, Err(unexpected(expected, found.kind())))
    }
}

fn unexpected(expected: &str, found: &str) -> Mistake {
    Mistake::new(format!("expected {expected}, found {found}"))
}

fn out_of_range(value: impl Display, least: impl Display, most: impl Display) -> Mistake {
    Mistake::new(format!("{value} is out of range")).hint(format!("from {least} to {most}"))
}

fn within<T>(number: i64, range: &RangeInclusive<T>) -> Result<T, Mistake>
where
    T: TryFrom<i64> + Into<i64> + Copy,
{
    let (least, most) = ((*range.start()).into(), (*range.end()).into());
    let inside = (least..=most).contains(&number);
    T::try_from(number).ok().filter(|_| inside).ok_or_else(|| out_of_range(number, least, most))
}

fn check_url(text: &str, schemes: &[&'static str]) -> Result<Url, Mistake> {
    let example = || format!("write it like \"{}://host\"", schemes.last().unwrap_or(&"https"));
    let url = Url::parse(text).map_err(|why| Mistake::new(format!("no address: {why}")).hint(example()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            Mistake::new("an address with a user or password in it is refused").hint("use the keys made for them")
        );
    }
    if !schemes.contains(&url.scheme()) {
        return Err(Mistake::new(format!("the address must start with {}://", schemes.join(":// or "))).hint(example()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(Mistake::new("the address has no host").hint(example()));
    }
    Ok(url)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::settings::testing::Table;

    fn table(value: Value) -> Table {
        Table::of(vec![("k", value)])
    }

    fn numbers(numbers: &[i64]) -> Value {
        Value::List(numbers.iter().map(|number| Value::Integer(*number)).collect())
    }

    #[test]
    fn a_list_of_integers_is_read_whole_or_each_wrong_one_is_told() {
        let mut good = table(numbers(&[1, 255]));
        assert_eq!((&mut good as &mut dyn Fields).integers::<u8>("k", 1..=255), Some(vec![1, 255]));
        assert_eq!(good.messages(), []);

        let mut bad = table(numbers(&[0, 7, 300]));
        assert_eq!((&mut bad as &mut dyn Fields).integers::<u8>("k", 1..=255), None);
        assert_eq!(
            bad.messages(),
            [(At::Item("k", 0), "0 is out of range".to_owned()), (At::Item("k", 2), "300 is out of range".to_owned())]
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_says_what_was_found_and_expected() {
        type Read = fn(&mut dyn Fields);
        let cases: [(Value, Read, &str); 7] = [
            (Value::Integer(1), |f| assert_eq!(f.string("k"), None), "expected a string, found an integer"),
            (Value::Text("yes".into()), |f| assert_eq!(f.boolean("k"), None), "expected true or false, found a string"),
            (
                Value::Boolean(true),
                |f| assert_eq!(f.integer("k", 0..=9_i64), None),
                "expected an integer, found a boolean",
            ),
            (Value::Integer(1), |f| assert_eq!(f.strings("k"), None), "expected an array of strings, found an integer"),
            (
                Value::Integer(1),
                |f| assert_eq!(f.integers("k", 0..=9_i64), None),
                "expected an array of integers, found an integer",
            ),
            (
                Value::Other("a float"),
                |f| assert_eq!(f.duration("k", Duration::ZERO..=Duration::MAX), None),
                "expected a duration like \"30s\", found a float",
            ),
            (
                numbers(&[]),
                |f| assert_eq!(f.url("k", &["http"]), None),
                "expected an address in quotes, found an array",
            ),
        ];
        for (value, read, message) in cases {
            let mut table = table(value);
            read(&mut table);
            assert_eq!(table.messages(), [(At::Key("k"), message.to_owned())]);
        }
    }

    #[test]
    fn an_absent_key_is_silent_unless_required() {
        let mut table = Table::default();
        let fields: &mut dyn Fields = &mut table;
        assert_eq!(fields.string("k"), None);
        assert_eq!(fields.integers::<u8>("k", 0..=9), None);
        fields.require("k", "k = 1");
        assert_eq!(table.messages(), [(At::Key("k"), "required, but missing".to_owned())]);
    }

    #[test]
    fn a_list_of_tables_with_one_given_up_is_no_list() {
        // It says that there are two, and shows one.
        let fields: &mut dyn Fields = &mut Table { tables: 2, ..table(Value::Boolean(true)) };
        assert_eq!(fields.tables("k", |inner| inner.boolean("k")), None);
    }

    #[test]
    fn words_to_choose_from_are_read_in_any_case() {
        let mut table = table(Value::Text("FULL".into()));
        assert_eq!((&mut table as &mut dyn Fields).choice("k", &[("full", 1), ("normal", 2)]), Some(1));
    }
}
