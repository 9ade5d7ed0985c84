//! Everything at once: the real program beside all four simulators, sinks of every kind, and whatever can go wrong, by a seed.
//!
//! `WATCHPOST_CHAOS_SEED=7` begins with that seed, `WATCHPOST_CHAOS_RUNS=100` makes so many runs, one seed each, and `WATCHPOST_CHAOS_SECONDS=300`
//! lets trouble last so long in each. A run that fails tells its seed and keeps its folder. See `docs/reliability.md`.
//!
//! - `plan` is what a run is asked for, `decks` are the faults that it may meet.
//! - `world` are the simulators, brokers and sinks, and the program; `readers` are those who listen to its sinks.
//! - `troubles` are what goes wrong, one after the other, and how each ends.
//! - `truth` is what the simulators say that they have told; `auditor` compares that with the journal, and the journal with the sinks.
//! - `table` adds it all up. `trials` hold the auditor to finding what it looks for.
#![cfg(all(target_os = "linux", feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "../durable_support/mod.rs"]
mod durable_support;
#[path = "../common/milestone_deck.rs"]
mod milestone_deck;
#[path = "../common/mosquitto.rs"]
mod mosquitto;
#[path = "../common/nats.rs"]
mod nats;

mod auditor;
mod decks;
mod http;
mod plan;
mod readers;
mod table;
mod trials;
mod troubles;
mod truth;
mod world;

use crate::{plan::Plan, table::Table, troubles::Troubles, world::World};

#[test]
fn whatever_happens_at_once_nothing_is_lost_in_silence_or_told_out_of_order() {
    let mut all = Table::default();
    for plan in Plan::asked_for() {
        eprintln!("{plan}");
        let mut world = World::start(&plan);
        let tally = Troubles::begin(&mut world, &plan).run();
        let (evidence, waited) = world.settle(&plan, &tally);
        let verdict = evidence.judge();
        let table = Table::of(&tally, &verdict, waited);
        eprintln!("{table}");
        if !verdict.is_clean() {
            world.keep(&tally, &verdict);
            panic!("{plan}: {verdict}");
        }
        all.add(&table);
        world.end();
    }
    eprintln!("all runs together:\n{all}");
}
