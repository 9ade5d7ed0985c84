//! `/api/v2/storage/events/`: the list of occurrences, one of them, and making one.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Answered, Body, Fate},
    faults::FaultKind,
    gateway::Asked,
    happen::Occurrence,
    hub::Core,
    ledger::Origin,
    page::{flag, names},
    stamp::{self, Micros},
    store::{Event, Meta},
    token::{Kind, Who},
};

/// How long links to images are said to be good.
const LINKS: Duration = Duration::from_secs(3600);

/// Which members an event is told with.
#[derive(Debug, Clone, Copy)]
struct Include {
    meta: bool,
    download: bool,
}

impl Include {
    fn of(asked: &Asked) -> Result<Self, Answer> {
        Ok(Self { meta: flag(asked, "include_meta")?, download: flag(asked, "include_filemeta_download")? })
    }
}

/// Which events a list is of.
#[derive(Debug)]
struct Filter {
    /// `None`: whichever.
    cameras: Option<HashSet<i64>>,
    start: Option<Micros>,
    end: Option<Micros>,
    /// Names and aliases; `None`: whichever.
    names: Option<(Vec<String>, Vec<String>)>,
    tags: Vec<String>,
    tags_not: Vec<String>,
}

fn moment(asked: &Asked, name: &str) -> Result<Option<Micros>, Answer> {
    match asked.query(name) {
        None => Ok(None),
        Some(text) => match stamp::read(text) {
            Some(time) => Ok(Some(time)),
            None => Err(Answer::bad(&format!("{name}: `{text}` is no time like 2021-09-23T16:30:00"))),
        },
    }
}

impl Core {
    fn filter(&self, asked: &Asked, who: Who) -> Result<Filter, Answer> {
        let one_name = asked.query("type").map(|name| vec![name.to_owned()]);
        let events = match (names(asked, "events"), one_name) {
            (Some(events), Some(one)) => Some(events.into_iter().chain(one).collect()),
            (events, one) => events.or(one),
        };
        let wanted = match (events, names(asked, "aliases")) {
            (None, None) => None,
            (events, aliases) => Some((events.unwrap_or_default(), aliases.unwrap_or_default())),
        };
        Ok(Filter {
            cameras: self.cameras_of(asked, who)?,
            start: moment(asked, "start")?,
            end: moment(asked, "end")?,
            names: wanted,
            tags: names(asked, "meta").unwrap_or_default(),
            tags_not: names(asked, "meta_not").unwrap_or_default(),
        })
    }

    /// The cameras that are asked for and may be seen.
    fn cameras_of(&self, asked: &Asked, who: Who) -> Result<Option<HashSet<i64>>, Answer> {
        let Some(csv) = asked.query("camid") else {
            let needs = self.switches.on(FaultKind::NeedsCamid);
            return match who.kind {
                Kind::Camera(own) => Ok(Some(HashSet::from([own]))),
                _ if needs => Err(Answer::bad("camid: it is required")),
                Kind::Group if self.world.cameras.values().all(|camera| camera.grouped) => Ok(None),
                Kind::Group => Ok(Some(self.world.cameras.values().filter(|c| c.grouped).map(|c| c.id).collect())),
                Kind::Licence => Ok(None),
            };
        };
        let ids: Result<Vec<i64>, _> = csv.split(',').map(|id| id.trim().parse()).collect();
        let ids = ids.map_err(|_| Answer::bad(&format!("camid: `{csv}` is no id")))?;
        if ids.len() > 1 && self.switches.on(FaultKind::OneCamid) {
            return Err(Answer::bad("camid: it must be a number"));
        }
        let mut seen = HashSet::new();
        for id in ids {
            if self.sees(who, id)? {
                seen.insert(id);
            }
        }
        Ok(Some(seen))
    }

    fn matches(&self, event: &Event, filter: &Filter, now: Instant) -> bool {
        let name_fits = filter.names.as_ref().is_none_or(|(names, aliases)| {
            let alias = event.alias.as_ref().unwrap_or(&event.name);
            names.contains(&event.name) || aliases.contains(alias)
        });
        let tags_fit = if self.switches.on(FaultKind::MetaAll) {
            filter.tags.iter().all(|tag| event.has_tag(tag))
        } else {
            filter.tags.is_empty() || filter.tags.iter().any(|tag| event.has_tag(tag))
        };
        event.listed <= now
            && filter.cameras.as_ref().is_none_or(|cameras| cameras.contains(&event.camera))
            && name_fits
            && tags_fit
            && !filter.tags_not.iter().any(|tag| event.has_tag(tag))
    }

    /// The ids of all that a filter means, oldest first.
    fn find(&self, filter: &Filter) -> Vec<i64> {
        let start = match filter.start {
            Some(start) if self.switches.on(FaultKind::StartExclusive) => (start.saturating_add(1), i64::MIN),
            start => (start.unwrap_or(i64::MIN), i64::MIN),
        };
        let end = match filter.end {
            Some(end) if self.switches.on(FaultKind::EndExclusive) => (end, i64::MIN),
            Some(end) => (end, i64::MAX),
            None => (i64::MAX, i64::MAX),
        };
        if start > end {
            return Vec::new();
        }
        let one = filter.cameras.as_ref().filter(|cameras| cameras.len() == 1);
        let one = one.and_then(|cameras| cameras.iter().next().copied());
        let now = Instant::now();
        let events = self.world.store.within(one, start..=end).filter(|event| self.matches(event, filter, now));
        events.map(|event| event.id).collect()
    }

