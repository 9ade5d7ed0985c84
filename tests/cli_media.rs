//! `watchpost media`: the real program, and a simulated SimpliSafe cloud.
#![cfg(all(unix, feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use cli_support::{Watchpost, eventually, finish, program};
use serde_json::Value;
use tempfile::TempDir;
use watchpost::simulator::simplisafe::{Fault, Options, Simulator};

/// A simulated cloud, and a folder with a configuration for it.
struct Home {
    simulator: Simulator,
    folder: TempDir,
}

impl Home {
    fn start(faults: Vec<Fault>) -> Self {
        let simulator = Simulator::start(Options { faults, ..Options::default() }).unwrap();
        let home = Self { simulator, folder: tempfile::tempdir().unwrap() };
        let token = home.path("simplisafe.token");
        fs::write(&token, home.simulator.refresh_token()).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        home.configure(&["home"]);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, connections: &[&str]) {
        let (url, socket) = (self.simulator.url(), self.simulator.socket_url());
        let mut text =
            "[engine]\nlisten = \"off\"\n[[sink]]\nname = \"f\"\nkind = \"file\"\npath = \"events.jsonl\"\n".to_owned();
        for name in connections {
            text += &format!(
                "[[connection]]\nname = \"{name}\"\nvendor = \"simplisafe\"\nrefresh_token = {{ file = \"simplisafe.token\" }}\n\
                 auth_url = \"{url}\"\napi_url = \"{url}\"\nsocket_url = \"{socket}\"\n"
            );
        }
        fs::write(self.path("watchpost.toml"), text).unwrap();
    }

    fn spawn(&self) -> Watchpost {
        let mut command = program(&["run"]);
        command.current_dir(self.folder.path()).stderr(File::create(self.path("log")).unwrap());
        let running = Watchpost(command.spawn().unwrap());
        eventually("online", || self.events().iter().any(|event| event["data"]["new"] == "online"));
        running
    }

    fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("events.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Lets a camera see something, and answers the event's id.
    fn motion(&self) -> u64 {
        let sid = self.simulator.systems()[0];
        self.simulator.camera_motion(sid, &self.simulator.cameras(sid)[0]).unwrap()
    }

    /// The same while watchpost runs, which has stored it and ended then; and the link to the clip.
    fn stored_motion(&self) -> (u64, String) {
        let mut running = self.spawn();
        let id = self.motion();
        eventually("the event", || self.events().iter().any(|event| event["id"] == format!("home:{id}")));
        running.signal("TERM");
        assert_eq!(running.wait().code(), Some(0));
        let event = self.events().into_iter().find(|event| event["id"] == format!("home:{id}")).unwrap();
        let data = &event["data"];
        let video = &data["video"][data["videoStartedBy"].as_str().unwrap()];
        (id, video["_links"]["download/mp4"]["href"].as_str().unwrap().to_owned())
    }

    fn media(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = program(&["media"]);
        command.args(arguments).current_dir(self.folder.path());
        finish(command)
    }

    fn asked(&self) -> usize {
        self.simulator.calls().iter().filter(|call| call.endpoint == "media").count()
    }
}

#[test]
fn an_event_and_a_link_lead_to_the_clip() {
    let home = Home::start(vec![Fault::MediaPending(1), Fault::FlvOnly, Fault::OneUse]);
    let (id, link) = home.stored_motion();
    let expected = "door.mp4: 300000 bytes, video/mp4\n";
    for what in [id.to_string(), format!("home:{id}"), link] {
        fs::write(home.path("door.mp4"), "before").unwrap();
        let (code, stdout, stderr) = home.media(&[&what, "-o", "door.mp4"]);
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), expected, ""), "{what}");
        assert_eq!(fs::metadata(home.path("door.mp4")).unwrap().len(), 300_000);
    }
    let id = id.to_string();
    let (code, stdout, _) = home.media(&[&id, "-o", "door.jpg", "--kind", "image", "--width", "1280"]);
    assert_eq!((code, stdout.as_str()), (Some(0), "door.jpg: 20000 bytes, image/jpeg\n"));
    assert!(home.simulator.calls().iter().any(|call| call.path.ends_with("&width=1280")));
    let (code, _, stderr) = home.media(&[&id, "-o", "x", "--kind", "hls"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("has no hls: it has --kind clip, --kind image, --kind flv"), "{stderr}");
    let counters = home.simulator.counters();
    assert_eq!((counters.reused, counters.tokens_abroad), (0, 0), "each token was used once, and kept");
}

