//! What is asked, and what an answer means.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;

use super::*;
use crate::transport::RestError;
use crate::transport::request::{HeaderText, RestAnswer};
use crate::vendors::vxg::token::Credential;
use crate::vendors::vxg::wire::Next;

const TOKEN: &str = "dDBwIHNlY3JldCBpbmRlZWQ=";

fn grant(scheme: Scheme) -> Grant {
    Grant { base: "https://vxg.test/proxy/".parse().unwrap(), credential: Credential::new(scheme, TOKEN), camera: None }
}

fn answer(status: u16, body: &str) -> RestAnswer {
    RestAnswer { status, headers: vec![], body: body.to_owned().into(), retry_after: None }
}

fn body(call: &RestCall) -> String {
    match &call.body {
        Body::None => String::new(),
        Body::Json(json) => String::from_utf8(json.to_vec()).unwrap(),
        Body::Form(_) => panic!("VXG takes no forms"),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn every_call_goes_where_vxg_has_it_and_shows_no_token() {
    let grant = grant(Scheme::Acc);
    let page = Asked { limit: 50, offset: 100 };
    let time = at("2021-09-23T16:30:00Z");
    let change = TypeChange { record: Some(true), period: Some(30), ..TypeChange::default() };
    let types = "v2/cameras/7/event_processing/events/";
    let cases = [
        (event(&grant, 41), "GET", "v2/storage/events/41/?include_meta=true".to_owned(), ""),
        (channels(&grant, ChannelList::V3, page), "GET", "v3/channels/?limit=50&offset=100".to_owned(), ""),
        (
            channels(&grant, ChannelList::V5, page),
            "GET",
            "v5/channels/?limit=50&offset=100&meta_not=isstorage".to_owned(),
            "",
        ),
        (channel(&grant, 7), "GET", "v3/channels/7/".to_owned(), ""),
        (camera(&grant, 7), "GET", "v2/cameras/7/".to_owned(), ""),
        (event_types(&grant, 7, page), "GET", format!("{types}?limit=50&offset=100"), ""),
        (add_event_type(&grant, 7, "a/b", true), "POST", types.to_owned(), r#"{"name":"a/b","notify":true}"#),
        (add_event_type(&grant, 7, "a", false), "POST", types.to_owned(), r#"{"name":"a","notify":false}"#),
        (
            set_event_type(&grant, 7, "a/../b c?#é\t%2e", &change).unwrap(),
            "PUT",
            format!("{types}a%2F..%2Fb%20c%3F%23%C3%A9%09%252e/"),
            r#"{"period":30,"record":true}"#,
        ),
        (
            create_event(&grant, 7, "a", time, &[("tag1", "v\"1")]),
            "POST",
            "v2/storage/events/".to_owned(),
            r#"{"camid":7,"meta":{"tag1":"v\"1"},"name":"a","time":"2021-09-23T16:30:00"}"#,
        ),
        (
            trigger_event(&grant, 7, "audio_event", time, &[]).unwrap(),
            "POST",
            format!("{types}audio_event/trigger/"),
            r#"{"time":"2021-09-23T16:30:00"}"#,
        ),
    ];
    for (call, method, path, json) in cases {
        assert_eq!(
            (call.method.to_string().as_str(), call.url.as_str()),
            (method, &*format!("https://vxg.test/proxy/api/{path}"))
        );
        // Members may come in any order.
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        assert_eq!(value(&body(&call)), value(json), "{path}");
        let (_, header) = call.headers.iter().find(|(name, _)| name == "authorization").unwrap();
        let HeaderText::Secret(text) = header else { panic!("{call:?}") };
        assert_eq!(text.expose_secret(), format!("Acc {TOKEN}"));
        assert!(!format!("{call:?} {grant:?}").contains(TOKEN));
        // What makes something is tried once.
        assert!(call.method != Method::Post || call.retry == Retry::Never, "{call:?}");
    }
}

#[test]
fn a_name_that_would_lead_elsewhere_makes_no_call() {
    let grant = grant(Scheme::Acc);
    for name in ["", ".", ".."] {
        assert!(set_event_type(&grant, 7, name, &TypeChange::default()).is_none());
        assert!(trigger_event(&grant, 7, name, Timestamp::UNIX_EPOCH, &[]).is_none());
    }
}

#[test]
fn events_are_asked_for_with_naive_utc_and_always_in_an_order() {
    let grant = grant(Scheme::Si);
    let plain = EventsQuery::default();
    let full = EventsQuery {
        start: Some(at("2024-05-01T12:00:00Z")),
        end: Some(at("2024-05-01T13:00:00.25Z")),
        order: EventOrder::Newest,
        page: Asked { limit: 1, offset: 0 },
        cameras: &[7, 8],
        names: &["motion", "sound"],
        tags: &["a&b"],
        include_meta: false,
    };
    for (query, expected) in [
        (&plain, "limit=1000&offset=0&order_by=time&include_meta=true"),
        (
            &full,
            "limit=1&offset=0&order_by=-time&start=2024-05-01T12%3A00%3A00&end=2024-05-01T13%3A00%3A00.250000&camid=7%2C8\
             &events=motion%2Csound&meta=a%26b",
        ),
    ] {
        let call = events(&grant, query);
        assert_eq!(call.url.as_str(), format!("https://vxg.test/proxy/api/v2/storage/events/?{expected}"));
        assert_eq!(call.retry, Retry::Never);
    }
}

#[test]
fn each_scheme_has_its_list_of_cameras() {
    assert_eq!(
        [Scheme::Acc, Scheme::Si, Scheme::LKey].map(ChannelList::of),
        [None, Some(ChannelList::V5), Some(ChannelList::V3)]
    );
}

#[test]
fn every_status_has_its_own_meaning_with_a_body_and_without() {
    let detail = r#"{"status":0,"errorDetail":"because"}"#;
    for (status, words, is_retryable) in [
        (400, "refused the call (400", false),
        (401, "not accepted (401", false),
        (403, "may not do that (403", false),
        (404, "not there (404", false),
        (405, "refused the call (405", false),
        (408, "cannot answer now (408", true),
        (425, "cannot answer now (425", true),
        (429, "left alone (429", true),
        (500, "cannot answer now (500", true),
        (503, "cannot answer now (503", true),
        (199, "cannot answer now (199", true),
        (301, "sends the call on to another address (301", true),
    ] {
        for (body, has_detail) in [(detail, true), ("<html>no</html>", false), ("", false), ("\u{1}", false)] {
            let mut answer = answer(status, body);
            answer.retry_after = Some(Duration::from_secs(7));
            let error = succeeded(&grant(Scheme::Acc), &answer).unwrap_err();
            let said = error.to_string();
            assert!(said.contains(words) && !said.contains("html"), "{said}");
            assert_eq!(said.contains("because"), has_detail && !matches!(status, 301 | 429), "{said}");
            assert_eq!(error.is_retryable(), is_retryable, "{status}");
            assert_eq!(error.not_before().is_some(), is_retryable, "{status}");
        }
    }
    let mut moved = answer(302, "");
    moved.headers.push(("Location".into(), "https://u:pw@other.test:81/x?token=s".into()));
    let said = succeeded(&grant(Scheme::Acc), &moved).unwrap_err().to_string();
    assert!(said.contains("https://other.test:81 (302)") && !said.contains("pw"), "{said}");
}

#[test]
fn a_refusal_with_a_status_of_success_is_one() {
    let judged = |body: &str| succeeded(&grant(Scheme::Acc), &answer(200, body)).unwrap_err();
    assert_eq!(judged(r#"{"status":401,"errorDetail":"no"}"#), CallError::Unauthorized(Some("no".to_owned())));
    assert_eq!(judged(r#"{"status":404,"errorDetail":"no"}"#), CallError::NotFound(Some("no".to_owned())));
    assert!(judged(r#"{"errorDetail":"try later"}"#).to_string().contains("(200: try later)"));
    for good in ["", "{}", "[]", r#"{"status":"active"}"#, r#"{"status":404}"#, r#"{"objects":[],"errorDetail":"x"}"#] {
        assert_eq!(succeeded(&grant(Scheme::Acc), &answer(201, good)), Ok(()), "{good}");
    }
    assert_eq!(succeeded(&grant(Scheme::Acc), &answer(204, "")), Ok(()));
}

#[test]
fn the_servers_words_are_cut_and_lose_the_token() {
    let inner = "share.eyJzaSI6IDQyfQ.6553f100t12cc0300.Zx9Q";
    let token = STANDARD.encode(format!(r#"{{"token":"{inner}","api":"{}"}}"#, "long.".repeat(80)));
    let grant = Grant { credential: Credential::new(Scheme::Si, &token), ..grant(Scheme::Si) };
    for (said, shown) in [
        (format!("bad {token} {inner}"), "bad … …".to_owned()),
        (format!("{} {token}", "x".repeat(190)), format!("{} …", "x".repeat(190))),
        ("é".repeat(500), "é".repeat(200)),
        ("two\nlines\u{1b}[31m".to_owned(), "two lines[31m".to_owned()),
        (" \n".to_owned(), String::new()),
    ] {
        let body = json!({"status": 400, "errorDetail": said}).to_string();
        let Err(CallError::Bad { detail, .. }) = succeeded(&grant, &answer(400, &body)) else { panic!("{said}") };
        assert_eq!(detail.unwrap_or_default(), shown);
    }
}

#[test]
fn answers_are_read_and_pages_of_a_proxy_are_not() {
    let grant = grant(Scheme::LKey);
    let page = answer(200, r#"{"meta":{"next":null},"objects":[{"id":1}]}"#);
    assert_eq!(read_page(&grant, &page).unwrap().next, Next::Last);
    let made = r#"{"camid":7,"id":33794128,"meta":{"tag1":"value1"},"name":"a","time":"2021-09-23T16:30:00"}"#;
    assert_eq!(read_id(&grant, &answer(201, made)), Ok(33_794_128));
    assert_eq!(read_id(&grant, &answer(201, r#"{"id":"5"}"#)), Ok(5));
    assert_eq!(read_event(&grant, &answer(200, made)).unwrap().camera, Some(7));
    assert_eq!(read_channel(&grant, &answer(200, r#"{"id":7,"name":"Yard"}"#)).unwrap().name.unwrap(), "Yard");
    assert_eq!(read_event_type(&grant, &answer(201, r#"{"name":"a","custom":true}"#)).unwrap().custom, Some(true));
    for body in ["<html>", "", "[]", "null", "{}", r#"{"objects":null}"#] {
        let answer = answer(200, body);
        let errors = [
            read_page(&grant, &answer).unwrap_err(),
            read_event(&grant, &answer).unwrap_err(),
            read_channel(&grant, &answer).unwrap_err(),
            read_event_type(&grant, &answer).unwrap_err(),
            read_id(&grant, &answer).unwrap_err(),
        ];
        assert!(errors.iter().all(CallError::is_retryable), "{body}: {errors:?}");
    }
    let refused = answer(404, "");
    assert_eq!(read_event(&grant, &refused).unwrap_err(), CallError::NotFound(None));
    let lost = RestError::BodyTooLarge { at: "GET https://vxg.test/".to_owned(), limit: 1 };
    assert!(CallError::from(&lost).is_retryable());
}
