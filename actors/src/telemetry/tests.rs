#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Mutex;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::*;

/// Remembers every series.
#[derive(Default)]
struct Series(Mutex<BTreeSet<String>>);

impl Series {
    fn meet(&self, key: &Key) {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        self.0.lock().unwrap().insert(format!("{}{labels:?}", key.name()));
    }
}

impl Recorder for Series {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.meet(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.meet(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.meet(key);
        Histogram::noop()
    }
}

/// Everything that can happen to a connection.
fn all_of(connection: &ConnectionName) {
    let (why, error) = (connection.as_str(), &connection as &dyn fmt::Display);
    ConnectionChanged { connection, old: "online", new: "delayed", reason: why }.emit();
    TryEnded { connection, why, cause: Cause::Closed, online: None, again_in: Duration::ZERO, news: true }.emit();
    SessionStarted { connection }.emit();
    OddityMet { connection, what: why }.emit();
    let (repeats, gaps, lag) = (1, 1, Some(Duration::ZERO));
    BatchStored { connection, vendor: "een", events: &Events::default(), repeats, gaps, lag }.emit();
    BatchRefused { connection, error, news: true }.emit();
    ConnectionPanicked { connection, again_in: Duration::ZERO }.emit();
    MediaFetched { connection, result: Ok(1) }.emit();
    CommandDone { connection, command: "create-event", result: Ok(()) }.emit();
    CommandTroubled { connection, command: "create-event", trouble: why }.emit();
    NamesMissed { connection, names: 1 }.emit();
    HeldBack { connection }.emit();
    LoginEnded { account: why, result: Ok(why) }.emit();
    LoginsSlowed { user: why, why, pause: Duration::ZERO, spacing: Duration::ZERO }.emit();
    NameAsked { account: why, trouble: Some(why), took: Duration::ZERO }.emit();
    UnknownCode { vendor: "een", code: why, info: why }.emit();
    CallFailed { vendor: "een", what: "the devices", why }.emit();
}

#[test]
fn thousands_of_children_count_in_the_series_of_their_parent() {
    let series = Series::default();
    let parent = ConnectionName::new("stores").unwrap();
    let count = metrics::with_local_recorder(&series, || {
        all_of(&parent);
        let alone = series.0.lock().unwrap().len();
        (0..5_000).for_each(|number| all_of(&parent.child(&format!("{number:08}")).unwrap()));
        alone
    });
    let all = series.0.into_inner().unwrap();
    assert!(count >= 17, "{all:?}");
    assert_eq!(all.len(), count, "{all:?}");
}
