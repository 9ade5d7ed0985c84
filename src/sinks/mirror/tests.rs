//! What a mirror promises, with a board in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use watchpost_actors::model::{Item, Meaning, Origin, Sequence, StateMeaning};

use super::{
    engine::Changed,
    ledger::{ITEMS_SETTLE, Ledger, MOST_FOUND, NAMES_SETTLE, Step},
    mends::MEND_EVERY,
    *,
};
use crate::sinks::level;

/// A broker in memory: `<connection>/up` and `<connection>/<item>/<group>`.
struct Shelf {
    sessions: watch::Sender<u64>,
    there: RefCell<BTreeMap<String, String>>,
    heard: RefCell<VecDeque<Heard>>,
    more: Notify,
    heard_after: Cell<Duration>,
    /// Every step that was carried out.
    log: RefCell<Vec<String>>,
    /// So many steps fail before others work.
    failing: Cell<usize>,
    /// A key that is refused.
    refused: RefCell<Option<String>>,
    under_way: Cell<usize>,
    most_under_way: Cell<usize>,
    pause: Cell<Duration>,
}

impl Shelf {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            sessions: watch::channel(0).0,
            there: RefCell::default(),
            heard: RefCell::default(),
            more: Notify::new(),
            heard_after: Cell::new(Duration::ZERO),
            log: RefCell::default(),
            failing: Cell::new(0),
            refused: RefCell::default(),
            under_way: Cell::new(0),
            most_under_way: Cell::new(0),
            pause: Cell::new(Duration::ZERO),
        })
    }

    /// Another session begins; what the broker holds is found in it.
    fn connect(&self) {
        let there = self.there.borrow();
        self.heard.replace(there.iter().map(|(key, body)| heard(key, body)).collect());
        drop(there);
        self.sessions.send_modify(|session| *session += 1);
    }

    /// Somebody else puts this there; nothing is as good as removing it.
    fn meddle(&self, key: &str, body: &str) {
        if body.is_empty() {
            self.there.borrow_mut().remove(key);
        } else {
            self.there.borrow_mut().insert(key.to_owned(), body.to_owned());
        }
        self.heard.borrow_mut().push_back(heard(key, body));
        self.more.notify_one();
    }

    fn holds(&self) -> Vec<String> {
        self.there.borrow().iter().map(|(key, body)| format!("{key}={body}")).collect()
    }

    async fn carry_out(&self, session: u64, what: String, act: impl FnOnce()) -> Result<(), Failure> {
        self.under_way.set(self.under_way.get() + 1);
        self.most_under_way.set(self.most_under_way.get().max(self.under_way.get()));
        sleep(self.pause.get()).await;
        self.under_way.set(self.under_way.get() - 1);
        if session != *self.sessions.borrow() {
            return Err(Failure::Again { why: "over".to_owned(), after: None });
        }
        if self.refused.borrow().as_ref().is_some_and(|key| what.contains(key.as_str())) {
            self.log.borrow_mut().push(format!("refused {what}"));
            return Err(Failure::Refused { why: "too large".to_owned(), at_once: true });
        }
        if self.failing.get() > 0 {
            self.failing.set(self.failing.get() - 1);
            return Err(Failure::Again { why: "busy".to_owned(), after: None });
        }
        self.log.borrow_mut().push(what);
        act();
        Ok(())
    }
}

impl Board for Shelf {
    fn documents(&self, about: About<'_>) -> Vec<Document> {
        let document = |key: String, body: &str| Document { key, body: body.to_owned().into() };
        match about {
            About::Program => vec![document("up".to_owned(), "online")],
            About::Connection(of) => {
                vec![document(format!("{}/up", level::encode(of.name.as_str())), of.state.as_str())]
            }
            About::Missing(name) => vec![document(format!("{}/up", level::encode(name.as_str())), "missing")],
            About::Item(of, states) => states
                .iter()
                .map(|state| {
                    let levels = [of.name.as_str(), &state.item.id, state.group()].map(level::encode);
                    document(levels.join("/"), state.value())
                })
                .collect(),
        }
    }

