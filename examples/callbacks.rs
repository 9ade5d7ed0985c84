//! How do I run a closure when a connection comes or goes, or when something happens?
//!
//! Callbacks, plain or async, any number of them. Each is taken away by its own handle.
//!
//! `cargo run --example callbacks` talks to a simulator in this process, whose sockets it breaks once to show what is called then;
//! with `-- --config FILE` it talks to a real system, whose sockets it leaves alone.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

mod common;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use watchpost::actors::model::Filter;
use watchpost::actors::model::filter::FilterSettings;
use watchpost::actors::{Engine, EngineConfig};
use watchpost::simulator::milestone::DropHow;

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (connections, simulator) = common::connections()?;
    // Callbacks see what happens after they were registered: so first these, then the connections.
    let engine = Engine::start(EngineConfig::default())?;
    let motion = Filter::new(&FilterSettings { types: vec!["motion.*".into()], ..Default::default() })?;

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

    for connection in connections {
        engine.send(watchpost::actors::messages::AddConnection(connection)).await??;
    }
    online.recv().await;
    if let Some(simulator) = &simulator {
        actix_rt::time::sleep(Duration::from_secs(1)).await;
        simulator.drop_sockets(DropHow::Reset);
        online.recv().await;
    }

    every_event.remove().await;
    let until_removed = counted.load(Ordering::Relaxed);
    println!("removed the plain event callback after {until_removed} events");
    common::until_the_end().await?;
    println!("called since then: {}", counted.load(Ordering::Relaxed) - until_removed);
    for callback in [connect, disconnect, every_motion] {
        callback.remove().await;
    }
    engine.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
