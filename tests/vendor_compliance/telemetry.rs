//! Everything that this process logs, at every level, and counts.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tracing_subscriber::fmt::MakeWriter;

/// Takes all of it from the first use on.
static TELEMETRY: LazyLock<Telemetry> = LazyLock::new(|| {
    let telemetry = Telemetry::default();
    metrics::set_global_recorder(telemetry.clone()).expect("no other recorder");
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    // Takes what goes through `log` too.
    log.with_writer(telemetry.clone()).init();
    telemetry
});

#[derive(Clone, Default)]
pub(crate) struct Telemetry {
    lines: Arc<Mutex<Vec<String>>>,
    counters: Arc<Mutex<HashMap<Key, Arc<AtomicU64>>>>,
}

/// All that was logged and counted so far.
pub(crate) fn telemetry() -> &'static Telemetry {
    &TELEMETRY
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Telemetry {
    /// What a counter has come to, over all of its series that have these labels.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let has = |key: &Key, (name, value): &(&str, &str)| {
            key.labels().any(|label| label.key() == *name && label.value() == *value)
        };
        let counters = lock(&self.counters);
        let of = counters.iter().filter(|(key, _)| key.name() == name && labels.iter().all(|label| has(key, label)));
        of.map(|(_, count)| count.load(Ordering::Acquire)).sum()
    }

    /// The lines of this level that hold all of these words.
    pub(crate) fn lines(&self, level: &str, words: &[&str]) -> Vec<String> {
        let level = format!(" {level} ");
        let holds = |line: &&String| line.contains(&level) && words.iter().all(|word| line.contains(word));
        lock(&self.lines).iter().filter(holds).cloned().collect()
    }

    /// A line that holds this, at whatever level.
    pub(crate) fn find(&self, text: &str) -> Option<String> {
        lock(&self.lines).iter().find(|line| line.contains(text)).cloned()
    }
}

/// One event of the log, which is written in pieces.
#[derive(Default)]
pub(crate) struct Line {
    text: Vec<u8>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        lock(&self.lines).push(String::from_utf8_lossy(&self.text).into_owned());
    }
}

impl MakeWriter<'_> for Telemetry {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line { text: Vec::new(), lines: Arc::clone(&self.lines) }
    }
}

impl Recorder for Telemetry {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(lock(&self.counters).entry(key.clone()).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
