//! Deliveries: how each sink is doing, dead letters, and delivering again.
//!
//! What is remembered of deliveries blocks for a moment, so it is read and written on threads where that harms nobody. What has to be delivered is handed
//! to the sink that runs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{HttpRequest, HttpResponse, Responder, http::StatusCode, web};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::{OpenApi, ToSchema};
use watchpost_actors::settings::{closest, mistake::shown};

use super::{
    list::List,
    openapi::Limit,
    problem::{Answer, Mistake, Problem, act, read},
    query::{MOMENT, Query, moment},
    site::Site,
};
use crate::sinks::{
    delivery::{DeadLetter, Delivery, DeliveryError, LetterFilter},
    letters::{self, LetterReport, Removed, Retried},
    report::{Backlog, Events, Remembered, ReplayReport, Report, reports},
};

/// How long an answer may wait for its turn.
const TURN: Duration = Duration::from_secs(20);
/// How long one answer goes on to try dead letters. Each try has a bound of its own.
const RETRYING: Duration = Duration::from_secs(20);
/// Dead letters that are read at a time; each holds a whole event.
const PAGE: usize = 32;
/// Dead letters that are removed, or tried again, for one answer.
const MOST_DONE: usize = 1_000;
/// Bytes of dead letters after which a page ends.
const MOST_BYTES: usize = 8 << 20;
/// How an id is written.
const ID: &str = "the `id` of a dead letter: a whole number";

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(sinks, replay, dead_letters, retry, drop_letters))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(read("/api/v1/sinks", sinks))
        .service(act("/api/v1/sinks/{name}/replays", replay))
        .service(read("/api/v1/dead-letters", dead_letters))
        .service(act("/api/v1/dead-letters/retry", retry))
        .service(act("/api/v1/dead-letters/drop", drop_letters));
}

/// Reads or writes what is remembered of deliveries, where that may block.
async fn remembered<T: Send + 'static>(
    site: &Site,
    ask: impl FnOnce(&Delivery) -> Result<T, DeliveryError> + Send + 'static,
) -> Answer<T> {
    let delivery = site.delivery.clone();
    let done = web::block(move || ask(&delivery)).await;
    let done = done.map_err(|_| Problem::unavailable("what is known of deliveries cannot be read now"))?;
    done.map_err(|error| Problem::unavailable(error.to_string()))
}

fn busy() -> Problem {
    Problem::unavailable("others have asked for the same, and it takes its time; ask again")
}

/// How each sink is doing
#[utoipa::path(
    get,
    path = "/api/v1/sinks",
    tag = "sinks",
    operation_id = "listSinks",
    params(Limit, ("after" = Option<String>, Query, description = "`next` of the page before", format = "after")),
    responses(
        (status = 200, description = "A page of sinks", body = List<Report>),
    )
)]
async fn sinks(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    let mut query = Query::of(&request);
    let (limit, after) = (query.limit(), query.one("after"));
    query.end()?;
    let known = remembered(&site, Remembered::read).await?;
    let all: Vec<Report> = {
        // To count what is not delivered yet is work for the reader of the journal, from which sinks are served too.
        let _turn = timeout(TURN, site.turns.counting.lock()).await.map_err(|_| busy())?;
        let mut backlog = Backlog::new(Events::Running(site.engine.journal())).await?;
        reports(&site.sinks, known, Some(&mut backlog)).await?
    };
    Ok(HttpResponse::Ok().json(List::of_all(all, after.as_deref(), limit, |report| &report.name)?))
}

/// Dead letters behind an id, until there are so many or they are so large; and whether there are more.
fn page(
    delivery: &Delivery,
    filter: &LetterFilter,
    after: i64,
    limit: usize,
) -> Result<(Vec<DeadLetter>, bool), DeliveryError> {
    let (mut letters, mut bytes, mut after) = (Vec::new(), 0, after);
    loop {
        let most = (limit + 1 - letters.len()).min(PAGE);
        let read = delivery.dead_letters(filter, after, most)?;
        let is_last = read.len() < most;
        for letter in read {
            if letters.len() == limit || (bytes > 0 && bytes + letter.line.len() > MOST_BYTES) {
                return Ok((letters, true));
            }
            (bytes, after) = (bytes + letter.line.len(), letter.id);
            letters.push(letter);
        }
        if is_last {
            return Ok((letters, false));
        }
    }
}

