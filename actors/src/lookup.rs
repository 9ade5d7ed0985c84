//! Names asked of the vendor: the actor around a [`Directory`].
//!
//! One question is under way once, however many want its answer; at most ten are under way at a time. What was learned is
//! answered to who asked, and told to every follower (the tracker shards), so that a name that came too late for its event still reaches the states.

mod directories;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::account::{Account, Authorize, EndAccount};
use crate::caller::Calls;
use crate::retry::jitter;
use crate::telemetry::NameAsked;
use crate::transport::{RestAnswer, RestError};
use crate::vendors::{Directory, Forget, Learned, NameKey, Now, Vendor};

pub(crate) use directories::{Directories, OwnedDirectories};

/// Questions under way at a time, as Milestone's own sample does.
const PARALLEL: usize = 10;
/// Everything is loaded anew so often, in case a change was not told.
const RELOAD_EVERY: Duration = Duration::from_secs(24 * 3_600);

type Asks<V> = <<V as Vendor>::Directory as Directory>::Ask;
type Catalogs<V> = <<V as Vendor>::Directory as Directory>::Catalog;

/// Load types and groups, and say when that is done. `None`: they cannot be had.
pub(crate) struct Prepare<C> {
    /// Also if they are loaded already; then those that are there are not what is answered.
    anew: bool,
    marker: std::marker::PhantomData<fn() -> C>,
}

impl<C> Prepare<C> {
    pub(crate) fn new(anew: bool) -> Self {
        Self { anew, marker: std::marker::PhantomData }
    }
}

impl<C: Send + Sync + 'static> Message for Prepare<C> {
    type Result = Option<Arc<C>>;
}

/// Name these ids.
#[derive(Debug, Message)]
#[rtype(result = "Learned")]
pub(crate) struct ResolveNames(pub(crate) Vec<NameKey>);

/// Names have changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ForgetNames(pub(crate) Forget);

/// Tell me what is learned from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FollowNames(pub(crate) Recipient<NamesLearned>);

/// Something was learned.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub(crate) struct NamesLearned {
    pub(crate) account: Arc<str>,
    pub(crate) learned: Arc<Learned>,
}

/// The directory of one (server, user).
pub(crate) struct Lookup<V: Vendor> {
    key: Arc<str>,
    directory: V::Directory,
    account: Addr<Account<V::Login>>,
    calls: Calls,
    queue: VecDeque<Asks<V>>,
    /// Queued or under way.
    open: HashSet<Asks<V>>,
    running: usize,
    waiting: Vec<Waiting<V>>,
    followers: Vec<Recipient<NamesLearned>>,
}

/// Somebody who waits for answers.
struct Waiting<V: Vendor> {
    open: HashSet<Asks<V>>,
    asked: HashSet<Asks<V>>,
    wants: Wants<V>,
}

enum Wants<V: Vendor> {
    Names(Vec<NameKey>, oneshot::Sender<Learned>),
    /// The catalog, but not this one: it was there before somebody asked for another.
    Catalog {
        answer: oneshot::Sender<Option<Arc<Catalogs<V>>>>,
        except: Option<Arc<Catalogs<V>>>,
    },
}

/// The accounts of a reseller begin together, and do not reload together: the first time comes somewhere in the second half of the time between
/// two. `jitter` is from 0 to 1.
fn first_reload(jitter: f64) -> Duration {
    RELOAD_EVERY.mul_f64(1.0 - jitter / 2.0)
}

impl<V: Vendor> Lookup<V> {
    pub(crate) fn new(key: Arc<str>, directory: V::Directory, account: Addr<Account<V::Login>>, calls: Calls) -> Self {
        Self {
            key,
            directory,
            account,
            calls,
            queue: VecDeque::new(),
            open: HashSet::new(),
            running: 0,
            waiting: Vec::new(),
            followers: Vec::new(),
        }
    }

    fn ask(&mut self, asks: impl IntoIterator<Item = Asks<V>>) {
        for ask in asks {
            if self.open.insert(ask.clone()) {
                self.queue.push_back(ask);
            }
        }
    }

    /// Asks for the catalog. Where it is asked for anew, the one that is there is no answer: `None` says that there is no other.
    fn load(&mut self, anew: bool) -> oneshot::Receiver<Option<Arc<Catalogs<V>>>> {
        let asks: HashSet<_> = self.directory.prepare().into_iter().collect();
        self.ask(asks.iter().cloned());
        let (answer, result) = oneshot::channel();
        let except = self.directory.catalog().filter(|_| anew);
        self.waiting.push(Waiting { asked: asks.clone(), open: asks, wants: Wants::Catalog { answer, except } });
        result
    }

    fn reload(&mut self, ctx: &mut Context<Self>) {
        let asks = self.directory.forget(&Forget::Everything);
        self.ask(asks);
        self.run(ctx);
    }

    fn run(&mut self, ctx: &mut Context<Self>) {
        while self.running < PARALLEL {
            let Some(ask) = self.queue.pop_front() else { return };
            self.running += 1;
            self.put(ask, None, ctx);
        }
    }

