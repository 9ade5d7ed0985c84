//! What the store of deliveries promises: both kinds by one suite, then what only a file can suffer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::HashMap, sync::Arc, thread};

use watchpost_actors::model::{Event, EventId, Item, Meaning, Origin, SharedEvent, event::Committed};

use super::*;

fn name(text: &str) -> ConnectionName {
    text.parse().unwrap()
}

fn event(connection: &str, id: &str, sequence: u64) -> SharedEvent {
    let event = Event {
        id: EventId::new(id.to_owned()),
        origin: Origin::Live,
        meaning: Arc::new(Meaning { kind: "motion.started".into(), name: None, state: None }),
        item: Some(Arc::new(Item { id: "cameras/1".into(), name: Some("Lobby".into()) })),
        time: "2026-06-11T09:17:59Z".into(),
        data: "{\"n\":1}".into(),
    };
    let commit = Committed {
        connection: name(connection),
        vendor: "milestone",
        first: Sequence(sequence),
        recorded: "2026-06-11T09:18:00Z".parse().unwrap(),
        events: vec![event].into(),
    };
    SharedEvent::new(Arc::new(commit), 0).unwrap()
}

/// Refuses an event of `hq` in its own lane.
fn refuse(delivery: &Delivery, sink: &str, id: &str, sequence: u64, why: &str) -> Result<(), DeliveryError> {
    let event = event("hq", id, sequence);
    let lane = name("hq");
    let first = "2026-06-11T09:18:01Z".parse().unwrap();
    let letter = NewDeadLetter { sink, lane: Some(&lane), event: event.get(), why, tries: 3, first };
    delivery.dead(&letter, Sequence(sequence + 1))
}

fn letters(delivery: &Delivery) -> Vec<DeadLetter> {
    delivery.dead_letters(&LetterFilter::default(), 0, usize::MAX).unwrap()
}

fn only(delivery: &Delivery) -> SinkInfo {
    let [sink] = <[SinkInfo; 1]>::try_from(delivery.sinks().unwrap()).unwrap();
    sink
}

/// Runs a promise against a fresh store of each kind.
fn each_kind(promise: impl Fn(Delivery)) {
    promise(Delivery::in_memory());
    #[cfg(feature = "sqlite")]
    {
        let folder = tempfile::tempdir().unwrap();
        promise(Delivery::open(folder.path()).unwrap());
    }
}

#[test]
fn a_new_sink_begins_where_it_is_told_and_a_known_one_goes_on() {
    each_kind(|delivery| {
        assert_eq!(delivery.highest().unwrap(), Sequence(0));
        let positions = delivery.begin("alerts", Sequence(40)).unwrap();
        assert_eq!((positions.start, &positions.lanes), (Sequence(40), &HashMap::new()));
        assert_eq!(positions.of(Some(&name("hq"))).0, Sequence(40));
        assert_eq!(delivery.highest().unwrap(), Sequence(40));

        delivery.delivered("alerts", Some(&name("hq")), Sequence(50), 7).unwrap();
        delivery.delivered("alerts", Some(&name("stores/1A")), Sequence(45), 2).unwrap();
        delivery.delivered("alerts", None, Sequence(60), 0).unwrap();
        let positions = delivery.begin("alerts", Sequence(1_000)).unwrap();
        assert_eq!(positions.start, Sequence(40));
        let lanes = [(Some(name("hq")), Sequence(50)), (Some(name("stores/1A")), Sequence(45)), (None, Sequence(60))];
        let kept: HashMap<_, _> = positions.lanes.iter().map(|(lane, (next, _))| (lane.clone(), *next)).collect();
        assert_eq!(kept, HashMap::from(lanes));
        assert!(positions.lanes.values().all(|(_, stored)| *stored == positions.since), "nothing was said of that");
        assert_eq!(positions.of(Some(&name("other"))).0, Sequence(60), "a sink that has changed its kind goes on");
        assert_eq!(delivery.highest().unwrap(), Sequence(60));
    });
}

