//! What clients say on the WebSocket: which entities they want to know what of.

use std::{sync::Arc, time::Instant};

use serde_json::{Map, Value};

use super::{
    DropHow,
    codes::Code,
    faults::FaultKind,
    hub::{Core, Timer},
    link::{Data, Flood, Out, Sub},
    resources::Resources,
    world::{Place, Watcher},
};

/// A message about no entity.
pub(super) fn failure(status: u16, text: &str) -> Vec<u8> {
    format!(r#"{{"status_code":{status},"message":"{text}","data":{{}}}}"#).into_bytes()
}

/// One entity of a request.
struct Wish {
    esn: String,
    resources: Resources,
    codes: Arc<[Code]>,
}

/// What is wrong with a request as a whole.
type Wrong = &'static str;

const INVALID_RESOURCE: Wrong = "Invalid resource";

impl Core {
    /// Handles one text message of a client.
    pub(super) fn message(&mut self, link: u64, text: &[u8]) {
        self.counters.messages += 1;
        let denied = self.links.get(&link).is_none_or(|link| link.denied);
        if denied {
            return self.say(link, failure(401, "Access denied"));
        }
        let lax = self.switches.on(FaultKind::LaxResources);
        let (wishes, drops) = match read(text, lax) {
            Ok(read) => read,
            Err(wrong) => {
                self.counters.refused_messages += 1;
                return self.say(link, failure(400, wrong));
            }
        };
        for esn in drops {
            self.drop_entity(link, esn);
        }
        self.subscribe(link, wishes);
    }

    fn say(&mut self, link: u64, text: Vec<u8>) {
        if let Some(link) = self.links.get_mut(&link) {
            link.line.text(text);
        }
    }

    fn drop_entity(&mut self, link: u64, esn: String) {
        match self.slot_of(link, &esn) {
            Some(slot) => {
                self.unsubscribe(link, slot);
                self.refuse(link, esn, 410, "dropped");
            }
            None => self.refuse(link, esn, 404, "resolve invalid"),
        }
    }

    fn refuse(&mut self, link: u64, esn: String, status: u16, text: &'static str) {
        if let Some(link) = self.links.get_mut(&link) {
            let quoted = Value::from(esn).to_string();
            let escaped = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            link.tell(Data::Error(escaped.unwrap_or_default().to_owned(), status, text));
        }
    }

    fn slot_of(&self, link: u64, esn: &str) -> Option<usize> {
        let place = self.world.find(esn)?;
        self.world.entities[place].watchers.iter().find(|watcher| watcher.link == link).map(|watcher| watcher.slot)
    }

    /// Each entity is resolved on its own, so answers come in any order.
    fn subscribe(&mut self, link: u64, mut wishes: Vec<Wish>) {
        for nth in (1..wishes.len()).rev() {
            let other = self.world.rng.below(nth + 1);
            wishes.swap(nth, other);
        }
        let any = !wishes.is_empty();
        let due = self.switches.duration(FaultKind::SlowFirst).map(|wait| Instant::now() + wait);
        for wish in wishes {
            self.counters.subscriptions += 1;
            let place = match self.admit(link, &wish.esn) {
                Ok(place) => place,
                Err((status, text)) => {
                    self.refuse(link, wish.esn, status, text);
                    continue;
                }
            };
            let Some(slot) = self.put(link, place, &wish) else { continue };
            if self.is_muted(place) {
                continue;
            }
            match due {
                Some(due) => self.timers.put_off(due, Timer::First(link, slot)),
                None => self.say_first(link, slot),
            }
        }
        if any
            && self.switches.on(FaultKind::DropAfterSubscribe)
            && let Some(link) = self.links.get_mut(&link)
        {
            link.line.push(Out::End(DropHow::Fin));
        }
    }

    fn say_first(&mut self, link: u64, slot: usize) {
        if let Some(link) = self.links.get_mut(&link) {
            link.tell(Data::First(slot));
        }
    }

    /// Whether the session of a socket may listen to an entity, or what it is told.
    fn admit(&mut self, link: u64, esn: &str) -> Result<Place, (u16, &'static str)> {
        if let Some(status) = self.switches.refuse(FaultKind::EntityError) {
            return Err((status, text_of(status)));
        }
        let Some(place) = self.world.find(esn) else {
            return Err((404, text_of(404)));
        };
        let link = self.links.get(&link);
        let session = link.and_then(|link| self.sessions.get(&link.session));
        if !session.is_some_and(|session| self.world.may_see(session.account, place)) {
            return Err((401, text_of(401)));
        }
        let listens = link.map_or(0, |link| link.subs.iter().flatten().count());
        let most = self.switches.count(FaultKind::MaxEntities);
        let known = link.is_some_and(|link| link.subs.iter().flatten().any(|sub| sub.place == place));
        if !known && most.is_some_and(|most| listens >= most) {
            return Err((400, "too many entities"));
        }
        Ok(place)
    }

    /// Adds a subscription, or changes the one that there is; says which.
    fn put(&mut self, id: u64, place: Place, wish: &Wish) -> Option<usize> {
        let link = self.links.get_mut(&id)?;
        let sub = Sub { place, resources: wish.resources, codes: wish.codes.clone(), answered: false };
        let watchers = &mut self.world.entities[place].watchers;
        if let Some(known) = watchers.iter().find(|watcher| watcher.link == id) {
            link.subs[known.slot] = Some(sub);
            return Some(known.slot);
        }
        let slot = link.subs.iter().position(Option::is_none).unwrap_or(link.subs.len());
        if slot == link.subs.len() {
            link.subs.push(Some(sub));
        } else {
            link.subs[slot] = Some(sub);
        }
        watchers.push(Watcher { link: id, slot });
        Some(slot)
    }

    fn is_muted(&self, place: Place) -> bool {
        let nth = self.switches.count(FaultKind::NeverAnswers);
        let chosen = nth.is_some_and(|nth| place.is_multiple_of(nth.max(1)));
        self.world.device(place).is_some_and(|device| chosen || device.muted)
    }

    /// Never says anything about a device, or does so again.
    pub(super) fn mute(&mut self, place: Place, muted: bool) {
        if let Some(device) = self.world.device_mut(place) {
            device.muted = muted;
        }
        for watcher in self.world.entities[place].watchers.clone() {
            if let Some(sub) = self.links.get_mut(&watcher.link).and_then(|link| link.subs[watcher.slot].as_mut()) {
                sub.answered = false;
            }
            if !muted {
                self.say_first(watcher.link, watcher.slot);
            }
        }
    }
}

const fn text_of(status: u16) -> &'static str {
    match status {
        401 => "access denied",
        404 => "resolve invalid",
        410 => "dropped",
        _ => "failed",
    }
}

