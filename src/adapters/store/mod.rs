//! The store: the SQLite database that keeps counts, history and ledger over
//! restarts and power cuts.
//!
//! A [`Store`] applies batches, one transaction each, and answers queries; a
//! [`StoreThread`] does so on a thread of its own. A fault never stops metering:
//! it is a [`Mode`], and the engine keeps in memory what could not be written.
//!
//! | what lies at the path | what is done |
//! |---|---|
//! | nothing, or an empty file | a fresh database is made beside it and put in place |
//! | our database | opened; checked as a whole after a power cut or when damage was met |
//! | our database, damaged | renamed to `<name>.damaged-<n>` with its log; a fresh one |
//! | our database, a newer schema | left alone; all goes on in memory |
//! | anything else | left alone; all goes on in memory |
//! | our database, not writable | read; commits fail, and each one tries again |
//! | our database, held by another process | refused |
//!
//! A commit writes some pages to the log and syncs it once; every 200 pages the
//! log is copied into the database. Nothing is written while nothing happens.

mod backend_read;
mod backend_write;
mod cells;
mod connect;
mod diagnose;
mod fault;
mod files;
mod ledger_read;
mod ledger_write;
mod operator_rows;
mod query;
mod read;
mod record_write;
mod schema;
mod start;
mod thread;
mod usage_write;
mod write;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub use fault::{Fault, OpenError};
pub use query::EventRecord;
pub use schema::VERSION;
pub use thread::{Asked, Outcome, StoreThread};

use crate::domain::ledger::Entry;
use crate::domain::persist::{Batch, Loaded};
use crate::domain::sim::SimId;
use crate::domain::snapshot::{Tier, UsageRecord};
use crate::domain::time::UnixS;
use start::{Failed, Opened};

/// Where commits go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To the disk.
    Disk,
    /// Nowhere: they fail, and each one tries to open the database for writing.
    ReadOnly {
        /// Why.
        reason: Fault,
    },
    /// To a database in memory that ends with the process: the file is not ours
    /// to write.
    Memory {
        /// Why.
        reason: Fault,
    },
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was written.
    Now,
    /// It had been written before: nothing was done.
    Before,
}

/// This boot of the terminal.
#[derive(Clone, Debug)]
struct Boot {
    seq: u32,
    id: String,
}

/// The open store.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    boot: Boot,
    /// `None` only while it is being opened again.
    conn: Option<Connection>,
    mode: Mode,
    /// The last batch that is known to be stored.
    seq: u64,
    /// The last batch whose commit failed on the disk: it may be stored all the
    /// same. 0 when there is none.
    doubtful_seq: u64,
    /// Set when what is on disk is no longer what was loaded: every commit fails
    /// until it is opened anew.
    stale: Option<Fault>,
}

impl Store {
    /// Opens the store, whatever lies at `path`, and reads it. `boot_id` is the
    /// kernel's (`/proc/sys/kernel/random/boot_id`): another one is another boot.
    ///
    /// # Errors
    /// [`OpenError::Locked`] when another process holds the database. All other
    /// faults are a [`Mode`].
    pub fn open(path: &Path, boot_id: &str) -> Result<(Self, Loaded), OpenError> {
        let (opened, mode) = match start::for_writing(path, boot_id) {
            Ok(opened) => (opened, Mode::Disk),
            Err(Failed { fault, replaced }) => {
                let (mut opened, mode) = opened_otherwise(path, boot_id, fault)?;
                opened.loaded.replaced = replaced;
                (opened, mode)
            }
        };
        let Opened { conn, boot, loaded } = opened;
        let (path, seq) = (path.to_owned(), loaded.seq);
        Ok((Self { path, boot, conn: Some(conn), mode, seq, doubtful_seq: 0, stale: None }, loaded))
    }

    /// Where commits go now.
    #[must_use]
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// The number of this boot.
    #[must_use]
    pub fn boot_seq(&self) -> u32 {
        self.boot.seq
    }

    /// Writes a batch in one transaction; when it returns, the batch is on disk.
    /// A batch that is not newer than the last is not applied again.
    ///
    /// After `Damaged` or `Changed` the store must be closed and opened anew: the
    /// engine then starts from what is loaded, as after a restart.
    ///
    /// # Errors
    /// [`Fault`]: nothing of it counts as written. The same batch may be tried
    /// again, except after `Damaged`, `Changed` and `Refused`.
    pub fn commit(&mut self, batch: &Batch) -> Result<Applied, Fault> {
        if let Some(fault) = &self.stale {
            return Err(fault.clone());
        }
        match &self.mode {
            Mode::Disk | Mode::Memory { .. } => {}
            Mode::ReadOnly { .. } => self.open_again()?,
        }
        let Some(conn) = self.conn.as_mut() else { return Err(self.no_connection()) };
        match write::apply(conn, &self.boot, batch) {
            Ok(applied) => {
                self.seq = self.seq.max(batch.seq);
                Ok(applied)
            }
            Err(error) => {
                let fault = Fault::of(&self.path, &error);
                self.doubtful_seq = batch.seq;
                self.note(&fault);
                Err(fault)
            }
        }
    }

