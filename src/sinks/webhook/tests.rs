//! What delivery promises, against receivers that behave well and badly. They share no code with what they test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    cell::RefCell,
    fs,
    path::Path,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};
use watchpost_actors::model::{Event, EventId, Item, Meaning, Origin, Sequence, StateMeaning, event::Committed};

use super::*;
use crate::config::{SinkKind, Surroundings, parse};

/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(20);

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The settings of a webhook with these lines.
pub(super) fn settings(lines: &str) -> WebhookSink {
    settings_in(Path::new("/nowhere"), lines)
}

fn settings_in(folder: &Path, lines: &str) -> WebhookSink {
    let variable = |name: &str| match name {
        "HOOK_SECRET" => Some(KEY.into()),
        "BEARER" => Some("Bearer s3cret-token-1".into()),
        "KEY" => Some("p4ss".into()),
        _ => None,
    };
    let text = format!("[[sink]]\nname = 'hook'\nkind = 'webhook'\n{lines}\n");
    let config = parse(&text, "test.toml", &Surroundings::new(folder, variable)).unwrap();
    match config.sinks.into_iter().next().unwrap().kind {
        SinkKind::Webhook(settings) => settings,
        other => panic!("{other:?}"),
    }
}

pub(super) fn event(id: &str, data: &str) -> Event {
    Event { data: data.to_owned().into(), ..named(id, "Lobby \"A\" – 1") }
}

/// An event of an item with this name.
pub(super) fn named(id: &str, name: &str) -> Event {
    let state = StateMeaning {
        group: "motion".into(),
        value: "detected".into(),
        vendor_group: "g".into(),
        vendor_value: "v".into(),
        text: None,
    };
    Event {
        id: EventId::new(id),
        origin: Origin::Live,
        meaning: Arc::new(Meaning {
            kind: "motion.started".into(),
            name: Some("Motion Started".into()),
            state: Some(state),
        }),
        item: Some(Arc::new(Item { id: "cameras/25d0".into(), name: Some(name.into()) })),
        time: "2026-06-11T09:17:59.1234567Z".into(),
        data: "{\"n\":1.50}".into(),
    }
}

/// The events as they are after one commit of the connection `hq`.
pub(super) fn shared(events: impl IntoIterator<Item = Event>) -> Vec<SharedEvent> {
    let commit = Arc::new(Committed {
        connection: "hq".parse().unwrap(),
        vendor: "milestone",
        first: Sequence(41),
        recorded: "2026-06-11T09:18:00.5Z".parse().unwrap(),
        events: events.into_iter().collect(),
    });
    (0..commit.events.len()).map(|index| SharedEvent::new(Arc::clone(&commit), index).unwrap()).collect()
}

/// What a receiver does with one request.
#[derive(Debug, Clone)]
enum Reply {
    /// Answers, and waits for the next request.
    Answer(String),
    /// Writes, and hangs up.
    Last(String),
    /// Writes, and then keeps still.
    Hang(String),
    /// Writes, and then a byte now and then for ever.
    Trickle(String),
}

fn answer(status: &str, headers: &str, body: &str) -> Reply {
    Reply::Answer(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
}

fn fine() -> Reply {
    answer("200 OK", "", "")
}

/// A request as it came.
#[derive(Debug, Clone)]
struct Noted {
    /// Which connection it came over.
    connection: usize,
    line: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Noted {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_str().unwrap()
    }

    #[track_caller]
    fn assert_signed(&self) {
        let receiver = standardwebhooks::Webhook::new(KEY).unwrap();
        receiver.verify(&self.body, &self.headers).unwrap_or_else(|error| panic!("{error}: {self:?}"));
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), connection: usize) -> Option<Noted> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let line = lines.next().unwrap().to_owned();
    let mut headers = HeaderMap::new();
    for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let length = headers.get("content-length").unwrap().to_str().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Noted { connection, line, headers, body })
}

