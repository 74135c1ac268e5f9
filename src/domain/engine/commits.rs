//! When what is counted goes to disk: by bytes unsaved, by age, and at once for
//! everything that is more than an advance. One batch is under way at a time;
//! one that failed is offered again, unchanged, until the disk takes it.

use std::sync::Arc;

use super::super::alert::Alert;
use super::super::event::EventKind;
use super::super::persist::{Batch, BootRow};
use super::super::slots::slot_start;
use super::super::snapshot::Tier;
use super::super::time::{BootMs, Now, UnixS};
use super::balance::DAYS_KEPT_S;
use super::{Engine, Output};

/// The pause after the first failure, ms; doubled up to the longest.
const RETRY_MS_MIN: BootMs = 1_000;
/// The longest pause between two attempts, ms.
const RETRY_MS_MAX: BootMs = 60_000;
/// Attempts that a stopping daemon makes before it gives up.
const STOP_ATTEMPTS_MAX: u32 = 3;

#[derive(Debug)]
enum Flight {
    Idle,
    Sent { batch: Arc<Batch>, attempts: u32 },
    Waiting { batch: Arc<Batch>, attempts: u32, retry_at_ms: BootMs },
}

/// The state of writing.
#[derive(Debug)]
pub(super) struct Commits {
    last_seq: u64,
    flight: Flight,
    urgent: bool,
    stopping: bool,
    stopped: bool,
    unsaved_since_ms: Option<BootMs>,
    /// Bytes in the batch under way.
    in_flight_bytes: u64,
    /// What may go out once the next batch is on disk, and once the one under way
    /// is.
    held_next: Vec<Output>,
    held_in_flight: Vec<Output>,
    failing: bool,
    /// The disk could not be written when it was opened: a batch is sent even
    /// with nothing in it, to learn when it can.
    probe: bool,
    /// Bytes that were written into memory only, since the file is not ours.
    in_memory_bytes: u64,
}

impl Commits {
    pub(super) fn new(last_seq: u64) -> Self {
        Self {
            last_seq,
            flight: Flight::Idle,
            urgent: false,
            stopping: false,
            stopped: false,
            unsaved_since_ms: None,
            in_flight_bytes: 0,
            held_next: Vec::new(),
            held_in_flight: Vec::new(),
            failing: false,
            probe: false,
            in_memory_bytes: 0,
        }
    }

    /// What is known now must not wait for its age.
    pub(super) fn hurry(&mut self) {
        self.urgent = true;
    }

    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    pub(super) fn alert_after_commit(&mut self, alerts: Vec<Alert>) {
        if !alerts.is_empty() {
            self.held_next.extend(alerts.into_iter().map(Output::Alert));
            self.urgent = true;
        }
    }

    /// The batch that the disk refused, and that will be offered again.
    pub(super) fn refused(&self) -> Option<&Batch> {
        match &self.flight {
            Flight::Waiting { batch, .. } => Some(batch),
            Flight::Idle | Flight::Sent { .. } => None,
        }
    }

    /// Handed out, and as far as is known on no disk.
    pub(super) fn unsaved_bytes(&self) -> u64 {
        self.in_flight_bytes.saturating_add(self.in_memory_bytes)
    }
}

impl Engine {
    pub(super) fn commit_deadline(&self) -> Option<BootMs> {
        match &self.commits.flight {
            Flight::Sent { .. } => None,
            Flight::Waiting { retry_at_ms, .. } => Some(*retry_at_ms),
            Flight::Idle => self
                .commits
                .unsaved_since_ms
                .map(|since| since.saturating_add(self.settings.save_interval_ms)),
        }
    }

    /// Lets something out when all that is known of orders and the ledger now is
    /// on disk.
    pub(super) fn when_saved(&mut self, output: Output) {
        if self.shop.has_changes() || self.accounts.is_dirty() {
            self.commits.held_next.push(output);
            self.commits.urgent = true;
        } else if matches!(self.commits.flight, Flight::Idle) {
            self.outputs.push_back(output);
        } else {
            self.commits.held_in_flight.push(output);
        }
    }

    fn is_dirty(&self) -> bool {
        self.commits.probe
            || self.meter.is_dirty()
            || self.accounts.is_dirty()
            || self.shop.has_changes()
            || self.alerts.has_changes()
            || !self.events.is_empty()
    }

    pub(super) fn commit_when_due(&mut self, now: Now) {
        let dirty = self.is_dirty();
        let commits = &mut self.commits;
        if dirty {
            commits.unsaved_since_ms.get_or_insert(now.boot_ms);
        }
        let old = commits.unsaved_since_ms.is_some_and(|since| {
            now.boot_ms >= since.saturating_add(self.settings.save_interval_ms)
        });
        match &commits.flight {
            Flight::Sent { .. } => {}
            Flight::Waiting { batch, attempts, retry_at_ms } => {
                if now.boot_ms >= *retry_at_ms || commits.stopping {
                    let (batch, attempts) = (Arc::clone(batch), *attempts);
                    self.send(batch, attempts);
                }
            }
            Flight::Idle => {
                let full = self.meter.unsaved() >= self.settings.loss_bytes_max;
                if dirty && (commits.urgent || full || old || commits.stopping) {
                    let batch = Arc::new(self.batch(now));
                    self.send(batch, 0);
                    self.say_imbalances(now);
                } else if commits.stopping && !commits.stopped {
                    commits.stopped = true;
                    let unsaved = commits.in_memory_bytes;
                    self.outputs.push_back(Output::Stopped { unsaved });
                }
            }
        }
    }

    fn send(&mut self, batch: Arc<Batch>, attempts: u32) {
        self.commits.flight = Flight::Sent { batch: Arc::clone(&batch), attempts };
        self.outputs.push_back(Output::Commit(batch));
    }

