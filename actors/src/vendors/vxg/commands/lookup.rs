//! Which camera is meant, and which types of event it has.

use std::time::Duration;

use super::super::directory::item;
use super::super::grant::Grant;
use super::super::rest::{self, CallError, ChannelList, PageSize};
use super::super::token::Scheme;
use super::super::wire::{Channel, EventType, Rows};
use super::{Stop, pause_for, read, stop};
use crate::messages::CommandError;
use crate::settings::{closest, mistake::shown};
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall, Retry};
use crate::vendors::members::Skipped;

/// Tries of a page: nothing is done yet.
const TRIES: u32 = 3;
/// Types that a camera may have, should its pages never end.
const MOST_TYPES: usize = 10_000;
/// Cameras that a list may have, should its pages never end.
const MOST_CAMERAS: usize = 100_000;

/// A camera with its types.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) camera: i64,
    /// `cameras/237863`.
    pub(super) item: String,
    pub(super) types: Vec<EventType>,
}

impl Known {
    /// The type of this name.
    pub(super) fn kind(&self, name: &str) -> Option<&EventType> {
        self.types.iter().find(|kind| kind.name == name)
    }

    /// The same, or that there is none, and which there are.
    pub(super) fn supported(&self, name: &str) -> Result<&EventType, CommandError> {
        self.kind(name).ok_or_else(|| CommandError::UnsupportedType {
            item: self.item.clone(),
            name: name.to_owned(),
            known: self.types.iter().map(|kind| kind.name.clone()).collect(),
        })
    }
}

/// The way to a [`Known`].
#[derive(Debug)]
pub(super) struct Lookup {
    /// The item as it was asked for.
    wanted: String,
    stage: Stage,
    /// Of the list that is read.
    size: PageSize,
    /// Tries of a page that have failed in a row.
    tries: u32,
    /// To be kept before the next call.
    pub(super) pause: Option<Duration>,
    /// What of lists could not be read.
    pub(super) troubles: Vec<String>,
}

#[derive(Debug)]
enum Stage {
    Begin,
    /// The item is a name, and a list may have it.
    Listing {
        list: ChannelList,
        offset: u64,
        cameras: Vec<(i64, String)>,
    },
    /// The item is a name, and the token opens this camera alone.
    Own(i64),
    /// The types are read.
    Types {
        camera: i64,
        offset: u64,
        types: Vec<EventType>,
    },
    Known(Known),
}

impl Lookup {
    pub(super) fn new(item: &str) -> Self {
        Self {
            wanted: item.trim().to_owned(),
            stage: Stage::Begin,
            size: PageSize::default(),
            tries: 0,
            pause: None,
            troubles: Vec::new(),
        }
    }

    pub(super) fn known(&self) -> Option<&Known> {
        match &self.stage {
            Stage::Known(known) => Some(known),
            _ => None,
        }
    }

    /// Reads the types once more.
    pub(super) fn relist(&mut self) {
        if let Stage::Known(known) = &self.stage {
            self.stage = types_of(known.camera);
        }
    }

    pub(super) fn call(&mut self, grant: &Grant) -> Result<RestCall, CommandError> {
        if matches!(self.stage, Stage::Begin) {
            self.stage = self.begin(grant)?;
        }
        Ok(match &self.stage {
            Stage::Listing { list, offset, .. } => again(rest::channels(grant, *list, self.size.at(*offset))),
            Stage::Own(camera) => rest::camera(grant, *camera),
            Stage::Types { camera, offset, .. } => rest::event_types(grant, *camera, self.size.at(*offset)),
            Stage::Begin | Stage::Known(_) => {
                return Err(CommandError::Invalid("nothing is to be looked up".to_owned()));
            }
        })
    }

