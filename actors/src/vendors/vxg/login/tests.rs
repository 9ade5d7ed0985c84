//! The login, played without a network.

#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::*;
use crate::transport::Fault;
use crate::transport::request::HeaderText;
use crate::vendors::vxg::config::Cameras;

/// A token as VXG gives it, `name` in it, issued in 2023 and good for so long.
fn token_for(camera: Option<i64>, name: &str, life: &str) -> String {
    let mut told = json!({"token": format!("share.eyJzaSI6IDd9.63e0c0fft{life}.{name}"), "api": "web.cloud.test", "access": "all"});
    if let Some(camera) = camera {
        told["camid"] = camera.into();
    }
    BASE64_STANDARD.encode(told.to_string())
}

fn acc(name: &str) -> String {
    token_for(Some(42), name, "96601800")
}

fn si() -> String {
    token_for(None, "si", "96601800")
}

fn config(token: &str) -> VxgConfig {
    VxgConfig::new(token.into())
}

fn with_key(token: &str) -> VxgConfig {
    VxgConfig { license_key: Some("k3y".into()), ..config(token) }
}

fn license() -> VxgConfig {
    VxgConfig { url: Some("https://web.cloud.test/vms".parse().unwrap()), ..config("l1cense") }
}

fn answer(status: u16, body: impl ToString) -> RestAnswer {
    RestAnswer { status, headers: vec![], body: body.to_string().into(), retry_after: None }
}

fn page() -> RestAnswer {
    answer(200, json!({"meta": {"limit": 1, "offset": 0, "total_count": 0, "next": null}, "objects": []}))
}

fn no(status: u16) -> RestAnswer {
    answer(status, json!({"status": status, "errorDetail": "N0"}))
}

fn camera(all: Option<&str>, watch: Option<&str>) -> RestAnswer {
    let tokens: BTreeMap<_, _> =
        [("all", all), ("watch", watch)].into_iter().filter(|(_, token)| token.is_some()).collect();
    answer(200, json!({"id": 42, "name": "Yard", "access_tokens": tokens}))
}

/// A call as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    path: String,
    /// But for its times.
    query: String,
    times: usize,
    shown: String,
}

fn seen(call: &RestCall) -> Seen {
    let header = call.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value);
    let Some(HeaderText::Secret(shown)) = header else { panic!("{call:?}") };
    let path = format!("{}{}", place(&call.url), call.url.path());
    let is_time = |pair: &&str| pair.starts_with("start=") || pair.starts_with("end=");
    let (times, others): (Vec<_>, Vec<_>) = call.url.query().unwrap_or_default().split('&').partition(is_time);
    Seen { path, query: others.join("&"), times: times.len(), shown: shown.expose_secret().to_owned() }
}

struct Play {
    login: VxgLogin,
    now: Now,
    seen: Vec<Seen>,
}

impl Play {
    fn new(config: VxgConfig) -> Self {
        Self { login: VxgLogin::new(config, Duration::from_secs(7)), now: Now::read(), seen: vec![] }
    }

    fn log_in(&mut self, mut serve: impl FnMut(&Seen) -> RestAnswer) -> Result<(Grant, String), LoginError> {
        self.seen.clear();
        let mut step = self.login.begin(self.now);
        for _ in 0..10 {
            step = match step {
                LoginStep::Call(call) => {
                    assert_eq!(call.timeout, Duration::from_secs(7));
                    let seen = seen(&call);
                    let answer = serve(&seen);
                    self.seen.push(seen);
                    self.login.answer(self.now, Ok(answer))
                }
                LoginStep::Granted { grant, lifetime, who } => {
                    assert_eq!(lifetime, None);
                    return Ok((grant, who));
                }
                LoginStep::Failed(error) => return Err(error),
                LoginStep::Keep(_) => panic!("there is nothing to keep"),
            };
        }
        panic!("it goes round in circles: {:?}", self.seen);
    }

    /// The tokens that were shown, and to what.
    fn shown(&self) -> Vec<(&str, &str)> {
        let last = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().len();
        self.seen.iter().map(|seen| (&seen.path[seen.path.len() - last(&seen.path) - 1..], &*seen.shown)).collect()
    }
}

