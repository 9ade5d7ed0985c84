//! Which faults are on at the moment, and when the periodic ones are due.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::faults::{Switchable, Times, Value};

struct Active<F> {
    fault: F,
    /// When a periodic fault strikes next.
    due: Instant,
}

/// The switchboard.
pub(in crate::simulator) struct Switches<F: Switchable>(BTreeMap<F::Kind, Active<F>>);

impl<F: Switchable> Default for Switches<F> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<F: Switchable + Copy> Switches<F> {
    /// With these on.
    pub(in crate::simulator) fn of(faults: &[F]) -> Self {
        let mut switches = Self::default();
        faults.iter().for_each(|fault| switches.set(*fault));
        switches
    }
}

impl<F: Switchable> Switches<F> {
    pub(in crate::simulator) fn set(&mut self, fault: F) {
        let due = Instant::now() + fault.period().unwrap_or_default();
        self.0.insert(fault.kind(), Active { fault, due });
    }

    pub(in crate::simulator) fn clear(&mut self, kind: F::Kind) {
        self.0.remove(&kind);
    }

    pub(in crate::simulator) fn on(&self, kind: F::Kind) -> bool {
        self.0.contains_key(&kind)
    }

    pub(in crate::simulator) fn get(&self, kind: F::Kind) -> Option<&F> {
        self.0.get(&kind).map(|active| &active.fault)
    }

    /// The status with which a fault of this kind answers, while it is on.
    pub(in crate::simulator) fn status(&self, kind: F::Kind) -> Option<u16> {
        self.get(kind)?.value()?.status()
    }

    pub(in crate::simulator) fn duration(&self, kind: F::Kind) -> Option<Duration> {
        self.get(kind)?.value()?.duration()
    }

    pub(in crate::simulator) fn count(&self, kind: F::Kind) -> Option<usize> {
        self.get(kind)?.value()?.count()
    }

    /// The status of a refusal; uses up one of a counted fault.
    pub(in crate::simulator) fn refuse(&mut self, kind: F::Kind) -> Option<u16> {
        let refusal = self.0.get_mut(&kind)?.fault.value_mut()?.refusal()?;
        let status = refusal.status;
        if let Some(left) = &mut refusal.count {
            *left = left.saturating_sub(1);
        }
        if refusal.count == Some(0) {
            self.clear(kind);
        }
        Some(status)
    }

    /// Whether a fault strikes now; uses up one time of a counted one.
    pub(in crate::simulator) fn strikes(&mut self, kind: F::Kind) -> bool {
        let Some(active) = self.0.get_mut(&kind) else { return false };
        let Some(Times(Some(left))) = active.fault.value_mut().and_then(Value::times) else { return true };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.clear(kind);
        }
        true
    }

    /// The periodic faults that are due now; each is put off by its period.
    pub(in crate::simulator) fn due(&mut self, now: Instant) -> Vec<F> {
        self.0
            .values_mut()
            .filter_map(|active| {
                let period = active.fault.period()?;
                (active.due <= now).then(|| {
                    active.due = now + period;
                    active.fault
                })
            })
            .collect()
    }
}