    /// The slots of a tier with `from <= start < to`, oldest first.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn usage(
        &mut self,
        sim: SimId,
        tier: Tier,
        from: UnixS,
        to: UnixS,
    ) -> Result<Vec<UsageRecord>, Fault> {
        self.read(|conn| query::usage(conn, sim, tier, from, to))
    }

    /// Events after an id, oldest first, `limit` (and 1,000) at most.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn events(&mut self, after_id: u64, limit: u32) -> Result<Vec<EventRecord>, Fault> {
        self.read(|conn| query::events(conn, after_id, limit))
    }

    /// Entries of a SIM's ledger after an id, oldest first, `limit` at most.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be read.
    pub fn entries(&mut self, sim: SimId, after_id: u64, limit: u32) -> Result<Vec<Entry>, Fault> {
        self.read(|conn| ledger_read::entries(conn, sim, after_id, limit))
    }

    /// Copies the log into the database and empties it: what was deleted before
    /// is then in none of the files any more.
    ///
    /// # Errors
    /// [`Fault`]; nothing is lost, the log stays.
    pub fn checkpoint(&mut self) -> Result<(), Fault> {
        if self.stale.is_some() {
            // Damage must not be carried from the log into the database, nor the
            // other way round.
            return Ok(());
        }
        match self.mode {
            Mode::Disk => self.read(connect::checkpoint),
            Mode::ReadOnly { .. } | Mode::Memory { .. } => Ok(()),
        }
    }

    /// Empties the log and closes. A store that is only dropped leaves its log
    /// for the next start, as a power cut does.
    ///
    /// # Errors
    /// [`Fault`] when the log could not be emptied; nothing is lost.
    pub fn close(mut self) -> Result<(), Fault> {
        self.checkpoint()
    }

    fn read<T>(
        &mut self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        let Some(conn) = self.conn.as_ref() else { return Err(self.no_connection()) };
        read(conn).map_err(|error| {
            let fault = Fault::of(&self.path, &error);
            if error.sqlite_error().is_some() {
                self.note(&fault);
            }
            // Else a single value is no word of ours: the rest is whole, and
            // counting goes on.
            fault
        })
    }

    /// Takes note of a fault on an open database.
    fn note(&mut self, fault: &Fault) {
        match (fault, &self.mode) {
            (Fault::Damaged { .. }, Mode::Disk) => {
                files::ask_for_check(&self.path);
                self.stale = Some(fault.clone());
            }
            (Fault::ReadOnly { .. } | Fault::Denied { .. } | Fault::Io { .. }, Mode::Disk)
            | (Fault::NoDirectory { .. }, Mode::Disk) => {
                self.mode = Mode::ReadOnly { reason: fault.clone() };
            }
            // A retry on the same connection is all that is needed, or all that
            // can be done.
            (
                Fault::Full { .. }
                | Fault::Foreign { .. }
                | Fault::Newer { .. }
                | Fault::Locked { .. }
                | Fault::Changed { .. }
                | Fault::Refused { .. },
                Mode::Disk,
            )
            | (_, Mode::ReadOnly { .. } | Mode::Memory { .. }) => {}
        }
    }

    /// Opens the database for writing after a fault, if it is the one that was
    /// loaded: its last batch is the last that was stored, or the one whose
    /// commit failed and reached the disk all the same.
    fn open_again(&mut self) -> Result<(), Fault> {
        // First: SQLite without locks, closing its file, would drop those of the
        // new connection.
        self.conn = None;
        match start::for_writing(&self.path, &self.boot.id) {
            Ok(opened) => {
                let stored = opened.loaded.seq;
                let same = stored == self.seq || (stored > 0 && stored == self.doubtful_seq);
                self.conn = Some(opened.conn);
                if !same || opened.loaded.replaced.is_some() {
                    let fault = Fault::Changed { path: self.path.clone() };
                    self.stale = Some(fault.clone());
                    return Err(fault);
                }
                self.mode = Mode::Disk;
                Ok(())
            }
            Err(Failed { fault, .. }) => {
                let reading = start::for_reading(&self.path, &self.boot.id)
                    .or_else(|_| start::in_memory(&self.path, &self.boot.id));
                self.conn = reading.ok().map(|opened| opened.conn);
                self.mode = Mode::ReadOnly { reason: fault.clone() };
                Err(fault)
            }
        }
    }

    fn no_connection(&self) -> Fault {
        let detail = "no connection".to_owned();
        Fault::Io { path: self.path.clone(), detail }
    }
}

/// What is opened when the database cannot be written.
fn opened_otherwise(
    path: &Path,
    boot_id: &str,
    reason: Fault,
) -> Result<(Opened, Mode), OpenError> {
    let in_memory =
        || start::in_memory(path, boot_id).map_err(|fault| OpenError::NoMemory(fault.to_string()));
    match reason {
        Fault::Locked { .. } => Err(OpenError::Locked(reason)),
        Fault::Foreign { .. } | Fault::Newer { .. } => Ok((in_memory()?, Mode::Memory { reason })),
        Fault::NoDirectory { .. }
        | Fault::Denied { .. }
        | Fault::ReadOnly { .. }
        | Fault::Full { .. }
        | Fault::Io { .. }
        | Fault::Damaged { .. }
        | Fault::Changed { .. }
        | Fault::Refused { .. } => {
            let opened = start::for_reading(path, boot_id).or_else(|_| in_memory())?;
            Ok((opened, Mode::ReadOnly { reason }))
        }
    }
}
