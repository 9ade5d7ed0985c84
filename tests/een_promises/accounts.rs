//! Sub-accounts: one connection each, by name, coming and going.

use std::collections::BTreeSet;

use watchpost::actors::model::ConnectionState::{Halted, Online};
use watchpost::actors::vendors::een::config::Accounts;
use watchpost::simulator::een::{Change, DropHow, Fault, FaultKind, Options};

use crate::cloud::{Cloud, STORES, options};
use crate::common::{DEADLINE, eventually};

/// How often the accounts were listed.
fn listings(cloud: &Cloud) -> u64 {
    cloud.sim.counters().of("accounts").tried
}

#[test]
fn each_account_of_a_reseller_is_a_connection_with_its_name_and_states_and_the_reseller_has_no_socket() {
    let cloud = Cloud::online(Options { oddities: true, ..options() });
    let accounts = cloud.sim.accounts();
    let own = cloud.sim.own_account();
    for account in accounts.iter().filter(|account| account.id != own) {
        let info = cloud.info(&format!("{STORES}/{}", account.id)).unwrap();
        assert_eq!((info.status.state, info.title.as_deref()), (Online, Some(account.name.as_str())));
        assert!(info.states > 0);
    }
    assert_eq!(cloud.connections().len(), accounts.len(), "the reseller and its accounts, and nothing else");
    let unsaid = cloud.sim.truth().into_iter().filter(|(_, truth)| truth.service.is_empty());
    let unsaid: Vec<_> =
        unsaid.map(|(esn, truth)| (format!("{STORES}/{}", truth.account), format!("cameras/{esn}"))).collect();
    assert!(!unsaid.is_empty());
    for (name, item) in unsaid {
        eventually(DEADLINE, "a camera that is not said to be attached has states", || {
            cloud.value(&name, &item, "status").is_some()
        });
    }
    let sockets: BTreeSet<_> = cloud.sim.ledger().sockets.into_iter().map(|socket| socket.account).collect();
    assert!(!sockets.contains(&own), "{sockets:?}");
    let first_sight = cloud.lines().into_iter().filter(|line| line["stategroup"].is_string()).count();
    assert_eq!(first_sight, 0, "what is seen for the first time is no event");
}

#[test]
fn a_plain_account_is_just_one_connection_whether_or_not_all_are_asked_for() {
    for accounts in [Accounts::Own, Accounts::All] {
        let cloud = Cloud::with(Options { accounts: 0, ..options() }, move |config| config.accounts = accounts.clone());
        cloud.wait_for(STORES, Online);
        cloud.wait_truth();
        assert_eq!(cloud.connections().len(), 1);
    }
}

#[test]
fn accounts_that_are_named_are_the_only_ones_and_one_that_is_not_there_is_told() {
    let sim = watchpost::simulator::een::Simulator::start(options()).unwrap();
    let wanted = sim.accounts().into_iter().map(|account| account.id).find(|id| *id != sim.own_account()).unwrap();
    drop(sim);
    // The same seed makes the same accounts.
    let only = [wanted.clone(), "0badcafe".to_owned()].map(|id| id.parse().unwrap()).to_vec();
    let cloud = Cloud::with(options(), move |config| config.accounts = Accounts::Only(only.clone()));
    cloud.wait_for(&format!("{STORES}/{wanted}"), Online);
    cloud.wait_for(&format!("{STORES}/0badcafe"), Halted);
    assert_eq!(cloud.connections().len(), 3);
}

#[test]
fn accounts_come_and_go_without_a_restart_and_a_suspended_one_says_so() {
    let cloud = Cloud::online(options());
    let (first, second) = (cloud.name(0), cloud.name(1));
    let id = |name: &str| name.rsplit('/').next().unwrap().to_owned();
    let new = format!("{STORES}/{}", cloud.sim.add_account("Harbour", 2));
    assert!(cloud.sim.suspend_account(&id(&first)));
    assert!(cloud.sim.close_account(&id(&second)));
    cloud.wait_for(&new, Online);
    assert_eq!(cloud.info(&new).unwrap().title.as_deref(), Some("Harbour"));
    eventually(DEADLINE, "the closed account goes", || cloud.info(&second).is_none());
    cloud.wait_for(&first, Halted);
    let reason = cloud.info(&first).unwrap().status.reason;
    assert!(reason.contains("suspended"), "{reason}");
    assert!(cloud.sim.restore_account(&id(&first)));
    cloud.wait_for(&first, Online);
    cloud.wait_truth();
}

