//! Sessions that end while their sockets are open.

use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use watchpost::simulator::een::{Change, FaultKind, Options};

use crate::{
    client::{Heard, eventually, inside, log_in, parse, quiet, refusal, start, statuses_of, with_faults},
    poll::subscribed,
};

#[actix_rt::test]
async fn a_session_that_ends_is_told_once_and_the_socket_stays_open() {
    let simulator = start(quiet());
    let (mut client, session, cameras) = subscribed(&simulator).await;
    assert!(simulator.expire_session(&session.id));
    assert_eq!(client.failure().await, json!({ "status_code": 412, "message": "Auth lost", "data": {} }));
    simulator.change(&cameras[0], Change::Off);
    assert!(client.is_silent().await, "nothing else is told");
    client.send(&statuses_of(&cameras)).await;
    assert_eq!(client.failure().await["status_code"], 401);
    assert_eq!(refusal(session.open("any").await), 401);
    assert_eq!(session.get("/g/aaa/isauth").status, 401);
    assert!(!simulator.expire_session(&session.id));
}

#[actix_rt::test]
async fn the_socket_may_be_closed_after_that() {
    let simulator = with_faults(&["close-on-loss=4001"]);
    let (mut client, session, _) = subscribed(&simulator).await;
    assert_eq!(session.post("/g/aaa/logout", &json!({})).status, 204);
    let end = client.end().await;
    assert!(matches!(&end, Heard::Closed(Some(frame)) if frame.code == CloseCode::Library(4001)), "{end:?}");
    assert_eq!(client.failures[0]["status_code"], 412);
}

#[actix_rt::test]
async fn a_changed_password_leaves_sockets_alone() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = subscribed(&simulator).await;
    simulator.change_password("new");
    simulator.change(&cameras[0], Change::Off);
    assert_eq!(client.next().await.0, cameras[0]);
    assert_eq!(simulator.expire_sessions(), 1);
    assert_eq!(client.failure().await["status_code"], 412);
}

#[actix_rt::test]
async fn only_sessions_inside_an_account_that_is_suspended_or_closed_end() {
    let simulator = start(quiet());
    let (mut client, _, _) = subscribed(&simulator).await;
    let (other, account) = inside(&simulator, 1);
    let mut second = other.open(&account).await.unwrap();
    second.subscribe(&statuses_of(&simulator.cameras(&account))).await;
    simulator.suspend_account(&simulator.holders()[0]);
    assert_eq!(client.failure().await["status_code"], 412);
    assert_eq!(other.get("/g/aaa/isauth").status, 200);
    simulator.close_account(&account);
    assert_eq!(second.failure().await["status_code"], 412);
    let (third, account) = inside(&simulator, 1);
    let mut client = third.open(&account).await.unwrap();
    client.subscribe(&statuses_of(&simulator.cameras(&account))).await;
    assert_eq!(simulator.expire_account(&account), 1);
    assert_eq!(client.failure().await["status_code"], 412);
}

#[actix_rt::test]
async fn a_socket_outlives_a_switch_unless_it_does_not() {
    let simulator = start(quiet());
    let (mut client, session, cameras) = subscribed(&simulator).await;
    session.switch(&simulator.own_account());
    simulator.change(&cameras[0], Change::Off);
    assert_eq!(client.next().await.0, cameras[0]);
    client.send(&statuses_of(&cameras[..1])).await;
    assert_eq!(client.next().await.1["error"][0]["status_code"], 401, "the session is elsewhere now");
    session.switch(&simulator.holders()[0]);
    simulator.inject(parse("switch-kills"));
    session.switch(&simulator.holders()[0]);
    simulator.change(&cameras[0], Change::On);
    client.all().await;
    session.switch(&simulator.holders()[1]);
    assert_eq!(client.failure().await["status_code"], 412);
    assert_eq!(session.get("/g/aaa/isauth").status, 200, "the session itself lives on");
}

#[actix_rt::test]
async fn an_open_socket_is_activity_unless_it_is_not() {
    let life = std::time::Duration::from_secs(1);
    let simulator = start(Options { inactive_life: Some(life), ..quiet() });
    let (mut client, session, _) = subscribed(&simulator).await;
    let idle = log_in(&simulator);
    eventually("the idle session ends", || simulator.sessions().len() == 1).await;
    assert_eq!(idle.get("/g/aaa/isauth").status, 401);
    assert_eq!(*simulator.sessions()[0].id, *session.id);
    simulator.inject(parse("idle-sockets"));
    assert_eq!(client.failure().await["status_code"], 412);
}

#[actix_rt::test]
async fn sessions_can_end_by_themselves_again_and_again() {
    let simulator = start(quiet());
    for _ in 0..2 {
        let session = log_in(&simulator);
        let mut client = session.open("any").await.unwrap();
        simulator.inject(parse("expire=100ms"));
        assert_eq!(client.failure().await["status_code"], 412);
        simulator.clear(FaultKind::Expire);
    }
}
