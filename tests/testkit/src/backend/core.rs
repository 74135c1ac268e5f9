//! Owns what all threads of a sandbox share: the clock, the store, the journal.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::desk::Desk;
use super::faults::Faults;
use super::journal::Journal;
use super::problem::Fail;
use super::settings::BackendSettings;
use super::tls::Tls;
use crate::clock::wall_ms;

/// The operator's clock: the machine's, moved by hand.
#[derive(Debug, Default)]
pub(super) struct Clock {
    ahead_ms: AtomicI64,
}

impl Clock {
    /// Ms since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        wall_ms().saturating_add(self.ahead_ms.load(Ordering::SeqCst))
    }

    /// Seconds since 1970.
    pub(super) fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    pub(super) fn set_ahead_s(&self, seconds: i64) {
        self.ahead_ms.store(seconds.saturating_mul(1000), Ordering::SeqCst);
    }
}

/// What all threads share.
pub(super) struct Core {
    pub(super) settings: BackendSettings,
    pub(super) clock: Arc<Clock>,
    pub(super) tls: Tls,
    pub(super) journal: Journal,
    pub(super) faults: Faults,
    store: Mutex<Connection>,
    /// Rung after each change of the store.
    changed: Condvar,
    stopping: AtomicBool,
}

impl Core {
    pub(super) fn new(
        settings: BackendSettings,
        clock: Arc<Clock>,
        tls: Tls,
        store: Connection,
    ) -> Core {
        Core {
            settings,
            clock,
            tls,
            journal: Journal::default(),
            faults: Faults::default(),
            store: Mutex::new(store),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Does something in one transaction, after what has come due by itself. A problem that is remembered is an
    /// answer; what fails changes nothing.
    pub(super) fn at_the_desk<T>(
        &self,
        work: impl FnOnce(&Desk<'_>) -> Result<T, Fail>,
    ) -> Result<T, Fail> {
        let mut store = self.lock();
        self.work(&mut store, work)
    }

    fn work<T>(
        &self,
        store: &mut Connection,
        work: impl FnOnce(&Desk<'_>) -> Result<T, Fail>,
    ) -> Result<T, Fail> {
        let transaction = store.transaction()?;
        let desk = Desk { db: &transaction, now_ms: self.clock.now_ms(), settings: &self.settings };
        let before = transaction.total_changes();
        desk.advance()?;
        let done = work(&desk)?;
        let changed = transaction.total_changes() != before;
        transaction.commit()?;
        if changed {
            self.changed.notify_all();
        }
        Ok(done)
    }

    /// Looks again and again, whenever something has changed or comes due, until `look` has an answer or the time is
    /// over; then `look` is told so and must have one. `look` gives the answer or when to look next, ms from now.
    pub(super) fn watch<T>(
        &self,
        wait_ms: i64,
        look: impl Fn(&Desk<'_>, bool) -> Result<Result<T, i64>, Fail>,
    ) -> Result<T, Fail> {
        // By the machine's clock: the operator's can be moved while somebody waits.
        let until = wall_ms().saturating_add(wait_ms);
        let mut store = self.lock();
        loop {
            let left = until.saturating_sub(wall_ms());
            let over = left <= 0 || self.is_stopping();
            match self.work(&mut store, |desk| look(desk, over))? {
                Ok(answer) => return Ok(answer),
                Err(_) if over => return Err(Fail::internal("nothing to answer")),
                Err(due_ms) => {
                    let sleep = u64::try_from(left.min(due_ms).max(1)).unwrap_or(1);
                    let slept = self
                        .changed
                        .wait_timeout(store, std::time::Duration::from_millis(sleep))
                        .unwrap_or_else(PoisonError::into_inner);
                    store = slept.0;
                }
            }
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// From now on nobody waits any more.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _store = self.lock();
        self.changed.notify_all();
    }

    /// Wakes those who wait, after the clock was moved.
    pub(super) fn ring(&self) {
        let _store = self.lock();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
