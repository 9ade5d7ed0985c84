//! The simulated cloud, which lets one thing happen at a time.

use std::io::{self, BufRead};
use std::thread;
use std::time::{Duration, Instant};

use watchpost::simulator::een::{Change, DropHow, Keep, Options, Simulator, audit};

use super::milliseconds;
use super::words::{Census, Cloud, HostOrder, HostWord, Known, Truth};
use crate::Outcome;
use crate::crowd::raise_descriptors;
use crate::words::say;

/// The part of the sockets that is broken.
const PART: f64 = 0.1;

/// Obeys orders until standard input ends.
pub(super) fn run(accounts: usize, cameras: usize) -> Outcome<()> {
    raise_descriptors()?;
    let options = Options { accounts, cameras, oddities: false, ledger: Keep::Nothing, ..Options::default() };
    let simulator = Simulator::start(options)?;
    let holders = simulator.holders();
    let cameras: Vec<Vec<String>> = holders.iter().map(|account| simulator.cameras(account)).collect();
    let host = Host { simulator, cameras };
    say(&HostWord::Listening(Cloud {
        url: host.simulator.url(),
        accounts: holders,
        cameras: host.cameras.iter().map(Vec::len).sum(),
        states: host.truth().states.len(),
    }))?;
    for line in io::stdin().lock().lines() {
        let word = match serde_json::from_str(&line?)? {
            HostOrder::Changes { over } => host.changes(over)?,
            HostOrder::Kill => host.kill()?,
            HostOrder::Truth => HostWord::Truth(host.truth()),
            HostOrder::Census => HostWord::Census(host.census()),
        };
        say(&word)?;
    }
    Ok(())
}

struct Host {
    simulator: Simulator,
    /// Account by account.
    cameras: Vec<Vec<String>>,
}

impl Host {
    /// One change of each camera, evenly over so long, one account after the other.
    fn changes(&self, over: Duration) -> Outcome<HostWord> {
        let count = u32::try_from(self.cameras.iter().map(Vec::len).sum::<usize>())?;
        let began = Instant::now();
        let most = self.cameras.iter().map(Vec::len).max().unwrap_or(0);
        let in_turn = (0..most).flat_map(|nth| self.cameras.iter().filter_map(move |cameras| cameras.get(nth)));
        for (number, camera) in (1..).zip(in_turn) {
            self.change(camera)?;
            thread::sleep((over * number / count).saturating_sub(began.elapsed()));
        }
        Ok(HostWord::Done)
    }

    /// It begins or ceases to record, which is one change of one state.
    fn change(&self, camera: &str) -> Outcome<()> {
        let mut either = [Change::RecordingStarted, Change::RecordingStopped].into_iter();
        let changed = either.any(|change| self.simulator.change(camera, change));
        if changed { Ok(()) } else { Err(format!("{camera} can neither begin nor cease to record").into()) }
    }

    fn kill(&self) -> Outcome<HostWord> {
        let at = milliseconds();
        let sockets = self.simulator.drop_random(PART, DropHow::Reset);
        self.cameras.iter().filter_map(|cameras| cameras.first()).try_for_each(|camera| self.change(camera))?;
        Ok(HostWord::Killed { sockets, at })
    }

    fn truth(&self) -> Truth {
        let (mut states, mut words) = (Known::new(), Known::new());
        for (esn, truth) in self.simulator.truth() {
            let item = audit::item(truth.bridge, &esn);
            for (group, value) in audit::states(truth.bridge, &truth.legacy) {
                states.insert(format!("{}/{item} {group}", truth.account), value.to_owned());
            }
            words.insert(esn, truth.word.to_string());
        }
        Truth { states, words }
    }

    fn census(&self) -> Census {
        let (counters, busiest_second) = (self.simulator.counters(), self.simulator.busiest_second("authenticate"));
        Census {
            logins: counters.logins(),
            tried: counters.of("authenticate").tried,
            busiest_second,
            device_lists: counters.of("devices").tried,
            sockets: counters.sockets_opened,
            sockets_open: counters.sockets_open,
            pings: counters.pings,
        }
    }
}
