//! What must hold when things go wrong.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use rusqlite::Connection;

use super::*;
use crate::journal::{DataDirError, OpenError, Synchronous};

/// The contents of all files but the lock.
fn contents(site: &Site) -> BTreeMap<String, Vec<u8>> {
    site.names()
        .into_iter()
        .filter(|name| name != "lock")
        .map(|name| (name.clone(), fs::read(site.file(&name)).unwrap()))
        .collect()
}

/// The names of what was set aside.
fn set_aside(site: &Site) -> Vec<String> {
    site.names().into_iter().filter(|name| name.starts_with("journal.db.corrupt-")).collect()
}

/// A journal with some events, closed.
fn filled(options: JournalOptions) -> (Site, Sequence) {
    let site = Site::with(options);
    let mut journal = site.open();
    for n in 0..50 {
        store(&mut journal, Append { checkpoint: checkpoint("c"), ..events("a", &format!("{n}-"), 20) }).unwrap();
    }
    journal.close().unwrap();
    let next = journal.next().unwrap();
    drop(journal);
    (site, next)
}

/// Writes nonsense over the middle pages, and leaves the header.
fn scribble(site: &Site) {
    let mut bytes = fs::read(site.file("journal.db")).unwrap();
    assert!(bytes.len() > 8 * 4_096);
    for byte in &mut bytes[4_096..] {
        *byte = 0xa5;
    }
    fs::write(site.file("journal.db"), bytes).unwrap();
}

/// A new journal above the old one, which every connection finds out.
fn assert_begun_anew(site: &Site, next: Sequence) {
    let mut journal = site.open();
    let begin = journal.next().unwrap();
    assert!(begin >= next, "{begin} is not above {next}");
    let written = fs::metadata(site.file(&set_aside(site)[0])).unwrap().modified().unwrap();
    let heard = journal.load(&name("a")).unwrap().heard.unwrap();
    let apart = Timestamp::try_from(written).unwrap().duration_since(heard).abs();
    assert!(apart < jiff::SignedDuration::from_secs(60), "{heard} is not when the old journal was last written");
    drop(journal);
    // For as long as nothing of it is stored, and for connections that come later, too.
    let mut journal = site.open();
    assert!(!site.file("journal.db.damaged").exists());
    for lane in ["a", "b"] {
        let loaded = journal.load(&name(lane)).unwrap();
        assert_eq!((loaded.heard, loaded.checkpoint, loaded.states.len()), (Some(heard), None, 0));
        assert_eq!(
            read(&mut journal, Sequence(1), 9, Some(lane)).oldest,
            begin,
            "a sink is told that something is gone"
        );
    }
    assert_eq!(store(&mut journal, events("a", "", 1)).unwrap().first, begin);
}

#[expect(clippy::print_stderr, reason = "the second process of the test tells the first")]
#[test]
fn a_second_process_is_told_who_has_the_folder() {
    const FOLDER: &str = "WATCHPOST_TEST_FOLDER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        // This is the second process.
        eprintln!("said: {}", DataDir::open(folder).unwrap_err());
        return;
    }
    let site = Site::new();
    assert_eq!(DataDir::holder(site.path()).unwrap(), None);
    let journal = site.open();
    let this = std::process::id();
    assert_eq!(DataDir::holder(site.path()).unwrap().unwrap().process, Some(this));
    assert!(matches!(DataDir::open(site.path()), Err(DataDirError::InUse { .. })));
    let test = std::thread::current().name().unwrap().to_owned();
    let second = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture"])
        .env(FOLDER, site.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    let path = site.path().display();
    let expected = format!(
        "said: the data folder {path} is in use by process {this}: stop that one first, or set another data_dir"
    );
    assert!(said.contains(&expected), "{said}");
    drop(journal);
    assert_eq!(DataDir::holder(site.path()).unwrap(), None);
    site.open();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let site = Site::new();
    fs::write(site.file("file"), "").unwrap();
    let error = DataDir::open(site.file("file/data")).unwrap_err().to_string();
    assert!(error.contains("file/data") && error.starts_with("cannot use the data folder"), "{error}");
    assert_eq!(DataDir::holder(&site.file("absent")).unwrap(), None);
    assert!(!site.file("absent").exists());
}

