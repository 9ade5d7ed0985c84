//! Commands as messages: the engine, and a simulated Milestone system.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{DEADLINE, HQ, Rig, block_on, eventually, everything, named, options, raw_lines};
use watchpost::{
    actors::{
        messages::{CommandError, ListSystemEventTypes, TriggerEvent, Triggered},
        model::ConnectionState,
    },
    simulator::milestone::{FaultKind, Options},
};

fn trigger_at(rig: &Rig, ask: TriggerEvent) -> Result<Triggered, CommandError> {
    block_on(rig.engine().send(ask)).unwrap()
}

fn ask(event: &str, source: Option<&str>) -> TriggerEvent {
    TriggerEvent { item: source.map(str::to_owned), ..TriggerEvent::of_system(named(HQ), event) }
}

fn trigger(rig: &Rig, event: &str, source: Option<&str>) -> Result<Triggered, CommandError> {
    trigger_at(rig, ask(event, source))
}

/// Events of this type in the journal, with their subjects.
fn told(rig: &Rig, kind: &str) -> Vec<(String, String)> {
    let lines = raw_lines(&rig.store);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let ours = lines.iter().filter(|line| line["type"] == kind);
    ours.map(|line| (text(&line["id"]), text(&line["subject"]))).collect()
}

#[test]
fn a_triggered_event_comes_through_the_journal_once() {
    let mut rig = Rig::online(options());
    let own = trigger(&rig, "panic BUTTON", None).unwrap().occurrence.unwrap();
    let camera = rig.sim.sources("cameras").remove(3);
    let by_name = format!("cameras/{}", rig.sim.name_of(&camera).unwrap());
    let of_camera = trigger(&rig, "Panic button", Some(&by_name)).unwrap().occurrence.unwrap();
    let by_id = own.item.strip_prefix("userDefinedEvents/").unwrap();
    let again = trigger(&rig, by_id, Some(&camera)).unwrap().occurrence.unwrap();
    let expected: Vec<_> =
        [&own, &of_camera, &again].map(|event| (format!("hq:{}", event.id), event.item.clone())).into();
    assert_eq!((expected[1].1.as_str(), expected[2].1.as_str()), (camera.as_str(), camera.as_str()));
    eventually(DEADLINE, "all three", || told(&rig, "milestone.panic_button").len() >= 3);
    rig.settle();
    assert_eq!(told(&rig, "milestone.panic_button"), expected);
    assert_eq!(rig.sim.counters().triggered, 3);
    assert_eq!(rig.sim.counters().logins.len(), 1, "it is the connection's own login");
}

#[test]
fn a_lost_answer_is_told_and_the_event_is_not_made_twice() {
    let mut rig = Rig::online(options());
    rig.sim.inject("trigger-lost=1".parse().unwrap());
    let error = trigger(&rig, "Lockdown", None).unwrap_err();
    assert!(matches!(error, CommandError::Unsure(_)), "{error}");
    rig.sim.inject("trigger-slow=2s".parse().unwrap());
    let error = trigger(&rig, "Lockdown", None).unwrap_err();
    assert!(matches!(&error, CommandError::Unsure(why) if why.contains("within")), "{error}");
    eventually(DEADLINE, "both have come all the same", || told(&rig, "milestone.lockdown").len() >= 2);
    rig.settle();
    assert_eq!((told(&rig, "milestone.lockdown").len(), rig.sim.counters().triggered), (2, 2));
    assert_eq!(rig.sim.counters().requests["rest/events"], 2);
}

#[test]
fn a_user_without_the_right_is_told_which_is_missing() {
    let rig = Rig::online(options());
    rig.sim.inject("trigger-refused=403".parse().unwrap());
    let error = trigger(&rig, "Lockdown", None).unwrap_err();
    assert!(matches!(&error, CommandError::NoPermission(why) if why.contains("Roles > External Event")), "{error}");
    rig.sim.clear(FaultKind::TriggerRefused);
    let camera = rig.sim.sources("cameras").remove(0);
    let error = trigger(&rig, "Motion Started", Some(&camera)).unwrap_err();
    assert!(matches!(&error, CommandError::NoPermission(why) if why.contains("made by \"RecorderPlugin\"")), "{error}");
    rig.sim.inject("rest-403".parse().unwrap());
    let error = trigger(&rig, "Lockdown", None).unwrap_err();
    assert!(matches!(&error, CommandError::NoPermission(why) if why.contains("read event types")), "{error}");
    assert_eq!(rig.sim.counters().triggered, 0);
}

