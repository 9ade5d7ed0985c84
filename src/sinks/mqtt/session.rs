//! One session with a broker: the only place that knows which client library speaks to it.
//!
//! A session begins with a connection and ends with it. Nothing is queued across a break and nothing is sent again here: whatever was not
//! acknowledged then has failed, and whoever sent it decides what follows. The library is polled by a task of its own, which waits for nobody.
//!
//! MQTT 5, for what brokers answer there: why they refuse a login or a message, and how large a message they take.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rumqttc::{
    AsyncClient, Broker, ConnAck, ConnectReturnCode, ConnectionError, DisconnectReasonCode, Error as PacketError,
    Event, EventLoop, IncomingPacketSizeLimit, LastWill, MqttOptions, Packet, PubAckReason, PublishNotice,
    PublishNoticeError, PublishOptions, PublishResult, QoS, StateError, SubscribeFilter,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    net::TcpStream,
    sync::{Mutex, mpsc, watch},
    task::{JoinHandle, spawn_local, yield_now},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;
use watchpost_actors::{settings::Secret, transport::refused_identity};

/// The largest message that is taken from the broker: what others have put among the topics that are looked at. Larger ones it keeps.
const LARGEST_HEARD: u32 = 4 << 20;
/// What was heard and is not looked at yet, in bytes at most: it is looked at as fast as it comes, and what is beyond it is left out.
const MOST_HEARD: usize = 16 << 20;
/// Publishes that the library may have under way; the broker may want fewer.
const IN_FLIGHT: u16 = 512;
/// For how long a tidy end is waited for.
const LEAVING: Duration = Duration::from_secs(1);
/// How often others get their turn before it is told which message has ended a session.
const TURNS: usize = 8;
/// What a PUBLISH has beside topic and payload at most: header and length, length of the topic, packet id, no properties.
const OVERHEAD: usize = 1 + 4 + 2 + 2 + 1;
/// The longest topic, in bytes (MQTT 5, section 1.5.4).
const LONGEST_TOPIC: usize = u16::MAX as usize;
/// The largest message, in bytes, where a broker says nothing (MQTT 5, section 1.5.5).
const LARGEST: usize = 268_435_455;

/// How a session is begun.
pub(super) struct Settings {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) client_id: String,
    pub(super) login: Option<(String, Option<Secret>)>,
    /// What the broker says to everybody when we are gone without a word, retained.
    pub(super) will: Option<(String, &'static str)>,
    pub(super) keep_alive: Duration,
    pub(super) timeout: Duration,
    /// Of these topics, what the broker has retained is heard, and what others put there later.
    pub(super) filters: Vec<String>,
}

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConnectError {
    /// The broker does not want us as we are: a person must mend something.
    #[error("{0}")]
    Refused(String),
    /// It cannot be reached, or not now.
    #[error("{0}")]
    Unreachable(String),
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PublishError {
    /// The session is over.
    #[error("{0}")]
    Over(String),
    /// The broker cannot take it now.
    #[error("{0}")]
    Busy(String),
    /// We may not publish to this topic.
    #[error("{0}")]
    NotAllowed(String),
    /// This message is never taken.
    #[error("{0}")]
    Refused(String),
}

/// What the broker has retained; nothing of what was removed.
pub(super) struct Heard {
    pub(super) topic: String,
    pub(super) body: Bytes,
}

impl Heard {
    fn size(&self) -> usize {
        self.topic.len() + self.body.len()
    }
}

/// How a session has ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) why: String,
    /// The broker does not want us as we are: to come again at once would help nobody.
    pub(super) is_refusal: bool,
    /// What that says of the messages that were not answered.
    blame: Blame,
}

/// Whether a session has ended because of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    Nothing,
    /// Of the one that the broker was to answer next: it is never taken.
    Oldest,
    /// Of one of them, and it is not known which, nor why.
    Unclear,
}

/// A session that has begun. Dropped, it is broken off without a word.
pub(super) struct Session {
    client: AsyncClient,
    timeout: Duration,
    largest: Option<usize>,
    can_retain: bool,
    flight: Rc<Flight>,
    heard: Mutex<mpsc::UnboundedReceiver<Heard>>,
    /// How much of that waits, in bytes.
    unread: Rc<Cell<usize>>,
    polling: JoinHandle<()>,
}

