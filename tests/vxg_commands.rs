//! Commands as messages: the engine, and a simulated VXG cloud.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use watchpost::{
    actors::{
        ConnectionConfig, Engine, EngineConfig, EngineHandle,
        messages::{AddEventType, CommandError, CreateEvent, ListEventTypes, SetEventType, TriggerEvent},
        model::ConnectionName,
        settings::{CommonSettings, Heartbeat, Secret},
        vendors::{
            VendorSettings,
            milestone::{MilestoneConfig, config::FilterRow},
            vxg::VxgConfig,
        },
    },
    simulator::vxg::{Fault, Options, Refusal, Simulator, Times},
};

struct Rig {
    simulator: Simulator,
    engine: EngineHandle,
    camera: i64,
}

fn cloud() -> ConnectionName {
    "cloud".parse().unwrap()
}

impl Rig {
    fn start(faults: Vec<Fault>) -> Self {
        let options = Options { faults, trigger_delay: Duration::from_millis(300), ..Options::default() };
        let simulator = Simulator::start(options).unwrap();
        let mut config = VxgConfig::new(Secret::from(simulator.group_token()));
        config.url = Some(simulator.url().parse().unwrap());
        let connection = |name: &str, vendor| ConnectionConfig {
            name: name.parse().unwrap(),
            common: CommonSettings::new(Heartbeat::UNHURRIED),
            vendor,
        };
        let other =
            MilestoneConfig::new("http://127.0.0.1:9".parse().unwrap(), "u", "p".into(), Vec::<FilterRow>::new());
        let connections = vec![
            connection("cloud", VendorSettings::Vxg(Box::new(config))),
            connection("hq", VendorSettings::Milestone(other)),
        ];
        let engine = Engine::start(EngineConfig { connections, ..EngineConfig::default() }).unwrap();
        let camera = simulator.cameras()[0];
        Self { simulator, engine, camera }
    }

    fn item(&self) -> String {
        format!("cameras/{}", self.camera)
    }
}

#[actix_rt::test]
async fn types_are_listed_added_and_changed_with_the_connection_s_own_login() {
    let rig = Rig::start(vec![]);
    let list = || rig.engine.send(ListEventTypes { connection: cloud(), item: rig.item() });
    let names: Vec<_> = list().await.unwrap().unwrap().into_iter().map(|kind| kind.name).collect();
    assert!(names.contains(&"motion".to_owned()) && names.contains(&"audio_event".to_owned()), "{names:?}");
    for existed in [false, true] {
        let (item, name) = (rig.item(), "custom_event".to_owned());
        let added = rig.engine.send(AddEventType { connection: cloud(), item, name, notify: Some(true) });
        assert_eq!(added.await.unwrap().unwrap().existed, existed);
    }
    let change = SetEventType { notify: Some(false), ..SetEventType::new(cloud(), rig.item(), "custom_event") };
    assert_eq!(rig.engine.send(change).await.unwrap().unwrap().notify, Some(false));
    assert_eq!(list().await.unwrap().unwrap().len(), names.len() + 1);
    assert_eq!(rig.simulator.complaints(), []);
}

#[actix_rt::test]
async fn an_event_is_created_exactly_once_whatever_is_lost_on_the_way() {
    let rig = Rig::start(vec![Fault::CreateLost(Times(Some(1)))]);
    let ask = CreateEvent {
        meta: vec![("order".to_owned(), "4711".to_owned())],
        ..CreateEvent::new(cloud(), rig.item(), "motion")
    };
    let event = rig.engine.send(ask.clone()).await.unwrap().unwrap();
    assert_eq!((event.item, &event.meta["order"]), (rig.item(), &"4711".into()));
    assert_eq!(rig.simulator.counters().created, 1);
    assert_eq!(rig.simulator.accepted(None).last().unwrap().to_string(), event.id);
    // The list lags behind, and the event that it does not tell yet is found all the same.
    rig.simulator.inject(Fault::ListLag(Duration::from_millis(1_500)));
    rig.simulator.inject(Fault::CreateLost(Times(Some(1))));
    let other = rig.engine.send(ask).await.unwrap().unwrap();
    assert_ne!(other.id, event.id);
    assert_eq!(rig.simulator.counters().created, 2);
}

#[actix_rt::test]
async fn commands_go_on_while_others_wait_and_a_refused_token_is_renewed_once_for_all() {
    let rig = Rig::start(vec![Fault::Types(Refusal { status: 401, count: Some(1) })]);
    let trigger =
        TriggerEvent { wait: Some(Duration::from_secs(20)), ..TriggerEvent::new(cloud(), rig.item(), "audio_event") };
    let list = ListEventTypes { connection: cloud(), item: rig.item() };
    let (came, listed) = tokio::join!(rig.engine.send(trigger), rig.engine.send(list));
    let occurrence = came.unwrap().unwrap().occurrence.unwrap();
    assert_eq!(rig.simulator.accepted(None).last().unwrap().to_string(), occurrence.id);
    assert!(!listed.unwrap().unwrap().is_empty());
}

#[actix_rt::test]
async fn what_cannot_be_done_is_told_apart() {
    let rig = Rig::start(vec![]);
    let error = |connection: &str, item: String, name: &str| {
        let ask = TriggerEvent {
            wait: Some(Duration::from_millis(500)),
            ..TriggerEvent::new(connection.parse().unwrap(), item, name)
        };
        let asked = rig.engine.send(ask);
        async { asked.await.unwrap().unwrap_err() }
    };
    let item = || rig.item();
    assert!(matches!(error("house", item(), "audio_event").await, CommandError::Unknown(_)));
    let other = rig.engine.send(ListEventTypes { connection: "hq".parse().unwrap(), item: item() });
    let other = other.await.unwrap().unwrap_err();
    assert!(matches!(other, CommandError::NotThisVendor { vendor: "milestone", .. }), "{other:?}");
    assert!(matches!(error("cloud", "42".to_owned(), "audio_event").await, CommandError::UnknownItem { .. }));
    assert!(matches!(error("cloud", item(), "lightning").await, CommandError::UnsupportedType { .. }));
    assert!(matches!(error("cloud", item(), "motion").await, CommandError::NotTriggerable { .. }));
    rig.simulator.set_status(rig.camera, Some("inactive"));
    assert!(matches!(error("cloud", item(), "audio_event").await, CommandError::NothingAppeared { .. }));
    rig.simulator.inject(Fault::Trigger(Refusal { status: 403, count: None }));
    assert!(matches!(error("cloud", item(), "audio_event").await, CommandError::NoPermission(_)));
    rig.simulator.inject(Fault::Types(Refusal { status: 503, count: None }));
    let later = error("cloud", item(), "audio_event").await;
    assert!(later.is_retryable(), "{later:?}");
    assert_eq!(rig.simulator.counters().triggered, 1);
}
