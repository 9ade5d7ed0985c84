//! Those who listen to what the program delivers, over its ends and those of brokers.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::Child,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    durable_support::{Line, MS, pace},
    mosquitto::Mosquitto,
};

type Lines = Arc<Mutex<Vec<Line>>>;

/// Somebody who listens until this is dropped.
pub(crate) struct Reader {
    lines: Lines,
    /// What came that is no event of a connection.
    odd: Arc<Mutex<Vec<String>>>,
    /// A stream begins behind this sequence.
    begin: Arc<Mutex<Option<u64>>>,
    client: Arc<Mutex<Option<Child>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    fn start(listen: impl FnOnce(&Self) + Send + 'static) -> Self {
        let mut reader = Self::idle();
        let other = Self {
            lines: Arc::clone(&reader.lines),
            odd: Arc::clone(&reader.odd),
            begin: Arc::clone(&reader.begin),
            client: Arc::clone(&reader.client),
            stop: Arc::clone(&reader.stop),
            thread: None,
        };
        reader.thread = Some(thread::spawn(move || listen(&other)));
        reader
    }

    fn idle() -> Self {
        Self {
            lines: Arc::default(),
            odd: Arc::default(),
            begin: Arc::default(),
            client: Arc::default(),
            stop: Arc::default(),
            thread: None,
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Acquire)
    }

    fn take(&self, text: &str) {
        match Line::read(text) {
            Ok(line) => lock(&self.lines).push(line),
            Err(error) => lock(&self.odd).push(error),
        }
    }

    /// Everything that came, in order.
    pub(crate) fn lines(&self) -> Vec<Line> {
        lock(&self.lines).clone()
    }

    pub(crate) fn odd(&self) -> Vec<String> {
        lock(&self.odd).clone()
    }

    /// Behind which sequence a stream began; `None` while it never has.
    pub(crate) fn begin(&self) -> Option<u64> {
        *lock(&self.begin)
    }

    /// Reads the API's stream of events, and goes on behind the last one after each end.
    pub(crate) fn of_stream(port: u16) -> Self {
        Self::start(move |reader| {
            let mut last = None;
            while reader.goes_on() {
                if reader.read_stream(port, &mut last).is_err() {
                    pace(20 * MS);
                }
            }
        })
    }

    fn read_stream(&self, port: u16, last: &mut Option<u64>) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        // A heartbeat comes every 15 s.
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let resume = last.map(|id| format!("last-event-id: {id:020}\r\n")).unwrap_or_default();
        stream
            .write_all(format!("GET /api/v1/events/stream HTTP/1.1\r\nhost: localhost\r\n{resume}\r\n").as_bytes())?;
        let mut lines = BufReader::new(stream);
        let (mut id, mut data) = (None, None);
        while self.goes_on() {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 || !line.ends_with('\n') {
                return Ok(());
            }
            match line.trim_end().split_once(": ") {
                Some(("id", text)) => id = text.parse().ok(),
                Some(("data", text)) => data = Some(text.to_owned()),
                // The end of a frame: a half one was never there.
                _ if line == "\n" => {
                    if let Some(text) = data.take() {
                        self.take(&text);
                    }
                    if let Some(id) = id.take() {
                        lock(&self.begin).get_or_insert(id);
                        *last = Some(id);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Hears events of a broker that keeps for it what it misses.
    pub(crate) fn of_broker(port: u16) -> Self {
        Self::start(move |reader| {
            while reader.goes_on() {
                let mut client = Mosquitto::subscriber(port, "chaos", "watchpost/+/+/events/+").spawn().unwrap();
                let lines = BufReader::new(client.stdout.take().unwrap()).lines();
                *lock(&reader.client) = Some(client);
                for line in lines.map_while(Result::ok) {
                    let byte = |at: usize| u8::from_str_radix(line.get(at..at + 2).unwrap_or("00"), 16).unwrap_or(0);
                    let bytes: Vec<u8> = (0..line.len()).step_by(2).map(byte).collect();
                    reader.take(&String::from_utf8_lossy(&bytes));
                }
                if let Some(mut client) = lock(&reader.client).take() {
                    let _ = client.kill();
                    let _ = client.wait();
                }
                pace(50 * MS);
            }
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // The one of the thread has none, and ends nobody.
        if self.thread.take().is_some() {
            self.stop.store(true, Ordering::Release);
            if let Some(client) = lock(&self.client).as_mut() {
                let _ = client.kill();
            }
        }
    }
}