    fn place(&self, key: &str) -> Option<Place> {
        if key == "up" {
            return Some(Place::Program);
        }
        let levels: Vec<_> = key.split('/').map(level::decode).collect::<Option<_>>()?;
        match &levels[..] {
            [connection, _] => Some(Place::Connection(connection.parse().ok()?)),
            [connection, item, _] => Some(Place::Item(connection.parse().ok()?, item.as_str().into())),
            _ => None,
        }
    }

    async fn session(&self, after: u64) -> u64 {
        *self.sessions.subscribe().wait_for(|session| *session > after).await.unwrap()
    }

    async fn heard(&self, _: u64) -> Heard {
        loop {
            let heard = self.heard.borrow_mut().pop_front();
            match heard {
                Some(heard) => return heard,
                None => self.more.notified().await,
            }
        }
    }

    fn heard_after(&self) -> Duration {
        self.heard_after.get()
    }

    async fn put(&self, session: u64, document: &Document) -> Result<(), Failure> {
        let (key, body) = (document.key.clone(), String::from_utf8(document.body.to_vec()).unwrap());
        let what = format!("put {key}={body}");
        self.carry_out(session, what, || drop(self.there.borrow_mut().insert(key, body))).await
    }

    async fn remove(&self, session: u64, key: &str) -> Result<(), Failure> {
        self.carry_out(session, format!("remove {key}"), || drop(self.there.borrow_mut().remove(key))).await
    }
}

/// An engine of which the test decides what it knows.
#[derive(Default)]
struct Script {
    connections: RefCell<Vec<Connection>>,
    items: RefCell<BTreeMap<(String, String), BTreeMap<String, String>>>,
    changed: Changed,
}

impl Script {
    fn connect(&self, name: &str, state: ConnectionState) {
        let mut all = self.connections.borrow_mut();
        all.retain(|connection| connection.name.as_str() != name);
        all.push(connection(name, state));
    }

    fn set(&self, of: &str, item: &str, group: &str, value: &str) {
        let key = (of.to_owned(), item.to_owned());
        self.items.borrow_mut().entry(key).or_default().insert(group.to_owned(), value.to_owned());
        self.changed.items([(of.parse().unwrap(), item.into())].into_iter());
    }
}

impl Present for Script {
    async fn connections(&self) -> Option<Vec<Connection>> {
        Some(self.connections.borrow().clone())
    }

    fn items(&self, connection: &ConnectionName) -> Vec<Arc<str>> {
        let items = self.items.borrow();
        items.keys().filter(|(of, _)| of == connection.as_str()).map(|(_, item)| item.as_str().into()).collect()
    }

    fn states(&self, connection: &ConnectionName, item: &str) -> Vec<State> {
        let items = self.items.borrow();
        let states = items.get(&(connection.to_string(), item.to_owned()));
        states.into_iter().flatten().map(|(group, value)| state(connection, item, group, value)).collect()
    }
}

fn heard(key: &str, body: &str) -> Heard {
    Heard { key: key.to_owned(), body: body.to_owned().into() }
}

fn connection(name: &str, state: ConnectionState) -> Connection {
    Connection { name: name.parse().unwrap(), vendor: "milestone", title: None, state }
}

fn state(connection: &ConnectionName, item: &str, group: &str, value: &str) -> State {
    let meaning = StateMeaning {
        group: group.into(),
        value: value.into(),
        vendor_group: group.into(),
        vendor_value: value.into(),
        text: None,
    };
    State {
        connection: connection.clone(),
        item: Arc::new(Item { id: item.into(), name: None }),
        meaning: Arc::new(Meaning { kind: "test".into(), name: None, state: Some(meaning) }),
        time: "2026-06-11T09:17:59Z".into(),
        sequence: Sequence(7),
        origin: Origin::Live,
        stale: true,
    }
}

