//! A day in the house: somebody leaves, and comes back while the cloud is away.

use std::time::{Duration, Instant};

use watchpost::simulator::simplisafe::{Bolt, By, DropHow, Mode};

use super::{house::House, script::Timing};

/// Something that happens.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The front door is opened or closed.
    Door(bool),
    /// The front door is locked or unlocked.
    Bolt(Bolt),
    /// Somebody arms the house, and leaves.
    Arm,
    /// Somebody enters the code.
    Disarm,
    /// The outdoor camera sees something.
    Motion,
    /// Somebody rings.
    Ring,
    /// There is power, or none.
    Mains(bool),
    /// The cloud breaks its sockets, and is gone.
    Away,
    /// It is back.
    Back,
}

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// In which part of a cycle, and how long after that, what happens. A base station with a lock is asked nothing for 20 s after it was armed or disarmed, so what
/// only polls tell happens before. The door that was opened last is closed in the next cycle.
const STORY: [(f64, Duration, Step); 15] = [
    (0.02, ms(0), Step::Door(false)),
    (0.04, ms(0), Step::Bolt(Bolt::Unlocked)),
    (0.07, ms(0), Step::Door(true)),
    (0.18, ms(0), Step::Door(false)),
    (0.22, ms(0), Step::Bolt(Bolt::Locked)),
    (0.30, ms(0), Step::Arm),
    (0.47, ms(0), Step::Motion),
    (0.50, ms(0), Step::Away),
    (0.50, ms(200), Step::Bolt(Bolt::Unlocked)),
    (0.50, ms(400), Step::Door(true)),
    (0.50, ms(900), Step::Disarm),
    (0.50, ms(1_300), Step::Back),
    (0.80, ms(0), Step::Ring),
    (0.85, ms(0), Step::Mains(false)),
    (0.92, ms(0), Step::Mains(true)),
];

/// How far it has got.
pub(super) struct Story {
    house: House,
    cycle: Duration,
    /// When the engine first followed the house.
    begun: Option<Instant>,
    next: usize,
    away: bool,
}

impl Story {
    pub(super) fn new(house: House, timing: Timing) -> Self {
        Self { house, cycle: timing.cycle(), begun: None, next: 0, away: false }
    }

    /// Lets happen what is due, and tells what the cloud does.
    pub(super) fn go_on(&mut self, tell: &mut dyn FnMut(String)) {
        let Some(begun) = self.begun else {
            // What happens before anybody watches would be nobody's business.
            let is_watched = self.house.simulator.counters().sockets_subscribed > 0;
            self.begun = is_watched.then(Instant::now);
            return;
        };
        while self.due() <= begun.elapsed() {
            self.step(STORY[self.next % STORY.len()].2, tell);
            self.next += 1;
        }
    }

    /// When the next step is due, counted from the beginning.
    fn due(&self) -> Duration {
        let (part, after, _) = STORY[self.next % STORY.len()];
        let cycles = u32::try_from(self.next / STORY.len()).unwrap_or(u32::MAX);
        self.cycle.saturating_mul(cycles) + self.cycle.mul_f64(part) + after
    }

    fn step(&mut self, step: Step, tell: &mut dyn FnMut(String)) {
        let (simulator, sid) = (&self.house.simulator, self.house.sid);
        match step {
            Step::Door(open) => {
                let Some(door) = simulator.door(sid, 0) else { return };
                let truth = simulator.truth();
                let is_open = truth.get(&sid).and_then(|truth| truth.devices.get(&door)?.triggered);
                if is_open != Some(open) {
                    simulator.set_open(sid, &door, open);
                }
            }
            Step::Bolt(bolt) => {
                simulator.lock_of(sid).and_then(|lock| simulator.set_lock(sid, &lock, bolt));
            }
            Step::Arm => {
                simulator.arm(sid, Mode::Away, By::Keypad);
            }
            Step::Disarm => {
                simulator.disarm(sid, By::Keypad);
            }
            Step::Motion => {
                simulator.cameras(sid).last().and_then(|camera| simulator.camera_motion(sid, camera));
            }
            Step::Ring => {
                simulator.cameras(sid).first().and_then(|camera| simulator.ring(sid, camera));
            }
            Step::Mains(mains) => {
                simulator.set_mains(sid, mains);
            }
            Step::Away => {
                simulator.drop_sockets(DropHow::Reset);
                simulator.pause_listening();
                self.away = true;
                tell("the cloud breaks the socket, and is gone".to_owned());
            }
            Step::Back => self.come_back(tell),
        }
    }

    /// Ends what is going on, so that the engine can come back.
    pub(super) fn come_back(&mut self, tell: &mut dyn FnMut(String)) {
        if std::mem::take(&mut self.away) {
            match self.house.simulator.resume_listening() {
                Ok(()) => tell("the cloud is back, with all that was missed in its history".to_owned()),
                Err(error) => tell(format!("the cloud cannot come back: {error}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_comes_after_the_one_before_it_however_short_the_demo() {
        for seconds in [10.0, 15.0, 30.0, 60.0] {
            let due: Vec<f64> = STORY.iter().map(|(part, after, _)| seconds * part + after.as_secs_f64()).collect();
            assert!(due.is_sorted() && due.iter().all(|due| *due < seconds));
        }
    }
}
