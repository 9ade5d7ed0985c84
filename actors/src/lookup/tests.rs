//! Catalogs, asked for anew and not.

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
    let caller = Caller::new(&TlsSettings::default().client_config().unwrap(), None).start();
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
