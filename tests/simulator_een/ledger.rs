//! What the simulator tells afterwards of what happened, and of what it showed to whom.

use serde_json::json;
use watchpost::simulator::een::{Change, DropHow, Keep, Options, Overall};

use crate::{
    client::{events, inside, quiet, request, start, statuses_of},
    poll::{connected, subscribed},
};

#[actix_rt::test]
async fn every_status_is_kept_with_those_who_saw_it() {
    let simulator = start(quiet());
    let camera = simulator.cameras(&simulator.holders()[0])[0].clone();
    simulator.change(&camera, Change::Off);
    let (mut client, session, cameras) = subscribed(&simulator).await;
    simulator.change(&camera, Change::On);
    client.next().await;
    simulator.drop_sockets(DropHow::Fin);
    client.end().await;
    simulator.change(&camera, Change::InternetLost);
    simulator.change(&camera, Change::InternetBack);
    let mut client = session.open("any").await.unwrap();
    client.subscribe(&statuses_of(&cameras)).await;
    let ledger = simulator.ledger();
    let statuses = &ledger.devices[&camera].statuses;
    let shown: Vec<Vec<(u64, bool)>> =
        statuses.iter().map(|status| status.shown.iter().map(|shown| (shown.socket, shown.first)).collect()).collect();
    assert_eq!(shown, [vec![], vec![(1, true)], vec![(1, false)], vec![], vec![(2, true)]]);
    assert_eq!(statuses.iter().map(|status| status.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(statuses[4].word, simulator.truth()[&camera].word);
    assert_eq!(statuses[3].word64 as u32, statuses[3].word);
    assert!(statuses.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let seen = &statuses[2].shown[0];
    assert_eq!((&*seen.session, seen.legacy, seen.extended), (session.id.as_str(), true, false));
    let readings: Vec<_> =
        ledger.devices[&camera].readings().iter().map(|(shown, reading)| (shown.first, reading.overall)).collect();
    assert_eq!(readings, [(true, Overall::Off), (false, Overall::Online), (true, Overall::Online)]);
    assert_eq!(simulator.device_ledger(&camera).unwrap().statuses, *statuses);
    assert!(simulator.device_ledger("deadbeef").is_none());
    assert_eq!(ledger.sockets.len(), 2);
    let [first, second] = [&ledger.sockets[0], &ledger.sockets[1]];
    assert!(first.closed.is_some() && second.closed.is_none());
    assert_eq!((&first.account, &second.path), (&simulator.holders()[0], &"any".to_owned()));
    assert_eq!(&*first.session, session.id.as_str());
}

#[actix_rt::test]
async fn every_event_is_kept_with_those_who_saw_it() {
    let simulator = start(quiet());
    let camera = simulator.cameras(&simulator.holders()[0])[0].clone();
    let missed = simulator.emit_one(&camera, "EMES").unwrap();
    let (mut client, _, _) = connected(&simulator).await;
    simulator.emit_one(&camera, "EMEE").unwrap();
    client.subscribe(&request([&camera], &events(&["EMES", "RCON"]))).await;
    let live = simulator.emit_one(&camera, "EMES").unwrap();
    client.next().await;
    let events = simulator.ledger().devices[&camera].events.clone();
    let kept: Vec<_> = events
        .iter()
        .map(|event| (event.code.as_str(), event.shown.iter().map(|shown| shown.first).collect::<Vec<_>>()))
        .collect();
    let expected = [("EMES", vec![true]), ("EMEE", vec![]), ("RCON", vec![true]), ("EMES", vec![false])];
    assert_eq!(kept, expected, "what is older than the simulator is there once it was shown");
    assert_eq!((&events[0].timestamp, &events[3].timestamp), (&missed.timestamp, &live.timestamp));
    assert!(events[0].timestamp < events[1].timestamp && events[1].timestamp < events[3].timestamp);
}

#[actix_rt::test]
async fn what_a_client_could_read_follows_from_the_halves_that_it_asked_for() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = connected(&simulator).await;
    let [old, new] = [&cameras[0], &cameras[1]];
    client.subscribe(&statuses_of([old])).await;
    client.subscribe(&request([new], &json!({ "resource": ["status64"] }))).await;
    for camera in [old, new] {
        simulator.change(camera, Change::Off);
        simulator.change(camera, Change::InternetLost);
        simulator.set_status(camera, 0);
        simulator.change(camera, Change::InternetBack);
    }
    client.all().await;
    let ledger = simulator.ledger();
    let internet = |esn: &str| {
        let readings = ledger.devices[esn].readings();
        assert!(readings.windows(2).all(|pair| pair[0].0.order < pair[1].0.order));
        readings.iter().map(|(_, reading)| reading.internet).collect::<Vec<_>>()
    };
    assert_eq!(internet(old), [Some(true), None, None], "what is suppressed is not read");
    assert_eq!(internet(new), [Some(true), Some(true), Some(false), Some(true)]);
}

#[actix_rt::test]
async fn a_ledger_can_be_small_or_none() {
    for (keep, kept) in [(Keep::Newest(10), 10), (Keep::Nothing, 0)] {
        let simulator = start(Options { ledger: keep, calls: 3, ..quiet() });
        let (mut client, _, cameras) = subscribed(&simulator).await;
        simulator.flap(&cameras[0], 50);
        assert_eq!(client.all().await.len(), 100, "it is told all the same");
        let ledger = simulator.ledger();
        let device = ledger.devices.get(&cameras[0]);
        assert_eq!(device.map_or(0, |device| device.statuses.len()), kept);
        if let Some(device) = device {
            assert_eq!(device.statuses[9].index, 100);
            assert!(device.forgotten >= 91 && device.statuses.iter().all(|status| status.shown.len() == 1));
        }
        assert_eq!(simulator.calls().len(), 3);
    }
}

#[actix_rt::test]
async fn a_flood_comes_whole_and_in_order() {
    let simulator = start(Options { accounts: 2, cameras: 10, ..quiet() });
    let mut clients = Vec::new();
    for nth in 0..2 {
        let (session, account) = inside(&simulator, nth);
        let mut client = session.open(&account).await.unwrap();
        client.subscribe(&statuses_of(&simulator.cameras(&account))).await;
        clients.push(client);
    }
    assert_eq!(simulator.flood(5001, 7), 2);
    let mut told = 0;
    for (nth, client) in clients.iter_mut().enumerate() {
        let share = if nth == 0 { 2501 } else { 2500 };
        let mut last = std::collections::BTreeMap::new();
        for _ in 0..share {
            let (esn, status) = client.next().await;
            let word = status["status"].as_u64().unwrap();
            let before = last.insert(esn, word).unwrap_or(1_441_847);
            assert_eq!(before ^ word, 0x8_0008, "each begins or ceases to record");
        }
        told += share;
        // Ten cameras at a time, each once in a frame.
        let frames = &client.frames[10..];
        assert!(frames.chunks(2).all(|pair| pair == [7, 3] || pair == [1]), "{frames:?}");
        for (esn, word) in last {
            assert_eq!(json!(word), json!(simulator.truth()[&esn].word));
        }
        assert!(client.is_silent().await);
    }
    assert_eq!(told, 5001);
}
