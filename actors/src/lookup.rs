//! Names asked of the vendor: the actor around a [`Directory`].
//!
//! One question is under way once, however many want its answer; at most ten are under way at a time. What was learned is
//! answered to who asked, and told to every follower (the tracker shards), so that a name that came too late for its event still reaches the states.

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

/// What a connection needs of its account, without knowing the vendor's types where it need not.
pub(crate) struct Directories<V: Vendor> {
    pub(crate) account: Addr<Account<V::Login>>,
    pub(crate) lookup: Addr<Lookup<V>>,
}

impl<V: Vendor> Clone for Directories<V> {
    fn clone(&self) -> Self {
        Self { account: self.account.clone(), lookup: self.lookup.clone() }
    }
}

/// Nothing of it is secret, but it has no use either.
impl<V: Vendor> std::fmt::Debug for Directories<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directories")
    }
}

/// The supervisor's hold on an account. Its actors end with it: their own timers would keep them alive without an address, to log in with
/// the secret of a user who has been removed.
pub(crate) struct OwnedDirectories<V: Vendor>(Directories<V>);

impl<V: Vendor> OwnedDirectories<V> {
    pub(crate) fn new(directories: Directories<V>) -> Self {
        Self(directories)
    }

    pub(crate) fn share(&self) -> Directories<V> {
        self.0.clone()
    }
}