/// Mirrors what the script says onto the shelf while `test` goes on. The clock stands still where nothing waits for anything else.
fn mirrored<F: Future<Output = ()>>(test: impl FnOnce(Rc<Shelf>, Rc<Script>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (shelf, script) = (Shelf::new(), Rc::new(Script::default()));
        let test = test(Rc::clone(&shelf), Rc::clone(&script));
        tokio::select! {
            () = run("test", shelf, Rc::clone(&script), &script.changed) => panic!("the mirror has ended"),
            done = timeout(Duration::from_secs(3_600), test) => done.expect("in time"),
        }
    });
}

async fn until(shelf: &Shelf, expected: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while shelf.holds() != expected {
        assert!(Instant::now() < deadline, "{:?} instead of {expected:?}", shelf.holds());
        sleep(Duration::from_millis(10)).await;
    }
}

use ConnectionState::{Connecting, Delayed, Online};

#[test]
fn the_board_follows_what_is_so() {
    mirrored(|shelf, script| async move {
        script.connect("hq", Connecting);
        script.set("hq", "cameras/1", "motion", "clear");
        shelf.connect();
        until(&shelf, &["hq/cameras=2F1/motion=clear", "hq/up=connecting", "up=online"]).await;
        script.connect("hq", Online);
        script.set("hq", "cameras/1", "motion", "detected");
        script.set("hq", "cameras/2", "motion", "clear");
        let cameras = ["hq/cameras=2F1/motion=detected", "hq/cameras=2F2/motion=clear"];
        until(&shelf, &[cameras[0], cameras[1], "hq/up=online", "up=online"]).await;
        script.connect("hq", Delayed);
        until(&shelf, &[cameras[0], cameras[1], "hq/up=delayed", "up=online"]).await;
        script.connections.borrow_mut().clear();
        until(&shelf, &["up=online"]).await;
    });
}

#[test]
fn of_many_changes_only_the_newest_waits_and_few_are_under_way() {
    mirrored(|shelf, script| async move {
        script.connect("hq", Online);
        shelf.pause.set(Duration::from_millis(200));
        shelf.connect();
        for round in 0..50 {
            for camera in 0..20 {
                script.set("hq", &format!("cameras/{camera}"), "motion", &round.to_string());
            }
            sleep(Duration::from_millis(20)).await;
        }
        let is_newest = || shelf.holds().iter().filter(|line| line.ends_with("motion=49")).count() == 20;
        while !is_newest() {
            sleep(Duration::from_millis(10)).await;
        }
        assert!((2..=8).contains(&shelf.most_under_way.get()), "{}", shelf.most_under_way.get());
        let puts = shelf.log.borrow().len();
        assert!(puts < 200, "{puts} puts for 1000 changes");
        // In order, each key by itself.
        for camera in 0..20 {
            let key = format!("put hq/cameras=2F{camera}/motion=");
            let values = shelf.log.borrow().iter().filter_map(|put| put.strip_prefix(&key)?.parse().ok()).collect();
            let values: Vec<u32> = values;
            assert!(values.is_sorted(), "{values:?}");
        }
    });
}

#[test]
fn each_session_gets_everything_anew() {
    mirrored(|shelf, script| async move {
        script.connect("hq", Online);
        script.set("hq", "cameras/1", "motion", "clear");
        let all = ["hq/cameras=2F1/motion=clear", "hq/up=online", "up=online"];
        for _ in 0..3 {
            // A broker that has lost everything.
            shelf.there.borrow_mut().clear();
            shelf.connect();
            until(&shelf, &all).await;
        }
        let puts = shelf.log.borrow().len();
        assert_eq!(puts, 9);
        // What has not changed is not put up once more.
        script.changed.everything();
        sleep(Duration::from_secs(200)).await;
        assert_eq!(shelf.log.borrow().len(), puts);
    });
}

