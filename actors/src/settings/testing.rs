//! A table in memory, for tests of what reads one.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use super::{At, Fields, Mistake, Secret, Severity, Value};

/// One table in memory, and what was found wrong with it.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) values: Vec<(&'static str, Value)>,
    /// How many tables are said to be in it; the first is itself, and there is no other.
    pub(crate) tables: usize,
    pub(crate) found: Vec<(Severity, At, Mistake)>,
}

impl Table {
    pub(crate) fn of(values: Vec<(&'static str, Value)>) -> Self {
        Self { values, ..Self::default() }
    }

    /// Where something was found wrong, and what.
    pub(crate) fn messages(&self) -> Vec<(At, String)> {
        self.found.iter().map(|(_, at, mistake)| (*at, mistake.message.clone())).collect()
    }
}

impl Fields for Table {
    fn contains(&mut self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    fn value(&mut self, key: &'static str) -> Option<Value> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    }

    fn secret(&mut self, key: &'static str) -> Option<Secret> {
        match self.value(key)? {
            Value::Text(text) => Some(text.into()),
            _ => None,
        }
    }

    fn secrets(
        &mut self,
        _: &'static str,
        _: &mut dyn FnMut(&str) -> Result<(), Mistake>,
        _: &dyn Fn(&Secret) -> Result<(), Mistake>,
    ) -> Option<Vec<(String, Secret)>> {
        None
    }

    fn resolve(&self, path: &str) -> PathBuf {
        path.into()
    }

    fn path(&mut self, _: &'static str) -> Option<PathBuf> {
        None
    }

    fn file(&mut self, _: &'static str) -> Option<PathBuf> {
        None
    }

    fn visit_table(&mut self, _: &'static str, _: &mut dyn FnMut(&mut dyn Fields)) {}

    fn visit_tables(&mut self, _: &'static str, read: &mut dyn FnMut(&mut dyn Fields)) -> Option<usize> {
        let tables = self.tables;
        if tables == 0 {
            return None;
        }
        read(self);
        Some(tables)
    }

    fn accept_rest(&mut self) {}

    fn report(&mut self, severity: Severity, at: At, mistake: Mistake) {
        self.found.push((severity, at, mistake));
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// What `read` makes of these values, of which nothing is said.
#[track_caller]
pub(crate) fn sound<C>(read: fn(&mut dyn Fields) -> Option<C>, values: Vec<(&'static str, Value)>) -> C {
    let mut table = Table::of(values);
    let config = read(&mut table);
    assert_eq!(table.found, []);
    config.unwrap()
}

/// The one thing that `read` says of these values: whether it is an error, where, what, and the hint.
#[track_caller]
pub(crate) fn finding<C>(
    read: fn(&mut dyn Fields) -> Option<C>,
    values: Vec<(&'static str, Value)>,
) -> (Severity, At, String, String) {
    let mut table = Table::of(values);
    read(&mut table);
    assert_eq!(table.found.len(), 1, "{:?}: {:?}", table.values, table.found);
    let (severity, at, mistake) = table.found.remove(0);
    (severity, at, mistake.message, mistake.hint.unwrap_or_default())
}
