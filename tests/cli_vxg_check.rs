//! `check --connect` with VXG: the real program, and a simulated cloud.
#![cfg(all(unix, feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::fs;

use cli_support::{finish, program};
use tempfile::TempDir;
use watchpost::simulator::vxg::{Fault, Options, Refusal, Simulator};

/// A simulated cloud of three cameras, and a folder with a configuration for it.
struct Cloud {
    simulator: Simulator,
    folder: TempDir,
    cameras: Vec<i64>,
}

impl Cloud {
    fn start(faults: Vec<Fault>) -> Self {
        let simulator = Simulator::start(Options { faults, cameras: 3, ..Options::default() }).unwrap();
        let cameras = simulator.cameras();
        simulator.rename(cameras[0], "Yard");
        simulator.set_status(cameras[0], Some("active"));
        simulator.set_status(cameras[1], Some("inactive"));
        Self { simulator, folder: tempfile::tempdir().unwrap(), cameras }
    }

    fn connection(&self, name: &str, keys: &str) -> String {
        let url = self.simulator.url();
        format!(
            "[[connection]]\nname = \"{name}\"\nvendor = \"vxg\"\ntoken = {{ env = \"TOKEN\" }}\nurl = \"{url}\"\n\
             license_key = {{ env = \"KEY\" }}\n{keys}\n"
        )
    }

    /// Checks connections that show this token, where the licence key is this one, and says how it ended and all that was said.
    fn check(&self, token: &str, key: &str, connections: &str) -> (Option<i32>, String) {
        let sink = "[[sink]]\nname = \"screen\"\nkind = \"stdout\"\n";
        let mut text = connections.to_owned() + sink;
        if key.is_empty() {
            text = text.replace("license_key = { env = \"KEY\" }\n", "");
        }
        fs::write(self.folder.path().join("watchpost.toml"), text).unwrap();
        let secrets = self.simulator.secrets();
        let mut command = program(&["check", "--connect"]);
        command.current_dir(self.folder.path()).env("TOKEN", token).env("KEY", key);
        let (exit, stdout, stderr) = finish(command);
        let said = stdout + &stderr;
        for secret in secrets.iter().map(String::as_str).chain([token, key]).filter(|secret| !secret.is_empty()) {
            assert!(!said.contains(secret), "{secret} in:\n{said}");
        }
        (exit, said)
    }

    fn check_one(&self, token: &str, keys: &str) -> (Option<i32>, String) {
        self.check(token, "", &self.connection("yard", keys))
    }

    fn own(&self) -> String {
        self.simulator.token(self.cameras[0]).unwrap()
    }
}

#[track_caller]
fn assert_said(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part} in:\n{said}");
    }
}

#[test]
fn a_group_s_token_and_a_licence_key_show_their_cameras_with_names_and_how_they_do() {
    let cloud = Cloud::start(vec![]);
    let [one, two, _] = cloud.cameras[..] else { panic!("{:?}", cloud.cameras) };
    let (yard, inactive) =
        (format!("camera   {one} \"Yard\": online"), format!("camera   {two} \"Camera 2\": offline (inactive)"));
    let types = format!("events   types of camera {one}: ");
    for (token, keys, scheme) in [
        (cloud.simulator.group_token(), "", "scheme   SI, a group of cameras, told by the token"),
        (cloud.simulator.licence_key(), "scheme = \"LKey\"", "scheme   LKey, an account, as configured"),
    ] {
        let (exit, said) = cloud.check_one(&token, keys);
        assert_eq!(exit, Some(0), "{said}");
        assert_said(&said, &["yard: ok", scheme, &yard, &inactive, &types, "motion"]);
    }
    let (exit, said) = cloud.check_one(&cloud.simulator.licence_key(), "");
    assert_eq!(exit, Some(0), "{said}");
    assert_said(&said, &["taken for a licence key", "assumed, for the token is opaque"]);
    assert_eq!(cloud.simulator.complaints(), []);
}

#[test]
fn a_licence_key_without_its_own_list_shows_that_of_groups() {
    let cloud = Cloud::start(vec![Fault::NoV3List, Fault::NeedsCamid]);
    let (exit, said) = cloud.check_one(&cloud.simulator.licence_key(), "scheme = \"LKey\"");
    assert_eq!(exit, Some(0), "{said}");
    assert_said(&said, &["\"Yard\": online"]);
}