#[test]
fn what_is_left_of_a_former_run_goes_when_it_is_certain_that_nothing_stands_behind_it() {
    mirrored(|shelf, script| async move {
        let left = ["gone/up=online", "hq/cameras=2F1/motion=clear", "hq/cameras=2F9/motion=clear"];
        let children = ["stores=2F1/up=online", "stores=2F2/up=online"];
        for line in left.iter().chain(&children) {
            let (key, body) = line.split_once('=').map(|_| line.rsplit_once('=').unwrap()).unwrap();
            shelf.there.borrow_mut().insert(key.to_owned(), body.to_owned());
        }
        script.connect("hq", Connecting);
        script.connect("stores", Connecting);
        shelf.connect();
        // That of which nothing is certain stays, but is not said to be online; of `gone` it is certain a little after the start.
        let hq = ["hq/cameras=2F1/motion=clear", "hq/cameras=2F9/motion=clear"];
        let rest = ["stores/up=connecting", "stores=2F1/up=missing", "stores=2F2/up=missing", "up=online"];
        until(&shelf, &[hq[0], hq[1], "hq/up=connecting", rest[0], rest[1], rest[2], rest[3]]).await;
        script.connect("hq", Online);
        script.connect("stores", Online);
        script.connect("stores/1", Online);
        script.set("hq", "cameras/1", "motion", "detected");
        let expected =
            ["hq/cameras=2F1/motion=detected", "hq/up=online", "stores/up=online", "stores=2F1/up=online", "up=online"];
        until(&shelf, &expected).await;
    });
}

#[test]
fn an_item_that_is_gone_is_removed_with_all_its_documents() {
    mirrored(|shelf, script| async move {
        script.connect("hq", Online);
        script.set("hq", "cameras/1", "motion", "clear");
        script.set("hq", "cameras/1", "recording", "on");
        shelf.connect();
        until(&shelf, &["hq/cameras=2F1/motion=clear", "hq/cameras=2F1/recording=on", "hq/up=online", "up=online"])
            .await;
        script.set("hq", "cameras/1", "motion", "unknown");
        until(&shelf, &["hq/cameras=2F1/motion=unknown", "hq/cameras=2F1/recording=on", "hq/up=online", "up=online"])
            .await;
        script.set("hq", "cameras/1", "recording", "unknown");
        until(&shelf, &["hq/up=online", "up=online"]).await;
        // After a restart, too: that nothing is known of any more is known at once.
        shelf.there.borrow_mut().insert("hq/cameras=2F1/recording".to_owned(), "on".to_owned());
        let begun = Instant::now();
        shelf.connect();
        until(&shelf, &["hq/up=online", "up=online"]).await;
        assert!(begun.elapsed() < Duration::from_secs(1));
        script.set("hq", "cameras/1", "motion", "clear");
        until(
            &shelf,
            &["hq/cameras=2F1/motion=clear", "hq/cameras=2F1/recording=unknown", "hq/up=online", "up=online"],
        )
        .await;
    });
}

#[test]
fn a_board_that_is_busy_is_tried_again_at_once_and_what_it_refuses_when_everything_is_looked_at() {
    mirrored(|shelf, script| async move {
        script.connect("hq", Online);
        script.set("hq", "cameras/1", "motion", "clear");
        script.set("hq", "cameras/1", "note", "long");
        shelf.failing.set(12);
        shelf.refused.replace(Some("note=long".to_owned()));
        shelf.connect();
        until(&shelf, &["hq/cameras=2F1/motion=clear", "hq/up=online", "up=online"]).await;
        let refusals = || shelf.log.borrow().iter().filter(|line| line.starts_with("refused")).count();
        sleep(Duration::from_secs(50)).await;
        let first = refusals();
        assert!((1..=6).contains(&first), "not again and again: {first}");
        sleep(Duration::from_secs(250)).await;
        // The broker may think otherwise by now.
        assert!((first + 3..=first + 6).contains(&refusals()), "first {first}, then {}", refusals());
        let before = refusals();
        script.set("hq", "cameras/1", "note", "short");
        let all = ["hq/cameras=2F1/motion=clear", "hq/cameras=2F1/note=short", "hq/up=online", "up=online"];
        until(&shelf, &all).await;
        assert_eq!(refusals(), before);
    });
}

