#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;

use secrecy::SecretString;
use tempfile::TempDir;

use super::*;
use crate::settings::{Secret, TlsSettings};
use crate::vendors::simplisafe::media::SimpliSafeMedia;
use crate::vendors::simplisafe::{Grant, SimpliSafeConfig};

const READY: &str = "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 4\r\n\r\nclip";

/// A server that gives these answers, the last one for all that follow, and notes what it was asked.
#[derive(Clone)]
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), asked: Arc::default() };
        let answers: Vec<String> = answers.iter().map(ToString::to_string).collect();
        let (asked, port) = (Arc::clone(&server.asked), server.port);
        thread::spawn(move || {
            for (index, peer) in listener.incoming().enumerate() {
                let mut peer = peer.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    match peer.read(&mut byte) {
                        Ok(1) => head.push(byte[0]),
                        _ => break,
                    }
                }
                asked.lock().unwrap().push(String::from_utf8(head).unwrap());
                let answer = &answers[index.min(answers.len() - 1)];
                let _ = peer.write_all(answer.replace("PORT", &port.to_string()).as_bytes());
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/clip", self.port)
    }

    /// The path and, if there was one, the token of each request.
    fn asked(&self) -> Vec<(String, Option<String>)> {
        let word = |text: &str| text.split(' ').nth(1).unwrap().trim().to_owned();
        let read = |head: &String| {
            let bearer = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization:"));
            (word(head), bearer.map(|line| line.rsplit(' ').next().unwrap().to_owned()))
        };
        self.asked.lock().unwrap().iter().map(read).collect()
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn empty(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n")
}

/// A fetch from a server that the settings name.
struct Stage {
    folder: TempDir,
    media: SimpliSafeMedia,
    ask: FetchMedia,
    /// Grants that were asked for, and those of them that were refused.
    asked: Cell<u64>,
    refused: Cell<u64>,
}

impl Stage {
    fn new(server: &Server) -> Self {
        let folder = TempDir::new().unwrap();
        let mut config = SimpliSafeConfig::new(Secret::from("refresh"));
        config.api_url = server.url().parse().unwrap();
        let ask = FetchMedia::new("home".parse().unwrap(), server.url(), folder.path().join("clip.mp4"));
        Self { media: SimpliSafeMedia::new(&config), folder, ask, asked: Cell::new(0), refused: Cell::new(0) }
    }

    async fn run(&self) -> Result<FetchedMedia, MediaError> {
        let authorize = async |refused: Option<u64>| {
            self.asked.set(self.asked.get() + 1);
            if refused.is_some_and(|serial| serial == self.refused.get()) {
                self.refused.set(self.refused.get() + 1);
            }
            let serial = self.refused.get();
            let now = std::time::Instant::now();
            let grant = Grant {
                api: "http://127.0.0.1:9/".parse().unwrap(),
                socket: "ws://127.0.0.1:9/".parse().unwrap(),
                access_token: SecretString::from(format!("token-{serial}")),
                user_id: 1,
                good_until: now,
                renew_at: now,
            };
            Ok(Granted { grant: Arc::new(grant), serial, who: "user 1".into() })
        };
        let downloads = Downloads::new(&TlsSettings { ca_file: None, insecure: true }.client_config().unwrap());
        let places = Semaphore::new(1);
        let ground = Ground { media: &self.media, downloads, brake: None, places: &places };
        let mut progress = |_, _| {};
        let fetch = fetch_into(&ground, authorize, &self.ask, &mut progress);
        tokio::time::timeout(Duration::from_secs(30), fetch).await.expect("it does not end")
    }

    /// What is in the folder, and in the file.
    fn left(&self) -> (usize, Option<String>) {
        (fs::read_dir(self.folder.path()).unwrap().count(), fs::read_to_string(&self.ask.file).ok())
    }
}

fn token(number: u32) -> (String, Option<String>) {
    ("/clip".to_owned(), Some(format!("token-{number}")))
}

#[actix_rt::test]
async fn what_is_not_ready_is_asked_for_again_until_it_is() {
    let (not_found, busy) = (empty("404 Not Found", ""), empty("503 Service Unavailable", "Retry-After: 0\r\n"));
    let server = Server::start(&[&not_found, &busy, READY]);
    let stage = Stage::new(&server);
    let fetched = stage.run().await.unwrap();
    assert_eq!(fetched, FetchedMedia { bytes: 4, content_type: Some("video/mp4".to_owned()) });
    assert_eq!(stage.left(), (1, Some("clip".to_owned())));
    assert_eq!(server.asked(), vec![token(0); 3]);
}

#[actix_rt::test]
async fn patience_ends_and_leaves_nothing_behind() {
    let server = Server::start(&[&empty("404 Not Found", "")]);
    let mut stage = Stage::new(&server);
    stage.ask.patience = Duration::from_millis(1_200);
    let error = stage.run().await.unwrap_err();
    assert!(matches!(error, MediaError::NotNow(_)) && error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("404"), "{error}");
    assert_eq!(stage.left(), (0, None));
    assert!((1..=2).contains(&server.count()), "{}", server.count());

    stage.ask.patience = Duration::ZERO;
    let before = server.count();
    assert!(stage.run().await.is_err());
    assert_eq!(server.count(), before + 1, "without patience it is asked for once");
}

#[actix_rt::test]
async fn a_refused_token_is_replaced_once() {
    let unauthorized = empty("401 Unauthorized", "");
    let server = Server::start(&[&unauthorized, READY]);
    let stage = Stage::new(&server);
    assert_eq!(stage.run().await.unwrap().bytes, 4);
    assert_eq!(server.asked(), [token(0), token(1)]);

    let server = Server::start(&[&unauthorized]);
    let stage = Stage::new(&server);
    let error = stage.run().await.unwrap_err();
    assert!(matches!(&error, MediaError::Refused(why) if why.contains("401")), "{error:?}");
    assert_eq!((server.count(), stage.asked.get(), stage.left()), (2, 2, (0, None)));
}

#[actix_rt::test]
async fn a_transfer_that_breaks_is_made_again() {
    let broken = "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nhalf";
    let server = Server::start(&[broken, READY]);
    let stage = Stage::new(&server);
    assert_eq!(stage.run().await.unwrap().bytes, 4);
    assert_eq!((stage.left(), server.count()), ((1, Some("clip".to_owned())), 2));
}

#[actix_rt::test]
async fn what_will_not_change_is_not_asked_for_again() {
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
    for (answer, part) in [
        (empty("410 Gone", ""), "410"),
        (empty("403 Forbidden", ""), "403"),
        (empty("204 No Content", ""), "204"),
        (large.to_owned(), "larger than the 100 bytes"),
    ] {
        let server = Server::start(&[&answer]);
        let mut stage = Stage::new(&server);
        stage.ask.max_bytes = 100;
        let error = stage.run().await.unwrap_err();
        assert!(!error.is_retryable() && error.to_string().contains(part), "{error:?}");
        assert_eq!((server.count(), stage.left()), (1, (0, None)));
    }
}

#[actix_rt::test]
async fn nothing_is_asked_of_a_server_that_is_not_the_vendors() {
    let (server, other) = (Server::start(&[READY]), Server::start(&[READY]));
    let mut stage = Stage::new(&server);
    stage.ask.url = other.url();
    let error = stage.run().await.unwrap_err();
    assert!(matches!(&error, MediaError::Address(why) if why.contains("127.0.0.1")), "{error:?}");
    assert_eq!((server.count(), other.count(), stage.asked.get()), (0, 0, 0), "not even a login is made");
    assert_eq!(stage.left(), (0, None));
}

#[actix_rt::test]
async fn a_redirect_within_the_vendors_hosts_takes_the_token_along() {
    let server = Server::start(&[&empty("302 Found", "Location: /clip\r\n"), READY]);
    let stage = Stage::new(&server);
    assert_eq!(stage.run().await.unwrap().bytes, 4);
    assert_eq!(server.asked(), vec![token(0); 2]);
}

#[actix_rt::test]
async fn a_redirect_without_tls_or_with_a_user_name_is_not_followed() {
    let other = Server::start(&[READY]);
    for to in [other.url(), "http://127.0.0.1.evil.org/".to_owned(), "https://user@127.0.0.1:PORT/".to_owned()] {
        let server = Server::start(&[&empty("307 Temporary Redirect", &format!("Location: {to}\r\n"))]);
        let stage = Stage::new(&server);
        let error = stage.run().await.unwrap_err();
        assert!(matches!(&error, MediaError::Refused(why) if why.contains("not followed")), "{to}: {error:?}");
        assert_eq!((server.count(), stage.left()), (1, (0, None)));
    }
    assert_eq!(other.count(), 0);
}

#[actix_rt::test]
async fn a_chain_of_redirects_ends() {
    let server = Server::start(&[&empty("301 Moved Permanently", "Location: /on\r\n")]);
    let stage = Stage::new(&server);
    let error = stage.run().await.unwrap_err();
    assert!(error.to_string().contains("more than 5"), "{error}");
    assert_eq!(server.count(), 6);
}

#[test]
fn who_is_followed_with_the_token_who_without_and_who_not() {
    let stage_of = |api: &str| {
        let mut config = SimpliSafeConfig::new(Secret::from("refresh"));
        config.api_url = api.parse().unwrap();
        SimpliSafeMedia::new(&config)
    };
    let (real, simulated) = (stage_of("https://api.simplisafe.com/"), stage_of("http://127.0.0.1:9000/"));
    let now = std::time::Instant::now();
    let grant = Grant {
        api: "https://api.simplisafe.com/".parse().unwrap(),
        socket: "wss://x.simplisafe.com/".parse().unwrap(),
        access_token: SecretString::from("t0psecret"),
        user_id: 1,
        good_until: now,
        renew_at: now,
    };
    for (media, to, expected) in [
        (&real, "https://cdn.simplisafe.com/x", Some(true)),
        (&real, "https://bucket.s3.amazonaws.com/x?signature=1", Some(false)),
        (&real, "https://simplisafe.com.evil.org/x", Some(false)),
        (&real, "https://203.0.113.9/x", Some(false)),
        (&real, "http://cdn.simplisafe.com/x", None),
        (&real, "http://bucket.s3.amazonaws.com/x", None),
        (&real, "https://user:pw@bucket.s3.amazonaws.com/x", None),
        (&real, "file:///etc/passwd", None),
        (&simulated, "http://127.0.0.1:9000/x", Some(true)),
        (&simulated, "http://127.0.0.1:9001/x", None),
    ] {
        let followed = follow(media, &grant, to.parse().unwrap());
        let has_token = |call: &RestCall| call.headers.iter().any(|(name, _)| name == "authorization");
        assert_eq!(followed.as_ref().ok().map(|(call, _)| has_token(call)), expected, "{to}");
        assert_eq!(followed.ok().map(|(_, with_grant)| with_grant), expected, "{to}");
    }
}
