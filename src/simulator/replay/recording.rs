//! What a recording holds.

use std::collections::HashMap;

use super::query::{self, Asked};

/// What was recorded of one connection.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The vendor's name.
    pub vendor: String,
    /// When it began, as the file says it.
    pub recorded: String,
    /// By which program.
    pub by: String,
    /// How long it is, in seconds.
    pub length: f64,
    /// The last line is not whole: whoever recorded it was killed, or the disk was full.
    pub cut: bool,
    pub(super) calls: Vec<Call>,
    pub(super) sockets: Vec<Socket>,
}

/// A call, and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    /// When its outcome was known, in seconds since the beginning.
    pub(super) at: f64,
    /// In seconds.
    pub(super) took: f64,
    /// `None` where there was none.
    pub(super) answer: Option<Answer>,
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// A socket that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    pub(super) path: String,
    pub(super) took: f64,
    pub(super) opened: Opened,
}

#[derive(Debug, Clone)]
pub(super) enum Opened {
    /// It has opened.
    Yes(Script),
    /// It was refused.
    Refused(Answer),
    /// There was no answer.
    Lost,
}

/// What the server said on a socket, and how it ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// When it opened, in seconds since the beginning.
    pub(super) at: f64,
    pub(super) frames: Vec<Frame>,
    pub(super) end: Option<End>,
    /// How many messages the client had sent.
    pub(super) heard: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// How long after the opening, in seconds.
    pub(super) after: f64,
    /// So many messages had the client sent by then.
    pub(super) heard: usize,
    pub(super) said: Said,
}

#[derive(Debug, Clone)]
pub(super) enum Said {
    Text(String),
    Binary(Vec<u8>),
}

/// How the server ended it, or the network.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) after: f64,
    pub(super) heard: usize,
    /// The code of its close; none where it was lost.
    pub(super) code: Option<u16>,
}

/// The calls of a recording by what they ask for, and which of each were answered already.
#[derive(Debug, Default)]
pub(super) struct Library {
    ways: [HashMap<Asked, Vec<usize>>; 3],
    next: [HashMap<Asked, usize>; 3],
    used: Vec<bool>,
}

impl Library {
    pub(super) fn of(calls: &[Call]) -> Self {
        let mut library = Self { used: vec![false; calls.len()], ..Self::default() };
        for (nth, call) in calls.iter().enumerate() {
            for (way, asked) in library.ways.iter_mut().zip(query::ways(&call.method, &call.path, &call.query)) {
                way.entry(asked).or_default().push(nth);
            }
        }
        library
    }

    /// The call that is to be answered now: the next that asked for the same and was not answered yet, then for the same at other times, then at least under the
    /// same path; else the last one of these once more. Says whether it is that.
    ///
    /// What was answered before a moment `since` is skipped where there is something later: a socket has opened since then, and who asks now wants to know what it has missed.
    pub(super) fn next(&mut self, calls: &[Call], asked: (&str, &str, &str), since: f64) -> Option<(usize, bool)> {
        let (method, path, query) = asked;
        let ways = query::ways(method, path, query);
        let mut again = None;
        for ((way, next), asked) in self.ways.iter().zip(&mut self.next).zip(ways) {
            let Some(same) = way.get(&asked) else { continue };
            let at = next.entry(asked).or_default();
            let later = same.iter().any(|nth| calls[*nth].at >= since);
            while let Some(nth) = same.get(*at) {
                *at += 1;
                if later && calls[*nth].at < since {
                    continue;
                }
                if !std::mem::replace(&mut self.used[*nth], true) {
                    return Some((*nth, false));
                }
            }
            // What asks for exactly this would rather hear it again than what another has asked for.
            again = again.or(same.last().copied());
            if again.is_some() {
                break;
            }
        }
        again.map(|nth| (nth, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str, query: &str, at: f64) -> Call {
        let (method, path, query) = ("GET".to_owned(), path.to_owned(), query.to_owned());
        Call { method, path, query, headers: Vec::new(), at, took: 0.0, answer: None }
    }

    #[test]
    fn calls_are_answered_in_order_and_the_last_one_again_and_after_a_break_with_what_came_after_it() {
        let calls = [
            call("/list", "from=1781168283", 1.0),
            call("/list", "from=1781168284", 2.0),
            call("/list", "from=1781168284&page=2", 3.0),
            call("/list", "from=1781168285", 4.0),
            call("/other", "", 5.0),
        ];
        let mut library = Library::of(&calls);
        let mut next = |path: &str, query: &str, since: f64| library.next(&calls, ("GET", path, query), since);
        assert_eq!(next("/list", "from=1781168284", 0.0), Some((1, false)), "the very same");
        assert_eq!(next("/list", "from=1881168284", 0.0), Some((0, false)), "the same at another time");
        assert_eq!(next("/list", "from=1881168284&page=2", 3.5), Some((2, false)), "nothing later is there of these");
        assert_eq!(next("/list", "from=1881168284", 3.5), Some((3, false)));
        assert_eq!(next("/list", "from=1881168284", 0.0), Some((3, true)));
        assert_eq!(next("/other", "x=1", 0.0), Some((4, false)), "at least the path");
        assert_eq!(next("/unknown", "", 0.0), None);
        let mut library = Library::of(&calls);
        assert_eq!(
            library.next(&calls, ("GET", "/list", "from=1"), 3.5),
            Some((3, false)),
            "what was before the break is left out"
        );
    }
}