    /// Puts a question; with a refused token once more, with a new one.
    fn put(&mut self, ask: Asks<V>, refused: Option<u64>, ctx: &mut Context<Self>) {
        let began = Instant::now();
        let granted = self.account.send(Authorize::new(refused, false)).into_actor(self);
        let asking = granted.then(move |granted, lookup, _| {
            let call = match granted {
                Ok(Ok(granted)) => Ok((lookup.directory.call(&granted.grant, &ask), granted.serial)),
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let calls = lookup.calls.clone();
            let asked = async move {
                match call {
                    Ok((call, serial)) => (ask, Ok(calls.make(call).await), Some(serial)),
                    Err(why) => (ask, Err(why), None),
                }
            };
            asked.into_actor(lookup)
        });
        ctx.spawn(asking.map(move |(ask, answer, serial), lookup, ctx| {
            let unauthorized = matches!(&answer, Ok(Ok(answer)) if lookup.directory.refuses_grant(answer));
            if unauthorized && refused.is_none() {
                return lookup.put(ask, serial, ctx);
            }
            lookup.running -= 1;
            lookup.answered(&ask, answer, began.elapsed());
            lookup.run(ctx);
        }));
    }

    fn answered(&mut self, ask: &Asks<V>, answer: Result<Result<RestAnswer, RestError>, String>, took: Duration) {
        self.open.remove(ask);
        let now = Now::read();
        let (learned, next, trouble) = match answer {
            Ok(answer) => {
                let taken = self.directory.learn(now, ask, answer);
                let refused = taken.unauthorized.then(|| "the token was refused".to_owned());
                (taken.learned, taken.next, taken.trouble.or(refused))
            }
            Err(why) => (Learned::default(), Vec::new(), Some(why)),
        };
        NameAsked { account: &self.key, trouble: trouble.as_deref(), took }.emit();
        self.ask(next.iter().cloned());
        if !learned.is_empty() {
            let news = NamesLearned { account: Arc::clone(&self.key), learned: Arc::new(learned) };
            self.followers.retain(Recipient::connected);
            for follower in &self.followers {
                follower.do_send(news.clone());
            }
        }
        for waiting in std::mem::take(&mut self.waiting) {
            self.settle(now, waiting, Some((ask, &next)));
        }
    }

    /// Answers who has waited long enough, or lets it wait on.
    fn settle(&mut self, now: Now, mut waiting: Waiting<V>, answered: Option<(&Asks<V>, &[Asks<V>])>) {
        if let Some((ask, next)) = answered
            && waiting.open.remove(ask)
        {
            waiting.asked.extend(next.iter().cloned());
            waiting.open.extend(next.iter().cloned());
        }
        if waiting.open.is_empty()
            && let Wants::Names(keys, _) = &waiting.wants
        {
            // A list may have lacked what a single question still tells.
            let more = self.directory.asks(now, keys).into_iter().filter(|ask| waiting.asked.insert(ask.clone()));
            waiting.open = more.collect();
            self.ask(waiting.open.iter().cloned());
        }
        if !waiting.open.is_empty() {
            self.waiting.push(waiting);
            return;
        }
        // Who asked may be gone.
        match waiting.wants {
            Wants::Names(keys, answer) => drop(answer.send(self.directory.known(now, &keys))),
            Wants::Catalog { answer, except } => {
                let is_other = |catalog: &Arc<_>| except.is_none_or(|except| !Arc::ptr_eq(&except, catalog));
                drop(answer.send(self.directory.catalog().filter(is_other)));
            }
        }
    }
}

impl<V: Vendor> Actor for Lookup<V> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_later(first_reload(jitter()), |lookup, ctx| {
            lookup.reload(ctx);
            ctx.run_interval(RELOAD_EVERY, Self::reload);
        });
    }
}

impl<V: Vendor> Handler<Prepare<Catalogs<V>>> for Lookup<V> {
    type Result = ResponseFuture<Option<Arc<Catalogs<V>>>>;

    fn handle(&mut self, ask: Prepare<Catalogs<V>>, ctx: &mut Self::Context) -> Self::Result {
        if let Some(catalog) = self.directory.catalog().filter(|_| !ask.anew) {
            return Box::pin(std::future::ready(Some(catalog)));
        }
        let result = self.load(ask.anew);
        self.run(ctx);
        Box::pin(async move { result.await.ok().flatten() })
    }
}

impl<V: Vendor> Handler<ResolveNames> for Lookup<V> {
    type Result = ResponseFuture<Learned>;

    fn handle(&mut self, ResolveNames(keys): ResolveNames, ctx: &mut Self::Context) -> Self::Result {
        let now = Now::read();
        let (answer, result) = oneshot::channel();
        let waiting = Waiting { open: HashSet::new(), asked: HashSet::new(), wants: Wants::Names(keys, answer) };
        self.settle(now, waiting, None);
        self.run(ctx);
        Box::pin(async move { result.await.unwrap_or_default() })
    }
}

impl<V: Vendor> Handler<ForgetNames> for Lookup<V> {
    type Result = ();

    fn handle(&mut self, ForgetNames(what): ForgetNames, ctx: &mut Self::Context) {
        let asks = self.directory.forget(&what);
        self.ask(asks);
        self.run(ctx);
    }
}

impl<V: Vendor> Handler<EndAccount> for Lookup<V> {
    type Result = ();

    fn handle(&mut self, _: EndAccount, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl<V: Vendor> Handler<FollowNames> for Lookup<V> {
    type Result = ();

    fn handle(&mut self, FollowNames(follower): FollowNames, _: &mut Self::Context) {
        if !self.followers.contains(&follower) {
            self.followers.push(follower);
        }
    }
}

#[cfg(test)]
mod tests;
