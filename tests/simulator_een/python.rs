//! A client in another language, by another WebSocket library, that does what the vendor's own example does.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use watchpost::simulator::een::{Change, DropHow, Simulator};

use crate::{
    client::{DEADLINE, quiet, start},
    runner::Python,
};

impl Python {
    /// Reads on until every device was last told as it is, in the VMS's own words.
    fn until_true(&self, simulator: &Simulator, told: &mut BTreeMap<String, Value>) {
        let truth = simulator.truth();
        let agrees = |told: &BTreeMap<String, Value>| {
            truth.iter().all(|(esn, truth)| told.get(esn).is_some_and(|told| told["word"] == truth.word))
        };
        while !agrees(told) {
            let line = self.line();
            assert!(line.get("failed").is_none(), "{line}");
            if let Some(esn) = line["esn"].as_str() {
                told.insert(esn.to_owned(), line.clone());
            }
        }
        for (esn, truth) in &truth {
            let (told, legacy) = (&told[esn], truth.legacy);
            assert_eq!(
                (told["camera_on"].clone(), told["name"].clone()),
                (legacy.on.into(), truth.name.clone().into())
            );
            assert_eq!(told["camera_streaming"], legacy.streaming);
            assert_eq!(told["camera_recording"], legacy.recording);
            if let Some(internet) = legacy.internet {
                assert_eq!(told["device_internet_online"], internet);
            }
            if !truth.bridge {
                assert_eq!(told["overall"], legacy.overall.to_string());
            }
        }
    }
}

#[test]
fn a_python_client_listens_to_every_sub_account_whatever_breaks() {
    let simulator = start(quiet());
    let python = Python::run("een_status_client.py", &[&simulator.url(), "watchpost", "watchpost"]);
    let mut told = BTreeMap::new();
    python.until_true(&simulator, &mut told);
    assert_eq!(told.len(), 15);
    for (nth, camera) in simulator.holders().iter().flat_map(|account| simulator.cameras(account)).enumerate() {
        let changes = [
            Change::Off,
            Change::InternetLost,
            Change::StreamingStopped,
            Change::PasswordNeeded,
            Change::RecordingStarted,
        ];
        assert!(simulator.change(&camera, changes[nth % changes.len()]));
    }
    python.until_true(&simulator, &mut told);
    for how in [DropHow::Fin, DropHow::Close(1001), DropHow::MidFrame, DropHow::Reset] {
        let deadline = Instant::now() + DEADLINE;
        while simulator.counters().sockets_open != 3 {
            assert!(Instant::now() < deadline, "each account has a socket");
            thread::sleep(Duration::from_millis(5));
        }
        told.clear();
        assert_eq!(simulator.drop_sockets(how), 3);
        simulator.emit(50);
        python.until_true(&simulator, &mut told);
    }
    told.clear();
    assert!(simulator.expire_sessions() > 3);
    simulator.emit(50);
    python.until_true(&simulator, &mut told);
    assert!(simulator.counters().logins() > 3 * 6);
}
