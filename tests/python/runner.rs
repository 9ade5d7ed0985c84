//! Runs a client that is written in Python, and reads the JSON lines that it prints.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::Value;

/// How long a line may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(10);

/// A running client. It ends with this.
pub(crate) struct Python {
    child: Child,
    input: ChildStdin,
    lines: Receiver<Value>,
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn interpreter() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python =
        std::env::var_os("WATCHPOST_TEST_PYTHON").map_or_else(|| root.join("target/venv/bin/python"), PathBuf::from);
    assert!(
        python.exists(),
        "there is no Python with the tests' packages at {}: run ./scripts/test, or tests/python/make_venv.sh, or set WATCHPOST_TEST_PYTHON",
        python.display()
    );
    python
}

impl Python {
    /// Starts a script of this folder with these arguments.
    pub(crate) fn run(script: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
        let mut child = Command::new(interpreter())
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (told, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("JSON lines");
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, input, lines }
    }

    /// Says a line to it.
    #[allow(dead_code, reason = "not every script listens")]
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("the client listens");
    }

    /// What it says next.
    pub(crate) fn line(&self) -> Value {
        self.lines.recv_timeout(DEADLINE).expect("the client says something")
    }
}
