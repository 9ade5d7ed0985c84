//! All rounds as one table: each way beside its floor.

use serde_json::{Value, json};

use super::tally::Delays;
use super::{Load, SITES, Way};
use crate::report::{Section, Spread};
use crate::{Mode, Outcome};

/// One of everything, one right after the other.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// By the number of sites.
    pub(crate) floors: Vec<(usize, Delays)>,
    pub(crate) commits: Vec<(Mode, Delays)>,
    pub(crate) ways: Vec<(Way, Delays)>,
}

impl Round {
    fn floor(&self, sites: usize) -> Option<&Delays> {
        self.floors.iter().find(|(of, _)| *of == sites).map(|(_, delays)| delays)
    }

    fn commit(&self, mode: Mode) -> Option<&Delays> {
        self.commits.iter().find(|(of, _)| *of == mode).map(|(_, delays)| delays)
    }

    fn way(&self, way: Way) -> Option<&Delays> {
        self.ways.iter().find(|(of, _)| *of == way).map(|(_, delays)| delays)
    }

    /// How far the 99th percentile of a way is above that of its floor, with the middle one of the commits where events go to the disk.
    fn above(&self, way: Way) -> Option<f64> {
        let commit = match way {
            Way::Watch => 0,
            Way::Webhook(mode, _) => self.commit(mode)?.p50,
        };
        let floor = self.floor(way.sites())?.p99 + commit;
        Some(self.way(way)?.p99 as f64 - floor as f64)
    }

    /// In short, for whoever watches.
    pub(crate) fn line(&self) -> String {
        let above = |way: Way| Some(format!("{} {:+.2} ms", way.name(), self.above(way)? / 1e6));
        let ways: Vec<_> = self.ways.iter().filter_map(|(way, _)| above(*way)).collect();
        format!("at p99 above the floor: {}", ways.join(", "))
    }
}

/// All rounds.
pub(crate) struct Figures<'a> {
    load: Load,
    rounds: &'a [Round],
}

/// What a column shows of the delays.
type Pick = fn(&Delays) -> u64;

const COLUMNS: [(&str, Pick); 5] = [
    ("p50", |delays| delays.p50),
    ("p90", |delays| delays.p90),
    ("p99", |delays| delays.p99),
    ("p99.9", |delays| delays.p99_9),
    ("max", |delays| delays.max),
];

impl<'a> Figures<'a> {
    pub(crate) fn new(load: Load, rounds: &'a [Round]) -> Self {
        Self { load, rounds }
    }

    pub(crate) fn section(&self) -> Outcome<Section> {
        let Load { rate, millis, .. } = self.load;
        let heading = format!(
            "latency: {rate} events a second for {} s, {} rounds; ms from when an event was due; \
             above: of p99, over that of the floor and the middle commit",
            f64::from(millis) / 1e3,
            self.rounds.len()
        );
        let mut head = vec!["way"];
        head.extend(COLUMNS.map(|(name, _)| name));
        head.push("above");
        let (mut rows, mut figures) = (Vec::new(), serde_json::Map::new());
        for (name, all, above) in self.lines() {
            let mut row = vec![name.clone()];
            row.extend(
                COLUMNS.map(|(_, pick)| Spread::new(all.iter().map(|delays| pick(delays) as f64 / 1e6)).ratio()),
            );
            row.push(above.map_or(String::new(), Spread::ratio));
            rows.push(row);
            let rounds = serde_json::to_value(&all)?;
            figures.insert(name, json!({ "rounds_ns": rounds, "above_ms": above }));
        }
        let figures = json!({ "load": self.load, "ways": Value::Object(figures) });
        Ok(Section { name: "latency", heading, head, rows, figures })
    }

    /// Name, delays round by round, and how far they are above their floor.
    fn lines(&self) -> Vec<(String, Vec<Delays>, Option<Spread>)> {
        let all = |pick: &dyn Fn(&Round) -> Option<Delays>| self.rounds.iter().filter_map(pick).collect::<Vec<_>>();
        let mut lines = Vec::new();
        for sites in [1, SITES] {
            lines.push((format!("floor-{sites}"), all(&|round| round.floor(sites).copied()), None));
        }
        for mode in [Mode::Full, Mode::Normal] {
            lines.push((format!("commit-{}", mode.name()), all(&|round| round.commit(mode).copied()), None));
        }
        for way in super::WAYS {
            let above = Spread::new(self.rounds.iter().filter_map(|round| Some(round.above(way)? / 1e6)));
            lines.push((way.name(), all(&|round| round.way(way).copied()), Some(above)));
        }
        lines
    }
}
