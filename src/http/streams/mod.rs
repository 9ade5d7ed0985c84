//! Events and states as they come, as server-sent events.
//!
//! ```text
//! journal ─► events: a cursor per client ─► rendered: frames written once ─┐
//! engine  ─► hub: one watcher for all    ─► states: a cursor per client  ──┴─► client: the body, watched over ─► socket
//! ```
//!
//! - `events`, `states`: what a client is sent. `gap`: what it is told where events are gone. `frame`: how it is written.
//! - `rendered`, `hub`: what clients share, bounded in bytes. `client`: a body, and who cuts it off.
//!
//! A client is a number: where it stands in what all share. Nothing is queued for it, so a slow one costs what the server and the system keep for
//! its socket, and delays nobody.

mod client;
mod events;
mod frame;
mod gap;
mod hub;
mod rendered;
mod states;

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, ResponseError, http::Method, http::header, web};
use tokio::sync::watch;
use utoipa::OpenApi;
use watchpost_actors::EngineHandle;

pub(super) use self::client::keep_socket;
use self::{
    client::{Body, Progress, Source},
    hub::Changes,
    rendered::Rendered,
};
use super::{
    problem::Problem,
    telemetry::{Kind, StreamClosed, StreamOpened, StreamRefused},
};

/// After how many seconds one who was refused may ask again.
const RETRY_AFTER: &str = "5";
/// With so many clients more, frames are gathered for so much longer: thousands of small writes a second would serve nobody.
const GATHER_EACH: Duration = Duration::from_micros(200);
/// The longest that they are gathered.
const GATHER_MOST: Duration = Duration::from_millis(100);

/// Bounds of streams.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How often a client hears something while nothing happens; 15 s unless set.
    pub heartbeat: Duration,
    /// For how long a client may take nothing of what it is sent; 30 s unless set.
    pub patience: Duration,
    /// Streams at a time; 1,024 unless set.
    pub most: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(15), patience: Duration::from_secs(30), most: 1_024 }
    }
}

/// What all streams share.
#[derive(Debug)]
pub(super) struct Streams {
    settings: Settings,
    open: Arc<AtomicUsize>,
    ending: watch::Sender<bool>,
    rendered: Rendered,
    changes: Changes,
}

/// What this room says of itself.
pub(super) fn described() -> utoipa::openapi::OpenApi {
    events::Described::openapi().merge_from(states::Described::openapi())
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    events::routes(config);
    states::routes(config);
}

impl Streams {
    pub(super) fn start(engine: &EngineHandle, settings: Settings) -> Self {
        let (ending, _) = watch::channel(false);
        let changes = Changes::start(engine.clone());
        Self { settings, open: Arc::default(), ending, rendered: Rendered::default(), changes }
    }

    /// Ends all of them.
    pub(super) fn close(&self) {
        self.ending.send_replace(true);
    }

    /// Comes back when streams are to end.
    async fn ended(&self) {
        // The sender lives as long as this.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }

    /// Waits a little where there are many clients, so that each is sent several frames at a time.
    async fn gather(&self) {
        let clients = u32::try_from(self.open.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        let pause = GATHER_EACH.saturating_mul(clients).min(GATHER_MOST);
        if pause >= Duration::from_millis(2) {
            tokio::time::sleep(pause).await;
        }
    }

    fn admit(&self, kind: Kind) -> Option<Ticket> {
        let one_more = |open| (open < self.settings.most).then_some(open + 1);
        self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        StreamOpened { kind }.emit();
        Some(Ticket { kind, open: Arc::clone(&self.open) })
    }

    /// Answers with a stream, or that there are too many.
    fn answer<S: Source + 'static>(
        &self,
        request: &HttpRequest,
        kind: Kind,
        source: impl FnOnce(Rc<Progress>) -> S,
    ) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        answer.content_type("text/event-stream");
        if request.method() == Method::HEAD {
            return answer.finish();
        }
        let Some(ticket) = self.admit(kind) else {
            StreamRefused { kind }.emit();
            let detail = format!("there are {} streams, which is the most; ask again", self.settings.most);
            let mut refusal = Problem::unavailable(detail).error_response();
            refusal.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER));
            return refusal;
        };
        let progress = Rc::new(Progress::default());
        let source = source(Rc::clone(&progress));
        // Behind the end of a stream comes no other request: so whoever reads sees the end at once.
        answer.force_close();
        // Proxies of that make would keep it back otherwise.
        answer.insert_header(("x-accel-buffering", "no"));
        answer.body(Body::new(source, progress, ticket, self.settings.patience, request.conn_data()))
    }
}

/// A place among the streams there may be.
#[derive(Debug)]
struct Ticket {
    kind: Kind,
    open: Arc<AtomicUsize>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
        StreamClosed { kind: self.kind }.emit();
    }
}
