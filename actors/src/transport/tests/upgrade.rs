//! What opening a WebSocket promises.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    super::{Fault, HeaderText, OpenError, WebSocketRequest},
    server::{Server, TEXT, frame, receive, within, ws_client},
};

/// Answers one upgrade with these bytes, then hangs up; counts the requests on all connections.
async fn refused(answer: &[u8]) -> (OpenError, usize) {
    let server = Server::start().await;
    let client = ws_client();
    let request = server.ws();
    let mut open = Box::pin(client.open(&request));
    let mut requests = 0;
    loop {
        tokio::select! {
            outcome = &mut open => return (outcome.unwrap_err(), requests),
            mut peer = server.accept() => {
                requests += 1;
                let answer = answer.to_vec();
                actix_rt::spawn(async move {
                    peer.request().await;
                    peer.write(answer).await;
                });
            }
        }
    }
}

#[actix_rt::test]
async fn a_refusal_tells_body_and_headers_and_is_not_asked_for_twice() {
    let answer =
        b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nWWW-Authenticate: Bearer\r\nContent-Length: 9\r\n\r\ncome back";
    let (error, requests) = within(refused(answer)).await;
    assert_eq!(requests, 1);
    assert!(error.is_retryable());
    assert!(!error.to_string().contains("come back"), "{error}");
    let OpenError::Refused { status, retry_after, www_authenticate, body, .. } = error else { panic!("{error:?}") };
    assert_eq!((status, retry_after, body.as_str()), (503, Some(Duration::from_secs(7)), "come back"));
    assert_eq!(www_authenticate.as_deref(), Some("Bearer"));
}

#[actix_rt::test]
async fn a_refusal_is_understood_however_its_body_ends() {
    for answer in [
        &b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwrong\r\n6\r\n token\r\n0\r\n\r\n"[..],
        &b"HTTP/1.1 401 No\r\nConnection: close\r\n\r\nwrong token"[..],
        &b"HTTP/1.0 401 No\r\n\r\nwrong token"[..],
    ] {
        let (error, _) = within(refused(answer)).await;
        assert!(!error.is_retryable());
        assert!(matches!(&error, OpenError::Refused { status: 401, body, .. } if body == "wrong token"), "{error:?}");
    }
    let (error, _) = within(refused(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")).await;
    assert!(matches!(&error, OpenError::Refused { status: 404, body, .. } if body.is_empty()), "{error:?}");
    let long = format!("HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000));
    let (error, _) = within(refused(long.as_bytes())).await;
    assert!(matches!(&error, OpenError::Refused { status: 500, body, .. } if body.len() == 4096), "{error:?}");
}

#[actix_rt::test]
async fn a_redirect_is_a_refusal() {
    let (error, requests) =
        within(refused(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")).await;
    assert!(matches!(error, OpenError::Refused { status: 302, .. }), "{error:?}");
    assert_eq!(requests, 1);
}

#[actix_rt::test]
async fn an_upgrade_that_is_none_is_told() {
    for (answer, words) in [
        (&b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"[..], "Sec-WebSocket-Accept"),
        (&b"HTTP/1.1 101 Ok\r\nConnection: Upgrade\r\n\r\n"[..], "upgrade"),
        (&b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..], "HTTP"),
    ] {
        let (error, _) = within(refused(answer)).await;
        assert!(matches!(&error, OpenError::Failed { fault: Fault::Protocol(_), .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.is_retryable());
    }
    let (error, _) = within(refused(b"")).await;
    assert!(matches!(&error, OpenError::Failed { fault: Fault::Lost(_), .. }), "{error:?}");
    assert!(error.is_retryable());
}

#[actix_rt::test]
async fn frames_in_the_same_segment_as_the_upgrade_are_not_lost() {
    let server = Server::start().await;
    let request = server.ws();
    let serve = async {
        let mut peer = server.accept().await;
        let half = &frame(TEXT, "second")[..4];
        peer.upgrade(&[frame(TEXT, "first").as_slice(), half].concat()).await;
        peer.write(&frame(TEXT, "second")[4..]).await;
        peer
    };
    let read = async {
        let mut socket = ws_client().open(&request).await.unwrap();
        receive(&mut socket, 2).await
    };
    let (_peer, came) = within(async { tokio::join!(serve, read) }).await;
    assert_eq!(came, ["first", "second"]);
}

#[actix_rt::test]
async fn one_client_opens_150_sockets() {
    let server = Server::start().await;
    let client = ws_client();
    let request = server.ws();
    let serve = async {
        let mut peers = Vec::new();
        for _ in 0..150 {
            let mut peer = server.accept().await;
            peer.upgrade(&frame(TEXT, "hello")).await;
            peers.push(peer);
        }
        peers
    };
    let open = join_all((0..150).map(|_| client.open(&request)));
    let (_peers, opened) = within(async { tokio::join!(serve, open) }).await;
    let mut sockets: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    for socket in &mut sockets {
        assert_eq!(receive(socket, 1).await, ["hello"]);
    }
}

#[actix_rt::test]
async fn headers_arrive_and_secrets_stay_out_of_sight() {
    let server = Server::start().await;
    let mut request =
        server.ws().header("Authorization", HeaderText::secret("Bearer s3cret")).header("X-Plain", "seen");
    request.url.set_query(Some("token=t0ken"));
    let shown = format!("{request:?}");
    assert!(shown.contains("seen") && !shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    let serve = async { server.accept().await.upgrade(&[]).await };
    let client = ws_client();
    let (head, opened) = within(async { tokio::join!(serve, client.open(&request)) }).await;
    opened.unwrap();
    assert!(head.starts_with("GET /events?token=t0ken HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\nauthorization: bearer s3cret\r\n"), "{head}");
}

#[actix_rt::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    let server = Server::start().await;
    let request = WebSocketRequest { open_timeout: Duration::from_millis(100), ..server.ws() };
    let error = within(ws_client().open(&request)).await.unwrap_err();
    assert!(matches!(error, OpenError::Failed { fault: Fault::Timeout(_), .. }) && error.is_retryable(), "{error:?}");
}

#[actix_rt::test]
async fn a_request_that_cannot_be_sent_says_why() {
    let client = ws_client();
    for (url, words) in [("https://example.com/", "ws://"), ("wss://user:passw0rd@example.com/", "user name")] {
        let error = within(client.open(&WebSocketRequest::new(url.parse().unwrap()))).await.unwrap_err();
        assert!(error.to_string().contains(words) && !error.to_string().contains("passw0rd"), "{error}");
        assert!(!error.is_retryable());
    }
    let request =
        WebSocketRequest::new("ws://127.0.0.1:9/".parse().unwrap()).header("X-Token", HeaderText::secret("a\nb"));
    let error = within(client.open(&request)).await.unwrap_err();
    assert!(error.to_string().contains("X-Token") && !error.to_string().contains("a\nb"), "{error}");
}

#[actix_rt::test]
async fn a_closed_port_and_an_unknown_host_can_be_retried() {
    let server = Server::start().await;
    let request = server.ws();
    drop(server);
    let unknown = WebSocketRequest::new("ws://no-such-host.invalid/".parse().unwrap());
    for request in [request, unknown] {
        let error = within(ws_client().open(&request)).await.unwrap_err();
        assert!(
            matches!(error, OpenError::Failed { fault: Fault::Connect(_), .. }) && error.is_retryable(),
            "{error:?}"
        );
    }
}
