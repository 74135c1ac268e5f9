//! What the file at the path is, and what to do with it.
//!
//! | it is | then |
//! |---|---|
//! | not there, or empty | a new database |
//! | ours | opened, brought to the present schema |
//! | ours and damaged | set aside under another name, a new one begun |
//! | ours, on a read-only file system | loaded; each commit tries to open it for writing |
//! | a newer posdatad's, or not ours at all | left as it is; the count is kept in memory |
//! | held by another process | refused: there is one posdatad |

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::schema::{self, APPLICATION_ID, VERSION};
use super::{read, write};
use crate::domain::engine::Input;
use crate::domain::persist::Loaded;

/// The small hot rows of a commit then touch few bytes (`docs/benchmarks.md`).
const PAGE_SIZE: u32 = 512;

/// Where batches go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To the file.
    Disk,
    /// Nowhere yet: the file cannot be written now, and is tried again.
    ReadOnly(Fault),
    /// Into memory, for as long as the process lives: the file is not ours to
    /// write.
    Memory(Fault),
}

/// An opened store, before its thread owns it.
#[derive(Debug)]
pub struct Opened {
    /// What the engine goes on from.
    pub loaded: Loaded,
    /// The number of this boot.
    pub boot_seq: u32,
    /// Where a damaged database was set aside.
    pub replaced: Option<PathBuf>,
    pub(super) mode: Mode,
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) boot_id: String,
}

impl Opened {
    /// What the engine is to know of it.
    #[must_use]
    pub fn found(&self) -> Input {
        let (state, detail) = match &self.mode {
            Mode::Disk => ("ok", String::new()),
            Mode::ReadOnly(fault) => ("retrying", fault.to_string()),
            Mode::Memory(fault) => ("memory", fault.to_string()),
        };
        let replaced = self.replaced.as_ref().map(|path| path.display().to_string());
        Input::Store { state, detail, replaced }
    }
}

/// Opens the store at `path` for the boot with that id.
///
/// # Errors
/// Only [`Fault::Locked`]: two daemons must not count the same bytes. Whatever
/// else is wrong, the metering goes on and [`Opened::found`] says what it is.
pub fn open(path: &Path, boot_id: &str) -> Result<Opened, Fault> {
    let mut replaced = None;
    let found = match try_open(path) {
        Err(Fault::Damaged { .. }) => {
            replaced = set_aside(path);
            try_open(path)
        }
        found => found,
    };
    let (connection, mode) = match found {
        Ok(connection) => (connection, Mode::Disk),
        Err(Fault::Locked(path)) => return Err(Fault::Locked(path)),
        Err(fault @ (Fault::Foreign(_) | Fault::Newer { .. })) => {
            (memory(path)?, Mode::Memory(fault))
        }
        Err(fault) => {
            let connection = copy_into_memory(path).or_else(|_| memory(path))?;
            (connection, Mode::ReadOnly(fault))
        }
    };
    let named = |error: &rusqlite::Error| Fault::of(path, error);
    let loaded = read::load(&connection).map_err(|error| named(&error))?;
    let boot_seq = write::boot_seq(&connection, boot_id).map_err(|error| named(&error))?;
    Ok(Opened {
        loaded,
        boot_seq,
        replaced,
        mode,
        connection,
        path: path.to_owned(),
        boot_id: boot_id.to_owned(),
    })
}

/// Opens the file for writing.
pub(super) fn try_open(path: &Path) -> Result<Connection, Fault> {
    judge_header(path)?;
    let named = |error: rusqlite::Error| named_on_disk(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(named)?;
    if connection.is_readonly("main").map_err(named)? {
        return Err(not_writable(path));
    }
    settle_in(&connection).map_err(named)?;
    let version = schema::version(&connection).map_err(named)?;
    if version > VERSION {
        return Err(Fault::Newer { path: path.to_owned(), found: version, known: VERSION });
    }
    if version > 0 {
        check(&connection, path)?;
    }
    schema::migrate(&mut connection).map_err(named)?;
    // Rows that cannot be read are damage too; better known now than later.
    read::load(&connection).map_err(named)?;
    Ok(connection)
}

/// How SQLite is to work. Exclusive: one process, no shared memory file. FULL:
/// what was acknowledged is on the flash.
fn settle_in(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 200)?;
    connection.pragma_update(None, "journal_size_limit", 262_144)?;
    connection.pragma_update(None, "cache_size", -64)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// The database is small (five years are less than a megabyte): to look at all
/// of it takes milliseconds, and a damaged page is found before it is written on.
fn check(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let said: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| Fault::of(path, &error))?;
    if said == "ok" {
        return Ok(());
    }
    Err(Fault::Damaged { path: path.to_owned(), detail: said })
}

