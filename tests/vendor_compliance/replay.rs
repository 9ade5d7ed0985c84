//! What is recorded of a vendor has no secret in it, and tells the same when it is played back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;
use watchpost::actors::ConnectionConfig;
use watchpost::actors::model::ConnectionState::Online;
use watchpost::actors::model::filter::Filter;
use watchpost::actors::settings::Secret;
use watchpost::actors::transport::Tape;
use watchpost::actors::vendors::VendorSettings;
use watchpost::actors::{Engine, EngineConfig, EngineHandle};
use watchpost::simulator::replay::{Recording, Replay};

use crate::common::{MS, SECOND, Store, block_on, engine, pace};
use crate::kinds::{Een, Kind, Milestone};
use crate::trial::{Told, Trial, told_of};

/// What the vendor has told to have happened, but for what follows from how things are when a connection begins.
fn happened(told: &[Told]) -> BTreeSet<String> {
    told.iter().filter(|told| told.is_occurrence()).map(|told| told.id.clone()).collect()
}

/// What is known of each item at the end.
fn states(engine: &EngineHandle) -> BTreeMap<(String, String), String> {
    let states = engine.states().query(&Filter::default());
    let all = states.iter().filter_map(|state| {
        let meaning = state.meaning.state.as_ref()?;
        Some(((state.item.id.to_string(), meaning.vendor_group.to_string()), meaning.vendor_value.to_string()))
    });
    all.collect()
}

/// The address of each kind's settings, and the settings with another.
fn elsewhere(connection: &ConnectionConfig, replay: &Replay, socket: &str) -> ConnectionConfig {
    let url: url::Url = replay.url().parse().unwrap();
    let mut connection = connection.clone();
    // None of those that the vendor knew.
    let secret = Secret::from("quite another one");
    match &mut connection.vendor {
        VendorSettings::Milestone(config) => (config.url, config.password) = (url, secret),
        VendorSettings::Een(config) => {
            (config.auth_url, config.api_url, config.password) = (url.clone(), Some(url), secret);
        }
        VendorSettings::SimpliSafe(config) => {
            (config.auth_url, config.api_url, config.refresh_token) = (url.clone(), url, secret);
            config.socket_url = format!("{}{socket}", replay.socket_url()).parse().unwrap();
        }
        VendorSettings::Vxg(config) => {
            config.scheme = config.grant().ok().map(|grant| grant.scheme());
            (config.url, config.token) = (Some(url), secret);
        }
        other => panic!("{other:?} has no row here"),
    }
    connection
}

/// Hosts with their ports, as the settings have them.
fn places(connection: &ConnectionConfig) -> Vec<String> {
    let settings = format!("{connection:?}");
    let ports = settings.split("port: Some(").skip(1).filter_map(|rest| rest.split(')').next());
    ports.flat_map(|port| [format!("127.0.0.1:{port}"), format!(":{port}")]).collect()
}

/// Which is all that is promised of a vendor that is polled: what it answers then depends on when it is asked.
pub(crate) fn what_is_recorded_holds_no_secret<K: Kind>() {
    let folder = TempDir::new().unwrap();
    recorded::<K>(&folder);
}

#[test]
fn what_was_recorded_of_milestone_is_told_again_when_it_is_played_back() {
    is_told_again::<Milestone>();
}

#[test]
fn what_was_recorded_of_een_is_told_again_when_it_is_played_back() {
    is_told_again::<Een>();
}

/// What was recorded, and what the engine made of it.
struct Recorded {
    told: BTreeSet<String>,
    known: BTreeMap<(String, String), String>,
    settings: ConnectionConfig,
    name: String,
    path: PathBuf,
}

/// Events, a break, and events.
fn recorded<K: Kind>(folder: &TempDir) -> Recorded {
    let path = folder.path().join("hq.frames");
    let mut trial = Trial::<K>::new();
    let tape = Arc::new(Tape::create(&path, false, K::VENDOR).unwrap());
    trial.connection().vendor.secrets().iter().for_each(|secret| tape.conceal(secret));
    trial.tape = Some(Arc::clone(&tape));
    trial.start_engine();
    trial.wait_for(Online);
    pace(K::FIRST_ANSWERS);
    trial.make(5);
    trial.wait_told();
    let online = || trial.changes().iter().filter(|change| *change == "online").count();
    let (before, how) = (online(), &K::BREAKS[1]);
    (how.begin)(&trial.kind);
    trial.make(K::HELD.min(3));
    trial.wait("the break is noticed", || trial.changes().iter().any(|change| change == "delayed"));
    (how.end)(&trial.kind);
    trial.wait("it is online again", || online() > before);
    trial.make(5);
    trial.wait_told();
    let (told, known) = (happened(&trial.told()), states(trial.engine()));
    trial.shut_down();
    assert!(told.len() >= 10 && !known.is_empty(), "{told:?} {known:?}");

    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().count();
    assert!(lines > 10, "{text}");
    let secrets = trial.kind.secrets();
    for secret in secrets.iter().chain(&places(&trial.connection())) {
        let line = text.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "{secret:?} is in the recording");
    }
    assert!(!secrets.is_empty() && !places(&trial.connection()).is_empty());
    let (settings, name) = (trial.connection(), trial.name.clone());
    // The counters are those of the process, and of one connection of this name.
    trial.end();
    Recorded { told, known, settings, name, path }
}

fn is_told_again<K: Kind>() {
    let folder = TempDir::new().unwrap();
    let Recorded { told, known, settings, name, path } = recorded::<K>(&folder);
    let text = std::fs::read_to_string(&path).unwrap();
    let recording = Recording::read(&path).unwrap();
    let replay = Replay::start(recording, ([127, 0, 0, 1], 0).into(), 1.0).unwrap();
    let open = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let socket = open.filter(|line| line["what"] == "open").find_map(|line| line["path"].as_str().map(str::to_owned));
    let connection = elsewhere(&settings, &replay, socket.as_deref().unwrap_or("/"));
    let store = Store::default();
    let config = EngineConfig { hold_limit: 30 * SECOND, ..engine(&store, vec![connection]) };
    let again = Engine::start(config).unwrap();
    let now = || happened(&told_of(&store, &name));
    let story = || {
        let missing: Vec<_> = told.difference(&now()).cloned().collect();
        let own = told_of(&store, &name).into_iter().filter(|told| !told.is_occurrence());
        let own: Vec<_> = own.map(|told| format!("{} {}", told.kind, told.data)).collect();
        format!("{:?}, {:?}, missing: {missing:#?}, {own:#?}", replay.played(), again.states().status(&name))
    };
    let until = Instant::now() + 60 * SECOND;
    while !now().is_superset(&told) || states(&again) != known {
        assert!(Instant::now() < until, "in vain: {}\n{:?}\n{known:?}", story(), states(&again));
        pace(10 * MS);
    }
    assert_eq!(now(), told, "{}", story());
    assert!(block_on(again.shutdown(10 * SECOND)));
}
