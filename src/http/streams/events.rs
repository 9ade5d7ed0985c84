//! The journal as a stream: each client is a place in it.

use std::{collections::VecDeque, rc::Rc};

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    select,
    time::{Instant, sleep_until},
};
use utoipa::OpenApi;
use watchpost_actors::{
    journal::{Ask, JournalError, JournalHandle, LaneInfo},
    model::{Filter, Sequence},
};

use super::{
    Streams,
    client::{Progress, Source},
    frame,
    gap::{self, Gap},
    head,
    history::{History, Past},
    rendered::{BLOCK, Wanted},
};
use crate::http::{
    events::FILTERS,
    openapi::{Filters, Types},
    problem::{Answer, read},
    query::Query,
    site::Site,
    telemetry::StreamGap,
};

/// After so many events that a client does not want it is told how far it has come, so that it need not pass them again.
const UNWANTED: u64 = 10_000;

/// What this room says of itself.
#[derive(OpenApi)]
#[openapi(paths(stream))]
pub(super) struct Described;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/api/v1/events/stream", stream));
}

/// Events as they come
///
/// Server-sent events without end: each has the event's JSON as `data` and its `sequence` as `id`. A client that comes again with `Last-Event-ID` gets what it
/// has missed; where that is gone, it gets a `gap` first.
#[utoipa::path(
    get,
    path = "/api/v1/events/stream",
    tag = "events",
    operation_id = "streamEvents",
    params(
        Filters,
        Types,
        ("since" = Option<String>, Query, description = "Begin with what was stored at or after this moment: RFC 3339, or a time back from now", format = "moment", example = "1h"),
        ("after" = Option<String>, Query, description = "Begin after this `sequence`", pattern = "^[0-9]{1,20}$"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last `id` that was received; it goes before `after` and `since`", pattern = "^[0-9]{1,20}$")
    ),
    responses((status = 200, description = "Events, as server-sent events", body = String, content_type = "text/event-stream"))
)]
async fn stream(request: HttpRequest, site: web::Data<Site>, streams: web::Data<Streams>) -> Answer<HttpResponse> {
    let mut query = Query::of(&request);
    let asked = Asked::of(&request, &mut query);
    query.end()?;
    let Some(ticket) = streams.admit(&request, "events")? else { return Ok(head().finish()) };
    let place = asked.place(&site).await?;
    Ok(streams.answer(&request, ticket, |progress| place.cursor(&streams, &site, progress)))
}

/// What a client has asked for.
pub(super) struct Asked {
    filter: Filter,
    /// What of it is about connections: by that gaps are told.
    lanes: Filter,
    resumed: Option<Sequence>,
    since: Option<Timestamp>,
}

impl Asked {
    pub(super) fn of(request: &HttpRequest, query: &mut Query) -> Self {
        let filter = query.filter(&FILTERS);
        let since = query.moment("since", Timestamp::now());
        let after = query.sequence("after");
        let header = request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or("?").trim());
        let header = header.filter(|id| !id.is_empty()).and_then(|id| query.sequence_of("Last-Event-ID", id));
        let lanes = Query::of(request).filter(&["connection", "vendor"]);
        // A client that comes again asks with the parameters of its first time: the header tells what it has got since then.
        let (resumed, since) = (header.or(after), since.filter(|_| header.is_none()));
        Self { filter, lanes, resumed, since }
    }

    /// Where in the journal that is.
    pub(super) async fn place(self, site: &Site) -> Answer<Place> {
        let next = site.engine.journal().next();
        let beginning = match (self.resumed, self.since) {
            (None, None) => Beginning { from: next, missed: None, since: None },
            (Some(id), None) if id < next => Beginning { from: id.plus(1), missed: None, since: None },
            (resumed, since) => {
                let turn = site.turns.to_read().await?;
                turn.ask(beginning(site.engine.journal().clone(), self.lanes.clone(), resumed, since)).await?
            }
        };
        Ok(Place { asked: self, beginning })
    }
}

/// Where a client that is let in begins.
pub(super) struct Place {
    asked: Asked,
    beginning: Beginning,
}

impl Place {
    pub(super) fn cursor(
        self,
        streams: &web::Data<Streams>,
        site: &web::Data<Site>,
        progress: Rc<Progress>,
    ) -> impl Source + use<> {
        let Asked { filter, lanes, resumed, .. } = self.asked;
        let Beginning { from, missed, since } = self.beginning;
        Cursor {
            streams: streams.clone(),
            history: History::new(site.clone()),
            site: site.clone(),
            filter,
            lanes,
            from,
            told: Sequence(from.0.saturating_sub(1)),
            is_resumed: resumed.is_some_and(|id| id > Sequence(0)),
            passed: since,
            opening: Some(missed),
            heard: Instant::now(),
            is_old: false,
            progress,
        }
    }
}