/// The entities that are to be subscribed to, and those that are to be dropped.
fn read(text: &[u8], lax: bool) -> Result<(Vec<Wish>, Vec<String>), Wrong> {
    let Ok(Value::Object(request)) = serde_json::from_slice(text) else {
        return Err("JSON request must be a JSON object");
    };
    let drops = match request.get("drop") {
        None => Vec::new(),
        Some(drop) => drop.get("cameras").and_then(texts).ok_or("Invalid drop")?,
    };
    let wishes = match request.get("cameras") {
        Some(Value::Object(cameras)) => wishes(cameras, lax)?,
        None if request.contains_key("drop") || request.contains_key("keys") => Vec::new(),
        _ => return Err("Invalid request"),
    };
    Ok((wishes, drops))
}

fn wishes(cameras: &Map<String, Value>, lax: bool) -> Result<Vec<Wish>, Wrong> {
    let mut wishes: Vec<Wish> = Vec::with_capacity(cameras.len());
    for (esn, wanted) in cameras {
        let names = wanted.get("resource").and_then(texts).ok_or(INVALID_RESOURCE)?;
        let mut resources = Resources::default();
        for name in names {
            if !resources.add(&name) && !lax {
                return Err(INVALID_RESOURCE);
            }
        }
        let codes = match wanted.get("event") {
            None => Vec::new(),
            Some(codes) => texts(codes).ok_or(INVALID_RESOURCE)?,
        };
        let codes: Vec<Code> =
            codes.iter().map(|code| Code::read(code)).collect::<Option<_>>().ok_or(INVALID_RESOURCE)?;
        // Documented for HTTP; that the WebSocket is as strict is inferred.
        if resources.has_events() == codes.is_empty() {
            return Err(INVALID_RESOURCE);
        }
        // Mostly they are the same for all.
        let same = wishes.last().filter(|last| *last.codes == *codes).map(|last| last.codes.clone());
        wishes.push(Wish { esn: esn.clone(), resources, codes: same.unwrap_or_else(|| codes.into()) });
    }
    Ok(wishes)
}

fn texts(list: &Value) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

impl Core {
    /// Sends so many changes of recording over all sockets that listen to a camera's status, each its share; says over how many.
    pub(super) fn flood(&mut self, changes: u64, per_frame: usize) -> usize {
        let mut takers: Vec<u64> = Vec::new();
        for (id, link) in &self.links {
            let cameras = link.subs.iter().flatten().any(|sub| {
                sub.resources.has_legacy() && self.world.device(sub.place).is_some_and(|device| !device.is_bridge())
            });
            if cameras && !link.denied {
                takers.push(*id);
            }
        }
        takers.sort_unstable();
        let count = takers.len() as u64;
        for (nth, id) in (0..).zip(&takers) {
            if let Some(link) = self.links.get_mut(id) {
                let left = changes / count + u64::from(nth < changes % count);
                link.flood = Some(Flood { left, per_frame: per_frame.max(1), slot: 0 });
                link.line.wake.notify_one();
            }
        }
        takers.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_client_says_is_read_or_refused(text in any::<Vec<u8>>()) {
            let _ = read(&text, true);
        }

        #[test]
        fn whatever_is_asked_of_entities_is_read_or_refused(
            esns in proptest::collection::vec(".{0,10}", 0..4),
            resources in proptest::collection::vec("status|event|pre|x|", 0..3),
            codes in proptest::collection::vec("[A-Z]{3,5}|.{4}", 0..3),
            lax in any::<bool>(),
        ) {
            let wanted = json!({ "resource": resources, "event": codes });
            let cameras: Map<String, Value> = esns.iter().map(|esn| (esn.clone(), wanted.clone())).collect();
            let count = cameras.len();
            let request = json!({ "cameras": cameras, "drop": { "cameras": esns.clone() } }).to_string();
            if let Ok((wishes, drops)) = read(request.as_bytes(), lax) {
                prop_assert_eq!((wishes.len(), drops.len()), (count, esns.len()));
            }
        }
    }
}
