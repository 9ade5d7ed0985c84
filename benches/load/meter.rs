//! What a process has used: processor time and memory.

use crate::Outcome;
use crate::words::{States, Taken};

/// A reading taken when the measured flood is about to begin.
pub(crate) struct Meter {
    cpu_seconds: f64,
    resident: Option<u64>,
}

impl Meter {
    pub(crate) fn start() -> Outcome<Self> {
        Ok(Self { cpu_seconds: cpu_seconds()?, resident: memory("VmRSS") })
    }

    /// The reading at its end. Take the states after this: that is no part of the work.
    pub(crate) fn stop(&self, events: u64) -> Outcome<Taken> {
        let cpu_seconds = cpu_seconds()? - self.cpu_seconds;
        Ok(Taken { events, cpu_seconds, resident: self.resident, peak: memory("VmHWM"), motion: States::new() })
    }
}

/// Processor time of all threads of this process so far, those that have ended too.
#[cfg(unix)]
fn cpu_seconds() -> Outcome<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(std::time::Duration::try_from(time)?.as_secs_f64())
}

#[cfg(not(unix))]
fn cpu_seconds() -> Outcome<f64> {
    Err("the processor time of a process cannot be read on this system; run this on Linux or macOS".into())
}

/// A line of Linux' `/proc/self/status` in bytes; elsewhere there is none.
fn memory(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
