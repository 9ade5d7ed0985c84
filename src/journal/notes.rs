//! Small texts under a key, beside events: that a login was refused, say.

use rusqlite::{Connection, OptionalExtension};

use super::{Synchronous, opening::synchronize};

pub(super) fn note(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let mut select = connection.prepare_cached("SELECT note FROM notes WHERE key = ?1")?;
    select.query_row([key], |row| row.get(0)).optional()
}

/// Returns when the disk has it, whatever else commits wait for (`usual`): a note may hold the only secret that is still good.
pub(super) fn set(connection: &Connection, key: &str, note: Option<&str>, usual: Synchronous) -> rusqlite::Result<()> {
    synchronize(connection, Synchronous::Full)?;
    let written = write(connection, key, note);
    synchronize(connection, usual)?;
    written
}

fn write(connection: &Connection, key: &str, note: Option<&str>) -> rusqlite::Result<()> {
    match note {
        Some(note) => {
            let sql =
                "INSERT INTO notes (key, note) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET note = excluded.note";
            connection.prepare_cached(sql)?.execute([key, note])?;
        }
        None => {
            connection.prepare_cached("DELETE FROM notes WHERE key = ?1")?.execute([key])?;
        }
    }
    Ok(())
}
