//! Shows one table of a TOML document to whoever knows its keys.

use std::{collections::BTreeSet, ffi::OsString, fs::File, ops::Range, path::PathBuf};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};
use watchpost_actors::settings::{At, Fields, Mistake, Secret, Severity, Value, closest, mistake::shown};

use super::{
    Secrets, Surroundings, conceal,
    report::{Problem, Report},
    secret,
};

/// One table being read.
pub(super) struct Reader<'t, 'r> {
    table: &'t DeTable<'t>,
    /// Where the table starts: its header, or its braces. The document as a whole has no place.
    span: Option<Range<usize>>,
    /// The section: `[connection "hq"]`; empty above all sections.
    section: String,
    /// The way from the section to this table: `subscribe[0].`; empty for the section itself.
    path: String,
    asked: BTreeSet<&'static str>,
    accept_rest: bool,
    surroundings: &'r Surroundings<'r>,
    report: &'r mut Report,
}

impl<'t, 'r> Reader<'t, 'r> {
    /// Reads the document as a whole.
    pub(super) fn root(table: &'t DeTable<'t>, surroundings: &'r Surroundings<'r>, report: &'r mut Report) -> Self {
        Self {
            table,
            span: None,
            section: String::new(),
            path: String::new(),
            asked: BTreeSet::new(),
            accept_rest: false,
            surroundings,
            report,
        }
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(mut self) {
        if self.accept_rest {
            return;
        }
        for (key, value) in self.table {
            if self.asked.contains(key.get_ref().as_ref()) {
                continue;
            }
            let near = closest(key.get_ref(), self.asked.iter().copied());
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", self.asked.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            // It may be a secret under a misspelled key, unless it was meant to be something else.
            if near.is_none_or(conceal::is_secretive) {
                self.report.conceal(conceal::literals_in(value));
            }
            let subject = self.subject(&shown(key.get_ref()));
            self.add(Severity::Error, Some(key.span()), subject, Mistake::new("unknown key").hint(hint), true);
        }
    }

    fn root_level(&self) -> bool {
        self.section.is_empty()
    }

    fn subject(&self, key: &str) -> String {
        let separator = if self.section.is_empty() || self.path.is_empty() && key.is_empty() { "" } else { " " };
        format!("{}{separator}{}{key}", self.section, self.path)
    }

    fn add(
        &mut self,
        severity: Severity,
        span: Option<Range<usize>>,
        subject: String,
        mistake: Mistake,
        doubtful: bool,
    ) {
        self.report.add(Problem { severity, span, subject, mistake, doubtful });
    }

    fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.insert(key);
        self.table.get(key)
    }

    /// Lets `read` read a table inside this one.
    fn descend<T>(
        &mut self,
        table: &'t DeTable<'t>,
        span: Range<usize>,
        (section, path): (String, String),
        read: impl FnOnce(&mut Reader<'t, '_>) -> T,
    ) -> T {
        let mut inner = Reader {
            table,
            span: Some(span),
            section,
            path,
            asked: BTreeSet::new(),
            accept_rest: false,
            surroundings: self.surroundings,
            report: self.report,
        };
        let result = read(&mut inner);
        inner.finish();
        result
    }

    /// The section and path of the table under `key`; for one of several, with its index.
    fn inner_names(&self, key: &str, item: Option<(usize, &DeTable<'_>)>) -> (String, String) {
        match item {
            None if self.root_level() => (format!("[{key}]"), String::new()),
            None => (self.section.clone(), format!("{}{key}.", self.path)),
            Some((index, table)) if self.root_level() => {
                let name = match table.get("name").map(|name| name.get_ref()) {
                    Some(DeValue::String(name)) => format!("\"{}\"", shown(name)),
                    _ => format!("#{}", index + 1),
                };
                (format!("[{key} {name}]"), String::new())
            }
            Some((index, _)) => (self.section.clone(), format!("{}{key}[{index}].", self.path)),
        }
    }

    /// Says that the value under the key should be a table.
    fn no_table(&mut self, key: &str, value: &Spanned<DeValue<'_>>) {
        let mistake = Mistake::new(format!("expected a table, found {}", plain(value.get_ref()).kind()));
        let form = if self.root_level() { format!("[{key}]") } else { format!("{key} = {{ … }}") };
        let subject = self.subject(key);
        self.add(Severity::Error, Some(value.span()), subject, mistake.hint(format!("write {form}")), false);
    }

    /// The secret that the value under the key refers to.
    fn fetch(&mut self, key: &str, value: &'t Spanned<DeValue<'t>>) -> Option<Secret> {
        if let DeValue::Table(table) = value.get_ref() {
            let names = self.inner_names(&shown(key), None);
            return self.descend(table, value.span(), names, secret::fetch);
        }
        let key = shown(key);
        let variable = self.variable_for(&key);
        let mistake = match value.get_ref() {
            DeValue::String(_) => Mistake::new("a literal secret is refused"),
            other => Mistake::new(format!("expected a table, found {}", plain(other).kind())),
        };
        let hint = format!("write {key} = {{ env = \"{variable}\" }} or {key} = {{ file = \"…\" }}");
        let subject = self.subject(&key);
        self.add(Severity::Error, Some(value.span()), subject, mistake.hint(hint).concealed(), false);
        None
    }

    /// A secret whose name a person has chosen.
    fn named_secret(
        &mut self,
        name: &Spanned<DeString<'_>>,
        value: &'t Spanned<DeValue<'t>>,
        check_name: &mut dyn FnMut(&str) -> Result<(), Mistake>,
        check_value: &dyn Fn(&Secret) -> Result<(), Mistake>,
    ) -> Option<(String, Secret)> {
        let key = name.get_ref();
        let subject = self.subject(&shown(key));
        let check = |reader: &mut Self, span, outcome: Result<(), Mistake>| {
            let told = |mistake| reader.add(Severity::Error, Some(span), subject.clone(), mistake, false);
            outcome.map_err(told).ok()
        };
        let named = check(self, name.span(), check_name(key));
        let secret = self.fetch(key, value)?;
        check(self, value.span(), check_value(&secret))?;
        named.map(|()| (key.clone().into_owned(), secret))
    }

    /// Whether the secrets of this section are wanted.
    pub(super) fn fetches_secrets(&self) -> bool {
        match self.surroundings.secrets {
            Secrets::All => true,
            Secrets::OfSinks => self.section.starts_with("[sink "),
            Secrets::OfEngine => self.section == "[engine]",
            Secrets::Unfetched => false,
        }
    }

    /// The environment variable of that name.
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        (self.surroundings.variable)(name)
    }

