//! The configuration file: read, checked, and every mistake named.
//!
//! [`load`] reads a file, [`parse`] a text. The text becomes a tree in which every value knows its place; `reader`
//! shows one table of it at a time to whoever knows the keys ([`engine`], [`connection`], [`sink`], and through the
//! engine's list of vendors each vendor). `report` collects what they find; [`diagnostic`] shows it with line and
//! caret; `conceal` keeps secrets out of what is shown; `secret` fetches those that are meant.
//!
//! Relative paths, wherever they stand in the file, start from the folder of the file.

pub mod connection;
pub mod diagnostic;
pub mod engine;
#[cfg(feature = "mqtt")]
pub mod mqtt;
#[cfg(feature = "nats")]
pub mod nats;
pub mod sink;
pub mod webhook;

mod conceal;
mod reader;
mod report;
mod secret;

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use toml::de::DeTable;
use watchpost_actors::ConnectionConfig;
use watchpost_actors::settings::{At, Fields, Mistake};

#[cfg(feature = "mqtt")]
pub use self::mqtt::{DiscoveryForm, MqttSink};
#[cfg(feature = "nats")]
pub use self::nats::{NatsLimits, NatsLogin, NatsMode, NatsSink};
pub use self::{
    diagnostic::{ConfigErrors, Diagnostic},
    engine::{EngineSettings, Listen, Synchronous},
    sink::{FileSink, SinkConfig, SinkKind},
    webhook::{SigningKey, SigningKeyError, WebhookMode, WebhookSink},
};
use self::{reader::Reader, report::Report};

/// All that a configuration file says.
#[derive(Debug)]
pub struct Config {
    /// `[engine]`.
    pub engine: EngineSettings,
    /// Each `[[connection]]`, in the order of the file.
    pub connections: Vec<ConnectionConfig>,
    /// Each `[[sink]]`, in the order of the file.
    pub sinks: Vec<SinkConfig>,
    /// What does not stop the start, but is worth knowing.
    pub warnings: Vec<Diagnostic>,
}

/// Gives the environment variable of a name.
type Variable<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Which secrets are fetched. Where one is looked for is checked all the same; one that is not fetched is empty, or not there where it may be
/// left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    /// All of them: what is needed to run.
    #[default]
    All,
    /// Those of sinks alone: what is needed to deliver.
    OfSinks,
    /// Those of `[engine]` alone: what is needed to ask a running watchpost.
    OfEngine,
    /// None: enough to look at what is stored.
    Unfetched,
}

/// What a configuration refers to outside of itself.
pub struct Surroundings<'a> {
    folder: PathBuf,
    variable: Box<Variable<'a>>,
    secrets: Secrets,
}

impl<'a> Surroundings<'a> {
    /// Relative paths start from `folder`; `{ env = "X" }` is what `variable` gives for `X`.
    pub fn new(folder: impl Into<PathBuf>, variable: impl Fn(&str) -> Option<OsString> + 'a) -> Self {
        Self { folder: folder.into(), variable: Box::new(variable), secrets: Secrets::All }
    }

    /// Fetches these secrets alone.
    #[must_use]
    pub fn with_secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// The surroundings of this process, for a configuration in `folder`.
    pub fn of_process(folder: impl Into<PathBuf>) -> Self {
        Self::new(folder, |name| std::env::var_os(name))
    }
}

/// The largest file that is taken for a configuration. It stops a wrong path (a log, a device) early.
const LARGEST: u64 = 1 << 20;

/// Reads and checks a configuration file, with the secrets and files that it names.
///
/// # Errors
///
/// Every mistake there is, in the order of the file. Reading again helps only after something was changed.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    load_with(path, Secrets::All)
}

/// Reads and checks a configuration file like [`load`], but fetches these secrets alone: the others may be out of reach where somebody only looks
/// at what is stored, as the environment of a service is from a shell.
///
/// # Errors
///
/// As of [`load`].
pub fn load_with(path: &Path, secrets: Secrets) -> Result<Config, ConfigErrors> {
    let name = path.display().to_string();
    let bytes = read_file(path).map_err(|mistake| ConfigErrors::of_file(&name, mistake))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let mistake = Mistake::new(format!("line {line} is not UTF-8 text"));
        ConfigErrors::of_file(&name, mistake.hint("save the file with the encoding UTF-8"))
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, &name, &Surroundings::of_process(folder).with_secrets(secrets))
}

fn read_file(path: &Path) -> Result<Vec<u8>, Mistake> {
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            Mistake::new("there is no such file").hint("name the configuration with --config, or start in its folder")
        }
        io::ErrorKind::PermissionDenied => {
            Mistake::new("the file may not be read").hint("give this user the right to read it")
        }
        io::ErrorKind::IsADirectory => Mistake::new("this is a folder").hint("name the file in it"),
        _ => Mistake::new(format!("the file cannot be read: {error}")),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(explain)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(explain)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Mistake::new("the file is larger than 1 MiB").hint("is it the right file?"));
    }
    Ok(bytes)
}

/// Checks the text of a configuration, with the secrets and files that it names; `name` is what messages call it.
///
/// # Errors
///
/// Every mistake there is, in the order of the text (after 1,000 the rest is left out). Where the text is not even TOML, what may only follow from that
/// (a key that seems to be missing) is left out.
pub fn parse(text: &str, name: &str, surroundings: &Surroundings<'_>) -> Result<Config, ConfigErrors> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut report = Report::new();
    report.conceal(conceal::secrets_in(document.get_ref()));
    let mut root = Reader::root(document.get_ref(), surroundings, &mut report);
    let (engine, connections, sinks) = read(&mut root);
    root.finish();
    report.add_syntax(text, syntax);

    let diagnostics = report.into_diagnostics(name, text);
    match (connections, sinks) {
        (Some(connections), Some(sinks)) if !diagnostic::has_errors(&diagnostics) => {
            Ok(Config { engine, connections, sinks, warnings: diagnostics })
        }
        _ => Err(ConfigErrors::new(diagnostics)),
    }
}

type Parts = (EngineSettings, Option<Vec<ConnectionConfig>>, Option<Vec<SinkConfig>>);

fn read(root: &mut dyn Fields) -> Parts {
    let engine = EngineSettings::read(root);
    let connections = list(root, "connection", "nothing is watched", connection::read_all);
    let names = connections.as_ref().map(|all| all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>());
    let sinks = list(root, "sink", "nothing is delivered", |root| sink::read_all(root, names.as_deref()));
    (engine, connections, sinks)
}

/// A list that may be absent, but seldom on purpose.
fn list<T>(
    root: &mut dyn Fields,
    key: &'static str,
    consequence: &str,
    read: impl FnOnce(&mut dyn Fields) -> Option<Vec<T>>,
) -> Option<Vec<T>> {
    let items = if root.contains(key) { read(root)? } else { Vec::new() };
    if items.is_empty() {
        root.warn(At::Table, Mistake::new(format!("there is no [[{key}]]: {consequence}")));
    }
    Some(items)
}
