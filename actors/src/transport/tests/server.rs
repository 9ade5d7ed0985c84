//! The servers, and the frames that they write. They share no code with what they test.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::ws::hash_key;
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use url::Url;

use super::super::{Budget, CloseReason, Incoming, TlsSettings, WebSocket, WebSocketClient, WebSocketRequest};

/// No test waits longer for anything.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Waits, but not for ever.
pub(super) async fn within<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future).await.expect("nothing happened in time")
}

pub(super) fn tls() -> Arc<ClientConfig> {
    TlsSettings { ca_file: None, insecure: true }.client_config().unwrap()
}

pub(super) fn ws_client() -> WebSocketClient {
    WebSocketClient::new(&tls(), Arc::new(Budget::default()), Arc::default())
}

/// A server that waits for its next connection.
pub(super) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(super) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(super) fn url(&self, scheme: &str, path: &str) -> Url {
        let address = self.listener.local_addr().unwrap();
        format!("{scheme}://{address}{path}").parse().unwrap()
    }

    pub(super) fn ws(&self) -> WebSocketRequest {
        WebSocketRequest::new(self.url("ws", "/events"))
    }

    pub(super) async fn accept(&self) -> Peer<TcpStream> {
        Peer { stream: within(self.listener.accept()).await.unwrap().0 }
    }
}

/// The server's end of one connection.
pub(super) struct Peer<S> {
    pub(super) stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Reads one request: its head, and its body as far as it has a `content-length`.
    pub(super) async fn request(&mut self) -> Option<(String, String)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let length = field(&head, "content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((head, String::from_utf8(body).unwrap()))
    }

    /// Writes, even if the client has gone.
    pub(super) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Accepts the upgrade, and writes `more` together with the answer.
    pub(super) async fn upgrade(&mut self, more: &[u8]) -> String {
        let (head, _) = within(self.request()).await.unwrap();
        let key = hash_key(field(&head, "sec-websocket-key").unwrap().as_bytes());
        let key = std::str::from_utf8(&key).unwrap();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n\r\n"
        );
        self.write([answer.as_bytes(), more].concat()).await;
        head
    }

    /// Reads one frame of the client and takes the mask off.
    pub(super) async fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await?;
        let second = self.stream.read_u8().await?;
        assert!(second & 0x80 != 0, "a client must mask");
        let length = match second & 0x7F {
            126 => u64::from(self.stream.read_u16().await?),
            127 => self.stream.read_u64().await?,
            short => u64::from(short),
        };
        let mut mask = [0; 4];
        self.stream.read_exact(&mut mask).await?;
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await?;
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[index % 4];
        }
        Ok((first, payload))
    }

    /// Reads until the client closes, and gives the close code.
    pub(super) async fn close_code(&mut self) -> u16 {
        loop {
            let (first, payload) = within(self.frame()).await.expect("a close frame");
            if first == CLOSE {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    })
}

pub(super) const TEXT: u8 = 0x81;
pub(super) const BINARY: u8 = 0x82;
pub(super) const TEXT_BEGINS: u8 = 0x01;
pub(super) const CONTINUES: u8 = 0x00;
pub(super) const ENDS: u8 = 0x80;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8A;

/// The header of a server's frame.
pub(super) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..=125 => head.push(length as u8),
        126..=0xFFFF => {
            head.push(126);
            head.extend((length as u16).to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend(length.to_be_bytes());
        }
    }
    head
}

/// A server's frame.
pub(super) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    [head(first, payload.len() as u64).as_slice(), payload].concat()
}

/// A WebSocket on a pipe instead of a network, and how many bytes it has read.
pub(super) fn pipe(
    size: usize,
    max_message: usize,
    budget: &Arc<Budget>,
) -> (WebSocket, Peer<DuplexStream>, Rc<Cell<usize>>) {
    let (ours, theirs) = duplex(size);
    let read = Rc::new(Cell::new(0));
    let counted = Counted { stream: ours, read: Rc::clone(&read) };
    (WebSocket::new(Box::new(counted), &[], max_message, Arc::clone(budget)), Peer { stream: theirs }, read)
}

struct Counted {
    stream: DuplexStream,
    read: Rc<Cell<usize>>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.read.set(self.read.get() + buffer.filled().len() - before);
        outcome
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What came, in words that compare.
pub(super) fn spelled(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Text(text) | Incoming::LargeText(text, _) => text.to_string(),
        Incoming::Binary(bytes) | Incoming::LargeBinary(bytes, _) => format!("{bytes:?}"),
        Incoming::Ping => "ping".to_owned(),
        Incoming::Pong(bytes) => format!("pong {}", String::from_utf8_lossy(bytes)),
    }
}

/// Reads until this many have come.
pub(super) async fn receive(socket: &mut WebSocket, count: usize) -> Vec<String> {
    let mut came = Vec::new();
    while came.len() < count {
        within(socket.wake(&mut came)).await.unwrap();
    }
    came.iter().map(spelled).collect()
}

/// Reads to the end: what came, and why it ended.
pub(super) async fn receive_all(socket: &mut WebSocket) -> (Vec<String>, CloseReason) {
    let mut came = Vec::new();
    loop {
        if let Err(reason) = within(socket.wake(&mut came)).await {
            return (came.iter().map(spelled).collect(), reason);
        }
    }
}
