//! `[engine]`: storage, and the address of API and dashboard.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use watchpost_actors::settings::{ByteSize, Fields, Mistake, Secret, mistake::shown};

/// What `[engine]` says. The section and each of its keys may be absent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineSettings {
    /// The folder of journal and checkpoints, `watchpost-data` beside the configuration unless set.
    pub data_dir: PathBuf,
    /// Where API and dashboard listen, `127.0.0.1:8780` unless set.
    pub listen: Listen,
    /// What the API asks of its callers; needed where `listen` can be reached from other machines.
    pub token: Option<Secret>,
    /// Names by which the API may be asked without a token, beside addresses and `localhost`: those of a proxy in front of it. In lower case.
    pub hosts: Vec<String>,
    /// How long the journal keeps events, 7 days unless set.
    pub retain: Duration,
    /// What a commit waits for.
    pub synchronous: Synchronous,
    /// The largest journal, 4 GiB unless set.
    pub max_journal: ByteSize,
    /// The most that is kept for sinks that are behind, 2 GiB unless set.
    pub max_undelivered: ByteSize,
    /// How long a batch waits for names, 2 s unless set. Zero: names come with a later event.
    pub name_wait: Duration,
}

/// Where API and dashboard listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// At this address.
    At(SocketAddr),
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// The disk has it: it outlives a power cut.
    #[default]
    Full,
    /// The operating system has it: it outlives a crash of the program.
    Normal,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const DATA_DIR: &str = "watchpost-data";

impl Default for EngineSettings {
    /// The defaults, with `data_dir` in the working folder.
    fn default() -> Self {
        Self {
            data_dir: DATA_DIR.into(),
            listen: Listen::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 8780))),
            token: None,
            hosts: Vec::new(),
            retain: 7 * DAY,
            synchronous: Synchronous::Full,
            max_journal: ByteSize::gib(4),
            max_undelivered: ByteSize::gib(2),
            name_wait: 2 * SECOND,
        }
    }
}

impl EngineSettings {
    /// Reads `[engine]`.
    pub(super) fn read(root: &mut dyn Fields) -> Self {
        let default = Self { data_dir: root.resolve(DATA_DIR), ..Self::default() };
        root.table("engine", |fields| Self::read_keys(fields, &default)).unwrap_or(default)
    }

    fn read_keys(fields: &mut dyn Fields, default: &Self) -> Self {
        let smallest = ByteSize::mib(1);
        let largest = ByteSize::gib(1 << 20);
        let settings = Self {
            data_dir: fields.path("data_dir").unwrap_or_else(|| default.data_dir.clone()),
            listen: listen(fields).unwrap_or(default.listen),
            token: fields.secret("token"),
            hosts: fields.list("hosts", host).unwrap_or_default(),
            retain: fields.duration("retain", SECOND..=36_500 * DAY).unwrap_or(default.retain),
            synchronous: fields
                .choice("synchronous", &[("full", Synchronous::Full), ("normal", Synchronous::Normal)])
                .unwrap_or(default.synchronous),
            max_journal: fields.size("max_journal", smallest..=largest).unwrap_or(default.max_journal),
            max_undelivered: fields.size("max_undelivered", smallest..=largest).unwrap_or(default.max_undelivered),
            name_wait: fields.duration("name_wait", Duration::ZERO..=60 * SECOND).unwrap_or(default.name_wait),
        };
        if let Listen::At(address) = settings.listen
            && !address.ip().to_canonical().is_loopback()
            && !fields.contains("token")
        {
            fields.error(
                "listen",
                Mistake::new(format!("{address} can be reached from other machines, so a token is required"))
                    .hint("add token = { env = \"WATCHPOST_TOKEN\" }, or listen at 127.0.0.1"),
            );
        }
        if fields.contains("http_tls") {
            fields.error(
                "http_tls",
                Mistake::new("not available yet").hint("put a proxy that speaks TLS in front of `listen`"),
            );
        }
        settings
    }
}

/// A name in a `Host` header: neither an address, which is always fine, nor a pattern.
fn host(text: &str) -> Result<String, Mistake> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        plain && (1..=63).contains(&label.len())
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        let mistake = Mistake::new(format!("\"{}\" is no name of a host", shown(text)));
        return Err(mistake.hint("write it as browsers show it, without scheme, port and path: \"watch.example.com\""));
    }
    Ok(name)
}

fn listen(fields: &mut dyn Fields) -> Option<Listen> {
    let text = fields.string("listen")?;
    if text == "off" {
        return Some(Listen::Off);
    }
    let address = text.parse().map(Listen::At);
    if address.is_err() {
        let mistake = Mistake::new(format!("\"{}\" is no address to listen at", shown(&text)));
        fields.error("listen", mistake.hint("write an IP address and a port, like \"127.0.0.1:8780\", or \"off\""));
    }
    address.ok()
}
