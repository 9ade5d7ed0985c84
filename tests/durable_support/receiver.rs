//! A receiver of webhooks. It shares no code with the sink that it listens to.

use std::{
    collections::HashSet,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName};
use serde_json::{Value, value::RawValue};
use socket2::{Domain, Socket, Type};

use super::Line;

/// The key that requests must be signed with.
pub const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What is done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is acknowledged.
    Accept,
    /// It is acknowledged after a while.
    AcceptAfter(Duration),
    /// It is answered with this status and these header lines, each with its line end.
    Status(u16, String),
    /// The connection is closed without an answer.
    HangUp,
    /// Nothing is answered, however long the sender waits.
    Hang,
}

impl Reply {
    fn accepts(&self) -> bool {
        matches!(self, Self::Accept | Self::AcceptAfter(_) | Self::Status(200..=299, _))
    }
}

/// A request, and what was done with it.
#[derive(Debug, Clone)]
pub struct Post {
    pub at: Instant,
    /// The header `webhook-id`.
    pub id: String,
    pub content_type: String,
    pub lines: Vec<Line>,
    pub reply: Reply,
}

impl Post {
    /// The sender may take it as delivered.
    pub fn accepted(&self) -> bool {
        self.reply.accepts()
    }
}

/// Decides about a request: it, and the requests before it that held its first event.
type Rule = Box<dyn FnMut(&Post, usize) -> Reply + Send>;

struct State {
    posts: Vec<Post>,
    /// The different events of systems that were acknowledged.
    accepted: HashSet<String>,
    /// What was wrong with requests.
    wrong: Vec<String>,
    rule: Rule,
    streams: Vec<TcpStream>,
    /// A receiver that is down keeps its port so.
    reserved: Option<Socket>,
    generation: u64,
}

/// A running receiver. It ends with the test.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    /// Starts one that accepts everything.
    pub fn start() -> Self {
        Self::ruled(|_, _| Reply::Accept)
    }

    /// Starts one with a rule.
    pub fn ruled(rule: impl FnMut(&Post, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            posts: Vec::new(),
            accepted: HashSet::new(),
            wrong: Vec::new(),
            rule: Box::new(rule),
            streams: Vec::new(),
            reserved: None,
            generation: 0,
        };
        let receiver = Self { address, state: Arc::new(Mutex::new(state)) };
        receiver.serve(listener, 0);
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// From now on this decides.
    pub fn rule(&self, rule: impl FnMut(&Post, usize) -> Reply + Send + 'static) {
        self.lock().rule = Box::new(rule);
    }

    /// Everything that came. Fails the test if any of it was not signed, or no event.
    #[track_caller]
    pub fn posts(&self) -> Vec<Post> {
        let state = self.lock();
        assert!(state.wrong.is_empty(), "{:#?}", state.wrong);
        state.posts.clone()
    }

    /// The events of requests that were acknowledged, in the order of arrival.
    pub fn accepted(&self) -> Vec<Line> {
        self.posts().into_iter().filter(Post::accepted).flat_map(|post| post.lines).collect()
    }

    /// How many different events of systems were acknowledged.
    pub fn distinct(&self) -> usize {
        self.lock().accepted.len()
    }

    /// Whether all of these events of systems were acknowledged.
    pub fn has(&self, ids: &[String]) -> bool {
        let state = self.lock();
        ids.iter().all(|id| state.accepted.contains(id))
    }

    /// The number of requests so far.
    pub fn count(&self) -> usize {
        self.lock().posts.len()
    }

    /// Goes down: connections are closed and refused.
    pub fn go_down(&self) {
        let mut state = self.lock();
        state.generation += 1;
        for stream in state.streams.drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // Wakes the thread that accepts, which then ends and gives the port free.
        let _ = TcpStream::connect(self.address);
        super::eventually("the port is closed", || {
            let Ok(socket) = reserve(self.address) else { return false };
            self.lock().reserved = Some(socket);
            true
        });
    }

    /// Is there again, at the same address.
    pub fn come_back(&self) {
        let mut state = self.lock();
        let socket = state.reserved.take().expect("it is down");
        socket.listen(128).unwrap();
        let generation = state.generation;
        drop(state);
        self.serve(socket.into(), generation);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, listener: TcpListener, generation: u64) {
        let receiver = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut state = receiver.lock();
                if state.generation != generation {
                    return;
                }
                state.streams.extend(stream.try_clone());
                drop(state);
                let receiver = receiver.clone();
                thread::spawn(move || receiver.converse(stream));
            }
        });
    }

    /// Answers requests of one connection until it ends.
    fn converse(&self, stream: TcpStream) {
        // An answer is one small packet.
        let _ = stream.set_nodelay(true);
        let Ok(writer) = stream.try_clone() else { return };
        let mut reader = BufReader::new(stream);
        while let Ok(Some((headers, body))) = read_request(&mut reader) {
            let reply = self.note(&headers, &body);
            if !answer(&writer, &reply) {
                break;
            }
        }
        let _ = writer.shutdown(Shutdown::Both);
    }

    fn note(&self, headers: &HeaderMap, body: &[u8]) -> Reply {
        let read = signed(headers, body).and_then(|()| lines(headers, body));
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let mut state = self.lock();
        match read {
            Ok(lines) => {
                let (id, content_type) = (text("webhook-id"), text("content-type"));
                let mut post = Post { at: Instant::now(), id, content_type, lines, reply: Reply::Hang };
                let first = post.lines.first().map(|line| line.id.clone());
                let holds = |before: &&Post| before.lines.iter().any(|line| Some(&line.id) == first.as_ref());
                // Repeats are near: to look through everything would take longer with each request.
                let before = state.posts.iter().rev().take(2_000).filter(holds).count();
                post.reply = (state.rule)(&post, before);
                let reply = post.reply.clone();
                if reply.accepts() {
                    let vendors = post.lines.iter().filter(|line| line.is_vendors());
                    state.accepted.extend(vendors.map(|line| line.id.clone()));
                }
                state.posts.push(post);
                reply
            }
            Err(wrong) => {
                state.wrong.push(wrong);
                Reply::Status(500, String::new())
            }
        }
    }
}

