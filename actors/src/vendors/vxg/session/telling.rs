//! From rows to occurrences.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use super::cursor::Cursor;
use super::seen::News;
use super::walk::{Row, SECOND};
use crate::model::Origin;
use crate::model::event::Meaning;
use crate::model::vocabulary::slug;
use crate::vendors::members::Members;
use crate::vendors::vxg::checkpoint::Newest;
use crate::vendors::vxg::directory::Catalog;
use crate::vendors::vxg::wire::{Event, MetaPrint};
use crate::vendors::{Action, Forget, Kind, Occurrence, Todo};

/// In the place of the camera of an event that names none.
pub(super) const NO_CAMERA: i64 = i64::MIN;
/// Types that are remembered: names are free, and a server may make them up.
const TYPES_MOST: usize = 1_024;
/// Rows that cannot be read, of which the log tells but once.
const DOUBTS_MOST: usize = 256;
/// Cameras whose names are asked for when an event comes of them.
const STRANGERS_MOST: usize = 4_096;

const DAY: i64 = 86_400 * SECOND;

/// Name, alias, and whether it is of an update.
type Type = (Box<str>, Option<Box<str>>, bool);

/// Makes occurrences of rows.
#[derive(Debug, Default)]
pub(super) struct Teller {
    meanings: HashMap<Type, Arc<Meaning>, RandomState>,
    /// The cameras whose names are known or have been asked for.
    cameras: HashSet<i64, RandomState>,
    doubted: HashSet<u128, RandomState>,
    /// Cameras whose clock is known to be wrong.
    wrong_clocks: HashSet<i64, RandomState>,
    is_miscounted: bool,
    /// The server's clock, or ours, is known to be wrong.
    is_clock_doubted: bool,
}

impl Teller {
    pub(super) fn know(&mut self, catalog: Option<&Catalog>) {
        self.cameras.extend(catalog.into_iter().flat_map(|catalog| &catalog.cameras).map(|camera| camera.id));
    }

    /// The names of these cameras are known to the directory, or it has been told to ask for them.
    pub(super) fn know_camera(&mut self, camera: i64) {
        self.cameras.insert(camera);
    }

    /// Tells what is new of the rows, which are in the order of their times. What happened from `live_from` on is live, and what a first start finds
    /// that is dated after `history_beyond` is of a camera whose clock is ahead, and is history.
    pub(super) fn tell(
        &mut self,
        cursor: &mut Cursor,
        rows: &[Row],
        latest: i64,
        live_from: i64,
        history_beyond: i64,
        todo: &mut Todo,
    ) -> bool {
        let mut has_news = false;
        for row in rows.iter().filter(|row| row.at >= cursor.floor) {
            let camera = row.camera.unwrap_or(NO_CAMERA);
            let news = cursor.seen.note(row.at, row.id, camera, row.meta);
            // What is dated in the future tells nothing about what is kept, until its time has come: it is listed then, too.
            if row.at <= latest && cursor.newest.is_none_or(|newest| newest.at <= row.at) {
                cursor.newest = Some(Newest { at: row.at, id: row.id, camera });
            }
            if news == News::Same {
                continue;
            }
            has_news = true;
            let mut origin = if row.at >= live_from { Origin::Live } else { Origin::Backfill };
            if let Some(first) = cursor.first.filter(|first| row.at <= first.began || row.at > history_beyond) {
                if row.at < first.told_from && news == News::New {
                    continue;
                }
                origin = Origin::Backfill;
            }
            self.occur(row, news == News::Updated, origin, todo);
        }
        has_news
    }

    fn occur(&mut self, row: &Row, is_update: bool, origin: Origin, todo: &mut Todo) {
        let Ok(event) = Event::read(&row.json) else { return };
        let item = row.camera.map(item).unwrap_or_default();
        if let Some(camera) = row.camera
            && self.cameras.len() < STRANGERS_MOST
            && self.cameras.insert(camera)
        {
            todo.act(Action::Forget(Forget::Item(item.as_str().into())));
        }
        let id = if is_update { format!("{}~{}", row.id, MetaPrint(row.meta)) } else { row.id.to_string() };
        let meaning = self.meaning(&event, is_update);
        let (kind, time) = (Kind::Known(&meaning), event.time_text());
        let safe = without_tokens(&row.json);
        let data = safe.as_deref().unwrap_or(&row.json);
        todo.entries.occur(Occurrence { id: &id, origin, item: &item, kind, time: &time, data });
    }

