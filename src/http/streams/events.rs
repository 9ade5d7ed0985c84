//! The journal as a stream: each client is a place in it.

use std::{collections::VecDeque, rc::Rc, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    select,
    time::{Instant, sleep_until},
};
use utoipa::OpenApi;
use watchpost_actors::{
    journal::{Ask, JournalHandle, LaneInfo},
    model::{Filter, Sequence},
};

use super::{
    Streams,
    client::{Progress, Source},
    frame,
    gap::{self, Gap},
    rendered::{BLOCK, Block},
};
use crate::http::{
    events::FILTERS,
    openapi::EventFilters,
    problem::{Answer, read},
    query::Query,
    site::Site,
    telemetry::StreamGap,
};

/// Events that are read from the journal at a time.
const PAGE: usize = 256;
/// After so many events that a client does not want it is told how far it has come, so that it need not pass them again.
const UNWANTED: u64 = 10_000;
/// How an id is written.
const ID: &str = "the `id` of a frame of this stream: a whole number";

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
        EventFilters,
        ("since" = Option<String>, Query, description = "Begin with what was stored at or after this moment: RFC 3339, or a time back from now", format = "moment", example = "1h"),
        ("after" = Option<String>, Query, description = "Begin after this `sequence`", pattern = "^[0-9]{1,19}$"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last `id` that was received; it goes before `after` and `since`", pattern = "^[0-9]{1,19}$")
    ),
    responses((status = 200, description = "Events, as server-sent events", body = String, content_type = "text/event-stream"))
)]
async fn stream(request: HttpRequest, site: web::Data<Site>, streams: web::Data<Streams>) -> Answer<HttpResponse> {
    let mut query = Query::of(&request);
    let filter = query.filter(&FILTERS);
    let since = query.moment("since", Timestamp::now());
    let after = query.parsed::<u64>("after", ID);
    let header = request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or("?").trim().to_owned());
    let header = header.filter(|id| !id.is_empty()).and_then(|id| {
        let read = id.parse::<u64>().ok();
        if read.is_none() {
            query.mistake("Last-Event-ID", format!("it is not {ID}"));
        }
        read
    });
    query.end()?;
    let lanes = Query::of(&request).filter(&["connection", "vendor"]);
    let journal = site.engine.journal().clone();
    let next = journal.next();
    // A client that comes again asks with the parameters of its first time: the header tells what it has got since then.
    let resumed = header.or(after).map(Sequence);
    let mut missed = None;
    let mut from = match resumed {
        Some(id) if id >= next && id > Sequence(0) => {
            missed = unknown(&journal, &lanes).await?;
            next
        }
        Some(id) => id.plus(1),
        None => next,
    };
    let mut began = None;
    if let Some(since) = since.filter(|_| header.is_none()) {
        let at = journal.at(since).await?;
        from = if after.is_some() { from.max(at) } else { at };
        if from == at {
            missed = gone_since(&journal, &lanes, since, at).await?;
            began = Some(since);
        }
    }
    Ok(streams.answer(&request, "events", |progress| Cursor {
        streams: streams.clone(),
        journal,
        filter,
        lanes,
        from,
        told: Sequence(from.0.saturating_sub(1)),
        is_resumed: resumed.is_some_and(|id| id > Sequence(0)),
        passed: began,
        opening: Some(missed),
        heard: Instant::now(),
        progress,
    }))
}

