//! The engine: one owner of all state. `handle(now, input)`, then drain
//! `poll_output()`, then sleep until `poll_timeout()`. It decides; others act.

mod accounts;
mod balance;
mod commits;
mod credits;
mod news;
mod readings;
mod shop;
mod unsaved;
mod view;
mod wish;

pub use shop::{BackendView, Wants};
pub use unsaved::merge_usage;
pub use wish::{Denied, Filter, Granted, Ticket, Wish};

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::alert::{Alert, AlertBook, AlertRules};
use super::crosscheck::{CrossCheck, Tolerance};
use super::errand::{Errand, Missed, Told};
use super::event::{Event, EventKind};
use super::meter::{Meter, Note};
use super::persist::{Batch, BootRow, Loaded, Role};
use super::plan::{Calendar, Plan};
use super::report::Report;
use super::sim::SimId;
use super::snapshot::{Snapshot, StoreView, Tier};
use super::time::{BootMs, Clock, Now, UnixS};
use super::topup::State;
use super::units::Traffic;
use super::watch::{Caller, Push, WatchRefusal, Watches};

use accounts::Accounts;
use commits::Commits;
use credits::CountNotes;
use readings::SourceState;
use shop::Shop;

/// What the configuration decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The terminal's serial, shown and later checked with the backend.
    pub terminal_serial: Option<String>,
    /// The longest time between two readings, ms.
    pub poll_ms: BootMs,
    /// The most that may be counted and not yet on disk, bytes.
    pub loss_bytes_max: u64,
    /// The longest that anything counted may wait for the disk, ms.
    pub save_interval_ms: BootMs,
    /// How far the kernel's count and the modem's may differ.
    pub tolerance: Tolerance,
    /// How long each tier of the history is kept, s; `None` for ever.
    pub retention_s: BTreeMap<Tier, UnixS>,
    /// The local plan, where there is no backend.
    pub plan: Option<Plan>,
    /// How often the backend is asked when all is quiet, s; `None`: there is none.
    pub sync_every_s: Option<u64>,
    /// At which points people are told.
    pub alerts: AlertRules,
    /// The zone in which days and months are counted.
    pub calendar: Calendar,
}

/// What the daemon reads, said once at the start and when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSetup {
    /// What it is read for.
    pub role: Role,
    /// `at`, `netdev`, …
    pub name: &'static str,
    /// Port, device or interface.
    pub path: String,
    /// Whether the source says which SIM is in; one that cannot counts for the
    /// unnamed SIM.
    pub names_sim: bool,
    /// Whether another epoch proves that the counter started at zero.
    pub epoch_proves_restart: bool,
}

/// What the time is known to be, s since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The last trusted instant of any boot before this one.
    pub last_stored_s: Option<UnixS>,
    /// The trusted time now.
    pub trusted_s: Option<UnixS>,
}

/// What happened outside.
#[derive(Debug)]
pub enum Input {
    /// The time has come (or may have).
    Tick,
    /// A source is read from now on.
    Source(SourceSetup),
    /// A source has something to say.
    Report {
        /// Which one.
        role: Role,
        /// Boot, port and whatever else must be the same for its counter to be
        /// the same run of it.
        epoch: String,
        /// What.
        report: Report,
    },
    /// A batch is on disk.
    Committed {
        /// Which.
        seq: u64,
    },
    /// A batch could not be written; nothing of it is on disk.
    CommitFailed {
        /// Which.
        seq: u64,
        /// Why, and what to do.
        detail: String,
    },
    /// Where batches go, as the store found it when it was opened or reopened.
    Store {
        /// `ok`, `retrying` or `memory`.
        state: &'static str,
        /// Why, and what to do; empty when `ok`.
        detail: String,
        /// Where a damaged database was set aside.
        replaced: Option<String>,
    },
    /// The configuration was read again.
    Configure(Box<Settings>),
    /// The connection to the backend stands, and the order is the next thing to
    /// go over it.
    Sending {
        /// The order's Idempotency-Key.
        key: String,
    },
    /// What became of an errand.
    Answered {
        /// Which.
        errand: Errand,
        /// The backend's time, where it answered, s since the epoch.
        date_s: Option<UnixS>,
        /// What it told, or why nothing was heard.
        answer: Result<Told, Missed>,
    },
    /// This terminal's certificate was read, at a start or when it was replaced.
    Certificate {
        /// When it ends, s since the epoch.
        ends_s: UnixS,
        /// When the last of the operator's CAs ends.
        ca_ends_s: UnixS,
    },
    /// A caller left the bus: its watches end.
    CallerGone(Caller),
    /// The bus is gone, and every caller with it.
    CallersGone,
    /// The sources that were read so far are read no more.
    SourcesGone,
    /// Save everything and say when it is done.
    Stop,
}