    /// What cannot be an item, whatever the token opens.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        self.id().map(drop)
    }

    /// The id that is wanted; `None` for a name.
    fn id(&self) -> Result<Option<i64>, CommandError> {
        let id = self.wanted.strip_prefix("cameras/").unwrap_or(&self.wanted);
        if id.is_empty() {
            return Err(CommandError::Invalid("no camera is named: give its id".to_owned()));
        }
        match id.parse::<i64>() {
            Ok(id) if id > 0 => Ok(Some(id)),
            Ok(_) => Err(CommandError::Invalid(format!("{id} is no camera id: it is a whole number, like 237863"))),
            Err(_) if id.len() < self.wanted.len() => {
                Err(CommandError::Invalid(format!("\"{}\" is no item: write cameras/237863", shown(&self.wanted))))
            }
            Err(_) => Ok(None),
        }
    }

    fn begin(&self, grant: &Grant) -> Result<Stage, CommandError> {
        let own = grant.camera.filter(|_| grant.scheme() == Scheme::Acc);
        match (self.id()?, own) {
            (Some(id), Some(own)) if id != own => {
                Err(self.unknown(format!("the access token opens camera {own} alone")))
            }
            (Some(id), _) => Ok(types_of(id)),
            (None, Some(own)) => Ok(Stage::Own(own)),
            (None, None) => match ChannelList::of(grant.scheme()) {
                Some(list) => Ok(listing(list)),
                None => Err(self.unknown("an access token opens no list with names: give the id".to_owned())),
            },
        }
    }

    fn unknown(&self, why: String) -> CommandError {
        CommandError::UnknownItem { item: shown(&self.wanted), why }
    }

    pub(super) fn answer(&mut self, grant: &Grant, answer: Result<&RestAnswer, &RestError>) -> Result<(), Stop> {
        let judged = match self.stage {
            Stage::Own(_) => read(answer, |answer| rest::read_channel(grant, answer)).map(drop),
            _ => read(answer, |answer| rest::read_page(grant, answer)).map(drop),
        };
        if let Err(error) = &judged {
            if !matches!(self.stage, Stage::Own(_)) && self.size.lessen(error) {
                return Ok(());
            }
            self.tries += 1;
            self.pause = pause_for(error.not_before()).filter(|_| error.is_retryable() && self.tries < TRIES);
            if self.pause.is_some() {
                return Ok(());
            }
        }
        self.tries = 0;
        // After a failure all of it begins anew, with another grant perhaps.
        match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Listing { list, offset, cameras } => self.take_cameras(grant, answer, list, offset, cameras),
            Stage::Own(camera) => self.take_own(grant, answer, camera),
            Stage::Types { camera, offset, types } => self.take_types(grant, answer, camera, offset, types),
            other => {
                self.stage = other;
                Ok(())
            }
        }
    }

    fn tell(&mut self, what: &str, skipped: &[Skipped]) {
        if let Some(first) = skipped.first() {
            let count = skipped.len();
            self.troubles.push(format!("{count} {what} cannot be read, the first of them: {}", first.why));
        }
    }

    fn take_types(
        &mut self,
        grant: &Grant,
        answer: Result<&RestAnswer, &RestError>,
        camera: i64,
        offset: u64,
        mut types: Vec<EventType>,
    ) -> Result<(), Stop> {
        let item = item(camera);
        let page = read(answer, |answer| rest::read_page(grant, answer)).map_err(|error| stop(&item, error))?;
        self.size.taken();
        let Rows { rows, skipped } = page.read_rows(EventType::read);
        self.tell(&format!("event types of {item}"), &skipped);
        let before = types.len();
        for kind in rows {
            // Pages may overlap where types come and go.
            if !types.iter().any(|known| known.name == kind.name) {
                types.push(kind);
            }
        }
        let is_last = page.is_last(self.size.at(offset)) || types.len() == before || types.len() >= MOST_TYPES;
        self.stage = match is_last {
            true => Stage::Known(Known { camera, item, types }),
            false => Stage::Types { camera, offset: offset.saturating_add(page.rows.len() as u64), types },
        };
        Ok(())
    }

    fn take_cameras(
        &mut self,
        grant: &Grant,
        answer: Result<&RestAnswer, &RestError>,
        list: ChannelList,
        offset: u64,
        mut cameras: Vec<(i64, String)>,
    ) -> Result<(), Stop> {
        let is_closed = answer.is_ok_and(|answer| matches!(answer.status, 403..=405));
        if list == ChannelList::V3 && is_closed {
            (self.stage, self.size) = (listing(ChannelList::V5), PageSize::default());
            return Ok(());
        }
        let page = match read(answer, |answer| rest::read_page(grant, answer)) {
            Ok(page) => page,
            // A licence key may not be good for a group's list, and is good all the same.
            Err(CallError::Unauthorized(_)) if list == ChannelList::V5 && grant.scheme() == Scheme::LKey => {
                return Err(self.unknown("this licence key opens no list with names: give the id".to_owned()).into());
            }
            Err(error) => return Err(stop("the list of cameras, to find this one by its name", error)),
        };
        self.size.taken();
        let before = cameras.len();
        let Rows { rows, skipped } = page.read_rows(Channel::read);
        self.tell("cameras", &skipped);
        for channel in rows {
            let name = channel.name.as_deref().map(str::trim).unwrap_or_default().to_owned();
            if !cameras.iter().any(|(id, _)| *id == channel.id) {
                cameras.push((channel.id, name));
            }
        }
        if page.is_last(self.size.at(offset)) || cameras.len() == before || cameras.len() >= MOST_CAMERAS {
            // Another list may have another most.
            (self.stage, self.size) = (types_of(self.named(&cameras)?), PageSize::default());
        } else {
            let offset = offset.saturating_add(page.rows.len() as u64);
            self.stage = Stage::Listing { list, offset, cameras };
        }
        Ok(())
    }

    fn take_own(&mut self, grant: &Grant, answer: Result<&RestAnswer, &RestError>, camera: i64) -> Result<(), Stop> {
        let name = match read(answer, |answer| rest::read_channel(grant, answer)) {
            Ok(channel) => channel.name.as_deref().map(str::trim).unwrap_or_default().to_owned(),
            // Whether an access token is told the name is not documented.
            Err(CallError::NotFound(_) | CallError::Forbidden(_)) => String::new(),
            Err(error) => return Err(stop(&item(camera), error)),
        };
        self.stage = types_of(self.named(&[(camera, name)])?);
        Ok(())
    }

    /// The one camera of the name that is wanted.
    fn named(&self, cameras: &[(i64, String)]) -> Result<i64, CommandError> {
        let same = |is: fn(&str, &str) -> bool| -> Vec<i64> {
            cameras.iter().filter(|(_, name)| is(name, &self.wanted)).map(|(id, _)| *id).collect()
        };
        let exact = same(|name, wanted| name == wanted);
        let found = if exact.is_empty() { same(|a, b| a.to_lowercase() == b.to_lowercase()) } else { exact };
        match found.as_slice() {
            [one] => Ok(*one),
            [] => {
                let near = closest(&self.wanted, cameras.iter().map(|(_, name)| name.as_str()));
                let hint = near.map_or_else(String::new, |near| format!("; did you mean \"{}\"?", shown(near)));
                Err(self.unknown(format!("the token opens no camera of this name{hint}")))
            }
            several => {
                let ids: Vec<_> = several.iter().map(i64::to_string).collect();
                Err(CommandError::Invalid(format!(
                    "several cameras are called \"{}\": give the id, one of {}",
                    shown(&self.wanted),
                    ids.join(", ")
                )))
            }
        }
    }
}

fn listing(list: ChannelList) -> Stage {
    Stage::Listing { list, offset: 0, cameras: Vec::new() }
}

fn types_of(camera: i64) -> Stage {
    Stage::Types { camera, offset: 0, types: Vec::new() }
}

/// A list that is read once may be asked for twice.
fn again(mut call: RestCall) -> RestCall {
    call.retry = Retry::Safe { tries: 2 };
    call
}
