//! The cameras of the cloud, what types of events they have, and who may see them.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    Options,
    store::Store,
    token::{Base, Keys, Kind, Of, Token},
};
use crate::simulator::common::rng::Rng;

/// The id of the group that all cameras are in.
const GROUP: i64 = 248_964;

/// The only status that VXG's web client takes for online.
pub(super) const ACTIVE: &str = "active";

/// A type of events of a camera. VXG's page *Working with events* shows what a member's presence depends on.
#[derive(Debug, Clone, Default)]
pub(super) struct EventType {
    pub(super) can_record: bool,
    pub(super) can_snapshot: bool,
    pub(super) is_periodic: bool,
    pub(super) can_be_triggered: bool,
    pub(super) custom: bool,
    pub(super) notify: bool,
    pub(super) receive: bool,
    pub(super) generate_images: bool,
    pub(super) record: bool,
    pub(super) snapshot: bool,
    pub(super) period: i64,
}

impl EventType {
    pub(super) fn row(&self, name: &str) -> Value {
        let caps = json!({
            "can_be_triggered": self.can_be_triggered,
            "can_record": self.can_record,
            "can_snapshot": self.can_snapshot,
            "is_periodic": self.is_periodic,
        });
        let mut row = json!({ "caps": caps, "name": name, "notify": self.notify, "receive": self.receive });
        if self.custom {
            row["custom"] = json!(true);
        } else {
            row["generate_images"] = json!(self.generate_images);
        }
        if self.can_record {
            row["record"] = json!(self.record);
        }
        if self.can_snapshot {
            row["snapshot"] = json!(self.snapshot);
        }
        if self.is_periodic {
            row["period"] = json!(self.period);
        }
        row
    }
}

/// `motion`, `net` and `snapshot` are those of VXG's page *Working with events*; `audio_event` is the one that its page *How to create or trigger an
/// event* triggers.
fn usual_types() -> Vec<(String, EventType)> {
    let usual = EventType { notify: true, receive: true, ..EventType::default() };
    let motion = EventType { can_record: true, can_snapshot: true, record: true, snapshot: true, ..usual.clone() };
    let snapshot = EventType { can_snapshot: true, is_periodic: true, snapshot: true, receive: false, ..usual.clone() };
    let audio = EventType { can_be_triggered: true, ..usual.clone() };
    [("motion", motion), ("net", usual), ("snapshot", snapshot), ("audio_event", audio)]
        .map(|(name, kind)| (name.to_owned(), kind))
        .to_vec()
}

#[derive(Debug)]
pub(super) struct Camera {
    pub(super) id: i64,
    pub(super) name: String,
    /// `None` is told as null.
    pub(super) status: Option<String>,
    pub(super) rec_mode: String,
    pub(super) meta: Map<String, Value>,
    /// In the order in which they were added.
    pub(super) types: Vec<(String, EventType)>,
    /// It is in the group of the group token.
    pub(super) grouped: bool,
    pub(super) tokens: Option<Tokens>,
}

#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) all: Token,
    pub(super) watch: Token,
}

impl Camera {
    pub(super) fn is_online(&self) -> bool {
        self.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case(ACTIVE))
    }

    pub(super) fn kind(&self, name: &str) -> Option<&EventType> {
        self.types.iter().find(|(known, _)| known == name).map(|(_, kind)| kind)
    }

    pub(super) fn kind_mut(&mut self, name: &str) -> Option<&mut EventType> {
        self.types.iter_mut().find(|(known, _)| known == name).map(|(_, kind)| kind)
    }
}

pub(super) struct World {
    pub(super) cameras: BTreeMap<i64, Camera>,
    pub(super) store: Store,
    pub(super) keys: Keys,
    pub(super) group: Token,
    pub(super) licence: Arc<str>,
    pub(super) base: Base,
    pub(super) rng: Rng,
    next_camera: i64,
    issued: i64,
}

impl World {
    /// Tokens tell where the cloud is, so it must listen already.
    pub(super) fn new(options: &Options, base: Base, now: i64) -> Self {
        let mut rng = Rng::new(options.seed);
        let group = Token::new(&mut rng, Of::Group, GROUP, true, &base, now);
        let licence: Arc<str> = rng.guid().replace('-', "").to_uppercase().into();
        let mut keys = Keys::default();
        keys.admit(&group, Of::Group, true);
        keys.admit_licence(licence.clone());
        let mut world = Self {
            cameras: BTreeMap::new(),
            store: Store::default(),
            keys,
            group,
            licence,
            base,
            rng,
            next_camera: options.first_camera,
            issued: now,
        };
        for nth in 1..=options.cameras {
            world.add_camera(&format!("Camera {nth}"));
        }
        world
    }

    pub(super) fn add_camera(&mut self, name: &str) -> i64 {
        let id = self.next_camera;
        self.next_camera += 1;
        let camera = Camera {
            id,
            name: name.to_owned(),
            status: Some(ACTIVE.to_owned()),
            rec_mode: "by_event".to_owned(),
            meta: Map::new(),
            types: usual_types(),
            grouped: true,
            tokens: None,
        };
        self.cameras.insert(id, camera);
        self.rotate(id);
        id
    }

    /// Gives a camera other tokens.
    pub(super) fn rotate(&mut self, id: i64) -> bool {
        self.keys.refuse(Kind::Camera(id));
        let Some(camera) = self.cameras.get_mut(&id) else { return false };
        let mut token = |all| Token::new(&mut self.rng, Of::Camera(id), GROUP, all, &self.base, self.issued);
        let tokens = Tokens { all: token(true), watch: token(false) };
        self.keys.admit(&tokens.all, Of::Camera(id), true);
        self.keys.admit(&tokens.watch, Of::Camera(id), false);
        camera.tokens = Some(tokens);
        true
    }

    /// Takes a camera's tokens away.
    pub(super) fn revoke(&mut self, id: i64) -> bool {
        self.keys.refuse(Kind::Camera(id));
        self.cameras.get_mut(&id).is_some_and(|camera| camera.tokens.take().is_some())
    }

    pub(super) fn rotate_group(&mut self) {
        self.keys.refuse(Kind::Group);
        self.group = Token::new(&mut self.rng, Of::Group, GROUP, true, &self.base, self.issued);
        self.keys.admit(&self.group, Of::Group, true);
    }

    pub(super) fn rotate_licence(&mut self) {
        self.keys.refuse(Kind::Licence);
        self.licence = self.rng.guid().replace('-', "").to_uppercase().into();
        self.keys.admit_licence(self.licence.clone());
    }

    /// The camera's type of this name is there from now on, as it is given.
    pub(super) fn put_type(&mut self, camera: i64, name: &str, kind: EventType) -> bool {
        let Some(camera) = self.cameras.get_mut(&camera) else { return false };
        match camera.kind_mut(name) {
            Some(known) => *known = kind,
            None => camera.types.push((name.to_owned(), kind)),
        }
        true
    }
}
