//! The store's thread: a slow flash delays nobody but the next batch.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::fault::Fault;
use super::open::{Mode, Opened, try_open};
use super::{read, write};
use crate::domain::engine::Input;
use crate::domain::event::Event;
use crate::domain::persist::Batch;
use crate::domain::sim::SimId;
use crate::domain::snapshot::{Tier, UsageRecord};
use crate::domain::time::UnixS;

/// SQLite's parser is recursive, its statements here are short.
const STACK_BYTES: usize = 256 * 1024;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on disk (or in memory, where there is no disk to write).
    Committed {
        /// Which.
        seq: u64,
    },
    /// Nothing of it is on disk.
    Failed {
        /// Which.
        seq: u64,
        /// Why.
        fault: Fault,
    },
}

impl From<Outcome> for Input {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Committed { seq } => Self::Committed { seq },
            Outcome::Failed { seq, fault } => Self::CommitFailed { seq, detail: fault.to_string() },
        }
    }
}

type Answer<T> = Box<dyn FnOnce(Result<T, Fault>) + Send>;

enum Command {
    Commit(Arc<Batch>),
    Usage { sim: SimId, tier: Tier, from: UnixS, to: UnixS, answer: Answer<Vec<UsageRecord>> },
    Events { after_id: u64, limit: u32, answer: Answer<Vec<(Event, Option<String>)>> },
    Stop,
}

/// A running store. Commands are carried out in order. There is no limit on
/// their number here: batches come one at a time, and the bus limits questions.
#[derive(Debug)]
pub struct StoreThread {
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl StoreThread {
    /// Gives the store to a thread of its own; what becomes of batches is said
    /// from there.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(opened: Opened, say: impl Fn(Outcome) + Send + 'static) -> io::Result<Self> {
        let (commands, inbox) = channel();
        let worker = Worker {
            connection: opened.connection,
            mode: opened.mode,
            path: opened.path,
            boot_id: opened.boot_id,
            inbox,
        };
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || worker.run(say))?;
        Ok(Self { commands, thread: Some(thread) })
    }

    /// Writes a batch.
    pub fn commit(&self, batch: Arc<Batch>) {
        self.command(Command::Commit(batch));
    }

    /// Answers with the slots of a tier that begin in `from..to`.
    pub fn usage(
        &self,
        sim: SimId,
        tier: Tier,
        from: UnixS,
        to: UnixS,
        answer: impl FnOnce(Result<Vec<UsageRecord>, Fault>) + Send + 'static,
    ) {
        self.command(Command::Usage { sim, tier, from, to, answer: Box::new(answer) });
    }

    /// Answers with at most `limit` events after `after_id`, oldest first, each
    /// with the SIM's number.
    pub fn events(
        &self,
        after_id: u64,
        limit: u32,
        answer: impl FnOnce(Result<Vec<(Event, Option<String>)>, Fault>) + Send + 'static,
    ) {
        self.command(Command::Events { after_id, limit, answer: Box::new(answer) });
    }

    fn command(&self, command: Command) {
        // A thread that is gone answers nothing: whoever asked is told that the
        // answer will not come, by its dropped channel.
        let _ = self.commands.send(command);
    }

    /// Carries out what was commanded, folds the log into the file, and ends.
    pub fn stop(mut self) {
        self.command(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    connection: Connection,
    mode: Mode,
    path: PathBuf,
    boot_id: String,
    inbox: Receiver<Command>,
}

impl Worker {
    fn run(mut self, say: impl Fn(Outcome)) {
        while let Ok(command) = self.inbox.recv() {
            match command {
                Command::Commit(batch) => {
                    let seq = batch.seq;
                    say(match self.commit(&batch) {
                        Ok(()) => Outcome::Committed { seq },
                        Err(fault) => Outcome::Failed { seq, fault },
                    });
                }
                Command::Usage { sim, tier, from, to, answer } => {
                    answer(self.named(read::usage(&self.connection, sim, tier, from, to)));
                }
                Command::Events { after_id, limit, answer } => {
                    answer(self.named(read::events(&self.connection, after_id, limit)));
                }
                Command::Stop => break,
            }
        }
        // Closing folds the log into the file and deletes it.
        let _ = self.connection.close();
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), Fault> {
        if let Mode::ReadOnly(_) = self.mode {
            self.connection = try_open(&self.path)?;
            self.mode = Mode::Disk;
        }
        let written = write::batch(&mut self.connection, batch, &self.boot_id);
        self.named(written)
    }

    fn named<T>(&self, result: rusqlite::Result<T>) -> Result<T, Fault> {
        result.map_err(|error| Fault::of(&self.path, &error))
    }
}