#[test]
fn what_may_or_may_not_be_at_the_broker_is_put_there_again() {
    let begun = Instant::now();
    let mut ledger = Ledger::new(begun);
    let place = Place::Connection("hq".parse().unwrap());
    ledger.note(vec![connection("hq", Online)], begun);
    let document = |body: &'static str| Document { key: "up".to_owned(), body: body.into() };
    ledger.carried_out(&place, &Step::Put(document("online")));
    assert_eq!(ledger.steps(&place, vec![document("online")], true, begun), []);
    // No answer came, and then things were as before.
    ledger.left_open(&place, &Step::Put(document("delayed")));
    assert_eq!(ledger.steps(&place, vec![document("online")], true, begun), [Step::Put(document("online"))]);
}

#[test]
fn what_was_said_of_a_connection_that_is_not_there_yet_is_taken_back_and_removed_when_it_is_certainly_gone() {
    let begun = Instant::now();
    let mut ledger = Ledger::new(begun);
    ledger.note(vec![connection("stores", ConnectionState::Delayed)], begun);
    let child = Place::Connection("stores/42".parse().unwrap());
    ledger.found(child.clone(), "up".to_owned());
    let missing = Document { key: "up".to_owned(), body: "offline".into() };
    let much_later = begun + 100 * ITEMS_SETTLE;
    assert!(!ledger.is_certain(&child, much_later), "its parent has not been online");
    let steps = ledger.steps(&child, vec![missing.clone()], false, much_later);
    assert_eq!(steps, [Step::Put(missing.clone())]);
    steps.iter().for_each(|step| ledger.carried_out(&child, step));
    ledger.done(&child, much_later);
    ledger.note(vec![connection("stores", Online)], much_later);
    let settled = much_later + NAMES_SETTLE;
    ledger.note(vec![connection("stores", Online)], settled);
    assert!(ledger.is_certain(&child, settled));
    assert_eq!(ledger.steps(&child, Vec::new(), false, settled), [Step::Remove("up".to_owned())]);
}

#[test]
fn keys_that_are_found_are_spared_until_their_items_had_time_to_tell() {
    let begun = Instant::now();
    let at = |since: Duration| begun + since;
    let mut ledger = Ledger::new(begun);
    let item: Place = Place::Item("hq".parse().unwrap(), "cameras/1".into());
    ledger.note(vec![connection("hq", Online)], begun);
    ledger.found(item.clone(), "k".to_owned());
    assert_eq!(ledger.steps(&item, Vec::new(), false, at(ITEMS_SETTLE / 2)), []);
    assert_eq!(ledger.steps(&item, Vec::new(), false, at(ITEMS_SETTLE)), [Step::Remove("k".to_owned())]);
    // One that nobody has heard of is certain sooner.
    let other = Place::Connection("other".parse().unwrap());
    ledger.found(other.clone(), "o".to_owned());
    assert_eq!(ledger.steps(&other, Vec::new(), false, at(NAMES_SETTLE / 2)), []);
    assert_eq!(ledger.steps(&other, Vec::new(), false, at(NAMES_SETTLE)), [Step::Remove("o".to_owned())]);
}

#[test]
fn a_state_as_a_document_does_not_change_with_its_connection() {
    let mut one = state(&"hq".parse().unwrap(), "cameras/1", "motion", "clear");
    let text = state_json(&one);
    one.stale = false;
    assert_eq!(state_json(&one), text);
    let json: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        (&json["group"], &json["value"], &json["item"]),
        (&"motion".into(), &"clear".into(), &"cameras/1".into())
    );
    assert!(json.get("stale").is_none());
}