/// Looks at the first bytes before SQLite does: it would write into an empty
/// database of anybody's.
fn judge_header(path: &Path) -> Result<(), Fault> {
    let mut header = Vec::with_capacity(100);
    match File::open(path) {
        Ok(file) => {
            file.take(100).read_to_end(&mut header).map_err(|error| io_fault(path, &error))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            return match directory {
                Some(directory) if !directory.is_dir() => {
                    Err(Fault::NoDirectory(directory.to_owned()))
                }
                Some(_) | None => Ok(()),
            };
        }
        Err(error) => return Err(io_fault(path, &error)),
    }
    if header.is_empty() {
        return Ok(());
    }
    let ours = header.get(68..72) == Some(APPLICATION_ID.to_be_bytes().as_slice());
    let sqlite = header.starts_with(b"SQLite format 3\0");
    // A first page of zeroes is what a power cut leaves of a file.
    let zeroes = header.iter().all(|byte| *byte == 0);
    let damaged =
        |detail: &str| Fault::Damaged { path: path.to_owned(), detail: detail.to_owned() };
    match (sqlite, ours) {
        (true, true) => Ok(()),
        // Made by us, cut off before the first commit was in the file itself.
        (true, false) if wal_of(path).exists() && header.get(68..72) == Some(&[0; 4]) => Ok(()),
        (false, true) => Err(damaged("its header is not SQLite's")),
        (false, false) if zeroes => Err(damaged("its first page is empty")),
        (true | false, false) => Err(Fault::Foreign(path.to_owned())),
    }
}

fn io_fault(path: &Path, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Fault::Denied(path.to_owned()),
        io::ErrorKind::ReadOnlyFilesystem => Fault::ReadOnly(path.to_owned()),
        io::ErrorKind::StorageFull => Fault::Full(path.to_owned()),
        _ => Fault::Io { path: path.to_owned(), detail: error.to_string() },
    }
}

/// SQLite says "cannot open" for much; the file system knows why.
fn named_on_disk(path: &Path, error: &rusqlite::Error) -> Fault {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly) => not_writable(path),
        _ => Fault::of(path, error),
    }
}

fn not_writable(path: &Path) -> Fault {
    let probe = if path.exists() { File::options().append(true).open(path).err() } else { None };
    let directory = path.parent().unwrap_or(Path::new("."));
    let probe = probe.or_else(|| {
        let name = directory.join(".posdatad-may-write");
        let made = File::create(&name).err();
        let _ = fs::remove_file(&name);
        made
    });
    probe.map_or_else(|| Fault::Denied(path.to_owned()), |error| io_fault(path, &error))
}

fn wal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Renames a damaged database and its log. The first one and the last one are
/// kept: the flash must not fill up with them.
fn set_aside(path: &Path) -> Option<PathBuf> {
    let named = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let first = named(".damaged-first");
    let aside = if first.exists() { named(".damaged-last") } else { first };
    fs::rename(path, &aside).ok()?;
    let mut wal = aside.as_os_str().to_owned();
    wal.push("-wal");
    let _ = fs::rename(wal_of(path), wal);
    Some(aside)
}

/// An empty database that lives as long as the process.
fn memory(path: &Path) -> Result<Connection, Fault> {
    let named = |error: rusqlite::Error| Fault::of(path, &error);
    let mut connection = Connection::open_in_memory().map_err(named)?;
    schema::migrate(&mut connection).map_err(named)?;
    Ok(connection)
}

/// The file's contents in memory, with what its log holds beside it. SQLite
/// cannot read a log on a file system that it may not write: so both are copied
/// to where it may.
fn copy_into_memory(path: &Path) -> Result<Connection, Fault> {
    let named = |error: rusqlite::Error| Fault::of(path, &error);
    let scratch = std::env::temp_dir().join(format!("posdatad-{}", std::process::id()));
    let copied = fs::create_dir_all(&scratch)
        .and_then(|()| fs::copy(path, scratch.join("copy.db")))
        .map(|_| fs::copy(wal_of(path), scratch.join("copy.db-wal")));
    let source = match copied {
        Ok(_) => Connection::open(scratch.join("copy.db")).map_err(named),
        Err(error) => Err(io_fault(path, &error)),
    };
    let loaded = source.and_then(|source| {
        schema::version(&source).map_err(named)?;
        let mut connection = Connection::open_in_memory().map_err(named)?;
        let backup = rusqlite::backup::Backup::new(&source, &mut connection).map_err(named)?;
        backup.run_to_completion(1_000, std::time::Duration::ZERO, None).map_err(named)?;
        drop(backup);
        schema::migrate(&mut connection).map_err(named)?;
        Ok(connection)
    });
    let _ = fs::remove_dir_all(&scratch);
    loaded
}