/// What the outside is to do.
#[derive(Debug)]
pub enum Output {
    /// Write this; answer with `Committed` or `CommitFailed`.
    Commit(Arc<Batch>),
    /// Read the source now.
    Poll(Role),
    /// There is a new view to publish.
    Publish(Arc<Snapshot>),
    /// Say this in the journal.
    Record {
        /// What.
        event: Event,
        /// The SIM's number, when it is known.
        iccid: Option<String>,
    },
    /// Tell people; what justifies it is on disk.
    Alert(Alert),
    /// Send a watcher the present counts.
    Push(Push),
    /// A wish is answered; what justifies it is on disk.
    Answer {
        /// Whose.
        ticket: Ticket,
        /// How.
        answer: Result<Granted, Denied>,
    },
    /// That the order is sent is on disk: send it.
    Send {
        /// The order's Idempotency-Key.
        key: String,
    },
    /// The order has ended meanwhile: do not send it.
    Withhold {
        /// The order's Idempotency-Key.
        key: String,
    },
    /// Tell people where a top-up stands; it is on disk.
    TopUpChanged {
        /// What callers name it by.
        id: String,
        /// Where it stands.
        state: State,
    },
    /// After `Stop`: nothing is left to write, or nothing more can be.
    Stopped {
        /// Counted and lost with the process, bytes.
        unsaved: u64,
    },
}

/// One owner of all state.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    clock: Clock,
    boots: Vec<BootRow>,
    meter: Meter,
    accounts: Accounts,
    shop: Shop,
    count_notes: CountNotes,
    last_ticket: Ticket,
    alerts: AlertBook,
    /// The last gap of this run that nothing explains, by its event.
    last_gap: Option<(SimId, u64)>,
    days: BTreeMap<(SimId, UnixS), Traffic>,
    sources: BTreeMap<Role, SourceState>,
    cross_check: CrossCheck,
    watches: Watches,
    commits: Commits,
    store: StoreView,
    next_event_id: u64,
    events: Vec<Event>,
    sim: Option<SimId>,
    no_sim: bool,
    pruned_day: Option<UnixS>,
    published: Arc<Snapshot>,
    outputs: VecDeque<Output>,
}

/// Events that may wait for the disk. When it refuses them for long, the ones
/// that follow are said in the journal and not kept.
const EVENTS_WAITING_MAX: usize = 500;

/// Corrections of the time up to this are not worth a word, s.
const TIME_STEP_S: UnixS = 60;

