//! Lists as this API tells them: an envelope with `meta` and `objects`.

use serde_json::{Map, Value, json};

use super::{answer::Answer, faults::FaultKind, gateway::Asked, hub::Core};

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) limit: usize,
    pub(super) offset: usize,
}

/// A switch in a query.
pub(super) fn flag(asked: &Asked, name: &str) -> Result<bool, Answer> {
    match asked.query(name) {
        None | Some("false" | "False" | "0") => Ok(false),
        Some("true" | "True" | "1") => Ok(true),
        Some(other) => Err(Answer::bad(&format!("{name}: `{other}` is neither true nor false"))),
    }
}

/// Names with commas between them.
pub(super) fn names(asked: &Asked, name: &str) -> Option<Vec<String>> {
    let csv = asked.query(name)?;
    Some(csv.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

impl Core {
    /// The limit and offset of a request. A limit of 0 means the most, as in Tastypie, which the envelope looks like (inferred).
    pub(super) fn part(&self, asked: &Asked) -> Result<Part, Answer> {
        let number = |name: &str, usual: usize| match asked.query(name).map(str::parse) {
            None => Ok(usual),
            Some(Ok(number)) => Ok(number),
            Some(Err(_)) => Err(Answer::bad(&format!("{name}: it must be a number from 0"))),
        };
        let most = self.switches.count(FaultKind::LimitCap).unwrap_or(self.options.most).max(1);
        let asked = Part { limit: number("limit", self.options.page)?, offset: number("offset", 0)? };
        if asked.limit > most && self.switches.on(FaultKind::LimitRefused) {
            return Err(Answer::bad(&format!("limit: the most is {most}")));
        }
        let limit = if asked.limit == 0 { most } else { asked.limit.min(most) };
        Ok(Part { limit, ..asked })
    }

    /// A page of rows, of so many in all.
    pub(super) fn envelope(&mut self, asked: &Asked, part: Part, mut rows: Vec<Value>, total: usize) -> Answer {
        let count = rows.len();
        if self.switches.on(FaultKind::OutOfOrder) {
            for nth in 1..rows.len() {
                let other = self.world.rng.below(nth + 1);
                rows.swap(nth, other);
            }
        }
        let after = part.offset.saturating_add(part.limit);
        let forever = self.switches.on(FaultKind::NextForever);
        let never = self.switches.on(FaultKind::NextNever);
        let next = ((after < total || forever) && !never).then(|| self.link(asked, part.limit, after));
        let previous = (part.offset > 0).then(|| self.link(asked, part.limit, part.offset.saturating_sub(part.limit)));
        let told = total.saturating_add(self.switches.count(FaultKind::TotalLarge).unwrap_or(0));
        let told = told.saturating_sub(self.switches.count(FaultKind::TotalSmall).unwrap_or(0));
        let mut meta = Map::new();
        meta.insert("limit".to_owned(), json!(part.limit));
        meta.insert("next".to_owned(), json!(next));
        meta.insert("offset".to_owned(), json!(part.offset));
        meta.insert("previous".to_owned(), json!(previous));
        if !self.switches.on(FaultKind::TotalAbsent) {
            meta.insert("total_count".to_owned(), json!(told));
        }
        let objects = if self.strikes(FaultKind::NullObjects) { Value::Null } else { Value::Array(rows) };
        let body = match self.switches.on(FaultKind::NoMeta) {
            true => json!({ "objects": objects }),
            false => json!({ "meta": meta, "objects": objects }),
        };
        Answer { rows: count, ..Answer::json(200, body) }
    }

    /// A path of this server with the offset last, which one client cuts off by that.
    fn link(&self, asked: &Asked, limit: usize, offset: usize) -> String {
        let drops = self.switches.on(FaultKind::NextDrops);
        let kept = asked.raw_query.split('&').filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !(pair.is_empty() || matches!(name, "limit" | "offset") || (drops && name.starts_with("include_")))
        });
        let mut query: String = kept.map(|pair| format!("{pair}&")).collect();
        query.push_str(&format!("limit={limit}&offset={offset}"));
        format!("{}?{query}", asked.path)
    }

    /// Ids are numbers, unless a fault says otherwise.
    pub(super) fn id(&self, id: i64) -> Value {
        if self.switches.on(FaultKind::TextIds) { json!(id.to_string()) } else { json!(id) }
    }
}
