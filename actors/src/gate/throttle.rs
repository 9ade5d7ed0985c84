//! How a server is spared that wants fewer requests: a pause for all, then turns at a slower pace, which recovers with each login that works.
//!
//! A pure value.

use std::time::Duration;

/// The first pause where the server does not say how long. It doubles with each in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Who waits at the gate waits on for a pause of this length, and is turned away for a longer one.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same for this many pauses in a row: then people should be told why nothing goes on.
const PATIENT_PAUSES: u32 = 3;
/// The least time between two turns once the server has asked for fewer, and the longest it becomes.
const SLOWED: Duration = Duration::from_millis(50);
const SLOWEST: Duration = Duration::from_secs(4);
/// Each login that works takes this part off that time.
const RECOVERY: u32 = 16;

/// The pace of a gate.
#[derive(Debug)]
pub(super) struct Throttle {
    /// The least time between two turns, as the settings want it.
    usual: Duration,
    /// The same, as the server bears it.
    spacing: Duration,
    /// Pauses without a login in between that has worked.
    in_a_row: u32,
    /// The last turn before the last pause. That the server has not borne those together is said once.
    turns: u64,
}

/// For how long nobody enters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) length: Duration,
    /// Those at the gate wait for its end.
    pub(super) is_brief: bool,
    /// It is not about turns that another one was about.
    pub(super) is_news: bool,
}

impl Throttle {
    pub(super) fn new(usual: Duration) -> Self {
        Self { usual, spacing: usual, in_a_row: 0, turns: 0 }
    }

    /// The settings have changed. A server that was slowed down for is asked faster as it bears that, else at once.
    pub(super) fn set_usual(&mut self, usual: Duration) {
        let is_slowed = self.spacing > std::mem::replace(&mut self.usual, usual);
        self.spacing = if is_slowed { self.spacing.max(usual) } else { usual };
    }

    /// The least time between two turns.
    pub(super) fn spacing(&self) -> Duration {
        self.spacing
    }

    /// Whether this turn was before the last pause.
    pub(super) fn is_before_pause(&self, turn: u64) -> bool {
        turn <= self.turns
    }

    /// In this one of so many turns the server has asked to be left alone, for as long as it says, if it does.
    pub(super) fn too_many(&mut self, turn: u64, turns: u64, asked: Option<Duration>) -> Pause {
        let is_news = !self.is_before_pause(turn);
        if is_news {
            self.turns = turns;
            self.in_a_row += 1;
            self.spacing = (self.spacing * 2).clamp(SLOWED, SLOWEST);
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.in_a_row.saturating_sub(1).min(16));
        let length = asked.unwrap_or(doubled.min(LONGEST_PAUSE));
        Pause { length, is_brief: length <= PATIENCE && self.in_a_row <= PATIENT_PAUSES, is_news }
    }

    /// The login of this turn has worked. One that was under way before the last pause does not say what the server bears since.
    pub(super) fn granted(&mut self, turn: u64) {
        if self.is_before_pause(turn) {
            return;
        }
        self.in_a_row = 0;
        self.spacing = (self.spacing - self.spacing / RECOVERY).max(self.usual);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn pauses_double_until_a_login_works_and_are_brief_three_times() {
        let mut throttle = Throttle::new(MS);
        for round in 0..2 {
            let pauses: Vec<_> = (1..=7)
                .map(|turn| throttle.too_many(turn + 10 * round, turn + 10 * round, None))
                .map(|pause| (pause.length.as_secs(), pause.is_brief))
                .collect();
            let expected = [(2, true), (4, true), (8, true), (16, false), (32, false), (60, false), (60, false)];
            assert_eq!(pauses, expected);
            throttle.granted(10 * round + 8);
        }
    }

    #[test]
    fn a_pause_that_the_server_names_is_kept_and_brief_up_to_15_seconds_three_times() {
        let mut throttle = Throttle::new(MS);
        for (turn, (asked, is_brief)) in (1..).zip([(15, true), (16, false), (5, true), (5, false)]) {
            let pause = throttle.too_many(turn, turn, Some(SECOND * asked));
            assert_eq!(pause, Pause { length: SECOND * asked, is_brief, is_news: true }, "{turn}");
        }
    }

    #[test]
    fn logins_that_were_under_way_together_are_one_reason_to_slow_down() {
        let mut throttle = Throttle::new(MS);
        for turn in [9, 3, 10] {
            let pause = throttle.too_many(turn, 10, None);
            assert_eq!(pause, Pause { length: 2 * SECOND, is_brief: true, is_news: turn == 9 });
        }
        assert_eq!(throttle.spacing(), SLOWED);
        assert_eq!(throttle.too_many(11, 11, None).length, 4 * SECOND);
    }

    #[test]
    fn turns_come_half_as_often_each_time_and_recover_with_each_login_that_works() {
        let mut throttle = Throttle::new(20 * MS);
        let slowed: Vec<_> = (1..=8)
            .map(|turn| {
                throttle.too_many(turn, turn, None);
                throttle.spacing().as_millis()
            })
            .collect();
        assert_eq!(slowed, [50, 100, 200, 400, 800, 1_600, 3_200, 4_000]);
        let mut logins = 0;
        while throttle.spacing() > 20 * MS {
            let before = throttle.spacing();
            throttle.granted(9);
            assert!(throttle.spacing() < before);
            logins += 1;
        }
        assert!((50..120).contains(&logins), "{logins}");
        throttle.granted(9);
        assert_eq!(throttle.spacing(), 20 * MS, "no faster than the settings say");
    }

    #[test]
    fn logins_that_were_under_way_before_a_pause_undo_nothing_of_it() {
        let mut throttle = Throttle::new(MS);
        throttle.too_many(500, 1_000, None);
        (501..=1_000).for_each(|turn| throttle.granted(turn));
        assert_eq!(throttle.spacing(), SLOWED);
        assert_eq!(throttle.too_many(1_001, 1_001, None).length, 4 * SECOND, "nor are pauses any less in a row");
    }

    #[test]
    fn a_faster_setting_counts_at_once_unless_the_server_has_asked_for_less() {
        let mut throttle = Throttle::new(SECOND);
        throttle.set_usual(MS);
        assert_eq!(throttle.spacing(), MS);
        throttle.too_many(1, 1, None);
        throttle.set_usual(2 * MS);
        throttle.set_usual(MS);
        assert_eq!(throttle.spacing(), SLOWED);
    }

    #[test]
    fn a_slower_setting_counts_at_once() {
        let mut throttle = Throttle::new(MS);
        throttle.set_usual(SECOND);
        assert_eq!(throttle.spacing(), SECOND);
        throttle.too_many(1, 1, None);
        assert_eq!(throttle.spacing(), 2 * SECOND);
    }
}
