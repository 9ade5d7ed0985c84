//! What a device's answers become: a first one its states and what was missed, any other what has happened.

use std::cell::OnceCell;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::device::{Device, First, prefix};
use super::words::Word;
use crate::model::event::{Meaning, Origin};
use crate::vendors::een::checkpoint::Newest;
use crate::vendors::een::codes::{self, Codes, LastSet, States, last_set, occurrence_id};
use crate::vendors::een::status::Reading;
use crate::vendors::een::wire::een_time::{self, Rfc3339};
use crate::vendors::een::wire::{Answer, Entity, EventMembers, FourCc, Resource};
use crate::vendors::{Entries, Entry, Kind, Noted, Occurrence, Scope, Snapshot};

/// Codes that are remembered of a device: more than there are, so that a server that makes them up does not fill the memory.
const CODES_MOST: usize = 256;

/// For so long a first answer may go on in further frames (inferred: the service asks for a device's parts at the same time).
const FIRST_MOST: SignedDuration = SignedDuration::from_secs(10);

impl First {
    fn of(device: &Device, has_word: bool, at: &Received) -> Self {
        let until = at.at.checked_add(FIRST_MOST).unwrap_or(at.at);
        Self { until, was_known: device.known, has_word }
    }
}

/// A moment, also as a text once one is needed.
#[derive(Debug)]
pub(super) struct Received {
    at: Timestamp,
    text: OnceCell<String>,
}

impl Received {
    pub(super) fn at(at: Timestamp) -> Self {
        Self { at, text: OnceCell::new() }
    }

    pub(super) fn text(&self) -> &str {
        self.text.get_or_init(|| self.at.to_string())
    }
}

/// What came of a frame, beyond its entries.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Took {
    /// It speaks of who is followed.
    pub(super) is_ours: bool,
    /// Of one of them it tells something.
    pub(super) has_data: bool,
    /// There is more to remember.
    pub(super) is_changed: bool,
    /// It must be stored along with the entries: the next word may not tell it again.
    pub(super) is_urgent: bool,
    /// A device was made, changed or deleted.
    pub(super) is_relisted: bool,
    /// Since when those had not been followed that it brings back.
    pub(super) away_since: Option<Timestamp>,
}

/// Makes entries of answers.
#[derive(Debug)]
pub(super) struct Teller {
    pub(super) states: States,
    codes: Codes,
    asked_before: Vec<FourCc>,
    /// Texts under construction, and the order of a frame's events, kept for their room.
    pub(super) item: String,
    pub(super) id: String,
    pub(super) data: String,
    order: Vec<Place>,
}

/// Where an event stands among the answers; they are put into the order in which they happened.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    time: Option<Timestamp>,
    /// Of one moment, what sets a state last comes last.
    sets_last: bool,
    at: usize,
}

impl Teller {
    pub(super) fn new(resources: &[Resource], asked_before: Vec<FourCc>) -> Self {
        let has_words = resources.iter().any(|resource| matches!(resource, Resource::Status(_)));
        let states = if has_words { States::Words } else { States::Codes };
        Self {
            states,
            codes: Codes::new(states),
            asked_before,
            item: String::new(),
            id: String::new(),
            data: String::new(),
            order: Vec::new(),
        }
    }

    /// The codes that were asked for in the session before.
    pub(super) fn asked_before(&self) -> &[FourCc] {
        &self.asked_before
    }

    pub(super) fn set_asked_before(&mut self, codes: &[FourCc]) {
        if self.asked_before != codes {
            self.asked_before = codes.to_vec();
        }
    }

    /// The first answer on this socket: its present states, and of what is kept of each code's newest event that which has happened since the
    /// device was last heard of.
    pub(super) fn tell_first(
        &mut self,
        device: &mut Device,
        entity: Entity<'_, '_>,
        at: &Received,
        into: &mut Entries,
        took: &mut Took,
    ) {
        took.is_urgent = true;
        let Entity { esn, answers } = entity;
        self.turn_to(device, esn);
        let word = self.word(device, answers);
        if !answers.iter().any(|answer| matches!(answer, Answer::Event { .. })) && device.known {
            // Its events may come in another frame. Until then, and if there are none any more, the states that they have set are as they were; they are not
            // told anew, for what is remembered of events may be a second older than what is stored.
            self.set_by_latest(device);
            if let Some(word) = word {
                self.tell_word(device, esn, word, Origin::Snapshot, at, into, took);
            }
            return device.answered(First::of(device, word.is_some(), at));
        }
        if let Some((Word { word, .. }, rule)) = word.zip(device.kind.rule()) {
            // What it does not tell is as it was: a camera that is off does not say whether it is connected.
            device.reading = device.reading.then(Reading::of(word, rule));
        }
        let set = last_set(self.states, answers);
        self.put_in_order(answers, &set);
        let mut newest = std::mem::take(&mut device.newest);
        newest.iter_mut().for_each(|one| one.sets = false);
        for place in std::mem::take(&mut self.order).drain(..) {
            let Some(Answer::Event { code, json }) = answers.get(place.at) else { continue };
            let (members, is_heartbeat) = self.members(code, json);
            // What was not asked for comes with nothing to compare it to.
            let Ok(fourcc) = code.parse::<FourCc>() else { continue };
            let mut this = Newest::of(fourcc, &members);
            this.sets = place.sets_last;
            let has_room = newest.len() < CODES_MOST;
            let kept = newest.iter_mut().find(|kept| kept.code == fourcc);
            let is_news = kept.as_ref().map_or(self.asked_before.contains(&fourcc), |kept| this.is_behind(kept));
            let origin = match device.known {
                true => is_news.then_some(Origin::Backfill),
                // Of who is seen for the first time, that is new which has happened since it was asked.
                false => device.was_asked_before(&this).then_some(Origin::Live),
            };
            if let Some(origin) = origin.filter(|_| !is_heartbeat) {
                self.occur(esn, code, &members, origin, into);
                took.is_relisted |= is_of_devices(code);
            }
            match kept {
                Some(kept) if is_news => *kept = this,
                Some(kept) => kept.sets = this.sets,
                None if has_room => newest.push(this),
                None => {}
            }
        }
        device.newest = newest;
        self.tell_states(device, esn, word, &set, at, into);
        device.answered(First::of(device, word.is_some(), at));
    }

