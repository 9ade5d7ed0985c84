#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::time::Instant;

use bytes::Bytes;
use secrecy::SecretString;

use super::*;
use crate::settings::Secret;
use crate::transport::request::HeaderText;

fn media(api: &str) -> SimpliSafeMedia {
    let mut config = SimpliSafeConfig::new(Secret::from("refresh"));
    config.api_url = api.parse().unwrap();
    SimpliSafeMedia::new(&config)
}

fn real() -> SimpliSafeMedia {
    media("https://api.simplisafe.com/")
}

fn grant() -> Grant {
    Grant {
        api: "https://api.simplisafe.com/".parse().unwrap(),
        socket: "wss://socketlink.prd.aser.simplisafe.com/".parse().unwrap(),
        access_token: SecretString::from("t0psecret"),
        user_id: 12_345,
        good_until: Instant::now(),
        renew_at: Instant::now(),
    }
}

fn answer(status: u16, body: &'static str) -> RestAnswer {
    RestAnswer { status, headers: Vec::new(), body: Bytes::from_static(body.as_bytes()), retry_after: None }
}

#[test]
fn the_token_goes_to_simplisafes_hosts_over_tls_and_to_the_server_of_the_settings_alone() {
    let (real, simulated) = (real(), media("http://127.0.0.1:9000/proxy/"));
    let proxied = media("https://proxy.example.com:8443/");
    let cases = [
        (&real, "https://remix.us-east-1.prd.cam.simplisafe.com/v1/preview/x", true),
        (&real, "https://simplisafe.com/x", true),
        (&real, "https://SimpliSafe.COM/x", true),
        (&real, "https://media.simplisafe.com:8443/x", true),
        // Without TLS.
        (&real, "http://media.simplisafe.com/v1/x", false),
        (&real, "http://api.simplisafe.com/", false),
        (&real, "http://simplisafe.com:443/x", false),
        (&real, "ftp://media.simplisafe.com/x", false),
        (&real, "wss://media.simplisafe.com/x", false),
        // Look-alikes.
        (&real, "https://simplisafe.com.evil.org/x", false),
        (&real, "https://evilsimplisafe.com/x", false),
        (&real, "https://simplisafe.com-evil.org/x", false),
        (&real, "https://simplisafe.comm/x", false),
        (&real, "https://simplisafe.co/x", false),
        (&real, "https://evil.org/simplisafe.com", false),
        (&real, "https://evil.org/?x=https://media.simplisafe.com/", false),
        (&real, "https://evil.org#.simplisafe.com", false),
        (&real, "https://evil.org\\.simplisafe.com/x", false),
        (&real, "https://media.simplisafe.com.", false),
        (&real, "https://media.simplısafe.com/x", false),
        (&real, "https://xn--simplsafe-2pb.com/x", false),
        // User names, with which addresses look like others.
        (&real, "https://media.simplisafe.com@evil.org/x", false),
        (&real, "https://user@media.simplisafe.com/x", false),
        (&real, "https://user:password@media.simplisafe.com/x", false),
        (&real, "https://:password@media.simplisafe.com/x", false),
        // Numbers.
        (&real, "https://127.0.0.1/x", false),
        (&real, "https://[::1]/x", false),
        (&real, "https://169.254.169.254/latest/meta-data", false),
        (&real, "https://2130706433/x", false),
        (&real, "http://127.0.0.1:9000/x", false),
        // The server of the settings, and no other on the same machine.
        (&simulated, "http://127.0.0.1:9000/x", true),
        (&simulated, "http://127.0.0.1:9001/x", false),
        (&simulated, "https://127.0.0.1:9000/x", false),
        (&simulated, "http://127.0.0.1/x", false),
        (&simulated, "http://localhost:9000/x", false),
        (&simulated, "http://user@127.0.0.1:9000/x", false),
        (&simulated, "http://192.0.2.1:9000/x", false),
        (&simulated, "https://media.simplisafe.com/x", true),
        (&proxied, "https://proxy.example.com:8443/x", true),
        (&proxied, "https://proxy.example.com/x", false),
        (&proxied, "http://proxy.example.com:8443/x", false),
        (&proxied, "https://sub.proxy.example.com:8443/x", false),
    ];
    for (media, link, trusted) in cases {
        let url: Url = link.parse().unwrap();
        let call = media.call(&grant(), &url);
        assert_eq!(call.is_some(), trusted, "{link}");
        assert_eq!(media.address(link, None).is_ok(), trusted, "{link}");
        if let Some(call) = call {
            let bearer = call.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value);
            assert!(matches!(bearer, Some(HeaderText::Secret(_))), "{call:?}");
            assert!(!format!("{call:?}").contains("t0psecret"));
            assert_eq!((call.method, call.url.as_str()), (Method::Get, url.as_str()));
        }
    }
}

