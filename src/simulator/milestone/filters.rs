//! Which events a subscription wants.

use std::{borrow::Cow, collections::HashSet};

use serde_json::Value;

/// One filter: the three lists are ANDed, the values within a list ORed (inferred from Milestone's samples).
pub(super) struct Filter {
    include: bool,
    resources: Wanted,
    sources: Wanted,
    types: Wanted,
}

enum Wanted {
    Any,
    These(HashSet<String>),
}

impl Wanted {
    fn has(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(values) => values.contains(value),
        }
    }
}

impl Filter {
    /// The sources that it names, in lower case; `None` if it is about all.
    pub(super) const fn sources(&self) -> Option<&HashSet<String>> {
        match &self.sources {
            Wanted::Any => None,
            Wanted::These(sources) => Some(sources),
        }
    }

    pub(super) const fn includes(&self) -> bool {
        self.include
    }
}

/// Reads `filters`. Missing, null or empty is legal and matches nothing, as observed on 2025 R2 sites.
pub(super) fn parse(filters: Option<&Value>) -> Result<Vec<Filter>, String> {
    match filters {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(filters)) => filters.iter().map(parse_one).collect(),
        Some(_) => Err("'filters' must be a list.".to_owned()),
    }
}

fn parse_one(filter: &Value) -> Result<Filter, String> {
    let modifier = filter.get("modifier").and_then(Value::as_str).unwrap_or_default();
    let include = match modifier.to_ascii_lowercase().as_str() {
        "include" => true,
        "exclude" => false,
        _ => {
            return Err(format!("'modifier' must be 'include' or 'exclude', not '{modifier}'."));
        }
    };
    Ok(Filter {
        include,
        resources: parse_list(filter, "resourceTypes")?,
        sources: parse_list(filter, "sourceIds")?,
        types: parse_list(filter, "eventTypes")?,
    })
}

fn parse_list(filter: &Value, name: &str) -> Result<Wanted, String> {
    let wrong = || format!("'{name}' must be a list of texts.");
    let values = filter.get(name).and_then(Value::as_array).ok_or_else(wrong)?;
    let mut these = HashSet::with_capacity(values.len());
    for value in values {
        let value = value.as_str().ok_or_else(wrong)?;
        if value == "*" {
            return Ok(Wanted::Any);
        }
        these.insert(value.to_ascii_lowercase());
    }
    Ok(Wanted::These(these))
}

/// Whether a subscription wants an event. `source` and `event_type` are in lower case but for the resource.
///
/// How several filters combine is not documented. Taken here: included by any and excluded by none; with `in_order` the
/// last filter that matches decides.
pub(super) fn wants(filters: &[Filter], source: &str, event_type: &str, in_order: bool) -> bool {
    let (resource, id) = source.split_once('/').unwrap_or((source, ""));
    let resource = if resource.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(resource.to_ascii_lowercase())
    } else {
        Cow::Borrowed(resource)
    };
    // Most sessions are told apart by their sources, if there are many.
    let mut matching = filters
        .iter()
        .filter(|filter| filter.sources.has(id) && filter.resources.has(&resource) && filter.types.has(event_type))
        .map(|filter| filter.include);
    if in_order {
        matching.next_back().unwrap_or(false)
    } else {
        let mut included = false;
        for include in matching {
            if !include {
                return false;
            }
            included = true;
        }
        included
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn filters(filters: Value) -> Vec<Filter> {
        parse(Some(&filters)).unwrap()
    }

    fn one(modifier: &str, resource: &str, source: &str, event_type: &str) -> Value {
        json!({"modifier": modifier, "resourceTypes": [resource], "sourceIds": [source], "eventTypes": [event_type]})
    }

    #[test]
    fn no_filters_want_nothing() {
        for none in [None, Some(&Value::Null), Some(&json!([]))] {
            assert!(!wants(&parse(none).unwrap(), "cameras/a", "t", false));
        }
    }

    #[test]
    fn all_three_lists_must_match_in_any_case() {
        let filters = filters(json!([one("Include", "Cameras", "AB", "*")]));
        assert!(wants(&filters, "cameras/ab", "t", false));
        assert!(!wants(&filters, "cameras/ac", "t", false));
        assert!(!wants(&filters, "outputs/ab", "t", false));
    }

    #[test]
    fn an_exclude_wins_unless_filters_count_in_order() {
        let filters = filters(json!([one("exclude", "*", "a", "*"), one("include", "cameras", "*", "*")]));
        assert!(!wants(&filters, "cameras/a", "t", false));
        assert!(wants(&filters, "cameras/a", "t", true));
        assert!(wants(&filters, "cameras/b", "t", false));
    }

    #[test]
    fn bad_filters_are_told() {
        for (bad, told) in [
            (json!("x"), "'filters'"),
            (json!([one("with", "*", "*", "*")]), "'with'"),
            (
                json!([{"modifier": "include", "resourceTypes": ["*"], "sourceIds": "*", "eventTypes": ["*"]}]),
                "'sourceIds'",
            ),
        ] {
            let error = parse(Some(&bad)).err().unwrap();
            assert!(error.contains(told), "{error}");
        }
    }
}
