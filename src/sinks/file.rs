//! A file, one event a line, and a new one now and then.
//!
//! `events.jsonl` is the one that is written; when it is full or old it becomes `events.jsonl.1`, that becomes `events.jsonl.2`, and so on. A
//! line is never divided between files. What a crash left of a last line is mended when the file is opened.
//!
//! Another program may move or remove the file (logrotate): soon after, a new one is begun under its name.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::{
    lines::LineWriter,
    telemetry::{FileHasNoLock, FileMended, FileMoved, RotationFailed},
};
use crate::config::FileSink;

/// How an event line begins.
const LINE_START: &[u8] = br#"{"specversion":"#;

/// More than this, in bytes, is no line of ours: a message of a vendor has 256 MiB at most.
const LONGEST_LINE: u64 = 300 << 20;

/// How often it is asked whether the file is still the one under its name.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The file that is written, and when to begin a new one.
pub(super) struct RotatedFile {
    settings: FileSink,
    /// What was written must be on the disk before it counts as delivered.
    durable: bool,
    /// The size at which the file is full; grows where a new file could not be begun.
    limit: u64,
    /// `None` between two files, and before the first write to a pipe or device.
    open: Option<OpenFile>,
}

struct OpenFile {
    file: File,
    size: u64,
    begun: SystemTime,
    /// When it was last seen under its name.
    seen: Instant,
    /// Half a line was written; the other half belongs into the same file.
    mid_line: bool,
    /// A file, and no pipe or device: it can be cut, locked and rotated.
    regular: bool,
}

impl Write for RotatedFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.leave_if_moved()?;
        self.rotate_if_due(lines)?;
        let open = match &mut self.open {
            Some(open) => open,
            closed => closed.insert(OpenFile::open(&self.settings.path, self.durable)?),
        };
        let room = self.limit.saturating_sub(open.size);
        let fitting = if open.regular { &lines[..whole_lines(lines, room)] } else { lines };
        let taken = open.file.write(fitting)?;
        open.size += taken as u64;
        open.mid_line = fitting[..taken].last().is_some_and(|last| *last != b'\n');
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |open| open.file.flush())
    }
}

/// How many bytes the whole lines have that fit into `room`; a first line that does not fit is taken all the same.
fn whole_lines(lines: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
    let end_of_first = lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1);
    lines[..room].iter().rposition(|byte| *byte == b'\n').map_or(end_of_first, |end| end + 1)
}

impl LineWriter for RotatedFile {
    fn keep(&mut self) -> io::Result<()> {
        match &self.open {
            Some(open) if self.durable && open.regular => open.sync(true),
            _ => self.flush(),
        }
    }
}

impl RotatedFile {
    /// Opens the file of a sink. A pipe or device is opened with the first write, on the sink's own thread: to open a pipe takes until
    /// somebody reads it.
    ///
    /// # Errors
    /// What the system says, or that another program has the file.
    pub(super) fn open(settings: &FileSink, durable: bool) -> io::Result<Self> {
        let open = if is_special(&settings.path) { None } else { Some(OpenFile::open(&settings.path, durable)?) };
        Ok(Self { settings: settings.clone(), durable, limit: settings.rotate_size.as_u64(), open })
    }

    /// Closes the file if it is not the one under its name any more; the next write opens that.
    fn leave_if_moved(&mut self) -> io::Result<()> {
        let due = |open: &&mut OpenFile| open.regular && !open.mid_line && open.seen.elapsed() >= LOOK_EVERY;
        let Some(open) = self.open.as_mut().filter(due) else { return Ok(()) };
        open.seen = Instant::now();
        let path = &self.settings.path;
        if !is_elsewhere(&open.file, path)? {
            return Ok(());
        }
        // Lines in it may count as delivered once those after them are on the disk.
        open.sync(self.durable)?;
        FileMoved { path }.emit();
        self.open = None;
        self.limit = self.settings.rotate_size.as_u64();
        Ok(())
    }

