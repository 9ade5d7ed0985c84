//! The kinds of sinks. A further one is one more `impl` of [`Kind`], and a line in `sinks`.

use std::{
    fs::File,
    io::{Read, Write},
    process::{ChildStdout, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::durable_support::{Line, MS, Place, Program, Receiver, Reply, Tail, Watchpost, limit, pace};

/// One sink of a kind, with whoever takes what it delivers.
pub trait Kind: Sized {
    /// Events that it delivers at a time at most; so many may come twice when the program is killed.
    const UNIT: usize;

    /// Makes ready to take what comes.
    fn start(place: &Place) -> Self;

    /// The sink's table in the configuration, with these lines added.
    fn config(&self, more: &str) -> String;

    /// Starts the program.
    fn run(&mut self, place: &Place) -> Program {
        place.run_limited(None)
    }

    /// What was delivered, in the order of arrival, over all starts of the program.
    fn received(&mut self) -> Vec<Line>;

    /// Takes nothing more, though the program may find that out late: what is on its way may still arrive.
    fn stop_taking(&mut self, program: &Program);

    /// Takes what comes again.
    fn take_again(&mut self, program: &Program);
}

/// Standard output, read from a pipe.
pub struct Stdout {
    stopped: Arc<AtomicBool>,
    /// What was read of each start.
    texts: Vec<Arc<Mutex<Vec<u8>>>>,
}

impl Kind for Stdout {
    const UNIT: usize = 1_024;

    fn start(_: &Place) -> Self {
        Self { stopped: Arc::default(), texts: Vec::new() }
    }

    fn config(&self, more: &str) -> String {
        format!("[[sink]]\nname = \"tested\"\nkind = \"stdout\"\n{more}\n")
    }

    fn run(&mut self, place: &Place) -> Program {
        let mut program = place.limited(None).stdout(Stdio::piped()).spawn().unwrap();
        let text = Arc::default();
        self.texts.push(Arc::clone(&text));
        let (pipe, stopped) = (program.stdout.take().unwrap(), Arc::clone(&self.stopped));
        thread::spawn(move || drain(pipe, &stopped, &text));
        Watchpost(program)
    }

    fn received(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        for text in &self.texts {
            let text = text.lock().unwrap_or_else(PoisonError::into_inner);
            // A kill may leave half a line at the end.
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let text = std::str::from_utf8(&text[..whole]).unwrap();
            lines.extend(text.lines().map(|line| Line::read(line).unwrap()));
        }
        lines
    }

    fn stop_taking(&mut self, _: &Program) {
        self.stopped.store(true, Ordering::Release);
    }

    fn take_again(&mut self, _: &Program) {
        self.stopped.store(false, Ordering::Release);
    }
}

/// Reads a pipe to its end, but for the times in which it is not to be read.
fn drain(mut pipe: ChildStdout, stopped: &AtomicBool, text: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 16 << 10];
    loop {
        if stopped.load(Ordering::Acquire) {
            pace(5 * MS);
            continue;
        }
        match pipe.read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(count) => text.lock().unwrap_or_else(PoisonError::into_inner).extend(&bytes[..count]),
        }
    }
}

/// A file. It is made so long that it alone meets the largest allowed size of files, which stands for its full disk.
pub struct Lines {
    tail: Tail,
    full: bool,
}

/// Of this most is a hole, which takes no room on the disk.
const LONG: u64 = 1 << 30;

impl Kind for Lines {
    const UNIT: usize = 1_024;

    fn start(place: &Place) -> Self {
        let path = place.path("tested.jsonl");
        let mut file = File::options().append(true).create(true).open(&path).unwrap();
        file.set_len(LONG - 1).unwrap();
        file.write_all(b"\n").unwrap();
        Self { tail: Tail::new(path, LONG), full: false }
    }

    fn config(&self, more: &str) -> String {
        Place::file_sink("tested", &format!("rotate_size = \"100GiB\"\n{more}"))
    }

    fn run(&mut self, place: &Place) -> Program {
        place.run_limited(self.full.then_some(LONG))
    }

    fn received(&mut self) -> Vec<Line> {
        self.tail.read().to_vec()
    }

    fn stop_taking(&mut self, program: &Program) {
        self.full = true;
        limit(program, Some(LONG));
    }

    fn take_again(&mut self, program: &Program) {
        self.full = false;
        limit(program, None);
    }
}

/// A webhook in one of its modes.
pub struct Hook<M> {
    receiver: Receiver,
    mode: std::marker::PhantomData<M>,
}

/// A mode of webhooks.
pub trait Mode {
    const UNIT: usize;
    const LINES: &str;
}

pub struct Structured;
pub struct Binary;
pub struct Batch;

impl Mode for Structured {
    const UNIT: usize = 1;
    const LINES: &str = "";
}

impl Mode for Binary {
    const UNIT: usize = 1;
    const LINES: &str = "mode = \"binary\"";
}

impl Mode for Batch {
    const UNIT: usize = 10;
    const LINES: &str = "mode = \"batch\"\nbatch = 10";
}

impl<M: Mode> Kind for Hook<M> {
    const UNIT: usize = M::UNIT;

    fn start(_: &Place) -> Self {
        Self { receiver: Receiver::start(), mode: std::marker::PhantomData }
    }

    fn config(&self, more: &str) -> String {
        Place::webhook_sink("tested", &self.receiver, &format!("{}\n{more}", M::LINES))
    }

    fn received(&mut self) -> Vec<Line> {
        self.receiver.accepted()
    }

    fn stop_taking(&mut self, _: &Program) {
        self.receiver.rule(|_, _| Reply::Status(503, String::new()));
    }

    fn take_again(&mut self, _: &Program) {
        self.receiver.rule(|_, _| Reply::Accept);
    }
}