    /// The name of an environment variable that would suit a secret here: `HQ_PASSWORD`.
    fn variable_for(&self, key: &str) -> String {
        let owner = self.section.split('"').nth(1).unwrap_or("watchpost");
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }
        };
        format!("{owner}_{key}").chars().map(plain).collect()
    }
}

impl Fields for Reader<'_, '_> {
    fn contains(&mut self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    fn value(&mut self, key: &'static str) -> Option<Value> {
        self.get(key).map(|value| plain(value.get_ref()))
    }

    fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let value = self.get(key)?;
        self.fetch(key, value)
    }

    fn secrets(
        &mut self,
        key: &'static str,
        check_name: &mut dyn FnMut(&str) -> Result<(), Mistake>,
        check_value: &dyn Fn(&Secret) -> Result<(), Mistake>,
    ) -> Option<Vec<(String, Secret)>> {
        let value = self.get(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.no_table(key, value);
            return None;
        };
        let names = self.inner_names(key, None);
        self.descend(table, value.span(), names, |inner| {
            inner.accept_rest = true;
            let entries = table.iter();
            let read = entries.map(|(name, value)| inner.named_secret(name, value, check_name, check_value));
            // Each is read before one may give the whole up, so that every mistake is told.
            read.collect::<Vec<_>>().into_iter().collect()
        })
    }

    fn resolve(&self, path: &str) -> PathBuf {
        self.surroundings.folder.join(path)
    }

    fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = (self as &mut dyn Fields).string(key)?;
        if text.starts_with("~/") {
            let mistake =
                Mistake::new("`~` is not expanded").hint("write the whole path, or one relative to this file");
            self.report(Severity::Error, At::Key(key), mistake);
            return None;
        }
        Some(self.resolve(&text))
    }

    fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        let path = self.path(key)?;
        let problem = match File::open(&path).and_then(|file| file.metadata()) {
            Ok(metadata) if metadata.is_dir() => "it is a folder".to_owned(),
            Ok(_) => return Some(path),
            Err(error) => error.to_string(),
        };
        self.report(Severity::Error, At::Key(key), Mistake::new(format!("cannot read {}: {problem}", path.display())));
        None
    }

    fn visit_table(&mut self, key: &'static str, read: &mut dyn FnMut(&mut dyn Fields)) {
        let Some(value) = self.get(key) else { return };
        match value.get_ref() {
            DeValue::Table(table) => {
                let names = self.inner_names(key, None);
                self.descend(table, value.span(), names, |inner| read(inner));
            }
            _ => self.no_table(key, value),
        }
    }

    fn visit_tables(&mut self, key: &'static str, read: &mut dyn FnMut(&mut dyn Fields)) -> Option<usize> {
        let value = self.get(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            let found = plain(value.get_ref());
            let mistake = Mistake::new(format!("expected an array of tables, found {}", found.kind()));
            let form = if self.root_level() { format!("[[{key}]]") } else { format!("{key} = [ {{ … }} ]") };
            self.report(Severity::Error, At::Key(key), mistake.hint(format!("write {form}")));
            return None;
        };
        for (index, item) in array.iter().enumerate() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    let names = self.inner_names(key, Some((index, table)));
                    self.descend(table, item.span(), names, |inner| read(inner));
                }
                other => {
                    let mistake = Mistake::new(format!("expected a table, found {}", plain(other).kind()));
                    self.report(Severity::Error, At::Item(key, index), mistake);
                }
            }
        }
        Some(array.len())
    }

    fn accept_rest(&mut self) {
        self.accept_rest = true;
    }

    fn report(&mut self, severity: Severity, at: At, mistake: Mistake) {
        let (span, subject, there) = match at {
            At::Table => (None, self.subject("").trim_end_matches('.').to_owned(), false),
            At::Key(key) => (self.table.get(key).map(Spanned::span), self.subject(key), true),
            At::Item(key, index) => {
                let item = self.table.get(key).and_then(|value| value.get_ref().get(index)).map(Spanned::span);
                (item, self.subject(&format!("{key}[{index}]")), true)
            }
        };
        let doubtful = !(there && span.is_some());
        self.add(severity, span.or_else(|| self.span.clone()), subject, mistake, doubtful);
    }
}

/// A TOML value as readers see it.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("an integer of more than 64 bits"), Value::Integer),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Array(array) => Value::List(array.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a date-time"),
        DeValue::Table(_) => Value::Other("a table"),
    }
}
