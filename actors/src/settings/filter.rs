//! What a sink's filter says.

use globset::Glob;

use super::{At, Fields, Mistake, mistake::shown};
use crate::model::Origin;
pub use crate::model::filter::FilterSettings;

/// Every value of an event's `origin`.
const ORIGINS: [&str; 5] = [
    Origin::Live.as_str(),
    Origin::Resumed.as_str(),
    Origin::Backfill.as_str(),
    Origin::Snapshot.as_str(),
    Origin::Engine.as_str(),
];

impl FilterSettings {
    /// Whether the filter asks nothing, so that every event passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads a filter's table.
    pub fn read(fields: &mut dyn Fields) -> Self {
        let filter = Self {
            connections: globs(fields, "connections"),
            vendors: globs(fields, "vendors"),
            types: globs(fields, "types"),
            items: globs(fields, "items"),
            names: globs(fields, "names"),
            groups: globs(fields, "groups"),
            origins: globs(fields, "origins"),
            not: fields.table("not", Self::read_not).map(Box::new),
        };
        for (index, origin) in filter.origins.iter().enumerate() {
            let fits = Glob::new(origin).is_ok_and(|glob| {
                let matcher = glob.compile_matcher();
                ORIGINS.iter().any(|known| matcher.is_match(known))
            });
            if !fits {
                fields.error(("origins", index), Mistake::unknown("origin", origin, ORIGINS));
            }
        }
        filter
    }

    fn read_not(fields: &mut dyn Fields) -> Self {
        // Judged by what is written, so that a wrong value inside is not told twice.
        if !ALL_KEYS.iter().any(|key| fields.contains(key)) {
            fields.error(
                At::Table,
                Mistake::new("nothing is named here, so every event would be left out").hint("name what to leave out"),
            );
        }
        Self::read(fields)
    }
}

/// Longer globs may be too large to compile, and nobody writes them.
const LONGEST_GLOB: usize = 1_000;

const ALL_KEYS: [&str; 8] = ["connections", "vendors", "types", "items", "names", "groups", "origins", "not"];

fn globs(fields: &mut dyn Fields, key: &'static str) -> Vec<String> {
    let globs = fields.list(key, glob);
    if globs.as_ref().is_some_and(Vec::is_empty) {
        fields.error(
            key,
            Mistake::new("the list is empty, so nothing can match").hint("leave the key out to match everything"),
        );
    }
    globs.unwrap_or_default()
}

fn glob(text: &str) -> Result<String, Mistake> {
    if text.is_empty() {
        return Err(Mistake::new("an empty pattern matches nothing").hint("write \"*\" for anything"));
    }
    if text.len() > LONGEST_GLOB {
        return Err(Mistake::new(format!("the pattern is longer than {LONGEST_GLOB} bytes")));
    }
    match Glob::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(why) => Err(Mistake::new(format!("\"{}\" is no pattern: {}", shown(text), why.kind()))
            .hint("`*` stands for anything, `?` for one character, `[ab]` for one of several, `{x,y}` for either")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_accepted_pattern_compiles(text in "[*?{},\\[\\]!a-c\u{e9}/\\\\-]{0,1000}") {
            if glob(&text).is_ok() {
                let compiled = Glob::new(&text).map(|glob| glob.compile_matcher().is_match("abc"));
                prop_assert!(compiled.is_ok());
            }
        }
    }
}
