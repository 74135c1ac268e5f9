//! Everything that can be wrong with the store, each with a name, and a message
//! that says what is wrong, where, and what to do.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::diagnose;

/// What is wrong with the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The directory of the database is not there.
    #[error(
        "the directory of {} does not exist: create it and give it to the user posdatad runs as",
        .path.display()
    )]
    NoDirectory {
        /// The database.
        path: PathBuf,
    },
    /// It lies where posdatad may read but not write.
    #[error(
        "{} may not be written ({detail}): let the user posdatad runs as write it and its directory",
        .path.display()
    )]
    Denied {
        /// The database.
        path: PathBuf,
        /// What was refused.
        detail: String,
    },
    /// The file system is mounted read-only.
    #[error(
        "{} lies on a read-only file system: mount it read-write; if the kernel made it read-only \
         by itself, the flash is failing (see dmesg)",
        .path.display()
    )]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// No space, or no quota, is left.
    #[error("no space is left for {} ({detail}): free some", .path.display())]
    Full {
        /// The database.
        path: PathBuf,
        /// What ran out.
        detail: String,
    },
    /// The disk failed to read or to write.
    #[error("{} cannot be read or written ({detail}): the flash may be failing (see dmesg)", .path.display())]
    Io {
        /// The database.
        path: PathBuf,
        /// What failed.
        detail: String,
    },
    /// It is ours and its content is broken.
    #[error(
        "{} is damaged ({detail}): when it is opened next it is set aside; the flash may be failing",
        .path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// It never was ours.
    #[error(
        "{} is not a posdatad database ({detail}) and is left alone: move it away or set [store] path",
        .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        detail: String,
    },
    /// A newer posdatad wrote it.
    #[error(
        "{} has schema {found}, written by a newer posdatad, and is left alone; this one knows up \
         to {known}: install the newer version again",
        .path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Another process has it.
    #[error(
        "another posdatad (or a database tool) holds the database {}: only one may run; stop the other",
        .path.display()
    )]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// It is not the one whose rows were loaded: what is counted since then
    /// cannot be added to it. Open it anew.
    #[error(
        "{} is not the database that was read at the start: it was exchanged, or could not be read \
         then; it must be read again",
        .path.display()
    )]
    Changed {
        /// The database.
        path: PathBuf,
    },
    /// The batch breaks a rule of the schema: a bug of this program.
    #[error("a commit to {} was refused by the schema ({detail}): please report this", .path.display())]
    Refused {
        /// The database.
        path: PathBuf,
        /// Which rule.
        detail: String,
    },
}

impl Fault {
    /// The fault's name, one word: the same in the journal and in the manual.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoDirectory { .. } => "no_directory",
            Self::Denied { .. } => "denied",
            Self::ReadOnly { .. } => "read_only",
            Self::Full { .. } => "full",
            Self::Io { .. } => "io",
            Self::Damaged { .. } => "damaged",
            Self::Foreign { .. } => "foreign",
            Self::Newer { .. } => "newer",
            Self::Locked { .. } => "locked",
            Self::Changed { .. } => "changed",
            Self::Refused { .. } => "refused",
        }
    }

    /// What an error of SQLite's on that database means.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let detail = error.to_string();
        let Some(code) = error.sqlite_error().map(|sqlite| sqlite.code) else {
            // Not SQLite's but ours: a value that is no row of the domain.
            return Self::of_value(path, error);
        };
        match code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged { path, detail },
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed => Self::Locked { path },
            ErrorCode::DiskFull => Self::Full { path, detail },
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure => diagnose::why(&path, detail),
            ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig => {
                Self::Refused { path, detail }
            }
            // "SQL error": our SQL is tested, so that the schema in the file is not
            // the one that its version says.
            ErrorCode::Unknown => Self::Damaged { path, detail },
            // Of another crate, and it may grow: none of the rest is expected.
            _ => Self::Io { path, detail },
        }
    }

    fn of_value(path: PathBuf, error: &rusqlite::Error) -> Self {
        let detail = error.to_string();
        if matches!(error, rusqlite::Error::ToSqlConversionFailure(_)) {
            Self::Refused { path, detail }
        } else {
            Self::Damaged { path, detail }
        }
    }
}

/// Why a store cannot be opened at all. Everything else is a [`super::Mode`], so
/// that metering goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(transparent)]
    Locked(Fault),
    /// Not even a database in memory could be opened.
    #[error("no database can be opened, not even in memory: {0}")]
    NoMemory(String),
}
