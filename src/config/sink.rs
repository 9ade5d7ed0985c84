//! `[[sink]]`: where events are delivered.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::Duration,
};

use watchpost_actors::settings::{ByteSize, Fields, FilterSettings, Mistake, closest, name};
#[cfg(any(feature = "mqtt", feature = "nats"))]
use watchpost_actors::settings::{ClientIdentity, TlsSettings};

#[cfg(feature = "mqtt")]
use super::mqtt::{self, MqttSink};
#[cfg(feature = "nats")]
use super::nats::{self, NatsSink};
#[cfg(any(feature = "mqtt", feature = "nats"))]
use super::secret;
use super::{
    connection::own_name,
    webhook::{self, WebhookSink},
};

/// One place where events are delivered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SinkConfig {
    /// Its name, `[a-z0-9][a-z0-9_-]*`, which no other sink has.
    pub name: String,
    /// Which events it takes; all of them unless set.
    pub filter: FilterSettings,
    /// What it is.
    pub kind: SinkKind,
}

/// What a sink is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SinkKind {
    /// The program's standard output, one event a line.
    Stdout,
    /// A file, one event a line.
    File(FileSink),
    /// A receiver of events by HTTP POST.
    Webhook(WebhookSink),
    /// An MQTT broker.
    #[cfg(feature = "mqtt")]
    Mqtt(MqttSink),
    /// A NATS server with JetStream.
    #[cfg(feature = "nats")]
    Nats(NatsSink),
}

/// A file that is written and rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSink {
    /// The file; no two sinks write the same.
    pub path: PathBuf,
    /// Begin a new file at this size, 100 MiB unless set.
    pub rotate_size: ByteSize,
    /// Begin a new file after this time, a day unless set.
    pub rotate_every: Duration,
    /// How many old files are kept, 10 unless set.
    pub keep: u32,
}

