//! Many sub-accounts at once.

use std::{collections::BTreeMap, time::Duration};

use actix_rt::time::timeout;
use watchpost::simulator::een::{DropHow, Options, Simulator};

use crate::client::{Client, DEADLINE, inside, numbers, quiet, start, statuses_of};

const ACCOUNTS: usize = 150;

async fn connect(simulator: &Simulator, nth: usize) -> (Client, BTreeMap<String, u64>) {
    let (session, account) = inside(simulator, nth);
    let mut client = session.open(&account).await.unwrap();
    let firsts = client.subscribe(&statuses_of(&simulator.cameras(&account))).await;
    let words = firsts.into_iter().map(|(esn, told)| (esn, told["status"].as_u64().unwrap()));
    (client, words.collect())
}

#[actix_rt::test]
async fn every_account_has_its_own_socket_and_no_transition_that_was_shown_is_missing() {
    let simulator = start(Options { accounts: ACCOUNTS, cameras: 10, ..quiet() });
    let mut clients = Vec::new();
    for nth in 0..ACCOUNTS {
        clients.push(connect(&simulator, nth).await);
    }
    assert_eq!(simulator.counters().sockets_open, ACCOUNTS);
    assert_eq!(simulator.counters().logins(), ACCOUNTS as u64);
    simulator.emit(20_000);
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (client, firsts) in &mut clients {
        let news = timeout(DEADLINE, client.all()).await.expect("it comes in time");
        for (esn, first) in firsts {
            told.insert(esn.clone(), [vec![*first], numbers(&news, esn, "status")].concat());
        }
    }
    let ledger = simulator.ledger();
    let mut changes = 0;
    for (esn, words) in &told {
        let mut known: Vec<u64> = ledger.devices[esn].statuses.iter().map(|status| u64::from(status.word)).collect();
        // What changes the extended half alone is not told to who asked for the legacy one.
        known.dedup();
        assert_eq!(*words, known, "{esn}");
        changes += words.len() - 1;
    }
    assert!(changes > 15_000, "{changes}");
    assert_eq!(told.len(), ACCOUNTS * 10);
}

#[actix_rt::test]
async fn breaking_a_tenth_again_and_again_leaves_the_rest_alone() {
    let simulator = start(Options { accounts: 50, cameras: 10, rate: 500.0, ..quiet() });
    let mut clients = Vec::new();
    for nth in 0..50 {
        clients.push(connect(&simulator, nth).await.0);
    }
    for how in [DropHow::Fin, DropHow::Reset, DropHow::MidFrame] {
        assert!((4..=5).contains(&simulator.drop_random(0.1, how)));
        actix_rt::time::sleep(Duration::from_millis(50)).await;
    }
    let broken: Vec<u64> = simulator
        .ledger()
        .sockets
        .iter()
        .filter(|socket| socket.closed.is_some())
        .map(|socket| socket.socket)
        .collect();
    assert!((12..=15).contains(&broken.len()));
    for (nth, client) in (1_u64..).zip(&mut clients) {
        if broken.contains(&nth) {
            client.end().await;
        } else {
            client.all().await;
        }
    }
}
