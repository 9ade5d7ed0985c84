//! The file that a download becomes, while it is none yet.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use actix_rt::task::spawn_blocking;

/// How much is written to the disk at once, in bytes.
const BLOCK: usize = 256 * 1024;

/// A file that cannot be written. A person has to change something.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {error}", path.display())]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// What the system said.
    pub error: io::Error,
}

/// A file that is being written, beside the one that it will be. Dropped before it is [kept](Part::keep), it is removed.
#[derive(Debug)]
pub struct Part {
    /// Where it will be.
    target: PathBuf,
    path: PathBuf,
    /// Away while it is written to, on a thread where that may take its time.
    file: Option<File>,
    buffer: Vec<u8>,
    dirty: bool,
    kept: bool,
}

impl Part {
    /// Creates a file beside `target`, which need not be there. If it is, it stays as it is until the new one is complete; a link is followed.
    ///
    /// # Errors
    /// [`FileError`] where nothing can be created there, or where there is something that is no file.
    pub async fn beside(target: &Path) -> Result<Self, FileError> {
        let target = target.to_owned();
        blocking(&target.clone(), move || Self::create(&target)).await
    }

    fn create(target: &Path) -> Result<Self, FileError> {
        let failed = |path: &Path, error| FileError { path: path.to_owned(), error };
        let target = match fs::metadata(target) {
            Ok(known) if !known.is_file() => {
                let what = if known.is_dir() { "it is a folder" } else { "it is no ordinary file" };
                return Err(failed(target, io::Error::other(what)));
            }
            Ok(_) => fs::canonicalize(target).map_err(|error| failed(target, error))?,
            Err(_) => target.to_owned(),
        };
        let Some(name) = target.file_name() else {
            return Err(failed(&target, io::Error::other("it names no file")));
        };
        // Hidden where files with a dot are; the number tells downloads of one name apart.
        let mut part = std::ffi::OsString::from(".");
        part.push(name);
        part.push(format!(".{:08x}.part", rand::random::<u32>()));
        let path = target.with_file_name(part);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| failed(&target, error))?;
        Ok(Self { target, path, file: Some(file), buffer: Vec::new(), dirty: false, kept: false })
    }

    /// Takes away what is in it.
    pub(super) async fn empty(&mut self) -> Result<(), FileError> {
        self.buffer.clear();
        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        self.with(|file, _| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0)).map(drop)
        })
        .await
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < BLOCK {
            return Ok(());
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), FileError> {
        self.dirty = true;
        self.with(|file, buffer| file.write_all(buffer)).await?;
        self.buffer.clear();
        Ok(())
    }

    /// Makes it the file that it was to be: written out to the disk, then put in the place of whatever was there.
    ///
    /// # Errors
    /// [`FileError`]; what was there is there then.
    pub async fn keep(mut self) -> Result<(), FileError> {
        self.flush().await?;
        self.with(|file, _| file.sync_all()).await?;
        // Closed first: elsewhere a file that is open cannot be renamed.
        self.file = None;
        let (path, target) = (self.path.clone(), self.target.clone());
        let failed = |error| FileError { path: self.target.clone(), error };
        blocking(&self.target, move || {
            let renamed = fs::rename(&path, &target);
            sync_folder(&target);
            Ok(renamed)
        })
        .await?
        .map_err(failed)?;
        self.kept = true;
        Ok(())
    }

    /// Does something with the file and what is to be written to it, where it may take its time.
    async fn with(
        &mut self,
        work: impl FnOnce(&mut File, &[u8]) -> io::Result<()> + Send + 'static,
    ) -> Result<(), FileError> {
        let failed = |error| FileError { path: self.target.clone(), error };
        let Some(mut file) = self.file.take() else {
            return Err(failed(io::Error::other("it was given up")));
        };
        let buffer = std::mem::take(&mut self.buffer);
        let (file, buffer, outcome) = blocking(&self.target, move || {
            let outcome = work(&mut file, &buffer);
            Ok((file, buffer, outcome))
        })
        .await?;
        (self.file, self.buffer) = (Some(file), buffer);
        outcome.map_err(failed)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            self.file = None;
            // It may be away already; there is nobody to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Runs what may wait for the disk.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let gone = |_| FileError { path: path.to_owned(), error: io::Error::other("the program is ending") };
    spawn_blocking(work).await.map_err(gone)?
}

/// Writes out that the name is there. Where a folder cannot be opened, the system does so in its own time.
fn sync_folder(file: &Path) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
