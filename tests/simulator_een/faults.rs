//! What goes wrong with HTTP.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchpost::simulator::een::{FaultKind, Options};

use crate::{
    client::{
        DEADLINE, SILENCE, Session, authenticate, authorize, eventually, http, inside, log_in, open, parse, quiet,
        refusal, start, token, with_faults,
    },
    poll::subscribed,
};

fn address_of(url: &str) -> SocketAddr {
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

#[test]
fn paths_are_taken_as_they_are_written() {
    let simulator = start(quiet());
    let session = log_in(&simulator);
    assert_eq!(session.get("/g/user/").status, 500, "as third parties observed");
    assert_eq!(session.get("/G/user").status, 404);
    assert_eq!(session.get("/g/nothing").status, 404);
    assert_eq!(session.get("/g/aaa/authorize").status, 405);
    assert_eq!(session.post("/g/user", &json!({})).status, 405);
    for path in ["/g/user", "/g/account/list", "/g/device/list", "/g/device?id=1", "/g/aaa/isauth"] {
        assert_eq!(http(simulator.address(), "GET", path, &[], "").status, 401, "{path}");
    }
}

#[test]
fn too_many_requests_of_one_user_are_refused_and_other_users_are_not() {
    let simulator = with_faults(&["rate-limit=4", "retry-after=3s"]);
    simulator.add_user("second", "other");
    let began = Instant::now();
    let session = log_in(&simulator);
    let answers: Vec<_> = (0..4).map(|_| session.get("/g/user")).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 429, 429]);
    assert_eq!(answers[3].header("retry-after"), Some("3"));
    assert_eq!(authenticate(&simulator, "watchpost", "watchpost").status, 429);
    assert_eq!(authenticate(&simulator, "second", "other").status, 200);
    assert_eq!(simulator.counters().rate_limited, 3);
    simulator.clear(FaultKind::RetryAfter);
    assert_eq!(session.get("/g/user").header("retry-after"), None);
    // What is refused does not count, so a second later there is room again.
    while session.get("/g/user").status != 200 {
        assert!(began.elapsed() < DEADLINE, "the limit is for ever");
    }
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[actix_rt::test]
async fn everything_can_be_down_for_a_while() {
    let simulator = start(quiet());
    let session = log_in(&simulator);
    for status in [502, 503, 504] {
        simulator.inject(parse(&format!("down={status}:2")));
        assert_eq!(session.get("/g/user").status, status);
        assert_eq!(refusal(session.open("any").await), status);
        assert_eq!(session.get("/g/user").status, 200);
    }
    simulator.inject(parse("hiccups=50"));
    let statuses: Vec<u16> = (0..60).map(|_| session.get("/g/user").status).collect();
    for status in [200, 502, 503, 504] {
        assert!(statuses.contains(&status), "{status}");
    }
    simulator.clear(FaultKind::Hiccups);
    simulator.inject(parse("outage=600ms"));
    for down in [true, false, true] {
        eventually("it goes down and comes back", || (session.get("/g/user").status > 500) == down).await;
    }
    simulator.clear(FaultKind::Outage);
    eventually("it is back for good", || session.get("/g/user").status == 200).await;
    for status in [400, 404, 502, 503] {
        simulator.inject(parse(&format!("refuse-upgrade={status}:1")));
        assert_eq!(refusal(session.open("any").await), status);
    }
    assert!(session.open("any").await.is_ok());
}

#[test]
fn answers_can_be_slow_or_garbage_or_pages() {
    let simulator = with_faults(&["slow=200ms"]);
    let began = Instant::now();
    let session = log_in(&simulator);
    assert!(began.elapsed() >= Duration::from_millis(400));
    simulator.clear(FaultKind::Slow);
    simulator.inject(parse("garbage-body"));
    let answer = session.get("/g/device/list");
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_str::<Value>(&answer.text()).is_err());
    simulator.clear(FaultKind::GarbageBody);
    simulator.inject(parse("html-errors"));
    let answer = session.get("/g/nothing");
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("text/html")));
    assert!(answer.text().starts_with("<html>"));
}

