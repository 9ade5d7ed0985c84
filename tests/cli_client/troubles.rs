//! What is said where there is no answer.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::{
    cli_support::{finish, program},
    place::{Place, free_port, keep_secret},
};

/// Every command that can ask.
const COMMANDS: [&[&str]; 13] = [
    &["state"],
    &["state", "--watch"],
    &["events"],
    &["events", "--follow"],
    &["connections"],
    &["sinks"],
    &["dead-letters", "list"],
    &["dead-letters", "retry", "--all"],
    &["dead-letters", "drop", "--all"],
    &["replay", "--sink", "alerts", "--since", "1h"],
    &["vxg", "types", "cloud", "1"],
    &["vxg", "trigger", "cloud", "1", "audio_event"],
    &["media", "home:1", "-o", "never.mp4"],
];

#[track_caller]
fn fails(arguments: &[&str], url: &str, status: i32, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(arguments);
    command.arg("--url").arg(url).current_dir(folder.path()).env_remove("WATCHPOST_TOKEN").env_remove("WATCHPOST_URL");
    let (code, stdout, stderr) = finish(command);
    assert_eq!((code, stdout.as_str()), (Some(status), ""), "{arguments:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{arguments:?}: {word} in:\n{stderr}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
}

/// A server that answers everybody with the same bytes, and hangs up.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut request = [0; 8 << 10];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    url
}

#[test]
fn where_nobody_listens_it_is_said_what_to_start() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for command in COMMANDS {
        fails(command, &url, 1, &["no watchpost answers at http://127.0.0.1:", "watchpost run", "--url"]);
    }
}

#[test]
fn where_something_else_listens_it_is_named_and_not_believed() {
    for (answer, words) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", &["something else", "cannot be read"][..]),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"items\": 42}",
            &["something else"],
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: https://login.example/\r\ncontent-length: 0\r\n\r\n",
            &["https://login.example/"],
        ),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", &["something else", "404"]),
        ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", &["something else", "proxy"]),
        ("SSH-2.0-OpenSSH_9.6\r\n", &["something else", "not HTTP"]),
    ] {
        let url = answering(answer);
        for command in [&["state"][..], &["connections"], &["events"], &["sinks"]] {
            fails(command, &url, 1, words);
        }
    }
    let url = answering("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p>x");
    for command in [&["state", "--watch"][..], &["events", "--follow"]] {
        fails(command, &url, 1, &["something else", "text/html"]);
    }
}

#[test]
fn a_watchpost_of_another_version_is_told_as_that() {
    let url = answering(
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\ncontent-length: 87\r\n\r\n\
         {\"type\":\"/problems/no-endpoint\",\"title\":\"x\",\"status\":404,\"detail\":\"nothing is at here\"}",
    );
    for command in COMMANDS {
        fails(command, &url, 1, &["has no /api/v1/", "another version"]);
    }
}

#[test]
fn a_token_that_is_missing_or_wrong_is_asked_for_by_name() {
    let place = Place::start("token = { env = \"TOKEN\" }", "");
    for command in COMMANDS {
        fails(command, &place.url(), 1, &["asks for a token (401)", "WATCHPOST_TOKEN", "--token-file"]);
    }
    keep_secret(&place, "other", "another token\n");
    let (code, _, stderr) = finish(place.command(&["state", "--url", &place.url(), "--token-file", "other"]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("does not take this token"), "{stderr}");
    assert!(!stderr.contains("another token"), "{stderr}");
    let mut command = place.command(&["state", "--config", "watchpost.toml"]);
    let (code, _, stderr) = finish({
        command.env("TOKEN", "since changed");
        command
    });
    assert_eq!(code, Some(1));
    assert!(stderr.contains("another `token` in [engine]"), "{stderr}");
}

#[test]
fn what_cannot_be_meant_is_refused_before_anybody_is_asked() {
    let place = Place::stopped("", "");
    for (arguments, words) in [
        (&["state", "--url", "127.0.0.1:8780"][..], "--url"),
        (&["state", "--url", "ftp://127.0.0.1"], "http://"),
        (&["state", "--url", "http://u:p@127.0.0.1"], "WATCHPOST_TOKEN"),
        (&["state", "--url", "http://127.0.0.1", "--config", "watchpost.toml"], "--config"),
        (&["state", "--config", "none.toml"], "there is no such file"),
        (&["state", "--token-file", "none"], "cannot read the token in none"),
        (&["sinks", "--config", "watchpost.toml", "--token-file", "x"], "--token-file"),
        (&["replay", "--sink", "x", "--cancel", "--url", "http://127.0.0.1:1"], "--since"),
    ] {
        let (code, stdout, stderr) = finish(place.command(arguments));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
    std::fs::write(
        place.path("off.toml"),
        std::fs::read_to_string(place.path("watchpost.toml"))
            .unwrap()
            .replace(&format!("listen = \"127.0.0.1:{}\"", place.port), "listen = \"off\""),
    )
    .unwrap();
    let (code, _, stderr) = finish(place.command(&["state", "--config", "off.toml"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("listen = \"off\"") && stderr.contains("--url"), "{stderr}");
}

#[test]
fn a_server_that_dies_in_the_midst_of_an_answer_is_no_end_of_the_list() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"items\":[],\"next\":null}",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n400\r\n{\"items\":[",
    ] {
        let url = answering(answer);
        for command in [&["state"][..], &["connections", "--json"], &["events", "--json"]] {
            fails(command, &url, 1, &["127.0.0.1"]);
        }
    }
}

#[test]
fn every_command_that_asks_explains_itself_with_examples() {
    for command in ["state", "events", "connections", "sinks", "dead-letters", "replay", "vxg", "media"] {
        let (code, stdout, _) = finish(program(&[command, "--help"]));
        assert_eq!(code, Some(0));
        assert!(stdout.contains("Examples:") && stdout.contains(&format!("watchpost {command}")), "{stdout}");
    }
    let (code, script, _) = finish(program(&["completions", "bash"]));
    assert_eq!(code, Some(0));
    for word in ["--token-file", "--follow", "--watch", "connections"] {
        assert!(script.contains(word), "{word}");
    }
}