/// A client's place in the journal.
struct Cursor {
    streams: web::Data<Streams>,
    journal: JournalHandle,
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
            let first = match missed {
                Some(gap) => self.tell(&gap),
                None => frame::position(self.told),
            };
            return Some(frame::joined(&[Bytes::from_static(frame::OPENING), first]));
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
            match self.read().await? {
                Read::Events => continue,
                Read::Gap(gap) => return Some(self.tell(&gap)),
                Read::Nothing => {}
            }
            let heartbeat = self.heard + self.streams.settings.heartbeat;
            select! {
                biased;
                () = self.streams.ended() => return None,
                reached = self.journal.reached(self.from) => reached.ok()?,
                () = sleep_until(heartbeat) => return Some(self.heartbeat()),
            }
            self.streams.gather().await;
        }
    }

    /// What is wanted of what is at hand, about a block of it.
    fn piece(&mut self) -> Option<Bytes> {
        let (mut frames, mut size) = (Vec::new(), 0);
        while size < BLOCK {
            let mut blocks = self.streams.rendered.from(self.from);
            blocks.extend(if blocks.is_empty() { self.next_of_page() } else { None });
            if blocks.is_empty() {
                break;
            }
            for block in blocks {
                let (wanted, last) = block.wanted(self.from, &self.filter);
                self.from = block.next();
                self.passed = Some(block.recorded());
                if let Some(last) = last {
                    self.told = last;
                    size += wanted.len();
                    frames.push(wanted);
                }
            }
        }
        (!frames.is_empty()).then(|| frame::joined(&frames))
    }

    /// The block that the page begins with.
    fn next_of_page(&mut self) -> Option<Arc<Block>> {
        let mut page = self.progress.page.borrow_mut();
        while page.front().is_some_and(|commit| commit.next() <= self.from) {
            page.pop_front();
        }
        let commit = page.front()?;
        self.from = self.from.max(commit.first);
        self.streams.rendered.block(commit, self.from)
    }

    async fn read(&mut self) -> Option<Read> {
        let ask = Ask { from: self.from, limit: PAGE, of: None };
        // If it cannot be read now, the client comes again in a moment with the id that it has.
        let mut page = self.journal.read(ask).await.ok()?;
        page.commits.retain(|commit| !commit.events.is_empty() && commit.next() > self.from);
        let recorded = page.commits.first().map(|commit| commit.recorded);
        if page.oldest > self.from {
            let gap = self.gone(page.oldest, recorded).await?;
            self.from = page.oldest;
            self.is_resumed = false;
            if let Some(gap) = gap {
                return Some(Read::Gap(gap));
            }
        }
        if page.commits.is_empty() {
            self.from = self.from.max(page.end);
            return Some(Read::Nothing);
        }
        *self.progress.page.borrow_mut() = VecDeque::from(page.commits);
        Some(Read::Events)
    }

    /// What is missing before the oldest event that is left.
    async fn gone(&self, oldest: Sequence, recorded: Option<Timestamp>) -> Option<Option<Gap>> {
        let lanes = self.journal.lanes().await.ok()?;
        let dropped: Vec<_> = lanes.iter().filter(|lane| lane.dropped > self.from).collect();
        if dropped.is_empty() {
            // The numbers below were never of this journal.
            return Some(self.is_resumed.then(|| of_unknown_id(&lanes, &self.lanes)));
        }
        let events = oldest.0.saturating_sub(self.from.0);
        Some(of_dropped(dropped.into_iter(), &self.lanes, self.passed, recorded, Some(events)))
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

/// The id is above all that the journal has.
async fn unknown(journal: &JournalHandle, wanted: &Filter) -> Answer<Option<Gap>> {
    Ok(Some(of_unknown_id(&journal.lanes().await?, wanted)))
}

/// What was dropped may have been of the time that is asked for: when it was stored is not known any more. So that nothing is missing in silence, a gap
/// is told unless something older than that time is left.
async fn gone_since(journal: &JournalHandle, wanted: &Filter, since: Timestamp, at: Sequence) -> Answer<Option<Gap>> {
    let page = journal.read(Ask { from: Sequence(0), limit: 1, of: None }).await?;
    if page.oldest < at {
        return Ok(None);
    }
    let to = page.commits.first().map(|commit| commit.recorded);
    let lanes = journal.lanes().await?;
    Ok(of_dropped(lanes.iter().filter(|lane| lane.dropped > Sequence(0)), wanted, Some(since), to, None))
}
