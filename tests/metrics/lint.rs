//! The text format of Prometheus, and the rules that `promtool check metrics` has for it.

use std::collections::{BTreeMap, BTreeSet};

/// What a text tells.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    pub(crate) families: BTreeMap<String, Family>,
    /// What is wrong with the text itself.
    mistakes: Vec<String>,
}

/// All series of one name.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) help: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) samples: Vec<Sample>,
}

/// A line with a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// With `_bucket`, `_sum` or `_count`, where it has that.
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Sample {
    /// Its labels without the bound of a bucket.
    pub(crate) fn own_labels(&self) -> BTreeMap<&str, &str> {
        let own = self.labels.iter().filter(|(name, _)| *name != "le");
        own.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl Exposition {
    pub(crate) fn read(text: &str) -> Self {
        let mut all = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
                let before = all.families.entry(name.to_owned()).or_default().help.replace(help.to_owned());
                all.note(before.is_some(), || format!("{name}: HELP twice"));
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or((rest, ""));
                let before = all.families.entry(name.to_owned()).or_default().kind.replace(kind.to_owned());
                all.note(before.is_some(), || format!("{name}: TYPE twice"));
            } else if !line.starts_with('#') {
                match sample(line) {
                    Some(sample) => all.take(sample),
                    None => all.mistakes.push(format!("no sample: {line}")),
                }
            }
        }
        all
    }

    fn note(&mut self, wrong: bool, what: impl FnOnce() -> String) {
        if wrong {
            self.mistakes.push(what());
        }
    }

    fn take(&mut self, sample: Sample) {
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| sample.name.strip_suffix(suffix));
        let of = |name: &str| self.families.get(name).and_then(|family| family.kind.as_deref());
        let family = stem.filter(|stem| of(stem) == Some("histogram")).unwrap_or(&sample.name).to_owned();
        let family = self.families.entry(family).or_default();
        let twice = family.samples.iter().any(|other| other.name == sample.name && other.labels == sample.labels);
        family.samples.push(sample.clone());
        self.note(twice, || format!("{sample:?}: twice"));
    }

    /// The sum over all series of this name that have these labels; `None` where there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|is| is == value))
        };
        let all = self.families.values().flat_map(|family| &family.samples).filter(|sample| sample.name == name);
        let values: Vec<_> = all.filter(has).map(|sample| sample.value).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    pub(crate) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.values().flat_map(|family| &family.samples)
    }

    /// Everything that is against the rules.
    pub(crate) fn lint(&self) -> Vec<String> {
        let families = self.families.iter().flat_map(|(name, family)| family.lint(name));
        self.mistakes.iter().cloned().chain(families).collect()
    }
}

