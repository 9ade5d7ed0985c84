//! What the documentation says of simplipy's own tests.

use std::fs;
use std::path::Path;

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn each_test_of_simplipy_has_a_counterpart_that_is_where_the_documentation_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/vendors/simplisafe.md")).unwrap();
    let (_, table) = page.split_once("<!-- simplipy's tests -->").unwrap();
    let (table, _) = table.split_once("<!-- end -->").unwrap();
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| line.contains("| `")).map(|line| line.split('|').collect()).collect();
    assert_eq!(rows.len(), 18, "its tests of release 2026.6");
    for row in rows {
        let [_, test, _, shown_by, _] = row[..] else { panic!("{row:?}") };
        let (mut file, mut found) = (String::new(), 0);
        for word in quoted(shown_by) {
            if word.ends_with(".rs") {
                file = fs::read_to_string(root.join(word)).unwrap_or_else(|error| panic!("{word}: {error}"));
                continue;
            }
            let at = file.find(&format!("fn {word}()")).unwrap_or_else(|| panic!("{test}: {word} is not there"));
            assert!(file[..at].trim_end().trim_end_matches("async").trim_end().ends_with("test]"), "{test}: {word}");
            found += 1;
        }
        assert!(found > 0, "{test} has no counterpart");
    }
}
