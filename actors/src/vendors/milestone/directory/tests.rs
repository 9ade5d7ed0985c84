//! What is asked, what is learned, and what is believed for how long.

#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::transport::Fault;
use crate::vendors::milestone::login::Gateways;

const MOTION: &str = "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77";

fn directory() -> MilestoneDirectory {
    MilestoneDirectory::new(Duration::from_secs(20))
}

fn answer(status: u16, body: &Value) -> Result<RestAnswer, RestError> {
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    Ok(RestAnswer { status, headers: vec![], body: body.into(), retry_after: None })
}

fn types() -> Value {
    json!({"array":[
        {"displayName":"Motion Started","name":"MotionStarted","id":MOTION.to_uppercase(),"stateGroupId":"G1","state":"Motion","relations":{"self":{"type":"eventTypes","id":MOTION}}},
        {"displayName":"CPU Usage Critical","name":"CPU Usage Critical","id":"t2","stateGroupId":"g2","state":"Critical"},
        {"displayName":"My event","id":"t3","stateGroupId":"","state":""},
        {"displayName":"MyEvent","id":"t4"},
        7, {"name":null}
    ]})
}

fn groups() -> Value {
    // State groups have no id of their own (observed).
    json!({"array":[{"displayName":"CPU usage","states":["Normal"],"relations":{"self":{"type":"stateGroups","id":"G2"}}}]})
}

fn kind(kind: &str, group: &str) -> NameKey {
    NameKey::Kind { kind: kind.to_owned().into(), group: group.to_owned().into() }
}

fn item(id: &str) -> NameKey {
    NameKey::Item(id.to_owned().into())
}

fn loaded() -> MilestoneDirectory {
    let mut directory = directory();
    directory.learn(Now::read(), &Ask::Types, answer(200, &types()));
    directory.learn(Now::read(), &Ask::Groups, answer(200, &groups()));
    directory
}

#[test]
fn types_and_groups_are_loaded_whole_and_explain_events() {
    let directory = loaded();
    let known = directory.known(Now::read(), &[kind(MOTION, "g1"), kind("t2", "g2"), kind("t3", ""), kind("t9", "")]);
    let words = known.meanings.iter().map(|learned| {
        let state = learned.meaning.state.as_ref().map(|state| format!("{}={}", state.group, state.value));
        (learned.meaning.kind.to_string(), state)
    });
    let words: Vec<_> = words.collect();
    assert_eq!(
        words,
        [
            ("motion.started".to_owned(), Some("motion=detected".to_owned())),
            ("milestone.cpu_usage_critical".to_owned(), Some("cpu_usage=critical".to_owned())),
            ("milestone.my_event".to_owned(), None),
        ]
    );
    let catalog = directory.catalog().unwrap();
    for name in ["MotionStarted", "motion started", "Motion Started"] {
        assert_eq!(catalog.event_types(name), [MOTION], "{name}");
    }
    assert_eq!(catalog.event_types("Motion"), [""; 0]);
    assert_eq!(catalog.event_types("my event").len(), 2, "who names two types wants both");
}

#[test]
fn a_few_items_are_asked_one_by_one_and_many_as_a_list() {
    let directory = directory();
    let few = directory.asks(Now::read(), &[item("cameras/1"), item("services/1"), item("oddity")]);
    assert_eq!(few, [Ask::Item("cameras/1".into())], "REST knows no services");
    let many: Vec<_> = (0..MANY).map(|n| item(&format!("cameras/{n}"))).collect();
    assert_eq!(directory.asks(Now::read(), &many), [Ask::List("cameras".into())]);
}

#[test]
fn a_list_names_what_it_holds_and_the_rest_is_asked_one_by_one() {
    let mut directory = directory();
    let list = json!({"array":[{"displayName":"Lobby","id":"A","relations":{"self":{"id":"A"}}}]});
    let taken = directory.learn(Now::read(), &Ask::List("cameras".into()), answer(200, &list));
    assert_eq!((&*taken.learned.items[0].id, taken.learned.items[0].name.as_deref()), ("cameras/a", Some("Lobby")));
    let many: Vec<_> = (0..MANY).map(|n| item(&format!("cameras/{n}"))).collect();
    assert_eq!(directory.asks(Now::read(), &many).len(), MANY);
    assert_eq!(directory.asks(Now::read(), &[item("cameras/a")]), []);
}