#[cfg(unix)]
#[test]
fn a_folder_that_was_made_and_the_journal_in_it_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let folder = DataDir::open(site.file("new/data")).unwrap();
    let mut journal = SqliteJournal::open(&folder, JournalOptions::default()).unwrap();
    store(&mut journal, events("a", "", 1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o700);
    for name in ["lock", "journal.db", "journal.db-wal", "journal.db-shm"] {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    let site = Site::with(JournalOptions { synchronous: Synchronous::Normal, ..JournalOptions::default() });
    let mut journal = site.open();
    let mut answered = Vec::new();
    for n in 0..200 {
        let append = Append { checkpoint: checkpoint(&n.to_string()), ..events("a", &format!("{n}-"), 7) };
        answered.extend(store(&mut journal, append).unwrap().events.iter().map(|event| event.id.to_owned()));
        if n % 40 == 3 {
            let image = site.crash_image();
            let mut after = image.open();
            assert_eq!(all(&mut after), answered);
            let loaded = after.load(&name("a")).unwrap();
            assert_eq!(loaded.checkpoint, checkpoint(&n.to_string()));
            assert_eq!(loaded.states[0].sequence, after.next().unwrap().0.checked_sub(1).map(Sequence).unwrap());
        }
    }
}

#[test]
fn a_note_waits_for_the_disk_whatever_events_wait_for() {
    for (synchronous, usual) in [(Synchronous::Normal, 1), (Synchronous::Full, 2)] {
        let site = Site::with(JournalOptions { synchronous, ..JournalOptions::default() });
        let mut journal = site.open();
        // What SQLite waits for while it writes one.
        let watch = "CREATE TEMP TABLE seen (synchronous);
            CREATE TEMP TRIGGER watch AFTER INSERT ON main.notes BEGIN INSERT INTO seen SELECT synchronous FROM pragma_synchronous; END;";
        journal.connection.execute_batch(watch).unwrap();
        journal.set_note("token", Some("newest")).unwrap();
        let ask = |sql| journal.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(ask("SELECT synchronous FROM seen"), 2, "FULL");
        assert_eq!(ask("PRAGMA synchronous"), usual);
    }
}

#[test]
fn after_a_clean_end_the_file_alone_is_the_journal_even_while_somebody_has_it_open() {
    let site = Site::new();
    let mut journal = site.open();
    let mut reader = journal.reader().unwrap().unwrap();
    store(&mut journal, events("a", "", 100)).unwrap();
    assert_eq!(read(&mut *reader, Sequence(0), 999, None).commits.len(), 1);
    journal.close().unwrap();
    let copy = Site::new();
    fs::copy(site.file("journal.db"), copy.file("journal.db")).unwrap();
    assert_eq!(all(&mut copy.open()).len(), 100);
}

#[test]
fn a_commit_that_was_cut_off_is_as_if_it_had_never_been() {
    let site = Site::new();
    let mut journal = site.open();
    store(&mut journal, events("a", "kept", 3)).unwrap();
    let whole = fs::metadata(site.file("journal.db-wal")).unwrap().len();
    store(&mut journal, events("a", "cut", 300)).unwrap();
    let image = site.crash_image();
    let wal = fs::OpenOptions::new().write(true).open(image.file("journal.db-wal")).unwrap();
    let full = wal.metadata().unwrap().len();
    assert!(full > whole + 4_096);
    wal.set_len(full - 100).unwrap();
    let mut after = image.open();
    assert_eq!(all(&mut after), ["kept0", "kept1", "kept2"]);
    assert_eq!(after.next().unwrap().0 + 300, journal.next().unwrap().0);
}

#[test]
fn a_journal_of_a_newer_version_is_refused_and_not_touched() {
    let (site, _) = filled(JournalOptions::default());
    let connection = Connection::open(site.file("journal.db")).unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    drop(connection);
    let before = contents(&site);
    let error = site.try_open().unwrap_err();
    assert!(matches!(error, OpenError::Newer { schema: 3, known: 1, .. }) && !error.is_retryable());
    assert!(error.to_string().contains("was written by a newer watchpost (schema 3, this one knows 1)"), "{error}");
    assert_eq!(contents(&site), before);
}

#[test]
fn a_newer_version_that_only_the_log_knows_of_is_refused_and_not_touched() {
    let (site, _) = filled(JournalOptions::default());
    let connection = Connection::open(site.file("journal.db")).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    let image = site.crash_image();
    drop(connection);
    let without_index = |site: &Site| {
        let mut files = contents(site);
        files.remove("journal.db-shm");
        files
    };
    let before = without_index(&image);
    assert!(matches!(image.try_open().unwrap_err(), OpenError::Newer { schema: 2, .. }));
    assert_eq!(without_index(&image), before);
}

#[test]
fn a_database_of_something_else_is_refused_and_not_touched() {
    let site = Site::new();
    let connection = Connection::open(site.file("journal.db")).unwrap();
    connection.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    drop(connection);
    let before = contents(&site);
    let error = site.try_open().unwrap_err();
    assert!(matches!(error, OpenError::NotOurs { .. }) && !error.is_retryable(), "{error}");
    assert_eq!(contents(&site), before);
}

#[test]
fn a_corrupt_journal_is_set_aside_under_a_name_that_says_when_and_a_new_one_begins_above_it() {
    let (site, next) = filled(JournalOptions::default());
    scribble(&site);
    let damaged = fs::read(site.file("journal.db")).unwrap();
    assert_begun_anew(&site, next);
    let aside = set_aside(&site);
    assert_eq!(fs::read(site.file(&aside[0])).unwrap(), damaged, "nothing of it is lost");
}

#[test]
fn a_file_that_is_no_database_is_set_aside_with_its_companions() {
    for bytes in [&b""[..], b"SQLite format 3\0 and then nothing", &[b'x'; 9_000]] {
        let site = Site::new();
        fs::write(site.file("journal.db"), bytes).unwrap();
        fs::write(site.file("journal.db-wal"), "log").unwrap();
        fs::write(site.file("journal.db-shm"), "index").unwrap();
        let at_least = Sequence(9_000_000_000_000_000);
        let site = Site { options: JournalOptions { at_least, ..JournalOptions::default() }, ..site };
        assert_begun_anew(&site, at_least);
        let aside = set_aside(&site);
        assert_eq!(aside.len(), 3);
        assert_eq!(fs::read(site.file(&aside[0])).unwrap(), bytes);
        assert_eq!(aside[1..], [format!("{}-shm", aside[0]), format!("{}-wal", aside[0])]);
    }
}

#[test]
fn two_journals_set_aside_in_one_second_are_both_kept() {
    let site = Site::new();
    for text in ["first", "second", "third"] {
        fs::write(site.file("journal.db"), text).unwrap();
        drop(site.open());
    }
    let kept: Vec<_> = set_aside(&site).iter().map(|name| fs::read_to_string(site.file(name)).unwrap()).collect();
    assert_eq!(kept.len(), 3);
    for text in ["first", "second", "third"] {
        assert!(kept.iter().any(|kept| kept == text), "{text}");
    }
}

#[test]
fn a_log_without_its_file_is_not_taken_for_that_of_the_new_one() {
    let site = Site::new();
    let mut journal = site.open();
    store(&mut journal, events("a", "", 50)).unwrap();
    let image = site.crash_image();
    fs::remove_file(image.file("journal.db")).unwrap();
    let mut after = image.open();
    assert_eq!(all(&mut after), [""; 0]);
    assert!(after.load(&name("a")).unwrap().heard.is_some());
    assert_eq!(set_aside(&image).len(), 1);
}

#[test]
fn a_crash_between_setting_aside_and_beginning_anew_still_tells_the_gap() {
    let (site, _) = filled(JournalOptions::default());
    let heard = "2026-06-11T09:00:00Z";
    fs::write(site.file("journal.db.damaged"), format!("{heard} it was damaged")).unwrap();
    fs::rename(site.file("journal.db"), site.file("journal.db.corrupt-x")).unwrap();
    let mut journal = site.open();
    assert_eq!(journal.load(&name("a")).unwrap().heard, Some(moment(heard)));
    assert!(!site.file("journal.db.damaged").exists());
}

#[test]
fn damage_met_while_running_is_told_and_checked_at_the_next_start() {
    let (site, next) = filled(JournalOptions::default());
    let mut journal = site.open();
    let mut reader = journal.reader().unwrap().unwrap();
    scribble(&site);
    let ask = Ask { from: Sequence(0), limit: 9_999, of: None };
    let error = reader.read(&ask).unwrap_err();
    assert!(matches!(&error, JournalError::Damaged(why) if why.contains("journal.db")), "{error:?}");
    assert!(!error.is_retryable());
    assert!(site.file("journal.db.damaged").exists());
    drop((journal, reader));
    assert_begun_anew(&site, next);
}

#[test]
fn a_sound_journal_that_was_noted_as_damaged_is_used_on() {
    let (site, next) = filled(JournalOptions::default());
    fs::write(site.file("journal.db.damaged"), "2026-06-11T09:00:00Z a cable was loose").unwrap();
    let mut journal = site.open();
    assert_eq!((journal.next().unwrap(), all(&mut journal).len()), (next, 1_000));
    assert!(!site.file("journal.db.damaged").exists());
    assert_eq!(set_aside(&site), [""; 0]);
}

#[test]
fn damage_that_only_a_check_finds_is_found_where_there_is_a_note_of_it() {
    let (site, next) = filled(JournalOptions::default());
    let connection = Connection::open(site.file("journal.db")).unwrap();
    // One value that cannot be; every page is sound.
    connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
    connection.execute("UPDATE events SET origin = 'nowhere' WHERE id = '30-7'", []).unwrap();
    drop(connection);
    let mut journal = site.open();
    assert_eq!(journal.next().unwrap(), next);
    let error = journal.read(&Ask { from: Sequence(0), limit: 9_999, of: None }).unwrap_err();
    assert!(matches!(error, JournalError::Damaged(_)), "{error}");
    drop(journal);
    assert!(site.file("journal.db.damaged").exists());
    assert_begun_anew(&site, next);
}

#[test]
fn an_older_journal_is_brought_up_step_by_step() {
    let (site, next) = filled(JournalOptions::default());
    let folder = DataDir::open(site.path()).unwrap();
    let steps =
        ["ALTER TABLE lanes ADD COLUMN note TEXT; UPDATE lanes SET note = 'made up';", "CREATE TABLE third (x) STRICT"];
    // The last step is wrong: a column needs a type in a strict table.
    let error = SqliteJournal::open_with(&folder, site.options.clone(), &steps).unwrap_err();
    assert!(matches!(error, OpenError::Migration { from: 2, to: 3, .. }), "{error}");
    let steps = [steps[0], "CREATE TABLE third (x INTEGER) STRICT"];
    let mut journal = SqliteJournal::open_with(&folder, site.options.clone(), &steps).unwrap();
    assert_eq!((journal.next().unwrap(), all(&mut journal).len()), (next, 1_000));
    let note: String = journal
        .connection
        .query_row("SELECT note FROM lanes JOIN third ON 1 UNION ALL SELECT note FROM lanes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(note, "made up");
    drop(journal);
    let error = SqliteJournal::open(&folder, site.options.clone()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { schema: 3, known: 1, .. }), "{error}");
    // A new one has them too.
    let fresh = Site::new();
    let journal =
        SqliteJournal::open_with(&DataDir::open(fresh.path()).unwrap(), fresh.options.clone(), &steps).unwrap();
    journal.connection.query_row("SELECT count(note) FROM lanes, third", [], |row| row.get::<_, i64>(0)).unwrap();
}

#[test]
fn a_migration_that_fails_half_way_leaves_the_old_version() {
    let (site, next) = filled(JournalOptions::default());
    let folder = DataDir::open(site.path()).unwrap();
    let half = "DELETE FROM events; INSERT INTO nowhere VALUES (1)";
    let error = SqliteJournal::open_with(&folder, site.options.clone(), &[half]).unwrap_err();
    assert!(matches!(error, OpenError::Migration { from: 1, to: 2, .. }), "{error}");
    assert!(error.to_string().contains("could not be brought from schema 1 to 2: no such table"), "{error}");
    drop(folder);
    let mut journal = site.open();
    assert_eq!((journal.next().unwrap(), all(&mut journal).len()), (next, 1_000));
}

#[test]
fn a_full_disk_is_told_leaves_nothing_behind_and_is_over_when_there_is_room() {
    let site = Site::new();
    let mut journal = site.open();
    let mut stored: Vec<String> = Vec::new();
    let first = store(&mut journal, events("a", "first", 1)).unwrap().first;
    stored.extend(["first0".to_owned()]);
    let limit = |journal: &SqliteJournal, pages: i64| {
        journal.connection.pragma_update(None, "max_page_count", pages).unwrap();
    };
    let now: i64 = journal.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    limit(&journal, now + 4);
    let large = || {
        vec![
            Append { checkpoint: checkpoint("new"), ..events("b", "large", 200) },
            silent("a", vec![entry("cameras/2", "x")]),
            events("c", "other", 3),
        ]
    };
    for answer in journal.append(large()) {
        let error = answer.unwrap_err();
        assert!(
            matches!(&error, JournalError::Unavailable(why) if why.contains("journal.db") && why.contains("full")),
            "{error:?}"
        );
        assert!(error.is_retryable());
    }
    assert_eq!(all(&mut journal), stored);
    assert_eq!(journal.next().unwrap(), first.plus(1));
    for connection in ["a", "b"] {
        let error = journal.load(&name(connection)).unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
    }
    // Neither housekeeping that has nothing to write nor a heartbeat says that there is room again.
    assert!(!journal.trim().unwrap());
    store(&mut journal, Append { heard: Some(Timestamp::UNIX_EPOCH), ..append("a", Vec::new()) }).unwrap();
    assert!(journal.load(&name("a")).is_err());
    // What was refused stays unknown, to another connection as well.
    assert_eq!(journal.reader().unwrap().unwrap().lanes().unwrap().len(), 1);
    limit(&journal, 1 << 20);
    assert_eq!(journal.load(&name("a")).unwrap().states.len(), 1);
    let commits: Vec<_> = journal.append(large()).into_iter().map(Result::unwrap).collect();
    assert_eq!((commits[0].first, commits[2].first), (first.plus(1), first.plus(201)), "no hole");
    stored.extend((0..200).map(|n| format!("large{n}")).chain((0..3).map(|n| format!("other{n}"))));
    assert_eq!(all(&mut journal), stored, "once each");
    assert_eq!(journal.load(&name("b")).unwrap().checkpoint, checkpoint("new"));
    assert_eq!(journal.load(&name("a")).unwrap().states.len(), 2);
    drop(journal);
    let mut journal = site.open();
    assert_eq!(all(&mut journal), stored);
    assert_eq!(journal.load(&name("a")).unwrap().states.len(), 2);
}

#[test]
fn another_program_that_holds_the_file_is_waited_for() {
    let site = Site::new();
    let mut journal = site.open();
    let other = Connection::open(site.file("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    journal.connection.busy_timeout(std::time::Duration::from_millis(20)).unwrap();
    let error = store(&mut journal, events("a", "", 1)).unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("locked"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    store(&mut journal, events("a", "", 1)).unwrap();
    let line: String = other
        .query_row("SELECT recordedtime || ' ' || connection || ' ' || id || ' ' || state FROM readable", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(line.ends_with("Z a 0 started"), "a person can read it: {line}");
}