#[test]
fn states_of_one_item_have_different_names_whatever_their_vendor_calls_them() {
    let named = |groups: &[(&str, &str)]| {
        let of = |(group, own): &(&str, &str)| {
            let mut state = state(&"hq".parse().unwrap(), "cameras/1", group, "clear");
            let meaning = Arc::make_mut(&mut state.meaning);
            meaning.state.as_mut().unwrap().vendor_group = (*own).into();
            state
        };
        let states: Vec<_> = groups.iter().map(of).collect();
        by_group(&states).into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named(&[("motion", "v1"), ("recording", "v2")]), ["motion", "recording"]);
    assert_eq!(named(&[("motion", "v1"), ("recording", "v2"), ("motion", "v3")]), ["v1", "recording", "v3"]);
    assert_eq!(named(&[("motion", "motion"), ("motion", "v3")]), ["motion", "v3"]);
    // What two are called by is what all call a third.
    assert_eq!(named(&[("motion", "v1"), ("v1", "v2"), ("motion", "v3")]), ["v1", "v2", "v3"]);
    assert_eq!(named(&[("motion", "v1"), ("v1", "v2"), ("motion", "v3"), ("v2", "v4")]), ["v1", "v2", "v3", "v4"]);
    assert_eq!(named(&[("motion", ""), ("motion", "")]), ["", ""]);
}

#[test]
fn what_somebody_else_has_written_over_or_removed_is_put_up_again() {
    mirrored(|shelf, script| async move {
        script.connect("hq", Online);
        script.set("hq", "cameras/1", "motion", "clear");
        shelf.connect();
        let all = ["hq/cameras=2F1/motion=clear", "hq/up=online", "up=online"];
        until(&shelf, &all).await;
        for (key, body) in [("up", "offline"), ("hq/up", "offline"), ("hq/cameras=2F1/motion", "")] {
            let begun = Instant::now();
            shelf.meddle(key, body);
            until(&shelf, &all).await;
            assert!(begun.elapsed() < Duration::from_secs(1), "{key}");
        }
        // What reads as it should is no reason.
        let before = shelf.log.borrow().len();
        shelf.meddle("hq/up", "online");
        // What was put where nothing belongs goes, once it is certain that nothing does.
        shelf.meddle("hq/cameras=2F9/motion", "clear");
        sleep(ITEMS_SETTLE).await;
        until(&shelf, &all).await;
        assert_eq!(shelf.log.borrow()[before..], ["remove hq/cameras=2F9/motion"]);
    });
}

#[test]
fn two_who_fight_over_a_key_do_not_keep_each_other_going() {
    mirrored(|shelf, script| async move {
        script.connect("hq", Online);
        shelf.connect();
        until(&shelf, &["hq/up=online", "up=online"]).await;
        let before = shelf.log.borrow().len();
        let begun = Instant::now();
        while begun.elapsed() < 10 * MEND_EVERY {
            let is_ours = shelf.there.borrow().get("hq/up").is_some_and(|body| body == "online");
            if is_ours {
                shelf.meddle("hq/up", "theirs");
            }
            sleep(Duration::from_millis(10)).await;
        }
        let puts = shelf.log.borrow().len() - before;
        assert!((8..=11).contains(&puts), "{puts}");
        // In the end it is as it should be.
        until(&shelf, &["hq/up=online", "up=online"]).await;
    });
}

#[test]
fn what_is_touched_while_it_is_being_put_up_is_put_up_once_more() {
    mirrored(|shelf, script| async move {
        script.connect("hq", Connecting);
        shelf.connect();
        until(&shelf, &["hq/up=connecting", "up=online"]).await;
        shelf.pause.set(Duration::from_millis(200));
        script.connect("hq", Online);
        let puts = || shelf.log.borrow().iter().filter(|line| *line == "put hq/up=online").count();
        while shelf.under_way.get() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        shelf.meddle("hq/up", "theirs");
        while puts() < 2 {
            sleep(Duration::from_millis(10)).await;
        }
        // Our own that comes back is nobody else's, even before it is acknowledged.
        script.connect("hq", Delayed);
        while shelf.under_way.get() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        shelf.meddle("hq/up", "delayed");
        sleep(5 * MEND_EVERY).await;
        assert_eq!(shelf.log.borrow().iter().filter(|line| *line == "put hq/up=delayed").count(), 1);
    });
}

