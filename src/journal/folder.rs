//! The data folder, which belongs to one process at a time.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

/// The file whose lock says who owns the folder.
const LOCK: &str = "lock";
/// How often a lock is tried before the folder counts as owned: who only looks holds it for a moment too.
const TRIES: u32 = 10;
/// Time between two of them.
const PAUSE: Duration = Duration::from_millis(20);

/// The data folder, owned until the last clone of this is dropped.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The system gives the lock back when the file is closed, after a crash too.
    _lock: Arc<File>,
}

/// Who owns a data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id, where the lock file tells.
    pub process: Option<u32>,
}

/// Why a data folder cannot be used. Trying again helps once what is named is mended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// It cannot be created, or not be written.
    #[error("cannot use the data folder: {}: {source}", path.display())]
    Io {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process owns it.
    #[error("the data folder {} is in use by {holder}: stop that one first, or set another data_dir", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Who owns it.
        holder: Holder,
    },
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process {
            Some(process) => write!(f, "process {process}"),
            None => f.write_str("another process"),
        }
    }
}

impl DataDir {
    /// Takes the folder, and creates it if it is not there; only its owner may read it then. May take 200 ms where it is owned.
    ///
    /// # Errors
    /// [`DataDirError`] when it cannot be created or written, or another process owns it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        create(&path).map_err(|source| DataDirError::Io { path: path.clone(), source })?;
        let name = path.join(LOCK);
        let failed = |source| DataDirError::Io { path: name.clone(), source };
        let mut lock = private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&name)
            .map_err(failed)?;
        let mut tries = 1;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(DataDirError::InUse { path, holder: holder(&mut lock) }),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        sign(&mut lock).map_err(failed)?;
        Ok(Self { path, _lock: Arc::new(lock) })
    }

    /// Who owns the folder at `path` now, for commands that only look; nobody if there is no such folder. Changes nothing.
    ///
    /// # Errors
    /// [`DataDirError::Io`] when the lock file cannot be read.
    pub fn holder(path: &Path) -> Result<Option<Holder>, DataDirError> {
        let name = path.join(LOCK);
        let failed = |source| DataDirError::Io { path: name.clone(), source };
        let mut lock = match File::open(&name) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(holder(&mut lock))),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What the lock file says; on systems where a locked file cannot be read, nothing.
fn holder(lock: &mut File) -> Holder {
    let mut text = String::new();
    let read = lock.seek(SeekFrom::Start(0)).and_then(|_| lock.take(32).read_to_string(&mut text));
    Holder { process: read.ok().and_then(|_| text.trim().parse().ok()) }
}

/// Writes this process's id into the lock file.
fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.seek(SeekFrom::Start(0))?;
    writeln!(lock, "{}", std::process::id())
}

/// Creates a folder where there is none; only its owner may read it then.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// What is created so may be read by its owner alone, where the system knows owners.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes sure that a rename in `folder` outlives a power cut, where the system lets a folder be synced.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}
