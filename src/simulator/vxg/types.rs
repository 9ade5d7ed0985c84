//! `/api/v2/cameras/{id}/event_processing/events/`: the types of events of a camera, and triggers.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Answered, Body},
    events::wanted_meta,
    faults::FaultKind,
    gateway::Asked,
    happen::Occurrence,
    hub::Core,
    ledger::Origin,
    world::{Camera, EventType},
};

impl Core {
    fn camera(&mut self, id: i64) -> Result<&mut Camera, Answer> {
        self.world.cameras.get_mut(&id).ok_or_else(Answer::not_found)
    }

    pub(super) fn list_types(&mut self, camera: i64, asked: &Asked) -> Answered {
        let part = self.part(asked)?;
        let types = &self.camera(camera)?.types;
        let total = types.len();
        let rows = types.iter().skip(part.offset).take(part.limit).map(|(name, kind)| kind.row(name)).collect();
        Ok(self.envelope(asked, part, rows, total))
    }

    pub(super) fn one_type(&mut self, camera: i64, name: &str) -> Answered {
        let kind = self.camera(camera)?.kind(name).ok_or_else(Answer::not_found)?;
        Ok(Answer::json(200, kind.row(name)))
    }

    pub(super) fn add_type(&mut self, camera: i64, asked: &Asked) -> Answered {
        let members = asked.object()?;
        let name = members.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Answer::bad("name: it is required"))?;
        let duplicate = self.switches.status(FaultKind::Duplicate).unwrap_or(400);
        if self.camera(camera)?.kind(name).is_some() {
            return Err(Answer::error(duplicate, &format!("name: the camera has an event type `{name}` already")));
        }
        if self.switches.on(FaultKind::NeedsNotify) && !members.contains_key("notify") {
            return Err(Answer::bad("notify: it is required"));
        }
        let mut kind = EventType { custom: true, ..EventType::default() };
        let wanted: Map<String, Value> =
            members.iter().filter(|(member, _)| *member != "name").map(|(k, v)| (k.clone(), v.clone())).collect();
        change(&mut kind, &wanted)?;
        let row = kind.row(name);
        self.world.put_type(camera, name, kind);
        Ok(Answer::json(self.created(), row))
    }

    pub(super) fn set_type(&mut self, camera: i64, name: &str, asked: &Asked) -> Answered {
        let kind = self.camera(camera)?.kind_mut(name).ok_or_else(Answer::not_found)?;
        let mut changed = kind.clone();
        change(&mut changed, asked.object()?)?;
        let row = changed.row(name);
        *kind = changed;
        Ok(match () {
            () if self.switches.on(FaultKind::SetEmpty) => Answer::of(204, Body::None),
            () if self.switches.on(FaultKind::SetPartial) => {
                Answer::json(200, json!({ "name": name, "notify": row["notify"] }))
            }
            () => Answer::json(200, row),
        })
    }

    pub(super) fn trigger(&mut self, camera: i64, name: &str, asked: &Asked) -> Answered {
        let kind = self.camera(camera)?.kind(name).ok_or_else(Answer::not_found)?;
        if !kind.can_be_triggered {
            return Err(Answer::bad(&format!("the event `{name}` cannot be triggered")));
        }
        let members = asked.object()?;
        let meta = wanted_meta(members)?.unwrap_or_default();
        let what = Occurrence::new(name, self.required_time(members)?, meta, Origin::Trigger);
        self.counters.triggered += 1;
        self.timers.put_off(Instant::now() + self.options.trigger_delay, (camera, what));
        Ok(match self.switches.on(FaultKind::TriggerEmpty) {
            true => Answer::of(204, Body::None),
            false => Answer::json(200, json!({})),
        })
    }
}

/// Does what a body asks for, or nothing of it.
fn change(kind: &mut EventType, members: &Map<String, Value>) -> Result<(), Answer> {
    for (name, value) in members {
        let set = match name.as_str() {
            "notify" => &mut kind.notify,
            "receive" => &mut kind.receive,
            "generate_images" => &mut kind.generate_images,
            "record" if kind.can_record => &mut kind.record,
            "snapshot" if kind.can_snapshot => &mut kind.snapshot,
            "period" if kind.is_periodic => {
                let period = value.as_i64().filter(|period| *period >= 0);
                kind.period = period.ok_or_else(|| Answer::bad("period: it must be a number of seconds"))?;
                continue;
            }
            "record" | "snapshot" | "period" => {
                return Err(Answer::bad(&format!("{name}: events of this type have none")));
            }
            // What else comes back from a list does no harm.
            _ => continue,
        };
        *set = value.as_bool().ok_or_else(|| Answer::bad(&format!("{name}: it must be true or false")))?;
    }
    Ok(())
}
