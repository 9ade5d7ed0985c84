//! The simulator's side of a demo: events at a rate, and breaks by the script.

use std::{
    fmt, io,
    sync::mpsc::{self as std_mpsc, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use watchpost::simulator::milestone::Simulator;

use super::{
    cloud::Cloud,
    house::House,
    script::{Break, Timing},
    story::Story,
    yard::{self, Yard},
};

/// How often events happen.
const TICK: Duration = Duration::from_millis(50);
/// Of so many events one happens in the cloud.
const CLOUD_SHARE: u64 = 10;
/// Notices that may wait to be shown.
const NOTICES: usize = 64;

/// What happens at the simulators, in words.
#[derive(Debug, Clone)]
pub(super) enum Notice {
    /// The gateway does something.
    Gateway(String),
    /// Something happens at a store, in the VMS's own words.
    Cloud(String),
    /// Something happens in the house, in its own words, or to its cloud.
    House(String),
    /// Something happens in the yard, in its cloud's own words.
    Yard(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(what) => write!(f, "the simulator {what}"),
            Self::Cloud(what) => write!(f, "the cloud: {what}"),
            Self::House(what) => write!(f, "the house: {what}"),
            Self::Yard(what) => write!(f, "the yard: {what}"),
        }
    }
}

/// The thread that lets things happen. It ends when this is dropped.
pub(super) struct Stage {
    end: std_mpsc::Sender<()>,
}

impl Stage {
    /// Starts the thread; what it does is told in words. The notices end when it does.
    pub(super) fn start(
        simulator: Simulator,
        (cloud, house, yard): (Cloud, House, Yard),
        rate: u32,
        timing: Timing,
    ) -> io::Result<(Self, mpsc::Receiver<Notice>)> {
        let (end, ended) = std_mpsc::channel();
        let (notices, told) = mpsc::channel(NOTICES);
        let now = Instant::now();
        let mut play =
            Play { simulator, timing, notices, start: now, next: 0, back_at: None, broken: None, mended_at: now };
        thread::Builder::new().name("demo-stage".to_owned()).spawn(move || {
            let (mut happened, happenings) = (0, cloud.happenings());
            let (in_house, mut story) = (house.happenings(), Story::new(house, timing));
            let (in_yard, mut yard) = (yard.happenings(), yard::Story::new(yard, timing));
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
                let due = play.start.elapsed().as_millis().saturating_mul(u128::from(rate)) / 1_000;
                let due = u64::try_from(due).unwrap_or(u64::MAX);
                play.simulator.emit(usize::try_from(due - happened).unwrap_or(0));
                // The cloud is a quieter place.
                cloud.emit(usize::try_from(due / CLOUD_SHARE - happened / CLOUD_SHARE).unwrap_or(0));
                happened = due;
                for happening in happenings.try_iter() {
                    play.notify(Notice::Cloud(happening.words));
                }
                story.go_on(&mut |what| play.notify(Notice::House(what)));
                for happening in in_house.try_iter() {
                    play.notify(Notice::House(happening.words));
                }
                yard.go_on(&mut |what| play.notify(Notice::Yard(what)));
                for happening in in_yard.try_iter() {
                    play.notify(Notice::Yard(format!("{}: {}", happening.name, happening.words)));
                }
                play.go_on();
            }
            story.come_back(&mut |what| play.notify(Notice::House(what)));
            play.come_back();
        })?;
        Ok((Self { end }, told))
    }

    /// Ends what is going on; an outage too, so that the engine can come back.
    pub(super) fn end(self) {
        drop(self.end);
    }
}

/// How far the script has got.
struct Play {
    simulator: Simulator,
    timing: Timing,
    notices: mpsc::Sender<Notice>,
    start: Instant,
    next: usize,
    /// While the gateway is away: until when.
    back_at: Option<Instant>,
    /// While a break is not mended: what there was before it.
    broken: Option<Sessions>,
    mended_at: Instant,
}

/// How many sessions there were, and how often one was resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sessions {
    begun: usize,
    resumed: usize,
}

impl Sessions {
    fn of(simulator: &Simulator) -> Self {
        let sessions = simulator.ledger().sessions;
        let begun = sessions.iter().filter(|session| session.subscribed.is_some()).count();
        Self { begun, resumed: sessions.iter().map(|session| session.resumed.len()).sum() }
    }
}

impl Play {
    fn go_on(&mut self) {
        if self.back_at.is_some_and(|back_at| Instant::now() >= back_at) {
            self.come_back();
        }
        if self.is_mended() && self.mended_at.elapsed() >= self.timing.rest {
            self.break_what_is_due();
        }
    }

    fn is_mended(&mut self) -> bool {
        let Some(before) = self.broken else { return true };
        let now = Sessions::of(&self.simulator);
        if now.resumed > before.resumed {
            self.tell("resumes the session, and sends what was missed".to_owned());
        } else if now.begun > before.begun {
            self.tell("begins a new session: what was missed is gone".to_owned());
        } else {
            return false;
        }
        self.broken = None;
        self.mended_at = Instant::now();
        true
    }

    fn break_what_is_due(&mut self) {
        let (due, what) = self.timing.nth(self.next);
        if self.start.elapsed() < due {
            return;
        }
        let before = Sessions::of(&self.simulator);
        match what {
            Break::Drop(how, words) => {
                if self.simulator.drop_sockets(how) == 0 {
                    return;
                }
                self.tell(words.to_owned());
            }
            Break::Outage => {
                self.simulator.pause_listening();
                self.back_at = Some(Instant::now() + self.timing.outage);
                let [outage, window] = [self.timing.outage, self.timing.window].map(humantime::format_duration);
                self.tell(format!("goes away for {outage}, and keeps the session for {window}"));
            }
        }
        self.broken = Some(before);
        self.next += 1;
    }

    fn come_back(&mut self) {
        if self.back_at.take().is_some() {
            match self.simulator.resume_listening() {
                Ok(()) => self.tell("is back".to_owned()),
                Err(error) => self.tell(format!("cannot come back: {error}")),
            }
        }
    }

    fn tell(&self, what: String) {
        self.notify(Notice::Gateway(what));
    }

    fn notify(&self, notice: Notice) {
        // A notice that finds no room is not worth waiting for.
        let _ = self.notices.try_send(notice);
    }
}
