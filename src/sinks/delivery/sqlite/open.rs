//! Finds the file, or creates it; refuses one that is not ours, and lays a damaged one aside.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{FILE, Sqlite};
use crate::{
    journal::{
        DataDir,
        files::{rename_all, with},
        folder::{self, private},
        opening::quick_check,
    },
    sinks::delivery::{DeliveryError, telemetry::StoreLaidAside},
};

/// The format that this version writes. Each step from one to the next is an entry of [`STEPS`].
const FORMAT: i64 = 2;
/// The first format with the table `standing`.
const WITH_STANDINGS: i64 = 2;
/// Tells our files from other databases: "wpdl".
const APPLICATION: i64 = 0x7770_646c;
/// A command beside us may be reading; nobody holds the file for longer than this.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the write-ahead log grows before the commit that fills it writes it back, and what it keeps on the disk then, in bytes.
const WAL_KEPT: i64 = 4 << 20;
/// The pages of a new file, in bytes. A position is some 60 bytes, but what goes to the log is whole pages, and every time that it is full a
/// sink stands still for some milliseconds. With SQLite's usual 4 KiB that is four times as often.
const PAGE: i64 = 1 << 10;

/// What leads from each format to the next, from an empty file on.
const STEPS: [&str; FORMAT as usize] = [
    "
    CREATE TABLE sink (
        name TEXT PRIMARY KEY,
        started INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        delivered INTEGER NOT NULL DEFAULT 0,
        delivered_at INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE lane (
        sink TEXT NOT NULL REFERENCES sink,
        connection TEXT NOT NULL,
        position INTEGER NOT NULL,
        stored_at INTEGER NOT NULL,
        failing_since INTEGER,
        failed_at INTEGER,
        why TEXT,
        PRIMARY KEY (sink, connection)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE dead_letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        sink TEXT NOT NULL REFERENCES sink,
        connection TEXT NOT NULL,
        vendor TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        event_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        why TEXT NOT NULL,
        tries INTEGER NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        line TEXT NOT NULL,
        UNIQUE (sink, event_id, sequence)
    ) STRICT;
    CREATE TABLE replay (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        sink TEXT NOT NULL,
        first INTEGER NOT NULL,
        until INTEGER NOT NULL,
        position INTEGER NOT NULL,
        events INTEGER NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE standing (
        sink TEXT PRIMARY KEY REFERENCES sink,
        told TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
];

impl Sqlite {
    pub(in crate::sinks::delivery) fn open(folder: &Path) -> Result<Self, DeliveryError> {
        folder::create(folder).map_err(|error| unavailable(&error).of(folder))?;
        let path = folder.join(FILE);
        let opened = match to_write(&path) {
            Err(DeliveryError::Corrupt(why)) => {
                lay_aside(&path).map_err(|error| unavailable(&error)).and_then(|aside| {
                    StoreLaidAside { path: &path, aside: &aside, why: &why }.emit();
                    to_write(&path)
                })
            }
            opened => opened,
        };
        opened.map_err(|error| error.of(&path))
    }

    pub(in crate::sinks::delivery) fn open_to_read(folder: &Path) -> Result<Option<Self>, DeliveryError> {
        let path = folder.join(FILE);
        if !path.try_exists().map_err(|error| unavailable(&error).of(&path))? {
            return Ok(None);
        }
        let (db, format) = to_read(folder, &path).map_err(|error| error.of(&path))?;
        // Created a moment ago, and still empty.
        // Where nobody has the folder, what is told of brokers is of a process that was killed.
        let tells_standings = format >= WITH_STANDINGS && !matches!(DataDir::holder(folder), Ok(None));
        Ok((format > 0).then_some(Self { db, path, tells_standings }))
    }
}

/// Creates an empty file where there is none, for its owner alone: dead letters are events. SQLite gives its companions the same rights.
fn create_file(path: &Path) -> io::Result<()> {
    private(fs::OpenOptions::new().write(true).create(true).truncate(false)).open(path).map(drop)
}

/// SQLite reads only where it may write beside the file. Where it may not, and nobody has the file open, it can be read as one that never
/// changes.
fn to_read(folder: &Path, path: &Path) -> Result<(Connection, i64), DeliveryError> {
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // Whatever else is wrong shows again below.
    if let Err(error) = db.pragma_query_value(None, "user_version", |_| Ok(()))
        && matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
    {
        let uri = as_unchanging(folder, path).ok_or_else(|| {
            let folder = folder.display();
            DeliveryError::Unavailable(format!(
                "{error}: to read it, SQLite must write beside it (-shm); ask as a user that may write in {folder}"
            ))
        })?;
        db = connect(&uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?;
    }
    let format = format_of(&db, path)?;
    Ok((db, format))
}

/// The address of a file that nobody changes while it is read; `None` if somebody may.
fn as_unchanging(folder: &Path, path: &Path) -> Option<PathBuf> {
    let is_alone = matches!(DataDir::holder(folder), Ok(None));
    // What stands in the log only would not be read.
    let is_whole = match fs::metadata(with(path, "-wal")) {
        Ok(log) => log.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    (cfg!(unix) && is_alone && is_whole).then_some(())?;
    let mut uri = "file:".to_owned();
    for byte in std::path::absolute(path).ok()?.to_str()?.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(byte.into()),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    Some(uri.into())
}

fn to_write(path: &Path) -> Result<Sqlite, DeliveryError> {
    create_file(path).map_err(|error| unavailable(&error))?;
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if format_of(&db, path)? > 0
        && let Some(wrong) = quick_check(&db)?
    {
        return Err(DeliveryError::Corrupt(wrong));
    }
    // Of a file that is there already it changes nothing.
    db.pragma_update(None, "page_size", PAGE)?;
    // Answers with the mode that is in force.
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update_and_check(None, "journal_size_limit", WAL_KEPT, |_| Ok(()))?;
    migrate(&mut db, path)?;
    let page: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", WAL_KEPT / page.max(1), |_| Ok(()))?;
    // That was another process.
    db.execute("DELETE FROM standing", [])?;
    Ok(Sqlite { db, path: path.to_owned(), tells_standings: true })
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // Only one thread at a time ever uses it.
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(PATIENCE)?;
    Ok(db)
}

/// The file's format, zero for an empty one, if it is one that we know.
fn format_of(db: &Connection, path: &Path) -> Result<i64, DeliveryError> {
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (format, application) = (pragma("user_version")?, pragma("application_id")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match format {
        0 if tables == 0 => Ok(0),
        _ if application != APPLICATION => Err(DeliveryError::Foreign { path: path.to_owned() }),
        1..=FORMAT => Ok(format),
        found => Err(DeliveryError::Newer { path: path.to_owned(), found, known: FORMAT }),
    }
}

fn migrate(db: &mut Connection, path: &Path) -> Result<(), DeliveryError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format = usize::try_from(format_of(&tx, path)?).unwrap_or_default();
    for step in STEPS.iter().skip(format) {
        tx.execute_batch(step)?;
    }
    if format < STEPS.len() {
        tx.pragma_update(None, "application_id", APPLICATION)?;
        tx.pragma_update(None, "user_version", FORMAT)?;
    }
    Ok(tx.commit()?)
}

/// Renames the file, and those that belong to it, to names that say when.
fn lay_aside(path: &Path) -> io::Result<PathBuf> {
    let stamp = Timestamp::now().strftime(".corrupt-%Y%m%dT%H%M%S%.6fZ").to_string();
    let aside = with(path, stamp);
    rename_all(path, &aside)?;
    Ok(aside)
}

fn unavailable(error: &io::Error) -> DeliveryError {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "give the user of watchpost the right to use it"
        }
        io::ErrorKind::StorageFull => "make room on its disk",
        _ => "put it right, or set another data_dir",
    };
    DeliveryError::Unavailable(format!("{error}: {advice}"))
}
