//! Events and states on one connection: a browser opens but six to a host, for all its windows together.

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, LocalBoxStream, Stream},
};
use utoipa::OpenApi;

use super::{Streams, client::Source, events::Asked, head, states::Wanted};
use crate::http::{
    openapi::{Filters, Types, Values},
    problem::{Answer, read},
    query::Query,
    site::Site,
};

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(stream))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/api/v1/stream", stream));
}

/// Events and states
///
/// The frames of both streams on one connection. An `id` is an event's, and a client that comes again with `Last-Event-ID` gets the events that it has missed; the
/// states are told anew. `type` is asked of events alone, `value` of states.
#[utoipa::path(
    get,
    path = "/api/v1/stream",
    tag = "events",
    operation_id = "stream",
    params(
        Filters,
        Types,
        Values,
        ("since" = Option<String>, Query, description = "Begin with events stored at or after this moment: RFC 3339, or a time back from now", format = "moment", example = "1h"),
        ("after" = Option<String>, Query, description = "Begin after the event of this `sequence`", pattern = "^[0-9]{1,20}$"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last `id` that was received; it goes before `after` and `since`", pattern = "^[0-9]{1,20}$")
    ),
    responses((status = 200, description = "Events and states, as server-sent events", body = String, content_type = "text/event-stream"))
)]
async fn stream(request: HttpRequest, site: web::Data<Site>, streams: web::Data<Streams>) -> Answer<HttpResponse> {
    let mut query = Query::of(&request);
    let (asked, wanted) = (Asked::of(&request, &mut query), Wanted::of(&request, &mut query));
    query.end()?;
    let Some(ticket) = streams.admit(&request, "both")? else { return Ok(head().finish()) };
    let place = asked.place(&site).await?;
    let states = wanted.follow(&streams, &site).await?;
    Ok(streams.answer(&request, ticket, |progress| Both::new(states, place.cursor(&streams, &site, progress))))
}

/// Two sources, each in its order, until one of them ends.
struct Both(LocalBoxStream<'static, Option<Bytes>>);

impl Both {
    fn new(one: impl Source + 'static, other: impl Source + 'static) -> Self {
        Self(stream::select(frames(one), frames(other)).boxed_local())
    }
}

/// The frames of a source, and `None` behind the last. What waits for a frame goes on waiting while there are others: a source need not
/// bear to be given up.
fn frames(source: impl Source) -> impl Stream<Item = Option<Bytes>> {
    stream::unfold(Some(source), |source| async {
        let mut source = source?;
        let frame = source.next().await;
        let left = frame.is_some().then_some(source);
        Some((frame, left))
    })
}

impl Source for Both {
    async fn next(&mut self) -> Option<Bytes> {
        self.0.next().await.flatten()
    }
}
