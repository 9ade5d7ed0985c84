//! Events that happen by themselves, and stop when they are told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use watchpost::simulator::milestone::Simulator;

/// Lets events happen until it is dropped.
pub struct Walk {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Walk {
    /// So many events per second.
    pub fn start(sim: &Simulator, rate: f64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (sim, stopped) = (sim.clone(), Arc::clone(&stop));
        let walk = move || {
            let (begun, mut done) = (Instant::now(), 0);
            while !stopped.load(Ordering::Acquire) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of events")]
                let due = (begun.elapsed().as_secs_f64() * rate) as usize;
                sim.emit(due - done);
                done = due;
                thread::sleep(Duration::from_millis(5));
            }
        };
        Self { stop, thread: Some(thread::spawn(walk)) }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // It cannot panic but with the simulator, of which the test will hear.
            drop(thread.join());
        }
    }
}
