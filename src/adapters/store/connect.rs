//! Connections: how the file is opened for writing, for reading alone, and how a
//! fresh one is made.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::schema::{APPLICATION_ID, PAGE_BYTES, VERSION, migrate, statements, version};
use super::{diagnose, files};

/// Frames (536 bytes) in the log before they are copied into the database: some
/// 25 commits. Twice as many as 100 spare a tenth of the blocks that are written.
const CHECKPOINT_FRAMES: u32 = 200;
/// The log is cut back to this after a transaction that was larger.
const LOG_BYTES_MAX: u32 = 128 * 1024;
/// Page cache, KiB.
const CACHE_KIB: i32 = 64;
/// Larger databases are not checked as a whole at a start: ten times what five
/// years need.
const CHECKED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Opens an existing database of ours for writing, holds it, and brings it to our
/// version.
///
/// A connection that is dropped leaves the log as it is: an end without a
/// checkpoint must not cost writes, and a newer schema must not be touched.
pub(super) fn writable(path: &Path) -> Result<Connection, Fault> {
    let to_be_checked = files::has_log(path) || files::is_check_asked(path);
    let of = |error: rusqlite::Error| Fault::of(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(of)?;
    if conn.is_readonly("main").map_err(of)? {
        // SQLite falls back to reading without saying so.
        return Err(diagnose::why(path, "it may only be read".to_owned()));
    }
    // Exclusive before the first read: then there is no shared memory file.
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(of)?;
    settings(&conn).map_err(of)?;
    // The first read; it takes the lock and replays the log.
    let found = version(&conn).map_err(of)?;
    if found > VERSION {
        return Err(Fault::Newer { path: path.to_owned(), found, known: VERSION });
    }
    if to_be_checked {
        check(&conn, found, path)?;
    }
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(of)?;
    if mode != "wal" {
        let detail = format!("journal mode {mode}");
        return Err(Fault::Damaged { path: path.to_owned(), detail });
    }
    if found < VERSION {
        migrate(&mut conn).map_err(of)?;
        // The version also in the file's header, where an older program looks.
        checkpoint(&conn).map_err(of)?;
    }
    Ok(conn)
}

/// Opens a database that cannot be written, with what its log holds.
pub(super) fn readable(path: &Path) -> Result<Connection, Fault> {
    let of = |error: rusqlite::Error| Fault::of(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = if files::has_log(path) {
        // Without locks: they need a descriptor that may write. Exclusive: the
        // index of the log is then kept in memory, not in a file.
        let conn = Connection::open_with_flags_and_vfs(path, flags, c"unix-none").map_err(of)?;
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(of)?;
        conn
    } else {
        let uri = format!("file:{}?immutable=1", percent_encoded(path));
        Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI).map_err(of)?
    };
    settings(&conn).map_err(of)?;
    let found = version(&conn).map_err(of)?;
    if found == VERSION {
        Ok(conn)
    } else {
        // An older one could not be brought to our version.
        Err(Fault::ReadOnly { path: path.to_owned() })
    }
}

/// Makes a fresh database: whole under another name first, so that what lies at
/// `path` always is a whole one.
pub(super) fn create(path: &Path) -> Result<(), Fault> {
    let new = files::beside(path, ".new");
    let of_io = |error: io::Error| diagnose::of_io(path.to_owned(), &error);
    files::remove_with_companions(&new).map_err(of_io)?;
    let made = fill(&new).map_err(|error| match error {
        Made::Sqlite(error) => Fault::of(path, &error),
        Made::Io(error) => of_io(error),
    });
    let placed = made.and_then(|()| files::put_in_place(&new, path).map_err(of_io));
    if placed.is_err() {
        // Best effort: it is removed before the next one is made, too.
        let _removed = files::remove_with_companions(&new);
    }
    placed
}

enum Made {
    Sqlite(rusqlite::Error),
    Io(io::Error),
}

fn fill(new: &Path) -> Result<(), Made> {
    // Ours alone to read; the log takes its mode from it.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new);
    drop(file.map_err(Made::Io)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(new, flags).map_err(Made::Sqlite)?;
    fill_conn(&mut conn).map_err(Made::Sqlite)?;
    conn.close().map_err(|(_, error)| Made::Sqlite(error))?;
    std::fs::File::open(new).and_then(|file| file.sync_all()).map_err(Made::Io)
}

fn fill_conn(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate(conn)?;
    conn.pragma_update(None, "journal_mode", "WAL")
}

/// A database in memory, with the same schema.
pub(super) fn in_memory() -> rusqlite::Result<Connection> {
    let mut conn = Connection::open_in_memory()?;
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    settings(&conn)?;
    migrate(&mut conn)?;
    Ok(conn)
}

/// Copies the log into the database and empties it.
pub(super) fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn settings(conn: &Connection) -> rusqlite::Result<()> {
    // Who holds it holds it for long: waiting would only delay the start.
    conn.busy_timeout(Duration::ZERO)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    // So that triggers also refuse what a REPLACE would delete.
    conn.pragma_update(None, "recursive_triggers", true)?;
    conn.pragma_update(None, "secure_delete", true)?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_FRAMES)?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)
}

/// Holds the whole file against its own structure, and its schema against the one
/// that its version says: a wrong letter there is a sound file whose rows cannot
/// be written. Done only after an end that was not orderly, or when damage was
/// met: it reads every page once.
fn check(conn: &Connection, found: u32, path: &Path) -> Result<(), Fault> {
    let of = |error: rusqlite::Error| Fault::of(path, &error);
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > CHECKED_BYTES_MAX) {
        return Ok(());
    }
    let mut said: String =
        conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(of)?;
    if said == "ok" && found == VERSION {
        let fresh = in_memory().and_then(|fresh| statements(&fresh)).map_err(of)?;
        if statements(conn).map_err(of)? != fresh {
            said = format!("its tables are not those of schema {found}");
        }
    }
    if said == "ok" {
        files::check_is_done(path).map_err(|error| diagnose::of_io(path.to_owned(), &error))
    } else {
        let detail = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Err(Fault::Damaged { path: path.to_owned(), detail })
    }
}

fn percent_encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _written = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
