//! What happens goes through here: it gets its id and its place in the history.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

use super::{
    faults::{Fault, FaultKind},
    hub::Core,
    ledger::Origin,
    stamp::{self, Micros},
    store::{Event, Meta, Version},
    world::ACTIVE,
};

/// How far apart ids are that do not grow.
const SPREAD: u64 = 900_000_000;

/// What is to happen.
#[derive(Debug, Clone)]
pub(super) struct Occurrence {
    pub(super) name: String,
    pub(super) alias: Option<String>,
    pub(super) time: Micros,
    pub(super) meta: Meta,
    pub(super) origin: Origin,
    pub(super) row: Option<Value>,
}

impl Occurrence {
    pub(super) fn new(name: &str, time: Micros, meta: Meta, origin: Origin) -> Self {
        Self { name: name.to_owned(), alias: None, time, meta, origin, row: None }
    }
}

impl Core {
    /// Something happens at a camera; `None` when there is none of this id.
    pub(super) fn occur(&mut self, camera: i64, what: Occurrence) -> Option<i64> {
        let known = self.world.cameras.get(&camera)?;
        let thumb = known.kind(&what.name).is_none_or(|kind| kind.can_snapshot) && what.origin != Origin::Backend;
        let id = self.next_id();
        let lag = self.switches.duration(FaultKind::ListLag).unwrap_or_default();
        let time = match self.switches.on(FaultKind::WholeSeconds) {
            true => what.time - what.time.rem_euclid(stamp::SECOND),
            false => what.time,
        };
        let arrived = SystemTime::now();
        let is_row = what.origin == Origin::Row;
        let event = Event {
            id,
            camera,
            name: what.name,
            alias: what.alias,
            time,
            origin: what.origin,
            arrived,
            listed: Instant::now() + lag,
            row: what.row,
            thumb,
            versions: vec![Version { meta: what.meta, since: arrived, shown: 0 }],
            shown: 0,
            first_shown: None,
            gone: None,
        };
        self.counters.happened += u64::from(!is_row);
        let words = event.alias.clone().unwrap_or_else(|| event.name.clone());
        self.world.store.insert(event, self.options.history.max(1));
        self.tell(camera, &words, Some(id));
        Some(id)
    }

    fn next_id(&mut self) -> i64 {
        if self.switches.on(FaultKind::RandomIds) {
            loop {
                let id = 1 + i64::try_from(self.world.rng.next() % SPREAD).unwrap_or_default();
                if !self.world.store.contains(id) {
                    return id;
                }
            }
        }
        while self.world.store.contains(self.next_event) {
            self.next_event += 1;
        }
        self.next_event += 1;
        self.next_event - 1
    }

    /// A camera makes what it was asked to make; one that is offline never does.
    pub(super) fn answer_trigger(&mut self, camera: i64, mut what: Occurrence) {
        self.counters.answered += 1;
        let online = self.world.cameras.get(&camera).is_some_and(|camera| camera.is_online());
        if !online || self.strikes(FaultKind::TriggerLost) {
            return;
        }
        if self.switches.on(FaultKind::TriggerOwnTime) {
            what.time = self.now();
        }
        if self.switches.on(FaultKind::TriggerNoMeta) {
            what.meta = Map::new();
        }
        self.occur(camera, what);
    }

    /// When what happens by itself happens, by the faults about that.
    pub(super) fn drawn_time(&mut self) -> Micros {
        let now = self.now();
        if let Some(count) = self.switches.count(FaultKind::SameTime) {
            match &mut self.last_time {
                Some((time, left)) if *left > 0 => {
                    *left -= 1;
                    return *time;
                }
                _ => self.last_time = Some((now, count)),
            }
        }
        let Some(Fault::Late(wait)) = self.switches.get(FaultKind::Late).copied() else { return now };
        let every = self.switches.count(FaultKind::Straggler).unwrap_or(1).max(1);
        self.turns += 1;
        if !self.turns.is_multiple_of(every) {
            return now;
        }
        self.note_struck(Some("late"));
        now.saturating_sub(stamp::span(wait))
    }

