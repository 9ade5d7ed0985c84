#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use metrics::Unit;

use super::{
    Metrics,
    table::{Kind, METRICS, Metric},
};

/// A metric as the source uses it: kind and labels.
type Used = (&'static str, BTreeSet<String>);

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.file_stem().unwrap() != "tests" {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// What is between this opening parenthesis and its closing one.
fn inside(text: &str) -> &str {
    let mut depth = 0;
    let end = text.char_indices().find(|(_, sign)| {
        depth += i32::from(*sign == '(') - i32::from(*sign == ')');
        depth == 0
    });
    &text[1..end.expect("a closing parenthesis").0]
}

/// Every `counter!("…", "label" => …)` of a source text, and so on.
fn uses(text: &str, into: &mut BTreeMap<String, Used>) {
    for kind in ["counter", "gauge", "histogram"] {
        let mac = format!("{kind}!(");
        for (at, _) in text.match_indices(&mac).filter(|(at, _)| !text[..*at].ends_with("describe_")) {
            let arguments = inside(&text[at + mac.len() - 1..]);
            // Texts in quotes are every second piece.
            let quoted: Vec<_> = arguments.split('"').collect();
            let labels = quoted.chunks(2).skip(1).zip(quoted.chunks(2).skip(2));
            let labels = labels.filter(|(label, behind)| label.len() == 2 && behind[0].trim_start().starts_with("=>"));
            let used = (kind, labels.map(|(label, _)| label[1].to_owned()).collect());
            let before = into.insert(quoted[1].to_owned(), used.clone());
            assert!(before.is_none_or(|before| before == used), "{} is used in two ways", quoted[1]);
        }
    }
}

#[test]
fn the_table_names_every_metric_of_the_source_with_its_kind_and_labels_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    sources(&root.join("src"), &mut texts);
    sources(&root.join("actors/src"), &mut texts);
    let mut used = BTreeMap::new();
    texts.iter().for_each(|text| uses(text, &mut used));
    let labels = |metric: &Metric| metric.labels.iter().map(|label| (*label).to_owned()).collect::<BTreeSet<_>>();
    let table: BTreeMap<_, Used> =
        METRICS.iter().map(|metric| (metric.name.to_owned(), (metric.kind.as_str(), labels(metric)))).collect();
    assert_eq!(table.len(), METRICS.len(), "a name is there twice");
    assert_eq!(used, table);
}

#[test]
fn a_name_says_the_unit_and_a_help_text_is_a_sentence() {
    for Metric { name, kind, unit, labels, help, .. } in METRICS {
        let stem = name.strip_suffix("_total").unwrap_or(name);
        assert_eq!(*kind == Kind::Counter, stem.len() < name.len(), "{name}");
        assert_eq!(*unit == Unit::Seconds, stem.ends_with("_seconds"), "{name}");
        assert_eq!(*unit == Unit::Bytes, stem.ends_with("_bytes"), "{name}");
        assert!(help.ends_with('.') && !help.contains(['|', '\n']), "{name}: {help}");
        assert!(labels.is_sorted(), "{name}: {labels:?}");
        if let Kind::Histogram(bounds) = kind {
            assert!(!bounds.is_empty() && bounds.is_sorted_by(|a, b| a < b), "{name}: {bounds:?}");
        }
    }
}

#[test]
fn the_guide_has_a_row_for_every_metric() {
    let guide = include_str!("../../../docs/metrics.md");
    let rows = METRICS.iter().map(|Metric { name, kind, labels, help, .. }| {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {} | {} | {help} |", kind.as_str(), labels.join(", "))
    });
    let missing: Vec<_> = rows.filter(|row| !guide.lines().any(|line| line == row)).collect();
    assert!(missing.is_empty(), "not in docs/metrics.md:\n{}", missing.join("\n"));
    let rows =
        guide.lines().filter(|line| line.starts_with("| `watchpost_") || line.starts_with("| `process_")).count();
    assert_eq!(rows, METRICS.len(), "docs/metrics.md has rows of metrics that there are not");
}

#[test]
fn installed_twice_it_is_the_same_and_what_is_there_from_the_start_is_told() {
    let first = Metrics::install().unwrap();
    let second = Metrics::install().unwrap();
    metrics::counter!("watchpost_logins_slowed_total").increment(1);
    for text in [first.render(), second.render()] {
        assert!(text.contains("watchpost_logins_slowed_total "), "{text}");
        assert!(
            text.contains(concat!("watchpost_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1")),
            "{text}"
        );
        assert!(text.contains("# TYPE process_start_time_seconds gauge"), "{text}");
    }
}
