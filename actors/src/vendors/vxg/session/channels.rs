//! Who is online: the list of cameras, read over and over, and what differs from the time before.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use super::VxgSession;
use super::calls::Ask;
use super::polls::jittered;
use super::telling::item;
use crate::model::Origin;
use crate::model::event::{Meaning, StateMeaning};
use crate::model::ids::{EventId, fingerprint};
use crate::model::vocabulary;
use crate::transport::request::{RestAnswer, RestCall};
use crate::vendors::vxg::grant::Grant;
use crate::vendors::vxg::rest::{self, CallError, ChannelList, PageSize};
use crate::vendors::vxg::wire::{Channel, without_secrets};
use crate::vendors::{Action, Entry, Forget, Kind, Noted, Now, Occurrence, Scope, SessionEnd, Snapshot, Todo};

/// Cameras of a list: more than an account has.
const CAMERAS_MOST: usize = 100_000;
/// A list that failed is asked for again after this, unless lists are more frequent anyway.
const AGAIN: Duration = Duration::from_secs(5);
/// The group of the one state that a camera has.
const GROUP: &str = "connection";

/// A camera as it was last listed.
#[derive(Debug, Clone)]
struct Camera {
    name: Option<Box<str>>,
    online: Option<bool>,
    /// Without its secrets.
    json: Box<str>,
}

/// A list that is being read.
#[derive(Debug, Default)]
struct Reading {
    offset: u64,
    pages: u32,
    rows: BTreeMap<i64, Camera>,
    /// Of all that were listed, also of those that are not followed.
    ids: HashSet<i64>,
    has_unreadable: bool,
}

/// The cameras, as far as the token lists them.
#[derive(Debug, Default)]
pub(super) struct Channels {
    which: Option<ChannelList>,
    size: PageSize,
    reading: Option<Reading>,
    next_at: Option<Instant>,
    /// As last told; `None` while no list has come.
    cameras: Option<BTreeMap<i64, Camera>>,
    /// Those that the last list lacked: once is taken for a mistake of the server's.
    missing: HashSet<i64>,
    /// The first list was empty: it may be a mistake, too.
    was_empty: bool,
}

impl Channels {
    /// Whether the token opens a list.
    pub(super) fn are_listed(&self) -> bool {
        self.which.is_some()
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.next_at.filter(|_| self.reading.is_none())
    }

    /// The cameras that there are, if they are known.
    pub(super) fn ids(&self) -> Option<Vec<i64>> {
        self.cameras.as_ref().map(|cameras| cameras.keys().copied().collect())
    }

    pub(super) fn call(&self, grant: &Grant) -> Option<RestCall> {
        let offset = self.reading.as_ref()?.offset;
        Some(rest::channels(grant, self.which?, self.size.at(offset)))
    }
}

impl VxgSession {
    pub(super) fn begin_channels(&mut self, now: Now, todo: &mut Todo) {
        self.channels.which = self.grant.as_ref().and_then(|grant| ChannelList::of(grant.scheme()));
        if self.channels.which.is_some() {
            todo.enter(Entry::BaselineAwaited { anew: true });
            self.channels.next_at = Some(now.instant);
            self.list_channels_if_due(now, todo);
        }
    }

    pub(super) fn list_channels_if_due(&mut self, now: Now, todo: &mut Todo) {
        if self.channels.next_wake().is_some_and(|at| at <= now.instant) {
            self.channels.next_at = None;
            self.channels.reading = Some(Reading::default());
            self.ask(now, Ask::Channels, todo);
        }
    }

    fn list_channels_after(&mut self, now: Now, pause: Duration) {
        let seed = self.clock.at(now);
        self.channels.next_at = Some(now.instant + jittered(pause, seed));
    }

    pub(super) fn channels_paged(&mut self, now: Now, answer: &RestAnswer, todo: &mut Todo) {
        let Some(grant) = self.grant.clone() else { return };
        let page = match rest::read_page(&grant, answer) {
            Ok(page) => page,
            Err(error) => return self.failed(now, Ask::Channels, &error, todo),
        };
        self.channels.size.taken();
        let size = self.channels.size;
        let Some(reading) = &mut self.channels.reading else { return };
        let asked = size.at(reading.offset);
        let read = page.read_rows(Channel::read);
        reading.has_unreadable |= !read.skipped.is_empty();
        for skipped in &read.skipped {
            let row = page.rows.get(skipped.row).map_or("", |row| row.get());
            self.teller.doubt(&skipped.why, fingerprint(row), todo);
        }
        // A page that brings none is the end, whatever it says; one of cameras that are not followed is not.
        let fresh = read.rows.iter().filter(|channel| reading.ids.insert(channel.id)).count();
        let is_stale = fresh == 0 && (read.skipped.is_empty() || reading.pages > 1_000);
        for channel in read.rows.iter().filter(|channel| self.config.cameras.contains(channel.id)) {
            let name = channel.name.as_deref().map(Box::from);
            let camera = Camera { name, online: channel.is_online(), json: without_secrets(channel.json).into() };
            reading.rows.insert(channel.id, camera);
        }
        reading.offset = reading.offset.saturating_add(page.rows.len() as u64);
        reading.pages += 1;
        if !page.is_last(asked) && !is_stale && reading.rows.len() < CAMERAS_MOST && reading.pages < 10_000 {
            return self.ask(now, Ask::Channels, todo);
        }
        if let Some(reading) = self.channels.reading.take() {
            self.list_channels_after(now, self.config.status_every);
            self.listed(now, reading, todo);
        }
    }

