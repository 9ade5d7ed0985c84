//! The simulated installation: items, event types, and the state of each (item, group).

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
    time::SystemTime,
};

use super::{
    event_types::{GROUPS, Generator, Group, TYPES, TypeSpec},
    items,
    ledger::Emitted,
    stamp::{self, Ticks},
};
use crate::simulator::common::rng::Rng;

/// A thing that has a name, may have states, and is listed by the Configuration REST API.
pub(super) struct Item {
    /// `cameras`, `hardware`, …: the first half of a source.
    pub(super) resource: &'static str,
    pub(super) id: String,
    pub(super) source: Arc<str>,
    pub(super) name: String,
    /// Position of the parent item.
    pub(super) parent: Option<usize>,
    pub(super) enabled: bool,
    /// Taken out of the configuration: REST no longer knows it.
    pub(super) removed: bool,
}

/// An event type as the REST API lists it.
pub(super) struct EventType {
    pub(super) id: Arc<str>,
    pub(super) name: String,
    pub(super) display: String,
    pub(super) group: Option<usize>,
    pub(super) state: &'static str,
    pub(super) counter: Option<String>,
    pub(super) sources: Vec<&'static str>,
    pub(super) generator: Generator,
}

pub(super) struct StateGroup {
    pub(super) id: Arc<str>,
    pub(super) name: &'static str,
    /// Positions of its event types.
    pub(super) members: Vec<usize>,
    /// Positions of the items that have a state of this group, or will have one with their first event.
    pub(super) holders: Vec<usize>,
    /// Those of them that had none in the beginning: a range, for they are added together.
    crowd: Range<usize>,
}

#[derive(Clone)]
pub(super) struct State {
    pub(super) event_type: usize,
    pub(super) id: String,
    pub(super) time: String,
}

/// What is true now for one source and state group, see [`Simulator::states`](super::Simulator::states).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateNow {
    /// GUID of the event type in lower case.
    pub event_type: String,
    /// Event time as on the wire.
    pub time: String,
    /// Id of the event that set it.
    pub id: String,
}

pub(super) struct World {
    pub(super) items: Vec<Item>,
    pub(super) types: Vec<EventType>,
    pub(super) groups: Vec<StateGroup>,
    /// By (item, group), so that a snapshot comes in one order.
    pub(super) states: BTreeMap<(usize, usize), State>,
    pub(super) rng: Rng,
    by_resource: HashMap<&'static str, Vec<usize>>,
    by_source: HashMap<Arc<str>, usize>,
    by_type: HashMap<Arc<str>, usize>,
    last: Ticks,
    next_index: u64,
}

impl World {
    pub(super) fn new(cameras: usize, seed: u64) -> Self {
        let mut world = Self {
            items: Vec::new(),
            types: Vec::new(),
            groups: Vec::new(),
            states: BTreeMap::new(),
            rng: Rng::new(seed),
            by_resource: HashMap::new(),
            by_source: HashMap::new(),
            by_type: HashMap::new(),
            last: stamp::now(),
            next_index: 0,
        };
        for spec in GROUPS {
            world.groups.push(StateGroup {
                id: spec.guid().into(),
                name: spec.name,
                members: Vec::new(),
                holders: Vec::new(),
                crowd: 0..0,
            });
        }
        for spec in TYPES {
            world.add_type(EventType {
                id: spec.guid().into(),
                name: spec.name.to_owned(),
                display: spec.display.to_owned(),
                group: spec.group.map(group_position),
                state: spec.state,
                counter: TypeSpec::guid_of(spec.counter),
                sources: spec.sources.to_vec(),
                generator: spec.generator,
            });
        }
        items::furnish(&mut world, cameras);
        world
    }

    pub(super) fn add_type(&mut self, event_type: EventType) {
        let position = self.types.len();
        if let Some(group) = event_type.group {
            self.groups[group].members.push(position);
        }
        self.by_type.insert(event_type.id.clone(), position);
        self.types.push(event_type);
    }

    pub(super) fn add_item(
        &mut self,
        resource: &'static str,
        id: String,
        name: String,
        parent: Option<usize>,
    ) -> usize {
        let source: Arc<str> = format!("{resource}/{id}").into();
        let position = self.items.len();
        self.by_source.insert(source.clone(), position);
        self.by_resource.entry(resource).or_default().push(position);
        self.items.push(Item { resource, id, source, name, parent, enabled: true, removed: false });
        position
    }

    /// Position of an item by `cameras/<guid>`, in any case.
    pub(super) fn item(&self, source: &str) -> Option<usize> {
        if let Some(position) = self.by_source.get(source) {
            return Some(*position);
        }
        let (resource, id) = source.split_once('/')?;
        self.items
            .iter()
            .position(|item| item.resource.eq_ignore_ascii_case(resource) && item.id.eq_ignore_ascii_case(id))
    }