#[test]
fn a_position_only_grows_and_never_falls_below_where_the_sink_began() {
    each_kind(|delivery| {
        delivery.begin("f", Sequence(100)).unwrap();
        for (told, is) in [(50, 100), (120, 120), (110, 120), (120, 120), (121, 121)] {
            delivery.delivered("f", None, Sequence(told), 1).unwrap();
            assert_eq!(delivery.begin("f", Sequence(0)).unwrap().of(None).0, Sequence(is));
        }
        assert_eq!(only(&delivery).delivered, 5);
    });
}

#[test]
fn a_sink_that_has_not_begun_is_refused_and_nothing_is_stored() {
    each_kind(|delivery| {
        let unknown = |result: Result<(), DeliveryError>| {
            let error = result.unwrap_err();
            assert!(matches!(&error, DeliveryError::UnknownSink { sink } if sink == "nobody"), "{error}");
            assert!(!error.is_retryable());
        };
        unknown(delivery.delivered("nobody", None, Sequence(5), 1));
        unknown(delivery.failing("nobody", None, "503"));
        unknown(refuse(&delivery, "nobody", "a", 5, "400"));
        assert_eq!((delivery.sinks().unwrap(), letters(&delivery)), (vec![], vec![]));
    });
}

#[test]
fn failures_keep_when_they_began_and_end_with_a_delivery() {
    each_kind(|delivery| {
        delivery.begin("alerts", Sequence(10)).unwrap();
        let hq = name("hq");
        let failure = || only(&delivery).lanes[0].failure.clone();
        delivery.failing("alerts", Some(&hq), "503 Service Unavailable").unwrap();
        let first = failure().unwrap();
        assert_eq!((first.why.as_str(), first.since), ("503 Service Unavailable", first.last));
        while now() <= first.last {}
        delivery.failing("alerts", Some(&hq), &"é".repeat(501)).unwrap();
        let second = failure().unwrap();
        assert_eq!((second.since, second.why), (first.since, "é".repeat(500)));
        assert!(second.last > first.last);
        // Another lane delivers meanwhile; this one still fails.
        delivery.delivered("alerts", Some(&name("yard")), Sequence(20), 1).unwrap();
        assert!(failure().is_some());
        assert_eq!(delivery.begin("alerts", Sequence(0)).unwrap().of(Some(&hq)).0, Sequence(10));
        delivery.delivered("alerts", Some(&hq), Sequence(11), 1).unwrap();
        assert_eq!(failure(), None);
        // What lies in the way no more does not fail any more either.
        delivery.failing("alerts", Some(&hq), "400").unwrap();
        refuse(&delivery, "alerts", "a", 11, "400").unwrap();
        assert_eq!(failure(), None);
    });
}

#[test]
fn a_sink_tells_how_it_is_doing() {
    each_kind(|delivery| {
        delivery.begin("b", Sequence(10)).unwrap();
        delivery.begin("a", Sequence(20)).unwrap();
        let [a, b] = <[SinkInfo; 2]>::try_from(delivery.sinks().unwrap()).unwrap();
        assert_eq!((a.name.as_str(), b.name.as_str(), b.started), ("a", "b", Sequence(10)));
        assert_eq!((b.delivered, b.last_delivered, b.dead_letters, b.lanes), (0, None, 0, vec![]));
        delivery.delivered("a", None, Sequence(30), 0).unwrap();
        assert_eq!(delivery.sinks().unwrap()[0].last_delivered, None, "nothing was wanted");
        delivery.delivered("a", None, Sequence(40), 4).unwrap();
        refuse(&delivery, "a", "x", 40, "400 Bad Request").unwrap();
        let sinks = delivery.sinks().unwrap();
        assert_eq!((sinks[0].delivered, sinks[0].dead_letters), (4, 1));
        assert!(sinks[0].last_delivered.unwrap() >= sinks[0].started_at);
        let lanes: Vec<_> = sinks[0].lanes.iter().map(|lane| (lane.connection.clone(), lane.position)).collect();
        assert_eq!(lanes, [(None, Sequence(40)), (Some(name("hq")), Sequence(41))]);
    });
}

