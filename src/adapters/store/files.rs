//! The files of a database: their names, what they are before SQLite opens them,
//! and how a damaged one is set aside.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::schema::{APPLICATION_ID, MARK, PAGE_BYTES, VERSION};

/// The first 16 bytes of every SQLite database.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The header of an SQLite database.
const HEADER_BYTES: u64 = 100;
const BROKEN_HEADER: &str = "its header is broken";
/// How much of a file is searched for our mark: the schema comes first.
const SEARCHED_BYTES: u64 = 256 * 1024;
/// A version that far ahead is no newer posdatad but a damaged header.
const AHEAD_MAX: u32 = 1_000;
/// Beside a database in which damage was met while it was open.
const CHECK_ASKED: &str = ".check";
/// Files of a database beside it.
const COMPANIONS: [&str; 2] = ["-wal", "-journal"];

/// What lies at the path of the database.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing, or a file without content.
    Nothing,
    /// A posdatad database whose header is whole.
    Ours,
    /// A posdatad database, and why it is damaged.
    Damaged(String),
    /// A posdatad database of a newer version.
    Newer(u32),
    /// Something else, and what.
    Foreign(String),
}

/// Looks at the file without changing it. Must not be called while this process
/// has the database open: closing a second descriptor would drop SQLite's locks.
pub(super) fn look(path: &Path) -> io::Result<Found> {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    if !meta.is_file() {
        // Not even opened: to open a pipe would wait for its other end.
        return Ok(Found::Foreign("not a regular file".to_owned()));
    }
    if meta.len() == 0 {
        return Ok(Found::Nothing);
    }
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(HEADER_BYTES).read_to_end(&mut head)?;
    if let Some(found) = judge_header(&head) {
        return Ok(found);
    }
    file.take(SEARCHED_BYTES).read_to_end(&mut head)?;
    Ok(judge_content(&head))
}

/// What a header says that is ours, by its magic and its `application_id`.
fn judge_header(head: &[u8]) -> Option<Found> {
    if !head.starts_with(MAGIC) || be_u32(head, 68) != Some(APPLICATION_ID) {
        return None;
    }
    // What is the same in each database of ours. SQLite takes some other values
    // for a database of the future that may only be read.
    let fixed = head.get(18..24) == Some(&[2, 2, 0, 64, 32, 32])
        && be_u32(head, 44) == Some(4)
        && be_u32(head, 56) == Some(1);
    let version = be_u32(head, 60).unwrap_or(0);
    Some(if (1..=VERSION).contains(&version) && fixed {
        Found::Ours
    } else if version > VERSION && version - VERSION <= AHEAD_MAX {
        Found::Newer(version)
    } else {
        Found::Damaged(BROKEN_HEADER.to_owned())
    })
}

/// What a file is whose header is not ours.
fn judge_content(head: &[u8]) -> Found {
    let marked = head.windows(MARK.len()).any(|window| window == MARK);
    let id = be_u32(head, 68);
    if marked || (id == Some(APPLICATION_ID) && be_u16(head, 16) == Some(PAGE_BYTES)) {
        Found::Damaged(BROKEN_HEADER.to_owned())
    } else if head.iter().all(|byte| *byte == 0) {
        // What file systems leave of a file that was being written at a power cut.
        Found::Damaged("it holds nothing but zeros".to_owned())
    } else if head.starts_with(MAGIC) {
        Found::Foreign(format!("an SQLite database with application_id {}", id.unwrap_or(0)))
    } else {
        Found::Foreign("not an SQLite database".to_owned())
    }
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

fn be_u16(bytes: &[u8], at: usize) -> Option<u32> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u32::from(u16::from_be_bytes(two.try_into().ok()?)))
}

/// The directory that a file lies in.
pub(super) fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// The path with something added to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// True when a write-ahead log with content lies beside the database: the last
/// end was not an orderly one.
pub(super) fn has_log(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|meta| meta.len() > 0)
}

/// Leaves a note that the database is to be checked as a whole.
pub(super) fn ask_for_check(path: &Path) {
    // Best effort, on a disk that is failing: without it the damage is found
    // again when it is met again.
    let _noted = File::create(beside(path, CHECK_ASKED));
}

/// True when there is such a note.
pub(super) fn is_check_asked(path: &Path) -> bool {
    beside(path, CHECK_ASKED).exists()
}

/// Removes the note: the check is done.
pub(super) fn check_is_done(path: &Path) -> io::Result<()> {
    remove_if_there(&beside(path, CHECK_ASKED))
}

/// True when a log lies there without its database: it was deleted or lost, and
/// its log must never be replayed into another one.
pub(super) fn has_orphans(path: &Path) -> bool {
    COMPANIONS
        .iter()
        .any(|suffix| fs::metadata(beside(path, suffix)).is_ok_and(|meta| meta.len() > 0))
}

/// Moves the database with its log to `<name>.damaged-<n>`, and says where.
///
/// n counts up. Only the first and the last are kept, so that they never fill
/// the flash: the first shows how it began, the last has the newest data. The
/// one between them is deleted when there is another.
///
/// # Errors
/// Those of the renames.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let taken = numbers_taken(path)?;
    let number = taken.last().copied().unwrap_or(0).saturating_add(1);
    let aside = beside(path, &format!(".damaged-{number}"));
    // The database first: should the power fail in between, its log lies there
    // without it and is set aside at the next start.
    rename_if_there(path, &aside)?;
    for suffix in COMPANIONS {
        rename_if_there(&beside(path, suffix), &beside(&aside, suffix))?;
    }
    check_is_done(path)?;
    sync_directory(path)?;
    for between in taken.iter().skip(1) {
        let between = beside(path, &format!(".damaged-{between}"));
        remove_if_there(&between)?;
        for suffix in COMPANIONS {
            remove_if_there(&beside(&between, suffix))?;
        }
    }
    Ok(aside)
}

fn numbers_taken(path: &Path) -> io::Result<Vec<u32>> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".damaged-");
    let prefix = prefix.to_string_lossy().into_owned();
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory(path))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(&prefix) else { continue };
        let digits = rest.split_once('-').map_or(rest, |(digits, _)| digits);
        numbers.extend(digits.parse::<u32>().ok());
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// Puts a finished file in place, without ever replacing one that has content.
pub(super) fn put_in_place(new: &Path, path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() == 0) {
        fs::remove_file(path)?;
    }
    match fs::hard_link(new, path) {
        Ok(()) => fs::remove_file(new)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // File systems without hard links.
        Err(_) => fs::rename(new, path)?,
    }
    sync_directory(path)
}

/// Removes a file and what belongs to it.
pub(super) fn remove_with_companions(path: &Path) -> io::Result<()> {
    remove_if_there(path)?;
    COMPANIONS.iter().try_for_each(|suffix| remove_if_there(&beside(path, suffix)))
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}
