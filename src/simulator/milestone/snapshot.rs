//! The answer to `getState`.

use std::{sync::Arc, time::SystemTime};

use serde_json::Value;

use super::{
    commands::{BETWEEN, Outcome, refused},
    faults::{Fault, FaultKind, Size},
    hub::Core,
    ledger::Emitted,
    session::Session,
    wire,
};

impl Core {
    /// The latest stateful event of every (source, group) that the session's subscriptions want, taken when the command comes: with a
    /// slow answer, events that happen meanwhile are newer than it.
    pub(super) fn get_state(&mut self, link: u64, command_id: &Value) -> Outcome {
        if let Some(status) = self.switches.status(FaultKind::StateRefused) {
            return self.answer(link, command_id, refused(status, "The state could not be retrieved."));
        }
        if self.session_of(link).is_none() {
            return self.answer(link, command_id, refused(400, "No session has been started."));
        }
        let text = self.snapshot(link, command_id);
        if self.switches.on(FaultKind::Interleave) {
            self.emit(BETWEEN);
        }
        match self.switches.duration(FaultKind::SlowState) {
            Some(wait) => Outcome::Later(wait, text),
            None => self.reply(link, text),
        }
    }

    fn snapshot(&mut self, link: u64, command_id: &Value) -> Vec<u8> {
        let in_order = self.switches.on(FaultKind::FiltersInOrder);
        let spelling = self.spelling();
        let session = self.links.get(&link).and_then(|link| link.session.as_deref());
        let session = session.and_then(|id| self.sessions.get(id));
        if let (true, Some(session)) = (in_order, session) {
            self.ledger.sessions[session.record].in_order = true;
        }
        let world = &self.world;
        let only = session.and_then(Session::sources);
        let wanted: Vec<Emitted> = world
            .states
            .iter()
            .enumerate()
            // First what costs little: a session may want one item of thousands, and thousands may ask.
            .filter(|(_, ((item, _), _))| only.as_ref().is_none_or(|only| only.contains(&*world.items[*item].id)))
            .filter_map(|(nth, ((item, group), state))| {
                let source = &world.items[*item].source;
                let event_type = &world.types[state.event_type].id;
                session?.wants(source, event_type, in_order).then(|| Emitted {
                    index: nth as u64,
                    id: state.id.clone(),
                    source: Arc::clone(source),
                    event_type: event_type.clone(),
                    group: Some(world.groups[*group].id.clone()),
                    time: state.time.clone(),
                    data: None,
                    at: SystemTime::UNIX_EPOCH,
                    missing: None,
                })
            })
            .collect();
        let padding = match self.switches.get(FaultKind::HugeState) {
            Some(Fault::HugeState(Size(size))) => size / wanted.len().max(1) + 1,
            _ => 0,
        };
        let mut text = format!(r#"{{"commandId":{command_id},"status":200,"states":["#);
        for (nth, state) in wanted.iter().enumerate() {
            if nth > 0 {
                text.push(',');
            }
            wire::write_state(&mut text, state, spelling, padding);
        }
        text.push(']');
        if wanted.is_empty() && padding > 0 {
            text.push_str(r#","padding":""#);
            text.extend(std::iter::repeat_n('x', padding));
            text.push('"');
        }
        text.push('}');
        text.into_bytes()
    }
}
