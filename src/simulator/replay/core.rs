//! What was played already, and what comes next.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, fmt::rfc2822};
use tokio::sync::Notify;

use super::{
    Played,
    link::Link,
    recording::{Answer, Library, Opened, Recording, Socket},
    rewrite::rewritten,
};
use crate::simulator::common::hub;

pub(super) type Hub = hub::Hub<Core>;

/// No answer is waited for longer than this: whoever asked has given up by then.
const LONGEST: Duration = Duration::from_secs(600);

pub(super) struct Core {
    recording: Recording,
    library: Library,
    /// Sockets that were not asked for yet, by their path.
    sockets: HashMap<String, VecDeque<usize>>,
    pub(super) links: HashMap<u64, Link>,
    next_link: u64,
    pub(super) speed: f64,
    pub(super) address: Option<SocketAddr>,
    /// When each call was answered last.
    answered: HashMap<usize, Instant>,
    /// When the socket that was opened last was opened in the recording.
    since: f64,
    played: Played,
}

/// What is to be answered, and after how long.
pub(super) struct Due {
    pub(super) after: Duration,
    /// `None`: the connection is lost.
    pub(super) answer: Option<Answer>,
}

/// What comes of asking for a socket.
pub(super) enum Asked {
    Opens(Duration, u64, Arc<Notify>),
    Refused(Due),
    /// None was recorded there, or all were played.
    Unknown,
}

impl Core {
    pub(super) fn new(recording: Recording, speed: f64) -> Self {
        let library = Library::of(&recording.calls);
        let mut sockets: HashMap<String, VecDeque<usize>> = HashMap::new();
        for (nth, socket) in recording.sockets.iter().enumerate() {
            sockets.entry(socket.path.clone()).or_default().push_back(nth);
        }
        Self {
            recording,
            library,
            sockets,
            links: HashMap::new(),
            next_link: 0,
            speed,
            address: None,
            answered: HashMap::new(),
            since: 0.0,
            played: Played::default(),
        }
    }

    pub(super) fn played(&self) -> Played {
        let waiting = self.sockets.values().flatten().map(|nth| frames(&self.recording.sockets[*nth]));
        let left = self.links.values().map(Link::left).chain(waiting).sum::<usize>();
        Played { left: left as u64, ..self.played }
    }

    /// Seconds of the recording as they pass here.
    pub(super) fn time(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64((seconds / self.speed).max(0.0)).unwrap_or(LONGEST).min(LONGEST * 100)
    }

    /// What a call is answered; `None` where nothing of the kind was recorded.
    pub(super) fn call(&mut self, method: &str, path: &str, query: &str) -> Option<Due> {
        self.played.calls += 1;
        let Some((nth, again)) = self.library.next(&self.recording.calls, (method, path, query), self.since) else {
            self.played.unknown += 1;
            return None;
        };
        let now = Instant::now();
        // What is answered once more is as old as it was then, and its date goes on.
        let age = if again { self.answered.get(&nth).map(|at| now - *at) } else { None };
        self.answered.entry(nth).or_insert(now);
        let call = &self.recording.calls[nth];
        let after = self.time(call.took).min(LONGEST);
        let answer = call.answer.clone().map(|answer| self.here(answer, age.unwrap_or_default()));
        Some(Due { after, answer })
    }

    /// The answer with this server's address for the recorded hosts.
    fn here(&self, mut answer: Answer, age: Duration) -> Answer {
        answer.body = self.rewritten(&answer.body);
        for (name, value) in &mut answer.headers {
            *value = String::from_utf8_lossy(&self.rewritten(value.as_bytes())).into_owned();
            if name == "date"
                && let Ok(date) = rfc2822::parse(value)
                && let Ok(later) = date.timestamp().checked_add(SignedDuration::try_from(age).unwrap_or_default())
                && let Ok(text) = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&later)
            {
                *value = text;
            }
        }
        answer
    }

    pub(super) fn rewritten(&self, text: &[u8]) -> Vec<u8> {
        self.address.map_or_else(|| text.to_vec(), |address| rewritten(text, &address.to_string()))
    }

    /// The next socket under this path.
    pub(super) fn socket(&mut self, path: &str) -> Asked {
        let Some(nth) = self.sockets.get_mut(path).and_then(VecDeque::pop_front) else {
            return Asked::Unknown;
        };
        let Socket { took, opened, .. } = self.recording.sockets[nth].clone();
        let after = self.time(took).min(LONGEST);
        match opened {
            Opened::Yes(script) => {
                self.played.sockets += 1;
                // The first one has missed nothing.
                if self.next_link > 0 {
                    self.since = self.since.max(script.at - took);
                }
                let (link, wake) = (self.next_link, Arc::new(Notify::new()));
                self.next_link += 1;
                self.links.insert(link, Link::new(script, Arc::clone(&wake)));
                Asked::Opens(after, link, wake)
            }
            Opened::Refused(answer) => Asked::Refused(Due { after, answer: Some(self.here(answer, Duration::ZERO)) }),
            Opened::Lost => Asked::Refused(Due { after, answer: None }),
        }
    }
}

pub(super) fn frames(socket: &Socket) -> usize {
    match &socket.opened {
        Opened::Yes(script) => script.frames.len(),
        Opened::Refused(_) | Opened::Lost => 0,
    }
}
