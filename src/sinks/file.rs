//! A file, one event a line, and a new one now and then.
//!
//! `events.jsonl` is the one that is written; when it is full or old it becomes `events.jsonl.1`, that becomes `events.jsonl.2`, and so on. A
//! line is never divided between files. What a crash left of a last line is mended when the file is opened.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::Output;
use crate::config::FileSink;

/// How an event line begins.
const LINE_START: &[u8] = br#"{"specversion":"#;

/// More than this, in bytes, is no line of ours: a message of a vendor has 256 MiB at most.
const LONGEST_LINE: u64 = 300 << 20;

/// Opens the file of a sink. A pipe or device is opened with the first write, on the sink's own thread: to open a pipe takes until
/// somebody reads it.
///
/// # Errors
/// What the system says, or that another program has the file.
pub(super) fn output(settings: &FileSink) -> io::Result<Output> {
    let open = if is_special(&settings.path) { None } else { Some(OpenFile::open(&settings.path)?) };
    let file = RotatedFile { settings: settings.clone(), limit: settings.rotate_size.as_u64(), open };
    Ok(Output { writer: Box::new(file), one_reader: false })
}

/// The file that is written, and when to begin a new one.
struct RotatedFile {
    settings: FileSink,
    /// The size at which the file is full; grows where a new file could not be begun.
    limit: u64,
    /// `None` between two files, and before the first write to a pipe or device.
    open: Option<OpenFile>,
}

struct OpenFile {
    file: File,
    size: u64,
    begun: SystemTime,
    /// Half a line was written; the other half belongs into the same file.
    mid_line: bool,
    /// A file, and no pipe or device: it can be cut, locked and rotated.
    regular: bool,
}

impl Write for RotatedFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.rotate_if_due(lines)?;
        let open = match &mut self.open {
            Some(open) => open,
            closed => closed.insert(OpenFile::open(&self.settings.path)?),
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

impl RotatedFile {
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
        let rotate_size = self.settings.rotate_size.as_u64();
        match shift(&self.settings.path, self.settings.keep) {
            Ok(()) => {
                self.open = None;
                self.limit = rotate_size;
            }
            Err(error) => {
                // A file that is too long is better than events that wait for ever.
                let path = self.settings.path.display();
                tracing::warn!(%path, %error, "The file could not be renamed to begin a new one; it is written on.");
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

impl OpenFile {
    fn open(path: &Path) -> io::Result<Self> {
        if is_special(path) {
            let file = File::options().append(true).open(path)?;
            return Ok(Self { file, size: 0, begun: SystemTime::now(), mid_line: false, regular: false });
        }
        let file = File::options().read(true).append(true).create(true).open(path).map_err(explain)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another program is writing this file")),
            // Not every file system has locks.
            Err(TryLockError::Error(error)) => tracing::debug!(path = %path.display(), %error, "The file has no lock."),
        }
        let size = mend(&file, path)?;
        let begun = begun(&file.metadata()?);
        Ok(Self { file, size, begun, mid_line: false, regular: true })
    }
}

fn explain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "its folder does not exist; create it first"),
        _ => error,
    }
}

fn begun(metadata: &Metadata) -> SystemTime {
    // Not every file system knows when a file was created.
    metadata.created().or_else(|_| metadata.modified()).unwrap_or_else(|_| SystemTime::now())
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
        tracing::warn!(path = %path.display(), bytes = tail.len(), "The file ended in half an event, which was cut off.");
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