/// What is under way, and how it has ended.
struct Flight {
    next: Cell<u64>,
    /// By number, in the order in which they were sent; the broker answers in that order.
    waiting: RefCell<VecDeque<u64>>,
    /// When the broker has last acknowledged the message that it was to acknowledge next. What it says of those behind one that it has passed
    /// over brings that one no nearer.
    progress: Cell<Instant>,
    ended: watch::Sender<Option<End>>,
    /// The message is found for which the session has ended.
    is_blamed: Cell<bool>,
}

/// A message on its way.
pub(super) struct Ticket {
    notice: PublishNotice,
    waiting: Waiting,
    timeout: Duration,
    sent: Instant,
}

/// A message among those that are under way.
struct Waiting {
    number: u64,
    flight: Rc<Flight>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.flight.waiting.borrow_mut().retain(|waiting| *waiting != self.number);
    }
}

impl Session {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        let client = AsyncClient::builder(options(settings)).unbounded().try_build();
        let (client, mut events) = client.map_err(|error| ConnectError::Refused(error.to_string()))?;
        let unreachable = || ConnectError::Unreachable(format!("no answer within {:?}", settings.timeout));
        let admitted = timeout(settings.timeout, admitted(&mut events)).await.map_err(|_| unreachable())??;
        let limits = admitted.properties.as_ref();
        // What waits in it is counted in bytes.
        let (say, heard) = mpsc::unbounded_channel();
        let unread = Rc::new(Cell::new(0));
        let flight = Rc::new(Flight {
            next: Cell::new(1),
            waiting: RefCell::default(),
            progress: Cell::new(Instant::now()),
            ended: watch::channel(None).0,
            is_blamed: Cell::new(false),
        });
        if !settings.filters.is_empty() {
            // What we put there ourselves need not come back. But a will may come late that an older session with our client_id has left.
            let will = settings.will.as_ref().map(|(topic, _)| topic);
            let filters = settings.filters.iter().map(|filter| SubscribeFilter {
                nolocal: will != Some(filter),
                // What others retain is told from what they only say.
                preserve_retain: true,
                ..SubscribeFilter::new(filter, QoS::AtMostOnce)
            });
            // A broker that does not allow it says so in its answer, and then nothing is heard.
            let _ = client.try_subscribe_many(filters);
        }
        Ok(Self {
            client,
            timeout: settings.timeout,
            largest: limits.and_then(|limits| limits.max_packet_size).and_then(|size| size.try_into().ok()),
            can_retain: limits.and_then(|limits| limits.retain_available) != Some(0),
            polling: spawn_local(poll(events, Rc::clone(&flight), say, Rc::clone(&unread))),
            flight,
            unread,
            heard: Mutex::new(heard),
        })
    }

    /// Sends a message, at least once (QoS 1). Messages are sent in the order of the calls.
    ///
    /// # Errors
    /// [`PublishError`] where it is not even sent.
    pub(super) fn publish(&self, topic: &str, body: Bytes, retain: bool) -> Result<Ticket, PublishError> {
        if topic.len() > LONGEST_TOPIC {
            let why =
                format!("its topic would have {} bytes, and MQTT has topics of {LONGEST_TOPIC} at most", topic.len());
            return Err(PublishError::Refused(why));
        }
        let (size, largest) = (OVERHEAD + topic.len() + body.len(), self.largest.unwrap_or(LARGEST));
        if size > largest {
            let why = format!("it would have {size} bytes, and the broker takes messages of {largest} at most");
            return Err(PublishError::Refused(why));
        }
        if retain && !self.can_retain {
            return Err(PublishError::Refused("the broker keeps no retained messages".to_owned()));
        }
        let options = PublishOptions::at_least_once().retain(retain);
        let notice = self.client.try_publish_tracked(topic, body, options).map_err(|error| match self.end() {
            Some(end) => PublishError::Over(end.why),
            None => PublishError::Over(error.to_string()),
        })?;
        let number = self.flight.next.replace(self.flight.next.get() + 1);
        self.flight.waiting.borrow_mut().push_back(number);
        let waiting = Waiting { number, flight: Rc::clone(&self.flight) };
        Ok(Ticket { notice, waiting, timeout: self.timeout, sent: Instant::now() })
    }

    /// Waits for the next message that the broker has retained, since before or from somebody else since; for ever when there is none.
    pub(super) async fn heard(&self) -> Heard {
        match self.heard.lock().await.recv().await {
            Some(heard) => {
                self.unread.set(self.unread.get().saturating_sub(heard.size()));
                heard
            }
            None => std::future::pending().await,
        }
    }

    /// How it has ended, if it has.
    pub(super) fn end(&self) -> Option<End> {
        self.flight.ended.borrow().clone()
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> End {
        let mut ended = self.flight.ended.subscribe();
        match ended.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(end)) => end.clone(),
            _ => End::lost("the connection has ended"),
        }
    }

    /// Ends it with a word: the broker does not publish the will.
    pub(super) async fn leave(&self) {
        if self.client.try_disconnect().is_ok() {
            // A broker that does not close the line makes no difference.
            let _ = timeout(LEAVING, self.ended()).await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

impl Ticket {
    /// Waits until the broker has taken the message.
    ///
    /// # Errors
    /// [`PublishError`] when it has not, or has not answered to this or any sent before it for as long as it may.
    pub(super) async fn acknowledged(self) -> Result<(), PublishError> {
        let Self { notice, waiting, timeout, sent } = self;
        let flight = &waiting.flight;
        let mut answer = std::pin::pin!(notice.wait_async());
        let answer = loop {
            let until = flight.progress.get().max(sent) + timeout;
            match timeout_at(until, &mut answer).await {
                Ok(answer) => break answer,
                Err(_) if flight.progress.get().max(sent) + timeout > until => {}
                Err(_) => {
                    let why = format!("no acknowledgement within {timeout:?}");
                    flight.end(End::lost(&why));
                    return Err(PublishError::Over(why));
                }
            }
        };
        let is_next = flight.waiting.borrow().front() == Some(&waiting.number);
        if is_next && let Ok(PublishResult::Qos1(_)) = answer {
            flight.progress.set(Instant::now());
        }
        match judged(answer) {
            Ok(judged) => judged,
            Err(error) => Err(waiting.not_answered(&error).await),
        }
    }
}

impl Waiting {
    /// Why there was no answer.
    async fn not_answered(&self, error: &PublishNoticeError) -> PublishError {
        let Self { number, flight } = self;
        let Some(end) = flight.ended.borrow().clone() else { return PublishError::Over(error.to_string()) };
        if end.blame == Blame::Unclear {
            return PublishError::Busy(end.why);
        }
        if end.blame == Blame::Oldest {
            // Those that were answered before the end, and are not waited for any more once they know it, get their turn.
            for _ in 0..TURNS {
                yield_now().await;
            }
            if flight.waiting.borrow().front() == Some(number) && !flight.is_blamed.replace(true) {
                return PublishError::Refused(end.why);
            }
        }
        PublishError::Over(end.why)
    }
}

impl Flight {
    /// The session has ended; the first reason counts.
    fn end(&self, end: End) {
        self.ended.send_if_modified(|ended| {
            let is_first = ended.is_none();
            ended.get_or_insert(end);
            is_first
        });
    }
}

impl End {
    fn lost(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_refusal: false, blame: Blame::Nothing }
    }
}

/// What the broker has said of a message; an error if nothing.
fn judged(answer: Result<PublishResult, PublishNoticeError>) -> Result<Result<(), PublishError>, PublishNoticeError> {
    let reason = match answer {
        Ok(PublishResult::Qos1(ack)) => ack.reason,
        Ok(_) => PubAckReason::Success,
        Err(PublishNoticeError::V5PubAck(reason)) => reason,
        Err(PublishNoticeError::RetainNotSupported) => {
            return Ok(Err(PublishError::Refused("the broker keeps no retained messages".to_owned())));
        }
        Err(error) => return Err(error),
    };
    Ok(match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Ok(()),
        PubAckReason::NotAuthorized => Err(PublishError::NotAllowed("the broker does not allow it".to_owned())),
        PubAckReason::TopicNameInvalid => Err(PublishError::Refused("the broker does not want its topic".to_owned())),
        PubAckReason::PayloadFormatInvalid => {
            Err(PublishError::Refused("the broker does not want its payload".to_owned()))
        }
        PubAckReason::QuotaExceeded => Err(PublishError::Busy("the broker is full (quota exceeded)".to_owned())),
        PubAckReason::UnspecifiedError
        | PubAckReason::ImplementationSpecificError
        | PubAckReason::PacketIdentifierInUse => {
            Err(PublishError::Busy(format!("the broker did not take it ({reason:?})")))
        }
    })
}