#[track_caller]
fn refused(config: VxgConfig, serve: impl FnMut(&Seen) -> RestAnswer) -> String {
    match Play::new(config).log_in(serve) {
        Err(LoginError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// A server that takes one token for events, and shows these to the licence key.
fn takes(good: &str, all: Option<&str>, watch: Option<&str>) -> impl Fn(&Seen) -> RestAnswer {
    let (good, all, watch) = (format!("Acc {good}"), all.map(str::to_owned), watch.map(str::to_owned));
    move |seen| match &*seen.shown {
        shown if seen.path.ends_with("/api/v2/storage/events/") => {
            if shown == good {
                page()
            } else {
                no(401)
            }
        }
        "LKey k3y" if seen.path.ends_with("/api/v3/channels/42/") => camera(all.as_deref(), watch.as_deref()),
        _ => no(401),
    }
}

#[test]
fn a_good_token_costs_one_call_for_the_events_of_a_moment() {
    let mut play = Play::new(config(&acc("a")));
    let (grant, who) = play.log_in(|_| page()).unwrap();
    let expected = Seen {
        path: "https://web.cloud.test/api/v2/storage/events/".to_owned(),
        query: "limit=1&offset=0&order_by=-time&camid=42".to_owned(),
        // A moment, in which nothing stands that the server might not be able to tell.
        times: 2,
        shown: format!("Acc {}", acc("a")),
    };
    assert_eq!(play.seen, [expected]);
    assert_eq!((grant.base.as_str(), grant.scheme(), grant.camera), ("https://web.cloud.test/", Scheme::Acc, Some(42)));
    assert_eq!(who, "camera 42 at https://web.cloud.test");
    assert!(!format!("{grant:?}").contains(&acc("a")[..8]));
}

#[test]
fn each_kind_of_token_is_shown_under_its_scheme_and_asked_for_all_that_it_opens() {
    let named = VxgConfig { cameras: Cameras::Only(vec![7, 8]), ..config(&si()) };
    for (config, shown, who) in [
        (config(&si()), format!("SI {}", si()), "a group of cameras at"),
        (named, format!("SI {}", si()), "a group of cameras at"),
        (license(), "LKey l1cense".to_owned(), "the account of a licence key at"),
    ] {
        let mut play = Play::new(config);
        let (_, told) = play.log_in(|_| page()).unwrap();
        let seen: Vec<_> = play.seen.iter().map(|seen| (&*seen.shown, &*seen.query)).collect();
        assert_eq!(seen, [(&*shown, "limit=1&offset=0&order_by=-time")]);
        assert!(told.starts_with(who), "{told}");
    }
    let mut play = Play::new(license());
    play.log_in(|_| page()).unwrap();
    assert_eq!(play.seen[0].path, "https://web.cloud.test/vms/api/v2/storage/events/");
}

#[test]
fn a_camera_s_changed_token_is_read_with_the_licence_key_and_used_from_then_on() {
    let (old, new, newer) = (acc("old"), acc("new"), acc("newer"));
    let [old, new, newer] = [&*old, &*new, &*newer];
    let mut play = Play::new(with_key(old));
    let (grant, who) = play.log_in(takes(new, Some(new), Some("watch"))).unwrap();
    let acc = |token: &str| format!("Acc {token}");
    let (old_shown, new_shown, newer_shown) = (acc(old), acc(new), acc(newer));
    assert_eq!(play.shown(), [("events/", &*old_shown), ("42/", "LKey k3y"), ("events/", &*new_shown)]);
    assert_eq!((grant.scheme(), grant.camera), (Scheme::Acc, Some(42)));
    assert!(who.contains("licence key tells"), "{who}");

    play.log_in(takes(new, Some(new), None)).unwrap();
    assert_eq!(play.shown(), [("events/", &*new_shown)], "the one of the settings was refused in this process");
    play.log_in(takes(newer, Some(newer), None)).unwrap();
    assert_eq!(play.shown(), [("events/", &*new_shown), ("42/", "LKey k3y"), ("events/", &*newer_shown)]);
    play.log_in(takes(old, Some(old), None)).unwrap();
    assert_eq!(play.shown(), [("events/", &*newer_shown), ("42/", "LKey k3y"), ("events/", &*old_shown)]);

    let mut play = Play::new(with_key(old));
    play.log_in(takes(old, Some(new), None)).unwrap();
    assert_eq!(play.shown(), [("events/", &*old_shown)], "another process begins with that of the settings");
}

#[test]
fn of_a_camera_s_tokens_that_with_the_most_rights_comes_first() {
    let (old, all, watch) = (acc("old"), acc("all"), acc("watch"));
    let mut play = Play::new(with_key(&old));
    play.log_in(takes(&watch, Some(&all), Some(&watch))).unwrap();
    let shown: Vec<_> = play.seen.iter().map(|seen| seen.shown.as_str()).collect();
    assert_eq!(shown, [&format!("Acc {old}"), "LKey k3y", &format!("Acc {all}"), &format!("Acc {watch}")]);
    let mut play = Play::new(with_key(&old));
    play.log_in(takes(&watch, None, Some(&watch))).unwrap();
    assert_eq!(play.seen.len(), 3);
}

#[test]
fn an_opaque_token_of_a_camera_stays_one_of_a_camera() {
    let mut config = with_key("0ld");
    config.url = Some("https://proxy.test/".parse().unwrap());
    config.scheme = Some(Scheme::Acc);
    config.cameras = Cameras::Only(vec![42]);
    let mut play = Play::new(config);
    let (grant, _) = play.log_in(takes("n3w", Some("n3w"), None)).unwrap();
    assert_eq!((grant.scheme(), grant.camera, grant.base.as_str()), (Scheme::Acc, Some(42), "https://proxy.test/"));
    assert!(play.seen.iter().all(|seen| seen.path.starts_with("https://proxy.test/")), "{:?}", play.seen);
}

#[test]
fn a_refusal_says_what_to_do() {
    let ended = token_for(Some(42), "a", "1");
    let as_group = |token: &str| VxgConfig { scheme: Some(Scheme::Si), ..config(token) };
    for (config, status, parts) in [
        (config(&acc("a")), 401, &["(401: N0)", "`license_key`"][..]),
        (config(&ended), 401, &["ended on 2023-02-06", "`license_key`"]),
        (config(&si()), 401, &["group's present one"]),
        (as_group(&acc("a")), 401, &["as SI", "scheme Acc: leave `scheme` out"]),
        (license(), 401, &["taken for a licence key", "`scheme`"]),
        (VxgConfig { scheme: Some(Scheme::LKey), ..license() }, 401, &["look up the licence key"]),
        (config(&acc("a")), 403, &["(403: N0)", "access \"all\""]),
        (config(&acc("a")), 404, &["https://web.cloud.test/ (404: N0)", "is `url` right"]),
        (config(&acc("a")), 400, &["(400: N0)", "is `url`"]),
    ] {
        let why = refused(config, |_| no(status));
        assert!(parts.iter().all(|part| why.contains(part)), "{status}: {why}");
        assert!(!why.contains("l1cense") && !why.contains("share."), "{why}");
    }
    let watch = json!({"camid": 42, "token": "t", "api": "web.cloud.test", "access": "watch"}).to_string();
    let why = refused(config(&BASE64_STANDARD.encode(watch)), |_| no(403));
    assert!(why.contains("it has access \"watch\""), "{why}");
}

#[test]
fn a_licence_key_that_does_not_help_is_told_apart() {
    let old = acc("old");
    for (of_camera, part) in [
        (no(401), "correct `license_key`"),
        (no(403), "does not open its present one"),
        (no(404), "does not have this camera any more"),
        (camera(None, None), "tells no other one"),
        (camera(Some(&old), Some(&old)), "tells no other one"),
        (camera(Some("n3w"), None), "nor those of the camera that the licence key tells"),
    ] {
        let why = refused(with_key(&old), |seen| if seen.shown == "LKey k3y" { of_camera.clone() } else { no(401) });
        assert!(why.contains(part) && !why.contains("k3y") && !why.contains("n3w"), "{part}: {why}");
    }
    // Of nothing but a single camera a token can be read.
    let mut play = Play::new(VxgConfig { license_key: Some("k3y".into()), ..config(&si()) });
    assert!(matches!(play.log_in(|_| no(401)), Err(LoginError::Refused(_))));
    assert_eq!(play.seen.len(), 1);
}

#[test]
fn what_judges_no_token_is_tried_again_later() {
    let slow = RestAnswer { retry_after: Some(Duration::from_secs(9)), ..no(429) };
    let busy = RestAnswer { retry_after: Some(Duration::from_secs(8)), ..answer(503, "<html>") };
    for (came, not_before) in [(slow, Some(9)), (no(429), Some(30)), (busy, Some(8))] {
        for from_key in [false, true] {
            let error = Play::new(with_key(&acc("a"))).log_in(|seen| match seen.shown.starts_with("LKey") {
                false if from_key => no(401),
                _ => came.clone(),
            });
            let Err(LoginError::TooMany { not_before: told, .. }) = error else { panic!("{error:?}") };
            assert_eq!(told.map(|time| time.as_secs()), not_before);
        }
    }
    for came in [
        answer(500, ""),
        answer(502, "<html>Bad Gateway</html>"),
        answer(200, "<html>Sign in</html>"),
        answer(200, ""),
        answer(200, "[]"),
        answer(200, json!({"objects": null})),
        answer(302, ""),
        answer(408, ""),
        answer(204, ""),
    ] {
        let error = Play::new(config(&acc("a"))).log_in(|_| came.clone());
        assert!(matches!(error, Err(LoginError::Unavailable { .. })), "{came:?}: {error:?}");
    }
    let mut login = VxgLogin::new(config(&acc("a")), Duration::from_secs(7));
    let now = Now::read();
    let fault = RestError::Failed {
        at: "GET https://web.cloud.test".to_owned(),
        fault: Fault::Timeout(Duration::from_secs(7)),
    };
    assert!(matches!(login.begin(now), LoginStep::Call(_)));
    let step = login.answer(now, Err(fault));
    assert!(matches!(step, LoginStep::Failed(LoginError::Unavailable { .. })), "{step:?}");
}

#[test]
fn a_server_that_wants_cameras_named_judges_the_token_by_its_list() {
    let serve = |v3: u16, v5: u16| {
        move |seen: &Seen| match &seen.path[seen.path.len() - 12..] {
            "v3/channels/" => {
                if v3 == 200 {
                    page()
                } else {
                    no(v3)
                }
            }
            "v5/channels/" => {
                if v5 == 200 {
                    page()
                } else {
                    no(v5)
                }
            }
            _ => no(400),
        }
    };
    for (config, v3, v5, calls) in [(license(), 200, 200, 2), (license(), 404, 200, 3), (config(&si()), 404, 200, 2)] {
        let mut play = Play::new(config);
        play.log_in(serve(v3, v5)).unwrap();
        assert_eq!(play.seen.len(), calls, "{v3} {v5}");
    }
    for (config, v3, v5, part) in [
        (license(), 404, 401, "name them in `cameras`"),
        (license(), 401, 200, "(401: N0)"),
        (config(&si()), 200, 401, "(401: N0)"),
        (config(&si()), 200, 404, "name them in `cameras`"),
    ] {
        let why = refused(config, serve(v3, v5));
        assert!(why.contains(part), "{v3} {v5}: {why}");
    }
    let named = || VxgConfig { cameras: Cameras::Only(vec![7, 8]), ..config(&si()) };
    let mut play = Play::new(named());
    play.log_in(serve(200, 200)).unwrap();
    assert_eq!(play.seen.len(), 2);
    // There is no list: one of the cameras that are named stands for all.
    let mut play = Play::new(named());
    play.log_in(|seen| if seen.query.ends_with("camid=7") { page() } else { serve(404, 404)(seen) }).unwrap();
    assert_eq!(play.seen.len(), 3);
    assert!(refused(named(), serve(404, 404)).contains("(400: N0)"));
}

#[test]
fn a_server_that_repeats_the_token_is_not_repeated() {
    let token = acc("a");
    let said = format!("bad token {token}");
    let why = refused(config(&token), |_| answer(401, json!({"status": 401, "errorDetail": said})));
    assert!(why.contains("bad token …"), "{why}");
}

#[test]
fn settings_without_a_token_are_refused_without_a_call() {
    let Err(LoginError::Refused(why)) = Play::new(config("")).log_in(|_: &Seen| -> RestAnswer { panic!("called") })
    else {
        panic!("granted")
    };
    assert!(why.contains("no token"), "{why}");
}
