//! A look at where a sink would deliver. Nothing is sent or made there.

use crate::config::{SinkConfig, SinkKind};

/// What a look has shown, in lines for a person.
#[derive(Debug, Default)]
pub struct Trial {
    /// What was found, each with its heading.
    pub lines: Vec<(&'static str, String)>,
    /// What must be mended before the sink can deliver.
    pub failures: Vec<String>,
}

impl Trial {
    #[cfg(any(feature = "mqtt", feature = "nats"))]
    pub(super) fn tell(&mut self, heading: &'static str, text: impl Into<String>) {
        self.lines.push((heading, text.into()));
    }

    #[cfg(any(feature = "mqtt", feature = "nats"))]
    pub(super) fn fail(&mut self, why: impl Into<String>) {
        self.failures.push(why.into());
    }
}

/// Looks at where a sink would deliver; `None` for a kind that cannot be tried without delivering something.
#[cfg_attr(
    not(any(feature = "mqtt", feature = "nats")),
    expect(clippy::unused_async, reason = "brokers alone are tried")
)]
pub async fn look(sink: &SinkConfig) -> Option<Trial> {
    match &sink.kind {
        #[cfg(feature = "mqtt")]
        SinkKind::Mqtt(settings) => {
            let mut trial = Trial::default();
            // It makes tasks of its own that stay on this thread.
            match tokio::task::LocalSet::new().run_until(super::mqtt::trial::check(&sink.name, settings)).await {
                Ok(found) => trial.tell("broker", found),
                Err(why) => trial.fail(why),
            }
            Some(trial)
        }
        #[cfg(feature = "nats")]
        SinkKind::Nats(settings) => Some(super::nats::look(&sink.name, settings).await),
        SinkKind::Stdout | SinkKind::File(_) | SinkKind::Webhook(_) => None,
    }
}