/// A receiver that does this with its requests, in order; the last for all that follow.
struct Receiver {
    port: u16,
    noted: Rc<RefCell<Vec<Noted>>>,
}

impl Receiver {
    async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_with(replies, None).await
    }

    async fn start_with(replies: impl IntoIterator<Item = Reply>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let noted = Rc::new(RefCell::new(Vec::new()));
        let (replies, notes): (Rc<[Reply]>, _) = (replies.into_iter().collect(), Rc::clone(&noted));
        actix_rt::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (replies, notes, tls) = (Rc::clone(&replies), Rc::clone(&notes), tls.clone());
                actix_rt::spawn(async move {
                    match tls {
                        None => serve(stream, connection, &replies, &notes).await,
                        Some(tls) => {
                            // A client that does not trust us is gone here.
                            let Ok(stream) = tls.accept(stream).await else { return };
                            serve(stream, connection, &replies, &notes).await;
                        }
                    }
                });
            }
        });
        Self { port, noted }
    }

    fn webhook(&self, lines: &str) -> Webhook {
        Webhook::new(&settings(&format!("url = 'http://127.0.0.1:{}/vms?a=b'\n{lines}", self.port))).unwrap()
    }

    fn noted(&self) -> Vec<Noted> {
        self.noted.borrow().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    replies: &[Reply],
    notes: &RefCell<Vec<Noted>>,
) {
    while let Some(request) = read_request(&mut stream, connection).await {
        let index = notes.borrow().len().min(replies.len() - 1);
        notes.borrow_mut().push(request);
        let (Reply::Answer(text) | Reply::Last(text) | Reply::Hang(text) | Reply::Trickle(text)) = &replies[index];
        // The client may have gone.
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.flush().await;
        match &replies[index] {
            Reply::Answer(_) => {}
            Reply::Last(_) => {
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Hang(_) => std::future::pending().await,
            Reply::Trickle(_) => {
                while stream.write_all(b"x").await.is_ok() {
                    sleep(Duration::from_millis(5)).await;
                }
            }
        }
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future).await.expect("nothing happened in time")
}

async fn deliver(webhook: &Webhook, events: &[SharedEvent]) -> Result<(), Failure> {
    within(webhook.deliver(events, false)).await
}

/// What comes of one event at a receiver that does this.
async fn outcome(reply: Reply) -> Result<(), Failure> {
    let receiver = Receiver::start([reply]).await;
    let outcome = deliver(&receiver.webhook("timeout = '10s'"), &shared([event("1", "1")])).await;
    assert_eq!(receiver.noted().len(), 1, "each is tried once");
    outcome
}

#[actix_rt::test]
async fn every_2xx_acknowledges_whatever_becomes_of_its_body() {
    let huge = "x".repeat(10 << 20);
    for reply in [
        fine(),
        answer("201 Created", "", "made"),
        answer("202 Accepted", "Retry-After: 5\r\n", ""),
        Reply::Answer("HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        Reply::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned()),
        answer("200 OK", "", &huge),
        Reply::Last("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok".to_owned()),
        Reply::Last("HTTP/1.0 200 OK\r\n\r\nok".to_owned()),
        Reply::Last("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut off".to_owned()),
        Reply::Hang("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nand then".to_owned()),
        Reply::Trickle("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_owned()),
    ] {
        let shown = format!("{reply:.80?}");
        assert_eq!(outcome(reply).await, Ok(()), "{shown}");
    }
}

#[actix_rt::test]
async fn a_failure_says_whether_and_when_to_try_again() {
    let again = |why: &str, after: Option<u64>| {
        Err(Failure::Again { why: format!("the receiver answered {why}"), after: after.map(Duration::from_secs) })
    };
    let refused = |why: &str, at_once| Err(Failure::Refused { why: format!("the receiver answered {why}"), at_once });
    for (reply, expected) in [
        (answer("500 Broken", "", "oh\nno"), again("500: oh no", None)),
        (answer("503 Busy", "Retry-After: 120\r\n", ""), again("503", Some(120))),
        (answer("429 Slow Down", "Retry-After: 1000000\r\n", ""), again("429", Some(3_600))),
        (answer("429 Slow Down", "Retry-After: soon\r\n", ""), again("429", None)),
        (answer("404 None", "", "no such hook"), refused("404: no such hook", false)),
        (answer("404 None", "Retry-After: 5\r\n", ""), refused("404", false)),
        (answer("413 Too Large", "", "1 KiB at most"), refused("413: 1 KiB at most", true)),
        (
            Reply::Hang("HTTP/1.1 410 Gone\r\nContent-Length: 99\r\n\r\nfor good".to_owned()),
            refused("410: for good", false),
        ),
    ] {
        let shown = format!("{reply:?}");
        assert_eq!(outcome(reply).await, expected, "{shown}");
    }
}

#[actix_rt::test]
async fn a_date_to_come_back_at_is_kept_to() {
    for (seconds, least, most) in [(600, 590, 600), (-600, 0, 0), (1_000_000, 3_600, 3_600)] {
        let at = Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        let at = at.strftime("%a, %d %b %Y %H:%M:%S GMT");
        let outcome = outcome(answer("503 Busy", &format!("Retry-After: {at}\r\n"), "")).await;
        let Err(Failure::Again { after: Some(after), .. }) = outcome else { panic!("{outcome:?}") };
        assert!((least..=most).contains(&after.as_secs()), "{at}: {after:?}");
    }
}

#[actix_rt::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start([fine()]).await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let location = format!("Location: http://127.0.0.1:{}/\r\n", elsewhere.port);
        let outcome = outcome(answer(status, &location, "")).await;
        let Err(Failure::Refused { why, at_once: false }) = outcome else { panic!("{outcome:?}") };
        assert!(why.contains(&format!("http://127.0.0.1:{};", elsewhere.port)), "{why}");
    }
    assert_eq!(elsewhere.noted().len(), 0);
}

#[actix_rt::test]
async fn a_try_takes_its_time_out_and_no_longer() {
    for reply in [Reply::Hang(String::new()), Reply::Hang("HTTP/1.1 200 OK\r\nContent-".to_owned())] {
        let receiver = Receiver::start([reply, fine()]).await;
        let webhook = receiver.webhook("timeout = '1s'");
        let events = shared([event("1", "1")]);
        let started = Instant::now();
        let why = format!("no complete answer within {:?}", Duration::from_secs(1));
        assert_eq!(deliver(&webhook, &events).await, Err(Failure::Again { why, after: None }));
        assert!((Duration::from_millis(990)..Duration::from_secs(10)).contains(&started.elapsed()));
        // What is left of it does not disturb the next try.
        assert_eq!(deliver(&webhook, &events).await, Ok(()));
    }
}

#[actix_rt::test]
async fn a_receiver_that_takes_nothing_does_not_hold_a_large_event_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("url = 'http://{}/'\ntimeout = '300ms'", listener.local_addr().unwrap());
    let webhook = Webhook::new(&settings(&url)).unwrap();
    let events = shared([event("1", &format!("\"{}\"", "x".repeat(16 << 20)))]);
    let (outcome, _stream) = tokio::join!(deliver(&webhook, &events), listener.accept());
    assert!(matches!(&outcome, Err(Failure::Again { why, after: None }) if why.contains("300ms")), "{outcome:?}");
}

