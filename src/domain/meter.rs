//! The meter: readings in, usage by SIM out. It owns the reading that the count
//! has reached (the baseline), so that the bytes and the reading they end at are
//! always written together.

mod held;
mod note;
mod sims;

use std::collections::{BTreeMap, BTreeSet};

use held::Held;
pub use note::Note;
use note::explain;

use super::counter::{Evidence, Step};
use super::event::EventKind;
use super::persist::{BaselineRow, BootRow, Loaded, Role, SimRow, UsageDelta};
use super::plan::Calendar;
use super::reading::{self, Reading, judge};
use super::sim::SimId;
use super::slots::{Drained, Slots};
use super::snapshot::Tier;
use super::time::{BootMs, Stamp, UnixS};
use super::units::Traffic;

/// The SIM of a source that cannot name one (a network interface).
pub const UNNAMED_SIM: SimId = SimId(0);

/// Elapsed time where none is known (another boot, no trusted time): long
/// enough that no rate is implausible for it.
const ELAPSED_UNKNOWN_MS: BootMs = 315_360_000_000;

/// Whose reading it is.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// `at`, `netdev`, …
    pub source: &'static str,
    /// IMEI, else port or interface: another one is another counter.
    pub device: &'a str,
    /// Boot, port, interface index …: see [`BaselineRow::epoch`].
    pub epoch: &'a str,
    /// What another epoch means: a certain restart from zero (a new interface
    /// index), or only perhaps one (a port that was enumerated again).
    pub epoch_change: Evidence,
}

/// What became of a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It contradicts the one before: read again at once, count nothing yet.
    Held,
    /// It was counted.
    Counted {
        /// How much.
        bytes: Traffic,
        /// What is to be recorded.
        note: Option<Note>,
    },
}

/// Usage by SIM.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    baseline: Option<BaselineRow>,
    baseline_unsaved: bool,
    held: Option<Held>,
    sims: BTreeMap<SimId, SimRow>,
    sims_unsaved: BTreeSet<SimId>,
    merged_unsaved: Vec<(SimId, SimId)>,
    slots: Slots,
    unsaved: u64,
}

impl Meter {
    /// Goes on where the store ends.
    #[must_use]
    pub fn load(loaded: &Loaded) -> Self {
        Self {
            baseline: loaded.baselines.iter().find(|row| row.role == Role::Metered).cloned(),
            sims: loaded.sims.iter().map(|row| (row.id, row.clone())).collect(),
            slots: Slots::load(&loaded.unplaced),
            ..Self::default()
        }
    }

    /// Bytes counted and not yet handed to the store.
    #[must_use]
    pub fn unsaved(&self) -> u64 {
        self.unsaved
    }

