//! Which faults are on at the moment, and when the periodic ones are due.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::faults::{Fault, FaultKind, Refusal, Status};

struct Active {
    fault: Fault,
    /// When a periodic fault strikes next.
    due: Instant,
}

/// The switchboard.
#[derive(Default)]
pub(super) struct Switches(BTreeMap<FaultKind, Active>);

impl Switches {
    pub(super) fn set(&mut self, fault: Fault) {
        let due = Instant::now() + period(&fault).unwrap_or_default();
        self.0.insert(fault.kind(), Active { fault, due });
    }

    pub(super) fn clear(&mut self, kind: FaultKind) {
        self.0.remove(&kind);
    }

    pub(super) fn on(&self, kind: FaultKind) -> bool {
        self.0.contains_key(&kind)
    }

    pub(super) fn get(&self, kind: FaultKind) -> Option<&Fault> {
        self.0.get(&kind).map(|active| &active.fault)
    }

    /// The status with which a fault of this kind answers, while it is on.
    pub(super) fn status(&self, kind: FaultKind) -> Option<u16> {
        match self.get(kind)? {
            Fault::StateRefused(Status(status))
            | Fault::SessionRefused(Status(status))
            | Fault::SubscriptionRefused(Status(status))
            | Fault::RefuseToken(Status(status))
            | Fault::BulkRefused(Status(status)) => Some(*status),
            _ => None,
        }
    }

    pub(super) fn duration(&self, kind: FaultKind) -> Option<Duration> {
        match self.get(kind)? {
            Fault::SlowState(wait) | Fault::RestSlow(wait) | Fault::TokenExpires(wait) | Fault::LateWindow(wait) => {
                Some(*wait)
            }
            _ => None,
        }
    }

    pub(super) fn count(&self, kind: FaultKind) -> Option<usize> {
        match self.get(kind)? {
            Fault::Buffer(count) | Fault::SeveralGateways(count) | Fault::DeadGateways(count) => Some(*count),
            _ => None,
        }
    }

    /// The status of a refused upgrade; uses up one refusal of a counted fault.
    pub(super) fn refuse_upgrade(&mut self) -> Option<u16> {
        let active = self.0.get_mut(&FaultKind::RefuseUpgrade)?;
        let Fault::RefuseUpgrade(Refusal { status, count }) = &mut active.fault else {
            return None;
        };
        let status = *status;
        match count {
            None => return Some(status),
            Some(left) => *left = left.saturating_sub(1),
        }
        if *count == Some(0) {
            self.clear(FaultKind::RefuseUpgrade);
        }
        Some(status)
    }

    /// The periodic faults that are due now; each is put off by its period.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Fault> {
        self.0
            .values_mut()
            .filter_map(|active| {
                let period = period(&active.fault)?;
                (active.due <= now).then(|| {
                    active.due = now + period;
                    active.fault
                })
            })
            .collect()
    }
}

fn period(fault: &Fault) -> Option<Duration> {
    match fault {
        Fault::Recycle(every)
        | Fault::Reset(every)
        | Fault::Drop(every)
        | Fault::HalfOpen(every)
        | Fault::Stall(every)
        | Fault::Garbage(every)
        | Fault::Burst(every) => Some(*every),
        _ => None,
    }
}