fn options(settings: &Settings) -> MqttOptions {
    let Settings { host, port, tls, client_id, login, will, keep_alive, timeout, .. } = settings;
    let mut options = MqttOptions::new(client_id.clone(), Broker::tcp(host.clone(), *port));
    options.set_keep_alive(keep_alive.as_secs().try_into().unwrap_or(u16::MAX)).set_connect_timeout(*timeout);
    options.set_clean_start(true).set_outgoing_inflight_upper_limit(IN_FLIGHT);
    options.set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(LARGEST_HEARD));
    match login {
        Some((name, Some(password))) => drop(options.set_credentials(name.clone(), password.expose().to_owned())),
        Some((name, None)) => drop(options.set_username(name.clone())),
        None => {}
    }
    if let Some((topic, body)) = will {
        options.set_last_will(LastWill::new(topic.clone(), *body, QoS::AtLeastOnce, true, None));
    }
    let (host, port, tls) = (host.clone(), *port, tls.clone());
    // The library's own would take the addresses of IPv6 for names, and trust other authorities than the rest of the program.
    options.set_socket_connector(move |_, _| dial(host.clone(), port, tls.clone()));
    options
}

/// A line to the broker, encrypted or not.
trait Line: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Sync + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Sync + Unpin> Line for T {}

async fn dial(host: String, port: u16, tls: Option<Arc<ClientConfig>>) -> io::Result<Box<dyn Line>> {
    let plain = TcpStream::connect((host.as_str(), port)).await?;
    plain.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Box::new(plain)) };
    let name = ServerName::try_from(host).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    Ok(Box::new(TlsConnector::from(tls).connect(name, plain).await?))
}

