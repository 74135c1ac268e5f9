//! What the backend's word does to the ledger: credits, reversals, corrections,
//! and the operator's own figure.

use std::collections::VecDeque;

use super::super::errand::OperatorBalance;
use super::super::event::EventKind;
use super::super::ledger::{Accepted, Adjustment, Calibration, Credit, Figure, Posting, Reversal};
use super::super::sim::{Iccid, SimId};
use super::super::time::{BootMs, Now, UnixS};
use super::Engine;
use super::wish::{Denied, Granted};

/// How often the count of the SIM in use is noted, ms.
const NOTED_EVERY_MS: BootMs = 300_000;
/// How many of these notes are kept: 26 hours, since a figure may be of midnight.
const NOTES_MAX: usize = 312;

/// What a SIM had counted at some moments of this run.
#[derive(Debug, Default)]
pub(super) struct CountNotes(VecDeque<(BootMs, SimId, u64)>);

impl CountNotes {
    fn note(&mut self, now_ms: BootMs, sim: SimId, total: u64) {
        let recent = self.0.back().is_some_and(|(at_ms, of, _)| {
            *of == sim && now_ms.saturating_sub(*at_ms) < NOTED_EVERY_MS
        });
        if recent {
            return;
        }
        if self.0.len() >= NOTES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now_ms, sim, total));
    }

    /// The count at the last note at or before that moment, or at the first one.
    fn at(&self, at_ms: BootMs, sim: SimId) -> Option<u64> {
        let of_sim = || self.0.iter().filter(|(_, of, _)| *of == sim);
        let before = of_sim().rev().find(|(noted_ms, _, _)| *noted_ms <= at_ms);
        before.or_else(|| of_sim().next()).map(|(_, _, total)| *total)
    }
}

impl Engine {
    /// Grants what a top-up bought, once for the backend's id.
    pub(super) fn credit(&mut self, now: Now, number: u64) {
        let Some(order) = self.shop.orders.get(number) else { return };
        let (topup, id) = (&order.topup, order.topup.id().unwrap_or_default());
        let credit = Credit::of(id, topup.terms(), topup.validity());
        let iccid = topup.terms().iccid.clone();
        self.post_for(now, &iccid, Posting::Credit(credit));
    }

    /// Takes back what a top-up bought: what was used of it becomes overdraft.
    pub(super) fn take_back(&mut self, now: Now, number: u64, bytes: u64) {
        let Some(order) = self.shop.orders.get(number) else { return };
        let topup = order.topup.id().unwrap_or_default().to_owned();
        let iccid = order.topup.terms().iccid.clone();
        let reversal = Reversal { topup, bytes, effective_s: None };
        self.post_for(now, &iccid, Posting::Reversal(reversal));
    }

    /// Posts a correction of the operator.
    pub(super) fn adjust(&mut self, now: Now, iccid: &Iccid, adjustment: Adjustment) {
        self.post_for(now, iccid, Posting::Adjustment(adjustment));
    }

    fn post_for(&mut self, now: Now, iccid: &Iccid, posting: Posting) {
        let sim = self.meter.named(iccid);
        self.advance_when_due(now);
        self.post(now, sim, posting);
        self.accounts.review();
        self.advance_when_due(now);
    }

    /// Posts what must not be lost. What the book refuses is set aside, whole, and
    /// said.
    pub(super) fn post(&mut self, now: Now, sim: SimId, posting: Posting) {
        let at = self.clock.stamp(now);
        let Some(book) = self.accounts.book_mut(sim) else {
            let detail = format!(
                "the ledger of this SIM cannot be read, so a posting is not in it: {posting:?}; a \
                 person has to look at it"
            );
            return self.say_fault(now, sim, detail);
        };
        match book.accept(posting, at, &self.settings.calendar) {
            Accepted::Posted(_) => {}
            Accepted::Refused(refusal) => {
                let detail = format!(
                    "the backend contradicts what it said before, and is refused: {refusal}"
                );
                self.record(now, "", EventKind::BackendFault, detail);
            }
            Accepted::SetAside { id, refusal } => {
                let detail = format!(
                    "the ledger refused a posting: {refusal}; it is set aside whole (number {id}), \
                     the metering goes on, and a person has to look at it"
                );
                self.say_fault(now, sim, detail);
            }
        }
    }

