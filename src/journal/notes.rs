//! Small texts under a key, beside events: that a login was refused, say.

use rusqlite::{Connection, OptionalExtension};

pub(super) fn note(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let mut select = connection.prepare_cached("SELECT note FROM notes WHERE key = ?1")?;
    select.query_row([key], |row| row.get(0)).optional()
}

pub(super) fn set(connection: &Connection, key: &str, note: Option<&str>) -> rusqlite::Result<()> {
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
