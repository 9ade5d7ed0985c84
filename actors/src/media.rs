//! Fetching pictures and recordings: a vendor's [rules](Media), its login's grant, and a file.
//!
//! A [`FetchMedia`] goes from the front to the connection's arbiter, and is done there beside whatever the connection does: it may be online or not.
//! [`fetch_alone`] does the same without an engine, for a program that ends with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::account::Granted;
use crate::beside::{Admission, Alone, Means, authorized};
use crate::connection::Launcher;
use crate::engine::ConnectionConfig;
use crate::gate::AuthorizeError;
use crate::journal::JournalHandle;
use crate::messages::{FetchMedia, FetchedMedia, MediaError};
use crate::model::ids::ConnectionName;
use crate::retry::jitter;
use crate::telemetry::MediaFetched;
use crate::transport::download::{Download, DownloadError, Downloads, Limits, Part};
use crate::transport::request::{Method, RestAnswer, RestCall};
use crate::transport::{Brake, RestError};
use crate::vendors::{Judgement, Media, Vendor, WithVendor};

/// How many are fetched at the same time on one arbiter. Others wait, and their patience runs.
pub(crate) const AT_ONCE: usize = 8;
/// How many addresses may lead on to another.
const REDIRECTS: u32 = 5;
/// The first pause between two tries; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long an answer may take to begin.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Told how many bytes have come, and how many there will be if that is known.
pub type Progress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// Fetch this on your arbiter.
#[derive(Message)]
#[rtype(result = "Result<FetchedMedia, MediaError>")]
pub(crate) struct Fetch<V: Vendor> {
    pub(crate) ask: FetchMedia,
    pub(crate) config: V::Config,
    pub(crate) means: Means<V>,
}

impl<V: Vendor> Handler<Fetch<V>> for Launcher {
    type Result = ResponseFuture<Result<FetchedMedia, MediaError>>;

    fn handle(&mut self, fetch: Fetch<V>, _: &mut Self::Context) -> Self::Result {
        let (places, downloads) = (self.fetching(), self.downloads(&fetch.means.tls));
        Box::pin(async move {
            let Fetch { ask, config, means: Means { account, brake, .. } } = fetch;
            let media = media_of::<V>(&ask.connection, &config)?;
            let authorize = async |refused| authorized(&account, refused).await;
            let ground = Ground { media: &*media, downloads, brake, places: &places };
            fetch_into(&ground, authorize, &ask, &mut |_, _| {}).await
        })
    }
}

fn media_of<V: Vendor>(
    connection: &ConnectionName,
    config: &V::Config,
) -> Result<Box<dyn Media<Grant = V::Grant>>, MediaError> {
    V::media(config).ok_or_else(|| MediaError::NotThisVendor { connection: connection.clone(), vendor: V::NAME })
}

/// Fetches without an engine: logs in as the connection would, and keeps in the journal what that has it keep. To be used under an actix system, and
/// by the only owner of the journal: a login may use up the token of the one before.
///
/// When `stop` is over it gives up, but not in the middle of a login, which would lose what that has to keep.
///
/// # Errors
/// [`MediaError`]; the file is as it was then.
pub async fn fetch_alone(
    connection: &ConnectionConfig,
    journal: &JournalHandle,
    ask: &FetchMedia,
    progress: Progress<'_>,
    stop: impl Future<Output = ()>,
) -> Result<FetchedMedia, MediaError> {
    let alone = FetchAlone { connection, journal: journal.clone(), ask, progress, stop: Box::pin(stop) };
    connection.vendor.with(alone).await
}

struct FetchAlone<'a> {
    connection: &'a ConnectionConfig,
    journal: JournalHandle,
    ask: &'a FetchMedia,
    progress: Progress<'a>,
    stop: Pin<Box<dyn Future<Output = ()> + 'a>>,
}

impl<'a> WithVendor for FetchAlone<'a> {
    type Output = Pin<Box<dyn Future<Output = Result<FetchedMedia, MediaError>> + 'a>>;

