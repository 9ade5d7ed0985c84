//! `watchpost media`.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum, value_parser};
use tokio::select;
use watchpost::{
    actors::{
        ConnectionConfig,
        journal::{JournalHandle, Writer},
        media::fetch_alone,
        messages::{FetchMedia, FetchedMedia, MediaError},
        settings::{ByteSize, closest, mistake::shown},
        vendors::MediaKind,
    },
    config::Config,
    journal::{DataDir, DataDirError},
    media,
};

use super::{
    Exit,
    client::{self, ClientError, Place, Source, Target, media::Wanted},
    run,
    signals::Signals,
    storage, terminal,
};

/// How often progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(100);

/// Fetch a picture or a recording that came with an event of SimpliSafe
///
/// Logs in as the connection would, and writes the file when all of it has come; what is there before stays until then. A recording that is not ready
/// yet is asked for again. The access token goes to SimpliSafe's own hosts and to no other.
///
/// A watchpost that runs is asked to fetch it, with --url or --config: with the login that it has. One that does not listen must be stopped first, for a login
/// may use up the refresh token that the running one needs.
///
/// Of `hls` the playlist is fetched, not the pieces that it names.
#[derive(Args)]
#[command(after_help = "Examples:
  watchpost media 38552328826 -o door.mp4
  watchpost media home:38552328826 --kind image --width 1280 -o door.jpg
  watchpost media home:38552328826 -o door.mp4 --url http://127.0.0.1:8780      (while it runs)
  watchpost media 'https://remix.us-east-1.prd.cam.simplisafe.com/v1/…{&width}' -o door.jpg")]
pub(super) struct MediaArgs {
    /// An event's id, with or without its connection's name, or a link out of an event's data
    #[arg(value_name = "URL_OR_EVENT_ID")]
    what: String,
    /// Write it to this file
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// With whose login, where the configuration has several connections to SimpliSafe
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// What of an event is wanted
    #[arg(long, value_enum, default_value_t = Kind::Clip)]
    kind: Kind,
    /// How wide a picture is to be, in pixels [default: 720]
    #[arg(long, value_name = "PIXELS", value_parser = value_parser!(u32).range(1..=16_384))]
    width: Option<u32>,
    /// For how long to ask again where it is not ready
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// The most that is taken
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    max_size: ByteSize,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The recording as one file
    Clip,
    /// A picture
    Image,
    /// The playlist of the recording
    Hls,
    /// The recording as Flash Video, which some cameras have in place of a playlist
    Flv,
}

impl From<Kind> for MediaKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Clip => Self::Clip,
            Kind::Image => Self::Image,
            Kind::Hls => Self::Hls,
            Kind::Flv => Self::Flv,
        }
    }
}

/// Why nothing was fetched, and how the program ends then.
enum Trouble {
    Said(Exit, String),
    Client(ClientError),
}

impl Trouble {
    fn failed(why: impl Display) -> Self {
        Self::Said(Exit::Failed, why.to_string())
    }

    fn usage(why: impl Display) -> Self {
        Self::Said(Exit::Usage, format!("error: {why}"))
    }
}

pub(super) async fn run(args: MediaArgs) -> Exit {
    // Before anything else, so that a signal finds somebody at home.
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return told(Trouble::failed(format_args!("signals cannot be waited for: {error}"))),
    };
    let fetched = match args.place.source() {
        Ok(Source::Straight(config)) => {
            let Some(config) = run::load(&config) else { return Exit::Usage };
            fetch(&args, &config, signals).await
        }
        Ok(Source::Running(target)) => through(&args, target, signals).await,
        Err(error) => return error.tell(),
    };
    match fetched {
        Ok(fetched) => {
            let what = fetched.content_type.map_or(String::new(), |kind| format!(", {}", shown(&kind)));
            let line = format!("{}: {} bytes{what}\n", args.output.display(), fetched.bytes);
            terminal::written(terminal::print(line.as_bytes()))
        }
        Err(trouble) => told(trouble),
    }
}

/// Has a running watchpost fetch it.
async fn through(args: &MediaArgs, target: Target, mut signals: Signals) -> Result<FetchedMedia, Trouble> {
    let link = args.what.contains("://");
    let ask = Wanted {
        connection: args.connection.as_deref(),
        url: link.then_some(&args.what),
        event: (!link).then_some(&args.what),
        kind: (!link).then(|| MediaKind::from(args.kind).as_str()),
        width: args.width,
        patience: humantime::format_duration(args.patience).to_string(),
        max_bytes: args.max_size.as_u64(),
    };
    let mut progress = Progress::new(&args.output);
    let mut tell = |size, total| progress.tell(size, total);
    let fetched = select! {
        fetched = client::media::fetch(target, &ask, args.patience, &args.output, &mut tell) => fetched,
        () = signals.next() => {
            return Err(Trouble::failed(format_args!("interrupted: {} is as it was", args.output.display())));
        }
    };
    progress.end();
    fetched.map_err(Trouble::Client)
}

fn told(trouble: Trouble) -> Exit {
    match trouble {
        Trouble::Said(exit, why) => {
            terminal::complain(why);
            exit
        }
        Trouble::Client(error) => error.tell(),
    }
}

async fn fetch(args: &MediaArgs, config: &Config, signals: Signals) -> Result<FetchedMedia, Trouble> {
    let candidates = candidates(config, &args.what, args.connection.as_deref()).map_err(Trouble::usage)?;
    let link = args.what.contains("://").then(|| args.what.clone());
    if link.is_some() && candidates.len() > 1 {
        let names = names(&candidates);
        return Err(Trouble::usage(format_args!(
            "with whose login? The configuration has several connections that could fetch it: name one with --connection ({names})"
        )));
    }
    let journal = open(config)?;
    let outcome = match sought(args, link, &candidates, &journal, config).await {
        Ok((connection, link)) => fetch_link(args, connection, link, &journal, signals).await,
        Err(trouble) => Err(trouble),
    };
    // What a login keeps is in it.
    let closed = journal.close().await;
    let fetched = outcome?;
    closed.map_err(Trouble::failed)?;
    Ok(fetched)
}

