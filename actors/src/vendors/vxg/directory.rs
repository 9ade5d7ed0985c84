//! The cameras that a token opens, with their names.
//!
//! A group's token and a licence key open a list of them, of which every page is read; an access token opens its one camera alone, whose name may or may
//! not be told to it. Event types need no directory: an event carries its type's name. Without a list events go on without names.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;

use super::config::VxgConfig;
use super::grant::Grant;
use super::rest::{self, CallError, ChannelList, PageSize};
use super::token::Scheme;
use super::wire::{Asked, Channel, Page, Rows};
use crate::model::event::Item;
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};
use crate::vendors::{Directory, Forget, Learned, NameKey, Now, Taken};

/// How long it is believed that what a list lacks is not there.
const BELIEVED_FOR: Duration = Duration::from_secs(300);
/// How long it is believed that a camera's name is not told.
const UNNAMED_FOR: Duration = Duration::from_secs(3_600);
/// Cameras that a list may have, should its pages never end.
const MOST_CAMERAS: usize = 100_000;
/// Readings of the list that may be under way.
const MOST_READINGS: usize = 4;

/// A question to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// The first page of the list.
    First(ChannelList),
    /// A later page, of the reading of this number.
    Next {
        /// Which list.
        list: ChannelList,
        /// Which reading.
        reading: u32,
        /// From which row on.
        offset: u64,
    },
    /// One camera, in the way that is open to its own token.
    Camera(i64),
}

/// The cameras as they were last listed.
#[derive(Debug, Default)]
pub struct Catalog {
    /// In the order of their ids; none with an access token whose camera could not be asked for.
    pub cameras: Vec<Camera>,
}

/// A camera of a [`Catalog`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// What events have as `camid`.
    pub id: i64,
    /// What people call it.
    pub name: Option<Arc<str>>,
    /// The word for how it does: `active` if it is online.
    pub status: Option<String>,
}

/// What is known of what one token opens.
#[derive(Debug)]
pub struct VxgDirectory {
    /// What the settings lead to.
    grant: Option<Grant>,
    /// The settings' token may give way to another.
    is_replaced: bool,
    /// The list that the token opens; `None` for an access token.
    list: Option<ChannelList>,
    size: PageSize,
    /// An access token's camera, if it is known.
    camera: Option<i64>,
    catalog: Option<Arc<Catalog>>,
    items: HashMap<ByteString, Arc<Item>>,
    /// When the list was last asked for, for the sake of single names.
    listed: Option<Instant>,
    /// Until when these cameras are not asked for.
    unnamed: HashMap<i64, Instant>,
    /// Cameras read so far, by the number of the reading.
    readings: BTreeMap<u32, BTreeMap<i64, Camera>>,
    last_reading: u32,
}

impl VxgDirectory {
    /// An empty directory.
    #[must_use]
    pub fn new(config: &VxgConfig) -> Self {
        let grant = config.grant().ok();
        let list = grant.as_ref().and_then(|grant| ChannelList::of(grant.scheme()));
        let camera = grant.as_ref().and_then(|grant| grant.camera);
        // An access token that does not tell its camera: there is nothing to ask before the first event.
        let catalog = (list.is_none() && camera.is_none()).then(Arc::default);
        Self {
            grant,
            is_replaced: config.license_key.is_some(),
            list,
            size: PageSize::default(),
            camera,
            catalog,
            items: HashMap::new(),
            listed: None,
            unnamed: HashMap::new(),
            readings: BTreeMap::new(),
            last_reading: 0,
        }
    }

    /// Takes a name in, and tells it if it is new.
    fn name(&mut self, camera: &Camera, learned: &mut Learned) {
        let id = item(camera.id);
        let is_known = self.items.get(&*id).is_some_and(|item| item.name == camera.name);
        if !is_known {
            let item = Arc::new(Item { id: Arc::from(&*id), name: camera.name.clone() });
            self.items.insert(id.into(), Arc::clone(&item));
            learned.items.push(item);
        }
    }

