//! What an MQTT sink does with events under way when a broker is slow, refuses some, is full, or hangs up.
#![cfg(all(unix, feature = "mqtt"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/fake_broker.rs"]
mod fake_broker;
#[path = "common/mosquitto.rs"]
mod mosquitto;

use std::{
    collections::HashSet,
    fs,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use fake_broker::{Answer, FakeBroker};
use mosquitto::{Listener, Mosquitto};
use serde_json::Value;
use watchpost::{
    actors::{
        Engine, EngineConfig, EngineHandle,
        journal::{Append, Memory},
        model::{Event, EventId, Item, Meaning, Origin, Sequence},
    },
    config::{SinkKind, Surroundings, parse},
    sinks::{
        Ground, Sinks,
        delivery::{Delivery, LanePosition, LetterFilter},
    },
};

const DEADLINE: Duration = Duration::from_secs(60);
/// What a connection may have under way.
const WINDOW: usize = 64;

/// A sink named `broker` that begins with what is stored before it starts.
struct Site {
    engine: EngineHandle,
    delivery: Delivery,
    sinks: Sinks,
}

impl Site {
    /// Events of each connection, of the kind `motion.started`; the one with the number 17 is `door.forced`.
    async fn start(url: &str, events: &[(&str, Range<u32>)]) -> Self {
        Self::with_timeout("60s", url, events).await
    }

    /// One that waits so long for an acknowledgement.
    async fn with_timeout(timeout: &str, url: &str, events: &[(&str, Range<u32>)]) -> Self {
        let journal = Box::new(Memory::new(100_000, usize::MAX));
        let engine = Engine::start(EngineConfig { journal, ..EngineConfig::default() }).unwrap();
        let delivery = Delivery::in_memory();
        delivery.begin("broker", Sequence(0)).unwrap();
        for (connection, ids) in events {
            store(&engine, connection, ids.clone()).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[[sink]]\nname = \"broker\"\nkind = \"mqtt\"\nurl = \"{url}\"\ntimeout = \"{timeout}\"\n");
        let mut config = parse(&text, "test.toml", &Surroundings::new(folder.path(), |_| None)).unwrap();
        let SinkKind::Mqtt(settings) = &mut config.sinks[0].kind else { panic!() };
        settings.refused_pause = Duration::from_millis(200);
        let ground = Ground {
            journal: engine.journal().clone(),
            delivery: delivery.clone(),
            engine: None,
            durable_files: false,
        };
        let sinks = Sinks::start(&config.sinks, &ground).await.unwrap();
        Self { engine, delivery, sinks }
    }

    fn lane(&self, connection: &str) -> Option<LanePosition> {
        let sinks = self.delivery.sinks().unwrap();
        let is_it = |lane: &LanePosition| lane.connection.as_ref().is_some_and(|name| name.as_str() == connection);
        sinks.into_iter().flat_map(|sink| sink.lanes).find(is_it)
    }

    /// Where delivery of a connection stands.
    fn position(&self, connection: &str) -> u64 {
        self.lane(connection).map_or(0, |lane| lane.position.0)
    }

    /// What is said of a connection whose events are not taken.
    fn trouble(&self, connection: &str) -> String {
        self.lane(connection).and_then(|lane| lane.failure).map_or_else(String::new, |failure| failure.why)
    }

    fn delivered(&self) -> u64 {
        self.delivery.sinks().unwrap().iter().map(|sink| sink.delivered).sum()
    }

    fn dead_letters(&self) -> Vec<String> {
        let letters = self.delivery.dead_letters(&LetterFilter::default(), 0, 100).unwrap();
        letters.into_iter().map(|letter| letter.event_id).collect()
    }

    async fn end(self) {
        self.sinks.drain(Sequence(u64::MAX), Duration::from_secs(1)).await;
        self.engine.shutdown(Duration::from_secs(1)).await;
    }
}

/// Stores events of a connection, ten together.
async fn store(engine: &EngineHandle, connection: &str, ids: Range<u32>) {
    store_of(engine, connection, ids, "cameras/1").await;
}

async fn store_of(engine: &EngineHandle, connection: &str, ids: Range<u32>, item: &str) {
    let event = |id: u32| Event {
        id: EventId::new(id.to_string()),
        origin: Origin::Live,
        meaning: Arc::new(Meaning {
            kind: if id == 17 { "door.forced" } else { "motion.started" }.into(),
            name: None,
            state: None,
        }),
        item: Some(Arc::new(Item { id: item.into(), name: None })),
        time: "2026-06-11T09:17:59Z".into(),
        data: "{}".into(),
    };
    for first in ids.clone().step_by(10) {
        let append = Append {
            connection: connection.parse().unwrap(),
            vendor: "milestone",
            events: (first..ids.end.min(first + 10)).map(event).collect::<Vec<_>>().into(),
            states: Arc::new([]),
            checkpoint: None,
            heard: None,
        };
        engine.journal().append(append).await.unwrap();
    }
}

fn run(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}

#[track_caller]
fn eventually(what: &str, mut so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    let what = what.to_owned();
    async move {
        let until = Instant::now() + DEADLINE;
        while !so() {
            assert!(Instant::now() < until, "in vain, at {caller}: {what}");
            actix_rt::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// `hq:0`, `hq:1` …
fn ids(connection: &str, numbers: Range<u32>) -> Vec<String> {
    numbers.map(|id| format!("{connection}:{id}")).collect()
}

/// Each once, in the order in which they came first.
fn firsts(ids: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(id.clone())).collect()
}

fn arrived(broker: &FakeBroker, connection: &str) -> Vec<String> {
    let of = format!("{connection}:");
    broker.see(|seen| seen.arrivals.iter().map(|arrival| arrival.id.clone()).filter(|id| id.starts_with(&of)).collect())
}

fn heard(listener: &Listener) -> Vec<String> {
    let messages = listener.all();
    let events = messages.iter().filter(|message| message.topic.contains("/events/"));
    let id = |body: &str| serde_json::from_str::<Value>(body).unwrap()["id"].as_str().unwrap().to_owned();
    events.map(|message| id(&message.body)).collect()
}

#[test]
fn the_next_event_goes_as_one_is_acknowledged_and_a_slow_connection_holds_up_no_other() {
    let is_slow = |id: &str| id.starts_with("slow:");
    let broker =
        FakeBroker::start(move |arrival, _| if is_slow(&arrival.id) { Answer::Later } else { Answer::Reason(0) });
    run(async {
        let site = Site::start(&broker.url(), &[("slow", 0..300), ("fast", 0..500)]).await;
        eventually("the window is full", || arrived(&broker, "slow").len() >= WINDOW).await;
        eventually("the other is not held up", || arrived(&broker, "fast").len() == 500).await;
        assert_eq!(arrived(&broker, "slow").len(), WINDOW);
        assert_eq!(site.position("slow"), 0);
        for more in 1..=10 {
            assert_eq!(broker.release(|arrival| arrival.id == format!("slow:{}", more - 1)), 1);
            eventually("the next", || arrived(&broker, "slow").len() >= WINDOW + more).await;
        }
        assert_eq!(arrived(&broker, "slow").len(), WINDOW + 10);
        // The youngest are acknowledged before the oldest: that moves nothing, and sends no more than is remembered.
        broker.release(|arrival| arrival.id != "slow:10");
        let sequence = broker.see(|seen| seen.arrivals.iter().find(|of| of.id == "slow:10").unwrap().sequence);
        eventually("its position is behind what is acknowledged", || site.position("slow") == sequence).await;
        broker.release(|arrival| arrival.id == "slow:10");
        eventually("all have come", || {
            broker.release(|_| true);
            site.delivered() == 800
        })
        .await;
        assert_eq!(arrived(&broker, "slow"), ids("slow", 0..300), "each once, and in order");
        assert_eq!(arrived(&broker, "fast"), ids("fast", 0..500), "each once, and in order");
        site.end().await;
    });
}

#[test]
fn many_busy_connections_share_what_may_be_under_way_and_none_stands_still() {
    const LANES: u32 = 6;
    // Of all connections together.
    const ROOM: usize = 256;
    let broker = FakeBroker::start(|_, _| Answer::Later);
    run(async {
        let names: Vec<_> = (0..LANES).map(|lane| format!("lane-{lane}")).collect();
        let events: Vec<_> = names.iter().map(|name| (&**name, 0..100)).collect();
        let site = Site::start(&broker.url(), &events).await;
        eventually("all room is taken", || broker.see(|seen| seen.arrivals.len()) >= ROOM).await;
        assert_eq!(broker.see(|seen| seen.arrivals.len()), ROOM);
        eventually("all have come", || {
            broker.release(|_| true);
            site.delivered() == u64::from(LANES) * 100
        })
        .await;
        for name in &names {
            assert_eq!(arrived(&broker, name), ids(name, 0..100), "each once, and in order");
        }
        site.end().await;
    });
}

#[test]
fn a_topic_that_mqtt_has_no_room_for_is_a_dead_letter_and_holds_up_nothing() {
    let broker = FakeBroker::start(|_, _| Answer::Reason(0));
    run(async {
        // Each of these bytes is three in a topic.
        let long = "#".repeat(22_000);
        let site = Site::start(&broker.url(), &[("hq", 0..0)]).await;
        store_of(&site.engine, "hq", 0..3, &long).await;
        store(&site.engine, "hq", 3..6).await;
        eventually("the others have come", || arrived(&broker, "hq").len() == 3).await;
        assert_eq!(site.dead_letters(), ids("hq", 0..3));
        assert_eq!(arrived(&broker, "hq"), ids("hq", 3..6));
        assert!(broker.see(|seen| seen.arrivals.iter().all(|arrival| arrival.session <= 1)), "one session");
        site.end().await;
    });
}

#[test]
fn an_event_refused_amid_others_is_tried_alone_and_what_is_acknowledged_behind_it_comes_once() {
    // Not allowed, full, and two that say nothing.
    for reason in [0x87, 0x97, 0x80, 0x83] {
        let broker = FakeBroker::start(move |arrival, seen| {
            let refused = arrival.id == "hq:17" && seen.times("hq:17") < 4;
            Answer::Reason(if refused { reason } else { 0 })
        });
        run(async {
            let site = Site::start(&broker.url(), &[("hq", 0..300)]).await;
            eventually("it is told", || !site.trouble("hq").is_empty()).await;
            let trouble = site.trouble("hq");
            if reason == 0x87 {
                assert!(trouble.contains("give this user the right to publish to watchpost/#"), "{trouble}");
            }
            eventually("all have come", || site.delivered() == 300).await;
            assert_eq!(site.dead_letters(), Vec::<String>::new(), "{reason:#x}");
            assert_eq!(site.trouble("hq"), "", "{reason:#x}");
            let all = arrived(&broker, "hq");
            assert_eq!(all.len(), 303, "{reason:#x}: none but the refused one came again");
            let tries: Vec<usize> = (0..all.len()).filter(|at| all[*at] == "hq:17").collect();
            assert_eq!(tries[0], 17);
            assert!(tries[1] - tries[0] <= WINDOW, "{reason:#x}: {tries:?}");
            assert!(tries[3] == tries[1] + 2, "{reason:#x}: it was tried alone: {tries:?}");
            let others: Vec<String> = all.into_iter().filter(|id| id != "hq:17").collect();
            let wanted: Vec<String> = ids("hq", 0..300).into_iter().filter(|id| id != "hq:17").collect();
            assert_eq!(others, wanted, "{reason:#x}: in order");
            site.end().await;
        });
    }
}

#[test]
fn an_unknown_reason_blames_no_event() {
    let broker = FakeBroker::start(|arrival, seen| {
        let refused = arrival.id == "hq:17" && seen.times("hq:17") < 3;
        Answer::Reason(if refused { 0xA7 } else { 0 })
    });
    run(async {
        let site = Site::start(&broker.url(), &[("hq", 0..200), ("other", 20..200)]).await;
        eventually("it is told", || site.trouble("hq").contains("0xA7")).await;
        eventually("all have come", || site.delivered() == 380).await;
        assert_eq!(site.dead_letters(), Vec::<String>::new());
        assert_eq!(firsts(arrived(&broker, "hq")), ids("hq", 0..200));
        assert_eq!(firsts(arrived(&broker, "other")), ids("other", 20..200));
        // The broken session leaves a window unanswered; from then on each goes alone.
        assert!(arrived(&broker, "hq").len() <= 200 + WINDOW + 2, "{}", arrived(&broker, "hq").len());
        site.end().await;
    });
}

#[test]
fn a_reason_that_is_about_the_event_makes_a_dead_letter_of_it_alone() {
    for reason in [0x90, 0x95, 0x99] {
        let broker =
            FakeBroker::start(move |arrival, _| Answer::Reason(if arrival.id == "hq:17" { reason } else { 0 }));
        run(async {
            let site = Site::start(&broker.url(), &[("hq", 0..200), ("other", 20..100)]).await;
            eventually("all others have come", || site.delivered() == 279).await;
            assert_eq!(site.dead_letters(), ["hq:17"], "{reason:#x}");
            let wanted: Vec<String> = ids("hq", 0..200).into_iter().filter(|id| id != "hq:17").collect();
            let all = arrived(&broker, "hq");
            assert_eq!(all.iter().filter(|id| *id == "hq:17").count(), 1, "{reason:#x}");
            assert_eq!(firsts(all.into_iter().filter(|id| id != "hq:17")), wanted, "{reason:#x}");
            site.end().await;
        });
    }
}

#[test]
fn a_broker_that_hangs_up_amid_a_window_gets_the_rest_once_and_in_order() {
    let broker = FakeBroker::start(|arrival, seen| {
        let of_session = seen.arrivals.iter().filter(|of| of.session == arrival.session).count();
        // After each 40th, twice; those that come behind it are not even read.
        if arrival.session < 3 && of_session == 40 { Answer::HangUp } else { Answer::Reason(0) }
    });
    run(async {
        let site = Site::start(&broker.url(), &[("hq", 0..300)]).await;
        eventually("all have come", || site.delivered() == 300).await;
        let all = arrived(&broker, "hq");
        assert_eq!(firsts(all.clone()), ids("hq", 0..300));
        assert_eq!(all.len(), 302, "what was not answered comes again, and nothing else");
        assert_eq!(site.dead_letters(), Vec::<String>::new());
        site.end().await;
    });
}

#[test]
fn an_event_whose_acknowledgement_is_lost_goes_again_though_others_are_acknowledged() {
    let broker = FakeBroker::start(|arrival, seen| {
        if arrival.id == "hq:20" && seen.times("hq:20") == 1 { Answer::Later } else { Answer::Reason(0) }
    });
    run(async {
        let site = Site::with_timeout("2s", &broker.url(), &[("hq", 0..100)]).await;
        let end = Instant::now() + DEADLINE;
        let mut others = 0;
        while broker.see(|seen| seen.times("hq:20")) < 2 {
            assert!(Instant::now() < end, "the lane stands still");
            store(&site.engine, "yard", others..others + 10).await;
            others += 10;
            actix_rt::time::sleep(Duration::from_millis(100)).await;
        }
        let (hq, yard) = (ids("hq", 0..100), ids("yard", 0..others));
        eventually("both are delivered", || site.delivered() == 100 + u64::from(others)).await;
        assert_eq!(firsts(arrived(&broker, "hq")), hq);
        assert_eq!(firsts(arrived(&broker, "yard")), yard);
        // Nothing of it was the event's fault, and what was acknowledged does not come again.
        assert_eq!(site.dead_letters(), [""; 0]);
        let first = |id: &&str| broker.see(|seen| seen.times(id)) == 1;
        assert!(["hq:19", "hq:21", "hq:83"].iter().all(first));
        site.end().await;
    });
}

#[test]
fn a_broker_that_wants_few_at_a_time_gets_no_more() {
    let broker = FakeBroker::with(Some(5), |_, _| Answer::Later);
    run(async {
        let site = Site::start(&broker.url(), &[("a", 20..100), ("b", 20..100)]).await;
        eventually("so many as it wants", || broker.see(|seen| seen.open == 5)).await;
        eventually("all have come", || {
            broker.release(|_| true);
            site.delivered() == 160
        })
        .await;
        assert_eq!(broker.see(|seen| seen.most_open), 5);
        assert_eq!(arrived(&broker, "a"), ids("a", 20..100));
        assert_eq!(arrived(&broker, "b"), ids("b", 20..100));
        site.end().await;
    });
}

#[test]
fn an_event_that_may_not_be_published_goes_when_the_right_is_given() {
    let mut broker = Mosquitto::prepared("allow_anonymous true\nacl_file @/acl");
    let forbidden = "topic readwrite #\ntopic deny watchpost/hq/+/events/door=2Eforced\n";
    fs::write(broker.path("acl"), forbidden).unwrap();
    broker.begin();
    let listener = broker.listen(&["-t", "watchpost/#"]);
    run(async {
        let site = Site::start(&broker.url(), &[("hq", 0..300), ("other", 20..100)]).await;
        eventually("it is told", || site.trouble("hq").contains("give this user the right to publish")).await;
        eventually("the other is not held up", || site.position("other") > 0 && heard(&listener).len() >= 17 + 80)
            .await;
        assert!(!heard(&listener).contains(&"hq:17".to_owned()));
        let behind = heard(&listener).iter().filter(|id| id.starts_with("hq:")).count() - 17;
        assert!(behind < WINDOW, "{behind} came before it");
        fs::write(broker.path("acl"), "topic readwrite #\n").unwrap();
        broker.reload();
        eventually("all have come", || heard(&listener).len() >= 380).await;
        eventually("all is stored", || site.delivered() == 380).await;
        let all: Vec<String> = heard(&listener).into_iter().filter(|id| id.starts_with("hq:")).collect();
        assert_eq!(firsts(all.clone()), all, "each once");
        let without: Vec<String> = all.into_iter().filter(|id| id != "hq:17").collect();
        assert_eq!(without, ids("hq", 0..300).into_iter().filter(|id| id != "hq:17").collect::<Vec<_>>());
        assert_eq!((site.trouble("hq"), site.dead_letters()), (String::new(), Vec::new()));
        site.end().await;
    });
}

#[test]
fn a_broker_without_memory_left_gets_everything_when_it_has_some_again() {
    // There is room for some hundred messages that wait for a subscriber who does not read.
    let broker =
        Mosquitto::with("allow_anonymous true\nmemory_limit 700000\nmax_queued_messages 0\nmax_inflight_messages 1");
    let listener = broker.listen(&["-q", "1", "-t", "watchpost/+/+/events/+"]);
    listener.pause();
    run(async {
        let site = Site::start(&broker.url(), &[("hq", 0..2_000)]).await;
        eventually("it is full, and that is told", || !site.trouble("hq").is_empty()).await;
        assert!(site.delivered() < 2_000, "the broker has room for all");
        listener.resume();
        eventually("all have come", || site.delivered() == 2_000 && firsts(heard(&listener)).len() == 2_000).await;
        assert_eq!(firsts(heard(&listener)), ids("hq", 0..2_000), "in order");
        assert_eq!((site.trouble("hq"), site.dead_letters()), (String::new(), Vec::new()));
        site.end().await;
    });
}