    /// Everything that is known and not on disk, in one piece: the bytes and
    /// the reading they end at, the ledger that they drew down, the events.
    fn batch(&mut self, now: Now) -> Batch {
        let commits = &mut self.commits;
        commits.last_seq += 1;
        commits.urgent = false;
        commits.probe = false;
        commits.unsaved_since_ms = None;
        commits.in_flight_bytes = self.meter.unsaved();
        commits.held_in_flight.append(&mut commits.held_next);
        let seq = commits.last_seq;
        let rows = self.meter.drain(&self.settings.calendar);
        let trusted_s = self.clock.trusted_s(now.boot_ms);
        let boot = BootRow {
            boot_seq: self.clock.boot_seq(),
            started_s: self.clock.trusted_s(0),
            last_boot_ms: now.boot_ms,
            last_trusted_s: trusted_s,
        };
        Batch {
            seq,
            baselines: rows.baseline.into_iter().collect(),
            sims: rows.sims,
            usage: rows.slots.usage,
            unplaced: rows.slots.unplaced,
            placed_boots: rows.slots.placed_boots,
            merged_sims: rows.merged_sims,
            boot: Some(boot),
            events: std::mem::take(&mut self.events),
            prune: self.prune_rows(trusted_s),
            ledger: self.accounts.drain(),
            orders: self.shop.orders.drain(),
            backend: self.shop.drain(),
            alerts: self.alerts.drain(),
        }
    }

    /// A book that was out of balance when it was written is said, once.
    fn say_imbalances(&mut self, now: Now) {
        for (sim, fault) in self.accounts.take_faults() {
            let detail =
                format!("the ledger does not balance: {fault}; a person has to look at it");
            self.say_fault(now, sim, detail);
        }
    }

    pub(super) fn committed(&mut self, now: Now, seq: u64) {
        let sent = matches!(&self.commits.flight, Flight::Sent { batch, .. } if batch.seq == seq);
        if !sent {
            return;
        }
        self.commits.flight = Flight::Idle;
        let bytes = std::mem::take(&mut self.commits.in_flight_bytes);
        if self.store.state == "memory" {
            self.commits.in_memory_bytes = self.commits.in_memory_bytes.saturating_add(bytes);
        }
        self.outputs.extend(std::mem::take(&mut self.commits.held_in_flight));
        if std::mem::take(&mut self.commits.failing) {
            self.store.state = "ok";
            self.store.detail.clear();
            let detail = "everything that was counted is on disk again".to_owned();
            self.record(now, "", EventKind::StoreRecovered, detail);
        }
    }

    pub(super) fn commit_failed(&mut self, now: Now, seq: u64, detail: String) {
        let Flight::Sent { batch, attempts } = &self.commits.flight else { return };
        if batch.seq != seq {
            return;
        }
        let (batch, attempts) = (Arc::clone(batch), attempts.saturating_add(1));
        if self.commits.stopping && attempts >= STOP_ATTEMPTS_MAX {
            self.commits.stopped = true;
            let unsaved = self.meter.unsaved().saturating_add(self.commits.unsaved_bytes());
            self.outputs.push_back(Output::Stopped { unsaved });
        }
        let pause_ms = RETRY_MS_MIN.saturating_mul(1 << attempts.min(6)).min(RETRY_MS_MAX);
        let retry_at_ms = now.boot_ms.saturating_add(pause_ms);
        self.commits.flight = Flight::Waiting { batch, attempts, retry_at_ms };
        if !std::mem::replace(&mut self.commits.failing, true) {
            self.record(now, "", EventKind::StoreFault, detail.clone());
        }
        if self.store.state != "memory" {
            self.store.state = "retrying";
            self.store.detail = detail;
        }
    }

    pub(super) fn store_found(
        &mut self,
        now: Now,
        state: &'static str,
        detail: String,
        replaced: Option<String>,
    ) {
        if let Some(path) = replaced {
            let detail = format!(
                "the database was damaged; it has been set aside as {path} and a new one begun, \
                 so the history and the balance before now are missing from it"
            );
            self.record(now, "", EventKind::StoreReplaced, detail);
            self.commits.hurry();
        }
        if state != "ok" && self.store.state != state {
            self.commits.failing = state == "retrying";
            self.commits.probe = self.commits.failing;
            self.commits.hurry();
            self.record(now, "", EventKind::StoreFault, detail.clone());
        }
        self.store.state = state;
        self.store.detail = detail;
    }

    /// History that is older than it is kept, once a day.
    pub(super) fn prune_when_due(&mut self, now: Now) {
        let Some(today) = self.clock.trusted_s(now.boot_ms).map(|at_s| self.day_of(at_s)) else {
            return;
        };
        if self.pruned_day.is_some_and(|day| day >= today) {
            return;
        }
        self.days.retain(|(_, day), _| *day >= today - DAYS_KEPT_S);
    }

    fn prune_rows(&mut self, trusted_s: Option<UnixS>) -> Vec<(Tier, UnixS)> {
        let Some(now_s) = trusted_s else { return Vec::new() };
        let today = self.day_of(now_s);
        if self.pruned_day.is_some_and(|day| day >= today) {
            return Vec::new();
        }
        self.pruned_day = Some(today);
        self.settings
            .retention_s
            .iter()
            .map(|(tier, kept_s)| {
                (*tier, slot_start(&self.settings.calendar, *tier, now_s - kept_s))
            })
            .collect()
    }

    pub(super) fn day_of(&self, at_s: UnixS) -> UnixS {
        self.settings.calendar.start_of_day(at_s)
    }
}
