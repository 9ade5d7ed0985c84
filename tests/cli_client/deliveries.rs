//! Sinks, dead letters and replays of a watchpost that runs.

use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::{
    cli_support::{eventually, finish},
    place::{Place, Receiver, rows},
};

/// Lets each camera see something; how many events a sink of motion gets.
fn motion(place: &Place) -> usize {
    let cameras = place.milestone.sources("cameras");
    cameras.iter().take(4).filter_map(|camera| place.milestone.emit_one(camera, "MotionStarted")).count()
}

/// What is told of the sink `alerts`.
fn alerts(place: &Place) -> Value {
    let sinks = rows(&place.text(&["sinks", "--json"]));
    sinks.into_iter().find(|sink| sink["name"] == "alerts").unwrap()
}

#[test]
fn sinks_are_told_as_the_data_folder_tells_them() {
    let receiver = Receiver::start(200);
    let place = Place::start("", &receiver.sink());
    let count = motion(&place);
    assert!(count > 0, "the simulator has such events");
    eventually("delivered", || alerts(&place)["delivered"] == count && alerts(&place)["behind"]["events"] == 0);
    let (code, straight, stderr) = finish(place.command(&["sinks", "--json", "--config", "watchpost.toml"]));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(rows(&straight), rows(&place.text(&["sinks", "--json"])));
    let table = place.text(&["sinks"]);
    assert!(table.contains("alerts") && table.contains("webhook"), "{table}");
    assert!(place.text(&["sinks", "--lanes"]).contains("hq"));
}

#[test]
fn dead_letters_are_listed_tried_again_and_dropped_while_it_runs() {
    let receiver = Receiver::start(400);
    let place = Place::start("", &receiver.sink());
    let count = motion(&place);
    eventually("laid aside", || alerts(&place)["dead_letters"] == count);
    let letters = rows(&place.text(&["dead-letters", "list", "--json"]));
    assert_eq!(letters.len(), count);
    assert!(letters.iter().all(|letter| letter["sink"] == "alerts" && letter["event"]["specversion"] == "1.0"));
    let (_, straight, _) = finish(place.command(&["dead-letters", "list", "--json", "--config", "watchpost.toml"]));
    assert_eq!(rows(&straight), letters);
    let first = letters[0]["id"].to_string();
    assert_eq!(rows(&place.text(&["dead-letters", "list", "--json", "--id", &first])), letters[..1]);

    let (code, stdout, _) = place.ask(&["dead-letters", "retry", "--id", &first]);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(
        stdout.contains("not delivered: the receiver answered 400")
            && stdout.contains("0 dead letters delivered, 1 not"),
        "{stdout}"
    );
    receiver.answer(200);
    let retried = rows(&place.text(&["dead-letters", "retry", "--id", &first, "--json"]));
    assert_eq!((&retried[0]["delivered"], &retried[0]["why"]), (&Value::Bool(true), &Value::Null));
    assert_eq!(receiver.accepted.load(Ordering::SeqCst), 1);
    let (code, _, stderr) = place.ask(&["dead-letters", "retry", "--id", &first]);
    assert_eq!(code, Some(1), "it is not there any more");
    assert!(stderr.contains(&format!("there is no dead letter {first}")), "{stderr}");

    let second = letters[1]["id"].to_string();
    assert_eq!(place.text(&["dead-letters", "drop", "--id", &second]), "dropped 1 dead letter\n");
    let rest = place.text(&["dead-letters", "retry", "--sink", "alerts"]);
    assert!(
        rest.ends_with(&format!("{} dead letter{} delivered, 0 not\n", count - 2, if count == 3 { "" } else { "s" })),
        "{rest}"
    );
    assert_eq!(receiver.accepted.load(Ordering::SeqCst), count - 1);
    assert_eq!(place.text(&["dead-letters", "list"]), "no dead letters\n");
    place.fails(&["dead-letters", "list", "--sink", "alarts"], 1, &["did you mean \"alerts\"?"]);
}

