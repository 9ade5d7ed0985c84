//! The table of connections, against a server that is not there.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::*;
use crate::journal::{Memory, Writer};
use crate::messages::{AddConnection, ListConnections, PanicConnection, RemoveConnection, RestartConnection};
use crate::settings::{CommonSettings, Heartbeat, Secret};
use crate::vendors::een::EenConfig;
use crate::vendors::een::config::ChildAccount;
use crate::vendors::milestone::MilestoneConfig;
use crate::vendors::{Children, Others, VendorSettings, WantedChild};
use crate::{Engine, EngineConfig, EngineHandle};

fn vendor() -> VendorSettings {
    // Port 9 of this machine: nobody answers there.
    let url = "http://127.0.0.1:9".parse().unwrap();
    VendorSettings::Milestone(MilestoneConfig::new(url, "svc", Secret::from("pw"), vec![]))
}

fn connection(name: &str) -> ConnectionConfig {
    let common = CommonSettings::new(Heartbeat::UNHURRIED);
    ConnectionConfig { name: name.parse().unwrap(), common, vendor: vendor() }
}

fn engine() -> EngineHandle {
    let config = EngineConfig { connections: vec![connection("hq")], arbiters: 2, ..EngineConfig::default() };
    Engine::start(config).unwrap()
}

fn account(supervisor: &mut Supervisor, password: &str) -> AccountKey {
    let url = "http://127.0.0.1:9".parse().unwrap();
    let vendor = VendorSettings::Milestone(MilestoneConfig::new(url, "svc", Secret::from(password), vec![]));
    let config = ConnectionConfig { vendor, ..connection("hq") };
    let tls = config.common.tls.client_config().unwrap();
    config.vendor.with(NewRow { supervisor, config: &config, tls }).account
}

fn supervisor() -> Supervisor {
    Supervisor::new(Ground {
        shards: Vec::new(),
        services: actix_rt::Arbiter::current(),
        states: StateMap::default(),
        insist: false,
        journal: Writer::start(Box::new(Memory::default())).unwrap().handle(),
        budget: Budget::new(1 << 20).into(),
        paces: Arc::default(),
        brakes: crate::transport::Brakes::default(),
        hold_limit: Duration::ZERO,
        heartbeat: Duration::from_secs(10),
        tape: None,
        tls: HashMap::new(),
    })
}

#[actix_rt::test]
async fn connections_share_a_login_only_with_the_same_secret() {
    let mut supervisor = supervisor();
    let first = account(&mut supervisor, "old");
    assert!(first == account(&mut supervisor, "old"));
    assert!(first != account(&mut supervisor, "new"), "a changed password is used at once");
    assert_eq!(supervisor.accounts.len(), 2);
    assert_eq!(supervisor.callers.len(), 1, "what a client costs is not paid for each account");
}

/// The row of a connection of one user that names this pace.
fn add_paced(supervisor: &mut Supervisor, rate: u32, api_url: Option<&str>) {
    let mut een = EenConfig::new("ops@example.com", "pw".into());
    een.logins_per_second = NonZeroU32::new(rate).unwrap();
    een.api_url = api_url.map(|url| url.parse().unwrap());
    let config = ConnectionConfig { vendor: VendorSettings::Een(Box::new(een)), ..connection("stores") };
    let tls = config.common.tls.client_config().unwrap();
    config.vendor.with(NewRow { supervisor, config: &config, tls });
}

fn pace(supervisor: &Supervisor) -> (u32, bool) {
    let [gate] = supervisor.gates.values().collect::<Vec<_>>()[..] else { panic!("one gate for one user") };
    (gate.rate().unwrap().get(), gate.warned)
}

#[actix_rt::test]
async fn the_slowest_of_the_paces_that_connections_of_one_user_name_counts_whatever_their_order() {
    let mut supervisor = supervisor();
    for (rate, api_url, slowest, warned) in
        [(5, None, 5, false), (5, Some("https://a.test"), 5, false), (2, None, 2, true), (9, None, 2, true)]
    {
        add_paced(&mut supervisor, rate, api_url);
        assert_eq!(pace(&supervisor), (slowest, warned));
    }
}

