//! Reads a recording line by line.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use actix_web::http::header::{HeaderName, HeaderValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::recording::{Answer, Call, End, Frame, Opened, Recording, Said, Script, Socket};

/// What this program can read.
const VERSION: u64 = 1;

/// The longest line, in bytes: a message of the largest size that is accepted, escaped.
const LONGEST: u64 = 64 << 20;

/// The largest file, in bytes: all of it is kept in memory.
const LARGEST: u64 = 1 << 30;

/// Why a recording cannot be played back. Another file helps, or for a newer version a newer watchpost.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It begins with something else.
    #[error("{} is no recording of watchpost's: line 1 is not such a header: {why}", path.display())]
    NoRecording {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It was made by a newer watchpost.
    #[error("{} is of version {version}, and this watchpost reads up to {VERSION}: play it back with a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// It is too large to be played. Fewer lines help: each is good for itself, and may be left out from the end.
    #[error("{} has {size} bytes, and {LARGEST} is the most that is played: leave out lines from its end", path.display())]
    Large {
        /// The file.
        path: PathBuf,
        /// Its size, in bytes.
        size: u64,
    },
    /// A line is not what it should be.
    #[error("{} is damaged: line {line}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, the first is 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Deserialize)]
struct Header {
    watchpost: String,
    version: u64,
    #[serde(default)]
    vendor: String,
    #[serde(default)]
    recorded: String,
    #[serde(default)]
    by: String,
}

#[derive(Deserialize)]
struct Line {
    at: f64,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
enum What {
    Call(CallLine),
    Open(OpenLine),
    Sent(SaidLine),
    Got(SaidLine),
    Ended(EndedLine),
    Download(serde::de::IgnoredAny),
    /// A later watchpost may tell more.
    #[serde(other)]
    Other,
}

type Pairs = Vec<(String, String)>;

#[derive(Deserialize)]
struct CallLine {
    method: String,
    path: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    headers: Pairs,
    #[serde(default)]
    took: f64,
    #[serde(flatten)]
    outcome: OutcomeLine,
}

#[derive(Deserialize)]
struct OutcomeLine {
    status: Option<u16>,
    #[serde(default)]
    answer: Pairs,
    body: Option<String>,
    base64: Option<String>,
}

#[derive(Deserialize)]
struct OpenLine {
    socket: u64,
    path: String,
    #[serde(default)]
    took: f64,
    #[serde(flatten)]
    outcome: OutcomeLine,
}

#[derive(Deserialize)]
struct SaidLine {
    socket: u64,
    text: Option<String>,
    base64: Option<String>,
}

#[derive(Deserialize)]
struct EndedLine {
    socket: u64,
    by: String,
    code: Option<u16>,
}

pub(super) fn read(path: &Path) -> Result<Recording, ReadError> {
    let failed = |source| ReadError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > LARGEST {
        return Err(ReadError::Large { path: path.to_owned(), size });
    }
    parse(path, &mut BufReader::new(file))
}

fn parse(path: &Path, file: &mut dyn BufRead) -> Result<Recording, ReadError> {
    let failed = |source| ReadError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // A file of another kind may have no line end at all.
    io::Read::take(&mut *file, 64 << 10).read_until(b'\n', &mut bytes).map_err(failed)?;
    let no_recording = |why: String| ReadError::NoRecording { path: path.to_owned(), why };
    let header: Header = serde_json::from_slice(&bytes).map_err(|error| no_recording(error.to_string()))?;
    if header.watchpost != "frames" {
        return Err(no_recording("it says that it is something else".to_owned()));
    }
    if header.version > VERSION {
        return Err(ReadError::Newer { path: path.to_owned(), version: header.version });
    }
    let Header { vendor, recorded, by, .. } = header;
    // They go to the terminal.
    let [vendor, recorded, by] = [vendor, recorded, by].map(|text| text.replace(char::is_control, " "));
    let mut reading =
        Reading { recording: Recording { vendor, recorded, by, ..Recording::default() }, open: HashMap::new() };
    for line in 2.. {
        bytes.clear();
        if io::Read::take(&mut *file, LONGEST).read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
            break;
        }
        if bytes.len() as u64 == LONGEST {
            let why = format!("it is longer than {LONGEST} bytes");
            return Err(ReadError::Damaged { path: path.to_owned(), line, why });
        }
        let is_whole = bytes.ends_with(b"\n");
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let read = serde_json::from_slice::<Line>(&bytes).map_err(|error| error.to_string());
        match read.and_then(|line| reading.take(line)) {
            Ok(()) => {}
            Err(_) if !is_whole => reading.recording.cut = true,
            Err(why) => return Err(ReadError::Damaged { path: path.to_owned(), line, why }),
        }
    }
    Ok(reading.recording)
}

struct Reading {
    recording: Recording,
    /// Where the socket of a number is.
    open: HashMap<u64, usize>,
}

impl Reading {
    fn take(&mut self, Line { at, what }: Line) -> Result<(), String> {
        if !at.is_finite() || at < 0.0 {
            return Err(format!("{at} is no time"));
        }
        self.recording.length = self.recording.length.max(at);
        match what {
            What::Call(call) => {
                let CallLine { method, path, query, headers, took, outcome } = call;
                let (path, answer) = (sound(path)?, answer(outcome, 200)?);
                self.recording.calls.push(Call { method, path, query, headers, at, took, answer });
            }
            What::Open(OpenLine { socket, path, took, outcome }) => {
                let path = sound(path)?;
                let opened = match answer(outcome, 101)? {
                    None => Opened::Lost,
                    Some(answer) if answer.status == 101 => Opened::Yes(Script { at, ..Script::default() }),
                    Some(answer) => Opened::Refused(answer),
                };
                self.open.insert(socket, self.recording.sockets.len());
                self.recording.sockets.push(Socket { path, took, opened });
            }
            What::Sent(said) => self.script(said.socket)?.heard += 1,
            What::Got(SaidLine { socket, text, base64 }) => {
                let said = match (text, base64) {
                    (Some(text), _) => Said::Text(text),
                    (None, Some(bytes)) => Said::Binary(decoded(&bytes)?),
                    (None, None) => return Err("a message has neither `text` nor `base64`".to_owned()),
                };
                let script = self.script(socket)?;
                script.frames.push(Frame { after: at - script.at, heard: script.heard, said });
            }
            What::Ended(EndedLine { socket, by, code }) => {
                let script = self.script(socket)?;
                if by != "us" {
                    let code = if by == "server" { code.or(Some(1000)) } else { None };
                    script.end = Some(End { after: at - script.at, heard: script.heard, code });
                }
            }
            What::Download(_) | What::Other => {}
        }
        Ok(())
    }

    fn script(&mut self, socket: u64) -> Result<&mut Script, String> {
        let known = self.open.get(&socket).and_then(|at| self.recording.sockets.get_mut(*at));
        match known.map(|socket| &mut socket.opened) {
            Some(Opened::Yes(script)) => Ok(script),
            _ => Err(format!("socket {socket} is not open there")),
        }
    }
}

/// A path as it is called.
fn sound(path: String) -> Result<String, String> {
    let is_path = path.starts_with('/') && !path.contains(|c: char| c.is_control() || c == ' ');
    if is_path { Ok(path) } else { Err(format!("{path:?} is no path")) }
}

/// An answer, or that there was none; of a call the lowest status is another than of a WebSocket.
fn answer(outcome: OutcomeLine, lowest: u16) -> Result<Option<Answer>, String> {
    let OutcomeLine { status, answer: headers, body, base64 } = outcome;
    let Some(status) = status else { return Ok(None) };
    if !(200..=599).contains(&status) && status != lowest {
        return Err(format!("{status} is no status of an answer"));
    }
    for (name, value) in &headers {
        if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err() {
            return Err(format!("{name:?} with {value:?} is no header"));
        }
    }
    let body = match (body, base64) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(bytes)) => decoded(&bytes)?,
        (None, None) => Vec::new(),
    };
    Ok(Some(Answer { status, headers, body }))
}