#[test]
fn a_replay_is_done_by_the_one_that_runs_with_the_same_ids() {
    let receiver = Receiver::start(200);
    let place = Place::start("", &receiver.sink());
    let count = motion(&place);
    eventually("delivered", || alerts(&place)["delivered"] == count);
    assert_eq!(place.text(&["replay", "--sink", "alerts", "--since", "1h"]), "delivered again to \"alerts\"\n");
    eventually("delivered again", || receiver.accepted.load(Ordering::SeqCst) == 2 * count);
    assert_eq!(alerts(&place)["replays"], Value::Array(vec![]));
    let nothing = place.text(&["replay", "--sink", "alerts", "--since", "2h", "--until", "1h"]);
    assert!(nothing.contains("nothing to deliver again"), "{nothing}");
    place.fails(&["replay", "--sink", "alarts", "--since", "1h"], 1, &["did you mean \"alerts\"?"]);
    place.fails(&["replay", "--sink", "alerts", "--since", "1h", "--until", "2h"], 2, &["not after"]);
}

#[test]
fn a_replay_that_is_refused_says_so_and_fails() {
    let receiver = Receiver::start(200);
    let place = Place::start("", &receiver.sink());
    let count = motion(&place);
    eventually("delivered", || alerts(&place)["delivered"] == count);
    receiver.answer(400);
    let words = format!("{count} event{} refused: dead letters now", if count == 1 { "" } else { "s" });
    place.fails(&["replay", "--sink", "alerts", "--since", "1h"], 1, &[&words]);
    assert_eq!(alerts(&place)["dead_letters"], count);
    // What was refused then is no failure of what is delivered now.
    receiver.answer(200);
    assert_eq!(place.text(&["replay", "--sink", "alerts", "--since", "1h"]), "delivered again to \"alerts\"\n");
}

#[test]
fn with_the_configuration_of_one_that_runs_that_one_is_asked() {
    let receiver = Receiver::start(400);
    let mut place = Place::start("token = { env = \"TOKEN\" }", &receiver.sink());
    let count = motion(&place);
    eventually("laid aside", || alerts(&place)["dead_letters"] == count);
    receiver.answer(200);
    let with_config = |place: &Place, arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("TOKEN", crate::place::TOKEN);
        finish(command)
    };
    let all = ["dead-letters", "retry", "--all", "--config", "watchpost.toml"];
    let (code, stdout, stderr) = with_config(&place, &all);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(receiver.accepted.load(Ordering::SeqCst), count);
    // So it is with the one in the folder, which nobody needs to name.
    let replay = ["replay", "--sink", "alerts", "--since", "1h"];
    let (code, stdout, stderr) = with_config(&place, &replay);
    assert_eq!((code, stdout.as_str()), (Some(0), "delivered again to \"alerts\"\n"), "{stderr}");
    place.stop();
    let (code, stdout, stderr) = with_config(&place, &replay);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains(&format!("{count} event")), "straight from the data folder: {stdout}");
}

#[test]
fn what_was_asked_for_while_it_ran_goes_on_after_a_restart() {
    let receiver = Receiver::start(200);
    let mut place = Place::start("", &receiver.sink());
    let count = motion(&place);
    eventually("delivered", || alerts(&place)["delivered"] == count);
    receiver.answer(503);
    let mut replay = place.follow(&["replay", "--sink", "alerts", "--since", "1h"]);
    eventually("the replay is stored", || alerts(&place)["replays"].as_array().unwrap().len() == 1);
    replay.process.signal("INT");
    assert_eq!(replay.process.wait().code(), Some(1));
    place.stop();
    receiver.answer(200);
    place.run();
    eventually("delivered again", || receiver.accepted.load(Ordering::SeqCst) == 2 * count);
    eventually("it is forgotten", || alerts(&place)["replays"] == Value::Array(vec![]));
}