#[test]
fn a_dead_letter_is_a_whole_copy_and_moves_its_lane_on() {
    each_kind(|delivery| {
        delivery.begin("alerts", Sequence(0)).unwrap();
        refuse(&delivery, "alerts", "0d6f", 41, "413 Payload Too Large").unwrap();
        let [letter] = <[DeadLetter; 1]>::try_from(letters(&delivery)).unwrap();
        assert_eq!((letter.sink.as_str(), letter.connection.as_str()), ("alerts", "hq"));
        assert_eq!((letter.vendor.as_str(), letter.sequence), ("milestone", Sequence(41)));
        assert_eq!((letter.event_id.as_str(), letter.kind.as_str()), ("hq:0d6f", "motion.started"));
        assert_eq!((letter.why.as_str(), letter.tries), ("413 Payload Too Large", 3));
        assert_eq!(letter.first.to_string(), "2026-06-11T09:18:01Z");
        assert!(letter.last > letter.first);
        assert_eq!(letter.line, event("hq", "0d6f", 41).get().to_line());
        assert_eq!(event_of_line(&letter.line).unwrap().get().to_line(), letter.line);
        assert_eq!(delivery.begin("alerts", Sequence(0)).unwrap().of(Some(&name("hq"))).0, Sequence(42));
    });
}

#[test]
fn an_event_that_is_refused_twice_is_one_dead_letter() {
    each_kind(|delivery| {
        delivery.begin("alerts", Sequence(0)).unwrap();
        refuse(&delivery, "alerts", "a", 1, "400").unwrap();
        refuse(&delivery, "alerts", "a", 1, "422").unwrap();
        let [letter] = <[DeadLetter; 1]>::try_from(letters(&delivery)).unwrap();
        assert_eq!((letter.tries, letter.why.as_str()), (6, "422"));
        delivery.retried(letter.id, "429").unwrap();
        let [letter] = <[DeadLetter; 1]>::try_from(letters(&delivery)).unwrap();
        assert_eq!((letter.tries, letter.why.as_str()), (7, "429"));
    });
}

#[test]
fn dead_letters_are_found_page_by_page_by_sink_and_by_id() {
    each_kind(|delivery| {
        for sink in ["a", "b"] {
            delivery.begin(sink, Sequence(0)).unwrap();
            for number in 0..3 {
                refuse(&delivery, sink, &number.to_string(), number, "400").unwrap();
            }
        }
        let ids = |sink: Option<&str>, ids: Option<&[i64]>, after, limit| {
            let filter = LetterFilter { sink: sink.map(Into::into), ids: ids.map(Into::into) };
            let letters = delivery.dead_letters(&filter, after, limit).unwrap();
            letters.iter().map(|letter| letter.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, None, 0, 4), [1, 2, 3, 4]);
        assert_eq!(ids(None, None, 4, 4), [5, 6]);
        assert_eq!(ids(Some("b"), None, 0, 9), [4, 5, 6]);
        assert_eq!(ids(Some("b"), Some(&[6, 1, 77]), 0, 9), [6]);
        assert_eq!(ids(None, Some(&[]), 0, 9), [0; 0]);
        assert_eq!(ids(Some("c"), None, 0, 9), [0; 0]);

        assert_eq!(delivery.remove_dead_letters(&[6, 1, 77]).unwrap(), 2);
        assert_eq!(ids(None, None, 0, 9), [2, 3, 4, 5]);
        // A number that was seen once never means another event.
        refuse(&delivery, "a", "new", 9, "400").unwrap();
        assert_eq!(ids(None, None, 5, 9), [7]);
        let error = delivery.retried(6, "400").unwrap_err().to_string();
        assert!(error.contains('6'), "{error}");
    });
}

#[test]
fn dead_letters_are_bounded_by_their_bytes_too() {
    each_kind(|delivery| {
        let delivery = Delivery { most_dead: Most { bytes: 1, ..Most::default() }, ..delivery };
        delivery.begin("a", Sequence(0)).unwrap();
        refuse(&delivery, "a", "1", 1, "400").unwrap();
        let error = refuse(&delivery, "a", "2", 2, "400").unwrap_err();
        assert!(matches!(error, DeliveryError::Full { letters: 1, bytes: 2.., .. }), "{error}");
    });
}