/// Waits for the broker's word on our login.
async fn admitted(events: &mut EventLoop) -> Result<ConnAck, ConnectError> {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(admitted))) => return Ok(admitted),
            Ok(_) => {}
            Err(error) => return Err(unadmitted(error)),
        }
    }
}

fn unadmitted(error: ConnectionError) -> ConnectError {
    use ConnectError::{Refused, Unreachable};
    let code = match error {
        ConnectionError::ConnectionRefused(code)
        | ConnectionError::MqttState(StateError::ConnFail { reason: code }) => code,
        ConnectionError::Io(error)
        | ConnectionError::MqttState(StateError::Io(error) | StateError::Deserialization(PacketError::Io(error))) => {
            return match refused_identity(&error) {
                Some(why) => Refused(format!("{why}: mend `tls.client_cert` and `tls.client_key`")),
                None => Unreachable(error.to_string()),
            };
        }
        ConnectionError::Timeout(_) => return Unreachable("no answer in time".to_owned()),
        ConnectionError::MqttState(StateError::Deserialization(error)) => {
            return Refused(format!("its answer is not MQTT 5, which is wanted here ({error})"));
        }
        error => return Unreachable(error.to_string()),
    };
    match code {
        ConnectReturnCode::BadUserNamePassword => Refused("it refuses username or password".to_owned()),
        ConnectReturnCode::NotAuthorized => {
            Refused("it does not admit us (not authorized): are username and password right?".to_owned())
        }
        ConnectReturnCode::Banned => Refused("it has banned us".to_owned()),
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => {
            Refused("it does not take the client_id".to_owned())
        }
        ConnectReturnCode::RefusedProtocolVersion | ConnectReturnCode::UnsupportedProtocolVersion => {
            Refused("it does not speak MQTT 5, which is wanted here".to_owned())
        }
        ConnectReturnCode::RetainNotSupported | ConnectReturnCode::QoSNotSupported => {
            Refused(format!("it cannot do what is wanted here ({code:?}): retained messages, and QoS 1"))
        }
        ConnectReturnCode::ServiceUnavailable
        | ConnectReturnCode::ServerUnavailable
        | ConnectReturnCode::ServerBusy
        | ConnectReturnCode::QuotaExceeded
        | ConnectReturnCode::ConnectionRateExceeded
        | ConnectReturnCode::UnspecifiedError => Unreachable(format!("it cannot admit us now ({code:?})")),
        code => Refused(format!("it does not admit us ({code:?})")),
    }
}