    fn with<V: Vendor>(self, config: &V::Config) -> Self::Output {
        let config = config.clone();
        Box::pin(self.run::<V>(config))
    }
}

impl FetchAlone<'_> {
    async fn run<V: Vendor>(self, config: V::Config) -> Result<FetchedMedia, MediaError> {
        let Self { connection, journal, ask, progress, stop } = self;
        let media = media_of::<V>(&ask.connection, &config)?;
        let alone = Alone::<V>::new(&config, &connection.common, journal)
            .map_err(|error| MediaError::Login { why: error.to_string(), again: false })?;
        let places = Semaphore::new(1);
        let Means { tls, brake, .. } = &alone.means;
        let ground = Ground { media: &*media, downloads: Downloads::new(tls), brake: brake.clone(), places: &places };
        let authorize = async |refused| alone.authorize(refused).await;
        let fetched = fetch_into(&ground, authorize, ask, progress);
        alone.until(fetched, stop).await.unwrap_or(Err(MediaError::Stopped))
    }
}

/// What a fetch stands on.
struct Ground<'a, G> {
    media: &'a dyn Media<Grant = G>,
    downloads: Downloads,
    /// Where it is on, nothing is asked. What media servers answer does not put it on: a recording that is not there any more is a 403 at some.
    brake: Option<Arc<Brake>>,
    places: &'a Semaphore,
}

/// Fetches what is asked for, and tells how that went.
async fn fetch_into<G>(
    ground: &Ground<'_, G>,
    authorize: impl AsyncFnMut(Option<u64>) -> Result<Granted<G>, AuthorizeError>,
    ask: &FetchMedia,
    progress: Progress<'_>,
) -> Result<FetchedMedia, MediaError> {
    let outcome = fetch(ground, authorize, ask, progress).await;
    let result = outcome.as_ref().map(|fetched| fetched.bytes).map_err(|error| error as &dyn std::fmt::Display);
    MediaFetched { connection: &ask.connection, result }.emit();
    outcome
}

/// Why one try has not fetched it.
enum Trouble {
    Unauthorized,
    NotNow { error: MediaError, asked: Option<Duration> },
    Never(MediaError),
}

impl From<DownloadError> for Trouble {
    fn from(error: DownloadError) -> Self {
        let again = error.is_retryable();
        let error = MediaError::from(error);
        if again { Self::NotNow { error, asked: None } } else { Self::Never(error) }
    }
}