    /// Position of an event type by its GUID, in any case, or by its name.
    pub(super) fn event_type(&self, text: &str) -> Option<usize> {
        let id = text.to_ascii_lowercase();
        self.by_type.get(id.as_str()).copied().or_else(|| self.types.iter().position(|kind| kind.name == text))
    }

    /// Positions of the items of one resource that are still configured.
    pub(super) fn positions_of(&self, resource: &str) -> &[usize] {
        self.by_resource.get(resource).map_or(&[], Vec::as_slice)
    }

    /// The items of one resource that are still configured.
    pub(super) fn items_of(&self, resource: &str) -> impl Iterator<Item = &Item> {
        self.positions_of(resource).iter().map(|position| &self.items[*position])
    }

    /// Sets a state that was there before the simulator started: up to four months ago.
    pub(super) fn settle(&mut self, item: usize, group: Group, name: &str) {
        let group = group_position(group);
        let members = &self.groups[group].members;
        let Some(&event_type) = members.iter().find(|member| self.types[**member].name == name) else {
            return;
        };
        let age = self.rng.next() % (120 * 24 * 3600 * stamp::SECOND);
        let id = self.rng.guid();
        let time = stamp::text(self.last.saturating_sub(stamp::SECOND + age));
        self.groups[group].holders.push(item);
        self.states.insert((item, group), State { event_type, id, time });
    }

    /// An item will have a state of the group with its first event. Such items are added one right after the other.
    pub(super) fn may_hold(&mut self, item: usize, group: Group) {
        let group = &mut self.groups[group_position(group)];
        if group.crowd.is_empty() {
            group.crowd = item..item;
        }
        group.crowd.end = item + 1;
        group.holders.push(item);
    }

    /// A time later than all before it: now, unless events come faster than the clock's 100 ns.
    pub(super) fn tick(&mut self) -> Ticks {
        self.last = stamp::now().max(self.last + 1);
        self.last
    }

    /// Takes `count` ticks at once, all of one second, and returns the first.
    pub(super) fn ticks_of_one_second(&mut self, count: u64) -> Ticks {
        let first = self.tick();
        let first = if first % stamp::SECOND + count < stamp::SECOND {
            first
        } else {
            (first / stamp::SECOND + 1) * stamp::SECOND
        };
        self.last = first + count.saturating_sub(1);
        first
    }

    /// Takes ticks for later use and returns the first.
    pub(super) fn reserve_ticks(&mut self, count: u64) -> Ticks {
        let first = self.tick();
        self.last = first + count;
        first
    }

    /// Makes an event and sets the state that it stands for.
    pub(super) fn raise(&mut self, item: usize, event_type: usize, time: Ticks, data: Option<Arc<str>>) -> Emitted {
        let id = self.rng.guid();
        let time = stamp::text(time);
        let group = self.types[event_type].group;
        if let Some(group) = group {
            let state = State { event_type, id: id.clone(), time: time.clone() };
            let new = self.states.insert((item, group), state).is_none();
            let group = &mut self.groups[group];
            if new && !group.crowd.contains(&item) {
                group.holders.push(item);
            }
        }
        let index = self.next_index;
        self.next_index += 1;
        Emitted {
            index,
            id,
            source: self.items[item].source.clone(),
            event_type: self.types[event_type].id.clone(),
            group: group.map(|group| self.groups[group].id.clone()),
            time,
            data,
            at: SystemTime::now(),
            missing: None,
        }
    }

    /// The index that the next event will have: how many there were.
    pub(super) const fn next_index(&self) -> u64 {
        self.next_index
    }

    /// Takes an item out of the configuration, with its states.
    pub(super) fn remove(&mut self, item: usize) {
        self.items[item].removed = true;
        let resource = self.items[item].resource;
        self.by_resource.entry(resource).or_default().retain(|other| *other != item);
        self.states.retain(|(holder, _), _| *holder != item);
        for group in &mut self.groups {
            group.holders.retain(|holder| *holder != item);
        }
    }

    pub(super) fn states_now(&self) -> BTreeMap<(String, String), StateNow> {
        self.states
            .iter()
            .map(|((item, group), state)| {
                let key = (self.items[*item].source.to_string(), self.groups[*group].id.to_string());
                let now = StateNow {
                    event_type: self.types[state.event_type].id.to_string(),
                    time: state.time.clone(),
                    id: state.id.clone(),
                };
                (key, now)
            })
            .collect()
    }
}

/// Groups are stored in the order of the table.
pub(super) fn group_position(group: Group) -> usize {
    GROUPS.iter().position(|spec| spec.key == group).unwrap_or(0)
}