    /// Holds the operator's figure against the own count.
    pub(super) fn calibrate(&mut self, now: Now, said: &OperatorBalance) {
        let sim = self.meter.named(&said.iccid);
        let figure = Figure {
            as_of: said.as_of,
            remaining: said.remaining,
            shared: said.shared,
            buckets: said.buckets.clone(),
            counted_since: self.counted_since(sim, said.as_of),
        };
        if let Err(denied) = self.hold_against(now, sim, &figure) {
            self.record(now, "", EventKind::BackendFault, denied.to_string());
        }
    }

    /// The same for a figure that a person read: of the SIM in use, and of now.
    pub(super) fn calibrate_by_hand(
        &mut self,
        now: Now,
        remaining: u64,
    ) -> Result<Granted, Denied> {
        let sim = self.sim.filter(|sim| self.is_billed(*sim)).ok_or(Denied::NoSim)?;
        let as_of = self.clock.trusted_s(now.boot_ms).ok_or_else(|| {
            Denied::NotCalibrated("the time is not known yet, so it is a figure of no time".into())
        })?;
        let (shared, buckets, counted_since) = (false, Vec::new(), 0);
        let figure = Figure { as_of, remaining, shared, buckets, counted_since };
        self.hold_against(now, sim, &figure).map(Granted::Calibrated)
    }

    fn hold_against(&mut self, now: Now, sim: SimId, figure: &Figure) -> Result<i64, Denied> {
        self.advance_when_due(now);
        let at = self.clock.stamp(now);
        let Some(book) = self.accounts.book_mut(sim) else {
            return Err(Denied::NotCalibrated("the SIM's ledger cannot be read".into()));
        };
        let said = book
            .calibrate(figure, at)
            .map_err(|refusal| Denied::NotCalibrated(refusal.to_string()))?;
        let drift = match said {
            Calibration::Reconciled { drift, adjusted } => {
                if adjusted != 0 {
                    let detail = format!(
                        "the operator says {} bytes are left, {drift} more than was counted: \
                         corrected by {adjusted} bytes",
                        figure.remaining
                    );
                    self.record(now, "", EventKind::Calibrated, detail);
                }
                drift
            }
            Calibration::Already => self.drift_of(sim),
            Calibration::Older { last } => {
                let text = format!("a figure of a later time ({last}) was taken before");
                return Err(Denied::NotCalibrated(text));
            }
        };
        self.accounts.review();
        self.commits.hurry();
        Ok(drift)
    }

    fn drift_of(&self, sim: SimId) -> i64 {
        let book = self.accounts.book(Some(sim));
        book.and_then(|book| book.account().reconciled).map_or(0, |last| last.drift)
    }

    /// Notes what the SIM in use has counted, now and then.
    pub(super) fn note_count(&mut self, now: Now) {
        let Some(row) = self.sim.and_then(|sim| self.meter.sim(sim)) else { return };
        let total = row.home.plus(row.roaming).total();
        self.count_notes.note(now.boot_ms, row.id, total);
    }

    /// What a SIM has counted since a moment. What was counted before this run is
    /// known by days alone: of those, whole days after that moment.
    fn counted_since(&self, sim: SimId, as_of: UnixS) -> u64 {
        let Some(row) = self.meter.sim(sim) else { return 0 };
        let total = row.home.plus(row.roaming).total();
        let at_ms = self.clock.boot_ms_of(as_of).unwrap_or(0);
        let then = self.count_notes.at(at_ms, sim).unwrap_or(total);
        let in_this_run = total.saturating_sub(then);
        let days = self.days.iter().filter(|((of, day), _)| *of == sim && *day > as_of);
        in_this_run.max(days.map(|(_, bytes)| bytes.total()).sum())
    }
}