    /// Takes a page in. What could not be read of it, in words.
    fn take_page(
        &mut self,
        page: &Page<'_>,
        list: ChannelList,
        reading: u32,
        asked: Asked,
        taken: &mut Taken<Ask>,
    ) -> Option<String> {
        let Rows { rows, skipped } = page.read_rows(Channel::read);
        let mut read = self.readings.remove(&reading)?;
        let before = read.len();
        for channel in rows {
            let camera = Camera::of(&channel);
            self.name(&camera, &mut taken.learned);
            read.insert(camera.id, camera);
        }
        // Pages without anything new never end.
        if page.is_last(asked) || read.len() == before || read.len() >= MOST_CAMERAS {
            self.catalog = Some(Arc::new(Catalog { cameras: read.into_values().collect() }));
        } else {
            let offset = asked.offset.saturating_add(page.rows.len() as u64);
            self.readings.insert(reading, read);
            taken.next.push(Ask::Next { list, reading, offset });
        }
        let first = skipped.first()?;
        Some(format!("{} rows cannot be read, the first of them: {}", skipped.len(), first.why))
    }

    fn scheme(&self) -> Option<Scheme> {
        self.grant.as_ref().map(Grant::scheme)
    }

    /// Begins to read the list.
    fn begin(&mut self) -> u32 {
        self.last_reading = self.last_reading.wrapping_add(1);
        self.readings.insert(self.last_reading, BTreeMap::new());
        while self.readings.len() > MOST_READINGS {
            self.readings.pop_first();
        }
        self.last_reading
    }

    fn learn_page(
        &mut self,
        grant: &Grant,
        ask: (ChannelList, u32, u64),
        answer: &RestAnswer,
        taken: &mut Taken<Ask>,
    ) -> Result<Option<String>, CallError> {
        let (list, reading, offset) = ask;
        match rest::read_page(grant, answer) {
            Ok(page) => {
                self.size.taken();
                Ok(self.take_page(&page, list, reading, self.size.at(offset), taken))
            }
            Err(error) => {
                self.readings.remove(&reading);
                if self.size.lessen(&error) {
                    taken.next.push(Ask::First(list));
                    return Ok(None);
                }
                let is_closed = matches!(answer.status, 403..=405);
                if list == ChannelList::V3 && is_closed && self.list == Some(ChannelList::V3) {
                    self.list = Some(ChannelList::V5);
                    taken.next.push(Ask::First(ChannelList::V5));
                    return Ok(None);
                }
                Err(error)
            }
        }
    }

    fn learn_camera(
        &mut self,
        now: Now,
        grant: &Grant,
        id: i64,
        answer: &RestAnswer,
        taken: &mut Taken<Ask>,
    ) -> Result<Option<String>, CallError> {
        let camera = match rest::read_channel(grant, answer) {
            Ok(channel) => Camera { id, ..Camera::of(&channel) },
            Err(CallError::Forbidden(_) | CallError::NotFound(_)) => Camera { id, name: None, status: None },
            Err(error) => return Err(error),
        };
        if camera.name.is_some() {
            self.name(&camera, &mut taken.learned);
        } else {
            self.unnamed.insert(id, now.instant + UNNAMED_FOR);
        }
        if self.list.is_none() {
            self.catalog = Some(Arc::new(Catalog { cameras: vec![camera] }));
        }
        Ok(None)
    }

    /// The question that would name an item.
    fn ask_for(&self, item: &str) -> Option<Ask> {
        let id = item.strip_prefix("cameras/")?.parse().ok()?;
        Some(self.list.map_or(Ask::Camera(id), Ask::First))
    }

    fn may_ask(&self, now: Now, ask: &Ask) -> bool {
        match ask {
            Ask::First(_) | Ask::Next { .. } => self.listed.is_none_or(|at| at + BELIEVED_FOR <= now.instant),
            Ask::Camera(id) => self.unnamed.get(id).is_none_or(|until| *until <= now.instant),
        }
    }
}

impl Camera {
    fn of(channel: &Channel<'_>) -> Self {
        let name = channel.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        Self { id: channel.id, name: name.map(Arc::from), status: channel.status.as_deref().map(str::to_owned) }
    }
}

/// The subject of a camera's events.
#[must_use]
pub fn item(camera: i64) -> String {
    format!("cameras/{camera}")
}