    pub(super) fn list_events(&mut self, asked: &Asked, who: Who) -> Answered {
        let part = self.part(asked)?;
        let include = Include::of(asked)?;
        let filter = self.filter(asked, who)?;
        let newest_first = match asked.query("order_by") {
            None => self.switches.on(FaultKind::NewestFirst),
            Some("time") => false,
            Some("-time") => true,
            Some(other) => return Err(Answer::bad(&format!("order_by: `{other}` is neither time nor -time"))),
        };
        let (from, to) = (filter.start.unwrap_or(i64::MIN), filter.end.unwrap_or(i64::MAX));
        if self.poisoned.iter().chain(&self.poison).any(|(first, last)| from <= *last && to >= *first) {
            self.note_struck(Some("poison"));
            return Err(Answer::error(500, "Internal server error"));
        }
        let mut found = self.find(&filter);
        if part.offset > 0 && self.drift(&found) {
            found = self.find(&filter);
        }
        if newest_first {
            found.reverse();
        }
        let page: Vec<i64> = found.iter().skip(part.offset).take(part.limit).copied().collect();
        if page.iter().any(|id| self.poisoned_events.contains(id)) {
            return Err(Answer::error(500, "Internal server error"));
        }
        let rows = page.iter().filter_map(|id| self.row(*id, include)).collect();
        Ok(self.envelope(asked, part, rows, found.len()))
    }

    /// Shifts the rows of a page that does not begin at the first of these.
    fn drift(&mut self, found: &[i64]) -> bool {
        let Some(first) = found.first().and_then(|id| self.world.store.get(*id)) else { return false };
        let (id, camera, time) = (first.id, first.camera, first.time);
        if self.strikes(FaultKind::DriftInsert) {
            let what = Occurrence::new("motion", time, Meta::new(), Origin::Camera);
            return self.occur(camera, what).is_some();
        }
        self.strikes(FaultKind::DriftDelete) && self.world.store.delete(id)
    }

    pub(super) fn time(&self, time: Micros) -> String {
        let whole = time - time.rem_euclid(stamp::SECOND);
        let mut text = stamp::text(if self.switches.on(FaultKind::HiddenMicros) { whole } else { time });
        if self.switches.on(FaultKind::ZonedTimes) {
            text.push('Z');
        }
        text
    }

    /// An event as it is told, and noted as told.
    fn row(&mut self, id: i64, include: Include) -> Option<Value> {
        let event = self.world.store.get(id)?;
        if let Some(row) = &event.row {
            return Some(row.clone());
        }
        let mut row = json!({
            "id": self.id(event.id), "camid": self.id(event.camera), "name": event.name, "time": self.time(event.time),
        });
        if let Some(alias) = &event.alias {
            row["alias"] = json!(alias);
        }
        if include.meta || self.switches.on(FaultKind::MetaAlways) {
            match event.meta().filter(|meta| !meta.is_empty()) {
                Some(meta) => row["meta"] = json!(meta),
                None if self.switches.on(FaultKind::MetaNull) => row["meta"] = Value::Null,
                None if self.switches.on(FaultKind::MetaEmpty) => row["meta"] = json!({}),
                None => {}
            }
        }
        let expires = self.time(self.now().saturating_add(stamp::span(LINKS)));
        let link = |what: &str| format!("{}/{what}/{id}.jpg?expires={expires}", self.url());
        let missing = self.switches.on(FaultKind::NoThumb).then_some(id.rem_euclid(3));
        match missing {
            Some(0) => {}
            Some(1) => row["thumb"] = Value::Null,
            Some(_) => row["thumb"] = json!({ "expire": expires }),
            None if event.thumb => row["thumb"] = json!({ "url": link("thumbs"), "expire": expires }),
            None => {}
        }
        if include.download && event.thumb {
            row["filemeta"] = json!({ "download": { "url": link("files") } });
        }
        if let Some(event) = self.world.store.get_mut(id) {
            event.note_shown();
        }
        Some(row)
    }

    /// `http://host:port`, with the path of the options.
    pub(super) fn url(&self) -> String {
        let base = &self.world.base;
        let host = if base.host.contains(':') { format!("[{}]", base.host) } else { base.host.clone() };
        let path = if base.path.is_empty() { String::new() } else { format!("/{}", base.path) };
        format!("http://{host}:{}{path}", base.port)
    }

    /// An event that he may see.
    pub(super) fn visible(&self, id: i64, who: Who) -> Result<&Event, Answer> {
        let event = self.world.store.get(id).filter(|event| event.origin != Origin::Row);
        let event = event.ok_or_else(Answer::not_found)?;
        // Whose event it is is not told to a stranger.
        match self.sees(who, event.camera) {
            Ok(true) => Ok(event),
            _ => Err(Answer::not_found()),
        }
    }