    /// True when there is anything at all to hand to the store.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.baseline_unsaved && self.unsaved > 0
            || !self.sims_unsaved.is_empty()
            || !self.merged_unsaved.is_empty()
    }

    /// A SIM's lifetime counts.
    #[must_use]
    pub fn sim(&self, id: SimId) -> Option<&SimRow> {
        self.sims.get(&id)
    }

    /// The SIM that the last counted reading belonged to.
    #[must_use]
    pub fn last_sim(&self) -> Option<SimId> {
        self.baseline.as_ref().map(|row| row.sim)
    }

    /// Takes a reading of SIM `sim`'s traffic, taken at `at`.
    pub fn read(
        &mut self,
        origin: Origin<'_>,
        sim: SimId,
        reading: &Reading,
        roaming: bool,
        at: Stamp,
    ) -> Outcome {
        let Some(before) = self.baseline.clone() else {
            let detail = "the first reading of this source; nothing before it is counted";
            return self.start_over(origin, sim, reading, at, EventKind::Baseline, false, detail);
        };
        if before.source != origin.source || before.device != origin.device {
            let detail = format!(
                "{} {} is read now, {} {} was before; what moved in between is not counted",
                origin.source, origin.device, before.source, before.device
            );
            let kind = EventKind::SourceChange;
            return self.start_over(origin, sim, reading, at, kind, true, &detail);
        }
        let epoch_change =
            if before.epoch == origin.epoch { Evidence::Same } else { origin.epoch_change };
        let hint = |name: &str| {
            let held = self.held.as_ref().map_or(Evidence::Same, |held| held.hint(name));
            held.max(epoch_change)
        };
        let hinted = reading.hinted(hint);
        let elapsed_ms = elapsed(before.at, at);
        let verdict = judge(&before.marks, &hinted, elapsed_ms);

        let same_sim = before.sim == sim;
        if same_sim && let Step::Advance(bytes) = verdict {
            self.count(origin, sim, reading, roaming, at, bytes);
            return Outcome::Counted { bytes, note: None };
        }
        let since_held = if reading.may_be_garbled {
            match self.confirm(reading, &hinted, at) {
                Some(since_held) => since_held,
                None => return Outcome::Held,
            }
        } else {
            Traffic::ZERO
        };
        if !same_sim {
            return self.change_sim(origin, sim, &hinted, roaming, at, elapsed_ms);
        }
        // What moved since the fall was first seen is certain, whatever it means.
        let bytes = match verdict {
            Step::Gap(Traffic::ZERO, _) => since_held,
            Step::Advance(_)
            | Step::Wrap(_)
            | Step::Renewed(_)
            | Step::Reset(_)
            | Step::Gap(..) => verdict.counted(),
        };
        let (kind, detail) = explain(verdict, elapsed_ms);
        let note = Note {
            kind,
            before: Some(reading::total(&before.marks)),
            seen: Some(reading.total()),
            counted: bytes,
            uncounted: !verdict.is_exact(),
            unexplained: hinted.evidence() == Evidence::Same
                && matches!(verdict, Step::Gap(_, cause) if !cause.is_a_sessions_end()),
            detail,
        };
        self.count(origin, sim, reading, roaming, at, bytes);
        Outcome::Counted { bytes, note: Some(note) }
    }

    /// Another SIM is in: what the counters hold is the new SIM's only where they
    /// certainly started at zero since; else counting starts here.
    fn change_sim(
        &mut self,
        origin: Origin<'_>,
        sim: SimId,
        reading: &Reading,
        roaming: bool,
        at: Stamp,
        elapsed_ms: BootMs,
    ) -> Outcome {
        let kind = EventKind::SimChange;
        let marks = self.baseline.as_ref().map(|row| row.marks.clone()).unwrap_or_default();
        let said = match judge(&marks, reading, elapsed_ms) {
            // Every run of the old one had ended before.
            verdict @ (Step::Advance(Traffic::ZERO) | Step::Renewed(_))
                if marks.iter().all(|mark| mark.ended) =>
            {
                Some((
                    verdict.counted(),
                    "another SIM is in the modem; every data session of the old one was counted \
                     to its last byte",
                ))
            }
            Step::Reset(bytes) if reading.is_all_from_zero() => Some((
                bytes,
                "another SIM is in the modem, which restarted: all that its counter holds is the \
                 new SIM's; what the old one moved after its last reading is missing",
            )),
            Step::Advance(_)
            | Step::Wrap(_)
            | Step::Renewed(_)
            | Step::Reset(_)
            | Step::Gap(..) => None,
        };
        if let Some((bytes, detail)) = said {
            let note = Note {
                kind,
                before: Some(reading::total(&marks)),
                seen: Some(reading.total()),
                counted: bytes,
                uncounted: marks.iter().any(|mark| !mark.ended),
                unexplained: false,
                detail: detail.to_owned(),
            };
            self.count(origin, sim, reading, roaming, at, bytes);
            return Outcome::Counted { bytes, note: Some(note) };
        }
        let mut detail = "another SIM is in the modem; what moved between the last reading of the \
                          old one and this first reading of the new one is not counted"
            .to_owned();
        let old = self.baseline.as_ref().and_then(|row| self.sims.get(&row.sim));
        if let Some(old) = old.filter(|old| old.iccid.is_none() && old.id != UNNAMED_SIM) {
            let counted = old.home.plus(old.roaming).total();
            detail = format!(
                "the SIM can be read now; the {counted} bytes that were counted while it could \
                 not, before the port was opened anew, belong to no known SIM"
            );
        }
        self.start_over(origin, sim, reading, at, kind, true, &detail)
    }

    #[allow(clippy::too_many_arguments)]
    fn start_over(
        &mut self,
        origin: Origin<'_>,
        sim: SimId,
        reading: &Reading,
        at: Stamp,
        kind: EventKind,
        uncounted: bool,
        detail: &str,
    ) -> Outcome {
        let note = Note {
            kind,
            before: self.baseline.as_ref().map(|row| reading::total(&row.marks)),
            seen: Some(reading.total()),
            counted: Traffic::ZERO,
            uncounted,
            unexplained: false,
            detail: detail.to_owned(),
        };
        self.count(origin, sim, reading, false, at, Traffic::ZERO);
        Outcome::Counted { bytes: Traffic::ZERO, note: Some(note) }
    }

    fn count(
        &mut self,
        origin: Origin<'_>,
        sim: SimId,
        reading: &Reading,
        roaming: bool,
        at: Stamp,
        bytes: Traffic,
    ) {
        self.held = None;
        self.baseline = Some(BaselineRow {
            role: Role::Metered,
            source: origin.source.to_owned(),
            device: origin.device.to_owned(),
            epoch: origin.epoch.to_owned(),
            sim,
            marks: reading.marks(),
            at,
        });
        self.baseline_unsaved = true;
        if bytes.is_zero() {
            return;
        }
        if let Some(row) = self.sims.get_mut(&sim) {
            let side = if roaming { &mut row.roaming } else { &mut row.home };
            *side = side.plus(bytes);
            self.sims_unsaved.insert(sim);
        }
        self.slots.add(sim, roaming, at, bytes);
        self.unsaved = self.unsaved.saturating_add(bytes.total());
    }

    /// Places what was counted before the time was known; see
    /// [`Slots::place_waiting`].
    pub fn place_waiting(
        &mut self,
        this_boot: u32,
        started_s: UnixS,
        boots: &[BootRow],
    ) -> Vec<(SimId, UnixS, Traffic)> {
        self.slots.place_waiting(this_boot, started_s, boots)
    }

    /// One tier's share of what is counted and not yet handed over.
    #[must_use]
    pub fn unsaved_usage(&self, tier: Tier, calendar: &Calendar) -> Vec<UsageDelta> {
        self.slots.usage(tier, calendar)
    }

    /// Hands over all that the next commit writes.
    pub fn drain(&mut self, calendar: &Calendar) -> MeterRows {
        self.unsaved = 0;
        let baseline = self.baseline.clone().filter(|_| std::mem::take(&mut self.baseline_unsaved));
        let sims = std::mem::take(&mut self.sims_unsaved)
            .into_iter()
            .filter_map(|id| self.sims.get(&id).cloned())
            .collect();
        MeterRows {
            baseline,
            sims,
            merged_sims: std::mem::take(&mut self.merged_unsaved),
            slots: self.slots.drain(calendar),
        }
    }
}

