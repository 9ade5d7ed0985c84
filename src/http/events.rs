//! Past events, from the journal, oldest first.

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use jiff::Timestamp;
use utoipa::OpenApi;
use watchpost_actors::{
    journal::Ask,
    model::{Sequence, event::Stored},
};

use super::{
    list::List,
    openapi::{Filters, Limit, Types, schemas},
    problem::{Answer, read},
    query::Query,
    site::Site,
};

/// Events that are looked at for one answer. Where few are wanted of many, a page may be short, or empty, and still have a next one.
const LOOKED_AT: usize = 20_000;
/// Events that are read from the journal at a time. Whoever else reads it, as sinks do that are behind, gets a turn after each.
const PAGE: usize = 500;
/// Bytes after which an answer is full: events of some vendors are large.
const BYTES: usize = 4 << 20;

/// The parameters of which each is a list of globs.
pub(super) const FILTERS: [&str; 7] = ["connection", "vendor", "type", "item", "name", "group", "origin"];

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(list))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/api/v1/events", list));
}

/// Past events, oldest first
///
/// From the journal, in the order of `sequence`. A page may be short, or empty, and have a next one: where few events are wanted of many, each
/// answer looks at a part of them.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    operation_id = "listEvents",
    params(
        Filters,
        Types,
        Limit,
        ("since" = Option<String>, Query, description = "Stored at or after this moment: RFC 3339, or a time back from now", format = "moment", example = "1h"),
        ("until" = Option<String>, Query, description = "Stored before this moment: RFC 3339, or a time back from now", format = "moment", example = "30m"),
        ("after" = Option<String>, Query, description = "`next` of the page before, or the `sequence` of an event: what comes after it", pattern = "^[0-9]{1,20}$")
    ),
    responses((status = 200, description = "A page of events", body = List<schemas::Event>))
)]
async fn list(request: HttpRequest, site: web::Data<Site>) -> Answer<impl Responder> {
    let now = Timestamp::now();
    let mut query = Query::of(&request);
    let filter = query.filter(&FILTERS);
    let (since, until) = (query.moment("since", now), query.moment("until", now));
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        query.mistake("until", format!("{until} is before `since`, {since}"));
    }
    let (limit, after) = (query.limit(), query.sequence("after"));
    // An item's history is read from its connection's events alone.
    let of = query.one_connection();
    query.end()?;
    let turn = site.turns.to_read().await?;
    let journal = site.engine.journal();
    let mut from = after.map_or(Sequence(0), |after| after.plus(1));
    if let Some(since) = since {
        let journal = journal.clone();
        from = from.max(turn.ask(async move { journal.at(since).await }).await?);
    }
    let (mut body, mut looked_at) = (Body::default(), 0);
    let next = 'reading: loop {
        let (journal, ask) = (journal.clone(), Ask { from, limit: PAGE, of: of.clone() });
        let page = turn.ask(async move { journal.read(ask).await }).await?;
        for commit in &page.commits {
            if until.is_some_and(|until| commit.recorded >= until) {
                break 'reading None;
            }
            looked_at += commit.events.len();
            for event in commit.iter().filter(|event| event.sequence >= from && filter.wants(event)) {
                if body.count == limit || body.text.len() >= BYTES {
                    break 'reading body.last;
                }
                body.add(&event);
            }
        }
        if page.commits.is_empty() || page.end <= from {
            break None;
        }
        from = page.end;
        if looked_at >= LOOKED_AT {
            break Some(Sequence(from.0.saturating_sub(1)));
        }
    };
    Ok(HttpResponse::Ok().content_type("application/json").body(body.end(next)))
}

/// The answer, put together from the lines of its events.
#[derive(Default)]
struct Body {
    text: Vec<u8>,
    count: usize,
    last: Option<Sequence>,
}

impl Body {
    fn add(&mut self, event: &Stored<'_>) {
        self.text.extend_from_slice(if self.count == 0 { br#"{"items":["# } else { b"," });
        event.write_line(&mut self.text);
        self.count += 1;
        self.last = Some(event.sequence);
    }

    fn end(mut self, next: Option<Sequence>) -> Vec<u8> {
        if self.count == 0 {
            self.text.extend_from_slice(br#"{"items":["#);
        }
        let next = next.map_or_else(|| "null".to_owned(), |next| format!("\"{next}\""));
        self.text.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
        self.text
    }
}