#[test]
fn a_sink_with_too_many_dead_letters_is_told_so_and_nothing_is_changed() {
    each_kind(|delivery| {
        let delivery = Delivery { most_dead: Most { letters: 2, ..Most::default() }, ..delivery };
        for sink in ["a", "b"] {
            delivery.begin(sink, Sequence(0)).unwrap();
        }
        refuse(&delivery, "a", "1", 1, "400").unwrap();
        refuse(&delivery, "a", "2", 2, "400").unwrap();
        let error = refuse(&delivery, "a", "3", 3, "400").unwrap_err();
        assert!(matches!(&error, DeliveryError::Full { sink, letters: 2, .. } if sink == "a"), "{error}");
        assert!(error.is_retryable() && error.to_string().contains("dead-letters"), "{error}");
        assert_eq!(delivery.begin("a", Sequence(0)).unwrap().of(Some(&name("hq"))).0, Sequence(3));
        assert_eq!(letters(&delivery).len(), 2);
        // One that is there already, and another sink, have room.
        refuse(&delivery, "a", "2", 2, "400").unwrap();
        refuse(&delivery, "b", "3", 3, "400").unwrap();
        let oldest = letters(&delivery)[0].id;
        delivery.remove_dead_letters(&[oldest]).unwrap();
        refuse(&delivery, "a", "3", 3, "400").unwrap();
        assert_eq!(delivery.begin("a", Sequence(0)).unwrap().of(Some(&name("hq"))).0, Sequence(4));
    });
}

#[test]
fn a_replay_goes_on_where_it_was_and_ends() {
    each_kind(|delivery| {
        let job = delivery.add_replay("a", Sequence(10), Sequence(90)).unwrap();
        let other = delivery.add_replay("b", Sequence(0), Sequence(5)).unwrap();
        assert_eq!((job.position, job.until, job.events), (Sequence(10), Sequence(90), 0));
        assert_eq!(delivery.replays(None).unwrap(), [job.clone(), other.clone()]);
        assert_eq!(delivery.replays(Some("b")).unwrap(), [other]);
        delivery.replayed(job.id, Sequence(50), 30).unwrap();
        delivery.replayed(job.id, Sequence(40), 3).unwrap();
        let expected = Replay { position: Sequence(50), events: 33, ..job.clone() };
        assert_eq!(delivery.replays(Some("a")).unwrap(), [expected]);
        delivery.end_replay(job.id).unwrap();
        delivery.end_replay(job.id).unwrap();
        assert_eq!(delivery.replays(Some("a")).unwrap(), []);
        assert!(matches!(delivery.replayed(job.id, Sequence(60), 1), Err(DeliveryError::NoReplay { .. })));
        assert!(delivery.add_replay("a", Sequence(1), Sequence(2)).unwrap().id > 2);
    });
}

#[test]
fn threads_that_deliver_at_once_lose_nothing() {
    each_kind(|delivery| {
        delivery.begin("a", Sequence(0)).unwrap();
        let work = |lane: &'static str| {
            let delivery = delivery.clone();
            move || {
                for position in 1..=200 {
                    delivery.delivered("a", Some(&name(lane)), Sequence(position), 1).unwrap();
                }
            }
        };
        let threads = [thread::spawn(work("x")), thread::spawn(work("y"))];
        for thread in threads {
            thread.join().unwrap();
        }
        let sink = only(&delivery);
        assert_eq!(sink.delivered, 400);
        assert!(sink.lanes.iter().all(|lane| lane.position == Sequence(200)), "{sink:?}");
    });
}

#[cfg(feature = "sqlite")]
mod on_disk {
    use std::{fs, path::Path};

    use super::*;

