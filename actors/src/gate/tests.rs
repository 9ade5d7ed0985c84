#![allow(clippy::unwrap_used, clippy::panic)]

use futures_util::future::{BoxFuture, join_all};
use tokio::task::{LocalSet, yield_now};

use super::closed::{DOUBTED, FURTHER_TRY};
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
    gate.send(Enter { insist: false, again: false }).await.unwrap()
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
    assert!(restarted.send(Enter { insist: true, again: false }).await.unwrap().is_ok(), "unless somebody insists");
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
    let waiting = gate.send(Enter { insist: false, again: false });
    let hour = Some(Duration::from_secs(3_600));
    judge(&gate, &turn, Verdict::TooMany("too many requests".into(), hour)).await;
    assert!(matches!(waiting.await.unwrap(), Err(AuthorizeError::Unavailable { .. })), "who waited is told");
    assert!(matches!(enter(&gate).await, Err(AuthorizeError::Unavailable { .. })));
}

const SECOND: Duration = Duration::from_secs(1);

/// A gate that remembers nothing of an earlier process, so that time stands still while nobody waits for it.
fn forgetful() -> Addr<Gate> {
    let refusals = Refusals::new(journal(), "een ops at x", false);
    let mut gate = Gate::new("pw".into(), Duration::ZERO, None, refusals);
    gate.noted = false;
    gate.start()
}

fn too_many(seconds: Option<u64>) -> Verdict {
    Verdict::TooMany("too many requests".into(), seconds.map(Duration::from_secs))
}

/// Asks, and lets the gate take that in.
async fn ask(gate: &Addr<Gate>, insist: bool, again: bool) -> BoxFuture<'static, Result<Turn, AuthorizeError>> {
    let mut asking = gate.send(Enter { insist, again }).map(Result::unwrap).boxed();
    for _ in 0..4 {
        if let Some(result) = (&mut asking).now_or_never() {
            return std::future::ready(result).boxed();
        }
        yield_now().await;
    }
    asking
}

