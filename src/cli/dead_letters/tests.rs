//! What becomes of dead letters, with a sink that is a closure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::{cell::RefCell, sync::Arc};

use jiff::Timestamp;
use watchpost::{
    actors::model::{Sequence, SharedEvent, event::Committed},
    config::SinkConfig,
    sinks::delivery::NewDeadLetter,
};

use super::{retry::retry, *};
use crate::cli::testing::{append, config};

/// Dead letters of the sinks `f` (two) and `gone` (one).
fn refused() -> Delivery {
    let delivery = Delivery::in_memory();
    let append = append("hq", 3);
    let commit = Committed {
        connection: append.connection,
        vendor: append.vendor,
        first: Sequence(7),
        recorded: Timestamp::UNIX_EPOCH,
        events: append.events,
    };
    let commit = Arc::new(commit);
    for (index, sink) in ["f", "f", "gone"].into_iter().enumerate() {
        delivery.begin(sink, Sequence(0)).unwrap();
        let event = SharedEvent::new(Arc::clone(&commit), index).unwrap();
        let first = Timestamp::UNIX_EPOCH;
        let letter = NewDeadLetter { sink, lane: None, event: event.get(), why: "400", tries: 1, first };
        delivery.dead(&letter, event.get().sequence.plus(1)).unwrap();
    }
    delivery
}

fn which(id: &[i64]) -> Which {
    Which { sink: None, id: id.to_vec(), all: id.is_empty(), json: false }
}

fn left(delivery: &Delivery) -> Vec<(i64, u32, String)> {
    let letters = delivery.dead_letters(&LetterFilter::default(), 0, 100).unwrap();
    letters.into_iter().map(|letter| (letter.id, letter.tries, letter.why)).collect()
}

#[actix_rt::test]
async fn what_is_taken_is_removed_and_what_is_not_stays_with_the_reason() {
    let delivery = refused();
    let sinks = config("[[sink]]\nname = 'f'\nkind = 'file'\npath = 'x'\n").sinks;
    let seen = RefCell::new(Vec::new());
    let deliver = async |sink: &SinkConfig, events: &[SharedEvent]| {
        let lines: Vec<_> = events.iter().map(|event| event.get().full_id()).collect();
        seen.borrow_mut().push((sink.name.clone(), lines.clone()));
        if lines == ["hq:1"] { Err("422 Unprocessable".to_owned()) } else { Ok(()) }
    };
    let exit = retry(&which(&[]), &sinks, &delivery, deliver).await.unwrap();
    assert_eq!(exit, Exit::Failed);
    let of_f = |id: &str| ("f".to_owned(), vec![id.to_owned()]);
    assert_eq!(*seen.borrow(), [of_f("hq:0"), of_f("hq:1")], "each once, in order, and none to a sink that is gone");
    assert_eq!(left(&delivery), [(2, 2, "422 Unprocessable".to_owned()), (3, 1, "400".to_owned())]);

    let taken = async |_: &SinkConfig, _: &[SharedEvent]| Ok(());
    assert_eq!(retry(&which(&[2]), &sinks, &delivery, taken).await.unwrap(), Exit::Done);
    assert_eq!(retry(&which(&[2]), &sinks, &delivery, taken).await.unwrap(), Exit::Failed, "it is not there any more");
    assert_eq!(left(&delivery).len(), 1);
}

#[test]
fn what_is_dropped_is_gone_and_the_rest_stays() {
    let delivery = refused();
    assert_eq!(remove(&which(&[1, 3]), &delivery).unwrap(), Exit::Done);
    assert_eq!(left(&delivery).iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [2]);
    assert_eq!(remove(&which(&[1]), &delivery).unwrap(), Exit::Failed);
    assert_eq!(remove(&which(&[]), &delivery).unwrap(), Exit::Done);
    assert_eq!(left(&delivery), []);
}