async fn names(engine: &EngineHandle) -> Vec<String> {
    let list = engine.send(ListConnections).await.unwrap();
    list.iter().map(|info| info.name.to_string()).collect()
}

async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(Instant::now() < deadline, "{what} did not come about");
        actix_rt::time::sleep(Duration::from_millis(5)).await;
    }
}

fn want(ids: &[&str]) -> WantChildren {
    let child = |id: &&str| WantedChild { id: (*id).to_owned(), vendor: vendor(), mark: Some(String::new()) };
    want_so(ids.iter().map(child).collect(), Others::Go)
}

fn want_so(wanted: Vec<WantedChild>, others: Others) -> WantChildren {
    let common = CommonSettings::new(Heartbeat::UNHURRIED);
    WantChildren { parent: "hq".parse().unwrap(), common, children: Children { wanted, others } }
}

/// A child with a title, at a server that is not there.
fn titled(id: &str, title: &str, mark: Option<&str>) -> WantedChild {
    let child = ChildAccount { id: id.parse().unwrap(), name: title.to_owned(), barred: None };
    let mut config = EenConfig::new("svc", Secret::from("pw"));
    (config.auth_url, config.child) = ("http://127.0.0.1:9".parse().unwrap(), Some(child));
    WantedChild { id: id.to_owned(), vendor: VendorSettings::Een(Box::new(config)), mark: mark.map(str::to_owned) }
}

#[actix_rt::test]
async fn children_come_and_go_as_their_parent_wants_and_leave_with_it() {
    let engine = engine();
    engine.send(want(&["1", "2", "no/name"])).await.unwrap();
    assert_eq!(names(&engine).await, ["hq", "hq/1", "hq/2"]);
    engine.send(want(&["2", "3"])).await.unwrap();
    eventually("that child 1 has gone", || async { names(&engine).await == ["hq", "hq/2", "hq/3"] }).await;
    engine.send(RemoveConnection("hq".parse().unwrap())).await.unwrap().unwrap();
    assert_eq!(names(&engine).await, [""; 0]);
    engine.send(want(&["4"])).await.unwrap();
    assert_eq!(names(&engine).await, [""; 0], "a parent that has gone wants nothing");
    assert!(engine.shutdown(Duration::from_secs(5)).await);
}

#[actix_rt::test]
async fn an_engine_that_ends_has_removed_no_connection() {
    let engine = engine();
    engine.send(want(&["1", "2"])).await.unwrap();
    engine.send(crate::messages::StopAll).await.unwrap();
    assert_eq!(names(&engine).await, ["hq", "hq/1", "hq/2"]);
    assert!(engine.shutdown(Duration::from_secs(5)).await);
}

/// How many connections were told to go and have not gone yet.
#[derive(Message)]
#[rtype(result = "usize")]
struct CountLeaving;

impl Handler<CountLeaving> for Supervisor {
    type Result = usize;

    fn handle(&mut self, _: CountLeaving, _: &mut Self::Context) -> usize {
        self.table.values().filter(|row| row.leaving.is_some()).count()
    }
}

/// The pace of the one gate, and whether it was said that connections name different ones.
#[derive(Message)]
#[rtype(result = "(u32, bool)")]
struct AskPace;

impl Handler<AskPace> for Supervisor {
    type Result = MessageResult<AskPace>;

    fn handle(&mut self, _: AskPace, _: &mut Self::Context) -> Self::Result {
        MessageResult(pace(self))
    }
}

#[actix_rt::test]
async fn the_pace_that_a_connection_names_counts_until_it_has_gone() {
    let engine = Engine::start(EngineConfig::default()).unwrap();
    let add = async |name: &str, rate| {
        let mut een = EenConfig::new("ops@example.com", "pw".into());
        een.logins_per_second = NonZeroU32::new(rate).unwrap();
        een.auth_url = "http://127.0.0.1:9".parse().unwrap();
        let config = ConnectionConfig { vendor: VendorSettings::Een(Box::new(een)), ..connection(name) };
        engine.send(AddConnection(config)).await.unwrap().unwrap();
        engine.send(AskPace).await.unwrap()
    };
    let remove = async |name: &str| {
        engine.send(RemoveConnection(name.parse().unwrap())).await.unwrap().unwrap();
        engine.send(AskPace).await.unwrap()
    };
    assert_eq!(add("a", 5).await, (5, false));
    assert_eq!(add("b", 2).await, (2, true));
    assert_eq!(add("c", 2).await, (2, true));
    assert_eq!(remove("b").await, (2, true));
    assert_eq!(remove("c").await, (5, false));
    assert_eq!(add("d", 3).await, (3, true), "and it is said again that they differ");
    assert!(engine.shutdown(Duration::from_secs(5)).await);
}