#[actix_rt::test]
async fn what_is_no_answer_is_tried_again() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = Webhook::new(&settings(&format!("url = 'http://{closed}/'"))).unwrap();
    let mut outcomes = vec![deliver(&nobody, &shared([event("1", "1")])).await];
    for text in ["", "HTTP/1.1 200 O", "220 mail.example.com ESMTP\r\n", "\0\u{1}\u{2}garbage\r\n\r\n"] {
        outcomes.push(outcome(Reply::Last(text.to_owned())).await);
    }
    for outcome in outcomes {
        assert!(matches!(&outcome, Err(Failure::Again { why, after: None }) if !why.is_empty()), "{outcome:?}");
    }
}

#[actix_rt::test]
async fn an_event_that_is_refused_before_it_is_read_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("url = 'http://{}/'", listener.local_addr().unwrap());
    let webhook = Webhook::new(&settings(&url)).unwrap();
    // More than the buffers of any two sockets hold.
    let events = shared([event("1", &format!("\"{}\"", "x".repeat(32 << 20)))]);
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
        stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\n1 MiB").await.unwrap();
    };
    let (outcome, ()) = tokio::join!(deliver(&webhook, &events), serve);
    let why = "the receiver answered 413: 1 MiB".to_owned();
    assert_eq!(outcome, Err(Failure::Refused { why, at_once: true }));
}

