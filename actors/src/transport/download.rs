//! Downloads: an answer whose body goes to a file, however large it is.
//!
//! Each has a connection of its own, and not one of `awc`'s, for `awc` takes a chunked body that ends too early for complete. [`Downloads::open`] makes
//! the call and answers with the head; the caller judges it, and [`Download::save`] writes the body into a [`Part`], which becomes the file when all of it is
//! there. Who wants it bit by bit asks for each [`chunk`](Download::chunk): a stream of events has no end.

mod part;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use actix_codec::Framed;
use actix_http::{
    ConnectionType, RequestHead, RequestHeadType, Uri,
    body::BodySize,
    error::ParseError,
    h1::{ClientCodec, ClientPayloadCodec, Message, MessageType},
    header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::{
    client::{self, CONNECT_TIMEOUT},
    error::{Fault, RestError},
    request::{Body, RestAnswer, RestCall},
    rest,
    tape::Tape,
};

pub use part::{FileError, Part};

/// What is read of an answer that is not wanted, in bytes, and for how long.
const BEGINNING: (usize, Duration) = (4 * 1024, Duration::from_secs(1));

/// What bounds a download.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest body, in bytes.
    pub max_bytes: u64,
    /// How long the server may be silent.
    pub idle: Duration,
    /// How long the body may take altogether.
    pub whole: Duration,
}

impl Default for Limits {
    /// 256 MiB, 30 s, 15 minutes.
    fn default() -> Self {
        Self { max_bytes: 256 << 20, idle: Duration::from_secs(30), whole: Duration::from_secs(15 * 60) }
    }
}

/// Why a body is not in its file.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// It did not come, or not all of it.
    #[error(transparent)]
    Call(#[from] RestError),
    /// It is larger than allowed. Nothing of it was kept.
    #[error("{at}: what is there is larger than the {limit} bytes allowed")]
    TooLarge {
        /// Method and address.
        at: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// It cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl DownloadError {
    /// Whether the same download may succeed later, with nobody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            Self::TooLarge { .. } | Self::File(_) => false,
        }
    }
}

/// Makes downloads. At home on any thread with a runtime.
#[derive(Debug, Clone)]
pub struct Downloads {
    tls: Arc<ClientConfig>,
    tape: Option<Arc<Tape>>,
}

/// What a connection is made of.
trait Stream: AsyncRead + AsyncWrite {}
impl<T: AsyncRead + AsyncWrite> Stream for T {}
type Socket = std::pin::Pin<Box<dyn Stream>>;

/// An answer whose body has not been read yet.
pub struct Download {
    at: String,
    answer: RestAnswer,
    body: Option<Framed<Socket, ClientPayloadCodec>>,
}

impl Downloads {
    /// Downloads with the TLS configuration of the process.
    #[must_use]
    pub fn new(tls: &Arc<ClientConfig>) -> Self {
        Self { tls: Arc::clone(tls), tape: None }
    }

    /// Tells a tape of each download, but not what came, if there is one.
    #[must_use]
    pub fn taped(self, tape: Option<Arc<Tape>>) -> Self {
        Self { tape, ..self }
    }

    /// Makes a call, one try, and answers when its head is there: within the call's time-out. It carries nothing, or JSON.
    ///
    /// # Errors
    /// [`RestError`] when no head came. Any status, a redirect too, is an answer.
    pub async fn open(&self, call: &RestCall) -> Result<Download, RestError> {
        let failed = |fault| RestError::Failed { at: call.shown(), fault };
        let taking = self.tape.as_ref().map(|tape| tape.call(call));
        let opened = timeout(call.timeout, self.exchange(call)).await;
        let opened = opened.unwrap_or(Err(Fault::Timeout(call.timeout))).map_err(failed);
        if let Some(taking) = taking {
            taking.downloads(opened.as_ref().map(|(answer, _)| answer));
        }
        let (answer, body) = opened?;
        Ok(Download { at: call.shown(), answer, body })
    }