#[test]
fn beside_a_running_watchpost_it_says_so_and_logs_in_nowhere() {
    let home = Home::start(vec![]);
    let running = home.spawn();
    let before = home.simulator.counters().refreshes;
    let link = format!("{}/v1/media/download/1", home.simulator.url());
    let (code, stdout, stderr) = home.media(&[&link, "-o", "door.mp4"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    for part in [format!("in use by process {}", running.0.id()), "refresh token".to_owned()] {
        assert!(stderr.contains(&part), "{part} in {stderr}");
    }
    assert_eq!((home.simulator.counters().refreshes, home.asked()), (before, 0));
    assert!(!home.path("door.mp4").exists());
}

#[test]
fn what_cannot_be_is_said_before_anybody_is_asked() {
    let home = Home::start(vec![]);
    let url = home.simulator.url();
    let link = format!("{url}/v1/media/download/1");
    for (arguments, expected, part) in [
        (&["5", "-o", "x"][..], 1, "there is no event 5 of home in the journal, which keeps events for 7days"),
        (&["hq:5", "-o", "x"], 2, "there is no connection \"hq\""),
        (&["home:5", "-o", "x", "--connection", "other"], 2, "--connection names another"),
        (&[&link, "-o", "x", "--connection", "hone"], 2, "did you mean \"home\"?"),
        (&["https://simplisafe.com.evil.org/x", "-o", "x"], 2, "which is not SimpliSafe's"),
        (&["http://media.simplisafe.com/x", "-o", "x"], 2, "without TLS"),
        (&[&link, "-o", "."], 1, "it is a folder"),
        (&[&link, "-o", "none/x"], 1, "none/x"),
        (&[&link], 2, "--output"),
        (&[&link, "-o", "x", "--width", "0"], 2, "--width"),
        (&[&link, "-o", "x", "--patience", "soon"], 2, "--patience"),
    ] {
        let (code, stdout, stderr) = home.media(arguments);
        assert_eq!((code, stdout.as_str()), (Some(expected), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
    assert_eq!((home.simulator.counters().refreshes, home.asked()), (0, 0));

    home.configure(&["home", "cabin"]);
    let (code, _, stderr) = home.media(&[&link, "-o", "x"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("name one with --connection (home, cabin)"), "{stderr}");
}

#[test]
fn what_never_comes_ends_with_1_and_leaves_the_file_as_it_was() {
    let home = Home::start(vec![]);
    fs::write(home.path("door.mp4"), "before").unwrap();
    let before = fs::read_dir(home.folder.path()).unwrap().count();
    let link = format!("{}/v1/media/download/999", home.simulator.url());
    let (code, _, stderr) = home.media(&[&link, "-o", "door.mp4", "--patience", "0s"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("404"), "{stderr}");
    assert_eq!(fs::read_to_string(home.path("door.mp4")).unwrap(), "before");
    // The data folder has come, and nothing else.
    assert_eq!(fs::read_dir(home.folder.path()).unwrap().count(), before + 1);
}

#[test]
fn a_signal_ends_it_at_once_and_leaves_nothing() {
    let home = Home::start(vec![]);
    let link = format!("{}/v1/media/download/999", home.simulator.url());
    let mut command = program(&["media", &link, "-o", "door.mp4", "--patience", "1h"]);
    command.current_dir(home.folder.path()).stderr(File::create(home.path("log")).unwrap());
    let mut running = Watchpost(command.spawn().unwrap());
    eventually("asked", || home.asked() > 0);
    running.signal("INT");
    assert_eq!(running.wait().code(), Some(1));
    let log = fs::read_to_string(home.path("log")).unwrap();
    assert!(log.contains("interrupted"), "{log}");
    let names: Vec<_> = fs::read_dir(home.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("door.mp4")), "{names:?}");
}
