//! Opens a database, whatever lies at its path: ours, nothing, a damaged one,
//! someone else's.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::fault::Fault;
use super::files::{self, Found};
use super::schema::VERSION;
use super::{Boot, connect, diagnose, read};
use crate::domain::persist::Loaded;

/// An open database and what it holds.
pub(super) struct Opened {
    /// The connection.
    pub(super) conn: Connection,
    /// This boot.
    pub(super) boot: Boot,
    /// Its rows.
    pub(super) loaded: Loaded,
}

/// Why a database could not be opened for writing.
pub(super) struct Failed {
    /// Why.
    pub(super) fault: Fault,
    /// Where a damaged one was set aside before that.
    pub(super) replaced: Option<PathBuf>,
}

/// Opens the database for writing. A damaged one is set aside and a fresh one
/// opened in its place; one that is missing is made.
pub(super) fn for_writing(path: &Path, boot_id: &str) -> Result<Opened, Failed> {
    match attempt(path, boot_id) {
        Ok(opened) => Ok(opened),
        Err(Fault::Damaged { .. }) => {
            let replaced = aside(path).map_err(|fault| Failed { fault, replaced: None })?;
            match attempt(path, boot_id) {
                Ok(mut opened) => {
                    opened.loaded.replaced = Some(replaced);
                    Ok(opened)
                }
                Err(fault) => Err(Failed { fault, replaced: Some(replaced) }),
            }
        }
        Err(fault) => Err(Failed { fault, replaced: None }),
    }
}

fn attempt(path: &Path, boot_id: &str) -> Result<Opened, Fault> {
    match look(path)? {
        Found::Nothing if files::has_orphans(path) => {
            let detail = "only its log is there".to_owned();
            return Err(Fault::Damaged { path: path.to_owned(), detail });
        }
        Found::Nothing => connect::create(path)?,
        Found::Ours => {}
        Found::Damaged(detail) => return Err(Fault::Damaged { path: path.to_owned(), detail }),
        Found::Newer(found) => {
            return Err(Fault::Newer { path: path.to_owned(), found, known: VERSION });
        }
        Found::Foreign(detail) => return Err(Fault::Foreign { path: path.to_owned(), detail }),
    }
    loaded(connect::writable(path)?, path, boot_id)
}

/// Opens the database for reading alone.
pub(super) fn for_reading(path: &Path, boot_id: &str) -> Result<Opened, Fault> {
    loaded(connect::readable(path)?, path, boot_id)
}

/// Opens an empty database in memory.
pub(super) fn in_memory(path: &Path, boot_id: &str) -> Result<Opened, Fault> {
    let conn = connect::in_memory().map_err(|error| Fault::of(path, &error))?;
    loaded(conn, path, boot_id)
}

fn loaded(conn: Connection, path: &Path, boot_id: &str) -> Result<Opened, Fault> {
    let of = |error: rusqlite::Error| Fault::of(path, &error);
    let boot = Boot { seq: read::boot_seq(&conn, boot_id).map_err(of)?, id: boot_id.to_owned() };
    let loaded = read::load(&conn, &boot).map_err(of)?;
    Ok(Opened { conn, boot, loaded })
}

fn look(path: &Path) -> Result<Found, Fault> {
    files::look(path).map_err(|error| diagnose::of_io(path.to_owned(), &error))
}

fn aside(path: &Path) -> Result<PathBuf, Fault> {
    files::set_aside(path).map_err(|error| diagnose::of_io(path.to_owned(), &error))
}
