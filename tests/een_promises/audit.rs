//! Whether an engine has told all that a simulated cloud has shown, and whether its states are true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use watchpost::actors::model::filter::Filter;
use watchpost::simulator::een::audit::{item, states};

use crate::cloud::{Cloud, STORES};

/// What a socket was handed so shortly before it had ended may have been lost with it: a half-open one is found out after 1.2 s of silence.
const AT_RISK: Duration = Duration::from_secs(3);

fn connection(cloud: &Cloud, account: &str) -> String {
    if account == cloud.sim.own_account() { STORES.to_owned() } else { format!("{STORES}/{account}") }
}

/// What differs between the engine's states and the site.
pub(crate) fn wrong_states(cloud: &Cloud) -> Vec<String> {
    let known: BTreeMap<_, _> = cloud
        .engine()
        .states()
        .query(&Filter::everything())
        .into_iter()
        .map(|state| {
            let key = (state.connection.to_string(), state.item.id.to_string(), state.group().to_owned());
            (key, state.value().to_owned())
        })
        .collect();
    let mut wrong = Vec::new();
    for (esn, truth) in cloud.sim.truth() {
        if truth.service != "ATTD" {
            continue;
        }
        for (group, value) in states(truth.bridge, &truth.legacy) {
            let key = (connection(cloud, &truth.account), item(truth.bridge, &esn), group.to_owned());
            let is = known.get(&key).map(String::as_str);
            if is != Some(value) {
                wrong.push(format!("{} {} {group}: {is:?} and not {value}", key.0, key.1));
            }
        }
    }
    wrong
}

/// What is missing or invented in what the engine has told of statuses. What a socket was handed right before it broke may be lost, but not
/// what came before that, nor what was shown afterwards.
pub(crate) fn untold(cloud: &Cloud) -> Vec<String> {
    let mut told: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for line in cloud.lines() {
        if let (Some(item), Some(group), Some(state)) =
            (text(&line, "subject"), text(&line, "stategroup"), text(&line, "state"))
        {
            told.entry((item, group)).or_default().push(state);
        }
    }
    let mut wrong = Vec::new();
    let ledger = cloud.sim.ledger();
    let closed: BTreeMap<_, _> =
        ledger.sockets.iter().filter_map(|socket| Some((socket.socket, socket.closed?))).collect();
    for (esn, device) in ledger.devices {
        assert_eq!(device.forgotten, 0, "the ledger keeps everything");
        let readings = device.readings();
        let groups: BTreeSet<_> =
            readings.iter().flat_map(|(_, reading)| states(device.bridge, reading).into_keys()).collect();
        for group in groups {
            let shown: Vec<_> = readings
                .iter()
                .filter_map(|(shown, reading)| {
                    let has_come = closed.get(&shown.socket).is_none_or(|closed| shown.at + AT_RISK < *closed);
                    Some((shown.socket, has_come, states(device.bridge, reading).remove(group)?))
                })
                .collect();
            let item = item(device.bridge, &esn);
            let told = told.remove(&(item.clone(), group.to_owned())).unwrap_or_default();
            if !explains(&shown, &told) {
                wrong.push(format!("{item} {group}: shown {shown:?}, told {told:?}"));
            }
        }
    }
    wrong
}

/// Whether what was told is each change in what was shown, but for an end of what each broken socket was handed.
fn explains(shown: &[(u64, bool, &str)], told: &[String]) -> bool {
    if shown.is_empty() {
        return told.is_empty();
    }
    // How many changes may have been told so far; the first value is none. Until it has come there is no value.
    let mut ends = BTreeSet::from([None]);
    let sockets: Vec<_> = shown.chunk_by(|(one, ..), (other, ..)| one == other).collect();
    for (nth, socket) in sockets.iter().enumerate() {
        let is_last = nth + 1 == sockets.len();
        // What was shown well before a socket broke has come.
        let may_be_lost = socket.iter().take_while(|(_, has_come, _)| *has_come).count();
        let mut next = if is_last || may_be_lost > 0 { BTreeSet::new() } else { ends.clone() };
        for end in ends {
            let mut end: Option<(usize, &str)> = end;
            let mut explained = true;
            for (at, (_, _, value)) in socket.iter().enumerate() {
                end = match end {
                    None => Some((0, value)),
                    Some((count, is)) if is == *value => Some((count, is)),
                    Some((count, _)) if told.get(count).is_some_and(|told| told == value) => Some((count + 1, value)),
                    Some(_) => {
                        explained = false;
                        break;
                    }
                };
                if !is_last && at + 1 >= may_be_lost {
                    next.insert(end);
                }
            }
            if is_last && explained {
                next.insert(end);
            }
        }
        ends = next;
    }
    ends.iter().any(|end| end.is_some_and(|(count, _)| count == told.len()))
}

fn text(line: &Value, member: &str) -> Option<String> {
    line[member].as_str().map(str::to_owned)
}
