//! Files that a person hands over.

use std::io::Write;

use watchpost::config::{Surroundings, parse};
use watchpost::simulator::replay::Recording;

/// The largest input that is worth its time, in bytes.
const LARGEST: usize = 64 << 10;

/// A configuration: each mistake is named, with its place in the text.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > LARGEST {
        return;
    }
    let surroundings = Surroundings::new("/nowhere", |name| (name != "MISSING").then(|| "Se\"cret&1".into()));
    match parse(text, "watchpost.toml", &surroundings) {
        Ok(config) => {
            let _ = format!("{config:?}");
        }
        Err(errors) => {
            assert!(!errors.diagnostics().is_empty(), "refused without a reason");
            let told = errors.to_string();
            assert!(!told.contains("Se\"cret&1"), "a secret is told");
        }
    }
}

/// A recording that is to be played back.
pub fn recording(data: &[u8]) {
    if data.len() > LARGEST {
        return;
    }
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(data).is_err() {
        return;
    }
    match Recording::read(file.path()) {
        Ok(recording) => {
            let _ = format!("{recording:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
