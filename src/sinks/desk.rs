//! What is asked of a sink while it runs: to deliver a dead letter once more, to begin a replay.
//!
//! A [`Desk`] hands it to the sink's own thread, where the outlet is: a file has one writer, and a receiver one request per connection at a time.

use std::{collections::HashMap, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use watchpost_actors::model::event::SharedEvent;

use super::delivery::Replay;

/// Errands that may wait for one sink.
const WAITING: usize = 16;
/// How long one may take, beginning included. A sink may be at work on the same connection, or stand in a write.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a running sink is asked for.
pub(super) enum Errand {
    /// Deliver this once, now, and say what came of it.
    Redeliver(SharedEvent, oneshot::Sender<Result<(), String>>),
    /// Begin the replays that are stored and do not run yet, and say which.
    Replay(oneshot::Sender<Result<Vec<Replay>, String>>),
}

/// Where running sinks are asked for more than what comes.
#[derive(Debug, Clone, Default)]
pub struct Desk(HashMap<String, mpsc::Sender<Errand>>);

impl Desk {
    /// Room for one more sink, and where it hears of its errands.
    pub(super) fn add(&mut self, sink: &str) -> mpsc::Receiver<Errand> {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.0.insert(sink.to_owned(), sender);
        receiver
    }

    /// Delivers an event once, now. Given up after 30 s; it may still be delivered then.
    ///
    /// # Errors
    /// In words, what the receiver said, or why the sink was not even asked.
    pub async fn redeliver(&self, sink: &str, event: SharedEvent) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.send(sink, Errand::Redeliver(event, answer)).await?;
            answered.await.unwrap_or_else(|_| Err(ended(sink)))
        };
        let late = || Err(format!("sink \"{sink}\" has not come to it within {PATIENCE:?}: is it failing?"));
        timeout(PATIENCE, asked).await.unwrap_or_else(|_| late())
    }

    /// Has a sink begin all its replays that are stored and do not run yet, and answers with them. If it cannot, whoever asks again, or the next
    /// start, does.
    ///
    /// # Errors
    /// In words, why they were not begun.
    pub async fn replay(&self, sink: &str) -> Result<Vec<Replay>, String> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.send(sink, Errand::Replay(answer)).await?;
            answered.await.unwrap_or_else(|_| Err(ended(sink)))
        };
        timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(format!("sink \"{sink}\" does not answer")))
    }

    async fn send(&self, sink: &str, errand: Errand) -> Result<(), String> {
        let Some(way) = self.0.get(sink) else {
            return Err("this sink is not in the configuration any more".to_owned());
        };
        way.send(errand).await.map_err(|_| ended(sink))
    }
}

fn ended(sink: &str) -> String {
    format!("sink \"{sink}\" has ended")
}
