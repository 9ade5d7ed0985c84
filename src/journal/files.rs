//! The files of the journal, and how they are put aside.

use std::{
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use jiff::Timestamp;
use watchpost_actors::journal::JournalError;

use super::{
    error::is_damage,
    folder::{private, sync},
    telemetry::{JournalDamaged, JournalSetAside, MarkFailed},
};

/// The file's name in the data folder.
const NAME: &str = "journal.db";
/// What SQLite puts beside it.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Where the journal is. Clones share what they know of its health.
#[derive(Clone, Debug)]
pub(super) struct JournalFile {
    path: Arc<Path>,
    damaged: Arc<AtomicBool>,
}

impl JournalFile {
    pub(super) fn of(folder: &Path) -> Self {
        Self { path: folder.join(NAME).into(), damaged: Arc::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn with(&self, suffix: impl AsRef<OsStr>) -> PathBuf {
        with(&self.path, suffix)
    }

    /// Says that the journal is damaged, or was: its first word is the last moment at which it was known to be whole.
    pub(super) fn marker(&self) -> PathBuf {
        self.with(".damaged")
    }

    /// SQLite's log of what is not yet in the file itself.
    pub(super) fn wal(&self) -> PathBuf {
        self.with("-wal")
    }

    /// What SQLite said, as an answer to a connection or a sink. Damage is noted for the next start.
    pub(super) fn refuse(&self, error: &rusqlite::Error) -> JournalError {
        let text = format!("{}: {error}", self.path.display());
        if !is_damage(error) {
            return JournalError::Unavailable(text);
        }
        if !self.damaged.swap(true, Ordering::Relaxed) {
            JournalDamaged { file: &self.path, error }.emit();
            if let Err(error) = self.mark(Timestamp::now(), &text) {
                MarkFailed { file: &self.marker(), error: &error }.emit();
            }
        }
        JournalError::Damaged(text)
    }

    fn mark(&self, written: Timestamp, why: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut marker = private(options.write(true).create(true).truncate(true)).open(self.marker())?;
        writeln!(marker, "{written} {why}")?;
        marker.sync_all()
    }

    /// The last moment at which a journal that is gone was whole, if one is.
    pub(super) fn lost(&self) -> io::Result<Option<Timestamp>> {
        let marker = self.marker();
        match fs::read_to_string(&marker) {
            Ok(text) => {
                let said = text.split_whitespace().next().and_then(|word| word.parse().ok());
                Ok(said.or_else(|| modified(&marker)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The damage is past: the journal is sound, or a new one is in its place.
    pub(super) fn unmark(&self) -> io::Result<()> {
        remove(&self.marker())
    }

    /// Renames the journal's files to a name that says when; nothing is overwritten or deleted.
    ///
    /// A crash on the way loses nothing: the marker is written first, and the main file goes first, for without its log it would look like
    /// a sound journal that has forgotten the end.
    pub(super) fn set_aside(&self, why: &str) -> io::Result<()> {
        let files = [self.path.to_path_buf(), self.wal()];
        let written = files.iter().filter_map(|file| modified(file)).max().unwrap_or_else(Timestamp::now);
        self.mark(written, why)?;
        let to = self.free_name()?;
        rename_all(&self.path, &to)?;
        self.sync_folder()?;
        JournalSetAside { file: &self.path, to: &to, why, written }.emit();
        Ok(())
    }

    /// A name that neither a file nor a companion of it has.
    fn free_name(&self) -> io::Result<PathBuf> {
        let when = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        for n in 1.. {
            let number = if n == 1 { String::new() } else { format!("-{n}") };
            let name = self.with(format!(".corrupt-{when}{number}"));
            let mut taken = fs::exists(&name)?;
            for suffix in COMPANIONS {
                taken |= fs::exists(with(&name, suffix))?;
            }
            if !taken {
                return Ok(name);
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// An empty file under another name, in which a new journal is made: it appears under its own name whole or not at all.
    pub(super) fn draft(&self) -> io::Result<PathBuf> {
        let draft = self.with(".new");
        remove(&draft)?;
        remove(&with(&draft, "-journal"))?;
        private(OpenOptions::new().write(true).create_new(true)).open(&draft)?;
        Ok(draft)
    }

    /// Gives the draft its own name.
    pub(super) fn publish(&self, draft: &Path) -> io::Result<()> {
        fs::rename(draft, &self.path)?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), sync)
    }
}

/// Renames a database with its companions, itself first: without its log it would look like a sound one that has forgotten the end.
/// What is not there is left out.
pub(crate) fn rename_all(from: &Path, to: &Path) -> io::Result<()> {
    for suffix in [""].iter().chain(&COMPANIONS) {
        match fs::rename(with(from, suffix), with(to, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A path with something put behind its name.
pub(crate) fn with(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn modified(path: &Path) -> Option<Timestamp> {
    let modified: SystemTime = fs::metadata(path).and_then(|data| data.modified()).ok()?;
    Timestamp::try_from(modified).ok()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