#[test]
fn an_access_token_shows_its_camera_named_or_not() {
    let cloud = Cloud::start(vec![]);
    let camera = cloud.cameras[0];
    let (exit, said) = cloud.check_one(&cloud.own(), "");
    assert_eq!(exit, Some(0), "{said}");
    assert_said(&said, &[&format!("login    camera {camera} at http://"), "scheme   Acc, one camera", "\"Yard\""]);
    cloud.simulator.inject(Fault::NoV2Camera);
    let (exit, said) = cloud.check_one(&cloud.own(), "");
    assert_eq!(exit, Some(0), "{said}");
    assert_said(&said, &[&format!("camera   {camera}, no name is told, no status is told")]);
}

#[test]
fn a_changed_token_is_read_with_the_licence_key_and_refused_without_one() {
    let cloud = Cloud::start(vec![]);
    let old = cloud.own();
    cloud.simulator.rotate_token(cloud.cameras[0]);
    let (exit, said) = cloud.check_one(&old, "");
    assert_eq!(exit, Some(1), "{said}");
    assert_said(&said, &["yard: failed", "does not take the token (401", "`license_key`"]);
    let key = cloud.simulator.licence_key();
    let (exit, said) = cloud.check(&old, &key, &cloud.connection("yard", ""));
    assert_eq!(exit, Some(0), "{said}");
    assert_said(&said, &["by the token that the licence key tells", "\"Yard\""]);
    let (exit, said) = cloud.check(&old, "0ther-k3y", &cloud.connection("yard", ""));
    assert_eq!(exit, Some(1), "{said}");
    assert_said(&said, &["correct `license_key`"]);
}

#[test]
fn a_token_is_tried_once_for_all_connections_that_have_it() {
    let cloud = Cloud::start(vec![]);
    let group = cloud.simulator.group_token();
    cloud.simulator.rotate_group_token();
    let two = cloud.connection("yard", "") + &cloud.connection("gate", &format!("cameras = [{}]", cloud.cameras[1]));
    let (exit, said) = cloud.check(&group, "", &two);
    assert_eq!(exit, Some(1), "{said}");
    assert_said(&said, &["yard: failed", "gate: failed", "group's present one"]);
    assert_eq!(cloud.simulator.calls().len(), 1);
}

#[test]
fn cameras_that_are_not_there_or_not_followed_are_told() {
    let cloud = Cloud::start(vec![]);
    let [one, two, three] = cloud.cameras[..] else { panic!("{:?}", cloud.cameras) };
    let (exit, said) = cloud.check_one(&cloud.simulator.group_token(), &format!("cameras = [{two}, 7]"));
    assert_eq!(exit, Some(1), "{said}");
    let others = format!("cameras  2 others are not followed: {one}, {three}");
    assert_said(
        &said,
        &[&others, "camera 7 is not among those that the token opens", &format!("types of camera {two}")],
    );
    cloud.simulator.inject("no-channels".parse().unwrap());
    let (exit, said) = cloud.check_one(&cloud.simulator.group_token(), "");
    assert_eq!(exit, Some(1), "{said}");
    assert_said(&said, &["the token opens no camera"]);
}

#[test]
fn what_cannot_be_read_is_told_with_what_it_means() {
    let cloud = Cloud::start(vec![]);
    let refuse = |status| Refusal { status, count: None };
    cloud.simulator.inject(Fault::Channels(refuse(500)));
    let (exit, said) = cloud.check_one(&cloud.simulator.group_token(), &format!("cameras = [{}]", cloud.cameras[0]));
    assert_eq!(exit, Some(0), "{said}");
    assert_said(&said, &["trouble  the list of cameras: ", "events come without names", "events   types of camera"]);

    let cloud = Cloud::start(vec![Fault::Types(refuse(403))]);
    let (exit, said) = cloud.check_one(&cloud.simulator.group_token(), "");
    assert_eq!(exit, Some(0), "{said}");
    assert_said(&said, &["cannot be read, so commands will not work", "(403"]);

    for (status, words, kind) in [
        (403, "use one with access \"all\"", "refused"),
        (404, "is `url` right", "refused"),
        (429, "wants fewer requests", "not possible now"),
        (503, "cannot answer now (503", "not possible now"),
    ] {
        let cloud = Cloud::start(vec![Fault::Events(refuse(status))]);
        let (exit, said) = cloud.check_one(&cloud.simulator.group_token(), "");
        assert_eq!(exit, Some(1), "{said}");
        assert_said(&said, &["yard: failed", words, kind]);
    }
}

#[test]
fn a_token_that_may_only_watch_is_told_so() {
    let cloud = Cloud::start(vec![]);
    let watch = cloud.simulator.watch_token(cloud.cameras[0]).unwrap();
    let (_, said) = cloud.check_one(&watch, "");
    assert_said(&said, &["access \"watch\""]);
}