    async fn exchange(
        &self,
        call: &RestCall,
    ) -> Result<(RestAnswer, Option<Framed<Socket, ClientPayloadCodec>>), Fault> {
        let body = match &call.body {
            Body::None => None,
            Body::Json(json) => Some(json.clone()),
            Body::Form(_) => {
                return Err(Fault::Unsendable("what is downloaded is not asked for with a form".to_owned()));
            }
        };
        let uri = client::address(&call.url, ["http", "https"])?;
        let head = request(call, uri)?;
        let mut framed = Framed::new(self.connect(&call.url).await?, ClientCodec::default());
        let size = body.as_ref().map_or(BodySize::None, |body| BodySize::Sized(body.len() as u64));
        let lost = |error: io::Error| Fault::from_io(&error, Fault::Lost);
        framed.send(Message::Item((RequestHeadType::Owned(head), size))).await.map_err(lost)?;
        if let Some(body) = body {
            framed.send(Message::Chunk(Some(body))).await.map_err(lost)?;
            framed.send(Message::Chunk(None)).await.map_err(lost)?;
        }
        let head = match framed.next().await {
            Some(Ok(head)) => head,
            Some(Err(ParseError::Io(error))) => return Err(Fault::from_io(&error, Fault::Lost)),
            Some(Err(error)) => return Err(Fault::Protocol(format!("its answer is not HTTP/1.1: {error}"))),
            None => return Err(Fault::Lost("the server hung up without an answer".to_owned())),
        };
        let answer = rest::head(head.status, &head.headers);
        let has_body = !matches!(framed.codec_ref().message_type(), MessageType::None);
        Ok((answer, has_body.then(|| framed.into_map_codec(ClientCodec::into_payload_codec))))
    }

    async fn connect(&self, url: &Url) -> Result<Socket, Fault> {
        let no_host = || Fault::Unsendable("the address has no host".to_owned());
        let port = url.port_or_known_default().ok_or_else(no_host)?;
        let (name, tcp) = match url.host().ok_or_else(no_host)? {
            Host::Domain(name) => {
                (ServerName::try_from(name.to_owned()), reach(TcpStream::connect((name, port))).await)
            }
            Host::Ipv4(ip) => (Ok(IpAddr::from(ip).into()), reach(TcpStream::connect((ip, port))).await),
            Host::Ipv6(ip) => (Ok(IpAddr::from(ip).into()), reach(TcpStream::connect((ip, port))).await),
        };
        let tcp = tcp?;
        if url.scheme() != "https" {
            return Ok(Box::pin(tcp));
        }
        let name = name.map_err(|error| Fault::Unsendable(format!("the address's host: {error}")))?;
        Ok(Box::pin(reach(TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp)).await?))
    }
}

/// One step of connecting.
async fn reach<T>(step: impl Future<Output = io::Result<T>>) -> Result<T, Fault> {
    match timeout(CONNECT_TIMEOUT, step).await {
        Ok(outcome) => outcome.map_err(|error| Fault::from_io(&error, Fault::Connect)),
        Err(_) => Err(Fault::Connect(format!("no connection within {CONNECT_TIMEOUT:?}"))),
    }
}