/// Where a client begins.
struct Beginning {
    from: Sequence,
    /// What it has missed and will not get.
    missed: Option<Gap>,
    /// The time that it begins with.
    since: Option<Timestamp>,
}

/// Where a client begins that has an id, wants what was stored since a time, or both.
async fn beginning(
    journal: JournalHandle,
    wanted: Filter,
    resumed: Option<Sequence>,
    since: Option<Timestamp>,
) -> Result<Beginning, JournalError> {
    let next = journal.next();
    let (mut from, mut missed) = match resumed {
        Some(id) if id >= next && id > Sequence(0) => (next, Some(of_unknown_id(&journal.lanes().await?, &wanted))),
        Some(id) => (id.plus(1), None),
        None => (next, None),
    };
    let Some(since) = since else { return Ok(Beginning { from, missed, since }) };
    let at = journal.at(since).await?;
    from = if resumed.is_some() { from.max(at) } else { at };
    let begins_then = from == at;
    if begins_then {
        missed = gone_since(&journal, &wanted, since, at).await?;
    }
    Ok(Beginning { from, missed, since: begins_then.then_some(since) })
}

/// A client's place in the journal.
struct Cursor {
    streams: web::Data<Streams>,
    site: web::Data<Site>,
    history: History,
    filter: Filter,
    /// What of it is about connections: by that gaps are told.
    lanes: Filter,
    /// The next that is looked at.
    from: Sequence,
    /// The last id that the client knows.
    told: Sequence,
    /// It came with an id.
    is_resumed: bool,
    /// When the last that it has passed was stored.
    passed: Option<Timestamp>,
    /// What it is told first.
    opening: Option<Option<Gap>>,
    /// When it last heard something.
    heard: Instant,
    /// Its page was not in memory any more.
    is_old: bool,
    progress: Rc<Progress>,
}

impl Source for Cursor {
    async fn next(&mut self) -> Option<Bytes> {
        let frames = self.frames().await?;
        self.heard = Instant::now();
        Some(frames)
    }
}

enum Read {
    Events,
    Gap(Gap),
    Nothing,
}

impl Cursor {
    async fn frames(&mut self) -> Option<Bytes> {
        if let Some(missed) = self.opening.take() {
            return Some(match missed {
                Some(gap) => self.tell(&gap),
                None => frame::position(self.told),
            });
        }
        loop {
            if let Some(frames) = self.piece() {
                return Some(frames);
            }
            if self.from.0.saturating_sub(self.told.0) > UNWANTED {
                return Some(self.position());
            }
            // Many pages of which nothing is wanted must not keep the thread from others.
            tokio::task::yield_now().await;
            let heartbeat = self.heard + self.streams.settings.heartbeat;
            let past = select! {
                biased;
                () = self.streams.ended() => return None,
                past = self.history.page(self.from) => past?,
                // It keeps its turn.
                () = sleep_until(heartbeat) => return Some(self.heartbeat()),
            };
            match self.take(past) {
                Read::Events => continue,
                Read::Gap(gap) => return Some(self.tell(&gap)),
                Read::Nothing => {}
            }
            select! {
                biased;
                () = self.streams.ended() => return None,
                reached = self.site.engine.journal().reached(self.from) => reached.ok()?,
                () = sleep_until(heartbeat) => return Some(self.heartbeat()),
            }
            self.streams.gather().await;
        }
    }

    /// What is wanted of what is at hand, about a block of it.
    fn piece(&mut self) -> Option<Bytes> {
        let (mut frames, mut size) = (Vec::new(), 0);
        while size < BLOCK {
            let blocks = self.streams.rendered.from(self.from);
            if blocks.is_empty() {
                let Some(wanted) = self.next_of_page() else { break };
                size += self.pass(wanted, &mut frames);
            }
            for block in blocks {
                let wanted = block.wanted(self.from, &self.filter);
                size += self.pass(wanted, &mut frames);
            }
        }
        (!frames.is_empty()).then(|| frame::joined(&frames))
    }

    /// Goes on behind what is wanted; how many bytes it is.
    fn pass(&mut self, wanted: Wanted, frames: &mut Vec<Bytes>) -> usize {
        let Wanted { frames: text, last, next, recorded } = wanted;
        self.from = next;
        self.passed = Some(recorded);
        let Some(last) = last else { return 0 };
        self.told = last;
        let size = text.len();
        frames.push(text);
        size
    }