/// The connections that may be meant: all that can fetch something, or the one that is named.
fn candidates<'a>(config: &'a Config, what: &str, name: Option<&str>) -> Result<Vec<&'a ConnectionConfig>, String> {
    let of_event = what.split_once(':').map(|(name, _)| name).filter(|_| !what.contains("://"));
    if let (Some(name), Some(of_event)) = (name, of_event)
        && name != of_event
    {
        return Err(format!("the event is of connection \"{}\", and --connection names another", shown(of_event)));
    }
    let all: Vec<_> = config.connections.iter().filter(|connection| connection.vendor.has_media()).collect();
    let Some(name) = name.or(of_event) else {
        return if all.is_empty() {
            Err("the configuration has no connection of vendor \"simplisafe\"".to_owned())
        } else {
            Ok(all)
        };
    };
    match config.connections.iter().find(|connection| connection.name.as_str() == name) {
        Some(connection) if connection.vendor.has_media() => Ok(vec![connection]),
        Some(connection) => {
            let vendor = connection.vendor.name();
            Err(format!(
                "connection \"{name}\" is of vendor \"{vendor}\", which has no pictures or recordings to fetch"
            ))
        }
        None => {
            let near = closest(name, all.iter().map(|connection| connection.name.as_str()));
            let hint = near.map_or(String::new(), |near| format!("\n  hint: did you mean \"{near}\"?"));
            Err(format!("there is no connection \"{}\"{hint}", shown(name)))
        }
    }
}

fn names(connections: &[&ConnectionConfig]) -> String {
    connections.iter().map(|connection| connection.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The journal, which belongs to this process then.
fn open(config: &Config) -> Result<JournalHandle, Trouble> {
    if let Err(error @ DataDirError::InUse { .. }) = DataDir::open(&config.engine.data_dir) {
        return Err(Trouble::failed(format_args!(
            "{error}. A login here could use up the refresh token that it needs\n  hint: have that one fetch it, with --url"
        )));
    }
    let storage = storage::open(&config.engine).map_err(Trouble::failed)?;
    let (journal, ..) = storage.into_parts();
    Writer::start(journal).map(|writer| writer.handle()).map_err(Trouble::failed)
}

/// The link, and the connection with whose login it is fetched.
async fn sought<'a>(
    args: &MediaArgs,
    link: Option<String>,
    candidates: &[&'a ConnectionConfig],
    journal: &JournalHandle,
    config: &Config,
) -> Result<(&'a ConnectionConfig, String), Trouble> {
    if let (Some(link), [connection]) = (link, candidates) {
        return Ok((connection, link));
    }
    let id = args.what.split_once(':').map_or(args.what.as_str(), |(_, id)| id);
    let mut found = Vec::new();
    for connection in candidates {
        if let Some(data) = media::data(journal, &connection.name, id).await.map_err(Trouble::failed)? {
            found.push((*connection, data));
        }
    }
    let (connection, data) = match found.len() {
        0 => {
            let (names, retain) = (names(candidates), humantime::format_duration(config.engine.retain));
            return Err(Trouble::failed(format_args!(
                "there is no event {} of {names} in the journal, which keeps events for {retain}: give the link itself",
                shown(id)
            )));
        }
        1 => found.remove(0),
        _ => {
            let several: Vec<_> = found.iter().map(|(connection, _)| *connection).collect();
            let names = names(&several);
            return Err(Trouble::usage(format_args!(
                "several connections have this event: name one with --connection ({names})"
            )));
        }
    };
    let link = media::link(connection, id, &data, args.kind.into(), |kind| format!("--kind {kind}"));
    link.map(|link| (connection, link)).map_err(Trouble::failed)
}

async fn fetch_link(
    args: &MediaArgs,
    connection: &ConnectionConfig,
    link: String,
    journal: &JournalHandle,
    mut signals: Signals,
) -> Result<FetchedMedia, Trouble> {
    let ask = FetchMedia {
        width: args.width,
        max_bytes: args.max_size.as_u64(),
        patience: args.patience,
        ..FetchMedia::new(connection.name.clone(), link, &args.output)
    };
    let mut progress = Progress::new(&args.output);
    let fetched =
        fetch_alone(connection, journal, &ask, &mut |size, total| progress.tell(size, total), signals.next()).await;
    progress.end();
    fetched.map_err(|error| match error {
        MediaError::Address(_) => Trouble::usage(error),
        MediaError::Stopped => Trouble::failed(format_args!("interrupted: {} is as it was", args.output.display())),
        error => Trouble::failed(error),
    })
}

/// Shows on a terminal how much has come.
struct Progress {
    file: String,
    on_terminal: bool,
    told: Option<Instant>,
}

impl Progress {
    fn new(file: &Path) -> Self {
        Self { file: file.display().to_string(), on_terminal: io::stderr().is_terminal(), told: None }
    }

    fn tell(&mut self, size: u64, total: Option<u64>) {
        if !self.on_terminal || self.told.is_some_and(|told| told.elapsed() < SHOW_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let of = total.map_or(String::new(), |total| format!(" of {total}"));
        // Who does not see it cannot be told.
        let _ = write!(io::stderr(), "\r{}: {size}{of} bytes\x1b[K", self.file);
    }

    fn end(&self) {
        if self.told.is_some() {
            let _ = writeln!(io::stderr());
        }
    }
}