/// A socket that has the address and does not listen: whoever connects is refused.
fn reserve(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn read_request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(HeaderMap, Vec<u8>)>> {
    let mut headers = HeaderMap::new();
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.starts_with("POST /events HTTP/1.1") {
        return Ok(None);
    }
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let length = headers.get("content-length").and_then(|length| length.to_str().ok()).map(str::parse::<usize>);
    let mut body = vec![0; length.unwrap_or(Ok(0)).unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Some((headers, body)))
}

/// Whether the connection goes on.
fn answer(mut stream: &TcpStream, reply: &Reply) -> bool {
    let (status, more) = match reply {
        Reply::HangUp => return false,
        Reply::Hang => {
            // Ends when the sender gives up.
            let _ = stream.read(&mut [0]);
            return false;
        }
        Reply::Accept => (200, ""),
        Reply::AcceptAfter(pause) => {
            thread::sleep(*pause);
            (200, "")
        }
        Reply::Status(status, more) => (*status, &**more),
    };
    let answer = format!("HTTP/1.1 {status} X\r\n{more}Content-Length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).is_ok()
}

fn signed(headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let receiver = standardwebhooks::Webhook::new(KEY).unwrap();
    receiver.verify(body, headers).map_err(|error| format!("{error}: {headers:?}"))
}

/// The events of a request in any of the three modes, as lines.
fn lines(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Line>, String> {
    let body = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match content_type.split(';').next() {
        Some("application/cloudevents+json") => Ok(vec![Line::read(body)?]),
        Some("application/cloudevents-batch+json") => {
            let events: Vec<&RawValue> = serde_json::from_str(body).map_err(|error| error.to_string())?;
            events.into_iter().map(|event| Line::read(event.get())).collect()
        }
        Some("application/json") => Ok(vec![Line::read(&from_headers(headers, body)?.to_string())?]),
        other => Err(format!("content-type is {other:?}")),
    }
}

/// Binary mode, put together again as the binding says.
fn from_headers(headers: &HeaderMap, body: &str) -> Result<Value, String> {
    let mut event = serde_json::Map::new();
    for (name, value) in headers {
        let name = match name.as_str() {
            "content-type" => "datacontenttype",
            name => match name.strip_prefix("ce-") {
                Some(name) => name,
                None => continue,
            },
        };
        let value = value.to_str().map_err(|error| error.to_string())?;
        let value = percent_encoding::percent_decode_str(value).decode_utf8().map_err(|error| error.to_string())?;
        event.insert(name.to_owned(), value.into_owned().into());
    }
    event.insert("data".to_owned(), serde_json::from_str(body).map_err(|error| error.to_string())?);
    Ok(event.into())
}
