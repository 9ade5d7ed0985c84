//! One question, one answer.

use std::collections::BTreeSet;

use crate::{
    cli_support::{eventually, finish, program},
    place::{Place, TOKEN, keep_secret, rows},
};

#[test]
fn states_are_shown_as_a_table_and_chosen_by_keys_globs_and_words() {
    let place = Place::start("", "");
    let all = rows(&place.text(&["state", "--json"]));
    assert!(all.len() > 30, "{}", all.len());
    for row in &all {
        for member in ["connection", "item", "itemname", "group", "value", "time", "sequence", "origin", "stale"] {
            assert!(row.get(member).is_some(), "{member} in {row}");
        }
    }
    let camera = place.milestone.sources("cameras")[0].clone();
    let name = place.milestone.name_of(&camera).unwrap();
    let of = |arguments: &[&str]| rows(&place.text(&[&["state", "--json"], arguments].concat()));
    let named = of(&[&format!("name={name}")]);
    assert!(!named.is_empty() && named.len() < all.len() && named.iter().all(|row| row["itemname"] == *name));
    let word = name.to_uppercase();
    assert_eq!(of(&[&word, "motion"]), of(&[&format!("name={name}"), "group=motion"]), "a word is looked for");
    let on = of(&["value=o[nk]", "group=streaming"]);
    assert!(on.iter().all(|row| row["value"] == "on" && row["group"] == "streaming"), "{on:?}");
    assert_eq!(on.len(), all.iter().filter(|row| row["value"] == "on" && row["group"] == "streaming").count());
    assert_eq!(of(&["vendor=een"]), Vec::<serde_json::Value>::new());

    let table = place.text(&["state", "group=motion"]);
    let mut lines = table.lines();
    let head: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["CONNECTION", "ITEM", "NAME", "GROUP", "VALUE", "SINCE", "STALE"]);
    assert_eq!(lines.count(), all.iter().filter(|row| row["group"] == "motion").count());
    assert!(table.contains(&name) && !table.contains('\x1b'), "{table}");
    assert_eq!(place.text(&["state", "nothing at all"]), "no states\n");
    place.fails(&["state", "nmae=x"], 2, &["did you mean name=…?"]);
    place.fails(&["state", "name=[x"], 2, &["no glob"]);
}

#[test]
fn past_events_are_told_once_each_in_order_as_lines_and_as_cloud_events() {
    let place = Place::start("", "");
    // More than one page of the list.
    place.milestone.emit(1_200);
    let vendor = |text: &str| -> Vec<String> {
        let events = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        events
            .filter(|event| event["origin"] != "engine")
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect()
    };
    eventually("all events are stored", || vendor(&place.text(&["events", "--json"])).len() >= place.emitted().len());
    assert_eq!(vendor(&place.text(&["events", "--json", "--since", "1h"])), place.emitted());
    assert_eq!(vendor(&place.text(&["events", "--json", "-n", "7", "origin=live"])), place.emitted()[..7]);
    assert_eq!(vendor(&place.text(&["events", "--json", "--until", "1h"])), Vec::<String>::new());
    let motion = place.text(&["events", "--json", "type=motion.*"]);
    assert!(vendor(&motion).len() > 10 && vendor(&motion).len() < place.emitted().len());

    let lines = place.text(&["events", "-n", "40"]);
    assert_eq!(lines.lines().count(), 40);
    assert!(lines.lines().any(|line| line.contains("** engine.connection: connecting -> online")), "{lines}");
    assert!(lines.lines().any(|line| line.contains("motion.") && line.contains("motion ")), "{lines}");
    assert!(!lines.contains('\x1b'));
    place.fails(&["events", "--since", "yesterday"], 2, &["since", "1h"]);
    place.fails(&["events", "--follow", "--until", "1h"], 2, &["--until"]);
}

#[test]
fn connections_tell_how_they_are_doing() {
    let place = Place::start("", "");
    place.milestone.emit(1);
    eventually("the lag is known", || rows(&place.text(&["connections", "--json"]))[0]["lag"].is_number());
    let all = rows(&place.text(&["connections", "--json"]));
    let members: BTreeSet<_> = all[0].as_object().unwrap().keys().map(String::as_str).collect();
    for member in ["name", "vendor", "state", "since", "events", "gaps", "restarts", "last_error", "last_event", "lag"]
    {
        assert!(members.contains(member), "{member} in {members:?}");
    }
    let table = place.text(&["connections"]);
    let lines: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..6], ["CONNECTION", "VENDOR", "STATE", "SINCE", "EVENTS", "GAPS"]);
    assert_eq!(lines[0][6..9], ["LAST", "LAG", "RESTARTS"]);
    assert_eq!(lines[1][..3], ["hq", "milestone", "online"]);
    // "3s ago" is two words.
    assert!(lines[1][8].strip_suffix('s').is_some_and(|lag| lag.parse::<f64>().is_ok()), "{table}");
    assert_eq!(lines[1][9], "0", "nothing was defect: {table}");
}

#[test]
fn address_and_token_come_from_the_configuration_the_command_line_or_the_environment() {
    let place = Place::start("token = { env = \"TOKEN\" }", "");
    let ask = ["connections", "--json"];
    let ok = |what: &str, command: std::process::Command| {
        let (code, stdout, stderr) = finish(command);
        assert_eq!(
            (code, rows(&stdout).len(), stderr.contains("no [[sink]]")),
            (Some(0), 1, what == "config"),
            "{what}: {stderr}"
        );
    };
    let mut command = place.command(&ask);
    command.env("TOKEN", TOKEN);
    ok("config", command);
    ok("url", place.asking(&ask));
    keep_secret(&place, "token", &format!("{TOKEN}\n"));
    let with_file = |more: &[&str]| place.command(&[&ask[..], more].concat());
    ok("token file", with_file(&["--url", &place.url(), "--token-file", "token"]));
    let mut command = program(&ask);
    command.env("WATCHPOST_URL", place.url()).env("WATCHPOST_TOKEN", TOKEN).current_dir("/");
    ok("environment", command);
}
