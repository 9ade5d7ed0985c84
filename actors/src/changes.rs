//! Following what every item reads, without a hole: for who keeps a copy of it somewhere else.

use actix::prelude::*;

use crate::engine::EngineHandle;
use crate::messages::{Unwatch, Watch};
use crate::model::filter::Filter;
use crate::model::state::State;
use crate::supervisor::Supervisor;
use crate::watch::{Subject, WatchId, WatchUpdate};

/// Updates that may wait for a follower before it has to read everything again.
const MAILBOX: usize = 1_024;

/// What a follower of states is told.
#[derive(Clone, Debug)]
pub enum Change {
    /// From now on every change is told: what is read from the [`StateMap`](crate::StateMap) after this misses nothing. Told at the
    /// beginning, and again after changes have come faster than they were taken: what was told before may have holes.
    Begun,
    /// States that have changed.
    States(Vec<State>),
}

/// A follower. Dropped, it is told nothing more.
#[derive(Debug)]
#[must_use = "dropped, it follows no more"]
pub struct Following(Addr<Follower>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.do_send(Stop);
    }
}

struct Follower {
    call: Box<dyn FnMut(Change) + Send>,
    filter: Filter,
    front: Addr<Supervisor>,
    watch: Option<WatchId>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Stop;

impl EngineHandle {
    /// Calls `call` for each change of a state that `filter` wants, on the engine's callback thread, where it must not wait.
    pub fn follow_changes(&self, filter: Filter, call: impl FnMut(Change) + Send + 'static) -> Following {
        let follower = Follower { call: Box::new(call), filter, front: self.front().clone(), watch: None };
        Following(Actor::start_in_arbiter(self.callbacks(), move |_| follower))
    }
}

impl Follower {
    fn watch(&self, ctx: &mut Context<Self>) {
        let recipient = ctx.address().recipient();
        let watch = self.front.send(Watch { subject: Subject::Changes, filter: self.filter.clone(), recipient });
        ctx.spawn(watch.into_actor(self).map(|id, follower, ctx| match id {
            Ok(id) => follower.watch = Some(id),
            // The engine has ended.
            Err(_) => ctx.stop(),
        }));
    }
}

impl Actor for Follower {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.watch(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(watch) = self.watch.take() {
            self.front.do_send(Unwatch(watch));
        }
    }
}

impl Handler<WatchUpdate> for Follower {
    type Result = ();

    fn handle(&mut self, update: WatchUpdate, ctx: &mut Self::Context) {
        match update {
            WatchUpdate::Present { last: true, .. } => (self.call)(Change::Begun),
            WatchUpdate::Changed(states) => (self.call)(Change::States(states)),
            WatchUpdate::CutOff { .. } => {
                self.watch = None;
                self.watch(ctx);
            }
            WatchUpdate::Present { last: false, .. } | WatchUpdate::Events(_) => {}
        }
    }
}

impl Handler<Stop> for Follower {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
