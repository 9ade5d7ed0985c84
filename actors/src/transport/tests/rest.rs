//! What REST calls promise.

use std::{cell::RefCell, rc::Rc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{
    super::{
        Body, Fault, HeaderText, Method, RestAnswer, RestCall, RestClient, RestError, Retry, Wanted,
        request::{Fields, retry_after},
    },
    server::{Server, tls, within},
};

/// A server that gives these answers, one for each request in order, the last one for all that
/// follow. Notes the requests.
struct Answers {
    server: Rc<Server>,
    requests: Rc<RefCell<Vec<(String, String)>>>,
}

impl Answers {
    async fn start(answers: &[&str]) -> Self {
        let server = Rc::new(Server::start().await);
        let requests = Rc::new(RefCell::new(Vec::new()));
        let answers: Vec<String> = answers.iter().map(ToString::to_string).collect();
        let (listener, noted) = (Rc::clone(&server), Rc::clone(&requests));
        actix_rt::spawn(async move {
            // One request to a connection: the answers are told apart by their order.
            for index in 0.. {
                let mut peer = listener.accept().await;
                if let Some(request) = peer.request().await {
                    noted.borrow_mut().push(request);
                    peer.write(&answers[index.min(answers.len() - 1)]).await;
                }
            }
        });
        Self { server, requests }
    }

    fn get(&self) -> RestCall {
        RestCall::new(Method::Get, self.server.url("http", "/things"))
    }

    fn count(&self) -> usize {
        self.requests.borrow().len()
    }
}

/// An answer after which the connection is not used again.
fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

async fn call(call: &RestCall) -> Result<RestAnswer, RestError> {
    within(RestClient::new(&tls()).call(call)).await
}

fn fault(outcome: Result<RestAnswer, RestError>) -> Fault {
    match outcome {
        Err(RestError::Failed { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn a_password_of_any_characters_arrives_exact() {
    let password = "a&b+c%d=é ü?#/\\\"\u{1F511}%41";
    let server = Answers::start(&[&answer("200 OK", "", "{}")]).await;
    let mut login = server.get();
    login.method = Method::Post;
    login.body =
        Body::Form(vec![("grant_type".into(), "password".into()), ("password".into(), HeaderText::secret(password))]);
    let shown = format!("{login:?}");
    assert!(shown.contains("grant_type") && !shown.contains("a&b"), "{shown}");
    assert_eq!(call(&login).await.unwrap().status, 200);

    let (head, body) = server.requests.borrow()[0].clone();
    assert!(head.starts_with("POST /things HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"), "{head}");
    assert!(body.is_ascii() && !body.contains(' '), "{body}");
    let fields: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(fields[1], ("password".to_owned(), password.to_owned()));
    assert!(body.contains("a%26b%2Bc%25d%3D%C3%A9+"), "{body}");
}

#[actix_rt::test]
async fn json_and_headers_arrive_as_given() {
    let server = Answers::start(&[&answer("201 Created", "X-Reply: Yes\r\n", "made")]).await;
    let mut create =
        server.get().header("Authorization", HeaderText::secret("Bearer s3cret")).header("Accept", "application/json");
    create.method = Method::Put;
    create.body = Body::Json("{\"a\":1}".into());
    let made = call(&create).await.unwrap();
    assert_eq!(
        (made.status, &made.body[..], made.header("x-REPLY"), made.is_success()),
        (201, &b"made"[..], Some("Yes"), true)
    );
    let (head, body) = server.requests.borrow()[0].clone();
    let head = head.to_lowercase();
    for line in [
        "put /things http/1.1",
        "content-type: application/json",
        "authorization: bearer s3cret",
        "accept: application/json",
    ] {
        assert!(head.contains(&format!("{line}\r\n")), "{line} in {head}");
    }
    assert_eq!(body, "{\"a\":1}");
}

#[actix_rt::test]
async fn every_status_is_an_answer_and_redirects_are_not_followed() {
    for status in ["301 Moved", "302 Found", "307 Again", "400 Bad", "401 No", "404 None", "500 Broken"] {
        let server = Answers::start(&[&answer(status, "Location: /elsewhere\r\n", "why")]).await;
        let told = call(&server.get()).await.unwrap();
        assert_eq!((told.status.to_string(), &told.body[..]), (status[..3].to_owned(), &b"why"[..]));
        assert_eq!(told.header("location"), Some("/elsewhere"));
        assert_eq!(server.count(), 1);
    }
}

#[actix_rt::test]
async fn a_body_over_the_limit_is_refused_as_it_comes() {
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        format!("400\r\n{}\r\n", "x".repeat(1024)).repeat(100)
    );
    let endless_length = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx".to_owned();
    for body in [chunked, endless_length, answer("200 OK", "", &"x".repeat(2049))] {
        let server = Answers::start(&[&body]).await;
        let mut limited = server.get();
        limited.max_body = 2048;
        let error = call(&limited).await.unwrap_err();
        assert!(matches!(error, RestError::BodyTooLarge { limit: 2048, .. }), "{error:?}");
        assert!(!error.is_retryable());
    }
    let server = Answers::start(&[&answer("200 OK", "", &"x".repeat(2048))]).await;
    let mut limited = server.get();
    limited.max_body = 2048;
    assert_eq!(call(&limited).await.unwrap().body.len(), 2048);
}

#[actix_rt::test]
async fn where_the_beginning_is_wanted_nothing_about_the_rest_of_the_body_is_an_error() {
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}", "x".repeat(100_000));
    let until_the_end = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned();
    let cut_off = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,2".to_owned();
    for (body, length) in [(endless, 2048), (until_the_end, 0), (cut_off, 4), (answer("200 OK", "", "fine"), 4)] {
        let server = Answers::start(&[&body]).await;
        let mut status = server.get();
        (status.wanted, status.max_body) = (Wanted::Beginning, 2048);
        let answer = call(&status).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, length), "{body:.60}");
    }
}

#[actix_rt::test]
async fn where_the_beginning_is_wanted_a_body_that_does_not_end_is_not_waited_for() {
    for timeout in [300, 20_000] {
        let server = Server::start().await;
        let mut status = RestCall::new(Method::Get, server.url("http", "/"));
        (status.wanted, status.timeout) = (Wanted::Beginning, Duration::from_millis(timeout));
        let serve = async {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write("HTTP/1.1 404 No\r\nContent-Length: 1000\r\n\r\nbecause").await;
            peer
        };
        let started = Instant::now();
        let (outcome, _peer) = tokio::join!(call(&status), serve);
        let answer = outcome.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (404, &b"because"[..]));
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

#[actix_rt::test]
async fn an_answer_that_comes_before_the_request_is_read_is_an_answer() {
    let server = Server::start().await;
    let mut large = RestCall::new(Method::Post, server.url("http", "/"));
    // More than the buffers of any two sockets hold.
    large.body = Body::Json(vec![b' '; 32 << 20].into());
    let serve = async {
        let mut peer = server.accept().await;
        peer.stream.readable().await.unwrap();
        peer.write(answer("413 Too Large", "", "1 MiB at most")).await;
        // Dropped with much unread, so that the kernel resets the connection.
    };
    let (outcome, ()) = tokio::join!(call(&large), serve);
    let answer = outcome.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (413, &b"1 MiB at most"[..]));
}

#[actix_rt::test]
async fn a_connection_is_used_again_and_not_after_the_server_closed_it() {
    let server = Server::start().await;
    let client = RestClient::new(&tls());
    let status = RestCall::new(Method::Get, server.url("http", "/"));
    let fine = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
    let serve = async {
        let mut peer = server.accept().await;
        for _ in 0..3 {
            peer.request().await.unwrap();
            peer.write(fine).await;
        }
        drop(peer);
        let mut peer = server.accept().await;
        peer.request().await.unwrap();
        peer.write(fine).await;
    };
    let calls = async {
        for _ in 0..3 {
            assert_eq!(client.call(&status).await.unwrap().body, "fine");
        }
        // The close may be under way still; a call that meets it fails as lost, and the next is well.
        let mut outcome = client.call(&status).await;
        if matches!(&outcome, Err(RestError::Failed { fault: Fault::Lost(_), .. })) {
            outcome = client.call(&status).await;
        }
        assert_eq!(outcome.unwrap().body, "fine");
    };
    within(async { tokio::join!(serve, calls) }).await;
}

#[actix_rt::test]
async fn the_time_allowed_includes_the_body() {
    let server = Server::start().await;
    let mut slow = RestCall::new(Method::Get, server.url("http", "/"));
    slow.timeout = Duration::from_millis(200);
    slow.retry = Retry::Safe { tries: 5 };
    let serve = async {
        let mut peer = server.accept().await;
        peer.request().await;
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
        // A byte now and then keeps no call alive.
        loop {
            peer.write("x").await;
            sleep(Duration::from_millis(10)).await;
        }
    };
    let error = tokio::select! {
        () = serve => unreachable!("it writes for ever"),
        outcome = call(&slow) => outcome.unwrap_err(),
    };
    assert_eq!(error, RestError::Failed { at: slow.shown(), fault: Fault::Timeout(slow.timeout) });
    assert!(error.is_retryable());
}

#[actix_rt::test]
async fn an_answer_that_is_cut_off_is_an_error_and_not_a_short_answer() {
    for answer in ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,2", "HTTP/1.1 200 OK\r\nContent-Le", ""] {
        let server = Answers::start(&[answer]).await;
        let fault = fault(call(&server.get()).await);
        assert!(matches!(fault, Fault::Lost(_)) && fault.is_retryable(), "{answer:?} is {fault:?}");
    }
    let server = Answers::start(&["HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[1,2,3]"]).await;
    assert!(matches!(fault(call(&server.get()).await), Fault::Protocol(_)), "its end could not be told");
    let server = Answers::start(&["220 mail.example.com ESMTP\r\n\r\n"]).await;
    assert!(matches!(fault(call(&server.get()).await), Fault::Protocol(_)));
}