    /// Says whether there is such an event.
    pub(super) fn change_meta(&mut self, id: i64, meta: Meta) -> bool {
        let Some(event) = self.world.store.get_mut(id) else { return false };
        event.set_meta(meta);
        let (camera, words) = (event.camera, format!("{} has another meta", event.name));
        self.tell(camera, &words, Some(id));
        true
    }

    /// An operator handles one of the newest events, as in VXG's web client.
    pub(super) fn change_some_meta(&mut self) {
        const STEPS: [&str; 3] = ["not_handled", "in_progress", "processed"];
        let newest: Vec<i64> = self
            .world
            .store
            .within(None, ..)
            .rev()
            .filter(|event| event.origin != Origin::Row)
            .take(20)
            .map(|event| event.id)
            .collect();
        let drawn = self.world.rng.below(newest.len());
        let Some(id) = newest.get(drawn) else { return };
        let mut meta = self.world.store.get(*id).and_then(Event::meta).cloned().unwrap_or_default();
        let step =
            STEPS.iter().position(|step| meta.get("process").is_some_and(|at| at == step)).map_or(0, |at| at + 1);
        meta.insert("process".to_owned(), json!(STEPS[step % STEPS.len()]));
        self.change_meta(*id, meta);
    }

    pub(super) fn set_status(&mut self, camera: i64, status: Option<&str>) -> bool {
        let Some(known) = self.world.cameras.get_mut(&camera) else { return false };
        known.status = status.map(str::to_owned);
        let words = format!("is now {}", status.unwrap_or("null"));
        self.tell(camera, &words, None);
        true
    }

    /// The next camera goes away, or comes back.
    pub(super) fn flap(&mut self) {
        self.turns += 1;
        let place = (self.turns / 2) % self.world.cameras.len().max(1);
        let Some((id, online)) = self.world.cameras.values().nth(place).map(|camera| (camera.id, camera.is_online()))
        else {
            return;
        };
        self.set_status(id, Some(if online { "inactive" } else { ACTIVE }));
    }

    /// Something that is no event stands in the history.
    pub(super) fn odd_row(&mut self) {
        let Some(camera) = self.draw_camera() else { return };
        let time = self.now();
        let told = stamp::text(time);
        self.turns += 1;
        let row = match self.turns % 7 {
            0 => Value::Null,
            1 => json!("502 Bad Gateway"),
            2 => json!({}),
            3 => json!({ "id": "one", "camid": camera, "name": "motion", "time": told }),
            4 => json!({ "id": null, "camid": camera, "name": "motion", "time": told }),
            5 => json!({ "id": self.next_event, "camid": camera, "name": ["motion"], "time": told }),
            _ => json!({ "id": self.next_event, "camid": camera, "name": "motion", "time": "yesterday" }),
        };
        self.add_row(camera, time, row);
    }

    pub(super) fn add_row(&mut self, camera: i64, time: Micros, row: Value) -> Option<i64> {
        let what = Occurrence { row: Some(row), ..Occurrence::new("", time, Meta::new(), Origin::Row) };
        self.occur(camera, what)
    }

    /// What each camera has in its history at the start: an hour between two of its events, the newest an hour old.
    pub(super) fn add_past(&mut self) {
        let now = self.now();
        let cameras: Vec<i64> = self.world.cameras.keys().copied().collect();
        for nth in (1..=self.options.past).rev() {
            let age = stamp::span(Duration::from_secs(3600)).saturating_mul(i64::try_from(nth).unwrap_or(i64::MAX));
            for camera in &cameras {
                self.occur(*camera, Occurrence::new("motion", now.saturating_sub(age), Meta::new(), Origin::Camera));
            }
        }
    }
}