/// Keeps the library going until the session ends.
async fn poll(mut events: EventLoop, flight: Rc<Flight>, heard: mpsc::UnboundedSender<Heard>, unread: Rc<Cell<usize>>) {
    let mut has_left_out = false;
    let error = loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::Publish(message))) if message.retain => {
                let Ok(topic) = std::str::from_utf8(&message.topic) else { continue };
                let told = Heard { topic: topic.to_owned(), body: message.payload.clone() };
                let waits = unread.get() + told.size();
                if waits <= MOST_HEARD {
                    unread.set(waits);
                    // Nobody listens any more when the session is being dropped.
                    let _ = heard.send(told);
                } else if !std::mem::replace(&mut has_left_out, true) {
                    tracing::warn!(
                        topic,
                        "the broker holds more among our topics than can be looked at so fast: some of what is left of items that are gone \
                         is not removed before the next session"
                    );
                }
            }
            Ok(Event::Incoming(Packet::SubAck(answer))) => {
                if answer.return_codes.iter().any(|code| !matches!(code, rumqttc::SubscribeReasonCode::Success(_))) {
                    tracing::warn!(
                        "the broker does not let us see what it has retained: what is left there of items that are gone is not removed, and \
                         it is not noticed when somebody else writes over what is ours"
                    );
                }
            }
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    // Told before the library, and with it every message under way, is dropped.
    flight.end(end(&error));
}

/// How a session has ended.
fn end(error: &ConnectionError) -> End {
    let ConnectionError::MqttState(error) = error else { return End::lost(error.to_string()) };
    match error {
        // An answer to a message with a code that MQTT 5 does not have there, which the library names after another packet. mosquitto
        // says "packet too large" so, past its message_size_limit.
        StateError::Deserialization(PacketError::InvalidConnectReturnCode(0x95)) => {
            End { why: "it is too large for the broker".to_owned(), is_refusal: false, blame: Blame::Oldest }
        }
        // Any other may be about us, or about the broker.
        StateError::Deserialization(PacketError::InvalidConnectReturnCode(code)) => {
            let why = format!("the broker has answered with the unknown reason 0x{code:02X}");
            End { why, is_refusal: false, blame: Blame::Unclear }
        }
        StateError::ServerDisconnect { reason_code, reason_string } => {
            let said = reason_string.as_ref().map_or_else(String::new, |said| format!(": {said}"));
            let why = format!("the broker has ended the session ({reason_code:?}{said})");
            use DisconnectReasonCode as Code;
            let blame = match reason_code {
                Code::PacketTooLarge | Code::TopicNameInvalid | Code::PayloadFormatInvalid => Blame::Oldest,
                _ => Blame::Nothing,
            };
            let is_refusal = matches!(
                reason_code,
                Code::NotAuthorized | Code::SessionTakenOver | Code::RetainNotSupported | Code::QoSNotSupported
            );
            let why = match reason_code {
                Code::SessionTakenOver => format!("{why}: another client has the same client_id"),
                _ => why,
            };
            End { why, is_refusal, blame }
        }
        StateError::AwaitPingResp => End::lost("the broker does not answer"),
        StateError::ConnectionAborted => End::lost("the broker has closed the connection"),
        StateError::Io(error) => End::lost(error.to_string()),
        error => End::lost(error.to_string()),
    }
}
