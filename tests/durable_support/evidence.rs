//! What a sink got, compared with what happened.

use std::collections::{BTreeMap, HashMap};

use watchpost::simulator::milestone::Ledger;

use super::{Line, System};

/// The ids of all events that a system owes the connection of this name, in order: those that were offered to its sessions.
pub fn owed(system: &System) -> Vec<String> {
    offered(&system.name, &system.simulator.ledger())
}

fn offered(connection: &str, ledger: &Ledger) -> Vec<String> {
    let mut offered: Vec<u64> = ledger.sessions.iter().flat_map(|session| session.offered.clone()).collect();
    offered.sort_unstable();
    offered.dedup();
    let by_index: HashMap<u64, &str> = ledger.events.iter().map(|event| (event.index, &*event.id)).collect();
    offered.iter().map(|index| format!("{connection}:{}", by_index[index])).collect()
}

/// The newest event that each system owes. Sinks keep the order, so who has these has everything, or has lost it.
pub fn newest(systems: &[System]) -> Vec<String> {
    systems.iter().filter_map(|system| owed(system).pop()).collect()
}

/// Whether all of these have come.
pub fn have(lines: &[Line], ids: &[String]) -> bool {
    ids.iter().all(|id| lines.iter().rev().any(|line| line.id == *id))
}

/// The ids of the systems' own events, as they came.
pub fn ids<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Vec<String> {
    lines.into_iter().filter(|line| line.is_vendors()).map(|line| line.id.clone()).collect()
}

/// Every event that is owed has come, in order per connection, and no other. What came again is the same to the byte. There is no gap.
#[track_caller]
pub fn assert_all_in_order(sink: &str, lines: &[Line], systems: &[System]) {
    let mut seen: HashMap<&str, &Line> = HashMap::new();
    let mut firsts: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        match seen.get(&*line.id) {
            Some(first) => assert_eq!(first.text, line.text, "{sink}: a repeat differs from what it repeats"),
            None => {
                seen.insert(&line.id, line);
                firsts.entry(&line.connection).or_default().push(line);
            }
        }
    }
    for system in systems {
        let firsts = firsts.remove(&*system.name).unwrap_or_default();
        assert_grows(sink, firsts.iter().copied());
        assert_same(&format!("{sink}, {}", system.name), &ids(firsts), &owed(system));
    }
    assert!(firsts.is_empty(), "{sink}: events of nobody: {:?}", firsts.keys());
    let gaps: Vec<_> = lines.iter().filter(|line| line.kind == "gap").map(|line| &line.text).collect();
    assert!(gaps.is_empty(), "{sink}: {gaps:?}");
}

/// The same list; else the first difference is told, and not both lists.
#[track_caller]
pub fn assert_same(what: &str, got: &[String], owed: &[String]) {
    if got == owed {
        return;
    }
    let at = got.iter().zip(owed).position(|(got, owed)| got != owed).unwrap_or(got.len().min(owed.len()));
    let near = |all: &[String]| all[at.saturating_sub(1).min(all.len())..(at + 3).min(all.len())].to_vec();
    let later = owed.get(at).and_then(|lost| got.iter().position(|got| got == lost));
    panic!(
        "{what}: {} came, {} are owed; from number {at} on came {:#?}, owed is {:#?}, the first of which came {}",
        got.len(),
        owed.len(),
        near(got),
        near(owed),
        later.map_or("never".to_owned(), |later| format!("as number {later}")),
    );
}

/// Sequences only grow.
#[track_caller]
pub fn assert_grows<'a>(what: &str, lines: impl IntoIterator<Item = &'a Line>) {
    let mut last: Option<&Line> = None;
    for line in lines {
        if let Some(last) = last {
            assert!(last.sequence < line.sequence, "{what}: {} came before {}", last.text, line.text);
        }
        last = Some(line);
    }
}

/// Where lines step back to what had come before, for each: how many different events it goes back.
pub fn steps_back<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Vec<usize> {
    let (mut known, mut last, mut steps): (Vec<u64>, Option<u64>, _) = (Vec::new(), None, Vec::new());
    for line in lines {
        if last.is_some_and(|last| line.sequence <= last) {
            steps.push(known.len() - known.partition_point(|sequence| *sequence < line.sequence));
        }
        if known.last().is_none_or(|newest| *newest < line.sequence) {
            known.push(line.sequence);
        }
        last = Some(line.sequence);
    }
    steps
}