#[actix_rt::test]
async fn only_safe_calls_are_repeated() {
    let busy = answer("503 Busy", "", "");
    let server = Answers::start(&[&busy, &busy, &answer("200 OK", "", "at last")]).await;
    assert_eq!(call(&server.get()).await.unwrap().status, 503);
    assert_eq!(server.count(), 1, "not without leave");

    let server = Answers::start(&[&busy, "", &answer("200 OK", "", "at last")]).await;
    let mut safe = server.get();
    safe.retry = Retry::Safe { tries: 3 };
    assert_eq!(call(&safe).await.unwrap().body, "at last");
    assert_eq!(server.count(), 3);

    let server = Answers::start(&[&busy]).await;
    let mut safe = server.get();
    safe.retry = Retry::Safe { tries: 2 };
    assert_eq!(call(&safe).await.unwrap().status, 503, "the last answer is told");
    assert_eq!(server.count(), 2);

    for status in ["400 Bad", "401 No", "404 None", "500 Broken", "302 Found"] {
        let server = Answers::start(&[&answer(status, "", "")]).await;
        let mut safe = server.get();
        safe.retry = Retry::Safe { tries: 3 };
        call(&safe).await.unwrap();
        assert_eq!(server.count(), 1, "{status} is final");
    }
}

#[actix_rt::test]
async fn retry_after_is_kept_to_or_left_to_the_caller() {
    let server = Answers::start(&[&answer("429 Slow", "Retry-After: 1\r\n", ""), &answer("200 OK", "", "")]).await;
    let mut safe = server.get();
    safe.retry = Retry::Safe { tries: 2 };
    let started = Instant::now();
    assert_eq!(call(&safe).await.unwrap().status, 200);
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());

    // Longer than the call may take, and longer than anybody waits in a call.
    for (asked, timeout) in [(20, 5), (31, 600)] {
        let server = Answers::start(&[&answer("503 Busy", &format!("Retry-After: {asked}\r\n"), "")]).await;
        let mut safe = server.get();
        safe.retry = Retry::Safe { tries: 2 };
        safe.timeout = Duration::from_secs(timeout);
        let started = Instant::now();
        let told = call(&safe).await.unwrap();
        assert_eq!((told.status, told.retry_after, server.count()), (503, Some(Duration::from_secs(asked)), 1));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date() {
    let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
    assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(37)));
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
    for nonsense in ["", "soon", "-5", "1.5"] {
        assert_eq!(retry_after(nonsense, now), None, "{nonsense:?}");
    }
}

