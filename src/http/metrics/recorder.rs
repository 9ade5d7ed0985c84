//! What is counted into.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use metrics::{SetRecorderError, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::table::{Kind, METRICS};

/// How often observations of histograms are put into their buckets; until then each takes memory of its own.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What is counted in this process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

/// That of this process.
static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// Why nothing is counted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// A program that embeds this one counts elsewhere. Trying again does not help.
    #[error("another recorder is installed in this process: {0}")]
    Taken(#[from] SetRecorderError<PrometheusRecorder>),
    /// The buckets of a histogram cannot be used, which is a defect.
    #[error("the recorder of metrics: {0}")]
    Build(#[from] BuildError),
}

impl Metrics {
    /// Has everything counted from now on; what was counted before is lost. Once in a process: later calls answer with the same.
    ///
    /// # Errors
    /// [`InstallError`].
    pub fn install() -> Result<Self, InstallError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(installed) = INSTALLED.get() {
            return Ok(installed.clone());
        }
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)?;
        describe();
        Started { at: Timestamp::now() }.emit();
        Ok(INSTALLED.get_or_init(|| Self { handle }).clone())
    }

    /// What was installed, if it was.
    #[must_use]
    pub fn installed() -> Option<Self> {
        INSTALLED.get().cloned()
    }

    /// The text that Prometheus reads (version 0.0.4 of its format).
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Keeps what is counted small, for as long as it is polled.
    pub async fn upkeep(self) {
        let mut often = tokio::time::interval(UPKEEP_EVERY);
        loop {
            often.tick().await;
            self.handle.run_upkeep();
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS {
        if let Kind::Histogram(bounds) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)?;
        }
    }
    Ok(builder.build_recorder())
}

fn describe() {
    for metric in METRICS {
        let (name, unit, help) = (metric.name, metric.unit, metric.help);
        match metric.kind {
            Kind::Counter => describe_counter!(name, unit, help),
            Kind::Gauge => describe_gauge!(name, unit, help),
            Kind::Histogram(_) => describe_histogram!(name, unit, help),
        }
    }
}

/// The program has begun to count.
struct Started {
    at: Timestamp,
}

impl Started {
    fn emit(self) {
        gauge!("process_start_time_seconds").set(self.at.as_duration().as_secs_f64());
        gauge!("watchpost_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    }
}
