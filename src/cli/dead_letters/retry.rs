//! `watchpost dead-letters retry`.

use std::collections::HashSet;

use watchpost::{
    actors::model::SharedEvent,
    config::SinkConfig,
    sinks::{
        delivery::{Delivery, DeliveryError},
        letters::{self, Retried},
    },
};

use super::{Array, Walk, Which, counted};
use crate::cli::{Exit, table, terminal};

pub(super) async fn retry(
    which: &Which,
    sinks: &[SinkConfig],
    delivery: &Delivery,
    deliver: impl AsyncFn(&SinkConfig, &[SharedEvent]) -> Result<(), String>,
) -> Result<Exit, DeliveryError> {
    let mut walk = Walk::new(which, delivery);
    let mut retrying = Retrying::new(which);
    loop {
        let page = walk.next()?;
        if page.is_empty() {
            return Ok(retrying.end());
        }
        for letter in page {
            let sink = sinks.iter().find(|sink| sink.name == letter.sink);
            let retried = match (letters::event(&letter, sinks), sink) {
                (Ok(event), Some(sink)) => {
                    let outcome = deliver(sink, &[event]).await;
                    letters::settle(delivery, letter, outcome)?
                }
                // Neither was an attempt to deliver it.
                (event, _) => Retried::of(letter, event.map(drop)),
            };
            if let Err(error) = retrying.add(&retried) {
                // Who does not see what becomes of them had better not go on.
                return Ok(terminal::written(Err(error)));
            }
        }
    }
}

/// What becomes of dead letters, on its way to standard output.
pub(super) struct Retrying<'a> {
    which: &'a Which,
    found: HashSet<i64>,
    array: Array,
    refused: usize,
}

impl<'a> Retrying<'a> {
    pub(super) fn new(which: &'a Which) -> Self {
        Self { which, found: HashSet::new(), array: Array::default(), refused: 0 }
    }

    pub(super) fn add(&mut self, retried: &Retried) -> std::io::Result<()> {
        self.found.insert(retried.id);
        self.refused += usize::from(!retried.delivered);
        if self.which.json {
            self.array.item(retried)
        } else {
            terminal::print(format!("{}\n", table::clean(&retried.to_string())).as_bytes())
        }
    }

    pub(super) fn end(self) -> Exit {
        let Self { which, found, array, refused } = self;
        let written = if which.json {
            array.end()
        } else {
            let delivered = found.len() - refused;
            terminal::print(format!("{} delivered, {refused} not\n", counted(delivered)).as_bytes())
        };
        match (terminal::written(written), which.missing(&found)) {
            (Exit::Done, Exit::Done) if refused == 0 => Exit::Done,
            _ => Exit::Failed,
        }
    }
}