#[test]
fn an_account_that_is_suspended_halts_with_the_next_list_where_the_server_lets_it_go_on() {
    let cloud = Cloud::online(Options { faults: vec![Fault::KeepBarred], ..options() });
    let name = cloud.name(0);
    let id = cloud.accounts()[0].clone();
    let logins = || cloud.sim.counters().of("authenticate").tried;
    let before = logins();
    assert!(cloud.sim.suspend_account(&id));
    cloud.wait_for(&name, Halted);
    let reason = cloud.info(&name).unwrap().status.reason;
    assert!(reason.contains("the account is suspended"), "{reason}");
    assert_eq!(logins(), before, "the list says it, no login has to find it out");
    assert!(cloud.sim.restore_account(&id));
    cloud.wait_for(&name, Online);
    cloud.wait_truth();
}

#[test]
fn an_account_list_that_stays_empty_is_believed_and_accounts_come_back_when_it_is_not() {
    let cloud = Cloud::start(Options { faults: vec![Fault::EmptyAccounts], ..options() });
    cloud.wait_for(STORES, Online);
    assert_eq!(cloud.connections().len(), 1, "there is none below it");
    cloud.sim.clear(FaultKind::EmptyAccounts);
    cloud.wait_online();
    cloud.sim.inject(Fault::EmptyAccounts);
    eventually(DEADLINE, "it is believed later, too", || cloud.connections().len() == 1);
    assert!(cloud.is(STORES, Online));
    cloud.sim.clear(FaultKind::EmptyAccounts);
    cloud.wait_online();
}

#[test]
fn no_account_is_closed_because_of_a_list_that_is_not_whole() {
    let cloud = Cloud::online(options());
    let (first, second) = (cloud.name(0), cloud.name(1));
    cloud.sim.inject(Fault::OddRows);
    assert!(cloud.sim.close_account(first.rsplit('/').next().unwrap()));
    let is_refused = || cloud.info(&first).unwrap().status.reason.contains("(404)");
    eventually(DEADLINE, "the cloud does not let the engine in there any more", is_refused);
    let before = listings(&cloud);
    eventually(DEADLINE, "the accounts are listed some more times", || listings(&cloud) >= before + 5);
    assert!(is_refused() && cloud.is(&second, Online));
    cloud.sim.clear(FaultKind::OddRows);
    eventually(DEADLINE, "the closed account goes", || cloud.info(&first).is_none());
    cloud.wait_truth();
}

#[test]
fn no_device_is_let_go_because_of_a_row_that_cannot_be_read() {
    let cloud = Cloud::online(options());
    cloud.sim.inject(Fault::SpoiltRow);
    let lists = || cloud.sim.counters().of("devices").tried;
    let before = lists();
    eventually(DEADLINE, "the devices are listed some more times", || lists() >= before + 12);
    cloud.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "a gap", || cloud.lines_of(&cloud.name(0), "gap").len() == 1);
    for account in cloud.accounts() {
        for camera in cloud.sim.cameras(&account) {
            assert!(cloud.sim.change(&camera, Change::Off));
        }
    }
    cloud.wait_online();
    let cameras: usize = cloud.accounts().iter().map(|account| cloud.sim.cameras(account).len()).sum();
    let off = || cloud.lines().iter().filter(|line| line["type"] == "device.disabled").count();
    eventually(DEADLINE, "all of them are told", || off() == cameras);
    assert!(!cloud.lines().iter().any(|line| line["type"] == "state.unknown"));
}

#[test]
fn devices_come_and_go_and_have_names() {
    let cloud = Cloud::online(options());
    let (name, account) = (cloud.name(0), cloud.accounts()[0].clone());
    let camera = cloud.sim.add_camera(&account).unwrap();
    let item = format!("cameras/{camera}");
    eventually(DEADLINE, "the new camera has states", || cloud.value(&name, &item, "status").is_some());
    cloud.wait_truth();
    let states = cloud.engine().states();
    let shown = || states.get(&name, &item, "status").and_then(|state| state.item.name.as_deref().map(str::to_owned));
    eventually(DEADLINE, "it has a name", || shown().is_some());
    assert!(cloud.sim.rename_camera(&camera, "Ramp"));
    eventually(DEADLINE, "its new name is known", || shown().as_deref() == Some("Ramp"));
    assert!(cloud.sim.remove_camera(&camera));
    eventually(DEADLINE, "what it was is not known any more", || {
        cloud.value(&name, &item, "status").as_deref() == Some("unknown")
    });
}

#[test]
fn an_account_that_was_suspended_from_the_start_begins_when_it_is_not_any_more() {
    let sim = watchpost::simulator::een::Simulator::start(options()).unwrap();
    let suspended = sim.accounts().into_iter().map(|account| account.id).find(|id| *id != sim.own_account()).unwrap();
    assert!(sim.suspend_account(&suspended));
    let cloud = Cloud::at(sim, |_| ());
    let name = format!("{STORES}/{suspended}");
    cloud.wait_for(&name, Halted);
    assert!(cloud.sim.restore_account(&suspended));
    cloud.wait_for(&name, Online);
    cloud.wait_truth();
}