/// What receivers have refused for good, oldest first
#[utoipa::path(
    get,
    path = "/api/v1/dead-letters",
    tag = "sinks",
    operation_id = "listDeadLetters",
    params(Limit, ("after" = Option<String>, Query, description = "`next` of the page before", pattern = "^[0-9]{1,18}$"), ("sink" = Option<String>, Query, description = "Of this sink alone", example = "siem"), ("id" = Option<Vec<i64>>, Query, description = "These alone")),
    responses(
        (status = 200, description = "A page of dead letters", body = List<LetterReport>),
        (status = 404, description = "There is no such sink", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn dead_letters(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    let mut query = Query::of(&request);
    let (limit, sink) = (query.limit(), query.one("sink"));
    let after = query.parsed::<i64>("after", "the `next` of this list").unwrap_or_default();
    let ids: Vec<_> = query.all("id").iter().map(|id| id.parse::<i64>().map_err(|_| shown(id))).collect();
    for id in ids.iter().filter_map(|id| id.as_ref().err()) {
        query.mistake("id", format!("\"{id}\" is not {ID}"));
    }
    if ids.len() > MOST_DONE {
        query.mistake("id", format!("{} are given; {MOST_DONE} at most may be", ids.len()));
    }
    query.end()?;
    let ids: Vec<i64> = ids.into_iter().flatten().collect();
    let filter = LetterFilter { sink, ids: (!ids.is_empty()).then_some(ids) };
    known(&site, filter.sink.as_deref(), Problem::absent).await?;
    let (letters, has_more) = remembered(&site, move |delivery| page(delivery, &filter, after, limit)).await?;
    let items: Vec<LetterReport> = letters.into_iter().map(LetterReport::from).collect();
    let next = items.last().filter(|_| has_more).map(|letter| letter.id.to_string());
    Ok(HttpResponse::Ok().json(List { items, next }))
}

/// Complains if there is no such sink, configured or known from before.
async fn known(site: &Site, sink: Option<&str>, complain: impl Fn(String) -> Problem) -> Answer<()> {
    let Some(sink) = sink else { return Ok(()) };
    if site.sinks.iter().any(|known| known.name == sink) {
        return Ok(());
    }
    let before = remembered(site, Delivery::sinks).await?;
    let names = || site.sinks.iter().map(|sink| sink.name.as_str()).chain(before.iter().map(|sink| sink.name.as_str()));
    if names().any(|known| known == sink) {
        return Ok(());
    }
    let hint = closest(sink, names()).map_or(String::new(), |near| format!("; did you mean \"{near}\"?"));
    Err(complain(format!("there is no sink \"{}\"{hint}", shown(sink))))
}

/// Which dead letters something is to be done with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// Of this sink alone.
    sink: Option<String>,
    /// These, or `all`.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<i64>>,
    all: Option<bool>,
    /// `next` of the answer before.
    after: Option<String>,
}

impl Chosen {
    /// The filter, and behind which id to begin.
    async fn filter(self, site: &Site) -> Answer<(LetterFilter, i64)> {
        let mut mistakes = Vec::new();
        match (&self.ids, self.all) {
            (Some(_), Some(true)) => mistakes.push(Mistake::new("all", "either `ids` or `all`, and not both")),
            (None, None | Some(false)) => {
                mistakes.push(Mistake::new("ids", "say which: `\"ids\": [7, 9]`, or `\"all\": true`"));
            }
            (Some(ids), _) if ids.is_empty() || ids.len() > MOST_DONE => {
                mistakes.push(Mistake::new("ids", format!("{} are given; 1 to {MOST_DONE} may be", ids.len())));
            }
            _ => {}
        }
        let after = self.after.as_deref().map_or(Ok(0), str::parse);
        if after.is_err() {
            mistakes.push(Mistake::new("after", "this is not the `next` of an answer"));
        }
        if !mistakes.is_empty() {
            return Err(Problem::input(mistakes));
        }
        known(site, self.sink.as_deref(), |why| Problem::wrong("sink", why)).await?;
        Ok((LetterFilter { sink: self.sink, ids: self.ids }, after.unwrap_or_default()))
    }
}

/// Try dead letters once more
///
/// One after the other, through the sinks that run. It ends with what its time allows; the answer says where to go on.
#[utoipa::path(
    post,
    path = "/api/v1/dead-letters/retry",
    tag = "sinks",
    operation_id = "retryDeadLetters",
    request_body = Chosen,
    responses(
        (status = 200, description = "What became of each", body = List<Retried>),
    )
)]
async fn retry(request: HttpRequest, chosen: web::Json<Chosen>, site: web::Data<Site>) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let (filter, mut after) = chosen.into_inner().filter(&site).await?;
    // Two who try the same letter at the same time would deliver it twice.
    let turn = timeout(TURN, site.turns.again.clone().lock_owned()).await.map_err(|_| busy())?;
    let turn = Arc::new(turn);
    let begun = Instant::now();
    let (mut items, mut has_more): (Vec<Retried>, bool) = (Vec::new(), true);
    'trying: while has_more {
        let wanted = filter.clone();
        let (letters, more) = remembered(&site, move |delivery| page(delivery, &wanted, after, PAGE)).await?;
        let mut left = letters.len();
        for letter in letters {
            (after, left) = (letter.id, left - 1);
            // What was begun is done to its end, also when nobody waits for the answer any more; until then it is nobody else's turn.
            let (site, turn) = (site.clone(), Arc::clone(&turn));
            let trying = actix_web::rt::spawn(async move {
                let _turn = turn;
                try_again(site, letter).await
            });
            items.push(trying.await.map_err(|_| Problem::unavailable("the watchpost is ending"))??);
            if begun.elapsed() >= RETRYING || items.len() >= MOST_DONE {
                has_more = more || left > 0;
                break 'trying;
            }
        }
        has_more = more;
    }
    let next = has_more.then(|| after.to_string());
    Ok(HttpResponse::Ok().json(List { items, next }))
}

