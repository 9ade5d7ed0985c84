//! Pictures and recordings, fetched with the login that a connection has, and handed on.
//!
//! All of it is here before the answer begins, so that the answer says whether there is any: in a file of a folder that nobody else can read, and that
//! is gone with the answer.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, Responder, body::SizedStream, http::StatusCode, http::header, web};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use tokio::{fs::File, io::AsyncReadExt, sync::mpsc, time::timeout};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;
use watchpost_actors::{
    ConnectionConfig,
    messages::{FetchMedia, MediaError},
    settings::mistake::shown,
    transport::{DownloadError, RestError, error::Fault},
    vendors::MediaKind,
};

use super::{
    connections::absent,
    problem::{Answer, Problem, act},
    query::Query,
    site::Site,
};
use crate::media;

/// The most that is fetched.
const MOST_BYTES: u64 = 256 << 20;
/// For how long it is asked again where it is not ready, unless the caller says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);
/// How long an event is looked for.
const LOOKING: Duration = Duration::from_secs(10);
/// How long an answer may wait for its turn.
const TURN: Duration = Duration::from_secs(10);
/// Bytes that are read from the file at a time.
const PIECE: usize = 64 << 10;
/// Pieces that wait for a caller who reads slowly.
const WAITING: usize = 4;
/// How long a caller may take nothing.
const IDLE: Duration = Duration::from_secs(30);
/// How long it may take altogether.
const WHOLE: Duration = Duration::from_secs(15 * 60);

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(fetch))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(act("/api/v1/media", fetch));
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    connection: Option<String>,
    url: Option<String>,
    event: Option<String>,
    kind: Option<String>,
    #[schema(minimum = 1, maximum = 16384)]
    width: Option<u32>,
    #[schema(format = "duration", example = "30s")]
    patience: Option<String>,
    #[schema(minimum = 1, maximum = 268435456)]
    max_bytes: Option<u64>,
}

/// Fetch a picture or a recording, with the login of a connection
#[utoipa::path(
    post,
    path = "/api/v1/media",
    tag = "vendors",
    operation_id = "fetchMedia",
    request_body = Wanted,
    responses(
        (status = 200, description = "What it is, as its vendor says", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "There is no such connection or event", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Not with a connection of this vendor", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "The vendor does not give it, or cannot be asked now", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "It is not ready", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "It cannot be kept here while it is fetched", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn fetch(request: HttpRequest, wanted: web::Json<Wanted>, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let wanted = wanted.into_inner();
    let (patience, max_bytes) = (wanted.patience()?, wanted.max_bytes()?);
    if wanted.width.is_some_and(|width| !(1..=16_384).contains(&width)) {
        return Err(Problem::wrong("width", "1 to 16384 pixels"));
    }
    // Each has a file of its own, which may be large.
    let turn = timeout(TURN, site.turns.fetches.clone().acquire_owned()).await;
    let turn = turn.ok().and_then(Result::ok).ok_or_else(|| Problem::unavailable("others fetch now; ask again"))?;
    let (connection, url) = wanted.link(&site).await?;
    let folder = web::block(Folder::new).await.ok().and_then(Result::ok);
    let folder = folder.ok_or_else(|| unwritable("a folder for temporary files cannot be made"))?;
    let file = folder.0.join("media");
    let ask =
        FetchMedia { width: wanted.width, max_bytes, patience, ..FetchMedia::new(connection.name.clone(), url, &file) };
    // The engine fetches on when nobody waits any more; until it is done, its file and its turn are taken.
    let engine = site.engine.clone();
    let fetching = actix_web::rt::spawn(async move { (engine.send(ask).await, folder, turn) }).await;
    let (fetched, folder, turn) = fetching.map_err(|_| Problem::unavailable("the watchpost is ending"))?;
    let fetched = fetched??;
    let file = File::open(&file).await.map_err(|error| unwritable(&error.to_string()))?;
    let (sender, receiver) = mpsc::channel(WAITING);
    actix_web::rt::spawn(async move {
        // One who takes nothing is cut off; then the length that was announced tells that something is missing.
        let _ = timeout(WHOLE, hand_on(file, &sender)).await;
        drop((folder, turn));
    });
    let body = stream::unfold(receiver, async |mut pieces: mpsc::Receiver<io::Result<Bytes>>| {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    let kind = fetched.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let mut answer = HttpResponse::Ok();
    if let Ok(kind) = header::HeaderValue::from_str(&kind) {
        answer.insert_header((header::CONTENT_TYPE, kind));
    }
    // Whatever it is, it is to be kept, and not shown as a page of ours.
    answer.insert_header((header::CONTENT_DISPOSITION, "attachment"));
    Ok(answer.body(SizedStream::new(fetched.bytes, Box::pin(body))))
}

fn unwritable(why: &str) -> Problem {
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "no-room", "It cannot be kept here", why)
}

async fn hand_on(mut file: File, to: &mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await.map(|_| Bytes::from(piece));
        if matches!(&read, Ok(piece) if piece.is_empty()) {
            return;
        }
        let is_broken = read.is_err();
        let sent = timeout(IDLE, to.send(read)).await;
        if is_broken || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

impl Wanted {
    fn patience(&self) -> Answer<Duration> {
        let Some(text) = &self.patience else { return Ok(PATIENCE) };
        let patience = humantime::parse_duration(text).ok().filter(|patience| *patience <= LONGEST_PATIENCE);
        let form = || format!("\"{}\" is no duration like 30s, of {LONGEST_PATIENCE:?} at most", shown(text));
        patience.ok_or_else(|| Problem::wrong("patience", form()))
    }

    fn max_bytes(&self) -> Answer<u64> {
        match self.max_bytes {
            None => Ok(MOST_BYTES),
            Some(most @ 1..=MOST_BYTES) => Ok(most),
            Some(_) => Err(Problem::wrong("max_bytes", format!("1 to {MOST_BYTES} bytes"))),
        }
    }

    fn kind(&self) -> Answer<MediaKind> {
        let Some(word) = &self.kind else { return Ok(MediaKind::Clip) };
        let known = MediaKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        let all = || MediaKind::ALL.map(MediaKind::as_str).join(", ");
        known.ok_or_else(|| Problem::wrong("kind", format!("\"{}\" is none of {}", shown(word), all())))
    }

    /// With whose login, and from where.
    async fn link<'a>(&self, site: &'a Site) -> Answer<(&'a ConnectionConfig, String)> {
        match (&self.url, &self.event) {
            (Some(url), None) => match self.candidates(site, None)?.as_slice() {
                [connection] => Ok((connection, url.clone())),
                several => {
                    Err(Problem::wrong("connection", format!("with whose login? Name one of {}", names(several))))
                }
            },
            (None, Some(event)) => self.of_event(site, event).await,
            (Some(_), Some(_)) => Err(Problem::wrong("event", "either `url` or `event`, and not both")),
            (None, None) => {
                Err(Problem::wrong("event", "say what to fetch: the `url` of a link, or the id of an `event`"))
            }
        }
    }

    async fn of_event<'a>(&self, site: &'a Site, event: &str) -> Answer<(&'a ConnectionConfig, String)> {
        let kind = self.kind()?;
        let (of, id) = match event.split_once(':') {
            Some((of, id)) => (Some(of), id),
            None => (None, event),
        };
        let candidates = self.candidates(site, of)?;
        let looking = async {
            let mut found = Vec::new();
            for connection in &candidates {
                if let Some(data) = media::data(site.engine.journal(), &connection.name, id).await? {
                    found.push((*connection, data));
                }
            }
            Ok::<_, Problem>(found)
        };
        let late = |_| Problem::unavailable("the event could not be found in time: give the link itself as `url`");
        let found = timeout(LOOKING, looking).await.map_err(late)??;
        match found.as_slice() {
            [] => {
                let names = names(&candidates);
                Err(Problem::absent(format!("there is no event {} of {names} in the journal", shown(id))))
            }
            [(connection, data)] => {
                let link = media::link(connection, id, data, kind, |kind| kind.to_string());
                Ok((connection, link.map_err(Problem::absent)?))
            }
            _ => Err(Problem::wrong("connection", "several connections have this event: name one")),
        }
    }

    /// The connections that may be meant.
    fn candidates<'a>(&self, site: &'a Site, of_event: Option<&str>) -> Answer<Vec<&'a ConnectionConfig>> {
        let named = self.connection.as_deref();
        if let (Some(named), Some(of)) = (named, of_event)
            && named != of
        {
            return Err(Problem::wrong("connection", format!("the event is of connection \"{}\"", shown(of))));
        }
        let Some(name) = named.or(of_event) else {
            let all: Vec<_> = site.connections.iter().filter(|one| one.vendor.has_media()).collect();
            let none = "no connection here has pictures or recordings to fetch";
            return if all.is_empty() { Err(Problem::absent(none)) } else { Ok(all) };
        };
        let one = site.connections.iter().find(|one| one.name.as_str() == name).ok_or_else(|| absent(name))?;
        if one.vendor.has_media() {
            return Ok(vec![one]);
        }
        Err(MediaError::NotThisVendor { connection: one.name.clone(), vendor: one.vendor.name() }.into())
    }
}

