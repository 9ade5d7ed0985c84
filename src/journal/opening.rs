//! From a folder to a journal that can be used: made, checked, migrated, or set aside.
//!
//! ```text
//! header ─► marked as damaged? quick_check ─► ours, not newer ─► migrate ─► fold what a crash left unfolded
//!    └─ damaged at any of these: all files set aside, a new journal above the old one
//! ```

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use watchpost_actors::model::Sequence;

use super::{
    JournalOptions, Synchronous,
    error::{OpenError, is_damage},
    files::JournalFile,
    image,
    rows::{int, sequence},
    schema::{self, APPLICATION_ID, Birth},
    telemetry::JournalSound,
};

/// How long a write waits for another program that has the file locked, `sqlite3` say.
const BUSY: Duration = Duration::from_secs(5);
/// Pages after which SQLite moves its log into the file, within the commit that reaches it. Measured on a virtual
/// disk, that commit takes 5 to 10 ms at 1,000 (4 MiB); at 16,000 it is rare and takes 80 to 160 ms, and no more is stored in the long run.
const WAL_PAGES: i64 = 1_000;
/// What is kept on the disk of a log that once grew larger.
const WAL_BYTES: i64 = 16 << 20;
/// Memory for pages, in KiB.
const CACHE_KIB: i64 = 16 << 10;
/// The first bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// A journal that can be used.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// The sequence that the next event will get.
    pub(super) next: Sequence,
    /// When the last event was stored.
    pub(super) recorded: i64,
    /// Where the image of the states stands.
    pub(super) image: Sequence,
    /// The first event there is, if there is one.
    pub(super) oldest: Option<Sequence>,
}

/// Why a file cannot be opened.
enum Fault {
    /// Set it aside and go on.
    Damaged(String),
    /// Leave it alone and stop.
    Refused(OpenError),
}

/// Opens the journal. What is damaged is set aside, and a new one begun.
pub(super) fn open(file: &JournalFile, options: &JournalOptions, migrations: &[&str]) -> Result<Opened, OpenError> {
    let damage = match examine(file, options, migrations) {
        Ok(Some(opened)) => return Ok(opened),
        Ok(None) => None,
        Err(Fault::Refused(error)) => return Err(error),
        Err(Fault::Damaged(why)) => Some(why),
    };
    let failed = |source| OpenError::Io { file: file.path().to_owned(), source };
    if let Some(why) = damage {
        file.set_aside(&why).map_err(failed)?;
    }
    create(file, options, migrations)?;
    // It is new: whatever is wrong with it now is no damage to recover from.
    examine(file, options, migrations)
        .and_then(|opened| opened.ok_or_else(|| Fault::Refused(failed(io::ErrorKind::NotFound.into()))))
        .map_err(|fault| match fault {
            Fault::Refused(error) => error,
            Fault::Damaged(why) => failed(io::Error::other(why)),
        })
}

/// Opens the journal that is there, if one is.
fn examine(file: &JournalFile, options: &JournalOptions, migrations: &[&str]) -> Result<Option<Opened>, Fault> {
    let known = schema::version(migrations);
    let failed = |source| Fault::Refused(OpenError::Io { file: file.path().to_owned(), source });
    let Some(header) = header(file.path()).map_err(failed)? else {
        // SQLite would take a log without its file for that of the new one.
        let orphan = fs::metadata(file.wal()).is_ok_and(|wal| wal.len() > 0);
        return if orphan { Err(Fault::Damaged("there is a -wal without its file".to_owned())) } else { Ok(None) };
    };
    // Before SQLite sees the file, for it writes to what it opens.
    Header::read(&header).ok_or_else(|| Fault::Damaged("it is no SQLite file".to_owned()))?.check(file, known)?;
    let wrap = |error| fault(file, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file.path(), flags).map_err(wrap)?;
    connection.busy_timeout(BUSY).map_err(wrap)?;
    // A file that is refused after all stays as it is, and so does one that is set aside.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(wrap)?;
    if fs::exists(file.marker()).map_err(failed)? {
        quick_check(&connection).map_err(wrap)?.map_or(Ok(()), |why| Err(Fault::Damaged(why)))?;
        file.unmark().map_err(failed)?;
        JournalSound { file: file.path() }.emit();
    }
    Header::ask(&connection).map_err(wrap)?.check(file, known)?;
    configure(&connection, options).map_err(wrap)?;
    schema::migrate(&mut connection, migrations).map_err(|(from, source)| match is_damage(&source) {
        true => fault(file, source),
        false => Fault::Refused(OpenError::Migration { file: file.path().to_owned(), from, to: from + 1, source }),
    })?;
    image::recover(&mut connection).map_err(wrap)?;
    let opened = read(connection, options.at_least).map_err(wrap)?;
    opened.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(wrap)?;
    Ok(Some(opened))
}