    fn rotate_if_due(&mut self, lines: &[u8]) -> io::Result<()> {
        let Some(open) = self.open.as_mut().filter(|open| open.regular && open.size > 0 && !open.mid_line) else {
            return Ok(());
        };
        let first = whole_lines(lines, 0) as u64;
        let full = open.size.saturating_add(first) > self.limit;
        let old = open.begun.elapsed().is_ok_and(|age| age >= self.settings.rotate_every);
        if !full && !old {
            return Ok(());
        }
        // Lines in it may count as delivered once those after them are on the disk.
        open.sync(self.durable)?;
        let rotate_size = self.settings.rotate_size.as_u64();
        match shift(&self.settings.path, self.settings.keep) {
            Ok(()) => {
                self.open = None;
                self.limit = rotate_size;
                if self.durable {
                    sync_folder_of(&self.settings.path)?;
                }
            }
            Err(error) => {
                // A file that is too long is better than events that wait for ever.
                RotationFailed { path: &self.settings.path, error: &error }.emit();
                open.begun = SystemTime::now();
                self.limit = open.size.saturating_add(rotate_size);
            }
        }
        Ok(())
    }
}

/// Renames `path` to `path.1`, what was there before to `path.2`, and so on; what would be above `keep` is overwritten.
fn shift(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = OsString::from(path);
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    let mut free = 1;
    while free < keep && numbered(free).try_exists()? {
        free += 1;
    }
    for number in (1..free).rev() {
        fs::rename(numbered(number), numbered(number + 1))?;
    }
    fs::rename(path, numbered(1))
}

/// Whether it is there, and neither file nor folder.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Whether another file, or none, is under the path now. What cannot be asked counts as no.
#[cfg(unix)]
fn is_elsewhere(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match fs::metadata(path) {
        Ok(there) => Ok(identity(there) != identity(file.metadata()?)),
        Err(error) => Ok(error.kind() == io::ErrorKind::NotFound),
    }
}

/// Elsewhere a file that is open is not moved.
#[cfg(not(unix))]
fn is_elsewhere(_: &File, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Makes sure that the names in the file's folder outlive a power cut. Not every system lets a folder be synced, nor every folder be opened by
/// who may write in it; nothing can be done about it then.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};

    // A file in the working folder has an empty parent.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if matches!(error.kind(), PermissionDenied | InvalidInput | Unsupported) => Ok(()),
        synced => synced,
    }
}

impl OpenFile {
    fn open(path: &Path, durable: bool) -> io::Result<Self> {
        let (begun, seen) = (SystemTime::now(), Instant::now());
        if is_special(path) {
            let file = File::options().append(true).open(path)?;
            return Ok(Self { file, size: 0, begun, seen, mid_line: false, regular: false });
        }
        let file = File::options().read(true).append(true).create(true).open(path).map_err(explain)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another program is writing this file")),
            // Not every file system has locks.
            Err(TryLockError::Error(error)) => FileHasNoLock { path, error: &error }.emit(),
        }
        let size = mend(&file, path)?;
        if durable {
            sync_folder_of(path)?;
        }
        let begun = begun_of(&file.metadata()?).unwrap_or(begun);
        Ok(Self { file, size, begun, seen, mid_line: false, regular: true })
    }

    /// Comes back when what was written is on the disk, if that is wanted.
    fn sync(&self, durable: bool) -> io::Result<()> {
        if durable { self.file.sync_data() } else { Ok(()) }
    }
}

fn explain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "its folder does not exist; create it first"),
        _ => error,
    }
}

fn begun_of(metadata: &Metadata) -> io::Result<SystemTime> {
    // Not every file system knows when a file was created.
    metadata.created().or_else(|_| metadata.modified())
}