    pub(super) fn one_event(&mut self, id: i64, asked: &Asked, who: Who) -> Answered {
        let include = Include::of(asked)?;
        self.visible(id, who)?;
        if self.poisoned_events.contains(&id) {
            return Err(Answer::error(500, "Internal server error"));
        }
        let row = self.row(id, include).ok_or_else(Answer::not_found)?;
        Ok(Answer { rows: 1, ..Answer::json(200, row) })
    }

    pub(super) fn create(&mut self, asked: &Asked, who: Who) -> Answered {
        let members = asked.object()?;
        let camera = match members.get("camid") {
            Some(camid) => camid.as_i64().ok_or_else(|| Answer::bad("camid: it must be a number"))?,
            None => return Err(Answer::bad("camid: it is required")),
        };
        if !self.sees(who, camera)? {
            return Err(Answer::bad(&format!("camid: there is no camera {camera}")));
        }
        let name = members.get("name").and_then(Value::as_str).ok_or_else(|| Answer::bad("name: it is required"))?;
        let time = self.required_time(members)?;
        let meta = wanted_meta(members)?;
        let known = self.world.cameras.get(&camera).is_some_and(|camera| camera.kind(name).is_some());
        if !known {
            return Err(Answer::bad(&format!("name: the camera does not support events of type `{name}`")));
        }
        let told = self.time(time);
        let id = self
            .occur(camera, Occurrence::new(name, time, meta.clone().unwrap_or_default(), Origin::Backend))
            .ok_or_else(Answer::not_found)?;
        self.counters.created += 1;
        if self.strikes(FaultKind::CreateLost) {
            return Ok(Answer::fated(Fate::Reset));
        }
        let mut body = json!({ "camid": self.id(camera), "id": self.id(id), "name": name, "time": told });
        if let Some(meta) = meta {
            body["meta"] = Value::Object(meta);
        }
        Ok(Answer::json(self.created(), body))
    }

    pub(super) fn created(&self) -> u16 {
        if self.switches.on(FaultKind::Create200) { 200 } else { 201 }
    }

    pub(super) fn add_tag(&mut self, id: i64, asked: &Asked, who: Who) -> Answered {
        let members = asked.object()?;
        let tag = members.get("tag").and_then(Value::as_str).filter(|tag| !tag.is_empty());
        let tag = tag.ok_or_else(|| Answer::bad("tag: it is required"))?;
        let data = scalar("data", members.get("data").unwrap_or(&Value::Null))?;
        let mut meta = self.visible(id, who)?.meta().cloned().unwrap_or_default();
        meta.insert(tag.to_owned(), data.clone());
        self.change_meta(id, meta);
        Ok(Answer::json(self.created(), json!({ "tag": tag, "data": data })))
    }

    pub(super) fn set_tag(&mut self, id: i64, tag: &str, asked: &Asked, who: Who) -> Answered {
        let members = asked.object()?;
        let data = scalar("data", members.get("data").unwrap_or(&Value::Null))?;
        let mut meta = self.visible(id, who)?.meta().cloned().unwrap_or_default();
        let known = meta.get_mut(tag).ok_or_else(Answer::not_found)?;
        *known = data.clone();
        self.change_meta(id, meta);
        Ok(Answer::json(200, json!({ "tag": tag, "data": data })))
    }

    pub(super) fn delete_tag(&mut self, id: i64, tag: &str, who: Who) -> Answered {
        let mut meta = self.visible(id, who)?.meta().cloned().unwrap_or_default();
        meta.remove(tag).ok_or_else(Answer::not_found)?;
        self.change_meta(id, meta);
        Ok(Answer::of(204, Body::None))
    }
}

impl Core {
    pub(super) fn required_time(&self, members: &Map<String, Value>) -> Result<Micros, Answer> {
        let text = members.get("time").and_then(Value::as_str).ok_or_else(|| Answer::bad("time: it is required"))?;
        let is_refused = self.switches.on(FaultKind::WholeSecondTimes) && text.contains('.');
        let time = stamp::read(text).filter(|_| !is_refused);
        time.ok_or_else(|| Answer::bad(&format!("time: `{text}` is no time like 2021-09-23T16:30:00")))
    }
}

/// The meta of an event that is to be; documented are texts, and clients send numbers too.
pub(super) fn wanted_meta(members: &Map<String, Value>) -> Result<Option<Meta>, Answer> {
    match members.get("meta") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(meta)) => {
            for (tag, data) in meta {
                scalar(&format!("meta.{tag}"), data)?;
            }
            Ok(Some(meta.clone()))
        }
        Some(_) => Err(Answer::bad("meta: it must be an object")),
    }
}

fn scalar(name: &str, data: &Value) -> Result<Value, Answer> {
    match data {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(data.clone()),
        _ => Err(Answer::bad(&format!("{name}: it must be a text"))),
    }
}
