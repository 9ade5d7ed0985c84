//! What is the state of things now, and what changes?
//!
//! Three ways to know: ask the engine by message, read its state map without one, or be told by watching.
//!
//! `cargo run --example query_states` talks to a simulator in this process; with `-- --config FILE` to a real system.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

mod common;

use std::error::Error;
use std::time::Duration;

use actix::prelude::*;
use watchpost::actors::messages::{QueryStates, Watch};
use watchpost::actors::model::filter::FilterSettings;
use watchpost::actors::model::{Filter, State};
use watchpost::actors::watch::{Subject, WatchUpdate};
use watchpost::actors::{Engine, EngineConfig};

/// An actor that is told of states.
#[derive(Default)]
struct Board {
    to_begin_with: usize,
}

impl Actor for Board {
    type Context = Context<Self>;
}

impl Handler<WatchUpdate> for Board {
    type Result = ();

    fn handle(&mut self, update: WatchUpdate, ctx: &mut Self::Context) {
        match update {
            // Comes in parts, one for each thread of connections.
            WatchUpdate::Present { states, last } => {
                self.to_begin_with += states.len();
                if last {
                    println!("watching, {} states to begin with", self.to_begin_with);
                }
            }
            WatchUpdate::Changed(states) => states.iter().for_each(|state| show("changed", state)),
            // Its mailbox was full for too long. It may watch anew; this one gives up.
            WatchUpdate::CutOff { .. } => ctx.stop(),
            WatchUpdate::Events(_) => {}
        }
    }
}

fn show(how: &str, state: &State) {
    let name = state.item.name.as_deref().unwrap_or(&state.item.id);
    let stale = if state.stale { ", may be out of date" } else { "" };
    println!("{how}: {name}: {} is {} since {}{stale}", state.group(), state.value(), state.time);
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (connections, _simulator) = common::connections()?;
    let engine = Engine::start(EngineConfig { connections, ..EngineConfig::default() })?;
    // The states come a moment after the connection.
    while engine.states().query(&Filter::everything()).is_empty() {
        actix_rt::time::sleep(Duration::from_millis(50)).await;
    }

    let settings =
        FilterSettings { groups: vec!["recording".into()], items: vec!["cameras/*".into()], ..Default::default() };
    let recording = Filter::new(&settings)?;
    let states = engine.send(QueryStates { filter: recording, limit: 5 }).await?;
    states.iter().for_each(|state| show("asked", state));

    // From the map: for code that has no time for a message, on any thread.
    if let Some(State { connection, item, .. }) = states.first() {
        let of_item = engine.states().item(connection.as_str(), &item.id);
        of_item.iter().for_each(|state| show("read", state));
    }

    // Keep one recipient: a mailbox's bound counts for each clone of its address.
    let recipient = Board::default().start().recipient();
    engine.send(Watch { subject: Subject::States, filter: Filter::everything(), recipient }).await?;
    common::until_the_end().await?;
    engine.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
