//! `watchpost dead-letters retry`.

use std::{collections::HashSet, fmt::Display};

use serde::Serialize;
use watchpost::{
    actors::model::SharedEvent,
    config::SinkConfig,
    sinks::delivery::{DeadLetter, Delivery, DeliveryError, event_of_line},
};

use super::{Array, Walk, Which, counted};
use crate::cli::{Exit, table, terminal};

/// What became of a dead letter that was tried again.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Retried<'a> {
    id: i64,
    sink: &'a str,
    event_id: &'a str,
    delivered: bool,
    why: Option<String>,
}

impl Display for Retried<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, sink, event_id, why, .. } = self;
        match why {
            None => write!(f, "{id}  {sink}  {event_id}  delivered"),
            Some(why) => write!(f, "{id}  {sink}  {event_id}  not delivered: {why}"),
        }
    }
}

pub(super) async fn retry(
    which: &Which,
    sinks: &[SinkConfig],
    delivery: &Delivery,
    deliver: impl AsyncFn(&SinkConfig, &[SharedEvent]) -> Result<(), String>,
) -> Result<Exit, DeliveryError> {
    let mut walk = Walk::new(which, delivery);
    let mut found = HashSet::new();
    let mut array = Array::default();
    let mut refused = 0;
    loop {
        let page = walk.next()?;
        if page.is_empty() {
            break;
        }
        for letter in &page {
            found.insert(letter.id);
            let retried = retry_one(letter, sinks, delivery, &deliver).await?;
            refused += usize::from(!retried.delivered);
            let written = if which.json {
                array.item(&retried)
            } else {
                terminal::print(format!("{}\n", table::clean(&retried.to_string())).as_bytes())
            };
            if written.is_err() {
                // Who does not see what becomes of them had better not go on.
                return Ok(terminal::written(written));
            }
        }
    }
    let written = if which.json {
        array.end()
    } else {
        let delivered = found.len() - refused;
        terminal::print(format!("{} delivered, {refused} not\n", counted(delivered)).as_bytes())
    };
    Ok(match (terminal::written(written), which.missing(&found)) {
        (Exit::Done, Exit::Done) if refused == 0 => Exit::Done,
        _ => Exit::Failed,
    })
}

/// Delivers one, and removes it if it was taken.
async fn retry_one<'a>(
    letter: &'a DeadLetter,
    sinks: &[SinkConfig],
    delivery: &Delivery,
    deliver: &impl AsyncFn(&SinkConfig, &[SharedEvent]) -> Result<(), String>,
) -> Result<Retried<'a>, DeliveryError> {
    let outcome = match (sinks.iter().find(|sink| sink.name == letter.sink), event_of_line(&letter.line)) {
        // Neither was an attempt to deliver it.
        (None, _) => Err("this sink is not in the configuration any more".to_owned()),
        (_, Err(error)) => Err(error.to_string()),
        (Some(sink), Ok(event)) => {
            let outcome = deliver(sink, &[event]).await;
            match &outcome {
                Ok(()) => drop(delivery.remove_dead_letters(&[letter.id])?),
                Err(why) => delivery.retried(letter.id, why)?,
            }
            outcome
        }
    };
    let (delivered, why) = (outcome.is_ok(), outcome.err());
    Ok(Retried { id: letter.id, sink: &letter.sink, event_id: &letter.event_id, delivered, why })
}
