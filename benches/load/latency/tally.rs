//! Delays as they come in, and whether every event has come, once.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::moment;
use crate::Outcome;

/// Delays from 1 ns to this are told apart, in nanoseconds; a longer one is counted as this long.
const LONGEST: u64 = 600_000_000_000;

/// What the sites send.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Expected {
    /// Each site's address.
    pub(crate) urls: Vec<String>,
    /// Events of a site that are not measured.
    pub(crate) warm_up: u64,
    /// Events of a site, those included.
    pub(crate) events: u64,
}

/// How long events took, in nanoseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Delays {
    pub(crate) events: u64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p99_9: u64,
    pub(crate) max: u64,
}

impl From<&Histogram<u64>> for Delays {
    fn from(delays: &Histogram<u64>) -> Self {
        let at = |percent| delays.value_at_percentile(percent);
        let (p50, p90, p99, p99_9) = (at(50.0), at(90.0), at(99.0), at(99.9));
        Self { events: delays.len(), p50, p90, p99, p99_9, max: delays.max() }
    }
}

/// A histogram with three digits.
pub(crate) fn histogram() -> Outcome<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LONGEST, 3)?)
}

/// Takes events as they come.
pub(crate) struct Tally {
    warm_up: u64,
    /// Site by site, event by event: it has come.
    seen: Vec<Vec<bool>>,
    left: u64,
    delays: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new(expected: &Expected) -> Outcome<Self> {
        let Expected { urls, warm_up, events } = expected;
        let seen = vec![vec![false; usize::try_from(*events)?]; urls.len()];
        Ok(Self { warm_up: *warm_up, seen, left: events * urls.len() as u64, delays: histogram()? })
    }

    /// An event of a site has come at this moment.
    pub(crate) fn take(&mut self, site: usize, id: &str, time: &str, arrived: i128) -> Outcome<()> {
        // The simulator's ids end with the event's number in its flood.
        let number = id.rsplit('-').next().and_then(|number| u64::from_str_radix(number, 16).ok());
        let number = number.ok_or_else(|| format!("{id:?} is of no flood"))?;
        let seen = self.seen.get_mut(site).and_then(|seen| seen.get_mut(usize::try_from(number).ok()?));
        if std::mem::replace(seen.ok_or_else(|| format!("{id} was not to come from site {site}"))?, true) {
            return Err(format!("{id} has come twice from site {site}").into());
        }
        self.left -= 1;
        if number >= self.warm_up {
            let delay = arrived - moment::of_text(time)?;
            let delay = u64::try_from(delay).map_err(|_| format!("{id} came {} ns before it was due", -delay))?;
            self.delays.saturating_record(delay);
        }
        Ok(())
    }

    /// The delays, once all events are there.
    pub(crate) fn done(&self) -> Option<Delays> {
        (self.left == 0).then(|| Delays::from(&self.delays))
    }
}