    pub(super) fn channels_failed(&mut self, now: Now, error: &CallError, todo: &mut Todo) {
        let channels = &mut self.channels;
        channels.reading = None;
        if channels.size.lessen(error) {
            channels.next_at = Some(now.instant);
            return self.list_channels_if_due(now, todo);
        }
        let is_closed = matches!(error, CallError::Forbidden(_) | CallError::NotFound(_) | CallError::Bad { .. });
        // Whether the token is good at all is found out by events.
        let is_refused = is_closed || matches!(error, CallError::Unauthorized(_));
        if is_refused && channels.which == Some(ChannelList::V3) {
            // That a licence key opens the other list is inferred.
            channels.which = Some(ChannelList::V5);
            channels.next_at = Some(now.instant);
            return self.list_channels_if_due(now, todo);
        }
        if matches!(error, CallError::Unauthorized(_)) {
            // The next look begins with the first again.
            channels.which = self.grant.as_ref().and_then(|grant| ChannelList::of(grant.scheme()));
        }
        if self.polls.waits_for_cameras() && self.channels.cameras.is_none() {
            let why =
                format!("events are to be had by camera alone, and the list of cameras is not to be had: {error}");
            return self.end(SessionEnd::Retry { why, cause: error.cause(), not_before: error.not_before() }, todo);
        }
        let every = self.config.status_every;
        let pause = if self.channels.cameras.is_none() && !is_refused { every.min(AGAIN) } else { every };
        self.list_channels_after(now, pause.max(error.not_before().unwrap_or_default()));
    }

    /// A list is there as a whole.
    fn listed(&mut self, now: Now, reading: Reading, todo: &mut Todo) {
        let Reading { rows, has_unreadable, .. } = reading;
        let time = jiff::Timestamp::from_microsecond(self.clock.at(now)).unwrap_or(now.wall).to_string();
        let Some(mut cameras) = self.channels.cameras.take() else {
            if rows.is_empty() && !std::mem::replace(&mut self.channels.was_empty, true) {
                return;
            }
            let noted = |(id, camera): (&i64, &Camera)| note(*id, camera, &time, todo);
            let states = rows.iter().filter_map(noted).collect();
            todo.enter(Entry::Snapshot(Box::new(Snapshot { scope: Scope::Everything, states })));
            rows.keys().for_each(|id| self.teller.know_camera(*id));
            self.channels.cameras = Some(rows);
            return self.channels_listed(now, todo);
        };
        let missing: HashSet<i64> = cameras.keys().filter(|id| !rows.contains_key(id)).copied().collect();
        if !has_unreadable {
            for id in missing.iter().filter(|id| self.channels.missing.contains(id)) {
                cameras.remove(id);
                retell(*id, None, &time, todo);
            }
            self.channels.missing = missing;
        }
        for (id, camera) in rows {
            let before = cameras.get(&id);
            if before.is_none_or(|before| before.name != camera.name) {
                self.teller.know_camera(id);
                todo.act(Action::Forget(Forget::Item(item(id).as_str().into())));
            }
            match (before.map(|before| before.online), camera.online) {
                (Some(before), online) if before == online => {}
                (Some(Some(_)), Some(online)) => {
                    let (id, item) = (EventId::mint(), item(id));
                    let (id, kind) = (id.as_str(), Kind::Known(meaning(online)));
                    let origin = Origin::Live;
                    todo.entries.occur(Occurrence { id, origin, item: &item, kind, time: &time, data: &camera.json });
                }
                // Of one that is new, or whose state nobody knew, it is no change; and that nobody knows it any more is no event of the camera's.
                _ => retell(id, Some(&camera), &time, todo),
            }
            cameras.insert(id, camera);
        }
        self.channels.cameras = Some(cameras);
        self.channels_listed(now, todo);
    }
}

/// Tells the state of a camera as it is, without an event of its own.
fn retell(id: i64, camera: Option<&Camera>, time: &str, todo: &mut Todo) {
    let states = camera.and_then(|camera| note(id, camera, time, todo)).into_iter().collect();
    let scope = Scope::Item(item(id).into());
    todo.enter(Entry::Snapshot(Box::new(Snapshot { scope, states })));
}

fn note(id: i64, camera: &Camera, time: &str, todo: &mut Todo) -> Option<Noted> {
    let (item, kind) = (item(id), Kind::Known(meaning(camera.online?)));
    let occurrence = Occurrence { id: "", origin: Origin::Snapshot, item: &item, kind, time, data: &camera.json };
    Some(todo.entries.note(occurrence))
}

/// What a camera's state means.
fn meaning(online: bool) -> &'static Arc<Meaning> {
    static MEANINGS: LazyLock<[Arc<Meaning>; 2]> =
        LazyLock::new(|| [("connection.lost", "Camera offline"), ("connection.restored", "Camera online")].map(known));
    &MEANINGS[usize::from(online)]
}

fn known((kind, name): (&str, &str)) -> Arc<Meaning> {
    let value = vocabulary::find(kind).and_then(|word| word.state).map_or(vocabulary::UNKNOWN, |(_, value)| value);
    let state = StateMeaning {
        group: GROUP.into(),
        value: value.into(),
        vendor_group: GROUP.into(),
        vendor_value: value.into(),
        text: None,
    };
    Arc::new(Meaning { kind: kind.into(), name: Some(name.into()), state: Some(state) })
}
