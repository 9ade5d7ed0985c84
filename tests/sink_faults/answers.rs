//! Receivers that answer, but not as one would like.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use watchpost::sinks::delivery::{Delivery, LetterFilter};

use crate::durable_support::{
    Line, MS, Place, Post, Receiver, Reply, SECOND, assert_all_in_order, assert_grows, assert_same, eventually, ids,
};

/// A sink beside one that fails has an event within this time. The machine may be busy.
const LAG: Duration = Duration::from_secs(4);

const NOT_FOUND: Reply = Reply::Status(404, String::new());

/// Refused for good, by what the receiver reads in the id alone.
fn is_refused(line: &Line) -> bool {
    line.is_vendors() && line.id.ends_with(['0', '1'])
}

/// Fails in one way or another with every twelfth event, once or twice; for a second from the first request it answers 500 to all.
fn troubled() -> impl FnMut(&Post, usize) -> Reply + Send + 'static {
    let (mut begun, mut seen) = (None, BTreeMap::<String, usize>::new());
    move |post, before| {
        let line = &post.lines[0];
        if begun.get_or_insert_with(Instant::now).elapsed() < SECOND {
            return Reply::Status(500, String::new());
        }
        if is_refused(line) {
            return NOT_FOUND;
        }
        let count = seen.entry(line.connection.clone()).or_default();
        *count += usize::from(before == 0);
        match (*count, before) {
            (12, 0 | 1) => Reply::Status(503, String::new()),
            (24, 0 | 1) => Reply::HangUp,
            (36, 0 | 1) => Reply::Hang,
            (48, 0) => Reply::Status(429, "Retry-After: 1\r\n".to_owned()),
            (60, 0) => Reply::Status(408, String::new()),
            _ => Reply::Accept,
        }
    }
}

#[test]
fn a_receiver_that_fails_in_every_way_gets_everything_in_order_and_no_other_sink_waits_for_it() {
    let place = Place::start(2);
    let receiver = Receiver::ruled(troubled());
    let hook = Place::webhook_sink("hook", &receiver, "timeout = \"300ms\"\ntries = 2");
    place.configure("", &(Place::file_sink("file", "") + &hook));
    let mut file = place.tail("file.jsonl");
    let program = place.run_until_online(&mut file);
    for round in 1..=4 {
        place.emit(20);
        let emitted = Instant::now();
        eventually("the file has them", || file.distinct() == 2 * 20 * round);
        assert!(emitted.elapsed() < LAG, "the file had to wait for {:?}", emitted.elapsed());
    }
    let refused: Vec<Line> = file.read().iter().filter(|line| is_refused(line)).cloned().collect();
    let wanted = 2 * 20 * 4 - refused.len();
    let tries = || receiver.posts().iter().filter(|post| post.reply == NOT_FOUND).count();
    eventually("everything is delivered or refused", || receiver.distinct() == wanted && tries() == 2 * refused.len());
    place.end(program);

    assert_all_in_order("file", file.read(), &place.systems);
    let (posts, accepted) = (receiver.posts(), receiver.accepted());
    for system in &place.systems {
        let of_it = |line: &&Line| line.connection == system.name;
        let file = file.read().iter().filter(of_it).filter(|line| !is_refused(line));
        assert_same("the hook", &ids(accepted.iter().filter(of_it)), &ids(file));
        assert_grows("the hook", accepted.iter().filter(of_it));
        // While one is tried again nothing else is sent, so in the order of arrival, too, nothing steps back.
        let arrived: Vec<u64> =
            posts.iter().map(|post| &post.lines[0]).filter(of_it).map(|line| line.sequence).collect();
        assert!(arrived.is_sorted(), "{arrived:?}");
    }
    let mut tries: HashMap<&str, Vec<&Post>> = HashMap::new();
    for post in &posts {
        tries.entry(&post.lines[0].id).or_default().push(post);
    }
    for (id, tries) in &tries {
        assert!(tries.iter().all(|post| post.id == *id), "the id of a request is that of its event: {id}");
        assert!(tries.iter().all(|post| post.lines[0].text == tries[0].lines[0].text), "{id} is the same each time");
    }
    assert!(refused.len() > 3, "{refused:?}");
    let delivery = Delivery::open(&place.path("watchpost-data")).unwrap();
    let letters = delivery.dead_letters(&LetterFilter::default(), 0, usize::MAX).unwrap();
    assert_eq!(letters.len(), refused.len());
    for letter in &letters {
        let id = &letter.event_id;
        assert!(refused.iter().any(|line| line.id == *id && line.text == letter.line), "{letter:?}");
        assert!(letter.sink == "hook" && letter.why.contains("404"), "{letter:?}");
        assert_eq!((letter.tries, tries[&**id].len()), (2, 2), "{id}");
    }
}

/// In the form of HTTP: whole seconds.
fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[test]
fn a_receiver_that_asks_for_time_is_left_alone_for_so_long_by_that_connection_alone() {
    for date in [false, true] {
        let place = Place::start(2);
        let mut put_off = false;
        let receiver = Receiver::ruled(move |post, _| {
            let line = &post.lines[0];
            if put_off || line.connection != "a" || !line.is_vendors() {
                return Reply::Accept;
            }
            put_off = true;
            let (status, value) =
                if date { (503, http_date(Timestamp::now() + 3 * SECOND)) } else { (429, "2".to_owned()) };
            Reply::Status(status, format!("Retry-After: {value}\r\n"))
        });
        place.configure("", &(Place::file_sink("file", "") + &Place::webhook_sink("hook", &receiver, "")));
        let mut file = place.tail("file.jsonl");
        let program = place.run_until_online(&mut file);
        place.emit(8);
        eventually("all of it", || receiver.distinct() == 16);
        place.end(program);
        assert_all_in_order("hook", &receiver.accepted(), &place.systems);

        let posts = receiver.posts();
        let of = |name: &'static str| posts.iter().filter(move |post| post.lines[0].connection == name);
        let refused = of("a").position(|post| !post.accepted()).expect("one was put off");
        let [put_off, next] = [refused, refused + 1].map(|nth| of("a").nth(nth).unwrap());
        assert_eq!(put_off.id, next.id);
        let pause = next.at - put_off.at;
        // A date of whole seconds is up to one too early.
        assert!(pause >= 2 * SECOND - 20 * MS && pause < 6 * SECOND, "{pause:?}");
        let last_of_other = of("b").rfind(|post| post.lines[0].is_vendors()).unwrap();
        assert!(last_of_other.at < next.at, "the other connection had to wait");
    }
}
