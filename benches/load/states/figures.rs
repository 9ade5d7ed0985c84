//! All rounds as one table, few and many items below each other.

use serde_json::{Map, Value, json};

use super::{Delays, Kept, Load, Reads, events};
use crate::report::{Section, Spread};
use crate::rounds::Run;

/// By the number of items; the first is what the others are told in parts of.
pub(super) fn section(load: Load, sizes: &[(usize, Vec<Kept>)]) -> Section {
    let events = events(load);
    let (mut rows, mut figures) = (Vec::new(), Map::new());
    for (items, kept) in sizes {
        let size = Size { events: events as f64, few: sizes.first().map_or(&[], |(_, few)| few), kept };
        let engine = size.cost(|kept| &kept.engine);
        let floor = size.cost(|kept| &kept.floor);
        let few_items = sizes.first().map_or(0, |(few, _)| *few);
        let per_item = |run| size.bytes_per_item(run, items.saturating_sub(few_items));
        let (bytes, floor_bytes) = (per_item(|kept| &kept.engine), per_item(|kept| &kept.floor));
        let cell = |bytes: Option<Spread>| bytes.map_or_else(|| "-".to_owned(), Spread::whole);
        let delays = |pick: fn(&Reads) -> &Delays| [50, 99, 999].map(|quantile| size.delay(pick, quantile));
        let (map, map_floor) = (delays(|reads| &reads.map), delays(|reads| &reads.map_floor));
        let (message, message_floor) = (delays(|reads| &reads.message), delays(|reads| &reads.message_floor));
        rows.push(vec![
            items.to_string(),
            engine.0.whole(),
            engine.1.ratio(),
            floor.0.whole(),
            floor.1.ratio(),
            map[1].ratio(),
            map[2].ratio(),
            map_floor[1].ratio(),
            message[1].whole(),
            message_floor[1].whole(),
            cell(bytes),
            cell(floor_bytes),
        ]);
        let quantiles = |[p50, p99, p999]: [Spread; 3]| json!({ "p50": p50, "p99": p99, "p999": p999 });
        let all = json!({
            "engine_cpu_nanoseconds": engine.0,
            "engine_of_few": engine.1,
            "floor_cpu_nanoseconds": floor.0,
            "floor_of_few": floor.1,
            "map_microseconds": quantiles(map),
            "map_floor_microseconds": quantiles(map_floor),
            "message_microseconds": quantiles(message),
            "message_floor_microseconds": quantiles(message_floor),
            "resident_bytes_per_item": bytes,
            "floor_resident_bytes_per_item": floor_bytes,
            "runs": kept,
        });
        figures.insert(items.to_string(), all);
    }
    let Load { rate, .. } = load;
    Section {
        name: "states",
        heading: format!(
            "states: {events} events a run at {rate} per second, {} rounds; CPU ns of an event, and in parts of that with fewer items; reads of one \
             state in µs at the percentile",
            sizes.first().map_or(0, |(_, kept)| kept.len())
        ),
        head: vec![
            "items",
            "engine ns",
            "of fewer",
            "floor ns",
            "of fewer",
            "map p99",
            "map p99.9",
            "bare p99",
            "GetState p99",
            "nothing p99",
            "bytes/item",
            "floor bytes",
        ],
        rows,
        figures: Value::Object(figures),
    }
}

/// All rounds with so many items.
struct Size<'a> {
    events: f64,
    few: &'a [Kept],
    kept: &'a [Kept],
}

impl Size<'_> {
    /// Processor time of an event, and what that is of the one with few items, round by round.
    fn cost(&self, run: fn(&Kept) -> &Run) -> (Spread, Spread) {
        let nanoseconds = self.kept.iter().map(|kept| run(kept).cpu_seconds * 1e9 / self.events);
        let pairs = self.few.iter().zip(self.kept);
        let parts = pairs.map(|(few, kept)| run(kept).cpu_seconds / run(few).cpu_seconds);
        (Spread::new(nanoseconds), Spread::new(parts))
    }

    /// In microseconds.
    fn delay(&self, pick: fn(&Reads) -> &Delays, quantile: u32) -> Spread {
        Spread::new(self.kept.iter().map(|kept| {
            let delays = pick(&kept.reads);
            let nanoseconds = match quantile {
                50 => delays.p50,
                99 => delays.p99,
                _ => delays.p999,
            };
            nanoseconds as f64 / 1e3
        }))
    }

    /// How much more memory there is than with few items, for each item more; where the system tells, and there are more.
    fn bytes_per_item(&self, run: fn(&Kept) -> &Run, more: usize) -> Option<Spread> {
        let pairs = self.few.iter().zip(self.kept);
        let bytes: Option<Vec<_>> =
            pairs.map(|(few, kept)| Some(run(kept).resident_bytes? as f64 - run(few).resident_bytes? as f64)).collect();
        let bytes = bytes?;
        (more > 0).then(|| Spread::new(bytes.into_iter().map(|bytes| bytes / more as f64)))
    }
}