    /// The file of the store.
    const FILE: &str = "delivery.db";

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A store with something of everything in it.
    fn filled(folder: &Path) -> Delivery {
        let delivery = Delivery::open(folder).unwrap();
        delivery.begin("a", Sequence(5)).unwrap();
        delivery.delivered("a", Some(&name("hq")), Sequence(10), 5).unwrap();
        refuse(&delivery, "a", "x", 10, "400").unwrap();
        delivery.failing("a", Some(&name("yard")), "503").unwrap();
        delivery.add_replay("a", Sequence(0), Sequence(9)).unwrap();
        delivery
    }

    fn all(delivery: &Delivery) -> (Vec<SinkInfo>, Vec<DeadLetter>, Vec<Replay>) {
        (delivery.sinks().unwrap(), letters(delivery), delivery.replays(None).unwrap())
    }

    #[test]
    fn what_was_stored_is_there_after_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let killed = tempfile::tempdir().unwrap();
        let delivery = filled(folder.path());
        // What a killed process leaves are its files as they are.
        for name in names(folder.path()) {
            fs::copy(folder.path().join(&name), killed.path().join(&name)).unwrap();
        }
        assert_eq!(all(&Delivery::open(killed.path()).unwrap()), all(&delivery));
    }

    #[test]
    fn what_was_stored_is_there_after_an_orderly_end() {
        let folder = tempfile::tempdir().unwrap();
        let before = all(&filled(folder.path()));
        assert_eq!(names(folder.path()), [FILE]);
        assert_eq!(all(&Delivery::open(folder.path()).unwrap()), before);
    }

    #[test]
    fn a_reader_beside_a_writer_sees_what_is_stored_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Delivery::open_to_read(folder.path()).unwrap().is_none());
        assert_eq!(names(folder.path()), [""; 0], "nothing is created by looking");
        assert!(Delivery::open_to_read(&folder.path().join("absent")).unwrap().is_none());
        let delivery = filled(folder.path());
        let reader = Delivery::open_to_read(folder.path()).unwrap().unwrap();
        assert_eq!(all(&reader), all(&delivery));
        delivery.delivered("a", Some(&name("hq")), Sequence(20), 1).unwrap();
        assert_eq!(all(&reader), all(&delivery));
        let error = reader.begin("b", Sequence(1)).unwrap_err();
        assert!(matches!(error, DeliveryError::Unavailable(_)), "{error}");
        // Nor does it need the writer.
        let before = all(&delivery);
        drop((delivery, reader));
        assert_eq!(all(&Delivery::open_to_read(folder.path()).unwrap().unwrap()), before);
    }

    /// SQLite cannot write beside the file, whoever we are.
    #[cfg(unix)]
    fn beside_taken(folder: &Path) {
        std::os::unix::fs::symlink("absent/shm", folder.join("delivery.db-shm")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_store_that_nobody_uses_is_read_where_nothing_can_be_written_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a% b?#é");
        let before = all(&filled(&data));
        beside_taken(&data);
        assert_eq!(all(&Delivery::open_to_read(&data).unwrap().unwrap()), before);
    }

    #[cfg(unix)]
    #[test]
    fn where_nothing_can_be_written_beside_a_store_in_use_it_is_said_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        drop(filled(folder.path()));
        beside_taken(folder.path());
        let taken = crate::journal::DataDir::open(folder.path()).unwrap();
        let error = Delivery::open_to_read(folder.path()).unwrap_err();
        let text = error.to_string();
        for word in [&*folder.path().join(FILE).display().to_string(), "-shm", "may write in"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(error.is_retryable());
        // Nor is a store read without its log.
        drop(taken);
        fs::write(folder.path().join("delivery.db-wal"), "x").unwrap();
        assert!(Delivery::open_to_read(folder.path()).unwrap_err().to_string().contains("-shm"));
    }

    #[test]
    fn an_error_names_the_file_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        drop(filled(folder.path()));
        let path = folder.path().join(FILE);
        let reader = Delivery::open_to_read(folder.path()).unwrap().unwrap();
        let text = reader.begin("b", Sequence(1)).unwrap_err().to_string();
        let named = path.display().to_string();
        assert!(text.matches(&named).count() == 1 && text.contains("right to write"), "{text}");
        drop(reader);

        let mut bytes = fs::read(&path).unwrap();
        bytes[..100].fill(b'x');
        fs::write(&path, bytes).unwrap();
        let text = Delivery::open_to_read(folder.path()).unwrap_err().to_string();
        assert!(text.matches(&named).count() == 1 && text.contains("lays the file aside"), "{text}");
    }

    #[test]
    fn a_position_adds_little_to_the_log_at_whose_end_a_sink_stands_still() {
        let folder = tempfile::tempdir().unwrap();
        let delivery = Delivery::open(folder.path()).unwrap();
        delivery.begin("a", Sequence(1)).unwrap();
        let log = || fs::metadata(folder.path().join("delivery.db-wal")).unwrap().len();
        let before = log();
        for sequence in 2..12 {
            delivery.delivered("a", Some(&name("hq")), Sequence(sequence), 1).unwrap();
        }
        let bytes = (log() - before) / 10;
        assert!(bytes < 3_000, "{bytes} bytes");
    }

    #[test]
    fn a_damaged_file_is_laid_aside_whole_and_a_new_one_begun() {
        let damages: [fn(&mut Vec<u8>); 3] = [
            |bytes| bytes[..100].fill(b'x'),
            |bytes| bytes.truncate(bytes.len() / 2),
            // The schema's own page.
            |bytes| bytes[100..4_000].fill(0xff),
        ];
        for (number, damage) in damages.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            drop(filled(folder.path()));
            let path = folder.path().join(FILE);
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(&path, &bytes).unwrap();
            let error = Delivery::open_to_read(folder.path()).and_then(|store| store.unwrap().sinks()).map(drop);
            if let Err(error) = error {
                assert!(matches!(error, DeliveryError::Corrupt(_)), "{number}: {error}");
            }
            assert_eq!(fs::read(&path).unwrap(), bytes, "{number}: a reader leaves it");

            let delivery = Delivery::open(folder.path()).unwrap();
            assert_eq!(all(&delivery), (vec![], vec![], vec![]), "{number}");
            delivery.begin("a", Sequence(7)).unwrap();
            drop(delivery);
            assert_eq!(Delivery::open(folder.path()).unwrap().highest().unwrap(), Sequence(7));
            let names = names(folder.path());
            let aside = names.iter().find(|name| name.starts_with("delivery.db.corrupt-2")).unwrap();
            assert_eq!(fs::read(folder.path().join(aside)).unwrap(), bytes, "{number}: {names:?}");
        }
    }

    #[test]
    fn a_file_of_a_later_version_and_one_of_somebody_else_are_refused_and_left_as_they_are() {
        for (sql, words) in [
            ("PRAGMA user_version = 99", ["format 99", "later"]),
            ("PRAGMA application_id = 7", ["not one of watchpost", "data_dir"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            drop(filled(folder.path()));
            let path = folder.path().join(FILE);
            let db = rusqlite::Connection::open(&path).unwrap();
            db.execute_batch(sql).unwrap();
            db.close().unwrap();
            let bytes = fs::read(&path).unwrap();
            let open = Delivery::open(folder.path()).unwrap_err();
            let read = Delivery::open_to_read(folder.path()).unwrap_err();
            for error in [open, read] {
                let text = error.to_string();
                assert!(words.iter().all(|word| text.contains(word)) && text.contains(FILE), "{text}");
                assert!(!error.is_retryable());
            }
            assert_eq!(fs::read(&path).unwrap(), bytes);
            assert!(names(folder.path()).iter().all(|name| !name.contains("corrupt")));
        }
    }

    #[test]
    fn a_database_without_a_mark_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
        let bytes = fs::read(&path).unwrap();
        let error = Delivery::open(folder.path()).unwrap_err();
        assert!(matches!(error, DeliveryError::Foreign { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_created_may_be_read_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("deep/data");
        let _open = filled(&data);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data), 0o700);
        for name in names(&data) {
            assert_eq!(mode(&data.join(&name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("file");
        fs::write(&taken, "").unwrap();
        let error = Delivery::open(&taken).unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains("file"), "{error}");
        fs::create_dir(folder.path().join(FILE)).unwrap();
        let error = Delivery::open(folder.path()).unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains(FILE), "{error}");
    }
}

mod lines {
    use proptest::{option, prelude::*};
    use watchpost_actors::model::StateMeaning;

    use super::*;

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("1.50".to_owned()),
            Just("-0".to_owned()),
            Just("12345678901234567890123456789".to_owned()),
            any::<bool>().prop_map(|value| value.to_string()),
            any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
            Just(r#""\u00e9\/""#.to_owned()),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
                prop::collection::vec(("[a-z ]{0,4}", inner), 0..4).prop_map(|members| {
                    let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\" : {value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    fn text() -> impl Strategy<Value = Arc<str>> {
        any::<String>().prop_map(Into::into)
    }

    prop_compose! {
        fn events()(
            connection in prop_oneof!["[a-z0-9][a-z0-9_-]{0,20}", "[a-z0-9]{1,9}/[A-Za-z0-9_-]{1,20}"],
            id in any::<String>(),
            origin in prop::sample::select(
                vec![Origin::Live, Origin::Resumed, Origin::Backfill, Origin::Snapshot, Origin::Engine],
            ),
            item in option::of((text(), option::of(text()))),
            meaning in (text(), option::of(text()), option::of((text(), text()))),
            time in any::<String>(),
            data in prop_oneof![json(), Just(String::new())],
            sequence in any::<u64>(),
            recorded in 0_i128..253_402_207_200_000_000_000,
        ) -> Committed {
            let (kind, kind_name, state) = meaning;
            let state = state.map(|(group, value)| StateMeaning {
                group,
                value,
                vendor_group: "g".into(),
                vendor_value: "v".into(),
                text: None,
            });
            let event = Event {
                id: EventId::new(id),
                origin,
                meaning: Arc::new(Meaning { kind, name: kind_name, state }),
                item: item.map(|(id, name)| Arc::new(Item { id, name })),
                time: time.into(),
                data: data.into(),
            };
            Committed {
                connection: name(&connection),
                vendor: "milestone",
                first: Sequence(sequence),
                recorded: Timestamp::from_nanosecond(recorded).unwrap(),
                events: vec![event].into(),
            }
        }
    }

    proptest! {
        #[test]
        fn an_event_made_from_its_line_writes_the_same_line(commit in events()) {
            let line = commit.get(0).unwrap().to_line();
            let again = event_of_line(&line).unwrap();
            prop_assert_eq!(again.get().to_line(), line);
            prop_assert_eq!(again.get().sequence, commit.first);
        }

        #[test]
        fn a_text_that_is_no_line_is_an_error_and_no_panic(text in any::<String>(), cut in any::<prop::sample::Index>()) {
            prop_assert!(event_of_line(&text).is_err());
            let line = event("hq", &text, 5).get().to_line();
            let places: Vec<_> = line.char_indices().map(|(place, _)| place).collect();
            prop_assert!(event_of_line(&line[..*cut.get(&places)]).is_err());
        }
    }

    #[test]
    fn a_line_that_another_program_has_changed_is_refused_with_the_member_named() {
        let line = event("hq", "0d6f", 41).get().to_line();
        for (old, new, member) in [
            ("\"hq:0d6f\"", "\"yard:0d6f\"", "id"),
            ("\"hq:0d6f\"", "\"hq\"", "id"),
            ("\"connection\":\"hq\"", "\"connection\":\"H Q\"", "connection"),
            ("\"vendor\":\"milestone\"", "\"vendor\":\"acme\"", "vendor"),
            ("\"live\"", "\"dead\"", "origin"),
            ("00000000000000000041", "x", "sequence"),
            ("2026-06-11T09:18:00Z", "yesterday", "recordedtime"),
            ("\"1.0\"", "\"0.3\"", "specversion"),
        ] {
            let changed = line.replace(old, new);
            assert_ne!(changed, line);
            let error = event_of_line(&changed).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{member}\"")), "{error}");
        }
        let error = event_of_line(&line.replace("\"type\"", "\"typ\"")).unwrap_err().to_string();
        assert!(error.contains("`type`"), "{error}");
    }
}
