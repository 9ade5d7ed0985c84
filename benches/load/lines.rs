//! Whether a file sink has written what it should have: every event of the floods, in order, once.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Outcome;

#[derive(Deserialize)]
struct Line<'a> {
    id: &'a str,
    origin: &'a str,
}

/// Fails unless the file, with what was rotated away from it, holds floods of these sizes and nothing else but the engine's own events.
pub(crate) fn check(file: &Path, floods: &[u64]) -> Outcome<()> {
    let mut expected = Expected { floods, whole: 0, flood: String::new(), next: 0 };
    let mut text = Vec::new();
    for path in parts(file)? {
        let mut lines = BufReader::with_capacity(1 << 20, File::open(&path)?);
        while lines.read_until(b'\n', &mut text)? > 0 {
            let line: Line<'_> = serde_json::from_slice(&text)
                .map_err(|error| format!("{} holds a line that is no event: {error}", path.display()))?;
            if line.origin != "engine" {
                expected.meet(line.id)?;
            }
            text.clear();
        }
    }
    expected.finish()
}

/// The files that the sink has written, oldest first.
fn parts(file: &Path) -> Outcome<Vec<PathBuf>> {
    let mut parts = vec![file.to_owned()];
    for number in 1.. {
        let mut name = OsString::from(file);
        name.push(format!(".{number}"));
        let part = PathBuf::from(name);
        if !part.try_exists()? {
            break;
        }
        parts.push(part);
    }
    parts.reverse();
    Ok(parts)
}

/// What must come next. The simulator's ids are a GUID's first four groups for the flood, and the event's number as the fifth.
struct Expected<'a> {
    floods: &'a [u64],
    /// Floods that are whole.
    whole: usize,
    flood: String,
    next: u64,
}

impl Expected<'_> {
    fn meet(&mut self, id: &str) -> Outcome<()> {
        let (flood, number) = id.rsplit_once('-').ok_or_else(|| format!("{id} is of no flood"))?;
        let (begins, other) = (self.next == 0, flood != self.flood);
        if self.whole == self.floods.len() || begins != other || u64::from_str_radix(number, 16)? != self.next {
            let Self { flood, whole, next, .. } = self;
            return Err(format!(
                "the file holds {id} out of turn: after {whole} floods and {next} events of {flood:?}"
            )
            .into());
        }
        if begins {
            flood.clone_into(&mut self.flood);
        }
        self.next += 1;
        if self.floods.get(self.whole) == Some(&self.next) {
            (self.whole, self.next) = (self.whole + 1, 0);
        }
        Ok(())
    }

    fn finish(self) -> Outcome<()> {
        if self.whole == self.floods.len() {
            return Ok(());
        }
        Err(format!("the file ends after {} floods and {} events of {:?}", self.whole, self.next, self.flood).into())
    }
}
