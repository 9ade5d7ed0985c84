//! Events and states as they come, as server-sent events.
//!
//! ```text
//! journal ─► events: a cursor per client ─► rendered: frames written once ─┐
//! engine  ─► hub: one watcher for all    ─► states: a cursor per client  ──┴─► client: the body, watched over ─► socket
//! ```
//!
//! - `events`, `states`: what a client is sent; `both`: on one connection. `gap`: what it is told where events are gone. `frame`: how it is written.
//! - `history`: what it reads of the journal, in turns where that is not in memory any more.
//! - `rendered`, `hub`: what clients share, bounded in bytes. `client`: a body, and who cuts it off.
//!
//! A client is a number: where it stands in what all share. Nothing is queued for it, so a slow one costs what the server and the system keep for
//! its socket, and delays nobody.

mod both;
mod client;
mod events;
mod frame;
mod gap;
mod history;
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

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::Method, web};
use tokio::sync::watch;
use utoipa::OpenApi;
use watchpost_actors::EngineHandle;

use self::{
    client::{Body, Progress, Source},
    hub::Changes,
    rendered::Rendered,
};
use super::{
    problem::{Answer, Problem},
    telemetry::{Kind, StreamClosed, StreamOpened, StreamRefused},
};

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
    events::Described::openapi().merge_from(states::Described::openapi()).merge_from(both::Described::openapi())
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    events::routes(config);
    states::routes(config);
    both::routes(config);
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

    /// A place for one more, before anybody is asked for anything. None is needed for who wants the head alone.
    fn admit(&self, request: &HttpRequest, kind: Kind) -> Answer<Option<Ticket>> {
        if request.method() == Method::HEAD {
            return Ok(None);
        }
        let one_more = |open| (open < self.settings.most).then_some(open + 1);
        if self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok() {
            StreamOpened { kind }.emit();
            return Ok(Some(Ticket { kind, open: Arc::clone(&self.open) }));
        }
        StreamRefused { kind }.emit();
        let detail = format!("there are {} streams, which is the most; ask again", self.settings.most);
        Err(Problem::unavailable(detail))
    }

    /// Answers with a stream.
    fn answer<S: Source + 'static>(
        &self,
        request: &HttpRequest,
        ticket: Ticket,
        source: impl FnOnce(Rc<Progress>) -> S,
    ) -> HttpResponse {
        let progress = Rc::new(Progress::default());
        let source = source(Rc::clone(&progress));
        let mut answer = head();
        // Behind the end of a stream comes no other request: so whoever reads sees the end at once.
        answer.force_close();
        // Proxies of that make would keep it back otherwise.
        answer.insert_header(("x-accel-buffering", "no"));
        answer.body(Body::new(source, progress, ticket, self.settings.patience, request.conn_data().cloned()))
    }
}

fn head() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/event-stream");
    answer
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