impl Directory for VxgDirectory {
    type Grant = Grant;
    type Catalog = Catalog;
    type Ask = Ask;

    fn prepare(&self) -> Vec<Ask> {
        self.list.map(Ask::First).or(self.camera.map(Ask::Camera)).into_iter().collect()
    }

    fn catalog(&self) -> Option<Arc<Catalog>> {
        self.catalog.clone()
    }

    fn known(&self, _: Now, keys: &[NameKey]) -> Learned {
        let items = keys.iter().filter_map(|key| match key {
            NameKey::Item(id) => self.items.get(id).cloned(),
            NameKey::Kind { .. } => None,
        });
        Learned { items: items.collect(), ..Learned::default() }
    }

    fn asks(&self, now: Now, keys: &[NameKey]) -> Vec<Ask> {
        let mut asks = Vec::new();
        for key in keys {
            let NameKey::Item(id) = key else { continue };
            let ask = if self.items.contains_key(id) { None } else { self.ask_for(id) };
            asks.extend(ask.filter(|ask| self.may_ask(now, ask) && !asks.contains(ask)));
        }
        asks
    }

    fn call(&self, grant: &Grant, ask: &Ask) -> RestCall {
        match *ask {
            Ask::First(list) => rest::channels(grant, list, self.size.at(0)),
            Ask::Next { list, offset, .. } => rest::channels(grant, list, self.size.at(offset)),
            Ask::Camera(id) => rest::camera(grant, id),
        }
    }

    fn refuses_grant(&self, answer: &RestAnswer) -> bool {
        // A licence key may not be good for a group's list, and is good all the same.
        let is_elsewhere = self.list == Some(ChannelList::V5) && self.scheme() == Some(Scheme::LKey);
        answer.status == 401 && !is_elsewhere
    }

    fn learn(&mut self, now: Now, ask: &Ask, answer: Result<RestAnswer, RestError>) -> Taken<Ask> {
        let mut taken = Taken::default();
        let what = match ask {
            Ask::First(_) | Ask::Next { .. } => "the list of cameras".to_owned(),
            Ask::Camera(id) => format!("camera {id}"),
        };
        let Some(grant) = self.grant.clone() else { return taken };
        let reading = match ask {
            Ask::First(_) => self.begin(),
            Ask::Next { reading, .. } => *reading,
            Ask::Camera(_) => 0,
        };
        let learned = match (ask, &answer) {
            (_, Err(error)) => {
                self.readings.remove(&reading);
                Err(CallError::from(error))
            }
            (Ask::First(list), Ok(answer)) => {
                self.listed = Some(now.instant);
                self.learn_page(&grant, (*list, reading, 0), answer, &mut taken)
            }
            (Ask::Next { list, offset, .. }, Ok(answer)) => {
                self.learn_page(&grant, (*list, reading, *offset), answer, &mut taken)
            }
            (Ask::Camera(id), Ok(answer)) => self.learn_camera(now, &grant, *id, answer, &mut taken),
        };
        let trouble = match learned {
            Ok(trouble) => trouble,
            Err(error) => {
                taken.unauthorized = matches!(&answer, Ok(answer) if self.refuses_grant(answer));
                if taken.unauthorized || error.is_retryable() {
                    self.listed = None;
                }
                // Words of the server's are masked by the token of the settings, and another may be in use.
                Some(match &answer {
                    Ok(answer) if self.is_replaced => format!("the server answered with status {}", answer.status),
                    _ => error.to_string(),
                })
            }
        };
        taken.trouble = trouble.map(|why| format!("{what}: {why}"));
        taken
    }

    fn forget(&mut self, what: &Forget) -> Vec<Ask> {
        match what {
            Forget::Everything => {
                self.listed = None;
                self.unnamed.clear();
                // Perhaps the licence key's own list is there now.
                self.list = self.scheme().and_then(ChannelList::of);
                self.prepare()
            }
            Forget::Item(item) => {
                let ask = self.ask_for(item);
                match ask {
                    Some(Ask::Camera(id)) => drop(self.unnamed.remove(&id)),
                    _ => self.listed = None,
                }
                ask.into_iter().collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
