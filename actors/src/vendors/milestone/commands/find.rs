//! Which of several rows a person means.

use super::super::directory::squeezed;
use super::super::rest::Resource;
use crate::settings::closest;

/// The most names that are told as like the one that was asked for.
const MOST_NEAR: usize = 5;

/// A row, by what it can be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) title: String,
    name: Option<String>,
    /// What tells it from another of the same name.
    pub(super) about: String,
}

impl Row {
    pub(super) fn of(resource: &Resource, about: String) -> Option<Self> {
        let id = resource.guid()?.to_string();
        let title = resource.title().map_or_else(|| id.clone(), |title| title.to_string());
        Some(Self { id, title, name: resource.name.clone(), about })
    }

    fn is_called(&self, same: impl Fn(&str) -> bool) -> bool {
        same(&self.title) || self.name.as_deref().is_some_and(same)
    }
}

/// What a name leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    One(&'a Row),
    Several(Vec<&'a Row>),
    None,
}

/// The rows of this name: exactly so written, or else in any case and with or without blanks, as a subscription takes names.
pub(super) fn named<'a>(rows: &'a [Row], name: &str) -> Found<'a> {
    let squeezed_name = squeezed(name);
    let of = |same: &dyn Fn(&str) -> bool| -> Vec<&'a Row> { rows.iter().filter(|row| row.is_called(same)).collect() };
    let exact = of(&|text| text == name);
    // A name of signs alone is squeezed to nothing, as many others are.
    let found =
        if exact.is_empty() && !squeezed_name.is_empty() { of(&|text| squeezed(text) == squeezed_name) } else { exact };
    match found.as_slice() {
        [] => Found::None,
        [one] => Found::One(one),
        _ => Found::Several(found),
    }
}

/// Titles like this name, the nearest first.
pub(super) fn near(rows: &[Row], name: &str) -> Vec<String> {
    let wanted = squeezed(name);
    let mut near: Vec<String> =
        closest(name, rows.iter().map(|row| row.title.as_str())).map(str::to_owned).into_iter().collect();
    let mut alike: Vec<_> = rows
        .iter()
        .filter(|row| {
            let title = squeezed(&row.title);
            wanted.len() > 2 && title.len() > 2 && (title.contains(&wanted) || wanted.contains(&title))
        })
        .map(|row| row.title.clone())
        .collect();
    alike.sort();
    near.extend(alike);
    let mut seen = std::collections::HashSet::new();
    near.retain(|title| seen.insert(title.clone()));
    near.truncate(MOST_NEAR);
    near
}

/// Several rows, each with its id and what tells it from the others.
pub(super) fn listed(rows: &[&Row]) -> String {
    let mut rows: Vec<_> = rows.iter().map(|row| format!("{} ({}{})", row.id, row.title, row.about)).collect();
    rows.sort();
    rows.join(", ")
}
