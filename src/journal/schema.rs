//! The schema and its versions.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

/// Marks an SQLite file as a journal of watchpost: `wpjl`.
pub(super) const APPLICATION_ID: i64 = 0x7770_6a6c;

/// The first version of the schema.
const FIRST: &str = include_str!("schema.sql");

/// Steps from each version to the next: the first brings a journal from 1 to 2.
pub(super) const MIGRATIONS: &[&str] = &[];

/// The version that a journal has after these steps.
pub(super) const fn version(migrations: &[&str]) -> i64 {
    // Never more than a handful.
    1 + migrations.len() as i64
}

/// What a new journal begins with.
pub(super) struct Birth {
    /// Now.
    pub(super) created: i64,
    /// The first sequence.
    pub(super) next: i64,
    /// Zero, or where it begins if an earlier journal is lost.
    pub(super) base: i64,
    /// When that was last whole.
    pub(super) lost: Option<i64>,
}

/// Fills an empty file. All of it or nothing: the file is used only if this succeeds.
pub(super) fn create(connection: &mut Connection, migrations: &[&str], birth: &Birth) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(FIRST)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", 1)?;
    let Birth { created, next, base, lost } = *birth;
    transaction.execute(
        "INSERT INTO journal (one, created, next, recorded, image, base, lost) VALUES (1, ?1, ?2, ?1, ?2, ?3, ?4)",
        params![created, next, base, lost],
    )?;
    transaction.commit()?;
    migrate(connection, migrations).map_err(|(_, error)| error)
}

/// The version of the schema, as SQLite sees it.
pub(super) fn user_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a journal to the newest version, each step in a transaction of its own.
///
/// # Errors
/// The version that the journal still has, and what SQLite said.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), (i64, rusqlite::Error)> {
    let mut version = user_version(connection).map_err(|error| (0, error))?;
    while let Some(step) = usize::try_from(version - 1).ok().and_then(|index| migrations.get(index)) {
        let go = |transaction: Transaction<'_>| {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", version + 1)?;
            transaction.commit()
        };
        connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(go)
            .map_err(|error| (version, error))?;
        version += 1;
    }
    Ok(())
}