impl Engine {
    /// Goes on where the store ends; `boot_seq` is this boot's number.
    #[must_use]
    pub fn new(settings: Settings, loaded: &Loaded, boot_seq: u32) -> Self {
        let last_trusted_s = loaded.boots.iter().filter_map(|boot| boot.last_trusted_s).max();
        let days = loaded.days.iter().map(|(sim, day, bytes)| ((*sim, *day), *bytes)).collect();
        let meter = Meter::load(loaded);
        let sim = meter.last_sim();
        let mut clock = Clock::new(boot_seq, last_trusted_s);
        let this_boot = loaded.boots.iter().find(|boot| boot.boot_seq == boot_seq);
        if let Some(started_s) = this_boot.and_then(|boot| boot.started_s) {
            clock.resume(started_s);
        }
        Self {
            clock,
            boots: loaded.boots.clone(),
            accounts: Accounts::load(loaded),
            shop: Shop::load(loaded),
            count_notes: CountNotes::default(),
            last_ticket: 0,
            alerts: AlertBook::new(settings.alerts.clone(), loaded.alerts.iter().copied()),
            last_gap: None,
            days,
            sources: BTreeMap::new(),
            cross_check: CrossCheck::new(settings.tolerance),
            watches: Watches::default(),
            commits: Commits::new(loaded.seq),
            store: StoreView::default(),
            next_event_id: loaded.next_event_id.max(1),
            events: Vec::new(),
            sim,
            no_sim: false,
            pruned_day: None,
            published: Arc::new(Snapshot::default()),
            outputs: VecDeque::new(),
            meter,
            settings,
        }
    }

