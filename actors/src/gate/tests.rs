#![allow(clippy::unwrap_used, clippy::panic)]

use futures_util::future::join_all;

use super::*;
use crate::journal::{JournalHandle, Memory, Writer};

fn journal() -> JournalHandle {
    Writer::start(Box::new(Memory::default())).unwrap().handle()
}

fn gate(journal: JournalHandle, rate: Option<u32>) -> Addr<Gate> {
    let refusals = Refusals::new(journal, "een ops at x", true);
    Gate::new("pw".into(), Duration::ZERO, rate.and_then(NonZeroU32::new), refusals).start()
}

async fn enter(gate: &Addr<Gate>) -> Result<Turn, AuthorizeError> {
    gate.send(Enter { insist: false }).await.unwrap()
}

async fn judge(gate: &Addr<Gate>, turn: &Turn, verdict: Verdict) -> Option<AuthorizeError> {
    gate.send(Judged { turn: turn.number, verdict }).await.unwrap()
}

#[actix_rt::test]
async fn a_wrong_secret_is_shown_once_however_many_connections_have_it() {
    let journal = journal();
    let gate = gate(journal.clone(), None);
    let logins = (0..1_000).map(|_| async {
        let turn = match enter(&gate).await {
            Ok(turn) => turn,
            Err(error) => return (false, error),
        };
        (true, judge(&gate, &turn, Verdict::Refused("wrong password".into())).await.unwrap())
    });
    let outcomes = join_all(logins).await;
    assert_eq!(outcomes.iter().filter(|(shown, _)| *shown).count(), 1);
    for (_, error) in outcomes {
        assert!(matches!(error, AuthorizeError::Refused { again_at: Some(_), .. }), "{error}");
    }
    // Not after a restart either.
    let restarted = self::gate(journal, None);
    assert!(matches!(enter(&restarted).await, Err(AuthorizeError::Refused { again_at: Some(_), .. })));
    assert!(restarted.send(Enter { insist: true }).await.unwrap().is_ok(), "unless somebody insists");
}

#[actix_rt::test]
async fn what_comes_after_the_proof_overlaps_and_what_was_proven_takes_no_refusal_back() {
    let gate = gate(journal(), None);
    let first = enter(&gate).await.unwrap();
    judge(&gate, &first, Verdict::Proven).await;
    let second = enter(&gate).await.unwrap();
    judge(&gate, &second, Verdict::Refused("wrong password".into())).await;
    // It was proven before the password was changed.
    judge(&gate, &first, Verdict::Granted).await;
    drop((first, second));
    assert!(matches!(enter(&gate).await, Err(AuthorizeError::Refused { .. })));
}

#[actix_rt::test]
async fn a_refusal_behind_the_proof_counts_like_any_other_and_logins_side_by_side_count_as_one() {
    let journal = journal();
    let gate = gate(journal.clone(), None);
    let first = enter(&gate).await.unwrap();
    judge(&gate, &first, Verdict::Proven).await;
    let second = enter(&gate).await.unwrap();
    judge(&gate, &second, Verdict::Proven).await;
    for turn in [&first, &second] {
        let error = judge(&gate, turn, Verdict::Refused("locked".into())).await.unwrap();
        assert!(matches!(error, AuthorizeError::Refused { again_at: Some(_), .. }), "one round: {error}");
    }
    // The further try, in another process since the first would have to wait for it.
    let (refused, _) = Refusals::new(journal, "een ops at x", true).recall("pw".into()).await;
    assert_eq!(refused.unwrap().count, 1);
}

#[actix_rt::test]
async fn turns_keep_their_pace_and_one_that_is_given_up_holds_nobody_up() {
    let gate = gate(journal(), Some(50));
    let began = Instant::now();
    for _ in 0..10 {
        drop(enter(&gate).await.unwrap());
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(9 * 20), "{took:?}");
}

#[actix_rt::test]
async fn a_pace_that_is_changed_counts_from_the_next_turn_on() {
    let gate = gate(journal(), None);
    gate.send(KeepPace(NonZeroU32::new(50))).await.unwrap();
    let began = Instant::now();
    for _ in 0..5 {
        drop(enter(&gate).await.unwrap());
    }
    assert!(began.elapsed() >= Duration::from_millis(4 * 20), "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn a_server_that_wants_to_be_left_alone_is_left_alone_by_all() {
    let gate = gate(journal(), None);
    let turn = enter(&gate).await.unwrap();
    let waiting = gate.send(Enter { insist: false });
    let hour = Some(Duration::from_secs(3_600));
    judge(&gate, &turn, Verdict::Unavailable("too many requests".into(), hour)).await;
    assert!(matches!(waiting.await.unwrap(), Err(AuthorizeError::Unavailable { .. })), "who waited is told");
    assert!(matches!(enter(&gate).await, Err(AuthorizeError::Unavailable { .. })));
}