#[test]
fn what_cannot_be_done_is_told_apart() {
    let rig = Rig::online(options());
    let error = trigger(&rig, "Lockdwn", None).unwrap_err();
    assert!(matches!(&error, CommandError::UnknownType { near, .. } if *near == ["Lockdown"]), "{error}");
    // Cameras and recording servers have one of the same name.
    let error = trigger(&rig, "CommunicationStarted", None).unwrap_err();
    assert!(matches!(&error, CommandError::Invalid(why) if why.contains("dd3e6464-")), "{error}");
    let error = trigger(&rig, "Lockdown", Some("cameras/00000000-0000-4000-8000-000000000000")).unwrap_err();
    assert!(matches!(&error, CommandError::UnknownItem { why, .. } if why.contains("Device not found")), "{error}");
    let unknown = TriggerEvent::of_system(named("house"), "Lockdown");
    assert!(matches!(trigger_at(&rig, unknown), Err(CommandError::Unknown(_))));
    for (fault, kind, again) in [
        ("trigger-refused=503", FaultKind::TriggerRefused, true),
        ("trigger-refused=500", FaultKind::TriggerRefused, false),
        ("trigger-refused=400", FaultKind::TriggerRefused, false),
        ("rest-down", FaultKind::RestDown, true),
    ] {
        rig.sim.inject(fault.parse().unwrap());
        let error = trigger(&rig, "Lockdown", None).unwrap_err();
        assert_eq!(error.is_retryable(), again, "{fault}: {error}");
        rig.sim.clear(kind);
    }
    assert_eq!(rig.sim.counters().triggered, 0);
}

#[test]
fn a_connection_whose_login_is_refused_triggers_nothing() {
    let refusing = Options { faults: vec!["refuse-token=400".parse().unwrap()], ..options() };
    let rig = Rig::start(refusing);
    rig.wait_for(ConnectionState::Halted);
    let logins = rig.sim.counters().logins.len();
    let error = trigger(&rig, "Lockdown", None).unwrap_err();
    assert!(matches!(&error, CommandError::Login { why, .. } if why.contains("wrong user name")), "{error:?}");
    assert_eq!(rig.sim.counters().logins.len(), logins, "a refused password is not tried again for it");
}

#[test]
fn types_are_listed_in_one_order_and_can_be_subscribed_to() {
    let rig = Rig::online(options());
    let list = || block_on(rig.engine().send(ListSystemEventTypes { connection: named(HQ) })).unwrap().unwrap();
    let all = list();
    assert_eq!(all, list());
    assert!(all.is_sorted_by_key(|kind| (kind.title.to_lowercase(), kind.id.clone())));
    let motion = all.iter().find(|kind| kind.name == "MotionStopped").unwrap();
    let state = motion.state.as_ref().unwrap();
    assert_eq!(
        (motion.kind.as_str(), state.group.as_str(), state.value.as_str()),
        ("motion.stopped", "motion", "clear")
    );
    assert_eq!(
        (state.group_title.as_deref(), state.states.as_slice()),
        (Some("Motion"), &["Motion", "No Motion"].map(String::from)[..])
    );
    let open: Vec<_> = all.iter().filter(|kind| kind.can_be_triggered == Some(true)).collect();
    assert!(open.iter().any(|kind| kind.title == "Lockdown") && open.len() < all.len() / 2, "{}", open.len());
    // Whatever is listed is what a subscription takes.
    use watchpost::actors::vendors::milestone::config::{EventType, Selection};
    let (id, title) = (motion.id.parse().unwrap(), motion.title.clone());
    let mut row = everything();
    row.events = Selection::Only(vec![EventType::Id(id), EventType::Name(title)]);
    let rig = common::Plan::new(options()).vendor(move |vendor| vendor.subscribe = vec![row.clone()]).start();
    rig.wait_online();
}
