//! What an engine must have made of what the cloud shows, in the engine's words, for whoever compares the two.

use super::{EventRecord, Truth};

/// The subject of a camera's events.
#[must_use]
pub fn camera(id: i64) -> String {
    format!("cameras/{id}")
}

/// The type of an event: its name as a slug, every run of anything but letters and digits one `_`.
#[must_use]
pub fn kind(name: &str) -> String {
    let mut slug = String::from("vxg.");
    for letter in name.chars() {
        match letter.is_alphanumeric() {
            true => slug.extend(letter.to_lowercase()),
            false if slug.ends_with(['_', '.']) => {}
            false => slug.push('_'),
        }
    }
    slug.trim_end_matches('_').to_owned()
}

/// What people call the type of an event.
#[must_use]
pub fn type_name(event: &EventRecord) -> &str {
    event.alias.as_deref().unwrap_or(&event.name)
}

/// The word for whether a camera is there: VXG's web client takes `active` alone for online.
#[must_use]
pub fn connection(truth: &Truth) -> &'static str {
    match truth.status.as_deref() {
        Some(status) if status.eq_ignore_ascii_case("active") => "online",
        Some(_) => "offline",
        None => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_slug() {
        assert_eq!(kind("object_and_scene_detection"), "vxg.object_and_scene_detection");
        assert_eq!(kind(" Line  Cross-ing! "), "vxg.line_cross_ing");
    }
}