impl<V: Vendor> Drop for OwnedDirectories<V> {
    fn drop(&mut self) {
        self.0.lookup.do_send(EndAccount);
        self.0.account.do_send(EndAccount);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::caller::Caller;
    use crate::gate::Gate;
    use crate::journal::{Memory, Writer};
    use crate::refusals::Refusals;
    use crate::settings::{CommonSettings, Heartbeat, Secret, TlsSettings};
    use crate::vendors::een::{self, Een, EenConfig};
    use crate::vendors::milestone::{self, Milestone, MilestoneConfig};

    fn milestone() -> MilestoneConfig {
        MilestoneConfig::new("http://127.0.0.1:9".parse().unwrap(), "svc", Secret::from("pw"), vec![])
    }

    /// A look-up that has not started, and the login that it would ask.
    fn lookup<V: Vendor>(config: &V::Config) -> (Lookup<V>, Addr<Account<V::Login>>) {
        let common = CommonSettings::new(Heartbeat::UNHURRIED);
        let caller = Caller::new(&TlsSettings::default().client_config().unwrap()).start();
        let calls = Calls::new(caller, None);
        let login = V::login(config, &common);
        let journal = Writer::start(Box::new(Memory::default())).unwrap().handle();
        let refusals = Refusals::new(journal.clone(), "a", true);
        let gate = Gate::new("pw".into(), Duration::ZERO, None, refusals).start();
        let account = Account::new("a".into(), login, gate, journal, calls.clone()).start();
        let directory = V::directory(config, &common);
        (Lookup::<V>::new("a".into(), directory, account.clone(), calls), account)
    }

    /// A catalog, asked for anew or not, and what these answers make of it; none where it is not known yet what to say.
    fn loaded<V: Vendor>(
        lookup: &mut Lookup<V>,
        anew: bool,
        answers: &[(Asks<V>, u16, &str)],
    ) -> Option<Option<Arc<Catalogs<V>>>> {
        let mut result = lookup.load(anew);
        for (ask, status, body) in answers {
            let body = (*body).to_owned().into();
            let answer = RestAnswer { status: *status, headers: vec![], body, retry_after: None };
            lookup.answered(ask, Ok(Ok(answer)), Duration::ZERO);
        }
        result.try_recv().ok()
    }

    #[actix_rt::test]
    async fn a_device_list_that_is_asked_for_anew_and_cannot_be_had_is_not_replaced_by_the_one_before() {
        const LIST: &str = r#"[["00004206","100aaaaa","Lobby","camera",[],"ATTD"]]"#;
        const ODD: &str = r#"[7,["00004206","100aaaaa","Lobby","camera",[],"ATTD"]]"#;
        let (mut lookup, _) = lookup::<Een>(&EenConfig::new("svc", Secret::from("pw")));
        let mut load = |anew, status, body| {
            let catalog = loaded(&mut lookup, anew, &[(een::directory::Ask::Devices, status, body)]).unwrap();
            catalog.map(|catalog| (catalog.devices.devices.len(), catalog.serial))
        };
        assert_eq!(load(false, 503, ""), None);
        assert_eq!(load(false, 200, LIST), Some((1, 1)));
        for (status, body) in [(503, ""), (403, ""), (401, ""), (404, ""), (200, "<html>")] {
            assert_eq!(load(true, status, body), None, "{status}");
            assert_eq!(load(false, status, body), Some((1, 1)), "{status}: any will do");
        }
        assert_eq!(load(true, 200, LIST), Some((1, 1)), "the same devices are an answer");
        assert_eq!(load(true, 200, ODD), Some((1, 1)), "so are those beside a row of no use");
        assert_eq!(load(true, 200, "[]"), Some((0, 2)));
    }

    #[actix_rt::test]
    async fn event_types_that_are_asked_for_anew_are_what_counts_and_not_the_state_groups() {
        use milestone::directory::Ask::{Groups, Types};
        const TYPES: &str =
            r#"{"array":[{"name":"MotionStarted","displayName":"Motion Started","relations":{"self":{"id":"t"}}}]}"#;
        const GROUPS: &str = r#"{"array":[]}"#;
        let (mut lookup, _) = lookup::<Milestone>(&milestone());
        let mut load = |anew, answers: &[_]| {
            loaded(&mut lookup, anew, answers).map(|catalog| catalog.map(|catalog| catalog.names().count()))
        };
        assert_eq!(load(false, &[(Types, 503, ""), (Groups, 200, GROUPS)]), Some(None));
        assert_eq!(load(false, &[(Types, 404, ""), (Groups, 404, "")]), None, "there is another root to ask at");
        assert_eq!(load(false, &[(Types, 200, TYPES), (Groups, 200, GROUPS)]), Some(Some(1)));
        for status in [403, 404, 500] {
            assert_eq!(load(true, &[(Types, status, ""), (Groups, 200, GROUPS)]), Some(None), "{status}");
            assert_eq!(load(true, &[(Types, 200, TYPES), (Groups, status, "")]), Some(Some(1)), "{status}");
        }
    }

    /// When a look-up that begins now puts its questions again, by tokio's clock.
    async fn reloaded_after() -> Duration {
        let (mut lookup, _account) = lookup::<Een>(&EenConfig::new("svc", Secret::from("pw")));
        let began = tokio::time::Instant::now();
        // A question that is under way is not put again, and none is answered here.
        lookup.running = PARALLEL;
        let lookup = lookup.start();
        while lookup.send(CountAsked).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        began.elapsed()
    }

    /// How many questions are waiting.
    #[derive(Message)]
    #[rtype(result = "usize")]
    struct CountAsked;

    impl Handler<CountAsked> for Lookup<Een> {
        type Result = usize;

        fn handle(&mut self, _: CountAsked, _: &mut Self::Context) -> usize {
            self.queue.len()
        }
    }

    #[actix_rt::test]
    async fn the_accounts_of_a_reseller_reload_at_times_of_their_own() {
        tokio::time::pause();
        let times = futures_util::future::join_all((0..20).map(|_| reloaded_after())).await;
        let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*first >= RELOAD_EVERY / 2 && *last <= RELOAD_EVERY + Duration::from_secs(60), "{times:?}");
        assert!(*last - *first > RELOAD_EVERY / 10, "{times:?}");
    }

    #[actix_rt::test]
    async fn login_and_lookup_end_with_the_last_connection_of_their_account() {
        let (lookup, account) = lookup::<Milestone>(&milestone());
        let owned = OwnedDirectories::new(Directories { account, lookup: lookup.start() });
        let shared = owned.share();
        drop(owned);
        let deadline = Instant::now() + Duration::from_secs(10);
        while shared.account.connected() || shared.lookup.connected() {
            assert!(Instant::now() < deadline, "the account lives on");
            actix_rt::task::yield_now().await;
        }
    }
}
