//! Keeps a flood to its schedule: wakes the writers of its sessions whenever a frame is due, whatever has become of the frames before.

use std::{
    hint, io,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    flood::FloodPlan,
    stamp::{self, Ticks},
};

/// A thread that sleeps wakes up to so much late on Linux (its timer slack is 50 µs), so it sleeps for less and spins for the rest, in ticks.
const SLACK: Ticks = 600;

/// Wakes writers on a thread of its own until the schedule has ended, or nobody has the plan any more.
///
/// # Errors
///
/// Whatever the system says when it cannot start a thread.
pub(super) fn start(plan: &Arc<FloodPlan>, writers: Vec<Arc<Notify>>) -> io::Result<()> {
    let plan = Arc::downgrade(plan);
    thread::Builder::new().name("flood-pacer".to_owned()).spawn(move || run(&plan, &writers)).map(drop)
}

fn run(plan: &Weak<FloodPlan>, writers: &[Arc<Notify>]) {
    let mut told = None;
    while let Some(due) = plan.upgrade().and_then(|plan| plan.due_after(told)) {
        wait(due);
        // Read before: what is due only after it gets a call of its own, however late this thread is by then.
        told = Some(stamp::now());
        // One that is still busy with the frames before keeps this in mind.
        writers.iter().for_each(|writer| writer.notify_one());
    }
}

fn wait(due: Ticks) {
    let early = due.saturating_sub(stamp::now()).saturating_sub(SLACK);
    if early > 0 {
        thread::sleep(Duration::from_nanos(early * 100));
    }
    while stamp::now() < due {
        hint::spin_loop();
    }
}