#[test]
fn the_program_is_not_said_to_be_there_before_it_is_said_how_each_connection_is() {
    mirrored(|shelf, script| async move {
        let left = ["hq/up", "gone/up", "stores/up", "stores=2F1/up"];
        left.iter().for_each(|key| drop(shelf.there.borrow_mut().insert((*key).to_owned(), "online".to_owned())));
        script.connect("hq", Connecting);
        script.connect("stores", Connecting);
        (0..500).for_each(|camera| script.set("hq", &format!("cameras/{camera}"), "motion", "clear"));
        shelf.pause.set(Duration::from_millis(50));
        shelf.heard_after.set(Duration::from_secs(2));
        for _ in 0..2 {
            shelf.log.borrow_mut().clear();
            shelf.there.borrow_mut().remove("up");
            shelf.connect();
            while !shelf.there.borrow().contains_key("up") {
                sleep(Duration::from_millis(1)).await;
            }
            let there = shelf.there.borrow();
            assert!(there.iter().all(|(key, body)| key == "up" || body != "online"), "{there:?}");
            assert!(shelf.log.borrow().len() < 500, "no item is waited for that is not told in that time");
        }
    });
}

#[test]
fn the_program_comes_when_all_is_found_and_no_connection_is_under_way_and_before_items() {
    let begun = Instant::now();
    let settled = begun + Duration::from_secs(2);
    let mut ledger = Ledger::new(begun);
    let [one, two] = ["one", "two"].map(|name| Place::Connection(name.parse().unwrap()));
    let item = Place::Item("one".parse().unwrap(), "cameras/1".into());
    ledger.begin_session(settled);
    [&item, &one].into_iter().for_each(|place| ledger.mark(place.clone()));
    assert_eq!(
        [ledger.next(begun), ledger.next(begun), ledger.next(begun)],
        [Some(one.clone()), Some(item.clone()), None]
    );
    [&one, &item].into_iter().for_each(|place| ledger.done(place, begun));
    assert_eq!(ledger.next(begun), None, "more may be found");
    // Another is found at the last moment, and is under way.
    ledger.heard(two.clone(), "up".to_owned(), b"online", begun);
    ledger.mark(item.clone());
    assert_eq!(
        [ledger.next(settled), ledger.next(settled), ledger.next(settled)],
        [Some(two.clone()), Some(item.clone()), None]
    );
    ledger.mark(two.clone());
    [&two, &item].into_iter().for_each(|place| ledger.done(place, settled));
    ledger.mark(item.clone());
    assert_eq!(ledger.next(settled), Some(two.clone()));
    ledger.done(&two, settled);
    assert_eq!(
        [ledger.next(settled), ledger.next(settled), ledger.next(settled)],
        [Some(Place::Program), Some(item), None]
    );
}

#[test]
fn of_any_number_of_keys_that_are_found_only_so_many_are_remembered() {
    let begun = Instant::now();
    let mut ledger = Ledger::new(begun);
    let item = |at: usize| Place::Item("hq".parse().unwrap(), format!("cameras/{at}").into());
    ledger.note(vec![connection("hq", Online)], begun);
    (0..MOST_FOUND + 1_000).for_each(|at| ledger.heard(item(at), at.to_string(), b"x", begun));
    let mut remembered = 0;
    while let Some(place) = ledger.next(begun) {
        let steps = ledger.steps(&place, Vec::new(), true, begun);
        remembered += steps.len();
        steps.iter().for_each(|step| ledger.carried_out(&place, step));
        ledger.done(&place, begun);
    }
    assert_eq!(remembered, MOST_FOUND);
    // There is room again.
    ledger.heard(item(0), "k".to_owned(), b"x", begun);
    assert_eq!(ledger.next(begun), Some(item(0)));
}