#[tokio::test(start_paused = true)]
async fn those_at_the_gate_wait_for_the_end_of_a_short_pause_and_so_do_those_who_come_meanwhile() {
    let test = async {
        let gate = forgetful();
        let turn = enter(&gate).await.unwrap();
        let first = ask(&gate, false, false).await;
        judge(&gate, &turn, too_many(Some(15))).await;
        let began = Instant::now();
        let later = ask(&gate, false, false).await;
        // Who was told so is ahead of those who have asked since.
        let again = ask(&gate, false, true).await.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 15);
        judge(&gate, &again, Verdict::Granted).await;
        for asking in [first, later] {
            judge(&gate, &asking.await.unwrap(), Verdict::Granted).await;
        }
        assert_eq!(began.elapsed().as_secs(), 15, "and then they enter one after the other");
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_turned_away_with_the_reason_when_pauses_become_many_or_long() {
    let test = async {
        let gate = forgetful();
        let mut turn = enter(&gate).await.unwrap();
        for pause in [2, 4, 8] {
            let (waiting, began) = (ask(&gate, false, false).await, Instant::now());
            judge(&gate, &turn, too_many(None)).await;
            turn = waiting.await.unwrap();
            assert_eq!(began.elapsed().as_secs(), pause);
        }
        let waiting = ask(&gate, false, false).await;
        judge(&gate, &turn, too_many(None)).await;
        let why = waiting.await.unwrap_err().to_string();
        assert_eq!(why, "too many requests");
        assert!(enter(&gate).await.is_err());
        tokio::time::sleep(16 * SECOND).await;
        assert!(enter(&gate).await.is_ok());
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn turns_are_further_apart_after_a_pause_until_logins_work() {
    let test = async {
        let gate = forgetful();
        let turn = enter(&gate).await.unwrap();
        judge(&gate, &turn, too_many(Some(1))).await;
        let mut moments = Vec::new();
        for _ in 0..3 {
            let turn = enter(&gate).await.unwrap();
            moments.push(Instant::now());
            judge(&gate, &turn, Verdict::Granted).await;
        }
        let apart: Vec<_> = moments.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        assert!((48..=52).contains(&apart[0]) && (44..apart[0]).contains(&apart[1]), "{apart:?}");
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_under_way_does_not_end_the_pause_and_one_after_a_dead_moment_does() {
    let test = async {
        let gate = forgetful();
        let (early, told) = (enter(&gate).await.unwrap(), Instant::now());
        judge(&gate, &early, Verdict::Proven).await;
        let turn = enter(&gate).await.unwrap();
        judge(&gate, &turn, too_many(Some(10))).await;
        judge(&gate, &early, Verdict::Granted).await;
        let turn = enter(&gate).await.unwrap();
        assert_eq!(told.elapsed().as_secs(), 10);
        judge(&gate, &turn, Verdict::Unavailable("no route".into())).await;
        assert!(enter(&gate).await.is_err(), "a server that cannot be asked has no queue");
        judge(&gate, &early, Verdict::Granted).await;
        assert!(enter(&gate).await.is_ok(), "but it can be asked");
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn who_insists_waits_for_no_pause_and_behind_nobody() {
    let test = async {
        let gate = forgetful();
        for pause in [15, 3_600] {
            let turn = enter(&gate).await.unwrap();
            judge(&gate, &turn, too_many(Some(pause))).await;
            drop(turn);
            let (mut waiting, began) = (ask(&gate, false, false).await, Instant::now());
            let turn = ask(&gate, true, false).await.await.unwrap();
            assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
            // Those who had to wait come after, and those who were turned away have been.
            let is_waiting = (&mut waiting).now_or_never().is_none();
            assert_eq!(is_waiting, pause == 15);
            judge(&gate, &turn, Verdict::Granted).await;
        }
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_already_enters_when_somebody_insists() {
    let test = async {
        let gate = forgetful();
        let turn = enter(&gate).await.unwrap();
        judge(&gate, &turn, too_many(Some(15))).await;
        let (waiting, began) = (ask(&gate, false, false).await, Instant::now());
        gate.send(Insist).await.unwrap();
        assert!(waiting.await.is_ok() && began.elapsed() < SECOND, "{:?}", began.elapsed());
    };
    LocalSet::new().run_until(test).await;
}

fn doubtful() -> Verdict {
    Verdict::Doubtful("locked, or too many requests".into())
}

#[tokio::test(start_paused = true)]
async fn what_may_be_a_refusal_is_none_while_others_with_the_same_secret_are_let_in() {
    let test = async {
        let gate = forgetful();
        for _ in 0..9 {
            let turn = enter(&gate).await.unwrap();
            let error = judge(&gate, &turn, doubtful()).await.unwrap();
            assert!(matches!(error, AuthorizeError::Unavailable { .. }), "{error}");
            // Another account's.
            let turn = enter(&gate).await.unwrap();
            judge(&gate, &turn, Verdict::Granted).await;
        }
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn what_may_be_a_refusal_is_one_if_the_next_login_behind_a_pause_hears_the_same() {
    let test = async {
        let gate = forgetful();
        let mut crowd = Vec::new();
        for _ in 0..5 {
            let turn = enter(&gate).await.unwrap();
            judge(&gate, &turn, Verdict::Proven).await;
            crowd.push(turn);
        }
        for turn in &crowd[1..] {
            let error = judge(&gate, turn, doubtful()).await.unwrap();
            assert!(matches!(error, AuthorizeError::Unavailable { .. }), "they were under way together: {error}");
        }
        let (again, began) = (ask(&gate, false, true).await, Instant::now());
        let others = ask(&gate, false, false).await;
        let again = again.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 2);
        let error = judge(&gate, &again, doubtful()).await.unwrap();
        assert!(matches!(error, AuthorizeError::Refused { again_at: Some(_), .. }), "{error}");
        assert!(matches!(others.await, Err(AuthorizeError::Refused { .. })));
        let error = judge(&gate, &crowd[0], doubtful()).await.unwrap();
        assert!(matches!(error, AuthorizeError::Refused { again_at: Some(_), .. }), "one round: {error}");

        tokio::time::sleep(FURTHER_TRY).await;
        let further = enter(&gate).await.unwrap();
        let error = judge(&gate, &further, doubtful()).await.unwrap();
        assert!(matches!(error, AuthorizeError::Unavailable { .. }), "the further try is asked about too: {error}");
        let further = ask(&gate, false, true).await.await.unwrap();
        let error = judge(&gate, &further, doubtful()).await.unwrap();
        assert!(matches!(error, AuthorizeError::Refused { again_at: None, .. }), "{error}");
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn while_it_is_in_doubt_whether_the_server_said_no_logins_are_made_one_by_one_and_for_ten_minutes_at_most() {
    let test = async {
        let gate = forgetful();
        let turn = enter(&gate).await.unwrap();
        judge(&gate, &turn, doubtful()).await;
        let again = enter(&gate).await.unwrap();
        judge(&gate, &again, Verdict::Proven).await;
        let mut other = ask(&gate, false, false).await;
        assert!((&mut other).now_or_never().is_none(), "it could take the same answer for a refusal");
        judge(&gate, &again, Verdict::Unavailable("no route".into())).await;
        assert!(other.await.is_err());

        tokio::time::sleep(DOUBTED).await;
        let turn = enter(&gate).await.unwrap();
        let error = judge(&gate, &turn, doubtful()).await.unwrap();
        assert!(matches!(error, AuthorizeError::Unavailable { .. }), "{error}");
    };
    LocalSet::new().run_until(test).await;
}
