//! The file that holds a refresh token: written whole or not at all, and its owner's alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

/// Why a token cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenFileError {
    /// Something is there that is not to be replaced.
    #[error("{} is {what}: name a file in a folder of your own", path.display())]
    Odd {
        /// Where.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// There is no folder for it.
    #[error("there is no folder {}: make it first", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The system does not allow it.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A file that is ready to be written: its place is good, and a draft beside it could be begun.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    folder: PathBuf,
}

/// A file beside it, under a name that nobody else has. Removed unless it has taken its place.
#[derive(Debug)]
struct Draft {
    path: PathBuf,
    file: File,
    in_place: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.in_place {
            // It holds nothing, or what nobody will use.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl TokenFile {
    /// Makes sure that a token can be written there, before a person has taken the trouble to get one.
    ///
    /// # Errors
    /// [`TokenFileError`].
    pub(super) fn prepare(path: &Path) -> Result<Self, TokenFileError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| TokenFileError::Io { path, source }
        };
        if path.file_name().is_none() {
            return Err(TokenFileError::Odd { path: path.to_owned(), what: "no name of a file" });
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        if !folder.is_dir() {
            return Err(TokenFileError::NoFolder { path: folder });
        }
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(metadata) => {
                let kind = metadata.file_type();
                let what = match () {
                    () if kind.is_symlink() => "a symbolic link, which would be replaced",
                    () if kind.is_dir() => "a folder",
                    () => "no regular file",
                };
                return Err(TokenFileError::Odd { path: path.to_owned(), what });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(path)(error)),
        }
        let file = Self { path: path.to_owned(), folder };
        // It goes at once: whoever is interrupted while a person logs in leaves nothing behind.
        drop(file.draft()?);
        Ok(file)
    }

    /// Begins to write beside it.
    fn draft(&self) -> Result<Draft, TokenFileError> {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(format!(".{:08x}.new", rand::random::<u32>()));
        let path = self.folder.join(name);
        match owners_alone().open(&path) {
            Ok(file) => Ok(Draft { path, file, in_place: false }),
            Err(source) => Err(TokenFileError::Io { path, source }),
        }
    }

    /// Puts the token in its place, durably.
    ///
    /// # Errors
    /// [`TokenFileError::Io`]: what was there before is still there.
    pub(super) fn write(self, token: &SecretString) -> Result<(), TokenFileError> {
        let draft = self.draft()?;
        self.replace(draft, token).map_err(|source| TokenFileError::Io { path: self.path.clone(), source })
    }

    fn replace(&self, mut draft: Draft, token: &SecretString) -> io::Result<()> {
        draft.file.write_all(token.expose_secret().as_bytes())?;
        draft.file.write_all(b"\n")?;
        draft.file.sync_all()?;
        fs::rename(&draft.path, &self.path)?;
        draft.in_place = true;
        sync_folder(&self.folder)
    }
}

/// A new file that nobody but its owner may read, from its first moment on.
fn owners_alone() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// The new name outlives a power cut, too.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened to be synced.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_token_is_written_for_its_owner_alone_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simplisafe.token");
        for token in ["first", "second"] {
            TokenFile::prepare(&path).unwrap().write(&SecretString::from(token)).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{token}\n"));
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            // An older file that everybody may read does not stay so.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
        assert_eq!(names(folder.path()), ["simplisafe.token"]);
    }

    #[test]
    fn whoever_gives_up_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simplisafe.token");
        fs::write(&path, "old").unwrap();
        let file = TokenFile::prepare(&path).unwrap();
        assert_eq!(names(folder.path()), ["simplisafe.token"], "nor while a person logs in");
        drop(file);
        assert_eq!((names(folder.path()).len(), fs::read_to_string(&path).unwrap().as_str()), (1, "old"));
    }

    #[test]
    fn nothing_odd_is_replaced_and_no_folder_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("elsewhere"), "").unwrap();
        symlink(at("elsewhere"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        for (path, words) in [
            (at("folder"), "a folder"),
            (at("link"), "a symbolic link"),
            (at("dangling"), "a symbolic link"),
            (at("missing/simplisafe.token"), "make it first"),
            (at("elsewhere/simplisafe.token"), "make it first"),
            (PathBuf::from("/"), "no name of a file"),
            (PathBuf::from("/dev/null"), "no regular file"),
        ] {
            let error = TokenFile::prepare(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{}: {error}", path.display());
        }
        assert_eq!(names(folder.path()), ["dangling", "elsewhere", "folder", "link"]);
    }
}