const ABBREVIATIONS: [&str; 14] = ["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];
const NOT_BASE: [&str; 26] = [
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "minutes",
    "hours",
    "days",
    "weeks",
    "kilobytes",
    "megabytes",
    "gigabytes",
    "kibibytes",
    "mebibytes",
    "gibibytes",
    "bits",
    "kilobits",
    "megabits",
    "percent",
    "percents",
    "fahrenheit",
    "kelvins",
    "inches",
    "feet",
    "miles",
    "milliamperes",
    "millivolts",
    "kilograms",
];
const KINDS: [&str; 4] = ["counter", "gauge", "histogram", "summary"];

impl Family {
    fn lint(&self, name: &str) -> Vec<String> {
        let kind = self.kind.as_deref().unwrap_or_default();
        let parts: BTreeSet<_> = name.split('_').collect();
        let labels: BTreeSet<_> =
            self.samples.iter().flat_map(|sample| sample.labels.keys().map(String::as_str)).collect();
        let is_histogram = kind == "histogram";
        let camel = |word: &str| {
            word.as_bytes().windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase())
        };
        let ends_in = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
        let last = name.strip_suffix("_total").unwrap_or(name).rsplit('_').next().unwrap_or_default();
        let misplaced = |unit: &str| {
            parts.contains(unit) && last != unit && last != "limit" && !name.ends_with(&format!("{unit}_total"))
        };
        let shapes: BTreeSet<Vec<_>> =
            self.samples.iter().map(|sample| sample.own_labels().into_keys().collect()).collect();
        let rules = [
            (self.help.as_deref().is_none_or(str::is_empty), "no help text"),
            (!["counter", "gauge", "histogram"].contains(&kind), "no type"),
            (self.samples.is_empty(), "no series"),
            (kind == "counter" && !name.ends_with("_total"), "a counter should have the suffix _total"),
            (kind != "counter" && name.ends_with("_total"), "what is no counter should not have the suffix _total"),
            (!is_histogram && ends_in(&["_bucket", "_sum", "_count"]), "a suffix of histograms"),
            (!is_histogram && labels.contains("le"), "the label le is for histograms"),
            (labels.contains("quantile"), "the label quantile is for summaries"),
            (name.contains(':'), "colons are for recording rules"),
            (camel(name) || labels.iter().any(|label| camel(label)), "snake_case, not camelCase"),
            (parts.iter().any(|part| KINDS.contains(part)), "the type is not part of the name"),
            (parts.iter().any(|part| NOT_BASE.contains(part)), "use the base unit"),
            (ABBREVIATIONS.contains(&last), "do not abbreviate units"),
            (misplaced("seconds") || misplaced("bytes"), "the unit comes last"),
            (labels.iter().any(|label| name.contains(&format!("_by_{label}"))), "the name tells a label"),
            (labels.iter().any(|label| label.starts_with("__")), "a label that is reserved"),
            (shapes.len() > 1, "series with different labels"),
            (is_histogram && !self.buckets_are_whole(), "buckets that do not grow up to +Inf and the count"),
        ];
        rules.iter().filter(|(broken, _)| *broken).map(|(_, rule)| format!("{name}: {rule}")).collect()
    }

    /// The buckets of each series never shrink, and the last, +Inf, has the count.
    fn buckets_are_whole(&self) -> bool {
        let of = |labels: &BTreeMap<&str, &str>, suffix: &str| -> Vec<&Sample> {
            let of = |sample: &&Sample| sample.own_labels() == *labels && sample.name.ends_with(suffix);
            self.samples.iter().filter(of).collect()
        };
        let series: BTreeSet<_> = self.samples.iter().map(Sample::own_labels).collect();
        series.iter().all(|labels| {
            let (buckets, counts, sums) = (of(labels, "_bucket"), of(labels, "_count"), of(labels, "_sum"));
            let last = buckets.last().filter(|last| last.labels.get("le").is_some_and(|le| le == "+Inf"));
            let grow = buckets.is_sorted_by(|a, b| a.value <= b.value);
            grow && counts.len() == 1 && sums.len() == 1 && last.is_some_and(|last| last.value == counts[0].value)
        })
    }
}

/// `name{label="value",…} number`
fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, inside) = match series.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}')?),
        None => (series, ""),
    };
    let mut labels = BTreeMap::new();
    let mut rest = inside;
    while !rest.is_empty() {
        let (label, behind) = rest.split_once("=\"")?;
        // What is in quotes here never holds one.
        let (value, behind) = behind.split_once('"')?;
        labels.insert(label.trim_start_matches(',').to_owned(), value.to_owned());
        rest = behind;
    }
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte));
    let value = value.parse().ok()?;
    (plain(name) && labels.keys().all(|label| plain(label))).then(|| Sample { name: name.to_owned(), labels, value })
}

#[test]
fn every_rule_finds_what_breaks_it() {
    let good = "# HELP a_total It happens.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n";
    assert_eq!(Exposition::read(good).lint(), [""; 0]);
    for (bad, rule) in [
        ("# TYPE a_total counter\na_total 1\n", "no help text"),
        ("# HELP a A.\na 1\n", "no type"),
        ("# HELP a A.\n# TYPE a counter\na 1\n", "suffix _total"),
        ("# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n", "no counter"),
        ("# HELP a_count A.\n# TYPE a_count gauge\na_count 1\n", "suffix of histograms"),
        ("# HELP a A.\n# TYPE a gauge\na{le=\"1\"} 1\n", "label le"),
        ("# HELP aB A.\n# TYPE aB gauge\naB 1\n", "camelCase"),
        ("# HELP a_gauge A.\n# TYPE a_gauge gauge\na_gauge 1\n", "the type is not"),
        ("# HELP a_milliseconds A.\n# TYPE a_milliseconds gauge\na_milliseconds 1\n", "base unit"),
        ("# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n", "abbreviate"),
        ("# HELP a_seconds_long A.\n# TYPE a_seconds_long gauge\na_seconds_long 1\n", "comes last"),
        ("# HELP a A.\n# TYPE a gauge\na{b=\"1\"} 1\na 1\n", "different labels"),
        ("# HELP a A.\n# TYPE a gauge\na 1\na 1\n", "twice"),
        ("# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n", "+Inf"),
        ("a{b=\"c} 1\n", "no sample"),
    ] {
        let found = Exposition::read(bad).lint();
        assert!(found.iter().any(|found| found.contains(rule)), "{rule}: {found:?}");
    }
}
