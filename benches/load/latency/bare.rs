//! The floor: bare clients that read the clock when a frame has come, and do nothing else with it but look whose it is.

use futures_util::StreamExt;
use futures_util::stream::select_all;
use serde::Deserialize;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::moment;
use super::tally::{Expected, Tally};
use crate::Outcome;
use crate::floor::Floor;
use crate::words::{PATIENCE, Word, say};

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    events: Vec<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    time: &'a str,
}

/// Takes all events, and tells how long they took.
pub(crate) fn run(expected: &Expected) -> Outcome<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(consume(expected))
}

async fn consume(expected: &Expected) -> Outcome<()> {
    let mut tally = Tally::new(expected)?;
    let mut sockets = Vec::new();
    for (site, url) in expected.urls.iter().enumerate() {
        let floor = timeout(PATIENCE, Floor::subscribe(url)).await.map_err(|_| "the floor could not subscribe")??;
        sockets.push(floor.socket.map(move |message| (site, moment::now(), message)));
    }
    let mut messages = select_all(sockets);
    say(&Word::Ready)?;
    while tally.done().is_none() {
        let (site, arrived, message) = messages.next().await.ok_or("all connections have ended")?;
        if let Message::Text(text) = message? {
            let frame: Frame<'_> = serde_json::from_str(&text)?;
            frame.events.iter().try_for_each(|event| tally.take(site, event.id, event.time, arrived))?;
        }
    }
    tally.done().map_or(Ok(()), |delays| say(&Word::Delays(delays)))
}