fn decoded(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("`base64` is none: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HEADER: &str =
        r#"{"watchpost":"frames","version":1,"vendor":"een","recorded":"2026-06-11T09:00:00Z","by":"watchpost 0.1.0"}"#;

    fn parsed(text: &str) -> Result<Recording, ReadError> {
        parse(Path::new("hq.frames"), &mut text.as_bytes())
    }

    #[test]
    fn a_recording_is_read_with_its_calls_and_sockets() {
        let lines = [
            HEADER,
            r#"{"at":0.5,"what":"call","method":"GET","host":"https://host-1.invalid","path":"/a","query":"b=1","took":0.1,"status":200,"answer":[["content-type","text/plain"]],"body":"x"}"#,
            r#"{"at":0.6,"what":"call","method":"GET","host":"h","path":"/a","took":0.1,"failed":"lost"}"#,
            r#"{"at":1,"what":"open","socket":1,"host":"wss://host-1.invalid","path":"/ws","took":0.2,"status":101}"#,
            r#"{"at":1.5,"what":"sent","socket":1,"text":"hello"}"#,
            r#"{"at":2,"what":"got","socket":1,"text":"hi"}"#,
            r#"{"at":2,"what":"got","socket":1,"base64":"AAE="}"#,
            r#"{"at":3,"what":"ended","socket":1,"by":"server","code":1001,"how":"closed"}"#,
            r#"{"at":3,"what":"open","socket":2,"host":"h","path":"/ws","took":0.2,"status":503}"#,
            r#"{"at":3,"what":"news","of":"a later version"}"#,
            r#"{"at":4,"what":"got","so"#,
        ];
        let recording = parsed(&lines.join("\n")).unwrap();
        assert_eq!((&*recording.vendor, recording.cut, recording.length), ("een", true, 3.0));
        assert_eq!((recording.calls.len(), recording.sockets.len()), (2, 2));
        assert!(recording.calls[1].answer.is_none());
        let Opened::Yes(script) = &recording.sockets[0].opened else { unreachable!() };
        assert_eq!((script.frames.len(), script.frames[0].heard, script.frames[0].after), (2, 1, 1.0));
        assert_eq!(script.end.unwrap().code, Some(1001));
        assert!(matches!(&recording.sockets[1].opened, Opened::Refused(answer) if answer.status == 503));
    }

    #[test]
    fn a_damaged_file_is_told_with_its_line_and_a_newer_one_as_such() {
        let told = |text: &str| parsed(text).unwrap_err().to_string();
        assert!(told("").contains("no recording"));
        assert!(told("{\"events\":[]}\n").contains("no recording"));
        assert!(told(&HEADER.replace("frames", "events")).contains("no recording"));
        assert!(told(&HEADER.replace("\"version\":1", "\"version\":7")).contains("version 7"));
        for line in [
            "{",
            "[]",
            r#"{"at":-1,"what":"sent","socket":1}"#,
            r#"{"at":1,"what":"got","socket":9,"text":"x"}"#,
            r#"{"at":1,"what":"call","method":"GET"}"#,
            r#"{"at":1,"what":"call","method":"GET","path":"/","status":99,"took":1}"#,
            r#"{"at":1,"what":"call","method":"GET","path":"/","status":200,"base64":"?"}"#,
        ] {
            let why = told(&format!("{HEADER}\n\n{line}\n"));
            assert!(why.contains("line 3") && why.contains("hq.frames"), "{line}: {why}");
        }
    }
}
