//! A browser that does what a test says: Debian's chromium without a window, told by the DevTools protocol over its own WebSocket.

use std::{
    env, fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client, protocol::WebSocketConfig};

use super::cli_support::{DEADLINE, eventually};

/// Nothing of it may ask anything of the world: where there is no network, each such question is an error of its own.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-features=Translate,MediaRouter,OptimizationHints",
    "--remote-debugging-port=0",
];

/// Browsers at a time: they compute, where other tests wait, and some tests look at the clock.
const BROWSERS: usize = 2;

static SEATS: (Mutex<usize>, Condvar) = (Mutex::new(BROWSERS), Condvar::new());

/// Room for a browser.
struct Seat;

impl Seat {
    fn take() -> Self {
        let (free, changed) = &SEATS;
        let free = free.lock().unwrap_or_else(PoisonError::into_inner);
        *changed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner) -= 1;
        Self
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let (free, changed) = &SEATS;
        *free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_one();
    }
}

/// A browser with one page, and what went wrong in it.
pub(crate) struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    calls: u64,
    /// Errors and warnings of the console, exceptions, and what the policy refused.
    noise: Vec<String>,
    /// What was asked for.
    requests: Vec<String>,
    // It goes last: the browser writes to it.
    _profile: TempDir,
    _seat: Seat,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let seat = Seat::take();
        let profile = tempfile::tempdir().unwrap();
        let program = env::var_os("WATCHPOST_TEST_CHROMIUM").unwrap_or_else(|| "chromium".into());
        let process = Command::new(&program)
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(["--window-size=1440,900", "about:blank"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; install it: apt install chromium", program.display()));
        let port = profile.path().join("DevToolsActivePort");
        let read = || fs::read_to_string(&port).ok().filter(|text| text.lines().count() == 2);
        eventually("the browser listens", || read().is_some());
        let text = read().unwrap();
        let (port, path) = text.split_once('\n').unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let url = format!("ws://127.0.0.1:{port}{}", path.trim());
        let (socket, _) = client::client_with_config(url, stream, Some(config)).unwrap();
        let (noise, requests) = (Vec::new(), Vec::new());
        let mut browser =
            Self { process, socket, session: None, calls: 0, noise, requests, _profile: profile, _seat: seat };
        browser.begin();
        browser
    }

    fn begin(&mut self) {
        let target = self.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached = self.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
        self.call("Performance.enable", json!({"timeDomain": "threadTicks"}));
    }

    /// Asks the browser, and keeps what it tells meanwhile.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let message = self.socket.read().unwrap_or_else(|error| panic!("{method}: {error}"));
            let Ok(text) = message.to_text() else { continue };
            let Ok(answer) = serde_json::from_str::<Value>(text) else { continue };
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.heard(&answer);
        }
    }

    fn heard(&mut self, told: &Value) {
        let parameters = &told["params"];
        match told["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                self.requests.push(parameters["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            "Runtime.exceptionThrown" => self.noise.push(parameters["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled"
                if ["error", "warning", "assert"].iter().any(|kind| parameters["type"] == *kind) =>
            {
                self.noise.push(parameters["args"].to_string());
            }
            "Log.entryAdded" if parameters["entry"]["level"] != "verbose" && parameters["entry"]["level"] != "info" => {
                self.noise.push(format!("{} {}", parameters["entry"]["text"], parameters["entry"]["url"]));
            }
            _ => {}
        }
    }

    pub(crate) fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
    }

    /// Opens another window beside, which nothing is told or asked.
    pub(crate) fn beside(&mut self, url: &str) {
        self.call("Target.createTarget", json!({"url": url, "newWindow": true}));
    }

    /// Runs this in each page that is opened from now on, before anything of the page itself.
    pub(crate) fn prepare(&mut self, script: &str) {
        self.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": script}));
    }

    /// How many requests there were whose address has this in it.
    pub(crate) fn requests_with(&mut self, part: &str) -> usize {
        self.js("0");
        self.requests.iter().filter(|url| url.contains(part)).count()
    }

    pub(crate) fn reload(&mut self) {
        self.call("Page.reload", json!({}));
    }

    /// What an expression of the page comes to; that of a promise is waited for.
    pub(crate) fn js(&mut self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let answer = self.call("Runtime.evaluate", parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Polls until an expression of the page is true; what it came to. An expression may fail until then.
    pub(crate) fn wait(&mut self, what: &str, expression: &str) -> Value {
        let until = Instant::now() + DEADLINE;
        loop {
            let value =
                self.js(&format!("(() => {{ try {{ return {expression} }} catch (error) {{ return null }} }})()"));
            if !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != 0 {
                return value;
            }
            if Instant::now() > until {
                self.screenshot("failed");
                panic!("in vain: {what}: {expression}; see target/screenshots/failed.png; {:?}", self.noise);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// How long the page's own thread has worked so far: what it cost, not how long it took.
    pub(crate) fn worked(&mut self) -> Duration {
        let told = self.call("Performance.getMetrics", json!({}));
        let metrics = told["metrics"].as_array().unwrap();
        let task = metrics.iter().find(|metric| metric["name"] == "TaskDuration").unwrap();
        Duration::from_secs_f64(task["value"].as_f64().unwrap())
    }

    /// The text of an element, as it is shown.
    pub(crate) fn text(&mut self, selector: &str) -> String {
        self.wait(selector, &format!("document.querySelector({selector:?}).innerText")).as_str().unwrap().to_owned()
    }

    /// Waits until an element, as it is shown, has this text in it.
    pub(crate) fn wait_text(&mut self, selector: &str, part: &str) {
        let what = format!("{part:?} in {selector}");
        self.wait(&what, &format!("document.querySelector({selector:?}).innerText.includes({part:?})"));
    }

    /// Waits until an element is not to be seen.
    pub(crate) fn wait_gone(&mut self, selector: &str) {
        self.wait(selector, &format!("!document.querySelector({selector:?})?.checkVisibility()"));
    }

    pub(crate) fn click(&mut self, selector: &str) {
        self.wait(selector, &format!("document.querySelector({selector:?}).checkVisibility()"));
        self.js(&format!("document.querySelector({selector:?}).click()"));
    }

    /// Writes into a field, as somebody who types.
    pub(crate) fn write(&mut self, selector: &str, text: &str) {
        self.js(&format!(
            "(() => {{ const field = document.querySelector({selector:?}); field.focus(); field.select(); }})()"
        ));
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Chooses from a selection.
    pub(crate) fn choose(&mut self, selector: &str, value: &str) {
        let options =
            format!("[...document.querySelector({selector:?}).options].some((option) => option.value === {value:?})");
        self.wait(value, &options);
        self.js(&format!(
            "(() => {{ const field = document.querySelector({selector:?}); field.value = {value:?};
             field.dispatchEvent(new InputEvent('input', {{ bubbles: true }})); }})()"
        ));
    }

    /// Presses a key: `Tab`, `Enter`, `ArrowDown`, or a letter.
    pub(crate) fn key(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            letter => u32::from(letter.to_ascii_uppercase().as_bytes()[0]),
        };
        let text = match key {
            "Enter" => "\r",
            letter if letter.len() == 1 => letter,
            _ => "",
        };
        let down = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.call("Input.dispatchKeyEvent", down);
        self.call(
            "Input.dispatchKeyEvent",
            json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}),
        );
    }

    /// A window of this size, in light or dark.
    pub(crate) fn shape(&mut self, (width, height): (u32, u32), scheme: &str) {
        let is_phone = width < 500;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", scheme);
    }

    /// A picture of what is to be seen, in `target/screenshots`.
    pub(crate) fn screenshot(&mut self, name: &str) -> PathBuf {
        // What has changed is drawn in the next frame.
        self.js("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))");
        let answer = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.png"));
        fs::write(&file, BASE64_STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()).unwrap();
        file
    }

    /// Nothing went wrong in the page but what is expected, and nothing was asked of anybody else.
    pub(crate) fn assert_quiet(&mut self, base: &str, expected: &[&str]) {
        self.js("0");
        let noise: Vec<_> =
            self.noise.iter().filter(|noise| !expected.iter().any(|expected| noise.contains(expected))).collect();
        assert!(noise.is_empty(), "{noise:?}");
        let is_own = |url: &&String| url.starts_with(base) || url.starts_with("data:") || *url == "about:blank";
        let foreign: Vec<_> = self.requests.iter().filter(|url| !is_own(url)).collect();
        assert!(foreign.is_empty(), "{foreign:?}");
        assert!(self.requests.len() > 20, "{:?}", self.requests);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends its own helpers before it ends itself.
        let _ = self.socket.send(Message::text(json!({"id": 0, "method": "Browser.close"}).to_string()));
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until && matches!(self.process.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
