//! One WebSocket as the hub sees it: what it listens to, what is queued for it, and how it is to end.

use std::{
    fmt::Write,
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{
    DropHow,
    codes::{self, Code},
    esn::Esn,
    faults::FaultKind,
    hub::Core,
    ledger::{Book, Note, Shown},
    resources::Resources,
    stamp,
    status::word64,
    world::{Place, Watcher},
};
use crate::simulator::common::{
    line::{self, Line, Message},
    socket::Step,
};

/// How many changes of a flood are made at a time, at most.
const FLOOD_STEP: u64 = 500;

/// What a socket wants to know of one entity.
#[derive(Debug)]
pub(super) struct Sub {
    pub(super) place: Place,
    pub(super) resources: Resources,
    pub(super) codes: Arc<[Code]>,
    /// Its first answer was sent. What happens earlier is part of that.
    pub(super) answered: bool,
}

/// A change on its way to one socket.
pub(super) struct News {
    pub(super) place: Place,
    pub(super) esn: Esn,
    /// The members of the entity's object.
    pub(super) members: String,
    pub(super) note: Option<Note>,
    pub(super) legacy: bool,
    pub(super) extended: bool,
}

pub(super) type Out = line::Out<Data>;

/// What becomes a part of a frame of data.
pub(super) enum Data {
    /// The first answer to a subscription, made when it is sent.
    First(usize),
    /// The events of a first answer whose other parts were sent.
    FirstEvents(usize),
    News(News),
    /// Something is wrong with one entity. Its id may be anything that a client made up, and is escaped as JSON wants it.
    Error(String, u16, &'static str),
}

/// What of a first answer is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    All,
    AllButEvents,
    Events,
}

/// A load test, made bit by bit as the socket takes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flood {
    pub(super) left: u64,
    pub(super) per_frame: usize,
    pub(super) slot: usize,
}

pub(super) struct Link {
    /// Empty without one.
    pub(super) session: Arc<str>,
    /// Position in the ledger's list of sockets.
    pub(super) record: Option<usize>,
    /// Position in [`Core::open`].
    pub(super) position: usize,
    pub(super) subs: Vec<Option<Sub>>,
    pub(super) line: Line<Data>,
    /// It has no valid session any more, or never had one.
    pub(super) denied: bool,
    pub(super) flood: Option<Flood>,
}

impl Link {
    pub(super) fn tell(&mut self, data: Data) {
        self.line.push(Out::Data(data));
    }
}

/// One frame of data while it is written.
struct Frame {
    text: String,
    told: Vec<String>,
}