    /// What is wanted of the group that the page begins with, about a block of it.
    fn next_of_page(&mut self) -> Option<Wanted> {
        let mut page = self.progress.page.borrow_mut();
        while page.front().is_some_and(|commit| commit.next() <= self.from) {
            page.pop_front();
        }
        let commit = page.front()?;
        self.from = self.from.max(commit.first);
        self.streams.rendered.wanted(commit, self.from, &self.filter, self.is_old)
    }

    fn take(&mut self, past: Past) -> Read {
        let Past { mut page, old, lanes } = past;
        page.commits.retain(|commit| !commit.events.is_empty() && commit.next() > self.from);
        let recorded = page.commits.first().map(|commit| commit.recorded);
        if page.oldest > self.from {
            let gap = self.gone(&lanes, page.oldest, recorded);
            self.from = page.oldest;
            self.is_resumed = false;
            if let Some(gap) = gap {
                return Read::Gap(gap);
            }
        }
        if page.commits.is_empty() {
            self.from = self.from.max(page.end);
            return Read::Nothing;
        }
        self.is_old = old;
        *self.progress.page.borrow_mut() = VecDeque::from(page.commits);
        Read::Events
    }

    /// What is missing before the oldest event that is left.
    fn gone(&self, lanes: &[LaneInfo], oldest: Sequence, recorded: Option<Timestamp>) -> Option<Gap> {
        let dropped: Vec<_> = lanes.iter().filter(|lane| lane.dropped > self.from).collect();
        if dropped.is_empty() {
            // The numbers below were never of this journal.
            return self.is_resumed.then(|| of_unknown_id(lanes, &self.lanes));
        }
        let events = oldest.0.saturating_sub(self.from.0);
        of_dropped(dropped.into_iter(), &self.lanes, self.passed, recorded, Some(events))
    }

    /// The frame of a gap, behind which the client goes on.
    fn tell(&mut self, gap: &Gap) -> Bytes {
        StreamGap { reason: gap.reason }.emit();
        self.told = Sequence(self.from.0.saturating_sub(1));
        gap.frame(self.from)
    }

    fn position(&mut self) -> Bytes {
        self.told = Sequence(self.from.0.saturating_sub(1));
        frame::position(self.told)
    }

    fn heartbeat(&mut self) -> Bytes {
        if self.told.plus(1) < self.from { self.position() } else { Bytes::from_static(frame::HEARTBEAT) }
    }
}

/// A gap where events of these connections were dropped, if any of them is wanted.
fn of_dropped<'a>(
    dropped: impl Iterator<Item = &'a LaneInfo>,
    wanted: &Filter,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    events: Option<u64>,
) -> Option<Gap> {
    let dropped: Vec<_> = dropped.filter(|lane| gap::concerns(wanted, lane)).collect();
    let is_lost = dropped.iter().all(|lane| lane.lost);
    let to = to.unwrap_or_else(Timestamp::now);
    (!dropped.is_empty()).then(|| Gap {
        from: from.map(|from| from.min(to)),
        to,
        reason: if is_lost { gap::JOURNAL_LOST } else { gap::RETENTION },
        recovered: "nothing",
        events,
        connections: dropped.iter().map(|lane| lane.connection.to_string()).collect(),
    })
}

fn of_unknown_id(lanes: &[LaneInfo], wanted: &Filter) -> Gap {
    let concerned = lanes.iter().filter(|lane| gap::concerns(wanted, lane));
    let connections = concerned.map(|lane| lane.connection.to_string()).collect();
    Gap { from: None, to: Timestamp::now(), reason: gap::UNKNOWN_ID, recovered: "nothing", events: None, connections }
}

/// What was dropped may have been of the time that is asked for: when it was stored is not known any more. So that nothing is missing in silence, a gap
/// is told unless something older than that time is left.
async fn gone_since(
    journal: &JournalHandle,
    wanted: &Filter,
    since: Timestamp,
    at: Sequence,
) -> Result<Option<Gap>, JournalError> {
    let page = journal.read(Ask { from: Sequence(0), limit: 1, of: None }).await?;
    if page.oldest < at {
        return Ok(None);
    }
    let to = page.commits.first().map(|commit| commit.recorded);
    let lanes = journal.lanes().await?;
    Ok(of_dropped(lanes.iter().filter(|lane| lane.dropped > Sequence(0)), wanted, Some(since), to, None))
}
