//! The store on a thread of its own: a slow flash must not delay a D-Bus answer.
//!
//! It sleeps until it is asked something; nothing wakes it while idle.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::{Applied, EventRecord, Fault, Mode, Store};
use crate::domain::ledger::Entry;
use crate::domain::persist::Batch;
use crate::domain::sim::SimId;
use crate::domain::snapshot::{Tier, UsageRecord};
use crate::domain::time::UnixS;

/// Questions and batches that may wait: the engine has one batch under way, the
/// rest are callers on D-Bus.
const WAITING_MAX: usize = 32;
/// SQLite on small pages needs less than half of it.
const STACK_BYTES: usize = 192 * 1024;

/// What became of a batch that was handed to the thread. Each batch has exactly
/// one, in the order of the batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on disk (in memory, where the mode says so).
    Committed {
        /// The batch's number.
        seq: u64,
        /// Whether it had been there before.
        applied: Applied,
        /// Where commits go now.
        mode: Mode,
    },
    /// It is not.
    Failed {
        /// The batch's number.
        seq: u64,
        /// Why.
        fault: Fault,
        /// Where commits go now.
        mode: Mode,
    },
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Asked {
    /// Too much is waiting.
    #[error("the store is busy: ask again")]
    Busy,
    /// The thread has ended.
    #[error("the store is closed")]
    Closed,
    /// It cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

type Answer<T> = oneshot::Sender<Result<T, Fault>>;

enum Command {
    Commit(Arc<Batch>),
    Usage { sim: SimId, tier: Tier, from: UnixS, to: UnixS, answer: Answer<Vec<UsageRecord>> },
    Events { after_id: u64, limit: u32, answer: Answer<Vec<EventRecord>> },
    Entries { sim: SimId, after_id: u64, limit: u32, answer: Answer<Vec<Entry>> },
    Checkpoint { answer: Answer<()> },
    Stop,
}

/// The way to the store's thread.
#[derive(Debug)]
pub struct StoreThread {
    commands: SyncSender<Command>,
    thread: JoinHandle<Result<(), Fault>>,
}

impl StoreThread {
    /// Starts the thread. What becomes of the batches comes out of the receiver;
    /// it holds at most one outcome for each batch that was handed over.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(store: Store) -> io::Result<(Self, mpsc::UnboundedReceiver<Outcome>)> {
        let (commands, inbox) = sync_channel(WAITING_MAX);
        let (outbox, outcomes) = mpsc::unbounded_channel();
        let thread = Builder::new()
            .name("store".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || run(store, &inbox, &outbox))?;
        Ok((Self { commands, thread }, outcomes))
    }

    /// Hands over a batch; its outcome follows.
    ///
    /// # Errors
    /// [`Asked`]: too much is waiting, or the thread has ended; the batch was not
    /// taken, and has no outcome.
    pub fn commit(&self, batch: Arc<Batch>) -> Result<(), Asked> {
        self.send(Command::Commit(batch))
    }

    /// The slots of a tier with `from <= start < to`, oldest first.
    ///
    /// # Errors
    /// [`Asked`] says why there is no answer.
    pub fn usage(
        &self,
        sim: SimId,
        tier: Tier,
        from: UnixS,
        to: UnixS,
    ) -> impl Future<Output = Result<Vec<UsageRecord>, Asked>> + use<> {
        self.ask(move |answer| Command::Usage { sim, tier, from, to, answer })
    }

    /// Events after an id, oldest first, `limit` (and 1,000) at most.
    ///
    /// # Errors
    /// [`Asked`] says why there is no answer.
    pub fn events(
        &self,
        after_id: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<EventRecord>, Asked>> + use<> {
        self.ask(move |answer| Command::Events { after_id, limit, answer })
    }

    /// Entries of a SIM's ledger after an id, oldest first, `limit` at most.
    ///
    /// # Errors
    /// [`Asked`] says why there is no answer.
    pub fn entries(
        &self,
        sim: SimId,
        after_id: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Entry>, Asked>> + use<> {
        self.ask(move |answer| Command::Entries { sim, after_id, limit, answer })
    }

    /// Empties the log, see [`Store::checkpoint`].
    ///
    /// # Errors
    /// [`Asked`] says why it was not done.
    pub fn checkpoint(&self) -> impl Future<Output = Result<(), Asked>> + use<> {
        self.ask(move |answer| Command::Checkpoint { answer })
    }

    /// Finishes what is waiting, closes the store and ends the thread. Waits for
    /// the disk.
    ///
    /// # Errors
    /// [`Fault`] when the log could not be emptied; nothing is lost.
    pub fn stop(self) -> Result<(), Fault> {
        // An error means that the thread has ended: then there is nothing to stop.
        let _sent = self.commands.send(Command::Stop);
        // A thread that panicked left the log as a power cut does.
        self.thread.join().unwrap_or(Ok(()))
    }

    /// The question is on its way when this returns; the answer is in the future,
    /// which borrows nothing.
    fn ask<T, F>(&self, command: F) -> impl Future<Output = Result<T, Asked>> + use<T, F>
    where
        F: FnOnce(Answer<T>) -> Command,
    {
        let (answer, answered) = oneshot::channel();
        let sent = self.send(command(answer));
        async move {
            sent?;
            answered.await.map_err(|_| Asked::Closed)?.map_err(Asked::Fault)
        }
    }

    fn send(&self, command: Command) -> Result<(), Asked> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => Asked::Busy,
            TrySendError::Disconnected(_) => Asked::Closed,
        })
    }
}

fn run(
    mut store: Store,
    inbox: &Receiver<Command>,
    outbox: &mpsc::UnboundedSender<Outcome>,
) -> Result<(), Fault> {
    // An answer that nobody waits for any more is no fault.
    while let Ok(command) = inbox.recv() {
        match command {
            Command::Commit(batch) => {
                let _sent = outbox.send(commit(&mut store, &batch));
            }
            Command::Usage { sim, tier, from, to, answer } => {
                let _sent = answer.send(store.usage(sim, tier, from, to));
            }
            Command::Events { after_id, limit, answer } => {
                let _sent = answer.send(store.events(after_id, limit));
            }
            Command::Entries { sim, after_id, limit, answer } => {
                let _sent = answer.send(store.entries(sim, after_id, limit));
            }
            Command::Checkpoint { answer } => {
                let _sent = answer.send(store.checkpoint());
            }
            Command::Stop => break,
        }
    }
    store.close()
}

fn commit(store: &mut Store, batch: &Batch) -> Outcome {
    let seq = batch.seq;
    match store.commit(batch) {
        Ok(applied) => Outcome::Committed { seq, applied, mode: store.mode().clone() },
        Err(fault) => Outcome::Failed { seq, fault, mode: store.mode().clone() },
    }
}
