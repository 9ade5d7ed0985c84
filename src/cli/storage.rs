//! What a running watchpost keeps: the journal, and how far each sink has come.

use watchpost::{
    actors::{journal::Journal, model::Sequence},
    config::EngineSettings,
    sinks::delivery::Delivery,
};

/// Where it is kept.
pub(super) struct Storage {
    pub(super) journal: Box<dyn Journal>,
    pub(super) delivery: Delivery,
    floor: Floor,
}

/// Opens what is kept in the data folder, which then belongs to this process.
///
/// # Errors
/// What to tell the user.
#[cfg(feature = "sqlite")]
pub(super) fn open(settings: &EngineSettings) -> Result<Storage, String> {
    use watchpost::journal::{DataDir, SqliteJournal};

    let folder = DataDir::open(&settings.data_dir).map_err(|error| error.to_string())?;
    let delivery = Delivery::open(folder.path()).map_err(|error| error.to_string())?;
    let options = options(settings, &delivery).map_err(|error| error.to_string())?;
    let floor = Floor(options.floor.clone());
    let journal = SqliteJournal::open(&folder, options).map_err(|error| error.to_string())?;
    Ok(Storage { journal: Box::new(journal), delivery, floor })
}

/// How the settings want the journal kept. Nothing is dropped until somebody has said what the sinks wait for.
#[cfg(feature = "sqlite")]
pub(super) fn options(
    settings: &EngineSettings,
    delivery: &Delivery,
) -> Result<watchpost::journal::JournalOptions, watchpost::sinks::delivery::DeliveryError> {
    let floor = watchpost::journal::Floor::default();
    floor.set(watchpost::journal::Floor::UNKNOWN);
    Ok(watchpost::journal::JournalOptions {
        synchronous: settings.synchronous,
        retain: settings.retain,
        max_journal: settings.max_journal,
        max_undelivered: settings.max_undelivered,
        at_least: delivery.highest()?,
        floor,
        ..Default::default()
    })
}

/// Keeps everything in memory: this build has no storage.
///
/// # Errors
/// None.
#[cfg(not(feature = "sqlite"))]
pub(super) fn open(_: &EngineSettings) -> Result<Storage, String> {
    tracing::warn!("This build keeps events and checkpoints in memory only: they are gone when it ends.");
    let journal = Box::new(watchpost::actors::journal::Memory::default());
    Ok(Storage { journal, delivery: Delivery::in_memory(), floor: Floor::default() })
}

/// Tells the journal what the sinks wait for.
#[derive(Clone, Default)]
pub(super) struct Floor(#[cfg(feature = "sqlite")] watchpost::journal::Floor);

impl Floor {
    pub(super) fn set(&self, undelivered: Sequence) {
        #[cfg(feature = "sqlite")]
        self.0.set(undelivered);
        #[cfg(not(feature = "sqlite"))]
        let _ = undelivered;
    }
}

impl Storage {
    /// The journal, what is remembered of deliveries, and who tells the journal what the sinks wait for.
    pub(super) fn into_parts(self) -> (Box<dyn Journal>, Delivery, Floor) {
        (self.journal, self.delivery, self.floor)
    }
}
