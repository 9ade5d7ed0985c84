//! Callbacks: a thin layer on watching, for who would rather hand over a closure than write an actor.
//!
//! Each callback runs on the engine's callback thread, one call at a time and in order per connection; an async one is awaited before the next call.
//! So a slow callback delays other callbacks, but nothing else. One that falls far behind catches up from the journal.

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::engine::EngineHandle;
use crate::journal::{Ask, JournalHandle};
use crate::messages::{Unwatch, Watch};
use crate::model::event::Committed;
pub use crate::model::event::SharedEvent;
use crate::model::filter::{Filter, FilterSettings};
use crate::model::ids::{ConnectionName, Sequence};
use crate::model::vocabulary;
use crate::supervisor::Supervisor;
use crate::telemetry::CallbackPanicked;
use crate::watch::{EventBatch, Subject, WatchId, WatchUpdate};

/// Updates that may wait for a callback before it has to catch up from the journal.
const MAILBOX: usize = 256;
/// Events read from the journal at a time while catching up.
const PAGE: usize = 4_096;
/// How far behind the last event sent it begins to catch up: another arbiter may have stored one with a lower number a moment later.
const OVERLAP: u64 = 8_192;

/// A callback that is registered. Dropping this leaves it registered; [`remove`](Self::remove) takes it away.
#[derive(Debug, Clone)]
#[must_use = "keep it to remove the callback, or drop it on purpose"]
pub struct CallbackHandle {
    address: Addr<Callback>,
}