async fn try_again(site: web::Data<Site>, letter: DeadLetter) -> Answer<Retried> {
    let event = match letters::event(&letter, &site.sinks) {
        Ok(event) => event,
        Err(why) => return Ok(Retried::of(letter, Err(why))),
    };
    let outcome = site.desk.redeliver(&letter.sink, event).await;
    remembered(&site, move |delivery| letters::settle(delivery, letter, outcome)).await
}

/// Remove dead letters
#[utoipa::path(
    post,
    path = "/api/v1/dead-letters/drop",
    tag = "sinks",
    operation_id = "dropDeadLetters",
    request_body = Chosen,
    responses(
        (status = 200, description = "What was removed", body = List<Removed>),
    )
)]
async fn drop_letters(
    request: HttpRequest,
    chosen: web::Json<Chosen>,
    site: web::Data<Site>,
) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let (filter, after) = chosen.into_inner().filter(&site).await?;
    let removed = remembered(&site, move |delivery| {
        let (letters, has_more) = page(delivery, &filter, after, MOST_DONE)?;
        let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
        delivery.remove_dead_letters(&ids)?;
        let next = ids.last().filter(|_| has_more).map(ToString::to_string);
        Ok(List { items: letters.into_iter().map(Removed::from).collect(), next })
    });
    Ok(HttpResponse::Ok().json(removed.await?))
}

/// Which stretch of the journal is to be delivered again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Stretch {
    /// What was stored at or after this moment: RFC 3339, or a time back from now.
    #[schema(format = "moment", example = "1h")]
    since: String,
    /// And before this one.
    #[schema(format = "moment")]
    until: Option<String>,
}

/// Deliver past events to a sink again
///
/// Begins replays for what no replay to the sink covers yet, and those that are stored and do not run; answers with them.
#[utoipa::path(
    post,
    path = "/api/v1/sinks/{name}/replays",
    tag = "sinks",
    operation_id = "replay",
    params(("name" = String, Path, description = "The sink", example = "siem")),
    request_body = Stretch,
    responses(
        (status = 202, description = "The replays that begin", body = List<ReplayReport>),
        (status = 409, description = "The sink is not in the configuration any more", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn replay(
    request: HttpRequest,
    name: web::Path<String>,
    asked: web::Json<Stretch>,
    site: web::Data<Site>,
) -> Answer<impl Responder> {
    Query::of(&request).end()?;
    let sink = name.into_inner();
    if site.sinks.iter().all(|known| known.name != sink) {
        known(&site, Some(&sink), Problem::absent).await?;
        let why = format!("sink \"{}\" is not in the configuration any more", shown(&sink));
        return Err(Problem::new(StatusCode::CONFLICT, "not-configured", "This sink does not run", why));
    }
    let (now, mut mistakes) = (Timestamp::now(), Vec::new());
    let mut read = |parameter: &str, text: &str| {
        let read = moment(text, now);
        if read.is_none() {
            mistakes.push(Mistake::new(parameter, format!("\"{}\" is not {MOMENT}", shown(text))));
        }
        read
    };
    let (since, until) = (read("since", &asked.since), asked.until.as_deref().and_then(|until| read("until", until)));
    if let (Some(since), Some(until)) = (since, until)
        && until <= since
    {
        mistakes.push(Mistake::new("until", "it is not after `since`"));
    }
    let Some(since) = since.filter(|_| mistakes.is_empty()) else { return Err(Problem::input(mistakes)) };
    let journal = site.engine.journal().clone();
    let reading = site.turns.to_read().await?;
    let asked = reading.ask(async move { letters::stretch(&journal, since, until).await }).await?;
    // Two who ask for the same stretch at the same time get it once.
    let turn = timeout(TURN, site.turns.again.clone().lock_owned()).await.map_err(|_| busy())?;
    // A replay that is stored is begun, too, also when nobody waits for the answer any more.
    let beginning = actix_web::rt::spawn(async move {
        let _turn = turn;
        let of = sink.clone();
        let mut begun = remembered(&site, move |delivery| letters::begin_replays(delivery, &of, asked)).await?;
        // One that is stored and does not run, as nobody could tell the sink of it, begins now too.
        let later = |why| Problem::unavailable(format!("{why}; what is stored begins when it is asked for again"));
        let others = site.desk.replay(&sink).await.map_err(later)?;
        begun.extend(others.into_iter().filter(|other| begun.iter().all(|job| job.id != other.id)).collect::<Vec<_>>());
        Answer::Ok(begun.iter().map(ReplayReport::from).collect())
    });
    let items: Vec<_> = beginning.await.map_err(|_| Problem::unavailable("the watchpost is ending"))??;
    Ok(HttpResponse::Accepted().json(List { items, next: None }))
}