#[actix_rt::test]
async fn one_failing_call_does_not_disturb_another() {
    let good = Answers::start(&[&answer("200 OK", "", "fine")]).await;
    let hung = Server::start().await;
    let gone = Server::start().await;
    let client = RestClient::new(&tls());
    let mut waits = RestCall::new(Method::Get, hung.url("http", "/"));
    waits.timeout = Duration::from_millis(300);
    let fails = RestCall::new(Method::Get, gone.url("http", "/"));
    drop(gone);
    let fine = good.get();
    let many = futures_util::future::join_all((0..20).map(|_| client.call(&fine)));
    let (waited, failed, many) = within(async { tokio::join!(client.call(&waits), client.call(&fails), many) }).await;
    assert!(matches!(fault(waited), Fault::Timeout(_)));
    assert!(matches!(fault(failed), Fault::Connect(_)));
    assert!(many.into_iter().all(|outcome| outcome.unwrap().body == "fine"));
}

#[actix_rt::test]
async fn errors_and_debug_show_no_secret() {
    let server = Server::start().await;
    let mut secret = RestCall::new(Method::Get, server.url("http", "/login?code=s3cret#s3cret"))
        .header("X-Key", HeaderText::secret("s3cret"));
    secret.body = Body::Json("\"s3cret\"".into());
    drop(server);
    let error = call(&secret).await.unwrap_err();
    for shown in [format!("{secret:?}"), format!("{error}"), format!("{error:?}")] {
        assert!(shown.contains("/login") && !shown.contains("s3cret"), "{shown}");
    }
    let answer = RestAnswer {
        status: 200,
        headers: vec![("set-cookie".into(), "s3cret".into())],
        body: "s3cret".into(),
        retry_after: None,
    };
    assert!(!format!("{answer:?}").contains("s3cret"));
}

#[actix_rt::test]
async fn a_call_that_cannot_be_sent_says_why() {
    let bad_name: Fields = vec![("no spaces".into(), "x".into())];
    for (url, headers, words) in [
        ("ftp://example.com/", vec![], "http://"),
        ("http://user:passw0rd@example.com/", vec![], "user name"),
        ("http://example.com/", bad_name, "\"no spaces\""),
        ("http://example.com/", vec![("X-Key".into(), HeaderText::secret("passw0rd\r\nX: y"))], "X-Key"),
    ] {
        let mut call_ = RestCall::new(Method::Get, url.parse().unwrap());
        call_.headers = headers;
        let error = call(&call_).await.unwrap_err();
        assert!(error.to_string().contains(words) && !error.to_string().contains("passw0rd"), "{error}");
        assert!(!error.is_retryable());
    }
}
