//! `watchpost login simplisafe` and `check --connect`: the real program, and a simulated cloud.
#![cfg(all(unix, feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::{Command, Stdio},
};

use cli_support::{Watchpost, eventually, finish, program};
use tempfile::TempDir;
use watchpost::{
    journal::{DataDir, SqliteJournal},
    simulator::simplisafe::{Fault, Options, Refusal, Simulator},
};

const LOGIN: [&str; 2] = ["login", "simplisafe"];
const CHECK: [&str; 2] = ["check", "--connect"];
const TOKEN: &str = "simplisafe.token";

type Finished = (Option<i32>, String, String);

/// A simulated cloud, and a folder with a configuration for it.
struct Home {
    simulator: Simulator,
    folder: TempDir,
}

impl Home {
    /// A cloud and a configuration with one connection, whose token is not there yet.
    fn start(faults: Vec<Fault>) -> Self {
        let simulator = Simulator::start(Options { faults, users: 2, ..Options::default() }).unwrap();
        let home = Self { simulator, folder: tempfile::tempdir().unwrap() };
        home.configure(&home.connection("home", TOKEN, ""));
        home
    }

    /// The same, and its token is there.
    fn with_token(faults: Vec<Fault>) -> Self {
        let home = Self::start(faults);
        home.put(TOKEN, &home.simulator.refresh_token());
        home
    }

    fn connection(&self, name: &str, file: &str, keys: &str) -> String {
        format!(
            "[[connection]]\nname = \"{name}\"\nvendor = \"simplisafe\"\nrefresh_token = {{ file = \"{file}\" }}\n\
             poll_every = \"200ms\"\nauth_url = \"{url}\"\napi_url = \"{url}\"\nsocket_url = \"{socket}\"\n{keys}\n",
            url = self.simulator.url(),
            socket = self.simulator.socket_url()
        )
    }

    fn configure(&self, connections: &str) {
        let sink = "[engine]\nlisten = \"off\"\n[[sink]]\nname = \"screen\"\nkind = \"stdout\"\n";
        fs::write(self.path("watchpost.toml"), connections.to_owned() + sink).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, token: &str) {
        fs::write(self.path(name), format!("{token}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn token(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default().trim().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.command(arguments))
    }

    /// Runs it to its end; what is typed follows from the page that it shows.
    fn run_at_browser(&self, arguments: &[&str], log: &str, typed: impl FnOnce(&str) -> String) -> Finished {
        let mut command = self.command(arguments);
        command.env("RUST_LOG", log).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        let page = loop {
            let mut line = String::new();
            if out.read_line(&mut line).unwrap() == 0 {
                break None;
            }
            said.push_str(&line);
            if line.starts_with("http") {
                break Some(line.trim().to_owned());
            }
        };
        if let Some(page) = page {
            // Who ends early does not read it all.
            let _ = child.stdin.as_mut().unwrap().write_all(typed(&page).as_bytes());
        }
        drop(child.stdin.take());
        out.read_to_string(&mut said).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), said, String::from_utf8(output.stderr).unwrap())
    }

    /// What the cloud was asked for and has answered.
    fn tried(&self, endpoint: &str) -> u64 {
        self.simulator.counters().requests.get(endpoint).map_or(0, |tally| tally.tried)
    }
}

/// Where the page leads a browser whose user has logged in: to an address with a code.
fn browse(page: &str) -> String {
    let (server, path) = page.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(server).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let line = answer.lines().find(|line| line.to_lowercase().starts_with("location:"));
    line.unwrap_or_else(|| panic!("{answer}")).split_once(':').unwrap().1.trim().to_owned()
}

/// The code in such an address.
fn code(address: &str) -> String {
    address.split_once("code=").unwrap().1.split('&').next().unwrap().to_owned()
}