    /// Takes one input; what follows from it waits in `poll_output`.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.hear_time(now, |clock| clock.observe(now));
        match input {
            Input::Tick => {}
            Input::Source(setup) => self.source_begins(now, setup),
            Input::Report { role, epoch, report } => self.report(now, role, &epoch, report),
            Input::Committed { seq } => self.committed(now, seq),
            Input::CommitFailed { seq, detail } => self.commit_failed(now, seq, detail),
            Input::Store { state, detail, replaced } => {
                self.store_found(now, state, detail, replaced);
            }
            Input::Configure(settings) => self.configure(*settings),
            Input::Sending { key } => self.sending(now, &key),
            Input::Answered { errand, date_s, answer } => {
                self.answered(now, errand, date_s, answer);
            }
            Input::Certificate { ends_s, ca_ends_s } => self.certificate(ends_s, ca_ends_s),
            Input::CallerGone(caller) => {
                self.watches.caller_gone(&caller);
            }
            Input::CallersGone => self.watches.clear(),
            Input::SourcesGone => self.sources.clear(),
            Input::Stop => self.commits.stop(),
        }
        self.settle(now);
    }

    /// Begins a watch for a caller; the first push follows at once.
    ///
    /// # Errors
    /// [`WatchRefusal`] says why not.
    pub fn watch(
        &mut self,
        now: Now,
        caller: &Caller,
        accuracy_bytes: u64,
        period_s: u32,
    ) -> Result<u32, WatchRefusal> {
        let id = self.watches.add(caller, accuracy_bytes, period_s, now.boot_ms)?;
        self.settle(now);
        Ok(id)
    }

    /// Ends a watch.
    ///
    /// # Errors
    /// [`WatchRefusal::Unknown`] when the caller holds none of that id.
    pub fn unwatch(&mut self, caller: &Caller, id: u32) -> Result<(), WatchRefusal> {
        self.watches.remove(caller, id)
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle(Tick)` is wanted at the latest, boot clock, ms.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<BootMs> {
        let polls = self.sources.get(&Role::Metered).map(|source| source.next_poll_ms);
        let ledger = self.accounts.deadline_s().and_then(|at_s| self.clock.boot_ms_of(at_s));
        // Nobody is pushed anything before a SIM is known.
        let watches = self.sim.and_then(|_| self.watches.next_deadline());
        let orders = self.orders_deadline();
        [polls, self.commit_deadline(), ledger, watches, orders].into_iter().flatten().min()
    }

    /// The SIM in use, for queries of the history.
    #[must_use]
    pub fn sim_in_use(&self) -> Option<SimId> {
        self.sim
    }

    /// What the time is known to be, s since the epoch.
    #[must_use]
    pub fn times(&self, now: Now) -> Times {
        Times {
            last_stored_s: self.clock.last_stored_s(),
            trusted_s: self.clock.trusted_s(now.boot_ms),
        }
    }

    /// What was published last.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.published)
    }

    /// What follows from any change: polls, postings, alerts, commits, the view.
    fn settle(&mut self, now: Now) {
        self.poll_when_due(now);
        self.advance_when_due(now);
        self.note_count(now);
        self.expire_orders(now);
        self.announce_certificates(now);
        self.tell_people(now);
        self.prune_when_due(now);
        self.commit_when_due(now);
        self.publish(now);
        self.push_when_due(now);
    }

    fn configure(&mut self, settings: Settings) {
        self.cross_check = CrossCheck::new(settings.tolerance);
        self.accounts.review();
        self.alerts.set_rules(settings.alerts.clone());
        self.settings = settings;
        for source in self.sources.values_mut() {
            source.poll_at_most(self.settings.poll_ms);
        }
    }

    /// Lets the clock hear a time, and draws what follows.
    fn hear_time(&mut self, now: Now, hear: impl FnOnce(&mut Clock) -> bool) {
        let before_s = self.clock.trusted_s(now.boot_ms);
        if hear(&mut self.clock) {
            self.time_became_trusted(now);
            return;
        }
        let (Some(before_s), Some(after_s)) = (before_s, self.clock.trusted_s(now.boot_ms)) else {
            return;
        };
        let step_s = after_s - before_s;
        if step_s.abs() > TIME_STEP_S {
            // What was planned for the old time may be due now, or far off.
            self.accounts.review();
            let detail =
                format!("the time was corrected by {step_s} s, from {}", self.clock.trust().word());
            self.record(now, "", EventKind::TimeTrusted, detail);
        }
    }

    fn time_became_trusted(&mut self, now: Now) {
        let Some(now_s) = self.clock.trusted_s(now.boot_ms) else { return };
        let started_s = now_s - UnixS::try_from(now.boot_ms / 1_000).unwrap_or(0);
        self.accounts.review();
        self.place_overdrafts(now, now_s);
        let placed = self.meter.place_waiting(self.clock.boot_seq(), started_s, &self.boots);
        for (sim, start, bytes) in &placed {
            self.add_to_day(*sim, *start, *bytes);
        }
        let placed = !placed.is_empty();
        let detail = format!(
            "the time is known, from {}{}",
            self.clock.trust().word(),
            if placed { "; what was counted before it has been placed" } else { "" }
        );
        self.record(now, "", EventKind::TimeTrusted, detail);
        if placed {
            self.commits.hurry();
        }
    }

    fn push_when_due(&mut self, now: Now) {
        if self.sim.is_none() {
            return;
        }
        let total = self.published.usage.total;
        let pushes = self.watches.due(now.boot_ms, total);
        self.outputs.extend(pushes.into_iter().map(Output::Push));
    }

    /// Records an event that concerns no counter.
    fn record(&mut self, now: Now, source: &'static str, kind: EventKind, detail: String) {
        let note = Note {
            kind,
            before: None,
            seen: None,
            counted: Traffic::ZERO,
            uncounted: false,
            unexplained: false,
            detail,
        };
        self.record_note(now, source, note);
    }

    fn record_note(&mut self, now: Now, source: &'static str, note: Note) {
        let event = Event {
            id: self.next_event_id,
            at: self.clock.stamp(now),
            kind: note.kind,
            source,
            sim: self.sim,
            before: note.before,
            seen: note.seen,
            counted: note.counted,
            uncounted: note.uncounted,
            detail: note.detail,
        };
        self.next_event_id += 1;
        if let (true, Some(sim)) = (note.unexplained, event.sim) {
            self.last_gap = Some((sim, event.id));
        }
        let iccid = self.sim.and_then(|id| self.iccid(id));
        self.outputs.push_back(Output::Record { event: event.clone(), iccid });
        if self.events.len() < EVENTS_WAITING_MAX {
            self.events.push(event);
        }
    }

    fn iccid(&self, id: SimId) -> Option<String> {
        let sim = self.meter.sim(id)?;
        sim.iccid.as_ref().map(|iccid| iccid.as_str().to_owned())
    }
}