fn request(call: &RestCall, uri: Uri) -> Result<RequestHead, Fault> {
    let host = call.url.host_str().unwrap_or_default();
    let host = call.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let host =
        HeaderValue::from_str(&host).map_err(|error| Fault::Unsendable(format!("the address's host: {error}")))?;
    let mut head = RequestHead::default();
    head.uri = uri;
    head.method = rest::method(call.method);
    if matches!(call.body, Body::Json(_)) {
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    head.set_connection_type(ConnectionType::Close);
    head.headers.insert(HOST, host);
    head.headers.insert(USER_AGENT, HeaderValue::from_static(client::OUR_NAME));
    for (name, value) in client::headers(&call.headers)? {
        head.headers.insert(name, value);
    }
    Ok(head)
}

impl Download {
    /// Status and headers, without a body.
    #[must_use]
    pub fn head(&self) -> &RestAnswer {
        &self.answer
    }

    /// The answer with the beginning of its body, 4 KiB at most: for one that is not what was wanted, and may say why.
    pub async fn into_answer(self) -> RestAnswer {
        let Self { mut answer, body, .. } = self;
        let Some(mut chunks) = body else { return answer };
        let (most, time) = BEGINNING;
        let mut body = BytesMut::new();
        let read = async {
            while body.len() < most
                && let Some(Ok(Some(chunk))) = chunks.next().await
            {
                body.extend_from_slice(&chunk);
            }
        };
        // What has come until then is all that is wanted.
        let _ = timeout(time, read).await;
        body.truncate(most);
        answer.body = body.freeze();
        answer
    }

    /// The next bytes of the body, as they come; `None` at its end. The server may be silent for as long as `idle`.
    ///
    /// # Errors
    /// [`RestError`] where it breaks off, or is silent for longer; nothing comes after that.
    pub async fn chunk(&mut self, idle: Duration) -> Result<Option<Bytes>, RestError> {
        let Some(body) = &mut self.body else { return Ok(None) };
        let fault = match timeout(idle, body.next()).await {
            Ok(Some(Ok(Some(chunk)))) => return Ok(Some(chunk)),
            Ok(Some(Ok(None))) => {
                self.body = None;
                return Ok(None);
            }
            Ok(Some(Err(error))) => client::body_fault(error),
            Ok(None) => Fault::Lost("the answer was cut off".to_owned()),
            Err(_) => Fault::Lost(format!("nothing came for {idle:?}")),
        };
        self.body = None;
        Err(RestError::Failed { at: self.at.clone(), fault })
    }

    /// Writes the body to `part`, which is empty or gets emptied, and answers how many bytes that were. `progress` is told how many there are, and
    /// how many there will be if the server says so.
    ///
    /// # Errors
    /// [`DownloadError`]; `part` holds something then, and may be used for another try.
    pub async fn save(
        self,
        part: &mut Part,
        limits: &Limits,
        progress: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<u64, DownloadError> {
        let Self { at, answer, body } = self;
        let failed = |fault| DownloadError::from(RestError::Failed { at: at.clone(), fault });
        let too_large = || DownloadError::TooLarge { at: at.clone(), limit: limits.max_bytes };
        if let Some(encoding) = answer.header("content-encoding").filter(|word| !word.eq_ignore_ascii_case("identity"))
        {
            return Err(failed(Fault::Protocol(format!(
                "its answer is encoded ({encoding:?}), which was not asked for"
            ))));
        }
        let total: Option<u64> = answer.header("content-length").and_then(|text| text.trim().parse().ok());
        if total.is_some_and(|total| total > limits.max_bytes) {
            return Err(too_large());
        }
        let chunked = answer.header("transfer-encoding").is_some();
        if total.is_none() && !chunked && answer.status != 204 {
            // Whether all of it has come could not be told.
            return Err(failed(Fault::Protocol("its answer has neither a length nor chunks".to_owned())));
        }
        part.empty().await?;
        progress(0, total);
        let Some(mut chunks) = body else { return Ok(0) };
        let until = Instant::now() + limits.whole;
        let mut size = 0;
        loop {
            let idle = Instant::now() + limits.idle;
            let chunk = timeout_at(idle.min(until), chunks.next()).await;
            let chunk: Bytes = match chunk {
                Ok(Some(Ok(Some(chunk)))) => chunk,
                Ok(Some(Ok(None))) => return Ok(size),
                Ok(Some(Err(error))) => return Err(failed(client::body_fault(error))),
                Ok(None) => {
                    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
                    return Err(failed(Fault::Lost(format!("the answer was cut off after {size}{of} bytes"))));
                }
                Err(_) if idle < until => {
                    return Err(failed(Fault::Lost(format!("nothing came for {:?}", limits.idle))));
                }
                Err(_) => return Err(failed(Fault::Timeout(limits.whole))),
            };
            size += chunk.len() as u64;
            if size > limits.max_bytes {
                return Err(too_large());
            }
            part.write(&chunk).await?;
            progress(size, total);
        }
    }
}
