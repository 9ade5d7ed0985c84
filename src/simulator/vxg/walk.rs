//! What happens by itself: a random walk over what cameras see.

use serde_json::{Value, json};

use super::{happen::Occurrence, hub::Core, ledger::Origin, store::Meta};

/// Names that VXG's clients know, and how likely they are. Those without a type at the camera come from analytics.
const CHOICES: [(&str, usize); 7] = [
    ("motion", 600),
    ("sound", 100),
    ("object_and_scene_detection", 120),
    ("snapshot", 100),
    ("net", 30),
    ("linecross", 30),
    ("line_crossing", 20),
];

/// How many of a thousand steps take a camera away or bring it back.
const FLAPS: u32 = 5;

impl Core {
    /// Lets `count` events happen; what becomes of cameras comes on top.
    pub(super) fn emit(&mut self, count: usize) {
        for _ in 0..count {
            let Some(camera) = self.draw_camera() else { return };
            if self.world.rng.chance(FLAPS) {
                self.flap();
            }
            let name = self.draw_name();
            let meta = self.draw_meta(name);
            let time = self.drawn_time();
            self.occur(camera, Occurrence::new(name, time, meta, Origin::Camera));
        }
    }

    pub(super) fn draw_camera(&mut self) -> Option<i64> {
        // Ids follow each other, but for cameras that were removed.
        let (first, last) = (*self.world.cameras.first_key_value()?.0, *self.world.cameras.last_key_value()?.0);
        let span = usize::try_from(last - first + 1).unwrap_or(1);
        let drawn = first + i64::try_from(self.world.rng.below(span)).unwrap_or_default();
        self.world.cameras.range(drawn..).next().map(|(id, _)| *id)
    }

    fn draw_name(&mut self) -> &'static str {
        let mut left = self.world.rng.below(CHOICES.iter().map(|(_, weight)| weight).sum());
        let drawn = CHOICES.iter().find(|(_, weight)| {
            let found = left < *weight;
            left = left.saturating_sub(*weight);
            found
        });
        drawn.map_or("motion", |(name, _)| name)
    }

    /// Analytics count what they saw, by its label.
    fn draw_meta(&mut self, name: &str) -> Meta {
        let seen: Value = match name {
            "object_and_scene_detection" => json!({ "Person": (1 + self.world.rng.below(3)).to_string(), "Car": "1" }),
            "net" => json!({ "status": "connected" }),
            _ => Value::Null,
        };
        match seen {
            Value::Object(meta) => meta,
            _ => Meta::new(),
        }
    }
}