#[actix_rt::test]
async fn children_of_which_nothing_can_be_told_stay_as_they_are() {
    let engine = engine();
    let titles = || async {
        let list = engine.send(ListConnections).await.unwrap();
        list.into_iter().filter_map(|info| info.title).collect::<Vec<_>>()
    };
    engine.send(want_so(vec![titled("1", "One", Some("")), titled("2", "Two", Some(""))], Others::Go)).await.unwrap();
    for _ in 0..10 {
        let unknown = titled("1", "?", None);
        engine.send(want_so(vec![unknown, titled("3", "Three", None)], Others::Stay)).await.unwrap();
    }
    assert_eq!(titles().await, ["One", "Two", "Three"]);
    assert_eq!(engine.send(CountLeaving).await.unwrap(), 0);
    engine.send(want_so(vec![titled("1", "New", Some(""))], Others::Go)).await.unwrap();
    eventually("that child 2 has gone", || async { titles().await == ["New"] }).await;
    assert!(engine.shutdown(Duration::from_secs(5)).await);
}

#[actix_rt::test]
async fn connections_are_added_and_removed_by_name() {
    let engine = engine();
    let again = engine.send(AddConnection(connection("hq"))).await.unwrap();
    assert!(matches!(again, Err(AddError::Exists(_))));
    engine.send(AddConnection(connection("dock"))).await.unwrap().unwrap();
    assert_eq!(names(&engine).await, ["dock", "hq"]);
    engine.send(RemoveConnection("dock".parse().unwrap())).await.unwrap().unwrap();
    assert_eq!(names(&engine).await, ["hq"]);
    let unknown = engine.send(RestartConnection("dock".parse().unwrap())).await.unwrap();
    assert_eq!(unknown, Err(UnknownConnection("dock".parse().unwrap())));
    assert!(engine.shutdown(Duration::from_secs(5)).await);
}

#[actix_rt::test]
async fn a_connection_that_panics_is_started_again_and_can_be_removed_while_it_waits() {
    let engine = engine();
    let name: ConnectionName = "hq".parse().unwrap();
    for restarts in 1..=2 {
        eventually("that it panics", || async {
            engine.send(PanicConnection(name.clone())).await.unwrap().unwrap();
            engine.send(ListConnections).await.unwrap()[0].restarts >= restarts
        })
        .await;
    }
    let begun = Instant::now();
    engine.send(RemoveConnection(name)).await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_millis(900), "it did not wait for the restart");
    assert!(engine.shutdown(Duration::from_secs(5)).await);
}

#[test]
fn an_engine_brings_its_own_system_where_there_is_none() {
    let engine = engine();
    let list = actix_rt::System::new().block_on(async { engine.clone().send(ListConnections).await.unwrap() });
    assert_eq!(list.len(), 1);
    assert!(actix_rt::System::new().block_on(engine.shutdown(Duration::from_secs(5))));
}

#[actix_rt::test]
async fn a_wrong_certificate_file_is_told_when_the_connection_is_added() {
    let engine = engine();
    let mut bad = connection("dock");
    bad.common.tls.ca_file = Some("/nowhere/ca.pem".into());
    let refused = engine.send(AddConnection(bad)).await.unwrap();
    assert!(matches!(refused, Err(AddError::Tls { .. })), "{refused:?}");
    let mut from_start = connection("dock");
    from_start.common.tls.ca_file = Some("/nowhere/ca.pem".into());
    let refused = Engine::start(EngineConfig { connections: vec![from_start], ..EngineConfig::default() });
    assert!(matches!(refused, Err(crate::StartError::Connection(AddError::Tls { .. }))), "{refused:?}");
    assert!(engine.shutdown(Duration::from_secs(5)).await);
}
