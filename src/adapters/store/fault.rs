//! What can go wrong with the database, in words: what, where, what to do.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the database cannot be opened, written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another process has it.
    #[error(
        "{0} is held by another process: another posdatad runs on it (systemctl status posdatad), \
         or somebody looks into it with sqlite3"
    )]
    Locked(PathBuf),
    /// Its directory is not there.
    #[error("{0} is not there: make it, owned by posdatad, or set [store] path")]
    NoDirectory(PathBuf),
    /// It may not be written.
    #[error("{0} may not be written: give it to the user posdatad, mode 0600, its directory 0700")]
    Denied(PathBuf),
    /// The file system is mounted read-only.
    #[error(
        "{0} lies on a read-only file system: remount it read-write (mount -o remount,rw …); \
         flash that has failed turns read-only by itself"
    )]
    ReadOnly(PathBuf),
    /// There is no space left.
    #[error("the disk is full, {0} cannot grow: make room (df -h, journalctl --vacuum-size=8M)")]
    Full(PathBuf),
    /// Its contents are damaged.
    #[error("{path} is damaged ({detail}): at the next start it is set aside and a new one begun")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        detail: String,
    },
    /// It is not a database of posdatad.
    #[error(
        "{0} is not a database of posdatad: it is left as it is; move it away or set [store] path, \
         then restart"
    )]
    Foreign(PathBuf),
    /// A newer posdatad wrote it.
    #[error(
        "{path} was written by a newer posdatad (schema {found}, this one knows {known}): it is \
         left as it is; install that version again"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// The disk answers with errors.
    #[error("{path} cannot be read or written ({detail}): does the flash fail? see dmesg")]
    Io {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        detail: String,
    },
    /// The store's thread has ended.
    #[error("the store has ended")]
    Ended,
}

impl Fault {
    /// Names an error of SQLite's.
    #[must_use]
    pub fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(path),
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, detail }
            }
            Some(ErrorCode::PermissionDenied) => Self::Denied(path),
            // A value that is not of its column's kind was not written by us.
            None => Self::Damaged { path, detail },
            Some(_) => Self::Io { path, detail },
        }
    }
}