#[test]
fn answers_can_be_missing() {
    let simulator = start(quiet());
    let session = log_in(&simulator);
    simulator.inject(parse("hang"));
    let waiting = std::thread::spawn(move || session.get("/g/user").status);
    std::thread::sleep(SILENCE);
    assert!(!waiting.is_finished());
    simulator.clear(FaultKind::Hang);
    assert_eq!(waiting.join().unwrap(), 200);
}

#[actix_rt::test]
async fn the_branded_host_is_another_one_and_can_move() {
    let simulator = start(Options { branded: true, ..quiet() });
    assert_ne!(simulator.branded_url(), simulator.url());
    let home = log_in(&simulator);
    let branded = Session { address: address_of(&simulator.branded_url()), id: home.id.clone() };
    assert_eq!((home.get("/g/user").status, branded.get("/g/user").status), (200, 200));
    branded.switch(&simulator.holders()[0]);
    let mut client = branded.open("any").await.unwrap();
    let next = simulator.move_subdomain().unwrap();
    assert_eq!(next, simulator.branded_url());
    let answer = branded.get("/g/device/list?t=camera");
    assert_eq!(
        (answer.status, answer.header("location")),
        (301, Some(format!("{next}/g/device/list?t=camera").as_str()))
    );
    assert_eq!(refusal(branded.open("any").await), 301);
    let moved = Session { address: address_of(&next), id: home.id.clone() };
    assert_eq!(moved.get("/g/device/list?t=camera").json().as_array().unwrap().len(), 4);
    assert!(moved.open("any").await.is_ok());
    assert_eq!(home.get("/g/user").json()["active_brand_subdomain"], "c002");
    let cameras = simulator.cameras(&simulator.holders()[0]);
    client.subscribe(&crate::client::statuses_of(&cameras)).await;
}

#[actix_rt::test]
async fn the_host_of_the_logins_may_send_everything_else_away() {
    let from_the_start = ["login-redirects", "moved"].map(|fault| with_faults(&[fault]));
    let later = ["login-redirects", "moved"].map(|fault| {
        let simulator = start(quiet());
        simulator.inject(parse(fault));
        simulator
    });
    for simulator in from_the_start.into_iter().chain(later) {
        let session = log_in(&simulator);
        let brand = simulator.branded_url();
        let answer = session.get("/g/user");
        assert_eq!((answer.status, answer.header("location")), (301, Some(format!("{brand}/g/user").as_str())));
        let branded = Session { address: address_of(&brand), id: session.id.clone() };
        assert_eq!(branded.get("/g/user").status, 200);
        assert_eq!(refusal(session.open("any").await), 301);
        let path = "/api/v2/Device/any/Events";
        assert!(open(branded.address, path, Some(&format!("auth_key={}", session.id))).await.is_ok());
    }
}

#[actix_rt::test]
async fn it_goes_away_and_comes_back_with_its_sessions() {
    let simulator = start(Options { branded: true, ..quiet() });
    let branded = address_of(&simulator.branded_url());
    let (mut client, session, _) = subscribed(&simulator).await;
    simulator.pause_listening();
    client.end().await;
    for address in [simulator.address(), branded] {
        assert!(std::net::TcpStream::connect(address).is_err());
    }
    simulator.resume_listening().unwrap();
    for address in [simulator.address(), branded] {
        assert_eq!(Session { address, id: session.id.clone() }.get("/g/aaa/isauth").status, 200);
    }
    assert!(session.open("any").await.is_ok());
}

#[test]
fn requests_are_counted_with_their_success() {
    let simulator = start(quiet());
    let (session, _) = inside(&simulator, 0);
    session.get("/g/account/list");
    session.get("/g/device/list");
    session.get("/nothing");
    authenticate(&simulator, "watchpost", "guess");
    authorize(&simulator, &token(&simulator));
    let counters = simulator.counters();
    let tally = |endpoint| {
        let tally = counters.of(endpoint);
        (tally.tried, tally.ok)
    };
    assert_eq!((tally("authenticate"), tally("authorize"), tally("switch")), ((3, 2), (2, 2), (1, 1)));
    assert_eq!((tally("accounts"), tally("devices"), tally("other")), ((1, 0), (1, 1), (1, 0)));
    assert_eq!(simulator.sessions().len(), 2);
    simulator.stop();
    simulator.stop();
}