#[test]
fn a_refusal_is_believed_for_minutes_and_trouble_not_at_all() {
    let ask = Ask::Item("cameras/1".into());
    let now = Now::read();
    let later = Now { instant: now.instant + REFUSED_FOR, ..now };
    let error = json!({"error":{"httpCode":404,"details":[{"errorText":"Device not found."}]}});
    for (status, believed) in
        [(404, true), (403, true), (400, true), (401, false), (500, false), (503, false), (429, false)]
    {
        let mut directory = directory();
        let taken = directory.learn(now, &ask, answer(status, &error));
        assert_eq!(directory.asks(now, &[item("cameras/1")]).is_empty(), believed, "{status}");
        assert_eq!(directory.asks(later, &[item("cameras/1")]).len(), 1);
        assert_eq!(taken.unauthorized, status == 401);
    }
    let mut directory = directory();
    let fault = RestError::Failed { at: "GET x".into(), fault: Fault::Timeout(Duration::from_secs(1)) };
    assert!(directory.learn(now, &ask, Err(fault)).trouble.is_some());
    assert_eq!(directory.asks(now, &[item("cameras/1")]).len(), 1);
}

#[test]
fn a_changed_item_is_asked_again_and_a_changed_configuration_whole() {
    let mut directory = loaded();
    let single = json!({"data":{"displayName":"Lobby","name":"x"}});
    directory.learn(Now::read(), &Ask::Item("cameras/1".into()), answer(200, &single));
    assert_eq!(directory.forget(&Forget::Item("cameras/1".into())), [Ask::Item("cameras/1".into())]);
    let renamed = json!({"data":{"displayName":"Hall"}});
    let taken = directory.learn(Now::read(), &Ask::Item("cameras/1".into()), answer(200, &renamed));
    assert_eq!(taken.learned.items[0].name.as_deref(), Some("Hall"));
    let all = directory.forget(&Forget::Everything);
    assert_eq!(all, [Ask::Types, Ask::Groups, Ask::List("cameras".into())]);
}

#[test]
fn a_changed_configuration_refreshes_each_kind_of_which_something_is_known() {
    let mut directory = directory();
    let list = json!({"array":[{"displayName":"Lobby","relations":{"self":{"id":"a"}}}]});
    directory.learn(Now::read(), &Ask::List("cameras".into()), answer(200, &list));
    let single = json!({"data":{"displayName":"Door"}});
    for n in 0..=MANY {
        let id = format!("inputEvents/{n}");
        directory.learn(Now::read(), &Ask::Item(id.into()), answer(200, &single));
    }
    let mut lists = directory.forget(&Forget::Everything).split_off(2);
    lists.sort_by_key(|ask| format!("{ask:?}"));
    assert_eq!(lists, [Ask::List("cameras".into()), Ask::List("inputEvents".into())]);
}

#[test]
fn a_changed_event_type_or_state_group_is_asked_as_what_it_is() {
    let mut directory = loaded();
    assert_eq!(directory.forget(&Forget::Item("eventTypes/t2".into())), [Ask::Type("t2".into())]);
    assert_eq!(directory.forget(&Forget::Item("stateGroups/g2".into())), [Ask::Group("g2".into())]);
}

#[test]
fn a_root_in_lower_case_is_found() {
    let mut directory = directory();
    let grant = Grant {
        gateways: Gateways::one("https://vms/API/".parse().unwrap()),
        token: "t".to_owned().into(),
        version: None,
    };
    assert_eq!(directory.call(&grant, &Ask::Types).url.as_str(), "https://vms/API/rest/v1/eventTypes");
    assert_eq!(directory.learn(Now::read(), &Ask::Types, answer(404, &json!(""))).next, [Ask::Types]);
    assert_eq!(directory.call(&grant, &Ask::Types).url.as_str(), "https://vms/api/rest/v1/eventTypes");
    assert_eq!(directory.learn(Now::read(), &Ask::Types, answer(404, &json!(""))).next, []);
}

#[test]
fn no_id_leads_out_of_the_root() {
    let grant = Grant {
        gateways: Gateways::one("https://vms/API/".parse().unwrap()),
        token: "t".to_owned().into(),
        version: None,
    };
    for id in ["../../secret", "cameras/../../x", "%2e%2e/%2e%2e/%2e%2e/x", "a?b#c", "\\\\host\\x"] {
        let url = directory().call(&grant, &Ask::Item(id.into())).url;
        assert!(url.path().starts_with("/API/rest/v1/") && url.query().is_none(), "{id}: {url}");
        assert_eq!(url.host_str(), Some("vms"));
    }
}

#[test]
fn errors_are_told_in_all_their_shapes() {
    for (body, expected) in [
        (
            json!({"error":{"httpCode":403,"details":[{"errorText":"You do not have sufficient permissions"}]}}),
            "sufficient permissions",
        ),
        (json!({"httpCode":"400","details":[{"errorText":"Bad page"}]}), "Bad page"),
        (json!("The service is unavailable."), "The service is unavailable."),
    ] {
        let text = trouble(&answer(500, &body).unwrap());
        assert!(text.contains(expected), "{text}");
    }
}