fn names(connections: &[&ConnectionConfig]) -> String {
    connections.iter().map(|connection| connection.name.as_str()).collect::<Vec<_>>().join(", ")
}

impl From<MediaError> for Problem {
    fn from(error: MediaError) -> Self {
        let detail = error.to_string();
        let (status, slug, title) = match error {
            MediaError::Unknown(unknown) => return absent(unknown.0.as_str()),
            MediaError::Address(_) => return Problem::wrong("url", detail),
            MediaError::NotThisVendor { .. } => {
                (StatusCode::CONFLICT, "other-vendor", "Not with a connection of this vendor")
            }
            MediaError::NotNow(_) => (StatusCode::GATEWAY_TIMEOUT, "not-ready", "It is not ready"),
            MediaError::Refused(_) => (StatusCode::BAD_GATEWAY, "vendor-refused", "The vendor does not give it"),
            MediaError::Login { again: true, .. } => {
                (StatusCode::BAD_GATEWAY, "vendor-unavailable", "The vendor cannot be asked now")
            }
            MediaError::Login { .. } => (StatusCode::BAD_GATEWAY, "login", "There is no login to fetch it with"),
            MediaError::Download(DownloadError::TooLarge { .. }) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large")
            }
            MediaError::Download(DownloadError::File(_)) => return unwritable(&detail),
            MediaError::Download(DownloadError::Call(RestError::Failed { fault: Fault::Timeout(_), .. })) => {
                (StatusCode::GATEWAY_TIMEOUT, "vendor-unavailable", "The vendor did not answer in time")
            }
            MediaError::Download(_) => {
                (StatusCode::BAD_GATEWAY, "vendor-unavailable", "The vendor cannot be asked now")
            }
            _ => return Self::unavailable(detail),
        };
        Self::new(status, slug, title, detail)
    }
}

/// A folder of its owner's alone, which is gone with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("watchpost-media-{}", Uuid::new_v4()));
        create(&path)?;
        Ok(Self(path))
    }
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Elsewhere temporary files are in a folder of the user's already.
#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is left to who cleans temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
