//! Where a sink's events go, and what can come of a try.

use std::time::Duration;

use watchpost_actors::{
    EngineHandle,
    model::{Filter, event::SharedEvent},
};

use super::delivery::Delivery;
use super::window::Window;

/// What a sink could not deliver, and whether a later try can help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Later it may work: tried again without end. `after`: the receiver asked to be left alone for so long.
    Again { why: String, after: Option<Duration> },
    /// The receiver does not want it: tried again a few times (the sink's `tries`), then a dead letter. `at_once`: trying again cannot
    /// help (too large).
    Refused { why: String, at_once: bool },
    /// Nobody reads any more what the sink writes (standard output).
    ReaderGone,
}

/// How an outlet wants its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    /// Several connections at once, each in its own order; else one order for all.
    pub(super) per_connection: bool,
    /// Events in one delivery at most.
    pub(super) batch: usize,
    /// A lane is delivered [through a window](Outlet::deliver_from): so many events are under way, and the next is sent as one is acknowledged. Else the
    /// next delivery begins when the last one is acknowledged.
    pub(super) slides: bool,
    /// A refused event is tried so often before it becomes a dead letter.
    pub(super) tries: u32,
}

/// Where events go. It lives on the sink's own thread, and may block there where its manner is one order for all.
pub(super) trait Outlet: 'static {
    /// How it wants its events.
    fn manner(&self) -> Manner;

    /// Delivers events in order; comes back when all of them are acknowledged. After a failure it is called again with the same events,
    /// or not at all.
    async fn deliver(&self, events: &[SharedEvent], redelivery: bool) -> Result<(), Failure>;

    /// From now on how it stands with its receiver is remembered there, where it stands with it at all.
    fn report_to(&self, _delivery: &Delivery) {}

    /// Delivers in order what is in a window, and what joins it meanwhile, and marks what is acknowledged; comes back when there is nothing left to
    /// send and nothing under way. A failure is of the first event that is not acknowledged; those behind it may be. After one it is called again with
    /// the same window, from which that event may have gone.
    async fn deliver_from(&self, window: &Window, redelivery: bool) -> Result<(), Failure> {
        while let Some((number, event)) = window.next(0) {
            self.deliver(&[event], redelivery).await?;
            window.acknowledge(number);
        }
        Ok(())
    }

    /// From now on it belongs to a running engine: where the receiver keeps what is so now, that follows the engine, through the sink's filter.
    fn accompany(&self, _sink: &str, _engine: Option<&EngineHandle>, _filter: &Filter) {}

    /// Ends well, within a second or so.
    async fn close(&self) {}
}
