//! The data folder, for commands that work on it without an engine.
//!
//! Commands that only look read beside a running watchpost. Those that change something take the folder for themselves, as `run` does.

use std::path::Path;

use watchpost::{
    actors::{
        journal::{Journal, Reader},
        settings::closest,
    },
    config::{Config, EngineSettings},
    journal::{DataDir, SqliteJournal},
    sinks::delivery::Delivery,
};

use super::{Exit, storage, terminal};

/// Takes the folder and opens the store of deliveries in it, or says why not. `Ok(None)` where nothing was ever stored.
pub(super) fn take_delivery(folder: &Path) -> Result<Option<(DataDir, Delivery)>, Exit> {
    let failed = |why: &dyn std::fmt::Display| {
        terminal::complain(why);
        Exit::Failed
    };
    if !folder.try_exists().map_err(|error| failed(&format_args!("{}: {error}", folder.display())))? {
        return Ok(None);
    }
    let taken = DataDir::open(folder).map_err(|error| failed(&error))?;
    let delivery = Delivery::open(folder).map_err(|error| failed(&error))?;
    Ok(Some((taken, delivery)))
}

/// The journal in the folder, which the caller has taken. It drops nothing.
///
/// # Errors
/// For people.
pub(super) fn journal(
    engine: &EngineSettings,
    taken: &DataDir,
    delivery: &Delivery,
) -> Result<Box<dyn Journal>, String> {
    let options = storage::options(engine, delivery).map_err(|error| error.to_string())?;
    let journal = SqliteJournal::open(taken, options).map_err(|error| error.to_string())?;
    Ok(Box::new(journal))
}

/// Reads the journal in the folder, beside a running watchpost too; `None` where there is none.
///
/// # Errors
/// For people.
pub(super) fn reader(folder: &Path) -> Result<Option<Box<dyn Reader>>, String> {
    SqliteJournal::beside(folder).map_err(|error| error.to_string())
}

/// Whether there is such a sink, configured or known from before; complains if there is not.
pub(super) fn knows_sink<'a>(name: &str, config: &'a Config, before: impl IntoIterator<Item = &'a str>) -> bool {
    let names: Vec<_> = config.sinks.iter().map(|sink| sink.name.as_str()).chain(before).collect();
    if names.contains(&name) {
        return true;
    }
    let hint = closest(name, names).map_or(String::new(), |near| format!("\n  hint: did you mean \"{near}\"?"));
    terminal::complain(format_args!("error: there is no sink \"{name}\"{hint}"));
    false
}