/// Makes the file end with a whole line, and answers its size. Half an event is cut off. A whole one gets its line end; so does what is no
/// event, because it is not ours to cut.
fn mend(mut file: &File, path: &Path) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let start = last_line(file, size)?;
    if start == size {
        return Ok(size);
    }
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(LONGEST_LINE).read_to_end(&mut tail)?;
    let ours = tail.starts_with(LINE_START) || LINE_START.starts_with(&tail);
    let whole = serde_json::from_slice::<serde::de::IgnoredAny>(&tail).is_ok();
    if ours && !whole {
        FileMended { path, bytes: tail.len() }.emit();
        file.set_len(start)?;
        return Ok(start);
    }
    file.write_all(b"\n")?;
    Ok(size + 1)
}

/// Where the last line begins that has no end; `size` if there is none.
fn last_line(mut file: &File, size: u64) -> io::Result<u64> {
    const BLOCK: u64 = 64 << 10;
    let mut block = Vec::new();
    let mut end = size;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        block.clear();
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(newline) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::config::FileSink;
    use watchpost_actors::settings::ByteSize;

    fn settings(folder: &Path) -> FileSink {
        FileSink {
            path: folder.join("events.jsonl"),
            rotate_size: ByteSize::kib(4),
            rotate_every: FileSink::ROTATE_EVERY,
            keep: 100,
        }
    }

    /// The number of each whole line in the file with this suffix.
    fn numbers(settings: &FileSink, suffix: &str) -> Vec<u32> {
        let mut name = OsString::from(&settings.path);
        name.push(suffix);
        let text = fs::read_to_string(name).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with('\n'), "{suffix}: a line is divided");
        text.lines().map(|line| line.trim().parse().unwrap()).collect()
    }

    #[test]
    fn a_durable_file_is_rotated_with_no_line_lost_or_divided() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let mut file = RotatedFile::open(&settings, true).unwrap();
        for first in (0..600).step_by(30) {
            let lines: String = (first..first + 30).map(|number| format!("{number:>99}\n")).collect();
            file.write_all(lines.as_bytes()).unwrap();
            file.keep().unwrap();
        }
        let old = (1..=100).rev().map(|number| format!(".{number}"));
        let all: Vec<_> = old.chain([String::new()]).flat_map(|suffix| numbers(&settings, &suffix)).collect();
        assert_eq!(all, (0..600).collect::<Vec<_>>());
        assert!(!numbers(&settings, ".14").is_empty(), "each file holds 40 lines");
    }

    #[cfg(unix)]
    #[test]
    fn after_the_file_was_moved_or_removed_later_lines_are_in_a_new_one_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let settings = FileSink { rotate_size: FileSink::ROTATE_SIZE, ..settings(folder.path()) };
        let mut file = RotatedFile::open(&settings, true).unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        let mut next = 0;
        let mut write_until_there = || {
            loop {
                file.write_all(format!("{next}\n").as_bytes()).unwrap();
                file.keep().unwrap();
                next += 1;
                if settings.path.exists() {
                    return next;
                }
                assert!(Instant::now() < until, "no new file");
            }
        };
        write_until_there();
        let moved = folder.path().join("events.jsonl.old");
        fs::rename(&settings.path, &moved).unwrap();
        let written = write_until_there();
        let (old, new) = (numbers(&settings, ".old"), numbers(&settings, ""));
        assert!(!old.is_empty() && !new.is_empty());
        assert_eq!([old, new].concat(), (0..written).collect::<Vec<_>>());

        fs::remove_file(&settings.path).unwrap();
        let written = write_until_there();
        assert_eq!(numbers(&settings, "").last(), Some(&(written - 1)));
        // The new file is ours alone, as the first was.
        assert!(RotatedFile::open(&settings, true).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_second_half_of_a_line_follows_the_first_into_a_file_that_was_moved() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let mut file = RotatedFile::open(&settings, false).unwrap();
        file.write_all(b"1").unwrap();
        fs::rename(&settings.path, folder.path().join("events.jsonl.old")).unwrap();
        for rest in ["2\n", "3\n"] {
            // As if the last look were long ago.
            file.open.as_mut().unwrap().seen -= LOOK_EVERY;
            file.write_all(rest.as_bytes()).unwrap();
        }
        assert_eq!((numbers(&settings, ".old"), numbers(&settings, "")), (vec![12], vec![3]));
    }
}
