#![allow(clippy::unwrap_used, clippy::panic)]
use std::cell::RefCell;
use std::rc::Rc;

use futures_util::FutureExt;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{advance, sleep};

use super::*;
use crate::transport::request::Method;
use crate::transport::{Fault, RestError};

const SECOND: Duration = Duration::from_secs(1);

fn brake() -> Arc<Brake> {
    Brakes::default().of("service", |answer| answer.status == 403 && answer.body.is_empty())
}

fn to(host: &str) -> RestCall {
    RestCall::new(Method::Get, format!("https://{host}/secret?token=1").parse().unwrap())
}

fn answer(status: u16, body: &'static str) -> RestAnswer {
    RestAnswer { status, headers: vec![], body: body.into(), retry_after: None }
}

/// One call that is answered at once.
async fn ask(brake: &Brake, host: &str, status: u16) -> Result<u16, RestError> {
    brake.call(&to(host), async { Ok(answer(status, "")) }).await.map(|answer| answer.status)
}

/// For how long nothing is asked from now on.
fn left(result: Result<u16, RestError>) -> Duration {
    match result {
        Err(RestError::Braked(braked)) => braked.until.saturating_duration_since(Instant::now().into_std()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_block_nothing_is_asked_at_any_host_for_a_minute_and_twice_as_long_each_time() {
    let brake = brake();
    let mut pause = 60 * SECOND;
    for _ in 0..10 {
        assert_eq!(left(ask(&brake, "api", 403).await), pause);
        advance(pause - SECOND).await;
        for host in ["api", "auth"] {
            let unmade = brake.call(&to(host), async { panic!("it was asked") }).await;
            assert_eq!(left(unmade.map(|answer| answer.status)), SECOND);
        }
        let request = WebSocketRequest::new("wss://socket/".parse().unwrap());
        let unmade = brake.open(&request, async { panic!("it was asked") }).await;
        assert!(matches!(unmade, Err::<(), _>(OpenError::Braked(_))));
        advance(SECOND).await;
        pause = (pause * 2).min(7_680 * SECOND);
    }
    assert_eq!(ask(&brake, "api", 200).await.unwrap(), 200);
    assert_eq!(left(ask(&brake, "api", 403).await), 60 * SECOND, "a success begins the delays anew");
}

#[tokio::test(start_paused = true)]
async fn a_success_elsewhere_does_not_make_a_host_that_blocks_again_and_again_quicker() {
    let brake = brake();
    left(ask(&brake, "socket", 403).await);
    advance(60 * SECOND).await;
    ask(&brake, "api", 200).await.unwrap();
    assert_eq!(left(ask(&brake, "socket", 403).await), 120 * SECOND);
    advance(120 * SECOND).await;
    ask(&brake, "api", 200).await.unwrap();
    assert_eq!(left(ask(&brake, "api", 403).await), 60 * SECOND, "that one has not blocked before");
}

#[tokio::test(start_paused = true)]
async fn what_the_service_itself_refuses_is_no_block() {
    let brake = brake();
    let typed = brake.call(&to("auth"), async { Ok(answer(403, r#"{"error":"invalid_grant"}"#)) }).await.unwrap();
    assert_eq!(typed.status, 403);
    for status in [401, 404, 500, 504, 200] {
        assert_eq!(ask(&brake, "api", status).await.unwrap(), status);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_refused_with_a_block_counts_and_another_refusal_does_not() {
    let brake = brake();
    let request = WebSocketRequest::new("wss://socket/".parse().unwrap());
    let refused = |status: u16, body: &str| OpenError::Refused {
        at: "socket".to_owned(),
        status,
        retry_after: None,
        www_authenticate: None,
        body: body.to_owned(),
    };
    for error in [refused(401, ""), refused(403, "typed"), refused(502, "")] {
        let outcome = brake.open(&request, async { Err::<(), _>(error.clone()) }).await;
        assert_eq!(outcome.unwrap_err(), error);
    }
    let outcome = brake.open(&request, async { Err::<(), _>(refused(403, "")) }).await;
    assert!(matches!(outcome, Err(OpenError::Braked(_))), "{outcome:?}");
    assert_eq!(left(ask(&brake, "api", 200).await), 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_under_way_when_it_was_put_on_neither_lengthen_nor_lift_it() {
    let brake = brake();
    let slow = |status| {
        let brake = Arc::clone(&brake);
        async move {
            let late = async {
                sleep(SECOND).await;
                Ok(answer(status, ""))
            };
            brake.call(&to("api"), late).await.map(|answer| answer.status)
        }
    };
    let (first, second, third) = tokio::join!(slow(403), slow(403), slow(200));
    assert_eq!((left(first), left(second)), (60 * SECOND, 60 * SECOND));
    assert_eq!(third.unwrap(), 200);
    assert_eq!(left(ask(&brake, "api", 200).await), 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn after_the_pause_one_goes_ahead_and_the_others_follow_only_if_it_was_let_in() {
    LocalSet::new()
        .run_until(async {
            for (verdict, asked) in [(403, 1), (200, 20), (504, 20)] {
                let brake = brake();
                left(ask(&brake, "api", 403).await);
                advance(60 * SECOND).await;
                let made = Rc::new(RefCell::new(0));
                let crowd: Vec<_> = (0..20)
                    .map(|_| {
                        let (brake, made) = (Arc::clone(&brake), Rc::clone(&made));
                        spawn_local(async move {
                            let late = async {
                                *made.borrow_mut() += 1;
                                sleep(SECOND).await;
                                Ok(answer(verdict, ""))
                            };
                            brake.call(&to("api"), late).await
                        })
                    })
                    .collect();
                for _ in 0..50 {
                    yield_now().await;
                }
                assert_eq!(*made.borrow(), 1);
                let mut answered = 0;
                for one in crowd {
                    answered += usize::from(one.await.unwrap().is_ok());
                }
                assert_eq!((*made.borrow(), answered > 0), (asked, verdict != 403), "{verdict}");
            }
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn who_goes_ahead_and_gives_up_or_gets_no_answer_lets_the_next_one_try() {
    let brake = brake();
    left(ask(&brake, "api", 403).await);
    advance(60 * SECOND).await;
    let call = to("api");
    let mut given_up = Box::pin(brake.call(&call, std::future::pending()));
    assert!(given_up.as_mut().now_or_never().is_none());
    let mut next = Box::pin(ask(&brake, "api", 200));
    assert!(next.as_mut().now_or_never().is_none(), "it waits");
    drop(given_up);
    let lost = RestError::Failed { at: "GET x".to_owned(), fault: Fault::Timeout(SECOND) };
    assert_eq!(brake.call(&to("api"), async { Err(lost.clone()) }).now_or_never(), Some(Err(lost)));
    assert_eq!(next.await.unwrap(), 200);
    assert_eq!(ask(&brake, "api", 200).await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn services_have_brakes_of_their_own_and_connections_of_one_share_it() {
    let brakes = Brakes::default();
    let of = |name: &str| brakes.of(name, |answer| answer.status == 403);
    left(ask(&of("one"), "api", 403).await);
    assert_eq!(ask(&of("other"), "api", 200).await.unwrap(), 200);
    let error = ask(&of("one"), "api", 200).await.unwrap_err();
    assert!(error.is_retryable());
    let words = error.to_string();
    assert!(words.contains("one blocks this machine's address (403)") && words.contains("until 20"), "{words}");
    assert!(!words.contains("secret") && !words.contains("token"), "{words}");
}
