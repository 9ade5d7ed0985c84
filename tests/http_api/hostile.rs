//! Clients that mean no good, or know no better.

use std::time::{Duration, Instant};

use super::{
    asking::{Caller, ask, raw},
    place::Place,
};

#[test]
fn a_path_that_plays_tricks_is_answered_with_a_problem_and_reaches_nothing() {
    let place = Place::start();
    let long = format!("/api/v1/connections/{}", "x".repeat(60_000));
    for path in [
        "//",
        "//evil.example/api/v1/connections",
        "/api//v1/connections",
        "/api/v1/../v1/about/x",
        "/api/v1/%2e%2e/about",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/connections/%00",
        "/api/v1/connections/%ff%fe",
        "/api/v1/connections/%zz",
        "/api/v1/connections/%",
        "/api/v1/connections/hq%2Frestart",
        "/api/v1/connections/HQ",
        "/api/v1/connections//restart",
        "/api/v1/items/hq/%00",
        "/api/v1/items/hq/%ff",
        "/api/v1/items/hq/..%2f..%2f",
        "/api/v1/items/hq/",
        "/api/v1/connections%3flimit=1",
        "/API/v1/connections",
        &long,
    ] {
        let problem = place.get(path).problem(404);
        assert!(problem["detail"].as_str().unwrap().len() < 1_000, "what is sent is not sent back at length");
    }
    // What is no path at all.
    for target in ["x", "/ x", "/\u{e9}", "", "/\0", "*"] {
        let answer = raw(place.address, format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert!(answer.is_none_or(|answer| [400, 404, 421].contains(&answer.status)), "{target:?}");
    }
}

#[test]
fn a_slash_at_the_end_of_a_path_is_no_other_path() {
    let place = Place::start();
    for path in
        ["/healthz", "/readyz", "/api/v1/connections", "/api/v1/connections/hq", "/api/v1/states", "/api/v1/events"]
    {
        assert_eq!(place.get(&format!("{path}/")).status, 200, "{path}/");
    }
    assert_eq!(ask(place.address, "POST", "/api/v1/connections/hq/restart/", &[]).status, 202);
}

#[test]
fn a_method_that_a_path_has_not_is_refused_with_those_that_it_has() {
    let place = Place::bare(None);
    for (method, path, allowed) in [
        ("POST", "/api/v1/connections", "GET, HEAD"),
        ("PUT", "/api/v1/states", "GET, HEAD"),
        ("DELETE", "/api/v1/events", "GET, HEAD"),
        ("OPTIONS", "/api/v1/events", "GET, HEAD"),
        ("TRACE", "/healthz", "GET, HEAD"),
        ("WHATEVER", "/healthz", "GET, HEAD"),
        ("GET", "/api/v1/connections/hq/restart", "POST"),
        ("HEAD", "/api/v1/connections/hq/restart", "POST"),
    ] {
        let refused = ask(place.address, method, path, &[]);
        assert_eq!((refused.status, refused.header("allow")), (405, Some(allowed)), "{method} {path}");
        if method != "HEAD" {
            refused.problem(405);
        }
    }
    ask(place.address, "OPTIONS", "*", &[]).problem(404);
    let answer = raw(place.address, "CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)));
}

#[test]
fn a_head_request_is_answered_as_a_get_without_its_body() {
    let place = Place::start();
    for path in ["/healthz", "/api/v1/states", "/api/v1/openapi.json", "/nothing", "/api/v1/states?limit=0"] {
        let (head, get) = (ask(place.address, "HEAD", path, &[]), place.get(path));
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        // And nothing more comes.
        let mut caller = Caller::to(place.address);
        caller.send(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        caller.answer(false).unwrap();
        assert_eq!(caller.rest(), b"", "{path}");
    }
}

#[test]
fn requests_in_one_go_are_answered_in_their_order() {
    let place = Place::bare(None);
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut caller = Caller::to(place.address);
    caller.send(["/healthz", "/nothing", "/api/v1/states?limit=0", "/api/v1/about"].map(request).concat());
    let statuses = [(); 4].map(|()| caller.answer(true).unwrap().status);
    assert_eq!(statuses, [200, 404, 400, 200]);
}

#[test]
fn a_body_that_nobody_asked_for_delays_and_breaks_nothing() {
    let place = Place::bare(None);
    let post = "POST /api/v1/connections/none/restart HTTP/1.1\r\nHost: localhost\r\n";
    // Who waits for permission gets it, or the answer.
    let mut caller = Caller::to(place.address);
    caller.send(format!("{post}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    let first = caller.answer(true).unwrap();
    let last = if first.status == 100 { caller.send("{}").answer(true).unwrap() } else { first };
    last.problem(404);
    for (headers, body) in [
        ("Transfer-Encoding: chunked", "zz\r\ngarbage\r\n".to_owned()),
        ("Transfer-Encoding: chunked", "ffffffffffffffffff\r\n".to_owned()),
        ("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("Transfer-Encoding: gzip", String::new()),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n".to_owned()),
        ("Content-Length: -1", String::new()),
        ("Content-Length: 2\r\nContent-Length: 3", "{}".to_owned()),
        ("Content-Length: 5000000", "x".repeat(5_000_000)),
        ("Content-Length: 18446744073709551615", "x".repeat(1_000)),
    ] {
        let answer = raw(place.address, format!("{post}{headers}\r\n\r\n{body}"));
        let status = answer.map(|answer| answer.status);
        assert!(status.is_none_or(|status| [400, 404, 413].contains(&status)), "{headers}: {status:?}");
    }
    assert_eq!(place.get("/healthz").status, 200);
}

#[test]
fn a_head_without_end_is_not_waited_for() {
    let place = Place::bare(None);
    let begun = Instant::now();
    // One slow, one huge, one of very many headers; none keeps others from being served.
    let mut slow = Caller::to(place.address);
    slow.send("GET /healthz HTTP/1.1\r\nHost: loc");
    let mut idle = Caller::to(place.address);
    idle.send("");
    let many = "X-Header: x\r\n".repeat(5_000);
    for head in [
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(1 << 20)),
        "\0".repeat(1_000),
        "\r\n".repeat(1_000) + "x\r\n\r\n",
    ] {
        let status = raw(place.address, &head).map(|answer| answer.status);
        assert!(status.is_none_or(|status| (400..=431).contains(&status)), "{:.60}: {status:?}", head);
        assert_eq!(place.get("/healthz").status, 200);
    }
    let answer = slow.answer(true);
    assert!(answer.is_none_or(|answer| answer.status == 408));
    slow.rest();
    idle.rest();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}
