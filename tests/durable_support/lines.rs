//! Event lines, as sinks write them.

use std::{
    collections::HashSet,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    time::SystemTime,
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// An event line: what tests compare, and the whole text.
#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    pub id: String,
    pub connection: String,
    pub origin: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(deserialize_with = "number")]
    pub sequence: u64,
    #[serde(skip)]
    pub text: String,
}

fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

impl Line {
    /// Reads one line.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut line: Self = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
        text.clone_into(&mut line.text);
        Ok(line)
    }

    /// All of it.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// When it was stored.
    pub fn recorded(&self) -> SystemTime {
        self.json()["recordedtime"].as_str().unwrap().parse::<Timestamp>().unwrap().into()
    }

    /// Raised by a system, and not by the engine.
    pub fn is_vendors(&self) -> bool {
        self.origin != "engine"
    }
}

/// Reads a file as it grows, whole lines only.
pub struct Tail {
    path: PathBuf,
    at: u64,
    lines: Vec<Line>,
    /// The different events of systems among them.
    distinct: HashSet<String>,
}

impl Tail {
    /// Reads from `at` on; that may lie behind the end.
    pub fn new(path: PathBuf, at: u64) -> Self {
        Self { path, at, lines: Vec::new(), distinct: HashSet::new() }
    }

    /// Every line that was ever there. A line that is no event fails the test.
    pub fn read(&mut self) -> &[Line] {
        // A sink that has not started has no file.
        if let Ok(mut file) = File::open(&self.path) {
            let mut more = Vec::new();
            file.seek(SeekFrom::Start(self.at)).unwrap();
            file.read_to_end(&mut more).unwrap();
            let whole = more.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            self.at += whole as u64;
            let text = std::str::from_utf8(&more[..whole]).unwrap();
            let lines: Vec<Line> = text.lines().map(|line| Line::read(line).unwrap()).collect();
            let vendors = lines.iter().filter(|line| line.is_vendors());
            self.distinct.extend(vendors.map(|line| line.id.clone()));
            self.lines.extend(lines);
        }
        &self.lines
    }

    /// How many different events of systems there are by now.
    pub fn distinct(&mut self) -> usize {
        self.read();
        self.distinct.len()
    }
}
