//! How do I run a closure when a connection comes or goes, or when something happens?
//!
//! Callbacks, plain or async, any number of them. Each is taken away by its own handle.
//!
//! `cargo run --example callbacks` talks to a simulated XProtect in this process, with `-- --vendor simplisafe` to a simulated user's houses. It breaks their
//! sockets once to show what is called then; with `-- --config FILE` it talks to a real system, whose sockets it leaves alone.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

mod common;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use watchpost::actors::callbacks::SharedEvent;
use watchpost::actors::model::Filter;
use watchpost::actors::model::filter::FilterSettings;
use watchpost::actors::{Engine, EngineConfig};
use watchpost::simulator::{milestone, simplisafe};

use common::Site;

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (connections, site) = common::connections()?;
    // Callbacks see what happens after they were registered: so first these, then the connections.
    let engine = Engine::start(EngineConfig::default())?;
    let motion = Filter::new(&FilterSettings { types: vec!["motion.*".into()], ..Default::default() })?;
    let houses = Filter::new(&FilterSettings {
        vendors: vec!["simplisafe".into()],
        origins: vec!["live".into(), "backfill".into()],
        ..Default::default()
    })?;

    let (tell, mut online) = mpsc::unbounded_channel();
    let connect = engine.on_connect(move |connection| {
        println!("connected: {connection}");
        // The receiver lives until the end.
        let _ = tell.send(());
    });
    let disconnect = engine.on_disconnect_async(|connection, reason| async move {
        println!("disconnected: {connection}: {reason}");
    });
    let counted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&counted);
    let every_event = engine.on_event(Filter::everything(), move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    // An async callback is awaited before its next call, so it may take its time; it delays other callbacks, and nothing else.
    let every_motion = engine.on_event_async(motion, |event| async move {
        actix_rt::time::sleep(Duration::from_millis(5)).await;
        let stored = event.get();
        let name = stored.event.item.as_ref().and_then(|item| item.name.as_deref()).unwrap_or("?");
        println!("motion: {name}: {}, {}", stored.event.meaning.kind, stored.event.origin);
    });
    let every_house = engine.on_event(houses, |event| print_house(&event));

    for connection in connections {
        engine.send(watchpost::actors::messages::AddConnection(connection)).await??;
    }
    online.recv().await;
    if !matches!(site, Site::Real) {
        actix_rt::time::sleep(Duration::from_secs(1)).await;
        break_sockets(&site);
        online.recv().await;
    }

    every_event.remove().await;
    let until_removed = counted.load(Ordering::Relaxed);
    println!("removed the plain event callback after {until_removed} events");
    common::until_the_end().await?;
    println!("called since then: {}", counted.load(Ordering::Relaxed) - until_removed);
    for callback in [connect, disconnect, every_motion, every_house] {
        callback.remove().await;
    }
    engine.shutdown(Duration::from_secs(10)).await;
    Ok(())
}

/// What simplipy has as members of its `WebsocketEvent`, out of what SimpliSafe itself sent.
fn print_house(event: &SharedEvent) {
    let stored = event.get();
    let (kind, origin) = (&stored.event.meaning.kind, stored.event.origin);
    let data: Value = serde_json::from_str(stored.event.data).unwrap_or_default();
    let text = |key: &str| data[key].as_str().unwrap_or_default();
    println!("house: {kind} ({origin}): {}", text("info"));
    println!("  system {}, at {}, changed by {:?}", data["sid"], stored.event.time, text("pinName"));
    println!("  sensor {:?}, serial {:?}, type {}", text("sensorName"), text("sensorSerial"), data["sensorType"]);
    let links = &data["video"][text("videoStartedBy")]["_links"];
    for (what, link) in
        [("image", "snapshot/jpg"), ("clip", "download/mp4"), ("hls", "playback/hls"), ("flv", "playback/flv")]
    {
        if let Some(url) = links[link]["href"].as_str() {
            println!("  {what}: {url}");
        }
    }
}

/// Breaks what the simulated system has open. In a house somebody rings before that, and somebody comes home while nobody listens.
fn break_sockets(site: &Site) {
    match site {
        Site::Real => {}
        Site::Milestone(simulator) => {
            simulator.drop_sockets(milestone::DropHow::Reset);
        }
        Site::SimpliSafe(simulator) => {
            let house = simulator.systems()[0];
            simulator.cameras(house).first().and_then(|doorbell| simulator.ring(house, doorbell));
            simulator.drop_sockets(simplisafe::DropHow::Reset);
            let lock = simulator.lock_of(house);
            lock.and_then(|lock| simulator.set_lock(house, &lock, simplisafe::Bolt::Unlocked));
        }
    }
}
