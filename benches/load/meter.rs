//! What a process has used: processor time, memory, and room on the disk.

use crate::Outcome;
use crate::words::{States, Taken};

/// A reading taken when the measured flood is about to begin.
pub(crate) struct Meter {
    cpu_seconds: f64,
    resident: Option<u64>,
    written: Option<u64>,
}

impl Meter {
    pub(crate) fn start() -> Outcome<Self> {
        Ok(Self { cpu_seconds: cpu_seconds()?, resident: resident(), written: written() })
    }

    /// A later beginning: memory as it was, all else from now.
    pub(crate) fn anew(self) -> Outcome<Self> {
        Ok(Self { resident: self.resident, ..Self::start()? })
    }

    /// The reading at its end. Take the states after this: that is no part of the work.
    pub(crate) fn stop(&self, events: u64) -> Outcome<Taken> {
        let cpu_seconds = cpu_seconds()? - self.cpu_seconds;
        let written = written().zip(self.written).map(|(now, before)| now - before);
        let (resident, peak, motion) = (self.resident, peak(), States::new());
        Ok(Taken { events, cpu_seconds, resident, peak, written, first: None, motion })
    }
}

/// Processor time of all threads of this process so far, those that have ended too.
#[cfg(unix)]
pub(crate) fn cpu_seconds() -> Outcome<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(std::time::Duration::try_from(time)?.as_secs_f64())
}

#[cfg(not(unix))]
pub(crate) fn cpu_seconds() -> Outcome<f64> {
    Err("the processor time of a process cannot be read on this system; run this on Linux or macOS".into())
}

/// What this process has had written to disks so far, in bytes, by Linux' count: whole pages, each time that they are made to be written.
fn written() -> Option<u64> {
    value("/proc/self/io", "write_bytes")?.parse().ok()
}

/// Memory that this process has in use, in bytes.
pub(crate) fn resident() -> Option<u64> {
    memory("VmRSS")
}

/// The most memory that it ever had in use, in bytes.
pub(crate) fn peak() -> Option<u64> {
    memory("VmHWM")
}

/// Descriptors that it has open, by Linux' count.
pub(crate) fn descriptors() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

/// A line of Linux' `/proc/self/status` in bytes.
fn memory(line: &str) -> Option<u64> {
    let kib = value("/proc/self/status", line)?;
    Some(kib.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// What one of Linux' files of names and values says; elsewhere there is none.
fn value(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}
