//! An application that embeds the engine, with all defaults but one connection, and an actor of its own that watches all events.

use actix::prelude::*;
use tokio::sync::oneshot;
use tokio::time::timeout;
use watchpost::actors::messages::Watch;
use watchpost::actors::model::event::Origin;
use watchpost::actors::model::filter::Filter;
use watchpost::actors::watch::{Subject, WatchUpdate};
use watchpost::actors::{Engine, EngineConfig};

use super::moment;
use super::tally::{Delays, Expected, Tally};
use super::webhook::Sites;
use crate::Outcome;
use crate::words::{PATIENCE, Word, say};

/// Updates that may wait: more than come in a second.
const MAILBOX: usize = 4_096;

/// Takes all events, and tells how long they took.
pub(crate) fn run(expected: &Expected) -> Outcome<()> {
    crate::engine::log();
    actix_rt::System::new().block_on(consume(expected))
}

async fn consume(expected: &Expected) -> Outcome<()> {
    let sites = Sites::connect(Engine::start(EngineConfig::default())?, expected).await?;
    let (done, wait) = oneshot::channel();
    let watcher = Watcher { tally: Tally::new(expected)?, done: Some(done) }.start();
    let watch = Watch { subject: Subject::Events, filter: Filter::default(), recipient: watcher.recipient() };
    sites.engine.send(watch).await?;
    say(&Word::Ready)?;
    // The harness has a limit of its own for this.
    say(&Word::Delays(wait.await??))?;
    sites.check(expected).await?;
    let orderly = timeout(PATIENCE, sites.engine.shutdown(PATIENCE)).await?;
    if orderly { Ok(()) } else { Err("the engine did not end in good order".into()) }
}

struct Watcher {
    tally: Tally,
    done: Option<oneshot::Sender<Result<Delays, String>>>,
}

impl Watcher {
    fn update(&mut self, update: &WatchUpdate, arrived: i128) -> Outcome<()> {
        match update {
            WatchUpdate::Events(events) => {
                // What the engine itself has to say no site has sent.
                for stored in events.iter().filter(|stored| stored.event.origin == Origin::Live) {
                    let site = Sites::number(stored.commit.connection.as_str())?;
                    self.tally.take(site, stored.event.id, stored.event.time, arrived)?;
                }
                Ok(())
            }
            WatchUpdate::CutOff { .. } => Err("the watcher was cut off".into()),
            WatchUpdate::Present { .. } | WatchUpdate::Changed(_) => Ok(()),
        }
    }
}

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<WatchUpdate> for Watcher {
    type Result = ();

    fn handle(&mut self, update: WatchUpdate, _: &mut Self::Context) {
        let arrived = moment::now();
        let taken = self.update(&update, arrived).map_err(|error| error.to_string());
        let news = taken.map(|()| self.tally.done()).transpose();
        if let Some(done) = news.and_then(|news| Some((self.done.take()?, news))) {
            // Whoever waits for it has the process end with it.
            let _ = done.0.send(done.1);
        }
    }
}