impl CallbackHandle {
    /// Takes the callback away. Comes back when it will not be called any more; a call under way is finished first.
    pub async fn remove(self) {
        // An error means that the engine has ended, and the callback with it.
        let _ = self.address.send(Remove).await;
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Remove;

type Call = Box<dyn FnMut(SharedEvent) -> Option<LocalBoxFuture<'static, ()>> + Send>;

/// The actor behind one callback.
struct Callback {
    call: Option<Call>,
    filter: Filter,
    front: Addr<Supervisor>,
    journal: JournalHandle,
    watch: Option<WatchId>,
    done: Done,
}

/// How far events have been handed over.
#[derive(Clone)]
struct Done {
    /// What is below was before the callback's time.
    begin: Sequence,
    /// Per connection, the next event to be handed over.
    next: HashMap<ConnectionName, Sequence>,
}

impl Done {
    fn next(&self, connection: &ConnectionName) -> Sequence {
        self.next.get(connection).copied().unwrap_or(self.begin)
    }
}

impl EngineHandle {
    /// Calls `call` for each event that `filter` wants.
    pub fn on_event(&self, filter: Filter, mut call: impl FnMut(SharedEvent) + Send + 'static) -> CallbackHandle {
        self.callback(filter, move |event| {
            call(event);
            None
        })
    }

    /// Calls `call` for each event that `filter` wants, and awaits it before the next.
    pub fn on_event_async<F>(
        &self,
        filter: Filter,
        mut call: impl FnMut(SharedEvent) -> F + Send + 'static,
    ) -> CallbackHandle
    where
        F: Future<Output = ()> + 'static,
    {
        self.callback(filter, move |event| Some(Box::pin(call(event))))
    }

    /// Calls `call` with the name of each connection that comes online.
    pub fn on_connect(&self, mut call: impl FnMut(ConnectionName) + Send + 'static) -> CallbackHandle {
        self.callback(changes(), move |event| {
            if let Some((name, _)) = connected(&event) {
                call(name);
            }
            None
        })
    }

    /// Calls `call` with the name of each connection that comes online, and awaits it.
    pub fn on_connect_async<F>(&self, mut call: impl FnMut(ConnectionName) -> F + Send + 'static) -> CallbackHandle
    where
        F: Future<Output = ()> + 'static,
    {
        self.callback(changes(), move |event| Some(Box::pin(call(connected(&event)?.0))))
    }

    /// Calls `call` with the name of each connection that was online and is not any more, and with the reason.
    pub fn on_disconnect(&self, mut call: impl FnMut(ConnectionName, String) + Send + 'static) -> CallbackHandle {
        self.callback(changes(), move |event| {
            if let Some((name, reason)) = disconnected(&event) {
                call(name, reason);
            }
            None
        })
    }

    /// Calls `call` with the name of each connection that was online and is not any more, and with the reason, and awaits it.
    pub fn on_disconnect_async<F>(
        &self,
        mut call: impl FnMut(ConnectionName, String) -> F + Send + 'static,
    ) -> CallbackHandle
    where
        F: Future<Output = ()> + 'static,
    {
        self.callback(changes(), move |event| {
            let (name, reason) = disconnected(&event)?;
            Some(Box::pin(call(name, reason)))
        })
    }

    fn callback(
        &self,
        filter: Filter,
        call: impl FnMut(SharedEvent) -> Option<LocalBoxFuture<'static, ()>> + Send + 'static,
    ) -> CallbackHandle {
        let callback = Callback {
            call: Some(Box::new(call)),
            filter,
            front: self.front().clone(),
            journal: self.journal().clone(),
            watch: None,
            done: Done { begin: self.journal().next(), next: HashMap::new() },
        };
        CallbackHandle { address: Actor::start_in_arbiter(self.callbacks(), move |_| callback) }
    }
}

/// The filter for changes of connections. Cannot fail: the glob is a plain word.
fn changes() -> Filter {
    let settings =
        FilterSettings { types: vec![vocabulary::ENGINE_CONNECTION.to_owned()], ..FilterSettings::default() };
    Filter::new(&settings).unwrap_or_default()
}

fn change(event: &SharedEvent) -> Option<serde_json::Value> {
    let stored = event.get();
    if *stored.event.meaning.kind != *vocabulary::ENGINE_CONNECTION {
        return None;
    }
    serde_json::from_str(stored.event.data).ok()
}

fn connected(event: &SharedEvent) -> Option<(ConnectionName, String)> {
    let change = change(event)?;
    (change.get("new")? == "online").then(|| (event.get().commit.connection.clone(), String::new()))
}

fn disconnected(event: &SharedEvent) -> Option<(ConnectionName, String)> {
    let change = change(event)?;
    let reason = change.get("reason").and_then(|reason| reason.as_str()).unwrap_or_default().to_owned();
    (change.get("old")? == "online").then(|| (event.get().commit.connection.clone(), reason))
}

impl Callback {
    /// Watches, and hands over what was stored from `from` on until then.
    fn watch(&mut self, from: Sequence, ctx: &mut Context<Self>) {
        if let Some(old) = self.watch.take() {
            self.front.do_send(Unwatch(old));
        }
        let recipient = ctx.address().recipient();
        let watch = self.front.send(Watch { subject: Subject::Events, filter: self.filter.clone(), recipient });
        ctx.wait(watch.into_actor(self).map(move |id, callback, ctx| {
            callback.watch = id.ok();
            callback.catch_up(from, ctx);
        }));
    }

    fn catch_up(&mut self, mut from: Sequence, ctx: &mut Context<Self>) {
        let journal = self.journal.clone();
        self.work(ctx, |mut work| async move {
            let until = journal.next();
            while from < until {
                // Without a journal there is nothing to catch up with; live events still come.
                let Ok(page) = journal.read(Ask { from, limit: PAGE, of: None }).await else { break };
                let Some(last) = page.commits.last().map(|commit| commit.next()) else { break };
                for commit in &page.commits {
                    work.hand_over(commit, None).await;
                }
                from = last;
            }
            work
        });
    }

    /// Works with the callback, with nothing else going on meanwhile.
    fn work<F>(&mut self, ctx: &mut Context<Self>, work: impl FnOnce(Work) -> F)
    where
        F: Future<Output = Work> + 'static,
    {
        // Removed while something was still waiting.
        let Some(call) = self.call.take() else { return };
        let working = work(Work { call, filter: self.filter.clone(), done: self.done.clone() });
        ctx.wait(working.into_actor(self).map(|work, callback, _| {
            callback.call = Some(work.call);
            callback.done = work.done;
        }));
    }
}

/// What handing over needs.
struct Work {
    call: Call,
    filter: Filter,
    done: Done,
}

impl Work {
    /// Calls for each event that was not handed over yet; `batch` are those of the group that are wanted, if that is known.
    async fn hand_over(&mut self, commit: &Arc<Committed>, batch: Option<&EventBatch>) {
        let next = self.done.next(&commit.connection);
        let indices: Vec<usize> = match batch {
            Some(batch) => batch.indices().collect(),
            None => commit
                .iter()
                .enumerate()
                .filter(|(_, stored)| self.filter.wants(stored))
                .map(|(index, _)| index)
                .collect(),
        };
        for index in indices.into_iter().filter(|index| commit.first.plus(*index as u64) >= next) {
            if let Some(event) = SharedEvent::new(Arc::clone(commit), index) {
                self.call_once(event).await;
            }
        }
        self.done.next.insert(commit.connection.clone(), commit.next().max(next));
    }

    /// A callback that panics has had its event; the next one is another matter, as it would be for any handler of events.
    async fn call_once(&mut self, event: SharedEvent) {
        // What the closure has captured is its author's, and so is its state after a panic.
        let called = match catch_unwind(AssertUnwindSafe(|| (self.call)(event))) {
            Ok(Some(future)) => AssertUnwindSafe(future).catch_unwind().await,
            Ok(None) => Ok(()),
            Err(panic) => Err(panic),
        };
        if called.is_err() {
            CallbackPanicked.emit();
        }
    }
}

impl Actor for Callback {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.watch(self.done.begin, ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(watch) = self.watch.take() {
            self.front.do_send(Unwatch(watch));
        }
    }
}

impl Handler<WatchUpdate> for Callback {
    type Result = ();

    fn handle(&mut self, update: WatchUpdate, ctx: &mut Self::Context) {
        match update {
            WatchUpdate::Events(batch) => self.work(ctx, |mut work| async move {
                work.hand_over(batch.commit(), Some(&batch)).await;
                work
            }),
            WatchUpdate::CutOff { last } => self.watch(Sequence(last.0.saturating_sub(OVERLAP)), ctx),
            WatchUpdate::Present { .. } | WatchUpdate::Changed(_) => {}
        }
    }
}

impl Handler<Remove> for Callback {
    type Result = ();

    fn handle(&mut self, _: Remove, ctx: &mut Self::Context) {
        self.call = None;
        ctx.stop();
    }
}
