//! A journal with damaged files.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use watchpost::actors::journal::{Append, Ask, Checkpoint, Journal, Reader, StateWrite};
use watchpost::actors::model::{Event, EventId, Item, Meaning, Origin, Sequence, StateMeaning, state::StateEntry};
use watchpost::journal::{DataDir, JournalOptions, SqliteJournal};

/// A file of SQLite's, and the log beside it.
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
}

/// Takes the bytes for strokes against a journal's files: where each hits, and what it leaves there. Whatever is left, the journal opens, or says why not;
/// what it opens can be read and written, or says why not; and no sequence is given twice.
pub fn journal(data: &[u8]) {
    static SOUND: OnceLock<Files> = OnceLock::new();
    let sound = SOUND.get_or_init(sound);
    let mut files = [sound.database.clone(), sound.log.clone()];
    for stroke in data.chunks_exact(5).take(64) {
        let [what, a, b, c, value] = *stroke else { continue };
        let file = &mut files[usize::from(what & 1)];
        let at = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if file.is_empty() {
            continue;
        }
        let at = at % file.len();
        match what >> 1 & 3 {
            0 => file[at] = value,
            1 => file[at] ^= value | 1,
            2 => file.truncate(at),
            _ => {
                let end = (at + usize::from(value) * 16).min(file.len());
                file[at..end].fill(value);
            }
        }
    }
    let Ok(folder) = tempfile::tempdir() else { return };
    let [database, log] = files;
    if fs::write(folder.path().join("journal.db"), database).is_err()
        || fs::write(folder.path().join("journal.db-wal"), log).is_err()
    {
        return;
    }
    beside(folder.path());
    open(folder.path());
}

/// Reads as another process would.
fn beside(folder: &Path) {
    let Ok(Some(mut reader)) = SqliteJournal::beside(folder) else { return };
    read(&mut *reader);
    let _ = SqliteJournal::note_beside(folder, "n");
}

fn read(reader: &mut dyn Reader) {
    let _ = reader.lanes();
    let _ = reader.at(Timestamp::UNIX_EPOCH);
    let mut from = Sequence(0);
    // A page that leads nowhere is no end.
    for _ in 0..100 {
        let Ok(page) = reader.read(&Ask { from, limit: 7, of: None }) else { return };
        let events = page.commits.iter().flat_map(|commit| commit.events.iter());
        let bytes: usize = events.map(|event| event.data.len() + event.id.len() + event.time.len()).sum();
        assert!(bytes < 64 << 20);
        if page.end <= from {
            return;
        }
        from = page.end;
    }
}

fn open(folder: &Path) {
    let Ok(dir) = DataDir::open(folder) else { return };
    let Ok(mut journal) = SqliteJournal::open(&dir, JournalOptions::default()) else { return };
    let name = "hq".parse().expect("a name");
    let _ = journal.load(&name);
    let before = journal.next();
    let answer = journal.append(vec![append(100)]).pop().expect("an answer for each append");
    if let (Ok(before), Ok(commit)) = (before, answer) {
        assert!(commit.first >= before, "a sequence is given twice");
        let page = journal.read(&Ask { from: commit.first, limit: 1, of: None });
        assert!(
            page.is_ok_and(|page| page.commits.iter().any(|read| read.first == commit.first)),
            "what was stored is lost"
        );
    }
    read(&mut journal);
    let _ = journal.note("n");
    let _ = journal.trim();
    let _ = journal.close();
}

/// The files of a journal in which something of everything is, as a kill would leave them.
fn sound() -> Files {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = DataDir::open(folder.path()).expect("the folder");
    let mut journal = SqliteJournal::open(&dir, JournalOptions::default()).expect("a journal");
    for n in 0..20 {
        for answer in journal.append(vec![append(n)]) {
            answer.expect("it is stored");
        }
    }
    journal.set_note("n", Some("a note")).expect("it is kept");
    let read = |name: &str| fs::read(folder.path().join(name)).expect("a file");
    Files { database: read("journal.db"), log: read("journal.db-wal") }
}

fn append(number: u64) -> Append {
    let item = Arc::new(Item { id: format!("cameras/{}", number % 3).into(), name: Some("Lobby".into()) });
    let meaning = Arc::new(Meaning {
        kind: "motion.started".into(),
        name: Some("Motion".into()),
        state: Some(StateMeaning {
            group: "motion".into(),
            value: "started".into(),
            vendor_group: "g".into(),
            vendor_value: "v".into(),
            text: None,
        }),
    });
    let state = StateEntry {
        item: Arc::clone(&item),
        meaning: Arc::clone(&meaning),
        time: "2026-06-11T09:17:59Z".into(),
        sequence: Sequence(0),
        origin: Origin::Snapshot,
    };
    let event = Event {
        id: EventId::new(format!("e{number}")),
        origin: Origin::Live,
        meaning,
        item: Some(item),
        time: "2026-06-11T09:17:59.1234567Z".into(),
        data: format!("{{\"n\":{number}}}").into(),
    };
    Append {
        connection: "hq".parse().expect("a name"),
        vendor: "milestone",
        events: vec![event].into(),
        states: [StateWrite::Silent(Box::new(state))].into(),
        checkpoint: Some(Checkpoint(format!("{{\"v\":1,\"n\":{number}}}").into())),
        heard: Some(Timestamp::UNIX_EPOCH),
    }
}