async fn fetch<G>(
    ground: &Ground<'_, G>,
    authorize: impl AsyncFnMut(Option<u64>) -> Result<Granted<G>, AuthorizeError>,
    ask: &FetchMedia,
    progress: Progress<'_>,
) -> Result<FetchedMedia, MediaError> {
    let until = Instant::now() + ask.patience;
    let url = ground.media.address(&ask.url, ask.width).map_err(MediaError::Address)?;
    // Before anything is asked that could not be made use of.
    let mut part = Part::beside(&ask.file).await?;
    let limits = Limits { max_bytes: ask.max_bytes, ..Limits::default() };
    let (mut admission, mut pause) = (Admission::new(authorize), FIRST_PAUSE);
    loop {
        // The one in hand as long as it is good: patience may outlast it.
        let granted = admission.grant().await?;
        let outcome = {
            // An error would mean that the semaphore is closed, and nobody closes it.
            let _place = ground.places.acquire().await.ok();
            one_try(ground, &granted.grant, &url, &mut part, &limits, &mut *progress).await
        };
        let (error, asked) = match outcome {
            Ok(fetched) => {
                part.keep().await?;
                return Ok(fetched);
            }
            Err(Trouble::Unauthorized) => {
                admission.refuse(&granted).map_err(MediaError::Refused)?;
                continue;
            }
            Err(Trouble::Never(error)) => return Err(error),
            Err(Trouble::NotNow { error, asked }) => (error, asked),
        };
        let wait = asked.unwrap_or_else(|| pause.mul_f64(0.5 + jitter() / 2.0));
        if Instant::now() + wait >= until {
            return Err(error);
        }
        sleep(wait).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Asks once, follows to where that leads, and writes what is there.
async fn one_try<G>(
    ground: &Ground<'_, G>,
    grant: &G,
    url: &Url,
    part: &mut Part,
    limits: &Limits,
    progress: Progress<'_>,
) -> Result<FetchedMedia, Trouble> {
    let Ground { media, downloads, brake, .. } = ground;
    if let Some(braked) = brake.as_ref().and_then(|brake| brake.is_on()) {
        let asked = Some(braked.until.saturating_duration_since(std::time::Instant::now()));
        return Err(Trouble::NotNow { error: DownloadError::Call(RestError::Braked(braked)).into(), asked });
    }
    let first = media.call(grant, url);
    let mut call = first.ok_or_else(|| Trouble::Never(MediaError::Address("leads elsewhere".to_owned())))?;
    let mut with_grant = true;
    for _ in 0..=REDIRECTS {
        call.timeout = ANSWER_TIMEOUT;
        let download = downloads.open(&call).await.map_err(DownloadError::from)?;
        if let Some(to) = redirect(download.head()) {
            let to = call.url.join(to).map_err(|error| never(format!("it leads on to no address: {error}")))?;
            (call, with_grant) = follow(*media, grant, to).map_err(never)?;
            continue;
        }
        return match (download.head().status, with_grant) {
            (200, _) => save(download, part, limits, progress).await,
            (_, true) => Err(judged(*media, download).await),
            // Whose server it is nobody knows, and so not what its answers mean.
            (status @ (404 | 408 | 425 | 429 | 500..=599), false) => {
                let asked = download.head().retry_after;
                Err(Trouble::NotNow { error: MediaError::NotNow(elsewhere(&call.url, status)), asked })
            }
            (status, false) => Err(never(elsewhere(&call.url, status))),
        };
    }
    Err(never(format!("it leads on and on: more than {REDIRECTS} times")))
}

fn never(why: String) -> Trouble {
    Trouble::Never(MediaError::Refused(why))
}

fn elsewhere(url: &Url, status: u16) -> String {
    format!("{}, to which it leads, refused it ({status})", url.host_str().unwrap_or_default())
}

/// To where an answer leads on.
fn redirect(answer: &RestAnswer) -> Option<&str> {
    matches!(answer.status, 301 | 302 | 303 | 307 | 308).then(|| answer.header("location")).flatten()
}

/// The call that follows a redirect, and whether the grant goes with it.
fn follow<G>(media: &dyn Media<Grant = G>, grant: &G, to: Url) -> Result<(RestCall, bool), String> {
    if let Some(call) = media.call(grant, &to) {
        return Ok((call, true));
    }
    if to.scheme() != "https" {
        return Err(format!("it leads on to {}: address, which is not followed: only https is", to.scheme()));
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Err("it leads on to an address with a user name in it, which is not followed".to_owned());
    }
    Ok((RestCall::new(Method::Get, to), false))
}

async fn save(
    download: Download,
    part: &mut Part,
    limits: &Limits,
    progress: Progress<'_>,
) -> Result<FetchedMedia, Trouble> {
    let content_type = download.head().header("content-type").map(str::to_owned);
    let bytes = download.save(part, limits, progress).await?;
    Ok(FetchedMedia { bytes, content_type })
}

async fn judged<G>(media: &dyn Media<Grant = G>, download: Download) -> Trouble {
    let answer = download.into_answer().await;
    match media.judge(&answer) {
        Judgement::Unauthorized => Trouble::Unauthorized,
        Judgement::NotNow(why) => Trouble::NotNow { error: MediaError::NotNow(why), asked: answer.retry_after },
        Judgement::Never(why) => never(why),
        // The body of such an answer is none to keep.
        Judgement::Ready => never(format!("it is said to be ready, with status {}", answer.status)),
    }
}

#[cfg(test)]
mod tests;