/// Where the journal stands.
fn read(connection: Connection, at_least: Sequence) -> rusqlite::Result<Opened> {
    connection.execute("UPDATE journal SET next = ?1 WHERE next < ?1", [int(at_least)])?;
    let sql = "SELECT next, recorded, image, (SELECT min(sequence) FROM events) FROM journal";
    let (next, recorded, image, oldest): (_, _, _, Option<_>) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let (next, image, oldest) = (sequence(next), sequence(image), oldest.map(sequence));
    Ok(Opened { connection, next, recorded, image, oldest })
}

fn fault(file: &JournalFile, source: rusqlite::Error) -> Fault {
    if is_damage(&source) {
        return Fault::Damaged(source.to_string());
    }
    Fault::Refused(OpenError::Sqlite { file: file.path().to_owned(), source })
}

/// Makes a new journal, above the old one if there was one.
fn create(file: &JournalFile, options: &JournalOptions, migrations: &[&str]) -> Result<(), OpenError> {
    let failed = |source| OpenError::Io { file: file.path().to_owned(), source };
    let lost = file.lost().map_err(failed)?;
    let created = (options.clock)().as_microsecond();
    let above = i64::try_from(options.at_least.0).unwrap_or(i64::MAX);
    let next = created.max(above).max(1);
    // Who has delivered something, or lost a journal, is told that what was before is not here.
    let base = if lost.is_some() || above > 0 { next } else { 0 };
    let birth = Birth { created, next, base, lost: lost.map(|lost| lost.as_microsecond()) };
    let draft = file.draft().map_err(failed)?;
    let made = Connection::open_with_flags(&draft, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|mut connection| {
        schema::create(&mut connection, migrations, &birth)?;
        connection.close().map_err(|(_, error)| error)
    });
    made.map_err(|source| OpenError::Sqlite { file: draft.clone(), source })?;
    file.publish(&draft).and_then(|()| file.unmark()).map_err(failed)
}

/// What SQLite finds wrong with the file, if anything.
pub(crate) fn quick_check(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
}

fn configure(connection: &Connection, options: &JournalOptions) -> rusqlite::Result<()> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let why =
            format!("SQLite cannot use its write-ahead log here and stays with {mode:?}; is this a network drive?");
        let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
        return Err(rusqlite::Error::SqliteFailure(error, Some(why)));
    }
    synchronize(connection, options.synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// What a commit waits for from now on. Within a transaction nothing changes.
pub(super) fn synchronize(connection: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    let word = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", word)
}

/// Another connection to an open journal, which cannot write.
pub(super) fn reader(file: &JournalFile) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file.path(), flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// A connection to the journal of a folder, beside whoever has it open, which cannot write; `None` where there is no journal.
pub(super) fn beside(file: &JournalFile) -> Result<Option<Connection>, OpenError> {
    let failed = |source| OpenError::Io { file: file.path().to_owned(), source };
    let Some(header) = header(file.path()).map_err(failed)? else { return Ok(None) };
    let header = Header::read(&header).ok_or_else(|| failed(io::Error::other("it is no SQLite file")))?;
    match header.check(file, schema::version(schema::MIGRATIONS)) {
        Ok(()) => {}
        Err(Fault::Refused(error)) => return Err(error),
        Err(Fault::Damaged(why)) => return Err(failed(io::Error::other(why))),
    }
    reader(file).map(Some).map_err(|source| OpenError::Sqlite { file: file.path().to_owned(), source })
}

/// The first bytes of the file, if it is there. Fewer than a header has where it is shorter.
fn header(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match File::open(path) {
        Ok(file) => {
            let mut bytes = Vec::with_capacity(100);
            file.take(100).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What an SQLite file says of itself.
struct Header {
    application_id: i64,
    user_version: i64,
}

impl Header {
    /// From the file's first bytes: big-endian numbers at 60 and 68, says SQLite's file format.
    fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(i64::from(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)));
        (bytes.len() == 100 && bytes.starts_with(MAGIC)).then_some(())?;
        Some(Self { user_version: number(60)?, application_id: number(68)? })
    }

    /// From SQLite, which knows its log too.
    fn ask(connection: &Connection) -> rusqlite::Result<Self> {
        let application_id = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        Ok(Self { application_id, user_version: schema::user_version(connection)? })
    }

    fn check(&self, file: &JournalFile, known: i64) -> Result<(), Fault> {
        let file = || file.path().to_owned();
        if self.application_id != APPLICATION_ID {
            return Err(Fault::Refused(OpenError::NotOurs { file: file() }));
        }
        if self.user_version > known {
            return Err(Fault::Refused(OpenError::Newer { file: file(), schema: self.user_version, known }));
        }
        Ok(())
    }
}
