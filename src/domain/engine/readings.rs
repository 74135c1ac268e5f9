//! What the sources say: who the modem is, what its counter shows, what ails it.

use super::super::cadence::next_poll_ms;
use super::super::counter::Evidence;
use super::super::crosscheck::Verdict;
use super::super::event::EventKind;
use super::super::meter::{Note, Origin, Outcome};
use super::super::persist::Role;
use super::super::reading::Reading;
use super::super::report::{FaultKind, Identity, Report};
use super::super::sim::SimId;
use super::super::time::{BootMs, Now, UnixS};
use super::super::units::{Size, Traffic};
use super::{Engine, Input, Output, SourceSetup};

/// A source and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct SourceState {
    pub(super) setup: SourceSetup,
    pub(super) identity: Identity,
    pub(super) roaming: Option<bool>,
    /// It changed; what the next reading shows still belongs to the state before.
    roaming_next: Option<bool>,
    pub(super) fault: Option<(FaultKind, String)>,
    pub(super) reading: Option<Traffic>,
    pub(super) readings: u64,
    pub(super) read_at_ms: BootMs,
    pub(super) next_poll_ms: BootMs,
    pub(super) poll_ms: BootMs,
    /// Moved between the last two readings, bytes a second.
    rate: u64,
}

impl SourceState {
    fn new(setup: SourceSetup, now: Now, poll_ms: BootMs) -> Self {
        Self {
            setup,
            identity: Identity::default(),
            roaming: None,
            roaming_next: None,
            fault: None,
            reading: None,
            readings: 0,
            read_at_ms: now.boot_ms,
            next_poll_ms: now.boot_ms,
            poll_ms,
            rate: 0,
        }
    }

    /// The configuration changed: never later than it says now.
    pub(super) fn poll_at_most(&mut self, poll_ms: BootMs) {
        self.poll_ms = poll_ms;
        self.next_poll_ms = self.next_poll_ms.min(self.read_at_ms.saturating_add(poll_ms));
    }
}

impl Engine {
    pub(super) fn source_begins(&mut self, now: Now, setup: SourceSetup) {
        if !setup.names_sim && setup.role == Role::Metered {
            self.sim = Some(self.meter.unnamed());
            self.accounts.review();
        }
        self.no_sim = false;
        let state = SourceState::new(setup, now, self.settings.poll_ms);
        self.sources.insert(state.setup.role, state);
        self.cross_check.begin();
    }

    pub(super) fn report(&mut self, now: Now, role: Role, epoch: &str, report: Report) {
        let Some(source) = self.sources.get_mut(&role) else { return };
        let name = source.setup.name;
        match report {
            Report::Identified(identity) => {
                source.identity = identity;
                source.next_poll_ms = now.boot_ms;
                if role == Role::Metered {
                    self.identified(now, name, epoch);
                }
            }
            Report::Reading(reading) => {
                source.reading = Some(reading.total());
                source.readings += 1;
                match role {
                    Role::Metered => self.metered(now, epoch, &reading),
                    Role::CrossCheck => self.cross_check.kernel(ifindex(epoch), reading.total()),
                }
            }
            // What moved up to now was moved in the network before: it is read
            // at once, and booked there.
            Report::Roaming(roaming) if source.roaming.is_some_and(|was| was != roaming) => {
                source.roaming_next = Some(roaming);
                source.next_poll_ms = now.boot_ms;
            }
            Report::Roaming(roaming) => source.roaming = Some(roaming),
            Report::NoSim => {
                self.no_sim = true;
                let detail = "no_sim: there is no SIM in the modem, or it is locked (PIN); \
                              nothing is counted until there is";
                self.record(now, name, EventKind::SourceFault, detail.to_owned());
            }
            Report::NetworkTime(wall_s) => {
                self.hear_time(now, |clock| clock.network_time(now.boot_ms, wall_s));
            }
            Report::Fault { kind, detail } => {
                source.fault = Some((kind, detail.clone()));
                source.poll_ms = self.settings.poll_ms;
                self.cross_check.begin();
                self.record(
                    now,
                    name,
                    EventKind::SourceFault,
                    format!("{}: {detail}", kind.word()),
                );
            }
            Report::Recovered { attempts_failed } => {
                source.fault = None;
                source.next_poll_ms = now.boot_ms;
                let detail =
                    format!("it can be read again, after {attempts_failed} failed attempts");
                self.record(now, name, EventKind::SourceRecovered, detail);
            }
        }
    }