    /// What is remembered of a device: of each state the latest event sets it.
    fn set_by_latest(&self, device: &mut Device) {
        device.newest.iter_mut().for_each(|newest| newest.sets = false);
        let mut all: Vec<_> = device.newest.clone();
        all.sort_by_key(Newest::time);
        all.into_iter().for_each(|newest| self.set_by(device, newest, true));
    }

    /// Tells all states of a device, in the place of those that were known.
    fn tell_states(
        &mut self,
        device: &mut Device,
        esn: &str,
        word: Option<Word<'_>>,
        set: &[LastSet<'_>],
        at: &Received,
        into: &mut Entries,
    ) {
        let mut states = self.note_reading(device, esn, word, at, into);
        for LastSet { known, members, .. } in set {
            occurrence_id(&mut self.id, esn, known.code.code, members);
            let time = time(members);
            let time = time.as_deref().unwrap_or_default();
            states.push(self.note(&self.id, known.meaning(self.states), time, members.json, into));
        }
        self.snapshot(device, states, into);
    }

    /// The same from memory: behind a word that tells of a group for the first time, which sets its state and is no event, and behind a further part of a
    /// first answer.
    pub(super) fn retell_states(
        &mut self,
        device: &mut Device,
        esn: &str,
        word: Option<Word<'_>>,
        at: &Received,
        into: &mut Entries,
    ) {
        let mut states = self.note_reading(device, esn, word, at, into);
        for newest in device.newest.iter().filter(|newest| newest.sets) {
            let Some(known) = codes::find(newest.code.as_str()) else { continue };
            let sent = newest.time().map(een_time::write).unwrap_or_default();
            let time = Rfc3339::of(&sent);
            let data = format!("{{\"timestamp\":\"{sent}\"}}");
            states.push(self.note("", known.meaning(self.states), time.as_deref().unwrap_or_default(), &data, into));
        }
        self.snapshot(device, states, into);
    }

    pub(super) fn note(&self, id: &str, meaning: &Arc<Meaning>, time: &str, data: &str, into: &mut Entries) -> Noted {
        into.note(Occurrence { id, origin: Origin::Snapshot, item: &self.item, kind: Kind::Known(meaning), time, data })
    }

    fn snapshot(&self, device: &mut Device, states: Vec<Noted>, into: &mut Entries) {
        // Of what has no states, and never had, there is nothing to tell.
        if device.lit || !states.is_empty() {
            device.lit = true;
            let scope = Scope::Item(self.item.as_str().into());
            into.enter(Entry::Snapshot(Box::new(Snapshot { scope, states })));
        }
    }

    /// Any further answer: what has happened.
    pub(super) fn tell(
        &mut self,
        device: &mut Device,
        entity: Entity<'_, '_>,
        at: &Received,
        into: &mut Entries,
        took: &mut Took,
    ) {
        let Entity { esn, answers } = entity;
        self.turn_to(device, esn);
        device.first = device.first.filter(|first| at.at < first.until);
        let word = self.word(device, answers);
        // States are told anew behind what belongs to the first answer.
        let mut retells = false;
        match (word, &mut device.first) {
            (Some(word), Some(first)) if !first.has_word => {
                first.has_word = true;
                if let Some(rule) = device.kind.rule() {
                    device.reading = device.reading.then(Reading::of(word.word, rule));
                }
                retells = true;
            }
            (Some(word), _) => self.tell_word(device, esn, word, Origin::Live, at, into, took),
            (None, _) => {}
        }
        let mut events = answers.iter().enumerate().filter(|(_, answer)| matches!(answer, Answer::Event { .. }));
        match (events.next(), events.next()) {
            (Some((_, Answer::Event { code, json })), None) => {
                retells |= self.tell_event(device, esn, code, json, into, took);
            }
            (Some(_), Some(_)) => {
                self.put_in_order(answers, &last_set(self.states, answers));
                let mut order = std::mem::take(&mut self.order);
                for place in order.drain(..) {
                    if let Some(Answer::Event { code, json }) = answers.get(place.at) {
                        retells |= self.tell_event(device, esn, code, json, into, took);
                    }
                }
                self.order = order;
            }
            // Pictures and videos that are there are no events: `Media` says no more than that the device lives.
            _ => {}
        }
        if retells {
            took.is_urgent = true;
            self.retell_states(device, esn, word, at, into);
        }
    }

    /// Tells an event, and says whether the states of its device are to be told anew behind it: it may be older than what has set them.
    fn tell_event(
        &mut self,
        device: &mut Device,
        esn: &str,
        code: &str,
        json: &str,
        into: &mut Entries,
        took: &mut Took,
    ) -> bool {
        let (members, is_heartbeat) = self.members(code, json);
        let (mut origin, mut of_first) = (Some(Origin::Live), false);
        if let Ok(fourcc) = code.parse::<FourCc>() {
            let this = Newest::of(fourcc, &members);
            // It happened before anybody asked.
            if let Some(First { was_known, .. }) = device.first.filter(|_| device.was_asked_after(&this)) {
                (origin, of_first) = (was_known.then_some(Origin::Backfill), true);
            }
            let has_room = device.newest.len() < CODES_MOST;
            match device.newest.iter_mut().find(|kept| kept.code == fourcc) {
                // Only the newest event of a code is ever repeated, and this is how.
                Some(kept) if kept.is(&this) => {
                    if of_first {
                        self.set_by(device, this, true);
                    }
                    return of_first;
                }
                Some(kept) if this.is_behind(kept) => *kept = this,
                Some(_) => {}
                None if has_room => device.newest.push(this),
                None => {}
            }
            took.is_changed = true;
            self.set_by(device, this, of_first);
        }
        if let Some(origin) = origin.filter(|_| !is_heartbeat) {
            self.occur(esn, code, &members, origin, into);
            took.is_relisted |= is_of_devices(code);
            device.lit |= device.newest.iter().any(|newest| newest.sets);
        }
        of_first
    }

    /// If an event of this code sets a state, it is now the one that has set it last; one `of_first` answers only if it is the latest.
    fn set_by(&self, device: &mut Device, this: Newest, of_first: bool) {
        let code = this.code;
        let group = |code: FourCc| {
            let meaning = codes::find(code.as_str())?.meaning(self.states);
            meaning.state.as_ref().map(|state| &*state.vendor_group)
        };
        let Some(of) = group(code) else { return };
        let is_late = |other: &Newest| {
            other.sets && other.code != code && group(other.code) == Some(of) && other.time() > this.time()
        };
        if of_first && device.newest.iter().any(is_late) {
            return;
        }
        for newest in &mut device.newest {
            if newest.code == code {
                newest.sets = true;
            } else if newest.sets && group(newest.code) == Some(of) {
                newest.sets = false;
            }
        }
    }

    fn occur(&mut self, esn: &str, code: &str, members: &EventMembers<'_>, origin: Origin, into: &mut Entries) {
        occurrence_id(&mut self.id, esn, code, members);
        let Self { id, item, codes, .. } = self;
        let (kind, time) = (Kind::Known(codes.look(code).meaning), time(members));
        let time = time.as_deref().unwrap_or_default();
        into.occur(Occurrence { id, origin, item, kind, time, data: members.json });
    }

    fn members<'a>(&mut self, code: &str, json: &'a str) -> (EventMembers<'a>, bool) {
        let looked = self.codes.look(code);
        (EventMembers::of(json, looked.id), looked.is_heartbeat)
    }

    fn put_in_order(&mut self, answers: &[Answer<'_>], set: &[LastSet<'_>]) {
        self.order.clear();
        for (at, answer) in answers.iter().enumerate() {
            let Answer::Event { code, json } = answer else { continue };
            let (members, _) = self.members(code, json);
            let sets_last = set.iter().any(|last| last.known.code.code == *code);
            self.order.push(Place { time: een_time::parse(&members.timestamp).ok(), sets_last, at });
        }
        self.order.sort_unstable();
    }

    fn turn_to(&mut self, device: &Device, esn: &str) {
        self.item.clear();
        self.item.push_str(prefix(device.kind));
        self.item.push_str(esn);
    }
}

/// Whether it says that a device was made, deleted or changed.
fn is_of_devices(code: &str) -> bool {
    matches!(code, "AEDC" | "AEDD" | "AEDH")
}

/// When an event happened, where that can be read.
fn time(members: &EventMembers<'_>) -> Option<Rfc3339> {
    Rfc3339::of(&members.timestamp)
}
