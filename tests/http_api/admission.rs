//! Who may ask.

use super::{
    asking::{ask, raw},
    place::{Place, Plan},
};

#[test]
fn nobody_reads_anything_without_the_token_but_whether_it_is_alive() {
    let place = Place::bare(Some("t0ken"));
    let address = place.address;
    let right = ("Authorization", "Bearer t0ken");
    for path in
        ["/api/v1/connections", "/api/v1/openapi.json", "/readyz", "/metrics", "/nothing", "/api/v1/events/stream"]
    {
        let refused = ask(address, "GET", path, &[]);
        refused.problem(401);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{path}");
    }
    for wrong in ["", "t0ken", "Bearer", "Bearer t0ke", "Basic dDBrZW4=", &format!("Bearer {}", "x".repeat(60_000))] {
        ask(address, "GET", "/api/v1/connections", &[("Authorization", wrong)]).problem(401);
    }
    ask(address, "GET", "/api/v1/connections", &[right, right]).problem(401);
    assert_eq!(ask(address, "GET", "/api/v1/connections", &[right]).status, 200);
    assert_eq!(ask(address, "GET", "/healthz", &[]).status, 200);
    // With a token any name is fine, for it is not known to whoever points a name here.
    assert_eq!(ask(address, "GET", "/api/v1/about", &[right, ("Host", "watch.example.com")]).status, 200);
    // A byte that no header may have: the request is no HTTP.
    let broken =
        raw(address, "GET /api/v1/about HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t0ken\0\r\n\r\n").unwrap();
    assert_eq!(broken.status, 400);
}

#[test]
fn a_name_that_points_here_opens_nothing_whatever_a_proxy_says() {
    let place = Place::planned(Plan { bare: true, hosts: vec!["watch.example.com".to_owned()], ..Plan::default() });
    let address = place.address;
    for own in ["localhost", "LOCALHOST.:1", "[::1]:80", "10.0.0.7", "watch.example.com", "WATCH.example.com:443"] {
        assert_eq!(ask(address, "GET", "/api/v1/about", &[("Host", own)]).status, 200, "{own}");
    }
    for foreign in ["evil.example", "evil.example:8780", "127.0.0.1.evil.example", "localhost.evil.example."] {
        for path in ["/api/v1/about", "/healthz", "/nothing"] {
            let refused = ask(
                address,
                "GET",
                path,
                &[("Host", foreign), ("X-Forwarded-Host", "localhost"), ("Forwarded", "host=localhost;proto=http")],
            );
            let problem = refused.problem(421);
            assert!(problem["detail"].as_str().unwrap().contains("`hosts` in [engine]"), "{problem}");
        }
    }
    for malformed in ["user@localhost", "localhost:port", "localhost:99999", "local host", "localhost/x", "[::1", ""] {
        ask(address, "GET", "/api/v1/about", &[("Host", malformed)]).problem(400);
    }
    // That is no HTTP/1.1.
    assert_eq!(raw(address, "GET /api/v1/about HTTP/1.1\r\n\r\n").unwrap().status, 400);
    // HTTP/1.0 has no such header, and no browser speaks it.
    assert_eq!(raw(address, "GET /api/v1/about HTTP/1.0\r\n\r\n").unwrap().status, 200);
    raw(address, "GET /api/v1/about HTTP/1.0\r\nHost: evil.example\r\n\r\n").unwrap().problem(421);
    // Of two the first could be meant for a proxy.
    assert_eq!(
        raw(address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n").unwrap().status,
        400
    );
    // The target goes before the header.
    raw(address, "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap().problem(421);
    let own = raw(address, "GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
    assert_eq!(own.status, 200);
    raw(address, "GET http://user@localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap().problem(400);
}

#[test]
fn a_page_of_another_site_learns_nothing_and_does_nothing() {
    let place = Place::start();
    let address = place.address;
    let own = format!("http://{address}");
    for headers in [
        &[("Origin", "http://evil.example")][..],
        &[("Origin", "null")],
        &[("Origin", "http://localhost:3000")],
        &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
        &[("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "cors")],
        &[("Origin", &own), ("Origin", "http://evil.example")],
    ] {
        for (method, path) in [
            ("GET", "/api/v1/states"),
            ("GET", "/api/v1/events/stream"),
            ("POST", "/api/v1/connections/hq/restart"),
            ("OPTIONS", "/api/v1/connections/hq/restart"),
        ] {
            let refused = ask(address, method, path, headers);
            refused.problem(403);
            assert!(!refused.has_header_like("access-control-"), "{refused:?}");
        }
    }
    assert_eq!(ask(address, "GET", "/api/v1/states", &[("Origin", &own)]).status, 200);
    let typed = [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")];
    assert_eq!(ask(address, "GET", "/api/v1/states", &typed).status, 200);
    // A form of another site that is sent by a click.
    let form = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Content-Length", "0")];
    ask(address, "POST", "/api/v1/connections/hq/restart", &form).problem(403);
    let tries = place.get("/api/v1/connections/hq").json()["tries"].clone();
    assert_eq!(tries, 1, "nothing was restarted");
}

#[test]
fn every_answer_says_to_browsers_that_it_is_for_nobody_else() {
    let place = Place::bare(None);
    for target in ["/healthz", "/nothing", "/api/v1/states?limit=0", "/api/v1/openapi.json"] {
        let answer = place.get(target);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{target}");
        }
        assert!(!answer.has_header_like("access-control-"), "{answer:?}");
    }
}
