//! Whether it is alive, and whether it is ready.

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::{OpenApi, ToSchema};
use watchpost_actors::{
    journal::{Ask, JournalHandle},
    messages::{ConnectionPage, PageConnections},
    model::{ConnectionState, Sequence},
};

use super::{
    problem::{Answer, Mistake, Problem, read},
    query::Query,
    site::Site,
};

/// Halted connections that are named at most.
const NAMED: usize = 20;
/// How long the journal may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// For how long its answer is good for others who ask.
const FRESH: Duration = Duration::from_secs(1);

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(alive, ready, about))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/healthz", alive)).service(read("/readyz", ready)).service(read("/api/v1/about", about));
}

/// One word.
#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(example = "ready")]
    status: &'static str,
}

/// Whether it is alive
///
/// It answers, so it is. Nobody needs a token for this.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    operation_id = "getHealth",
    responses((status = 200, description = "It is alive", body = Health))
)]
async fn alive(request: HttpRequest) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    Ok(HttpResponse::Ok().json(Health { status: "alive" }))
}

/// Whether it is ready
///
/// The journal could store what it last should, and no connection is halted. Each one that is stands in `errors`, twenty at most.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    operation_id = "getReadiness",
    responses((status = 200, description = "It is ready", body = Health))
)]
async fn ready(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let journal = site.engine.journal();
    if let Some(trouble) = journal.trouble() {
        return Err(Problem::unavailable(trouble.to_string()));
    }
    // A thread that hangs on its disk tells of no trouble. This creates nothing.
    answers(journal, &site).await?;
    let halted = PageConnections { state: Some(ConnectionState::Halted), limit: NAMED, after: None };
    let ConnectionPage { connections, has_more, total } = site.engine.send(halted).await?;
    if connections.is_empty() {
        return Ok(HttpResponse::Ok().json(Health { status: "ready" }));
    }
    let count = connections.len();
    let more = if has_more { format!("more than {count}") } else { count.to_string() };
    let detail = format!("{more} of {total} connections halted and need a person, see `errors`");
    let why = connections.into_iter().map(|info| Mistake::new(info.name.as_str(), &*info.status.reason)).collect();
    Err(Problem::unavailable(detail).with(why))
}

/// Complains if the journal does not answer. One alone asks it at a time, and to the end: the question stands in the queue of what is to be stored, where
/// it ends the group that is gathered.
async fn answers(journal: &JournalHandle, site: &Site) -> Answer<()> {
    let hangs = || Problem::unavailable("the journal does not answer: its disk may hang");
    let turn = timeout(PATIENCE, site.turns.ready.clone().lock_owned()).await;
    let mut last = turn.map_err(|_| hangs())?;
    if last.is_some_and(|last| last.elapsed() < FRESH) {
        return Ok(());
    }
    let journal = journal.clone();
    let asked = actix_web::rt::spawn(async move {
        let answered = timeout(PATIENCE, journal.note("readyz".to_owned())).await;
        *last = matches!(answered, Ok(Ok(_))).then(Instant::now);
        answered
    });
    match asked.await {
        Ok(Ok(answered)) => answered.map(drop).map_err(Problem::from),
        Ok(Err(_)) | Err(_) => Err(hangs()),
    }
}

/// What runs here
///
/// Its version, since when it runs, and how far its journal reaches.
#[utoipa::path(
    get,
    path = "/api/v1/about",
    tag = "health",
    operation_id = "getAbout",
    responses((status = 200, description = "What runs here", body = About))
)]
async fn about(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let turn = site.turns.to_read().await?;
    let journal = site.engine.journal().clone();
    let next = journal.next();
    let first = turn.ask(async move { journal.read(Ask { from: Sequence(0), limit: 1, of: None }).await }).await?;
    Ok(HttpResponse::Ok().json(About {
        version: env!("CARGO_PKG_VERSION"),
        started: site.started.to_string(),
        next: next.to_string(),
        oldest: first.commits.first().map(|commit| commit.recorded.to_string()),
    }))
}

/// What runs here.
#[derive(Serialize, ToSchema)]
struct About {
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// When it was started.
    #[schema(format = DateTime)]
    started: String,
    /// The `sequence` that the next event will get.
    #[schema(pattern = "^[0-9]{20}$")]
    next: String,
    /// When the oldest event that is still there was stored; `null` where there is none.
    #[schema(required, format = DateTime)]
    oldest: Option<String>,
}
