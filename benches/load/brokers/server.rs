//! A broker's program, and one that runs: in a temporary folder, on a free port.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Outcome;
use crate::words::PATIENCE;

/// Where a broker's program is.
pub(super) struct Program {
    path: PathBuf,
    /// The folders of its libraries, where it is unpacked and not installed.
    libraries: Option<OsString>,
}

impl Program {
    /// Looks where the variable says, on the path, where Debian has it, and where `scripts/test` unpacks it.
    ///
    /// # Errors
    /// In words, that it is not there and what to do.
    pub(super) fn find(name: &str, variable: &str) -> Result<Self, String> {
        let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(name);
        if let Some(path) = env::var_os(variable).map(PathBuf::from) {
            let there = path.is_file().then(|| Self { libraries: libraries(&path, &unpacked), path: path.clone() });
            return there.ok_or_else(|| format!("{variable} names {}, which is no program", path.display()));
        }
        let on_path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&on_path).chain(["/usr/sbin".into(), unpacked.join("usr/sbin")]);
        let path = folders.map(|folder| folder.join(name)).find(|path| path.is_file()).ok_or_else(|| {
            format!("there is no {name} on this machine: run ./scripts/test, install it, or set {variable} to its path")
        })?;
        Ok(Self { libraries: libraries(&path, &unpacked), path })
    }
}

fn libraries(program: &Path, unpacked: &Path) -> Option<OsString> {
    if !program.starts_with(unpacked) {
        return None;
    }
    let folders = fs::read_dir(unpacked.join("usr/lib")).ok()?;
    env::join_paths(folders.flatten().map(|entry| entry.path()).filter(|path| path.is_dir())).ok()
}

/// A broker that runs. It ends with this.
pub(super) struct Server {
    process: Child,
    pub(super) port: u16,
    // Removed after the process has ended.
    _folder: TempDir,
}

impl Server {
    /// Starts one, which is configured by what `config` makes of port and folder; comes back when it listens.
    pub(super) fn start(program: &Program, config: impl FnOnce(u16, &Path) -> String) -> Outcome<Self> {
        // Beside what is built, since a temporary folder may be in memory.
        let folder = tempfile::Builder::new().prefix("load-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let (file, log) = (folder.path().join("broker.conf"), folder.path().join("log"));
        fs::write(&file, config(port, folder.path()))?;
        let said = File::create(&log)?;
        let mut command = Command::new(&program.path);
        command.arg("-c").arg(file).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        if let Some(libraries) = &program.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let process =
            command.spawn().map_err(|error| format!("{} cannot be started: {error}", program.path.display()))?;
        let mut server = Self { process, port, _folder: folder };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if server.process.try_wait()?.is_some() || Instant::now() > until {
                let log = fs::read_to_string(log).unwrap_or_default();
                return Err(format!("{} does not listen: {log}", program.path.display()).into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