    /// An event of VXG's is an edge: it sets no state, whatever it is called.
    fn meaning(&mut self, event: &Event<'_>, is_update: bool) -> Arc<Meaning> {
        let key = (Box::from(&*event.name), event.alias.as_deref().map(Box::from), is_update);
        if let Some(meaning) = self.meanings.get(&key) {
            return Arc::clone(meaning);
        }
        if self.meanings.len() >= TYPES_MOST {
            self.meanings.clear();
        }
        let suffix = if is_update { ".updated" } else { "" };
        let name = Some(event.title()).filter(|title| !title.is_empty()).map(Arc::from);
        let kind = format!("vxg.{}{suffix}", slug(&event.name)).into();
        let meaning = Arc::new(Meaning { kind, name, state: None });
        self.meanings.insert(key, Arc::clone(&meaning));
        meaning
    }

    /// A row cannot be read: once is enough to tell of it, though it is listed again and again.
    pub(super) fn doubt(&mut self, why: &str, print: u128, todo: &mut Todo) {
        if self.doubted.len() < DOUBTS_MOST && self.doubted.insert(print) {
            todo.act(Action::Warn(format!("a row of a list cannot be read: {why}")));
        }
    }

    /// A camera's clock is so far ahead.
    pub(super) fn doubt_clock(&mut self, camera: Option<i64>, ahead: i64, todo: &mut Todo) {
        let camera = camera.unwrap_or(NO_CAMERA);
        if self.wrong_clocks.len() < STRANGERS_MOST && self.wrong_clocks.insert(camera) {
            let whose = if camera == NO_CAMERA { "no camera".to_owned() } else { format!("camera {camera}") };
            let days = ahead / DAY;
            todo.act(Action::Warn(format!(
                "an event of {whose} is dated {days} days ahead: the clock there has to be set; events so far ahead are told late, and not all of them"
            )));
        }
    }

    /// The server's clock is so many seconds ahead of ours, or behind.
    pub(super) fn doubt_server(&mut self, ahead: i64, todo: &mut Todo) {
        if !std::mem::replace(&mut self.is_clock_doubted, true) {
            let (by, where_to) = (ahead.unsigned_abs(), if ahead > 0 { "ahead of" } else { "behind" });
            todo.act(Action::Warn(format!(
                "the server's clock is {by} s {where_to} ours, by its header `Date`: one of them has to be set; meanwhile more is read than is necessary"
            )));
        }
    }

    /// The server counts rows that it does not list.
    pub(super) fn doubt_count(&mut self, listed: u64, counted: u64, todo: &mut Todo) {
        if !std::mem::replace(&mut self.is_miscounted, true) {
            todo.act(Action::Warn(format!("the server counts {counted} events and lists {listed} of them")));
        }
    }
}

/// The subject of a camera's events.
pub(super) fn item(camera: i64) -> String {
    if camera == NO_CAMERA { String::new() } else { format!("cameras/{camera}") }
}

/// An event's JSON without members that hold a token, if it has any. What is inside its members is its own: its meta may speak of tokens, and
/// its links may be signed.
fn without_tokens(json: &str) -> Option<String> {
    let is_token = |name: &str| name.to_ascii_lowercase().contains("token");
    if !is_token(json) {
        return None;
    }
    let members = Members::of(json).ok()?;
    if !members.iter().any(|(name, _)| is_token(name)) {
        return None;
    }
    let mut safe = String::with_capacity(json.len());
    safe.push('{');
    for (name, json) in members.iter().filter(|(name, _)| !is_token(name)) {
        let comma = if safe.len() > 1 { "," } else { "" };
        let name = serde_json::to_string(name).ok()?;
        safe.push_str(comma);
        safe.push_str(&name);
        safe.push(':');
        safe.push_str(json);
    }
    safe.push('}');
    Some(safe)
}