#[actix_rt::test]
async fn a_receiver_can_verify_every_request_and_knows_a_repeated_one() {
    let events = shared(["1 é", "2", "3"].map(|id| event(id, "{\"text\":\"é \\u0000\"}")));
    for (mode, count, id) in
        [("structured", 1, "hq:1%20%C3%A9"), ("binary", 1, "hq:1%20%C3%A9"), ("batch", 3, "hq:1%20%C3%A9..hq:3")]
    {
        let receiver = Receiver::start([answer("500 No", "", ""), fine()]).await;
        let webhook = receiver.webhook(&format!(
            "secret = {{ env = 'HOOK_SECRET' }}\nmode = '{mode}'{}",
            if count > 1 { "\nbatch = 3" } else { "" }
        ));
        let before = Timestamp::now().as_second();
        deliver(&webhook, &events[..count]).await.unwrap_err();
        deliver(&webhook, &events[..count]).await.unwrap();
        let requests = receiver.noted();
        for request in &requests {
            request.assert_signed();
            assert_eq!(request.line, "POST /vms?a=b HTTP/1.1");
            assert_eq!(request.header("webhook-id"), id);
            let at: i64 = request.header("webhook-timestamp").parse().unwrap();
            assert!((before..=Timestamp::now().as_second()).contains(&at), "{at}");
        }
        assert_eq!((requests.len(), &requests[0].body), (2, &requests[1].body));
    }
}

#[actix_rt::test]
async fn a_batch_over_its_size_is_not_sent() {
    let receiver = Receiver::start([fine()]).await;
    let webhook = receiver.webhook("mode = 'batch'\nbatch = 2");
    let events = shared(["1", "2", "3"].map(|id| event(id, "1")));
    assert_eq!(deliver(&webhook, &events[..2]).await, Ok(()));
    assert!(matches!(deliver(&webhook, &events).await, Err(Failure::Refused { at_once: true, .. })));
    assert_eq!(receiver.noted().len(), 1);
}

#[actix_rt::test]
async fn without_a_secret_there_is_no_signature() {
    let receiver = Receiver::start([fine()]).await;
    deliver(&receiver.webhook(""), &shared([event("1", "1")])).await.unwrap();
    let request = &receiver.noted()[0];
    assert_eq!(request.header("webhook-id"), "hq:1");
    request.header("webhook-timestamp");
    assert!(!request.headers.contains_key("webhook-signature"));
}