impl Frame {
    fn new() -> Self {
        Self { text: r#"{"status_code":200,"message":"OK","data":{"#.to_owned(), told: Vec::new() }
    }

    fn add(&mut self, esn: String, members: &str) {
        let comma = if self.told.is_empty() { "" } else { "," };
        let _ = write!(self.text, r#"{comma}"{esn}":{{{members}}}"#);
        self.told.push(esn);
    }

    fn end(mut self, unknown_members: bool) -> Vec<u8> {
        self.text.push_str(if unknown_members { r#"},"server":{"node":7,"hints":[null]}}"# } else { "}}" });
        self.text.into_bytes()
    }
}

impl Core {
    /// What the writer of a link does next. Notes what it hands out as shown.
    pub(super) fn next_step(&mut self, id: u64) -> Step {
        loop {
            let Some(link) = self.links.get_mut(&id) else {
                return Step::End(DropHow::Fin);
            };
            if link.line.queue.is_empty() && link.flood.is_some() {
                self.flood_on(id);
                continue;
            }
            if link.line.queue.is_empty() {
                return Step::Wait;
            }
            link.line.busy = Instant::now();
            if matches!(link.line.queue.front(), Some(Out::Data(_))) {
                match self.data_frame(id) {
                    Some(frame) => return Step::Send(vec![Message::Text(frame)]),
                    None => continue,
                }
            }
            match link.line.queue.pop_front() {
                Some(Out::Message(message)) => return Step::Send(vec![message]),
                Some(Out::End(how)) => return Step::End(how),
                _ => {}
            }
        }
    }

    /// A frame with what waits at the head of the queue; `None` when there is nothing to say about it.
    fn data_frame(&mut self, id: u64) -> Option<Vec<u8>> {
        let mut link = self.links.remove(&id)?;
        let one_frame = self.switches.on(FaultKind::OneFrame);
        let several = self.switches.count(FaultKind::Several).unwrap_or(1);
        let most = link.flood.map_or(several, |flood| flood.per_frame.max(several)).max(1);
        let mut frame = Frame::new();
        let mut firsts = true;
        while let Some(out) = link.line.queue.pop_front() {
            let Out::Data(data) = out else {
                link.line.queue.push_front(out);
                break;
            };
            let esn = match &data {
                Data::First(slot) | Data::FirstEvents(slot) => match link.subs.get(*slot) {
                    Some(Some(sub)) => self.world.entities[sub.place].esn.to_string(),
                    _ => continue,
                },
                Data::News(news) => news.esn.to_string(),
                Data::Error(esn, ..) => esn.clone(),
            };
            firsts &= matches!(data, Data::First(_) | Data::FirstEvents(_) | Data::Error(..));
            // An entity is told once in a frame.
            let full = frame.told.len() >= most && !(one_frame && firsts);
            if full || frame.told.contains(&esn) {
                link.line.queue.push_front(Out::Data(data));
                break;
            }
            match data {
                Data::First(slot) => {
                    let in_parts = self.switches.on(FaultKind::FirstInParts);
                    let parts = if in_parts { Parts::AllButEvents } else { Parts::All };
                    if let Some(members) = self.first_answer(id, &mut link, slot, parts) {
                        frame.add(esn, &members);
                    }
                    if in_parts {
                        link.line.queue.push_front(Out::Data(Data::FirstEvents(slot)));
                    }
                }
                Data::FirstEvents(slot) => {
                    if let Some(members) = self.first_answer(id, &mut link, slot, Parts::Events) {
                        frame.add(esn, &members);
                    }
                }
                Data::News(news) => {
                    self.count_news(&news);
                    let shown = shown(id, &link, false, news.legacy, news.extended);
                    if let Some(note) = news.note {
                        self.book.shown(news.place, note, shown);
                    }
                    frame.add(esn, &news.members);
                }
                Data::Error(_, status, text) => {
                    frame.add(esn, &format!(r#""error":[{{"status_code":{status},"message":"{text}"}}]"#));
                }
            }
        }
        self.links.insert(id, link);
        if frame.told.is_empty() {
            return None;
        }
        self.counters.frames += 1;
        Some(frame.end(self.switches.on(FaultKind::UnknownMembers)))
    }

    fn count_news(&mut self, news: &News) {
        match news.note {
            _ if news.legacy || news.extended => self.counters.statuses += 1,
            _ => self.counters.events += 1,
        }
    }

    /// What an entity has to tell, as it is now.
    fn first_answer(&mut self, id: u64, link: &mut Link, slot: usize, parts: Parts) -> Option<String> {
        let sub = link.subs.get_mut(slot)?.as_mut()?;
        sub.answered = true;
        let (place, resources, codes) = (sub.place, sub.resources, sub.codes.clone());
        let keep = self.options.ledger;
        let mut members = String::new();
        if let Some(device) = self.world.device(place).filter(|_| resources.any() && parts != Parts::Events) {
            let now = (device.legacy, device.extended);
            let (recording, streaming, newest) = (device.real.recording, device.real.streaming, device.newest);
            resources.write_status(&mut members, now, (true, true));
            if Book::is_open(keep) && resources.has_status() {
                let note = self.book.newest_status(place, (now.0, word64(now.0, now.1)));
                self.book.shown(place, note, shown(id, link, true, resources.has_legacy(), resources.has_extended()));
            }
            resources.write_pictures(&mut members, streaming, recording, newest);
        }
        if resources.has_events() && parts != Parts::AllButEvents {
            let told: Vec<_> =
                self.world.entities[place].last.iter().copied().filter(|coded| codes.contains(&coded.code)).collect();
            if !told.is_empty() {
                members.push_str(if members.is_empty() { r#""event":{"# } else { r#","event":{"# });
                let esn = self.world.entities[place].esn;
                for (nth, coded) in told.iter().enumerate() {
                    let _ = write!(members, r#"{}"{}":"#, if nth > 0 { "," } else { "" }, coded.code);
                    codes::write_event(&mut members, esn, coded, self.world.author);
                    if Book::is_open(keep) {
                        let note = self.book.newest_event(keep, place, coded.code.0, stamp::text(coded.at));
                        self.book.shown(place, note, shown(id, link, true, false, false));
                    }
                }
                members.push('}');
            }
        }
        if parts == Parts::Events {
            return Some(members).filter(|members| !members.is_empty());
        }
        self.counters.firsts += 1;
        // What is said about an entity that has nothing to tell is not documented.
        (!members.is_empty() || !self.switches.on(FaultKind::EmptyUnanswered)).then_some(members)
    }

    /// Makes the next changes of a flood: its cameras begin and cease to record, one after the other.
    fn flood_on(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        // At its end it stays until its last changes are sent.
        let Some(mut flood) = link.flood.take().filter(|flood| flood.left > 0) else {
            return;
        };
        let count = flood.left.min(FLOOD_STEP);
        let mut places = Vec::new();
        for step in 0..link.subs.len() {
            if places.len() as u64 >= count {
                break;
            }
            let slot = (flood.slot + step) % link.subs.len();
            let ready = link.subs[slot].as_ref().filter(|sub| sub.answered && sub.resources.has_status());
            places.extend(ready.map(|sub| sub.place));
        }
        flood.slot = flood.slot.wrapping_add(places.len()) % link.subs.len().max(1);
        places.retain(|place| self.world.device(*place).is_some_and(|device| !device.is_bridge()));
        if places.is_empty() {
            return;
        }
        let made = places.iter().filter(|place| self.flip_recording(**place)).count() as u64;
        flood.left -= made.min(flood.left);
        if let Some(link) = self.links.get_mut(&id).filter(|_| made > 0) {
            link.flood = Some(flood);
        }
    }

    /// Ends a subscription; what is queued of it is sent all the same.
    pub(super) fn unsubscribe(&mut self, id: u64, slot: usize) {
        let sub = self.links.get_mut(&id).and_then(|link| link.subs.get_mut(slot)?.take());
        if let Some(sub) = sub {
            self.world.entities[sub.place].watchers.retain(|watcher| *watcher != Watcher { link: id, slot });
        }
    }
}

fn shown(socket: u64, link: &Link, first: bool, legacy: bool, extended: bool) -> Shown {
    Shown { order: 0, at: SystemTime::now(), socket, session: link.session.clone(), first, legacy, extended }
}