    fn identified(&mut self, now: Now, name: &'static str, epoch: &str) {
        let Some(source) = self.sources.get(&Role::Metered) else { return };
        let iccid = source.identity.iccid.clone();
        if std::mem::replace(&mut self.no_sim, false) {
            self.record(now, name, EventKind::SourceRecovered, "there is a SIM again".to_owned());
        }
        let before = self.sim;
        let (sim, note) = self.meter.identify(iccid.as_ref(), epoch);
        self.sim = Some(sim);
        if let (Some(_), Some(from)) = (&note, before.filter(|from| *from != sim)) {
            let days: Vec<UnixS> = self
                .days
                .range((from, UnixS::MIN)..=(from, UnixS::MAX))
                .map(|((_, day), _)| *day)
                .collect();
            for day in days {
                let bytes = self.days.remove(&(from, day)).unwrap_or_default();
                self.add_to_day(sim, day, bytes);
            }
        }
        self.accounts.review();
        if let Some(note) = note {
            self.consume(now, sim, note.counted);
            self.record_note(now, name, note);
            self.commits.hurry();
        }
    }

    fn metered(&mut self, now: Now, epoch: &str, reading: &Reading) {
        let (Some(source), Some(sim)) = (self.sources.get(&Role::Metered), self.sim) else {
            return;
        };
        let name = source.setup.name;
        let device = source.identity.imei.clone().unwrap_or_else(|| source.setup.path.clone());
        let epoch_change = if source.setup.epoch_proves_restart {
            Evidence::Restarted
        } else {
            Evidence::MayHaveRestarted
        };
        let origin = Origin { source: name, device: &device, epoch, epoch_change };
        let roaming = source.roaming.unwrap_or(false);
        let at = self.clock.stamp(now);
        match self.meter.read(origin, sim, reading, roaming, at) {
            Outcome::Held => {
                if let Some(source) = self.sources.get_mut(&Role::Metered) {
                    source.next_poll_ms = now.boot_ms;
                }
            }
            Outcome::Counted { bytes, note } => {
                if let Some(source) = self.sources.get_mut(&Role::Metered) {
                    source.roaming = source.roaming_next.take().or(source.roaming);
                }
                self.counted(now, sim, bytes, note);
            }
        }
    }

    fn counted(&mut self, now: Now, sim: SimId, bytes: Traffic, note: Option<Note>) {
        let at = self.clock.stamp(now);
        if !bytes.is_zero() {
            self.consume(now, sim, bytes);
            if let Some(at_s) = at.trusted_s() {
                self.add_to_day(sim, at_s, bytes);
            }
        }
        self.schedule(now, bytes);
        let name = self.sources.get(&Role::Metered).map_or("", |source| source.setup.name);
        if let Some(note) = note {
            self.cross_check.begin();
            self.record_note(now, name, note);
            self.commits.hurry();
        } else if let Some(verdict) = self.cross_check.modem(bytes) {
            self.cross_checked(now, verdict);
        }
    }

    pub(super) fn add_to_day(&mut self, sim: SimId, at_s: UnixS, bytes: Traffic) {
        let day = self.day_of(at_s);
        let sum = self.days.entry((sim, day)).or_default();
        *sum = sum.plus(bytes);
    }

    fn schedule(&mut self, now: Now, bytes: Traffic) {
        let settings = &self.settings;
        let Some(source) = self.sources.get_mut(&Role::Metered) else { return };
        let elapsed_ms = now.boot_ms.saturating_sub(source.read_at_ms);
        source.rate = bytes.total().saturating_mul(1_000) / elapsed_ms.max(1);
        let watched = self.watches.poll_ms_max(source.rate);
        source.poll_ms = next_poll_ms(
            settings.poll_ms,
            watched,
            bytes.total(),
            elapsed_ms,
            settings.loss_bytes_max,
        );
        source.read_at_ms = now.boot_ms;
        source.next_poll_ms = now.boot_ms.saturating_add(source.poll_ms);
    }

    pub(super) fn poll_when_due(&mut self, now: Now) {
        let Some(source) = self.sources.get_mut(&Role::Metered) else { return };
        if let Some(watched) = self.watches.poll_ms_max(source.rate) {
            source.poll_at_most(source.poll_ms.min(watched));
        }
        if now.boot_ms < source.next_poll_ms {
            return;
        }
        source.next_poll_ms = now.boot_ms.saturating_add(source.poll_ms);
        if self.sources.contains_key(&Role::CrossCheck) {
            self.outputs.push_back(Output::Poll(Role::CrossCheck));
        }
        self.outputs.push_back(Output::Poll(Role::Metered));
    }

    fn cross_checked(&mut self, now: Now, verdict: Verdict) {
        let detail = match verdict {
            Verdict::Disagree { modem, kernel } => format!(
                "the modem counted {} and the kernel's interface {} in the same time; \
                 is the interface the modem's, and does anything bypass it?",
                Size(modem),
                Size(kernel)
            ),
            Verdict::Agree => "the modem's count and the kernel's agree again".to_owned(),
        };
        self.record(now, "netdev", EventKind::CrossCheck, detail);
    }
}

/// The kernel's epoch ends in the interface's index.
fn ifindex(epoch: &str) -> u64 {
    epoch.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

impl Input {
    /// A report of the source with that role.
    #[must_use]
    pub fn report(role: Role, epoch: &str, report: Report) -> Self {
        Self::Report { role, epoch: epoch.to_owned(), report }
    }
}
