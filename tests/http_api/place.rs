//! An engine with a simulated system of 30 cameras, and a server in front of it.

use std::{
    net::SocketAddr,
    panic,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::oneshot;
use watchpost::{
    actors::{ConnectionConfig, Engine, EngineHandle, settings::Secret},
    http::{Bound, Limits, Site},
    simulator::milestone::Simulator,
};

use super::{
    asking::{Answer, get},
    common::{self, HQ, SECOND, Store, eventually},
};

/// Panics on threads that are no test's own.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics of servers and engines, which nobody else would see.
fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // Tests have threads of the names of tests.
            if thread::current().name().is_none_or(|name| !name.contains("::")) {
                PANICS.fetch_add(1, Ordering::Relaxed);
            }
            usual(info);
        }));
    });
}

/// A running server.
pub(crate) struct Place {
    pub(crate) sim: Simulator,
    pub(crate) engine: EngineHandle,
    pub(crate) store: Store,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is there beside the usual.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) token: Option<&'static str>,
    pub(crate) hosts: Vec<String>,
    /// Connections whose password is wrong.
    pub(crate) halted: Vec<&'static str>,
    /// Without any connection.
    pub(crate) bare: bool,
    pub(crate) limits: Limits,
}

impl Place {
    /// One connection, which is online.
    pub(crate) fn start() -> Self {
        let place = Self::planned(Plan::default());
        place.wait_online();
        place
    }

    /// A server with nothing behind it.
    pub(crate) fn bare(token: Option<&'static str>) -> Self {
        Self::planned(Plan { token, bare: true, ..Plan::default() })
    }

    pub(crate) fn planned(plan: Plan) -> Self {
        watch_for_panics();
        let sim = Simulator::start(common::options()).unwrap();
        let store = Store::default();
        let mut connections: Vec<ConnectionConfig> = Vec::new();
        if !plan.bare {
            connections.push(common::connection(HQ, common::vendor(&sim)));
        }
        for name in &plan.halted {
            let mut vendor = common::vendor(&sim);
            vendor.password = Secret::from("wrong");
            connections.push(common::connection(name, vendor));
        }
        let engine = Engine::start(common::engine(&store, connections)).unwrap();
        let bound = Bound::at(([127, 0, 0, 1], 0).into()).unwrap().with_limits(plan.limits);
        let address = bound.address();
        let site = Site { token: plan.token.map(Secret::from), hosts: plan.hosts, ..Site::new(engine.clone()) };
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            actix_rt::System::new().block_on(async move {
                let server = bound.serve(site).unwrap();
                let _ = stopped.await;
                server.stop().await;
            });
        };
        let thread = thread::Builder::new().name("server".to_owned()).spawn(serve).unwrap();
        Self { sim, engine, store, address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        get(self.address, target)
    }

    pub(crate) fn wait_online(&self) {
        eventually(20 * SECOND, "online, with its states", || {
            let info = self.get("/api/v1/connections/hq");
            info.status == 200 && info.json()["state"] == "online" && info.json()["states"].as_u64() > Some(100)
        });
    }

    /// Lets so many events happen, and waits until they are stored.
    pub(crate) fn let_happen(&self, count: usize) {
        let before = self.engine.journal().next().0;
        self.sim.burst(count);
        eventually(20 * SECOND, "stored", || self.engine.journal().next().0 >= before + count as u64);
    }

    /// Every page of a list, by so many.
    pub(crate) fn pages(&self, target: &str, limit: usize) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let sign = if target.contains('?') { '&' } else { '?' };
            let (items, next) = self.get(&format!("{target}{sign}limit={limit}{after}")).list();
            assert!(items.len() <= limit);
            all.extend(items);
            match next {
                Some(next) => after = format!("&after={}", next.replace('/', "%2F")),
                None => return all,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        let engine = self.engine.clone();
        common::block_on(async move { engine.shutdown(Duration::from_secs(5)).await });
        if !thread::panicking() {
            assert!(ended.is_some_and(|ended| ended.is_ok()));
            assert_eq!(PANICS.load(Ordering::Relaxed), 0, "a server or an engine has panicked");
        }
    }
}