#[actix_rt::test]
async fn headers_of_the_settings_arrive_once_and_their_secrets_stay_out_of_sight() {
    let receiver = Receiver::start([answer("403 No", "", "Bearer s3cret-token-1 is not allowed")]).await;
    let lines = "secret = { env = 'HOOK_SECRET' }\n\
                 headers = { Authorization = { env = 'BEARER' }, User-Agent = { env = 'KEY' } }";
    let outcome = deliver(&receiver.webhook(lines), &shared([event("1", "1")])).await;
    let request = &receiver.noted()[0];
    assert_eq!(request.header("authorization"), "Bearer s3cret-token-1");
    let agents: Vec<_> = request.headers.get_all("user-agent").iter().collect();
    assert_eq!(agents, ["p4ss"]);
    let settings = settings(&format!("url = 'https://x/hidden?hidden'\n{lines}"));
    for shown in [format!("{outcome:?}"), format!("{settings:?}")] {
        for secret in ["s3cret", "p4ss", &KEY[6..20], "hidden"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[actix_rt::test]
async fn a_redelivery_is_marked_on_the_wire() {
    for mode in ["structured", "binary", "batch"] {
        let receiver = Receiver::start([fine()]).await;
        let webhook = receiver.webhook(&format!("mode = '{mode}'\nsecret = {{ env = 'HOOK_SECRET' }}"));
        within(webhook.deliver(&shared([event("1", "1")]), true)).await.unwrap();
        let request = &receiver.noted()[0];
        request.assert_signed();
        let body = String::from_utf8(request.body.clone()).unwrap();
        let marked = body.contains("\"redelivery\":true") || request.header("ce-redelivery") == "true";
        assert!(marked, "{mode}: {body}");
    }
}

#[actix_rt::test]
async fn requests_run_beside_each_other_and_connections_are_used_again() {
    let receiver = Receiver::start([Reply::Hang(String::new()), answer("200 OK", "", "thanks")]).await;
    let webhook = receiver.webhook("timeout = '60s'");
    let events = shared([event("1", "1")]);
    let stuck = webhook.deliver(&events, false);
    let others = async {
        while receiver.noted().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
        for outcome in join_all((0..8).map(|_| webhook.deliver(&events, false))).await {
            assert_eq!(outcome, Ok(()));
        }
        for _ in 0..20 {
            assert_eq!(webhook.deliver(&events, false).await, Ok(()));
        }
    };
    within(async {
        tokio::select! {
            outcome = stuck => panic!("{outcome:?}"),
            () = others => {}
        }
    })
    .await;
    let noted = receiver.noted();
    let connections = noted.iter().map(|request| request.connection).max().unwrap() + 1;
    assert_eq!((noted.len(), connections), (29, 9));
}

/// A receiver with a certificate of its own authority for `127.0.0.1`; its `ca.pem` lies in the folder.
async fn with_tls(folder: &Path) -> Receiver {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    fs::write(folder.join("ca.pem"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = names.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    Receiver::start_with([fine()], Some(TlsAcceptor::from(Arc::new(config)))).await
}

#[actix_rt::test]
async fn a_receiver_with_its_own_authority_is_trusted_when_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = with_tls(folder.path()).await;
    let url = format!("url = 'https://127.0.0.1:{}/'\nsecret = {{ env = 'HOOK_SECRET' }}\n", receiver.port);
    let webhook = |lines: &str| Webhook::new(&settings_in(folder.path(), &format!("{url}{lines}"))).unwrap();
    let events = shared([event("1", "1")]);
    for _ in 0..2 {
        assert_eq!(deliver(&webhook("tls = { ca_file = 'ca.pem' }"), &events).await, Ok(()));
    }
    assert_eq!(deliver(&webhook("tls = { insecure = true }"), &events).await, Ok(()));
    receiver.noted().iter().for_each(Noted::assert_signed);

    let stranger = deliver(&webhook(""), &events).await;
    assert!(matches!(&stranger, Err(Failure::Again { why, .. }) if why.contains("ca_file")), "{stranger:?}");
    assert_eq!(receiver.noted().len(), 3);
}

#[actix_rt::test]
async fn a_certificate_file_that_is_none_is_told_before_the_first_delivery() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
    let settings = settings_in(folder.path(), "url = 'https://x'\ntls = { ca_file = 'ca.pem' }");
    let Err(error) = Webhook::new(&settings) else { panic!("accepted") };
    assert!(error.to_string().contains("no certificate in"), "{error}");
}
