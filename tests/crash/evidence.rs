//! That the evidence would find what it looks for.

use crate::durable_support::{Line, assert_grows, assert_same, steps_back};

fn lines(sequences: &[u64]) -> Vec<Line> {
    let text = |n: &u64| {
        format!(r#"{{"id":"hq:{n}","connection":"hq","origin":"live","type":"motion.started","sequence":"{n:020}"}}"#)
    };
    sequences.iter().map(|n| Line::read(&text(n)).unwrap()).collect()
}

#[test]
fn a_step_back_counts_the_events_that_come_again() {
    assert_eq!(steps_back(&lines(&[1, 2, 5, 6])), [0_usize; 0]);
    assert_eq!(steps_back(&lines(&[1, 2, 5, 5, 6])), [1]);
    assert_eq!(steps_back(&lines(&[1, 2, 5, 2, 5, 6, 1, 2, 5, 6, 7])), [2, 4]);
}

#[test]
#[should_panic(expected = "came before")]
fn a_sequence_that_does_not_grow_is_found() {
    assert_grows("sink", &lines(&[1, 3, 2]));
}

#[test]
#[should_panic(expected = "never")]
fn a_lost_event_is_found() {
    assert_same("sink", &["a".to_owned(), "c".to_owned()], &["a".to_owned(), "b".to_owned(), "c".to_owned()]);
}
