//! What the simulators say: what had to be told, what states are, and where a gap was due.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde_json::Value;
use watchpost::simulator::{
    een::audit as een_audit,
    milestone::audit::{EventLine, ShownState, audit},
    simplisafe::audit as simplisafe_audit,
    vxg::{Origin, audit as vxg_audit},
};

use crate::{
    auditor::{Evidence, Gaps, Owed},
    durable_support::Line,
    plan::Plan,
    world::{CODES, World},
};

/// For so long after the first beginning an event of Eagle Eye is told from what was there before by our clock alone.
const FIRST_ANSWERS: Duration = Duration::from_secs(11);
/// How exact the times are at which something happened and by which gaps are told.
const EXACT: Duration = Duration::from_millis(250);
/// Eagle Eye's gaps begin with the last event that came, and those of several devices are on their way at once.
const EEN_EXACT: Duration = Duration::from_secs(5);
/// Times of SimpliSafe's events, and of VXG's server, are whole seconds.
const SECONDS: Duration = Duration::from_millis(1_250);

type Key = (String, String, String);

/// Everything about the vendors; sinks are still to be added.
pub(crate) fn evidence(world: &World, plan: &Plan, journal: Vec<Line>, states: &[Value]) -> Evidence {
    let mut evidence = Evidence { journal, ..Evidence::default() };
    milestone(world, states, &mut evidence);
    een(world, &mut evidence);
    simplisafe(world, plan, &mut evidence);
    vxg(world, plan, &mut evidence);
    let text = |state: &Value, name: &str| state[name].as_str().unwrap_or_default().to_owned();
    let key = |state: &Value| (text(state, "connection"), text(state, "item"), text(state, "group"));
    evidence.shown = states.iter().map(|state| (key(state), text(state, "value"))).collect();
    evidence
}

/// Milestone has an auditor of its own, which knows of sessions: its findings are taken over.
fn milestone(world: &World, states: &[Value], evidence: &mut Evidence) {
    let lines: Vec<EventLine> = evidence
        .journal
        .iter()
        .filter(|line| line.connection == "hq")
        .map(|line| serde_json::from_str(&line.text).unwrap())
        .collect();
    let shown: Vec<ShownState> = states
        .iter()
        .filter(|state| state["connection"] == "hq")
        .filter_map(|state| serde_json::from_value(state.clone()).ok())
        .collect();
    let report = audit("hq", &world.milestone.ledger(), &world.milestone.states(), &lines, &shown);
    evidence.milestone = report;
}

fn een(world: &World, evidence: &mut Evidence) {
    let own = world.een.own_account();
    let name = |account: &str| if account == own { "stores".to_owned() } else { format!("stores/{account}") };
    let ledger = world.een.ledger();
    let truth = world.een.truth();
    let first = evidence.journal.iter().filter(|line| line.kind == "engine.connection");
    let mut online: BTreeMap<&str, SystemTime> = BTreeMap::new();
    for line in first.filter(|line| line.text.contains(r#""new":"online""#)) {
        online.entry(&line.connection).or_insert_with(|| line.recorded());
    }
    let mut owed = Vec::new();
    for (esn, device) in &ledger.devices {
        let Some(account) = truth.get(esn).map(|device| &device.account) else { continue };
        let connection = name(account);
        let Some(since) = online.get(&*connection).map(|at| *at + FIRST_ANSWERS) else { continue };
        let sockets: Vec<_> = ledger.sockets.iter().filter(|socket| socket.account == *account).collect();
        for event in device.events.iter().filter(|event| event.at > since && CODES.contains(&&*event.code)) {
            let is_open = sockets.iter().any(|socket| {
                socket.opened <= event.at + EXACT && socket.closed.is_none_or(|closed| event.at <= closed + EXACT)
            });
            // While a socket is open the cloud shows of each code what is newest between two frames.
            if event.shown.is_empty() && is_open {
                continue;
            }
            owed.push(Owed {
                connection: connection.clone(),
                id: format!("{connection}:{esn}:{}:{}", event.code, event.timestamp),
                at: event.at,
                item: None,
                exact: EEN_EXACT,
            });
        }
    }
    evidence.owed.extend(owed);
    let mut opened: BTreeMap<String, Vec<SystemTime>> = BTreeMap::new();
    for socket in &ledger.sockets {
        opened.entry(name(&socket.account)).or_default().push(socket.opened);
    }
    for (connection, opened) in opened {
        evidence.gaps.push((connection, Gaps::OnePerSocket(opened)));
    }
    for (esn, truth) in truth.iter().filter(|(_, truth)| truth.service == "ATTD") {
        for (group, value) in een_audit::states(truth.bridge, &truth.legacy) {
            let key: Key = (name(&truth.account), een_audit::item(truth.bridge, esn), group.to_owned());
            evidence.truth.insert(key, value.to_owned());
        }
    }
}

fn simplisafe(world: &World, plan: &Plan, evidence: &mut Evidence) {
    for sid in world.simplisafe.systems() {
        let owed = world.simplisafe.events(sid).into_iter().map(|event| Owed {
            connection: "home".to_owned(),
            id: format!("home:{}", event.id),
            at: event.at,
            item: Some(simplisafe_audit::system(sid)),
            exact: SECONDS,
        });
        evidence.owed.extend(owed);
    }
    for truth in world.simplisafe.truth().values() {
        for (item, groups) in simplisafe_audit::states(truth) {
            for (group, value) in groups {
                evidence.truth.insert(("home".to_owned(), item.clone(), group.to_owned()), value.to_owned());
            }
        }
    }
    evidence.gaps.push(("home".to_owned(), if plan.is_mild() { Gaps::Never } else { Gaps::Unjudged }));
}

fn vxg(world: &World, plan: &Plan, evidence: &mut Evidence) {
    for event in world.vxg.events() {
        // Rows that are maimed are no events, and what was deleted may have been told or not.
        if event.origin == Origin::Row || event.gone.is_some() {
            continue;
        }
        evidence.owed.push(Owed {
            connection: "yard".to_owned(),
            id: format!("yard:{}", event.id),
            at: event.time,
            item: Some(vxg_audit::camera(event.camera)),
            exact: SECONDS,
        });
    }
    for (camera, truth) in world.vxg.truth() {
        let key = ("yard".to_owned(), vxg_audit::camera(camera), "connection".to_owned());
        evidence.truth.insert(key, vxg_audit::connection(&truth).to_owned());
    }
    evidence.gaps.push(("yard".to_owned(), if plan.is_mild() { Gaps::Never } else { Gaps::Unjudged }));
}