#[test]
fn an_address_that_is_refused_says_why() {
    for (link, part) in [
        ("http://media.simplisafe.com/x", "without TLS"),
        ("https://simplisafe.com.evil.org/x", "\"simplisafe.com.evil.org\", which is not SimpliSafe's"),
        ("https://user:hunter2@media.simplisafe.com/x", "user name"),
        ("file:///etc/passwd", "begins with file:"),
        ("//media.simplisafe.com/x", "is no address"),
        ("", "is no address"),
    ] {
        let why = real().address(link, None).unwrap_err();
        assert!(why.contains(part) && !why.contains("hunter2"), "{link}: {why}");
    }
}

#[test]
fn a_template_is_filled_with_the_width() {
    let of = |link, width| real().address(link, width).unwrap().to_string();
    let link = "https://remix.simplisafe.com/v1/preview?account=6&region=x{&fps,width}";
    assert_eq!(of(link, None), "https://remix.simplisafe.com/v1/preview?account=6&region=x&width=720");
    assert_eq!(of(link, Some(1_280)), "https://remix.simplisafe.com/v1/preview?account=6&region=x&width=1280");
    assert_eq!(of(" https://x.simplisafe.com/clip\n", Some(9)), "https://x.simplisafe.com/clip");
}

#[test]
fn the_links_of_an_event_are_those_that_it_has() {
    let links = |data: &str| real().links(data);
    let data = |links: &str| format!(r#"{{"videoStartedBy":"c1","video":{{"c1":{{"_links":{{{links}}}}}}}}}"#);
    let link = |name: &str, to: &str| format!(r#""{name}":{{"href":"https://{to}","method":"GET"}}"#);
    let share = r#""share":{"href":"https://share","method":"POST"}"#;
    let hls =
        [&link("snapshot/jpg", "image{&width}"), &link("download/mp4", "clip"), &link("playback/hls", "hls"), share];
    assert_eq!(
        links(&data(&hls.join(","))),
        [
            (MediaKind::Clip, "https://clip".to_owned()),
            (MediaKind::Image, "https://image{&width}".to_owned()),
            (MediaKind::Hls, "https://hls".to_owned()),
        ]
    );
    assert_eq!(links(&data(&link("playback/flv", "flv"))), [(MediaKind::Flv, "https://flv".to_owned())]);
    for none in ["{}", "[]", "not json", r#"{"video":{},"videoStartedBy":""}"#, &data(share)] {
        assert_eq!(links(none), [], "{none}");
    }
}

#[test]
fn what_may_come_later_is_asked_for_again_and_the_rest_is_not() {
    let judge = |status, body| real().judge(&answer(status, body));
    assert_eq!(judge(200, ""), Judgement::Ready);
    assert_eq!(judge(401, ""), Judgement::Unauthorized);
    for status in [202, 404, 408, 409, 425, 429, 500, 502, 503, 504] {
        assert!(matches!(judge(status, "<html>"), Judgement::NotNow(_)), "{status}");
    }
    for status in [204, 206, 304, 400, 403, 405, 410] {
        assert!(matches!(judge(status, ""), Judgement::Never(_)), "{status}");
    }
    let Judgement::Never(why) = judge(403, r#"{"type":"NoRemoteManagement","statusCode":403}"#) else { panic!() };
    assert!(why.contains("NoRemoteManagement"), "{why}");
}
