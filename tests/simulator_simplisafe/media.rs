//! Clips of cameras, and who may have the token.

use std::net::SocketAddr;

use serde_json::{Value, json};
use watchpost::simulator::simplisafe::{FaultKind, Simulator};

use crate::client::{Caller, Client, http, parse, quick, start, subscribed};

/// Lets a camera see something, and says its links.
async fn links(simulator: &Simulator, client: &mut Client, camera: usize) -> Value {
    let sid = simulator.systems()[0];
    let uuid = simulator.cameras(sid)[camera].clone();
    simulator.camera_motion(sid, &uuid).unwrap();
    let event = client.event().await;
    assert_eq!((&event["eventType"], &event["videoStartedBy"]), (&json!("activityCam"), &json!(uuid)));
    assert!(uuid.ends_with(event["sensorSerial"].as_str().unwrap()) && event["eventUuid"].is_string());
    assert_eq!(event["video"][&uuid]["status"], "PENDING");
    event["video"][&uuid]["_links"].clone()
}

fn link(links: &Value, name: &str) -> (SocketAddr, String) {
    let href = links[name]["href"].as_str().expect("a link");
    let (host, path) = href.strip_prefix("http://").unwrap().split_once('/').unwrap();
    (host.parse().unwrap(), format!("/{}", path.replace("{&width}", "&width=720").replace("{&fps,width}", "&fps=5")))
}

fn at(caller: &Caller, links: &Value, name: &str) -> crate::client::Answer {
    let (address, path) = link(links, name);
    Caller { address, ..caller.clone() }.get(&path)
}

#[actix_rt::test]
async fn an_event_of_a_camera_links_to_its_files() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    let hls = links(&simulator, &mut client, 1).await;
    let flv = links(&simulator, &mut client, 0).await;
    assert!(hls["playback/hls"].is_object() && hls.get("playback/flv").is_none());
    assert!(flv["playback/flv"].is_object() && flv.get("playback/hls").is_none());
    assert!(hls["snapshot/jpg"]["href"].as_str().unwrap().ends_with("{&width}"));
    for (links, name, kind, start) in [
        (&hls, "snapshot/jpg", "image/jpeg", &b"\xff\xd8\xff"[..]),
        (&hls, "download/mp4", "video/mp4", b"\x00\x00\x00\x18ftyp"),
        (&hls, "playback/hls", "application/vnd.apple.mpegurl", b"#EXTM3U"),
        (&flv, "playback/flv", "video/x-flv", b"FLV"),
        (&flv, "preview/mjpg", "multipart/x-mixed-replace; boundary=frame", b"--frame"),
    ] {
        let answer = at(&caller, links, name);
        assert_eq!((answer.status, answer.whole), (200, true), "{name}");
        assert_eq!(answer.header("content-type"), Some(kind));
        assert!(answer.bytes.starts_with(start), "{name}");
    }
    let (address, path) = link(&hls, "snapshot/jpg");
    assert_eq!(http(address, "GET", &path, &[], "").status, 401);
    assert_eq!(caller.get(&path.replace("&width=720", "{&width}")).status, 400);
    assert_eq!(caller.get("/v1/media/snapshot/1").status, 404);
    simulator.ring(simulator.systems()[0], &simulator.cameras(simulator.systems()[0])[0]).unwrap();
    assert_eq!(client.event().await["eventCid"], 1458);
}

#[actix_rt::test]
async fn a_file_may_not_be_there_yet_or_be_refused() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    simulator.inject(parse("media-pending=2"));
    let clip = links(&simulator, &mut client, 1).await;
    let statuses: Vec<u16> = (0..4).map(|_| at(&caller, &clip, "download/mp4").status).collect();
    assert_eq!(statuses, [404, 404, 200, 200]);
    simulator.inject(parse("media=401:1"));
    assert_eq!((at(&caller, &clip, "snapshot/jpg").status, at(&caller, &clip, "snapshot/jpg").status), (401, 200));
}

#[actix_rt::test]
async fn files_can_be_large_or_end_too_early() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    let clip = links(&simulator, &mut client, 1).await;
    simulator.inject(parse("media-size=3MiB"));
    assert_eq!(at(&caller, &clip, "download/mp4").bytes.len(), 3 << 20);
    simulator.inject(parse("media-cut"));
    let answer = at(&caller, &clip, "download/mp4");
    assert!(!answer.whole && answer.bytes.len() <= 3 << 19 && answer.status == 200);
}

#[actix_rt::test]
async fn flv_only_is_a_fault_too() {
    let simulator = start(quick());
    let (mut client, _) = subscribed(&simulator).await;
    simulator.inject(parse("flv-only"));
    let clip = links(&simulator, &mut client, 1).await;
    assert!(clip["playback/flv"].is_object() && clip.get("playback/hls").is_none());
}

#[actix_rt::test]
async fn a_token_at_a_foreign_host_is_noticed() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    assert_eq!(simulator.foreign_url(), None);
    simulator.inject(parse("foreign-media"));
    let clip = links(&simulator, &mut client, 1).await;
    let (foreign, path) = link(&clip, "download/mp4");
    assert_eq!(simulator.foreign_url(), Some(format!("http://{foreign}")));
    assert_eq!(http(foreign, "GET", &path, &[], "").status, 200);
    assert_eq!(simulator.counters().tokens_abroad, 0);
    assert_eq!(at(&caller, &clip, "download/mp4").status, 200);
    assert_eq!(simulator.counters().tokens_abroad, 1);
    simulator.clear(FaultKind::ForeignMedia);
    simulator.inject(parse("media-redirect"));
    let clip = links(&simulator, &mut client, 1).await;
    let answer = at(&caller, &clip, "download/mp4");
    assert_eq!(answer.status, 302);
    assert!(answer.header("location").unwrap().starts_with(&format!("http://{foreign}/v1/media/download/")));
}