#[test]
fn a_login_writes_the_file_that_the_configuration_names_and_all_else_follows_from_it() {
    let home = Home::start(vec![]);
    let (exit, stdout, _) = home.run(&CHECK);
    assert_eq!(exit, Some(2), "there is no token yet: {stdout}");
    let (exit, stdout, stderr) = home.run_at_browser(&LOGIN, "", |page| browse(page) + "\n");
    assert_eq!((exit, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("com.simplisafe.mobile://") && stdout.contains("watchpost check --connect"), "{stdout}");
    let token = home.token(TOKEN);
    assert!(home.simulator.good_refresh_tokens(0).iter().any(|good| **good == *token));
    assert_eq!(fs::metadata(home.path(TOKEN)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!stdout.contains(&token), "{stdout}");

    let (exit, stdout, stderr) = home.run(&CHECK);
    assert_eq!(exit, Some(0), "{stdout}{stderr}");
    for part in ["home: ok", "login    user ", "devices with a name", "channel  the events of user"] {
        assert!(stdout.contains(part), "{part} in:\n{stdout}");
    }
    assert_eq!(home.simulator.counters().sockets_open, 0);
}

#[test]
fn without_any_configuration_the_token_goes_to_a_file_and_the_lines_for_it_are_told() {
    let home = Home::start(vec![]);
    fs::remove_file(home.path("watchpost.toml")).unwrap();
    let url = home.simulator.url();
    let arguments = ["login", "simplisafe", "-o", "my.token", "--auth-url", &url];
    let (exit, stdout, stderr) = home.run_at_browser(&arguments, "", |page| code(&browse(page)) + "\n");
    assert_eq!((exit, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(home.simulator.good_refresh_tokens(0).iter().any(|good| **good == *home.token("my.token")));
    let lines = &stdout[stdout.find("[[connection]]").unwrap()..stdout.find("Then:").unwrap()];
    home.configure(lines);
    let (exit, stdout, stderr) = home.run(&CHECK);
    assert_eq!(exit, Some(0), "no token is led anywhere else: {lines}\n{stdout}{stderr}");
    assert_eq!(home.tried("authCheck"), 1);
    let (exit, _, stderr) = home.run(&["login", "simplisafe", "--config", "nothing.toml"]);
    assert!(exit == Some(2) && stderr.contains("-o simplisafe.token"), "{stderr}");
}

#[test]
fn whatever_a_person_types_is_taken_or_it_is_said_what_is_wrong_with_it() {
    let home = Home::start(vec![]);
    let typed = |page: &str| {
        let address = browse(page);
        format!("\nwhat now?\n{page}\ncode={}\n", code(&address))
    };
    let (exit, stdout, stderr) = home.run_at_browser(&LOGIN, "", typed);
    assert_eq!(exit, Some(0), "{stdout}{stderr}");
    for part in ["That was nothing.", "That is no code", "That address has no code in it"] {
        assert!(stdout.contains(part), "{part} in:\n{stdout}");
    }
    assert_eq!(home.tried("token"), 1, "what is no code costs nothing");
    let (exit, _, stderr) = home.run_at_browser(&LOGIN, "", |_| String::new());
    assert!(exit == Some(1) && stderr.contains("nobody has typed the code"), "{stderr}");
}

#[test]
fn a_code_that_was_used_is_refused_in_clear_words_and_the_token_that_was_there_stays() {
    let home = Home::start(vec![]);
    home.put(TOKEN, "an-older-one");
    let mut used = String::new();
    let (exit, ..) =
        home.run_at_browser(&["login", "simplisafe", "-o", "other", "--auth-url", &home.simulator.url()], "", |page| {
            used = browse(page);
            used.clone() + "\n"
        });
    assert_eq!(exit, Some(0));
    let (exit, stdout, stderr) = home.run_at_browser(&LOGIN, "", |_| used.clone() + "\n");
    assert_eq!(exit, Some(1), "{stdout}");
    assert!(stderr.contains("does not take this code") && stderr.contains("run this again"), "{stderr}");
    assert_eq!(home.token(TOKEN), "an-older-one");
    let left: Vec<_> = fs::read_dir(home.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".new")), "{left:?}");
}

#[test]
fn a_cloud_that_cannot_answer_or_blocks_is_told_from_one_that_refuses() {
    let home = Home::start(vec![]);
    for (fault, words) in [
        (Fault::Token(Refusal { status: 502, count: Some(3) }), "cannot answer now (502)"),
        (Fault::Block(Refusal { status: 403, count: Some(1) }), "blocks this machine's address (403)"),
    ] {
        let typed = |page: &str| {
            let address = browse(page);
            home.simulator.inject(fault);
            address + "\n"
        };
        let (exit, _, stderr) = home.run_at_browser(&LOGIN, "", typed);
        assert!(exit == Some(1) && stderr.contains(words), "{stderr}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let arguments = ["login", "simplisafe", "-o", TOKEN, "--auth-url", &format!("http://{nobody}")];
    let (exit, _, stderr) = home.run_at_browser(&arguments, "", |_| "aCode\n".to_owned());
    assert!(exit == Some(1) && stderr.contains("cannot connect"), "{stderr}");
    assert!(!home.path(TOKEN).exists());
}

#[test]
fn an_answer_that_says_nothing_of_a_code_costs_no_other_login() {
    let home = Home::start(vec![Fault::Token(Refusal { status: 504, count: Some(2) })]);
    let (exit, stdout, stderr) = home.run_at_browser(&LOGIN, "", |page| browse(page) + "\n");
    assert_eq!((exit, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("(504") && stdout.contains("The same code is shown again."), "{stdout}");
    assert_eq!(home.tried("token"), 3);
    assert!(home.simulator.good_refresh_tokens(0).iter().any(|good| **good == *home.token(TOKEN)));
}

#[test]
fn a_login_that_is_interrupted_at_its_prompt_leaves_nothing_behind() {
    let home = Home::start(vec![]);
    let mut command = home.command(&LOGIN);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Watchpost(command.spawn().unwrap());
    let out = BufReader::new(running.0.stdout.take().unwrap());
    assert!(out.lines().any(|line| line.unwrap().starts_with("http")), "the page is shown");
    running.signal("INT");
    running.wait();
    let left: Vec<_> = fs::read_dir(home.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["watchpost.toml"]);
}

#[test]
fn a_place_where_no_token_can_be_written_is_found_before_anybody_logs_in() {
    let home = Home::start(vec![]);
    fs::create_dir(home.path("folder")).unwrap();
    symlink("/dev/null", home.path("link")).unwrap();
    for (file, words) in [("folder", "a folder"), ("link", "a symbolic link"), ("missing/x", "make it first")] {
        let (exit, stdout, stderr) = home.run(&["login", "simplisafe", "-o", file]);
        assert_eq!((exit, stdout.as_str()), (Some(1), ""), "no page is shown");
        assert!(stderr.contains(words), "{stderr}");
    }
    let variable = home.connection("home", TOKEN, "").replace("{ file = \"simplisafe.token\" }", "{ env = \"X\" }");
    home.configure(&variable);
    let (exit, _, stderr) = home.run(&LOGIN);
    assert!(exit == Some(2) && stderr.contains("environment variable"), "{stderr}");
    home.configure(&(home.connection("home", "a.token", "") + &home.connection("cabin", "b.token", "")));
    let (exit, _, stderr) = home.run(&LOGIN);
    assert!(exit == Some(2) && stderr.contains("home, cabin"), "{stderr}");
    let (exit, _, stderr) = home.run_at_browser(&["login", "simplisafe", "cabin"], "", |page| browse(page) + "\n");
    assert!(exit == Some(0) && !home.token("b.token").is_empty(), "{stderr}");
}

#[test]
fn no_secret_is_told_however_much_is_logged() {
    let home = Home::start(vec![Fault::OneUse]);
    let mut address = String::new();
    let (exit, stdout, stderr) = home.run_at_browser(&LOGIN, "trace", |page| {
        address = browse(page);
        address.clone() + "\n"
    });
    assert_eq!(exit, Some(0), "{stdout}{stderr}");
    let (token, code) = (home.token(TOKEN), code(&address));
    let mut command = home.command(&CHECK);
    command.env("RUST_LOG", "trace");
    let (exit, checked, log) = finish(command);
    assert_eq!(exit, Some(0), "{checked}");
    let rotated = home.simulator.good_refresh_tokens(0).iter().map(ToString::to_string).collect::<Vec<_>>();
    let bearers = home.simulator.calls().into_iter().filter_map(|call| Some(call.bearer?.to_string()));
    for secret in [token, code].into_iter().chain(rotated).chain(bearers) {
        for text in [&stdout, &stderr, &checked, &log] {
            assert!(!text.contains(&secret), "{secret} in:\n{text}");
        }
    }
}

#[test]
fn a_look_keeps_the_token_that_it_is_given_and_shows_none_twice() {
    let home = Home::with_token(vec![Fault::OneUse, Fault::ReuseKills]);
    let two = home.connection("home", TOKEN, "") + &home.connection("same", TOKEN, "");
    home.configure(&two);
    for refreshes in 1..=3 {
        let (exit, stdout, stderr) = home.run(&CHECK);
        assert_eq!(exit, Some(0), "{stdout}{stderr}");
        let counters = home.simulator.counters();
        assert_eq!((counters.refreshes, counters.reused), (refreshes, 0), "one login for both connections");
    }
    let folder = home.path("watchpost-data");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    for file in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_running_watchpost_keeps_its_token_to_itself() {
    let home = Home::with_token(vec![Fault::OneUse, Fault::ReuseKills]);
    let mut command = home.command(&["run"]);
    command.stdout(fs::File::create(home.path("stdout")).unwrap()).stderr(Stdio::null());
    let mut running = Watchpost(command.spawn().unwrap());
    eventually("the system is followed", || home.simulator.counters().sockets_subscribed == 1);
    let refreshes = home.simulator.counters().refreshes;
    let (exit, stdout, stderr) = home.run(&CHECK);
    assert_eq!(exit, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("home: not tried") && stdout.contains("in use by process"), "{stdout}");
    assert!(stdout.contains("  running  "), "how it is doing: {stdout}");
    assert_eq!(home.simulator.counters().refreshes, refreshes);
    running.signal("TERM");
    running.wait();
    let (exit, stdout, stderr) = home.run(&CHECK);
    assert_eq!(exit, Some(0), "{stdout}{stderr}");
    assert_eq!(home.simulator.counters().reused, 0, "and goes on from the token that it has kept");
}

#[test]
fn a_dead_token_halts_the_look_with_what_to_do_and_a_new_login_mends_it_and_forgets_the_old_one() {
    let home = Home::with_token(vec![Fault::OneUse]);
    let old = home.token(TOKEN);
    assert_eq!(home.run(&CHECK).0, Some(0));
    let user = home.simulator.users()[0];
    assert!(home.simulator.revoke(user), "the password is changed");
    let (exit, stdout, _) = home.run(&CHECK);
    assert_eq!(exit, Some(1), "{stdout}");
    assert!(stdout.contains("run `watchpost login simplisafe`"), "{stdout}");
    let note = |token: &str| {
        let config = watchpost::actors::vendors::simplisafe::SimpliSafeConfig::new(token.into());
        let config = {
            let mut config = config;
            config.auth_url = home.simulator.url().parse().unwrap();
            config
        };
        let note = watchpost::actors::vendors::simplisafe::login::token_note(&config);
        SqliteJournal::note_beside(&home.path("watchpost-data"), &note).unwrap()
    };
    assert!(note(&old).is_some());
    let (exit, stdout, stderr) = home.run_at_browser(&LOGIN, "", |page| browse(page) + "\n");
    assert_eq!(exit, Some(0), "{stdout}{stderr}");
    assert_eq!(note(&old), None, "what came after the old token is a secret of no use");
    let (exit, stdout, stderr) = home.run(&CHECK);
    assert_eq!(exit, Some(0), "{stdout}{stderr}");
    assert!(DataDir::open(home.path("watchpost-data")).is_ok());
}

#[test]
fn a_look_says_which_system_is_not_there_and_which_token_is_none() {
    let home = Home::with_token(vec![]);
    home.configure(&home.connection("home", TOKEN, "systems = [42]"));
    let (exit, stdout, _) = home.run(&CHECK);
    assert_eq!(exit, Some(1), "{stdout}");
    assert!(stdout.contains("system 42 is not among those of the user") && stdout.contains("not followed"), "{stdout}");
    home.put(TOKEN, "not a token");
    let (exit, _, stderr) = home.run(&CHECK);
    assert!(exit == Some(2) && stderr.contains("watchpost login simplisafe"), "{stderr}");
    assert!(!stderr.contains("not a token"), "{stderr}");
}