impl FileSink {
    /// The default of `rotate_size`.
    pub const ROTATE_SIZE: ByteSize = ByteSize::mib(100);
    /// The default of `rotate_every`.
    pub const ROTATE_EVERY: Duration = DAY;
    /// The default of `keep`.
    pub const KEEP: u32 = 10;
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// The kinds of sinks by name; those that this version lacks read nothing.
#[derive(Clone, Copy)]
enum Kind {
    Stdout,
    File,
    Webhook,
    #[cfg(feature = "mqtt")]
    Mqtt,
    #[cfg(feature = "nats")]
    Nats,
    #[cfg(not(all(feature = "mqtt", feature = "nats")))]
    Absent(&'static str),
}

const KINDS: [(&str, Kind); 5] = [
    ("stdout", Kind::Stdout),
    ("file", Kind::File),
    ("webhook", Kind::Webhook),
    #[cfg(feature = "mqtt")]
    ("mqtt", Kind::Mqtt),
    #[cfg(not(feature = "mqtt"))]
    ("mqtt", Kind::Absent("mqtt")),
    #[cfg(feature = "nats")]
    ("nats", Kind::Nats),
    #[cfg(not(feature = "nats"))]
    ("nats", Kind::Absent("nats")),
];

/// Reads every `[[sink]]`; `connections` are the names there are, where they are known.
pub(super) fn read_all(root: &mut dyn Fields, connections: Option<&[&str]>) -> Option<Vec<SinkConfig>> {
    let mut taken = Taken::default();
    root.tables("sink", |fields| read(fields, &mut taken, connections))
}

/// What only one sink may have.
#[derive(Default)]
struct Taken {
    names: HashSet<String>,
    files: HashSet<PathBuf>,
    /// Where brokers are told what is so now: address, and prefix or bucket.
    #[cfg(any(feature = "mqtt", feature = "nats"))]
    boards: HashSet<(String, String)>,
}

fn read(fields: &mut dyn Fields, taken: &mut Taken, connections: Option<&[&str]>) -> Option<SinkConfig> {
    fields.require("name", "name = \"events\"");
    fields.require("kind", "kind = \"stdout\"");
    let name = own_name(fields, &mut taken.names);
    let filter = fields.table("filter", |fields| filter(fields, connections)).unwrap_or_default();
    let kind = match fields.choice("kind", &KINDS) {
        Some(Kind::Stdout) => Some(SinkKind::Stdout),
        Some(Kind::File) => file(fields, &mut taken.files).map(SinkKind::File),
        Some(Kind::Webhook) => webhook::read(fields).map(SinkKind::Webhook),
        #[cfg(feature = "mqtt")]
        Some(Kind::Mqtt) => mqtt::read(fields).map(|sink| {
            alone(fields, &mut taken.boards, (&sink.url, &sink.prefix), "prefix");
            SinkKind::Mqtt(sink)
        }),
        #[cfg(feature = "nats")]
        Some(Kind::Nats) => nats::read(fields).map(|sink| {
            alone(fields, &mut taken.boards, (&sink.url, &sink.bucket), "bucket");
            SinkKind::Nats(sink)
        }),
        #[cfg(not(all(feature = "mqtt", feature = "nats")))]
        Some(Kind::Absent(kind)) => {
            let mistake = Mistake::new(format!("kind \"{kind}\" is not available in this version"));
            let present = KINDS.iter().filter(|(_, kind)| !matches!(kind, Kind::Absent(_)));
            let present: Vec<_> = present.map(|(name, _)| format!("\"{name}\"")).collect();
            fields.error("kind", mistake.hint(format!("this version has {}", present.join(", "))));
            fields.accept_rest();
            None
        }
        None => {
            fields.accept_rest();
            None
        }
    };
    Some(SinkConfig { name: name?, filter, kind: kind? })
}

/// Two sinks that kept the same part of a broker as they see it would each remove what the other has put there.
#[cfg(any(feature = "mqtt", feature = "nats"))]
fn alone(
    fields: &mut dyn Fields,
    boards: &mut HashSet<(String, String)>,
    (url, part): (&url::Url, &str),
    key: &'static str,
) {
    if !boards.insert((url.to_string(), part.to_owned())) {
        let mistake = Mistake::new(format!("another sink has the {key} \"{part}\" of this broker already"));
        fields.error(key, mistake.hint(format!("give each sink a `{key}` of its own")));
    }
}

/// The `tls` table of a broker: how it is judged, and who we are to it.
#[cfg(any(feature = "mqtt", feature = "nats"))]
pub(super) fn broker_tls(fields: &mut dyn Fields) -> (TlsSettings, Option<ClientIdentity>) {
    let tls = TlsSettings::read(fields, "the password and what is sent");
    let identity = ClientIdentity::read(fields);
    if let Some(ClientIdentity { key, .. }) = &identity {
        secret::warn_if_open(fields, "client_key", key);
    }
    (tls, identity)
}

fn filter(fields: &mut dyn Fields, connections: Option<&[&str]>) -> FilterSettings {
    let filter = FilterSettings::read(fields);
    let Some(known) = connections else {
        return filter;
    };
    for (index, name) in filter.connections.iter().enumerate() {
        // A pattern may be meant for connections to come, and a child is known only once its parent is online.
        let is_plain = name::check(name).is_ok();
        if is_plain && !known.contains(&name.as_str()) {
            let mistake = Mistake::new(format!("no connection is named \"{name}\""));
            let near = closest(name, known.iter().copied());
            fields.warn(
                ("connections", index),
                match near {
                    Some(near) => mistake.hint(format!("did you mean \"{near}\"?")),
                    None => mistake,
                },
            );
        }
    }
    filter
}

fn file(fields: &mut dyn Fields, files: &mut HashSet<PathBuf>) -> Option<FileSink> {
    fields.require("path", "path = \"events.jsonl\"");
    let path = fields.path("path");
    let rotate_size = fields.size("rotate_size", ByteSize::kib(4)..=ByteSize::gib(1 << 20));
    let rotate_every = fields.duration("rotate_every", SECOND..=3650 * DAY);
    let keep = fields.integer("keep", 1..=100_000);
    let path = path?;
    if !files.insert(comparable(&path)) {
        fields.error("path", Mistake::new("another sink already writes this file").hint("give each sink its own file"));
    }
    Some(FileSink {
        path,
        rotate_size: rotate_size.unwrap_or(FileSink::ROTATE_SIZE),
        rotate_every: rotate_every.unwrap_or(FileSink::ROTATE_EVERY),
        keep: keep.unwrap_or(FileSink::KEEP),
    })
}

/// The path without `.` in it, so that `./a` is `a`. Links are not followed: the file need not be there yet.
fn comparable(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