/// What one commit writes of the meter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterRows {
    /// The reading that the count has reached.
    pub baseline: Option<BaselineRow>,
    /// SIMs whose counts changed.
    pub sims: Vec<SimRow>,
    /// (to, from).
    pub merged_sims: Vec<(SimId, SimId)>,
    /// Usage by slot.
    pub slots: Drained,
}

fn elapsed(before: Stamp, at: Stamp) -> BootMs {
    if before.boot_seq == at.boot_seq {
        return at.boot_ms.saturating_sub(before.boot_ms);
    }
    match (before.trusted_s(), at.trusted_s()) {
        (Some(then), Some(now)) => {
            let by_wall = BootMs::try_from(now.saturating_sub(then)).unwrap_or(0);
            // This boot alone has lasted so long, wherever the wall clock was.
            by_wall.saturating_mul(1_000).max(at.boot_ms)
        }
        _ => ELAPSED_UNKNOWN_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::super::counter::{Restarts, Sample, Width};
    use super::super::reading::Mark;
    use super::super::sim::Iccid;
    use super::super::time::Trust;
    use super::*;

    const ORIGIN: Origin<'_> = Origin {
        source: "at",
        device: "860000000000001",
        epoch: "boot-1 tty-1",
        epoch_change: Evidence::MayHaveRestarted,
    };

    fn t(rx: u64, tx: u64) -> Traffic {
        Traffic { rx, tx }
    }

    fn at(boot_ms: BootMs) -> Stamp {
        Stamp { boot_seq: 1, boot_ms, wall_s: 1_800_000_000, trust: Trust::Ntp }
    }

    fn sample(rx: u64, tx: u64, evidence: Evidence) -> Sample {
        Sample {
            counter: t(rx, tx),
            width: Width::Bits32,
            restarts: Restarts::FromZero,
            evidence,
            rate_max: 50_000_000,
        }
    }

    /// A counter that falls back to what the modem had saved.
    fn saved(rx: u64, tx: u64) -> Sample {
        Sample { restarts: Restarts::FromSaved, ..sample(rx, tx, Evidence::Same) }
    }

    /// Feeds samples ten seconds apart; `h` held, else what was counted and the note.
    fn run(meter: &mut Meter, sim: SimId, samples: &[Sample]) -> Vec<String> {
        let start = meter.baseline.as_ref().map_or(0, |row| row.at.boot_ms);
        samples
            .iter()
            .zip(1_u64..)
            .map(|(sample, n)| {
                let reading = Reading::over_a_line(sample.clone());
                match meter.read(ORIGIN, sim, &reading, false, at(start + n * 10_000)) {
                    Outcome::Held => "h".to_owned(),
                    Outcome::Counted { bytes, note } => {
                        let note = note.map_or("", |note| note.kind.word());
                        format!("{}/{} {note}", bytes.rx, bytes.tx).trim_end().to_owned()
                    }
                }
            })
            .collect()
    }

    #[test]
    fn readings_become_usage() {
        use Evidence::{MayHaveRestarted as May, Restarted as Did, Same};
        let top = u64::from(u32::MAX);
        #[rustfmt::skip]
        let table: &[(&str, Vec<Sample>, &[&str])] = &[
            ("nothing before the first reading counts", vec![sample(500, 50, Same), sample(600, 50, Same)],
                &["0/0 baseline", "100/0"]),
            ("a wrap is confirmed, then exact", vec![sample(top, 0, Same), sample(9, 0, Same), sample(19, 0, Same)],
                &["0/0 baseline", "h", "20/0 wrap"]),
            ("a garbled digit counts nothing", vec![sample(500, 50, Same), sample(50, 50, Same), sample(510, 50, Same)],
                &["0/0 baseline", "h", "10/0"]),
            ("a garbled jump counts nothing", vec![sample(500, 50, Same), sample(5_000_000_000, 50, Same), sample(510, 50, Same)],
                &["0/0 baseline", "h", "10/0"]),
            ("a reset is confirmed, then whole", vec![sample(500, 50, Same), sample(7, 7, Same), sample(8, 7, Same)],
                &["0/0 baseline", "h", "8/7 reset"]),
            ("a restart that was seen", vec![sample(500, 50, Same), sample(900, 90, Did), sample(901, 90, Same)],
                &["0/0 baseline", "h", "901/90 reset"]),
            ("a port that came back", vec![sample(500, 50, Same), sample(900, 90, May), sample(901, 90, Same)],
                &["0/0 baseline", "h", "401/40 gap"]),
            ("what moves while a fall is confirmed counts",
                vec![saved(500, 50), saved(100, 10), saved(107, 21)], &["0/0 baseline", "h", "7/11 gap"]),
            ("a part of the sum that comes back is not counted again",
                vec![sample(1_500, 0, Same), saved(500, 0), saved(500, 0),
                    sample(1_500, 0, Evidence::Incomparable), sample(1_600, 0, Same)],
                &["0/0 baseline", "h", "0/0 gap", "h", "100/0 gap"]),
            ("a second restart while the first is confirmed",
                vec![sample(500, 50, Same), sample(90, 9, Did), sample(5, 5, Did), sample(6, 6, Same)],
                &["0/0 baseline", "h", "h", "6/6 reset"]),
        ];
        for (name, samples, expected) in table {
            let mut meter = Meter::default();
            let (sim, _) = meter.identify(None, ORIGIN.epoch);
            assert_eq!(&run(&mut meter, sim, samples), expected, "{name}");
        }
    }

    #[test]
    fn a_provisional_sim_is_merged_into_the_one_it_proves_to_be() {
        let card = Iccid::parse("8986012034567890123").unwrap();
        let mut meter = Meter::default();
        let (known, _) = meter.identify(Some(&card), ORIGIN.epoch);
        run(&mut meter, known, &[sample(0, 0, Evidence::Same), sample(100, 0, Evidence::Same)]);
        let other_epoch = Origin { epoch: "boot-1 tty-2", ..ORIGIN };
        let (provisional, _) = meter.identify(None, other_epoch.epoch);
        assert_ne!(provisional, known);
        // another SIM for all that is known: a new baseline, said so
        let over = |sample| Reading::over_a_line(sample);
        let first = over(sample(100, 0, Evidence::Same));
        assert_eq!(meter.read(other_epoch, provisional, &first, false, at(30_000)), Outcome::Held);
        let Outcome::Counted { note: Some(note), .. } =
            meter.read(other_epoch, provisional, &first, false, at(31_000))
        else {
            panic!("the change of SIM is recorded");
        };
        assert_eq!((note.kind, note.uncounted), (EventKind::SimChange, true));
        let second = over(sample(150, 0, Evidence::Same));
        meter.read(other_epoch, provisional, &second, false, at(40_000));
        assert_eq!(meter.sim(provisional).unwrap().home, t(50, 0));
        let (named, note) = meter.identify(Some(&card), other_epoch.epoch);
        assert_eq!((named, note.unwrap().counted), (known, t(50, 0)));
        assert_eq!(meter.sim(known).unwrap().home, t(150, 0));
        assert_eq!(meter.sim(provisional).unwrap().merged_into, Some(known));
        // the count goes on without a gap
        assert_eq!(
            meter.read(other_epoch, known, &over(sample(175, 0, Evidence::Same)), true, at(50_000)),
            Outcome::Counted { bytes: t(25, 0), note: None }
        );
        assert_eq!(meter.sim(known).unwrap().roaming, t(25, 0));
    }

    #[test]
    fn the_bytes_and_the_reading_they_end_at_leave_together() {
        let mut meter = Meter::default();
        let (sim, _) = meter.identify(None, ORIGIN.epoch);
        run(&mut meter, sim, &[sample(0, 0, Evidence::Same), sample(70, 7, Evidence::Same)]);
        let calendar = Calendar::new(jiff::tz::TimeZone::UTC);
        let rows = meter.drain(&calendar);
        assert_eq!(rows.baseline.unwrap().marks, [Mark::single(t(70, 7))]);
        assert_eq!(rows.slots.usage.len(), 5, "one row a tier");
        assert!(rows.slots.usage.iter().all(|delta| delta.bytes == t(70, 7)));
        assert_eq!(meter.drain(&calendar), MeterRows::default());
    }
}
