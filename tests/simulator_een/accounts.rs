//! Accounts, and switching between them.

use serde_json::{Value, json};
use watchpost::simulator::een::Options;

use crate::client::{Session, http, inside, log_in, parse, quiet, start};

fn active(session: &Session) -> Value {
    session.get("/g/user").json()["active_account_id"].clone()
}

#[test]
fn a_reseller_lists_itself_and_its_sub_accounts_in_rows_of_21() {
    let simulator = start(Options { accounts: 5, cameras: 13, ..quiet() });
    let rows = log_in(&simulator).get("/g/account/list").json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row.as_array().unwrap().len() == 21));
    assert_eq!(rows[0][0], json!(simulator.own_account()));
    let ids: Vec<&str> = rows[1..].iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(ids, simulator.holders());
    let counts = [2, 3, 9, 10, 12].map(|index| rows[1][index].as_u64().unwrap());
    assert_eq!(counts, [13, 13, 2, 2, 0], "13 cameras have two bridges");
    assert_eq!((&rows[1][5], &rows[1][6], &rows[1][7]), (&json!(0), &json!(0), &json!(1)));
}

#[test]
fn a_plain_account_lists_itself_and_has_devices_at_once() {
    let simulator = start(Options { accounts: 0, ..quiet() });
    let session = log_in(&simulator);
    let rows = session.get("/g/account/list").json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!(session.devices().len(), 5);
    assert_eq!(session.switch(&simulator.own_account()).status, 200);
}

#[test]
fn accounts_are_listed_at_home_only() {
    let simulator = start(quiet());
    let (session, account) = inside(&simulator, 1);
    assert_eq!(session.get("/g/account/list").status, 403);
    assert_eq!(active(&session), json!(account));
    let answer = session.post("/g/aaa/switch_account", &json!({}));
    assert_eq!((answer.status, answer.text().as_str()), (200, "true"));
    assert_eq!(active(&session), json!(simulator.own_account()));
    assert_eq!(session.get("/g/account/list").status, 200);
    assert_eq!(session.get("/g/list/accounts").status, 200, "the old name");
}

#[test]
fn a_switch_is_the_sessions_own() {
    let simulator = start(quiet());
    let (first, account) = inside(&simulator, 0);
    let (second, other) = inside(&simulator, 1);
    assert_eq!((active(&first), active(&second)), (json!(account), json!(other)));
    assert_eq!(active(&log_in(&simulator)), json!(simulator.own_account()));
    let ids = |session: &Session| session.devices().iter().map(|row| row[1].clone()).collect::<Vec<_>>();
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
}

#[test]
fn a_switch_takes_its_account_from_json_a_form_or_the_query() {
    let simulator = start(quiet());
    let session = log_in(&simulator);
    let cookie = format!("auth_key={}", session.id);
    for (nth, (query, kind)) in
        [("", "application/x-www-form-urlencoded"), ("", "application/json"), ("query", "")].into_iter().enumerate()
    {
        let account = &simulator.holders()[nth];
        let body = match kind {
            "application/json" => json!({ "account_id": account }).to_string(),
            "" => String::new(),
            _ => format!("account_id={account}"),
        };
        let path = if query.is_empty() { String::new() } else { format!("?account_id={account}") };
        let path = format!("/g/aaa/switch_account{path}");
        let answer = http(simulator.address(), "POST", &path, &[("Content-Type", kind), ("Cookie", &cookie)], &body);
        assert_eq!((answer.status, active(&session)), (200, json!(account)));
    }
    assert_eq!(session.switch("deadbeef").status, 404);
    let camera = &simulator.cameras(&simulator.holders()[0])[0];
    assert_eq!(session.switch(camera).status, 404, "a camera is no account");
    let garbage = http(
        simulator.address(),
        "POST",
        "/g/aaa/switch_account",
        &[("Content-Type", "application/json"), ("Cookie", &cookie)],
        "{",
    );
    assert_eq!(garbage.status, 400);
    assert_eq!(http(simulator.address(), "POST", "/g/aaa/switch_account", &[], "").status, 401);
}

#[test]
fn a_switch_can_be_answered_without_a_body() {
    let simulator = start(quiet());
    simulator.inject(parse("switch-empty"));
    let answer = log_in(&simulator).switch(&simulator.holders()[0]);
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
}

#[test]
fn a_suspended_account_is_shown_as_such_and_its_sessions_end() {
    let simulator = start(quiet());
    let (session, account) = inside(&simulator, 0);
    assert!(simulator.suspend_account(&account));
    assert_eq!(session.get("/g/device/list").status, 401);
    let home = log_in(&simulator);
    let row = |account: &str| {
        let rows = home.get("/g/account/list").json();
        rows.as_array().unwrap().iter().find(|row| row[0] == json!(account)).cloned()
    };
    assert_eq!((&row(&account).unwrap()[5], &row(&account).unwrap()[7]), (&json!(1), &json!(0)));
    assert_eq!(home.switch(&account).status, 402);
    assert!(simulator.restore_account(&account));
    assert_eq!(home.switch(&account).status, 200);
    home.switch(&simulator.own_account());
    assert!(simulator.deactivate_account(&account));
    assert_eq!(row(&account).unwrap()[6], json!(1));
    assert_eq!(home.switch(&account).status, 460);
    assert!(!simulator.suspend_account("deadbeef"));
}

#[test]
fn accounts_come_and_go() {
    let simulator = start(quiet());
    let home = log_in(&simulator);
    let added = simulator.add_account("Corner Shop", 2);
    let listed = |id: &str| {
        let rows = home.get("/g/account/list").json();
        rows.as_array().unwrap().iter().any(|row| row[0] == json!(id))
    };
    assert!(listed(&added));
    let session = log_in(&simulator);
    assert_eq!(session.switch(&added).status, 200);
    assert_eq!(session.devices().len(), 3);
    assert!(simulator.close_account(&added));
    assert!(!listed(&added));
    assert_eq!(session.get("/g/aaa/isauth").status, 401);
    assert_eq!(home.switch(&added).status, 404);
    assert!(!simulator.close_account(&added) && !simulator.close_account(&simulator.own_account()));
}
