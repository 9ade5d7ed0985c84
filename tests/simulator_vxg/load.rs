//! Many cameras.

use std::{collections::BTreeSet, time::Duration};

use watchpost::simulator::vxg::{Options, audit};

use crate::client::{caller, eventually, group, ids, quick, start};

#[test]
fn a_thousand_cameras_are_told_in_one_list_and_each_has_its_token() {
    let simulator = start(Options { cameras: 1000, past: 2, ..quick() });
    let all = group(&simulator);
    let channels = all.fetch("/api/v5/channels/?limit=1000");
    assert_eq!(channels["objects"].as_array().unwrap().len(), 1000);
    assert_eq!(all.events("limit=1000")["meta"]["total_count"], 2000);
    simulator.emit(5000);
    let cameras: BTreeSet<i64> = simulator.events().iter().map(|event| event.camera).collect();
    assert_eq!(cameras.len(), 1000);
    let mut told = Vec::new();
    while let Some(page) = Some(all.events(&format!("order_by=time&limit=1000&offset={}", told.len())))
        .filter(|page| !ids(page).is_empty())
    {
        told.extend(ids(&page));
    }
    let mut accepted = simulator.accepted(None);
    accepted.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, accepted);
    let last = *simulator.cameras().last().unwrap();
    let own = caller(&simulator, "Acc", &simulator.token(last).unwrap());
    assert_eq!(own.ids("limit=1000"), simulator.accepted(Some(last)));
    assert_eq!(simulator.counters().rows, simulator.calls().iter().map(|call| call.rows as u64).sum::<u64>());
}

#[test]
fn events_happen_at_their_rate_with_the_names_that_clients_know() {
    let simulator = start(Options { rate: 500.0, ..quick() });
    eventually("a hundred events", || simulator.counters().happened >= 100);
    simulator.set_rate(0.0);
    let names: BTreeSet<String> = simulator.events().iter().map(|event| audit::kind(audit::type_name(event))).collect();
    assert!(names.contains("vxg.motion") && names.len() > 2, "{names:?}");
    let times: Vec<_> = simulator.events().iter().map(|event| event.time).collect();
    assert!(times.is_sorted());
}

#[test]
fn only_the_newest_events_and_calls_are_kept() {
    let simulator = start(Options { history: 10, calls: 2, ..quick() });
    simulator.emit(25);
    assert_eq!((simulator.listed(), simulator.accepted(None).len()), (10, 10));
    assert_eq!(simulator.counters().happened, 25);
    let happenings = simulator.happenings(1);
    simulator.emit(3);
    assert!(happenings.recv_timeout(Duration::from_secs(1)).is_ok());
    for _ in 0..3 {
        assert_eq!(group(&simulator).ids("").len(), 10);
    }
    assert_eq!((simulator.calls().len(), simulator.counters().total()), (2, 3));
}
