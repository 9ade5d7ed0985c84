//! The dashboard in a real browser, before the real program and simulated systems.
#![cfg(all(unix, feature = "http", feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../cli_support/mod.rs"]
mod cli_support;
#[path = "../common/port.rs"]
mod port;

mod browser;
mod daily;
mod pictures;
mod size;
mod trouble;

use std::fs::File;

use browser::Browser;
use cli_support::{PASSWORD, Site, Watchpost, eventually};
use tempfile::TempDir;
use watchpost::simulator::milestone::{Options, Simulator};

/// A simulated system, the program that watches it, and a browser that shows its page.
struct Stage {
    site: Site,
    program: Option<Watchpost>,
    browser: Browser,
    url: String,
}

impl Stage {
    /// With the usual system.
    fn start() -> Self {
        Self::with(Options { items: 10, ..Options::default() }, "", "")
    }

    /// With these keys of `[engine]`, and these further connections.
    fn with(options: Options, engine: &str, connections: &str) -> Self {
        Self::of(Simulator::start(Options { password: PASSWORD.to_owned(), ..options }).unwrap(), engine, connections)
    }

    /// The same with a system that is there already.
    fn of(simulator: Simulator, engine: &str, connections: &str) -> Self {
        let site = Site { simulator, folder: TempDir::new().unwrap() };
        // A port of its own, which it has again after a restart.
        let address = format!("127.0.0.1:{}", port::own());
        let connection = site.connection("hq", "\"*\"");
        site.write(
            "watchpost.toml",
            &format!(
                "[engine]\nlisten = \"{address}\"\n{engine}\n{connection}\n{}\n[[sink]]\nname = \"log\"\nkind = \"file\"\npath = \"events.jsonl\"\n",
                connections.replace("SIMULATOR", &site.simulator.url())
            ),
        );
        let mut stage = Self { site, program: None, browser: Browser::start(), url: format!("http://{address}") };
        stage.run();
        stage
    }

    /// Starts the program, or starts it again.
    fn run(&mut self) {
        let file = |name: &str| File::create(self.site.path(name)).unwrap();
        let mut command = self.site.command(&["run"]);
        command.env("SITE_TOKEN", TOKEN).env("WRONG_PASSWORD", "not it").stdout(file("stdout")).stderr(file("stderr"));
        self.program = Some(Watchpost(command.spawn().unwrap()));
        let address = self.url.trim_start_matches("http://").to_owned();
        eventually("it listens", || std::net::TcpStream::connect(&address).is_ok());
    }

    /// Ends it as a power cut does.
    fn kill(&mut self) {
        self.program = None;
    }

    /// Opens a view of the page, and waits until the states are there.
    fn open(&mut self, view: &str) {
        self.browser.open(&format!("{}/{view}", self.url));
        self.browser.wait(
            "the states are there",
            "Number(document.querySelector('#figure-items').innerText.replace(/\\D/g, '')) > 9",
        );
    }

    /// A camera and its name, which no other item has.
    fn camera(&self, nth: usize) -> (String, String) {
        let camera = self.site.simulator.sources("cameras")[nth].clone();
        let name = self.site.simulator.name_of(&camera).unwrap();
        (camera, name)
    }

    fn happens(&self, item: &str, what: &str) {
        self.site.simulator.emit_one(item, what).unwrap();
    }

    /// Lets a camera see motion so often, and waits until all of it is in the journal.
    fn happens_often(&mut self, item: &str, times: u64) {
        const STEP: u64 = 100;
        let next = "fetch('/api/v1/about').then((answer) => answer.json()).then((about) => Number(about.next))";
        for begun in (0..times).step_by(STEP as usize) {
            let step = STEP.min(times - begun);
            let before = self.browser.js(next).as_u64().unwrap();
            for _ in 0..step {
                self.happens(item, "MotionStarted");
            }
            eventually("they are stored", || self.browser.js(next).as_u64().unwrap() >= before + step);
        }
    }

    fn end(mut self) {
        self.browser.assert_quiet(&self.url, &[]);
    }
}

/// The token of a stage that has one.
const TOKEN: &str = "t0ken-of-the-stage-0123456789abcdef";

/// An expression for the value in a tile of the item's row.
fn tile(item: &str, group: &str) -> String {
    let row = format!("document.querySelector('#items-scroller a[href*=\"{}\"]')", item.replace('/', "%2F"));
    format!(
        "[...{row}.querySelectorAll('.tile')].find((tile) => tile.querySelector('.group').innerText === {group:?}).querySelector('.value').innerText"
    )
}
